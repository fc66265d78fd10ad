// SPDX-License-Identifier: Apache-2.0
/* The linux object of config.json, without resources and seccomp. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/mem.h"
#include "spec/oci_decode.h"

#define DEVICES_MAX 4096u
#define MAJOR_MAX   0xfff
#define MINOR_MAX   0xfffff
#define NANOS_MAX   999999999
#define LABEL_MAX   4095u

/* ---- namespaces ---- */

struct namespace_entry {
	enum oci_namespace kind;
	const char *path;
};

static int decode_namespace_type(struct oci_decoder *d, const struct json *node, void *target)
{
	uint64_t v;
	int e = oci_by_name(d, node, &oci_names_namespace, &v);

	if (e == 0)
		*(enum oci_namespace *)target = (enum oci_namespace)v;
	return e;
}

/* "" means none, as writers of configurations emit it. */
static int decode_namespace_path(struct oci_decoder *d, const struct json *node, void *target)
{
	if (json_string(node) != NULL && node->string.len == 0)
		return 0;
	return oci_decode_path(d, node, target);
}

static const struct oci_field namespace_fields[] = {
	OCI_NEED("type", decode_namespace_type, struct namespace_entry, kind),
	OCI_VALUE("path", decode_namespace_path, struct namespace_entry, path),
};

static const struct oci_object namespace_object = {
	.fields = namespace_fields, .count = ARRAY_SIZE(namespace_fields)};

/* The list becomes a table by kind. */
static int decode_namespaces(struct oci_decoder *d, const struct json *node, void *target)
{
	struct oci_config *c = target;
	int e = oci_expect(d, node, JSON_ARRAY);

	if (e < 0)
		return e;
	json_each (it, node) {
		struct namespace_entry entry = {};
		struct oci_ns *ns;

		e = oci_decode_object(d, it, &namespace_object, &entry);
		if (e < 0)
			return e;
		ns = &c->namespaces[entry.kind];
		if (ns->mode != OCI_NS_HOST)
			return oci_refuse(d, it, -EINVAL,
				"the namespace type \"%s\" is listed more than once",
				oci_name_of(&oci_names_namespace, entry.kind));
		ns->mode = entry.path != NULL ? OCI_NS_JOIN : OCI_NS_NEW;
		ns->path = entry.path;
	}
	return 0;
}

/* ---- id maps ---- */

static int decode_map_size(struct oci_decoder *d, const struct json *node, void *target)
{
	int64_t v;
	int e = oci_integer(d, node, 1, UINT32_MAX, &v);

	if (e == 0)
		*(uint32_t *)target = (uint32_t)v;
	return e;
}

/* The kernel has no id 2^32 - 1. */
static int check_map(struct oci_decoder *d, const struct json *node, void *target)
{
	const struct oci_id_map *map = target;

	if ((uint64_t)map->container_id + map->size > UINT32_MAX ||
		(uint64_t)map->host_id + map->size > UINT32_MAX)
		return oci_refuse(d, node, -EINVAL, "the range ends above the last id");
	return 0;
}

static const struct oci_field map_fields[] = {
	OCI_NEED("containerID", oci_decode_id, struct oci_id_map, container_id),
	OCI_NEED("hostID", oci_decode_id, struct oci_id_map, host_id),
	OCI_NEED("size", decode_map_size, struct oci_id_map, size),
};

const struct oci_object oci_object_id_map = {.fields = map_fields,
	.count = ARRAY_SIZE(map_fields),
	.size = sizeof(struct oci_id_map),
	.check = check_map};

static bool overlap(uint32_t a, uint32_t a_size, uint32_t b, uint32_t b_size)
{
	return a < (uint64_t)b + b_size && b < (uint64_t)a + a_size;
}

int oci_check_id_maps(
	struct oci_decoder *d, const struct json *node, const struct oci_id_maps *maps)
{
	for (size_t i = 0; i < maps->count; i++)
		for (size_t j = 0; j < i; j++) {
			const struct oci_id_map *a = &maps->items[i], *b = &maps->items[j];

			if (overlap(a->container_id, a->size, b->container_id, b->size) ||
				overlap(a->host_id, a->size, b->host_id, b->size))
				return oci_refuse(
					d, node, -EINVAL, "entries %zu and %zu overlap", j, i);
		}
	return 0;
}

/* ---- time offsets ---- */

static int decode_nanos(struct oci_decoder *d, const struct json *node, void *target)
{
	int64_t v;
	int e = oci_integer(d, node, 0, NANOS_MAX, &v);

	if (e == 0)
		*(uint32_t *)target = (uint32_t)v;
	return e;
}

static int decode_seconds(struct oci_decoder *d, const struct json *node, void *target)
{
	return oci_integer(d, node, INT64_MIN, INT64_MAX, target);
}

static int check_offset(struct oci_decoder *d, const struct json *node, void *target)
{
	((struct oci_time_offset *)target)->set = true;
	return 0;
}

static const struct oci_field offset_fields[] = {
	OCI_VALUE("secs", decode_seconds, struct oci_time_offset, secs),
	OCI_VALUE("nanosecs", decode_nanos, struct oci_time_offset, nanosecs),
};

static const struct oci_object offset_object = {
	.fields = offset_fields, .count = ARRAY_SIZE(offset_fields), .check = check_offset};

static const struct oci_field clock_fields[] = {
	OCI_OBJECT("monotonic", &offset_object, struct oci_config, time_monotonic),
	OCI_OBJECT("boottime", &offset_object, struct oci_config, time_boottime),
};

static const struct oci_object clock_object = {
	.fields = clock_fields, .count = ARRAY_SIZE(clock_fields)};

/* ---- devices ---- */

static int decode_device_type(struct oci_decoder *d, const struct json *node, void *target)
{
	int e = oci_expect(d, node, JSON_STRING);

	if (e < 0)
		return e;
	if (node->string.len != 1 || strchr("cbup", node->string.data[0]) == NULL)
		return oci_refuse(d, node, -EINVAL, "must be c, b, u or p");
	*(char *)target = node->string.data[0];
	return 0;
}

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

/* Some writers put the type of the file into the mode as well: it is dropped here and comes from
 * "type". */
static int decode_file_mode(struct oci_decoder *d, const struct json *node, void *target)
{
	struct oci_device *dev = target;
	int64_t v;
	int e = oci_integer(d, node, 0, S_IFMT | 07777, &v);

	if (e < 0)
		return e;
	dev->has_mode = true;
	dev->mode = (mode_t)v & 07777;
	return 0;
}

static int decode_device_uid(struct oci_decoder *d, const struct json *node, void *target)
{
	struct oci_device *dev = target;

	dev->has_uid = true;
	return oci_decode_id(d, node, &dev->uid);
}

static int decode_device_gid(struct oci_decoder *d, const struct json *node, void *target)
{
	struct oci_device *dev = target;

	dev->has_gid = true;
	return oci_decode_id(d, node, &dev->gid);
}

static bool absent(const struct json *object, const char *name)
{
	const struct json *node = json_get(object, name);

	return node == NULL || node->type == JSON_NULL;
}

static int check_device(struct oci_decoder *d, const struct json *node, void *target)
{
	const struct oci_device *dev = target;

	if (dev->type != 'p' && (absent(node, "major") || absent(node, "minor")))
		return oci_refuse(d, node, -EINVAL, "needs major and minor");
	return 0;
}

static const struct oci_field device_fields[] = {
	OCI_NEED("type", decode_device_type, struct oci_device, type),
	OCI_NEED("path", oci_decode_path, struct oci_device, path),
	OCI_VALUE("major", decode_major, struct oci_device, major),
	OCI_VALUE("minor", decode_minor, struct oci_device, minor),
	OCI_WHOLE("fileMode", decode_file_mode),
	OCI_WHOLE("uid", decode_device_uid),
	OCI_WHOLE("gid", decode_device_gid),
};

static const struct oci_object device_object = {.fields = device_fields,
	.count = ARRAY_SIZE(device_fields),
	.size = sizeof(struct oci_device),
	.check = check_device};

/* ---- single values ---- */

static int decode_propagation(struct oci_decoder *d, const struct json *node, void *target)
{
	uint64_t v;
	int e;

	if (json_string(node) != NULL && node->string.len == 0)
		return 0;
	e = oci_by_name(d, node, &oci_names_propagation, &v);
	if (e == 0)
		*(unsigned long *)target = (unsigned long)v;
	return e;
}

static bool has_dotdot(const char *path)
{
	for (const char *p = path; (p = strstr(p, "..")) != NULL; p += 2)
		if ((p == path || p[-1] == '/') && (p[2] == '/' || p[2] == '\0'))
			return true;
	return false;
}

static int decode_cgroups_path(struct oci_decoder *d, const struct json *node, void *target)
{
	int e = oci_decode_string(d, node, target);

	if (e < 0)
		return e;
	if (node->string.len > LABEL_MAX || has_dotdot(node->string.data) ||
		strchr(node->string.data, '\n') != NULL)
		return oci_refuse(d, node, -EINVAL, "must be a path without \"..\"");
	return 0;
}

static int decode_label(struct oci_decoder *d, const struct json *node, void *target)
{
	int e = oci_decode_string(d, node, target);

	if (e == 0 && (node->string.len > LABEL_MAX || strchr(node->string.data, '"') != NULL))
		return oci_refuse(d, node, -EINVAL, "is not a security context");
	return e;
}

static int decode_domain(struct oci_decoder *d, const struct json *node, void *target)
{
	uint64_t v;
	int e = oci_by_name(d, node, &oci_names_domain, &v);

	if (e == 0)
		*(unsigned long *)target = (unsigned long)v;
	return e;
}

static int check_personality(struct oci_decoder *d, const struct json *node, void *target)
{
	((struct oci_config *)target)->personality.set = true;
	return 0;
}

static const struct oci_field personality_fields[] = {
	OCI_NEED("domain", decode_domain, struct oci_config, personality.value),
	OCI_REFUSED("flags", "the specification defines no flag"),
};

static const struct oci_object personality_object = {.fields = personality_fields,
	.count = ARRAY_SIZE(personality_fields),
	.check = check_personality};

/* ---- linux ---- */

static int check_linux(struct oci_decoder *d, const struct json *node, void *target)
{
	const struct oci_config *c = target;
	int e = oci_check_id_maps(d, json_get(node, "uidMappings"), &c->uid_maps);

	if (e < 0)
		return e;
	return oci_check_id_maps(d, json_get(node, "gidMappings"), &c->gid_maps);
}

static const struct oci_field linux_fields[] = {
	OCI_WHOLE_OF("namespaces", decode_namespaces, &namespace_object, OCI_NS_COUNT),
	OCI_LIST("uidMappings", &oci_object_id_map, OCI_ID_MAPS_MAX, struct oci_config, uid_maps),
	OCI_LIST("gidMappings", &oci_object_id_map, OCI_ID_MAPS_MAX, struct oci_config, gid_maps),
	OCI_INLINE("timeOffsets", &clock_object),
	OCI_LIST("devices", &device_object, DEVICES_MAX, struct oci_config, devices),
	OCI_VALUE("cgroupsPath", decode_cgroups_path, struct oci_config, cgroups_path),
	OCI_OBJECT("resources", &oci_object_resources, struct oci_config, resources),
	OCI_VALUE("rootfsPropagation", decode_propagation, struct oci_config, rootfs_propagation),
	OCI_OBJECT("seccomp", &oci_object_seccomp, struct oci_config, seccomp),
	OCI_VALUE("sysctl", oci_decode_pairs, struct oci_config, sysctl),
	OCI_VALUE("maskedPaths", oci_decode_paths, struct oci_config, masked_paths),
	OCI_VALUE("readonlyPaths", oci_decode_paths, struct oci_config, readonly_paths),
	OCI_VALUE("mountLabel", decode_label, struct oci_config, mount_label),
	OCI_INLINE("personality", &personality_object),
	{.name = "intelRdt",
		.kind = OCI_FIELD_REFUSED,
		.even_empty = true, /* even then it asks for a group of the container's own */
		.reason = "this runtime does not manage resctrl groups; put the container's "
			  "processes into one from outside"},
	OCI_REFUSED("netDevices",
		"it is of version 1.3; move devices into a named network namespace "
		"and join that"),
	OCI_REFUSED("memoryPolicy", "it is of version 1.3; set cpu.mems, or run the program under "
				    "numactl"),
};

const struct oci_object oci_object_linux = {
	.fields = linux_fields, .count = ARRAY_SIZE(linux_fields), .check = check_linux};
