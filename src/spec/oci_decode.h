// SPDX-License-Identifier: Apache-2.0
#ifndef BULKHEAD_SPEC_OCI_DECODE_H
#define BULKHEAD_SPEC_OCI_DECODE_H

/*
 * Inside of the decoder of config.json. Each object of the specification is one table of fields:
 * its JSON name, where it goes in the C structure and how, or why it is refused. The tables are
 * data: oci_decode_object() reads documents by them, tests/tools print them and hold them against
 * the specification's schema. A null member is an absent member.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/json.h"
#include "spec/oci.h"
#include "spec/oci_names.h"

/* Most elements of any list in a document, where no smaller limit is stated. */
#define OCI_LIST_MAX 65536u

struct oci_decoder {
	struct arena *arena;
	struct bh_error *err;
	const char *warnings[OCI_WARNINGS_MAX + 1];
	size_t warning_count;
};

/* Read node (never null) into target, a pointer to the member the table names. */
typedef int oci_decode_fn(struct oci_decoder *d, const struct json *node, void *target);

enum oci_field_kind {
	OCI_FIELD_VALUE,   /* decode() at offset */
	OCI_FIELD_OBJECT,  /* object at offset */
	OCI_FIELD_LIST,    /* array of object: pointer at offset, count right behind it */
	OCI_FIELD_MAP,     /* like LIST from an object's members; the element sees node->key */
	OCI_FIELD_REFUSED, /* defined by the specification, never enforced here: reason */
};

struct oci_object;

struct oci_field {
	const char *name;
	enum oci_field_kind kind;
	bool required;
	oci_decode_fn *decode;
	size_t offset;
	const struct oci_object *object; /* of the value, or of each element where max is set */
	size_t max;                      /* most elements */
	const char *reason;              /* of a REFUSED */
	bool even_empty;                 /* REFUSED: an empty value would have an effect as well */
};

struct oci_object {
	const struct oci_field *fields;
	size_t count;
	size_t size;          /* of the C structure, for lists */
	oci_decode_fn *check; /* after the fields, on the whole structure; may be NULL */
};

#define OCI_VALUE(json_name, fn, type, member)                                                     \
	{                                                                                          \
		.name = (json_name), .kind = OCI_FIELD_VALUE, .decode = (fn),                      \
		.offset = offsetof(type, member)                                                   \
	}
#define OCI_NEED(json_name, fn, type, member)                                                      \
	{                                                                                          \
		.name = (json_name), .kind = OCI_FIELD_VALUE, .required = true, .decode = (fn),    \
		.offset = offsetof(type, member)                                                   \
	}
/* A value decoder that gets the structure that holds the table's members. */
#define OCI_WHOLE(json_name, fn)                                                                   \
	{                                                                                          \
		.name = (json_name), .kind = OCI_FIELD_VALUE, .decode = (fn), .offset = 0          \
	}
/* The same, for an array whose elements have the table obj. */
#define OCI_WHOLE_OF(json_name, fn, obj, most)                                                     \
	{                                                                                          \
		.name = (json_name), .kind = OCI_FIELD_VALUE, .decode = (fn), .object = (obj),     \
		.max = (most)                                                                      \
	}
/* An object whose members lie in the structure around it. */
#define OCI_INLINE(json_name, obj)                                                                 \
	{                                                                                          \
		.name = (json_name), .kind = OCI_FIELD_OBJECT, .object = (obj), .offset = 0        \
	}
#define OCI_OBJECT(json_name, obj, type, member)                                                   \
	{                                                                                          \
		.name = (json_name), .kind = OCI_FIELD_OBJECT, .object = (obj),                    \
		.offset = offsetof(type, member)                                                   \
	}
#define OCI_LIST(json_name, obj, most, type, member)                                               \
	{                                                                                          \
		.name = (json_name), .kind = OCI_FIELD_LIST, .object = (obj), .max = (most),       \
		.offset = offsetof(type, member)                                                   \
	}
#define OCI_MAP(json_name, obj, most, type, member)                                                \
	{                                                                                          \
		.name = (json_name), .kind = OCI_FIELD_MAP, .object = (obj), .max = (most),        \
		.offset = offsetof(type, member)                                                   \
	}
#define OCI_REFUSED(json_name, why)                                                                \
	{                                                                                          \
		.name = (json_name), .kind = OCI_FIELD_REFUSED, .reason = (why)                    \
	}

/* The generic part. */
int oci_decode_object(struct oci_decoder *d, const struct json *node,
	const struct oci_object *object, void *target);
/* Fail with "POINTER: text"; node NULL is the document itself. */
int oci_refuse(struct oci_decoder *d, const struct json *node, int code, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
int oci_no_memory(struct oci_decoder *d);
/* Add "POINTER: text" to the warnings. */
int oci_warn(struct oci_decoder *d, const struct json *node, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* Hand over the warnings collected so far. */
int oci_take_warnings(struct oci_decoder *d, struct oci_strings *ret);
int oci_expect(struct oci_decoder *d, const struct json *node, enum json_type type);
/* Integer between low and high. */
int oci_integer(
	struct oci_decoder *d, const struct json *node, int64_t low, int64_t high, int64_t *ret);

/* Value of the string node in names; refused with "is not a known WHAT". */
int oci_by_name(struct oci_decoder *d, const struct json *node, const struct oci_names *names,
	uint64_t *ret);

/* Value decoders; the comment names the target's type. */
oci_decode_fn oci_decode_bool;          /* bool */
oci_decode_fn oci_decode_int32;         /* int32_t */
oci_decode_fn oci_decode_uint32;        /* uint32_t */
oci_decode_fn oci_decode_id;            /* uint32_t, not 2^32 - 1 */
oci_decode_fn oci_decode_uint64;        /* uint64_t */
oci_decode_fn oci_decode_optional_int;  /* struct oci_optional_int */
oci_decode_fn oci_decode_optional_uint; /* struct oci_optional_uint */
oci_decode_fn oci_decode_string;        /* const char *, "" is absent */
oci_decode_fn oci_decode_text;          /* const char *, "" is kept */
oci_decode_fn oci_decode_path;          /* const char *, absolute, shorter than PATH_MAX */
oci_decode_fn oci_decode_strings;       /* struct oci_strings */
oci_decode_fn oci_decode_paths;         /* struct oci_strings, each absolute */
oci_decode_fn oci_decode_env;           /* struct oci_strings, each NAME=value */
oci_decode_fn oci_decode_pairs;         /* const struct oci_pair *, size_t: a map of strings */
oci_decode_fn oci_decode_cpu_list;      /* const char *, "0-3,7" */

/* The objects. */
extern const struct oci_object oci_object_config;
extern const struct oci_object oci_object_process;
extern const struct oci_object oci_object_linux;
extern const struct oci_object oci_object_mount;
extern const struct oci_object oci_object_resources;
extern const struct oci_object oci_object_seccomp;
extern const struct oci_object oci_object_hooks;
extern const struct oci_object oci_object_id_map;

/* Overlaps and the kernel's limits of an id map. */
int oci_check_id_maps(
	struct oci_decoder *d, const struct json *node, const struct oci_id_maps *maps);
/* Rules between objects: namespaces against what needs them. */
int oci_check_config(struct oci_decoder *d, const struct json *tree, const struct oci_config *c);

#endif
