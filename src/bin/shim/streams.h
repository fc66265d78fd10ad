// SPDX-License-Identifier: Apache-2.0
#ifndef BULKHEAD_BIN_SHIM_STREAMS_H
#define BULKHEAD_BIN_SHIM_STREAMS_H

/*
 * Standard input, output and error of one process (the container's first, or an exec), and the
 * clients attached to them.
 *
 * Output is read as it comes, goes to the log (process 1 only) and to every attached client. A
 * client that does not read has a queue of STREAMS_QUEUE_MAX bytes; when it is full, reading stops,
 * so that the process blocks as it would on a terminal that is held, for at most stall_ms; then the
 * client is dropped and counted. After the process ended nobody can block the reading any more.
 *
 * Input of all clients that attached with `in` goes to one queue of STREAMS_INPUT_MAX bytes; while
 * it is full, clients are not read. A client's end of input ends the process's input if input_once
 * is set and there is no terminal; output goes on.
 *
 * After streams_end() what is in the pipes is read to the end, at most STREAMS_DRAIN_MS (something
 * else may hold them open), then `drained` is called, once, and clients get what is queued, and
 * their end.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/loop.h"
#include "bin/shim/log_file.h"
#include "engine/shim_protocol.h"

#define STREAMS_QUEUE_MAX    (1u << 20)
#define STREAMS_INPUT_MAX    (64u << 10)
#define STREAMS_DRAIN_MS     2000u
#define STREAMS_CLIENTS_MAX  64
#define STREAMS_READ_SIZE    16384u
#define STREAMS_RETRY_TTY_MS 200u

struct attached;

/* What all streams of a shim share. */
struct streams_shared {
	struct loop *loop;
	char *scratch; /* STREAMS_READ_SIZE bytes to read into */
	uint32_t stall_ms;
	uint64_t clients_dropped;
	void (*active)(void *data); /* bytes moved: memory may be trimmed later */
	void *data;
};

struct streams;

struct streams_ops {
	void (*drained)(struct streams *s, void *data);
	/* A client typed its detach keys. */
	void (*detached)(struct streams *s, void *data);
	/* The last client is gone after the end. Called from the loop, not from streams_end(). */
	void (*idle)(struct streams *s, void *data);
};

struct streams_output {
	struct streams *owner;
	int fd; /* -EBADF: not there, or at its end */
	struct loop_source *io;
	unsigned int number; /* 1 stdout, 2 stderr */
	struct log_line line;
};

struct streams {
	struct streams_shared *shared;
	const struct streams_ops *ops;
	void *data;
	struct log_file *log; /* borrowed, or NULL */
	bool tty, input_once;
	bool blocked, ending, drained, finished;
	int in; /* pipe's write end, or the pty master (output[0].fd too); -EBADF: none, or closed
		 */
	struct loop_source *in_io; /* pipe only; a terminal's source is output[0].io */
	struct buf input;
	bool input_ended;
	struct streams_output output[2];
	struct loop_source *drain_timer, *retry_timer, *idle_call;
	struct attached *clients;
	size_t client_count;
};

/* The child's ends of new pipes. */
struct streams_child {
	int fd[3];
};

void streams_init(struct streams *s, struct streams_shared *shared, const struct streams_ops *ops,
	void *data, struct log_file *log);
/* Make pipes for a process without a terminal. Without `pipes` all three are /dev/null; without
 * open_input standard input is. The pipes' files are owned by uid and gid, so that /dev/stdout can
 * be opened by a process that is mapped to them. The caller closes the child's ends. */
int streams_open_pipes(struct streams *s, bool pipes, bool open_input, uid_t uid, gid_t gid,
	struct streams_child *ret, struct bh_error *err);
/* Take over the master side of a terminal. */
int streams_open_tty(struct streams *s, int master, struct bh_error *err);
/* Release everything at once: clients are closed without a flush. */
void streams_release(struct streams *s);

/* Attach a client; takes over fd (a stream socket) on success. */
int streams_attach(
	struct streams *s, int fd, const struct shim_attach *attach, struct bh_error *err);
int streams_resize(struct streams *s, uint16_t rows, uint16_t cols, struct bh_error *err);
/* Close standard input once what is queued was written. */
void streams_close_input(struct streams *s);
/* The process has ended. */
void streams_end(struct streams *s);
/* Ended, drained, and no client is left. */
bool streams_is_idle(const struct streams *s);

/* ---- between streams.c and attached.c ---- */

/* Queue bytes from a client for the process; returns how many were taken. */
size_t streams_put_input(struct streams *s, const void *data, size_t len);
size_t streams_input_room(const struct streams *s);
/* A client's end of input. */
void streams_client_ended_input(struct streams *s);
/* A client's queue went past, or back below, its limit, or the client is gone. */
void streams_update_flow(struct streams *s);
void streams_client_gone(struct streams *s, bool by_keys);

#endif
