// SPDX-License-Identifier: Apache-2.0
#include "bin/bulkhead/client.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "api/listen.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/mem.h"

#define READ_SIZE 16384u

static int send_all(int fd, const char *data, size_t len)
{
	while (len > 0) {
		ssize_t n = send(fd, data, len, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		data += n;
		len -= (size_t)n;
	}
	return 0;
}

static int send_chunks(int fd, int from)
{
	char data[READ_SIZE], head[24];
	int r = 0;

	while (r == 0) {
		ssize_t n = read(from, data, sizeof(data));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			return send_all(fd, "0\r\n\r\n", 5);
		(void)snprintf(head, sizeof(head), "%zx\r\n", (size_t)n);
		r = send_all(fd, head, strlen(head));
		if (r == 0)
			r = send_all(fd, data, (size_t)n);
		if (r == 0)
			r = send_all(fd, "\r\n", 2);
	}
	/* The other side may have answered early and closed: its answer is what counts. */
	return r == -EPIPE || r == -ECONNRESET ? 0 : r;
}

static int send_request(int fd, const struct client_request *request)
{
	_cleanup_buf_ struct buf out = {0};
	int r;

	buf_init(&out, CLIENT_ANSWER_MAX);
	buf_printf(&out, "%s %s HTTP/1.1\r\nHost: bulkhead\r\nUser-Agent: bulkhead/%s\r\n",
		request->method, request->target, BULKHEAD_VERSION);
	if (request->hijack)
		buf_puts(&out, "Connection: Upgrade\r\nUpgrade: tcp\r\n");
	else
		buf_puts(&out, "Connection: close\r\n");
	if (request->body != NULL)
		buf_printf(&out, "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s",
			strlen(request->body), request->body);
	else if (request->upload_fd >= 0)
		buf_puts(&out, "Transfer-Encoding: chunked\r\n\r\n");
	else
		buf_puts(&out, "Content-Length: 0\r\n\r\n");
	r = buf_status(&out);
	if (r == 0)
		r = send_all(fd, out.data, out.len);
	if (r == 0 && request->body == NULL && request->upload_fd >= 0)
		r = send_chunks(fd, request->upload_fd);
	return r;
}

static ssize_t receive(struct client_stream *s)
{
	ssize_t n;
	int r = buf_reserve(&s->in, READ_SIZE);

	if (r < 0)
		return r;
	do
		n = recv(s->fd, s->in.data + s->in.len, READ_SIZE, 0);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	buf_added(&s->in, (size_t)n);
	return n;
}

/* Value of a header of the answer in head (NUL-terminated), or NULL. */
static const char *find_header(const char *head, const char *name)
{
	for (const char *line = strstr(head, "\r\n"); line != NULL;
		line = strstr(line + 2, "\r\n")) {
		size_t len = strlen(name);

		if (strncasecmp(line + 2, name, len) == 0 && line[2 + len] == ':')
			return line + 3 + len + strspn(line + 3 + len, " ");
	}
	return NULL;
}

static int parse_answer(struct client_stream *s, const char *head)
{
	struct http_request framing = {0};
	const char *encoding = find_header(head, "transfer-encoding");
	const char *length = find_header(head, "content-length");

	if (strncmp(head, "HTTP/1.1 ", 9) != 0 || !isdigit((unsigned char)head[9]))
		return -EPROTO;
	s->status = (int)strtol(head + 9, NULL, 10);
	framing.chunked = encoding != NULL && strncasecmp(encoding, "chunked", 7) == 0;
	framing.length = length != NULL ? strtoull(length, NULL, 10) : 0;
	s->raw = !framing.chunked && length == NULL && s->status != 204 && s->status != 304;
	http_body_init(&s->body, &framing);
	return 0;
}

static int read_head(struct client_stream *s)
{
	size_t scan = 0;
	int64_t len;
	char *head;
	int r;

	while ((len = http_head_length(buf_str(&s->in), s->in.len, &scan)) == 0) {
		ssize_t n = receive(s);

		if (n <= 0)
			return n < 0 ? (int)n : -ECONNRESET;
	}
	if (len < 0)
		return (int)len;
	head = strndup(s->in.data, (size_t)len);
	if (head == NULL)
		return -ENOMEM;
	buf_consume(&s->in, (size_t)len);
	r = parse_answer(s, head);
	free(head);
	return r;
}

static void set_patience(int fd, int name, time_t seconds)
{
	struct timeval limit = {.tv_sec = seconds};

	(void)setsockopt(fd, SOL_SOCKET, name, &limit, sizeof(limit));
}

static int exchange_heads(
	struct client_stream *s, const struct client_request *request, struct bh_error *err)
{
	int r;

	set_patience(s->fd, SO_SNDTIMEO, CLIENT_SECONDS);
	set_patience(s->fd, SO_RCVTIMEO, request->slow ? 0 : CLIENT_SECONDS);
	r = send_request(s->fd, request);
	if (r == 0)
		do
			r = read_head(s);
		while (r == 0 && s->status == 100);
	if (r == -EAGAIN)
		return bh_fail(err, -ETIMEDOUT,
			"the engine has not answered for %d seconds (is it stopped or overloaded?)",
			CLIENT_SECONDS);
	if (r < 0)
		return bh_fail_errno(err, r, "%s %s", request->method, request->target);
	/* What follows may be a stream that is silent for as long as it likes. */
	set_patience(s->fd, SO_SNDTIMEO, 0);
	set_patience(s->fd, SO_RCVTIMEO, 0);
	return 0;
}

/* Before an answer that is waited for without end. */
static int check_alive(const struct client *client, struct bh_error *err)
{
	return client_call(client, "GET", "/_ping", NULL, NULL, err);
}

int client_open(const struct client *client, const struct client_request *request,
	struct client_stream *ret, struct bh_error *err)
{
	struct client_stream s = {.fd = -EBADF};
	int r = request->slow ? check_alive(client, err) : 0;

	if (r < 0)
		return r;
	r = api_connect_unix(client->path, &s.fd, NULL);
	if (r < 0)
		return bh_fail_errno(err, r,
			"cannot connect to the engine at unix://%s (is bulkheadd running?)",
			client->path);
	buf_init(&s.in, 4u << 20);
	r = exchange_heads(&s, request, err);
	if (r < 0) {
		client_close(&s);
		return r;
	}
	*ret = s;
	return 0;
}

static ssize_t take_raw(struct client_stream *s, char *data, size_t size)
{
	size_t n = s->in.len < size ? s->in.len : size;

	if (n == 0)
		return 0;
	memcpy(data, s->in.data, n);
	buf_consume(&s->in, n);
	return (ssize_t)n;
}

/* Decoded bytes at hand: 0 if more must be received first. */
static ssize_t take_body(struct client_stream *s, char *data, size_t size)
{
	const char *piece;
	size_t used, len = 0;

	while (len == 0 && s->in.len > 0 && s->body.state != HTTP_BODY_DONE) {
		size_t window = s->in.len < size ? s->in.len : size;

		if (http_body_feed(&s->body, s->in.data, window, &used, &piece, &len) < 0)
			return -EPROTO;
		if (len > 0)
			memcpy(data, piece, len);
		buf_consume(&s->in, used);
	}
	return (ssize_t)len;
}

ssize_t client_read(struct client_stream *s, char *data, size_t size, struct bh_error *err)
{
	for (;;) {
		ssize_t n = s->raw ? take_raw(s, data, size) : take_body(s, data, size);

		if (n != 0)
			return n < 0 ? bh_fail_errno(err, (int)n, "answer") : n;
		if (!s->raw && s->body.state == HTTP_BODY_DONE)
			return 0;
		n = receive(s);
		if (n < 0)
			return bh_fail_errno(err, (int)n, "read answer");
		if (n == 0)
			return s->raw ? 0 : bh_fail(err, -ECONNRESET, "the answer was cut off");
	}
}

static int answer_error(int status, const struct buf *body, struct bh_error *err)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	const struct json *tree;
	const char *message = NULL;
	int code = status == 404 ? -ENOENT : -EREMOTEIO;

	if (arena_init(&a, 16u << 20) == 0 &&
		json_parse(buf_str(body), body->len, &a, &tree, NULL) == 0)
		message = json_get_string(tree, "message");
	if (message == NULL)
		return bh_fail(err, code, "the engine answered %d", status);
	return bh_fail(err, code, "%s", message);
}

int client_finish(struct client_stream *s, struct buf *ret_body, struct bh_error *err)
{
	_cleanup_buf_ struct buf own = {0};
	struct buf *out = ret_body != NULL && s->status < 400 ? ret_body : &own;
	char data[READ_SIZE];
	ssize_t n;

	buf_init(&own, CLIENT_ANSWER_MAX);
	while ((n = client_read(s, data, sizeof(data), err)) > 0)
		if (buf_append(out, data, (size_t)n) < 0)
			return bh_fail(err, -E2BIG, "the answer is too large");
	if (n < 0)
		return (int)n;
	if (s->status == 304)
		return bh_fail(err, -EALREADY, "not modified");
	return s->status >= 400 ? answer_error(s->status, out, err) : 0;
}

void client_close(struct client_stream *s)
{
	s->fd = fd_close(s->fd);
	buf_release(&s->in);
}

int client_call(const struct client *client, const char *method, const char *target,
	const char *body, struct buf *ret_body, struct bh_error *err)
{
	struct client_request request = {
		.method = method, .target = target, .body = body, .upload_fd = -EBADF};
	_cleanup_stream_ struct client_stream s = CLIENT_STREAM_INIT;
	int r = client_open(client, &request, &s, err);

	return r < 0 ? r : client_finish(&s, ret_body, err);
}

void client_escape(struct buf *out, const char *text)
{
	for (const unsigned char *p = (const unsigned char *)text; *p != '\0'; p++) {
		if (isalnum(*p) || strchr("-_.~", *p) != NULL)
			buf_putc(out, (char)*p);
		else
			buf_printf(out, "%%%02X", *p);
	}
}
