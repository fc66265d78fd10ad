// SPDX-License-Identifier: Apache-2.0
#ifndef BULKHEAD_ENGINE_ID_CLAIMS_H
#define BULKHEAD_ENGINE_ID_CLAIMS_H

/*
 * Which id ranges are taken on this host, by all of its engines together. A claim is a symbolic
 * link in one directory: its name is the range's first id, its target the data root of the engine
 * whose container has the range. A link is made and read in one step, so there is no claim without
 * an owner; a lock on the directory orders what engines do. A claim lives as long as its container
 * is recorded, so it outlives an engine that was killed. Claims of a data root that is gone are
 * removed by whoever meets them, those of an existing one only by its own engine.
 *
 * The directory may be emptied by a reboot. Engines then claim again what their records say; where
 * another was faster, a container that does not run moves to another range (nothing on disk
 * depends on it).
 */

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "engine/id_range.h"

#define ID_CLAIMS_DIR "/run/bulkhead/ids"

struct id_claims {
	int dir;
	const char *root; /* borrowed: resolved path of the data root */
	dev_t root_dev;
	ino_t root_ino;
};

/* Open the directory at path (made 0700) for the engine of data root root, open as root_fd. */
int id_claims_open(
	struct id_claims *c, const char *path, const char *root, int root_fd, struct bh_error *err);
void id_claims_close(struct id_claims *c);
/* Choose a range that meets no claim, and claim it. -ENOSPC: there is none. */
int id_claims_take(struct id_claims *c, struct id_ranges *r, int64_t now_ns, uint32_t *ret,
	struct bh_error *err);
/* Claim the range at first, unless it is ours already. -EEXIST: it meets another claim, and err
 * names whose. */
int id_claims_hold(struct id_claims *c, uint32_t first, struct bh_error *err);
/* Give our claim of the range back, if there is one. */
void id_claims_drop(struct id_claims *c, uint32_t first);
/* Drop those of our claims that known says no container has. */
int id_claims_sweep(struct id_claims *c, bool (*known)(const void *data, uint32_t first),
	const void *data, struct bh_error *err);

#endif
