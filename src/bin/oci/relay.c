// SPDX-License-Identifier: Apache-2.0
#include "bin/oci/relay.h"

#include <errno.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"

void relay_resize(struct relay *r)
{
	struct winsize size;

	if (ioctl(STDIN_FILENO, TIOCGWINSZ, &size) == 0)
		(void)ioctl(r->console, TIOCSWINSZ, &size);
}

int relay_open(struct relay *r, int console, const sigset_t *signals, struct bh_error *err)
{
	struct termios raw;

	r->console = console;
	r->in = (struct relay_pipe){.from = STDIN_FILENO, .to = console};
	r->out = (struct relay_pipe){.from = console, .to = STDOUT_FILENO};
	r->signals = signalfd(-1, signals, SFD_CLOEXEC | SFD_NONBLOCK);
	if (r->signals < 0)
		return bh_fail_errno(err, -errno, "make a signalfd");
	if (tcgetattr(STDIN_FILENO, &r->saved) == 0) {
		raw = r->saved;
		cfmakeraw(&raw);
		r->restore = tcsetattr(STDIN_FILENO, TCSANOW, &raw) == 0;
	}
	relay_resize(r);
	return 0;
}

void relay_close(struct relay *r)
{
	if (r->restore)
		(void)tcsetattr(STDIN_FILENO, TCSANOW, &r->saved);
	r->restore = false;
	r->signals = fd_close(r->signals);
}

static void pipe_fill(struct relay_pipe *p)
{
	ssize_t n = read(p->from, p->data, sizeof(p->data));

	if (n > 0) {
		p->len = (size_t)n;
		p->sent = 0;
	} else if (n == 0 || (errno != EINTR && errno != EAGAIN)) {
		p->closed = true; /* EIO: every slave of the terminal is closed */
	}
}

static void pipe_empty(struct relay_pipe *p)
{
	ssize_t n = write(p->to, p->data + p->sent, p->len - p->sent);

	if (n > 0)
		p->sent += (size_t)n;
	else if (n < 0 && errno != EINTR && errno != EAGAIN)
		p->closed = true;
	if (p->sent == p->len || p->closed)
		p->len = p->sent = 0;
}

/* Which end of a pipe to wait for. */
static struct pollfd pipe_poll(const struct relay_pipe *p)
{
	if (p->len > 0)
		return (struct pollfd){.fd = p->to, .events = POLLOUT};
	return (struct pollfd){.fd = p->closed ? -1 : p->from, .events = POLLIN};
}

static void pipe_step(struct relay_pipe *p, const struct pollfd *ready)
{
	if (ready->revents == 0)
		return;
	if (p->len > 0)
		pipe_empty(p);
	else
		pipe_fill(p);
}

static int read_signal(struct relay *r, siginfo_t *info, struct bh_error *err)
{
	struct signalfd_siginfo read_info;
	ssize_t n = read(r->signals, &read_info, sizeof(read_info));

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (n != (ssize_t)sizeof(read_info))
		return bh_fail_errno(err, n < 0 ? -errno : -EIO, "read a signal");
	info->si_signo = (int)read_info.ssi_signo;
	return 1;
}

int relay_step(struct relay *r, siginfo_t *info, struct bh_error *err)
{
	struct pollfd fds[3] = {
		{.fd = r->signals, .events = POLLIN},
		pipe_poll(&r->in),
		pipe_poll(&r->out),
	};

	if (poll(fds, ARRAY_SIZE(fds), -1) < 0)
		return errno == EINTR ? 0 : bh_fail_errno(err, -errno, "wait for the terminal");
	pipe_step(&r->in, &fds[1]);
	pipe_step(&r->out, &fds[2]);
	return fds[0].revents != 0 ? read_signal(r, info, err) : 0;
}

void relay_drain(struct relay *r)
{
	struct pollfd fd = {.fd = r->console, .events = POLLIN};

	if (r->out.len > 0)
		(void)fd_write_all(
			STDOUT_FILENO, r->out.data + r->out.sent, r->out.len - r->out.sent);
	/* Other holders of the slave may go on writing: take what is there, never wait. */
	while (!r->out.closed && poll(&fd, 1, 0) > 0 && (fd.revents & POLLIN) != 0) {
		r->out.len = r->out.sent = 0;
		pipe_fill(&r->out);
		if (fd_write_all(STDOUT_FILENO, r->out.data, r->out.len) < 0)
			return;
	}
}
