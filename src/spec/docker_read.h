// SPDX-License-Identifier: Apache-2.0
#ifndef BULKHEAD_SPEC_DOCKER_READ_H
#define BULKHEAD_SPEC_DOCKER_READ_H

/*
 * Inside of the decoders of Docker's bodies: objects as tables of keys. A key is read by a function
 * into a member, or it is refused as soon as its value is not a default (null, false, 0, "", [],
 * {}, or an object of such).
 */

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/json.h"
#include "spec/docker_config.h"

#define DOCKER_LIST_MAX 4096u

struct docker_reader {
	struct arena *a;
	struct bh_error *err;
	const struct json *place; /* the innermost value that docker_bad() was told about */
};

/* node is not null. */
typedef int docker_read_fn(struct docker_reader *r, const struct json *node, void *target);

struct docker_key {
	const char *name;
	docker_read_fn *read; /* NULL: refused unless default */
	size_t offset;
	const char *shown;   /* inspect: JSON of the default value; NULL: the key is left out */
	const char *refusal; /* with read NULL: what to say; else: documentation, may be NULL */
};

/* Record "POINTER: text" and return -EINVAL. */
int docker_bad(struct docker_reader *r, const struct json *node, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* Record a text that names the thing itself; returns code. */
int docker_refuse(struct docker_reader *r, int code, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* null, false, 0, "", [], {}. */
bool docker_is_empty(const struct json *node);
/* The same, or an object of such. */
bool docker_is_default(const struct json *node);

/* Read all members of node by the table. Keys that are in no row: refused with the nearest name if
 * strict and not default, else skipped. */
int docker_read_object(struct docker_reader *r, const struct json *node,
	const struct docker_key *keys, size_t count, bool strict, void *target);

docker_read_fn docker_read_string;  /* const char *; "" gives NULL */
docker_read_fn docker_read_bool;    /* bool */
docker_read_fn docker_read_int;     /* int64_t */
docker_read_fn docker_read_uint;    /* uint64_t */
docker_read_fn docker_read_strings; /* struct oci_strings, from an array or one string */
docker_read_fn docker_read_pairs;   /* struct docker_pairs, from an object of strings */
docker_read_fn docker_read_set;     /* struct oci_strings: the keys of an object */
docker_read_fn docker_read_console; /* uint16_t[2]: height, width */
docker_read_fn docker_read_nothing; /* accepted, no effect in the engine */

/* Copy of an absolute path without empty, "." and ".." components; NULL if it is not absolute. */
const char *docker_clean_path(struct arena *a, const char *path);
/* The name among names[count] nearest to word, for "did you mean"; NULL if none is near. */
const char *docker_nearest(const char *word, const char *const *names, size_t count);

#endif
