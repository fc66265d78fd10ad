// SPDX-License-Identifier: Apache-2.0
/*
 * The table-driven core of the config.json decoder: objects, lists and maps by their tables, errors
 * and warnings with the JSON pointer of the place. Recursion follows the tables, whose depth is
 * fixed; the number of elements is bounded by each list's maximum, memory by the arena.
 */
#include "spec/oci_decode.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define POINTER_MAX 512u
#define TEXT_MAX    512u

/* The pointer of node as text; a pointer too long to print is cut at its end. */
static const char *pointer_text(const struct json *node, char out[static POINTER_MAX])
{
	_cleanup_buf_ struct buf b;

	buf_init(&b, OCI_CONFIG_BYTES_MAX);
	out[0] = '\0';
	if (node != NULL && json_pointer(node, &b) == 0)
		(void)snprintf(out, POINTER_MAX, "%s", buf_str(&b));
	return out[0] != '\0' ? out : "/";
}

int oci_refuse(struct oci_decoder *d, const struct json *node, int code, const char *fmt, ...)
{
	char text[TEXT_MAX], pointer[POINTER_MAX];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	return bh_fail(d->err, code, "%s: %s", pointer_text(node, pointer), text);
}

int oci_no_memory(struct oci_decoder *d)
{
	return bh_fail(d->err, -E2BIG, "the document needs more memory than allowed");
}

int oci_warn(struct oci_decoder *d, const struct json *node, const char *fmt, ...)
{
	char text[TEXT_MAX], pointer[POINTER_MAX];
	const char *line;
	va_list ap;

	if (d->warning_count > OCI_WARNINGS_MAX)
		return 0;
	if (d->warning_count == OCI_WARNINGS_MAX) {
		d->warnings[d->warning_count++] = "/: further warnings are left out";
		return 0;
	}
	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	line = arena_printf(d->arena, "%s: %s", pointer_text(node, pointer), text);
	if (line == NULL)
		return oci_no_memory(d);
	d->warnings[d->warning_count++] = line;
	return 0;
}

int oci_take_warnings(struct oci_decoder *d, struct oci_strings *ret)
{
	const char **items = arena_calloc(d->arena, d->warning_count + 1, sizeof(*items));

	if (items == NULL)
		return oci_no_memory(d);
	memcpy(items, d->warnings, d->warning_count * sizeof(*items));
	ret->items = items;
	ret->count = d->warning_count;
	return 0;
}

int oci_expect(struct oci_decoder *d, const struct json *node, enum json_type type)
{
	if (node->type == type)
		return 0;
	return oci_refuse(d, node, -EINVAL, "is of type %s, must be %s", json_type_name(node->type),
		json_type_name(type));
}

int oci_integer(
	struct oci_decoder *d, const struct json *node, int64_t low, int64_t high, int64_t *ret)
{
	int64_t v;
	int e = oci_expect(d, node, JSON_NUMBER);

	if (e < 0)
		return e;
	if (!node->number.integer && fabs(node->number.real) < 0x1p63)
		return oci_refuse(d, node, -EINVAL, "must be an integer");
	e = json_int64(node, &v);
	if (e < 0 || v < low || v > high)
		return oci_refuse(d, node, -EINVAL, "is out of range (%" PRId64 " to %" PRId64 ")",
			low, high);
	*ret = v;
	return 0;
}

int oci_by_name(struct oci_decoder *d, const struct json *node, const struct oci_names *names,
	uint64_t *ret)
{
	int e = oci_expect(d, node, JSON_STRING);

	if (e < 0)
		return e;
	for (size_t i = 0; i < names->count; i++)
		if (strcmp(names->items[i].name, node->string.data) == 0) {
			*ret = names->items[i].value;
			return 0;
		}
	return oci_refuse(
		d, node, -EINVAL, "\"%.64s\" is not a known %s", node->string.data, names->what);
}

static size_t count_present(const struct json *node)
{
	size_t n = 0;

	json_each (it, node)
		n += it->type != JSON_NULL;
	return n;
}

/* LIST and MAP: target is a pointer to the elements with their count right behind it. */
static int decode_elements(
	struct oci_decoder *d, const struct json *node, const struct oci_field *field, void *target)
{
	bool map = field->kind == OCI_FIELD_MAP;
	const struct oci_object *object = field->object;
	size_t count, i = 0;
	uint8_t *items;
	int e = oci_expect(d, node, map ? JSON_OBJECT : JSON_ARRAY);

	if (e < 0)
		return e;
	if (node->children.count > field->max)
		return oci_refuse(d, node, -E2BIG, "has more than %zu entries", field->max);
	count = map ? count_present(node) : node->children.count;
	items = arena_calloc(d->arena, count + 1, object->size);
	if (items == NULL)
		return oci_no_memory(d);
	json_each (it, node) {
		if (map && it->type == JSON_NULL)
			continue;
		e = oci_decode_object(d, it, object, items + i++ * object->size);
		if (e < 0)
			return e;
	}
	memcpy(target, &(void *){items}, sizeof(void *));
	memcpy((uint8_t *)target + sizeof(void *), &count, sizeof(count));
	return 0;
}

/* What writers of configurations emit for "not set" is accepted even where the field is refused. */
static bool is_empty(const struct json *node)
{
	switch (node->type) {
	case JSON_NULL:
		return true;
	case JSON_STRING:
		return node->string.len == 0;
	case JSON_ARRAY:
	case JSON_OBJECT:
		return node->children.count == 0;
	default:
		return false;
	}
}

static int decode_field(
	struct oci_decoder *d, const struct json *node, const struct oci_field *field, void *base)
{
	void *target = (uint8_t *)base + field->offset;

	switch (field->kind) {
	case OCI_FIELD_VALUE:
		return field->decode(d, node, target);
	case OCI_FIELD_OBJECT:
		return oci_decode_object(d, node, field->object, target);
	case OCI_FIELD_LIST:
	case OCI_FIELD_MAP:
		return decode_elements(d, node, field, target);
	case OCI_FIELD_REFUSED:
		break;
	}
	if (is_empty(node) && !field->even_empty)
		return 0;
	return oci_refuse(d, node, -ENOTSUP, "is not supported: %s", field->reason);
}

static const struct oci_field *find_field(const struct oci_object *object, const char *name)
{
	for (size_t i = 0; i < object->count; i++)
		if (strcmp(object->fields[i].name, name) == 0)
			return &object->fields[i];
	return NULL;
}

static int check_required(
	struct oci_decoder *d, const struct json *node, const struct oci_object *object)
{
	for (size_t i = 0; i < object->count; i++) {
		const struct oci_field *field = &object->fields[i];
		const struct json *member;

		if (!field->required)
			continue;
		member = json_get(node, field->name);
		if (member == NULL || member->type == JSON_NULL) {
			struct json missing = {.parent = node, .key = field->name};

			return oci_refuse(d, &missing, -EINVAL, "is required");
		}
	}
	return 0;
}

int oci_decode_object(struct oci_decoder *d, const struct json *node,
	const struct oci_object *object, void *target)
{
	int e = oci_expect(d, node, JSON_OBJECT);

	if (e < 0)
		return e;
	json_each (it, node) {
		const struct oci_field *field;

		if (it->type == JSON_NULL)
			continue;
		field = find_field(object, it->key);
		e = field != NULL ? decode_field(d, it, field, target)
				  : oci_warn(d, it, "unknown property is ignored");
		if (e < 0)
			return e;
	}
	e = check_required(d, node, object);
	if (e < 0 || object->check == NULL)
		return e;
	return object->check(d, node, target);
}
