// SPDX-License-Identifier: Apache-2.0
#ifndef BULKHEAD_ENGINE_SHIM_CLIENT_H
#define BULKHEAD_ENGINE_SHIM_CLIENT_H

/*
 * The engine's side of bulkhead-shim, on the engine's loop: start a shim, talk to it, hear from it.
 * Nothing here blocks; every wait has a limit.
 *
 * Life of a container: write config.json and options.json into its directory (0700); shim_spawn();
 * on success shim_connect() and SHIM_OP_START; the `exited` callback; take the record from it (or
 * from exit.json, if the engine was away); SHIM_OP_SHUTDOWN; remove the directory. After a restart
 * of the engine: shim_connect() for each directory; where that fails with -ECONNREFUSED or -ENOENT
 * the shim is gone: exit.json tells how the container ended, or, without one, state.json tells
 * which processes and cgroup are to be killed.
 */

#include "base/error.h"
#include "base/loop.h"
#include "engine/shim_protocol.h"

/* Starts shims and reaps them. */
struct shim_spawner;

/* program: path of bulkhead-shim, opened once here. */
int shim_spawner_new(
	struct loop *loop, const char *program, struct shim_spawner **ret, struct bh_error *err);
/* Shims go on by themselves; pending callbacks are not made any more. Accepts NULL. */
void shim_spawner_free(struct shim_spawner *s);

struct shim_spawn {
	const char *dir;     /* the container's directory, absolute */
	int root_fd;         /* becomes SHIM_ROOT_FD; -EBADF: none. Borrowed for the call only */
	uint64_t timeout_ms; /* for the container to be created; 0: 60 s */
};

/* shim_pid is valid in any case where a shim was started. ready->code tells whether the container
 * was created; when not, the shim has left or is killed, and everything it made is gone. */
typedef void (*shim_spawned_fn)(pid_t shim_pid, const struct shim_ready *ready, void *data);

/* Start one shim in a session of its own, with only its descriptors, /dev/null for standard input,
 * output and error, and a clean signal mask. fn is called exactly once, later, unless this call
 * fails or the spawner is freed before. */
int shim_spawn(struct shim_spawner *s, const struct shim_spawn *spawn, shim_spawned_fn fn,
	void *data, struct bh_error *err);

struct shim_client;

/* Called from the loop. The client may be freed from inside any of them. NULL members are skipped.
 */
struct shim_client_ops {
	void (*exited)(struct shim_client *c, const struct shim_exit *exit, void *data);
	void (*exec_exited)(struct shim_client *c, const char *exec_id,
		const struct shim_exit *exit, void *data);
	void (*oom)(struct shim_client *c, void *data);
	/* exec_id: NULL for the container itself */
	void (*detached)(struct shim_client *c, const char *exec_id, void *data);
	/* Connection lost (code: negative errno, -EPIPE when the shim left). Waiting requests have
	 * been answered with code before. Only shim_client_free() may follow. */
	void (*disconnected)(struct shim_client *c, int code, void *data);
};

/* Connect to the shim of a container's directory. Does not wait. A container that has ended already
 * is reported by `exited` right after. -ENOENT, -ECONNREFUSED: no shim there. */
int shim_connect(struct loop *loop, const char *dir, const struct shim_client_ops *ops, void *data,
	struct shim_client **ret, struct bh_error *err);
/* Closes; waiting requests get no callback. Accepts NULL. */
void shim_client_free(struct shim_client *c);

/* code 0: result may be NULL. code negative: text says why; -ETIMEDOUT when no answer came in time.
 * Both live for the call only. */
typedef void (*shim_reply_fn)(
	struct shim_client *c, int code, const char *text, const struct json *result, void *data);

#define SHIM_REQUESTS_MAX 256 /* waiting at one time on one connection: more is -EAGAIN */

/* Send a request; request->id is ignored. fds: shim_request_fd_count(request) descriptors, in the
 * order that shim_protocol.h states; they are sent (duplicated) before this returns and stay the
 * caller's: close them in the callback. timeout_ms 0: 30 s. fn may be NULL. */
int shim_client_send(struct shim_client *c, const struct shim_request *request, const int *fds,
	uint64_t timeout_ms, shim_reply_fn fn, void *data, struct bh_error *err);

#endif
