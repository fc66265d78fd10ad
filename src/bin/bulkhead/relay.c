// SPDX-License-Identifier: Apache-2.0
#include "bin/bulkhead/relay.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <termios.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"

#define READ_SIZE 16384u

/* State of the frame decoder: head bytes so far, then payload left. */
struct demux {
	unsigned char head[8];
	size_t have;
	uint32_t left;
	int fd;
};

static const int passed_on[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGWINCH};

static void signal_set(sigset_t *set)
{
	(void)sigemptyset(set);
	for (size_t i = 0; i < ARRAY_SIZE(passed_on); i++)
		(void)sigaddset(set, passed_on[i]);
}

void relay_prepare(void)
{
	sigset_t set;

	signal_set(&set);
	(void)sigprocmask(SIG_BLOCK, &set, NULL);
}

bool relay_window(uint16_t *ret_rows, uint16_t *ret_columns)
{
	struct winsize size;

	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) < 0 &&
		ioctl(STDIN_FILENO, TIOCGWINSZ, &size) < 0)
		return false;
	*ret_rows = size.ws_row;
	*ret_columns = size.ws_col;
	return size.ws_row > 0 && size.ws_col > 0;
}

void relay_resize(const struct relay *relay)
{
	_cleanup_buf_ struct buf target = {0};
	uint16_t rows, columns;

	if (!relay->tty || relay->resize_target == NULL || !relay_window(&rows, &columns))
		return;
	buf_init(&target, 1024);
	buf_printf(&target, "%s?h=%u&w=%u", relay->resize_target, rows, columns);
	/* The container may have ended: then there is nothing to resize. */
	(void)client_call(relay->client, "POST", buf_str(&target), NULL, NULL, NULL);
}

static void pass_signal(const struct relay *relay, int signo)
{
	_cleanup_buf_ struct buf target = {0};

	if (signo == SIGWINCH) {
		relay_resize(relay);
		return;
	}
	if (relay->kill_target == NULL)
		return;
	buf_init(&target, 1024);
	buf_printf(&target, "%s?signal=%d", relay->kill_target, signo);
	(void)client_call(relay->client, "POST", buf_str(&target), NULL, NULL, NULL);
}

static int demux_head(struct demux *d, const char **data, size_t *len)
{
	while (*len > 0 && d->have < sizeof(d->head)) {
		d->head[d->have++] = (unsigned char)*(*data)++;
		(*len)--;
	}
	if (d->have < sizeof(d->head))
		return 0;
	if (d->head[0] > 2)
		return -EPROTO;
	d->fd = d->head[0] == 2 ? STDERR_FILENO : STDOUT_FILENO;
	d->left = (uint32_t)d->head[4] << 24 | (uint32_t)d->head[5] << 16 |
		  (uint32_t)d->head[6] << 8 | d->head[7];
	if (d->left == 0)
		d->have = 0;
	return 0;
}

static int demux_feed(struct demux *d, const char *data, size_t len)
{
	int r = 0;

	while (r == 0 && len > 0) {
		if (d->left == 0) {
			r = demux_head(d, &data, &len);
		} else {
			size_t n = len < d->left ? len : d->left;

			r = fd_write_all(d->fd, data, n);
			data += n;
			len -= n;
			d->left -= (uint32_t)n;
			if (d->left == 0)
				d->have = 0;
		}
	}
	return r;
}

/* Take one piece of output; 0 at the end, 1 to go on. */
static int take_output(
	struct client_stream *stream, struct demux *demux, bool mux, struct bh_error *err)
{
	char data[READ_SIZE];
	ssize_t n = client_read(stream, data, sizeof(data), err);
	int r;

	if (n <= 0)
		return (int)n;
	r = mux ? demux_feed(demux, data, (size_t)n) : fd_write_all(STDOUT_FILENO, data, (size_t)n);
	return r < 0 ? bh_fail_errno(err, r, "write output") : 1;
}

int relay_output(struct client_stream *stream, bool mux, struct bh_error *err)
{
	struct demux demux = {0};
	int r;

	do
		r = take_output(stream, &demux, mux, err);
	while (r == 1);
	return r;
}

/* Send what can be read from standard input; false at its end. */
static bool take_input(const struct relay *relay)
{
	char data[READ_SIZE];
	ssize_t n = read(STDIN_FILENO, data, sizeof(data));

	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return true;
	if (n > 0 && fd_write_all(relay->stream->fd, data, (size_t)n) == 0)
		return true;
	(void)shutdown(relay->stream->fd, SHUT_WR);
	return false;
}

static void take_signal(const struct relay *relay, int fd)
{
	struct signalfd_siginfo si;

	if (read(fd, &si, sizeof(si)) == (ssize_t)sizeof(si))
		pass_signal(relay, (int)si.ssi_signo);
}

static int relay_loop(struct relay *relay, int signal_fd, struct bh_error *err)
{
	struct demux demux = {0};
	struct pollfd fds[3] = {
		{relay->stream->fd, POLLIN, 0},
		{signal_fd, POLLIN, 0},
		{relay->input ? STDIN_FILENO : -1, POLLIN, 0},
	};
	int r = 1;

	while (r == 1) {
		/* What came with the head of the answer is not in the socket any more. */
		if (relay->stream->in.len == 0 && poll(fds, ARRAY_SIZE(fds), -1) < 0) {
			if (errno == EINTR)
				continue;
			return bh_fail_errno(err, -errno, "poll");
		}
		if (fds[1].revents != 0)
			take_signal(relay, signal_fd);
		if (fds[2].revents != 0 && !take_input(relay))
			fds[2].fd = -1;
		if (relay->stream->in.len > 0 || fds[0].revents != 0)
			r = take_output(relay->stream, &demux, !relay->tty, err);
		fds[0].revents = fds[1].revents = fds[2].revents = 0;
	}
	return r;
}

int relay_run(struct relay *relay, struct bh_error *err)
{
	_cleanup_close_ int signal_fd = -EBADF;
	struct termios saved, raw;
	bool restore = false;
	sigset_t set;
	int r;

	relay_prepare();
	signal_set(&set);
	signal_fd = signalfd(-1, &set, SFD_CLOEXEC);
	if (signal_fd < 0)
		return bh_fail_errno(err, -errno, "signalfd");
	if (relay->tty && relay->input && tcgetattr(STDIN_FILENO, &saved) == 0) {
		raw = saved;
		cfmakeraw(&raw);
		restore = tcsetattr(STDIN_FILENO, TCSADRAIN, &raw) == 0;
	}
	r = relay_loop(relay, signal_fd, err);
	if (restore)
		(void)tcsetattr(STDIN_FILENO, TCSADRAIN, &saved);
	return r;
}
