// SPDX-License-Identifier: Apache-2.0
#ifndef BULKHEAD_GUARD_CALLER_H
#define BULKHEAD_GUARD_CALLER_H

/*
 * Who is calling. On a unix socket the kernel vouches for the peer (SO_PEERCRED, unix(7)); whoever
 * may connect to the socket has the role its mode and group were given for. The only role so far is
 * `admin`; every record keeps the owner and tenant of its maker all the same.
 */

#include <stdbool.h>
#include <sys/types.h>

#include "base/error.h"

#define GUARD_NAME_MAX 64

enum guard_role {
	GUARD_ROLE_ADMIN,
	GUARD_ROLES,
};

struct guard_caller {
	bool local; /* unix socket: pid, uid and gid are the peer's at connect(2) */
	pid_t pid;
	uid_t uid;
	gid_t gid;
	enum guard_role role;
	char owner[GUARD_NAME_MAX];  /* "uid:1000" */
	char tenant[GUARD_NAME_MAX]; /* "default" */
};

/* The peer of a connected unix socket. */
int guard_caller_from_socket(int fd, struct guard_caller *ret, struct bh_error *err);
/* The engine itself, for work it does on its own account (clean-up after AutoRemove). */
void guard_caller_engine(struct guard_caller *ret);
const char *guard_role_name(enum guard_role role);

#endif
