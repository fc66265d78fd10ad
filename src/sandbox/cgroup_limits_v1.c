// SPDX-License-Identifier: Apache-2.0
/*
 * linux.resources to cgroup v1 files: Documentation/admin-guide/cgroup-v1/. As
 * in runc, 0 means "not given" for the values where 0 is no limit the kernel
 * knows.
 */
#include "sandbox/cgroup_internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"

static bool given(struct oci_optional_int v)
{
	return v.set && v.value != 0;
}

static bool given_uint(struct oci_optional_uint v)
{
	return v.set && v.value != 0;
}

/* A limit of -1 says "none", which holds anyway if the kernel lacks the file.
 */
static unsigned int unless_unlimited(int64_t value, unsigned int flags)
{
	return value < 0 ? flags | CGROUP_WRITE_OPTIONAL : flags;
}

static void memory(const struct oci_resources *r, struct cgroup_plan *plan)
{
	struct oci_optional_int swap = r->memory.swap, limit = r->memory.limit;

	if (given(limit) && limit.value < 0 && !given(swap))
		swap = limit;
	if (given(limit))
		cgroup_plan_add(plan, "/linux/resources/memory/limit", "memory",
			"memory.limit_in_bytes", CGROUP_WRITE_RETRY, "%" PRId64, limit.value);
	if (given(swap))
		cgroup_plan_add(plan, "/linux/resources/memory/swap", "memory",
			"memory.memsw.limit_in_bytes",
			unless_unlimited(swap.value, CGROUP_WRITE_RETRY), "%" PRId64, swap.value);
	if (given(r->memory.reservation))
		cgroup_plan_add(plan, "/linux/resources/memory/reservation", "memory",
			"memory.soft_limit_in_bytes", 0, "%" PRId64, r->memory.reservation.value);
	if (given(r->memory.kernel))
		cgroup_plan_add(plan, "/linux/resources/memory/kernel", "memory",
			"memory.kmem.limit_in_bytes",
			r->memory.kernel.value < 0 ? CGROUP_WRITE_OPTIONAL : CGROUP_WRITE_VERIFY,
			"%" PRId64, r->memory.kernel.value);
	if (given(r->memory.kernel_tcp))
		cgroup_plan_add(plan, "/linux/resources/memory/kernelTCP", "memory",
			"memory.kmem.tcp.limit_in_bytes",
			r->memory.kernel_tcp.value < 0 ? CGROUP_WRITE_OPTIONAL
						       : CGROUP_WRITE_VERIFY,
			"%" PRId64, r->memory.kernel_tcp.value);
	if (r->memory.swappiness.set)
		cgroup_plan_add(plan, "/linux/resources/memory/swappiness", "memory",
			"memory.swappiness", 0, "%" PRIu64, r->memory.swappiness.value);
	if (r->memory.has_use_hierarchy)
		cgroup_plan_add(plan, "/linux/resources/memory/useHierarchy", "memory",
			"memory.use_hierarchy", r->memory.use_hierarchy ? CGROUP_WRITE_OPTIONAL : 0,
			"%d", r->memory.use_hierarchy);
	if (r->memory.has_disable_oom_killer)
		cgroup_plan_add(plan, "/linux/resources/memory/disableOOMKiller", "memory",
			"memory.oom_control",
			r->memory.disable_oom_killer ? 0 : CGROUP_WRITE_OPTIONAL, "%d",
			r->memory.disable_oom_killer);
}

/* Real-time values first: a group without a real-time budget takes no real-time
 * process. */
static void cpu(const struct oci_resources *r, struct cgroup_plan *plan)
{
	if (given_uint(r->cpu.realtime_period))
		cgroup_plan_add(plan, "/linux/resources/cpu/realtimePeriod", "cpu",
			"cpu.rt_period_us", CGROUP_WRITE_RETRY, "%" PRIu64,
			r->cpu.realtime_period.value);
	if (given(r->cpu.realtime_runtime))
		cgroup_plan_add(plan, "/linux/resources/cpu/realtimeRuntime", "cpu",
			"cpu.rt_runtime_us", CGROUP_WRITE_RETRY, "%" PRId64,
			r->cpu.realtime_runtime.value);
	if (given_uint(r->cpu.shares))
		cgroup_plan_add(plan, "/linux/resources/cpu/shares", "cpu", "cpu.shares",
			CGROUP_WRITE_VERIFY, "%" PRIu64, r->cpu.shares.value);
	if (given_uint(r->cpu.period))
		cgroup_plan_add(plan, "/linux/resources/cpu/period", "cpu", "cpu.cfs_period_us",
			CGROUP_WRITE_RETRY, "%" PRIu64, r->cpu.period.value);
	if (given(r->cpu.quota))
		cgroup_plan_add(plan, "/linux/resources/cpu/quota", "cpu", "cpu.cfs_quota_us",
			CGROUP_WRITE_RETRY, "%" PRId64, r->cpu.quota.value);
	if (r->cpu.burst.set)
		cgroup_plan_add(plan, "/linux/resources/cpu/burst", "cpu", "cpu.cfs_burst_us",
			CGROUP_WRITE_RETRY | (r->cpu.burst.value == 0 ? CGROUP_WRITE_OPTIONAL : 0),
			"%" PRIu64, r->cpu.burst.value);
	if (r->cpu.idle.set)
		cgroup_plan_add(plan, "/linux/resources/cpu/idle", "cpu", "cpu.idle",
			r->cpu.idle.value == 0 ? CGROUP_WRITE_OPTIONAL : 0, "%" PRId64,
			r->cpu.idle.value);
	if (r->cpu.cpus != NULL && r->cpu.cpus[0] != '\0')
		cgroup_plan_add(plan, "/linux/resources/cpu/cpus", "cpuset", "cpuset.cpus", 0, "%s",
			r->cpu.cpus);
	if (r->cpu.mems != NULL && r->cpu.mems[0] != '\0')
		cgroup_plan_add(plan, "/linux/resources/cpu/mems", "cpuset", "cpuset.mems", 0, "%s",
			r->cpu.mems);
}

static void throttle(const struct oci_blkio_list *list, const char *field, const char *file,
	struct cgroup_plan *plan)
{
	for (size_t i = 0; i < list->count; i++)
		cgroup_plan_add(plan, field, "blkio", file, 0, "%" PRIu32 ":%" PRIu32 " %" PRIu64,
			list->items[i].major, list->items[i].minor, list->items[i].value);
}

static void set_alternative(struct cgroup_write *w, const char *file)
{
	if (w != NULL)
		w->alternative = file;
}

/* Weights: by CFQ up to Linux 4.20, by BFQ since. Leaf weights went with CFQ.
 */
static void blkio(const struct oci_resources *r, struct cgroup_plan *plan)
{
	const struct oci_blkio_list *devices = &r->blkio.weight_device;

	if (given_uint(r->blkio.weight))
		set_alternative(cgroup_plan_add(plan, "/linux/resources/blockIO/weight", "blkio",
					"blkio.weight", 0, "%" PRIu64, r->blkio.weight.value),
			"blkio.bfq.weight");
	if (given_uint(r->blkio.leaf_weight))
		cgroup_plan_add(plan, "/linux/resources/blockIO/leafWeight", "blkio",
			"blkio.leaf_weight", 0, "%" PRIu64, r->blkio.leaf_weight.value);
	for (size_t i = 0; i < devices->count; i++) {
		const struct oci_blkio_device *d = &devices->items[i];

		if (d->has_weight)
			set_alternative(
				cgroup_plan_add(plan, "/linux/resources/blockIO/weightDevice",
					"blkio", "blkio.weight_device", 0,
					"%" PRIu32 ":%" PRIu32 " %" PRIu64, d->major, d->minor,
					d->value),
				"blkio.bfq.weight_device");
		if (d->has_leaf_weight)
			cgroup_plan_add(plan, "/linux/resources/blockIO/weightDevice leafWeight",
				"blkio", "blkio.leaf_weight_device", 0,
				"%" PRIu32 ":%" PRIu32 " %" PRIu64, d->major, d->minor,
				d->leaf_weight);
	}
	throttle(&r->blkio.read_bps, "/linux/resources/blockIO/throttleReadBpsDevice",
		"blkio.throttle.read_bps_device", plan);
	throttle(&r->blkio.write_bps, "/linux/resources/blockIO/throttleWriteBpsDevice",
		"blkio.throttle.write_bps_device", plan);
	throttle(&r->blkio.read_iops, "/linux/resources/blockIO/throttleReadIOPSDevice",
		"blkio.throttle.read_iops_device", plan);
	throttle(&r->blkio.write_iops, "/linux/resources/blockIO/throttleWriteIOPSDevice",
		"blkio.throttle.write_iops_device", plan);
}

/* The name becomes part of a file name: "2MB", "1GB", "64KB". */
static bool page_size_is_sane(const char *s)
{
	size_t digits = strspn(s, "0123456789");

	return digits > 0 && digits < 12 &&
	       (strcmp(s + digits, "KB") == 0 || strcmp(s + digits, "MB") == 0 ||
		       strcmp(s + digits, "GB") == 0);
}

int cgroup_plan_hugepages(
	const struct oci_resources *r, bool v2, struct cgroup_plan *plan, struct bh_error *err)
{
	const char *suffix = v2 ? "max" : "limit_in_bytes";

	for (size_t i = 0; i < r->hugepage_count; i++) {
		const struct oci_hugepage_limit *h = &r->hugepages[i];
		const char *file, *reserved;

		if (!page_size_is_sane(h->page_size))
			return bh_fail(err, -EINVAL,
				"/linux/resources/hugepageLimits: page size \"%s\" is not "
				"of the form 2MB",
				h->page_size);
		file = arena_printf(plan->arena, "hugetlb.%s.%s", h->page_size, suffix);
		reserved = arena_printf(plan->arena, "hugetlb.%s.rsvd.%s", h->page_size, suffix);
		if (file == NULL || reserved == NULL)
			return bh_fail(err, -ENOMEM, "out of memory for cgroup limits");
		cgroup_plan_add(plan, "/linux/resources/hugepageLimits", "hugetlb", file, 0,
			"%" PRIu64, h->limit);
		/* Since Linux 5.7; without it a reservation can pass the limit, the use
		 * cannot. */
		cgroup_plan_add(plan, "/linux/resources/hugepageLimits", "hugetlb", reserved,
			CGROUP_WRITE_OPTIONAL, "%" PRIu64, h->limit);
	}
	return 0;
}

static void rdma_value(char out[static 32], struct oci_optional_uint v)
{
	if (v.set)
		(void)snprintf(out, 32, "%" PRIu64, v.value);
	else
		(void)snprintf(out, 32, "max");
}

void cgroup_plan_rdma(const struct oci_resources *r, struct cgroup_plan *plan)
{
	for (size_t i = 0; i < r->rdma_count; i++) {
		char handles[32], objects[32];

		rdma_value(handles, r->rdma[i].handles);
		rdma_value(objects, r->rdma[i].objects);
		cgroup_plan_add(plan, "/linux/resources/rdma", "rdma", "rdma.max", 0,
			"%s hca_handle=%s hca_object=%s", r->rdma[i].device, handles, objects);
	}
}

static void network(const struct oci_resources *r, struct cgroup_plan *plan)
{
	if (given_uint(r->network.class_id))
		cgroup_plan_add(plan, "/linux/resources/network/classID", "net_cls",
			"net_cls.classid", 0, "%" PRIu64, r->network.class_id.value);
	for (size_t i = 0; i < r->network.priority_count; i++)
		cgroup_plan_add(plan, "/linux/resources/network/priorities", "net_prio",
			"net_prio.ifpriomap", 0, "%s %" PRIu32, r->network.priorities[i].name,
			r->network.priorities[i].priority);
}

void cgroup_plan_pids(const struct oci_resources *r, struct cgroup_plan *plan)
{
	if (!given(r->pids_limit))
		return;
	if (r->pids_limit.value < 0)
		cgroup_plan_add(plan, "/linux/resources/pids/limit", "pids", "pids.max",
			CGROUP_WRITE_OPTIONAL, "max");
	else
		cgroup_plan_add(plan, "/linux/resources/pids/limit", "pids", "pids.max", 0,
			"%" PRId64, r->pids_limit.value);
}

int cgroup_limits_v1(
	const struct oci_resources *resources, struct cgroup_plan *plan, struct bh_error *err)
{
	int r;

	if (resources == NULL)
		return 0;
	if (resources->unified_count > 0)
		return bh_fail(err, -ENOTSUP,
			"/linux/resources/unified: \"%s\" is a cgroup v2 file and "
			"this host uses cgroup v1: give "
			"the "
			"limit by its own field",
			resources->unified[0].key);
	memory(resources, plan);
	cpu(resources, plan);
	cgroup_plan_pids(resources, plan);
	blkio(resources, plan);
	network(resources, plan);
	cgroup_plan_rdma(resources, plan);
	r = cgroup_plan_hugepages(resources, false, plan, err);
	if (r == 0 && plan->failed != 0)
		return bh_fail(err, plan->failed, "out of memory for cgroup limits");
	return r;
}

int cgroup_memory_check(const struct oci_resources *resources, const char *dir, const char *file,
	struct bh_error *err)
{
	uint64_t usage;
	int r;

	if (!resources->memory.check_before_update || !resources->memory.limit.set ||
		resources->memory.limit.value <= 0)
		return 0;
	r = cgroup_read_uint(dir, file, &usage);
	if (r < 0)
		return bh_fail_errno(
			err, r, "/linux/resources/memory/checkBeforeUpdate: read %s/%s", dir, file);
	if (usage > (uint64_t)resources->memory.limit.value)
		return bh_fail(err, -EBUSY,
			"/linux/resources/memory/limit: %" PRId64 " is below the %" PRIu64
			" bytes in use, and memory.checkBeforeUpdate is set",
			resources->memory.limit.value, usage);
	return 0;
}
