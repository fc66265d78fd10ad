// SPDX-License-Identifier: Apache-2.0
#ifndef BULKHEAD_IMAGE_SNAPSHOT_H
#define BULKHEAD_IMAGE_SNAPSHOT_H

/*
 * A container's root file system: overlayfs over the layers of its image, with a writable layer of
 * its own. On disk everything is owned by ids 0 to 65,535; one id-mapped clone of the data root's
 * mount serves layers, upper and work directory, so nothing is ever chowned. The result is a
 * detached mount, which exists only as long as somebody holds it.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"

#define SNAPSHOT_IDS 65536u

struct snapshot {
	int data_fd;                 /* the data root */
	const char *const *diff_ids; /* lowest first */
	size_t layer_count;
	const char *container; /* containers/ID below the data root holds upper and work */
	uint32_t id_base;      /* first host id of the container's range */
	bool transient;        /* the upper layer will not be used again: no syncs */
};

/* Make containers/ID with its upper and work directory, if they are not there. */
int snapshot_prepare(const struct snapshot *s, struct bh_error *err);
/* Mount. ret_fd: the detached mount, writable (verified). -EOPNOTSUPP: this data root's file system
 * or kernel cannot be id-mapped; err names the remedy. */
int snapshot_mount(const struct snapshot *s, int *ret_fd, struct bh_error *err);
/* Whether the file system that fd (O_PATH) is on can be id-mapped; recursive: and all mounted
 * below. 1, 0, or a failure to find out. */
int snapshot_can_map(int fd, bool recursive, struct bh_error *err);
/* Whether data roots on the file system of data_fd can be used at all; called at start. */
int snapshot_probe(int data_fd, struct bh_error *err);

#endif
