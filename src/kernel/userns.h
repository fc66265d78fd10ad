// SPDX-License-Identifier: Apache-2.0
#ifndef BULKHEAD_KERNEL_USERNS_H
#define BULKHEAD_KERNEL_USERNS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"

/* User namespaces and their id maps, see user_namespaces(7). */

struct userns_range {
	uint32_t inside, outside, size;
};

#define USERNS_RANGES_MAX 340 /* the kernel's limit */

/* Write uid_map and gid_map of a process. deny_setgroups: an unprivileged writer must. */
int userns_write_maps(pid_t pid, const struct userns_range *uids, size_t uid_count,
	const struct userns_range *gids, size_t gid_count, bool deny_setgroups,
	struct bh_error *err);
/* Whether setgroups(2) is denied for good in the user namespace of a process (0: the caller's), as
 * it is where an unprivileged process made it. */
bool userns_setgroups_denied(pid_t pid);
/* Descriptor of a user namespace with these maps that no process is in, for idmapped mounts. */
int userns_open(const struct userns_range *uids, size_t uid_count, const struct userns_range *gids,
	size_t gid_count, int *ret_fd, struct bh_error *err);
/* Translate an id from inside to outside; -ERANGE if it is not mapped. */
int userns_to_outside(
	const struct userns_range *ranges, size_t count, uint32_t inside, uint32_t *ret);

#endif
