// SPDX-License-Identifier: Apache-2.0
#ifndef BULKHEAD_BASE_EVENT_H
#define BULKHEAD_BASE_EVENT_H

#include <stddef.h>
#include <stdint.h>

/*
 * What happened, in the words of the Docker events API. Any layer may raise events through a sink
 * it was given; the engine is the sink that keeps and distributes them.
 */

struct event_attribute {
	const char *key, *value;
};

struct event {
	int64_t time_ns;    /* CLOCK_REALTIME; 0: the sink fills it in */
	const char *type;   /* "container", "image", "network", "volume", "daemon" */
	const char *action; /* "create", "start", "die", ... */
	const char *id;     /* of the object */
	const char *tenant; /* of the object: who may see the event */
	const struct event_attribute *attributes;
	size_t attribute_count;
};

struct event_sink {
	/* Copies what it keeps. */
	void (*emit)(void *userdata, const struct event *event);
	void *userdata;
};

static inline void event_emit(const struct event_sink *sink, const struct event *event)
{
	if (sink != NULL && sink->emit != NULL)
		sink->emit(sink->userdata, event);
}

#endif
