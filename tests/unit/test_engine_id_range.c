// SPDX-License-Identifier: Apache-2.0
#include <errno.h>

#include "engine/id_range.h"
#include "test.h"

#define SECOND INT64_C(1000000000)

TEST(longest_rested_goes_first_and_rests_are_kept)
{
	const struct daemon_id_range block = {.first = 1000000, .count = 3 * ID_RANGE_SIZE};
	struct id_ranges r = {NULL, 0};
	uint32_t first;

	CHECK_INT(id_ranges_init(&r, &block, 1, NULL), 0);
	CHECK_INT(r.count, 3);
	CHECK_INT(id_ranges_choose(&r, 100 * SECOND, &first, NULL), 0);
	CHECK_INT(first, 1000000);
	id_ranges_mark(&r, first, false, 90 * SECOND);
	CHECK_INT(id_ranges_choose(&r, 100 * SECOND, &first, NULL), 0);
	CHECK_INT(first, 1000000 + ID_RANGE_SIZE);
	id_ranges_mark(&r, first, false, 80 * SECOND);
	id_ranges_mark(&r, 1000000 + 2 * ID_RANGE_SIZE, true, 0);
	CHECK_INT(id_ranges_choose(&r, 100 * SECOND, &first, NULL), 0);
	CHECK_INT(first, 1000000 + ID_RANGE_SIZE);
	CHECK_INT(id_ranges_choose(&r, 81 * SECOND, &first, NULL), -ENOSPC);
	id_ranges_mark(&r, 1000000, true, 0);
	id_ranges_mark(&r, 1000000 + ID_RANGE_SIZE, true, 0);
	CHECK_INT(id_ranges_choose(&r, 100 * SECOND, &first, NULL), -ENOSPC);
	id_ranges_release(&r);
}

TEST(bad_blocks_are_refused)
{
	const struct daemon_id_range small = {.first = 1000000, .count = 100};
	const struct daemon_id_range low = {.first = 0, .count = ID_RANGE_SIZE};
	const struct daemon_id_range two[] = {{.first = 1000000, .count = 2 * ID_RANGE_SIZE},
		{.first = 1065536, .count = ID_RANGE_SIZE}};
	struct id_ranges r = {NULL, 0};

	CHECK_INT(id_ranges_init(&r, &small, 1, NULL), -EINVAL);
	CHECK_INT(id_ranges_init(&r, &low, 1, NULL), -EINVAL);
	CHECK_INT(id_ranges_init(&r, two, 2, NULL), -EINVAL);
}

TEST(a_clash_names_both_owners)
{
	const struct daemon_id_range block = {.first = 165536, .count = ID_RANGE_SIZE};
	struct bh_error err = BH_ERROR_INIT;

	CHECK_INT(id_ranges_check_sub(
			  &block, 1, "/etc/subuid", "alice:100000:65536\nbob:200000:65536\n", &err),
		-EBUSY);
	CHECK(strstr(err.text, "bob") != NULL && strstr(err.text, "/etc/subuid") != NULL &&
		strstr(err.text, "165536") != NULL);
	CHECK_INT(id_ranges_check_sub(&block, 1, "s", "alice:100000:65536\n", &err), 0);
	CHECK_INT(id_ranges_check_sub(NULL, 0, "s", "alice:100000:65536\n", &err), 0);
	CHECK_INT(id_ranges_check_passwd(&block, 1, "/etc/passwd",
			  "root:x:0:0::/:/bin/sh\neve:x:170000:1::/:/bin/sh\n", &err),
		-EBUSY);
	CHECK(strstr(err.text, "eve") != NULL);
}
