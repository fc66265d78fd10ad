// SPDX-License-Identifier: Apache-2.0
/*
 * POST /containers/ID/wait. The head of the answer leaves at once: `docker run` asks this before it
 * starts the container, and goes on when it sees the head.
 */
#include <errno.h>
#include <string.h>

#include "api/docker/docker.h"
#include "base/mem.h"

static const struct {
	const char *name;
	enum engine_wait_condition condition;
} conditions[] = {
	{"", ENGINE_WAIT_NOT_RUNNING},
	{"not-running", ENGINE_WAIT_NOT_RUNNING},
	{"next-exit", ENGINE_WAIT_NEXT_EXIT},
	{"removed", ENGINE_WAIT_REMOVED},
};

static int find_condition(struct api_request *r, enum engine_wait_condition *ret)
{
	const char *name = api_query(r, "condition");

	for (size_t i = 0; i < ARRAY_SIZE(conditions); i++) {
		if (strcmp(conditions[i].name, name != NULL ? name : "") == 0) {
			*ret = conditions[i].condition;
			return 0;
		}
	}
	api_error(r, 400, "invalid condition: \"%.64s\"", name);
	return -EINVAL;
}

static void cancel_wait(struct api_request *r)
{
	if (r->stream != NULL)
		engine_wait_cancel(r->stream);
	r->stream = NULL;
}

static void on_exit_code(void *userdata, int exit_code, const char *error)
{
	struct api_request *r = userdata;
	_cleanup_buf_ struct buf out = {0};
	struct json_writer w = JSON_WRITER(&out);

	r->stream = NULL;
	buf_init(&out, 64u << 10);
	json_begin_object(&w);
	if (error != NULL && *error != '\0') {
		json_key(&w, "Error");
		json_begin_object(&w);
		json_member_string(&w, "Message", error);
		json_end_object(&w);
	}
	json_member_int(&w, "StatusCode", exit_code);
	json_end_object(&w);
	buf_putc(&out, '\n');
	(void)http_stream_write(r->x, out.data, out.len);
	http_stream_end(r->x);
}

void docker_container_wait(struct api_request *r)
{
	struct bh_error err = BH_ERROR_INIT;
	const struct container *c = api_container(r);
	enum engine_wait_condition condition;
	struct engine_wait *wait = NULL;
	int code;

	if (c == NULL || find_condition(r, &condition) < 0)
		return;
	code = engine_wait_new(api_engine(r), c, condition, on_exit_code, r, &wait, &err);
	if (code < 0) {
		api_fail(r, code, &err);
		return;
	}
	r->stream = wait;
	r->stream_free = cancel_wait;
	http_stream_begin(r->x, 200, "application/json");
}
