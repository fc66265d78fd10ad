// SPDX-License-Identifier: Apache-2.0
/*
 * cgroup v1: one group per hierarchy (Documentation/admin-guide/cgroup-v1/).
 *
 * Each hierarchy costs 60 to 120 us of CPU to make, join, leave and remove, so only these are
 * joined: those a limit needs; devices, for the device rules; memory, pids, cpuacct, so that use
 * can be told; freezer, for pause and for killing what forks; and systemd's own where systemd runs,
 * so that it does not take the container for part of the caller's unit. In the others (cpu, cpuset,
 * blkio, ...) the container stays in the runtime's own group.
 */
#include "sandbox/cgroup_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"

static bool systemd_tracks(const struct cgroup *cg)
{
	return cg->unit != NULL || access("/run/systemd/system", F_OK) == 0;
}

static bool is_useful(const struct cgroup *cg, const char *controllers)
{
	static const char *const always[] = {"devices", "memory", "pids", "freezer", "cpuacct"};

	for (size_t i = 0; i < ARRAY_SIZE(always); i++) {
		if (cgroup_list_has(controllers, always[i]))
			return true;
	}
	return strcmp(controllers, "name=systemd") == 0 && systemd_tracks(cg);
}

/* Without root in the initial user namespace the kernel refuses rules, and nodes cannot be made. */
static int plan_devices(
	const struct cgroup_request *request, struct cgroup_plan *plan, struct bh_error *err)
{
	struct oci_device_rule *rules;
	size_t count;
	int r;

	if (request->rootless)
		return 0;
	r = cgroup_device_rules(request->resources, plan->arena, &rules, &count);
	if (r < 0)
		return bh_fail_errno(err, r, "device rules");
	return cgroup_device_plan_v1(rules, count, plan, err);
}

static int choose_one(struct cgroup *cg, const struct cgroup_request *request,
	const struct cgroup_mount *mount, struct bh_error *err)
{
	const char *path;
	int r = cgroup_resolve_path(request, mount, &cg->arena, &path, err);

	return r < 0 ? r : cgroup_choose(cg, mount, path, err);
}

static int choose_groups(struct cgroup *cg, const struct cgroup_request *request,
	const struct cgroup_mounts *mounts, const struct cgroup_plan *plan, struct bh_error *err)
{
	struct cgroup_mount unified = mounts->v2;
	int r = 0;

	for (size_t i = 0; i < mounts->v1_count && r == 0; i++) {
		const struct cgroup_mount *mount = &mounts->v1[i];

		if (cgroup_v1_is_needed(plan, mount->controllers) ||
			is_useful(cg, mount->controllers))
			r = choose_one(cg, request, mount, err);
	}
	unified.controllers = CGROUP_UNIFIED;
	if (r == 0 && unified.point != NULL && systemd_tracks(cg))
		r = choose_one(cg, request, &unified, err);
	return r < 0 ? r : cgroup_chosen(cg, request, err);
}

static int make_groups(struct cgroup *cg, const struct cgroup_plan *plan, struct bh_error *err)
{
	bool dropped;
	int r = 0;

	for (size_t i = 0; i < cg->count && r == 0; i += !dropped)
		r = cgroup_v1_make(
			cg, i, cgroup_v1_is_needed(plan, cg->groups[i].controllers), &dropped, err);
	return r;
}

static int v1_create(struct cgroup *cg, const struct cgroup_request *request,
	const struct cgroup_mounts *mounts, struct bh_error *err)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	struct cgroup_plan plan = {.arena = &a};
	int r = arena_init(&a, CGROUP_ARENA_MAX);

	if (r < 0)
		return bh_fail_errno(err, r, "memory for cgroup limits");
	r = cgroup_limits_v1(request->resources, &plan, err);
	if (r == 0)
		r = plan_devices(request, &plan, err);
	if (r == 0)
		r = cgroup_v1_check_mounted(&plan, mounts, err);
	if (r == 0)
		r = choose_groups(cg, request, mounts, &plan, err);
	if (r == 0)
		r = make_groups(cg, &plan, err);
	if (r < 0)
		return r;
	cgroup_v1_drop_optional(cg, &plan);
	return cgroup_plan_apply(cg, &plan, err);
}

static int v1_enter(const struct cgroup *cg, struct bh_error *err)
{
	for (size_t i = 0; i < cg->count; i++) {
		const struct cgroup_group *group = &cg->groups[i];

		if (strcmp(group->controllers, CGROUP_UNIFIED) == 0) {
			int r = cgroup_v2_enter(group, err);

			if (r < 0)
				return r;
			continue;
		}
		if (group->fd < 0)
			return bh_fail(err, -ENOENT, "join cgroup %s: it is gone", group->dir);
		if (TEMP_FAILURE_RETRY(write(group->fd, "0", 1)) != 1)
			return bh_fail_errno(err, -errno, "join cgroup %s", group->dir);
	}
	return 0;
}

/* Rules cannot be replaced at once on v1: nothing of the container runs in between. */
static int update_devices(struct cgroup *cg, const struct cgroup_plan *plan, struct bh_error *err)
{
	bool frozen = true;
	int r = cgroup_is_frozen(cg, &frozen, err), thaw;

	if (r == 0 && !frozen)
		r = cgroup_freeze(cg, true, err);
	if (r < 0)
		return r;
	r = cgroup_plan_apply(cg, plan, err);
	thaw = frozen ? 0 : cgroup_freeze(cg, false, r == 0 ? err : NULL);
	return r < 0 ? r : thaw;
}

static int v1_update(struct cgroup *cg, const struct oci_resources *resources, struct bh_error *err)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	struct cgroup_plan plan = {.arena = &a}, devices = {.arena = &a};
	const struct cgroup_group *memory = cgroup_group_of(cg, "memory");
	struct cgroup_request request = {.rootless = cg->rootless, .resources = resources};
	int r = arena_init(&a, CGROUP_ARENA_MAX);

	if (r < 0)
		return bh_fail_errno(err, r, "memory for cgroup limits");
	r = cgroup_limits_v1(resources, &plan, err);
	if (r == 0 && resources->device_count > 0)
		r = plan_devices(&request, &devices, err);
	if (r == 0 && memory != NULL)
		r = cgroup_memory_check(resources, memory->dir, "memory.usage_in_bytes", err);
	if (r == 0)
		r = cgroup_v1_join_more(cg, &plan, err);
	if (r < 0)
		return r;
	cgroup_v1_drop_optional(cg, &plan);
	r = cgroup_plan_apply(cg, &plan, err);
	if (r == 0 && devices.count > 0)
		r = update_devices(cg, &devices, err);
	return r;
}

static int freezer_state(const struct cgroup_group *group, char state[static 32])
{
	return cgroup_read(group->dir, "freezer.state", state, 32);
}

/* The state passes through FREEZING while tasks stop; writing again retries those that raced. */
static int v1_freeze(struct cgroup *cg, bool frozen, int64_t deadline_ms, struct bh_error *err)
{
	const struct cgroup_group *group = cgroup_group_of(cg, "freezer");
	const char *want = frozen ? "FROZEN" : "THAWED";
	unsigned int us = CGROUP_BACKOFF_US;
	char state[32];
	int r;

	if (group == NULL)
		return bh_fail(err, -ENOTSUP,
			"pause needs cgroup controller freezer, which this container is not in");
	for (;;) {
		r = cgroup_write(group->dir, "freezer.state", want);
		if (r == 0)
			r = freezer_state(group, state);
		if (r < 0)
			return bh_fail_errno(
				err, r, "set %s/freezer.state to %s", group->dir, want);
		if (strcmp(state, want) == 0)
			return 0;
		if (cgroup_now_ms() >= deadline_ms)
			break;
		cgroup_backoff(&us);
	}
	if (frozen)
		(void)cgroup_write(group->dir, "freezer.state", "THAWED");
	return bh_fail(
		err, -ETIMEDOUT, "%s did not become %s in time, it is %s", group->dir, want, state);
}

static int v1_is_frozen(struct cgroup *cg, bool *ret, struct bh_error *err)
{
	const struct cgroup_group *group = cgroup_group_of(cg, "freezer");
	char state[32];
	int r = group == NULL ? 0 : freezer_state(group, state);

	if (r < 0)
		return bh_fail_errno(err, r, "read %s/freezer.state", group->dir);
	*ret = group != NULL && strcmp(state, "FROZEN") == 0;
	return 0;
}

static int v1_kill(struct cgroup *cg)
{
	return -EOPNOTSUPP;
}

static void v1_stop_forks(struct cgroup *cg)
{
	const struct cgroup_group *pids = cgroup_group_of(cg, "pids");

	if (pids != NULL)
		(void)cgroup_write(pids->dir, "pids.max", "0");
}

/* Documentation/admin-guide/cgroup-v1/memory.rst, "OOM Control". */
static int v1_oom_fd(struct cgroup *cg, int *ret_fd, struct bh_error *err)
{
	const struct cgroup_group *group = cgroup_group_of(cg, "memory");
	_cleanup_close_ int event = -EBADF, control = -EBADF;
	char text[CGROUP_PATH_MAX];
	int r;

	if (group == NULL)
		return bh_fail(err, -ENOTSUP, "OOM events need cgroup controller memory");
	event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (event < 0)
		return bh_fail_errno(err, -errno, "eventfd");
	if (snprintf(text, sizeof(text), "%s/memory.oom_control", group->dir) >= (int)sizeof(text))
		return bh_fail(err, -ENAMETOOLONG, "cgroup path is too long");
	control = open(text, O_RDONLY | O_CLOEXEC);
	if (control < 0)
		return bh_fail_errno(err, -errno, "open %s", text);
	(void)snprintf(text, sizeof(text), "%d %d", event, control);
	r = cgroup_write(group->dir, "cgroup.event_control", text);
	if (r < 0)
		return bh_fail_errno(err, r, "register for OOM events in %s", group->dir);
	*ret_fd = TAKE_FD(event);
	return 0;
}

static uint64_t v1_oom_kills(struct cgroup *cg)
{
	const struct cgroup_group *group = cgroup_group_of(cg, "memory");
	char text[512];
	uint64_t kills = 0;

	if (group == NULL || cgroup_read(group->dir, "memory.oom_control", text, sizeof(text)) < 0)
		return 0;
	return cgroup_keyed_uint(text, "oom_kill", &kills) ? kills : 0;
}

const struct cgroup_backend cgroup_backend_v1 = {
	.name = "v1",
	.mode = CGROUP_V1,
	.create = v1_create,
	.open = cgroup_v1_open_tasks,
	.enter = v1_enter,
	.update = v1_update,
	.freeze = v1_freeze,
	.is_frozen = v1_is_frozen,
	.kill = v1_kill,
	.stop_forks = v1_stop_forks,
	.stats = cgroup_stats_v1,
	.oom_fd = v1_oom_fd,
	.oom_kills = v1_oom_kills,
};
