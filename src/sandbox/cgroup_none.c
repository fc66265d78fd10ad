// SPDX-License-Identifier: Apache-2.0
/* No control groups: nothing is mounted. Limits are refused; what needs no group succeeds. */
#include <errno.h>

#include "sandbox/cgroup_internal.h"

static int none_create(struct cgroup *cg, const struct cgroup_request *request,
	const struct cgroup_mounts *mounts, struct bh_error *err)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	struct cgroup_plan plan = {.arena = &a};
	int r = arena_init(&a, CGROUP_ARENA_MAX);

	if (r < 0)
		return bh_fail_errno(err, r, "memory for cgroup limits");
	r = cgroup_limits_v1(request->resources, &plan, err);
	for (size_t i = 0; i < plan.count && r == 0; i++) {
		if ((plan.items[i].flags & CGROUP_WRITE_OPTIONAL) == 0)
			return bh_fail(err, -ENOTSUP, "%s: no cgroup hierarchy is mounted",
				plan.items[i].field);
	}
	if (r == 0 && !request->rootless)
		return bh_fail(err, -ENOTSUP,
			"device rules cannot be enforced: no cgroup hierarchy is mounted, mount "
			"cgroup2 on /sys/fs/cgroup");
	return r;
}

static int none_open(struct cgroup_group *group)
{
	return -ENOENT;
}

static int none_enter(const struct cgroup *cg, struct bh_error *err)
{
	return 0;
}

static int none_refuse(struct bh_error *err, const char *what)
{
	return bh_fail(err, -ENOTSUP, "%s: this container has no cgroup", what);
}

static int none_update(
	struct cgroup *cg, const struct oci_resources *resources, struct bh_error *err)
{
	return none_refuse(err, "update");
}

static int none_freeze(struct cgroup *cg, bool frozen, int64_t deadline_ms, struct bh_error *err)
{
	return none_refuse(err, frozen ? "pause" : "resume");
}

static int none_is_frozen(struct cgroup *cg, bool *ret, struct bh_error *err)
{
	*ret = false;
	return 0;
}

static int none_kill(struct cgroup *cg)
{
	return -EOPNOTSUPP;
}

static void none_stop_forks(struct cgroup *cg)
{
}

static int none_stats(struct cgroup *cg, struct json_writer *w, struct bh_error *err)
{
	return none_refuse(err, "statistics");
}

static int none_oom_fd(struct cgroup *cg, int *ret_fd, struct bh_error *err)
{
	return none_refuse(err, "OOM events");
}

static uint64_t none_oom_kills(struct cgroup *cg)
{
	return 0;
}

const struct cgroup_backend cgroup_backend_none = {
	.name = "none",
	.mode = CGROUP_NONE,
	.create = none_create,
	.open = none_open,
	.enter = none_enter,
	.update = none_update,
	.freeze = none_freeze,
	.is_frozen = none_is_frozen,
	.kill = none_kill,
	.stop_forks = none_stop_forks,
	.stats = none_stats,
	.oom_fd = none_oom_fd,
	.oom_kills = none_oom_kills,
};
