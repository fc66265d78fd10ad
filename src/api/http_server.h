// SPDX-License-Identifier: Apache-2.0
#ifndef BULKHEAD_API_HTTP_SERVER_H
#define BULKHEAD_API_HTTP_SERVER_H

/*
 * HTTP/1.1 server on the event loop. A connection carries one exchange at a time; the next request
 * is not looked at before the answer to the last one has left. The server calls `head` when a
 * request's head was read (the user chooses how to take the body, or answers at once) and `request`
 * when the body is complete. The answer may come at once or later, whole, as a stream of chunks, or
 * by handing the connection itself to somebody else ("hijack").
 *
 * An exchange ends when its answer is complete, or when the client goes away: then `closed` is
 * called, once, and the exchange must not be touched afterwards. Nothing is called after the user
 * completed the answer. Every resource a client can hold is bounded: connections, head, body and
 * time to send them; see the constants.
 */

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "api/http_parse.h"
#include "base/buf.h"
#include "base/error.h"
#include "base/log.h"
#include "guard/caller.h"

#define HTTP_CONNECTIONS_MAX 512
#define HTTP_LISTENERS_MAX   8
#define HTTP_HEAD_SECONDS    10  /* from the first byte of a head to its last */
#define HTTP_IDLE_SECONDS    300 /* between requests, or before the first */
#define HTTP_BODY_SECONDS    60  /* for a body in memory; for a spooled one, between two reads */
#define HTTP_LINGER_SECONDS  2   /* to take the rest of a client's bytes after the last answer */
#define HTTP_LINGER_BYTES    (4u << 20)
#define HTTP_STREAM_HIGH     (256u << 10) /* pending output at which a stream counts as full */
#define HTTP_STREAM_LOW      (64u << 10)  /* and at which it is writable again */
#define HTTP_OUTPUT_MAX      (64u << 20)

struct loop;
struct http_server;
struct http_conn;
struct http_exchange;

enum http_body_mode {
	HTTP_BODY_IGNORE, /* read and dropped, at most body_max bytes */
	HTTP_BODY_MEMORY, /* in `body` */
	HTTP_BODY_SPOOL,  /* in the unlinked file `body_fd`, positioned at its beginning */
};

struct http_exchange_ops {
	/* The client has gone, or the server is going. */
	void (*closed)(struct http_exchange *x);
	/* Streamed output has fallen below HTTP_STREAM_LOW after it was full. May be NULL. */
	void (*writable)(struct http_exchange *x);
};

struct http_exchange {
	struct http_conn *conn;
	const struct guard_caller *caller;
	struct http_request request;
	enum http_body_mode body_mode;
	uint64_t body_max; /* a longer body is answered with 413 */
	struct buf body;
	int body_fd;
	int status; /* of the answer, 0 before it */
	/* the user's */
	const struct http_exchange_ops *ops; /* NULL: nothing to call */
	void *data;
};

struct http_server_ops {
	/* Set body_mode and body_max, or answer. */
	void (*head)(void *userdata, struct http_exchange *x);
	void (*request)(void *userdata, struct http_exchange *x);
	/* The answer's head, with x->status, is about to leave. */
	void (*answering)(void *userdata, struct http_exchange *x);
	/* The exchange is over in whichever way; last call for it (to free x->data). */
	void (*finished)(void *userdata, struct http_exchange *x);
	/* Make the JSON text of an error the server itself answers with. */
	void (*error_body)(void *userdata, int status, const char *message, struct buf *out);
};

struct http_server_options {
	struct loop *loop;
	const struct http_server_ops *ops;
	void *userdata;
	int spool_dirfd;            /* directory for spooled bodies (O_TMPFILE); duplicated */
	const char *common_headers; /* lines with CR LF put into every answer, static */
	const struct log *log;
};

int http_server_new(
	const struct http_server_options *options, struct http_server **ret, struct bh_error *err);
/* Close all connections (each live exchange gets `closed`) and listeners. Accepts NULL. */
void http_server_free(struct http_server *s);
/* Accept from a listening unix socket; the descriptor is taken over, also on failure. */
int http_server_listen(struct http_server *s, int fd, struct bh_error *err);
size_t http_server_connections(const struct http_server *s);

/* ---- answers ---- */

/* A whole answer. type NULL: no Content-Type and no body. extra: header lines with CR LF, or NULL.
 * HEAD requests get the head alone. */
void http_respond(struct http_exchange *x, int status, const char *type, const char *extra,
	const void *data, size_t len);

/* Begin an answer of unknown length; its head leaves at once. */
void http_stream_begin(struct http_exchange *x, int status, const char *type);
/* Append bytes. Returns 0, or -EAGAIN if the stream is full now: stop until `writable`. The bytes
 * were taken in either case. Does nothing once the answer has ended. */
int http_stream_write(struct http_exchange *x, const void *data, size_t len);
void http_stream_end(struct http_exchange *x);

/* Hijack: what somebody else needs to go on with this connection as a raw two-way stream. */
struct http_handover {
	int fd; /* borrowed: to be duplicated */
	struct buf
		answer; /* 101 UPGRADED if the client asked for it, else 200; with the empty line */
	const char *input; /* bytes received behind the request; valid until the exchange ends */
	size_t input_len;  /* at most HTTP_HEAD_MAX */
};
/* Fill ret (release ret->answer with buf_release). The exchange goes on: end it with
 * http_handover_done() once the other side has taken over, or with any answer if it has not. */
int http_handover_begin(struct http_exchange *x, const char *type, struct http_handover *ret);
/* Forget the connection without shutting it down. */
void http_handover_done(struct http_exchange *x);

/* Answer as for a handover, but write these bytes and close: an error that belongs in the stream.
 */
void http_raw_answer(struct http_exchange *x, const char *type, const void *data, size_t len);

/* Give up: close the connection without completing the answer. No `closed` call; the exchange ends
 * at the end of the round. */
void http_abort(struct http_exchange *x);

const char *http_status_text(int status);

#endif
