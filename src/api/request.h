// SPDX-License-Identifier: Apache-2.0
#ifndef BULKHEAD_API_REQUEST_H
#define BULKHEAD_API_REQUEST_H

/*
 * One request on its way through a handler: what was asked, decoded, and the means to answer. A
 * handler either answers before it returns, or leaves an api_pending behind with the engine, or
 * streams. The request lives until its answer is complete or its client is gone.
 */

#include <stdbool.h>
#include <stdint.h>

#include "api/api.h"
#include "api/http_server.h"
#include "base/arena.h"
#include "base/json.h"

#define API_ARGS_MAX     2
#define API_ANSWER_MAX   (32u << 20) /* bytes of one JSON answer */
#define API_UPLOAD_MAX   (64ULL << 30)
#define API_DRAINED_BODY (64u << 10) /* body taken and ignored where none is expected */

struct api_route;
struct api_pending;

struct api_request {
	struct api *api;
	struct http_exchange *x;
	const struct api_route *route;
	unsigned int version; /* minor number: 41 for v1.41 */
	const char *args[API_ARGS_MAX];
	struct http_query query;
	struct arena arena;
	const struct json *body; /* NULL without */
	const char *object;      /* named in the audit record; in the arena */
	bool recorded;           /* in the audit trail */
	struct api_pending *pending;
	bool tty;                                   /* the stream asked for is a terminal's */
	void *stream;                               /* a streaming handler's state */
	void (*stream_free)(struct api_request *r); /* called when the request ends */
};

struct engine *api_engine(const struct api_request *r);
const struct api_options *api_options_of(const struct api_request *r);
/* When the engine's process began to serve, CLOCK_REALTIME. */
int64_t api_started_ns(const struct api_request *r);
size_t api_connections(const struct api_request *r);

/* {"message": text} with the given status. */
void api_error(struct api_request *r, int status, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* The answer for a negative errno of a lower layer, with its text. */
void api_fail(struct api_request *r, int code, const struct bh_error *err);
/* HTTP status for a negative errno. */
int api_status_of(int code);
/* A JSON document; 500 if it could not be built (buf_status). */
void api_json(struct api_request *r, int status, const struct buf *text);
/* No body: 204, 304, 200, 201. */
void api_empty(struct api_request *r, int status);

/* A request that waits for the engine. Give it as userdata; api_pending_take() in the callback
 * frees it and returns the request, or NULL if the client went away meanwhile. */
struct api_pending *api_pending_new(struct api_request *r);
struct api_request *api_pending_take(struct api_pending *p);

/* Query helpers: absent gives fallback; a bad number is -EINVAL and has been answered with 400. */
int api_query_int(struct api_request *r, const char *name, int64_t fallback, int64_t min,
	int64_t max, int64_t *ret);
bool api_query_bool(const struct api_request *r, const char *name, bool fallback);
const char *api_query(const struct api_request *r, const char *name);
/* Unix time "1795298725", "1795219200.000000000" or RFC 3339, or a duration ago ("10m"), as
 * nanoseconds. "" and absent give 0. */
int api_query_time(struct api_request *r, const char *name, int64_t *ret);

/* The container that args[0] names, or NULL: 404 or 400 was answered. */
const struct container *api_container(struct api_request *r);

/* RFC 3339 with nanoseconds as member key; 0 is Go's zero time. */
void api_member_time(struct json_writer *w, const char *key, int64_t ns);
#define API_TIME_MAX 40
void api_format_time(int64_t ns, char out[static API_TIME_MAX]);

#endif
