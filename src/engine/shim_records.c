// SPDX-License-Identifier: Apache-2.0

/* The files of a container's directory and the readiness message: see shim_protocol.h. */

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <time.h>

#include "base/fd.h"
#include "base/mem.h"
#include "engine/shim_protocol.h"

static const char *const LOG_DRIVERS[] = {
	[SHIM_LOG_NONE] = "none",
	[SHIM_LOG_JSON_FILE] = "json-file",
};
static_assert(ARRAY_SIZE(LOG_DRIVERS) == SHIM_LOG_JSON_FILE + 1, "one row for each driver");

static const char *text_or_empty(const struct json *obj, const char *key)
{
	const char *s = json_get_string(obj, key);

	return s != NULL ? s : "";
}

static uint64_t uint_or_zero(const struct json *obj, const char *key)
{
	const struct json *node = json_get(obj, key);
	uint64_t v = 0;

	if (node != NULL)
		(void)json_uint64(node, &v);
	return v;
}

static int parse_object(const char *text, size_t len, struct arena *a, const char *what,
	const struct json **ret, struct bh_error *err)
{
	const struct json *root;
	int r = json_parse(text, len, a, &root, err);

	if (r < 0)
		return bh_wrap(err, "%s", what);
	if (root->type != JSON_OBJECT)
		return bh_fail(err, -EINVAL, "%s: not an object", what);
	*ret = root;
	return 0;
}

static int load_object(
	int dirfd, const char *name, struct arena *a, const struct json **ret, struct bh_error *err)
{
	_cleanup_buf_ struct buf text;
	int r;

	buf_init(&text, SHIM_FILE_MAX);
	r = fd_read_file(dirfd, name, &text);
	if (r < 0)
		return bh_fail_errno(err, r, "read %s", name);
	return parse_object(buf_str(&text), text.len, a, name, ret, err);
}

/* ---- options.json ---- */

static int decode_log(const struct json *log, struct shim_options *o, struct bh_error *err)
{
	const char *driver = json_get_string(log, "driver");
	int64_t files = json_get_int(log, "max_file", 1);
	size_t i = 0;

	while (i < ARRAY_SIZE(LOG_DRIVERS) &&
		(driver == NULL || strcmp(driver, LOG_DRIVERS[i]) != 0))
		i++;
	if (i == ARRAY_SIZE(LOG_DRIVERS))
		return bh_fail(err, -ENOTSUP, "/log/driver: not \"json-file\" or \"none\"");
	o->log_driver = (enum shim_log_driver)i;
	o->log_path = json_get_string(log, "path");
	if (o->log_driver == SHIM_LOG_JSON_FILE && (o->log_path == NULL || o->log_path[0] != '/'))
		return bh_fail(err, -EINVAL, "/log/path: not an absolute path");
	if (files < 1 || files > 1000)
		return bh_fail(err, -EINVAL, "/log/max_file: not a number from 1 to 1000");
	o->log_max_file = (uint32_t)files;
	o->log_max_size = uint_or_zero(log, "max_size");
	return 0;
}

int shim_options_decode(
	const struct json *tree, struct arena *a, struct shim_options *ret, struct bh_error *err)
{
	struct shim_options o = {0};
	int64_t stall = json_get_int(tree, "stall_ms", 0);
	int r;

	o.id = json_get_string(tree, "id");
	if (o.id == NULL || o.id[0] == '\0' || strlen(o.id) > SHIM_ID_MAX)
		return bh_fail(err, -EINVAL, "/id: not a string of 1 to %d bytes", SHIM_ID_MAX);
	o.bundle = json_get_string(tree, "bundle");
	if (o.bundle == NULL || o.bundle[0] != '/')
		return bh_fail(err, -EINVAL, "/bundle: not an absolute path");
	if (stall < 0 || stall > INT32_MAX)
		return bh_fail(err, -EINVAL, "/stall_ms: out of range");
	o.stall_ms = stall != 0 ? (uint32_t)stall : SHIM_STALL_DEFAULT_MS;
	o.open_stdin = json_get_bool(tree, "open_stdin", false);
	o.stdin_once = json_get_bool(tree, "stdin_once", false);
	o.root_fd = json_get_bool(tree, "root_fd", false);
	o.systemd_cgroup = json_get_bool(tree, "systemd_cgroup", false);
	o.no_new_keyring = json_get_bool(tree, "no_new_keyring", false);
	o.no_pivot = json_get_bool(tree, "no_pivot", false);
	r = decode_log(json_get(tree, "log"), &o, err);
	if (r < 0)
		return r;
	*ret = o;
	return 0;
}

int shim_options_encode(const struct shim_options *o, struct buf *out)
{
	struct json_writer w = JSON_WRITER(out);

	json_begin_object(&w);
	json_member_string(&w, "id", o->id);
	json_member_string(&w, "bundle", o->bundle);
	json_member_bool(&w, "open_stdin", o->open_stdin);
	json_member_bool(&w, "stdin_once", o->stdin_once);
	json_member_bool(&w, "root_fd", o->root_fd);
	json_member_bool(&w, "systemd_cgroup", o->systemd_cgroup);
	json_member_bool(&w, "no_new_keyring", o->no_new_keyring);
	json_member_bool(&w, "no_pivot", o->no_pivot);
	json_member_int(&w, "stall_ms", o->stall_ms);
	json_key(&w, "log");
	json_begin_object(&w);
	json_member_string(&w, "driver", LOG_DRIVERS[o->log_driver]);
	json_member_string(&w, "path", o->log_path);
	json_key(&w, "max_size");
	json_put_uint(&w, o->log_max_size);
	json_member_int(&w, "max_file", o->log_max_file > 0 ? o->log_max_file : 1);
	json_end_object(&w);
	json_end_object(&w);
	return buf_status(out);
}

int shim_options_load(int dirfd, struct arena *a, struct shim_options *ret, struct bh_error *err)
{
	const struct json *root;
	int r = load_object(dirfd, SHIM_OPTIONS_FILE, a, &root, err);

	if (r < 0)
		return r;
	r = shim_options_decode(root, a, ret, err);
	return r < 0 ? bh_wrap(err, "%s", SHIM_OPTIONS_FILE) : 0;
}

/* ---- readiness ---- */

int shim_ready_decode(
	const char *text, size_t len, struct arena *a, struct shim_ready *ret, struct bh_error *err)
{
	struct shim_ready ready = {0};
	const struct json *root;
	int64_t code, pid;
	int r = parse_object(text, len, a, "readiness message", &root, err);

	if (r < 0)
		return r;
	code = json_get_int(root, "code", 0);
	pid = json_get_int(root, "pid", 0);
	if (code > 0 || code < -4095 || pid < 0 || pid > INT32_MAX || (code == 0 && pid == 0))
		return bh_fail(err, -EINVAL, "readiness message: numbers out of range");
	ready.code = (int)code;
	ready.pid = (pid_t)pid;
	ready.text = text_or_empty(root, "text");
	ready.start_time = uint_or_zero(root, "start_time");
	*ret = ready;
	return 0;
}

int shim_ready_encode(const struct shim_ready *ready, struct buf *out)
{
	struct json_writer w = JSON_WRITER(out);

	json_begin_object(&w);
	json_member_int(&w, "code", ready->code);
	json_member_string(&w, "text", ready->text != NULL ? ready->text : "");
	json_member_int(&w, "pid", ready->pid);
	json_key(&w, "start_time");
	json_put_uint(&w, ready->start_time);
	json_end_object(&w);
	return buf_status(out);
}

/* ---- exit.json ---- */

int shim_exit_decode(const struct json *tree, struct shim_exit *ret, struct bh_error *err)
{
	struct shim_exit e = {0};
	int64_t code = json_get_int(tree, "exit_code", -1), sig = json_get_int(tree, "signal", 0);

	if (code < 0 || code > 255 || sig < 0 || sig > 127)
		return bh_fail(
			err, -EINVAL, "exit record: exit_code or signal missing or out of range");
	e.exit_code = (int)code;
	e.signal = (int)sig;
	e.oom_killed = json_get_bool(tree, "oom_killed", false);
	e.started_at = text_or_empty(tree, "started_at");
	e.finished_at = text_or_empty(tree, "finished_at");
	e.error = text_or_empty(tree, "error");
	*ret = e;
	return 0;
}

void shim_exit_write(const struct shim_exit *e, struct json_writer *w)
{
	json_begin_object(w);
	json_member_int(w, "exit_code", e->exit_code);
	json_member_int(w, "signal", e->signal);
	json_member_bool(w, "oom_killed", e->oom_killed);
	json_member_string(w, "started_at", e->started_at);
	json_member_string(w, "finished_at", e->finished_at);
	json_member_string(w, "error", e->error);
	json_end_object(w);
}

int shim_exit_load(int dirfd, struct arena *a, struct shim_exit *ret, struct bh_error *err)
{
	const struct json *root;
	int r = load_object(dirfd, SHIM_EXIT_FILE, a, &root, err);

	return r < 0 ? r : shim_exit_decode(root, ret, err);
}

/* ---- state.json ---- */

static bool pid_valid(int64_t pid)
{
	return pid >= 0 && pid <= INT32_MAX;
}

int shim_state_decode(const struct json *tree, struct shim_state *ret, struct bh_error *err)
{
	struct shim_state s = {0};
	int64_t pid = json_get_int(tree, "pid", 0), shim_pid = json_get_int(tree, "shim_pid", 0);
	const struct json *cgroup = json_get(tree, "cgroup");

	s.id = json_get_string(tree, "id");
	s.status = json_get_string(tree, "status");
	if (s.id == NULL || s.status == NULL || !pid_valid(pid) || !pid_valid(shim_pid))
		return bh_fail(
			err, -EINVAL, "state record: id, status or pids missing or out of range");
	s.pid = (pid_t)pid;
	s.shim_pid = (pid_t)shim_pid;
	s.start_time = uint_or_zero(tree, "start_time");
	s.shim_start_time = uint_or_zero(tree, "shim_start_time");
	s.started_at = text_or_empty(tree, "started_at");
	s.cgroup = cgroup != NULL && cgroup->type != JSON_NULL ? cgroup : NULL;
	*ret = s;
	return 0;
}

int shim_state_encode(const struct shim_state *s, const char *cgroup_text, struct buf *out)
{
	struct json_writer w = JSON_WRITER(out);

	json_begin_object(&w);
	json_member_string(&w, "id", s->id);
	json_member_string(&w, "status", s->status);
	json_member_int(&w, "shim_pid", s->shim_pid);
	json_key(&w, "shim_start_time");
	json_put_uint(&w, s->shim_start_time);
	json_member_int(&w, "pid", s->pid);
	json_key(&w, "start_time");
	json_put_uint(&w, s->start_time);
	json_member_string(&w, "started_at", s->started_at);
	json_key(&w, "cgroup");
	if (cgroup_text != NULL)
		json_put_raw(&w, cgroup_text);
	else
		json_put_null(&w);
	json_end_object(&w);
	return buf_status(out);
}

int shim_state_load(int dirfd, struct arena *a, struct shim_state *ret, struct bh_error *err)
{
	const struct json *root;
	int r = load_object(dirfd, SHIM_STATE_FILE, a, &root, err);

	return r < 0 ? r : shim_state_decode(root, ret, err);
}

/* ---- time ---- */

static char *put_digits(char *p, unsigned int value, unsigned int digits)
{
	for (unsigned int i = digits; i > 0; i--) {
		p[i - 1] = (char)('0' + value % 10);
		value /= 10;
	}
	return p + digits;
}

/* Not gmtime_r(3): that loads the time zone database, which every shim would keep in memory. Days
 * are counted from 0000-03-01, so that the leap day is the last of its year. */
void shim_time_format(const struct timespec *ts, char ret[static SHIM_TIME_MAX])
{
	uint64_t secs = ts->tv_sec > 0 ? (uint64_t)ts->tv_sec : 0;
	uint64_t days = secs / 86400 + 719468, rest = secs % 86400;
	uint64_t era = days / 146097, day = days % 146097;
	uint64_t year = (day - day / 1460 + day / 36524 - day / 146096) / 365;
	uint64_t yday = day - (365 * year + year / 4 - year / 100);
	uint64_t month = (5 * yday + 2) / 153; /* 0: March */
	char *p = ret;

	year += era * 400 + (month >= 10 ? 1 : 0);
	p = put_digits(p, (unsigned int)(year % 10000), 4);
	*p++ = '-';
	p = put_digits(p, (unsigned int)(month < 10 ? month + 3 : month - 9), 2);
	*p++ = '-';
	p = put_digits(p, (unsigned int)(yday - (153 * month + 2) / 5 + 1), 2);
	*p++ = 'T';
	p = put_digits(p, (unsigned int)(rest / 3600), 2);
	*p++ = ':';
	p = put_digits(p, (unsigned int)(rest / 60 % 60), 2);
	*p++ = ':';
	p = put_digits(p, (unsigned int)(rest % 60), 2);
	if (ts->tv_nsec > 0) {
		*p++ = '.';
		p = put_digits(p, (unsigned int)ts->tv_nsec, 9);
		while (p[-1] == '0')
			p--;
	}
	*p++ = 'Z';
	*p = '\0';
}
