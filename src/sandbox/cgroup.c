// SPDX-License-Identifier: Apache-2.0
/*
 * The control groups of one container: choice of the backend, the life of the object, its saved
 * form.
 *
 * Saved form: {"mode":"v1","rootless":false,"groups":[{"controllers","mount","path","made"}]}, with
 * "unit" where systemd owns the group. It holds all that a later process needs.
 */
#include "sandbox/cgroup.h"

#include <errno.h>
#include <limits.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/vfs.h>

#include "base/mem.h"
#include "sandbox/cgroup_internal.h"

static const struct cgroup_backend *const backends[] = {
	[CGROUP_NONE] = &cgroup_backend_none,
	[CGROUP_V1] = &cgroup_backend_v1,
	[CGROUP_V2] = &cgroup_backend_v2,
};

int cgroup_mode_detect(enum cgroup_mode *ret, struct bh_error *err)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	struct cgroup_mounts mounts = {0};
	int r = arena_init(&a, CGROUP_ARENA_MAX);

	if (r < 0)
		return bh_fail_errno(err, r, "memory for the mount table");
	r = cgroup_mounts_read(&a, &mounts, err);
	if (r == 0)
		*ret = cgroup_mounts_mode(&mounts);
	return r;
}

static int cgroup_new(struct cgroup **ret)
{
	struct cgroup *cg = calloc(1, sizeof(*cg));
	int r = cg == NULL ? -ENOMEM : arena_init(&cg->arena, CGROUP_ARENA_MAX);

	if (r < 0) {
		free(cg);
		return r;
	}
	cg->backend = &cgroup_backend_none;
	cg->hold_fd = -EBADF;
	*ret = cg;
	return 0;
}

void cgroup_free(struct cgroup *cg)
{
	if (cg == NULL)
		return;
	cgroup_systemd_release(cg);
	for (size_t i = 0; i < cg->count; i++) {
		(void)fd_close(cg->groups[i].fd);
		(void)fd_close(cg->groups[i].procs);
	}
	arena_release(&cg->arena);
	free(cg);
}

void cgroup_freep(struct cgroup **cg)
{
	cgroup_free(*cg);
	*cg = NULL;
}

int cgroup_add_group(struct cgroup *cg, const struct cgroup_mount *mount, const char *path,
	struct cgroup_group **ret, struct bh_error *err)
{
	struct cgroup_group *group = &cg->groups[cg->count];
	bool at_root = strcmp(mount->point, "/") == 0;

	if (cg->count == CGROUP_HIERARCHIES_MAX)
		return bh_fail(
			err, -E2BIG, "more than %d cgroup hierarchies", CGROUP_HIERARCHIES_MAX);
	*group = (struct cgroup_group){.fd = -EBADF, .procs = -EBADF};
	group->controllers = arena_strdup(&cg->arena, mount->controllers);
	group->mount = arena_strdup(&cg->arena, at_root ? "" : mount->point);
	group->path = arena_strdup(&cg->arena, path);
	group->dir = arena_printf(&cg->arena, "%s%s", at_root ? "" : mount->point, path);
	if (group->controllers == NULL || group->mount == NULL || group->path == NULL ||
		group->dir == NULL)
		return bh_fail(err, -ENOMEM, "out of memory for a cgroup path");
	if (strlen(group->dir) > CGROUP_PATH_MAX - NAME_MAX)
		return bh_fail(err, -ENAMETOOLONG, "cgroup path is too long");
	cg->count++;
	*ret = group;
	return 0;
}

/* A group of cgroup v2 that is there already: whoever enters it frozen stops there. */
static int check_thawed(const struct cgroup_group *group, struct bh_error *err)
{
	char state[8];

	if (group->controllers[0] != '\0' ||
		cgroup_read(group->dir, "cgroup.freeze", state, sizeof(state)) < 0 ||
		strcmp(state, "1") != 0)
		return 0;
	return bh_fail(err, -EBUSY, "container's cgroup unexpectedly frozen: %s", group->dir);
}

int cgroup_choose(
	struct cgroup *cg, const struct cgroup_mount *mount, const char *path, struct bh_error *err)
{
	struct cgroup_group *group;
	int r = cgroup_add_group(cg, mount, path, &group, err);

	if (r < 0)
		return r;
	group->missing = cgroup_dir_missing(group->dir, strlen(group->mount));
	if (group->missing == 0 && cg->unit == NULL)
		r = cgroup_dir_check_empty(group->dir, err);
	if (r == 0 && group->missing == 0)
		r = check_thawed(group, err);
	if (r < 0)
		cg->count--;
	return r;
}

int cgroup_chosen(
	const struct cgroup *cg, const struct cgroup_request *request, struct bh_error *err)
{
	if (request->on_chosen == NULL)
		return 0;
	return request->on_chosen(request->on_chosen_data, cg, err);
}

const struct cgroup_group *cgroup_group_of(const struct cgroup *cg, const char *controller)
{
	for (size_t i = 0; i < cg->count; i++) {
		if (cg->groups[i].controllers[0] == '\0' ||
			(controller != NULL &&
				cgroup_list_has(cg->groups[i].controllers, controller)))
			return &cg->groups[i];
	}
	return NULL;
}

const struct cgroup_group *cgroup_group_main(const struct cgroup *cg)
{
	static const char *const preferred[] = {"devices", "freezer", "pids"};

	for (size_t i = 0; i < ARRAY_SIZE(preferred); i++) {
		const struct cgroup_group *group = cgroup_group_of(cg, preferred[i]);

		if (group != NULL)
			return group;
	}
	return cg->count > 0 ? &cg->groups[0] : NULL;
}

/* Undo of a failed create: only what it made. */
static void remove_made(struct cgroup *cg)
{
	for (size_t i = cg->count; i-- > 0;) {
		const struct cgroup_group *group = &cg->groups[i];

		if (group->made == 0)
			continue;
		(void)cgroup_dir_remove(group->dir);
		cgroup_dir_remove_parents(group->dir, strlen(group->mount), group->made - 1);
	}
}

/* With systemd the group's place is the unit's; everything else is as without. */
static int create_groups(struct cgroup *cg, const struct cgroup_request *request,
	const struct cgroup_mounts *mounts, enum cgroup_mode mode, struct bh_error *err)
{
	struct cgroup_request in_unit = *request;
	int r;

	if (!request->systemd)
		return cg->backend->create(cg, request, mounts, err);
	r = cgroup_systemd_start(cg, request, mode, &in_unit.path, err);
	return r < 0 ? r : cg->backend->create(cg, &in_unit, mounts, err);
}

int cgroup_create_in(const struct cgroup_request *request, const struct cgroup_mounts *mounts,
	enum cgroup_mode mode, struct cgroup **ret, struct bh_error *err)
{
	_cleanup_cgroup_ struct cgroup *cg = NULL;
	int r = cgroup_new(&cg);

	if (r < 0)
		return bh_fail_errno(err, r, "memory for cgroups");
	cg->backend = backends[mode];
	cg->rootless = request->rootless;
	r = create_groups(cg, request, mounts, mode, err);
	if (r < 0) {
		if (cg->unit != NULL)
			(void)cgroup_systemd_stop(cg, NULL);
		remove_made(cg);
		return bh_wrap(err, "cgroup %s", cg->backend->name);
	}
	*ret = TAKE_PTR(cg);
	return 0;
}

int cgroup_create(const struct cgroup_request *request, struct cgroup **ret, struct bh_error *err)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	struct cgroup_mounts mounts = {0};
	int r = arena_init(&a, CGROUP_ARENA_MAX);

	if (r < 0)
		return bh_fail_errno(err, r, "memory for the mount table");
	r = cgroup_mounts_read(&a, &mounts, err);
	if (r < 0)
		return r;
	return cgroup_create_in(request, &mounts, cgroup_mounts_mode(&mounts), ret, err);
}

int cgroup_clone_fd(const struct cgroup *cg)
{
	const struct cgroup_group *group = cgroup_group_of(cg, CGROUP_UNIFIED);

	return group == NULL ? -EBADF : group->fd;
}

int cgroup_enter_self(const struct cgroup *cg, struct bh_error *err)
{
	return cg->backend->enter(cg, err);
}

enum cgroup_mode cgroup_mode(const struct cgroup *cg)
{
	return cg->backend->mode;
}

const char *cgroup_path(const struct cgroup *cg, const char *controller)
{
	const struct cgroup_group *group = cgroup_group_of(cg, controller);

	return group == NULL ? NULL : group->path;
}

void cgroup_save(const struct cgroup *cg, struct json_writer *w)
{
	json_begin_object(w);
	json_member_string(w, "mode", cg->backend->name);
	json_member_bool(w, "rootless", cg->rootless);
	if (cg->unit != NULL)
		json_member_string(w, "unit", cg->unit);
	json_key(w, "groups");
	json_begin_array(w);
	for (size_t i = 0; i < cg->count; i++) {
		bool is_made = cg->groups[i].fd >= 0;

		json_begin_object(w);
		json_member_string(w, "controllers", cg->groups[i].controllers);
		json_member_string(
			w, "mount", cg->groups[i].mount[0] == '\0' ? "/" : cg->groups[i].mount);
		json_member_string(w, "path", cg->groups[i].path);
		json_member_int(w, "made", is_made ? cg->groups[i].made : cg->groups[i].missing);
		json_end_object(w);
	}
	json_end_array(w);
	json_end_object(w);
}

/* What is removed, signalled and written later is below a cgroup mount, whatever the state says. */
static int check_mount(const char *point, struct bh_error *err)
{
	struct statfs fs;

	if (statfs(point[0] == '\0' ? "/" : point, &fs) < 0)
		return bh_fail_errno(err, -errno, "look at cgroup mount %s", point);
	if (fs.f_type != CGROUP_SUPER_MAGIC && fs.f_type != CGROUP2_SUPER_MAGIC)
		return bh_fail(err, -EINVAL,
			"saved cgroup state names %s, which is no cgroup mount", point);
	return 0;
}

/* sub, or NULL, with slashes at the start removed; "" and "/" are the container's own group. */
static int load_group(
	struct cgroup *cg, const struct json *saved, const char *sub, struct bh_error *err)
{
	struct cgroup_mount mount = {
		.controllers = json_get_string(saved, "controllers"),
		.point = json_get_string(saved, "mount"),
	};
	const char *path = json_get_string(saved, "path");
	int64_t made = json_get_int(saved, "made", 0);
	struct cgroup_group *group;
	int r;

	if (mount.controllers == NULL || mount.point == NULL || path == NULL || path[0] != '/' ||
		mount.point[0] != '/' || made < 0 || made > CGROUP_DEPTH_MAX)
		return bh_fail(err, -EINVAL, "saved cgroup state is damaged");
	r = cgroup_path_check(path, err);
	if (r < 0)
		return r;
	if (sub != NULL)
		path = arena_printf(&cg->arena, "%s/%s", path, sub);
	if (path == NULL)
		return bh_fail(err, -ENOMEM, "out of memory for a cgroup path");
	r = cgroup_add_group(cg, &mount, path, &group, err);
	if (r < 0)
		return r;
	group->made = (unsigned int)made;
	r = check_mount(group->mount, err);
	if (r < 0)
		return r;
	r = cg->backend->open(group);
	if (r < 0 && (sub != NULL || (r != -ENOENT && r != -ENODEV)))
		return bh_fail_errno(err, r, "open cgroup %s", group->dir);
	return 0;
}

int cgroup_open(
	const struct json *saved, const char *sub, struct cgroup **ret, struct bh_error *err)
{
	_cleanup_cgroup_ struct cgroup *cg = NULL;
	const char *mode = json_get_string(saved, "mode"), *unit = json_get_string(saved, "unit");
	const struct json *groups = json_get(saved, "groups");
	int r = cgroup_new(&cg);

	if (r < 0)
		return bh_fail_errno(err, r, "memory for cgroups");
	cg->backend = NULL;
	for (size_t i = 0; i < ARRAY_SIZE(backends) && mode != NULL; i++) {
		if (strcmp(backends[i]->name, mode) == 0)
			cg->backend = backends[i];
	}
	if (cg->backend == NULL || groups == NULL || groups->type != JSON_ARRAY)
		return bh_fail(err, -EINVAL, "saved cgroup state is damaged");
	cg->rootless = json_get_bool(saved, "rootless", false);
	cg->unit = unit == NULL ? NULL : arena_strdup(&cg->arena, unit);
	if (sub != NULL) {
		sub += strspn(sub, "/");
		sub = *sub == '\0' ? NULL : sub;
	}
	r = sub == NULL ? 0 : cgroup_path_check(sub, err);
	if (r < 0)
		return r;
	json_each (g, groups) {
		r = load_group(cg, g, sub, err);
		if (r < 0)
			return r;
	}
	if (cg->backend->mode == CGROUP_V2 && cg->count != 1)
		return bh_fail(err, -EINVAL, "saved cgroup state is damaged");
	*ret = TAKE_PTR(cg);
	return 0;
}

int cgroup_follow(struct cgroup *cg, pid_t pid, struct bh_error *err)
{
	struct cgroup_group *group = &cg->groups[0];

	if (cg->backend->mode != CGROUP_V2 || cg->count == 0 || group->fd < 0)
		return 0;
	return cgroup_v2_follow(cg, group, pid, err);
}

int cgroup_update(struct cgroup *cg, const struct oci_resources *resources, struct bh_error *err)
{
	struct oci_resources complete = *resources;
	int r;

	if (cg->backend->mode == CGROUP_V2 && cg->count > 0)
		cgroup_v2_complete(&cg->groups[0], &complete);
	r = cg->unit == NULL ? 0 : cgroup_systemd_update(cg, &complete, err);
	return r < 0 ? r : cg->backend->update(cg, &complete, err);
}

int cgroup_freeze(struct cgroup *cg, bool frozen, struct bh_error *err)
{
	return cg->backend->freeze(cg, frozen, cgroup_now_ms() + CGROUP_FREEZE_MS, err);
}

int cgroup_is_frozen(struct cgroup *cg, bool *ret, struct bh_error *err)
{
	return cg->backend->is_frozen(cg, ret, err);
}

int cgroup_stats(struct cgroup *cg, struct json_writer *w, struct bh_error *err)
{
	return cg->backend->stats(cg, w, err);
}

int cgroup_oom_fd(struct cgroup *cg, int *ret_fd, struct bh_error *err)
{
	return cg->backend->oom_fd(cg, ret_fd, err);
}

uint64_t cgroup_oom_kills(struct cgroup *cg)
{
	return cg->backend->oom_kills(cg);
}
