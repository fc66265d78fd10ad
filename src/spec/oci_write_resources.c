// SPDX-License-Identifier: Apache-2.0
/* The writer of config.json: linux.resources. */
#include "spec/oci_write.h"
#include "spec/oci_write_parts.h"

static void write_device_rule(struct json_writer *w, const struct oci_device_rule *rule)
{
	char type[2] = {rule->type, '\0'}, access[4], *p = access;

	if ((rule->access & OCI_DEVICE_READ) != 0)
		*p++ = 'r';
	if ((rule->access & OCI_DEVICE_WRITE) != 0)
		*p++ = 'w';
	if ((rule->access & OCI_DEVICE_MKNOD) != 0)
		*p++ = 'm';
	*p = '\0';
	json_begin_object(w);
	json_member_bool(w, "allow", rule->allow);
	json_member_string(w, "type", type);
	if (rule->major >= 0)
		json_member_int(w, "major", rule->major);
	if (rule->minor >= 0)
		json_member_int(w, "minor", rule->minor);
	json_member_string(w, "access", access);
	json_end_object(w);
}

static void write_device_rules(struct json_writer *w, const struct oci_resources *r)
{
	if (r->device_count == 0)
		return;
	json_key(w, "devices");
	json_begin_array(w);
	for (size_t i = 0; i < r->device_count; i++)
		write_device_rule(w, &r->devices[i]);
	json_end_array(w);
}

static void write_memory(struct json_writer *w, const struct oci_resources *r)
{
	json_key(w, "memory");
	json_begin_object(w);
	oci_put_int(w, "limit", &r->memory.limit);
	oci_put_int(w, "reservation", &r->memory.reservation);
	oci_put_int(w, "swap", &r->memory.swap);
	oci_put_int(w, "kernel", &r->memory.kernel);
	oci_put_int(w, "kernelTCP", &r->memory.kernel_tcp);
	oci_put_uint(w, "swappiness", &r->memory.swappiness);
	if (r->memory.has_disable_oom_killer)
		json_member_bool(w, "disableOOMKiller", r->memory.disable_oom_killer);
	if (r->memory.has_use_hierarchy)
		json_member_bool(w, "useHierarchy", r->memory.use_hierarchy);
	oci_put_true(w, "checkBeforeUpdate", r->memory.check_before_update);
	json_end_object(w);
}

static void write_cpu(struct json_writer *w, const struct oci_resources *r)
{
	json_key(w, "cpu");
	json_begin_object(w);
	oci_put_uint(w, "shares", &r->cpu.shares);
	oci_put_int(w, "quota", &r->cpu.quota);
	oci_put_uint(w, "burst", &r->cpu.burst);
	oci_put_uint(w, "period", &r->cpu.period);
	oci_put_int(w, "realtimeRuntime", &r->cpu.realtime_runtime);
	oci_put_uint(w, "realtimePeriod", &r->cpu.realtime_period);
	oci_put_text(w, "cpus", r->cpu.cpus);
	oci_put_text(w, "mems", r->cpu.mems);
	oci_put_int(w, "idle", &r->cpu.idle);
	json_end_object(w);
}

static void write_weights(struct json_writer *w, const struct oci_blkio_list *list)
{
	if (list->count == 0)
		return;
	json_key(w, "weightDevice");
	json_begin_array(w);
	for (size_t i = 0; i < list->count; i++) {
		const struct oci_blkio_device *d = &list->items[i];

		json_begin_object(w);
		json_member_int(w, "major", d->major);
		json_member_int(w, "minor", d->minor);
		if (d->has_weight)
			json_member_int(w, "weight", (int64_t)d->value);
		if (d->has_leaf_weight)
			json_member_int(w, "leafWeight", (int64_t)d->leaf_weight);
		json_end_object(w);
	}
	json_end_array(w);
}

static void write_rates(struct json_writer *w, const char *key, const struct oci_blkio_list *list)
{
	if (list->count == 0)
		return;
	json_key(w, key);
	json_begin_array(w);
	for (size_t i = 0; i < list->count; i++) {
		json_begin_object(w);
		json_member_int(w, "major", list->items[i].major);
		json_member_int(w, "minor", list->items[i].minor);
		json_key(w, "rate");
		json_put_uint(w, list->items[i].value);
		json_end_object(w);
	}
	json_end_array(w);
}

static void write_blkio(struct json_writer *w, const struct oci_resources *r)
{
	json_key(w, "blockIO");
	json_begin_object(w);
	oci_put_uint(w, "weight", &r->blkio.weight);
	oci_put_uint(w, "leafWeight", &r->blkio.leaf_weight);
	write_weights(w, &r->blkio.weight_device);
	write_rates(w, "throttleReadBpsDevice", &r->blkio.read_bps);
	write_rates(w, "throttleWriteBpsDevice", &r->blkio.write_bps);
	write_rates(w, "throttleReadIOPSDevice", &r->blkio.read_iops);
	write_rates(w, "throttleWriteIOPSDevice", &r->blkio.write_iops);
	json_end_object(w);
}

static void write_hugepages(struct json_writer *w, const struct oci_resources *r)
{
	if (r->hugepage_count == 0)
		return;
	json_key(w, "hugepageLimits");
	json_begin_array(w);
	for (size_t i = 0; i < r->hugepage_count; i++) {
		json_begin_object(w);
		json_member_string(w, "pageSize", r->hugepages[i].page_size);
		json_key(w, "limit");
		json_put_uint(w, r->hugepages[i].limit);
		json_end_object(w);
	}
	json_end_array(w);
}

static void write_network(struct json_writer *w, const struct oci_resources *r)
{
	if (!r->network.class_id.set && r->network.priority_count == 0)
		return;
	json_key(w, "network");
	json_begin_object(w);
	oci_put_uint(w, "classID", &r->network.class_id);
	if (r->network.priority_count > 0) {
		json_key(w, "priorities");
		json_begin_array(w);
		for (size_t i = 0; i < r->network.priority_count; i++) {
			json_begin_object(w);
			json_member_string(w, "name", r->network.priorities[i].name);
			json_member_int(w, "priority", r->network.priorities[i].priority);
			json_end_object(w);
		}
		json_end_array(w);
	}
	json_end_object(w);
}

static void write_rdma(struct json_writer *w, const struct oci_resources *r)
{
	if (r->rdma_count == 0)
		return;
	json_key(w, "rdma");
	json_begin_object(w);
	for (size_t i = 0; i < r->rdma_count; i++) {
		json_key(w, r->rdma[i].device);
		json_begin_object(w);
		oci_put_uint(w, "hcaHandles", &r->rdma[i].handles);
		oci_put_uint(w, "hcaObjects", &r->rdma[i].objects);
		json_end_object(w);
	}
	json_end_object(w);
}

void oci_write_resources(struct json_writer *w, const struct oci_resources *r)
{
	json_begin_object(w);
	write_device_rules(w, r);
	write_memory(w, r);
	write_cpu(w, r);
	if (r->pids_limit.set) {
		json_key(w, "pids");
		json_begin_object(w);
		json_member_int(w, "limit", r->pids_limit.value);
		json_end_object(w);
	}
	write_blkio(w, r);
	write_hugepages(w, r);
	write_network(w, r);
	write_rdma(w, r);
	oci_put_pairs(w, "unified", r->unified, r->unified_count);
	json_end_object(w);
}

int oci_resources_write(const struct oci_resources *r, struct json_writer *w)
{
	oci_write_resources(w, r);
	return buf_status(w->out);
}
