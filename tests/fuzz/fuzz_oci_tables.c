// SPDX-License-Identifier: Apache-2.0
/*
 * Documents made from the decoder's own tables: the input is a stream of choices (which fields, how
 * many elements, which value), so that most documents have the right shape and reach the checks
 * behind the types. What is accepted is written, read again and written to the same bytes.
 */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "fuzz.h"
#include "spec/oci_decode.h"
#include "spec/oci_mounts.h"
#include "spec/oci_write.h"

#define FUZZ_ARENA   (16u << 20)
#define FUZZ_TEXT    (1u << 20)
#define ELEMENTS_MAX 4u

struct choices {
	const uint8_t *at, *end;
};

/* The next choice below n; 0 when the input is used up. */
static unsigned int choose(struct choices *c, unsigned int n)
{
	return c->at < c->end ? *c->at++ % n : 0;
}

static const char *const texts[] = {"", "/", "/a", "/a/../b", "a", "A=b", "=", "0-3,7", "9-1",
	"rwm", "c", "b", "u", "p", "2MB", "eth0", "1.2.0", "bind", "tmpfs", "size=1", "CAP_CHOWN",
	"CAP_X", "write", "net.a", "net/a.b/c", "kernel.sem", "kernel.hostname", "vm.x", "user.max",
	"cgroup.procs", "r"};

static const struct oci_names *const tables[] = {&oci_names_rlimit, &oci_names_policy,
	&oci_names_scheduler_flag, &oci_names_io_class, &oci_names_namespace,
	&oci_names_propagation, &oci_names_domain, &oci_names_action, &oci_names_seccomp_flag,
	&oci_names_operator, &oci_names_arch};

static const char *choose_text(struct choices *c)
{
	unsigned int kind = choose(c, ARRAY_SIZE(tables) + 8);
	const char *option;

	if (kind < ARRAY_SIZE(tables))
		return tables[kind]->items[choose(c, (unsigned int)tables[kind]->count)].name;
	option = kind < ARRAY_SIZE(tables) + 2 ? oci_mount_option_name(choose(c, 70)) : NULL;
	return option != NULL ? option : texts[choose(c, ARRAY_SIZE(texts))];
}

static void put_number(struct choices *c, struct json_writer *w)
{
	static const uint64_t numbers[] = {0, 1, 2, 5, 10, 100, 255, 511, 1000, 4095, 65536,
		1048575, 999999999, INT32_MAX, UINT32_MAX - 1, UINT32_MAX, INT64_MAX, UINT64_MAX};

	if (choose(c, 8) == 7)
		json_put_int(w, -(int64_t)choose(c, 8));
	else
		json_put_uint(w, numbers[choose(c, ARRAY_SIZE(numbers))]);
}

static void put_strings(struct choices *c, struct json_writer *w)
{
	json_begin_array(w);
	for (unsigned int n = choose(c, ELEMENTS_MAX); n > 0; n--)
		json_put_string(w, choose_text(c));
	json_end_array(w);
}

/* A map of strings; the key is made different by its place. */
static void put_pairs(struct choices *c, struct json_writer *w)
{
	char key[64];

	json_begin_object(w);
	for (unsigned int i = 0, n = choose(c, ELEMENTS_MAX); i < n; i++) {
		(void)snprintf(key, sizeof(key), "%s%.*s", choose_text(c), (int)i, "xyzw");
		json_member_string(w, key, choose_text(c));
	}
	json_end_object(w);
}

static void put_any(struct choices *c, struct json_writer *w)
{
	switch (choose(c, 8)) {
	case 0:
	case 1:
		put_number(c, w);
		return;
	case 2:
		put_strings(c, w);
		return;
	case 3:
		put_pairs(c, w);
		return;
	case 4:
		json_put_bool(w, choose(c, 2));
		return;
	case 5:
		json_put_null(w);
		return;
	default:
		json_put_string(w, choose_text(c));
		return;
	}
}

/* The shape that the field's decoder takes, as far as it is one that many fields share. */
static void put_value(struct choices *c, struct json_writer *w, const struct oci_field *field)
{
	oci_decode_fn *fn = field->decode;

	if (choose(c, 32) == 31)
		put_any(c, w);
	else if (fn == oci_decode_bool)
		json_put_bool(w, choose(c, 2));
	else if (fn == oci_decode_int32 || fn == oci_decode_uint32 || fn == oci_decode_id ||
		 fn == oci_decode_uint64 || fn == oci_decode_optional_int ||
		 fn == oci_decode_optional_uint)
		put_number(c, w);
	else if (fn == oci_decode_string || fn == oci_decode_text || fn == oci_decode_cpu_list)
		json_put_string(w, choose_text(c));
	else if (fn == oci_decode_path)
		json_put_string(w, "/a");
	else if (fn == oci_decode_strings || fn == oci_decode_paths || fn == oci_decode_env)
		put_strings(c, w);
	else if (fn == oci_decode_pairs)
		put_pairs(c, w);
	else
		put_any(c, w);
}

static void put_object(struct choices *c, struct json_writer *w, const struct oci_object *object);

static void put_elements(struct choices *c, struct json_writer *w, const struct oci_field *field)
{
	bool map = field->kind == OCI_FIELD_MAP;
	unsigned int n = choose(c, ELEMENTS_MAX);
	char key[2] = "a";

	map ? json_begin_object(w) : json_begin_array(w);
	for (; n > 0; n--, key[0]++) {
		if (map)
			json_key(w, key);
		put_object(c, w, field->object);
	}
	map ? json_end_object(w) : json_end_array(w);
}

static void put_field(struct choices *c, struct json_writer *w, const struct oci_field *field)
{
	json_key(w, field->name);
	if (strcmp(field->name, "ociVersion") == 0)
		json_put_string(w, "1.2.0");
	else if (field->object != NULL && field->max > 0)
		put_elements(c, w, field);
	else if (field->object != NULL)
		put_object(c, w, field->object);
	else
		put_value(c, w, field);
}

/* Required fields are there; others by choice, the rarer the less likely they are to be accepted.
 */
static void put_object(struct choices *c, struct json_writer *w, const struct oci_object *object)
{
	json_begin_object(w);
	for (size_t i = 0; i < object->count; i++) {
		const struct oci_field *field = &object->fields[i];
		unsigned int odds = field->kind == OCI_FIELD_REFUSED ? 64 : 3;

		if (field->required || strcmp(field->name, "root") == 0 ||
			choose(c, odds) == odds - 1)
			put_field(c, w, field);
	}
	json_end_object(w);
}

static int decode_text(const struct buf *text, struct arena *a, struct oci_config *ret)
{
	const struct json *tree;
	struct bh_error err = BH_ERROR_INIT;
	int e = json_parse(buf_str(text), text->len, a, &tree, &err);

	if (e == 0)
		e = oci_config_decode(tree, a, ret, &err);
	FUZZ_REQUIRE(e == 0 || (err.code == e && err.text[0] != '\0'));
	return e;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	_cleanup_buf_ struct buf made, one, two;
	struct json_writer w = JSON_WRITER(&made), w_one = JSON_WRITER(&one),
			   w_two = JSON_WRITER(&two);
	struct choices c = {data, data + size};
	struct oci_config config;

	buf_init(&made, FUZZ_TEXT);
	buf_init(&one, FUZZ_TEXT);
	buf_init(&two, FUZZ_TEXT);
	put_object(&c, &w, &oci_object_config);
	if (buf_status(&made) < 0 || arena_init(&a, FUZZ_ARENA) < 0 ||
		decode_text(&made, &a, &config) < 0)
		return 0;
	FUZZ_REQUIRE(oci_config_write(&config, &w_one) == 0);
	FUZZ_REQUIRE(decode_text(&one, &a, &config) == 0);
	FUZZ_REQUIRE(oci_config_write(&config, &w_two) == 0);
	FUZZ_REQUIRE(one.len == two.len && memcmp(one.data, two.data, one.len) == 0);
	return 0;
}
