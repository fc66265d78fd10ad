// SPDX-License-Identifier: Apache-2.0
#include "base/arena.h"

#include <stdbool.h>

#include "test.h"

static bool all_zero(const char *p, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (p[i] != '\0')
			return false;
	return true;
}

TEST(reset_forgets_and_clears)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	static const size_t sizes[] = {1, 100, 65536, 300000};

	CHECK_INT(arena_init(&a, 1 << 20), 0);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		char *first = arena_alloc(&a, sizes[i]), *again;

		CHECK(first != NULL && all_zero(first, sizes[i]));
		memset(first, 'x', sizes[i]);
		arena_reset(&a);
		CHECK_INT(a.used, 0);
		again = arena_alloc(&a, sizes[i]);
		CHECK(again == first && all_zero(again, sizes[i]));
		arena_reset(&a);
	}
}

TEST(reset_of_nothing)
{
	struct arena a = ARENA_INIT;

	arena_reset(&a);
	CHECK(arena_alloc(&a, 1) == NULL);
}

TEST(maximum)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;

	CHECK_INT(arena_init(&a, 4096), 0);
	CHECK(arena_alloc(&a, 4097) == NULL);
	CHECK(arena_calloc(&a, SIZE_MAX / 2, 3) == NULL);
	CHECK(arena_alloc(&a, 4096) != NULL);
	CHECK(arena_alloc(&a, 1) == NULL);
}
