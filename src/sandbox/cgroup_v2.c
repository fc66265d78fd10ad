// SPDX-License-Identifier: Apache-2.0
/*
 * cgroup v2: one group (Documentation/admin-guide/cgroup-v2.rst). The first process is cloned into
 * it by descriptor; device rules are an eBPF program attached to it.
 */
#include "sandbox/cgroup_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"

#define DELEGATE_MAX 4096
#define SELF_MAX     8192

static bool is_permission(int r)
{
	return r == -EACCES || r == -EPERM || r == -EROFS;
}

int cgroup_v2_open(struct cgroup_group *group)
{
	_cleanup_close_ int fd = open(group->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int procs;

	if (fd < 0)
		return -errno;
	procs = openat(fd, "cgroup.procs", O_WRONLY | O_CLOEXEC);
	if (procs < 0)
		return -errno;
	group->fd = TAKE_FD(fd);
	group->procs = procs;
	return 0;
}

/* The runtime's own group holds processes, so nothing below it could have a controller: a relative
 * path starts at its parent, as in runc. */
static int resolve(struct cgroup *cg, const struct cgroup_request *request,
	const struct cgroup_mount *mount, const char **ret, struct bh_error *err)
{
	struct cgroup_request absolute = *request;
	const char *own;
	char *slash;
	int r;

	if (request->path == NULL || request->path[0] == '\0' || request->path[0] == '/')
		return cgroup_resolve_path(request, mount, &cg->arena, ret, err);
	r = cgroup_path_check(request->path, err);
	if (r < 0)
		return bh_wrap(err, "/linux/cgroupsPath");
	r = cgroup_own_path(mount, &cg->arena, &own, err);
	if (r < 0)
		return r;
	slash = strrchr(own, '/');
	absolute.path = arena_printf(&cg->arena, "%.*s/%s", (int)(slash - own), own, request->path);
	if (absolute.path == NULL)
		return bh_fail(err, -ENOMEM, "out of memory for a cgroup path");
	return cgroup_resolve_path(&absolute, mount, &cg->arena, ret, err);
}

static int set_devices(
	const struct cgroup *cg, const struct oci_resources *resources, struct bh_error *err)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	struct oci_device_rule *rules = NULL;
	size_t count = 0;
	int r = arena_init(&a, CGROUP_ARENA_MAX);

	if (r == 0)
		r = cgroup_device_rules(resources, &a, &rules, &count);
	if (r < 0)
		return bh_fail_errno(err, r, "device rules");
	return cgroup_device_attach(cg->groups[0].fd, rules, count, err);
}

static int give_file(int dirfd, const char *file, uid_t uid, gid_t gid, struct bh_error *err)
{
	if (fchownat(dirfd, file, uid, gid, AT_SYMLINK_NOFOLLOW) == 0 || errno == ENOENT)
		return 0;
	return bh_fail_errno(err, -errno, "give cgroup file %s to %u:%u", file, uid, gid);
}

/* The kernel lists the files that a delegatee may own; limits are not among them. */
static int delegate(int dirfd, uid_t uid, gid_t gid, struct bh_error *err)
{
	char list[DELEGATE_MAX], *save = NULL;
	int r = cgroup_read("/sys/kernel/cgroup", "delegate", list, sizeof(list));

	if (r < 0)
		strcpy(list, "cgroup.procs\ncgroup.subtree_control\ncgroup.threads");
	r = fchown(dirfd, uid, gid) < 0 ? -errno : 0;
	if (r < 0)
		return bh_fail_errno(err, r, "give the cgroup to %u:%u", uid, gid);
	for (char *f = strtok_r(list, "\n", &save); f != NULL && r == 0;
		f = strtok_r(NULL, "\n", &save)) {
		if (strchr(f, '/') == NULL)
			r = give_file(dirfd, f, uid, gid, err);
	}
	return r;
}

static bool asks_for_a_limit(const struct cgroup_plan *plan)
{
	for (size_t i = 0; i < plan->count; i++) {
		if ((plan->items[i].flags & CGROUP_WRITE_OPTIONAL) == 0)
			return true;
	}
	return false;
}

static int make_group(struct cgroup *cg, bool tolerate, struct bh_error *err)
{
	struct cgroup_group *group = &cg->groups[0];
	unsigned int made = 0;
	int r = cgroup_dir_make(group->dir, strlen(group->mount), cg->unit != NULL, &made, err);

	if (r == 0) {
		group->made = made;
		r = cgroup_v2_open(group);
		return r < 0 ? bh_fail_errno(err, r, "open cgroup %s", group->dir) : 0;
	}
	if (!tolerate || !is_permission(r))
		return r;
	cg->count = 0;
	cg->backend = &cgroup_backend_none;
	return 0;
}

static int choose_group(struct cgroup *cg, const struct cgroup_mount *mount,
	const struct cgroup_request *request, struct bh_error *err)
{
	const char *path;
	int r = resolve(cg, request, mount, &path, err);

	if (r == 0)
		r = cgroup_choose(cg, mount, path, err);
	return r < 0 ? r : cgroup_chosen(cg, request, err);
}

static int set_up(struct cgroup *cg, const struct cgroup_request *request,
	const struct cgroup_plan *plan, struct bh_error *err)
{
	const struct cgroup_group *group = &cg->groups[0];
	int r = cgroup_v2_enable(group, plan, err);

	if (r == 0)
		r = cgroup_v2_fix_type(group, err);
	if (r == 0)
		r = cgroup_plan_apply(cg, plan, err);
	/* Attaching needs CAP_SYS_ADMIN over the group; without, device nodes cannot be made
	 * either. */
	if (r == 0 && !request->rootless)
		r = set_devices(cg, request->resources, err);
	if (r == 0 && request->delegate)
		r = delegate(group->fd, request->owner_uid, request->owner_gid, err);
	return r;
}

static int v2_create(struct cgroup *cg, const struct cgroup_request *request,
	const struct cgroup_mounts *mounts, struct bh_error *err)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	struct cgroup_plan plan = {.arena = &a};
	int r = arena_init(&a, CGROUP_ARENA_MAX);

	if (r < 0)
		return bh_fail_errno(err, r, "memory for cgroup limits");
	r = cgroup_limits_v2(request->resources, &plan, err);
	if (r == 0)
		r = choose_group(cg, &mounts->v2, request, err);
	if (r == 0)
		r = make_group(cg, request->rootless && !asks_for_a_limit(&plan), err);
	if (r < 0 || cg->count == 0)
		return r;
	return set_up(cg, request, &plan, err);
}

/* Where pid is, as the kernel tells this process, to text; the path inside it is returned. */
static const char *path_of_pid(const char *proc, char text[static SELF_MAX])
{
	char *line, *end;

	if (cgroup_read(proc, "cgroup", text, SELF_MAX) < 0)
		return NULL;
	line = strncmp(text, "0::", 3) == 0 ? text + 3 : strstr(text, "\n0::");
	if (line == NULL)
		return NULL;
	line += *line == '\n' ? 4 : 0;
	end = strchrnul(line, '\n');
	if (end == text + SELF_MAX - 1)
		return NULL;
	*end = '\0';
	return line;
}

/* Is this process in group? Only a sure yes counts. No memory is allocated: we may be a child. */
static bool is_inside(const struct cgroup_group *group)
{
	char text[SELF_MAX];
	const char *path = path_of_pid("/proc/self", text);

	return path != NULL && strcmp(path, group->path) == 0;
}

/* "No internal processes": a group that hands controllers on takes no process. */
int cgroup_v2_follow(struct cgroup *cg, struct cgroup_group *group, pid_t pid, struct bh_error *err)
{
	char text[SELF_MAX], proc[32];
	size_t len = strlen(group->path);
	const char *path;
	int r = cgroup_read(group->dir, "cgroup.subtree_control", text, sizeof(text));

	if (r < 0 || text[0] == '\0')
		return 0;
	(void)snprintf(proc, sizeof(proc), "/proc/%d", pid);
	path = path_of_pid(proc, text);
	if (path == NULL || strncmp(path, group->path, len) != 0 || path[len] != '/' ||
		strstr(path, "/..") != NULL)
		return 0; /* joining the group itself then tells what is wrong */
	group->path = arena_strdup(&cg->arena, path);
	group->dir = arena_printf(&cg->arena, "%s%s", group->mount, path);
	if (group->path == NULL || group->dir == NULL)
		return bh_fail(err, -ENOMEM, "out of memory for a cgroup path");
	group->fd = fd_close(group->fd);
	group->procs = fd_close(group->procs);
	r = cgroup_v2_open(group);
	return r < 0 ? bh_fail_errno(err, r, "open cgroup %s", group->dir) : 0;
}

/* Writing waits for an RCU grace period, 11 ms on an idle host, even if nothing is to be moved. */
int cgroup_v2_enter(const struct cgroup_group *group, struct bh_error *err)
{
	if (group->procs < 0)
		return bh_fail(err, -ENOENT, "join cgroup %s: it is gone", group->dir);
	if (is_inside(group))
		return 0;
	if (TEMP_FAILURE_RETRY(write(group->procs, "0", 1)) != 1)
		return bh_fail_errno(err, -errno, "join cgroup %s", group->dir);
	return 0;
}

static int v2_enter(const struct cgroup *cg, struct bh_error *err)
{
	if (cg->count == 0)
		return bh_fail(err, -ENOENT, "join the container's cgroup: it is gone");
	return cgroup_v2_enter(&cg->groups[0], err);
}

void cgroup_v2_complete(const struct cgroup_group *group, struct oci_resources *res)
{
	char text[64];
	uint64_t limit;

	if (res->memory.swap.set && res->memory.swap.value > 0 &&
		(!res->memory.limit.set || res->memory.limit.value == 0) &&
		cgroup_read_uint(group->dir, "memory.max", &limit) == 0)
		res->memory.limit =
			(struct oci_optional_int){true, limit > INT64_MAX ? -1 : (int64_t)limit};
	if (res->cpu.period.set && res->cpu.period.value != 0 &&
		(!res->cpu.quota.set || res->cpu.quota.value == 0) &&
		cgroup_read(group->dir, "cpu.max", text, sizeof(text)) == 0 && text[0] != 'm')
		res->cpu.quota = (struct oci_optional_int){true, strtoll(text, NULL, 10)};
}

static int v2_update(struct cgroup *cg, const struct oci_resources *resources, struct bh_error *err)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	struct cgroup_plan plan = {.arena = &a};
	int r = arena_init(&a, CGROUP_ARENA_MAX);

	if (r < 0)
		return bh_fail_errno(err, r, "memory for cgroup limits");
	r = cgroup_limits_v2(resources, &plan, err);
	if (r == 0)
		r = cgroup_memory_check(resources, cg->groups[0].dir, "memory.current", err);
	if (r == 0)
		r = cgroup_v2_enable(&cg->groups[0], &plan, err);
	if (r == 0)
		r = cgroup_plan_apply(cg, &plan, err);
	if (r == 0 && resources->device_count > 0 && cg->rootless)
		return bh_fail(err, -EPERM,
			"/linux/resources/devices: rules need root in the initial user namespace");
	if (r == 0 && resources->device_count > 0)
		r = set_devices(cg, resources, err);
	return r;
}

static int frozen_now(const struct cgroup_group *group, bool *ret)
{
	char events[256];
	uint64_t frozen = 0;
	int r = cgroup_read(group->dir, "cgroup.events", events, sizeof(events));

	if (r < 0)
		return r;
	if (!cgroup_keyed_uint(events, "frozen", &frozen))
		return -EOPNOTSUPP;
	*ret = frozen != 0;
	return 0;
}

static int v2_freeze(struct cgroup *cg, bool frozen, int64_t deadline_ms, struct bh_error *err)
{
	const struct cgroup_group *group = &cg->groups[0];
	unsigned int us = CGROUP_BACKOFF_US;
	bool now = !frozen;
	int r = cgroup_write(group->dir, "cgroup.freeze", frozen ? "1" : "0");

	for (;;) {
		if (r == 0)
			r = frozen_now(group, &now);
		if (r < 0)
			return bh_fail_errno(err, r, "write %s/cgroup.freeze", group->dir);
		if (now == frozen)
			return 0;
		if (cgroup_now_ms() >= deadline_ms)
			break;
		cgroup_backoff(&us);
	}
	if (frozen)
		(void)cgroup_write(group->dir, "cgroup.freeze", "0");
	return bh_fail(
		err, -ETIMEDOUT, "%s did not %s in time", group->dir, frozen ? "freeze" : "thaw");
}

static int v2_is_frozen(struct cgroup *cg, bool *ret, struct bh_error *err)
{
	bool frozen = false;
	int r = frozen_now(&cg->groups[0], &frozen);

	if (r < 0 && r != -EOPNOTSUPP)
		return bh_fail_errno(err, r, "read %s/cgroup.events", cg->groups[0].dir);
	*ret = frozen;
	return 0;
}

/* Since Linux 5.14. */
static int v2_kill(struct cgroup *cg)
{
	return cgroup_write(cg->groups[0].dir, "cgroup.kill", "1");
}

static void v2_stop_forks(struct cgroup *cg)
{
	(void)cgroup_write(cg->groups[0].dir, "pids.max", "0");
}

static int v2_oom_fd(struct cgroup *cg, int *ret_fd, struct bh_error *err)
{
	const struct cgroup_group *group = &cg->groups[0];
	_cleanup_close_ int fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	char path[CGROUP_PATH_MAX];

	if (fd < 0)
		return bh_fail_errno(err, -errno, "inotify");
	if (snprintf(path, sizeof(path), "%s/memory.events", group->dir) >= (int)sizeof(path))
		return bh_fail(err, -ENAMETOOLONG, "cgroup path is too long");
	if (inotify_add_watch(fd, path, IN_MODIFY) < 0)
		return bh_fail_errno(err, -errno, "watch %s", path);
	*ret_fd = TAKE_FD(fd);
	return 0;
}

static uint64_t v2_oom_kills(struct cgroup *cg)
{
	char text[512];
	uint64_t kills = 0;

	if (cgroup_read(cg->groups[0].dir, "memory.events", text, sizeof(text)) < 0)
		return 0;
	return cgroup_keyed_uint(text, "oom_kill", &kills) ? kills : 0;
}

const struct cgroup_backend cgroup_backend_v2 = {
	.name = "v2",
	.mode = CGROUP_V2,
	.create = v2_create,
	.open = cgroup_v2_open,
	.enter = v2_enter,
	.update = v2_update,
	.freeze = v2_freeze,
	.is_frozen = v2_is_frozen,
	.kill = v2_kill,
	.stop_forks = v2_stop_forks,
	.stats = cgroup_stats_v2,
	.oom_fd = v2_oom_fd,
	.oom_kills = v2_oom_kills,
};
