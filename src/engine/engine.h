// SPDX-License-Identifier: Apache-2.0
#ifndef BULKHEAD_ENGINE_ENGINE_H
#define BULKHEAD_ENGINE_ENGINE_H

/*
 * The engine: containers, images and what happens to them. One engine runs on one event loop
 * (base/loop.h) and is single-threaded: every function here is called from that loop's thread and
 * returns without waiting for a container, a shim or an unpack. What takes longer answers by a
 * callback, always later, from the loop, exactly once, and never from inside the call that asked;
 * if the asking call itself returns an error the callback is never called.
 *
 * The engine does not decide who may do what: guard has decided before, on the decoded request. It
 * records the caller as owner of what is made.
 *
 * Errors are negative errno; the api layer maps them to HTTP:
 *   -EINVAL, -ENOTSUP 400   bad parameter; refused by name with what would work
 *   -ENOENT           404   no such container/image/exec instance
 *   -EEXIST, -EBUSY   409   name in use; wrong state (err->text has Docker's words)
 *   -EALREADY         304   already started / already stopped
 *   -ENOSPC, others   500
 *   start: -ENOENT, -EACCES from the program itself come as ENGINE_EXIT_* codes, see start.
 */

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/event.h"
#include "base/log.h"
#include "engine/container.h"
#include "guard/caller.h"
#include "image/image.h"
#include "spec/daemon_config.h"
#include "spec/docker_create.h"
#include "spec/docker_exec.h"

struct engine;
struct loop;

struct engine_options {
	const char *data_root;              /* made 0700 */
	const char *exec_root;              /* made 0711: shim sockets, run state */
	const char *program_dir;            /* where bulkhead-shim and bulkhead-files are */
	const struct daemon_config *config; /* borrowed for the life of the engine: id_ranges,
					       no_new_privileges, isolation, log, default_shm_size,
					       ulimits, engine_socket are read here */
	const char *const *sockets; /* the engine's own unix sockets (paths), NULL-terminated:
				       binding them into a container needs config->engine_socket */
	const struct log *log;
};

typedef void (*engine_done_fn)(void *userdata, int code, const struct bh_error *err);

/* ---- the engine ---- */

/* Open the store, reconcile with what runs and what was left behind, become ready. */
int engine_new(const struct engine_options *options, struct loop *loop, struct engine **ret,
	struct bh_error *err);
/* Close everything. Containers keep running under their shims; pending callbacks get -ECANCELED. */
void engine_free(struct engine *e);

struct engine_counts {
	uint32_t containers, running, paused, stopped, images;
};
void engine_counts(const struct engine *e, struct engine_counts *ret);
/* A random id of this engine, stable across restarts (Docker's info.ID). */
const char *engine_id(const struct engine *e);
const char *engine_data_root(const struct engine *e);
bool engine_no_new_privileges(const struct engine *e);
/* "cgroupfs" and "1" or "2": Docker's CgroupDriver and CgroupVersion. */
const char *engine_cgroup_version(const struct engine *e);

/* ---- containers ---- */

/* Check, merge with the image's configuration, record. name may be NULL: one is made up. Warnings
 * (text lines for the Warnings array) are appended to warnings, each ended by '\n'.
 * -ENOENT: "No such image: x". */
int engine_container_create(struct engine *e, const struct guard_caller *caller, const char *name,
	const struct docker_create *body, struct buf *warnings, const struct container **ret,
	struct bh_error *err);

/* By full id, unique id prefix, or name (a leading slash is allowed). -ENOENT "No such container:
 * x", -EINVAL when a prefix is ambiguous. */
int engine_container_find(
	struct engine *e, const char *ref, const struct container **ret, struct bh_error *err);
/* All containers, newest first: pass NULL for the first; NULL at the end. */
const struct container *engine_container_next(struct engine *e, const struct container *previous);

/* Start. done: 0 when the program runs; -EALREADY (from the call) if it already does. When the
 * program cannot be run done gets -ENOENT (no such program: exit code 127) or -EACCES (126) with
 * Docker's words in err ("... executable file not found in $PATH"); the container is then
 * created/exited with that exit code. */
int engine_container_start(struct engine *e, const struct container *c, engine_done_fn done,
	void *userdata, struct bh_error *err);
/* Ask it to end: signal (0: the container's StopSignal), then after timeout seconds (-1: the
 * container's, default 10) SIGKILL. done when it has ended. -EALREADY if it does not run. */
int engine_container_stop(struct engine *e, const struct container *c, int signal, int timeout,
	engine_done_fn done, void *userdata, struct bh_error *err);
/* stop, if it runs, then start. */
int engine_container_restart(struct engine *e, const struct container *c, int signal, int timeout,
	engine_done_fn done, void *userdata, struct bh_error *err);
/* Send a signal to process 1. -EBUSY "... is not running". */
int engine_container_kill(
	struct engine *e, const struct container *c, int signal, struct bh_error *err);
/* Remove; force kills it first. done when it is gone. -EBUSY when it runs and force is off. */
int engine_container_remove(struct engine *e, const struct container *c, bool force,
	engine_done_fn done, void *userdata, struct bh_error *err);
int engine_container_rename(
	struct engine *e, const struct container *c, const char *name, struct bh_error *err);
/* Resize its terminal. */
int engine_container_resize(struct engine *e, const struct container *c, uint16_t rows,
	uint16_t columns, struct bh_error *err);

enum engine_wait_condition {
	ENGINE_WAIT_NOT_RUNNING, /* at once if it does not run */
	ENGINE_WAIT_NEXT_EXIT,
	ENGINE_WAIT_REMOVED,
};
struct engine_wait;
/* error: why there is no meaningful exit code, "" usually. Called once, later, from the loop; the
 * handle is released by it. */
typedef void (*engine_wait_fn)(void *userdata, int exit_code, const char *error);
int engine_wait_new(struct engine *e, const struct container *c,
	enum engine_wait_condition condition, engine_wait_fn fn, void *userdata,
	struct engine_wait **ret, struct bh_error *err);
/* The client went away: fn will not be called. */
void engine_wait_cancel(struct engine_wait *w);

/* Pids of all processes of a running container (for top), host pid namespace. */
int engine_container_pids(struct engine *e, const struct container *c, pid_t *pids, size_t max,
	size_t *ret_count, struct bh_error *err);
/* The boundary report: one JSON object appended to out (see sandbox/boundary.h). */
int engine_container_boundary(
	struct engine *e, const struct container *c, struct buf *out, struct bh_error *err);

/* ---- streams: attach and exec ---- */

/*
 * A client's connection is handed over whole: the descriptor goes to the container's shim, which
 * reads and writes it directly, so a stream costs the engine nothing and outlives it. The shim
 * closes it when the process has ended and all output is written.
 */
struct engine_attach {
	int fd; /* the client's connection (unix stream socket). Duplicated: the caller closes its
		   copy after success, without shutdown(2) */
	bool in, out, err;       /* which streams */
	bool mux;                /* docker frames; off with a terminal */
	const char *detach_keys; /* Docker's notation; NULL: the default; "" none */
	const char *greeting;    /* first bytes to write: the HTTP answer with its empty line */
	const void *input;       /* bytes the client sent ahead of the stream */
	size_t input_len;        /* at most 32 KiB */
};
/* Attach before or after the start; before, the greeting is written at once and the connection is
 * kept for the start. done 0: the connection belongs to the shim (or waits). On any failure nothing
 * was written and the caller answers over its own copy. -EBUSY for a container being removed. */
int engine_container_attach(struct engine *e, const struct container *c,
	const struct engine_attach *request, engine_done_fn done, void *userdata,
	struct bh_error *err);

#define EXEC_ID_LEN 64
struct exec {
	char id[EXEC_ID_LEN + 1];
	const struct container *container; /* valid while the exec exists */
	const char *const *argv;
	const char *user; /* as asked, "" if not */
	bool tty, open_stdin, open_stdout, open_stderr, privileged;
	bool started, running;
	pid_t pid;
	bool has_exit_code;
	int exit_code;
};

/* Only for a running container (-EBUSY "container ... is not running"). */
int engine_exec_create(struct engine *e, const struct container *c,
	const struct docker_exec_create *body, const struct exec **ret, struct bh_error *err);
int engine_exec_find(
	struct engine *e, const char *id, const struct exec **ret, struct bh_error *err);
/* Execs of a container, for ExecIDs; iterate as with containers. */
const struct exec *engine_exec_next(
	struct engine *e, const struct container *c, const struct exec *previous);
/* Start it once (-EBUSY the second time). attach NULL: detached. rows, columns 0: unknown. done as
 * for attach: 0 when the program runs; -ENOENT/-EACCES as for start, exit code 127/126, with
 * nothing written to the connection. */
int engine_exec_start(struct engine *e, const struct exec *x, const struct engine_attach *attach,
	uint16_t rows, uint16_t columns, engine_done_fn done, void *userdata, struct bh_error *err);
int engine_exec_resize(struct engine *e, const struct exec *x, uint16_t rows, uint16_t columns,
	struct bh_error *err);

/* ---- logs ---- */

struct engine_log_request {
	bool want_stdout, want_stderr;
	bool follow;
	int64_t since_ns, until_ns; /* 0: no bound */
	int64_t tail;               /* lines from the end; -1: all */
};
struct engine_log_line {
	int stream; /* 1 or 2 */
	int64_t time_ns;
	const char *data; /* with its newline, if it had one; valid until the next call */
	size_t len;
};
struct engine_log;
/* The log can be read whether or not the container runs. readable (may be NULL without follow) is
 * called when engine_log_next() may return more after it returned -EAGAIN. */
int engine_log_open(struct engine *e, const struct container *c,
	const struct engine_log_request *request, void (*readable)(void *userdata), void *userdata,
	struct engine_log **ret, struct bh_error *err);
/* 1: a line; 0: the end; -EAGAIN: nothing now, readable will be called (follow). */
int engine_log_next(struct engine_log *l, struct engine_log_line *ret, struct bh_error *err);
void engine_log_close(struct engine_log *l);

/* ---- images ---- */

struct engine_import {
	int fd;              /* the archive, read from its current offset; duplicated by the call */
	const char *ref;     /* "repo:tag", "repo" or NULL: no tag */
	const char *message; /* comment, may be NULL */
	const char *const *changes; /* Dockerfile instructions of --change, change_count of them */
	size_t change_count;
	const char *os, *architecture, *variant; /* of ?platform=, NULL: ours */
};
typedef void (*engine_import_fn)(
	void *userdata, const char *image_id, int code, const struct bh_error *err);
int engine_image_import(struct engine *e, const struct guard_caller *caller,
	const struct engine_import *request, engine_import_fn done, void *userdata,
	struct bh_error *err);
/* By "sha256:" digest, hex prefix of it, or name[:tag]. -ENOENT "No such image: x". The image lives
 * until it is removed. */
int engine_image_find(
	struct engine *e, const char *ref, const struct image **ret, struct bh_error *err);
/* Newest first; NULL starts and ends. */
const struct image *engine_image_next(struct engine *e, const struct image *previous);
/* Containers that use it. */
uint32_t engine_image_users(struct engine *e, const struct image *image);
int engine_image_tag(struct engine *e, const struct image *image, const char *repo, const char *tag,
	struct bh_error *err);
/* Untag, and delete the image when nothing else refers to it. report gets the JSON array of
 * {"Untagged":..}/{"Deleted":..} objects. -EBUSY names the container that uses it. */
int engine_image_remove(
	struct engine *e, const char *ref, bool force, struct buf *report, struct bh_error *err);

/* ---- events ---- */

struct engine_subscription;
/* Events kept in the ring (oldest first) with since_ns <= time, then, if live, each new one; if
 * not, NULL once behind the kept ones. All from the loop; the callback may unsubscribe. */
int engine_events_subscribe(struct engine *e, int64_t since_ns, bool live,
	void (*event)(void *userdata, const struct event *event), void *userdata,
	struct engine_subscription **ret, struct bh_error *err);
void engine_events_unsubscribe(struct engine_subscription *s);

#endif
