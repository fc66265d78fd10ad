// SPDX-License-Identifier: Apache-2.0
#ifndef BULKHEAD_API_HTTP_CONN_H
#define BULKHEAD_API_HTTP_CONN_H

/* Inside of the server: what http_server.c, http_conn.c and http_answer.c share. */

#include "api/http_server.h"
#include "base/loop.h"

enum conn_state {
	CONN_HEAD,   /* waiting for, or in, the head of a request */
	CONN_BODY,   /* reading the body */
	CONN_ANSWER, /* the request was handed over; reading is off */
	CONN_FLUSH,  /* the answer is complete, bytes of it are still pending */
	CONN_LINGER, /* our side is shut down; taking what the client still sends */
	CONN_CLOSED, /* to be freed at the end of the round */
};

struct http_conn {
	struct http_server *server;
	struct http_conn *next, *previous;
	int fd;
	enum conn_state state;
	struct loop_source *io, *timer, *later;
	struct guard_caller caller;
	struct http_exchange x;
	char *head;     /* bytes of the head; x.request points into it */
	size_t scan;    /* see http_head_length() */
	struct buf in;  /* received, not yet used */
	struct buf out; /* to be sent from out_done on */
	size_t out_done;
	struct http_body body;
	uint64_t body_bytes, lingered;
	bool live;        /* between `head` and `finished` */
	bool close_after; /* no further request on this connection */
	bool chunked;     /* the streamed answer is in chunks (HTTP/1.1) */
	bool full;        /* -EAGAIN was returned and `writable` is owed */
	bool broken;      /* sending failed: closed in the next round */
	bool in_callback; /* the user is being called: work goes on after it returns */
};

struct http_server {
	struct http_server_options options;
	struct http_conn *connections;
	size_t count;
	struct {
		int fd;
		struct loop_source *io;
	} listeners[HTTP_LISTENERS_MAX];
	size_t listener_count;
	bool accepting;
};

int conn_new(struct http_server *s, int fd, struct bh_error *err);
/* End it now. tell: call ops->closed of a live exchange. */
void conn_close(struct http_conn *c, bool tell);
/* Free a closed connection. */
void conn_free(struct http_conn *c);
/* The answer is complete: next request, or close. */
void conn_answered(struct http_conn *c);
/* Put the wanted events of the state in force. */
void conn_update(struct http_conn *c);
/* Answer a protocol error and close afterwards. */
void conn_fail(struct http_conn *c, int status, const char *message);
/* Send what is pending as far as the socket takes it; a failure marks the connection broken. */
void conn_send(struct http_conn *c);
size_t conn_pending(const struct http_conn *c);
/* A connection has gone: accept again if that was off. */
void server_forget(struct http_server *s, struct http_conn *c);

#endif
