// SPDX-License-Identifier: Apache-2.0
/*
 * One connection: reading. The state machine is in http_conn.h. Everything is driven by three
 * things: bytes (on_io), time (on_timer) and the user's answer (http_answer.c). To keep recursion
 * away, what follows an answer is done when the callback that gave it has returned (in_callback),
 * or at the end of the round (on_later). A connection that ends is unlinked from the loop at once
 * and freed at the end of the round, so that callers up the stack may still look at its state. A
 * failure to send is only noted (broken), so that no answering function ever calls back.
 */
#include "api/http_conn.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/fd.h"
#include "base/mem.h"

#define READ_SIZE    (16u << 10)
#define READS_A_TURN 8

static void set_timer(struct http_conn *c, unsigned int seconds)
{
	loop_timer_set(c->timer, seconds == 0 ? LOOP_TIMER_OFF : seconds * 1000ULL);
}

static bool wants_input(const struct http_conn *c)
{
	return c->state == CONN_HEAD || c->state == CONN_BODY || c->state == CONN_LINGER;
}

void conn_update(struct http_conn *c)
{
	uint32_t events = EPOLLPRI; /* never comes; keeps EPOLLHUP reported */

	if (wants_input(c))
		events |= EPOLLIN;
	if (conn_pending(c) > 0)
		events |= EPOLLOUT;
	if (c->state != CONN_CLOSED)
		(void)loop_io_set(c->io, events);
}

static void finish_exchange(struct http_conn *c)
{
	struct http_server *s = c->server;

	if (c->live) {
		c->live = false;
		if (s->options.ops->finished != NULL)
			s->options.ops->finished(s->options.userdata, &c->x);
	}
	buf_release(&c->x.body);
	c->x.body_fd = fd_close(c->x.body_fd);
	c->x.data = NULL;
	c->x.ops = NULL;
	free(c->head);
	c->head = NULL;
}

static void conn_run(struct http_conn *c);

static void on_later(struct loop_source *source, void *data)
{
	struct http_conn *c = data;

	(void)source;
	if (c->state == CONN_CLOSED)
		conn_free(c);
	else if (c->broken)
		conn_close(c, true);
	else
		conn_run(c);
}

void conn_close(struct http_conn *c, bool tell)
{
	if (c->state == CONN_CLOSED)
		return;
	c->state = CONN_CLOSED;
	loop_removep(&c->io);
	loop_removep(&c->timer);
	c->fd = fd_close(c->fd);
	if (tell && c->live && c->x.ops != NULL && c->x.ops->closed != NULL)
		c->x.ops->closed(&c->x);
	finish_exchange(c);
	buf_release(&c->in);
	buf_release(&c->out);
	c->out_done = 0;
	loop_call_again(c->later);
}

void conn_free(struct http_conn *c)
{
	server_forget(c->server, c);
	loop_removep(&c->later);
	free(c);
}

static void next_request(struct http_conn *c)
{
	finish_exchange(c);
	c->state = CONN_HEAD;
	c->scan = 0;
	c->body_bytes = 0;
	c->chunked = c->full = false;
	memset(&c->x.request, 0, sizeof(c->x.request));
	c->x.status = 0;
	if (c->in.len == 0)
		buf_release(&c->in); /* idle connections hold no buffers */
	set_timer(c, c->in.len > 0 ? HTTP_HEAD_SECONDS : HTTP_IDLE_SECONDS);
}

static void begin_linger(struct http_conn *c)
{
	finish_exchange(c);
	buf_clear(&c->in);
	c->state = CONN_LINGER;
	(void)shutdown(c->fd, SHUT_WR);
	set_timer(c, HTTP_LINGER_SECONDS);
}

/* Everything has been sent. */
static void flushed(struct http_conn *c)
{
	buf_release(&c->out);
	c->out_done = 0;
	if (c->close_after)
		begin_linger(c);
	else
		next_request(c);
}

void conn_answered(struct http_conn *c)
{
	c->state = CONN_FLUSH;
	c->x.ops = NULL;
	set_timer(c, HTTP_BODY_SECONDS);
	if (c->in_callback)
		return;
	conn_send(c);
	loop_call_again(c->later);
}

void conn_fail(struct http_conn *c, int status, const char *message)
{
	struct http_server *s = c->server;
	_cleanup_buf_ struct buf text = {0};

	buf_init(&text, 64u << 10);
	s->options.ops->error_body(s->options.userdata, status, message, &text);
	c->close_after = true;
	c->x.request.keep_alive = false;
	http_respond(&c->x, status, "application/json", NULL, buf_str(&text), text.len);
}

/* ---- the head ---- */

static void call_head(struct http_conn *c)
{
	struct http_server *s = c->server;

	c->live = true;
	c->x.body_mode = HTTP_BODY_IGNORE;
	c->x.body_max = 0;
	c->in_callback = true;
	s->options.ops->head(s->options.userdata, &c->x);
	c->in_callback = false;
}

static void send_continue(struct http_conn *c)
{
	static const char text[] = "HTTP/1.1 100 Continue\r\n\r\n";

	if (c->x.request.expect_continue && c->body.state != HTTP_BODY_DONE && c->in.len == 0)
		(void)send(c->fd, text, sizeof(text) - 1, MSG_NOSIGNAL | MSG_DONTWAIT);
}

static int open_spool(struct http_conn *c)
{
	c->x.body_fd = openat(
		c->server->options.spool_dirfd, ".", O_TMPFILE | O_RDWR | O_CLOEXEC | O_EXCL, 0600);
	return c->x.body_fd < 0 ? -errno : 0;
}

static void begin_body(struct http_conn *c)
{
	c->state = CONN_BODY;
	buf_init(&c->x.body, (size_t)c->x.body_max);
	if (c->x.request.has_length && c->x.request.length > c->x.body_max) {
		conn_fail(c, 413, "request body too large");
		return;
	}
	if (c->x.body_mode == HTTP_BODY_SPOOL && open_spool(c) < 0) {
		conn_fail(c, 500, "cannot make a temporary file for the body");
		return;
	}
	set_timer(c, HTTP_BODY_SECONDS);
	send_continue(c);
}

static int take_head(struct http_conn *c, size_t len)
{
	c->head = malloc(len + 1);
	if (c->head == NULL)
		return -ENOMEM;
	memcpy(c->head, c->in.data, len);
	c->head[len] = '\0';
	buf_consume(&c->in, len);
	return 0;
}

/* Returns whether there is more to do now. */
static bool run_head(struct http_conn *c)
{
	struct bh_error err = BH_ERROR_INIT;
	int64_t len = http_head_length(c->in.data, c->in.len, &c->scan);
	int status;

	if (len == 0)
		return false;
	if (len < 0) {
		conn_fail(c, 431, "request header fields too large");
		return true;
	}
	if (take_head(c, (size_t)len) < 0) {
		conn_close(c, false);
		return false;
	}
	status = http_head_parse(c->head, (size_t)len, &c->x.request, &err);
	if (status != 0) {
		conn_fail(c, status, err.text);
		return true;
	}
	c->close_after = !c->x.request.keep_alive;
	http_body_init(&c->body, &c->x.request);
	call_head(c);
	if (c->state == CONN_HEAD)
		begin_body(c);
	else if (c->body.state != HTTP_BODY_DONE)
		c->close_after = true; /* answered before the body came: it is not read */
	return true;
}

/* ---- the body ---- */

static int keep_body(struct http_conn *c, const char *data, size_t len)
{
	c->body_bytes += len;
	if (c->body_bytes > c->x.body_max)
		return -E2BIG;
	if (c->x.body_mode == HTTP_BODY_MEMORY)
		return buf_append(&c->x.body, data, len);
	if (c->x.body_mode == HTTP_BODY_SPOOL)
		return fd_write_all(c->x.body_fd, data, len);
	return 0;
}

static void body_complete(struct http_conn *c)
{
	struct http_server *s = c->server;

	if (c->x.body_fd >= 0 && lseek(c->x.body_fd, 0, SEEK_SET) < 0) {
		conn_fail(c, 500, "cannot read the spooled body");
		return;
	}
	c->state = CONN_ANSWER;
	set_timer(c, 0);
	c->in_callback = true;
	s->options.ops->request(s->options.userdata, &c->x);
	c->in_callback = false;
}

static void body_failed(struct http_conn *c, int code)
{
	if (code == -E2BIG)
		conn_fail(c, 413, "request body too large");
	else if (code == -EINVAL)
		conn_fail(c, 400, "malformed chunked body");
	else
		conn_fail(c, 500, "cannot store the body");
}

static bool run_body(struct http_conn *c)
{
	const char *data;
	size_t used, len, done = 0;
	int r = 0;

	while (r == 0 && done < c->in.len && c->body.state != HTTP_BODY_DONE) {
		r = http_body_feed(
			&c->body, c->in.data + done, c->in.len - done, &used, &data, &len);
		if (r == 0 && len > 0)
			r = keep_body(c, data, len);
		if (r == 0)
			done += used;
	}
	if (r < 0) {
		body_failed(c, r);
		return true;
	}
	buf_consume(&c->in, done);
	if (done > 0 && c->x.body_mode == HTTP_BODY_SPOOL)
		set_timer(c, HTTP_BODY_SECONDS);
	if (c->body.state != HTTP_BODY_DONE)
		return false;
	body_complete(c);
	return true;
}

/* ---- driving ---- */

static bool run_flush(struct http_conn *c)
{
	if (conn_pending(c) > 0)
		conn_send(c);
	if (c->broken || conn_pending(c) > 0)
		return false;
	flushed(c);
	return true;
}

static bool run_once(struct http_conn *c)
{
	switch (c->state) {
	case CONN_HEAD:
		return run_head(c);
	case CONN_BODY:
		return run_body(c);
	case CONN_FLUSH:
		return run_flush(c);
	default:
		return false;
	}
}

/* Do all that can be done with the bytes at hand. */
static void conn_run(struct http_conn *c)
{
	while (run_once(c))
		;
	if (c->state != CONN_CLOSED)
		conn_update(c);
}

/* Read once; returns whether more may be there. */
static bool read_some(struct http_conn *c)
{
	bool fresh = c->in.len == 0;
	size_t room = HTTP_HEAD_MAX - c->in.len;
	ssize_t n;

	if (room > READ_SIZE)
		room = READ_SIZE;
	if (buf_reserve(&c->in, room) < 0) {
		conn_close(c, true);
		return false;
	}
	n = recv(c->fd, c->in.data + c->in.len, room, 0);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return false;
	if (n <= 0) {
		conn_close(c, true);
		return false;
	}
	if (c->state == CONN_LINGER) {
		c->lingered += (uint64_t)n;
		if (c->lingered > HTTP_LINGER_BYTES)
			conn_close(c, false);
		return c->state == CONN_LINGER;
	}
	buf_added(&c->in, (size_t)n);
	if (c->state == CONN_HEAD && fresh)
		set_timer(c, HTTP_HEAD_SECONDS);
	conn_run(c);
	return true;
}

static void tell_writable(struct http_conn *c)
{
	if (!c->full || c->state != CONN_ANSWER || conn_pending(c) > HTTP_STREAM_LOW)
		return;
	c->full = false;
	if (c->x.ops != NULL && c->x.ops->writable != NULL)
		c->x.ops->writable(&c->x);
}

static void on_io(struct loop_source *source, int fd, uint32_t events, void *data)
{
	struct http_conn *c = data;

	(void)source;
	(void)fd;
	if ((events & EPOLLOUT) != 0) {
		conn_send(c);
		tell_writable(c);
		conn_run(c);
	}
	for (int i = 0; i < READS_A_TURN && (events & EPOLLIN) != 0 && wants_input(c); i++)
		if (!read_some(c))
			break;
	/* Both directions are gone. What the peer sent before may still be unread. */
	if ((events & (EPOLLHUP | EPOLLERR)) != 0 && ((events & EPOLLIN) == 0 || !wants_input(c)))
		conn_close(c, true);
	if (c->state != CONN_CLOSED)
		conn_update(c);
}

static void on_timer(struct loop_source *source, void *data)
{
	struct http_conn *c = data;

	(void)source;
	if ((c->state == CONN_HEAD && c->in.len > 0) || c->state == CONN_BODY) {
		conn_fail(c, 408, "request was not sent in time");
		return;
	}
	conn_close(c, true);
}

static int conn_add_sources(struct http_conn *c, struct bh_error *err)
{
	struct loop *loop = c->server->options.loop;
	int r = loop_add_io(loop, c->fd, EPOLLIN, on_io, c, &c->io, err);

	if (r == 0)
		r = loop_add_timer(loop, HTTP_IDLE_SECONDS * 1000ULL, on_timer, c, &c->timer, err);
	if (r == 0)
		r = loop_add_call(loop, on_later, c, &c->later, err);
	return r;
}

int conn_new(struct http_server *s, int fd, struct bh_error *err)
{
	_cleanup_free_ struct http_conn *c = calloc(1, sizeof(*c));
	_cleanup_close_ int owned = fd;
	int r;

	if (c == NULL)
		return bh_fail(err, -ENOMEM, "out of memory");
	r = guard_caller_from_socket(fd, &c->caller, err);
	if (r < 0)
		return r;
	c->server = s;
	c->fd = fd;
	c->x.conn = c;
	c->x.caller = &c->caller;
	c->x.body_fd = -EBADF;
	buf_init(&c->in, HTTP_HEAD_MAX);
	buf_init(&c->out, HTTP_OUTPUT_MAX);
	r = conn_add_sources(c, err);
	if (r < 0) {
		loop_removep(&c->io);
		loop_removep(&c->timer);
		loop_removep(&c->later);
		return r;
	}
	c->next = s->connections;
	if (c->next != NULL)
		c->next->previous = c;
	s->connections = c;
	s->count++;
	(void)TAKE_FD(owned);
	(void)TAKE_PTR(c);
	return 0;
}
