// SPDX-License-Identifier: Apache-2.0
/* Names and properties of systemd units: the parts without a bus. tests/systemd runs the rest. */
#include <errno.h>
#include <stdint.h>

#include "sandbox/cgroup_systemd.h"

#include "test.h"

static struct bh_error err = BH_ERROR_INIT;

static const char *unit_of(const char *path, bool rootless)
{
	static char text[1024];
	struct cgroup_request q = {.id = "c1", .path = path, .rootless = rootless};
	struct cgroup_unit unit;
	struct arena a = ARENA_INIT;
	int r;

	CHECK_INT(arena_init(&a, 1 << 20), 0);
	r = cgroup_unit_parse(&q, &a, &unit, &err);
	if (r == 0)
		(void)snprintf(text, sizeof(text), "%s in %s", unit.name, unit.slice);
	arena_release(&a);
	return r == 0 ? text : NULL;
}

TEST(unit_names)
{
	CHECK_STR(unit_of("system.slice:docker:abc", false), "docker-abc.scope in system.slice");
	CHECK_STR(unit_of("::abc", false), "abc.scope in system.slice");
	CHECK_STR(unit_of(NULL, false), "bulkhead-c1.scope in system.slice");
	CHECK_STR(unit_of(NULL, true), "bulkhead-c1.scope in user.slice");
	CHECK(unit_of("/docker/abc", false) == NULL);
	CHECK(strstr(err.text, "SLICE:PREFIX:NAME") != NULL);
	CHECK(unit_of("a:b:c:d", false) == NULL);
	CHECK(unit_of("a:b", false) == NULL);
	CHECK(unit_of("system.slice:p:", false) == NULL);
	CHECK(unit_of("system.slice:p:x.slice", false) == NULL);
	CHECK(unit_of("system.slice:p:a/b", false) == NULL);
	CHECK(unit_of("system.slice:p:a b", false) == NULL);
}

static const char *slice_of(const char *slice)
{
	static char text[1024];
	struct arena a = ARENA_INIT;
	const char *path = NULL;
	int r;

	CHECK_INT(arena_init(&a, 1 << 20), 0);
	r = cgroup_slice_expand(slice, &a, &path, &err);
	if (r == 0)
		(void)snprintf(text, sizeof(text), "%s", path);
	arena_release(&a);
	return r == 0 ? text : NULL;
}

TEST(slices)
{
	CHECK_STR(slice_of("system.slice"), "/system.slice");
	CHECK_STR(slice_of("a-b-c.slice"), "/a.slice/a-b.slice/a-b-c.slice");
	CHECK_STR(slice_of("-.slice"), "");
	CHECK(slice_of("a--b.slice") == NULL);
	CHECK(slice_of("-a.slice") == NULL);
	CHECK(slice_of("a-.slice") == NULL);
	CHECK(slice_of(".slice") == NULL);
	CHECK(slice_of("a.scope") == NULL);
	CHECK(slice_of("../a.slice") == NULL);
}

/* "NAME=VALUE;" for each property. */
static const char *properties_of(
	const struct oci_resources *res, enum cgroup_mode mode, bool devices)
{
	static char text[4096];
	struct arena a = ARENA_INIT;
	struct cgroup_properties p = {.arena = &a};
	size_t n = 0;

	CHECK_INT(arena_init(&a, 1 << 20), 0);
	if (devices)
		CHECK_INT(cgroup_unit_devices(res, &p, &err), 0);
	else
		CHECK_INT(cgroup_unit_limits(res, mode, &p, &err), 0);
	text[0] = '\0';
	for (size_t i = 0; i < p.count; i++)
		n += (size_t)snprintf(
			text + n, sizeof(text) - n, "%s=%s;", p.items[i].name, p.items[i].value);
	arena_release(&a);
	return text;
}

TEST(limits)
{
	struct oci_resources res = {.memory.limit = {true, 1000},
		.memory.swap = {true, 3000},
		.cpu.shares = {true, 1024},
		.cpu.quota = {true, 12345},
		.cpu.period = {true, 100000},
		.cpu.cpus = "0-1",
		.pids_limit = {true, -1}};
	struct oci_pair pairs[] = {
		{"memory.high", "max"}, {"cpu.max", "50000 100000"}, {"io.max", "8:0 rbps=1"}};
	struct oci_resources unified = {.unified = pairs, .unified_count = 3};

	CHECK_STR(properties_of(&res, CGROUP_V1, false),
		"MemoryLimit=1000;CPUShares=1024;CPUQuotaPeriodUSec=100000;CPUQuotaPerSecUSec="
		"130000;"
		"TasksMax=18446744073709551615;");
	CHECK_STR(properties_of(&res, CGROUP_V2, false),
		"MemoryMax=1000;MemorySwapMax=2000;CPUWeight=39;CPUQuotaPeriodUSec=100000;"
		"CPUQuotaPerSecUSec=130000;AllowedCPUs=0-1;TasksMax=18446744073709551615;");
	CHECK_STR(properties_of(&unified, CGROUP_V2, false),
		"MemoryHigh=18446744073709551615;CPUQuotaPeriodUSec=100000;CPUQuotaPerSecUSec="
		"500000;");
}

TEST(devices)
{
	struct oci_device_rule fuse = {true, 'c', 10, 229, 7}, all = {true, 'a', -1, -1, 7};
	struct oci_resources res = {.devices = &fuse, .device_count = 1};

	CHECK(strncmp(properties_of(&res, CGROUP_V1, true),
		      "DevicePolicy=strict;DeviceAllow=/dev/char/10:229 rwm;DeviceAllow=char-* m;",
		      72) == 0);
	res.devices = &all;
	CHECK_STR(properties_of(&res, CGROUP_V1, true), "DevicePolicy=auto;");
}
