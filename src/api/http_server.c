// SPDX-License-Identifier: Apache-2.0
#include "api/http_server.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "api/http_conn.h"
#include "base/fd.h"
#include "base/mem.h"

/* Accepting stops at the maximum of connections; further clients wait in the sockets' backlogs. */
static void set_accepting(struct http_server *s, bool on)
{
	if (s->accepting == on)
		return;
	s->accepting = on;
	for (size_t i = 0; i < s->listener_count; i++)
		(void)loop_io_set(s->listeners[i].io, on ? EPOLLIN : 0);
}

static struct http_conn *oldest_idle(struct http_server *s)
{
	struct http_conn *found = NULL;

	for (struct http_conn *c = s->connections; c != NULL; c = c->next)
		if (c->state == CONN_HEAD && c->in.len == 0)
			found = c; /* newest are in front */
	return found;
}

static void make_room(struct http_server *s)
{
	struct http_conn *idle;

	if (s->count < HTTP_CONNECTIONS_MAX)
		return;
	idle = oldest_idle(s);
	if (idle != NULL)
		conn_close(idle, true);
	else
		set_accepting(s, false);
}

static void on_listener(struct loop_source *source, int fd, uint32_t events, void *data)
{
	struct http_server *s = data;
	struct bh_error err = BH_ERROR_INIT;

	(void)source;
	(void)events;
	for (int i = 0; i < 16 && s->accepting; i++) {
		int client = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

		if (client < 0) {
			if (errno == EMFILE || errno == ENFILE)
				log_write(s->options.log, LOG_LEVEL_WARN,
					"accept: out of file descriptors");
			return;
		}
		if (conn_new(s, client, &err) < 0)
			log_write(s->options.log, LOG_LEVEL_WARN, "refuse connection: %s",
				bh_error_text(&err, err.code));
		make_room(s);
	}
}

void server_forget(struct http_server *s, struct http_conn *c)
{
	if (c->previous != NULL)
		c->previous->next = c->next;
	else
		s->connections = c->next;
	if (c->next != NULL)
		c->next->previous = c->previous;
	s->count--;
	set_accepting(s, true);
}

int http_server_new(
	const struct http_server_options *options, struct http_server **ret, struct bh_error *err)
{
	_cleanup_close_ int spool = fcntl(options->spool_dirfd, F_DUPFD_CLOEXEC, 3);
	struct http_server *s;

	if (spool < 0)
		return bh_fail_errno(err, -errno, "HTTP server: spool directory");
	s = calloc(1, sizeof(*s));
	if (s == NULL)
		return bh_fail(err, -ENOMEM, "HTTP server: out of memory");
	s->options = *options;
	s->accepting = true;
	s->options.spool_dirfd = TAKE_FD(spool);
	*ret = s;
	return 0;
}

void http_server_free(struct http_server *s)
{
	if (s == NULL)
		return;
	for (size_t i = 0; i < s->listener_count; i++) {
		loop_remove(s->listeners[i].io);
		(void)fd_close(s->listeners[i].fd);
	}
	s->listener_count = 0;
	while (s->connections != NULL) {
		struct http_conn *c = s->connections;

		if (c->state != CONN_CLOSED)
			conn_close(c, true);
		conn_free(c);
	}
	(void)fd_close(s->options.spool_dirfd);
	free(s);
}

int http_server_listen(struct http_server *s, int fd, struct bh_error *err)
{
	_cleanup_close_ int owned = fd;
	int r;

	if (s->listener_count == HTTP_LISTENERS_MAX)
		return bh_fail(
			err, -E2BIG, "more than %d sockets to listen on", HTTP_LISTENERS_MAX);
	r = fd_set_nonblock(fd, 1);
	if (r < 0)
		return bh_fail_errno(err, r, "listening socket");
	r = loop_add_io(s->options.loop, fd, EPOLLIN, on_listener, s,
		&s->listeners[s->listener_count].io, err);
	if (r < 0)
		return r;
	s->listeners[s->listener_count++].fd = TAKE_FD(owned);
	return 0;
}

size_t http_server_connections(const struct http_server *s)
{
	return s->count;
}
