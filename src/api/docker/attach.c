// SPDX-License-Identifier: Apache-2.0
/* POST /containers/ID/attach: the connection is handed to the container's shim. */
#include "api/docker/docker.h"
#include "api/docker/stream.h"
#include "base/mem.h"

static void on_attached(void *userdata, int code, const struct bh_error *err)
{
	struct api_request *r = api_pending_take(userdata);

	if (r == NULL)
		return;
	if (code < 0)
		api_fail(r, code, err);
	else
		http_handover_done(r->x);
}

static void hand_over(struct api_request *r, const struct container *c)
{
	struct bh_error err = BH_ERROR_INIT;
	struct engine_attach attach = {
		.in = api_query_bool(r, "stdin", false) && c->open_stdin,
		.out = api_query_bool(r, "stdout", false),
		.err = api_query_bool(r, "stderr", false),
		.mux = !c->tty,
		.detach_keys = api_query(r, "detachKeys"),
	};
	struct http_handover handover;
	struct api_pending *p;
	int code;

	if (attach.detach_keys != NULL && *attach.detach_keys == '\0')
		attach.detach_keys = NULL;
	p = api_pending_new(r);
	code = http_handover_begin(r->x, docker_stream_type(r, c->tty), &handover);
	if (p == NULL || code < 0) {
		buf_release(&handover.answer);
		if (p != NULL)
			(void)api_pending_take(p);
		api_error(r, 500, "out of memory");
		return;
	}
	attach.fd = handover.fd;
	attach.greeting = buf_str(&handover.answer);
	attach.input = handover.input;
	attach.input_len = handover.input_len;
	code = engine_container_attach(api_engine(r), c, &attach, on_attached, p, &err);
	buf_release(&handover.answer);
	if (code < 0) {
		(void)api_pending_take(p);
		api_fail(r, code, &err);
	}
}

void docker_container_attach(struct api_request *r)
{
	const struct container *c = api_container(r);

	if (c == NULL)
		return;
	if (api_query_bool(r, "logs", false))
		api_error(r, 501,
			"not supported by this build yet: attach with logs=1 (GET "
			"/containers/ID/logs?follow=1 has them)");
	else if (!api_query_bool(r, "stream", false))
		api_error(r, 400, "attach needs stream=1");
	else
		hand_over(r, c);
}
