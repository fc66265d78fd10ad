// SPDX-License-Identifier: Apache-2.0
#include "kernel/process.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"

pid_t process_clone(uint64_t flags, int *ret_pidfd, int cgroup_fd)
{
	int pidfd = -EBADF;
	struct clone_args args = {
		.flags = flags,
		.exit_signal = (flags & CLONE_PARENT) != 0 ? 0 : SIGCHLD,
	};
	long pid;

	if (ret_pidfd != NULL) {
		args.flags |= CLONE_PIDFD;
		args.pidfd = (uintptr_t)&pidfd;
	}
	if (cgroup_fd >= 0) {
		args.flags |= CLONE_INTO_CGROUP;
		args.cgroup = (unsigned int)cgroup_fd;
	}
	pid = syscall(SYS_clone3, &args, sizeof(args));
	if (pid < 0)
		return -errno;
	if (pid > 0 && ret_pidfd != NULL)
		*ret_pidfd = pidfd;
	return (pid_t)pid;
}

int process_wait(pid_t pid)
{
	int status;

	if (TEMP_FAILURE_RETRY(waitpid(pid, &status, __WALL)) < 0)
		return -errno;
	return status;
}

void process_kill_wait(pid_t pid, int pidfd)
{
	int saved = errno;

	if (pid <= 0)
		return;
	/* Not yet reaped, so the number is its own; a wait for what was not killed would not end.
	 */
	if (pidfd < 0 || pidfd_send_signal(pidfd, SIGKILL, NULL, 0) < 0)
		(void)kill(pid, SIGKILL);
	(void)process_wait(pid);
	errno = saved;
}

int process_exit_code(int wait_status)
{
	if (WIFEXITED(wait_status))
		return WEXITSTATUS(wait_status);
	if (WIFSIGNALED(wait_status))
		return 128 + WTERMSIG(wait_status);
	return 255;
}

uint64_t process_start_time(pid_t pid)
{
	uint64_t time;

	return process_start_time_read(pid, &time) == 0 ? time : 0;
}

int process_start_time_read(pid_t pid, uint64_t *ret)
{
	char text[1024], path[32], *p;
	_cleanup_close_ int fd = -EBADF;
	ssize_t n;

	(void)snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? -ESRCH : -errno;
	n = read(fd, text, sizeof(text) - 1);
	if (n <= 0)
		return n < 0 ? -errno : -ESRCH;
	text[n] = '\0';
	p = strrchr(text, ')'); /* the name may hold anything, the last parenthesis ends it */
	if (p == NULL || p[1] != ' ')
		return -EIO;
	if (p[2] == 'Z' || p[2] == 'X')
		return -ESRCH;
	p++;
	for (int field = 3; field <= 22; field++) {
		p = strchr(p, ' ');
		if (p == NULL)
			return -EIO;
		p++;
	}
	*ret = strtoull(p, NULL, 10);
	return 0;
}

void process_kill_exact(pid_t pid, uint64_t start_time)
{
	_cleanup_close_ int pidfd = pid > 0 && start_time != 0 ? pidfd_open(pid, 0) : -EBADF;

	/* Compared after the open: the descriptor stays that process's. */
	if (pidfd >= 0 && process_start_time(pid) == start_time)
		(void)pidfd_send_signal(pidfd, SIGKILL, NULL, 0);
}
