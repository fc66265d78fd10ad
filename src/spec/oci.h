// SPDX-License-Identifier: Apache-2.0
#ifndef BULKHEAD_SPEC_OCI_H
#define BULKHEAD_SPEC_OCI_H

/*
 * The OCI runtime specification's config.json (1.2) as a checked C structure. Everything points
 * into the arena the document was parsed into; nothing here is freed on its own. A field that is
 * absent is NULL, 0, or has its `has_` flag off. Decoding refuses what no layer enforces, with a
 * JSON pointer: see oci_config_decode().
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/json.h"

struct oci_strings {
	const char **items; /* count entries, then a NULL, so it can serve as argv or envp */
	size_t count;
};

struct oci_id_map {
	uint32_t container_id, host_id, size;
};

struct oci_id_maps {
	const struct oci_id_map *items;
	size_t count;
};

struct oci_optional_int {
	bool set;
	int64_t value;
};

struct oci_optional_uint {
	bool set;
	uint64_t value;
};

/* ---- process ---- */

enum oci_cap_set {
	OCI_CAP_BOUNDING,
	OCI_CAP_EFFECTIVE,
	OCI_CAP_INHERITABLE,
	OCI_CAP_PERMITTED,
	OCI_CAP_AMBIENT,
	OCI_CAP_SETS,
};

struct oci_rlimit {
	const char *name; /* RLIMIT_* as spelt in the document */
	int resource;     /* setrlimit(2) number */
	uint64_t soft, hard;
};

struct oci_scheduler {
	bool set;
	uint32_t policy; /* SCHED_* */
	int32_t nice, priority;
	uint64_t flags; /* SCHED_FLAG_* */
	uint64_t runtime, deadline, period;
};

struct oci_user {
	uint32_t uid, gid;
	bool has_umask;
	uint32_t umask;
	const uint32_t *additional_gids;
	size_t additional_gid_count;
};

struct oci_process {
	bool terminal;
	uint16_t console_height, console_width;
	const char *cwd;
	struct oci_strings args, env;
	struct oci_user user;
	bool has_capabilities;               /* an absent object means: no capability at all */
	uint64_t capabilities[OCI_CAP_SETS]; /* bit n = capability number n */
	const struct oci_rlimit *rlimits;
	size_t rlimit_count;
	bool no_new_privileges;
	const char *apparmor_profile;
	const char *selinux_label;
	struct oci_optional_int oom_score_adj;
	struct oci_scheduler scheduler;
	struct {
		bool set;
		int io_class; /* 0 none, 1 realtime, 2 best effort, 3 idle: ioprio_set(2) */
		int priority;
	} io_priority;
	const char *cpu_affinity_initial; /* execCPUAffinity, CPU lists as in cpuset(7) */
	const char *cpu_affinity_final;
	struct oci_strings warnings; /* of oci_process_decode() alone, see struct oci_config */
};

/* ---- mounts ---- */

/* What the options of a mount mean: flags, attributes and data. Neither MS_BIND, MS_REC nor a
 * propagation is among flags: is_bind, recursive_bind and propagation say so. "remount" is
 * MS_REMOUNT. */
struct oci_mount {
	const char *destination, *source, *type;
	unsigned long flags;       /* MS_* to set on the mount or superblock */
	unsigned long flags_clear; /* MS_* that an option like "rw", "exec" turned off explicitly */
	unsigned long propagation; /* MS_SHARED, MS_SLAVE, MS_PRIVATE or MS_UNBINDABLE, with MS_REC;
				      0 none */
	uint64_t recursive_set;    /* MOUNT_ATTR_* for "rro", "rnosuid", ...:
				      mount_setattr(AT_RECURSIVE) */
	uint64_t recursive_clear;  /* MOUNT_ATTR_* for "rrw", "rsuid", ... */
	struct oci_strings data;   /* remaining options, e.g. "size=64m" */
	bool is_bind;              /* type "bind", or "bind"/"rbind" among the options */
	bool recursive_bind;       /* "rbind" */
	bool copy_up;              /* "tmpcopyup" */
	bool copy_symlink;         /* "copy-symlink": a link as source is made anew, not followed */
	bool idmap, idmap_recursive;           /* "idmap" / "ridmap" */
	struct oci_id_maps uid_maps, gid_maps; /* with idmap: else the container's maps */
};

/* ---- namespaces ---- */

enum oci_namespace {
	OCI_NS_USER,
	OCI_NS_MOUNT,
	OCI_NS_PID,
	OCI_NS_NETWORK,
	OCI_NS_IPC,
	OCI_NS_UTS,
	OCI_NS_CGROUP,
	OCI_NS_TIME,
	OCI_NS_COUNT,
};

enum oci_ns_mode {
	OCI_NS_HOST, /* not listed: the runtime's own */
	OCI_NS_NEW,
	OCI_NS_JOIN, /* path given */
};

struct oci_ns {
	enum oci_ns_mode mode;
	const char *path;
};

struct oci_time_offset {
	bool set;
	int64_t secs;
	uint32_t nanosecs;
};

/* ---- devices, resources ---- */

struct oci_device {
	const char *path;
	char type; /* 'c', 'b', 'u' (as 'c') or 'p' */
	uint32_t major, minor;
	bool has_mode, has_uid, has_gid;
	mode_t mode;
	uint32_t uid, gid;
};

enum oci_device_access {
	OCI_DEVICE_READ = 1,
	OCI_DEVICE_WRITE = 2,
	OCI_DEVICE_MKNOD = 4,
};

struct oci_device_rule {
	bool allow;
	char type;            /* 'a', 'c' or 'b' */
	int64_t major, minor; /* -1: all */
	unsigned int access;  /* OCI_DEVICE_* */
};

struct oci_blkio_device {
	uint32_t major, minor;
	uint64_t value, leaf_weight; /* rate, or weight */
	bool has_weight, has_leaf_weight;
};

struct oci_blkio_list {
	const struct oci_blkio_device *items;
	size_t count;
};

struct oci_hugepage_limit {
	const char *page_size; /* "2MB", "1GB" */
	uint64_t limit;
};

struct oci_priority {
	const char *name;
	uint32_t priority;
};

struct oci_rdma {
	const char *device;
	struct oci_optional_uint handles, objects;
};

struct oci_pair {
	const char *key, *value;
};

struct oci_resources {
	bool present;
	const struct oci_device_rule *devices;
	size_t device_count;
	struct {
		struct oci_optional_int limit, reservation, swap, kernel, kernel_tcp;
		struct oci_optional_uint swappiness;
		bool has_disable_oom_killer, disable_oom_killer;
		bool has_use_hierarchy, use_hierarchy;
		bool check_before_update;
	} memory;
	struct {
		struct oci_optional_uint shares, burst, period, realtime_period;
		struct oci_optional_int quota, realtime_runtime, idle;
		const char *cpus, *mems;
	} cpu;
	struct oci_optional_int pids_limit;
	struct {
		struct oci_optional_uint weight, leaf_weight;
		struct oci_blkio_list weight_device, read_bps, write_bps, read_iops, write_iops;
	} blkio;
	const struct oci_hugepage_limit *hugepages;
	size_t hugepage_count;
	struct {
		struct oci_optional_uint class_id;
		const struct oci_priority *priorities;
		size_t priority_count;
	} network;
	const struct oci_rdma *rdma;
	size_t rdma_count;
	const struct oci_pair *unified; /* cgroup v2 file -> value */
	size_t unified_count;
	struct oci_strings warnings; /* of oci_resources_decode() alone, see struct oci_config */
};

/* ---- seccomp ---- */

enum oci_seccomp_operator {
	OCI_SECCOMP_NE,
	OCI_SECCOMP_LT,
	OCI_SECCOMP_LE,
	OCI_SECCOMP_EQ,
	OCI_SECCOMP_GE,
	OCI_SECCOMP_GT,
	OCI_SECCOMP_MASKED_EQ, /* (arg & value) == value_two */
};

struct oci_seccomp_arg {
	uint32_t index; /* 0 to 5 */
	enum oci_seccomp_operator op;
	uint64_t value, value_two;
};

struct oci_seccomp_rule {
	struct oci_strings names;
	uint32_t action; /* SECCOMP_RET_* with data (errno, trace number) */
	const struct oci_seccomp_arg *args;
	size_t arg_count;
};

struct oci_seccomp {
	bool present;
	uint32_t default_action;          /* SECCOMP_RET_* with data */
	struct oci_strings architectures; /* "SCMP_ARCH_X86_64", ...; checked names */
	unsigned int flags;               /* SECCOMP_FILTER_FLAG_* for seccomp(2) */
	const char *listener_path, *listener_metadata;
	const struct oci_seccomp_rule *rules;
	size_t rule_count;
};

/* ---- hooks ---- */

enum oci_hook_kind {
	OCI_HOOK_PRESTART,
	OCI_HOOK_CREATE_RUNTIME,
	OCI_HOOK_CREATE_CONTAINER,
	OCI_HOOK_START_CONTAINER,
	OCI_HOOK_POSTSTART,
	OCI_HOOK_POSTSTOP,
	OCI_HOOK_KINDS,
};

struct oci_hook {
	const char *path;
	struct oci_strings args, env; /* args empty: argv is {path} */
	int64_t timeout;              /* seconds, 0: none given */
};

struct oci_hooks {
	const struct oci_hook *items;
	size_t count;
};

/* ---- the whole ---- */

struct oci_config {
	const struct json *tree; /* the document */
	const char *version;     /* ociVersion */
	bool has_process;
	struct oci_process process;
	const char *root_path; /* as written: relative to the bundle, or absolute */
	bool root_readonly;
	const char *hostname, *domainname;
	const struct oci_mount *mounts;
	size_t mount_count;
	struct oci_hooks hooks[OCI_HOOK_KINDS];
	const struct oci_pair *annotations;
	size_t annotation_count;

	/* linux */
	struct oci_ns namespaces[OCI_NS_COUNT];
	struct oci_id_maps uid_maps, gid_maps;
	struct oci_time_offset time_monotonic, time_boottime;
	const struct oci_device *devices;
	size_t device_count;
	const char *cgroups_path;
	struct oci_resources resources;
	unsigned long rootfs_propagation; /* MS_*, with MS_REC for the "r" forms; 0: unset */
	struct oci_seccomp seccomp;
	const struct oci_pair *sysctl;
	size_t sysctl_count;
	struct oci_strings masked_paths, readonly_paths;
	const char *mount_label;
	struct {
		bool set;
		unsigned long value; /* personality(2) */
	} personality;

	/* For the program's log, each "JSON-POINTER: text": properties no version of the
	 * specification knows, which it wants ignored, capabilities the kernel does not have,
	 * deprecated forms. */
	struct oci_strings warnings;
};

/* Documents larger than this are refused. */
#define OCI_CONFIG_BYTES_MAX (4u << 20)
/* Arena to give to oci_config_decode() and its kin. */
#define OCI_ARENA_MAX (64u << 20)

/* Most warnings kept of one document; one more says that there were more. */
#define OCI_WARNINGS_MAX 64
/* Most lines of an id map: the kernel's limit, user_namespaces(7). */
#define OCI_ID_MAPS_MAX 340

/* Decode a parsed config.json. ret points into a. Refuses with the JSON pointer of the field and a
 * reason: -EINVAL for wrong types, values out of range and combinations that cannot hold, -ENOTSUP
 * for what the specification defines and this runtime does not enforce (intelRdt, vm, windows,
 * ...). A property that no version of the specification defines is a warning, as
 * config.md#extensibility demands. A null is an absent property. process.args may be empty here:
 * see oci_process_runnable(). */
int oci_config_decode(
	const struct json *tree, struct arena *a, struct oci_config *ret, struct bh_error *err);
/* A process that can be started: args has a program. -EINVAL if not. */
int oci_process_runnable(const struct oci_process *process, struct bh_error *err);
/* Decode a process object alone (exec --process). */
int oci_process_decode(
	const struct json *tree, struct arena *a, struct oci_process *ret, struct bh_error *err);
/* Decode a resources object alone (update --resources). */
int oci_resources_decode(
	const struct json *tree, struct arena *a, struct oci_resources *ret, struct bh_error *err);
/* Read and parse a file of at most OCI_CONFIG_BYTES_MAX bytes, then decode. */
int oci_config_load(
	int dirfd, const char *path, struct arena *a, struct oci_config *ret, struct bh_error *err);
/* Value of an annotation, or NULL. */
const char *oci_annotation(const struct oci_config *config, const char *key);
/* Capability number for "CAP_NAME", -EINVAL if unknown; and back (NULL if out of range). */
int oci_capability_parse(const char *name);
const char *oci_capability_name(unsigned int number);

#endif
