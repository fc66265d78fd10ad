// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <string.h>

#include "bin/oci/oci.h"

static int optional_uint(const struct options *o, enum option_id id, uint64_t max,
	struct oci_optional_uint *ret, struct bh_error *err)
{
	ret->set = ret->set || options_value(o, id) != NULL;
	return options_uint(o, id, max, &ret->value, err);
}

static int optional_int(const struct options *o, enum option_id id, struct oci_optional_int *ret,
	struct bh_error *err)
{
	ret->set = ret->set || options_value(o, id) != NULL;
	return options_int(o, id, &ret->value, err);
}

static int optional_size(const struct options *o, enum option_id id, struct oci_optional_int *ret,
	struct bh_error *err)
{
	ret->set = ret->set || options_value(o, id) != NULL;
	return options_size(o, id, &ret->value, err);
}

static int cpu_from_options(
	const struct options *o, struct oci_resources *res, struct bh_error *err)
{
	int r = optional_uint(o, OPT_CPU_PERIOD, UINT64_MAX, &res->cpu.period, err);

	if (r == 0)
		r = optional_int(o, OPT_CPU_QUOTA, &res->cpu.quota, err);
	if (r == 0)
		r = optional_uint(o, OPT_CPU_BURST, UINT64_MAX, &res->cpu.burst, err);
	if (r == 0)
		r = optional_uint(o, OPT_CPU_SHARE, UINT64_MAX, &res->cpu.shares, err);
	if (r == 0)
		r = optional_uint(o, OPT_CPU_RT_PERIOD, UINT64_MAX, &res->cpu.realtime_period, err);
	if (r == 0)
		r = optional_int(o, OPT_CPU_RT_RUNTIME, &res->cpu.realtime_runtime, err);
	if (r == 0)
		r = optional_int(o, OPT_CPU_IDLE, &res->cpu.idle, err);
	res->cpu.cpus = options_value(o, OPT_CPUSET_CPUS);
	res->cpu.mems = options_value(o, OPT_CPUSET_MEMS);
	return r;
}

static int memory_from_options(
	const struct options *o, struct oci_resources *res, struct bh_error *err)
{
	int r = optional_size(o, OPT_MEMORY, &res->memory.limit, err);

	if (r == 0)
		r = optional_size(o, OPT_MEMORY_RESERVATION, &res->memory.reservation, err);
	if (r == 0)
		r = optional_size(o, OPT_MEMORY_SWAP, &res->memory.swap, err);
	if (r == 0)
		r = optional_size(o, OPT_KERNEL_MEMORY, &res->memory.kernel, err);
	if (r == 0)
		r = optional_size(o, OPT_KERNEL_MEMORY_TCP, &res->memory.kernel_tcp, err);
	return r;
}

static int from_options(const struct options *o, struct oci_resources *res, struct bh_error *err)
{
	int r = cpu_from_options(o, res, err);

	if (r == 0)
		r = memory_from_options(o, res, err);
	if (r == 0)
		r = optional_int(o, OPT_PIDS_LIMIT, &res->pids_limit, err);
	if (r == 0)
		r = optional_uint(o, OPT_BLKIO_WEIGHT, 1000, &res->blkio.weight, err);
	/* 0 is what clients send for "not changed". */
	if (r == 0 && res->blkio.weight.set && res->blkio.weight.value == 0)
		res->blkio.weight.set = false;
	res->present = true;
	return r;
}

static int from_file(
	struct oci *o, const char *path, struct oci_resources *res, struct bh_error *err)
{
	const struct json *tree;
	int r = document_read(path, NULL, &o->arena, &tree, err);

	if (r == 0)
		r = oci_resources_decode(tree, &o->arena, res, err);
	if (r < 0)
		(void)bh_wrap(err, "--resources");
	return r;
}

/* A limit may need a group that the container was not in yet: what it is in goes on record, also
 * when the update then fails half-way. */
static int apply(struct container *c, const struct oci_resources *resources, struct bh_error *err)
{
	struct bh_error save_error = BH_ERROR_INIT;
	int r = container_cgroup(c, err), saved;

	if (r < 0)
		return r;
	if (c->cgroup == NULL)
		return bh_fail(err, -ENOTSUP, "container %s has no control group", c->id);
	r = cgroup_update(c->cgroup, resources, err);
	saved = state_save(c->dir_fd, &c->state, c->cgroup, &save_error);
	return r < 0 || saved == 0 ? r : bh_fail(err, saved, "%s", save_error.text);
}

int command_update(struct oci *o, struct bh_error *err)
{
	_cleanup_container_ struct container c = CONTAINER_INIT;
	const char *file = options_value(&o->options, OPT_RESOURCES);
	struct oci_resources resources = {0};
	enum state_status status = STATE_STOPPED;
	int r = container_open(o, o->options.args[0], &c, err);

	if (r == 0)
		r = state_lock(c.dir_fd, err);
	if (r == 0)
		r = state_load(c.dir_fd, c.id, &o->arena, &c.state, err);
	if (r == 0)
		r = container_status(&c, &status, err);
	if (r < 0)
		return r;
	if (status == STATE_STOPPED)
		return bh_fail(err, -ESRCH, "container not running");
	r = file != NULL ? from_file(o, file, &resources, err)
			 : from_options(&o->options, &resources, err);
	return r < 0 ? r : apply(&c, &resources, err);
}
