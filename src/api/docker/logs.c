// SPDX-License-Identifier: Apache-2.0
/*
 * GET /containers/ID/logs. Lines are pulled from the engine's reader as fast as the client takes
 * them; when the client is slow the reader rests, when the reader has nothing (follow) it calls.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "api/docker/docker.h"
#include "api/docker/stream.h"
#include "base/loop.h"
#include "base/mem.h"

#define LINES_A_TURN 256 /* between two looks at everybody else */

struct log_stream {
	struct api_request *r;
	struct engine_log *log;
	struct loop_source *again; /* deferred call: more lines after a full turn */
	bool tty, timestamps;
};

static void put_line(struct log_stream *s, const struct engine_log_line *line, struct buf *out)
{
	unsigned char head[DOCKER_FRAME_HEAD];
	char stamp[API_TIME_MAX] = "";
	size_t stamp_len = 0;

	if (s->timestamps) {
		api_format_time(line->time_ns, stamp);
		stamp_len = strlen(stamp);
		stamp[stamp_len++] = ' ';
	}
	docker_frame(line->stream, (uint32_t)(stamp_len + line->len), head);
	if (!s->tty)
		buf_append(out, head, sizeof(head));
	buf_append(out, stamp, stamp_len);
	buf_append(out, line->data, line->len);
}

/* Send lines until the client is full, the reader empty, or the turn over. */
static void pump(struct log_stream *s)
{
	_cleanup_buf_ struct buf out = {0};
	struct bh_error err = BH_ERROR_INIT;
	struct engine_log_line line;
	struct api_request *r = s->r;
	int got = 1, n = 0;

	buf_init(&out, 8u << 20);
	while (n < LINES_A_TURN && out.len < HTTP_STREAM_LOW) {
		got = engine_log_next(s->log, &line, &err);
		if (got != 1)
			break;
		put_line(s, &line, &out);
		n++;
	}
	if (http_stream_write(r->x, buf_str(&out), out.len) == 0 && got == 1)
		loop_call_again(s->again);
	if (got == 0) {
		http_stream_end(r->x);
	} else if (got < 0 && got != -EAGAIN) {
		log_write(api_options_of(r)->log, LOG_LEVEL_WARN, "logs: %s",
			bh_error_text(&err, got));
		http_abort(r->x);
	}
}

static void on_readable(void *userdata)
{
	pump(userdata);
}

static void on_again(struct loop_source *source, void *data)
{
	(void)source;
	pump(data);
}

static void on_writable(struct http_exchange *x)
{
	struct api_request *r = x->data;

	pump(r->stream);
}

static void free_stream(struct api_request *r)
{
	struct log_stream *s = r->stream;

	r->stream = NULL;
	if (s == NULL)
		return;
	loop_removep(&s->again);
	if (s->log != NULL)
		engine_log_close(s->log);
	free(s);
}

static const struct http_exchange_ops stream_ops = {.writable = on_writable};

static int read_tail(struct api_request *r, int64_t *ret)
{
	const char *text = api_query(r, "tail");

	*ret = -1;
	if (text == NULL || strcmp(text, "all") == 0)
		return 0;
	if (api_query_int(r, "tail", -1, INT32_MIN, INT64_MAX, ret) < 0)
		return -EINVAL;
	if (*ret < 0)
		*ret = -1;
	return 0;
}

static int read_request(struct api_request *r, struct engine_log_request *ret)
{
	ret->want_stdout = api_query_bool(r, "stdout", false);
	ret->want_stderr = api_query_bool(r, "stderr", false);
	ret->follow = api_query_bool(r, "follow", false);
	if (!ret->want_stdout && !ret->want_stderr) {
		api_error(r, 400, "Bad parameters: you must choose at least one stream");
		return -EINVAL;
	}
	if (read_tail(r, &ret->tail) < 0 || api_query_time(r, "since", &ret->since_ns) < 0 ||
		api_query_time(r, "until", &ret->until_ns) < 0)
		return -EINVAL;
	return 0;
}

/* The driver "none" keeps nothing to read. */
static bool keeps_log(struct api_request *r, const struct container *c)
{
	const struct json *tree;
	const char *type;

	if (json_parse(c->host_config_json, strlen(c->host_config_json), &r->arena, &tree, NULL) <
		0)
		return true;
	type = json_get_string(json_get(tree, "LogConfig"), "Type");
	return type == NULL || strcmp(type, "none") != 0;
}

static int open_stream(struct api_request *r, const struct container *c,
	const struct engine_log_request *request, struct bh_error *err)
{
	struct log_stream *s = calloc(1, sizeof(*s));
	int code;

	if (s == NULL)
		return bh_fail(err, -ENOMEM, "out of memory");
	r->stream = s;
	r->stream_free = free_stream;
	s->r = r;
	s->tty = c->tty;
	s->timestamps = api_query_bool(r, "timestamps", false);
	code = engine_log_open(api_engine(r), c, request, on_readable, s, &s->log, err);
	if (code == 0)
		code = loop_add_call(api_options_of(r)->loop, on_again, s, &s->again, err);
	return code;
}

void docker_container_logs(struct api_request *r)
{
	struct bh_error err = BH_ERROR_INIT;
	struct engine_log_request request = {0};
	const struct container *c = api_container(r);
	bool tty;
	int code;

	if (c == NULL || read_request(r, &request) < 0)
		return;
	if (!keeps_log(r, c)) {
		api_error(r, 501, "configured logging driver does not support reading");
		return;
	}
	tty = c->tty;
	code = open_stream(r, c, &request, &err);
	if (code < 0) {
		api_fail(r, code, &err);
	} else {
		/* The deferred call that open_stream() made sends the first lines. */
		r->x->ops = &stream_ops;
		http_stream_begin(r->x, 200, docker_stream_type(r, tty));
	}
}
