// SPDX-License-Identifier: Apache-2.0
/* bulkheadd: the engine. See bulkheadd(8). */
#include <stdio.h>

#include "bin/bulkheadd/daemon.h"
#include "bin/bulkheadd/options.h"

#define OPTIONS_ARENA_MAX (16u << 20)

static int fail(const struct bh_error *err, int code, int status)
{
	(void)fprintf(stderr, "bulkheadd: %s\n", bh_error_text(err, code));
	return status;
}

static int act(const struct options *o)
{
	struct bh_error err = BH_ERROR_INIT;
	int r;

	switch (o->action) {
	case OPTIONS_VERSION:
		(void)printf("Bulkhead version %s\n", BULKHEAD_VERSION);
		return 0;
	case OPTIONS_HELP:
		(void)fputs(options_help(), stdout);
		return 0;
	case OPTIONS_VALIDATE:
		(void)puts("configuration OK");
		return 0;
	case OPTIONS_RUN:
		break;
	}
	r = daemon_run(&o->config, &err);
	return r < 0 ? fail(&err, r, 1) : 0;
}

int main(int argc, char **argv)
{
	struct bh_error err = BH_ERROR_INIT;
	_cleanup_arena_ struct arena a = ARENA_INIT;
	struct options o;
	int r = arena_init(&a, OPTIONS_ARENA_MAX);

	if (r == 0)
		r = options_parse(argc, argv, &a, &o, &err);
	if (r < 0)
		return fail(&err, r, 1);
	return act(&o);
}
