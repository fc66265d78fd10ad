// SPDX-License-Identifier: Apache-2.0
#ifndef BULKHEAD_BIN_BULKHEADD_DAEMON_H
#define BULKHEAD_BIN_BULKHEADD_DAEMON_H

#include "base/error.h"
#include "spec/daemon_config.h"

/* Run the engine until SIGTERM or SIGINT. config is complete (see options.h). Returns 0 or a
 * negative errno; containers keep running in either case. */
int daemon_run(const struct daemon_config *config, struct bh_error *err);

#endif
