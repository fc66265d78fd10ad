// SPDX-License-Identifier: Apache-2.0
/*
 * Running bulkhead-systemd-cgroup, which speaks D-Bus for us.
 *
 * A scope needs a process when it is made and ends when it is empty, but the container's first
 * process is made only after its group. So the program puts itself into the scope, answers with the
 * group's path, and waits for its standard input to end. Everything it says is one line: "ok PATH"
 * or "error TEXT".
 */
#include "sandbox/cgroup_systemd.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "kernel/process.h"

#define PROGRAM       "bulkhead-systemd-cgroup"
#define ANSWER_MAX    4096
#define ANSWER_MS     40000
#define ARGUMENTS_MAX (CGROUP_PROPERTIES_MAX * 4 + 16)

struct arguments {
	const char *items[ARGUMENTS_MAX];
	size_t count;
};

static void push(struct arguments *a, const char *s)
{
	if (a->count < ARGUMENTS_MAX - 1)
		a->items[a->count++] = s;
}

static void push_property(struct arguments *a, const char *name, const char *type,
	const char *value, const char *since)
{
	push(a, name);
	push(a, type);
	push(a, value);
	push(a, since);
}

static int push_properties(struct arguments *a, const struct cgroup_properties *p)
{
	for (size_t i = 0; i < p->count; i++) {
		const struct cgroup_property *it = &p->items[i];
		const char *since = arena_printf(p->arena, "%u", it->since);

		if (since == NULL)
			return -ENOMEM;
		push_property(a, it->name, it->type, it->value, since);
	}
	return 0;
}

static const char *program(void)
{
	const char *path = getenv("BULKHEAD_SYSTEMD_CGROUP");

	return path != NULL ? path : BULKHEAD_LIBEXECDIR "/" PROGRAM;
}

/* The program with its standard input and output as pipes. */
static int spawn(struct arguments *a, pid_t *ret_pid, int *ret_in, int *ret_out)
{
	_cleanup_close_ int in_read = -EBADF, in_write = -EBADF, out_read = -EBADF,
			    out_write = -EBADF;
	posix_spawn_file_actions_t actions;
	int fds[2], r;

	if (pipe2(fds, O_CLOEXEC) < 0)
		return -errno;
	in_read = fds[0];
	in_write = fds[1];
	if (pipe2(fds, O_CLOEXEC) < 0)
		return -errno;
	out_read = fds[0];
	out_write = fds[1];
	r = -posix_spawn_file_actions_init(&actions);
	if (r < 0)
		return r;
	r = -posix_spawn_file_actions_adddup2(&actions, in_read, 0);
	if (r == 0)
		r = -posix_spawn_file_actions_adddup2(&actions, out_write, 1);
	if (r == 0)
		r = -posix_spawn(
			ret_pid, a->items[0], &actions, NULL, (char *const *)a->items, environ);
	(void)posix_spawn_file_actions_destroy(&actions);
	if (r < 0)
		return r;
	*ret_in = TAKE_FD(in_write);
	*ret_out = TAKE_FD(out_read);
	return 0;
}

/* One line, without its end. */
static int read_answer(int fd, char text[static ANSWER_MAX])
{
	int64_t deadline = cgroup_now_ms() + ANSWER_MS;
	size_t len = 0;

	while (len + 1 < ANSWER_MAX) {
		struct pollfd p = {.fd = fd, .events = POLLIN};
		int64_t left = deadline - cgroup_now_ms();
		ssize_t n;
		int r = left <= 0 ? 0 : poll(&p, 1, (int)left);

		if (r == 0)
			return -ETIMEDOUT;
		n = r < 0 ? -1 : read(fd, text + len, ANSWER_MAX - 1 - len);
		if (n < 0 && errno != EINTR)
			return -errno;
		if (n == 0)
			break;
		len += n > 0 ? (size_t)n : 0;
		if (len > 0 && text[len - 1] == '\n') {
			text[len - 1] = '\0';
			return 0;
		}
	}
	return -EPROTO;
}

static void end(pid_t pid)
{
	(void)kill(pid, SIGKILL);
	(void)process_wait(pid);
}

/* Run, read the answer, check it. The process goes on; the caller ends it. */
static int ask(struct arguments *a, pid_t *ret_pid, int *ret_in, char text[static ANSWER_MAX],
	struct bh_error *err)
{
	_cleanup_close_ int in = -EBADF, out = -EBADF;
	pid_t pid = 0;
	int r = spawn(a, &pid, &in, &out);

	if (r < 0)
		return bh_fail_errno(err, r, "--systemd-cgroup needs the program %s", a->items[0]);
	r = read_answer(out, text);
	if (r == 0 && strncmp(text, "ok", 2) == 0) {
		*ret_pid = pid;
		*ret_in = TAKE_FD(in);
		return 0;
	}
	end(pid);
	if (r < 0)
		return bh_fail_errno(err, r, "answer of %s", a->items[0]);
	return bh_fail(err, -EIO, "systemd: %s", strncmp(text, "error ", 6) == 0 ? text + 6 : text);
}

static void begin(struct arguments *a, const char *verb, const struct cgroup *cg)
{
	*a = (struct arguments){0};
	push(a, program());
	push(a, verb);
	push(a, cg->rootless ? "user" : "system");
	push(a, cg->unit);
}

static void push_standard(struct arguments *a, enum cgroup_mode mode)
{
	static const char *const on[] = {
		"Delegate", "CPUAccounting", "MemoryAccounting", "TasksAccounting"};

	for (size_t i = 0; i < ARRAY_SIZE(on); i++)
		push_property(a, on[i], "b", "true", "0");
	push_property(
		a, mode == CGROUP_V1 ? "BlockIOAccounting" : "IOAccounting", "b", "true", "0");
	push_property(a, "DefaultDependencies", "b", "false", "0");
}

static int check_path(struct cgroup *cg, const char *text, const char **ret, struct bh_error *err)
{
	const char *path = strncmp(text, "ok ", 3) == 0 ? text + 3 : "";
	int r = path[0] == '/' ? cgroup_path_check(path, err)
			       : bh_fail(err, -EPROTO, "systemd gave no group for %s", cg->unit);

	if (r < 0)
		return r;
	*ret = arena_strdup(&cg->arena, path);
	return *ret == NULL ? bh_fail(err, -ENOMEM, "out of memory for a cgroup path") : 0;
}

int cgroup_systemd_start(struct cgroup *cg, const struct cgroup_request *request,
	enum cgroup_mode mode, const char **ret_path, struct bh_error *err)
{
	struct cgroup_properties properties = {.arena = &cg->arena};
	struct cgroup_unit unit;
	struct arguments a;
	char answer[ANSWER_MAX] = "";
	int r;

	if (mode == CGROUP_NONE)
		return bh_fail(err, -ENOTSUP, "--systemd-cgroup: no cgroup hierarchy is mounted");
	r = cgroup_unit_parse(request, &cg->arena, &unit, err);
	if (r == 0)
		r = cgroup_unit_limits(request->resources, mode, &properties, err);
	if (r == 0 && mode == CGROUP_V1 && !request->rootless)
		r = cgroup_unit_devices(request->resources, &properties, err);
	if (r < 0)
		return r;
	cg->unit = unit.name;
	begin(&a, "start", cg);
	push_property(&a, "Slice", "s", unit.slice, "0");
	push_standard(&a, mode);
	r = push_properties(&a, &properties);
	if (r == 0)
		r = ask(&a, &cg->holder, &cg->hold_fd, answer, err);
	if (r < 0) {
		cg->unit = NULL; /* not ours to stop: the name may be another's */
		return r == -ENOMEM ? bh_fail(err, r, "out of memory for unit properties") : r;
	}
	return check_path(cg, answer, ret_path, err);
}

void cgroup_systemd_release(struct cgroup *cg)
{
	if (cg->holder > 0)
		end(cg->holder);
	cg->holder = 0;
	cg->hold_fd = fd_close(cg->hold_fd);
}

/* A verb that needs no one to stay. */
static int ask_and_end(struct arguments *a, struct bh_error *err)
{
	_cleanup_close_ int in = -EBADF;
	char answer[ANSWER_MAX];
	pid_t pid;
	int r = ask(a, &pid, &in, answer, err);

	if (r == 0)
		end(pid);
	return r;
}

int cgroup_systemd_update(
	struct cgroup *cg, const struct oci_resources *resources, struct bh_error *err)
{
	_cleanup_arena_ struct arena arena = ARENA_INIT;
	struct cgroup_properties properties = {.arena = &arena};
	struct arguments a;
	int r = arena_init(&arena, CGROUP_ARENA_MAX);

	if (r < 0)
		return bh_fail_errno(err, r, "memory for unit properties");
	if (resources->device_count > 0 && cg->backend->mode == CGROUP_V1)
		return bh_fail(err, -ENOTSUP,
			"/linux/resources/devices: the rules of a running systemd scope cannot be "
			"replaced on "
			"cgroup v1");
	r = cgroup_unit_limits(resources, cg->backend->mode, &properties, err);
	if (r < 0 || properties.count == 0)
		return r;
	begin(&a, "set", cg);
	r = push_properties(&a, &properties);
	return r < 0 ? bh_fail_errno(err, r, "unit properties") : ask_and_end(&a, err);
}

int cgroup_systemd_stop(struct cgroup *cg, struct bh_error *err)
{
	struct arguments a;

	cgroup_systemd_release(cg);
	begin(&a, "stop", cg);
	return ask_and_end(&a, err);
}
