// SPDX-License-Identifier: Apache-2.0
#ifndef BULKHEAD_SANDBOX_ROOTFS_H
#define BULKHEAD_SANDBOX_ROOTFS_H

/*
 * Assembles a container's root file system inside the caller's private mount namespace, following
 * the steps of the plan. Everything below the root is reached by openat2(2) relative to `root`, and
 * mounts are attached to descriptors, so neither links in the image nor a process that changes a
 * shared volume at the same time can redirect a step. Runs before the pivot, while /proc and /dev
 * are still the host's.
 */

#include <stdbool.h>
#include <sys/types.h>

#include "base/error.h"
#include "sandbox/cgroup.h"
#include "sandbox/plan.h"

struct rootfs {
	const struct sandbox_plan *plan;
	const struct oci_config *config;
	const struct cgroup *cgroup;
	const char *bundle;
	int root;          /* O_PATH: the root of the container's root mount */
	int pidns;         /* builder: pid namespace that proc shows, else -EBADF */
	int null_file;     /* the host's /dev/null, checked, or -EBADF while not needed */
	int empty_dir;     /* detached read-only empty tmpfs, or -EBADF while not needed */
	uint64_t dev_bind; /* id of the bind mount that /dev is on, 0: none */
	int sysfs;         /* detached, to be attached in place of a new one, or negative */
	int idmap;         /* user namespace of the container's maps, for idmap mounts, or -EBADF */
};

/* Make the mount namespace's propagation what the plan says and attach the root: the detached mount
 * prepared (taken over) or, when it is negative, a clone of config->root_path. */
int rootfs_open(struct rootfs *fs, const struct sandbox_plan *plan, const struct oci_config *config,
	const struct cgroup *cgroup, const char *bundle, int prepared, struct bh_error *err);
void rootfs_release(struct rootfs *fs);
/* Carry out the steps before or behind the hooks. */
int rootfs_run(struct rootfs *fs, bool after_hooks, struct bh_error *err);
/* Make the root "/" and leave the old one. */
int rootfs_pivot(struct rootfs *fs, bool no_pivot, struct bh_error *err);

/* The part of rootfs_pivot() that is another one with --no-pivot. */
int rootfs_leave_by_move(struct rootfs *fs, struct bh_error *err);

/* The kernel's number of the mount that a descriptor is on. */
int rootfs_mount_id(int fd, uint64_t *ret);

/* Steps, one file each. */
int rootfs_mount(struct rootfs *fs, const struct oci_mount *m, struct bh_error *err);
int rootfs_mount_cgroup(struct rootfs *fs, const struct oci_mount *m, struct bh_error *err);
int rootfs_mount_proc(
	struct rootfs *fs, const struct oci_mount *m, int target, struct bh_error *err);
int rootfs_device(struct rootfs *fs, const struct oci_device *device, struct bh_error *err);
/* Fill the empty mount at `to` with a copy of the tree at `from` (tmpcopyup): both O_PATH
 * directories. */
int rootfs_copy_up(int from, int to, struct bh_error *err);
/* Options "uid=N" and "gid=N" name ids of the container; a file system mounted from outside its
 * user namespace needs them translated. out: comma-separated data for mount(2). */
int rootfs_mount_data(
	const struct rootfs *fs, const struct oci_mount *m, struct buf *out, struct bh_error *err);

#endif
