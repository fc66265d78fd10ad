// SPDX-License-Identifier: Apache-2.0
/* The pure parts: mount table, paths, and limits as lists of writes. */
#include <errno.h>
#include <stdint.h>

#include "sandbox/cgroup_internal.h"

#include "test.h"

static struct bh_error err = BH_ERROR_INIT;

static struct cgroup_mounts parse_mounts(const char *text, struct arena *a)
{
	struct cgroup_mounts mounts = {0};
	char copy[4096];

	CHECK(strlen(text) < sizeof(copy));
	strcpy(copy, text);
	CHECK_INT(arena_init(a, 1 << 20), 0);
	CHECK_INT(cgroup_mounts_parse(copy, a, &mounts), 0);
	return mounts;
}

TEST(mounts_hybrid)
{
	struct arena a = ARENA_INIT;
	struct cgroup_mounts m = parse_mounts(
		"31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755\n"
		"50 23 0:40 /x /var/lib/c/sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu,cpuacct\n"
		"32 31 0:29 / /sys/fs/cgroup/cpu\\040x rw shared:9 master:2 - cgroup cgroup "
		"rw,xattr,cpu,cpuacct\n"
		"40 31 0:37 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,xattr,name=systemd\n"
		"41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw,nsdelegate\n"
		"damaged line\n\n- cgroup\n",
		&a);

	CHECK_INT(m.v1_count, 2);
	CHECK_STR(m.v1[0].controllers, "cpu,cpuacct");
	CHECK_STR(m.v1[0].point, "/sys/fs/cgroup/cpu x");
	CHECK_STR(m.v1[1].controllers, "name=systemd");
	CHECK_STR(m.v2.point, "/sys/fs/cgroup/unified");
	CHECK_INT(cgroup_mounts_mode(&m), CGROUP_V1);
	arena_release(&a);
}

TEST(mounts_unified)
{
	struct arena a = ARENA_INIT;
	struct cgroup_mounts m = parse_mounts(
		"30 23 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate\n", &a);

	CHECK_INT(cgroup_mounts_mode(&m), CGROUP_V2);
	arena_release(&a);
	m = parse_mounts("30 23 0:26 / / rw - ext4 /dev/x rw\n", &a);
	CHECK_INT(cgroup_mounts_mode(&m), CGROUP_NONE);
	arena_release(&a);
}

TEST(own_path)
{
	static const char text[] = "9:name=systemd:/user.slice\n4:cpuacct,cpu:/docker/abc/x\n"
				   "3:cpuset:/\n0::/init.scope\n";
	struct cgroup_mount cpu = {"cpu,cpuacct", "/m", "/docker/abc"}, v2 = {"", "/m", "/"};
	struct cgroup_mount absent = {"memory", "/m", "/"}, named = {"name=systemd", "/m", "/"};
	struct arena a = ARENA_INIT;

	CHECK_INT(arena_init(&a, 1 << 20), 0);
	CHECK_STR(cgroup_own_path_parse(text, &cpu, &a), "/x");
	CHECK_STR(cgroup_own_path_parse(text, &v2, &a), "/init.scope");
	CHECK_STR(cgroup_own_path_parse(text, &named, &a), "/user.slice");
	CHECK(cgroup_own_path_parse(text, &absent, &a) == NULL);
	arena_release(&a);
}

TEST(paths)
{
	struct cgroup_request q = {.id = "c1", .path = "//docker///c1/"};
	struct cgroup_mount m = {"memory", "/m", "/"};
	struct arena a = ARENA_INIT;
	const char *path = NULL;

	CHECK_INT(arena_init(&a, 1 << 20), 0);
	CHECK_INT(cgroup_resolve_path(&q, &m, &a, &path, &err), 0);
	CHECK_STR(path, "/docker/c1");
	q.path = NULL;
	CHECK_INT(cgroup_resolve_path(&q, &m, &a, &path, &err), 0);
	CHECK_STR(path, "/bulkhead-c1");
	arena_release(&a);
	CHECK_INT(cgroup_path_check("/a/../b", &err), -EINVAL);
	CHECK_INT(cgroup_path_check("a/..", &err), -EINVAL);
	CHECK_INT(cgroup_path_check("/", &err), -EINVAL);
	CHECK_INT(cgroup_path_check("a\nb", &err), -EINVAL);
	CHECK_INT(cgroup_path_check("/a/..b/c..", &err), 0);
}

/* "controller file=value;" for each write, "|alternative=value" behind those that have one. */
static const char *plan_text(
	int (*limits)(const struct oci_resources *, struct cgroup_plan *, struct bh_error *),
	const struct oci_resources *res)
{
	static char text[8192];
	struct arena a = ARENA_INIT;
	struct cgroup_plan plan = {.arena = &a};
	size_t n = 0;
	int r;

	CHECK_INT(arena_init(&a, 1 << 20), 0);
	err = (struct bh_error)BH_ERROR_INIT;
	r = limits(res, &plan, &err);
	text[0] = '\0';
	for (size_t i = 0; i < plan.count && r == 0; i++) {
		const struct cgroup_write *w = &plan.items[i];

		n += (size_t)snprintf(text + n, sizeof(text) - n, "%s=%s", w->file, w->value);
		if (w->alternative != NULL)
			n += (size_t)snprintf(text + n, sizeof(text) - n, "|%s=%s", w->alternative,
				w->alternative_value != NULL ? w->alternative_value : w->value);
		n += (size_t)snprintf(text + n, sizeof(text) - n, ";");
	}
	arena_release(&a);
	return r == 0 ? text : NULL;
}

#define V1(...) plan_text(cgroup_limits_v1, &(struct oci_resources){__VA_ARGS__})
#define V2(...) plan_text(cgroup_limits_v2, &(struct oci_resources){__VA_ARGS__})

TEST(zero_means_not_given)
{
	CHECK_STR(V1(.cpu.shares = {true, 0}, .blkio.weight = {true, 0}, .memory.limit = {true, 0},
			  .pids_limit = {true, 0}),
		"");
	CHECK_STR(V2(.cpu.shares = {true, 0}, .blkio.weight = {true, 0}, .memory.limit = {true, 0},
			  .pids_limit = {true, 0}),
		"");
	CHECK_STR(V1(.present = true), "");
}

TEST(v1_values)
{
	struct oci_hugepage_limit huge = {"2MB", 4 << 20}, bad = {"../x", 1};
	struct oci_priority prio = {"eth0", 5};
	struct oci_rdma rdma = {"mlx5_1", {true, 3}, {false, 0}};
	struct oci_blkio_device device = {8, 16, 500, 300, true, true};

	CHECK_STR(V1(.memory.limit = {true, -1}),
		"memory.limit_in_bytes=-1;memory.memsw.limit_in_bytes=-1;");
	CHECK_STR(V1(.hugepages = &huge, .hugepage_count = 1),
		"hugetlb.2MB.limit_in_bytes=4194304;hugetlb.2MB.rsvd.limit_in_bytes=4194304;");
	CHECK(V1(.hugepages = &bad, .hugepage_count = 1) == NULL);
	CHECK_STR(V1(.network.class_id = {true, 1048577}, .network.priorities = &prio,
			  .network.priority_count = 1),
		"net_cls.classid=1048577;net_prio.ifpriomap=eth0 5;");
	CHECK_STR(
		V1(.rdma = &rdma, .rdma_count = 1), "rdma.max=mlx5_1 hca_handle=3 hca_object=max;");
	CHECK_STR(V1(.blkio.weight = {true, 500}, .blkio.weight_device = {&device, 1}),
		"blkio.weight=500|blkio.bfq.weight=500;"
		"blkio.weight_device=8:16 500|blkio.bfq.weight_device=8:16 500;"
		"blkio.leaf_weight_device=8:16 300;");
	CHECK_STR(V1(.pids_limit = {true, -1}), "pids.max=max;");
}

TEST(v1_refuses_unified)
{
	struct oci_pair pair = {"memory.high", "1"};

	CHECK(V1(.unified = &pair, .unified_count = 1) == NULL);
	CHECK_INT(err.code, -ENOTSUP);
	CHECK(strstr(err.text, "memory.high") != NULL);
}

TEST(v2_conversions)
{
	int64_t swap = 99;

	CHECK_INT(cgroup_shares_to_weight(2), 1);
	CHECK_INT(cgroup_shares_to_weight(1024), 39);
	CHECK_INT(cgroup_shares_to_weight(262144), 10000);
	CHECK_INT(cgroup_shares_to_weight(0), 0);
	CHECK_INT(cgroup_shares_to_weight(1), 1);
	CHECK_INT(cgroup_blkio_to_io_weight(10), 1);
	CHECK_INT(cgroup_blkio_to_io_weight(500), 4950);
	CHECK_INT(cgroup_blkio_to_io_weight(1000), 10000);
	CHECK_INT(cgroup_swap_v2(0, 0, &swap), 0);
	CHECK_INT(swap, 0);
	CHECK_INT(cgroup_swap_v2(0, -1, &swap), 0);
	CHECK_INT(swap, -1);
	CHECK_INT(cgroup_swap_v2(300, 100, &swap), 0);
	CHECK_INT(swap, 200);
	CHECK_INT(cgroup_swap_v2(300, -1, &swap), 0);
	CHECK_INT(swap, 300);
	CHECK_INT(cgroup_swap_v2(99, 100, &swap), -EINVAL);
	CHECK_INT(cgroup_swap_v2(100, 0, &swap), -EINVAL);
	CHECK_INT(cgroup_swap_v2(-2, 0, &swap), -EINVAL);
}

TEST(v2_values)
{
	struct oci_blkio_device device = {8, 16, 500, 0, true, false}, rate = {8, 0, 1000},
				none = {8, 0, 0};
	struct oci_hugepage_limit huge = {"2MB", 4 << 20};

	CHECK_STR(V2(.memory.limit = {true, 100}, .memory.swap = {true, 300},
			  .memory.reservation = {true, 50}),
		"memory.swap.max=200;memory.max=100;memory.low=50;");
	CHECK_STR(V2(.memory.limit = {true, 100}, .memory.swap = {true, 100}),
		"memory.swap.max=0;memory.max=100;");
	CHECK_STR(V2(.memory.limit = {true, -1}), "memory.swap.max=max;memory.max=max;");
	CHECK_STR(
		V2(.cpu.quota = {true, 5000}, .cpu.period = {true, 10000}), "cpu.max=5000 10000;");
	CHECK_STR(V2(.cpu.quota = {true, -1}), "cpu.max=max;");
	CHECK_STR(V2(.cpu.shares = {true, 512}, .cpu.burst = {true, 7}, .cpu.quota = {true, 9}),
		"cpu.weight=20;cpu.max.burst=7;cpu.max=9;");
	CHECK_STR(V2(.blkio.weight = {true, 500}, .blkio.weight_device = {&device, 1}),
		"io.bfq.weight=500|io.weight=4950;io.bfq.weight=8:16 500|io.weight=8:16 4950;");
	CHECK_STR(V2(.blkio.read_bps = {&rate, 1}, .blkio.write_iops = {&none, 1}),
		"io.max=8:0 rbps=1000;io.max=8:0 wiops=max;");
	CHECK_STR(V2(.hugepages = &huge, .hugepage_count = 1),
		"hugetlb.2MB.max=4194304;hugetlb.2MB.rsvd.max=4194304;");
}

TEST(v2_refusals)
{
	CHECK(V2(.memory.kernel = {true, 1}) == NULL && strstr(err.text, "memory/kernel") != NULL);
	CHECK(V2(.memory.swappiness = {true, 1}) == NULL);
	CHECK(V2(.memory.has_disable_oom_killer = true, .memory.disable_oom_killer = true) == NULL);
	CHECK_STR(V2(.memory.has_disable_oom_killer = true), "");
	CHECK(V2(.cpu.realtime_runtime = {true, 5}) == NULL);
	CHECK(V2(.network.class_id = {true, 5}) == NULL);
	CHECK(V2(.blkio.leaf_weight = {true, 5}) == NULL);
	CHECK(V2(.memory.limit = {true, 200}, .memory.swap = {true, 100}) == NULL);
}

TEST(v2_unified)
{
	static const char *const refused[] = {"cgroup.procs", "cgroup.threads", "cgroup.kill",
		"cgroup.freeze", "cgroup.subtree_control", "cgroup.type", "a/b.c", "../x", "memory",
		"memory.", ".x", ""};
	struct oci_pair pairs[] = {{"memory.high", "1000"}, {"io.max", "8:0 rbps=1\n8:16 wbps=2\n"},
		{"cgroup.max.depth", "3"}};

	CHECK_STR(V2(.unified = pairs, .unified_count = 3),
		"memory.high=1000;io.max=8:0 rbps=1;io.max=8:16 wbps=2;cgroup.max.depth=3;");
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		struct oci_pair pair = {refused[i], "1"};

		CHECK(V2(.unified = &pair, .unified_count = 1) == NULL);
	}
}
