// SPDX-License-Identifier: Apache-2.0
/* The engine is the sink of all events: the last ones are kept in a ring for `events --since`. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/mem.h"
#include "engine/engine_private.h"

#define ATTRIBUTES_MAX 512
#define EVENT_ARENA    (1u << 20)

struct kept_event {
	struct event event;
	struct arena arena;
};

struct engine_subscription {
	struct engine_subscription *next;
	struct engine *engine;
	struct loop_source *call; /* delivers new events */
	int64_t since_ns;
	size_t position; /* next event to deliver */
	bool live;
	void (*fn)(void *userdata, const struct event *event);
	void *userdata;
};

int64_t engine_now_ns(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_REALTIME, &ts);
	return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

static void kept_free(struct kept_event *k)
{
	if (k == NULL)
		return;
	arena_release(&k->arena);
	free(k);
}

static struct kept_event *keep(const struct event *event)
{
	struct kept_event *k = calloc(1, sizeof(*k));
	struct event_attribute *attributes;
	struct arena *a;

	if (k == NULL || arena_init(&k->arena, EVENT_ARENA) < 0) {
		free(k);
		return NULL;
	}
	a = &k->arena;
	attributes = arena_calloc(a, event->attribute_count, sizeof(*attributes));
	for (size_t i = 0; attributes != NULL && i < event->attribute_count; i++) {
		attributes[i].key = arena_strdup(a, event->attributes[i].key);
		attributes[i].value = arena_strdup(a, event->attributes[i].value);
		if (attributes[i].key == NULL || attributes[i].value == NULL)
			attributes = NULL;
	}
	k->event = (struct event){
		.time_ns = event->time_ns != 0 ? event->time_ns : engine_now_ns(),
		.type = arena_strdup(a, event->type),
		.action = arena_strdup(a, event->action),
		.id = arena_strdup(a, event->id),
		.tenant = arena_strdup(a, event->tenant != NULL ? event->tenant : ""),
		.attributes = attributes,
		.attribute_count = event->attribute_count,
	};
	if (attributes == NULL || k->event.tenant == NULL || k->event.id == NULL ||
		k->event.action == NULL || k->event.type == NULL) {
		kept_free(k);
		return NULL;
	}
	return k;
}

/* The next event that the subscriber wants, or NULL. */
static const struct event *next_event(struct engine_subscription *s)
{
	const struct engine *e = s->engine;

	if (e->event_next > EVENTS_KEPT && s->position < e->event_next - EVENTS_KEPT)
		s->position = e->event_next - EVENTS_KEPT;
	while (s->position < e->event_next) {
		const struct kept_event *k = e->events[s->position++ % EVENTS_KEPT];

		if (k != NULL && k->event.time_ns >= s->since_ns)
			return &k->event;
	}
	return NULL;
}

/* One a round: the callback may end the subscription. */
static void deliver(struct loop_source *source, void *data)
{
	struct engine_subscription *s = data;
	const struct event *event = next_event(s);

	if (event != NULL)
		loop_call_again(source);
	if (event != NULL || !s->live)
		s->fn(s->userdata, event);
}

static void emit(void *userdata, const struct event *event)
{
	struct engine *e = userdata;
	struct kept_event *k = keep(event);

	if (k == NULL)
		return;
	kept_free(e->events[e->event_next % EVENTS_KEPT]);
	e->events[e->event_next++ % EVENTS_KEPT] = k;
	for (struct engine_subscription *s = e->subscriptions; s != NULL; s = s->next)
		if (s->live)
			loop_call_again(s->call);
}

void events_init(struct engine *e)
{
	e->sink = (struct event_sink){emit, e};
}

void events_free(struct engine *e)
{
	for (struct engine_subscription *s = e->subscriptions; s != NULL; s = e->subscriptions) {
		e->subscriptions = s->next;
		engine_events_unsubscribe(s);
	}
	for (size_t i = 0; i < EVENTS_KEPT; i++)
		kept_free(e->events[i]);
}

int engine_events_subscribe(struct engine *e, int64_t since_ns, bool live,
	void (*event)(void *userdata, const struct event *event), void *userdata,
	struct engine_subscription **ret, struct bh_error *err)
{
	struct engine_subscription *s = calloc(1, sizeof(*s));
	int r;

	if (s == NULL)
		return bh_fail_errno(err, -ENOMEM, "subscribe to events");
	*s = (struct engine_subscription){
		.engine = e, .since_ns = since_ns, .live = live, .fn = event, .userdata = userdata};
	r = loop_add_call(e->loop, deliver, s, &s->call, err);
	if (r < 0) {
		free(s);
		return r;
	}
	s->next = e->subscriptions;
	e->subscriptions = s;
	*ret = s;
	return 0;
}

void engine_events_unsubscribe(struct engine_subscription *s)
{
	struct engine_subscription **at;

	if (s == NULL)
		return;
	for (at = &s->engine->subscriptions; *at != NULL && *at != s; at = &(*at)->next)
		;
	if (*at == s)
		*at = s->next;
	loop_remove(s->call);
	free(s);
}

void container_event(
	struct container_entry *c, const char *action, const char *key, const char *value)
{
	struct event_attribute attributes[ATTRIBUTES_MAX];
	size_t n = 0;
	struct event event = {.type = "container",
		.action = action,
		.id = c->c.id,
		.tenant = c->c.tenant,
		.attributes = attributes};

	attributes[n++] = (struct event_attribute){"image", c->c.image_ref};
	attributes[n++] = (struct event_attribute){"name", c->c.name};
	if (key != NULL)
		attributes[n++] = (struct event_attribute){key, value};
	for (size_t i = 0; i < c->c.label_count && n < ATTRIBUTES_MAX; i++)
		attributes[n++] = c->c.labels[i];
	event.attribute_count = n;
	event_emit(&c->engine->sink, &event);
}
