// SPDX-License-Identifier: Apache-2.0
#include "spec/docker_read.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"

#define NEAREST_WORD_MAX 64u

int docker_bad(struct docker_reader *r, const struct json *node, const char *fmt, ...)
{
	_cleanup_buf_ struct buf pointer = {0};
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	buf_init(&pointer, 4096);
	(void)json_pointer(node, &pointer);
	r->place = node;
	return bh_fail(r->err, -EINVAL, "%.300s: %s", buf_str(&pointer), text);
}

int docker_refuse(struct docker_reader *r, int code, const char *fmt, ...)
{
	char text[BH_ERROR_TEXT_MAX];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	return bh_fail(r->err, code, "%s", text);
}

bool docker_is_empty(const struct json *node)
{
	switch (node->type) {
	case JSON_NULL:
		return true;
	case JSON_BOOL:
		return !node->boolean;
	case JSON_NUMBER:
		return node->number.integer && node->number.magnitude == 0;
	case JSON_STRING:
		return node->string.len == 0;
	case JSON_ARRAY:
	case JSON_OBJECT:
		return node->children.count == 0;
	}
	return false;
}

bool docker_is_default(const struct json *node)
{
	if (node->type != JSON_OBJECT)
		return docker_is_empty(node);
	json_each (child, node)
		if (!docker_is_default(child))
			return false;
	return true;
}

/* Levenshtein distance, bounded words. */
static size_t distance(const char *a, const char *b)
{
	size_t row[NEAREST_WORD_MAX + 1];
	size_t la = strlen(a), lb = strlen(b);

	if (la > NEAREST_WORD_MAX || lb > NEAREST_WORD_MAX)
		return NEAREST_WORD_MAX;
	for (size_t j = 0; j <= lb; j++)
		row[j] = j;
	for (size_t i = 1; i <= la; i++) {
		size_t corner = row[0];

		row[0] = i;
		for (size_t j = 1; j <= lb; j++) {
			size_t best = corner + ((a[i - 1] | 0x20) != (b[j - 1] | 0x20));

			corner = row[j];
			if (row[j] + 1 < best)
				best = row[j] + 1;
			if (row[j - 1] + 1 < best)
				best = row[j - 1] + 1;
			row[j] = best;
		}
	}
	return row[lb];
}

const char *docker_nearest(const char *word, const char *const *names, size_t count)
{
	const char *found = NULL;
	size_t best = strlen(word) / 2 + 1;

	for (size_t i = 0; i < count; i++) {
		size_t d = distance(word, names[i]);

		if (d < best) {
			best = d;
			found = names[i];
		}
	}
	return found;
}

static int unknown_key(struct docker_reader *r, const struct json *node,
	const struct docker_key *keys, size_t count)
{
	const char *names[256];
	const char *near;

	for (size_t i = 0; i < count && i < ARRAY_SIZE(names); i++)
		names[i] = keys[i].name;
	near = docker_nearest(
		node->key, names, count < ARRAY_SIZE(names) ? count : ARRAY_SIZE(names));
	if (near != NULL)
		return docker_bad(r, node, "unknown key (did you mean %s?)", near);
	return docker_bad(r, node, "unknown key");
}

static const struct docker_key *find_key(
	const char *name, const struct docker_key *keys, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(keys[i].name, name) == 0)
			return &keys[i];
	return NULL;
}

int docker_read_object(struct docker_reader *r, const struct json *node,
	const struct docker_key *keys, size_t count, bool strict, void *target)
{
	if (node->type != JSON_OBJECT)
		return docker_bad(r, node, "is %s, not an object", json_type_phrase(node->type));
	json_each (child, node) {
		const struct docker_key *key = find_key(child->key, keys, count);
		int code = 0;

		if (child->type == JSON_NULL)
			continue;
		if (key != NULL && key->read != NULL)
			code = key->read(r, child, (char *)target + key->offset);
		else if (docker_is_empty(child))
			continue;
		else if (key != NULL)
			code = docker_refuse(r, -ENOTSUP, "%s: %s", key->name, key->refusal);
		else if (strict)
			code = unknown_key(r, child, keys, count);
		if (code < 0)
			return code;
	}
	return 0;
}

int docker_read_string(struct docker_reader *r, const struct json *node, void *target)
{
	if (node->type != JSON_STRING)
		return docker_bad(r, node, "is %s, not a string", json_type_phrase(node->type));
	*(const char **)target = node->string.len > 0 ? node->string.data : NULL;
	return 0;
}

int docker_read_bool(struct docker_reader *r, const struct json *node, void *target)
{
	if (node->type != JSON_BOOL)
		return docker_bad(r, node, "is %s, not a boolean", json_type_phrase(node->type));
	*(bool *)target = node->boolean;
	return 0;
}

int docker_read_int(struct docker_reader *r, const struct json *node, void *target)
{
	if (json_int64(node, target) < 0)
		return docker_bad(r, node, "is not an integer in range");
	return 0;
}

int docker_read_uint(struct docker_reader *r, const struct json *node, void *target)
{
	uint64_t value;

	if (json_uint64(node, &value) < 0 || value > INT64_MAX)
		return docker_bad(r, node, "is not an integer from 0 on");
	*(uint64_t *)target = value;
	return 0;
}

/* Room for count strings and a NULL; NULL after an error was recorded in *ret_code. */
static const char **new_strings(
	struct docker_reader *r, const struct json *node, size_t count, int *ret_code)
{
	const char **items;

	if (count > DOCKER_LIST_MAX) {
		*ret_code = docker_bad(r, node, "has more than %u elements", DOCKER_LIST_MAX);
		return NULL;
	}
	items = arena_calloc(r->a, count + 1, sizeof(*items));
	if (items == NULL)
		*ret_code = bh_fail(r->err, -ENOMEM, "the document is too large");
	return items;
}

int docker_read_strings(struct docker_reader *r, const struct json *node, void *target)
{
	struct oci_strings *out = target;
	bool single = node->type == JSON_STRING;
	size_t count = single ? 1 : node->children.count, n = 0;
	const char **items;
	int code;

	if (!single && node->type != JSON_ARRAY)
		return docker_bad(
			r, node, "is %s, not a list of strings", json_type_phrase(node->type));
	items = new_strings(r, node, count, &code);
	if (items == NULL)
		return code;
	if (single)
		items[n++] = node->string.data;
	else
		json_each (child, node) {
			if (child->type != JSON_STRING)
				return docker_bad(r, child, "is %s, not a string",
					json_type_phrase(child->type));
			items[n++] = child->string.data;
		}
	*out = (struct oci_strings){items, n};
	return 0;
}

int docker_read_pairs(struct docker_reader *r, const struct json *node, void *target)
{
	struct docker_pairs *out = target;
	struct oci_pair *items;
	size_t n = 0;

	if (node->type != JSON_OBJECT)
		return docker_bad(r, node, "is %s, not an object", json_type_phrase(node->type));
	if (node->children.count > DOCKER_LIST_MAX)
		return docker_bad(r, node, "has more than %u members", DOCKER_LIST_MAX);
	items = arena_calloc(r->a, node->children.count + 1, sizeof(*items));
	if (items == NULL)
		return bh_fail(r->err, -ENOMEM, "the document is too large");
	json_each (child, node) {
		if (child->type != JSON_STRING)
			return docker_bad(
				r, child, "is %s, not a string", json_type_phrase(child->type));
		items[n++] = (struct oci_pair){child->key, child->string.data};
	}
	*out = (struct docker_pairs){items, n};
	return 0;
}

int docker_read_set(struct docker_reader *r, const struct json *node, void *target)
{
	struct oci_strings *out = target;
	const char **items;
	size_t n = 0;
	int code;

	if (node->type != JSON_OBJECT)
		return docker_bad(r, node, "is %s, not an object", json_type_phrase(node->type));
	items = new_strings(r, node, node->children.count, &code);
	if (items == NULL)
		return code;
	json_each (child, node)
		items[n++] = child->key;
	*out = (struct oci_strings){items, n};
	return 0;
}

int docker_read_console(struct docker_reader *r, const struct json *node, void *target)
{
	uint16_t *out = target;
	uint64_t value;
	size_t n = 0;

	if (node->type != JSON_ARRAY || (node->children.count != 0 && node->children.count != 2))
		return docker_bad(r, node, "is not a pair of numbers");
	json_each (child, node) {
		if (json_uint64(child, &value) < 0 || value > UINT16_MAX)
			return docker_bad(r, child, "is not a number from 0 to 65535");
		out[n++] = (uint16_t)value;
	}
	return 0;
}

int docker_read_nothing(struct docker_reader *r, const struct json *node, void *target)
{
	(void)r;
	(void)node;
	(void)target;
	return 0;
}

const char *docker_clean_path(struct arena *a, const char *path)
{
	char *out, *end;

	if (path == NULL || path[0] != '/')
		return NULL;
	out = arena_alloc(a, strlen(path) + 2);
	if (out == NULL)
		return NULL;
	end = out;
	while (*path != '\0') {
		size_t len;

		path += strspn(path, "/");
		len = strcspn(path, "/");
		if (len == 2 && path[0] == '.' && path[1] == '.') {
			while (end > out && *--end != '/')
				;
		} else if (len > 0 && !(len == 1 && path[0] == '.')) {
			*end++ = '/';
			memcpy(end, path, len);
			end += len;
		}
		path += len;
	}
	if (end == out)
		*end++ = '/';
	*end = '\0';
	return out;
}
