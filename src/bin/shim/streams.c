// SPDX-License-Identifier: Apache-2.0
#include "bin/shim/streams.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "bin/shim/attached.h"

#define READS_PER_EVENT 4
/* A client's early input and one read must fit while the queue counts as not full. */
#define INPUT_HARD_MAX (STREAMS_INPUT_MAX + SHIM_INPUT_MAX)
#define INPUT_KEPT     4096u

static void write_input(struct streams *s);

void streams_init(struct streams *s, struct streams_shared *shared, const struct streams_ops *ops,
	void *data, struct log_file *log)
{
	*s = (struct streams){.shared = shared, .ops = ops, .data = data, .log = log, .in = -EBADF};
	buf_init(&s->input, INPUT_HARD_MAX);
	for (unsigned int i = 0; i < 2; i++) {
		s->output[i].owner = s;
		s->output[i].fd = -EBADF;
		s->output[i].number = i + 1;
		s->output[i].line.stream = i == 0 ? "stdout" : "stderr";
	}
}

/* ---- flow ---- */

static void update_output(struct streams_output *o)
{
	struct streams *s = o->owner;
	uint32_t events = s->blocked ? 0u : (uint32_t)EPOLLIN;

	if (o->io == NULL)
		return;
	if (s->tty && s->input.len > 0)
		events |= EPOLLOUT;
	(void)loop_io_set(o->io, events);
}

void streams_update_flow(struct streams *s)
{
	bool full = false;

	for (struct attached *c = s->clients; c != NULL; c = attached_next(c))
		full = full || attached_is_full(c);
	s->blocked = full && !s->ending;
	update_output(&s->output[0]);
	update_output(&s->output[1]);
}

/* Room for input appeared or went: clients are read, or not. */
static void update_clients(struct streams *s)
{
	for (struct attached *c = s->clients; c != NULL; c = attached_next(c))
		attached_update_input(c);
}

bool streams_is_idle(const struct streams *s)
{
	return s->drained && s->clients == NULL;
}

static void idle(struct loop_source *source, void *data)
{
	struct streams *s = data;

	if (streams_is_idle(s) && !s->finished) {
		s->finished = true;
		s->ops->idle(s, s->data);
	}
}

void streams_client_gone(struct streams *s, bool by_keys)
{
	streams_update_flow(s);
	if (by_keys)
		s->ops->detached(s, s->data);
	if (s->idle_call != NULL && streams_is_idle(s))
		loop_call_again(s->idle_call);
}

/* ---- the end ---- */

static void close_input_now(struct streams *s)
{
	loop_removep(&s->in_io);
	if (!s->tty)
		s->in = fd_close(s->in);
	s->in = -EBADF;
	buf_release(&s->input);
}

static void close_output(struct streams_output *o)
{
	loop_removep(&o->io);
	o->fd = fd_close(o->fd);
	if (o->owner->log != NULL)
		log_file_end(o->owner->log, &o->line);
}

static void drain_done(struct streams *s)
{
	if (s->drained)
		return;
	s->drained = true;
	loop_removep(&s->drain_timer);
	loop_removep(&s->retry_timer);
	close_input_now(s);
	close_output(&s->output[0]);
	close_output(&s->output[1]);
	s->ops->drained(s, s->data);
	for (struct attached *c = s->clients, *next; c != NULL; c = next) {
		next = attached_next(c);
		attached_finish(c);
	}
	if (s->idle_call != NULL && streams_is_idle(s))
		loop_call_again(s->idle_call);
}

static void drain_timeout(struct loop_source *source, void *data)
{
	drain_done(data);
}

void streams_end(struct streams *s)
{
	struct loop *loop = s->shared->loop;

	if (s->ending)
		return;
	s->ending = true;
	streams_update_flow(s);
	if (loop_add_call(loop, idle, s, &s->idle_call, NULL) < 0 ||
		loop_add_timer(loop, STREAMS_DRAIN_MS, drain_timeout, s, &s->drain_timer, NULL) <
			0 ||
		(s->output[0].fd < 0 && s->output[1].fd < 0)) {
		drain_done(s);
		return;
	}
	if (s->retry_timer != NULL)
		loop_timer_set(s->retry_timer, 0);
}

void streams_release(struct streams *s)
{
	while (s->clients != NULL)
		attached_free(s->clients);
	loop_removep(&s->drain_timer);
	loop_removep(&s->retry_timer);
	loop_removep(&s->idle_call);
	close_input_now(s);
	close_output(&s->output[0]);
	close_output(&s->output[1]);
}

/* ---- output ---- */

static void output_ended(struct streams_output *o)
{
	struct streams *s = o->owner;

	if (s->tty && !s->ending) {
		/* Nobody has the terminal open, but the process lives and may open it again, as
		 * init systems do: look again later. */
		(void)loop_io_set(o->io, 0);
		loop_timer_set(s->retry_timer, STREAMS_RETRY_TTY_MS);
		return;
	}
	if (s->tty)
		close_input_now(s);
	close_output(o);
	if (s->ending && s->output[0].fd < 0 && s->output[1].fd < 0)
		drain_done(s);
}

static void deliver(struct streams_output *o, const char *data, size_t len)
{
	struct streams *s = o->owner;

	if (s->log != NULL)
		log_file_write(s->log, &o->line, data, len);
	for (struct attached *c = s->clients, *next; c != NULL; c = next) {
		next = attached_next(c);
		attached_output(c, o->number, data, len);
	}
	s->shared->active(s->shared->data);
}

static void read_output(struct streams_output *o)
{
	struct streams *s = o->owner;

	for (int i = 0; i < READS_PER_EVENT && o->fd >= 0 && !s->blocked; i++) {
		ssize_t n = TEMP_FAILURE_RETRY(read(o->fd, s->shared->scratch, STREAMS_READ_SIZE));

		if (n < 0 && errno == EAGAIN)
			return;
		if (n <= 0) {
			output_ended(o);
			return;
		}
		deliver(o, s->shared->scratch, (size_t)n);
		streams_update_flow(s);
		if ((size_t)n < STREAMS_READ_SIZE / 2 && !s->ending)
			return;
	}
}

static void output_event(struct loop_source *source, int fd, uint32_t events, void *data)
{
	struct streams_output *o = data;

	if (events & EPOLLOUT)
		write_input(o->owner);
	if (events & (EPOLLIN | EPOLLHUP | EPOLLERR))
		read_output(o);
}

static void retry_tty(struct loop_source *source, void *data)
{
	struct streams *s = data;

	if (s->output[0].io != NULL)
		update_output(&s->output[0]);
}

/* ---- input ---- */

size_t streams_input_room(const struct streams *s)
{
	return s->input.len < STREAMS_INPUT_MAX ? STREAMS_INPUT_MAX - s->input.len : 0;
}

static void watch_input(struct streams *s)
{
	if (s->tty)
		update_output(&s->output[0]);
	else if (s->in_io != NULL)
		(void)loop_io_set(s->in_io, s->input.len > 0 ? EPOLLOUT : EPOLLERR);
}

static void write_input(struct streams *s)
{
	bool was_full = streams_input_room(s) < STREAMS_INPUT_MAX / 2;

	while (s->in >= 0 && s->input.len > 0) {
		ssize_t n = TEMP_FAILURE_RETRY(write(s->in, s->input.data, s->input.len));

		if (n < 0 && errno == EAGAIN)
			break;
		if (n < 0) {
			if (s->tty) /* the terminal's output side decides about its end */
				buf_clear(&s->input);
			else
				close_input_now(s);
			break;
		}
		buf_consume(&s->input, (size_t)n);
	}
	if (s->input.len == 0 && s->input.cap > INPUT_KEPT)
		buf_release(&s->input);
	if (s->in >= 0 && s->input.len == 0 && s->input_ended)
		close_input_now(s);
	watch_input(s);
	if (was_full || s->in < 0)
		update_clients(s);
}

size_t streams_put_input(struct streams *s, const void *data, size_t len)
{
	if (s->in < 0 || s->input_ended || buf_append(&s->input, data, len) < 0)
		return 0;
	s->shared->active(s->shared->data);
	write_input(s);
	return len;
}

static void input_event(struct loop_source *source, int fd, uint32_t events, void *data)
{
	struct streams *s = data;

	if (events & EPOLLERR) /* no reader is left */
		close_input_now(s);
	else
		write_input(s);
	if (s->in < 0)
		update_clients(s);
}

void streams_close_input(struct streams *s)
{
	if (s->tty || s->in < 0)
		return;
	s->input_ended = true;
	if (s->input.len == 0)
		close_input_now(s);
}

void streams_client_ended_input(struct streams *s)
{
	if (s->input_once)
		streams_close_input(s);
}

/* ---- set up ---- */

static int watch_output(struct streams_output *o, int fd, struct bh_error *err)
{
	int r = fd_set_nonblock(fd, 1);

	if (r < 0)
		return bh_fail_errno(err, r, "streams: make a descriptor non-blocking");
	r = loop_add_io(o->owner->shared->loop, fd, EPOLLIN, output_event, o, &o->io, err);
	if (r == 0)
		o->fd = fd;
	return r;
}

static int open_output(
	struct streams_output *o, uid_t uid, gid_t gid, int *ret, struct bh_error *err)
{
	int p[2], r;

	if (pipe2(p, O_CLOEXEC) < 0)
		return bh_fail_errno(err, -errno, "streams: pipe");
	r = fchown(p[1], uid, gid) < 0 ? bh_fail_errno(err, -errno, "streams: give away a pipe")
				       : watch_output(o, p[0], err);
	if (r < 0) {
		(void)close(p[0]);
		(void)close(p[1]);
		return r;
	}
	*ret = p[1];
	return 0;
}

static int open_input_pipe(struct streams *s, uid_t uid, gid_t gid, int *ret, struct bh_error *err)
{
	int p[2], r = 0;

	if (pipe2(p, O_CLOEXEC) < 0)
		return bh_fail_errno(err, -errno, "streams: pipe");
	if (fchown(p[0], uid, gid) < 0 || fd_set_nonblock(p[1], 1) < 0)
		r = bh_fail_errno(err, -errno, "streams: give away a pipe");
	if (r == 0)
		r = loop_add_io(s->shared->loop, p[1], EPOLLERR, input_event, s, &s->in_io, err);
	if (r < 0) {
		(void)close(p[0]);
		(void)close(p[1]);
		return r;
	}
	s->in = p[1];
	*ret = p[0];
	return 0;
}

static int open_null(int flags, int *ret, struct bh_error *err)
{
	int fd = open("/dev/null", flags | O_CLOEXEC);

	if (fd < 0)
		return bh_fail_errno(err, -errno, "open /dev/null");
	*ret = fd;
	return 0;
}

int streams_open_pipes(struct streams *s, bool pipes, bool open_input, uid_t uid, gid_t gid,
	struct streams_child *ret, struct bh_error *err)
{
	struct streams_child child = {{-EBADF, -EBADF, -EBADF}};
	int r;

	if (pipes && open_input)
		r = open_input_pipe(s, uid, gid, &child.fd[0], err);
	else
		r = open_null(O_RDONLY, &child.fd[0], err);
	for (unsigned int i = 0; i < 2 && r == 0; i++) {
		if (pipes)
			r = open_output(&s->output[i], uid, gid, &child.fd[i + 1], err);
		else
			r = open_null(O_WRONLY, &child.fd[i + 1], err);
	}
	if (r < 0) {
		for (int i = 0; i < 3; i++)
			child.fd[i] = fd_close(child.fd[i]);
		streams_release(s);
		return r;
	}
	*ret = child;
	return 0;
}

int streams_open_tty(struct streams *s, int master, struct bh_error *err)
{
	int r = loop_add_timer(s->shared->loop, LOOP_TIMER_OFF, retry_tty, s, &s->retry_timer, err);

	if (r < 0)
		return r;
	s->tty = true;
	r = watch_output(&s->output[0], master, err);
	if (r < 0)
		return r;
	s->in = master;
	return 0;
}

int streams_attach(
	struct streams *s, int fd, const struct shim_attach *attach, struct bh_error *err)
{
	if (s->ending)
		return bh_fail(err, -ESRCH, "the process has ended");
	if (s->client_count >= STREAMS_CLIENTS_MAX)
		return bh_fail(
			err, -EAGAIN, "%d clients are attached already", STREAMS_CLIENTS_MAX);
	return attached_new(s, fd, attach, err);
}

int streams_resize(struct streams *s, uint16_t rows, uint16_t cols, struct bh_error *err)
{
	struct winsize size = {.ws_row = rows, .ws_col = cols};

	if (!s->tty)
		return bh_fail(err, -ENOTTY, "the process has no terminal");
	if (s->output[0].fd < 0)
		return bh_fail(err, -ESRCH, "the process has ended");
	if (ioctl(s->output[0].fd, TIOCSWINSZ, &size) < 0)
		return bh_fail_errno(err, -errno, "set the terminal's size");
	return 0;
}
