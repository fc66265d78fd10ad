// SPDX-License-Identifier: Apache-2.0
/*
 * linux.resources of config.json, also alone in a file (update --resources). Writers of
 * configurations emit 0 for "leave it alone" in the limits where 0 could never work (memory,
 * shares, quota, period, weights): such a 0 is an absent value. pids.limit keeps 0, which is a
 * limit.
 */
#include <errno.h>
#include <string.h>

#include "base/mem.h"
#include "spec/oci_decode.h"

#define DEVICES_MAX   4096u
#define MAJOR_MAX     0xfff
#define MINOR_MAX     0xfffff
#define UNIFIED_MAX   1024u
#define WEIGHT_MIN    10
#define WEIGHT_MAX    1000
#define INTERFACE_MAX 15u

/* ---- device rules ---- */

static int decode_rule_type(struct oci_decoder *d, const struct json *node, void *target)
{
	int e = oci_expect(d, node, JSON_STRING);

	if (e < 0)
		return e;
	if (node->string.len > 1 ||
		(node->string.len == 1 && strchr("acb", node->string.data[0]) == NULL))
		return oci_refuse(d, node, -EINVAL, "must be a, b or c");
	*(char *)target = node->string.len == 1 ? node->string.data[0] : 'a';
	return 0;
}

static int decode_rule_major(struct oci_decoder *d, const struct json *node, void *target)
{
	return oci_integer(d, node, -1, MAJOR_MAX, target);
}

static int decode_rule_minor(struct oci_decoder *d, const struct json *node, void *target)
{
	return oci_integer(d, node, -1, MINOR_MAX, target);
}

static int decode_access(struct oci_decoder *d, const struct json *node, void *target)
{
	unsigned int access = 0;
	int e = oci_expect(d, node, JSON_STRING);

	if (e < 0)
		return e;
	for (const char *p = node->string.data; *p != '\0'; p++) {
		unsigned int bit = *p == 'r'   ? OCI_DEVICE_READ
				   : *p == 'w' ? OCI_DEVICE_WRITE
				   : *p == 'm' ? OCI_DEVICE_MKNOD
					       : 0;

		if (bit == 0)
			return oci_refuse(d, node, -EINVAL, "must be made of r, w and m");
		access |= bit;
	}
	*(unsigned int *)target = access;
	return 0;
}

/* An absent type, number or access means all. Absent members left zeros in the structure. */
static int check_rule(struct oci_decoder *d, const struct json *node, void *target)
{
	struct oci_device_rule *rule = target;
	const struct json *major = json_get(node, "major"), *minor = json_get(node, "minor");

	if (rule->type == '\0')
		rule->type = 'a';
	if (major == NULL || major->type == JSON_NULL)
		rule->major = -1;
	if (minor == NULL || minor->type == JSON_NULL)
		rule->minor = -1;
	if (rule->access == 0)
		rule->access = OCI_DEVICE_READ | OCI_DEVICE_WRITE | OCI_DEVICE_MKNOD;
	return 0;
}

static const struct oci_field rule_fields[] = {
	OCI_NEED("allow", oci_decode_bool, struct oci_device_rule, allow),
	OCI_VALUE("type", decode_rule_type, struct oci_device_rule, type),
	OCI_VALUE("major", decode_rule_major, struct oci_device_rule, major),
	OCI_VALUE("minor", decode_rule_minor, struct oci_device_rule, minor),
	OCI_VALUE("access", decode_access, struct oci_device_rule, access),
};

static const struct oci_object rule_object = {.fields = rule_fields,
	.count = ARRAY_SIZE(rule_fields),
	.size = sizeof(struct oci_device_rule),
	.check = check_rule};

/* ---- memory ---- */

static int decode_bytes(struct oci_decoder *d, const struct json *node, void *target)
{
	struct oci_optional_int *out = target;
	int e = oci_integer(d, node, -1, INT64_MAX, &out->value);

	out->set = e == 0 && out->value != 0;
	return e;
}

static int decode_swappiness(struct oci_decoder *d, const struct json *node, void *target)
{
	struct oci_optional_uint *out = target;
	int64_t v;
	int e = oci_integer(d, node, 0, 100, &v);

	if (e < 0)
		return e;
	out->set = true;
	out->value = (uint64_t)v;
	return 0;
}

static int decode_disable_oom(struct oci_decoder *d, const struct json *node, void *target)
{
	struct oci_resources *r = target;

	r->memory.has_disable_oom_killer = true;
	return oci_decode_bool(d, node, &r->memory.disable_oom_killer);
}

static int decode_use_hierarchy(struct oci_decoder *d, const struct json *node, void *target)
{
	struct oci_resources *r = target;

	r->memory.has_use_hierarchy = true;
	return oci_decode_bool(d, node, &r->memory.use_hierarchy);
}

/* swap counts memory and swap together, so it cannot be the smaller one. */
static int check_memory(struct oci_decoder *d, const struct json *node, void *target)
{
	const struct oci_resources *r = target;

	if (r->memory.swap.set && r->memory.swap.value > 0 && r->memory.limit.set &&
		(r->memory.limit.value < 0 || r->memory.swap.value < r->memory.limit.value))
		return oci_refuse(d, json_get(node, "swap"), -EINVAL,
			"is below the limit: it is the sum of memory and swap");
	return 0;
}

static const struct oci_field memory_fields[] = {
	OCI_VALUE("limit", decode_bytes, struct oci_resources, memory.limit),
	OCI_VALUE("reservation", decode_bytes, struct oci_resources, memory.reservation),
	OCI_VALUE("swap", decode_bytes, struct oci_resources, memory.swap),
	OCI_VALUE("kernel", decode_bytes, struct oci_resources, memory.kernel),
	OCI_VALUE("kernelTCP", decode_bytes, struct oci_resources, memory.kernel_tcp),
	OCI_VALUE("swappiness", decode_swappiness, struct oci_resources, memory.swappiness),
	OCI_WHOLE("disableOOMKiller", decode_disable_oom),
	OCI_WHOLE("useHierarchy", decode_use_hierarchy),
	OCI_VALUE("checkBeforeUpdate", oci_decode_bool, struct oci_resources,
		memory.check_before_update),
};

static const struct oci_object memory_object = {
	.fields = memory_fields, .count = ARRAY_SIZE(memory_fields), .check = check_memory};

/* ---- cpu ---- */

static int decode_positive(struct oci_decoder *d, const struct json *node, void *target)
{
	struct oci_optional_uint *out = target;
	int e = oci_decode_uint64(d, node, &out->value);

	out->set = e == 0 && out->value != 0;
	return e;
}

static int decode_idle(struct oci_decoder *d, const struct json *node, void *target)
{
	struct oci_optional_int *out = target;
	int e = oci_integer(d, node, 0, 1, &out->value);

	out->set = e == 0;
	return e;
}

static int check_cpu(struct oci_decoder *d, const struct json *node, void *target)
{
	const struct oci_resources *r = target;

	if (r->cpu.burst.set && r->cpu.quota.set && r->cpu.quota.value > 0 &&
		r->cpu.burst.value > (uint64_t)r->cpu.quota.value)
		return oci_refuse(d, json_get(node, "burst"), -EINVAL, "is above the quota");
	return 0;
}

static const struct oci_field cpu_fields[] = {
	OCI_VALUE("shares", decode_positive, struct oci_resources, cpu.shares),
	OCI_VALUE("quota", decode_bytes, struct oci_resources, cpu.quota),
	OCI_VALUE("burst", oci_decode_optional_uint, struct oci_resources, cpu.burst),
	OCI_VALUE("period", decode_positive, struct oci_resources, cpu.period),
	OCI_VALUE("realtimeRuntime", decode_bytes, struct oci_resources, cpu.realtime_runtime),
	OCI_VALUE("realtimePeriod", decode_positive, struct oci_resources, cpu.realtime_period),
	OCI_VALUE("cpus", oci_decode_cpu_list, struct oci_resources, cpu.cpus),
	OCI_VALUE("mems", oci_decode_cpu_list, struct oci_resources, cpu.mems),
	OCI_VALUE("idle", decode_idle, struct oci_resources, cpu.idle),
};

static const struct oci_object cpu_object = {
	.fields = cpu_fields, .count = ARRAY_SIZE(cpu_fields), .check = check_cpu};

/* ---- pids ---- */

static int decode_pids(struct oci_decoder *d, const struct json *node, void *target)
{
	struct oci_optional_int *out = target;
	int e = oci_integer(d, node, -1, INT64_MAX, &out->value);

	out->set = e == 0;
	return e;
}

static const struct oci_field pids_fields[] = {
	OCI_NEED("limit", decode_pids, struct oci_resources, pids_limit),
};

static const struct oci_object pids_object = {
	.fields = pids_fields, .count = ARRAY_SIZE(pids_fields)};

/* ---- block I/O ---- */

static int decode_major(struct oci_decoder *d, const struct json *node, void *target)
{
	int64_t v;
	int e = oci_integer(d, node, 0, MAJOR_MAX, &v);

	if (e == 0)
		*(uint32_t *)target = (uint32_t)v;
	return e;
}

static int decode_minor(struct oci_decoder *d, const struct json *node, void *target)
{
	int64_t v;
	int e = oci_integer(d, node, 0, MINOR_MAX, &v);

	if (e == 0)
		*(uint32_t *)target = (uint32_t)v;
	return e;
}

/* 0, or a weight. */
static int read_weight(struct oci_decoder *d, const struct json *node, uint64_t *ret)
{
	int64_t v;
	int e = oci_integer(d, node, 0, WEIGHT_MAX, &v);

	if (e < 0)
		return e;
	if (v != 0 && v < WEIGHT_MIN)
		return oci_refuse(
			d, node, -EINVAL, "is out of range (%d to %d)", WEIGHT_MIN, WEIGHT_MAX);
	*ret = (uint64_t)v;
	return 0;
}

static int decode_weight(struct oci_decoder *d, const struct json *node, void *target)
{
	struct oci_optional_uint *out = target;
	int e = read_weight(d, node, &out->value);

	out->set = e == 0 && out->value != 0;
	return e;
}

static int decode_device_weight(struct oci_decoder *d, const struct json *node, void *target)
{
	struct oci_blkio_device *dev = target;
	int e = read_weight(d, node, &dev->value);

	dev->has_weight = e == 0 && dev->value != 0;
	return e;
}

static int decode_device_leaf(struct oci_decoder *d, const struct json *node, void *target)
{
	struct oci_blkio_device *dev = target;
	int e = read_weight(d, node, &dev->leaf_weight);

	dev->has_leaf_weight = e == 0 && dev->leaf_weight != 0;
	return e;
}

static int check_weight_device(struct oci_decoder *d, const struct json *node, void *target)
{
	const struct oci_blkio_device *dev = target;

	if (!dev->has_weight && !dev->has_leaf_weight)
		return oci_refuse(d, node, -EINVAL, "needs weight, leafWeight or both");
	return 0;
}

static const struct oci_field weight_fields[] = {
	OCI_NEED("major", decode_major, struct oci_blkio_device, major),
	OCI_NEED("minor", decode_minor, struct oci_blkio_device, minor),
	OCI_WHOLE("weight", decode_device_weight),
	OCI_WHOLE("leafWeight", decode_device_leaf),
};

static const struct oci_object weight_object = {.fields = weight_fields,
	.count = ARRAY_SIZE(weight_fields),
	.size = sizeof(struct oci_blkio_device),
	.check = check_weight_device};

static const struct oci_field throttle_fields[] = {
	OCI_NEED("major", decode_major, struct oci_blkio_device, major),
	OCI_NEED("minor", decode_minor, struct oci_blkio_device, minor),
	OCI_NEED("rate", oci_decode_uint64, struct oci_blkio_device, value),
};

static const struct oci_object throttle_object = {.fields = throttle_fields,
	.count = ARRAY_SIZE(throttle_fields),
	.size = sizeof(struct oci_blkio_device)};

#define BLKIO_LIST(name, object, member)                                                           \
	OCI_LIST(name, object, DEVICES_MAX, struct oci_resources, blkio.member)

static const struct oci_field blkio_fields[] = {
	OCI_VALUE("weight", decode_weight, struct oci_resources, blkio.weight),
	OCI_VALUE("leafWeight", decode_weight, struct oci_resources, blkio.leaf_weight),
	BLKIO_LIST("weightDevice", &weight_object, weight_device),
	BLKIO_LIST("throttleReadBpsDevice", &throttle_object, read_bps),
	BLKIO_LIST("throttleWriteBpsDevice", &throttle_object, write_bps),
	BLKIO_LIST("throttleReadIOPSDevice", &throttle_object, read_iops),
	BLKIO_LIST("throttleWriteIOPSDevice", &throttle_object, write_iops),
	OCI_REFUSED("throttleReadIopsDevice", "its name is throttleReadIOPSDevice"),
	OCI_REFUSED("throttleWriteIopsDevice", "its name is throttleWriteIOPSDevice"),
};

static const struct oci_object blkio_object = {
	.fields = blkio_fields, .count = ARRAY_SIZE(blkio_fields)};

/* ---- huge pages, network, rdma, unified ---- */

/* It becomes part of a file name: digits without a leading zero, then KB, MB or GB. */
static int decode_page_size(struct oci_decoder *d, const struct json *node, void *target)
{
	const char *p;
	int e = oci_expect(d, node, JSON_STRING);

	if (e < 0)
		return e;
	p = node->string.data;
	p += *p >= '1' && *p <= '9' ? strspn(p, "0123456789") : 0;
	if (p == node->string.data || p - node->string.data > 9 ||
		(strcmp(p, "KB") != 0 && strcmp(p, "MB") != 0 && strcmp(p, "GB") != 0))
		return oci_refuse(d, node, -EINVAL, "must be a size such as 64KB, 2MB or 1GB");
	*(const char **)target = node->string.data;
	return 0;
}

static const struct oci_field hugepage_fields[] = {
	OCI_NEED("pageSize", decode_page_size, struct oci_hugepage_limit, page_size),
	OCI_NEED("limit", oci_decode_uint64, struct oci_hugepage_limit, limit),
};

static const struct oci_object hugepage_object = {.fields = hugepage_fields,
	.count = ARRAY_SIZE(hugepage_fields),
	.size = sizeof(struct oci_hugepage_limit)};

/* An interface name; it is one word of the line written to net_prio.ifpriomap. */
static int decode_interface(struct oci_decoder *d, const struct json *node, void *target)
{
	const char *name;
	int e = oci_expect(d, node, JSON_STRING);

	if (e < 0)
		return e;
	name = node->string.data;
	if (node->string.len == 0 || node->string.len > INTERFACE_MAX ||
		strpbrk(name, "/: \t\n\r\v\f") != NULL || strcmp(name, ".") == 0 ||
		strcmp(name, "..") == 0)
		return oci_refuse(d, node, -EINVAL, "is not a name of a network interface");
	*(const char **)target = name;
	return 0;
}

static const struct oci_field priority_fields[] = {
	OCI_NEED("name", decode_interface, struct oci_priority, name),
	OCI_NEED("priority", oci_decode_uint32, struct oci_priority, priority),
};

static const struct oci_object priority_object = {.fields = priority_fields,
	.count = ARRAY_SIZE(priority_fields),
	.size = sizeof(struct oci_priority)};

static int decode_class_id(struct oci_decoder *d, const struct json *node, void *target)
{
	struct oci_optional_uint *out = target;
	int64_t v;
	int e = oci_integer(d, node, 0, UINT32_MAX, &v);

	if (e < 0)
		return e;
	out->set = true;
	out->value = (uint64_t)v;
	return 0;
}

static const struct oci_field network_fields[] = {
	OCI_VALUE("classID", decode_class_id, struct oci_resources, network.class_id),
	OCI_LIST("priorities", &priority_object, DEVICES_MAX, struct oci_resources,
		network.priorities),
};

static const struct oci_object network_object = {
	.fields = network_fields, .count = ARRAY_SIZE(network_fields)};

static int check_rdma(struct oci_decoder *d, const struct json *node, void *target)
{
	struct oci_rdma *rdma = target;

	if (node->key[0] == '\0' || strpbrk(node->key, "/ \t\n\r\v\f") != NULL)
		return oci_refuse(d, node, -EINVAL, "is not a name of a device");
	if (!rdma->handles.set && !rdma->objects.set)
		return oci_refuse(d, node, -EINVAL, "needs hcaHandles, hcaObjects or both");
	rdma->device = node->key;
	return 0;
}

static const struct oci_field rdma_fields[] = {
	OCI_VALUE("hcaHandles", decode_class_id, struct oci_rdma, handles),
	OCI_VALUE("hcaObjects", decode_class_id, struct oci_rdma, objects),
};

static const struct oci_object rdma_object = {.fields = rdma_fields,
	.count = ARRAY_SIZE(rdma_fields),
	.size = sizeof(struct oci_rdma),
	.check = check_rdma};

/* Keys are names of files in the container's own group: never a path, never the files that move
 * processes or decide what kind of group it is. */
static int decode_unified(struct oci_decoder *d, const struct json *node, void *target)
{
	struct oci_resources *r = target;
	int e = oci_decode_pairs(d, node, &r->unified);

	if (e < 0)
		return e;
	if (r->unified_count > UNIFIED_MAX)
		return oci_refuse(d, node, -E2BIG, "has more than %u entries", UNIFIED_MAX);
	json_each (it, node) {
		if (it->key[0] == '.' || strchr(it->key, '/') != NULL || strlen(it->key) > 255)
			return oci_refuse(d, it, -EINVAL, "is not a name of a cgroup file");
		if (strcmp(it->key, "cgroup.procs") == 0 ||
			strcmp(it->key, "cgroup.threads") == 0 ||
			strcmp(it->key, "cgroup.type") == 0 ||
			strcmp(it->key, "cgroup.subtree_control") == 0)
			return oci_refuse(d, it, -EINVAL, "belongs to the runtime");
	}
	return 0;
}

/* ---- resources ---- */

static int check_resources(struct oci_decoder *d, const struct json *node, void *target)
{
	((struct oci_resources *)target)->present = true;
	return 0;
}

static const struct oci_field resources_fields[] = {
	OCI_LIST("devices", &rule_object, DEVICES_MAX, struct oci_resources, devices),
	OCI_INLINE("memory", &memory_object),
	OCI_INLINE("cpu", &cpu_object),
	OCI_INLINE("pids", &pids_object),
	OCI_INLINE("blockIO", &blkio_object),
	OCI_LIST("hugepageLimits", &hugepage_object, 64, struct oci_resources, hugepages),
	OCI_INLINE("network", &network_object),
	OCI_MAP("rdma", &rdma_object, 1024, struct oci_resources, rdma),
	OCI_WHOLE("unified", decode_unified),
};

const struct oci_object oci_object_resources = {.fields = resources_fields,
	.count = ARRAY_SIZE(resources_fields),
	.check = check_resources};

int oci_resources_decode(
	const struct json *tree, struct arena *a, struct oci_resources *ret, struct bh_error *err)
{
	struct oci_decoder d = {.arena = a, .err = err};
	struct oci_resources resources = {};
	int e = oci_decode_object(&d, tree, &oci_object_resources, &resources);

	if (e == 0)
		e = oci_take_warnings(&d, &resources.warnings);
	if (e < 0)
		return e;
	*ret = resources;
	return 0;
}
