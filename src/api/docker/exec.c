// SPDX-License-Identifier: Apache-2.0
/* Exec instances. */
#include <errno.h>
#include <string.h>

#include "api/docker/docker.h"
#include "api/docker/stream.h"
#include "api/route.h"
#include "base/mem.h"

void docker_exec_create(struct api_request *r)
{
	_cleanup_buf_ struct buf out = {0};
	struct json_writer w = JSON_WRITER(&out);
	struct bh_error err = BH_ERROR_INIT;
	const struct container *c = api_container(r);
	struct docker_exec_create body;
	const struct exec *x = NULL;
	int code;

	if (c == NULL)
		return;
	buf_init(&out, 4096);
	code = docker_exec_create_decode(r->body, &r->arena, &body, &err);
	if (code == 0)
		code = engine_exec_create(api_engine(r), c, &body, &x, &err);
	if (code < 0) {
		api_fail(r, code, &err);
		return;
	}
	json_begin_object(&w);
	json_member_string(&w, "Id", x->id);
	json_end_object(&w);
	api_json(r, 201, &out);
}

/* The exec that args[0] names; else answered with 404. */
static const struct exec *find_exec(struct api_request *r)
{
	struct bh_error err = BH_ERROR_INIT;
	struct guard_object object;
	const struct exec *x;
	int code = engine_exec_find(api_engine(r), r->args[0], &x, &err);

	if (code == 0) {
		object = (struct guard_object){x->container->owner, x->container->tenant};
		code = guard_decide(r->x->caller, r->route->verb, &object, &err);
	}
	if (code < 0) {
		api_fail(r, code, &err);
		return NULL;
	}
	return x;
}

static bool is_program_error(int code)
{
	return code == -ENOENT || code == -EACCES || code == -ENOTDIR || code == -EISDIR;
}

/* The client asked for a stream and learns the exit code from inspect: like dockerd, say in the
 * stream why nothing ran. */
static void answer_in_stream(struct api_request *r, bool tty, const char *text)
{
	_cleanup_buf_ struct buf out = {0};
	unsigned char head[DOCKER_FRAME_HEAD];

	buf_init(&out, 8192);
	docker_frame(1, (uint32_t)strlen(text) + 2, head);
	if (!tty)
		buf_append(&out, head, sizeof(head));
	buf_printf(&out, "%s\r\n", text);
	http_raw_answer(r->x, docker_stream_type(r, tty), buf_str(&out), out.len);
}

static void on_attached(void *userdata, int code, const struct bh_error *err)
{
	struct api_request *r = api_pending_take(userdata);

	if (r == NULL)
		return;
	if (code == 0)
		http_handover_done(r->x);
	else if (is_program_error(code))
		answer_in_stream(r, r->tty, bh_error_text(err, code));
	else
		api_fail(r, code, err);
}

static void on_started(void *userdata, int code, const struct bh_error *err)
{
	struct api_request *r = api_pending_take(userdata);

	if (r == NULL)
		return;
	if (is_program_error(code))
		api_error(r, 400, "%s", bh_error_text(err, code));
	else if (code < 0)
		api_fail(r, code, err);
	else
		api_empty(r, 200);
}

static void start_attached(struct api_request *r, const struct exec *x, struct api_pending *p,
	const struct docker_exec_start *body)
{
	struct bh_error err = BH_ERROR_INIT;
	struct http_handover handover;
	int code = http_handover_begin(r->x, docker_stream_type(r, x->tty), &handover);
	struct engine_attach attach = {
		.fd = handover.fd,
		.in = x->open_stdin,
		.out = x->open_stdout,
		.err = x->open_stderr,
		.mux = !x->tty,
		.greeting = buf_str(&handover.answer),
		.input = handover.input,
		.input_len = handover.input_len,
	};

	r->tty = x->tty; /* on_attached() needs to know, and x may be gone by then */
	if (code == 0)
		code = engine_exec_start(api_engine(r), x, &attach, body->console_height,
			body->console_width, on_attached, p, &err);
	buf_release(&handover.answer);
	if (code < 0) {
		(void)api_pending_take(p);
		api_fail(r, code, &err);
	}
}

static void start_detached(struct api_request *r, const struct exec *x, struct api_pending *p,
	const struct docker_exec_start *body)
{
	struct bh_error err = BH_ERROR_INIT;
	int code = engine_exec_start(api_engine(r), x, NULL, body->console_height,
		body->console_width, on_started, p, &err);

	if (code < 0) {
		(void)api_pending_take(p);
		api_fail(r, code, &err);
	}
}

void docker_exec_start(struct api_request *r)
{
	struct docker_exec_start body = {0};
	struct bh_error err = BH_ERROR_INIT;
	const struct exec *x = find_exec(r);
	struct api_pending *p;

	if (x == NULL)
		return;
	if (r->body != NULL) {
		int code = docker_exec_start_decode(r->body, &r->arena, &body, &err);

		if (code < 0) {
			api_fail(r, code, &err);
			return;
		}
	}
	if (x->started) {
		api_error(r, 409, "exec %s has already run", x->id);
		return;
	}
	p = api_pending_new(r);
	if (p == NULL)
		api_error(r, 500, "out of memory");
	else if (body.detach)
		start_detached(r, x, p, &body);
	else
		start_attached(r, x, p, &body);
}

void docker_exec_resize(struct api_request *r)
{
	struct bh_error err = BH_ERROR_INIT;
	const struct exec *x = find_exec(r);
	int64_t rows, columns;
	int code;

	if (x == NULL || api_query_int(r, "h", 0, 0, UINT16_MAX, &rows) < 0 ||
		api_query_int(r, "w", 0, 0, UINT16_MAX, &columns) < 0)
		return;
	code = engine_exec_resize(api_engine(r), x, (uint16_t)rows, (uint16_t)columns, &err);
	if (code < 0)
		api_fail(r, code, &err);
	else
		api_empty(r, 200);
}

static void put_process(struct json_writer *w, const struct exec *x)
{
	json_key(w, "ProcessConfig");
	json_begin_object(w);
	json_member_bool(w, "tty", x->tty);
	json_member_string(w, "entrypoint", x->argv[0] != NULL ? x->argv[0] : "");
	json_key(w, "arguments");
	json_begin_array(w);
	for (size_t i = 1; x->argv[0] != NULL && x->argv[i] != NULL; i++)
		json_put_string(w, x->argv[i]);
	json_end_array(w);
	json_member_bool(w, "privileged", x->privileged);
	if (x->user != NULL && x->user[0] != '\0')
		json_member_string(w, "user", x->user);
	json_end_object(w);
}

void docker_exec_inspect(struct api_request *r)
{
	_cleanup_buf_ struct buf out = {0};
	struct json_writer w = JSON_WRITER(&out);
	const struct exec *x = find_exec(r);

	if (x == NULL)
		return;
	buf_init(&out, API_ANSWER_MAX);
	json_begin_object(&w);
	json_member_string(&w, "ID", x->id);
	json_member_bool(&w, "Running", x->running);
	json_key(&w, "ExitCode");
	if (x->has_exit_code)
		json_put_int(&w, x->exit_code);
	else
		json_put_null(&w);
	put_process(&w, x);
	json_member_bool(&w, "OpenStdin", x->open_stdin);
	json_member_bool(&w, "OpenStderr", x->open_stderr);
	json_member_bool(&w, "OpenStdout", x->open_stdout);
	json_member_bool(&w, "CanRemove", x->has_exit_code);
	json_member_string(&w, "ContainerID", x->container->id);
	json_member_string(&w, "DetachKeys", "");
	json_member_int(&w, "Pid", x->pid);
	json_end_object(&w);
	api_json(r, 200, &out);
}
