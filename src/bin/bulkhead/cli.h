// SPDX-License-Identifier: Apache-2.0
#ifndef BULKHEAD_BIN_BULKHEAD_CLI_H
#define BULKHEAD_BIN_BULKHEAD_CLI_H

/* What the commands of `bulkhead` share. */

#include <stdbool.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/error.h"
#include "base/json.h"
#include "bin/bulkhead/client.h"

/* Exit codes. Those from 125 on are docker's for run and exec. */
enum {
	CLI_OK = 0,
	CLI_FAILED = 1,
	CLI_USAGE = 2,
	CLI_ENGINE = 125,
	CLI_NOT_EXECUTABLE = 126,
	CLI_NOT_FOUND = 127,
};

struct cli {
	struct client client;
	bool json; /* --format json */
	struct arena *arena;
	struct bh_error err;
};

/* Commands get their own name as argv[0] and return an exit code. */
typedef int cli_command_fn(struct cli *cli, int argc, char **argv);

cli_command_fn cli_version, cli_run, cli_exec, cli_ps, cli_logs, cli_stop, cli_kill, cli_rm,
	cli_inspect, cli_boundary, cli_images, cli_import, cli_start, cli_wait;

/* Print the recorded error, return status. */
int cli_fail(const struct cli *cli, int status);
int cli_usage(const char *command, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Exit code for a program that could not be run, from the engine's words: 126, 127, else 125. */
int cli_run_status(const struct cli *cli);
/* "PREFIX" + escaped name + "SUFFIX", in the arena; NULL when full. */
const char *cli_target(struct cli *cli, const char *prefix, const char *name, const char *suffix);
/* GET and parse. The text is in out, the tree in the arena. */
int cli_get(struct cli *cli, const char *target, struct buf *out, const struct json **ret);
/* Print a JSON text as it came, with a newline. */
void cli_print(const struct buf *text);

#endif
