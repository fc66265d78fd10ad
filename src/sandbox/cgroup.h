// SPDX-License-Identifier: Apache-2.0
#ifndef BULKHEAD_SANDBOX_CGROUP_H
#define BULKHEAD_SANDBOX_CGROUP_H

/*
 * The control groups of one container: cgroup v1, hybrid (v1 with an unused or partial v2 mount)
 * and v2, by the cgroup file system or through systemd. One interface, backends behind it.
 *
 * Joining: on v1 the single-threaded child writes "0" to each `tasks` file itself, which avoids the
 * RCU grace period that a write of a pid to cgroup.procs pays on an idle host; on v2 the child is
 * cloned into the group (CLONE_INTO_CGROUP). See cgroups(7), Documentation/admin-guide/cgroup-v1
 * and cgroup-v2.rst.
 */

#include <stdbool.h>
#include <sys/types.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/error.h"
#include "base/json.h"
#include "spec/oci.h"

enum cgroup_mode {
	CGROUP_NONE, /* no writable hierarchy (rootless without delegation) */
	CGROUP_V1,   /* also hybrid */
	CGROUP_V2,
};

struct cgroup; /* opaque; heap */

struct cgroup_request {
	const char *id;
	const char
		*path; /* linux.cgroupsPath; NULL: the default, /bulkhead-ID (systemd: derived) */
	bool systemd;  /* path is slice:prefix:name, the unit is made by systemd over D-Bus */
	bool rootless; /* lack of permission is tolerated where no limit was asked for */
	const struct oci_resources *resources;
	uint32_t owner_uid,
		owner_gid; /* with delegate: who owns the v2 group's files (mapped root) */
	bool delegate;     /* a v2 group with a user namespace and a cgroup namespace is chowned */
	/* Called when the groups are chosen and before the first is made, to write ahead what a
	 * crash would leave behind (cgroup_save()); a failure ends the creation. NULL: none. */
	int (*on_chosen)(void *data, const struct cgroup *cg, struct bh_error *err);
	void *on_chosen_data;
};

/* Which kind of hierarchy the machine has, from /proc/self/mountinfo. */
int cgroup_mode_detect(enum cgroup_mode *ret, struct bh_error *err);

/* Make the group's directories and set every limit and device rule. What was made is removed again
 * on failure. A limit that cannot be had is an error naming the controller and file. An existing
 * non-empty group is refused (-EBUSY). */
int cgroup_create(const struct cgroup_request *request, struct cgroup **ret, struct bh_error *err);
/* Close descriptors and free memory; the groups stay. */
void cgroup_free(struct cgroup *cg);
void cgroup_freep(struct cgroup **cg);

/* Directory descriptor for clone3(CLONE_INTO_CGROUP): the v2 group, also the one that a hybrid host
 * with systemd has beside the v1 groups. -EBADF: none. */
int cgroup_clone_fd(const struct cgroup *cg);
/* In the single-threaded child, before anything else: join every group of cg it was not cloned
 * into. Cheap where nothing is to be done. Works in a child user namespace too, where cloning into
 * a v2 group is refused: permission is that of the process that created or opened cg. Allocates
 * nothing. */
int cgroup_enter_self(const struct cgroup *cg, struct bh_error *err);
/* Open what cgroup_enter_self() needs in a later process (exec), from saved state. sub: NULL, or a
 * path below the container's groups ("exec --cgroup"), one for all controllers. */
int cgroup_open(
	const struct json *saved, const char *sub, struct cgroup **ret, struct bh_error *err);
/* For exec: where the container has divided its own group, no process can join the group itself;
 * then what cgroup_open() has opened becomes the group that process pid is in, if it is below. */
int cgroup_follow(struct cgroup *cg, pid_t pid, struct bh_error *err);
/* Write the paths as one JSON value, for the state file and hooks. */
void cgroup_save(const struct cgroup *cg, struct json_writer *w);
enum cgroup_mode cgroup_mode(const struct cgroup *cg);
/* Path of a controller's group below its mount point ("/bulkhead/c1"), v2: controller NULL. NULL if
 * not joined. */
const char *cgroup_path(const struct cgroup *cg, const char *controller);

/* Change limits of a running container: only what resources sets. On v1 this may join hierarchies
 * the container was not in: the caller saves cg again. */
int cgroup_update(struct cgroup *cg, const struct oci_resources *resources, struct bh_error *err);
/* Freeze or thaw all processes; waits at most 2 s (-ETIMEDOUT). */
int cgroup_freeze(struct cgroup *cg, bool frozen, struct bh_error *err);
int cgroup_is_frozen(struct cgroup *cg, bool *ret, struct bh_error *err);
/* For a SIGKILL to be taken: on v1 thaw the group and all groups below, whoever froze them. */
void cgroup_thaw_all(struct cgroup *cg);
/* Send sig to every process of the group and its children, racing forks: v2 uses cgroup.kill for
 * SIGKILL, else repeated passes (frozen where that is possible), bounded. */
int cgroup_signal_all(struct cgroup *cg, int sig, struct bh_error *err);
/* Pids of all processes, in the caller's pid namespace; children groups included. */
int cgroup_pids(
	struct cgroup *cg, struct arena *a, pid_t **ret, size_t *ret_count, struct bh_error *err);
/* Statistics in the shape of `runc events --stats` ("data" object). */
int cgroup_stats(struct cgroup *cg, struct json_writer *w, struct bh_error *err);
/* A non-blocking descriptor that polls readable when the group runs out of memory (read it empty
 * and compare cgroup_oom_kills()), and also when the group goes. */
int cgroup_oom_fd(struct cgroup *cg, int *ret_fd, struct bh_error *err);
/* Number of OOM kills so far (v2 memory.events, v1 memory.oom_control), 0 if unknown. */
uint64_t cgroup_oom_kills(struct cgroup *cg);
/* Kill what is left and remove the directories, children first; at most 5 s, then -EBUSY. */
int cgroup_destroy(struct cgroup *cg, struct bh_error *err);

/* For mounts of type "cgroup" in a v1 container: one entry per hierarchy the container has a group
 * in. The others would show it the groups of everybody else. */
struct cgroup_v1_mount {
	const char *name;       /* directory below /sys/fs/cgroup, e.g. "memory", "systemd" */
	const char *options;    /* mount data, e.g. "memory", "none,name=systemd" */
	const char *host_mount; /* where the host has it */
	const char *path;       /* group of the container, below the mount */
};
int cgroup_v1_mounts(const struct cgroup *cg, struct arena *a, struct cgroup_v1_mount **ret,
	size_t *ret_count, struct bh_error *err);

#define _cleanup_cgroup_ __attribute__((cleanup(cgroup_freep)))

#endif
