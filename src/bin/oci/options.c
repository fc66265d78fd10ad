// SPDX-License-Identifier: Apache-2.0
#include "bin/oci/options.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

struct parser {
	char **next; /* argument to look at */
	struct arena *arena;
	struct options *out;
	const struct option_def *defs;
	size_t def_count;
};

static const struct option_def *find_option(
	const struct option_def *defs, size_t count, const char *name, size_t len)
{
	for (size_t i = 0; i < count; i++) {
		if (strlen(defs[i].name) == len && memcmp(defs[i].name, name, len) == 0)
			return &defs[i];
		if (len == 1 && defs[i].short_name == name[0])
			return &defs[i];
	}
	return NULL;
}

static bool is_true(const char *text)
{
	return strcmp(text, "true") == 0 || strcmp(text, "1") == 0 || strcmp(text, "t") == 0 ||
	       strcmp(text, "T") == 0 || strcmp(text, "TRUE") == 0 || strcmp(text, "True") == 0;
}

static bool is_false(const char *text)
{
	return strcmp(text, "false") == 0 || strcmp(text, "0") == 0 || strcmp(text, "f") == 0 ||
	       strcmp(text, "F") == 0 || strcmp(text, "FALSE") == 0 || strcmp(text, "False") == 0;
}

static int store(
	struct parser *p, const struct option_def *def, const char *value, struct bh_error *err)
{
	struct options *o = p->out;

	if (def->kind == OPTION_FLAG) {
		if (value == NULL || is_true(value))
			value = "true";
		else if (is_false(value))
			value = "false";
		else
			return bh_fail(err, -EINVAL, "invalid boolean value \"%s\" for --%s", value,
				def->name);
	}
	o->value[def->id] = value;
	o->items[o->item_count++] = (struct option_item){def->id, value};
	return 0;
}

/* One argument that starts with '-'. */
static int parse_option(struct parser *p, struct bh_error *err)
{
	const char *arg = *p->next++;
	const char *name = arg + (arg[1] == '-' ? 2 : 1);
	size_t len = strcspn(name, "=");
	const char *value = name[len] == '=' ? name + len + 1 : NULL;
	const struct option_def *def = find_option(p->defs, p->def_count, name, len);

	if (def == NULL &&
		((len == 4 && memcmp(name, "help", 4) == 0) || (len == 1 && *name == 'h'))) {
		p->out->help = true;
		return 0;
	}
	if (def == NULL)
		return bh_fail(
			err, -EINVAL, "flag provided but not defined: -%.*s", (int)len, name);
	if (def->kind == OPTION_REFUSED)
		return bh_fail(err, -ENOTSUP, "--%s is refused: %s", def->name, def->help);
	if (def->kind != OPTION_FLAG && value == NULL) {
		if (*p->next == NULL)
			return bh_fail(err, -EINVAL, "flag needs an argument: -%s", def->name);
		value = *p->next++;
	}
	return store(p, def, value, err);
}

static bool looks_like_option(const char *arg)
{
	return arg[0] == '-' && arg[1] != '\0';
}

/* Options until the first positional argument, or (interleaved) all of them; positional arguments
 * are collected in out->args. */
static int parse_arguments(struct parser *p, bool interleaved, struct bh_error *err)
{
	struct options *o = p->out;

	while (*p->next != NULL) {
		int r;

		if (strcmp(*p->next, "--") == 0) {
			p->next++;
			break;
		}
		if (!looks_like_option(*p->next)) {
			if (!interleaved)
				break;
			o->args[o->arg_count++] = *p->next++;
			continue;
		}
		r = parse_option(p, err);
		if (r < 0)
			return r;
	}
	return 0;
}

static int find_command(const char *name, enum command_id *ret)
{
	for (unsigned int i = 0; i < COMMAND_COUNT; i++) {
		if (strcmp(commands[i].name, name) == 0) {
			*ret = (enum command_id)i;
			return 0;
		}
	}
	return -ENOENT;
}

static int check_arguments(const struct options *o, struct bh_error *err)
{
	const struct command_def *c = o->command;

	if (o->arg_count < c->min_args)
		return bh_fail(err, -EINVAL, "\"%s\" requires %s%d argument(s)", c->name,
			c->min_args == c->max_args ? "exactly " : "a minimum of ", c->min_args);
	if (c->max_args >= 0 && o->arg_count > c->max_args)
		return bh_fail(err, -EINVAL, "\"%s\" requires %s%d argument(s)", c->name,
			c->min_args == c->max_args ? "exactly " : "a maximum of ", c->max_args);
	return 0;
}

static int parse_help(struct parser *p, struct bh_error *err)
{
	struct options *o = p->out;
	enum command_id id;

	o->help = true;
	if (*p->next == NULL)
		return 0;
	if (find_command(*p->next, &id) < 0)
		return bh_fail(err, -EINVAL, "no help topic for \"%s\"", *p->next);
	o->help_of = &commands[id];
	return 0;
}

static int parse_command(struct parser *p, struct bh_error *err)
{
	struct options *o = p->out;
	const struct command_def *c = &commands[o->command_id];
	int r;

	o->command = o->help_of = c;
	if (c->refused != NULL && *p->next != NULL &&
		(strcmp(*p->next, "--help") == 0 || strcmp(*p->next, "-h") == 0)) {
		o->help = true;
		return 0;
	}
	if (c->refused != NULL)
		return bh_fail(err, -ENOTSUP, "%s is refused: %s", c->name, c->refused);
	p->defs = c->options;
	p->def_count = c->option_count;
	r = parse_arguments(p, !c->stop_at_positional, err);
	if (r < 0)
		return r;
	while (*p->next != NULL)
		o->args[o->arg_count++] = *p->next++;
	return o->help ? 0 : check_arguments(o, err);
}

int options_parse(int argc, char **argv, struct arena *a, struct options *ret, struct bh_error *err)
{
	struct parser p = {
		.next = argv + (argc > 0 ? 1 : 0),
		.arena = a,
		.out = ret,
		.defs = global_options,
		.def_count = global_option_count,
	};
	int r;

	*ret = (struct options){0};
	ret->items = arena_calloc(a, (size_t)argc + 1, sizeof(*ret->items));
	ret->args = arena_calloc(a, (size_t)argc + 1, sizeof(*ret->args));
	if (ret->items == NULL || ret->args == NULL)
		return bh_fail(err, -ENOMEM, "too many arguments");
	r = parse_arguments(&p, false, err);
	if (r < 0)
		return r;
	ret->help = ret->help || options_flag(ret, OPT_HELP);
	ret->global_rootless = ret->value[OPT_ROOTLESS];
	ret->value[OPT_ROOTLESS] = NULL;
	if (ret->help || options_flag(ret, OPT_VERSION))
		return 0;
	if (*p.next == NULL) {
		ret->help = true;
		return 0;
	}
	if (strcmp(*p.next, "help") == 0 || strcmp(*p.next, "h") == 0) {
		p.next++;
		return parse_help(&p, err);
	}
	if (find_command(*p.next, &ret->command_id) < 0)
		return bh_fail(err, -EINVAL, "no such command: \"%s\"", *p.next);
	p.next++;
	return parse_command(&p, err);
}

bool options_flag(const struct options *o, enum option_id id)
{
	return o->value[id] != NULL && strcmp(o->value[id], "true") == 0;
}

const char *options_name(const struct options *o, enum option_id id)
{
	for (size_t i = 0; o->command != NULL && i < o->command->option_count; i++) {
		if (o->command->options[i].id == id)
			return o->command->options[i].name;
	}
	for (size_t i = 0; i < global_option_count; i++) {
		if (global_options[i].id == id)
			return global_options[i].name;
	}
	return "?";
}

int number_parse(const char *text, uint64_t max, uint64_t *ret)
{
	uint64_t v = 0;

	if (*text == '\0')
		return -EINVAL;
	for (; *text != '\0'; text++) {
		if (*text < '0' || *text > '9')
			return -EINVAL;
		if (__builtin_mul_overflow(v, 10u, &v) ||
			__builtin_add_overflow(v, (uint64_t)(*text - '0'), &v))
			return -ERANGE;
	}
	if (v > max)
		return -ERANGE;
	*ret = v;
	return 0;
}

static int bad_value(const struct options *o, enum option_id id, int r, struct bh_error *err)
{
	return bh_fail(err, r, "invalid value \"%s\" for --%s%s", o->value[id], options_name(o, id),
		r == -ERANGE ? ": out of range" : "");
}

int options_uint(const struct options *o, enum option_id id, uint64_t max, uint64_t *ret,
	struct bh_error *err)
{
	int r = o->value[id] == NULL ? 0 : number_parse(o->value[id], max, ret);

	return r < 0 ? bad_value(o, id, r, err) : 0;
}

int options_int(const struct options *o, enum option_id id, int64_t *ret, struct bh_error *err)
{
	const char *text = o->value[id];
	bool negative = text != NULL && text[0] == '-';
	uint64_t v;
	int r;

	if (text == NULL)
		return 0;
	r = number_parse(text + negative, INT64_MAX, &v);
	if (r < 0)
		return bad_value(o, id, r, err);
	*ret = negative ? -(int64_t)v : (int64_t)v;
	return 0;
}

/* Power of 1024 that a suffix stands for; -1: unknown. */
static int suffix_power(const char *s)
{
	static const char letters[] = "bkmgtp";
	const char *at;

	if (*s == '\0')
		return 0;
	at = strchr(letters, tolower((unsigned char)*s));
	if (at == NULL)
		return -1;
	s++;
	if (at != letters && tolower((unsigned char)s[0]) == 'i' &&
		tolower((unsigned char)s[1]) == 'b')
		s += 2;
	else if (at != letters && tolower((unsigned char)s[0]) == 'b')
		s++;
	return *s == '\0' ? (int)(at - letters) : -1;
}

/* Digits, at most three of a fraction, an optional suffix. */
static int size_parse(const char *text, int64_t *ret)
{
	uint64_t whole = 0, thousandths = 0, step = 100, v;
	int power;

	if (*text < '0' || *text > '9')
		return -EINVAL;
	for (; *text >= '0' && *text <= '9'; text++) {
		if (__builtin_mul_overflow(whole, 10u, &whole) ||
			__builtin_add_overflow(whole, (uint64_t)(*text - '0'), &whole))
			return -ERANGE;
	}
	if (*text == '.') {
		for (text++; *text >= '0' && *text <= '9'; text++, step /= 10)
			thousandths += step * (uint64_t)(*text - '0');
	}
	while (*text == ' ')
		text++;
	power = suffix_power(text);
	if (power < 0)
		return -EINVAL;
	for (v = 1; power > 0; power--)
		v *= 1024;
	if (__builtin_mul_overflow(whole, v, &whole) ||
		__builtin_add_overflow(whole, v * thousandths / 1000, &whole) || whole > INT64_MAX)
		return -ERANGE;
	*ret = (int64_t)whole;
	return 0;
}

int options_size(const struct options *o, enum option_id id, int64_t *ret, struct bh_error *err)
{
	int r;

	if (o->value[id] == NULL)
		return 0;
	if (strcmp(o->value[id], "-1") == 0) {
		*ret = -1;
		return 0;
	}
	r = size_parse(o->value[id], ret);
	return r < 0 ? bad_value(o, id, r, err) : 0;
}

static void print_option(const struct option_def *def, struct buf *out)
{
	char name[80];

	(void)snprintf(name, sizeof(name), "--%s%s%s%s%s", def->name, def->value ? " " : "",
		def->value ? def->value : "", def->short_name ? ", -" : "",
		def->short_name ? (char[]){def->short_name, '\0'} : "");
	(void)buf_printf(out, "  %-34s %s%s\n", name,
		def->kind == OPTION_REFUSED ? "refused: " : "", def->help);
}

static void print_options(
	const char *title, const struct option_def *defs, size_t count, struct buf *out)
{
	if (count == 0)
		return;
	(void)buf_printf(out, "\n%s:\n", title);
	for (size_t i = 0; i < count; i++)
		print_option(&defs[i], out);
}

void options_usage(const struct command_def *command, struct buf *out)
{
	if (command != NULL) {
		(void)buf_printf(out, "Usage: bulkhead-oci %s%s%s%s\n\n%s\n", command->name,
			command->option_count > 0 ? " [OPTION...]" : "",
			command->arguments[0] != '\0' ? " " : "", command->arguments,
			command->refused != NULL ? command->refused : command->summary);
		print_options("Options", command->options, command->option_count, out);
		return;
	}
	(void)buf_puts(out,
		"Usage: bulkhead-oci [GLOBAL OPTION...] COMMAND [OPTION...] [ARG...]\n\n"
		"Runs containers from OCI bundles.\n\nCommands:\n");
	for (unsigned int i = 0; i < COMMAND_COUNT; i++)
		(void)buf_printf(out, "  %-12s %s\n", commands[i].name, commands[i].summary);
	print_options("Global options", global_options, global_option_count, out);
}
