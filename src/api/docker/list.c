// SPDX-License-Identifier: Apache-2.0
/* GET /containers/json. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "api/docker/describe.h"
#include "api/docker/docker.h"
#include "base/mem.h"
#include "spec/docker_filters.h"

static const char *const filter_names[] = {"ancestor", "before", "exited", "id", "isolation",
	"is-task", "label", "name", "network", "since", "status", "volume", "health", "expose",
	"publish", NULL};

struct selection {
	struct docker_filters filters;
	bool all;
	int64_t limit;
	const struct container *before, *since;
};

/* Docker takes `name` and `id` as regular expressions; a part of the name is what is used. */
static bool match_name(const struct docker_filters *f, const struct container *c)
{
	const struct oci_strings *values = docker_filters_get(f, "name");

	for (size_t i = 0; values != NULL && i < values->count; i++) {
		const char *want = values->items[i];
		size_t len;
		bool from_start = *want == '^';

		want += from_start;
		want += *want == '/';
		len = strlen(want);
		if (len > 0 && want[len - 1] == '$') {
			len--;
			if (strlen(c->name) >= len &&
				strncmp(c->name + strlen(c->name) - len, want, len) == 0 &&
				(!from_start || strlen(c->name) == len))
				return true;
		} else if (from_start ? strncmp(c->name, want, len) == 0
				      : strstr(c->name, want) != NULL) {
			return true;
		}
	}
	return values == NULL;
}

static bool match_prefix(const struct docker_filters *f, const char *name, const char *text)
{
	const struct oci_strings *values = docker_filters_get(f, name);

	for (size_t i = 0; values != NULL && i < values->count; i++)
		if (strncmp(text, values->items[i], strlen(values->items[i])) == 0)
			return true;
	return values == NULL;
}

static bool match_exited(const struct docker_filters *f, const struct container *c)
{
	const struct oci_strings *values = docker_filters_get(f, "exited");

	for (size_t i = 0; values != NULL && i < values->count; i++)
		if (c->state == CONTAINER_EXITED &&
			strtol(values->items[i], NULL, 10) == c->exit_code)
			return true;
	return values == NULL;
}

/* An image by reference, without or with its tag, or by id. */
static bool match_ancestor(const struct docker_filters *f, const struct container *c)
{
	const struct oci_strings *values = docker_filters_get(f, "ancestor");

	for (size_t i = 0; values != NULL && i < values->count; i++) {
		const char *want = values->items[i];
		size_t len = strlen(want);

		if (strncmp(c->image_ref, want, len) == 0 &&
			(c->image_ref[len] == '\0' || strcmp(c->image_ref + len, ":latest") == 0))
			return true;
		if (strncmp(want, c->image_ref, strlen(c->image_ref)) == 0 &&
			strcmp(want + strlen(c->image_ref), ":latest") == 0)
			return true;
		if (len >= 4 && (strncmp(c->image_id, want, len) == 0 ||
					strncmp(c->image_id + strlen("sha256:"), want, len) == 0))
			return true;
	}
	return values == NULL;
}

/* What no container has in this build: no value of such a filter matches. */
static bool match_absent(const struct docker_filters *f)
{
	static const char *const names[] = {"volume", "expose", "publish"};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (docker_filters_get(f, names[i]) != NULL)
			return false;
	return docker_filters_match(f, "health", "none") &&
	       docker_filters_match(f, "network", "none") &&
	       docker_filters_match(f, "is-task", "false");
}

static bool selected(const struct selection *s, const struct container *c)
{
	const struct docker_filters *f = &s->filters;
	bool any_state = s->all || s->limit > 0 || docker_filters_get(f, "status") != NULL ||
			 docker_filters_get(f, "exited") != NULL;

	if (!any_state && c->state != CONTAINER_RUNNING)
		return false;
	if (s->before != NULL && c->created_ns >= s->before->created_ns)
		return false;
	if (s->since != NULL && c->created_ns <= s->since->created_ns)
		return false;
	return match_name(f, c) && match_prefix(f, "id", c->id) && match_exited(f, c) &&
	       match_ancestor(f, c) && match_absent(f) &&
	       docker_filters_match(f, "status", docker_state_name(c)) &&
	       docker_filters_match(f, "isolation", c->isolation) &&
	       docker_filters_match_labels(f, "label", c->labels, c->label_count);
}

static void put_container(struct json_writer *w, const struct container *c)
{
	char status[DOCKER_STATUS_MAX];
	_cleanup_buf_ struct buf name = {0};

	buf_init(&name, 1024);
	buf_printf(&name, "/%s", c->name);
	json_begin_object(w);
	json_member_string(w, "Id", c->id);
	json_key(w, "Names");
	json_begin_array(w);
	json_put_string(w, buf_str(&name));
	json_end_array(w);
	json_member_string(w, "Image", c->image_ref);
	json_member_string(w, "ImageID", c->image_id);
	json_key(w, "Command");
	docker_put_command(w, c);
	json_member_int(w, "Created", c->created_ns / 1000000000);
	json_key(w, "Ports");
	json_begin_array(w);
	json_end_array(w);
	json_key(w, "Labels");
	docker_put_labels(w, c->labels, c->label_count);
	json_member_string(w, "State", docker_state_name(c));
	docker_status_text(c, status);
	json_member_string(w, "Status", status);
	json_key(w, "HostConfig");
	json_begin_object(w);
	json_member_string(w, "NetworkMode", c->network_mode);
	json_end_object(w);
	json_key(w, "NetworkSettings");
	json_begin_object(w);
	docker_put_networks(w, c);
	json_end_object(w);
	json_key(w, "Mounts");
	json_begin_array(w);
	json_end_array(w);
	json_end_object(w);
}

static int find_bound(
	struct api_request *r, struct selection *s, const char *name, const struct container **ret)
{
	const struct oci_strings *values = docker_filters_get(&s->filters, name);
	struct bh_error err = BH_ERROR_INIT;
	int code;

	if (values == NULL)
		return 0;
	code = engine_container_find(api_engine(r), values->items[0], ret, &err);
	if (code < 0)
		api_fail(r, code, &err);
	return code;
}

static int read_selection(struct api_request *r, struct selection *s)
{
	struct bh_error err = BH_ERROR_INIT;
	int code = docker_filters_parse(
		api_query(r, "filters"), filter_names, &r->arena, &s->filters, &err);

	if (code < 0) {
		api_fail(r, code, &err);
		return code;
	}
	s->all = api_query_bool(r, "all", false);
	code = api_query_int(r, "limit", 0, -1, INT32_MAX, &s->limit);
	if (code == 0)
		code = find_bound(r, s, "before", &s->before);
	if (code == 0)
		code = find_bound(r, s, "since", &s->since);
	return code;
}

void docker_containers_list(struct api_request *r)
{
	_cleanup_buf_ struct buf out = {0};
	struct json_writer w = JSON_WRITER(&out);
	struct selection s = {0};
	const struct container *c = NULL;
	int64_t shown = 0;

	buf_init(&out, API_ANSWER_MAX);
	if (read_selection(r, &s) < 0)
		return;
	json_begin_array(&w);
	while ((c = engine_container_next(api_engine(r), c)) != NULL) {
		struct guard_object object = {c->owner, c->tenant};

		if (s.limit > 0 && shown == s.limit)
			break;
		if (!selected(&s, c) ||
			guard_decide(r->x->caller, GUARD_CONTAINER_READ, &object, NULL) < 0)
			continue;
		put_container(&w, c);
		shown++;
	}
	json_end_array(&w);
	api_json(r, 200, &out);
}
