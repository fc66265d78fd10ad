// SPDX-License-Identifier: Apache-2.0
#ifndef BULKHEAD_BIN_BULKHEADD_OPTIONS_H
#define BULKHEAD_BIN_BULKHEADD_OPTIONS_H

/*
 * What bulkheadd was told, by flags and by daemon.json. The same setting in both is a conflict: it
 * is refused rather than decided silently.
 */

#include <stdbool.h>

#include "base/arena.h"
#include "base/error.h"
#include "spec/daemon_config.h"

#define DAEMON_CONFIG_FILE "/etc/bulkhead/daemon.json"
#define DAEMON_DATA_ROOT   "/var/lib/bulkhead"
#define DAEMON_EXEC_ROOT   "/run/bulkhead"
#define DAEMON_HOSTS_MAX   8

enum options_action {
	OPTIONS_RUN,
	OPTIONS_VALIDATE,
	OPTIONS_VERSION,
	OPTIONS_HELP,
};

struct options {
	enum options_action action;
	struct daemon_config config; /* flags and file joined; nothing of it is NULL any more but
					group */
};

/* Parse argv and read the configuration file. Everything lives in a. -EINVAL, -ENOTSUP with a text
 * for standard error. */
int options_parse(
	int argc, char **argv, struct arena *a, struct options *ret, struct bh_error *err);
/* The text of --help. */
const char *options_help(void);

#endif
