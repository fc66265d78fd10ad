// SPDX-License-Identifier: Apache-2.0
/*
 * Control groups of a boundary report. The groups are those /proc/PID/cgroup names; a limit counts
 * if it is set on the group or on one above it, the smallest deciding.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/bpf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/mem.h"
#include "sandbox/boundary_read.h"

#define HIERARCHIES_MAX 32
/* v1 says "no limit" with a number near 2^63. */
#define NO_LIMIT (1ull << 62)

/* A mounted cgroup hierarchy of the reader. */
struct hierarchy {
	const char *mount_point, *root, *options; /* options NULL: v2 */
};

/* Fields 4 (root), 5 (mount point) of mountinfo, and after "-": type, source, options. */
static bool parse_hierarchy(char *line, struct hierarchy *ret)
{
	struct hierarchy h = {NULL, NULL, NULL};
	const char *type;
	char *field;

	for (int i = 0; i < 3; i++)
		(void)boundary_token(&line, ' ');
	h.root = boundary_token(&line, ' ');
	h.mount_point = boundary_token(&line, ' ');
	while ((field = boundary_token(&line, ' ')) != NULL && strcmp(field, "-") != 0)
		;
	type = boundary_token(&line, ' ');
	(void)boundary_token(&line, ' ');
	if (type == NULL || (strcmp(type, "cgroup") != 0 && strcmp(type, "cgroup2") != 0))
		return false;
	if (strcmp(type, "cgroup") == 0)
		h.options = line;
	*ret = h;
	return true;
}

static size_t read_hierarchies(struct arena *a, struct hierarchy *ret)
{
	char *text = (char *)boundary_read_text(AT_FDCWD, "/proc/self/mountinfo", a), *line;
	size_t count = 0;

	while (count < HIERARCHIES_MAX && (line = boundary_token(&text, '\n')) != NULL)
		count += parse_hierarchy(line, &ret[count]);
	return count;
}

static bool in_list(const char *list, const char *word)
{
	size_t len = strlen(word);

	for (const char *at = list; (at = strstr(at, word)) != NULL; at += len)
		if ((at == list || at[-1] == ',') && (at[len] == ',' || at[len] == '\0'))
			return true;
	return false;
}

/* ---- one group ---- */

/* The directory of the group that holds controller ("" for v2), or "" if there is none. */
static void group_path(const struct hierarchy *h, size_t count, char *cgroups,
	const char *controller, char out[static PATH_MAX])
{
	char *line;

	out[0] = '\0';
	while ((line = boundary_token(&cgroups, '\n')) != NULL) {
		const char *list, *path;

		(void)boundary_token(&line, ':');
		list = boundary_token(&line, ':'); /* empty for v2 */
		path = line;
		if (list == NULL || strncmp(path, "/..", 3) == 0 ||
			(controller[0] == '\0' ? list[0] != '\0' : !in_list(list, controller)))
			continue;
		for (size_t i = 0; i < count; i++) {
			size_t skip = strcmp(h[i].root, "/") == 0 ? 0 : strlen(h[i].root);

			if (controller[0] == '\0' ? h[i].options != NULL
						  : h[i].options == NULL ||
							    !in_list(h[i].options, controller))
				continue;
			if (strncmp(path, h[i].root, skip) != 0)
				continue;
			if (snprintf(out, PATH_MAX, "%s%s", h[i].mount_point, path + skip) >=
				PATH_MAX)
				out[0] = '\0';
			else if (out[0] != '\0' && out[strlen(out) - 1] == '/')
				out[strlen(out) - 1] = '\0';
			return;
		}
	}
}

static bool read_value(const char *dir, const char *file, struct arena *a, const char **ret)
{
	char path[PATH_MAX + 64];

	(void)snprintf(path, sizeof(path), "%s/%s", dir, file);
	*ret = boundary_read_text(AT_FDCWD, path, a);
	return *ret != NULL;
}

/* Smallest limit of file in dir and the groups above it, up to the mount point. */
static void read_limit(const char *dir, const struct hierarchy *h, size_t count, const char *file,
	struct arena *a, struct boundary_limit *ret)
{
	char at[PATH_MAX];
	const char *value;

	(void)snprintf(at, sizeof(at), "%s", dir);
	if (dir[0] != '\0' && access(dir, F_OK) == 0)
		ret->set = BOUNDARY_NO; /* the topmost group has no such file */
	for (char *slash = at; slash != NULL && at[0] != '\0';) {
		if (read_value(at, file, a, &value)) {
			uint64_t n = strncmp(value, "max", 3) == 0 ? UINT64_MAX
								   : strtoull(value, NULL, 10);

			if (n >= NO_LIMIT && ret->set == BOUNDARY_UNKNOWN)
				ret->set = BOUNDARY_NO;
			else if (n < NO_LIMIT && (ret->set != BOUNDARY_YES || n < ret->value))
				*ret = (struct boundary_limit){BOUNDARY_YES, n};
		}
		for (size_t i = 0; i < count; i++)
			if (strcmp(h[i].mount_point, at) == 0)
				return;
		slash = strrchr(at, '/');
		if (slash != NULL)
			*slash = '\0';
	}
}

/* "quota period" in v2; two files in v1. As thousandths of a CPU. */
static void read_cpu_v2(const char *dir, struct arena *a, struct boundary_limit *ret)
{
	const char *value;
	char *end;
	uint64_t quota, period;

	if (!read_value(dir, "cpu.max", a, &value))
		return;
	ret->set = BOUNDARY_NO;
	if (strncmp(value, "max", 3) == 0)
		return;
	quota = strtoull(value, &end, 10);
	period = strtoull(end, NULL, 10);
	if (period > 0)
		*ret = (struct boundary_limit){BOUNDARY_YES, quota * 1000 / period};
}

static void read_cpu_v1(const char *dir, struct arena *a, struct boundary_limit *ret)
{
	const char *quota, *period;
	int64_t q;
	uint64_t p;

	if (!read_value(dir, "cpu.cfs_quota_us", a, &quota) ||
		!read_value(dir, "cpu.cfs_period_us", a, &period))
		return;
	q = strtoll(quota, NULL, 10);
	p = strtoull(period, NULL, 10);
	ret->set = BOUNDARY_NO;
	if (q > 0 && p > 0)
		*ret = (struct boundary_limit){BOUNDARY_YES, (uint64_t)q * 1000 / p};
}

/* ---- devices ---- */

static int read_device_rules(const char *dir, struct arena *a, struct boundary_facts *facts)
{
	const char *text, **rules;
	char *rest, *line;
	size_t count = 1;

	if (!read_value(dir, "devices.list", a, &text))
		return 0;
	for (const char *c = text; *c != '\0'; c++)
		count += *c == '\n';
	rules = arena_calloc(a, count + 1, sizeof(*rules));
	if (rules == NULL)
		return -ENOMEM;
	facts->device_rules = rules;
	facts->device_filter = BOUNDARY_YES;
	rest = (char *)text;
	while ((line = boundary_token(&rest, '\n')) != NULL) {
		if (strncmp(line, "a *:* rwm", 9) == 0)
			facts->device_filter = BOUNDARY_NO;
		rules[facts->device_rule_count++] = line;
	}
	return 0;
}

/* v2: whether programs decide about devices here (those of groups above included). */
static enum boundary_answer query_device_program(const char *dir)
{
	_cleanup_close_ int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	uint32_t ids[16];
	union bpf_attr attr;

	if (fd < 0)
		return BOUNDARY_UNKNOWN;
	memset(&attr, 0, sizeof(attr));
	attr.query.target_fd = (uint32_t)fd;
	attr.query.attach_type = BPF_CGROUP_DEVICE;
	attr.query.query_flags = BPF_F_QUERY_EFFECTIVE;
	attr.query.prog_ids = (uint64_t)(uintptr_t)ids;
	attr.query.prog_cnt = sizeof(ids) / sizeof(*ids);
	if (syscall(SYS_bpf, BPF_PROG_QUERY, &attr, sizeof(attr)) < 0 && errno != ENOSPC)
		return BOUNDARY_UNKNOWN;
	return attr.query.prog_cnt > 0 ? BOUNDARY_YES : BOUNDARY_NO;
}

/* ---- all ---- */

static const char *one_line(struct arena *a, const char *text)
{
	_cleanup_buf_ struct buf line;

	buf_init(&line, 1u << 16);
	for (; *text != '\0'; text++) {
		if (*text == '\n')
			(void)buf_puts(&line, ", ");
		else
			(void)buf_putc(&line, *text);
	}
	return arena_strdup(a, buf_str(&line));
}

int boundary_read_cgroup(int proc, struct arena *a, struct boundary_facts *facts)
{
	static const struct {
		const char *controller, *v1_file, *v2_file;
		size_t offset;
	} limits[] = {
		{"pids", "pids.max", "pids.max", offsetof(struct boundary_facts, pids)},
		{"memory", "memory.limit_in_bytes", "memory.max",
			offsetof(struct boundary_facts, memory)},
	};
	struct hierarchy h[HIERARCHIES_MAX];
	size_t count = read_hierarchies(a, h);
	const char *text = boundary_read_text(proc, "cgroup", a);
	char v1[PATH_MAX], v2[PATH_MAX];

	if (text == NULL)
		return 0;
	facts->cgroup = one_line(a, text);
	if (facts->cgroup == NULL)
		return -ENOMEM;
	group_path(h, count, arena_strdup(a, text), "", v2);
	for (size_t i = 0; i < ARRAY_SIZE(limits); i++) {
		struct boundary_limit *limit =
			(struct boundary_limit *)((char *)facts + limits[i].offset);

		group_path(h, count, arena_strdup(a, text), limits[i].controller, v1);
		if (v1[0] != '\0')
			read_limit(v1, h, count, limits[i].v1_file, a, limit);
		else
			read_limit(v2, h, count, limits[i].v2_file, a, limit);
	}
	group_path(h, count, arena_strdup(a, text), "cpu", v1);
	if (v1[0] != '\0')
		read_cpu_v1(v1, a, &facts->cpu);
	else if (v2[0] != '\0')
		read_cpu_v2(v2, a, &facts->cpu);
	group_path(h, count, arena_strdup(a, text), "devices", v1);
	if (v1[0] != '\0')
		return read_device_rules(v1, a, facts);
	if (v2[0] != '\0')
		facts->device_filter = query_device_program(v2);
	return 0;
}
