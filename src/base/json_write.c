// SPDX-License-Identifier: Apache-2.0
#include <assert.h>
#include <inttypes.h>
#include <string.h>

#include "base/json.h"
#include "base/utf8.h"

static void before_value(struct json_writer *w)
{
	if (w->need_comma && !w->after_key)
		(void)buf_putc(w->out, ',');
	w->after_key = false;
	w->need_comma = true;
}

static void begin(struct json_writer *w, char c)
{
	before_value(w);
	(void)buf_putc(w->out, c);
	w->need_comma = false;
	w->depth++;
}

static void end(struct json_writer *w, char c)
{
	assert(w->depth > 0 && !w->after_key);
	w->depth--;
	(void)buf_putc(w->out, c);
	w->need_comma = true;
}

void json_begin_object(struct json_writer *w)
{
	begin(w, '{');
}

void json_end_object(struct json_writer *w)
{
	end(w, '}');
}

void json_begin_array(struct json_writer *w)
{
	begin(w, '[');
}

void json_end_array(struct json_writer *w)
{
	end(w, ']');
}

static void put_control(struct buf *out, unsigned char c)
{
	switch (c) {
	case '\n':
		(void)buf_puts(out, "\\n");
		return;
	case '\t':
		(void)buf_puts(out, "\\t");
		return;
	case '\r':
		(void)buf_puts(out, "\\r");
		return;
	default:
		(void)buf_printf(out, "\\u%04x", c);
	}
}

static void put_quoted(struct buf *out, const char *s, size_t len)
{
	const unsigned char *p = (const unsigned char *)s, *last = p + len, *run = p;

	(void)buf_putc(out, '"');
	while (p < last) {
		size_t n = utf8_sequence(p, (size_t)(last - p));

		if (n > 1 || (n == 1 && *p >= 0x20 && *p != '"' && *p != '\\' && *p != 0x7f)) {
			p += n;
			continue;
		}
		(void)buf_append(out, run, (size_t)(p - run));
		if (n == 0)
			(void)buf_puts(out, "\xef\xbf\xbd");
		else if (*p == '"' || *p == '\\')
			(void)buf_printf(out, "\\%c", *p);
		else
			put_control(out, *p);
		run = ++p;
	}
	(void)buf_append(out, run, (size_t)(p - run));
	(void)buf_putc(out, '"');
}

void json_key(struct json_writer *w, const char *key)
{
	assert(!w->after_key);
	if (w->need_comma)
		(void)buf_putc(w->out, ',');
	put_quoted(w->out, key, strlen(key));
	(void)buf_putc(w->out, ':');
	w->after_key = true;
	w->need_comma = false;
}

void json_put_stringn(struct json_writer *w, const char *s, size_t len)
{
	before_value(w);
	put_quoted(w->out, s, len);
}

void json_put_string(struct json_writer *w, const char *s)
{
	if (s == NULL)
		json_put_null(w);
	else
		json_put_stringn(w, s, strlen(s));
}

void json_put_int(struct json_writer *w, int64_t v)
{
	before_value(w);
	(void)buf_printf(w->out, "%" PRId64, v);
}

void json_put_uint(struct json_writer *w, uint64_t v)
{
	before_value(w);
	(void)buf_printf(w->out, "%" PRIu64, v);
}

void json_put_bool(struct json_writer *w, bool v)
{
	json_put_raw(w, v ? "true" : "false");
}

void json_put_null(struct json_writer *w)
{
	json_put_raw(w, "null");
}

void json_put_raw(struct json_writer *w, const char *text)
{
	before_value(w);
	(void)buf_puts(w->out, text);
}

static void put_number(struct json_writer *w, const struct json *node)
{
	if (!node->number.integer) {
		before_value(w);
		(void)buf_printf(w->out, "%.17g", node->number.real);
		return;
	}
	before_value(w);
	(void)buf_printf(
		w->out, "%s%" PRIu64, node->number.negative ? "-" : "", node->number.magnitude);
}

static void put_children(struct json_writer *w, const struct json *node)
{
	json_each (child, node) {
		if (child->key != NULL)
			json_key(w, child->key);
		json_put_tree(w, child);
	}
}

void json_put_tree(struct json_writer *w, const struct json *node)
{
	switch (node->type) {
	case JSON_NULL:
		json_put_null(w);
		break;
	case JSON_BOOL:
		json_put_bool(w, node->boolean);
		break;
	case JSON_NUMBER:
		put_number(w, node);
		break;
	case JSON_STRING:
		json_put_stringn(w, node->string.data, node->string.len);
		break;
	case JSON_ARRAY:
		json_begin_array(w);
		put_children(w, node);
		json_end_array(w);
		break;
	case JSON_OBJECT:
		json_begin_object(w);
		put_children(w, node);
		json_end_object(w);
		break;
	}
}

void json_member_string(struct json_writer *w, const char *key, const char *s)
{
	json_key(w, key);
	json_put_string(w, s);
}

void json_member_int(struct json_writer *w, const char *key, int64_t v)
{
	json_key(w, key);
	json_put_int(w, v);
}

void json_member_bool(struct json_writer *w, const char *key, bool v)
{
	json_key(w, key);
	json_put_bool(w, v);
}
