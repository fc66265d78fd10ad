// SPDX-License-Identifier: Apache-2.0
/*
 * From an HTTP exchange to a handler and back: route, authorization, body, answer, audit record.
 * The route is found and the verb decided on the head alone, so that a refused caller uploads
 * nothing.
 */
#include "api/api.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "api/http_server.h"
#include "api/request.h"
#include "api/route.h"
#include "base/mem.h"

#define COMMON_HEADERS                                                                             \
	"Api-Version: 1." API_TEXT(API_VERSION_MAX) "\r\n"                                         \
						    "Docker-Experimental: false\r\n"               \
						    "Ostype: linux\r\n"                            \
						    "Server: Bulkhead/" BULKHEAD_VERSION           \
						    " (linux)\r\n"

struct api {
	struct api_options options;
	struct http_server *server;
	int64_t started_ns;
};

struct api_pending {
	struct api_request *r;
};

/* ---- requests ---- */

struct engine *api_engine(const struct api_request *r)
{
	return r->api->options.engine;
}

const struct api_options *api_options_of(const struct api_request *r)
{
	return &r->api->options;
}

int64_t api_started_ns(const struct api_request *r)
{
	return r->api->started_ns;
}

size_t api_connections(const struct api_request *r)
{
	return http_server_connections(r->api->server);
}

struct api_pending *api_pending_new(struct api_request *r)
{
	struct api_pending *p = calloc(1, sizeof(*p));

	if (p == NULL)
		return NULL;
	p->r = r;
	r->pending = p;
	return p;
}

struct api_request *api_pending_take(struct api_pending *p)
{
	struct api_request *r = p->r;

	if (r != NULL)
		r->pending = NULL;
	free(p);
	return r;
}

static void request_free(struct api_request *r)
{
	if (r->pending != NULL)
		r->pending->r = NULL;
	if (r->stream_free != NULL)
		r->stream_free(r);
	arena_release(&r->arena);
	free(r);
}

/* ---- from the server ---- */

static void error_body(void *userdata, int status, const char *message, struct buf *out)
{
	struct json_writer w = JSON_WRITER(out);

	(void)userdata;
	(void)status;
	json_begin_object(&w);
	json_member_string(&w, "message", message);
	json_end_object(&w);
	buf_putc(out, '\n');
}

static void answer_error(struct http_exchange *x, int status, const char *message)
{
	_cleanup_buf_ struct buf text = {0};

	buf_init(&text, 64u << 10);
	error_body(NULL, status, message, &text);
	http_respond(x, status, "application/json", NULL, buf_str(&text), text.len);
}

static int request_new(struct api *api, struct http_exchange *x, const struct api_match *match,
	struct api_request **ret)
{
	_cleanup_free_ struct api_request *r = calloc(1, sizeof(*r));

	if (r == NULL || arena_init(&r->arena, DOCKER_ARENA_MAX) < 0)
		return -ENOMEM;
	r->api = api;
	r->x = x;
	r->route = match->route;
	r->version = match->version;
	for (size_t i = 0; i < API_ARGS_MAX; i++)
		r->args[i] = match->args[i];
	r->object = r->args[0];
	*ret = TAKE_PTR(r);
	return 0;
}

static void choose_body(struct http_exchange *x, enum api_body body)
{
	switch (body) {
	case API_BODY_NONE:
		x->body_mode = HTTP_BODY_IGNORE;
		x->body_max = API_DRAINED_BODY;
		break;
	case API_BODY_JSON:
	case API_BODY_OPTIONAL:
		x->body_mode = HTTP_BODY_MEMORY;
		x->body_max = DOCKER_BODY_MAX;
		break;
	case API_BODY_UPLOAD:
		x->body_mode = HTTP_BODY_SPOOL;
		x->body_max = API_UPLOAD_MAX;
		break;
	}
}

static void on_head(void *userdata, struct http_exchange *x)
{
	struct api *api = userdata;
	struct bh_error err = BH_ERROR_INIT;
	struct api_match match;
	struct api_request *r;
	int status;

	if (http_unescape(x->request.path, false) < 0) {
		answer_error(x, 400, "malformed request path");
		return;
	}
	status = api_route_find(x->request.method, x->request.path, &match, &err);
	if (status != 0) {
		answer_error(x, status, err.text);
		return;
	}
	if (request_new(api, x, &match, &r) < 0) {
		answer_error(x, 500, "out of memory");
		return;
	}
	x->data = r;
	if (http_query_parse(x->request.query, &r->query) < 0)
		api_error(r, 400, "malformed query");
	else if (guard_decide(x->caller, match.route->verb, NULL, &err) < 0)
		api_error(r, 403, "%s", err.text);
	else if (match.route->handler == NULL)
		api_error(r, match.route->refusal_status, "%s", match.route->refusal);
	else
		choose_body(x, match.route->body);
}

static int parse_body(struct api_request *r)
{
	struct bh_error err = BH_ERROR_INIT;
	enum api_body kind = r->route->body;
	const struct buf *text = &r->x->body;
	int code;

	if (kind != API_BODY_JSON && kind != API_BODY_OPTIONAL)
		return 0;
	if (text->len == 0) {
		if (kind == API_BODY_OPTIONAL)
			return 0;
		api_error(r, 400, "invalid JSON: got EOF while reading request body");
		return -EINVAL;
	}
	code = json_parse(text->data, text->len, &r->arena, &r->body, &err);
	if (code == 0 && r->body->type != JSON_OBJECT)
		code = bh_fail(&err, -EINVAL, "the body is not an object");
	if (code < 0)
		api_error(r, 400, "invalid JSON: %s", bh_error_text(&err, code));
	return code;
}

static void on_request(void *userdata, struct http_exchange *x)
{
	struct api_request *r = x->data;

	(void)userdata;
	if (parse_body(r) == 0)
		r->route->handler(r);
}

/* Once for each request, before its answer leaves; of one that is never answered, at its end. */
static void record(struct api *api, struct api_request *r)
{
	if (r->recorded)
		return;
	r->recorded = true;
	if (guard_verb_writes(r->route->verb))
		audit_write(
			api->options.audit, r->x->caller, r->route->verb, r->object, r->x->status);
	log_write(api->options.log, LOG_LEVEL_DEBUG, "%s %s: %d",
		http_method_name(r->x->request.method), r->route->pattern, r->x->status);
}

static void on_answering(void *userdata, struct http_exchange *x)
{
	if (x->data != NULL)
		record(userdata, x->data);
}

static void on_finished(void *userdata, struct http_exchange *x)
{
	struct api_request *r = x->data;

	if (r == NULL)
		return;
	record(userdata, r);
	request_free(r);
	x->data = NULL;
}

static const struct http_server_ops server_ops = {
	.head = on_head,
	.request = on_request,
	.answering = on_answering,
	.finished = on_finished,
	.error_body = error_body,
};

/* ---- the object ---- */

int api_new(const struct api_options *options, struct api **ret, struct bh_error *err)
{
	_cleanup_free_ struct api *api = calloc(1, sizeof(*api));
	struct http_server_options http = {
		.loop = options->loop,
		.ops = &server_ops,
		.userdata = api,
		.spool_dirfd = options->spool_dirfd,
		.common_headers = COMMON_HEADERS,
		.log = options->log,
	};
	struct timespec now;
	int r;

	if (api == NULL)
		return bh_fail(err, -ENOMEM, "out of memory");
	api->options = *options;
	(void)clock_gettime(CLOCK_REALTIME, &now);
	api->started_ns = now.tv_sec * 1000000000LL + now.tv_nsec;
	r = http_server_new(&http, &api->server, err);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(api);
	return 0;
}

void api_free(struct api *api)
{
	if (api == NULL)
		return;
	http_server_free(api->server);
	free(api);
}

int api_listen(struct api *api, int fd, struct bh_error *err)
{
	return http_server_listen(api->server, fd, err);
}
