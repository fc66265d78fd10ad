// SPDX-License-Identifier: Apache-2.0
#ifndef BULKHEAD_BIN_BULKHEAD_RELAY_H
#define BULKHEAD_BIN_BULKHEAD_RELAY_H

#include <stdbool.h>
#include <stdint.h>

#include "bin/bulkhead/client.h"

/* Our standard streams connected to a container's, until its stream ends. */

struct relay {
	const struct client *client;
	struct client_stream *stream;
	bool tty;   /* raw bytes; our terminal is put into raw mode */
	bool input; /* send standard input */
	/* Requests to make on events, without their query; NULL: none. */
	const char *resize_target; /* ".../resize" */
	const char *kill_target;   /* ".../kill" */
};

/* Block the signals that are passed on; call it before anything is started. */
void relay_prepare(void);
/* Returns 0 at the stream's end. The terminal is restored in every case. */
int relay_run(struct relay *relay, struct bh_error *err);
/* Tell the other side our window's size. */
void relay_resize(const struct relay *relay);
/* Copy a stream of docker frames (mux) or raw bytes to standard output and error. */
int relay_output(struct client_stream *stream, bool mux, struct bh_error *err);
/* Size of the terminal; false if there is none. */
bool relay_window(uint16_t *ret_rows, uint16_t *ret_columns);

#endif
