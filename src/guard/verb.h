// SPDX-License-Identifier: Apache-2.0
#ifndef BULKHEAD_GUARD_VERB_H
#define BULKHEAD_GUARD_VERB_H

/*
 * What may be done. Every route of the API names one verb; a decision is made on the caller, the
 * verb and the object's owner, never on bytes.
 */

#include <stdbool.h>

#include "base/error.h"
#include "guard/caller.h"

enum guard_verb {
	GUARD_PING, /* version, ping: tells nothing about others */
	GUARD_SYSTEM_READ,
	GUARD_SYSTEM_WRITE,
	GUARD_CONTAINER_LIST,
	GUARD_CONTAINER_READ,
	GUARD_CONTAINER_CREATE,
	GUARD_CONTAINER_OPERATE, /* start, stop, kill, rename, resize, update */
	GUARD_CONTAINER_ATTACH,
	GUARD_CONTAINER_EXEC,
	GUARD_CONTAINER_FILES, /* archive, export, changes */
	GUARD_CONTAINER_DELETE,
	GUARD_IMAGE_LIST,
	GUARD_IMAGE_READ,
	GUARD_IMAGE_WRITE,
	GUARD_IMAGE_DELETE,
	GUARD_IMAGE_BUILD,
	GUARD_NETWORK_READ,
	GUARD_NETWORK_WRITE,
	GUARD_VOLUME_READ,
	GUARD_VOLUME_WRITE,
	GUARD_PLUGIN,
	GUARD_CLUSTER,
	GUARD_VERBS,
};

/* Whose object a verb is aimed at; NULL strings: no object, or not known yet. */
struct guard_object {
	const char *owner, *tenant;
};

/* "container.create" */
const char *guard_verb_name(enum guard_verb verb);
/* Whether the verb changes anything: those are audited by default. */
bool guard_verb_writes(enum guard_verb verb);
/* 0, or -EACCES with the reason. object may be NULL. */
int guard_decide(const struct guard_caller *caller, enum guard_verb verb,
	const struct guard_object *object, struct bh_error *err);

#endif
