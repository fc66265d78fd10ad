// SPDX-License-Identifier: Apache-2.0
#ifndef BULKHEAD_ENGINE_ID_RANGE_H
#define BULKHEAD_ENGINE_ID_RANGE_H

/*
 * Blocks of 65,536 host ids, one for each container. The default block, 2,013,265,920 to
 * 2,147,418,111, lies above what systemd hands out to its containers and below 2^31. A range that
 * was given back rests before it is used again, and the one that rested longest goes first, so that
 * what a container left behind anywhere (a file on a host bind, a message queue) is not soon
 * another's.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "spec/daemon_config.h"
#include "store/store.h"

#define ID_RANGE_SIZE          65536u
#define ID_RANGE_DEFAULT_FIRST 2013265920u
#define ID_RANGE_DEFAULT_COUNT (2047u * ID_RANGE_SIZE)
#define ID_RANGE_REST_NS       (INT64_C(10) * 1000000000)

struct id_range {
	uint32_t first;
	bool used;
	bool claimed; /* met by a claim of the host when those were last read (id_claims.h) */
	int64_t released_ns; /* 0: never used */
};

struct id_ranges {
	struct id_range *items;
	size_t count;
};

/* Cut the blocks into ranges (blocks NULL or 0: the default). -EINVAL: too small or overlapping. */
int id_ranges_init(struct id_ranges *r, const struct daemon_id_range *blocks, size_t count,
	struct bh_error *err);
void id_ranges_release(struct id_ranges *r);
/* Check that no block meets a line of subuid(5) or subgid(5) text, or an account of passwd(5) text.
 * name is the file's, for the message, which names both owners. */
int id_ranges_check_sub(const struct daemon_id_range *blocks, size_t count, const char *name,
	const char *text, struct bh_error *err);
int id_ranges_check_passwd(const struct daemon_id_range *blocks, size_t count, const char *name,
	const char *text, struct bh_error *err);
/* Choose a free range. -ENOSPC when all are in use or resting. Nothing is marked. */
int id_ranges_choose(
	const struct id_ranges *r, int64_t now_ns, uint32_t *ret, struct bh_error *err);
void id_ranges_mark(struct id_ranges *r, uint32_t first, bool used, int64_t released_ns);

/* The records: id_range(first, container, released). */
extern const struct store_schema id_range_schema;
int id_ranges_load(struct id_ranges *r, struct store *s, struct bh_error *err);
/* Part of the caller's transaction. */
int id_range_record(struct store *s, uint32_t first, const char *container, struct bh_error *err);
int id_range_record_release(struct store *s, uint32_t first, int64_t now_ns, struct bh_error *err);

#endif
