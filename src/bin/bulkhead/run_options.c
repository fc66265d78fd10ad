// SPDX-License-Identifier: Apache-2.0
#include "bin/bulkhead/run_options.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/fd.h"
#include "base/mem.h"

enum kind {
	FLAG, /* bool */
	TEXT, /* const char * */
	LIST, /* struct run_list */
};

struct option_row {
	char letter; /* 0: none */
	const char *name;
	enum kind kind;
	size_t offset;
	bool exec; /* `exec` has it too */
};

#define ROW(letter, name, kind, member, exec)                                                      \
	{                                                                                          \
		letter, name, kind, offsetof(struct run_options, member), exec                     \
	}

static const struct option_row rows[] = {
	ROW('i', "interactive", FLAG, interactive, true),
	ROW('t', "tty", FLAG, tty, true),
	ROW('d', "detach", FLAG, detach, true),
	ROW(0, "rm", FLAG, remove, false),
	ROW(0, "read-only", FLAG, read_only, false),
	ROW(0, "privileged", FLAG, privileged, true),
	ROW(0, "name", TEXT, name, false),
	ROW('u', "user", TEXT, user, true),
	ROW('w', "workdir", TEXT, workdir, true),
	ROW('h', "hostname", TEXT, hostname, false),
	ROW(0, "network", TEXT, network, false),
	ROW(0, "isolation", TEXT, isolation, false),
	ROW(0, "entrypoint", TEXT, entrypoint, false),
	ROW(0, "stop-signal", TEXT, stop_signal, false),
	ROW('m', "memory", TEXT, memory, false),
	ROW(0, "cpus", TEXT, cpus, false),
	ROW(0, "pids-limit", TEXT, pids_limit, false),
	ROW('e', "env", LIST, env, true),
	ROW('l', "label", LIST, labels, false),
	ROW('v', "volume", LIST, volumes, false),
	ROW(0, "tmpfs", LIST, tmpfs, false),
	ROW(0, "cap-add", LIST, cap_add, false),
	ROW(0, "cap-drop", LIST, cap_drop, false),
	ROW(0, "security-opt", LIST, security, false),
};

struct parser {
	const char *command;
	int argc, i;
	char **argv;
	struct run_options *out;
	bool exec;
};

static void *member(const struct parser *p, const struct option_row *row)
{
	return (char *)p->out + row->offset;
}

static int set_value(struct parser *p, const struct option_row *row, const char *value)
{
	if (row->kind == TEXT) {
		*(const char **)member(p, row) = value;
	} else {
		struct run_list *list = member(p, row);

		if (list->count == RUN_LIST_MAX)
			return cli_usage(p->command, "too many --%s", row->name);
		list->items[list->count++] = value;
	}
	return 0;
}

static int set_flag(struct parser *p, const struct option_row *row, const char *value)
{
	*(bool *)member(p, row) = value == NULL || strcmp(value, "true") == 0;
	if (value != NULL && strcmp(value, "true") != 0 && strcmp(value, "false") != 0)
		return cli_usage(p->command, "--%s is true or false", row->name);
	return 0;
}

static int parse_long(struct parser *p, const char *text)
{
	size_t len = strcspn(text, "=");
	const char *value = text[len] == '=' ? text + len + 1 : NULL;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct option_row *row = &rows[i];

		if (strlen(row->name) != len || memcmp(row->name, text, len) != 0 ||
			(p->exec && !row->exec))
			continue;
		if (row->kind == FLAG)
			return set_flag(p, row, value);
		if (value == NULL && p->i + 1 >= p->argc)
			return cli_usage(p->command, "--%s needs a value", row->name);
		return set_value(p, row, value != NULL ? value : p->argv[++p->i]);
	}
	return cli_usage(p->command, "unknown option --%.*s", (int)len, text);
}

static const struct option_row *find_letter(const struct parser *p, char letter)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (rows[i].letter == letter && (!p->exec || rows[i].exec))
			return &rows[i];
	return NULL;
}

/* "-it", "-e X", "-eX" */
static int parse_short(struct parser *p, const char *text)
{
	int r = 0;

	for (; r == 0 && *text != '\0'; text++) {
		const struct option_row *row = find_letter(p, *text);

		if (row == NULL)
			return cli_usage(p->command, "unknown option -%c", *text);
		if (row->kind == FLAG) {
			r = set_flag(p, row, NULL);
			continue;
		}
		if (text[1] != '\0')
			return set_value(p, row, text + 1 + (text[1] == '='));
		if (p->i + 1 >= p->argc)
			return cli_usage(p->command, "-%c needs a value", row->letter);
		return set_value(p, row, p->argv[++p->i]);
	}
	return r;
}

static int parse(struct parser *p)
{
	int r = 0;

	for (p->i = 1;
		r == 0 && p->i < p->argc && p->argv[p->i][0] == '-' && p->argv[p->i][1] != '\0';
		p->i++) {
		const char *a = p->argv[p->i];

		if (strcmp(a, "--") == 0) {
			p->i++;
			break;
		}
		r = a[1] == '-' ? parse_long(p, a + 2) : parse_short(p, a + 1);
	}
	if (r != 0)
		return r;
	if (p->i >= p->argc)
		return cli_usage(p->command, "%s is missing", p->exec ? "CONTAINER" : "IMAGE");
	p->out->image = p->argv[p->i];
	p->out->command = p->argv + p->i + 1;
	return 0;
}

int run_options_parse(int argc, char **argv, struct run_options *ret)
{
	struct parser p = {argv[0], argc, 0, argv, ret, false};

	return parse(&p);
}

int exec_options_parse(int argc, char **argv, struct run_options *ret)
{
	struct parser p = {argv[0], argc, 0, argv, ret, true};
	int r = parse(&p);

	if (r == 0 && ret->command[0] == NULL)
		return cli_usage(argv[0], "COMMAND is missing");
	return r;
}

/* ---- bodies ---- */

static void put_command(struct json_writer *w, char *const *command)
{
	json_key(w, "Cmd");
	if (command[0] == NULL) {
		json_put_null(w);
		return;
	}
	json_begin_array(w);
	for (size_t i = 0; command[i] != NULL; i++)
		json_put_string(w, command[i]);
	json_end_array(w);
}

static void put_list(struct json_writer *w, const char *key, const struct run_list *list)
{
	json_key(w, key);
	json_begin_array(w);
	for (size_t i = 0; i < list->count; i++)
		json_put_string(w, list->items[i]);
	json_end_array(w);
}

/* "NAME" alone takes the value from our own environment, if it is there. */
static void put_env(struct json_writer *w, const struct run_list *list)
{
	json_key(w, "Env");
	json_begin_array(w);
	for (size_t i = 0; i < list->count; i++) {
		const char *value =
			strchr(list->items[i], '=') == NULL ? getenv(list->items[i]) : NULL;
		_cleanup_buf_ struct buf text = {0};

		buf_init(&text, 1u << 20);
		buf_puts(&text, list->items[i]);
		if (value != NULL)
			buf_printf(&text, "=%s", value);
		json_put_string(w, buf_str(&text));
	}
	json_end_array(w);
}

/* KEY=VALUE (labels) or PATH:OPTIONS (tmpfs) as an object. */
static void put_pairs(struct json_writer *w, struct cli *cli, const char *key,
	const struct run_list *list, char at)
{
	json_key(w, key);
	json_begin_object(w);
	for (size_t i = 0; i < list->count; i++) {
		const char *split = strchr(list->items[i], at);
		size_t len =
			split != NULL ? (size_t)(split - list->items[i]) : strlen(list->items[i]);
		const char *name = arena_strndup(cli->arena, list->items[i], len);

		json_member_string(w, name != NULL ? name : "", split != NULL ? split + 1 : "");
	}
	json_end_object(w);
}

/* seccomp=FILE is sent as the file's content, as docker does. */
static int put_security(struct json_writer *w, struct cli *cli, const struct run_list *list)
{
	json_key(w, "SecurityOpt");
	json_begin_array(w);
	for (size_t i = 0; i < list->count; i++) {
		const char *item = list->items[i];
		_cleanup_buf_ struct buf text = {0};
		int r;

		buf_init(&text, 1u << 20);
		if (strncmp(item, "seccomp=", 8) == 0 && strcmp(item + 8, "unconfined") != 0 &&
			strcmp(item + 8, "builtin") != 0) {
			buf_puts(&text, "seccomp=");
			r = fd_read_file(AT_FDCWD, item + 8, &text);
			if (r < 0)
				return bh_fail_errno(&cli->err, r, "seccomp profile %s", item + 8);
		} else {
			buf_puts(&text, item);
		}
		json_put_string(w, buf_str(&text));
	}
	json_end_array(w);
	return 0;
}

/* "512m" as docker has it */
static int parse_bytes(struct cli *cli, const char *text, int64_t *ret)
{
	static const char units[] = "bkmg";
	char *end;
	unsigned long long n = strtoull(text, &end, 10);
	const char *unit = *end != '\0' ? strchr(units, *end | 0x20) : units;

	if (end == text || unit == NULL || (*end != '\0' && end[1] != '\0') || n > (1ULL << 33))
		return bh_fail(&cli->err, -EINVAL, "invalid size \"%s\"", text);
	*ret = (int64_t)(n << (10 * (unit - units)));
	return 0;
}

static int put_limits(struct json_writer *w, struct cli *cli, const struct run_options *o)
{
	int64_t bytes = 0;
	char *end;

	if (o->memory != NULL) {
		if (parse_bytes(cli, o->memory, &bytes) < 0)
			return -EINVAL;
		json_member_int(w, "Memory", bytes);
	}
	if (o->cpus != NULL) {
		double cpus = strtod(o->cpus, &end);

		if (*end != '\0' || !(cpus > 0 && cpus < 10000))
			return bh_fail(&cli->err, -EINVAL, "invalid --cpus \"%s\"", o->cpus);
		json_member_int(w, "NanoCpus", (int64_t)(cpus * 1e9));
	}
	if (o->pids_limit != NULL) {
		long n = strtol(o->pids_limit, &end, 10);

		if (*end != '\0' || end == o->pids_limit)
			return bh_fail(
				&cli->err, -EINVAL, "invalid --pids-limit \"%s\"", o->pids_limit);
		json_member_int(w, "PidsLimit", n);
	}
	return 0;
}

static int put_host_config(struct json_writer *w, struct cli *cli, const struct run_options *o)
{
	int r;

	json_key(w, "HostConfig");
	json_begin_object(w);
	json_member_bool(w, "AutoRemove", o->remove);
	json_member_bool(w, "ReadonlyRootfs", o->read_only);
	json_member_bool(w, "Privileged", o->privileged);
	json_member_string(w, "NetworkMode", o->network != NULL ? o->network : "default");
	json_member_string(w, "Isolation", o->isolation != NULL ? o->isolation : "");
	put_list(w, "Binds", &o->volumes);
	put_list(w, "CapAdd", &o->cap_add);
	put_list(w, "CapDrop", &o->cap_drop);
	put_pairs(w, cli, "Tmpfs", &o->tmpfs, ':');
	r = put_security(w, cli, &o->security);
	if (r == 0)
		r = put_limits(w, cli, o);
	if (r == 0)
		json_end_object(w);
	return r;
}

static void put_text(struct json_writer *w, const char *key, const char *text)
{
	if (text != NULL)
		json_member_string(w, key, text);
}

int run_options_body(struct cli *cli, const struct run_options *o, struct buf *out)
{
	struct json_writer w = JSON_WRITER(out);
	int r;

	json_begin_object(&w);
	json_member_string(&w, "Image", o->image);
	put_command(&w, o->command);
	if (o->entrypoint != NULL) {
		json_key(&w, "Entrypoint");
		json_begin_array(&w);
		json_put_string(&w, o->entrypoint);
		json_end_array(&w);
	}
	put_text(&w, "User", o->user);
	put_text(&w, "WorkingDir", o->workdir);
	put_text(&w, "Hostname", o->hostname);
	put_text(&w, "StopSignal", o->stop_signal);
	json_member_bool(&w, "Tty", o->tty);
	json_member_bool(&w, "OpenStdin", o->interactive);
	json_member_bool(&w, "StdinOnce", o->interactive && !o->detach);
	json_member_bool(&w, "AttachStdin", o->interactive && !o->detach);
	json_member_bool(&w, "AttachStdout", !o->detach);
	json_member_bool(&w, "AttachStderr", !o->detach);
	put_env(&w, &o->env);
	put_pairs(&w, cli, "Labels", &o->labels, '=');
	r = put_host_config(&w, cli, o);
	if (r < 0)
		return r;
	json_end_object(&w);
	r = buf_status(out);
	return r < 0 ? bh_fail(&cli->err, r, "the request is too large") : 0;
}

int exec_options_body(const struct run_options *o, struct buf *out)
{
	struct json_writer w = JSON_WRITER(out);

	json_begin_object(&w);
	put_command(&w, o->command);
	put_text(&w, "User", o->user);
	put_text(&w, "WorkingDir", o->workdir);
	put_env(&w, &o->env);
	json_member_bool(&w, "Tty", o->tty);
	json_member_bool(&w, "Privileged", o->privileged);
	json_member_bool(&w, "AttachStdin", o->interactive && !o->detach);
	json_member_bool(&w, "AttachStdout", !o->detach);
	json_member_bool(&w, "AttachStderr", !o->detach);
	json_end_object(&w);
	return buf_status(out);
}
