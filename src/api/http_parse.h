// SPDX-License-Identifier: Apache-2.0
#ifndef BULKHEAD_API_HTTP_PARSE_H
#define BULKHEAD_API_HTTP_PARSE_H

/*
 * HTTP/1.1 message syntax (RFC 9112), pure: bytes in, structures out. The head of a request is
 * collected whole by the caller and parsed in one pass, in place; bodies are decoded incrementally.
 * What different readers could understand differently (both Content-Length and Transfer-Encoding,
 * folded lines, bare CR or LF, space before the colon, repeated lengths) is refused.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

#define HTTP_HEAD_MAX    (32u << 10)
#define HTTP_TARGET_MAX  (16u << 10)
#define HTTP_HEADERS_MAX 100
#define HTTP_QUERY_MAX   256 /* parameters looked at */

enum http_method {
	HTTP_GET,
	HTTP_HEAD,
	HTTP_POST,
	HTTP_PUT,
	HTTP_DELETE,
	HTTP_OPTIONS,
	HTTP_PATCH,
	HTTP_METHODS,
};

struct http_header {
	const char *name; /* lower case */
	const char *value;
};

struct http_request {
	enum http_method method;
	int minor;   /* HTTP/1.minor: 0 or 1 */
	char *path;  /* still percent-encoded, begins with '/' */
	char *query; /* still encoded; "" if there is none */
	struct http_header headers[HTTP_HEADERS_MAX];
	size_t header_count;
	bool chunked, has_length;
	uint64_t length; /* Content-Length */
	bool keep_alive;
	bool expect_continue;
	bool upgrade; /* Connection: Upgrade, and an Upgrade header */
};

const char *http_method_name(enum http_method method);

/* Look for the blank line that ends a head in data. *scan (0 at first) keeps how far was looked.
 * Returns the head's length with that line, 0 if it is not there yet, or -E2BIG past
 * HTTP_HEAD_MAX. */
int64_t http_head_length(const char *data, size_t len, size_t *scan);

/* Parse a whole head of len bytes in place: names are lowered, ends are overwritten with NUL, and
 * ret points into data. On failure returns the HTTP status to answer (400, 417, 431, 501, 505) with
 * the reason in err; 0 on success. */
int http_head_parse(char *data, size_t len, struct http_request *ret, struct bh_error *err);

/* First header with this (lower case) name, or NULL. */
const char *http_header(const struct http_request *request, const char *name);
/* Whether a comma-separated header value holds token, without regard to case. */
bool http_has_token(const char *value, const char *token);

/* Undo percent-encoding in place ('+' is a space if plus is set). -EINVAL on a bad escape or an
 * encoded NUL. */
int http_unescape(char *text, bool plus);

/* Parameters of a query, decoded in place in the given text. */
struct http_query {
	struct {
		const char *name, *value;
	} items[HTTP_QUERY_MAX];
	size_t count;
};

/* Split and decode query (modified). A parameter with a bad escape is -EINVAL; those past
 * HTTP_QUERY_MAX are -E2BIG. */
int http_query_parse(char *query, struct http_query *ret);
/* First value of a parameter, or NULL. */
const char *http_query_get(const struct http_query *query, const char *name);
/* Docker's booleans: absent, "", "0", "no", "false", "none" (any case) are false, all else true. */
bool http_query_bool(const struct http_query *query, const char *name, bool fallback);

/* Incremental decoder of a body. */
enum http_body_state {
	HTTP_BODY_DATA,      /* plain, `left` bytes to come */
	HTTP_BODY_SIZE,      /* in a chunk-size line */
	HTTP_BODY_CHUNK,     /* in a chunk, `left` bytes to come */
	HTTP_BODY_CHUNK_END, /* CR LF behind a chunk */
	HTTP_BODY_TRAILER,   /* trailer lines, discarded */
	HTTP_BODY_DONE,
};

struct http_body {
	enum http_body_state state;
	uint64_t left;
	uint32_t line;    /* bytes of the current size or trailer line */
	uint32_t trailer; /* bytes of trailer so far */
	bool digits, extension, cr;
};

void http_body_init(struct http_body *body, const struct http_request *request);
/* Consume bytes of data (len of them). *ret_used: how many were taken from the front; of those,
 * *ret_data and *ret_data_len are payload (one run a call, perhaps empty). Call again while bytes
 * are left and the state is not HTTP_BODY_DONE. -EINVAL on bad framing. */
int http_body_feed(struct http_body *body, const char *data, size_t len, size_t *ret_used,
	const char **ret_data, size_t *ret_data_len);

#endif
