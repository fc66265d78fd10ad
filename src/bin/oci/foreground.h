// SPDX-License-Identifier: Apache-2.0
#ifndef BULKHEAD_BIN_OCI_FOREGROUND_H
#define BULKHEAD_BIN_OCI_FOREGROUND_H

/*
 * Staying in front of a process of a container, for `run` and `exec` without --detach: signals are
 * passed on, a terminal is relayed, children are reaped, the exit status becomes ours.
 */

#include <signal.h>
#include <sys/types.h>

#include "base/error.h"

struct foreground {
	pid_t pid; /* our child */
	int pidfd;
	sigset_t signals; /* from foreground_block_signals() */
	int console;      /* pty master to relay to our standard input and output, or -EBADF */
};

/* Before the process runs: from here on signals are kept for it. */
int foreground_block_signals(sigset_t *ret, struct bh_error *err);
/* Returns the exit code: that of the process, or 128 + the signal that ended it. */
int foreground_wait(const struct foreground *f, struct bh_error *err);

#endif
