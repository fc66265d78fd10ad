// SPDX-License-Identifier: Apache-2.0
/* One connection: answering. See http_conn.c. */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "api/http_conn.h"
#include "base/mem.h"

static const struct {
	int status;
	const char *text;
} status_texts[] = {
	{101, "UPGRADED"},
	{200, "OK"},
	{201, "Created"},
	{204, "No Content"},
	{304, "Not Modified"},
	{400, "Bad Request"},
	{401, "Unauthorized"},
	{403, "Forbidden"},
	{404, "Not Found"},
	{405, "Method Not Allowed"},
	{408, "Request Timeout"},
	{409, "Conflict"},
	{413, "Content Too Large"},
	{414, "URI Too Long"},
	{417, "Expectation Failed"},
	{431, "Request Header Fields Too Large"},
	{500, "Internal Server Error"},
	{501, "Not Implemented"},
	{503, "Service Unavailable"},
	{505, "HTTP Version Not Supported"},
};

const char *http_status_text(int status)
{
	for (size_t i = 0; i < ARRAY_SIZE(status_texts); i++)
		if (status_texts[i].status == status)
			return status_texts[i].text;
	return "Unknown";
}

size_t conn_pending(const struct http_conn *c)
{
	return c->out.len - c->out_done;
}

static void mark_broken(struct http_conn *c)
{
	if (c->broken)
		return;
	c->broken = true;
	buf_release(&c->out);
	c->out_done = 0;
	loop_call_again(c->later);
}

void conn_send(struct http_conn *c)
{
	while (conn_pending(c) > 0) {
		ssize_t n = send(c->fd, c->out.data + c->out_done, conn_pending(c),
			MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			if (errno != EAGAIN)
				mark_broken(c);
			break;
		}
		c->out_done += (size_t)n;
	}
	if (conn_pending(c) == 0) {
		buf_clear(&c->out);
		c->out_done = 0;
	} else if (c->out_done > HTTP_STREAM_LOW) {
		buf_consume(&c->out, c->out_done);
		c->out_done = 0;
	}
}

static void set_status(struct http_conn *c, int status)
{
	const struct http_server_options *o = &c->server->options;

	c->x.status = status;
	if (c->live && o->ops->answering != NULL)
		o->ops->answering(o->userdata, &c->x);
}

/* Status line and headers up to the length, which the caller adds. */
static void put_head(struct http_conn *c, struct buf *out, int status, const char *type)
{
	set_status(c, status);
	buf_printf(out, "HTTP/1.1 %d %s\r\n", status, http_status_text(status));
	if (c->server->options.common_headers != NULL)
		buf_puts(out, c->server->options.common_headers);
	if (type != NULL)
		buf_printf(out, "Content-Type: %s\r\n", type);
}

static bool has_body(int status)
{
	return status >= 200 && status != 204 && status != 304;
}

void http_respond(struct http_exchange *x, int status, const char *type, const char *extra,
	const void *data, size_t len)
{
	struct http_conn *c = x->conn;

	put_head(c, &c->out, status, type);
	if (extra != NULL)
		buf_puts(&c->out, extra);
	if (has_body(status))
		buf_printf(&c->out, "Content-Length: %zu\r\n",
			x->request.method == HTTP_HEAD ? 0 : len);
	if (c->close_after || c->body.state != HTTP_BODY_DONE)
		buf_puts(&c->out, "Connection: close\r\n");
	buf_puts(&c->out, "\r\n");
	if (has_body(status) && x->request.method != HTTP_HEAD)
		buf_append(&c->out, data, len);
	if (buf_status(&c->out) < 0)
		mark_broken(c);
	conn_answered(c);
}

void http_stream_begin(struct http_exchange *x, int status, const char *type)
{
	struct http_conn *c = x->conn;

	put_head(c, &c->out, status, type);
	c->chunked = x->request.minor == 1;
	if (c->chunked)
		buf_puts(&c->out, "Transfer-Encoding: chunked\r\n");
	else
		c->close_after = true;
	if (c->close_after)
		buf_puts(&c->out, "Connection: close\r\n");
	buf_puts(&c->out, "\r\n");
	conn_send(c);
	conn_update(c);
}

int http_stream_write(struct http_exchange *x, const void *data, size_t len)
{
	struct http_conn *c = x->conn;

	if (len == 0 || c->broken || c->state != CONN_ANSWER)
		return 0;
	if (c->chunked)
		buf_printf(&c->out, "%zx\r\n", len);
	buf_append(&c->out, data, len);
	if (c->chunked)
		buf_puts(&c->out, "\r\n");
	if (buf_status(&c->out) < 0)
		mark_broken(c);
	conn_send(c);
	conn_update(c);
	c->full = c->full || conn_pending(c) > HTTP_STREAM_HIGH;
	return c->full ? -EAGAIN : 0;
}

void http_stream_end(struct http_exchange *x)
{
	struct http_conn *c = x->conn;

	if (c->state != CONN_ANSWER)
		return;
	if (c->chunked)
		buf_puts(&c->out, "0\r\n\r\n");
	conn_answered(c);
}

int http_handover_begin(struct http_exchange *x, const char *type, struct http_handover *ret)
{
	struct http_conn *c = x->conn;
	bool upgrade = x->request.upgrade;

	ret->fd = c->fd;
	ret->input = buf_str(&c->in);
	ret->input_len = c->in.len;
	buf_init(&ret->answer, 4096);
	buf_printf(&ret->answer, "HTTP/1.1 %d %s\r\nContent-Type: %s\r\n", upgrade ? 101 : 200,
		http_status_text(upgrade ? 101 : 200), type);
	if (upgrade)
		buf_puts(&ret->answer, "Connection: Upgrade\r\nUpgrade: tcp\r\n");
	if (c->server->options.common_headers != NULL)
		buf_puts(&ret->answer, c->server->options.common_headers);
	buf_puts(&ret->answer, "\r\n");
	return buf_status(&ret->answer);
}

void http_handover_done(struct http_exchange *x)
{
	set_status(x->conn, x->request.upgrade ? 101 : 200);
	conn_close(x->conn, false);
}

void http_raw_answer(struct http_exchange *x, const char *type, const void *data, size_t len)
{
	struct http_conn *c = x->conn;
	struct http_handover handover;

	if (http_handover_begin(x, type, &handover) < 0 ||
		buf_append(&c->out, handover.answer.data, handover.answer.len) < 0 ||
		buf_append(&c->out, data, len) < 0)
		mark_broken(c);
	buf_release(&handover.answer);
	set_status(c, x->request.upgrade ? 101 : 200);
	c->close_after = true;
	conn_answered(c);
}

void http_abort(struct http_exchange *x)
{
	x->ops = NULL;
	mark_broken(x->conn);
}
