// SPDX-License-Identifier: Apache-2.0
#ifndef BULKHEAD_SPEC_DOCKER_CREATE_H
#define BULKHEAD_SPEC_DOCKER_CREATE_H

/*
 * The body of POST /containers/create as a checked structure. Every key that clients of API 1.24 to
 * 1.50 send is in a table: it is decoded here, and then enforced by the engine, or it is refused by
 * name as soon as its value differs from the default. Nothing that is accepted is without effect.
 */

#include <stdbool.h>
#include <stdint.h>

#include "spec/docker_config.h"

#define DOCKER_BODY_MAX  (4u << 20)
#define DOCKER_ARENA_MAX (64u << 20)

enum docker_isolation {
	DOCKER_ISOLATION_DEFAULT, /* as daemon.json's exec-opts say */
	DOCKER_ISOLATION_PROCESS,
	DOCKER_ISOLATION_HYPERV,
};

enum docker_network {
	DOCKER_NETWORK_DEFAULT, /* "", "default": an empty compartment in this build */
	DOCKER_NETWORK_NONE,
};

enum docker_mount_type {
	DOCKER_MOUNT_BIND,
	DOCKER_MOUNT_TMPFS,
};

/* One entry of Binds, Mounts or Tmpfs. */
struct docker_mount {
	enum docker_mount_type type;
	const char *source; /* bind: absolute host path; tmpfs: NULL */
	const char *target; /* absolute, cleaned */
	bool readonly;
	bool readonly_recursive;   /* `readonly` holds for submounts too (the default with readonly)
				    */
	bool non_recursive;        /* bind without submounts */
	bool create_source;        /* Binds: a missing source directory is made */
	bool no_copy;              /* option "nocopy" */
	unsigned long propagation; /* MS_PRIVATE|MS_REC by default; MS_* otherwise */
	const char *options; /* tmpfs: mount options as in docker's --tmpfs, "size=64m,mode=1777" */
	uint64_t tmpfs_size; /* Mounts: bytes, 0 unset */
	uint32_t tmpfs_mode; /* Mounts: permission bits, 0 unset */
};

struct docker_device {
	const char *host_path, *container_path; /* absolute */
	const char *permissions;                /* of "rwm" */
};

struct docker_ulimit {
	const char *name; /* "nofile" */
	int resource;     /* RLIMIT_* number */
	uint64_t soft, hard;
};

struct docker_security {
	bool has_no_new_privileges, no_new_privileges;
	bool seccomp_unconfined;
	const struct json *seccomp_profile; /* Docker's profile format; NULL: the default profile */
	bool apparmor_unconfined;
	bool systempaths_unconfined; /* no masked and read-only paths */
	bool label_disable;
};

struct docker_log_config {
	const char *type;  /* NULL: the daemon's; else "json-file" or "none" */
	uint64_t max_size; /* bytes, 0: unlimited or the daemon's */
	uint32_t max_file; /* 0: not given */
};

struct docker_resources {
	/* 0: not set, in all of them, except where said */
	uint64_t memory, memory_reservation;
	int64_t memory_swap; /* bytes memory + swap, -1 unlimited, 0 not set */
	bool has_swappiness;
	uint32_t swappiness;
	bool oom_kill_disable;
	uint64_t cpu_shares, cpu_period, nano_cpus, cpu_rt_period;
	int64_t cpu_quota, cpu_rt_runtime;
	const char *cpuset_cpus, *cpuset_mems; /* NULL: not set */
	int64_t pids_limit;                    /* 0 not set, -1 unlimited */
	uint32_t blkio_weight;
};

struct docker_host_config {
	bool auto_remove;
	const struct docker_mount *mounts;
	size_t mount_count;
	struct oci_strings cap_add, cap_drop; /* "CAP_NAME", upper case, checked; also "ALL" */
	bool privileged;
	bool readonly_rootfs;
	struct docker_security security;
	const struct docker_device *devices;
	size_t device_count;
	struct oci_strings device_cgroup_rules; /* "c 1:3 rwm", checked */
	struct oci_strings group_add;           /* names or numbers */
	struct oci_strings extra_hosts;         /* "name:address", for /etc/hosts */
	struct oci_strings dns, dns_options, dns_search;
	struct docker_resources resources;
	const struct docker_ulimit *ulimits;
	size_t ulimit_count;
	struct docker_pairs sysctls;
	uint64_t shm_size; /* 0: 64 MiB */
	bool has_oom_score_adj;
	int oom_score_adj;
	bool ipc_none;    /* IpcMode "none": no /dev/shm */
	bool userns_host; /* UsernsMode "host" */
	enum docker_isolation isolation;
	enum docker_network network;
	const char *cgroup_parent; /* NULL: the engine's */
	bool has_masked_paths, has_readonly_paths;
	struct oci_strings masked_paths, readonly_paths;
	struct docker_log_config log;
	struct docker_pairs annotations;
	uint16_t console_height, console_width;
	const struct json *tree; /* the object itself, NULL if absent */
};

struct docker_create {
	struct docker_config config;
	struct docker_host_config host;
	const struct json *tree; /* whole body: kept in the record, decoded again after a restart */
};

/* Decode and check a parsed body. Errors: -EINVAL (bad value: 400), -ENOTSUP (known, refused by
 * this build: 400 with the reason and what would work). */
int docker_create_decode(
	const struct json *tree, struct arena *a, struct docker_create *ret, struct bh_error *err);

/* Write HostConfig with all of Docker's keys, as `inspect` shows it. */
void docker_host_config_write(const struct docker_host_config *host, struct json_writer *w);

/* What is said when these are asked for. */
#define DOCKER_NO_PRIVILEGED                                                                       \
	"privileged containers are not supported by this build yet; use --cap-add and --device"
#define DOCKER_NO_USERNS_HOST                                                                      \
	"the host's user namespace is not supported by this build yet; leave --userns out"

/* What each HostConfig key does in this build, for the coverage table in the documentation. */
struct docker_key_info {
	const char *name;
	bool supported;     /* at least some values */
	const char *remark; /* not supported: the refusal. Supported: which values are refused, or
			       NULL when that depends on nothing but the form. */
};
size_t docker_host_config_key_count(void);
void docker_host_config_key(size_t index, struct docker_key_info *ret);

/* A container name as Docker allows it: [a-zA-Z0-9][a-zA-Z0-9_.-]+, at most 253 bytes. */
bool docker_name_valid(const char *name);

#endif
