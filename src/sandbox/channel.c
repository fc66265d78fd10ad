// SPDX-License-Identifier: Apache-2.0
#include "sandbox/channel.h"

#include <errno.h>
#include <poll.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/mem.h"

union control {
	char bytes[CMSG_SPACE(sizeof(int))];
	struct cmsghdr align;
};

int channel_pair(int ret[static 2])
{
	return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ret) < 0 ? -errno : 0;
}

static int send_message(int channel, const struct channel_message *m, int fd)
{
	size_t len = offsetof(struct channel_message, text) + strlen(m->text) + 1;
	struct iovec iov = {(void *)m, len};
	union control control = {0};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};

	if (fd >= 0) {
		struct cmsghdr *c;

		msg.msg_control = control.bytes;
		msg.msg_controllen = sizeof(control.bytes);
		c = CMSG_FIRSTHDR(&msg);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(c), &fd, sizeof(int));
	}
	if (TEMP_FAILURE_RETRY(sendmsg(channel, &msg, MSG_NOSIGNAL)) < 0)
		return -errno;
	return 0;
}

int channel_send(int channel, enum channel_type type, int64_t value, int fd)
{
	struct channel_message m = {.type = type, .value = value};

	return send_message(channel, &m, fd);
}

int channel_send_error(int channel, const struct bh_error *err)
{
	struct channel_message m = {.type = CHANNEL_ERROR, .code = err->code};

	memcpy(m.text, err->text, sizeof(m.text));
	m.text[sizeof(m.text) - 1] = '\0';
	return send_message(channel, &m, -EBADF);
}

static void take_descriptor(struct msghdr *msg, int *ret_fd)
{
	int fd = -EBADF;
	struct cmsghdr *c = CMSG_FIRSTHDR(msg);

	if (c != NULL && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS &&
		c->cmsg_len == CMSG_LEN(sizeof(int)))
		memcpy(&fd, CMSG_DATA(c), sizeof(int));
	if (ret_fd != NULL)
		*ret_fd = fd;
	else
		(void)fd_close(fd);
}

/* Until there is something to receive. */
static int await_message(int channel, int pidfd, int timeout_ms, struct bh_error *err)
{
	struct pollfd p[] = {{.fd = channel, .events = POLLIN}, {.fd = pidfd, .events = POLLIN}};
	int r;

	if (timeout_ms < 0 && pidfd < 0)
		return 0;
	r = (int)TEMP_FAILURE_RETRY(poll(p, ARRAY_SIZE(p), timeout_ms));
	/* Its last words may have come between the looks at the one and at the other. */
	if (r > 0 && p[0].revents == 0)
		r = (int)TEMP_FAILURE_RETRY(poll(p, 1, 0)) ?: -EPIPE;
	if (r == -EPIPE)
		return bh_fail(err, r, "the container's process ended");
	if (r < 0)
		return bh_fail_errno(err, -errno, "wait for the container's process");
	if (r == 0)
		return bh_fail(err, -ETIMEDOUT,
			"the container's process did not answer within %d s", timeout_ms / 1000);
	return 0;
}

int channel_receive(
	int channel, int timeout_ms, struct channel_message *ret, int *ret_fd, struct bh_error *err)
{
	return channel_receive_from(channel, -EBADF, timeout_ms, ret, ret_fd, err);
}

int channel_receive_from(int channel, int pidfd, int timeout_ms, struct channel_message *ret,
	int *ret_fd, struct bh_error *err)
{
	struct iovec iov = {ret, sizeof(*ret)};
	union control control = {0};
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.bytes,
		.msg_controllen = sizeof(control.bytes),
	};
	ssize_t n;
	int r = await_message(channel, pidfd, timeout_ms, err);

	if (r < 0)
		return r;
	memset(ret, 0, sizeof(*ret));
	n = TEMP_FAILURE_RETRY(recvmsg(channel, &msg, MSG_CMSG_CLOEXEC));
	/* A peer that ended without reading all we sent: the kernel tells that once, ahead of the
	 * last words it had sent. */
	if (n < 0 && errno == ECONNRESET)
		n = TEMP_FAILURE_RETRY(recvmsg(channel, &msg, MSG_CMSG_CLOEXEC));
	if (n < 0)
		return bh_fail_errno(err, -errno, "receive from the container's process");
	take_descriptor(&msg, ret_fd);
	if (n == 0)
		return bh_fail(err, -EPIPE, "the container's process ended");
	if ((size_t)n <= offsetof(struct channel_message, text))
		return bh_fail(err, -EPROTO, "short message from the container's process");
	ret->text[sizeof(ret->text) - 1] = '\0';
	if (ret->type == CHANNEL_ERROR)
		return bh_fail(err, ret->code, "%s", ret->text);
	return 0;
}

int channel_expect(int channel, int timeout_ms, enum channel_type type, struct bh_error *err)
{
	struct channel_message m;
	int r = channel_receive(channel, timeout_ms, &m, NULL, err);

	if (r < 0)
		return r;
	if (m.type != (uint32_t)type)
		return bh_fail(err, -EPROTO, "message %u where %u was due", m.type, type);
	return 0;
}
