// SPDX-License-Identifier: Apache-2.0
#ifndef BULKHEAD_BIN_BULKHEAD_CLIENT_H
#define BULKHEAD_BIN_BULKHEAD_CLIENT_H

/*
 * HTTP client over a unix socket, blocking, one request a connection. An answer is either read
 * whole (client_call) or as a stream: a decoded body, or after a hijack the raw bytes.
 */

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "api/http_parse.h"
#include "base/buf.h"
#include "base/error.h"

#define CLIENT_ANSWER_MAX (64u << 20)

#define CLIENT_SECONDS 30 /* for the head of an answer, and for the engine to take what is sent */

struct client {
	const char *path; /* of the socket */
};

struct client_stream {
	int fd;
	int status;
	bool raw; /* no framing: until the other side closes */
	struct http_body body;
	struct buf in; /* received, not yet used */
};

struct client_request {
	const char *method;
	const char *target; /* path and query, encoded */
	const char *body;   /* JSON, or NULL */
	int upload_fd;      /* with body NULL: sent in chunks until its end; -EBADF: none */
	bool hijack;        /* ask for an upgrade */
	bool slow;          /* the answer may take longer than CLIENT_SECONDS: ask for life first */
};

/* Send, and read the head of the answer. */
int client_open(const struct client *client, const struct client_request *request,
	struct client_stream *ret, struct bh_error *err);
/* Next piece of the body: bytes, 0 at its end. */
ssize_t client_read(struct client_stream *s, char *data, size_t size, struct bh_error *err);
/* Read the rest of the body; an answer of 400 or more becomes an error with its message:
 * -ENOENT for 404, -EALREADY for 304, else -EREMOTEIO. */
int client_finish(struct client_stream *s, struct buf *ret_body, struct bh_error *err);
void client_close(struct client_stream *s);

/* The whole exchange. body and ret_body may be NULL. */
int client_call(const struct client *client, const char *method, const char *target,
	const char *body, struct buf *ret_body, struct bh_error *err);

/* Append text percent-encoded for a path segment or query value. */
void client_escape(struct buf *out, const char *text);

#define _cleanup_stream_ __attribute__((cleanup(client_close)))
#define CLIENT_STREAM_INIT                                                                         \
	{                                                                                          \
		.fd = -EBADF                                                                       \
	}

#endif
