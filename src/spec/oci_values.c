// SPDX-License-Identifier: Apache-2.0
/* Decoders of the plain values of config.json: numbers, strings, lists and maps of strings. */
#include <errno.h>
#include <limits.h>
#include <string.h>

#include "spec/oci_decode.h"

int oci_decode_bool(struct oci_decoder *d, const struct json *node, void *target)
{
	int e = oci_expect(d, node, JSON_BOOL);

	if (e == 0)
		*(bool *)target = node->boolean;
	return e;
}

int oci_decode_int32(struct oci_decoder *d, const struct json *node, void *target)
{
	int64_t v;
	int e = oci_integer(d, node, INT32_MIN, INT32_MAX, &v);

	if (e == 0)
		*(int32_t *)target = (int32_t)v;
	return e;
}

int oci_decode_uint32(struct oci_decoder *d, const struct json *node, void *target)
{
	int64_t v;
	int e = oci_integer(d, node, 0, UINT32_MAX, &v);

	if (e == 0)
		*(uint32_t *)target = (uint32_t)v;
	return e;
}

int oci_decode_id(struct oci_decoder *d, const struct json *node, void *target)
{
	int64_t v;
	int e = oci_integer(d, node, 0, (int64_t)UINT32_MAX - 1, &v);

	if (e == 0)
		*(uint32_t *)target = (uint32_t)v;
	return e;
}

int oci_decode_uint64(struct oci_decoder *d, const struct json *node, void *target)
{
	uint64_t v;
	int e = oci_expect(d, node, JSON_NUMBER);

	if (e < 0)
		return e;
	e = json_uint64(node, &v);
	if (e < 0)
		return oci_refuse(d, node, -EINVAL, "must be an integer from 0 to 2^64 - 1");
	*(uint64_t *)target = v;
	return 0;
}

int oci_decode_optional_int(struct oci_decoder *d, const struct json *node, void *target)
{
	struct oci_optional_int *out = target;
	int e = oci_integer(d, node, INT64_MIN, INT64_MAX, &out->value);

	out->set = e == 0;
	return e;
}

int oci_decode_optional_uint(struct oci_decoder *d, const struct json *node, void *target)
{
	struct oci_optional_uint *out = target;
	int e = oci_decode_uint64(d, node, &out->value);

	out->set = e == 0;
	return e;
}

int oci_decode_text(struct oci_decoder *d, const struct json *node, void *target)
{
	int e = oci_expect(d, node, JSON_STRING);

	if (e == 0)
		*(const char **)target = node->string.data;
	return e;
}

int oci_decode_string(struct oci_decoder *d, const struct json *node, void *target)
{
	int e = oci_expect(d, node, JSON_STRING);

	if (e == 0)
		*(const char **)target = node->string.len > 0 ? node->string.data : NULL;
	return e;
}

int oci_decode_path(struct oci_decoder *d, const struct json *node, void *target)
{
	int e = oci_expect(d, node, JSON_STRING);

	if (e < 0)
		return e;
	if (node->string.data[0] != '/')
		return oci_refuse(d, node, -EINVAL, "must be an absolute path");
	if (node->string.len >= PATH_MAX)
		return oci_refuse(d, node, -EINVAL, "is longer than a path can be");
	*(const char **)target = node->string.data;
	return 0;
}

/* A list of strings, each put through element (one of the string decoders above). */
static int decode_list(struct oci_decoder *d, const struct json *node, oci_decode_fn *element,
	struct oci_strings *out)
{
	const char **items;
	size_t i = 0;
	int e = oci_expect(d, node, JSON_ARRAY);

	if (e < 0)
		return e;
	if (node->children.count > OCI_LIST_MAX)
		return oci_refuse(d, node, -E2BIG, "has more than %u entries", OCI_LIST_MAX);
	items = arena_calloc(d->arena, node->children.count + 1, sizeof(*items));
	if (items == NULL)
		return oci_no_memory(d);
	json_each (it, node) {
		e = element(d, it, &items[i++]);
		if (e < 0)
			return e;
	}
	out->items = items;
	out->count = i;
	return 0;
}

int oci_decode_strings(struct oci_decoder *d, const struct json *node, void *target)
{
	return decode_list(d, node, oci_decode_text, target);
}

int oci_decode_paths(struct oci_decoder *d, const struct json *node, void *target)
{
	return decode_list(d, node, oci_decode_path, target);
}

static int decode_env_entry(struct oci_decoder *d, const struct json *node, void *target)
{
	const char *eq;
	int e = oci_expect(d, node, JSON_STRING);

	if (e < 0)
		return e;
	eq = strchr(node->string.data, '=');
	if (eq == NULL || eq == node->string.data)
		return oci_refuse(d, node, -EINVAL, "must be NAME=VALUE with a name");
	*(const char **)target = node->string.data;
	return 0;
}

int oci_decode_env(struct oci_decoder *d, const struct json *node, void *target)
{
	return decode_list(d, node, decode_env_entry, target);
}

int oci_decode_pairs(struct oci_decoder *d, const struct json *node, void *target)
{
	struct oci_pair *pairs;
	size_t count = 0;
	int e = oci_expect(d, node, JSON_OBJECT);

	if (e < 0)
		return e;
	if (node->children.count > OCI_LIST_MAX)
		return oci_refuse(d, node, -E2BIG, "has more than %u entries", OCI_LIST_MAX);
	pairs = arena_calloc(d->arena, node->children.count + 1, sizeof(*pairs));
	if (pairs == NULL)
		return oci_no_memory(d);
	json_each (it, node) {
		if (it->type == JSON_NULL)
			continue;
		if (it->key[0] == '\0')
			return oci_refuse(d, it, -EINVAL, "the key must not be empty");
		e = oci_decode_text(d, it, &pairs[count].value);
		if (e < 0)
			return e;
		pairs[count++].key = it->key;
	}
	memcpy(target, &(const void *){pairs}, sizeof(void *));
	memcpy((uint8_t *)target + sizeof(void *), &count, sizeof(count));
	return 0;
}

/* One number of a CPU list below the kernel's largest NR_CPUS; -1 if there is none. */
static long list_number(const char **p)
{
	long v = 0;

	if (**p < '0' || **p > '9')
		return -1;
	for (; **p >= '0' && **p <= '9'; (*p)++)
		if ((v = v * 10 + (**p - '0')) > 8191)
			return -1;
	return v;
}

static bool is_cpu_list(const char *p)
{
	for (;;) {
		long first = list_number(&p), last = first;

		if (*p == '-') {
			p++;
			last = list_number(&p);
		}
		if (first < 0 || last < first)
			return false;
		if (*p == '\0')
			return true;
		if (*p++ != ',')
			return false;
	}
}

int oci_decode_cpu_list(struct oci_decoder *d, const struct json *node, void *target)
{
	char *text, *to;
	int e = oci_expect(d, node, JSON_STRING);

	if (e < 0 || node->string.len == 0)
		return e;
	text = to = arena_strdup(d->arena, node->string.data);
	if (text == NULL)
		return oci_no_memory(d);
	for (const char *from = node->string.data; *from != '\0'; from++)
		if (*from != ' ' && *from != '\n')
			*to++ = *from;
	*to = '\0';
	if (!is_cpu_list(text))
		return oci_refuse(d, node, -EINVAL, "must be a list of numbers and ranges: 0-3,7");
	*(const char **)target = text;
	return 0;
}
