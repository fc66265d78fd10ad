// SPDX-License-Identifier: Apache-2.0
#ifndef BULKHEAD_ENGINE_USER_H
#define BULKHEAD_ENGINE_USER_H

/*
 * Who a container's process runs as: "name", "uid", "name:group", "uid:gid", looked up in the root
 * file system's own /etc/passwd and /etc/group, which are hostile input. The two Windows accounts
 * resolve in any image, in any spelling of case: ContainerAdministrator is uid 0, ContainerUser is
 * CONTAINER_USER_ID with no capabilities.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"
#include "spec/oci.h"

/* In the range that Debian's policy keeps for no account at all. */
#define CONTAINER_USER_ID 65000u
#define USER_FILE_MAX     (1u << 20)
#define USER_GROUPS_MAX   65536u

struct user_found {
	struct oci_user user;
	const char *home;       /* "/" when unknown */
	bool is_container_user; /* no capabilities, no_new_privs always */
};

/* passwd and group: contents of the files ("" when absent). text: NULL or "" means root. groups: of
 * --group-add, names or numbers. Pure. -EINVAL: "unable to find user x: ..." */
int user_resolve(const char *text, const struct oci_strings *groups, const char *passwd,
	const char *group, struct arena *a, struct user_found *ret, struct bh_error *err);
/* The same with the files read below root (an O_PATH descriptor). */
int user_resolve_in_root(int root, const char *text, const struct oci_strings *groups,
	struct arena *a, struct user_found *ret, struct bh_error *err);

#endif
