// SPDX-License-Identifier: Apache-2.0
#ifndef BULKHEAD_SANDBOX_CHANNEL_H
#define BULKHEAD_SANDBOX_CHANNEL_H

/*
 * The messages between the process that creates a container, the builder of its root file system
 * and process 1: fixed-size records on a SOCK_SEQPACKET socket. Everybody on it is our own code
 * until execve(2); the descriptor is closed by that call, which is how success is told.
 */

#include <stdint.h>

#include "base/error.h"

enum channel_type {
	CHANNEL_ERROR = 1, /* code and text: the sender gives up */
	CHANNEL_INIT_PID,  /* value: pid of process 1, as its parent sees it */
	CHANNEL_SET_UP,    /* process 1 has entered its namespaces */
	CHANNEL_HOOKS,     /* builder: the mounts are made, run the runtime's hooks */
	CHANNEL_GO,        /* the other side may go on */
	CHANNEL_CONSOLE,   /* descriptor: master of the container's terminal */
	CHANNEL_LISTENER,  /* descriptor: seccomp listener */
	CHANNEL_READY,     /* created */
	CHANNEL_START,     /* run the program */
};

struct channel_message {
	uint32_t type;
	int32_t code;
	int64_t value;
	char text[BH_ERROR_TEXT_MAX];
};

/* A connected pair, close-on-exec. */
int channel_pair(int ret[static 2]);
/* fd: sent along, or -EBADF. */
int channel_send(int channel, enum channel_type type, int64_t value, int fd);
int channel_send_error(int channel, const struct bh_error *err);
/* Receive one message, at most timeout_ms (-1: no bound). -EPIPE at end of file. A CHANNEL_ERROR
 * becomes err and its code. *ret_fd (may be NULL) gets a passed descriptor or -EBADF. */
int channel_receive(int channel, int timeout_ms, struct channel_message *ret, int *ret_fd,
	struct bh_error *err);
/* The same, but also -EPIPE once the process of pidfd (-EBADF: none) has ended and nothing is left
 * to receive: others may hold the far end and wait for what it had to say. */
int channel_receive_from(int channel, int pidfd, int timeout_ms, struct channel_message *ret,
	int *ret_fd, struct bh_error *err);
/* Receive and require a type. */
int channel_expect(int channel, int timeout_ms, enum channel_type type, struct bh_error *err);

#endif
