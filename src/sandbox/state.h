// SPDX-License-Identifier: Apache-2.0
#ifndef BULKHEAD_SANDBOX_STATE_H
#define BULKHEAD_SANDBOX_STATE_H

/*
 * The state directory of the OCI runtime: ROOT/ID/ with
 *
 *   config.json  the bundle's configuration as it was when the container was created
 *   state.json   what is needed to find and remove everything the container has
 *   process      a symbolic link whose text is "PID.STARTTIME": one system call, whole or not there
 *   start        the fifo on which process 1 of a created container waits (sandbox/gate.h)
 *   result       the fifo on which it answers
 *
 * Both are written ahead: state.json with the groups before they are made, the link with the pid
 * before process 1 goes on, so that a runtime killed at any point leaves enough for `delete
 * --force`. A directory without state.json owns nothing else. The directory's flock(2) is held by
 * whoever changes the container; readers do not lock. Content is checked as if an enemy had written
 * it.
 */

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/error.h"
#include "base/json.h"
#include "sandbox/cgroup.h"
#include "spec/oci.h"

#define STATE_FILE_BYTES_MAX (1u << 20)
#define STATE_LOCK_WAIT_MS   10000

enum state_status {
	STATE_CREATING,
	STATE_CREATED,
	STATE_RUNNING,
	STATE_PAUSED,
	STATE_STOPPED,
};

struct state {
	const char *version; /* ociVersion of the container's configuration */
	const char *id, *bundle, *rootfs;
	const char *created; /* RFC 3339 */
	pid_t pid;           /* 0: there was no process yet */
	uint64_t start_time; /* of pid, see sandbox_start_time() */
	uint32_t owner;
	bool systemd_cgroup, rootless;
	const struct json *cgroup; /* as cgroup_save() wrote it, or NULL */
	const struct oci_pair *annotations;
	size_t annotation_count;
};

/* A container's name: letters, digits and _+-. but not "." or "..", at most NAME_MAX bytes. */
int state_id_check(const char *id, struct bh_error *err);
/* Open the root of the states; with make it is created (0700) with its parents. */
int state_root_open(const char *path, bool make, int *ret, struct bh_error *err);
/* Make the directory of a new container and lock it. -EEXIST: the name is taken. */
int state_create(int root, const char *id, int *ret_dir, struct bh_error *err);
/* Open the directory of a container; -ENOENT: does not exist. */
int state_open(int root, const char *id, int *ret_dir, struct bh_error *err);
/* Take the lock; -EBUSY after STATE_LOCK_WAIT_MS. */
int state_lock(int dir, struct bh_error *err);
void state_unlock(int dir);
/* Write state.json for the first time: as state_save(), without the rename that keeps an old one
 * whole. A reader takes an empty file for none. */
int state_begin(int dir, const struct state *s, const struct cgroup *cg, struct bh_error *err);
/* Record process 1, once. Comes before what a later state_save() writes about it. */
int state_set_process(int dir, pid_t pid, uint64_t start_time, struct bh_error *err);
/* Write state.json. cg: NULL before the groups exist; s->cgroup is not used. */
int state_save(int dir, const struct state *s, const struct cgroup *cg, struct bh_error *err);
/* Read and check state.json; everything points into a. id: what the directory is called. -ENOENT: a
 * directory without one. */
int state_load(int dir, const char *id, struct arena *a, struct state *ret, struct bh_error *err);
/* The checks of state_load() on bytes. */
int state_parse(const char *text, size_t len, const char *id, struct arena *a, struct state *ret,
	struct bh_error *err);
/* Remove the files and the directory. */
int state_remove(int root, int dir, const char *id, struct bh_error *err);
/* A pidfd of the container's process 1; -ESRCH if it is gone, or only the number is still there. */
int state_pidfd(const struct state *s, int *ret);
/* Where the container is in its life, without regard to pausing. */
enum state_status state_status(int dir, const struct state *s);
const char *state_status_name(enum state_status status);
/* The present time as RFC 3339 with nanoseconds, in UTC. */
void state_timestamp(char out[static 40]);
/* The object that `state` and the entries of `list` print: the specification's, and rootfs, created
 * and owner as runc has them. owner may be NULL. */
void state_write_json(
	const struct state *s, enum state_status status, const char *owner, struct json_writer *w);

#endif
