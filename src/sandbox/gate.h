// SPDX-License-Identifier: Apache-2.0
#ifndef BULKHEAD_SANDBOX_GATE_H
#define BULKHEAD_SANDBOX_GATE_H

/*
 * Where process 1 waits to be started. The process behind it may already be under the container's
 * system call filter, so its side uses read(2) and write(2) only, on descriptors opened before.
 * Two forms: a channel pair (the creator also starts), or two fifos in the state directory, "start"
 * (one byte lets process 1 go) and "result" (an error, or end of file once execve(2) has closed
 * it).
 */

#include "base/error.h"

struct gate {
	int wait;   /* process 1 reads here */
	int result; /* process 1 reports here; the same descriptor as wait for a channel */
};

#define GATE_INIT                                                                                  \
	{                                                                                          \
		-EBADF, -EBADF                                                                     \
	}

/* Make the two fifos in dirfd and open them (read-write, close-on-exec). */
int gate_make(int dirfd, struct gate *ret, struct bh_error *err);
void gate_remove(int dirfd);
void gate_close(struct gate *g);
/* Process 1: block until started. -EPIPE: the other side is gone for good. */
int gate_wait(const struct gate *g);
void gate_report(const struct gate *g, const struct bh_error *err);
/* Starter: through the fifos in dirfd. Returns when process 1 has executed the program. */
int gate_start(int dirfd, struct bh_error *err);
/* Starter: through the other end of a channel. */
int gate_start_channel(int channel, struct bh_error *err);

#endif
