// SPDX-License-Identifier: Apache-2.0
#ifndef BULKHEAD_ENGINE_ENGINE_PRIVATE_H
#define BULKHEAD_ENGINE_ENGINE_PRIVATE_H

/*
 * Inside of the engine layer. Memory mirrors the store: every change is committed first and then
 * made in memory. A container's life is a small state machine (see container.h) driven by calls of
 * the api layer and by its shim.
 */

#include "base/arena.h"
#include "base/loop.h"
#include "engine/engine.h"
#include "engine/id_claims.h"
#include "engine/id_range.h"
#include "engine/shim_client.h"
#include "image/images.h"
#include "image/job.h"
#include "store/store.h"

#define CONTAINERS_MAX      16384u
#define CONTAINER_ARENA_MAX (16u << 20)
#define EXECS_MAX           1024u /* of one container */
#define EVENTS_KEPT         256u
#define STOP_TIMEOUT        10 /* seconds, Docker's default */
#define KILL_BOUND_MS       10000u
#define CONTAINERS_DIR      "containers" /* below the data root and below the exec root */

struct held_attach; /* connections that wait for the start */
struct passing;
struct import;
struct ending; /* somebody waits for the end and pushes it on */
struct kept_event;

struct exec_entry {
	struct exec x; /* first */
	struct exec_entry *next;
	struct container_entry *container;
	struct arena arena;
	struct docker_exec_create body; /* in arena */
	engine_done_fn done;
	void *done_data;
	int fds[2]; /* process file, stream: until the shim answered */
};

struct container_entry {
	struct container c; /* first: a struct container of the engine is also its entry */
	struct container_entry *next;
	struct engine *engine;
	struct arena arena; /* what never changes */
	char *name;         /* c.name */
	char *error;        /* c.error or NULL */
	struct shim_client *shim;
	struct held_attach *held;
	struct passing *passing; /* connections given to the shim, without an answer yet */
	struct exec_entry *execs;
	size_t exec_count;
	engine_done_fn start_done;
	void *start_data;
	struct ending *endings;
	bool remove_after_end; /* force removal under way */
	bool start_again;      /* restart under way */
	engine_done_fn remove_done;
	void *remove_data;
	pid_t shim_pid;
};

struct engine {
	struct loop *loop;
	const struct daemon_config *config;
	const struct log *log;
	const char *const *sockets;
	char *data_root, *exec_root;
	int data_fd, exec_fd;
	char id[40];
	char boot_id[40];
	char cgroup_version[2];
	struct store *store;
	struct images *images;
	struct jobs *jobs;
	struct shim_spawner *spawner;
	struct id_ranges ranges;
	struct id_claims claims;
	struct container_entry *first;
	uint32_t count;
	struct engine_wait *waits;
	struct deferred *deferred;
	struct import *imports; /* under way */
	struct event_sink sink;
	struct kept_event *events[EVENTS_KEPT];
	size_t event_next; /* index of the next event, modulo EVENTS_KEPT */
	struct engine_subscription *subscriptions;
	bool trash_busy, trash_again;
};

int64_t engine_now_ns(void);

/* Call done(userdata, code, err) from the loop. Without memory for that it is called never; the
 * caller sees -ENOMEM. */
int engine_defer(struct engine *e, engine_done_fn done, void *userdata, int code,
	const struct bh_error *err);
void engine_deferred_cancel(struct engine *e);

/* ---- records (container_record.c) ---- */
extern const struct store_schema container_schema;
/* One container of values that all live elsewhere; copied. */
int container_entry_new(struct engine *e, const struct container *values,
	struct container_entry **ret, struct bh_error *err);
void container_entry_free(struct container_entry *c);
void container_link(struct container_entry *c);
void container_unlink(struct container_entry *c);
int container_records_load(struct engine *e, struct bh_error *err);
int container_record_insert(struct container_entry *c, struct bh_error *err);
/* Write what changes during a life: state, pid, exit code, times, error, name. One transaction. */
int container_record_update(struct container_entry *c, struct bh_error *err);
int container_record_delete(struct container_entry *c, struct bh_error *err);
/* Another id range, of a container that does not run. */
int container_record_move(struct container_entry *c, uint32_t first, struct bh_error *err);
int container_set_error(struct container_entry *c, const char *text);
/* The create body of the record, decoded again. */
int container_decode(const struct container *c, struct arena *a, struct docker_create *ret,
	struct bh_error *err);
struct container_entry *container_of(const struct container *c);

/* ---- id ranges (container_range.c) ---- */
/* Make sure that no other engine of this host has the container's range; one that does not run is
 * given another if need be. */
int container_hold_range(struct container_entry *c, struct bh_error *err);
/* That for all containers, and drop claims of ours that belong to none. */
int container_ranges_hold(struct engine *e, struct bh_error *err);

/* ---- binds (bind_check.c) ---- */
/* Refuse a source that meets the engine's roots or its socket, links resolved. -EPERM. */
int bind_check_reach(struct engine *e, const char *source, struct bh_error *err);
/* That, and whether the source exists and can be id-mapped (a line in warnings if not). */
int bind_check(
	struct engine *e, const struct docker_mount *m, struct buf *warnings, struct bh_error *err);

/* ---- files (bundle.c) ---- */
struct bundle {
	int root_fd; /* detached mount */
};
/* Make the container's directories, root file system, configuration and options. */
int bundle_make(struct container_entry *c, int *ret_root_fd, struct bh_error *err);
/* "EXEC_ROOT/containers/ID" */
void bundle_path(const struct container_entry *c, char *ret, size_t size);
/* Remove the run directory. */
void bundle_remove(struct container_entry *c);

/* ---- life (container_start.c, container_end.c) ---- */
/* Adopt or start: connect to the shim of the container's directory. */
int container_connect(struct container_entry *c, struct bh_error *err);
/* The container has ended: record, tell, clean. */
void container_ended(struct container_entry *c, const struct shim_exit *exit);
/* What a dead shim left: kill by its state file. */
void container_kill_leftovers(struct container_entry *c, int run_dirfd);
void container_start_failed(struct container_entry *c, int code, const struct bh_error *err);
/* Forget it all: records, directories, memory. The entry is gone afterwards. */
int container_delete(struct container_entry *c, struct bh_error *err);
void container_endings_finish(struct container_entry *c, int code, const struct bh_error *err);
int container_signal(struct container_entry *c, int signal, bool all, struct bh_error *err);

/* ---- attach ---- */
int engine_attach_convert(
	const struct engine_attach *request, struct shim_attach *ret, struct bh_error *err);
void attach_flush_held(struct container_entry *c);
/* Free the connection to the shim; what waited for an answer over it gets -ECANCELED. */
void container_drop_client(struct container_entry *c);
void attach_drop_held(struct container_entry *c);

/* ---- waits ---- */
void waits_exited(struct container_entry *c);
void waits_removed(struct container_entry *c);
void waits_free(struct engine *e);

/* ---- execs ---- */
void execs_free(struct container_entry *c);
void exec_exited(struct container_entry *c, const char *id, const struct shim_exit *exit);

/* ---- events ---- */
void events_init(struct engine *e);
void events_free(struct engine *e);
/* "container" event with name, image, labels and one more attribute (key may be NULL). */
void container_event(
	struct container_entry *c, const char *action, const char *key, const char *value);

/* ---- imports ---- */
void imports_cancel(struct engine *e);

/* ---- reconciliation ---- */
int reconcile(struct engine *e, struct bh_error *err);
/* Empty trash/ by a job, if there is anything. */
void trash_clean(struct engine *e);

#endif
