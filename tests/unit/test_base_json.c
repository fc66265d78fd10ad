// SPDX-License-Identifier: Apache-2.0
#include "base/json.h"

#include <errno.h>

#include "test.h"

static int parse(const char *text, struct arena *a, const struct json **ret, struct bh_error *err)
{
	return json_parse(text, strlen(text), a, ret, err);
}

TEST(values)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	const struct json *root;
	int64_t v;
	uint64_t u;

	CHECK_INT(arena_init(&a, 1 << 20), 0);
	CHECK_INT(parse("{\"a\":[1,-2,18446744073709551615,1.5e3],\"b\":{\"c\":"
			"\"x\\u00e4\\ud83d\\ude00\\n\"},"
			"\"t\":true,\"n\":null}",
			  &a, &root, NULL),
		0);
	CHECK_INT(json_get(root, "a")->children.count, 4);
	CHECK_INT(json_int64(json_get(root, "a")->children.first, &v), 0);
	CHECK_INT(v, 1);
	CHECK_INT(json_int64(json_get(root, "a")->children.first->next, &v), 0);
	CHECK_INT(v, -2);
	CHECK_INT(json_uint64(json_get(root, "a")->children.first->next->next, &u), 0);
	CHECK(u == UINT64_MAX);
	CHECK_STR(json_get_string(json_get(root, "b"), "c"), "x\xc3\xa4\xf0\x9f\x98\x80\n");
	CHECK(json_get_bool(root, "t", false));
	CHECK(json_get(root, "n")->type == JSON_NULL);
}

TEST(refusals)
{
	static const char *const bad[] = {"", "{", "[1,]", "{\"a\":1,\"a\":2}", "01", "1.", "nul",
		"\"\\u0000\"", "\"\xff\"", "\"\\ud800\"", "[1] x", "{\"a\" 1}", "\"a\nb\"", "-",
		"+1", "'a'", "{1:2}", "1e"};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		_cleanup_arena_ struct arena a = ARENA_INIT;
		struct bh_error err = BH_ERROR_INIT;
		const struct json *root = NULL;

		CHECK_INT(arena_init(&a, 1 << 20), 0);
		CHECK_INT(parse(bad[i], &a, &root, &err), -EINVAL);
		CHECK(root == NULL && strstr(err.text, "line ") != NULL);
	}
}

TEST(depth_and_size_are_bounded)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	const struct json *root;
	char deep[JSON_DEPTH_MAX + 2];

	CHECK_INT(arena_init(&a, 4096), 0);
	memset(deep, '[', sizeof(deep) - 1);
	deep[sizeof(deep) - 1] = '\0';
	CHECK_INT(parse(deep, &a, &root, NULL), -E2BIG);
	CHECK_INT(parse("[0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,"
			"0,0,0,0,0,0,0]",
			  &a, &root, NULL),
		-E2BIG);
}

TEST(duplicates_in_a_large_object)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	_cleanup_buf_ struct buf b;
	const struct json *root;

	buf_init(&b, 1 << 16);
	CHECK_INT(arena_init(&a, 1 << 20), 0);
	(void)buf_putc(&b, '{');
	for (int i = 0; i < 200; i++)
		(void)buf_printf(&b, "\"k%d\":0,", i);
	(void)buf_puts(&b, "\"k17\":1}");
	CHECK_INT(parse(buf_str(&b), &a, &root, NULL), -EINVAL);
}

TEST(pointer_names_the_place)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	_cleanup_buf_ struct buf b;
	const struct json *root;

	buf_init(&b, 256);
	CHECK_INT(arena_init(&a, 1 << 16), 0);
	CHECK_INT(parse("{\"a/b\":[0,{\"c~\":1}]}", &a, &root, NULL), 0);
	CHECK_INT(json_pointer(json_get(root, "a/b")->children.first->next->children.first, &b), 0);
	CHECK_STR(buf_str(&b), "/a~1b/1/c~0");
}

TEST(writer)
{
	_cleanup_buf_ struct buf b;
	struct json_writer w = JSON_WRITER(&b);

	buf_init(&b, 256);
	json_begin_object(&w);
	json_member_string(&w, "s", "a\"\\\n\x01\xff");
	json_key(&w, "l");
	json_begin_array(&w);
	json_put_int(&w, -1);
	json_put_bool(&w, true);
	json_put_string(&w, NULL);
	json_end_array(&w);
	json_end_object(&w);
	CHECK_STR(buf_str(&b), "{\"s\":\"a\\\"\\\\\\n\\u0001\xef\xbf\xbd\",\"l\":[-1,true,null]}");
}
