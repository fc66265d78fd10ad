// SPDX-License-Identifier: Apache-2.0
#ifndef BULKHEAD_BIN_OCI_RELAY_H
#define BULKHEAD_BIN_OCI_RELAY_H

/*
 * Bytes between our own terminal (standard input and output) and the master of a container's
 * terminal, with bounded buffers: a side that does not read stops the other. Our terminal is raw
 * meanwhile and restored by relay_close().
 */

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <termios.h>

#include "base/error.h"

#define RELAY_BUFFER 8192

struct relay_pipe {
	int from, to;
	size_t len, sent;
	bool closed; /* no more input, or nobody takes the output */
	char data[RELAY_BUFFER];
};

struct relay {
	int console; /* borrowed */
	int signals; /* signalfd */
	bool restore;
	struct termios saved;
	struct relay_pipe in, out;
};

#define RELAY_INIT                                                                                 \
	{                                                                                          \
		.console = -EBADF, .signals = -EBADF                                               \
	}

/* signals: blocked by the caller, reported by relay_step(). */
int relay_open(struct relay *r, int console, const sigset_t *signals, struct bh_error *err);
/* Restore the terminal. */
void relay_close(struct relay *r);
/* Move what can be moved, wait for more. 1: a signal arrived, described in info (si_signo). */
int relay_step(struct relay *r, siginfo_t *info, struct bh_error *err);
/* Copy the size of our terminal. */
void relay_resize(struct relay *r);
/* After the end of the process: pass on what it had written. */
void relay_drain(struct relay *r);

#endif
