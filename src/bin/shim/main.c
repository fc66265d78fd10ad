// SPDX-License-Identifier: Apache-2.0

/* bulkhead-shim(8): started by the engine, once for each container. */

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "bin/shim/shim.h"

#define SOURCES_MAX     4096
#define TRIM_DELAY_MS   500
#define MMAP_THRESHOLD  (32 << 10)
#define STACK_KEPT      (8u << 10)
#define STACK_USED_MOST (1u << 20)

enum exit_status {
	EXIT_DONE = 0,
	EXIT_FAILED = 1,
	EXIT_USAGE = 2,
};

/* ---- memory ---- */

/* Creation uses much more stack than waiting does: give the pages below the current frame back. */
static void trim_stack(void)
{
	uintptr_t here = (uintptr_t)__builtin_frame_address(0);
	uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
	uintptr_t end = (here - STACK_KEPT) & ~(page - 1);

	/* Parts of the range that are not mapped are passed over (ENOMEM). */
	(void)madvise((void *)(end - STACK_USED_MOST), STACK_USED_MOST, MADV_DONTNEED);
}

static void trim(struct shim *s)
{
	log_file_trim(&s->log_file);
	(void)madvise(s->shared.scratch, STREAMS_READ_SIZE, MADV_DONTNEED);
	(void)malloc_trim(0);
	trim_stack();
}

static void trim_due(struct loop_source *source, void *data)
{
	struct shim *s = data;

	s->trim_armed = false;
	trim(s);
	server_rested(s);
}

static void on_active(void *data)
{
	struct shim *s = data;

	if (s->trim_armed)
		return;
	s->trim_armed = true;
	loop_timer_set(s->trim_timer, TRIM_DELAY_MS);
}

/* ---- the container's streams ---- */

static void on_drained(struct streams *streams, void *data)
{
	container_maybe_finish(data);
}

static void on_detached(struct streams *streams, void *data)
{
	server_notify(data, SHIM_MESSAGE_DETACH, NULL, NULL);
}

static void on_idle(struct streams *streams, void *data)
{
	container_maybe_leave(data);
}

static const struct streams_ops CONTAINER_OPS = {
	.drained = on_drained,
	.detached = on_detached,
	.idle = on_idle,
};

/* ---- set up ---- */

static void on_child(struct loop_source *source, const struct signalfd_siginfo *si, void *data)
{
	container_reap(data);
}

static void ignore(int signo)
{
}

/* The shim ends with its container and by nothing but SIGKILL. These are handlers rather than
 * SIG_IGN, because execve(2) would hand the latter down to the container. */
static void keep_alive(void)
{
	static const int signals[] = {SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGPIPE, SIGUSR1, SIGUSR2};
	struct sigaction action = {.sa_handler = ignore, .sa_flags = SA_RESTART};

	for (size_t i = 0; i < ARRAY_SIZE(signals); i++)
		(void)sigaction(signals[i], &action, NULL);
}

static int open_log(struct shim *s, const struct shim_options *options, struct bh_error *err)
{
	if (options->log_driver == SHIM_LOG_NONE)
		return 0;
	return log_file_open(
		&s->log_file, options->log_path, options->log_max_size, options->log_max_file, err);
}

static int open_shared(struct shim *s, uint32_t stall_ms, struct bh_error *err)
{
	void *scratch = mmap(NULL, STREAMS_READ_SIZE, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (scratch == MAP_FAILED)
		return bh_fail_errno(err, -errno, "buffer for output");
	s->shared = (struct streams_shared){
		.loop = s->loop,
		.scratch = scratch,
		.stall_ms = stall_ms,
		.active = on_active,
		.data = s,
	};
	return loop_add_timer(s->loop, LOOP_TIMER_OFF, trim_due, s, &s->trim_timer, err);
}

static int set_up(struct shim *s, const struct shim_options *options, struct bh_error *err)
{
	int r;

	s->id = strdup(options->id);
	s->bundle = strdup(options->bundle);
	if (s->id == NULL || s->bundle == NULL)
		return bh_fail(err, -ENOMEM, "out of memory");
	s->stdin_once = options->stdin_once;
	s->no_new_keyring = options->no_new_keyring;
	s->own_start_time = sandbox_start_time(getpid());
	r = loop_new(SOURCES_MAX, &s->loop, err);
	if (r == 0)
		r = loop_add_signal(s->loop, SIGCHLD, on_child, s, &s->child_signal, err);
	if (r == 0)
		r = open_shared(s, options->stall_ms, err);
	if (r == 0)
		r = server_open(s, err);
	return r < 0 ? r : open_log(s, options, err);
}

static int prepare(struct shim *s, int root_fd, struct bh_error *err)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	struct shim_options options;
	int r;

	if (arena_init(&a, SHIM_ARENA_MAX) < 0)
		return bh_fail(err, -ENOMEM, "out of memory");
	r = shim_options_load(s->dirfd, &a, &options, err);
	if (r < 0)
		return r;
	if (options.root_fd && root_fd < 0)
		return bh_fail(
			err, -EBADF, "descriptor %d holds no root file system", SHIM_ROOT_FD);
	r = set_up(s, &options, err);
	/* That of an earlier run in this directory must not be taken for this one's. */
	if (r == 0 && unlinkat(s->dirfd, SHIM_EXIT_FILE, 0) < 0 && errno != ENOENT)
		r = bh_fail_errno(err, -errno, "remove old %s", SHIM_EXIT_FILE);
	return r < 0 ? r : container_create(s, &options, options.root_fd ? root_fd : -EBADF, err);
}

static void tell_ready(int fd, const struct shim *s, int code, const struct bh_error *err)
{
	_cleanup_buf_ struct buf text;
	struct shim_ready ready = {.code = code};

	buf_init(&text, SHIM_FILE_MAX);
	if (code < 0) {
		ready.text = bh_error_text(err, code);
	} else {
		ready.pid = s->sandbox.pid;
		ready.start_time = s->start_time;
	}
	/* The line's end is the message's: process 1 has a copy of the pipe until it executes. An
	 * engine that is gone finds the container when it comes back. */
	(void)shim_ready_encode(&ready, &text);
	if (buf_putc(&text, '\n') == 0)
		(void)fd_write_all(fd, text.data, text.len);
}

static void release(struct shim *s)
{
	exec_free_all(s);
	streams_release(&s->streams);
	server_close(s);
	log_file_close(&s->log_file);
	s->oom_fd = fd_close(s->oom_fd);
	if (s->shared.scratch != NULL)
		(void)munmap(s->shared.scratch, STREAMS_READ_SIZE);
	loop_free(s->loop);
	free(s->cgroup_text);
	free(s->trouble);
	free(s->id);
	free(s->bundle);
	s->log.fd = fd_close(s->log.fd);
	s->dirfd = fd_close(s->dirfd);
}

static int run(const char *dir)
{
	struct shim s = {.dirfd = -EBADF,
		.log = {.fd = -EBADF,
			.level = LOG_LEVEL_INFO,
			.format = LOG_FORMAT_JSON,
			.program = "bulkhead-shim"},
		.sandbox = SANDBOX_INIT,
		.oom_fd = -EBADF,
		.log_file = LOG_FILE_INIT,
		.listen_fd = -EBADF};
	struct bh_error err = BH_ERROR_INIT;
	int root_fd = SHIM_ROOT_FD, r;

	streams_init(&s.streams, &s.shared, &CONTAINER_OPS, &s, &s.log_file);
	server_init(&s);
	(void)fd_set_cloexec(SHIM_READY_FD, 1);
	if (fd_set_cloexec(root_fd, 1) < 0)
		root_fd = -EBADF;
	s.dirfd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	r = s.dirfd < 0 ? bh_fail_errno(&err, -errno, "open %s", dir) : 0;
	if (r == 0) {
		s.log.fd = openat(s.dirfd, SHIM_LOG_FILE,
			O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_CLOEXEC, 0600);
		r = prepare(&s, root_fd, &err);
	}
	if (r < 0)
		container_abandon(&s);
	tell_ready(SHIM_READY_FD, &s, r, &err);
	(void)close(SHIM_READY_FD);
	if (root_fd >= 0)
		(void)close(root_fd);
	if (r == 0) {
		trim(&s);
		r = loop_run(s.loop);
	}
	release(&s);
	return r < 0 ? EXIT_FAILED : EXIT_DONE;
}

static int usage(const char *text)
{
	(void)dprintf(
		STDERR_FILENO, "bulkhead-shim: %s\nUsage: bulkhead-shim --dir DIRECTORY\n", text);
	return EXIT_USAGE;
}

int main(int argc, char **argv)
{
	struct bh_error err = BH_ERROR_INIT;
	int r;

	if (argc == 2 && strcmp(argv[1], "--version") == 0)
		return dprintf(STDOUT_FILENO, "bulkhead-shim %s\n", BULKHEAD_VERSION) > 0
			       ? EXIT_DONE
			       : EXIT_FAILED;
	if (argc != 3 || strcmp(argv[1], "--dir") != 0 || argv[2][0] != '/')
		return usage("--dir with an absolute path is needed");
	if (fcntl(SHIM_READY_FD, F_GETFD) < 0)
		return usage("the engine starts this program: descriptor 3 is not open");
	/* Nothing that leaked from the engine may live on here, or reach the container. */
	(void)close_range(SHIM_ROOT_FD + 1, ~0u, 0);
	r = sandbox_protect_self(argv, environ, &err);
	if (r < 0) {
		tell_ready(SHIM_READY_FD, NULL, r, &err);
		return EXIT_FAILED;
	}
	/* Fixed thresholds: memory of a burst goes back to the kernel, not to free lists. */
	(void)mallopt(M_MMAP_THRESHOLD, MMAP_THRESHOLD);
	(void)mallopt(M_TRIM_THRESHOLD, MMAP_THRESHOLD);
	(void)prctl(PR_SET_NAME, "bulkhead-shim", 0, 0, 0);
	(void)prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
	(void)setsid();
	(void)umask(0077);
	keep_alive();
	return run(argv[2]);
}
