// SPDX-License-Identifier: Apache-2.0
#include "guard/verb.h"

#include <errno.h>
#include <string.h>

#include "base/mem.h"

/* Roles that have a verb, as a bit mask, beside its name. */
#define ADMIN (1u << GUARD_ROLE_ADMIN)

static const struct {
	const char *name;
	bool writes;
	unsigned int roles;
} verbs[] = {
	[GUARD_PING] = {"system.ping", false, ADMIN},
	[GUARD_SYSTEM_READ] = {"system.read", false, ADMIN},
	[GUARD_SYSTEM_WRITE] = {"system.write", true, ADMIN},
	[GUARD_CONTAINER_LIST] = {"container.list", false, ADMIN},
	[GUARD_CONTAINER_READ] = {"container.read", false, ADMIN},
	[GUARD_CONTAINER_CREATE] = {"container.create", true, ADMIN},
	[GUARD_CONTAINER_OPERATE] = {"container.operate", true, ADMIN},
	[GUARD_CONTAINER_ATTACH] = {"container.attach", true, ADMIN},
	[GUARD_CONTAINER_EXEC] = {"container.exec", true, ADMIN},
	[GUARD_CONTAINER_FILES] = {"container.files", true, ADMIN},
	[GUARD_CONTAINER_DELETE] = {"container.delete", true, ADMIN},
	[GUARD_IMAGE_LIST] = {"image.list", false, ADMIN},
	[GUARD_IMAGE_READ] = {"image.read", false, ADMIN},
	[GUARD_IMAGE_WRITE] = {"image.write", true, ADMIN},
	[GUARD_IMAGE_DELETE] = {"image.delete", true, ADMIN},
	[GUARD_IMAGE_BUILD] = {"image.build", true, ADMIN},
	[GUARD_NETWORK_READ] = {"network.read", false, ADMIN},
	[GUARD_NETWORK_WRITE] = {"network.write", true, ADMIN},
	[GUARD_VOLUME_READ] = {"volume.read", false, ADMIN},
	[GUARD_VOLUME_WRITE] = {"volume.write", true, ADMIN},
	[GUARD_PLUGIN] = {"plugin", true, ADMIN},
	[GUARD_CLUSTER] = {"cluster", true, ADMIN},
};

_Static_assert(ARRAY_SIZE(verbs) == GUARD_VERBS, "one row for each verb");

const char *guard_verb_name(enum guard_verb verb)
{
	return verbs[verb].name;
}

bool guard_verb_writes(enum guard_verb verb)
{
	return verbs[verb].writes;
}

int guard_decide(const struct guard_caller *caller, enum guard_verb verb,
	const struct guard_object *object, struct bh_error *err)
{
	if ((verbs[verb].roles & (1u << caller->role)) == 0)
		return bh_fail(err, -EACCES, "role %s may not %s", guard_role_name(caller->role),
			verbs[verb].name);
	/* An admin of the host is above owners; other roles see their tenant only. */
	if (caller->role != GUARD_ROLE_ADMIN && object != NULL && object->tenant != NULL &&
		strcmp(object->tenant, caller->tenant) != 0)
		return bh_fail(err, -EACCES, "object belongs to another tenant");
	return 0;
}
