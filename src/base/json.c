// SPDX-License-Identifier: Apache-2.0
/*
 * JSON reader. A recursive descent over the text, bounded by JSON_DEPTH_MAX; nodes and strings are
 * allocated from the caller's arena, whose maximum bounds memory. Duplicate keys are found by a
 * scan of the members so far while an object is small, and by one sort at its end when it is large,
 * so a hostile object costs n log n.
 */
#include "base/json.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/utf8.h"

#define SMALL_OBJECT      16u
#define NUMBER_LENGTH_MAX 64u

struct reader {
	const char *text, *end, *at;
	const char *line_start;
	uint32_t line;
	struct arena *arena;
	struct bh_error *err;
};

static int read_value(
	struct reader *r, unsigned int depth, const struct json *parent, struct json **ret);

static int fail_at(struct reader *r, const char *what)
{
	return bh_fail(r->err, -EINVAL, "JSON: line %" PRIu32 ", column %zu: %s", r->line,
		(size_t)(r->at - r->line_start) + 1, what);
}

static int fail_full(struct reader *r)
{
	return bh_fail(r->err, -E2BIG, "JSON: line %" PRIu32 ": document too large", r->line);
}

static void skip_space(struct reader *r)
{
	while (r->at < r->end) {
		switch (*r->at) {
		case '\n':
			r->line++;
			r->line_start = r->at + 1;
			break;
		case ' ':
		case '\t':
		case '\r':
			break;
		default:
			return;
		}
		r->at++;
	}
}

static int hex4(struct reader *r, unsigned int *ret)
{
	unsigned int v = 0;

	if (r->end - r->at < 4)
		return fail_at(r, "unterminated \\u escape");
	for (int i = 0; i < 4; i++) {
		char c = r->at[i];

		if (c >= '0' && c <= '9')
			v = v << 4 | (unsigned int)(c - '0');
		else if ((c | 32) >= 'a' && (c | 32) <= 'f')
			v = v << 4 | (unsigned int)((c | 32) - 'a' + 10);
		else
			return fail_at(r, "bad hexadecimal digit in \\u escape");
	}
	r->at += 4;
	*ret = v;
	return 0;
}

static int read_unicode_escape(struct reader *r, char **out)
{
	unsigned int cp, low;
	int e = hex4(r, &cp);

	if (e != 0)
		return e;
	if (cp >= 0xdc00 && cp <= 0xdfff)
		return fail_at(r, "lone low surrogate");
	if (cp >= 0xd800 && cp <= 0xdbff) {
		if (r->end - r->at < 2 || r->at[0] != '\\' || r->at[1] != 'u')
			return fail_at(r, "lone high surrogate");
		r->at += 2;
		e = hex4(r, &low);
		if (e != 0)
			return e;
		if (low < 0xdc00 || low > 0xdfff)
			return fail_at(r, "bad low surrogate");
		cp = 0x10000 + ((cp - 0xd800) << 10) + (low - 0xdc00);
	}
	if (cp == 0)
		return fail_at(r, "NUL is not allowed in strings");
	*out += utf8_encode(cp, *out);
	return 0;
}

static int read_escape(struct reader *r, char **out)
{
	static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
	const char *p;

	if (r->at >= r->end)
		return fail_at(r, "unterminated string");
	if (*r->at == 'u') {
		r->at++;
		return read_unicode_escape(r, out);
	}
	p = *r->at != '\0' ? strchr(from, *r->at) : NULL;
	if (p == NULL)
		return fail_at(r, "unknown escape");
	*(*out)++ = to[p - from];
	r->at++;
	return 0;
}

/* The raw length of the string at r->at (behind the opening quote), or negative. */
static ssize_t raw_length(struct reader *r, bool *ret_plain)
{
	const unsigned char *p = (const unsigned char *)r->at, *end = (const unsigned char *)r->end;

	*ret_plain = true;
	while (p < end && *p != '"') {
		size_t n;

		if (*p == '\\') {
			*ret_plain = false;
			p += p + 1 < end ? 2 : 1;
			continue;
		}
		if (*p >= 0x20 && *p < 0x80) {
			p++;
			continue;
		}
		n = *p < 0x20 ? 0 : utf8_sequence(p, (size_t)(end - p));
		if (n == 0) {
			r->at = (const char *)p;
			return fail_at(
				r, *p < 0x20 ? "control character in string" : "invalid UTF-8");
		}
		p += n;
	}
	if (p >= end)
		return fail_at(r, "unterminated string");
	return (const char *)p - r->at;
}

static int read_string(struct reader *r, const char **ret, size_t *ret_len)
{
	const char *stop;
	bool plain;
	ssize_t raw;
	char *data, *out;

	r->at++;
	raw = raw_length(r, &plain);
	if (raw < 0)
		return (int)raw;
	data = arena_alloc(r->arena, (size_t)raw + 1);
	if (data == NULL)
		return fail_full(r);
	stop = r->at + raw;
	out = data;
	if (plain) {
		memcpy(out, r->at, (size_t)raw);
		out += raw;
		r->at = stop;
	}
	while (r->at < stop) {
		int e;

		if (*r->at != '\\') {
			*out++ = *r->at++;
			continue;
		}
		r->at++;
		e = read_escape(r, &out);
		if (e != 0)
			return e;
	}
	r->at = stop + 1;
	*ret = data;
	*ret_len = (size_t)(out - data);
	return 0;
}

static const char *skip_digits(const char *p, const char *end)
{
	while (p < end && *p >= '0' && *p <= '9')
		p++;
	return p;
}

/* Length of the number token by the grammar of RFC 8259 §6; 0 if it does not match. */
static size_t number_length(const char *start, const char *end, bool *ret_integer)
{
	const char *p = start, *q;

	*ret_integer = true;
	if (p < end && *p == '-')
		p++;
	q = skip_digits(p, end);
	if (q == p || (*p == '0' && q - p > 1))
		return 0;
	p = q;
	if (p < end && *p == '.') {
		*ret_integer = false;
		q = skip_digits(p + 1, end);
		if (q == p + 1)
			return 0;
		p = q;
	}
	if (p < end && (*p == 'e' || *p == 'E')) {
		*ret_integer = false;
		p++;
		if (p < end && (*p == '+' || *p == '-'))
			p++;
		q = skip_digits(p, end);
		if (q == p)
			return 0;
		p = q;
	}
	return (size_t)(p - start);
}

static int read_number(struct reader *r, struct json *node)
{
	char copy[NUMBER_LENGTH_MAX + 1];
	size_t len = number_length(r->at, r->end, &node->number.integer);

	if (len == 0)
		return fail_at(r, "unexpected character");
	if (len > NUMBER_LENGTH_MAX)
		return fail_at(r, "number too long");
	memcpy(copy, r->at, len);
	copy[len] = '\0';
	node->number.negative = copy[0] == '-';
	if (node->number.integer) {
		errno = 0;
		node->number.magnitude = strtoull(copy + node->number.negative, NULL, 10);
		if (errno == ERANGE)
			node->number.integer = false;
	}
	node->number.real = node->number.integer ? (node->number.negative ? -1.0 : 1.0) *
							   (double)node->number.magnitude
						 : strtod(copy, NULL);
	if (!isfinite(node->number.real))
		return fail_at(r, "number out of range");
	r->at += len;
	return 0;
}

static int compare_keys(const void *a, const void *b)
{
	return strcmp((*(const struct json *const *)a)->key, (*(const struct json *const *)b)->key);
}

static int fail_duplicate(struct reader *r, const struct json *member)
{
	return bh_fail(r->err, -EINVAL,
		"JSON: line %" PRIu32 ", column %" PRIu32 ": duplicate key \"%.64s\"", member->line,
		member->column, member->key);
}

static int check_large_object(struct reader *r, const struct json *object)
{
	const struct json **list = arena_calloc(r->arena, object->children.count, sizeof(*list));
	size_t n = 0;

	if (list == NULL)
		return fail_full(r);
	json_each (m, object)
		list[n++] = m;
	qsort(list, n, sizeof(*list), compare_keys);
	for (size_t i = 1; i < n; i++)
		if (strcmp(list[i - 1]->key, list[i]->key) == 0)
			return fail_duplicate(r, list[i]);
	return 0;
}

static int check_duplicate(struct reader *r, const struct json *object, const struct json *member)
{
	if (object->children.count >= SMALL_OBJECT)
		return 0;
	json_each (m, object)
		if (strcmp(m->key, member->key) == 0)
			return fail_duplicate(r, member);
	return 0;
}

static int read_key(struct reader *r, const char **ret)
{
	size_t len;
	int e;

	if (r->at >= r->end || *r->at != '"')
		return fail_at(r, "expected a string as member name");
	e = read_string(r, ret, &len);
	if (e != 0)
		return e;
	skip_space(r);
	if (r->at >= r->end || *r->at != ':')
		return fail_at(r, "expected ':'");
	r->at++;
	return 0;
}

static int read_child(struct reader *r, unsigned int depth, struct json *node, struct json **last)
{
	uint32_t line, column;
	const char *key = NULL;
	struct json *child =
		NULL; /* set when e is 0, which an analyser cannot see in a recursion */
	int e;

	skip_space(r);
	line = r->line;
	column = (uint32_t)(r->at - r->line_start) + 1;
	if (node->type == JSON_OBJECT) {
		e = read_key(r, &key);
		if (e != 0)
			return e;
	}
	e = read_value(r, depth + 1, node, &child);
	if (e != 0 || child == NULL)
		return e;
	child->key = key;
	if (key != NULL) {
		child->line = line;
		child->column = column;
		e = check_duplicate(r, node, child);
		if (e != 0)
			return e;
	}
	if (*last != NULL)
		(*last)->next = child;
	else
		node->children.first = child;
	*last = child;
	node->children.count++;
	return 0;
}

static int read_children(struct reader *r, unsigned int depth, struct json *node, char close)
{
	struct json *last = NULL;

	if (depth >= JSON_DEPTH_MAX)
		return bh_fail(r->err, -E2BIG, "JSON: line %" PRIu32 ": nested deeper than %d",
			r->line, JSON_DEPTH_MAX);
	r->at++;
	skip_space(r);
	if (r->at < r->end && *r->at == close) {
		r->at++;
		return 0;
	}
	for (;;) {
		int e = read_child(r, depth, node, &last);

		if (e != 0)
			return e;
		skip_space(r);
		if (r->at >= r->end)
			return fail_at(r, "unexpected end");
		if (*r->at == close)
			break;
		if (*r->at != ',')
			return fail_at(
				r, close == '}' ? "expected ',' or '}'" : "expected ',' or ']'");
		r->at++;
	}
	r->at++;
	if (node->type == JSON_OBJECT && node->children.count > SMALL_OBJECT)
		return check_large_object(r, node);
	return 0;
}

static bool read_word(struct reader *r, const char *word)
{
	size_t n = strlen(word);

	if ((size_t)(r->end - r->at) < n || memcmp(r->at, word, n) != 0)
		return false;
	r->at += n;
	return true;
}

static int read_scalar(struct reader *r, struct json *node)
{
	if (read_word(r, "true")) {
		node->type = JSON_BOOL;
		node->boolean = true;
		return 0;
	}
	if (read_word(r, "false")) {
		node->type = JSON_BOOL;
		return 0;
	}
	if (read_word(r, "null")) {
		node->type = JSON_NULL;
		return 0;
	}
	node->type = JSON_NUMBER;
	return read_number(r, node);
}

static int read_value(
	struct reader *r, unsigned int depth, const struct json *parent, struct json **ret)
{
	struct json *node;
	int e;

	skip_space(r);
	if (r->at >= r->end)
		return fail_at(r, "unexpected end");
	node = arena_alloc(r->arena, sizeof(*node));
	if (node == NULL)
		return fail_full(r);
	node->line = r->line;
	node->column = (uint32_t)(r->at - r->line_start) + 1;
	node->parent = parent;
	switch (*r->at) {
	case '{':
		node->type = JSON_OBJECT;
		e = read_children(r, depth, node, '}');
		break;
	case '[':
		node->type = JSON_ARRAY;
		e = read_children(r, depth, node, ']');
		break;
	case '"':
		node->type = JSON_STRING;
		e = read_string(r, &node->string.data, &node->string.len);
		break;
	default:
		e = read_scalar(r, node);
	}
	if (e != 0)
		return e;
	*ret = node;
	return 0;
}

int json_parse(const char *text, size_t len, struct arena *a, const struct json **ret,
	struct bh_error *err)
{
	struct reader r = {
		.text = text,
		.end = text + len,
		.at = text,
		.line_start = text,
		.line = 1,
		.arena = a,
		.err = err,
	};
	struct json *root;
	int e = read_value(&r, 0, NULL, &root);

	if (e != 0)
		return e;
	skip_space(&r);
	if (r.at != r.end)
		return fail_at(&r, "bytes after the end of the document");
	*ret = root;
	return 0;
}

const struct json *json_get(const struct json *obj, const char *key)
{
	if (obj == NULL || obj->type != JSON_OBJECT)
		return NULL;
	json_each (m, obj)
		if (strcmp(m->key, key) == 0)
			return m;
	return NULL;
}

const char *json_string(const struct json *node)
{
	return node != NULL && node->type == JSON_STRING ? node->string.data : NULL;
}

const char *json_get_string(const struct json *obj, const char *key)
{
	return json_string(json_get(obj, key));
}

int64_t json_get_int(const struct json *obj, const char *key, int64_t fallback)
{
	int64_t v;

	return json_int64(json_get(obj, key), &v) == 0 ? v : fallback;
}

bool json_get_bool(const struct json *obj, const char *key, bool fallback)
{
	const struct json *node = json_get(obj, key);

	return node != NULL && node->type == JSON_BOOL ? node->boolean : fallback;
}

int json_int64(const struct json *node, int64_t *ret)
{
	if (node == NULL || node->type != JSON_NUMBER)
		return -EINVAL;
	if (!node->number.integer)
		return -ERANGE;
	if (node->number.negative) {
		if (node->number.magnitude > (uint64_t)INT64_MAX + 1)
			return -ERANGE;
		*ret = (int64_t)(0 - node->number.magnitude);
		return 0;
	}
	if (node->number.magnitude > INT64_MAX)
		return -ERANGE;
	*ret = (int64_t)node->number.magnitude;
	return 0;
}

int json_uint64(const struct json *node, uint64_t *ret)
{
	if (node == NULL || node->type != JSON_NUMBER)
		return -EINVAL;
	if (!node->number.integer || (node->number.negative && node->number.magnitude != 0))
		return -ERANGE;
	*ret = node->number.magnitude;
	return 0;
}

const char *json_type_name(enum json_type type)
{
	static const char *const names[] = {
		[JSON_NULL] = "null",
		[JSON_BOOL] = "boolean",
		[JSON_NUMBER] = "number",
		[JSON_STRING] = "string",
		[JSON_ARRAY] = "array",
		[JSON_OBJECT] = "object",
	};

	return names[type];
}

const char *json_type_phrase(enum json_type type)
{
	static const char *const phrases[] = {
		[JSON_NULL] = "null",
		[JSON_BOOL] = "a boolean",
		[JSON_NUMBER] = "a number",
		[JSON_STRING] = "a string",
		[JSON_ARRAY] = "an array",
		[JSON_OBJECT] = "an object",
	};

	return phrases[type];
}

static size_t index_in_parent(const struct json *node)
{
	size_t i = 0;

	json_each (n, node->parent) {
		if (n == node)
			break;
		i++;
	}
	return i;
}

int json_pointer(const struct json *node, struct buf *out)
{
	if (node == NULL || node->parent == NULL)
		return buf_status(out);
	(void)json_pointer(node->parent, out);
	if (node->key == NULL)
		return buf_printf(out, "/%zu", index_in_parent(node));
	(void)buf_putc(out, '/');
	for (const char *p = node->key; *p != '\0'; p++) {
		if (*p == '~')
			(void)buf_puts(out, "~0");
		else if (*p == '/')
			(void)buf_puts(out, "~1");
		else
			(void)buf_putc(out, *p);
	}
	return buf_status(out);
}
