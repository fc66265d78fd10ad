// SPDX-License-Identifier: Apache-2.0
#include "base/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"

#define READ_STEP 16384u

int fd_read_all(int fd, struct buf *out)
{
	for (;;) {
		size_t room = out->max - out->len;
		char probe;
		ssize_t n;
		int r;

		if (room == 0) {
			n = TEMP_FAILURE_RETRY(read(fd, &probe, 1));
			return n == 0 ? 0 : n < 0 ? -errno : -E2BIG;
		}
		r = buf_reserve(out, room < READ_STEP ? room : READ_STEP);
		if (r < 0)
			return r;
		n = TEMP_FAILURE_RETRY(
			read(fd, out->data + out->len, room < READ_STEP ? room : READ_STEP));
		if (n < 0)
			return -errno;
		if (n == 0)
			return 0;
		buf_added(out, (size_t)n);
	}
}

int fd_read_file(int dirfd, const char *path, struct buf *out)
{
	_cleanup_close_ int fd = openat(dirfd, path, O_RDONLY | O_CLOEXEC | O_NOCTTY);

	if (fd < 0)
		return -errno;
	return fd_read_all(fd, out);
}

int fd_write_all(int fd, const void *data, size_t len)
{
	const char *p = data;

	while (len > 0) {
		ssize_t n = TEMP_FAILURE_RETRY(write(fd, p, len));

		if (n < 0)
			return -errno;
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

int fd_write_file(int dirfd, const char *path, const char *text)
{
	_cleanup_close_ int fd = openat(dirfd, path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
	ssize_t n;

	if (fd < 0)
		return -errno;
	n = TEMP_FAILURE_RETRY(write(fd, text, strlen(text)));
	if (n < 0)
		return -errno;
	return (size_t)n == strlen(text) ? 0 : -EIO;
}

int fd_replace_file(
	int dirfd, const char *path, const void *data, size_t len, mode_t mode, int sync)
{
	_cleanup_close_ int fd = -EBADF;
	char temp[4096];
	int r;

	if (snprintf(temp, sizeof(temp), "%s.new", path) >= (int)sizeof(temp))
		return -ENAMETOOLONG;
	fd = openat(dirfd, temp, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, mode);
	if (fd < 0)
		return -errno;
	r = fd_write_all(fd, data, len);
	if (r == 0 && sync && fsync(fd) < 0)
		r = -errno;
	if (r == 0 && renameat(dirfd, temp, dirfd, path) < 0)
		r = -errno;
	if (r < 0)
		(void)unlinkat(dirfd, temp, 0);
	return r;
}

static int change_flag(int fd, int get, int set, int flag, int on)
{
	int flags = fcntl(fd, get);

	if (flags < 0)
		return -errno;
	flags = on ? flags | flag : flags & ~flag;
	return fcntl(fd, set, flags) < 0 ? -errno : 0;
}

int fd_set_cloexec(int fd, int on)
{
	return change_flag(fd, F_GETFD, F_SETFD, FD_CLOEXEC, on);
}

int fd_set_nonblock(int fd, int on)
{
	return change_flag(fd, F_GETFL, F_SETFL, O_NONBLOCK, on);
}
