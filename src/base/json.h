// SPDX-License-Identifier: Apache-2.0
#ifndef BULKHEAD_BASE_JSON_H
#define BULKHEAD_BASE_JSON_H

/*
 * JSON (RFC 8259), strict and bounded: UTF-8 only, no duplicate keys, no NUL inside strings, no
 * trailing bytes, depth and size limited. The reader builds a tree in an arena; every node knows
 * its line, column and parent, so an error can name the place by JSON pointer (RFC 6901). The
 * writer appends to a buf and places commas itself.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/error.h"

#define JSON_DEPTH_MAX 64

enum json_type {
	JSON_NULL,
	JSON_BOOL,
	JSON_NUMBER,
	JSON_STRING,
	JSON_ARRAY,
	JSON_OBJECT,
};

struct json {
	enum json_type type;
	uint32_t line, column; /* from 1 */
	const struct json *parent;
	const struct json *next; /* next element or member of the parent */
	const char *key;         /* name of this member in its object, else NULL */
	union {
		bool boolean;
		struct {
			uint64_t magnitude; /* valid if integer */
			double real;        /* always valid */
			bool integer;       /* has no fraction or exponent and |n| < 2^64 */
			bool negative;
		} number;
		struct {
			const char *data; /* NUL-terminated, no NUL inside */
			size_t len;
		} string;
		struct {
			const struct json *first;
			size_t count;
		} children; /* arrays and objects */
	};
};

/* Parse len bytes of text. The tree lives in arena a (about 6 to 10 times len) and does not point
 * into text. Errors: -EINVAL (syntax; text names line and column), -E2BIG (depth, or arena full).
 */
int json_parse(const char *text, size_t len, struct arena *a, const struct json **ret,
	struct bh_error *err);

#define json_each(it, node)                                                                        \
	for (const struct json *it = (node)->children.first; it != NULL; it = it->next)

/* Member of an object by name; NULL if absent or if obj is not an object. */
const struct json *json_get(const struct json *obj, const char *key);
/* String content, or NULL if node is NULL or no string. */
const char *json_string(const struct json *node);
/* Shorthand: string member of an object, NULL if absent or of another type. */
const char *json_get_string(const struct json *obj, const char *key);
/* Integer member with default for absent or other types. */
int64_t json_get_int(const struct json *obj, const char *key, int64_t fallback);
bool json_get_bool(const struct json *obj, const char *key, bool fallback);
/* Number as integer. -EINVAL if it is no integer, -ERANGE if it does not fit. */
int json_int64(const struct json *node, int64_t *ret);
int json_uint64(const struct json *node, uint64_t *ret);
const char *json_type_name(enum json_type type);
/* The same with its article: "an object". */
const char *json_type_phrase(enum json_type type);
/* Append the JSON pointer of node ("" for the root), e.g. /linux/resources/devices/0. */
int json_pointer(const struct json *node, struct buf *out);

/* Writer. Zero-initialise with JSON_WRITER(buf). Misuse is a programming error (assert). */
struct json_writer {
	struct buf *out;
	uint32_t depth;
	bool need_comma;
	bool after_key;
};

#define JSON_WRITER(b)                                                                             \
	{                                                                                          \
		.out = (b)                                                                         \
	}

void json_begin_object(struct json_writer *w);
void json_end_object(struct json_writer *w);
void json_begin_array(struct json_writer *w);
void json_end_array(struct json_writer *w);
void json_key(struct json_writer *w, const char *key);
/* s may be NULL: writes null. Invalid UTF-8 bytes are written as U+FFFD. */
void json_put_string(struct json_writer *w, const char *s);
void json_put_stringn(struct json_writer *w, const char *s, size_t len);
void json_put_int(struct json_writer *w, int64_t v);
void json_put_uint(struct json_writer *w, uint64_t v);
void json_put_bool(struct json_writer *w, bool v);
void json_put_null(struct json_writer *w);
/* Already serialised JSON, inserted as one value. */
void json_put_raw(struct json_writer *w, const char *text);
/* A whole tree, as one value. */
void json_put_tree(struct json_writer *w, const struct json *node);
/* key + value in one call */
void json_member_string(struct json_writer *w, const char *key, const char *s);
void json_member_int(struct json_writer *w, const char *key, int64_t v);
void json_member_bool(struct json_writer *w, const char *key, bool v);

#endif
