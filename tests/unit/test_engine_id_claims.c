// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "engine/id_claims.h"
#include "test.h"

#define FIRST 1000000u

/* Two engines, each with a data root of its own, and the directory of claims. */
struct host {
	char dir[64], ids[80], root[2][80];
	struct id_claims c[2];
	struct id_ranges r[2];
};

static void host_make(struct host *h)
{
	const struct daemon_id_range block = {.first = FIRST, .count = 3 * ID_RANGE_SIZE};

	(void)snprintf(h->dir, sizeof(h->dir), "/tmp/bulkhead-claims-XXXXXX");
	CHECK(mkdtemp(h->dir) != NULL);
	(void)snprintf(h->ids, sizeof(h->ids), "%s/ids", h->dir);
	for (int i = 0; i < 2; i++) {
		_cleanup_close_ int fd = -EBADF;

		(void)snprintf(h->root[i], sizeof(h->root[i]), "%s/root%d", h->dir, i);
		CHECK_INT(mkdir(h->root[i], 0700), 0);
		fd = open(h->root[i], O_PATH | O_CLOEXEC);
		CHECK_INT(id_claims_open(&h->c[i], h->ids, h->root[i], fd, NULL), 0);
		h->r[i] = (struct id_ranges){NULL, 0};
		CHECK_INT(id_ranges_init(&h->r[i], &block, 1, NULL), 0);
	}
}

static void host_remove(struct host *h)
{
	for (int i = 0; i < 2; i++) {
		for (uint32_t j = 0; j < 3; j++)
			id_claims_drop(&h->c[i], FIRST + j * ID_RANGE_SIZE);
		id_claims_close(&h->c[i]);
		id_ranges_release(&h->r[i]);
		(void)rmdir(h->root[i]);
	}
	CHECK_INT(rmdir(h->ids), 0);
	CHECK_INT(rmdir(h->dir), 0);
}

TEST(two_engines_never_have_one_range)
{
	struct host h;
	uint32_t a, b, c;

	host_make(&h);
	CHECK_INT(id_claims_take(&h.c[0], &h.r[0], 1, &a, NULL), 0);
	CHECK_INT(id_claims_take(&h.c[1], &h.r[1], 1, &b, NULL), 0);
	CHECK(a != b);
	CHECK_INT(id_claims_hold(&h.c[0], a, NULL), 0);
	CHECK_INT(id_claims_hold(&h.c[1], a, NULL), -EEXIST);
	CHECK_INT(id_claims_take(&h.c[0], &h.r[0], 1, &c, NULL), 0);
	CHECK_INT(id_claims_take(&h.c[1], &h.r[1], 1, &c, NULL), -ENOSPC);
	id_claims_drop(&h.c[1], a);
	CHECK_INT(id_claims_hold(&h.c[1], a, NULL), -EEXIST);
	id_claims_drop(&h.c[0], a);
	CHECK_INT(id_claims_take(&h.c[1], &h.r[1], 1, &c, NULL), 0);
	CHECK_INT(c, a);
	host_remove(&h);
}

TEST(ranges_that_overlap_in_part_meet)
{
	struct host h;

	host_make(&h);
	CHECK_INT(id_claims_hold(&h.c[0], FIRST, NULL), 0);
	CHECK_INT(id_claims_hold(&h.c[1], FIRST + 1, NULL), -EEXIST);
	CHECK_INT(id_claims_hold(&h.c[1], FIRST + ID_RANGE_SIZE - 1, NULL), -EEXIST);
	CHECK_INT(id_claims_hold(&h.c[1], FIRST - ID_RANGE_SIZE + 1, NULL), -EEXIST);
	CHECK_INT(id_claims_hold(&h.c[1], FIRST + ID_RANGE_SIZE, NULL), 0);
	host_remove(&h);
}

TEST(a_claim_goes_with_its_data_root)
{
	struct host h;
	uint32_t a, b;

	host_make(&h);
	CHECK_INT(id_claims_take(&h.c[0], &h.r[0], 1, &a, NULL), 0);
	CHECK_INT(rmdir(h.root[0]), 0);
	CHECK_INT(id_claims_take(&h.c[1], &h.r[1], 1, &b, NULL), 0);
	CHECK_INT(a, b);
	host_remove(&h);
}

static bool only_second(const void *data, uint32_t first)
{
	(void)data;
	return first == FIRST + ID_RANGE_SIZE;
}

TEST(a_sweep_drops_what_no_record_has_and_nothing_of_others)
{
	struct host h;

	host_make(&h);
	CHECK_INT(id_claims_hold(&h.c[0], FIRST, NULL), 0);
	CHECK_INT(id_claims_hold(&h.c[0], FIRST + ID_RANGE_SIZE, NULL), 0);
	CHECK_INT(id_claims_hold(&h.c[1], FIRST + 2 * ID_RANGE_SIZE, NULL), 0);
	CHECK_INT(id_claims_sweep(&h.c[0], only_second, NULL, NULL), 0);
	CHECK_INT(id_claims_hold(&h.c[1], FIRST, NULL), 0);
	CHECK_INT(id_claims_hold(&h.c[1], FIRST + ID_RANGE_SIZE, NULL), -EEXIST);
	CHECK_INT(id_claims_hold(&h.c[0], FIRST + 2 * ID_RANGE_SIZE, NULL), -EEXIST);
	host_remove(&h);
}
