// SPDX-License-Identifier: Apache-2.0

/*
 * Starting shims. A child's record lives until the child was reaped; its callback is made once,
 * when the readiness line is complete, when the child ended, or when the time was up, whatever
 * comes first. posix_spawn(3) shares the engine's memory with the child until it executes, so a
 * start costs no copy of page tables, and no code of ours runs in between.
 */

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "engine/shim_client.h"
#include "kernel/mount.h"

#define DEFAULT_TIMEOUT_MS 60000u
#define READY_MAX          (16u << 10)
#define FIRST_HIGH_FD      16 /* above the numbers that file actions write to */

struct child {
	struct child *prev, *next;
	struct shim_spawner *spawner;
	pid_t pid;
	int pidfd, ready_fd;
	struct loop_source *ready, *timer, *end;
	struct buf text;
	shim_spawned_fn fn;
	void *data;
};

struct shim_spawner {
	struct loop *loop;
	int program; /* O_PATH */
	struct child *children;
};

/* The program in a detached read-only mount: there the shim need not execute itself a second time
 * to be safe from its container, see sandbox_protect_self(). Without the right to make one it does.
 */
static void protect_program(struct shim_spawner *s)
{
	_cleanup_close_ int copy = mount_clone(s->program, false);

	if (copy < 0 || mount_set_attributes(copy, MOUNT_ATTR_RDONLY, 0, false) < 0)
		return;
	(void)close(s->program);
	s->program = TAKE_FD(copy);
}

int shim_spawner_new(
	struct loop *loop, const char *program, struct shim_spawner **ret, struct bh_error *err)
{
	struct shim_spawner *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return bh_fail(err, -ENOMEM, "shim spawner: out of memory");
	s->loop = loop;
	s->program = open(program, O_PATH | O_CLOEXEC);
	if (s->program < 0 || faccessat(s->program, "", X_OK, AT_EMPTY_PATH) < 0) {
		int r = bh_fail_errno(err, -errno, "open program %s", program);

		s->program = fd_close(s->program);
		free(s);
		return r;
	}
	protect_program(s);
	*ret = s;
	return 0;
}

static void child_stop_waiting(struct child *c)
{
	loop_removep(&c->ready);
	loop_removep(&c->timer);
	c->ready_fd = fd_close(c->ready_fd);
	buf_release(&c->text);
}

static void child_free(struct child *c)
{
	child_stop_waiting(c);
	loop_removep(&c->end);
	c->pidfd = fd_close(c->pidfd);
	if (c->prev != NULL)
		c->prev->next = c->next;
	else
		c->spawner->children = c->next;
	if (c->next != NULL)
		c->next->prev = c->prev;
	free(c);
}

void shim_spawner_free(struct shim_spawner *s)
{
	if (s == NULL)
		return;
	for (struct child *c = s->children, *next; c != NULL; c = next) {
		next = c->next;
		child_free(c);
	}
	s->program = fd_close(s->program);
	free(s);
}

static void report(struct child *c, const struct shim_ready *ready)
{
	shim_spawned_fn fn = c->fn;

	c->fn = NULL;
	child_stop_waiting(c);
	/* The callback may free the spawner and with it this child. */
	if (fn != NULL)
		fn(c->pid, ready, c->data);
}

static void report_failure(struct child *c, int code, const char *text)
{
	const struct shim_ready ready = {.code = code, .text = text};

	report(c, &ready);
}

/* What came is the message. */
static void report_text(struct child *c)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	struct bh_error err = BH_ERROR_INIT;
	struct shim_ready ready;
	int r = arena_init(&a, SHIM_ARENA_MAX);

	if (r == 0 && c->text.len == 0)
		r = bh_fail(&err, -ECHILD, "the shim ended without a message");
	if (r == 0)
		r = shim_ready_decode(buf_str(&c->text), c->text.len, &a, &ready, &err);
	if (r < 0)
		report_failure(c, r, bh_error_text(&err, r));
	else
		report(c, &ready);
}

/* Returns true when the message is complete: it is one line. Or when the pipe is at its end, or
 * useless. */
static bool drain(struct child *c)
{
	for (;;) {
		ssize_t n;

		if (buf_reserve(&c->text, 1024) < 0)
			return true;
		n = TEMP_FAILURE_RETRY(read(c->ready_fd, c->text.data + c->text.len, 1024));
		if (n < 0 && errno == EAGAIN)
			return false;
		if (n <= 0)
			return true;
		buf_added(&c->text, (size_t)n);
		if (c->text.data[c->text.len - 1] == '\n')
			return true;
	}
}

static void ready_readable(struct loop_source *s, int fd, uint32_t events, void *data)
{
	struct child *c = data;

	if (drain(c))
		report_text(c);
}

static void timed_out(struct loop_source *s, void *data)
{
	struct child *c = data;

	(void)syscall(SYS_pidfd_send_signal, c->pidfd, SIGKILL, NULL, 0);
	report_failure(c, -ETIMEDOUT, "the container was not created in time");
}

static void ended(struct loop_source *s, pid_t pid, const siginfo_t *si, void *data)
{
	struct child *c = data;

	if (c->fn != NULL) {
		struct shim_spawner *spawner = c->spawner;
		const struct child *it;

		(void)drain(c);
		report_text(c);
		for (it = spawner->children; it != NULL && it != c; it = it->next)
			;
		if (it == NULL)
			return;
	}
	child_free(c);
}

/* A duplicate whose number no file action writes to. */
static int high_fd(int fd)
{
	int high = fcntl(fd, F_DUPFD_CLOEXEC, FIRST_HIGH_FD);

	return high < 0 ? -errno : high;
}

/* Everything else is close-on-exec; the shim closes what it was not told of. */
static int add_actions(posix_spawn_file_actions_t *actions, int ready_fd, int root_fd)
{
	int r = posix_spawn_file_actions_addopen(actions, 0, "/dev/null", O_RDWR, 0);

	if (r == 0)
		r = posix_spawn_file_actions_adddup2(actions, 0, 1);
	if (r == 0)
		r = posix_spawn_file_actions_adddup2(actions, 0, 2);
	if (r == 0)
		r = posix_spawn_file_actions_adddup2(actions, ready_fd, SHIM_READY_FD);
	if (r == 0 && root_fd >= 0)
		r = posix_spawn_file_actions_adddup2(actions, root_fd, SHIM_ROOT_FD);
	return -r;
}

static int set_attributes(posix_spawnattr_t *attr)
{
	sigset_t none, all;
	int r;

	(void)sigemptyset(&none);
	(void)sigfillset(&all);
	r = posix_spawnattr_setflags(
		attr, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
	if (r == 0)
		r = posix_spawnattr_setsigmask(attr, &none);
	if (r == 0)
		r = posix_spawnattr_setsigdefault(attr, &all);
	return -r;
}

static int execute(int program, const char *dir, int ready_fd, int root_fd, pid_t *ret)
{
	/* Nothing of the engine's environment, which may hold secrets, goes on. */
	char name[] = "bulkhead-shim", option[] = "--dir";
	char path[] = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
	char *argv[] = {name, option, (char *)(uintptr_t)dir, NULL}, *envp[] = {path, NULL};
	char file[32];
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attr;
	int r;

	(void)snprintf(file, sizeof(file), "/proc/self/fd/%d", program);
	r = -posix_spawn_file_actions_init(&actions);
	if (r < 0)
		return r;
	r = -posix_spawnattr_init(&attr);
	if (r == 0) {
		r = add_actions(&actions, ready_fd, root_fd);
		if (r == 0)
			r = set_attributes(&attr);
		if (r == 0)
			r = -posix_spawn(ret, file, &actions, &attr, argv, envp);
		(void)posix_spawnattr_destroy(&attr);
	}
	(void)posix_spawn_file_actions_destroy(&actions);
	return r;
}

/* Start the program; on success the child has pid, pidfd and ready_fd. */
static int start(struct child *c, const struct shim_spawn *spawn, struct bh_error *err)
{
	_cleanup_close_ int read_end = -EBADF, write_end = -EBADF, ready = -EBADF, root = -EBADF;
	int p[2], r;

	if (pipe2(p, O_CLOEXEC) < 0)
		return bh_fail_errno(err, -errno, "pipe");
	read_end = p[0];
	write_end = p[1];
	ready = high_fd(write_end);
	root = spawn->root_fd >= 0 ? high_fd(spawn->root_fd) : -EBADF;
	r = ready < 0                         ? ready
	    : spawn->root_fd >= 0 && root < 0 ? root
					      : fd_set_nonblock(read_end, 1);
	if (r < 0)
		return bh_fail_errno(err, r, "descriptors for the shim");
	r = execute(c->spawner->program, spawn->dir, ready, root, &c->pid);
	if (r < 0)
		return bh_fail_errno(err, r, "start bulkhead-shim");
	c->ready_fd = TAKE_FD(read_end);
	c->pidfd = (int)syscall(SYS_pidfd_open, c->pid, 0);
	return c->pidfd < 0 ? bh_fail_errno(err, -errno, "pidfd_open") : 0;
}

static int watch(struct child *c, uint64_t timeout_ms, struct bh_error *err)
{
	struct loop *loop = c->spawner->loop;
	int r = loop_add_io(loop, c->ready_fd, EPOLLIN, ready_readable, c, &c->ready, err);

	if (r == 0)
		r = loop_add_timer(loop, timeout_ms != 0 ? timeout_ms : DEFAULT_TIMEOUT_MS,
			timed_out, c, &c->timer, err);
	if (r == 0)
		r = loop_add_child(loop, c->pid, c->pidfd, ended, c, &c->end, err);
	return r;
}

int shim_spawn(struct shim_spawner *s, const struct shim_spawn *spawn, shim_spawned_fn fn,
	void *data, struct bh_error *err)
{
	struct child *c = calloc(1, sizeof(*c));
	int r;

	if (c == NULL)
		return bh_fail(err, -ENOMEM, "start bulkhead-shim: out of memory");
	*c = (struct child){
		.spawner = s, .pidfd = -EBADF, .ready_fd = -EBADF, .fn = fn, .data = data};
	buf_init(&c->text, READY_MAX);
	c->next = s->children;
	if (c->next != NULL)
		c->next->prev = c;
	s->children = c;
	r = start(c, spawn, err);
	if (r == 0)
		r = watch(c, spawn->timeout_ms, err);
	if (r < 0) {
		if (c->pid > 0) {
			(void)kill(c->pid, SIGKILL);
			(void)waitpid(c->pid, NULL, 0);
		}
		child_free(c);
	}
	return r;
}
