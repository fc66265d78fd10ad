// SPDX-License-Identifier: Apache-2.0
/*
 * Statistics of a cgroup v2 container in the shape of `runc events --stats`, which is that of v1:
 * times in nanoseconds, swap as memory plus swap. Controllers that the group lacks are left out.
 */
#include "sandbox/cgroup_internal.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"

#define STAT_MAX (256u << 10)

/* One line of a pressure file, "some avg10=0.00 avg60=0.00 avg300=0.00 total=0", as an object. */
static void pressure_line(struct json_writer *w, const char *line)
{
	static const char *const keys[] = {"avg10", "avg60", "avg300", "total"};

	json_begin_object(w);
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		char pattern[16], number[24];
		const char *p;
		size_t n;

		(void)snprintf(pattern, sizeof(pattern), "%s=", keys[i]);
		p = strstr(line, pattern);
		n = p == NULL ? 0 : strspn(p + strlen(pattern), "0123456789.");
		if (n == 0 || n >= sizeof(number))
			continue;
		memcpy(number, p + strlen(pattern), n);
		number[n] = '\0';
		json_key(w, keys[i]);
		json_put_raw(w, number);
	}
	json_end_object(w);
}

static void pressure(const struct cgroup_group *group, const char *file, struct json_writer *w)
{
	static const char *const kinds[] = {"some", "full"};
	char text[512];

	if (cgroup_read(group->dir, file, text, sizeof(text)) < 0)
		return;
	json_key(w, "psi");
	json_begin_object(w);
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		const char *line = strstr(text, kinds[i]);

		if (line == NULL)
			continue;
		json_key(w, kinds[i]);
		pressure_line(w, line);
	}
	json_end_object(w);
}

static void cpu_stats(const struct cgroup_group *group, struct json_writer *w, struct buf *text)
{
	(void)cgroup_stats_read(group, "cpu.stat", text);
	json_key(w, "cpu");
	json_begin_object(w);
	json_key(w, "usage");
	json_begin_object(w);
	cgroup_stats_keyed(w, "total", buf_str(text), "usage_usec", 1000);
	cgroup_stats_keyed(w, "kernel", buf_str(text), "system_usec", 1000);
	cgroup_stats_keyed(w, "user", buf_str(text), "user_usec", 1000);
	json_end_object(w);
	json_key(w, "throttling");
	json_begin_object(w);
	cgroup_stats_keyed(w, "periods", buf_str(text), "nr_periods", 1);
	cgroup_stats_keyed(w, "throttledPeriods", buf_str(text), "nr_throttled", 1);
	cgroup_stats_keyed(w, "throttledTime", buf_str(text), "throttled_usec", 1000);
	json_end_object(w);
	pressure(group, "cpu.pressure", w);
	json_end_object(w);
}

struct memory_use {
	uint64_t usage, limit, max, failures;
};

static bool read_use(const struct cgroup_group *group, const char *name, struct memory_use *ret)
{
	char file[64], events[512];

	*ret = (struct memory_use){0};
	(void)snprintf(file, sizeof(file), "memory.%scurrent", name);
	if (cgroup_read_uint(group->dir, file, &ret->usage) < 0)
		return false;
	(void)snprintf(file, sizeof(file), "memory.%smax", name);
	(void)cgroup_read_uint(group->dir, file, &ret->limit);
	(void)snprintf(file, sizeof(file), "memory.%speak", name);
	(void)cgroup_read_uint(group->dir, file, &ret->max);
	(void)snprintf(file, sizeof(file), "memory.%sevents", name);
	if (cgroup_read(group->dir, file, events, sizeof(events)) == 0)
		(void)cgroup_keyed_uint(events, "max", &ret->failures);
	return true;
}

static void put_use(struct json_writer *w, const char *key, const struct memory_use *use)
{
	json_key(w, key);
	json_begin_object(w);
	json_key(w, "limit");
	json_put_uint(w, use->limit);
	json_key(w, "usage");
	json_put_uint(w, use->usage);
	json_key(w, "max");
	json_put_uint(w, use->max);
	json_key(w, "failcnt");
	json_put_uint(w, use->failures);
	json_end_object(w);
}

static void memory_stats(const struct cgroup_group *group, struct json_writer *w, struct buf *text)
{
	struct memory_use memory, swap;

	if (!read_use(group, "", &memory))
		return;
	(void)cgroup_stats_read(group, "memory.stat", text);
	json_key(w, "memory");
	json_begin_object(w);
	cgroup_stats_keyed(w, "cache", buf_str(text), "file", 1);
	put_use(w, "usage", &memory);
	if (read_use(group, "swap.", &swap)) {
		swap.usage += memory.usage;
		if (swap.limit != UINT64_MAX)
			swap.limit = memory.limit > UINT64_MAX - swap.limit
					     ? UINT64_MAX
					     : swap.limit + memory.limit;
		swap.max = 0; /* the two peaks need not coincide */
		put_use(w, "swap", &swap);
	}
	json_key(w, "raw");
	json_begin_object(w);
	cgroup_stats_raw(w, buf_str(text));
	json_end_object(w);
	pressure(group, "memory.pressure", w);
	json_end_object(w);
}

struct io_column {
	const char *key, *op;
};

/* Lines "MAJ:MIN rbytes=N wbytes=N rios=N wios=N dbytes=N dios=N". */
static void io_entries(struct json_writer *w, const char *name, const char *text,
	const struct io_column *columns, size_t count)
{
	json_key(w, name);
	json_begin_array(w);
	for (const char *line = text; *line != '\0';) {
		size_t len = strcspn(line, "\n");
		unsigned int major, minor;
		const char *rest;
		bool is_device = cgroup_parse_device(line, &major, &minor, &rest);

		for (size_t i = 0; i < count && is_device; i++) {
			const char *p = strstr(rest, columns[i].key);

			if (p != NULL && p < line + len)
				cgroup_stats_io(w, major, minor, columns[i].op,
					strlen(columns[i].op),
					strtoull(p + strlen(columns[i].key), NULL, 10));
		}
		line += len;
		line += *line == '\n';
	}
	json_end_array(w);
}

static void io_stats(const struct cgroup_group *group, struct json_writer *w, struct buf *text)
{
	static const struct io_column bytes[] = {
		{" rbytes=", "Read"}, {" wbytes=", "Write"}, {" dbytes=", "Discard"}};
	static const struct io_column operations[] = {
		{" rios=", "Read"}, {" wios=", "Write"}, {" dios=", "Discard"}};

	(void)cgroup_stats_read(group, "io.stat", text);
	json_key(w, "blkio");
	json_begin_object(w);
	io_entries(w, "ioServiceBytesRecursive", buf_str(text), bytes, ARRAY_SIZE(bytes));
	io_entries(w, "ioServicedRecursive", buf_str(text), operations, ARRAY_SIZE(operations));
	pressure(group, "io.pressure", w);
	json_end_object(w);
}

int cgroup_stats_v2(struct cgroup *cg, struct json_writer *w, struct bh_error *err)
{
	const struct cgroup_group *group = cgroup_group_main(cg);
	_cleanup_buf_ struct buf text = {0};

	if (group == NULL || access(group->dir, F_OK) < 0)
		return bh_fail(err, -ENOENT, "the container's cgroup is gone");
	buf_init(&text, STAT_MAX);
	json_begin_object(w);
	cpu_stats(group, w, &text);
	memory_stats(group, w, &text);
	cgroup_stats_pids(group, w);
	io_stats(group, w, &text);
	cgroup_stats_hugetlb(group, true, w);
	json_end_object(w);
	return 0;
}
