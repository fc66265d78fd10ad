// SPDX-License-Identifier: Apache-2.0
#include "bin/shim/attached.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "base/mem.h"

/* After the process ended its pipes are read to the end whatever the client does; what a pipe can
 * hold (1 MiB by default for an unprivileged owner) must fit on top of a full queue. */
#define QUEUE_HARD_MAX (4u * STREAMS_QUEUE_MAX)
#define READ_SIZE      4096u
#define QUEUE_KEPT     4096u

struct attached {
	struct attached *prev, *next;
	struct streams *streams;
	struct loop_source *io, *stall;
	struct buf queue;
	int fd;
	bool in, out, err, mux;
	bool input_ended; /* the client sends no more */
	bool finishing;   /* close when the queue is empty */
	uint8_t keys[SHIM_DETACH_KEYS_MAX];
	size_t key_count, keys_matched;
};

struct attached *attached_next(const struct attached *c)
{
	return c->next;
}

bool attached_is_full(const struct attached *c)
{
	return c->queue.len >= STREAMS_QUEUE_MAX;
}

static void unlink_client(struct attached *c)
{
	if (c->prev != NULL)
		c->prev->next = c->next;
	else
		c->streams->clients = c->next;
	if (c->next != NULL)
		c->next->prev = c->prev;
	c->streams->client_count--;
}

/* Bytes that the client sent and nobody will read would turn our close into a reset of the
 * connection, which can cost it output that is still on the way. */
static void discard_input(struct attached *c)
{
	char sink[256];

	for (int i = 0; i < 256; i++) {
		if (recv(c->fd, sink, sizeof(sink), MSG_DONTWAIT) <= 0)
			break;
	}
}

void attached_free(struct attached *c)
{
	unlink_client(c);
	loop_remove(c->io);
	loop_remove(c->stall);
	/* Others may hold duplicates of the socket: it is shut down, not only closed. */
	(void)shutdown(c->fd, SHUT_WR);
	discard_input(c);
	(void)shutdown(c->fd, SHUT_RD);
	c->fd = fd_close(c->fd);
	buf_release(&c->queue);
	free(c);
}

static void gone(struct attached *c, bool by_keys)
{
	struct streams *s = c->streams;

	attached_free(c);
	streams_client_gone(s, by_keys);
}

static void update_events(struct attached *c)
{
	bool want_in =
		!c->input_ended && !c->finishing &&
		(!c->in || c->streams->in < 0 || streams_input_room(c->streams) >= READ_SIZE);
	uint32_t events = (want_in ? EPOLLIN : 0u) | (c->queue.len > 0 ? EPOLLOUT : 0u);

	/* With nothing to wait for, a peer that is gone altogether is still of interest; but one
	 * that only sends no more must not keep the loop spinning, and EPOLLHUP comes unasked. */
	if (events == 0 && !c->finishing)
		events = EPOLLERR;
	(void)loop_io_set(c->io, events);
}

void attached_update_input(struct attached *c)
{
	update_events(c);
}

/* ---- output ---- */

/* Send as much of the vector as goes now; returns bytes or negative errno (-EAGAIN: none). */
static ssize_t send_now(int fd, struct iovec *iov, size_t count)
{
	struct msghdr msg = {.msg_iov = iov, .msg_iovlen = count};
	ssize_t n = TEMP_FAILURE_RETRY(sendmsg(fd, &msg, MSG_NOSIGNAL | MSG_DONTWAIT));

	return n < 0 ? -errno : n;
}

static int queue_rest(struct attached *c, const struct iovec *iov, size_t count, size_t sent)
{
	bool was_empty = c->queue.len == 0;
	int r = 0;

	for (size_t i = 0; i < count && r == 0; i++) {
		if (sent >= iov[i].iov_len) {
			sent -= iov[i].iov_len;
			continue;
		}
		r = buf_append(
			&c->queue, (const char *)iov[i].iov_base + sent, iov[i].iov_len - sent);
		sent = 0;
	}
	if (r == 0 && was_empty && c->queue.len > 0)
		loop_timer_set(c->stall, c->streams->shared->stall_ms);
	return r;
}

/* Send or queue; negative when the client has to go. */
static int emit(struct attached *c, struct iovec *iov, size_t count)
{
	ssize_t n = 0;
	int r;

	if (c->queue.len == 0) {
		n = send_now(c->fd, iov, count);
		if (n < 0 && n != -EAGAIN)
			return (int)n;
	}
	r = queue_rest(c, iov, count, n > 0 ? (size_t)n : 0);
	if (r == 0)
		update_events(c);
	return r;
}

void attached_output(struct attached *c, unsigned int stream, const char *data, size_t len)
{
	uint8_t header[SHIM_FRAME_HEADER];
	struct iovec iov[2] = {{header, sizeof(header)}, {(void *)(uintptr_t)data, len}};

	if (len == 0 || c->finishing || !(stream == 2 ? c->err : c->out))
		return;
	shim_frame_header(header, stream, (uint32_t)len);
	if (emit(c, c->mux ? iov : iov + 1, c->mux ? 2 : 1) < 0)
		gone(c, false);
}

static int flush(struct attached *c)
{
	struct iovec iov = {c->queue.data, c->queue.len};
	ssize_t n;

	if (c->queue.len == 0)
		return 0;
	n = send_now(c->fd, &iov, 1);
	if (n < 0)
		return n == -EAGAIN ? 0 : (int)n;
	buf_consume(&c->queue, (size_t)n);
	loop_timer_set(c->stall, c->queue.len > 0 ? c->streams->shared->stall_ms : LOOP_TIMER_OFF);
	if (c->queue.len == 0 && c->queue.cap > QUEUE_KEPT)
		buf_release(&c->queue);
	return 0;
}

void attached_finish(struct attached *c)
{
	c->finishing = true;
	if (c->queue.len == 0)
		gone(c, false);
	else
		update_events(c);
}

/* ---- input ---- */

/* How much of data may pass before the detach sequence is complete. Keys of an unfinished match are
 * held back; when it fails, they are sent after all. Returns true when the sequence was completed.
 */
static bool filter_keys(struct attached *c, const char *data, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		uint8_t key = (uint8_t)data[i];

		if (key != c->keys[c->keys_matched] && c->keys_matched > 0) {
			(void)streams_put_input(c->streams, c->keys, c->keys_matched);
			c->keys_matched = 0;
		}
		if (key != c->keys[c->keys_matched])
			(void)streams_put_input(c->streams, &key, 1);
		else if (++c->keys_matched == c->key_count)
			return true;
	}
	return false;
}

/* Returns true when the client detached itself. */
static bool take_input(struct attached *c, const char *data, size_t len)
{
	if (!c->in || c->streams->in < 0)
		return false; /* nowhere to go */
	if (c->streams->tty && c->key_count > 0)
		return filter_keys(c, data, len);
	(void)streams_put_input(c->streams, data, len);
	return false;
}

/* Negative when the client has to go; *ret_detached on the detach keys. */
static int read_client(struct attached *c, bool *ret_detached)
{
	char data[READ_SIZE];
	ssize_t n;

	/* Another client may have filled the queue in this round. */
	if (c->in && c->streams->in >= 0 && streams_input_room(c->streams) < READ_SIZE)
		return 0;
	n = TEMP_FAILURE_RETRY(recv(c->fd, data, sizeof(data), MSG_DONTWAIT));
	if (n < 0)
		return errno == EAGAIN ? 0 : -errno;
	if (n == 0) {
		c->input_ended = true;
		if (c->in)
			streams_client_ended_input(c->streams);
		return 0;
	}
	*ret_detached = take_input(c, data, (size_t)n);
	return 0;
}

static void client_event(struct loop_source *s, int fd, uint32_t events, void *data)
{
	struct attached *c = data;
	bool detached = false, was_full = attached_is_full(c);
	int r = 0;

	if (events & EPOLLIN)
		r = read_client(c, &detached);
	if (r == 0 && (events & EPOLLOUT))
		r = flush(c);
	/* Both directions are shut down or the peer is gone: what is queued cannot arrive. */
	if (r == 0 && (events & (EPOLLERR | EPOLLHUP)) && !(events & EPOLLIN))
		r = -EPIPE;
	if (r < 0 || detached || (c->finishing && c->queue.len == 0)) {
		gone(c, detached);
		return;
	}
	update_events(c);
	if (was_full && !attached_is_full(c))
		streams_update_flow(c->streams);
}

static void stalled(struct loop_source *s, void *data)
{
	struct attached *c = data;

	c->streams->shared->clients_dropped++;
	gone(c, false);
}

/* ---- life ---- */

static int check_socket(int fd, struct bh_error *err)
{
	int type = 0;
	socklen_t len = sizeof(type);

	if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) < 0)
		return bh_fail_errno(err, -errno, "attach: the client's descriptor");
	if (type != SOCK_STREAM)
		return bh_fail(
			err, -EINVAL, "attach: the client's descriptor is not a stream socket");
	return 0;
}

static int watch(struct attached *c, struct bh_error *err)
{
	struct loop *loop = c->streams->shared->loop;
	int r = loop_add_io(loop, c->fd, EPOLLIN, client_event, c, &c->io, err);

	if (r < 0)
		return r;
	r = loop_add_timer(loop, LOOP_TIMER_OFF, stalled, c, &c->stall, err);
	if (r < 0)
		loop_removep(&c->io);
	return r;
}

static struct attached *create(struct streams *s, int fd, const struct shim_attach *at)
{
	struct attached *c = calloc(1, sizeof(*c));

	if (c == NULL)
		return NULL;
	c->streams = s;
	c->fd = fd;
	c->in = at->in;
	c->out = at->out;
	c->err = at->err;
	c->mux = at->mux;
	c->key_count = at->detach_key_count;
	memcpy(c->keys, at->detach_keys, sizeof(c->keys));
	buf_init(&c->queue, QUEUE_HARD_MAX);
	return c;
}

static void append(struct streams *s, struct attached *c)
{
	struct attached *last = s->clients;

	while (last != NULL && last->next != NULL)
		last = last->next;
	c->prev = last;
	if (last != NULL)
		last->next = c;
	else
		s->clients = c;
	s->client_count++;
}

int attached_new(struct streams *s, int fd, const struct shim_attach *attach, struct bh_error *err)
{
	struct iovec greeting = {(void *)(uintptr_t)attach->greeting, 0};
	struct attached *c;
	int r = check_socket(fd, err);

	if (r < 0)
		return r;
	if (attach->in && attach->input_len > 0 && streams_input_room(s) < STREAMS_INPUT_MAX / 2)
		return bh_fail(err, -EAGAIN, "attach: the process does not read its input");
	c = create(s, fd, attach);
	if (c == NULL)
		return bh_fail(err, -ENOMEM, "attach: out of memory");
	r = watch(c, err);
	if (r < 0) {
		free(c);
		return r;
	}
	append(s, c);
	/* From here on the client is ours: a failure is its end, not the request's. */
	if (attach->greeting != NULL) {
		greeting.iov_len = strlen(attach->greeting);
		r = emit(c, &greeting, 1);
	}
	if (r < 0)
		gone(c, false);
	else if (attach->input_len > 0 && take_input(c, attach->input, attach->input_len))
		gone(c, true);
	return 0;
}
