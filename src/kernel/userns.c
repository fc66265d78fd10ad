// SPDX-License-Identifier: Apache-2.0
#include "kernel/userns.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/fd.h"
#include "base/mem.h"
#include "kernel/process.h"

#define MAP_TEXT_MAX (USERNS_RANGES_MAX * 34)

static int write_map(pid_t pid, const char *file, const struct userns_range *ranges, size_t count,
	struct bh_error *err)
{
	_cleanup_buf_ struct buf text;
	char path[64];
	int r;

	buf_init(&text, MAP_TEXT_MAX);
	for (size_t i = 0; i < count; i++)
		(void)buf_printf(
			&text, "%u %u %u\n", ranges[i].inside, ranges[i].outside, ranges[i].size);
	r = buf_status(&text);
	if (r < 0)
		return bh_fail(err, r, "%s: too many ranges", file);
	(void)snprintf(path, sizeof(path), "/proc/%d/%s", pid, file);
	r = fd_write_file(AT_FDCWD, path, buf_str(&text));
	if (r < 0)
		return bh_fail_errno(err, r, "write %s", path);
	return 0;
}

int userns_write_maps(pid_t pid, const struct userns_range *uids, size_t uid_count,
	const struct userns_range *gids, size_t gid_count, bool deny_setgroups,
	struct bh_error *err)
{
	char path[64];
	int r;

	if (deny_setgroups) {
		(void)snprintf(path, sizeof(path), "/proc/%d/setgroups", pid);
		r = fd_write_file(AT_FDCWD, path, "deny");
		if (r < 0 && r != -ENOENT)
			return bh_fail_errno(err, r, "write %s", path);
	}
	r = write_map(pid, "uid_map", uids, uid_count, err);
	if (r < 0)
		return r;
	return write_map(pid, "gid_map", gids, gid_count, err);
}

bool userns_setgroups_denied(pid_t pid)
{
	_cleanup_buf_ struct buf text;
	char path[64] = "/proc/self/setgroups";

	buf_init(&text, 64);
	if (pid != 0)
		(void)snprintf(path, sizeof(path), "/proc/%d/setgroups", pid);
	return fd_read_file(AT_FDCWD, path, &text) == 0 && strncmp(buf_str(&text), "deny", 4) == 0;
}

/* The number by which the mounted proc file system knows a process: its pid namespace need not be
 * the caller's (process 1 of a container still sees the host's /proc). */
static int pid_in_proc(int pidfd, pid_t *ret, struct bh_error *err)
{
	_cleanup_buf_ struct buf text;
	char path[64];
	const char *line;
	long pid;
	int r;

	buf_init(&text, 4096);
	(void)snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", pidfd);
	r = fd_read_file(AT_FDCWD, path, &text);
	if (r < 0)
		return bh_fail_errno(err, r, "read %s", path);
	line = strstr(buf_str(&text), "\nPid:");
	pid = line != NULL ? strtol(line + 5, NULL, 10) : 0;
	if (pid <= 0)
		return bh_fail(err, -ESRCH, "%s has no number of a process in /proc", path);
	*ret = (pid_t)pid;
	return 0;
}

/* Holds the namespace until it is killed, or its maker ends: who may have done so before it could
 * ask to be told. A maker outside of this pid namespace has no number here. */
static _Noreturn void hold_namespace(pid_t maker)
{
	pid_t parent;

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	parent = getppid();
	if (parent != maker && parent != 0)
		_exit(1);
	for (;;)
		(void)pause();
}

int userns_open(const struct userns_range *uids, size_t uid_count, const struct userns_range *gids,
	size_t gid_count, int *ret_fd, struct bh_error *err)
{
	int pidfd = -EBADF, fd, r;
	char path[64];
	pid_t maker = getpid(), number = 0;
	pid_t pid = process_clone(CLONE_NEWUSER, &pidfd, -EBADF);

	if (pid < 0)
		return bh_fail_errno(err, pid, "clone a user namespace");
	if (pid == 0)
		hold_namespace(maker);
	r = pid_in_proc(pidfd, &number, err);
	if (r == 0)
		r = userns_write_maps(number, uids, uid_count, gids, gid_count, false, err);
	if (r == 0) {
		(void)snprintf(path, sizeof(path), "/proc/%d/ns/user", number);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd < 0)
			r = bh_fail_errno(err, -errno, "open %s", path);
		else
			*ret_fd = fd;
	}
	process_kill_wait(pid, pidfd);
	(void)fd_close(pidfd);
	return r;
}

int userns_to_outside(
	const struct userns_range *ranges, size_t count, uint32_t inside, uint32_t *ret)
{
	for (size_t i = 0; i < count; i++) {
		if (inside - ranges[i].inside < ranges[i].size && inside >= ranges[i].inside) {
			*ret = ranges[i].outside + (inside - ranges[i].inside);
			return 0;
		}
	}
	return -ERANGE;
}
