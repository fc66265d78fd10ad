// SPDX-License-Identifier: Apache-2.0
#include "image/job.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"

#define RESULT_MAX         16384u
#define RESULT_ARENA_MAX   (1u << 20)
#define DEFAULT_TIMEOUT_MS (3600u * 1000u)
#define FIRST_HIGH_FD      16 /* above the numbers that file actions write to */
#define CHILD_RESULT_FD    3
#define CHILD_DIR_FD       4

struct job {
	struct job *next;
	struct jobs *jobs;
	pid_t pid;
	int pidfd, result_fd;
	struct loop_source *end, *timer;
	job_done_fn done;
	void *data;
	bool timed_out;
};

struct jobs {
	struct loop *loop;
	int program; /* O_PATH */
	struct job *first;
	unsigned int count;
};

int jobs_new(struct loop *loop, const char *program, struct jobs **ret, struct bh_error *err)
{
	_cleanup_close_ int fd = -EBADF;
	struct jobs *j = calloc(1, sizeof(*j));

	if (j == NULL)
		return bh_fail_errno(err, -ENOMEM, "file jobs");
	j->loop = loop;
	fd = open(program, O_PATH | O_CLOEXEC);
	j->program = fd < 0 ? -errno : fcntl(fd, F_DUPFD_CLOEXEC, FIRST_HIGH_FD);
	if (j->program < 0) {
		int r = bh_fail_errno(
			err, fd < 0 ? j->program : -errno, "open program %s", program);

		free(j);
		return r;
	}
	*ret = j;
	return 0;
}

static void job_free(struct job *job)
{
	struct job **at = &job->jobs->first;

	while (*at != job)
		at = &(*at)->next;
	*at = job->next;
	job->jobs->count--;
	loop_remove(job->end);
	loop_remove(job->timer);
	(void)fd_close(job->pidfd);
	(void)fd_close(job->result_fd);
	free(job);
}

void jobs_free(struct jobs *j)
{
	if (j == NULL)
		return;
	while (j->first != NULL) {
		struct job *job = j->first;

		(void)kill(job->pid, SIGKILL);
		loop_removep(&job->end);
		(void)waitpid(job->pid, NULL, 0);
		job_free(job);
	}
	(void)fd_close(j->program);
	free(j);
}

/* The child has ended; what it wrote fits the pipe, so it is all there. */
static int read_result(
	const struct job *job, struct arena *a, const struct json **ret, struct bh_error *err)
{
	_cleanup_buf_ struct buf text;
	int64_t code;
	int r;

	buf_init(&text, RESULT_MAX);
	r = arena_init(a, RESULT_ARENA_MAX);
	if (r == 0)
		r = fd_read_all(job->result_fd, &text);
	if (r < 0)
		return bh_fail_errno(err, r, "read the result of bulkhead-files");
	if (job->timed_out)
		return bh_fail(err, -ETIMEDOUT, "bulkhead-files took too long and was ended");
	if (text.len == 0)
		return bh_fail(err, -EIO, "bulkhead-files ended without a result");
	r = json_parse(buf_str(&text), text.len, a, ret, err);
	if (r < 0)
		return bh_wrap(err, "result of bulkhead-files");
	code = json_get_int(*ret, "code", -EIO);
	if (code < 0 && code > -4096) {
		const char *reason = json_get_string(*ret, "error");

		return bh_fail(err, (int)code, "%s", reason != NULL ? reason : "file work failed");
	}
	return code == 0 ? 0 : bh_fail(err, -EIO, "bulkhead-files: bad result");
}

static void ended(struct loop_source *s, pid_t pid, const siginfo_t *si, void *data)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	struct bh_error err = BH_ERROR_INIT;
	struct job *job = data;
	const struct json *result = NULL;
	job_done_fn done = job->done;
	void *userdata = job->data;
	int r = read_result(job, &a, &result, &err);

	job_free(job);
	done(userdata, r, r == 0 ? result : NULL, &err);
}

static void timed_out(struct loop_source *s, void *data)
{
	struct job *job = data;

	job->timed_out = true;
	(void)syscall(SYS_pidfd_send_signal, job->pidfd, SIGKILL, NULL, 0);
}

static int add_actions(posix_spawn_file_actions_t *actions, int input, int result, int dir)
{
	int r = input >= 0 ? posix_spawn_file_actions_adddup2(actions, input, 0)
			   : posix_spawn_file_actions_addopen(actions, 0, "/dev/null", O_RDWR, 0);

	if (r == 0)
		r = posix_spawn_file_actions_addopen(actions, 1, "/dev/null", O_RDWR, 0);
	if (r == 0)
		r = posix_spawn_file_actions_adddup2(actions, 1, 2);
	if (r == 0)
		r = posix_spawn_file_actions_adddup2(actions, result, CHILD_RESULT_FD);
	if (r == 0)
		r = posix_spawn_file_actions_adddup2(actions, dir, CHILD_DIR_FD);
	return -r;
}

static int execute(int program, const char *verb, int input, int result, int dir, pid_t *ret)
{
	char name[] = "bulkhead-files", path[] = "PATH=/usr/bin:/bin", file[32];
	char *argv[] = {name, (char *)(uintptr_t)verb, NULL}, *envp[] = {path, NULL};
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attr;
	sigset_t none, all;
	int r;

	(void)snprintf(file, sizeof(file), "/proc/self/fd/%d", program);
	(void)sigemptyset(&none);
	(void)sigfillset(&all);
	r = -posix_spawn_file_actions_init(&actions);
	if (r < 0)
		return r;
	r = -posix_spawnattr_init(&attr);
	if (r == 0) {
		(void)posix_spawnattr_setflags(
			&attr, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
		(void)posix_spawnattr_setsigmask(&attr, &none);
		(void)posix_spawnattr_setsigdefault(&attr, &all);
		r = add_actions(&actions, input, result, dir);
		if (r == 0)
			r = -posix_spawn(ret, file, &actions, &attr, argv, envp);
		(void)posix_spawnattr_destroy(&attr);
	}
	(void)posix_spawn_file_actions_destroy(&actions);
	return r;
}

static int spawn(struct job *job, const struct job_request *request, struct bh_error *err)
{
	_cleanup_close_ int write_end = -EBADF, input = -EBADF, result = -EBADF, dir = -EBADF;
	int p[2], r;

	if (pipe2(p, O_CLOEXEC) < 0)
		return bh_fail_errno(err, -errno, "pipe");
	job->result_fd = p[0];
	write_end = p[1];
	result = fcntl(write_end, F_DUPFD_CLOEXEC, FIRST_HIGH_FD);
	dir = fcntl(request->dir_fd, F_DUPFD_CLOEXEC, FIRST_HIGH_FD);
	if (request->input_fd >= 0)
		input = fcntl(request->input_fd, F_DUPFD_CLOEXEC, FIRST_HIGH_FD);
	if (result < 0 || dir < 0 || (request->input_fd >= 0 && input < 0))
		return bh_fail_errno(err, -errno, "descriptors for bulkhead-files");
	r = execute(job->jobs->program, request->verb, input, result, dir, &job->pid);
	if (r < 0)
		return bh_fail_errno(err, r, "start bulkhead-files");
	job->pidfd = (int)syscall(SYS_pidfd_open, job->pid, 0);
	return job->pidfd < 0 ? bh_fail_errno(err, -errno, "pidfd_open") : 0;
}

int jobs_start(struct jobs *j, const struct job_request *request, job_done_fn done, void *data,
	struct bh_error *err)
{
	uint64_t timeout =
		request->timeout_ms != 0 ? request->timeout_ms : (uint64_t)DEFAULT_TIMEOUT_MS;
	struct job *job;
	int r;

	if (j->count >= JOBS_MAX)
		return bh_fail(err, -EAGAIN, "too much file work at one time");
	job = calloc(1, sizeof(*job));
	if (job == NULL)
		return bh_fail_errno(err, -ENOMEM, "start bulkhead-files");
	*job = (struct job){.next = j->first,
		.jobs = j,
		.pidfd = -EBADF,
		.result_fd = -EBADF,
		.done = done,
		.data = data};
	j->first = job;
	j->count++;
	r = spawn(job, request, err);
	if (r == 0)
		r = loop_add_child(j->loop, job->pid, job->pidfd, ended, job, &job->end, err);
	if (r == 0)
		r = loop_add_timer(j->loop, timeout, timed_out, job, &job->timer, err);
	if (r < 0) {
		if (job->pid > 0) {
			(void)kill(job->pid, SIGKILL);
			loop_removep(&job->end);
			(void)waitpid(job->pid, NULL, 0);
		}
		job_free(job);
	}
	return r;
}
