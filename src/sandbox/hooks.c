// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "kernel/process.h"
#include "sandbox/sandbox.h"

/* A hook without a timeout is bounded too: nothing waits for ever. */
#define HOOK_TIMEOUT_DEFAULT 300
#define HOOK_OUTPUT_MAX      512

static int state_file(const char *state)
{
	int fd = memfd_create("state", MFD_CLOEXEC), r;

	if (fd < 0)
		return -errno;
	r = fd_write_all(fd, state, strlen(state));
	if (r < 0 || lseek(fd, 0, SEEK_SET) < 0) {
		(void)close(fd);
		return r < 0 ? r : -EIO;
	}
	return fd;
}

static _Noreturn void hook_child(const struct oci_hook *hook, int input, int output)
{
	const char *args[] = {hook->path, NULL};
	/* No "env" at all: that of the runtime, which hooks written for others count on. */
	char *const *env = hook->env.items != NULL ? (char *const *)hook->env.items : environ;
	sigset_t none;

	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	(void)setsid();
	if (dup2(input, 0) < 0 || dup2(output, 1) < 0 || dup2(output, 2) < 0)
		_exit(127);
	(void)close_range(3, ~0U, CLOSE_RANGE_CLOEXEC);
	(void)execve(
		hook->path, (char *const *)(hook->args.count > 0 ? hook->args.items : args), env);
	_exit(errno == ENOENT ? 127 : 126);
}

/* What the hook printed last, for the error; the file was its standard output and error. */
static void read_output(int output, char *text, size_t size)
{
	off_t end = lseek(output, 0, SEEK_END);
	ssize_t n;

	n = pread(output, text, size - 1, end > (off_t)size - 1 ? end - (off_t)size + 1 : 0);
	text[n > 0 ? n : 0] = '\0';
	for (char *p = text; *p != '\0'; p++)
		if (*p == '\n')
			*p = ' ';
}

static int await_hook(pid_t pid, int pidfd, int64_t timeout)
{
	struct pollfd p = {.fd = pidfd, .events = POLLIN};
	int r, status;

	r = (int)TEMP_FAILURE_RETRY(
		poll(&p, 1, timeout > INT32_MAX / 1000 ? INT32_MAX : (int)timeout * 1000));
	if (r <= 0) {
		(void)kill(-pid, SIGKILL); /* the hook leads a session of its own */
		process_kill_wait(pid, pidfd);
		return r == 0 ? -ETIMEDOUT : -errno;
	}
	status = process_wait(pid);
	return status;
}

static int run_hook(const struct oci_hook *hook, const char *state, struct bh_error *err)
{
	_cleanup_close_ int input = state_file(state), output = -EBADF, pidfd = -EBADF;
	int64_t timeout = hook->timeout > 0 ? hook->timeout : HOOK_TIMEOUT_DEFAULT;
	char text[HOOK_OUTPUT_MAX];
	pid_t pid;
	int status;

	if (input < 0)
		return bh_fail_errno(err, input, "write the container's state for a hook");
	output = memfd_create("output", MFD_CLOEXEC);
	if (output < 0)
		return bh_fail_errno(err, -errno, "memfd_create");
	pid = process_clone(0, &pidfd, -EBADF);
	if (pid < 0)
		return bh_fail_errno(err, pid, "clone");
	if (pid == 0)
		hook_child(hook, input, output);
	status = await_hook(pid, pidfd, timeout);
	if (status == -ETIMEDOUT)
		return bh_fail(err, status, "%s did not end within %lld s and was killed",
			hook->path, (long long)timeout);
	if (status < 0)
		return bh_fail_errno(err, status, "wait for %s", hook->path);
	if (status == 0)
		return 0;
	read_output(output, text, sizeof(text));
	return bh_fail(err, -EIO, "%s: exit status %d%s%s", hook->path, process_exit_code(status),
		text[0] != '\0' ? ": " : "", text);
}

int sandbox_run_hook(const struct oci_hook *hook, const char *state, const char *what, size_t index,
	struct bh_error *err)
{
	int r = run_hook(hook, state, err);

	return r < 0 ? bh_wrap(err, "error running %s hook #%zu", what, index) : 0;
}

int sandbox_run_hooks(
	const struct oci_hooks *hooks, const char *state, const char *what, struct bh_error *err)
{
	int r = 0;

	for (size_t i = 0; i < hooks->count && r == 0; i++)
		r = sandbox_run_hook(&hooks->items[i], state, what, i, err);
	return r;
}

int sandbox_state_json(const struct oci_config *config, const char *id, const char *bundle,
	const char *status, pid_t pid, struct buf *out)
{
	struct json_writer w = JSON_WRITER(out);

	json_begin_object(&w);
	json_member_string(&w, "ociVersion", config->version);
	json_member_string(&w, "id", id);
	json_member_string(&w, "status", status);
	if (pid > 0)
		json_member_int(&w, "pid", pid);
	json_member_string(&w, "bundle", bundle);
	if (config->annotation_count > 0) {
		json_key(&w, "annotations");
		json_begin_object(&w);
		for (size_t i = 0; i < config->annotation_count; i++)
			json_member_string(
				&w, config->annotations[i].key, config->annotations[i].value);
		json_end_object(&w);
	}
	json_end_object(&w);
	return buf_status(out);
}

uint64_t sandbox_start_time(pid_t pid)
{
	return process_start_time(pid);
}
