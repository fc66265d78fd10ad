// SPDX-License-Identifier: Apache-2.0
#ifndef BULKHEAD_BIN_SHIM_SHIM_H
#define BULKHEAD_BIN_SHIM_SHIM_H

/*
 * One container's shim. The parts: container.c (creation, start, end of the container), record.c
 * (its files), exec.c (further processes), server.c (engines that are connected), streams.c and
 * attached.c (standard streams), log_file.c.
 *
 * The end of a container, in order: process 1 is reaped; what is left in its cgroup is killed; its
 * output is read to the end (bounded); execs are reaped; the cgroup is removed; poststop hooks run;
 * exit.json is written and synced; engines are told. The shim leaves when the engine has said that
 * it took the record, or is not connected, and clients have got their output.
 */

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

#include "base/error.h"
#include "base/log.h"
#include "base/loop.h"
#include "bin/shim/log_file.h"
#include "bin/shim/streams.h"
#include "engine/shim_protocol.h"
#include "sandbox/sandbox.h"

#define SHIM_CONNECTIONS_MAX 8
#define SHIM_EXECS_MAX       256
#define SHIM_FINISH_MS       3000u /* from the end of process 1 to the record, beyond the draining */

enum shim_phase {
	PHASE_CREATING,
	PHASE_CREATED,
	PHASE_RUNNING,
	PHASE_ENDING, /* process 1 is gone */
	PHASE_ENDED,  /* the record is written */
};

struct exec;

struct connection {
	struct shim *shim;
	int fd; /* -EBADF: free */
	struct loop_source *io;
};

struct shim {
	struct loop *loop;
	int dirfd;
	struct log log; /* the shim's own */

	/* options that are needed after the creation; owned strings */
	char *id, *bundle;
	bool stdin_once, no_new_keyring, has_poststart, has_poststop;

	enum shim_phase phase;
	bool paused;
	struct sandbox sandbox;
	uint64_t start_time, own_start_time;
	struct timespec started, finished; /* started.tv_sec 0: never */
	int wait_status;
	uint64_t oom_kills;
	bool start_failed;
	char *cgroup_text; /* JSON for state.json */
	char *trouble;     /* for exit.json's error */
	struct loop_source *oom_io;
	int oom_fd;

	struct log_file log_file;
	struct streams_shared shared;
	struct streams streams;
	struct exec *execs;
	size_t exec_count;

	int listen_fd;
	struct loop_source *listen_io, *child_signal, *finish_timer, *trim_timer;
	bool trim_armed, leaving; /* leaving: the engine took the record */
	struct connection connections[SHIM_CONNECTIONS_MAX];
};

/* ---- container.c ---- */

/* Create the container from the directory's files. root_fd: or -EBADF; stays the caller's. */
int container_create(
	struct shim *s, const struct shim_options *options, int root_fd, struct bh_error *err);
int container_start(struct shim *s, struct bh_error *err);
int container_signal(struct shim *s, int signo, bool all, struct bh_error *err);
int container_set_paused(struct shim *s, bool paused, struct bh_error *err);
int container_update(struct shim *s, const struct json *resources, struct bh_error *err);
/* -ESRCH unless process 1 exists. */
int container_check_alive(const struct shim *s, struct bh_error *err);
/* Process 1 was reaped. */
void container_ended(struct shim *s, int wait_status);
/* Write the record if everything is over. */
void container_maybe_finish(struct shim *s);
/* Leave if nothing holds the shim any more. */
void container_maybe_leave(struct shim *s);
/* Kill and remove what container_create() made; for failures before the loop runs. */
void container_abandon(struct shim *s);
/* Reap every child that has ended. */
void container_reap(struct shim *s);
/* sandbox_*() may start programs and wait for them: run them with SIGCHLD as they expect. */
void container_unblock_sigchld(struct shim *s);
void container_block_sigchld(struct shim *s);

/* The host ids that own the streams of a process: what its user is mapped to. */
void container_mapped_owner(const struct oci_config *config, const struct oci_process *process,
	uint32_t *ret_uid, uint32_t *ret_gid);

/* ---- record.c ---- */

const char *record_status(const struct shim *s);
/* Write state.json. */
int record_state(const struct shim *s, struct bh_error *err);
void record_state_fill(const struct shim *s, struct shim_state *ret, char started[SHIM_TIME_MAX]);
int record_pid(const struct shim *s, struct bh_error *err);
/* Write exit.json, synced. */
int record_exit(const struct shim *s, struct bh_error *err);
struct record_times {
	char started[SHIM_TIME_MAX], finished[SHIM_TIME_MAX];
};
/* The exit of process 1; strings point into times and s. */
void record_exit_fill(const struct shim *s, struct shim_exit *ret, struct record_times *times);
/* Exit code and signal from a wait status. */
void record_status_decode(int wait_status, struct shim_exit *ret);
/* Remember trouble for exit.json; the first counts. */
void record_trouble(struct shim *s, const char *text);

/* ---- exec.c ---- */

/* process_fd: borrowed. stream_fd is taken over on success; -EBADF: none. */
int exec_run(struct shim *s, const struct shim_request *request, int process_fd, int stream_fd,
	pid_t *ret_pid, struct bh_error *err);
/* NULL and err filled if there is none. */
struct exec *exec_find(struct shim *s, const char *id, struct bh_error *err);
struct streams *exec_streams(struct exec *e);
int exec_signal(struct exec *e, int signo, struct bh_error *err);
/* A child was reaped: true if it was an exec's process. */
bool exec_ended(struct shim *s, pid_t pid, int wait_status);
bool exec_any_running(const struct shim *s);
void exec_free_all(struct shim *s);

/* ---- server.c ---- */

void server_init(struct shim *s);
int server_open(struct shim *s, struct bh_error *err);
/* Accept connections again after a failure. */
void server_rested(struct shim *s);
void server_close(struct shim *s);
bool server_has_engine(const struct shim *s);
/* Tell every engine. */
void server_notify(struct shim *s, enum shim_message_kind kind, const char *exec_id,
	const struct shim_exit *exit);

#endif
