// SPDX-License-Identifier: Apache-2.0
/*
 * linux.resources to cgroup v2 files, Documentation/admin-guide/cgroup-v2.rst.
 * The fields are those of v1; what has another scale is converted as runc does.
 * What v2 has no file for is refused, unless the value asked for is what holds
 * anyway.
 */
#include "sandbox/cgroup_internal.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"

#define UNIFIED_LINES_MAX 1024

uint64_t cgroup_shares_to_weight(uint64_t shares)
{
	if (shares == 0)
		return 0;
	return shares <= 2 ? 1 : 1 + (shares - 2) * 9999 / 262142;
}

uint64_t cgroup_blkio_to_io_weight(uint64_t weight)
{
	if (weight == 0)
		return 0;
	return weight <= 10 ? 1 : 1 + (weight - 10) * 9999 / 990;
}

int cgroup_swap_v2(int64_t swap, int64_t memory, int64_t *ret)
{
	if (swap < -1 || memory < -1 || (swap > 0 && memory >= 0 && (memory == 0 || swap < memory)))
		return -EINVAL;
	if (memory == -1 && swap == 0)
		*ret = -1;
	else
		*ret = swap > 0 && memory > 0 ? swap - memory : swap;
	return 0;
}

static void put_bytes(struct cgroup_plan *plan, const char *field, const char *file,
	unsigned int flags, int64_t value)
{
	if (value < 0)
		cgroup_plan_add(plan, field, "memory", file, flags, "max");
	else
		cgroup_plan_add(plan, field, "memory", file, flags, "%" PRId64, value);
}

static int64_t value_or_zero(struct oci_optional_int v)
{
	return v.set ? v.value : 0;
}

static int refuse(struct bh_error *err, const char *field, const char *instead)
{
	return bh_fail(err, -ENOTSUP, "%s cannot be enforced on cgroup v2: %s", field, instead);
}

static int refuse_memory(const struct oci_resources *r, struct bh_error *err)
{
	if (value_or_zero(r->memory.kernel) > 0)
		return refuse(err, "/linux/resources/memory/kernel",
			"kernel memory counts in memory.limit");
	if (value_or_zero(r->memory.kernel_tcp) > 0)
		return refuse(err, "/linux/resources/memory/kernelTCP",
			"TCP buffers count in memory.limit");
	if (r->memory.swappiness.set)
		return refuse(err, "/linux/resources/memory/swappiness",
			"use memory.swap, or vm.swappiness of the host");
	if (r->memory.has_disable_oom_killer && r->memory.disable_oom_killer)
		return refuse(err, "/linux/resources/memory/disableOOMKiller",
			"use memory.high by way of unified");
	if (r->memory.has_use_hierarchy && !r->memory.use_hierarchy)
		return refuse(err, "/linux/resources/memory/useHierarchy false",
			"groups are always hierarchical");
	return 0;
}

static int memory(const struct oci_resources *r, struct cgroup_plan *plan, struct bh_error *err)
{
	int64_t limit = value_or_zero(r->memory.limit), given_swap = value_or_zero(r->memory.swap);
	int64_t reservation = value_or_zero(r->memory.reservation), swap = 0;
	int e = refuse_memory(r, err);

	if (e < 0)
		return e;
	e = cgroup_swap_v2(given_swap, limit, &swap);
	if (e < 0)
		return bh_fail(err, -EINVAL,
			"/linux/resources/memory/swap: %" PRId64
			" is memory plus swap and needs a memory.limit that "
			"is not larger (%" PRId64 ")",
			given_swap, limit);
	/* Without swap in the kernel, none and unlimited are the same. */
	if (swap != 0 || given_swap > 0)
		put_bytes(plan, "/linux/resources/memory/swap", "memory.swap.max",
			swap <= 0 ? CGROUP_WRITE_OPTIONAL : 0, swap);
	if (limit != 0)
		put_bytes(plan, "/linux/resources/memory/limit", "memory.max",
			limit < 0 ? CGROUP_WRITE_OPTIONAL : 0, limit);
	if (reservation != 0)
		put_bytes(
			plan, "/linux/resources/memory/reservation", "memory.low", 0, reservation);
	return 0;
}

static int refuse_cpu(const struct oci_resources *r, struct bh_error *err)
{
	if ((r->cpu.realtime_period.set && r->cpu.realtime_period.value != 0) ||
		value_or_zero(r->cpu.realtime_runtime) != 0)
		return refuse(err, "/linux/resources/cpu/realtimeRuntime and realtimePeriod",
			"there is no real-time budget per group");
	return 0;
}

static void cpu_max(const struct oci_resources *r, struct cgroup_plan *plan)
{
	int64_t quota = value_or_zero(r->cpu.quota);
	uint64_t period = r->cpu.period.set ? r->cpu.period.value : 0;
	char text[24] = "max", tail[24] = "";

	if (quota == 0 && period == 0)
		return;
	if (quota > 0)
		(void)snprintf(text, sizeof(text), "%" PRId64, quota);
	/* Without a period the group keeps its own, 100000 at first. */
	if (period != 0)
		(void)snprintf(tail, sizeof(tail), " %" PRIu64, period);
	cgroup_plan_add(plan, "/linux/resources/cpu/quota and period", "cpu", "cpu.max",
		CGROUP_WRITE_RETRY | (quota < 0 && period == 0 ? CGROUP_WRITE_OPTIONAL : 0), "%s%s",
		text, tail);
}

static void cpu(const struct oci_resources *r, struct cgroup_plan *plan)
{
	uint64_t shares = r->cpu.shares.set ? r->cpu.shares.value : 0;

	if (r->cpu.idle.set)
		cgroup_plan_add(plan, "/linux/resources/cpu/idle", "cpu", "cpu.idle",
			r->cpu.idle.value == 0 ? CGROUP_WRITE_OPTIONAL : 0, "%" PRId64,
			r->cpu.idle.value);
	if (shares != 0)
		cgroup_plan_add(plan, "/linux/resources/cpu/shares", "cpu", "cpu.weight", 0,
			"%" PRIu64, cgroup_shares_to_weight(shares));
	if (r->cpu.burst.set)
		cgroup_plan_add(plan, "/linux/resources/cpu/burst", "cpu", "cpu.max.burst",
			CGROUP_WRITE_RETRY | (r->cpu.burst.value == 0 ? CGROUP_WRITE_OPTIONAL : 0),
			"%" PRIu64, r->cpu.burst.value);
	cpu_max(r, plan);
	if (r->cpu.cpus != NULL && r->cpu.cpus[0] != '\0')
		cgroup_plan_add(plan, "/linux/resources/cpu/cpus", "cpuset", "cpuset.cpus", 0, "%s",
			r->cpu.cpus);
	if (r->cpu.mems != NULL && r->cpu.mems[0] != '\0')
		cgroup_plan_add(plan, "/linux/resources/cpu/mems", "cpuset", "cpuset.mems", 0, "%s",
			r->cpu.mems);
}

/* BFQ takes the weight as it is; io.weight (iocost) has another scale. */
static void io_weight(
	struct cgroup_plan *plan, const char *field, const char *device, uint64_t weight)
{
	struct cgroup_write *w = cgroup_plan_add(
		plan, field, "io", "io.bfq.weight", 0, "%s%" PRIu64, device, weight);

	if (w == NULL)
		return;
	w->alternative = "io.weight";
	w->alternative_value =
		arena_printf(plan->arena, "%s%" PRIu64, device, cgroup_blkio_to_io_weight(weight));
	if (w->alternative_value == NULL)
		plan->failed = -ENOMEM;
}

static void io_max(struct cgroup_plan *plan, const struct oci_blkio_list *list, const char *field,
	const char *key)
{
	for (size_t i = 0; i < list->count; i++) {
		const struct oci_blkio_device *d = &list->items[i];
		char value[24] = "max"; /* 0 takes the limit away, as on v1 */

		if (d->value != 0)
			(void)snprintf(value, sizeof(value), "%" PRIu64, d->value);
		cgroup_plan_add(plan, field, "io", "io.max", 0, "%" PRIu32 ":%" PRIu32 " %s=%s",
			d->major, d->minor, key, value);
	}
}

static int io(const struct oci_resources *r, struct cgroup_plan *plan, struct bh_error *err)
{
	const struct oci_blkio_list *devices = &r->blkio.weight_device;

	if (r->blkio.leaf_weight.set && r->blkio.leaf_weight.value != 0)
		return refuse(err, "/linux/resources/blockIO/leafWeight",
			"a group with children has no processes");
	if (r->blkio.weight.set && r->blkio.weight.value != 0)
		io_weight(plan, "/linux/resources/blockIO/weight", "", r->blkio.weight.value);
	for (size_t i = 0; i < devices->count; i++) {
		const struct oci_blkio_device *d = &devices->items[i];
		char device[32];

		if (d->has_leaf_weight && d->leaf_weight != 0)
			return refuse(err, "/linux/resources/blockIO/weightDevice leafWeight",
				"a group with children has no processes");
		(void)snprintf(
			device, sizeof(device), "%" PRIu32 ":%" PRIu32 " ", d->major, d->minor);
		if (d->has_weight)
			io_weight(plan, "/linux/resources/blockIO/weightDevice", device, d->value);
	}
	io_max(plan, &r->blkio.read_bps, "/linux/resources/blockIO/throttleReadBpsDevice", "rbps");
	io_max(plan, &r->blkio.write_bps, "/linux/resources/blockIO/throttleWriteBpsDevice",
		"wbps");
	io_max(plan, &r->blkio.read_iops, "/linux/resources/blockIO/throttleReadIOPSDevice",
		"riops");
	io_max(plan, &r->blkio.write_iops, "/linux/resources/blockIO/throttleWriteIOPSDevice",
		"wiops");
	return 0;
}

static int refuse_network(const struct oci_resources *r, struct bh_error *err)
{
	if ((r->network.class_id.set && r->network.class_id.value != 0) ||
		r->network.priority_count > 0)
		return refuse(err, "/linux/resources/network/classID and priorities",
			"match the group's path in nftables (socket cgroupv2) instead");
	return 0;
}

/* Core files of a group that are limits. The others move, kill or freeze
 * processes, or hand controllers on: those are the runtime's, and would reach
 * beyond the container. */
static bool core_file_is_limit(const char *key)
{
	static const char *const files[] = {
		"cgroup.max.depth", "cgroup.max.descendants", "cgroup.pressure"};

	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		if (strcmp(key, files[i]) == 0)
			return true;
	}
	return false;
}

static int check_unified_key(const char *key, struct bh_error *err)
{
	size_t word = strcspn(key, ".");

	if (strspn(key, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ01234567"
			"89._-") != strlen(key) ||
		strlen(key) > 128 || word == 0 || key[word] == '\0' || key[word + 1] == '\0')
		return bh_fail(err, -EINVAL,
			"/linux/resources/unified: \"%s\" is not the name of a "
			"cgroup file, CONTROLLER.PARAMETER",
			key);
	if (strncmp(key, "cgroup.", 7) == 0 && !core_file_is_limit(key))
		return bh_fail(err, -ENOTSUP,
			"/linux/resources/unified: %s is no limit and belongs to "
			"the runtime: only "
			"cgroup.max.depth, "
			"cgroup.max.descendants and cgroup.pressure can be set",
			key);
	return 0;
}

/* A value of several lines is several writes. */
static int unified(const struct oci_resources *r, struct cgroup_plan *plan, struct bh_error *err)
{
	size_t lines = 0;

	for (size_t i = 0; i < r->unified_count; i++) {
		const char *key = r->unified[i].key, *p = r->unified[i].value, *controller;
		int e = check_unified_key(key, err);

		if (e < 0)
			return e;
		controller = strncmp(key, "cgroup.", 7) == 0
				     ? NULL
				     : arena_strndup(plan->arena, key, strcspn(key, "."));
		do {
			size_t n = strcspn(p, "\n");

			if (n > 0 || r->unified[i].value[0] == '\0')
				cgroup_plan_add(plan, "/linux/resources/unified", controller, key,
					0, "%.*s", (int)n, p);
			p += n;
			p += *p == '\n';
			if (++lines > UNIFIED_LINES_MAX)
				return bh_fail(err, -E2BIG,
					"/linux/resources/unified: more than %d lines",
					UNIFIED_LINES_MAX);
		} while (*p != '\0');
	}
	return 0;
}

int cgroup_limits_v2(
	const struct oci_resources *resources, struct cgroup_plan *plan, struct bh_error *err)
{
	int r;

	if (resources == NULL)
		return 0;
	r = memory(resources, plan, err);
	if (r == 0)
		r = refuse_cpu(resources, err);
	if (r == 0)
		r = refuse_network(resources, err);
	if (r < 0)
		return r;
	cpu(resources, plan);
	cgroup_plan_pids(resources, plan);
	cgroup_plan_rdma(resources, plan);
	r = io(resources, plan, err);
	if (r == 0)
		r = cgroup_plan_hugepages(resources, true, plan, err);
	if (r == 0)
		r = unified(resources, plan, err);
	if (r == 0 && plan->failed != 0)
		return bh_fail(err, plan->failed, "out of memory for cgroup limits");
	return r;
}
