// SPDX-License-Identifier: Apache-2.0
/* Statistics per huge page size: the sizes are those that the group has files for. */
#include "sandbox/cgroup_internal.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

static void put(
	struct json_writer *w, const char *key, const char *dir, const char *fmt, const char *size)
{
	char file[64];
	uint64_t v;

	(void)snprintf(file, sizeof(file), "hugetlb.%s.%s", size, fmt);
	if (cgroup_read_uint(dir, file, &v) < 0)
		return;
	json_key(w, key);
	json_put_uint(w, v);
}

static void put_events(struct json_writer *w, const char *dir, const char *size)
{
	char file[64], text[256];
	uint64_t v = 0;

	(void)snprintf(file, sizeof(file), "hugetlb.%s.events", size);
	if (cgroup_read(dir, file, text, sizeof(text)) == 0)
		(void)cgroup_keyed_uint(text, "max", &v);
	json_key(w, "failcnt");
	json_put_uint(w, v);
}

/* "hugetlb.SIZE.<usage file>", without ".rsvd": SIZE to out. */
static bool size_of(const char *name, const char *usage, char out[static 16])
{
	const char *dot = strncmp(name, "hugetlb.", 8) == 0 ? strchr(name + 8, '.') : NULL;
	size_t n = dot == NULL ? 0 : (size_t)(dot - name - 8);

	if (n == 0 || n >= 16 || strcmp(dot + 1, usage) != 0)
		return false;
	memcpy(out, name + 8, n);
	out[n] = '\0';
	return true;
}

void cgroup_stats_hugetlb(const struct cgroup_group *group, bool v2, struct json_writer *w)
{
	DIR *d = group == NULL ? NULL : opendir(group->dir);
	struct dirent *e;
	char size[16];

	json_key(w, "hugetlb");
	json_begin_object(w);
	while (d != NULL && (e = readdir(d)) != NULL) {
		if (!size_of(e->d_name, v2 ? "current" : "usage_in_bytes", size))
			continue;
		json_key(w, size);
		json_begin_object(w);
		put(w, "usage", group->dir, v2 ? "current" : "usage_in_bytes", size);
		if (v2) {
			put_events(w, group->dir, size);
		} else {
			put(w, "max", group->dir, "max_usage_in_bytes", size);
			put(w, "failcnt", group->dir, "failcnt", size);
		}
		json_end_object(w);
	}
	if (d != NULL)
		(void)closedir(d);
	json_end_object(w);
}
