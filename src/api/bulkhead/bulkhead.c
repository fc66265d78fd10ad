// SPDX-License-Identifier: Apache-2.0
#include "api/bulkhead/bulkhead.h"

#include "api/docker/describe.h"
#include "api/route.h"
#include "base/mem.h"

void bulkhead_version(struct api_request *r)
{
	_cleanup_buf_ struct buf out = {0};
	struct json_writer w = JSON_WRITER(&out);

	buf_init(&out, 4096);
	json_begin_object(&w);
	json_member_string(&w, "version", BULKHEAD_VERSION);
	json_member_string(&w, "api", "v1");
	json_member_string(&w, "dockerApi", "1." API_TEXT(API_VERSION_MAX));
	json_member_string(&w, "dockerApiMin", "1." API_TEXT(API_VERSION_MIN));
	json_member_string(&w, "engineId", engine_id(api_engine(r)));
	api_member_time(&w, "startedAt", api_started_ns(r));
	json_member_int(&w, "connections", (int64_t)api_connections(r));
	json_end_object(&w);
	api_json(r, 200, &out);
}

static void put_container(struct json_writer *w, const struct container *c)
{
	json_begin_object(w);
	json_member_string(w, "id", c->id);
	json_member_string(w, "name", c->name);
	json_member_string(w, "owner", c->owner);
	json_member_string(w, "tenant", c->tenant);
	json_member_string(w, "image", c->image_ref);
	json_member_string(w, "imageId", c->image_id);
	json_member_string(w, "isolation", c->isolation);
	json_member_string(w, "state", docker_state_name(c));
	json_member_int(w, "pid", c->pid);
	json_member_int(w, "exitCode", c->exit_code);
	json_member_int(w, "idRangeStart", c->id_range_start);
	api_member_time(w, "createdAt", c->created_ns);
	json_key(w, "command");
	json_begin_array(w);
	for (size_t i = 0; c->argv[i] != NULL; i++)
		json_put_string(w, c->argv[i]);
	json_end_array(w);
	json_key(w, "labels");
	docker_put_labels(w, c->labels, c->label_count);
	json_end_object(w);
}

void bulkhead_containers(struct api_request *r)
{
	_cleanup_buf_ struct buf out = {0};
	struct json_writer w = JSON_WRITER(&out);
	const struct container *c = NULL;
	bool all = api_query_bool(r, "all", false);

	buf_init(&out, API_ANSWER_MAX);
	json_begin_array(&w);
	while ((c = engine_container_next(api_engine(r), c)) != NULL) {
		struct guard_object object = {c->owner, c->tenant};

		if ((all || c->state == CONTAINER_RUNNING) &&
			guard_decide(r->x->caller, r->route->verb, &object, NULL) == 0)
			put_container(&w, c);
	}
	json_end_array(&w);
	api_json(r, 200, &out);
}

void bulkhead_boundary(struct api_request *r)
{
	_cleanup_buf_ struct buf out = {0};
	struct bh_error err = BH_ERROR_INIT;
	const struct container *c = api_container(r);
	int code;

	if (c == NULL)
		return;
	buf_init(&out, API_ANSWER_MAX);
	code = engine_container_boundary(api_engine(r), c, &out, &err);
	if (code < 0)
		api_fail(r, code, &err);
	else
		api_json(r, 200, &out);
}
