// SPDX-License-Identifier: Apache-2.0
#include "sandbox/cgroup_internal.h"

#include <errno.h>
#include <string.h>

static const struct cgroup_group *group_at(const struct cgroup *cg, const char *controllers)
{
	for (size_t i = 0; i < cg->count; i++) {
		if (strcmp(cg->groups[i].controllers, controllers) == 0)
			return &cg->groups[i];
	}
	return NULL;
}

int cgroup_v1_mounts(const struct cgroup *cg, struct arena *a, struct cgroup_v1_mount **ret,
	size_t *ret_count, struct bh_error *err)
{
	struct cgroup_mounts mounts = {0};
	struct cgroup_v1_mount *list;
	size_t count = 0;
	int r = cgroup_mounts_read(a, &mounts, err);

	if (r < 0)
		return r;
	list = arena_calloc(a, CGROUP_HIERARCHIES_MAX, sizeof(*list));
	if (list == NULL)
		return bh_fail(err, -ENOMEM, "out of memory for cgroup mounts");
	for (size_t i = 0; i < mounts.v1_count; i++) {
		const struct cgroup_mount *m = &mounts.v1[i];
		const struct cgroup_group *group = group_at(cg, m->controllers);
		bool named = strncmp(m->controllers, "name=", 5) == 0;
		struct cgroup_v1_mount *out = &list[count];

		if (group == NULL)
			continue;
		out->name = named ? m->controllers + 5 : m->controllers;
		out->options = named ? arena_printf(a, "none,%s", m->controllers) : m->controllers;
		out->host_mount = m->point;
		out->path = arena_strdup(a, group->path);
		if (out->options == NULL || out->path == NULL)
			return bh_fail(err, -ENOMEM, "out of memory for cgroup mounts");
		count++;
	}
	*ret = list;
	*ret_count = count;
	return 0;
}
