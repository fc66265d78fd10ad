// SPDX-License-Identifier: Apache-2.0
#include "sandbox/cgroup_internal.h"

#include <errno.h>
#include <string.h>

/* From what the groups themselves know: reading mountinfo again costs more than all the mounts. */
int cgroup_v1_mounts(const struct cgroup *cg, struct arena *a, struct cgroup_v1_mount **ret,
	size_t *ret_count, struct bh_error *err)
{
	struct cgroup_v1_mount *list = arena_calloc(a, cg->count, sizeof(*list));
	size_t count = 0;

	if (list == NULL)
		return bh_fail(err, -ENOMEM, "out of memory for cgroup mounts");
	for (size_t i = 0; i < cg->count; i++) {
		const struct cgroup_group *group = &cg->groups[i];
		bool named = strncmp(group->controllers, "name=", 5) == 0;
		struct cgroup_v1_mount *out = &list[count];

		if (group->controllers[0] == '\0') /* the v2 side of a hybrid machine */
			continue;
		out->name = named ? group->controllers + 5 : group->controllers;
		out->options =
			named ? arena_printf(a, "none,%s", group->controllers) : group->controllers;
		out->host_mount = group->mount;
		out->path = arena_strdup(a, group->path);
		if (out->options == NULL || out->path == NULL)
			return bh_fail(err, -ENOMEM, "out of memory for cgroup mounts");
		count++;
	}
	*ret = list;
	*ret_count = count;
	return 0;
}
