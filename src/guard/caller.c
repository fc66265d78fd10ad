// SPDX-License-Identifier: Apache-2.0
#include "guard/caller.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"

static const char *const role_names[] = {
	[GUARD_ROLE_ADMIN] = "admin",
};

_Static_assert(ARRAY_SIZE(role_names) == GUARD_ROLES, "one name for each role");

static void fill(struct guard_caller *ret, const struct ucred *peer)
{
	*ret = (struct guard_caller){
		.local = true,
		.pid = peer->pid,
		.uid = peer->uid,
		.gid = peer->gid,
		.role = GUARD_ROLE_ADMIN,
	};
	(void)snprintf(ret->owner, sizeof(ret->owner), "uid:%u", (unsigned int)peer->uid);
	(void)snprintf(ret->tenant, sizeof(ret->tenant), "default");
}

int guard_caller_from_socket(int fd, struct guard_caller *ret, struct bh_error *err)
{
	struct ucred peer;
	socklen_t len = sizeof(peer);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) < 0)
		return bh_fail_errno(err, -errno, "credentials of the caller");
	fill(ret, &peer);
	return 0;
}

void guard_caller_engine(struct guard_caller *ret)
{
	struct ucred self = {.pid = getpid(), .uid = geteuid(), .gid = getegid()};

	fill(ret, &self);
}

const char *guard_role_name(enum guard_role role)
{
	return role_names[role];
}
