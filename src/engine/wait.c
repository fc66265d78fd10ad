// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "engine/engine_private.h"

struct engine_wait {
	struct engine_wait *next;
	struct engine *engine;
	struct container_entry *container; /* NULL once fired */
	enum engine_wait_condition condition;
	engine_wait_fn fn;
	void *userdata;
	struct loop_source *source; /* once fired */
	int exit_code;
	char error[256];
};

void engine_wait_cancel(struct engine_wait *w)
{
	struct engine_wait **at;

	if (w == NULL)
		return;
	for (at = &w->engine->waits; *at != w; at = &(*at)->next)
		;
	*at = w->next;
	loop_remove(w->source);
	free(w);
}

static void answer(struct loop_source *s, void *data)
{
	struct engine_wait copy = *(struct engine_wait *)data;

	engine_wait_cancel(data);
	copy.fn(copy.userdata, copy.exit_code, copy.error);
}

static void fire(struct engine_wait *w)
{
	w->exit_code = w->container->c.exit_code;
	/* A failed start is told to whoever asked for it; the exit code says the rest. */
	if (w->container->c.state == CONTAINER_DEAD)
		(void)snprintf(w->error, sizeof(w->error), "%s", w->container->c.error);
	w->container = NULL;
	/* Without memory for a source the waiter hears nothing and its client times out. */
	(void)loop_add_call(w->engine->loop, answer, w, &w->source, NULL);
}

int engine_wait_new(struct engine *e, const struct container *c,
	enum engine_wait_condition condition, engine_wait_fn fn, void *userdata,
	struct engine_wait **ret, struct bh_error *err)
{
	struct engine_wait *w = calloc(1, sizeof(*w));

	if (w == NULL)
		return bh_fail_errno(err, -ENOMEM, "wait for container");
	*w = (struct engine_wait){.next = e->waits,
		.engine = e,
		.container = container_of(c),
		.condition = condition,
		.fn = fn,
		.userdata = userdata};
	e->waits = w;
	if (condition == ENGINE_WAIT_NOT_RUNNING && c->state != CONTAINER_RUNNING && !c->starting)
		fire(w);
	*ret = w;
	return 0;
}

void waits_exited(struct container_entry *c)
{
	for (struct engine_wait *w = c->engine->waits; w != NULL; w = w->next)
		if (w->container == c && w->condition != ENGINE_WAIT_REMOVED)
			fire(w);
}

void waits_removed(struct container_entry *c)
{
	for (struct engine_wait *w = c->engine->waits; w != NULL; w = w->next)
		if (w->container == c)
			fire(w);
}

void waits_free(struct engine *e)
{
	while (e->waits != NULL)
		engine_wait_cancel(e->waits);
}
