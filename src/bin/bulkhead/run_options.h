// SPDX-License-Identifier: Apache-2.0
#ifndef BULKHEAD_BIN_BULKHEAD_RUN_OPTIONS_H
#define BULKHEAD_BIN_BULKHEAD_RUN_OPTIONS_H

#include "bin/bulkhead/cli.h"

/* Options of `run` and `exec`, which share their names with docker's. */

#define RUN_LIST_MAX 256

struct run_list {
	const char *items[RUN_LIST_MAX];
	size_t count;
};

struct run_options {
	bool interactive, tty, detach, remove, read_only, privileged;
	const char *name, *user, *workdir, *hostname, *network, *isolation, *entrypoint,
		*stop_signal, *memory, *cpus, *pids_limit;
	struct run_list env, labels, volumes, tmpfs, cap_add, cap_drop, security;
	const char *image;
	char **command; /* NULL-terminated, may be empty */
};

/* Parse `run`'s arguments; an exit code other than 0 after a message. */
int run_options_parse(int argc, char **argv, struct run_options *ret);
/* The same for `exec`: image is the container. */
int exec_options_parse(int argc, char **argv, struct run_options *ret);
/* The body of POST /containers/create. Failures are in cli->err. */
int run_options_body(struct cli *cli, const struct run_options *o, struct buf *out);
/* The body of POST /containers/ID/exec. */
int exec_options_body(const struct run_options *o, struct buf *out);

#endif
