// SPDX-License-Identifier: Apache-2.0
/* A container's id range: held on the whole host for as long as the container is recorded. */
#include <errno.h>

#include "engine/engine_private.h"

/* Another engine has the range: possible only where the claims were lost, by a reboot. */
static int move(struct container_entry *c, struct bh_error *err)
{
	struct engine *e = c->engine;
	uint32_t first;
	int r = id_claims_take(&e->claims, &e->ranges, engine_now_ns(), &first, err);

	if (r < 0)
		return r;
	r = container_record_move(c, first, err);
	if (r < 0)
		id_claims_drop(&e->claims, first);
	return r;
}

int container_hold_range(struct container_entry *c, struct bh_error *err)
{
	struct engine *e = c->engine;
	struct bh_error why = BH_ERROR_INIT;
	int r = id_claims_hold(&e->claims, c->c.id_range_start, &why);

	if (r == 0)
		return 0;
	if (r != -EEXIST || c->c.state == CONTAINER_RUNNING)
		return bh_fail(err, r, "container %.12s: %s", c->c.id, bh_error_text(&why, r));
	log_write(e->log, LOG_LEVEL_WARN, "container %.12s gets another id range: %s", c->c.id,
		why.text);
	return move(c, err);
}

static bool known(const void *data, uint32_t first)
{
	const struct engine *e = data;

	for (const struct container_entry *c = e->first; c != NULL; c = c->next)
		if (c->c.id_range_start == first)
			return true;
	return false;
}

int container_ranges_hold(struct engine *e, struct bh_error *err)
{
	int r = id_claims_sweep(&e->claims, known, e, err);

	for (struct container_entry *c = e->first; r == 0 && c != NULL; c = c->next) {
		struct bh_error why = BH_ERROR_INIT;

		if (container_hold_range(c, &why) < 0)
			log_write(e->log, LOG_LEVEL_ERROR, "%s", why.text);
	}
	return r;
}
