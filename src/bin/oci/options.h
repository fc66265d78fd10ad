// SPDX-License-Identifier: Apache-2.0
#ifndef BULKHEAD_BIN_OCI_OPTIONS_H
#define BULKHEAD_BIN_OCI_OPTIONS_H

/*
 * A parsed command line. The rules are those of runc's parser: `--name value`, `--name=value`, one
 * dash or two alike, flags take `=true` or `=false`, `--` ends the options.
 */

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/error.h"
#include "bin/oci/commands.h"

struct option_item {
	enum option_id id;
	const char *text;
};

struct options {
	const struct command_def *command; /* NULL: none was given */
	enum command_id command_id;
	const char *value[OPT_COUNT]; /* last value of OPTION_VALUE, "true" or "false" of a flag */
	struct option_item *items;    /* every occurrence, in order */
	size_t item_count;
	const char *global_rootless; /* --rootless means another thing to `spec` */
	char **args;                 /* positional arguments, NULL-terminated */
	int arg_count;
	const struct command_def *help_of; /* `help COMMAND`, `COMMAND --help` */
	bool help;
};

/* Parse argv. ret points into argv and a. -EINVAL: wrong usage; ret->command is then set as far as
 * it was known. */
int options_parse(
	int argc, char **argv, struct arena *a, struct options *ret, struct bh_error *err);
bool options_flag(const struct options *o, enum option_id id);
/* Value, or NULL if not given. */
static inline const char *options_value(const struct options *o, enum option_id id)
{
	return o->value[id];
}
/* Number of an option; ret is untouched and 0 returned if it was not given. */
int options_uint(const struct options *o, enum option_id id, uint64_t max, uint64_t *ret,
	struct bh_error *err);
int options_int(const struct options *o, enum option_id id, int64_t *ret, struct bh_error *err);
/* Bytes with a suffix (b, k, m, g, t, p, with or without "b" or "ib"), or -1. */
int options_size(const struct options *o, enum option_id id, int64_t *ret, struct bh_error *err);
/* Name of an option as given in its table, for messages. */
const char *options_name(const struct options *o, enum option_id id);

/* Whole decimal number without sign, at most max. */
int number_parse(const char *text, uint64_t max, uint64_t *ret);

/* Usage of one command, or of the program (command NULL). */
void options_usage(const struct command_def *command, struct buf *out);

#endif
