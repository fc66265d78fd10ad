// SPDX-License-Identifier: Apache-2.0
#ifndef BULKHEAD_BIN_SHIM_ATTACHED_H
#define BULKHEAD_BIN_SHIM_ATTACHED_H

/*
 * One client attached to the streams of a process: a socket handed over by the engine, on which the
 * shim itself speaks Docker's stream format. See streams.h for the rules of flow.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "bin/shim/streams.h"
#include "engine/shim_protocol.h"

/* Appends the client to s->clients. Takes over fd on success. */
int attached_new(struct streams *s, int fd, const struct shim_attach *attach, struct bh_error *err);
/* Close at once. */
void attached_free(struct attached *c);
struct attached *attached_next(const struct attached *c);
/* Output of the process for this client, stream 1 or 2 (a terminal's is 1). May drop the client. */
void attached_output(struct attached *c, unsigned int stream, const char *data, size_t len);
/* Whether its queue is over the limit. */
bool attached_is_full(const struct attached *c);
/* Read from the client again, or not, as the room for input says. */
void attached_update_input(struct attached *c);
/* Send what is queued, then close. */
void attached_finish(struct attached *c);

#endif
