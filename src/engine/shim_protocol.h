// SPDX-License-Identifier: Apache-2.0
#ifndef BULKHEAD_ENGINE_SHIM_PROTOCOL_H
#define BULKHEAD_ENGINE_SHIM_PROTOCOL_H

/*
 * What the engine and bulkhead-shim say to each other, and the files of a container's directory
 * (see bulkhead-shim(8)). Pure: bytes to checked structures and back.
 *
 * One SOCK_SEQPACKET message is one JSON object of at most SHIM_MESSAGE_MAX bytes, with at most
 * SHIM_FDS_MAX descriptors attached. The engine sends requests {"id", "op", ...}; the shim answers
 * each with one reply {"id", "result"} or {"id", "error": {"code", "text"}}, and sends events
 * {"event", ...} to every connected engine at any time. What may be large (an exec's process
 * object) travels as a descriptor of a file, not in the message.
 *
 * Descriptors of a request, in this order: SHIM_OP_EXEC: a file with the OCI process object; then,
 * for SHIM_OP_ATTACH always and for SHIM_OP_EXEC if has_stream: the client's stream. The shim owns
 * a stream once it answered with success; on an error reply nothing was written to it. The sender
 * closes its own copies after the reply in either case.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/error.h"
#include "base/json.h"

#define SHIM_MESSAGE_MAX     (128u << 10)
#define SHIM_FDS_MAX         2
#define SHIM_ID_MAX          128         /* bytes of a container or exec id */
#define SHIM_INPUT_MAX       (32u << 10) /* attach: bytes the client sent ahead */
#define SHIM_DETACH_KEYS_MAX 16
#define SHIM_PROCESS_MAX     (2u << 20) /* bytes of an exec's process object */
#define SHIM_FILE_MAX        (1u << 20) /* bytes of options.json, state.json, exit.json */
#define SHIM_ARENA_MAX       (16u << 20)

/* Names of files in a container's directory. */
#define SHIM_CONFIG_FILE  "config.json"  /* OCI configuration, written by the engine */
#define SHIM_OPTIONS_FILE "options.json" /* struct shim_options, written by the engine */
#define SHIM_SOCKET       "shim.sock"
#define SHIM_PID_FILE     "pid"        /* the container's process 1, decimal */
#define SHIM_STATE_FILE   "state.json" /* struct shim_state */
#define SHIM_EXIT_FILE    "exit.json"  /* struct shim_exit */
#define SHIM_LOG_FILE     "shim.log"   /* the shim's own warnings, JSON lines */

/* Descriptors the shim is started with. */
#define SHIM_READY_FD 3 /* pipe: one struct shim_ready as one line of JSON */
#define SHIM_ROOT_FD  4 /* options.root_fd: mount of the root file system */

enum shim_op {
	SHIM_OP_START,       /* let process 1 run; result {"started_at"} */
	SHIM_OP_SIGNAL,      /* signal, all (every process of the container) */
	SHIM_OP_RESIZE,      /* rows, cols; exec_id: of that exec */
	SHIM_OP_ATTACH,      /* attach, stream; exec_id: to that exec */
	SHIM_OP_CLOSE_STDIN, /* exec_id: of that exec */
	SHIM_OP_EXEC,        /* exec_id, has_stream, attach, process as a file; result {"pid"} */
	SHIM_OP_EXEC_SIGNAL, /* exec_id, signal */
	SHIM_OP_PAUSE,
	SHIM_OP_RESUME,
	SHIM_OP_STATS,  /* result: as `runc events --stats`, "data" */
	SHIM_OP_PIDS,   /* result {"pids": [...]}: all processes, host pids */
	SHIM_OP_UPDATE, /* resources: OCI resources object */
	SHIM_OP_STATE,  /* result: see struct shim_state, plus "attached", "log_errors", "execs" */
	SHIM_OP_SHUTDOWN, /* after the exit was recorded: the shim leaves. Before start: kills
			     process 1 first. -EBUSY while the container runs */
	SHIM_OP_COUNT,
};

struct shim_attach {
	bool in, out, err; /* which of the container's streams */
	bool mux;          /* docker frames ([stream,0,0,0,length]) instead of raw bytes */
	uint8_t detach_keys[SHIM_DETACH_KEYS_MAX]; /* with a terminal: this sequence detaches */
	size_t detach_key_count;                   /* 0: none */
	const char *
		greeting; /* written to the stream before anything else (the 101 answer), or NULL */
	const void *input; /* stdin bytes the client sent ahead of the stream */
	size_t input_len;
};

struct shim_request {
	uint64_t id; /* set by shim_client_send() */
	enum shim_op op;
	int signal;
	bool all;
	uint16_t rows, cols;
	const char *exec_id; /* NULL: the container itself */
	bool has_stream;
	struct shim_attach attach;
	const struct json *resources;
};

/* How a process ended. */
struct shim_exit {
	int exit_code; /* as the shell has it: 128 + signal when killed */
	int signal;    /* 0: exited by itself */
	bool oom_killed;
	const char *started_at,
		*finished_at; /* RFC 3339 with nanoseconds, UTC; "" if never started */
	const char *error;    /* trouble at the end (poststop hook, cgroup left), or "" */
};

/* Where a container stands, for whoever finds it later: processes are identified by pid and start
 * time (field 22 of /proc/PID/stat). */
struct shim_state {
	const char *id;
	const char *status;  /* "creating", "created", "running", "paused", "stopped" */
	pid_t shim_pid, pid; /* pid 0: no process yet, or ended */
	uint64_t shim_start_time, start_time;
	const char *started_at;    /* "" before start */
	const struct json *cgroup; /* for cgroup_open(); NULL if there is none yet */
};

enum shim_log_driver {
	SHIM_LOG_NONE,
	SHIM_LOG_JSON_FILE,
};

struct shim_options {
	const char *id;
	const char *bundle; /* absolute; given to hooks, and where a relative root.path starts */
	bool open_stdin;    /* else standard input is /dev/null (without a terminal) */
	bool stdin_once;    /* the first attached client's end of input is the container's */
	bool root_fd;       /* descriptor SHIM_ROOT_FD holds the root file system */
	bool systemd_cgroup, no_new_keyring, no_pivot;
	enum shim_log_driver log_driver;
	const char *log_path;  /* absolute */
	uint64_t log_max_size; /* bytes, 0: no rotation */
	uint32_t log_max_file; /* files in all, at least 1 */
	uint32_t stall_ms;     /* how long an attached client may block output; 0: the default */
};

#define SHIM_STALL_DEFAULT_MS 120000u

/* What comes through SHIM_READY_FD. */
struct shim_ready {
	int code;         /* 0, or negative errno */
	const char *text; /* why not */
	pid_t pid;        /* process 1 */
	uint64_t start_time;
};

enum shim_message_kind {
	SHIM_MESSAGE_REPLY,
	SHIM_MESSAGE_EXIT, /* the container ended and its output is complete; exit.json is written
			    */
	SHIM_MESSAGE_EXEC_EXIT, /* exec_id, exit */
	SHIM_MESSAGE_OOM,       /* the kernel killed something of it for memory */
	SHIM_MESSAGE_DETACH,    /* a client typed the detach keys; exec_id or NULL */
};

/* From shim to engine. */
struct shim_message {
	enum shim_message_kind kind;
	uint64_t id;               /* reply: of the request */
	int code;                  /* reply: 0 or negative errno */
	const char *text;          /* reply: what failed */
	const struct json *result; /* reply: NULL or a value */
	const char *exec_id;
	struct shim_exit exit;
};

const char *shim_op_name(enum shim_op op);

/* Everything decoded points into a. Errors name the JSON pointer. fd_count: descriptors that came
 * with the message; a number that does not fit the operation is refused. */
int shim_request_decode(const char *text, size_t len, size_t fd_count, struct arena *a,
	struct shim_request *ret, struct bh_error *err);
int shim_request_encode(const struct shim_request *request, struct buf *out, struct bh_error *err);
/* Descriptors that belong to a request. */
size_t shim_request_fd_count(const struct shim_request *request);
int shim_message_decode(const char *text, size_t len, struct arena *a, struct shim_message *ret,
	struct bh_error *err);
/* result: JSON text of one value, or NULL. */
int shim_reply_encode(uint64_t id, const char *result, struct buf *out);
int shim_reply_error_encode(uint64_t id, int code, const char *text, struct buf *out);
/* kind: any but SHIM_MESSAGE_REPLY. exit only for the exits. */
int shim_event_encode(enum shim_message_kind kind, const char *exec_id,
	const struct shim_exit *exit, struct buf *out);

int shim_options_decode(
	const struct json *tree, struct arena *a, struct shim_options *ret, struct bh_error *err);
int shim_options_encode(const struct shim_options *options, struct buf *out);
int shim_ready_decode(const char *text, size_t len, struct arena *a, struct shim_ready *ret,
	struct bh_error *err);
int shim_ready_encode(const struct shim_ready *ready, struct buf *out);
int shim_exit_decode(const struct json *tree, struct shim_exit *ret, struct bh_error *err);
void shim_exit_write(const struct shim_exit *exit, struct json_writer *w);
int shim_state_decode(const struct json *tree, struct shim_state *ret, struct bh_error *err);
/* cgroup_text: JSON text of the cgroup (state->cgroup is not used), or NULL. */
int shim_state_encode(const struct shim_state *state, const char *cgroup_text, struct buf *out);

/* Read and decode the files of a container's directory; -ENOENT where there is none. */
int shim_exit_load(int dirfd, struct arena *a, struct shim_exit *ret, struct bh_error *err);
int shim_state_load(int dirfd, struct arena *a, struct shim_state *ret, struct bh_error *err);
int shim_options_load(int dirfd, struct arena *a, struct shim_options *ret, struct bh_error *err);

/* Docker's notation: keys separated by commas, each a character or ctrl-X with X of a-z @ [ \ ] ^
 * _;
 * "" gives none. -EINVAL, naming the key. */
int shim_detach_keys_parse(const char *text, uint8_t ret[static SHIM_DETACH_KEYS_MAX],
	size_t *ret_count, struct bh_error *err);
#define SHIM_DETACH_KEYS_DEFAULT "ctrl-p,ctrl-q"

/* RFC 3339 with nanoseconds, trailing zeros dropped, UTC: "2026-11-24T22:10:00.123456789Z". */
#define SHIM_TIME_MAX 40
struct timespec;
void shim_time_format(const struct timespec *ts, char ret[static SHIM_TIME_MAX]);

/* Header of one docker frame. stream: 1 stdout, 2 stderr. */
#define SHIM_FRAME_HEADER 8
void shim_frame_header(uint8_t ret[static SHIM_FRAME_HEADER], unsigned int stream, uint32_t len);

#endif
