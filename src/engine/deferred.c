// SPDX-License-Identifier: Apache-2.0
/* Answers that are known at once but must come from the loop. */
#include <errno.h>
#include <stdlib.h>

#include "engine/engine_private.h"

struct deferred {
	struct deferred *next;
	struct engine *engine;
	struct loop_source *source;
	engine_done_fn done;
	void *userdata;
	int code;
	struct bh_error err;
};

static void unlink_and_free(struct deferred *d)
{
	struct deferred **at = &d->engine->deferred;

	while (*at != NULL && *at != d)
		at = &(*at)->next;
	if (*at == d)
		*at = d->next;
	loop_remove(d->source);
	free(d);
}

static void fire(struct loop_source *s, void *data)
{
	struct deferred d = *(struct deferred *)data;

	unlink_and_free(data);
	d.done(d.userdata, d.code, d.code < 0 ? &d.err : NULL);
}

int engine_defer(
	struct engine *e, engine_done_fn done, void *userdata, int code, const struct bh_error *err)
{
	struct deferred *d;
	int r;

	if (done == NULL)
		return 0;
	d = calloc(1, sizeof(*d));
	if (d == NULL)
		return -ENOMEM;
	*d = (struct deferred){
		.next = e->deferred, .engine = e, .done = done, .userdata = userdata, .code = code};
	if (err != NULL)
		d->err = *err;
	r = loop_add_call(e->loop, fire, d, &d->source, NULL);
	if (r < 0) {
		free(d);
		return r;
	}
	e->deferred = d;
	return 0;
}

void engine_deferred_cancel(struct engine *e)
{
	for (struct deferred *head = e->deferred; head != NULL; head = e->deferred) {
		struct deferred d = *head;

		e->deferred = d.next;
		unlink_and_free(head);
		d.done(d.userdata, -ECANCELED, NULL);
	}
}
