// SPDX-License-Identifier: Apache-2.0

/*
 * Further processes in the container. An exec's record lives until its process was reaped, its
 * output was delivered, and its last client is gone. Engines hear of its end once its output is
 * complete and before its clients' streams end, so that a client which asks for the exit code next
 * finds it.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "bin/shim/shim.h"

struct exec {
	struct exec *prev, *next;
	struct shim *shim;
	char *id;
	pid_t pid; /* 0: ended */
	int pidfd, wait_status;
	struct timespec started, finished;
	struct streams streams;
};

struct streams *exec_streams(struct exec *e)
{
	return &e->streams;
}

static void exec_free(struct exec *e)
{
	if (e->prev != NULL)
		e->prev->next = e->next;
	else
		e->shim->execs = e->next;
	if (e->next != NULL)
		e->next->prev = e->prev;
	e->shim->exec_count--;
	streams_release(&e->streams);
	e->pidfd = fd_close(e->pidfd);
	free(e->id);
	free(e);
}

void exec_free_all(struct shim *s)
{
	for (struct exec *e = s->execs, *next; e != NULL; e = next) {
		next = e->next;
		exec_free(e);
	}
}

struct exec *exec_find(struct shim *s, const char *id, struct bh_error *err)
{
	for (struct exec *e = s->execs; e != NULL; e = e->next) {
		if (strcmp(e->id, id) == 0)
			return e;
	}
	(void)bh_fail(err, -ESRCH, "no exec %s", id);
	return NULL;
}

bool exec_any_running(const struct shim *s)
{
	for (const struct exec *e = s->execs; e != NULL; e = e->next) {
		if (e->pid != 0 || !e->streams.drained)
			return true;
	}
	return false;
}

int exec_signal(struct exec *e, int signo, struct bh_error *err)
{
	if (e->pid == 0)
		return bh_fail(err, -ESRCH, "exec %s has ended", e->id);
	if (syscall(SYS_pidfd_send_signal, e->pidfd, signo, NULL, 0) < 0)
		return bh_fail_errno(err, -errno, "signal %d to exec %s", signo, e->id);
	return 0;
}

/* ---- the end ---- */

static void on_drained(struct streams *streams, void *data)
{
	struct exec *e = data;
	struct record_times times;
	struct shim_exit exit = {.error = ""};

	shim_time_format(&e->started, times.started);
	shim_time_format(&e->finished, times.finished);
	exit.started_at = times.started;
	exit.finished_at = times.finished;
	record_status_decode(e->wait_status, &exit);
	server_notify(e->shim, SHIM_MESSAGE_EXEC_EXIT, e->id, &exit);
	container_maybe_finish(e->shim);
}

static void on_detached(struct streams *streams, void *data)
{
	struct exec *e = data;

	server_notify(e->shim, SHIM_MESSAGE_DETACH, e->id, NULL);
}

static void on_idle(struct streams *streams, void *data)
{
	struct exec *e = data;
	struct shim *s = e->shim;

	exec_free(e);
	container_maybe_leave(s);
}

static const struct streams_ops EXEC_OPS = {
	.drained = on_drained,
	.detached = on_detached,
	.idle = on_idle,
};

bool exec_ended(struct shim *s, pid_t pid, int wait_status)
{
	for (struct exec *e = s->execs; e != NULL; e = e->next) {
		if (e->pid != pid)
			continue;
		e->pid = 0;
		e->wait_status = wait_status;
		(void)clock_gettime(CLOCK_REALTIME, &e->finished);
		streams_end(&e->streams);
		return true;
	}
	return false;
}

/* ---- the beginning ---- */

/* What sandbox_exec() needs to be told, all in one arena. */
struct exec_plan {
	struct oci_config config;
	struct oci_process process;
	struct shim_state state;
};

static int read_process(int fd, struct arena *a, struct oci_process *ret, struct bh_error *err)
{
	_cleanup_buf_ struct buf text;
	const struct json *tree;
	struct stat st;
	int r;

	buf_init(&text, SHIM_PROCESS_MAX);
	/* A regular file never makes the reader wait. */
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || lseek(fd, 0, SEEK_SET) < 0)
		return bh_fail(err, -EINVAL, "the process object is not in a regular file");
	r = fd_read_all(fd, &text);
	if (r < 0)
		return bh_fail_errno(err, r, "read the process object");
	r = json_parse(buf_str(&text), text.len, a, &tree, err);
	if (r == 0)
		r = oci_process_decode(tree, a, ret, err);
	return r < 0 ? bh_wrap(err, "process object") : 0;
}

static int load_plan(struct shim *s, int process_fd, struct arena *a, struct exec_plan *ret,
	struct bh_error *err)
{
	int r = oci_config_load(s->dirfd, SHIM_CONFIG_FILE, a, &ret->config, err);

	if (r == 0)
		r = shim_state_load(s->dirfd, a, &ret->state, err);
	if (r == 0)
		r = read_process(process_fd, a, &ret->process, err);
	return r;
}

static int run_process(
	struct exec *e, const struct exec_plan *plan, const int stdio[3], struct bh_error *err)
{
	struct shim *s = e->shim;
	struct sandbox_exec result = {0, -EBADF, -EBADF};
	const struct sandbox_exec_request request = {
		.id = s->id,
		.bundle = s->bundle,
		.init_pid = s->sandbox.pid,
		.init_pidfd = s->sandbox.pidfd,
		.config = &plan->config,
		.process = &plan->process,
		.cgroup = plan->state.cgroup,
		.stdio = {stdio[0], stdio[1], stdio[2]},
		.console_socket = -EBADF,
		.no_new_keyring = s->no_new_keyring,
		.log = &s->log,
	};
	int r;

	(void)clock_gettime(CLOCK_REALTIME, &e->started);
	container_unblock_sigchld(s);
	r = sandbox_exec(&request, &result, err);
	container_block_sigchld(s);
	if (r < 0)
		return r;
	e->pid = result.pid;
	e->pidfd = result.pidfd;
	if (result.console >= 0) {
		r = streams_open_tty(&e->streams, result.console, err);
		if (r < 0)
			(void)close(result.console);
	}
	return r;
}

static int start_process(struct exec *e, const struct shim_request *request,
	const struct exec_plan *plan, struct bh_error *err)
{
	struct streams_child child = {{-EBADF, -EBADF, -EBADF}};
	uint32_t uid = 0, gid = 0;
	int r = 0;

	if (!plan->process.terminal) {
		container_mapped_owner(&plan->config, &plan->process, &uid, &gid);
		r = streams_open_pipes(&e->streams, request->has_stream, request->attach.in, uid,
			gid, &child, err);
		if (r < 0)
			return r;
	}
	r = run_process(e, plan, child.fd, err);
	for (int i = 0; i < 3; i++)
		child.fd[i] = fd_close(child.fd[i]);
	return r;
}

static struct exec *exec_new(struct shim *s, const char *id)
{
	struct exec *e = calloc(1, sizeof(*e));

	if (e == NULL)
		return NULL;
	e->id = strdup(id);
	if (e->id == NULL) {
		free(e);
		return NULL;
	}
	e->shim = s;
	e->pidfd = -EBADF;
	streams_init(&e->streams, &s->shared, &EXEC_OPS, e, NULL);
	e->streams.input_once = true;
	e->next = s->execs;
	if (e->next != NULL)
		e->next->prev = e;
	s->execs = e;
	s->exec_count++;
	return e;
}

static int check_possible(struct shim *s, const char *id, struct bh_error *err)
{
	if (s->phase != PHASE_RUNNING)
		return bh_fail(err, -ESRCH, "the container is not running");
	if (s->paused)
		return bh_fail(err, -EBUSY, "the container is paused");
	if (s->exec_count >= SHIM_EXECS_MAX)
		return bh_fail(err, -EAGAIN, "%d execs exist already", SHIM_EXECS_MAX);
	if (exec_find(s, id, NULL) != NULL)
		return bh_fail(err, -EEXIST, "exec %s exists already", id);
	return 0;
}

int exec_run(struct shim *s, const struct shim_request *request, int process_fd, int stream_fd,
	pid_t *ret_pid, struct bh_error *err)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	struct exec_plan plan = {0};
	struct exec *e;
	int r = check_possible(s, request->exec_id, err);

	if (r < 0)
		return r;
	if (arena_init(&a, OCI_ARENA_MAX) < 0)
		return bh_fail(err, -ENOMEM, "exec: out of memory");
	r = load_plan(s, process_fd, &a, &plan, err);
	if (r < 0)
		return r;
	e = exec_new(s, request->exec_id);
	if (e == NULL)
		return bh_fail(err, -ENOMEM, "exec: out of memory");
	r = start_process(e, request, &plan, err);
	if (r == 0 && request->has_stream)
		r = streams_attach(&e->streams, stream_fd, &request->attach, err);
	if (r < 0) {
		/* The process may run already: it goes, and container_reap() finds its end. */
		if (e->pidfd >= 0)
			(void)syscall(SYS_pidfd_send_signal, e->pidfd, SIGKILL, NULL, 0);
		exec_free(e);
		return r;
	}
	*ret_pid = e->pid;
	return 0;
}
