// SPDX-License-Identifier: Apache-2.0
/*
 * Delegation of controllers down the tree (cgroup-v2.rst, "Enabling and Disabling"): a controller
 * is available in a group if every group above has it in cgroup.subtree_control. A group with
 * processes of its own, other than the root, cannot hand controllers on ("No Internal Process
 * Constraint").
 */
#include "sandbox/cgroup_internal.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"

#define LIST_MAX 1024

/* Is name one of the space-separated words? */
static bool has_word(const char *words, const char *name)
{
	size_t len = strlen(name);

	for (const char *p = words; *p != '\0';) {
		size_t n = strcspn(p, " \n");

		if (n == len && memcmp(p, name, len) == 0)
			return true;
		p += n;
		p += strspn(p, " \n");
	}
	return false;
}

static bool is_needed(const struct cgroup_plan *plan, const char *controller)
{
	for (size_t i = 0; i < plan->count; i++) {
		const struct cgroup_write *w = &plan->items[i];

		if (w->controller != NULL && strcmp(w->controller, controller) == 0 &&
			(w->flags & CGROUP_WRITE_OPTIONAL) == 0)
			return true;
	}
	return false;
}

static int fail_enable(int r, const char *dir, const char *controller, struct bh_error *err)
{
	if (r == -EBUSY)
		return bh_fail(err, r,
			"enable controller %s in %s: the group holds processes itself, and only "
			"groups without any can hand controllers on",
			controller, dir);
	return bh_fail_errno(err, r, "enable controller %s in %s", controller, dir);
}

/* In every group from the mount point to the parent of group. */
static int enable_above(
	const struct cgroup_group *group, const char *controller, struct bh_error *err)
{
	size_t start = strlen(group->mount), len = start;
	char dir[CGROUP_PATH_MAX], word[64], have[LIST_MAX];

	(void)snprintf(word, sizeof(word), "+%s", controller);
	if (cgroup_path_copy(dir, group->dir) < 0)
		return bh_fail(err, -ENAMETOOLONG, "cgroup path is too long");
	while (group->dir[len] != '\0') {
		int r;

		dir[len] = '\0';
		r = cgroup_read(dir, "cgroup.subtree_control", have, sizeof(have));
		if (r == 0 && !has_word(have, controller))
			r = cgroup_write(dir, "cgroup.subtree_control", word);
		if (r < 0)
			return fail_enable(r, dir, controller, err);
		dir[len] = '/';
		len += 1 + strcspn(group->dir + len + 1, "/");
	}
	return 0;
}

static int enable_one(
	const struct cgroup_group *group, const char *controller, bool needed, struct bh_error *err)
{
	char have[LIST_MAX];
	int r = cgroup_read(group->dir, "cgroup.controllers", have, sizeof(have));

	if (r == 0 && has_word(have, controller))
		return 0;
	if (r == 0)
		r = cgroup_read(group->mount, "cgroup.controllers", have, sizeof(have));
	if (r < 0)
		return bh_fail_errno(err, r, "read cgroup.controllers");
	if (!has_word(have, controller))
		return needed ? bh_fail(err, -ENOENT,
					"a limit needs cgroup controller %s, which %s does not "
					"have "
					"(it has: %s)",
					controller, group->mount, have)
			      : 0;
	r = enable_above(group, controller, needed ? err : NULL);
	return needed ? r : 0;
}

int cgroup_v2_enable(
	const struct cgroup_group *group, const struct cgroup_plan *plan, struct bh_error *err)
{
	/* Use is told by memory, pids and io; cpu shares the machine between containers, not
	 * threads. */
	static const char *const useful[] = {"memory", "pids", "cpu", "io"};
	const char *last = NULL;
	int r = 0;

	for (size_t i = 0; i < plan->count && r == 0; i++) {
		const struct cgroup_write *w = &plan->items[i];

		if (w->controller == NULL || (w->flags & CGROUP_WRITE_OPTIONAL) != 0 ||
			(last != NULL && strcmp(last, w->controller) == 0))
			continue;
		r = enable_one(group, w->controller, true, err);
		if (r < 0)
			return bh_wrap(err, "%s", w->field);
		last = w->controller;
	}
	for (size_t i = 0; i < ARRAY_SIZE(useful) && r == 0; i++) {
		if (!is_needed(plan, useful[i]))
			r = enable_one(group, useful[i], false, err);
	}
	return r;
}

int cgroup_v2_fix_type(const struct cgroup_group *group, struct bh_error *err)
{
	char type[32];
	int r = cgroup_read(group->dir, "cgroup.type", type, sizeof(type));

	if (r == -ENOENT || (r == 0 && strcmp(type, "domain invalid") != 0))
		return 0;
	if (r == 0)
		r = cgroup_write(group->dir, "cgroup.type", "threaded");
	if (r < 0)
		return bh_fail_errno(
			err, r, "make cgroup %s threaded, as its parent is", group->dir);
	return 0;
}
