// SPDX-License-Identifier: Apache-2.0
#ifndef BULKHEAD_SANDBOX_PLAN_H
#define BULKHEAD_SANDBOX_PLAN_H

/*
 * The plan of a container: pure data, computed by a pure function from the configuration and a few
 * facts about the caller, and carried out by create.c, builder.c, init.c and rootfs.c.
 *
 * Two shapes:
 *  - self: process 1 is cloned into its namespaces and builds its own root file system. Used
 * without a new user namespace, and by callers without privilege (then inside the new user
 * namespace).
 *  - builder: with a new user namespace and a privileged caller. A builder process with the
 * caller's credentials and a mount namespace of its own assembles the whole tree; process 1 lives
 * in the user namespace, inside the builder's mount namespace, and as its last step copies that
 *    namespace. The kernel locks every mount in a copy that a less privileged user namespace owns
 *    (mount_namespaces(7)): nothing the container can ever do unmounts a mask or remounts it
 *    writable, CAP_SYS_ADMIN inside included.
 */

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"
#include "kernel/userns.h"
#include "spec/oci.h"

struct plan_facts {
	bool privileged;     /* CAP_SYS_ADMIN in the caller's user namespace, and root of it */
	bool in_init_userns; /* the caller's user namespace is the initial one */
};

enum rootfs_op {
	ROOTFS_MOUNT,
	ROOTFS_DEVICE,
	ROOTFS_SYMLINK,
	ROOTFS_READONLY_MOUNT, /* a tmpfs, once what lies in it is there */
	ROOTFS_CWD,            /* the working directory is made where the image lacks it */
	ROOTFS_READONLY_PATH,
	ROOTFS_MASK,
	ROOTFS_READONLY_ROOT,
};

struct rootfs_step {
	enum rootfs_op op;
	bool after_hooks; /* carried out behind the createContainer hooks */
	const char *path;
	const char *target;              /* ROOTFS_SYMLINK */
	const struct oci_mount *mount;   /* ROOTFS_MOUNT */
	const struct oci_device *device; /* ROOTFS_DEVICE */
};

struct sandbox_plan {
	bool builder;
	uint64_t clone_flags; /* of process 1 (CLONE_NEW*) */
	uint64_t joined;      /* CLONE_NEW* of the namespaces joined by path before the clone */
	bool join_user;       /* a user namespace is joined: the others are made inside it */
	bool join_pid;
	bool new_cgroup, new_time; /* unshared by process 1 itself, later */
	bool builder_network;      /* the builder makes the network namespace: the caller's user
				      namespace owns it, out of the container's reach */
	struct userns_range *uids, *gids;
	size_t uid_count, gid_count;
	bool deny_setgroups;
	uint32_t root_uid, root_gid; /* what the container's root is outside */
	bool bind_devices; /* device nodes cannot be made here: bound from the host's /dev */
	bool dev_is_ours;  /* no bind mount over /dev: nodes and links are made */
	unsigned long root_propagation; /* MS_*, of everything before the pivot */
	struct rootfs_step *steps;
	size_t step_count;
};

/* A read-only tmpfs that nothing covers is mounted writable, and made read-only when the mount
 * points, nodes and links in it are there. m: one of config->mounts. */
bool plan_mount_is_sealed(const struct oci_config *config, const struct oci_mount *m);
int sandbox_plan_make(const struct oci_config *config, const struct plan_facts *facts,
	struct arena *a, struct sandbox_plan *ret, struct bh_error *err);

/* CLONE_NEW* flag and name under /proc/PID/ns of a namespace. */
uint64_t plan_namespace_flag(enum oci_namespace ns);
const char *plan_namespace_name(enum oci_namespace ns);

#endif
