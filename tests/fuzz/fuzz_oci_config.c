// SPDX-License-Identifier: Apache-2.0
/*
 * A document read as config.json, as a process and as resources. A refusal has a code and a text
 * and leaves the output alone; what is accepted is written, read again without a warning, and
 * written to the same bytes.
 */
#include <errno.h>
#include <string.h>

#include "fuzz.h"
#include "spec/oci_write.h"

#define FUZZ_ARENA (32u << 20)
#define FUZZ_TEXT  (8u << 20)

static const struct json *again(const struct buf *text, struct arena *a)
{
	const struct json *tree = NULL;
	struct bh_error err = BH_ERROR_INIT;

	if (json_parse(buf_str(text), text->len, a, &tree, &err) < 0)
		FUZZ_REQUIRE(err.code == -E2BIG);
	return tree;
}

static void same(const struct buf *one, const struct buf *two)
{
	FUZZ_REQUIRE(one->len == two->len && memcmp(one->data, two->data, one->len) == 0);
}

#define DEFINE_CHECK(name, type, decode, write)                                                    \
	static void check_##name(const struct json *tree, struct arena *a)                         \
	{                                                                                          \
		_cleanup_buf_ struct buf one, two;                                                 \
		struct json_writer w_one = JSON_WRITER(&one), w_two = JSON_WRITER(&two);           \
		struct bh_error err = BH_ERROR_INIT;                                               \
		static const type zero;                                                            \
		type value = zero;                                                                 \
                                                                                                   \
		buf_init(&one, FUZZ_TEXT);                                                         \
		buf_init(&two, FUZZ_TEXT);                                                         \
		if (decode(tree, a, &value, &err) < 0) {                                           \
			FUZZ_REQUIRE(err.code < 0 && err.text[0] != '\0');                         \
			FUZZ_REQUIRE(memcmp(&value, &zero, sizeof(value)) == 0);                   \
			return;                                                                    \
		}                                                                                  \
		FUZZ_REQUIRE(write(&value, &w_one) == 0);                                          \
		tree = again(&one, a);                                                             \
		if (tree == NULL || decode(tree, a, &value, &err) == -E2BIG)                       \
			return;                                                                    \
		FUZZ_REQUIRE(err.code == 0);                                                       \
		FUZZ_REQUIRE(write(&value, &w_two) == 0);                                          \
		same(&one, &two);                                                                  \
	}

DEFINE_CHECK(config, struct oci_config, oci_config_decode, oci_config_write)
DEFINE_CHECK(process, struct oci_process, oci_process_decode, oci_process_write)
DEFINE_CHECK(resources, struct oci_resources, oci_resources_decode, oci_resources_write)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	const struct json *tree;

	if (size > OCI_CONFIG_BYTES_MAX || arena_init(&a, FUZZ_ARENA) < 0)
		return 0;
	if (json_parse((const char *)data, size, &a, &tree, NULL) < 0)
		return 0;
	check_config(tree, &a);
	check_process(tree, &a);
	check_resources(tree, &a);
	return 0;
}
