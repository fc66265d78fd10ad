// SPDX-License-Identifier: Apache-2.0
#ifndef BULKHEAD_SANDBOX_CGROUP_INTERNAL_H
#define BULKHEAD_SANDBOX_CGROUP_INTERNAL_H

/*
 * Shared by the cgroup*.c files only. A `struct cgroup` is a list of groups (directories): on v1
 * one per joined hierarchy, on v2 one. A backend is a table of functions; cgroup.c dispatches.
 *
 * Limits are computed by pure functions into a plan, a list of (controller, file, value), which
 * cgroup_plan_apply() carries out. A controller that appears in a plan is one a limit needs, so its
 * absence is an error; a controller that no plan names is joined only where that is cheap or
 * useful.
 */

#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/error.h"
#include "base/json.h"
#include "sandbox/cgroup.h"

#define CGROUP_HIERARCHIES_MAX 24
#define CGROUP_PATH_MAX        4096
#define CGROUP_DEPTH_MAX       64  /* components of a cgroupsPath */
#define CGROUP_NEST_MAX        256 /* levels of nested groups that are walked */
#define CGROUP_ARENA_MAX       (4u << 20)
#define CGROUP_DESTROY_MS      5000
#define CGROUP_BACKOFF_US      50
#define CGROUP_FREEZE_MS       2000

/* ---- what is mounted: cgroup_mounts.c ---- */

struct cgroup_mount {
	const char *controllers; /* "memory", "cpu,cpuacct", "name=systemd"; v2: "" */
	const char *point;
	const char *root; /* which group of the hierarchy is mounted at point */
};

struct cgroup_mounts {
	struct cgroup_mount v1[CGROUP_HIERARCHIES_MAX];
	size_t v1_count;
	bool v1_controllers;    /* one of v1 is more than a named hierarchy */
	struct cgroup_mount v2; /* point NULL: not mounted */
};

int cgroup_mounts_read(struct arena *a, struct cgroup_mounts *ret, struct bh_error *err);
/* text: content of a mountinfo file, proc(5); modified. */
int cgroup_mounts_parse(char *text, struct arena *a, struct cgroup_mounts *ret);
enum cgroup_mode cgroup_mounts_mode(const struct cgroup_mounts *mounts);
/* Is name one of the comma-separated controllers? */
bool cgroup_list_has(const char *controllers, const char *name);
/* Group of the calling process below mount->point. */
int cgroup_own_path(
	const struct cgroup_mount *mount, struct arena *a, const char **ret, struct bh_error *err);
/* The same from the text of a cgroup file (cgroups(7)). NULL: not in this hierarchy, or full. */
const char *cgroup_own_path_parse(
	const char *text, const struct cgroup_mount *mount, struct arena *a);
/* cgroupsPath to the path below mount->point, by runc's rule: absolute as it is, relative below the
 * runtime's own group. */
int cgroup_resolve_path(const struct cgroup_request *request, const struct cgroup_mount *mount,
	struct arena *a, const char **ret, struct bh_error *err);
int cgroup_path_check(const char *path, struct bh_error *err);

/* ---- directories: cgroup_dir.c ---- */

/* mkdir -p of dir (mount point of mount_len bytes + path). The last component must be new or hold
 * no process (-EBUSY), unless it is to be adopted, as the group of a unit. ret_made: how many
 * components are new, counted from the end; 0: it was there. */
int cgroup_dir_make(const char *dir, size_t mount_len, bool adopt, unsigned int *ret_made,
	struct bh_error *err);
/* -EBUSY if a process is in dir or below. */
int cgroup_dir_check_empty(const char *dir, struct bh_error *err);
/* How many components of dir do not exist yet, counted from the end. */
unsigned int cgroup_dir_missing(const char *dir, size_t mount_len);
/* rmdir of dir and the groups below it: 0 also if absent, -EBUSY while processes remain. */
int cgroup_dir_remove(const char *dir);
/* After dir was removed: its count parents too, as far as they are empty. */
void cgroup_dir_remove_parents(const char *dir, size_t mount_len, unsigned int count);
/* Call fn for each pid in dir and the groups below. fn returns 0 to go on. */
typedef int (*cgroup_pid_fn)(pid_t pid, void *data);
int cgroup_dir_each_pid(const char *dir, cgroup_pid_fn fn, void *data);
/* Call fn for dir and each directory below, with an open descriptor and the name in its parent. */
typedef int (*cgroup_dir_fn)(int fd, const char *name, void *data);
int cgroup_dir_walk(const char *dir, cgroup_dir_fn fn, void *data);
/* Read dir/file of at most size - 1 bytes into text, trailing newline removed. */
int cgroup_read(const char *dir, const char *file, char *text, size_t size);
int cgroup_write(const char *dir, const char *file, const char *value);
int cgroup_read_uint(const char *dir, const char *file, uint64_t *ret);
/* Value behind "key " in a flat keyed text; false if absent. */
bool cgroup_keyed_uint(const char *text, const char *key, uint64_t *ret);
/* "MAJOR:MINOR" at the start of text; ret_rest: what follows. */
bool cgroup_parse_device(
	const char *text, unsigned int *ret_major, unsigned int *ret_minor, const char **ret_rest);
/* Copy into a buffer of CGROUP_PATH_MAX bytes; -ENAMETOOLONG. */
int cgroup_path_copy(char out[static CGROUP_PATH_MAX], const char *path);
int64_t cgroup_now_ms(void);
/* Sleep for *us and double it, up to 10 ms. Start with CGROUP_BACKOFF_US. */
void cgroup_backoff(unsigned int *us);

/* ---- limits as data: cgroup_plan.c, cgroup_limits_v1.c, cgroup_limits_v2.c ---- */

enum {
	CGROUP_WRITE_OPTIONAL = 1, /* the file may be missing: the value is the state without it */
	CGROUP_WRITE_RETRY = 2,    /* EINVAL may come from the order: again after the others */
	CGROUP_WRITE_VERIFY = 4,   /* the kernel clamps or ignores silently: read back, compare */
};

struct cgroup_write {
	const char *field;      /* in terms of config.json, for messages: "memory.limit" */
	const char *controller; /* v2: for the check in cgroup.controllers; NULL: core file */
	const char *file;
	const char *alternative; /* file to use if `file` is missing, or NULL */
	const char *value;
	const char *alternative_value;
	unsigned int flags;
};

struct cgroup_plan {
	struct arena *arena;
	struct cgroup_write *items;
	size_t count, cap;
	int failed; /* 0 or -ENOMEM: adds after a failure do nothing */
};

struct cgroup_write *cgroup_plan_add(struct cgroup_plan *plan, const char *field,
	const char *controller, const char *file, unsigned int flags, const char *fmt, ...)
	__attribute__((format(printf, 6, 7)));
int cgroup_plan_apply(
	const struct cgroup *cg, const struct cgroup_plan *plan, struct bh_error *err);

/* Everything of resources but device rules. */
int cgroup_limits_v1(
	const struct oci_resources *resources, struct cgroup_plan *plan, struct bh_error *err);
int cgroup_limits_v2(
	const struct oci_resources *resources, struct cgroup_plan *plan, struct bh_error *err);
/* Parts that differ little between v1 and v2. */
int cgroup_plan_hugepages(
	const struct oci_resources *r, bool v2, struct cgroup_plan *plan, struct bh_error *err);
void cgroup_plan_rdma(const struct oci_resources *r, struct cgroup_plan *plan);
void cgroup_plan_pids(const struct oci_resources *r, struct cgroup_plan *plan);
/* memory.checkBeforeUpdate: refuse a limit below what is in use. dir, file: where usage is read. */
int cgroup_memory_check(const struct oci_resources *resources, const char *dir, const char *file,
	struct bh_error *err);
/* cpu.shares (2 to 262144) to cpu.weight (1 to 10000); 0 stays 0. */
uint64_t cgroup_shares_to_weight(uint64_t shares);
/* blkio weight (10 to 1000) to io.weight (1 to 10000); 0 stays 0. */
uint64_t cgroup_blkio_to_io_weight(uint64_t weight);
/* memory.swap.max from memory + swap as OCI counts; -EINVAL if they contradict each other. */
int cgroup_swap_v2(int64_t swap, int64_t memory, int64_t *ret);

/* ---- device rules: cgroup_device.c ---- */

/* The rules in force: those given, in order, then what every container may use. */
int cgroup_device_rules(const struct oci_resources *resources, struct arena *a,
	struct oci_device_rule **ret, size_t *ret_count);
/* v1 knows a default and exceptions from it, not an ordered list: rules that cannot be said that
 * way are refused. */
int cgroup_device_plan_v1(const struct oci_device_rule *rules, size_t count,
	struct cgroup_plan *plan, struct bh_error *err);

/* The same rules as instructions for cgroup v2: cgroup_device_bpf.c. */
struct bpf_insn;
int cgroup_device_program(const struct oci_device_rule *rules, size_t count, struct arena *a,
	struct bpf_insn **ret, size_t *ret_count);
/* Load them and put them in place of what the group at cgroup_fd has. */
int cgroup_device_attach(
	int cgroup_fd, const struct oci_device_rule *rules, size_t count, struct bh_error *err);

/* ---- the object and its backends ---- */

struct cgroup_group {
	const char *controllers; /* as cgroup_mount */
	const char *mount;       /* mount point */
	const char *path;        /* below it, "/bulkhead/c1" */
	const char *dir;         /* mount + path */
	unsigned int made;    /* components at the end of path that were made for this container */
	unsigned int missing; /* how many were missing when the group was chosen */
	int fd;               /* v1: tasks, for writing; v2: the directory; -EBADF: not open */
	int procs;            /* v2: cgroup.procs, for writing: permission is the opener's */
};

struct cgroup_backend {
	const char *name; /* in saved state */
	enum cgroup_mode mode;
	/* Fill cg->groups and apply limits; on failure cg->groups are what is to be removed. */
	int (*create)(struct cgroup *cg, const struct cgroup_request *request,
		const struct cgroup_mounts *mounts, struct bh_error *err);
	/* Open what enter and clone_fd need; -ENOENT where the group is gone. */
	int (*open)(struct cgroup_group *group);
	int (*enter)(const struct cgroup *cg, struct bh_error *err);
	int (*update)(
		struct cgroup *cg, const struct oci_resources *resources, struct bh_error *err);
	int (*freeze)(struct cgroup *cg, bool frozen, int64_t deadline_ms, struct bh_error *err);
	int (*is_frozen)(struct cgroup *cg, bool *ret, struct bh_error *err);
	/* SIGKILL for all in one stroke; -EOPNOTSUPP: passes over the pids are needed. */
	int (*kill)(struct cgroup *cg);
	/* Let no new process appear while the group is being emptied. */
	void (*stop_forks)(struct cgroup *cg);
	int (*stats)(struct cgroup *cg, struct json_writer *w, struct bh_error *err);
	int (*oom_fd)(struct cgroup *cg, int *ret_fd, struct bh_error *err);
	uint64_t (*oom_kills)(struct cgroup *cg);
};

struct cgroup {
	const struct cgroup_backend *backend;
	struct arena arena; /* holds the strings below */
	struct cgroup_group groups[CGROUP_HIERARCHIES_MAX];
	size_t count;
	bool rootless;
	const char *unit; /* systemd: name of the scope, else NULL */
	pid_t holder; /* systemd: the process that holds the scope until others are in it, or 0 */
	int hold_fd;  /* its standard input */
};

extern const struct cgroup_backend cgroup_backend_none, cgroup_backend_v1, cgroup_backend_v2;

/* cgroup_v1_join.c: make the group at index. One that is not needed by a limit is dropped from cg
 * where permission lacks and that is tolerated: *ret_dropped. */
int cgroup_v1_make(
	struct cgroup *cg, size_t index, bool needed, bool *ret_dropped, struct bh_error *err);
/* Join the hierarchies that plan needs and cg is not in, with all its processes. */
int cgroup_v1_join_more(struct cgroup *cg, const struct cgroup_plan *plan, struct bh_error *err);
int cgroup_v1_open_tasks(struct cgroup_group *group);
/* Hybrid: systemd tracks processes in the v2 hierarchy, so the container has a group there as well.
 * It carries no limit, and this name in place of controllers. */
#define CGROUP_UNIFIED "unified"
int cgroup_v2_open(struct cgroup_group *group);
int cgroup_v2_follow(
	struct cgroup *cg, struct cgroup_group *group, pid_t pid, struct bh_error *err);
/* Join unless the process was cloned into the group. */
int cgroup_v2_enter(const struct cgroup_group *group, struct bh_error *err);
/* Does a write that is not optional name one of controllers? */
bool cgroup_v1_is_needed(const struct cgroup_plan *plan, const char *controllers);
/* Refuse a plan with a controller that no v1 hierarchy has. */
int cgroup_v1_check_mounted(
	const struct cgroup_plan *plan, const struct cgroup_mounts *mounts, struct bh_error *err);
/* Remove writes that are optional and whose controller cg is not in. */
void cgroup_v1_drop_optional(const struct cgroup *cg, struct cgroup_plan *plan);
/* Parts of the statistics: cgroup_stats_v1.c, cgroup_stats_hugetlb.c. group may be NULL. */
/* Content of a file of group that may be long; "" if it cannot be read. */
const char *cgroup_stats_read(const struct cgroup_group *group, const char *file, struct buf *out);
/* One number; left out if it cannot be read. */
void cgroup_stats_file(struct json_writer *w, const char *key, const char *dir, const char *file);
/* The number behind name in a flat keyed text, times factor. */
void cgroup_stats_keyed(struct json_writer *w, const char *key, const char *text, const char *name,
	uint64_t factor);
void cgroup_stats_raw(struct json_writer *w, const char *keyed_text);
/* One entry of the block I/O lists. */
void cgroup_stats_io(struct json_writer *w, unsigned int major, unsigned int minor, const char *op,
	size_t op_len, uint64_t value);
void cgroup_stats_pids(const struct cgroup_group *group, struct json_writer *w);
void cgroup_stats_hugetlb(const struct cgroup_group *group, bool v2, struct json_writer *w);
int cgroup_stats_v1(struct cgroup *cg, struct json_writer *w, struct bh_error *err);

/* cgroup_create() on given hierarchies. */
int cgroup_create_in(const struct cgroup_request *request, const struct cgroup_mounts *mounts,
	enum cgroup_mode mode, struct cgroup **ret, struct bh_error *err);

/* cgroup_systemd.c: make the scope of a container; its group, below the mount points, to ret_path.
 * A process of our own holds the scope until cgroup_systemd_release(), since an empty one ends. */
int cgroup_systemd_start(struct cgroup *cg, const struct cgroup_request *request,
	enum cgroup_mode mode, const char **ret_path, struct bh_error *err);
void cgroup_systemd_release(struct cgroup *cg);
int cgroup_systemd_update(
	struct cgroup *cg, const struct oci_resources *resources, struct bh_error *err);
int cgroup_systemd_stop(struct cgroup *cg, struct bh_error *err);

/* cgroup_v2.c: halves of a pair that is one file on v2, or that v2 counts against each other: set
 * the missing half to what the group has now. */
void cgroup_v2_complete(const struct cgroup_group *group, struct oci_resources *res);
/* cgroup_v2_enable.c: make every controller that plan needs available in group, by enabling it in
 * all groups above; and, where that is allowed, memory, pids, cpu and io. */
int cgroup_v2_enable(
	const struct cgroup_group *group, const struct cgroup_plan *plan, struct bh_error *err);
/* Below a threaded group a new one must be threaded too before a process can join it. */
int cgroup_v2_fix_type(const struct cgroup_group *group, struct bh_error *err);
int cgroup_stats_v2(struct cgroup *cg, struct json_writer *w, struct bh_error *err);

/* Group that holds controller (v2: the only one), or NULL. */
const struct cgroup_group *cgroup_group_of(const struct cgroup *cg, const char *controller);
/* Group whose processes are taken for the container's. */
const struct cgroup_group *cgroup_group_main(const struct cgroup *cg);
/* Add a group to cg that is to be made. -EBUSY if it exists and holds processes, unless it is a
 * unit's. */
int cgroup_choose(struct cgroup *cg, const struct cgroup_mount *mount, const char *path,
	struct bh_error *err);
/* All groups are chosen: tell the caller. */
int cgroup_chosen(
	const struct cgroup *cg, const struct cgroup_request *request, struct bh_error *err);
/* Add a group to cg, strings copied. */
int cgroup_add_group(struct cgroup *cg, const struct cgroup_mount *mount, const char *path,
	struct cgroup_group **ret, struct bh_error *err);

#endif
