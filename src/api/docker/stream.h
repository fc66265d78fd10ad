// SPDX-License-Identifier: Apache-2.0
#ifndef BULKHEAD_API_DOCKER_STREAM_H
#define BULKHEAD_API_DOCKER_STREAM_H

/* Docker's stream framing: {1 stdout | 2 stderr, 0, 0, 0, length big endian} in front of a piece.
 */

#include <stdint.h>
#include <stdio.h>

#include "api/request.h"

#define DOCKER_RAW_STREAM "application/vnd.docker.raw-stream"
#define DOCKER_MUX_STREAM "application/vnd.docker.multiplexed-stream"
#define DOCKER_FRAME_HEAD 8

static inline void docker_frame(int stream, uint32_t len, unsigned char out[DOCKER_FRAME_HEAD])
{
	out[0] = (unsigned char)stream;
	out[1] = out[2] = out[3] = 0;
	out[4] = (unsigned char)(len >> 24);
	out[5] = (unsigned char)(len >> 16);
	out[6] = (unsigned char)(len >> 8);
	out[7] = (unsigned char)len;
}

/* Content type of a stream of a container or exec with or without a terminal. */
static inline const char *docker_stream_type(const struct api_request *r, bool tty)
{
	return !tty && r->version >= 42 ? DOCKER_MUX_STREAM : DOCKER_RAW_STREAM;
}

#endif
