// SPDX-License-Identifier: Apache-2.0
#ifndef BULKHEAD_SANDBOX_BOUNDARY_H
#define BULKHEAD_SANDBOX_BOUNDARY_H

/*
 * The boundary report: what separates a running container from the host, read back from the kernel
 * and never from a configuration. boundary_read() gathers facts about the container's process 1,
 * boundary_evaluate() judges them (pure), the writers print the judgement.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/error.h"
#include "base/json.h"

enum boundary_ns {
	BOUNDARY_NS_USER,
	BOUNDARY_NS_MOUNT,
	BOUNDARY_NS_PID,
	BOUNDARY_NS_NETWORK,
	BOUNDARY_NS_IPC,
	BOUNDARY_NS_UTS,
	BOUNDARY_NS_CGROUP,
	BOUNDARY_NS_TIME,
	BOUNDARY_NS_COUNT,
};

enum boundary_answer {
	BOUNDARY_UNKNOWN, /* the kernel did not let us see it: judged as the worse case */
	BOUNDARY_NO,
	BOUNDARY_YES,
};

struct boundary_namespace {
	uint64_t inode;              /* 0: this kernel has no such namespace, or it is unreadable */
	enum boundary_answer shared; /* with the host (process 1, else the reader) */
	/* whose capabilities govern it: the container's own user namespace or one below it? */
	enum boundary_answer owned_inside;
};

struct boundary_id_map {
	uint32_t inside, outside, count;
};

/* One line of mountinfo, and what a look through the container's root showed. */
struct boundary_mount {
	const char *path, *type, *root, *source;
	const char *host_path; /* where the host sees it, as far as known; else NULL */
	uint32_t major, minor;
	bool readonly; /* of the mount or the superblock */
	bool nosuid, nodev, noexec;
	bool shared;    /* mounts made below appear on the host too */
	bool host_bind; /* a piece of a file system that the host has mounted too; not of the root
			 */
	bool file;      /* the mount point is no directory */
	bool socket;    /* the mount point is a socket */
};

struct boundary_device {
	const char *path;
	char type; /* 'b' or 'c' */
	uint32_t major, minor;
	bool standard; /* null, zero, full, random, urandom, tty, console, ptmx, a pty */
};

enum boundary_cap_set {
	BOUNDARY_CAP_INHERITABLE,
	BOUNDARY_CAP_PERMITTED,
	BOUNDARY_CAP_EFFECTIVE,
	BOUNDARY_CAP_BOUNDING,
	BOUNDARY_CAP_AMBIENT,
	BOUNDARY_CAP_SETS,
};

/* A limit: unknown, none or a value. */
struct boundary_limit {
	enum boundary_answer set;
	uint64_t value;
};

/* A kernel path that a container should not see or not write. */
struct boundary_kernel_path {
	const char *path;
	bool present, masked, readonly;
};

#define BOUNDARY_MOUNTS_MAX  4096
#define BOUNDARY_DEVICES_MAX 1024
#define BOUNDARY_ID_MAPS_MAX 340 /* the kernel's own limit */

struct boundary_facts {
	pid_t pid;
	struct boundary_namespace namespaces[BOUNDARY_NS_COUNT];
	struct boundary_id_map *uid_map, *gid_map;
	size_t uid_map_count, gid_map_count;
	uint32_t uid, gid;               /* effective, in the reader's user namespace */
	uint32_t inside_uid, inside_gid; /* the same, in the container's */
	uint64_t caps[BOUNDARY_CAP_SETS];
	int seccomp_mode;      /* 0 off, 1 strict, 2 filter, -1 unknown */
	int seccomp_filters;   /* -1: not told by this kernel */
	int no_new_privs;      /* 0, 1, -1 unknown */
	const char *lsm_label; /* attr/current; NULL if none */
	bool lsm_confined;     /* a label other than "unconfined" */
	bool rootless;         /* the reader is not root of the initial user namespace */
	bool same_root;        /* the container's root directory is the host's */
	struct boundary_mount *mounts;
	size_t mount_count;
	struct boundary_kernel_path *kernel_paths;
	size_t kernel_path_count;
	struct boundary_device *devices;
	size_t device_count;
	bool devices_seen;
	enum boundary_answer device_filter; /* cgroup device control in force */
	const char *const *device_rules;    /* v1 devices.list; NULL where a BPF program decides */
	size_t device_rule_count;
	const char *cgroup; /* /proc/PID/cgroup, lines joined by ", " */
	struct boundary_limit pids, memory, cpu;
};

enum boundary_class {
	BOUNDARY_SHARED_KERNEL,
	BOUNDARY_NONE,
};

enum boundary_severity {
	BOUNDARY_NOTE,    /* worth knowing, weakens nothing by itself */
	BOUNDARY_WEAKENS, /* one line of defence less */
	BOUNDARY_BREAKS,  /* the container controls the host, or can */
};

struct boundary_item {
	const char *what;        /* fixed word, e.g. "user-namespace", "mount", "capability" */
	const char *detail;      /* the object: a path, a name, a number */
	const char *consequence; /* what it lets the container do */
	enum boundary_severity severity;
};

struct boundary_report {
	enum boundary_class class;
	const struct boundary_facts *facts;
	struct boundary_item *loosened;
	size_t loosened_count;
	bool complete; /* false: the arena was too small for the list, or it was cut */
	bool root_readonly;
	bool administrative_inside; /* may administer the container */
	bool administrative_host;   /* may administer the host */
	const char *user;           /* "uid 0 (host uid 100000)" */
};

/* Gather the facts about process 1 of a container. cgroup_saved: what cgroup_save() wrote, or NULL:
 * the groups are found through /proc/PID/cgroup either way, the saved state only adds names. facts
 * points into a. -ESRCH: no such process. */
int boundary_read(pid_t pid, const struct json *cgroup_saved, struct arena *a,
	struct boundary_facts *ret, struct bh_error *err);

/* Judge. Pure; never fails: what does not fit the arena makes the report incomplete. */
void boundary_evaluate(
	const struct boundary_facts *facts, struct arena *a, struct boundary_report *ret);

const char *boundary_class_name(enum boundary_class class);
/* One JSON object. */
void boundary_write_json(const struct boundary_report *report, struct json_writer *w);
/* Lines for people. */
void boundary_write_text(const struct boundary_report *report, struct buf *out);

#endif
