// SPDX-License-Identifier: Apache-2.0
/* What the reader accepts, the writer writes and the reader accepts again, to the same bytes. */
#include <string.h>

#include "base/json.h"
#include "fuzz.h"

#define FUZZ_ARENA (8u << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_arena_ struct arena first = ARENA_INIT, second = ARENA_INIT;
	_cleanup_buf_ struct buf one, two;
	struct json_writer w_one = JSON_WRITER(&one), w_two = JSON_WRITER(&two);
	struct bh_error err = BH_ERROR_INIT;
	const struct json *root, *again;

	buf_init(&one, FUZZ_ARENA);
	buf_init(&two, FUZZ_ARENA);
	if (arena_init(&first, FUZZ_ARENA) < 0 || arena_init(&second, FUZZ_ARENA) < 0)
		return 0;
	if (json_parse((const char *)data, size, &first, &root, &err) < 0) {
		FUZZ_REQUIRE(err.code < 0 && err.text[0] != '\0');
		return 0;
	}
	json_put_tree(&w_one, root);
	if (buf_status(&one) < 0)
		return 0;
	FUZZ_REQUIRE(json_parse(buf_str(&one), one.len, &second, &again, NULL) == 0);
	json_put_tree(&w_two, again);
	FUZZ_REQUIRE(buf_status(&two) == 0);
	FUZZ_REQUIRE(one.len == two.len && memcmp(one.data, two.data, one.len) == 0);
	return 0;
}
