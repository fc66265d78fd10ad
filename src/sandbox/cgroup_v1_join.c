// SPDX-License-Identifier: Apache-2.0
/*
 * cgroup v1: making a container's group in one hierarchy, before its first process exists or, for a
 * limit that comes later (update), while it runs.
 */
#include "sandbox/cgroup_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"

#define MOVE_PASSES 64

static bool is_permission(int r)
{
	return r == -EACCES || r == -EPERM || r == -EROFS;
}

/* A new cpuset group is empty and takes no process: it starts with what its parent has. */
static int fill_cpuset(const char *parent, const char *dir, struct bh_error *err)
{
	static const char *const files[] = {"cpuset.cpus", "cpuset.mems"};
	char value[4096];

	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		int r = cgroup_read(dir, files[i], value, sizeof(value));

		if (r == 0 && value[0] != '\0')
			continue;
		if (r == 0)
			r = cgroup_read(parent, files[i], value, sizeof(value));
		if (r == 0)
			r = cgroup_write(dir, files[i], value);
		if (r < 0)
			return bh_fail_errno(
				err, r, "copy %s from %s to %s", files[i], parent, dir);
	}
	return 0;
}

/* From the mount point down, for every group on the way. */
static int init_cpuset(const struct cgroup_group *group, struct bh_error *err)
{
	char parent[CGROUP_PATH_MAX], dir[CGROUP_PATH_MAX];
	size_t len = strlen(group->mount);

	if (cgroup_path_copy(parent, group->mount) < 0 || strlen(group->dir) >= sizeof(dir))
		return bh_fail(err, -ENAMETOOLONG, "cgroup path is too long");
	while (group->dir[len] != '\0') {
		int r;

		len += 1 + strcspn(group->dir + len + 1, "/");
		memcpy(dir, group->dir, len);
		dir[len] = '\0';
		r = fill_cpuset(parent, dir, err);
		if (r < 0)
			return r;
		memcpy(parent, dir, len + 1);
	}
	return 0;
}

int cgroup_v1_open_tasks(struct cgroup_group *group)
{
	char path[CGROUP_PATH_MAX];
	int fd;

	if (strcmp(group->controllers, CGROUP_UNIFIED) == 0)
		return cgroup_v2_open(group);
	if (snprintf(path, sizeof(path), "%s/tasks", group->dir) >= (int)sizeof(path))
		return -ENAMETOOLONG;
	fd = open(path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
	if (fd < 0)
		return -errno;
	group->fd = fd;
	return 0;
}

static void drop(struct cgroup *cg, size_t index)
{
	cg->count--;
	memmove(&cg->groups[index], &cg->groups[index + 1],
		(cg->count - index) * sizeof(cg->groups[0]));
}

/* Whoever enters a frozen group, or one below it, stops there: so would the creation. */
static int check_thawed(const struct cgroup_group *group, struct bh_error *err)
{
	char state[32];
	int r = cgroup_read(group->dir, "freezer.state", state, sizeof(state));

	if (r < 0)
		return bh_fail_errno(err, r, "read %s/freezer.state", group->dir);
	if (strcmp(state, "THAWED") == 0)
		return 0;
	return bh_fail(
		err, -EBUSY, "container's cgroup unexpectedly frozen: %s is %s", group->dir, state);
}

static int make_and_open(struct cgroup *cg, struct cgroup_group *group, struct bh_error *err)
{
	unsigned int made = 0;
	int r = cgroup_dir_make(group->dir, strlen(group->mount), cg->unit != NULL, &made, err);

	group->made = made;
	if (r == 0 && cgroup_list_has(group->controllers, "cpuset"))
		r = init_cpuset(group, err);
	if (r == 0 && cgroup_list_has(group->controllers, "freezer"))
		r = check_thawed(group, err);
	if (r < 0)
		return r;
	r = cgroup_v1_open_tasks(group);
	return r < 0 ? bh_fail_errno(err, r, "open cgroup %s to join it", group->dir) : 0;
}

int cgroup_v1_make(
	struct cgroup *cg, size_t index, bool needed, bool *ret_dropped, struct bh_error *err)
{
	struct cgroup_group *group = &cg->groups[index];
	int r = make_and_open(cg, group, err);

	*ret_dropped = r < 0 && cg->rootless && !needed && is_permission(r);
	if (!*ret_dropped)
		return r;
	if (group->made > 0)
		(void)cgroup_dir_remove(group->dir);
	drop(cg, index);
	return 0;
}

int cgroup_v1_check_mounted(
	const struct cgroup_plan *plan, const struct cgroup_mounts *mounts, struct bh_error *err)
{
	for (size_t i = 0; i < plan->count; i++) {
		const struct cgroup_write *w = &plan->items[i];
		bool found = (w->flags & CGROUP_WRITE_OPTIONAL) != 0;

		for (size_t m = 0; m < mounts->v1_count && !found; m++)
			found = cgroup_list_has(mounts->v1[m].controllers, w->controller);
		if (!found)
			return bh_fail(err, -ENOENT,
				"%s needs cgroup controller %s, which is not mounted as cgroup v1 "
				"on this host",
				w->field, w->controller);
	}
	return 0;
}

bool cgroup_v1_is_needed(const struct cgroup_plan *plan, const char *controllers)
{
	for (size_t i = 0; i < plan->count; i++) {
		if ((plan->items[i].flags & CGROUP_WRITE_OPTIONAL) == 0 &&
			cgroup_list_has(controllers, plan->items[i].controller))
			return true;
	}
	return false;
}

void cgroup_v1_drop_optional(const struct cgroup *cg, struct cgroup_plan *plan)
{
	size_t kept = 0;

	for (size_t i = 0; i < plan->count; i++) {
		const struct cgroup_write *w = &plan->items[i];

		if ((w->flags & CGROUP_WRITE_OPTIONAL) == 0 ||
			cgroup_group_of(cg, w->controller) != NULL)
			plan->items[kept++] = *w;
	}
	plan->count = kept;
}

static bool is_joined(const struct cgroup *cg, const struct cgroup_mount *mount)
{
	for (size_t i = 0; i < cg->count; i++) {
		if (strcmp(cg->groups[i].controllers, mount->controllers) == 0)
			return true;
	}
	return false;
}

struct move {
	const char *dir;
	size_t count;
	int first_error;
};

static int move_pid(pid_t pid, void *data)
{
	struct move *m = data;
	char text[16];
	int r;

	(void)snprintf(text, sizeof(text), "%d", pid);
	r = cgroup_write(m->dir, "cgroup.procs", text);
	m->count++;
	if (r < 0 && r != -ESRCH && m->first_error == 0)
		m->first_error = r;
	return 0;
}

static int count_pid(pid_t pid, void *data)
{
	++*(size_t *)data;
	return 0;
}

/* A child forked between listing and moving stays behind: repeat until both lists have one length.
 */
static int move_all(const char *from, const char *to, struct bh_error *err)
{
	for (int pass = 0; pass < MOVE_PASSES; pass++) {
		struct move m = {.dir = to};
		size_t there = 0;
		int r = cgroup_dir_each_pid(from, move_pid, &m);

		if (r == 0)
			r = m.first_error;
		if (r == 0)
			r = cgroup_dir_each_pid(to, count_pid, &there);
		if (r < 0)
			return bh_fail_errno(err, r, "move processes to cgroup %s", to);
		if (there >= m.count && pass > 0)
			return 0;
	}
	return bh_fail(
		err, -EAGAIN, "processes appear faster than they can be moved to cgroup %s", to);
}

int cgroup_v1_join_more(struct cgroup *cg, const struct cgroup_plan *plan, struct bh_error *err)
{
	struct cgroup_mounts mounts;
	const struct cgroup_group *main_group = cgroup_group_main(cg);
	bool missing = false, dropped;
	int r;

	for (size_t i = 0; i < plan->count; i++)
		missing =
			missing || ((plan->items[i].flags & CGROUP_WRITE_OPTIONAL) == 0 &&
					   cgroup_group_of(cg, plan->items[i].controller) == NULL);
	if (!missing || main_group == NULL)
		return 0;
	r = cgroup_mounts_read(&cg->arena, &mounts, err);
	if (r == 0)
		r = cgroup_v1_check_mounted(plan, &mounts, err);
	for (size_t i = 0; i < mounts.v1_count && r == 0; i++) {
		const struct cgroup_mount *mount = &mounts.v1[i];
		size_t before = cg->count;

		if (!cgroup_v1_is_needed(plan, mount->controllers) || is_joined(cg, mount))
			continue;
		r = cgroup_choose(cg, mount, main_group->path, err);
		if (r < 0)
			return r;
		r = cgroup_v1_make(cg, before, true, &dropped, err);
		if (r < 0) {
			if (cg->groups[before].made > 0)
				(void)cgroup_dir_remove(cg->groups[before].dir);
			drop(cg, before);
			return r;
		}
		r = move_all(main_group->dir, cg->groups[before].dir, err);
	}
	return r;
}
