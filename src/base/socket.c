// SPDX-License-Identifier: Apache-2.0
#include "base/socket.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/mem.h"

#define NAME_MAX_BYTES 64u

static int make_address(int dirfd, const char *name, struct sockaddr_un *ret, struct bh_error *err)
{
	*ret = (struct sockaddr_un){.sun_family = AF_UNIX};
	if (name[0] == '\0' || strlen(name) > NAME_MAX_BYTES || strchr(name, '/') != NULL)
		return bh_fail(err, -EINVAL,
			"socket name \"%s\" is not a file name of 1 to %u bytes", name,
			NAME_MAX_BYTES);
	(void)snprintf(ret->sun_path, sizeof(ret->sun_path), "/proc/self/fd/%d/%s", dirfd, name);
	return 0;
}

static int remove_stale(int dirfd, const char *name, struct bh_error *err)
{
	struct stat st;

	if (fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : bh_fail_errno(err, -errno, "stat socket %s", name);
	if (!S_ISSOCK(st.st_mode))
		return bh_fail(err, -EEXIST, "%s exists and is not a socket", name);
	if (unlinkat(dirfd, name, 0) < 0 && errno != ENOENT)
		return bh_fail_errno(err, -errno, "remove stale socket %s", name);
	return 0;
}

int socket_listen_at(int dirfd, const char *name, int type, mode_t mode, int backlog, int *ret,
	struct bh_error *err)
{
	_cleanup_close_ int fd = -EBADF;
	struct sockaddr_un addr;
	int r = make_address(dirfd, name, &addr, err);

	if (r < 0)
		return r;
	r = remove_stale(dirfd, name, err);
	if (r < 0)
		return r;
	fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return bh_fail_errno(err, -errno, "socket");
	/* The mode of the socket's own inode, less the umask, is that of the file bind(2) makes:
	 * there is no moment with a wider one. */
	if (fchmod(fd, mode) < 0)
		return bh_fail_errno(err, -errno, "fchmod socket %s", name);
	if (bind(fd, (const struct sockaddr *)&addr, sizeof(addr)) < 0)
		return bh_fail_errno(err, -errno, "bind %s", name);
	if (fchmodat(dirfd, name, mode, 0) < 0 || listen(fd, backlog) < 0) {
		r = bh_fail_errno(err, -errno, "listen on %s", name);
		(void)unlinkat(dirfd, name, 0);
		return r;
	}
	*ret = TAKE_FD(fd);
	return 0;
}

int socket_connect_at(int dirfd, const char *name, int type, int *ret, struct bh_error *err)
{
	_cleanup_close_ int fd = -EBADF;
	struct sockaddr_un addr;
	int r = make_address(dirfd, name, &addr, err);

	if (r < 0)
		return r;
	fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return bh_fail_errno(err, -errno, "socket");
	if (connect(fd, (const struct sockaddr *)&addr, sizeof(addr)) < 0)
		return bh_fail_errno(err, -errno, "connect to %s", name);
	*ret = TAKE_FD(fd);
	return 0;
}

union control {
	struct cmsghdr align;
	char space[CMSG_SPACE(sizeof(int) * SOCKET_FDS_MAX)];
};

ssize_t socket_send_fds(int fd, const void *data, size_t len, const int *fds, size_t count)
{
	union control control = {0};
	struct iovec iov = {(void *)(uintptr_t)data, len};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
	ssize_t n;

	if (count > SOCKET_FDS_MAX)
		return -EINVAL;
	if (count > 0) {
		struct cmsghdr *c;

		msg.msg_control = control.space;
		msg.msg_controllen = CMSG_SPACE(sizeof(int) * count);
		c = CMSG_FIRSTHDR(&msg);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int) * count);
		memcpy(CMSG_DATA(c), fds, sizeof(int) * count);
	}
	n = TEMP_FAILURE_RETRY(sendmsg(fd, &msg, MSG_NOSIGNAL));
	return n < 0 ? -errno : n;
}

/* Move what came into fds; more than max is closed and reported. */
static int take_fds(struct msghdr *msg, int *fds, size_t max, size_t *ret_count)
{
	size_t count = 0;
	int r = 0;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c != NULL; c = CMSG_NXTHDR(msg, c)) {
		size_t n =
			c->cmsg_len >= CMSG_LEN(0) ? (c->cmsg_len - CMSG_LEN(0)) / sizeof(int) : 0;

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t i = 0; i < n; i++) {
			int got;

			memcpy(&got, CMSG_DATA(c) + i * sizeof(int), sizeof(int));
			if (count < max) {
				fds[count++] = got;
			} else {
				(void)close(got);
				r = -EMSGSIZE;
			}
		}
	}
	*ret_count = count;
	return r;
}

ssize_t socket_recv_fds(int fd, void *data, size_t len, int *fds, size_t max, size_t *ret_count)
{
	union control control;
	struct iovec iov = {data, len};
	struct msghdr msg = {.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.space,
		.msg_controllen = sizeof(control.space)};
	size_t count = 0;
	ssize_t n;
	int r;

	n = TEMP_FAILURE_RETRY(recvmsg(fd, &msg, MSG_CMSG_CLOEXEC));
	if (n < 0)
		return -errno;
	r = take_fds(&msg, fds, max, &count);
	if (msg.msg_flags & (MSG_TRUNC | MSG_CTRUNC))
		r = -EMSGSIZE;
	if (r < 0) {
		while (count > 0)
			(void)close(fds[--count]);
		return r;
	}
	*ret_count = count;
	return n;
}

ssize_t socket_next_size(int fd)
{
	ssize_t n = TEMP_FAILURE_RETRY(recv(fd, NULL, 0, MSG_PEEK | MSG_TRUNC | MSG_DONTWAIT));

	return n < 0 ? -errno : n;
}

int socket_peer(int fd, pid_t *ret_pid, uid_t *ret_uid, gid_t *ret_gid)
{
	struct ucred cred;
	socklen_t len = sizeof(cred);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) < 0)
		return -errno;
	if (ret_pid != NULL)
		*ret_pid = cred.pid;
	if (ret_uid != NULL)
		*ret_uid = cred.uid;
	if (ret_gid != NULL)
		*ret_gid = cred.gid;
	return 0;
}
