// SPDX-License-Identifier: Apache-2.0
/* GET /events: one JSON object a line, past ones of the ring first. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "api/docker/docker.h"
#include "base/event.h"
#include "base/loop.h"
#include "base/mem.h"
#include "spec/docker_filters.h"

static const char *const filter_names[] = {"config", "container", "daemon", "event", "image",
	"label", "network", "node", "plugin", "scope", "secret", "service", "type", "volume", NULL};

struct event_stream {
	struct api_request *r;
	struct engine_subscription *subscription;
	struct loop_source *timer; /* of `until` */
	struct docker_filters filters;
	int64_t until_ns;
};

static const char *attribute(const struct event *e, const char *key)
{
	for (size_t i = 0; i < e->attribute_count; i++)
		if (strcmp(e->attributes[i].key, key) == 0)
			return e->attributes[i].value;
	return "";
}

/* container=, image=: by id prefix or name; both only for events of that type. */
static bool match_object(const struct docker_filters *f, const struct event *e, const char *type,
	const char *name_key)
{
	const struct oci_strings *values = docker_filters_get(f, type);

	if (values == NULL)
		return true;
	for (size_t i = 0; i < values->count; i++) {
		const char *want = values->items[i];

		if (strcmp(e->type, type) == 0 && (strncmp(e->id, want, strlen(want)) == 0 ||
							  strcmp(attribute(e, "name"), want) == 0))
			return true;
		if (strcmp(attribute(e, name_key), want) == 0)
			return true;
	}
	return false;
}

static bool selected(const struct event_stream *s, const struct event *e)
{
	const struct docker_filters *f = &s->filters;

	if (s->until_ns != 0 && e->time_ns > s->until_ns)
		return false;
	return docker_filters_match(f, "type", e->type) &&
	       docker_filters_match(f, "event", e->action) &&
	       docker_filters_match(f, "scope", "local") &&
	       match_object(f, e, "container", "container") &&
	       match_object(f, e, "image", "image") &&
	       docker_filters_match_labels(f, "label", e->attributes, e->attribute_count);
}

static void put_event(const struct event *e, struct buf *out)
{
	struct json_writer w = JSON_WRITER(out);

	json_begin_object(&w);
	if (strcmp(e->type, "container") == 0 || strcmp(e->type, "image") == 0) {
		json_member_string(&w, "status", e->action);
		json_member_string(&w, "id", e->id);
		if (attribute(e, "image")[0] != '\0')
			json_member_string(&w, "from", attribute(e, "image"));
	}
	json_member_string(&w, "Type", e->type);
	json_member_string(&w, "Action", e->action);
	json_key(&w, "Actor");
	json_begin_object(&w);
	json_member_string(&w, "ID", e->id);
	json_key(&w, "Attributes");
	json_begin_object(&w);
	for (size_t i = 0; i < e->attribute_count; i++)
		json_member_string(&w, e->attributes[i].key, e->attributes[i].value);
	json_end_object(&w);
	json_end_object(&w);
	json_member_string(&w, "scope", "local");
	json_member_int(&w, "time", e->time_ns / 1000000000);
	json_member_int(&w, "timeNano", e->time_ns);
	json_end_object(&w);
	buf_putc(out, '\n');
}

static void on_event(void *userdata, const struct event *e)
{
	struct event_stream *s = userdata;
	struct guard_object object = {NULL, e != NULL ? e->tenant : NULL};
	_cleanup_buf_ struct buf out = {0};

	if (e == NULL) {
		http_stream_end(s->r->x);
		return;
	}
	if (!selected(s, e) || guard_decide(s->r->x->caller, GUARD_SYSTEM_READ, &object, NULL) < 0)
		return;
	buf_init(&out, 1u << 20);
	put_event(e, &out);
	if (buf_status(&out) == 0)
		(void)http_stream_write(s->r->x, out.data, out.len);
}

static void on_until(struct loop_source *source, void *data)
{
	struct event_stream *s = data;

	(void)source;
	http_stream_end(s->r->x);
}

static void free_stream(struct api_request *r)
{
	struct event_stream *s = r->stream;

	r->stream = NULL;
	if (s == NULL)
		return;
	loop_removep(&s->timer);
	if (s->subscription != NULL)
		engine_events_unsubscribe(s->subscription);
	free(s);
}

static int64_t now_ns(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_REALTIME, &now);
	return now.tv_sec * 1000000000LL + now.tv_nsec;
}

/* Subscribe; the head has left already, so failures end the stream. */
static void subscribe(struct event_stream *s, int64_t since)
{
	struct api_request *r = s->r;
	struct bh_error err = BH_ERROR_INIT;
	int64_t now = now_ns();
	bool live = s->until_ns == 0 || s->until_ns > now;
	int code = engine_events_subscribe(
		api_engine(r), since != 0 ? since : now, live, on_event, s, &s->subscription, &err);

	if (code == 0 && live && s->until_ns != 0)
		code = loop_add_timer(api_options_of(r)->loop,
			(uint64_t)(s->until_ns - now) / 1000000, on_until, s, &s->timer, &err);
	if (code < 0)
		log_write(api_options_of(r)->log, LOG_LEVEL_WARN, "events: %s",
			bh_error_text(&err, code));
	if (code < 0)
		http_stream_end(r->x);
}

void docker_events(struct api_request *r)
{
	struct bh_error err = BH_ERROR_INIT;
	struct event_stream *s;
	int64_t since, until;
	int code;

	if (api_query_time(r, "since", &since) < 0 || api_query_time(r, "until", &until) < 0)
		return;
	s = calloc(1, sizeof(*s));
	if (s == NULL) {
		api_error(r, 500, "out of memory");
		return;
	}
	s->r = r;
	s->until_ns = until;
	r->stream = s;
	r->stream_free = free_stream;
	code = docker_filters_parse(
		api_query(r, "filters"), filter_names, &r->arena, &s->filters, &err);
	if (code < 0) {
		api_fail(r, code, &err);
		return;
	}
	http_stream_begin(r->x, 200, "application/json");
	subscribe(s, since);
}
