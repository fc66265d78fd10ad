// SPDX-License-Identifier: Apache-2.0
#include "sandbox/gate.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stddef.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "sandbox/channel.h"

#define START_FIFO  "start"
#define RESULT_FIFO "result"

/* startContainer hooks run between the start and execve(2) and have timeouts of their own. */
#define START_TIMEOUT_MS (10 * 60 * 1000)

static int make_fifo(int dirfd, const char *name)
{
	int fd;

	if (mkfifoat(dirfd, name, 0600) < 0)
		return -errno;
	fd = openat(dirfd, name, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	return fd < 0 ? -errno : fd;
}

int gate_make(int dirfd, struct gate *ret, struct bh_error *err)
{
	struct gate g = GATE_INIT;
	int r = 0;

	g.wait = make_fifo(dirfd, START_FIFO);
	if (g.wait < 0)
		return bh_fail_errno(err, g.wait, "make the start fifo");
	g.result = make_fifo(dirfd, RESULT_FIFO);
	if (g.result < 0) {
		r = bh_fail_errno(err, g.result, "make the result fifo");
		gate_close(&g);
		return r;
	}
	*ret = g;
	return 0;
}

void gate_remove(int dirfd)
{
	(void)unlinkat(dirfd, START_FIFO, 0);
	(void)unlinkat(dirfd, RESULT_FIFO, 0);
}

void gate_close(struct gate *g)
{
	if (g->result != g->wait)
		(void)fd_close(g->result);
	g->wait = fd_close(g->wait);
	g->result = -EBADF;
}

int gate_wait(const struct gate *g)
{
	struct channel_message m;

	for (;;) {
		ssize_t n = read(g->wait, &m, sizeof(m));

		if (n > 0)
			return 0;
		if (n == 0)
			return -EPIPE;
		if (errno != EINTR)
			return -errno;
	}
}

void gate_report(const struct gate *g, const struct bh_error *err)
{
	struct channel_message m = {.type = CHANNEL_ERROR, .code = err->code};
	size_t len = strnlen(err->text, sizeof(err->text) - 1);

	memcpy(m.text, err->text, len);
	(void)!write(g->result, &m, offsetof(struct channel_message, text) + len + 1);
}

static int await_result(int fd, struct bh_error *err)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	struct channel_message m = {0};
	ssize_t n;
	int r = (int)TEMP_FAILURE_RETRY(poll(&p, 1, START_TIMEOUT_MS));

	if (r < 0)
		return bh_fail_errno(err, -errno, "wait for process 1 to start");
	if (r == 0)
		return bh_fail(err, -ETIMEDOUT, "no answer from process 1 to the start");
	n = TEMP_FAILURE_RETRY(read(fd, &m, sizeof(m)));
	if (n < 0 && errno != ECONNRESET)
		return bh_fail_errno(err, -errno, "read the result of the start");
	if (n <= 0)
		return 0;
	m.text[sizeof(m.text) - 1] = '\0';
	return bh_fail(err, m.code, "%s", m.text);
}

int gate_start(int dirfd, struct bh_error *err)
{
	_cleanup_close_ int start = -EBADF, result = -EBADF;
	int r;

	result = openat(dirfd, RESULT_FIFO, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW);
	start = openat(dirfd, START_FIFO, O_WRONLY | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW);
	r = start < 0 || result < 0 ? -errno : 0;
	if (r == -ENXIO || r == -ENOENT)
		return bh_fail(err, r == -ENXIO ? -ESRCH : r,
			"cannot start a container that is not in the created state");
	if (r < 0)
		return bh_fail_errno(err, r, "open the start and result fifos");
	r = fd_write_all(start, "", 1);
	if (r < 0)
		return bh_fail_errno(err, r, "write the start fifo");
	(void)fd_set_nonblock(result, 0);
	gate_remove(dirfd);
	return await_result(result, err);
}

int gate_start_channel(int channel, struct bh_error *err)
{
	int r = channel_send(channel, CHANNEL_START, 0, -EBADF);

	if (r == -EPIPE || r == -ECONNRESET)
		return bh_fail(err, -ESRCH, "process 1 is gone");
	if (r < 0)
		return bh_fail_errno(err, r, "tell process 1 to start");
	return await_result(channel, err);
}
