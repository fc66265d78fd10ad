// SPDX-License-Identifier: Apache-2.0
#include "sandbox/cgroup_systemd.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#define UNIT_CHARACTERS   "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789:_.\\-@"
#define DEFAULT_PERIOD_US 100000
#define QUOTA_STEP_US     10000 /* systemd keeps whole percents of a CPU */

static bool ends_with(const char *s, const char *suffix)
{
	size_t n = strlen(s), m = strlen(suffix);

	return n >= m && strcmp(s + n - m, suffix) == 0;
}

static int check_name(const char *name, const char *what, struct bh_error *err)
{
	if (name[strspn(name, UNIT_CHARACTERS)] != '\0' || strlen(name) > CGROUP_UNIT_NAME_MAX)
		return bh_fail(err, -EINVAL,
			"/linux/cgroupsPath: \"%.300s\" is not a valid %s name", name, what);
	return 0;
}

static int split(
	const char *path, struct arena *a, const char *part[static 3], struct bh_error *err)
{
	for (size_t i = 0; i < 3; i++) {
		size_t n = i < 2 ? strcspn(path, ":") : strlen(path);

		if ((i < 2 && path[n] != ':') || (i == 2 && strchr(path, ':') != NULL))
			return bh_fail(err, -EINVAL,
				"/linux/cgroupsPath must be SLICE:PREFIX:NAME with "
				"--systemd-cgroup");
		part[i] = arena_strndup(a, path, n);
		if (part[i] == NULL)
			return bh_fail(err, -ENOMEM, "out of memory for a unit name");
		path += n + 1;
	}
	return 0;
}

int cgroup_unit_parse(const struct cgroup_request *request, struct arena *a,
	struct cgroup_unit *ret, struct bh_error *err)
{
	const char *part[3] = {"", "bulkhead", request->id}, *unit, *expanded;
	int r = 0;

	if (request->path != NULL && request->path[0] != '\0')
		r = split(request->path, a, part, err);
	if (r < 0)
		return r;
	if (part[0][0] == '\0')
		part[0] = request->rootless ? "user.slice" : "system.slice";
	if (part[2][0] == '\0')
		return bh_fail(err, -EINVAL, "/linux/cgroupsPath: the name of the unit is missing");
	if (ends_with(part[2], ".slice"))
		return bh_fail(err, -ENOTSUP,
			"/linux/cgroupsPath: %s is a slice, and slices hold no processes: name a "
			"scope",
			part[2]);
	unit = arena_printf(a, "%s%s%s.scope", part[1], part[1][0] == '\0' ? "" : "-", part[2]);
	if (unit == NULL)
		return bh_fail(err, -ENOMEM, "out of memory for a unit name");
	r = check_name(unit, "unit", err);
	if (r == 0)
		r = cgroup_slice_expand(part[0], a, &expanded, err);
	if (r < 0)
		return r;
	*ret = (struct cgroup_unit){unit, part[0]};
	return 0;
}

int cgroup_slice_expand(const char *slice, struct arena *a, const char **ret, struct bh_error *err)
{
	size_t len = strlen(slice), depth = 0;
	char *out, *o;
	int r = check_name(slice, "slice", err);

	if (r < 0)
		return r;
	if (!ends_with(slice, ".slice") || len <= 6)
		return bh_fail(err, -EINVAL, "/linux/cgroupsPath: \"%s\" is not a valid slice name",
			slice);
	len -= 6;
	o = out = arena_alloc(a, (len + 8) * (CGROUP_SLICE_DEPTH_MAX + 1));
	if (out == NULL)
		return bh_fail(err, -ENOMEM, "out of memory for a slice name");
	for (size_t i = 1; i <= len && !(len == 1 && slice[0] == '-'); i++) {
		if (i < len && slice[i] != '-')
			continue;
		if (slice[i - 1] == '-' || slice[0] == '-' || ++depth > CGROUP_SLICE_DEPTH_MAX)
			return bh_fail(err, -EINVAL,
				"/linux/cgroupsPath: \"%s\" is not a valid slice name", slice);
		o += sprintf(o, "/%.*s.slice", (int)i, slice);
	}
	*ret = out;
	return 0;
}

static void add(struct cgroup_properties *p, unsigned int since, const char *name, const char *type,
	const char *fmt, ...) __attribute__((format(printf, 5, 6)));

static void add(struct cgroup_properties *p, unsigned int since, const char *name, const char *type,
	const char *fmt, ...)
{
	char text[CGROUP_PATH_MAX];
	const char *value;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	value = n < 0 || (size_t)n >= sizeof(text) ? NULL : arena_strdup(p->arena, text);
	if (p->items == NULL) {
		p->cap = CGROUP_PROPERTIES_MAX;
		p->items = arena_calloc(p->arena, p->cap, sizeof(*p->items));
	}
	if (value == NULL || p->items == NULL || p->count == p->cap) {
		p->failed = -E2BIG;
		return;
	}
	p->items[p->count++] = (struct cgroup_property){name, type, value, since};
}

static void add_bytes(struct cgroup_properties *p, const char *name, int64_t value)
{
	add(p, 0, name, "t", "%" PRIu64, value < 0 ? UINT64_MAX : (uint64_t)value);
}

static int64_t value_of(struct oci_optional_int v)
{
	return v.set ? v.value : 0;
}

static uint64_t value_of_uint(struct oci_optional_uint v)
{
	return v.set ? v.value : 0;
}

static int memory(const struct oci_resources *r, enum cgroup_mode mode, struct cgroup_properties *p,
	struct bh_error *err)
{
	int64_t limit = value_of(r->memory.limit), swap = 0;

	if (mode == CGROUP_V1) {
		if (limit != 0)
			add_bytes(p, "MemoryLimit", limit);
		return 0;
	}
	if (cgroup_swap_v2(value_of(r->memory.swap), limit, &swap) < 0)
		return bh_fail(err, -EINVAL, "/linux/resources/memory/swap contradicts the limit");
	if (limit != 0)
		add_bytes(p, "MemoryMax", limit);
	if (value_of(r->memory.reservation) != 0)
		add_bytes(p, "MemoryLow", r->memory.reservation.value);
	if (swap != 0 || value_of(r->memory.swap) > 0)
		add_bytes(p, "MemorySwapMax", swap);
	return 0;
}

static void quota(struct cgroup_properties *p, int64_t quota_us, uint64_t period_us)
{
	uint64_t per_second = UINT64_MAX;

	if (period_us != 0)
		add(p, 242, "CPUQuotaPeriodUSec", "t", "%" PRIu64, period_us);
	if (quota_us == 0 && period_us == 0)
		return;
	if (quota_us > 0 && quota_us < INT64_MAX / 1000000) {
		per_second = (uint64_t)quota_us * 1000000 /
			     (period_us == 0 ? DEFAULT_PERIOD_US : period_us);
		per_second = (per_second + QUOTA_STEP_US - 1) / QUOTA_STEP_US * QUOTA_STEP_US;
	}
	add(p, 0, "CPUQuotaPerSecUSec", "t", "%" PRIu64, per_second);
}

static void cpu(const struct oci_resources *r, enum cgroup_mode mode, struct cgroup_properties *p)
{
	uint64_t shares = value_of_uint(r->cpu.shares);

	if (mode == CGROUP_V1 && shares != 0)
		add(p, 0, "CPUShares", "t", "%" PRIu64, shares);
	else if (value_of(r->cpu.idle) == 1)
		add(p, 252, "CPUWeight", "t", "0"); /* systemd's word for cpu.idle */
	else if (shares != 0)
		add(p, 0, "CPUWeight", "t", "%" PRIu64, cgroup_shares_to_weight(shares));
	quota(p, value_of(r->cpu.quota), value_of_uint(r->cpu.period));
	if (mode == CGROUP_V1)
		return;
	if (r->cpu.cpus != NULL && r->cpu.cpus[0] != '\0')
		add(p, 244, "AllowedCPUs", "ay", "%s", r->cpu.cpus);
	if (r->cpu.mems != NULL && r->cpu.mems[0] != '\0')
		add(p, 244, "AllowedMemoryNodes", "ay", "%s", r->cpu.mems);
}

static void unified(const struct oci_resources *r, struct cgroup_properties *p)
{
	static const char *const map[][3] = {
		{"cpu.weight", "CPUWeight", "t"},
		{"cpuset.cpus", "AllowedCPUs", "ay"},
		{"cpuset.mems", "AllowedMemoryNodes", "ay"},
		{"memory.min", "MemoryMin", "t"},
		{"memory.low", "MemoryLow", "t"},
		{"memory.high", "MemoryHigh", "t"},
		{"memory.max", "MemoryMax", "t"},
		{"memory.swap.max", "MemorySwapMax", "t"},
		{"pids.max", "TasksMax", "t"},
	};

	for (size_t i = 0; i < r->unified_count; i++) {
		const char *value = r->unified[i].value;

		if (strcmp(r->unified[i].key, "cpu.max") == 0) {
			char *end;
			int64_t us = value[0] == 'm' ? -1 : strtoll(value, &end, 10);

			quota(p, us, value[0] == 'm' ? 0 : strtoull(end, NULL, 10));
		}
		for (size_t m = 0; m < ARRAY_SIZE(map); m++) {
			if (strcmp(r->unified[i].key, map[m][0]) != 0)
				continue;
			if (map[m][2][0] == 't' && strcmp(value, "max") == 0)
				add_bytes(p, map[m][1], -1);
			else
				add(p, map[m][2][0] == 'a' ? 244 : 0, map[m][1], map[m][2], "%s",
					value);
		}
	}
}

/* "c 1:3 rwm", "c 136:* rwm", "c *:* m" to systemd.resource-control(5), DeviceAllow=. systemd knows
 * a whole major by its driver's name only, so other such rules are left to what the runtime writes
 * itself: after a daemon-reload they are gone, which errs on the safe side. */
static void device(const char *rule, struct cgroup_properties *p)
{
	const char *kind = rule[0] == 'b' ? "block" : "char", *access;
	unsigned int major, minor;

	if (cgroup_parse_device(rule + 2, &major, &minor, &access))
		add(p, 0, "DeviceAllow", "a(ss)", "/dev/%s/%u:%u%s", kind, major, minor, access);
	else if (strncmp(rule + 2, "*:* ", 4) == 0)
		add(p, 0, "DeviceAllow", "a(ss)", "%s-* %s", kind, rule + 6);
	else if (strncmp(rule, "c 136:* ", 8) == 0)
		add(p, 0, "DeviceAllow", "a(ss)", "char-pts %s", rule + 8);
}

int cgroup_unit_devices(
	const struct oci_resources *resources, struct cgroup_properties *p, struct bh_error *err)
{
	struct cgroup_plan plan = {.arena = p->arena};
	struct oci_device_rule *rules;
	size_t count;
	int r = cgroup_device_rules(resources, p->arena, &rules, &count);

	if (r < 0)
		return bh_fail_errno(err, r, "device rules");
	r = cgroup_device_plan_v1(rules, count, &plan, err);
	if (r < 0)
		return r;
	if (plan.count > 0 && strcmp(plan.items[0].file, "devices.allow") == 0) {
		add(p, 0, "DevicePolicy", "s", "auto");
		return 0;
	}
	add(p, 0, "DevicePolicy", "s", "strict");
	for (size_t i = 1; i < plan.count; i++)
		device(plan.items[i].value, p);
	if (p->failed != 0)
		return bh_fail(err, p->failed, "too many device rules for one systemd unit");
	return 0;
}

int cgroup_unit_limits(const struct oci_resources *resources, enum cgroup_mode mode,
	struct cgroup_properties *ret, struct bh_error *err)
{
	int r;

	if (resources == NULL)
		return 0;
	r = memory(resources, mode, ret, err);
	if (r < 0)
		return r;
	cpu(resources, mode, ret);
	if (value_of(resources->pids_limit) != 0)
		add_bytes(ret, "TasksMax", resources->pids_limit.value);
	if (mode == CGROUP_V2)
		unified(resources, ret);
	if (ret->failed != 0)
		return bh_fail(err, ret->failed, "too many limits for one systemd unit");
	return 0;
}
