// SPDX-License-Identifier: Apache-2.0
/*
 * Statistics of a cgroup v1 container in the shape of `runc events --stats`. Parts whose controller
 * the container is not in, and files that this kernel lacks, are left out.
 */
#include "sandbox/cgroup_internal.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"

#define STAT_MAX (256u << 10)
#define LETTERS  "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

const char *cgroup_stats_read(const struct cgroup_group *group, const char *file, struct buf *out)
{
	char path[CGROUP_PATH_MAX];

	buf_clear(out);
	if (snprintf(path, sizeof(path), "%s/%s", group->dir, file) < (int)sizeof(path))
		(void)fd_read_file(AT_FDCWD, path, out);
	return buf_str(out);
}

void cgroup_stats_file(struct json_writer *w, const char *key, const char *dir, const char *file)
{
	uint64_t v;

	if (cgroup_read_uint(dir, file, &v) < 0)
		return;
	json_key(w, key);
	json_put_uint(w, v);
}

void cgroup_stats_keyed(
	struct json_writer *w, const char *key, const char *text, const char *name, uint64_t factor)
{
	uint64_t v = 0;

	(void)cgroup_keyed_uint(text, name, &v);
	json_key(w, key);
	json_put_uint(w, v * factor);
}

/* Column `column` (from 0) of each line after `skip` lines, or with one line every word. */
static void put_columns(struct json_writer *w, const char *key, const char *text, unsigned int skip,
	unsigned int column)
{
	json_key(w, key);
	json_begin_array(w);
	for (const char *line = text; *line != '\0';) {
		const char *p = line, *end = line + strcspn(line, "\n");

		for (unsigned int i = 0; i < column && p < end; i++)
			p += strcspn(p, " \n") + 1;
		if (skip > 0)
			skip--;
		else if (p < end)
			json_put_uint(w, strtoull(p, NULL, 10));
		line = *end == '\n' ? end + 1 : end;
	}
	json_end_array(w);
}

static void put_words(struct json_writer *w, const char *key, const char *text)
{
	json_key(w, key);
	json_begin_array(w);
	for (const char *p = text; *p >= '0' && *p <= '9';) {
		json_put_uint(w, strtoull(p, NULL, 10));
		p += strcspn(p, " \n");
		p += strspn(p, " \n");
	}
	json_end_array(w);
}

static void cpu_usage(const struct cgroup_group *group, struct json_writer *w, struct buf *text)
{
	uint64_t tick_ns = UINT64_C(1000000000) / (uint64_t)sysconf(_SC_CLK_TCK);

	json_key(w, "usage");
	json_begin_object(w);
	cgroup_stats_file(w, "total", group->dir, "cpuacct.usage");
	put_words(w, "percpu", cgroup_stats_read(group, "cpuacct.usage_percpu", text));
	/* "cpu user system" and then one line per CPU */
	if (cgroup_stats_read(group, "cpuacct.usage_all", text)[0] != '\0') {
		put_columns(w, "percpu_kernel", buf_str(text), 1, 2);
		put_columns(w, "percpu_user", buf_str(text), 1, 1);
	}
	(void)cgroup_stats_read(group, "cpuacct.stat", text);
	cgroup_stats_keyed(w, "kernel", buf_str(text), "system", tick_ns);
	cgroup_stats_keyed(w, "user", buf_str(text), "user", tick_ns);
	json_end_object(w);
}

static void cpu_stats(struct cgroup *cg, struct json_writer *w, struct buf *text)
{
	const struct cgroup_group *acct = cgroup_group_of(cg, "cpuacct");
	const struct cgroup_group *cpu = cgroup_group_of(cg, "cpu");

	json_key(w, "cpu");
	json_begin_object(w);
	if (acct != NULL)
		cpu_usage(acct, w, text);
	json_key(w, "throttling");
	json_begin_object(w);
	if (cpu != NULL && cgroup_stats_read(cpu, "cpu.stat", text)[0] != '\0') {
		cgroup_stats_keyed(w, "periods", buf_str(text), "nr_periods", 1);
		cgroup_stats_keyed(w, "throttledPeriods", buf_str(text), "nr_throttled", 1);
		cgroup_stats_keyed(w, "throttledTime", buf_str(text), "throttled_time", 1);
	}
	json_end_object(w);
	json_end_object(w);
}

/* "0-3,7" as a list of numbers. */
static void put_cpu_list(struct json_writer *w, const char *key, const char *dir, const char *file)
{
	char text[4096], *p = text;

	if (cgroup_read(dir, file, text, sizeof(text)) < 0)
		return;
	json_key(w, key);
	json_begin_array(w);
	while (*p >= '0' && *p <= '9') {
		unsigned long first = strtoul(p, &p, 10), last = first;

		if (*p == '-')
			last = strtoul(p + 1, &p, 10);
		for (; first <= last && last < 65536; first++)
			json_put_uint(w, first);
		p += *p == ',';
	}
	json_end_array(w);
}

static void cpuset_stats(struct cgroup *cg, struct json_writer *w)
{
	static const char *const flags[][2] = {
		{"cpu_exclusive", "cpuset.cpu_exclusive"},
		{"mem_hardwall", "cpuset.mem_hardwall"},
		{"mem_exclusive", "cpuset.mem_exclusive"},
		{"memory_migrate", "cpuset.memory_migrate"},
		{"memory_spread_page", "cpuset.memory_spread_page"},
		{"memory_spread_slab", "cpuset.memory_spread_slab"},
		{"memory_pressure", "cpuset.memory_pressure"},
		{"sched_load_balance", "cpuset.sched_load_balance"},
	};
	const struct cgroup_group *group = cgroup_group_of(cg, "cpuset");
	char level[32];

	if (group == NULL)
		return;
	json_key(w, "cpuset");
	json_begin_object(w);
	put_cpu_list(w, "cpus", group->dir, "cpuset.cpus");
	put_cpu_list(w, "mems", group->dir, "cpuset.mems");
	for (size_t i = 0; i < ARRAY_SIZE(flags); i++)
		cgroup_stats_file(w, flags[i][0], group->dir, flags[i][1]);
	if (cgroup_read(group->dir, "cpuset.sched_relax_domain_level", level, sizeof(level)) == 0)
		json_member_int(w, "sched_relax_domain_level", strtol(level, NULL, 10));
	json_end_object(w);
}

static void memory_entry(
	const struct cgroup_group *group, const char *key, const char *part, struct json_writer *w)
{
	static const char *const files[][2] = {
		{"limit", "limit_in_bytes"},
		{"usage", "usage_in_bytes"},
		{"max", "max_usage_in_bytes"},
		{"failcnt", "failcnt"},
	};
	char name[64];
	uint64_t usage;

	(void)snprintf(name, sizeof(name), "memory.%susage_in_bytes", part);
	if (cgroup_read_uint(group->dir, name, &usage) < 0)
		return;
	json_key(w, key);
	json_begin_object(w);
	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		(void)snprintf(name, sizeof(name), "memory.%s%s", part, files[i][1]);
		cgroup_stats_file(w, files[i][0], group->dir, name);
	}
	json_end_object(w);
}

void cgroup_stats_raw(struct json_writer *w, const char *text)
{
	for (const char *line = text; *line != '\0';) {
		size_t key_len = strcspn(line, " \n");
		char key[128];

		if (key_len > 0 && key_len < sizeof(key) && line[key_len] == ' ') {
			memcpy(key, line, key_len);
			key[key_len] = '\0';
			json_key(w, key);
			json_put_uint(w, strtoull(line + key_len, NULL, 10));
		}
		line += strcspn(line, "\n");
		line += *line == '\n';
	}
}

static void memory_stats(struct cgroup *cg, struct json_writer *w, struct buf *text)
{
	const struct cgroup_group *group = cgroup_group_of(cg, "memory");

	if (group == NULL)
		return;
	(void)cgroup_stats_read(group, "memory.stat", text);
	json_key(w, "memory");
	json_begin_object(w);
	cgroup_stats_keyed(w, "cache", buf_str(text), "cache", 1);
	memory_entry(group, "usage", "", w);
	memory_entry(group, "swap", "memsw.", w);
	memory_entry(group, "kernel", "kmem.", w);
	memory_entry(group, "kernelTCP", "kmem.tcp.", w);
	json_key(w, "raw");
	json_begin_object(w);
	cgroup_stats_raw(w, buf_str(text));
	json_end_object(w);
	json_end_object(w);
}

/* A limit of "max" is 0, as in runc. */
void cgroup_stats_pids(const struct cgroup_group *group, struct json_writer *w)
{
	uint64_t limit = 0;

	json_key(w, "pids");
	json_begin_object(w);
	if (group != NULL) {
		cgroup_stats_file(w, "current", group->dir, "pids.current");
		(void)cgroup_read_uint(group->dir, "pids.max", &limit);
		json_key(w, "limit");
		json_put_uint(w, limit == UINT64_MAX ? 0 : limit);
	}
	json_end_object(w);
}

void cgroup_stats_io(struct json_writer *w, unsigned int major, unsigned int minor, const char *op,
	size_t op_len, uint64_t value)
{
	json_begin_object(w);
	json_member_int(w, "major", major);
	json_member_int(w, "minor", minor);
	json_key(w, "op");
	json_put_stringn(w, op, op_len);
	json_key(w, "value");
	json_put_uint(w, value);
	json_end_object(w);
}

/* Lines "MAJOR:MINOR [OP] VALUE"; the line "Total VALUE" at the end is skipped. */
static void blkio_entries(struct json_writer *w, const char *key, const char *text)
{
	json_key(w, key);
	json_begin_array(w);
	for (const char *line = text; *line != '\0';) {
		unsigned int major, minor;
		const char *rest;

		if (cgroup_parse_device(line, &major, &minor, &rest) && *rest++ == ' ') {
			size_t op = strspn(rest, LETTERS);

			cgroup_stats_io(w, major, minor, rest, op, strtoull(rest + op, NULL, 10));
		}
		line += strcspn(line, "\n");
		line += *line == '\n';
	}
	json_end_array(w);
}

static void blkio_stats(struct cgroup *cg, struct json_writer *w, struct buf *text)
{
	static const char *const files[][3] = {
		{"ioServiceBytesRecursive", "blkio.bfq.io_service_bytes_recursive",
			"blkio.throttle.io_service_bytes_recursive"},
		{"ioServicedRecursive", "blkio.bfq.io_serviced_recursive",
			"blkio.throttle.io_serviced_recursive"},
	};
	const struct cgroup_group *group = cgroup_group_of(cg, "blkio");

	json_key(w, "blkio");
	json_begin_object(w);
	for (size_t i = 0; i < ARRAY_SIZE(files) && group != NULL; i++) {
		/* BFQ counts only what BFQ scheduled: without such a disk the list is one zero
		 * line. */
		if (strchr(cgroup_stats_read(group, files[i][1], text), ':') == NULL)
			(void)cgroup_stats_read(group, files[i][2], text);
		blkio_entries(w, files[i][0], buf_str(text));
	}
	json_end_object(w);
}

int cgroup_stats_v1(struct cgroup *cg, struct json_writer *w, struct bh_error *err)
{
	const struct cgroup_group *group = cgroup_group_main(cg);
	_cleanup_buf_ struct buf text = {0};

	if (group == NULL || access(group->dir, F_OK) < 0)
		return bh_fail(err, -ENOENT, "the container's cgroup is gone");
	buf_init(&text, STAT_MAX);
	json_begin_object(w);
	cpu_stats(cg, w, &text);
	cpuset_stats(cg, w);
	memory_stats(cg, w, &text);
	cgroup_stats_pids(cgroup_group_of(cg, "pids"), w);
	blkio_stats(cg, w, &text);
	cgroup_stats_hugetlb(cgroup_group_of(cg, "hugetlb"), false, w);
	json_end_object(w);
	return 0;
}
