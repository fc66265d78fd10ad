// SPDX-License-Identifier: Apache-2.0

/*
 * One connection. Requests that wait for their reply are a list in order of sending; one timer is
 * armed for the earliest limit. A client that is freed from inside a callback is only marked, and
 * goes when the callback has returned.
 */

#include "engine/shim_client.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/mem.h"
#include "base/socket.h"

#define DEFAULT_TIMEOUT_MS 30000u
#define MESSAGES_PER_ROUND 16

struct waiting {
	struct waiting *next;
	uint64_t id, limit;
	shim_reply_fn fn;
	void *data;
};

struct shim_client {
	struct loop *loop;
	struct loop_source *io, *timer;
	const struct shim_client_ops *ops;
	void *data;
	struct waiting *waiting;
	size_t waiting_count;
	uint64_t next_id;
	int fd;
	bool busy, dead, lost;
};

static void drop_waiting(struct shim_client *c)
{
	while (c->waiting != NULL) {
		struct waiting *w = c->waiting;

		c->waiting = w->next;
		free(w);
	}
	c->waiting_count = 0;
}

void shim_client_free(struct shim_client *c)
{
	if (c == NULL)
		return;
	loop_removep(&c->io);
	loop_removep(&c->timer);
	c->fd = fd_close(c->fd);
	drop_waiting(c);
	if (c->busy) {
		c->dead = true;
		return;
	}
	free(c);
}

/* Enter and leave the part that calls back. leave() returns false when the client is gone. */
static void enter(struct shim_client *c)
{
	c->busy = true;
}

static bool leave(struct shim_client *c)
{
	c->busy = false;
	if (!c->dead)
		return true;
	free(c);
	return false;
}

static void arm(struct shim_client *c)
{
	uint64_t earliest = UINT64_MAX, now = loop_now(c->loop);

	for (const struct waiting *w = c->waiting; w != NULL; w = w->next) {
		if (w->limit < earliest)
			earliest = w->limit;
	}
	if (earliest == UINT64_MAX)
		loop_timer_set(c->timer, LOOP_TIMER_OFF);
	else
		loop_timer_set(c->timer, earliest > now ? earliest - now : 0);
}

/* Take a waiting request out of the list and answer it. */
static void answer(struct shim_client *c, struct waiting **at, int code, const char *text,
	const struct json *result)
{
	struct waiting w = **at, *gone = *at;

	*at = w.next;
	free(gone);
	c->waiting_count--;
	if (w.fn != NULL)
		w.fn(c, code, text, result, w.data);
}

static void lose(struct shim_client *c, int code)
{
	if (c->lost)
		return;
	c->lost = true;
	loop_removep(&c->io);
	loop_removep(&c->timer);
	c->fd = fd_close(c->fd);
	while (!c->dead && c->waiting != NULL)
		answer(c, &c->waiting, code, "connection to the shim is lost", NULL);
	if (!c->dead && c->ops->disconnected != NULL)
		c->ops->disconnected(c, code, c->data);
}

static void handle_reply(struct shim_client *c, const struct shim_message *m)
{
	struct waiting **at = &c->waiting;

	while (*at != NULL && (*at)->id != m->id)
		at = &(*at)->next;
	if (*at == NULL)
		return; /* it came too late and was answered with -ETIMEDOUT */
	answer(c, at, m->code, m->text != NULL ? m->text : "", m->result);
	if (!c->dead && !c->lost)
		arm(c);
}

static void handle_message(struct shim_client *c, const struct shim_message *m)
{
	switch (m->kind) {
	case SHIM_MESSAGE_REPLY:
		handle_reply(c, m);
		break;
	case SHIM_MESSAGE_EXIT:
		if (c->ops->exited != NULL)
			c->ops->exited(c, &m->exit, c->data);
		break;
	case SHIM_MESSAGE_EXEC_EXIT:
		if (c->ops->exec_exited != NULL)
			c->ops->exec_exited(c, m->exec_id, &m->exit, c->data);
		break;
	case SHIM_MESSAGE_OOM:
		if (c->ops->oom != NULL)
			c->ops->oom(c, c->data);
		break;
	case SHIM_MESSAGE_DETACH:
		if (c->ops->detached != NULL)
			c->ops->detached(c, m->exec_id, c->data);
		break;
	}
}

/* Returns 0, or why the connection ends. */
static int handle_text(struct shim_client *c, const char *text, size_t len)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	struct shim_message m;
	int r;

	if (arena_init(&a, SHIM_ARENA_MAX) < 0)
		return -ENOMEM;
	r = shim_message_decode(text, len, &a, &m, NULL);
	if (r == -ENOTSUP)
		return 0; /* an event of a newer shim */
	if (r < 0)
		return -EBADMSG;
	handle_message(c, &m);
	return 0;
}

/* Read and handle one message. Returns 0, -EAGAIN when there is none, or why the connection ends.
 */
static int receive(struct shim_client *c)
{
	ssize_t len = socket_next_size(c->fd);
	size_t fd_count;
	char *text;
	int r;

	if (len <= 0)
		return len < 0 ? (int)len : -EPIPE;
	if (len > SHIM_MESSAGE_MAX)
		return -EMSGSIZE;
	text = malloc((size_t)len);
	if (text == NULL)
		return -ENOMEM;
	len = socket_recv_fds(c->fd, text, (size_t)len, NULL, 0, &fd_count);
	if (len > 0)
		r = handle_text(c, text, (size_t)len);
	else
		r = len < 0 ? (int)len : -EPIPE;
	free(text);
	return r;
}

static void readable(struct loop_source *s, int fd, uint32_t events, void *data)
{
	struct shim_client *c = data;
	int r = 0;

	enter(c);
	for (int i = 0; i < MESSAGES_PER_ROUND && r == 0 && !c->dead && !c->lost; i++)
		r = receive(c);
	if (r < 0 && r != -EAGAIN && !c->dead)
		lose(c, r == -ECONNRESET ? -EPIPE : r);
	(void)leave(c);
}

static void expired(struct loop_source *s, void *data)
{
	struct shim_client *c = data;
	uint64_t now = loop_now(c->loop);
	struct waiting **at = &c->waiting;

	enter(c);
	while (!c->dead && *at != NULL) {
		if ((*at)->limit > now) {
			at = &(*at)->next;
			continue;
		}
		answer(c, at, -ETIMEDOUT, "the shim did not answer in time", NULL);
		at = &c->waiting; /* the callback may have changed the list */
	}
	if (leave(c) && !c->lost)
		arm(c);
}

int shim_connect(struct loop *loop, const char *dir, const struct shim_client_ops *ops, void *data,
	struct shim_client **ret, struct bh_error *err)
{
	_cleanup_close_ int dirfd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	struct shim_client *c;
	int r;

	if (dirfd < 0)
		return bh_fail_errno(err, -errno, "open %s", dir);
	c = calloc(1, sizeof(*c));
	if (c == NULL)
		return bh_fail(err, -ENOMEM, "connect to shim: out of memory");
	*c = (struct shim_client){.loop = loop, .ops = ops, .data = data, .fd = -EBADF};
	r = socket_connect_at(dirfd, SHIM_SOCKET, SOCK_SEQPACKET | SOCK_NONBLOCK, &c->fd, err);
	if (r == 0)
		r = loop_add_io(loop, c->fd, EPOLLIN, readable, c, &c->io, err);
	if (r == 0)
		r = loop_add_timer(loop, LOOP_TIMER_OFF, expired, c, &c->timer, err);
	if (r < 0) {
		shim_client_free(c);
		return r;
	}
	*ret = c;
	return 0;
}

static int send_message(struct shim_client *c, const struct shim_request *request, const int *fds,
	struct bh_error *err)
{
	_cleanup_buf_ struct buf text;
	ssize_t n;
	int r;

	buf_init(&text, SHIM_MESSAGE_MAX);
	r = shim_request_encode(request, &text, err);
	if (r < 0)
		return r;
	n = socket_send_fds(c->fd, text.data, text.len, fds, shim_request_fd_count(request));
	if (n < 0)
		return bh_fail_errno(
			err, (int)n, "send \"%s\" to the shim", shim_op_name(request->op));
	return 0;
}

int shim_client_send(struct shim_client *c, const struct shim_request *request, const int *fds,
	uint64_t timeout_ms, shim_reply_fn fn, void *data, struct bh_error *err)
{
	struct shim_request numbered = *request;
	struct waiting *w, **end = &c->waiting;
	int r;

	if (c->lost)
		return bh_fail(err, -EPIPE, "connection to the shim is lost");
	if (c->waiting_count >= SHIM_REQUESTS_MAX)
		return bh_fail(err, -EAGAIN, "%d requests wait for the shim", SHIM_REQUESTS_MAX);
	w = calloc(1, sizeof(*w));
	if (w == NULL)
		return bh_fail(err, -ENOMEM, "request to shim: out of memory");
	numbered.id = ++c->next_id;
	r = send_message(c, &numbered, fds, err);
	if (r < 0) {
		free(w);
		return r;
	}
	*w = (struct waiting){.id = numbered.id, .fn = fn, .data = data};
	w->limit = loop_now(c->loop) + (timeout_ms != 0 ? timeout_ms : DEFAULT_TIMEOUT_MS);
	while (*end != NULL)
		end = &(*end)->next;
	*end = w;
	c->waiting_count++;
	arm(c);
	return 0;
}
