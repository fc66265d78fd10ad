// SPDX-License-Identifier: Apache-2.0
/*
 * One entry of mounts in config.json: the meaning of every option is one row of a table. What no
 * row names is for the file system. A later option overrides an earlier one, as in mount(8).
 */
#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/mount.h>

#include "base/mem.h"
#include "spec/oci_decode.h"
#include "spec/oci_mounts.h"
#include "spec/oci_write_parts.h"

/* The kernel copies one page of options, mount(2). */
#define DATA_MAX 4095u

/* Not in the C library's header, or not in that of older ones. */
#ifndef MS_NOSYMFOLLOW
#define MS_NOSYMFOLLOW 256
#endif

enum option_kind {
	SET,         /* MS_* on */
	CLEAR,       /* MS_* off */
	PROPAGATION, /* MS_* with MS_REC */
	REC_SET,     /* MOUNT_ATTR_* on, recursively */
	REC_CLEAR,   /* MOUNT_ATTR_* off, recursively */
	BIND,
	RBIND,
	COPY_UP,
	COPY_SYMLINK,
	IDMAP,
	RIDMAP,
};

struct option {
	const char *name;
	enum option_kind kind;
	unsigned long value;
};

static const struct option options[] = {
	{"async", CLEAR, MS_SYNCHRONOUS},
	{"atime", CLEAR, MS_NOATIME},
	{"bind", BIND, 0},
	{"copy-symlink", COPY_SYMLINK, 0},
	{"defaults", SET, 0},
	{"dev", CLEAR, MS_NODEV},
	{"diratime", CLEAR, MS_NODIRATIME},
	{"dirsync", SET, MS_DIRSYNC},
	{"exec", CLEAR, MS_NOEXEC},
	{"idmap", IDMAP, 0},
	{"iversion", SET, MS_I_VERSION},
	{"lazytime", SET, MS_LAZYTIME},
	{"loud", CLEAR, MS_SILENT},
	{"mand", SET, MS_MANDLOCK},
	{"noatime", SET, MS_NOATIME},
	{"nodev", SET, MS_NODEV},
	{"nodiratime", SET, MS_NODIRATIME},
	{"noexec", SET, MS_NOEXEC},
	{"noiversion", CLEAR, MS_I_VERSION},
	{"nolazytime", CLEAR, MS_LAZYTIME},
	{"nomand", CLEAR, MS_MANDLOCK},
	{"norelatime", CLEAR, MS_RELATIME},
	{"nostrictatime", CLEAR, MS_STRICTATIME},
	{"nosuid", SET, MS_NOSUID},
	{"nosymfollow", SET, MS_NOSYMFOLLOW},
	{"private", PROPAGATION, MS_PRIVATE},
	{"ratime", REC_CLEAR, MOUNT_ATTR__ATIME},
	{"rbind", RBIND, 0},
	{"rdev", REC_CLEAR, MOUNT_ATTR_NODEV},
	{"rdiratime", REC_CLEAR, MOUNT_ATTR_NODIRATIME},
	{"relatime", SET, MS_RELATIME},
	{"remount", SET, MS_REMOUNT},
	{"rexec", REC_CLEAR, MOUNT_ATTR_NOEXEC},
	{"ridmap", RIDMAP, 0},
	{"rnoatime", REC_SET, MOUNT_ATTR_NOATIME},
	{"rnodev", REC_SET, MOUNT_ATTR_NODEV},
	{"rnodiratime", REC_SET, MOUNT_ATTR_NODIRATIME},
	{"rnoexec", REC_SET, MOUNT_ATTR_NOEXEC},
	{"rnorelatime", REC_CLEAR, MOUNT_ATTR__ATIME},
	{"rnostrictatime", REC_CLEAR, MOUNT_ATTR__ATIME},
	{"rnosuid", REC_SET, MOUNT_ATTR_NOSUID},
	{"rnosymfollow", REC_SET, MOUNT_ATTR_NOSYMFOLLOW},
	{"ro", SET, MS_RDONLY},
	{"rprivate", PROPAGATION, MS_PRIVATE | MS_REC},
	{"rrelatime", REC_SET, MOUNT_ATTR_RELATIME},
	{"rro", REC_SET, MOUNT_ATTR_RDONLY},
	{"rrw", REC_CLEAR, MOUNT_ATTR_RDONLY},
	{"rshared", PROPAGATION, MS_SHARED | MS_REC},
	{"rslave", PROPAGATION, MS_SLAVE | MS_REC},
	{"rstrictatime", REC_SET, MOUNT_ATTR_STRICTATIME},
	{"rsuid", REC_CLEAR, MOUNT_ATTR_NOSUID},
	{"rsymfollow", REC_CLEAR, MOUNT_ATTR_NOSYMFOLLOW},
	{"runbindable", PROPAGATION, MS_UNBINDABLE | MS_REC},
	{"rw", CLEAR, MS_RDONLY},
	{"shared", PROPAGATION, MS_SHARED},
	{"silent", SET, MS_SILENT},
	{"slave", PROPAGATION, MS_SLAVE},
	{"strictatime", SET, MS_STRICTATIME},
	{"suid", CLEAR, MS_NOSUID},
	{"symfollow", CLEAR, MS_NOSYMFOLLOW},
	{"sync", SET, MS_SYNCHRONOUS},
	{"tmpcopyup", COPY_UP, 0},
	{"unbindable", PROPAGATION, MS_UNBINDABLE},
};

const char *oci_mount_option_name(size_t index)
{
	return index < ARRAY_SIZE(options) ? options[index].name : NULL;
}

static const struct option *find_option(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(options); i++)
		if (strcmp(options[i].name, name) == 0)
			return &options[i];
	return NULL;
}

/* The access time modes are one field of several values: setting one clears the others first, and
 * MOUNT_ATTR_RELATIME is the value 0, mount_setattr(2). */
static void apply_recursive(struct oci_mount *m, const struct option *o)
{
	bool atime = o->value == MOUNT_ATTR__ATIME || o->value == MOUNT_ATTR_RELATIME ||
		     o->value == MOUNT_ATTR_NOATIME || o->value == MOUNT_ATTR_STRICTATIME;

	if (atime) {
		m->recursive_set &= ~(uint64_t)MOUNT_ATTR__ATIME;
		m->recursive_clear |= MOUNT_ATTR__ATIME;
	}
	if (o->kind == REC_SET) {
		m->recursive_set |= o->value;
		if (!atime)
			m->recursive_clear &= ~(uint64_t)o->value;
	} else if (!atime) {
		m->recursive_clear |= o->value;
		m->recursive_set &= ~(uint64_t)o->value;
	}
}

static int apply_option(
	struct oci_decoder *d, const struct json *node, struct oci_mount *m, const struct option *o)
{
	switch (o->kind) {
	case SET:
		m->flags |= o->value;
		m->flags_clear &= ~o->value;
		return 0;
	case CLEAR:
		m->flags &= ~o->value;
		m->flags_clear |= o->value;
		return 0;
	case PROPAGATION:
		if (m->propagation != 0 && m->propagation != o->value)
			return oci_refuse(d, node, -EINVAL,
				"\"%s\" contradicts an earlier propagation", o->name);
		m->propagation = o->value;
		return 0;
	case REC_SET:
	case REC_CLEAR:
		apply_recursive(m, o);
		return 0;
	case RBIND:
		m->recursive_bind = true;
		m->is_bind = true;
		return 0;
	case BIND:
		m->is_bind = true;
		return 0;
	case COPY_UP:
		m->copy_up = true;
		return 0;
	case COPY_SYMLINK:
		m->copy_symlink = true;
		return 0;
	case RIDMAP:
		m->idmap_recursive = true;
		m->idmap = true;
		return 0;
	case IDMAP:
		m->idmap = true;
		return 0;
	}
	return -EINVAL;
}

static int decode_options(struct oci_decoder *d, const struct json *node, void *target)
{
	struct oci_mount *m = target;
	size_t length = 0;
	const char **data;
	int e = oci_expect(d, node, JSON_ARRAY);

	if (e < 0)
		return e;
	data = arena_calloc(d->arena, node->children.count + 1, sizeof(*data));
	if (data == NULL)
		return oci_no_memory(d);
	json_each (it, node) {
		const struct option *o;

		e = oci_expect(d, it, JSON_STRING);
		if (e < 0)
			return e;
		o = find_option(it->string.data);
		if (o != NULL) {
			e = apply_option(d, it, m, o);
			if (e < 0)
				return e;
			continue;
		}
		if (it->string.len == 0)
			continue;
		length += it->string.len + 1;
		if (length > DATA_MAX)
			return oci_refuse(d, it, -E2BIG,
				"options of a file system are limited to %u bytes", DATA_MAX);
		data[m->data.count++] = it->string.data;
	}
	m->data.items = data;
	return 0;
}

/* Absolute or, deprecated, relative to "/". */
static int decode_destination(struct oci_decoder *d, const struct json *node, void *target)
{
	const char *path;
	int e = oci_expect(d, node, JSON_STRING);

	if (e < 0)
		return e;
	if (node->string.len == 0 || node->string.len >= PATH_MAX - 1)
		return oci_refuse(d, node, -EINVAL, "must be an absolute path");
	path = node->string.data;
	if (path[0] != '/') {
		path = arena_printf(d->arena, "/%s", path);
		if (path == NULL)
			return oci_no_memory(d);
		e = oci_warn(
			d, node, "a relative destination is deprecated, taken as \"%s\"", path);
	}
	*(const char **)target = path;
	return e;
}

static int check_idmap(struct oci_decoder *d, const struct json *node, struct oci_mount *m)
{
	int e;

	if (m->uid_maps.count == 0 && m->gid_maps.count == 0)
		return 0;
	if (m->uid_maps.count == 0 || m->gid_maps.count == 0)
		return oci_refuse(d, node, -EINVAL, "uidMappings and gidMappings go together");
	e = oci_check_id_maps(d, json_get(node, "uidMappings"), &m->uid_maps);
	if (e == 0)
		e = oci_check_id_maps(d, json_get(node, "gidMappings"), &m->gid_maps);
	m->idmap = true;
	return e;
}

static int check_mount(struct oci_decoder *d, const struct json *node, void *target)
{
	struct oci_mount *m = target;
	int e;

	if (m->type != NULL && strcmp(m->type, "bind") == 0)
		m->is_bind = true;
	e = check_idmap(d, node, m);
	if (e < 0)
		return e;
	if (m->idmap && !m->is_bind)
		return oci_refuse(d, node, -EINVAL, "only bind mounts can be id-mapped");
	if (m->is_bind && m->data.count > 0)
		return oci_refuse(d, json_get(node, "options"), -EINVAL,
			"\"%.64s\" has no effect on a bind mount", m->data.items[0]);
	if (m->copy_symlink && !m->is_bind)
		return oci_refuse(d, json_get(node, "options"), -EINVAL,
			"\"copy-symlink\" is for bind mounts");
	if (m->is_bind && m->source == NULL && (m->flags & MS_REMOUNT) == 0)
		return oci_refuse(d, node, -EINVAL, "a bind mount needs a source");
	if (!m->is_bind && m->type == NULL && (m->flags & MS_REMOUNT) == 0 && m->propagation == 0)
		return oci_refuse(d, node, -EINVAL, "needs a type");
	if (m->copy_up && (m->type == NULL || strcmp(m->type, "tmpfs") != 0 || m->is_bind))
		return oci_refuse(d, json_get(node, "options"), -EINVAL,
			"\"tmpcopyup\" is for the type tmpfs");
	return 0;
}

static const struct oci_field mount_fields[] = {
	OCI_NEED("destination", decode_destination, struct oci_mount, destination),
	OCI_VALUE("source", oci_decode_string, struct oci_mount, source),
	OCI_VALUE("type", oci_decode_string, struct oci_mount, type),
	OCI_WHOLE("options", decode_options),
	OCI_LIST("uidMappings", &oci_object_id_map, OCI_ID_MAPS_MAX, struct oci_mount, uid_maps),
	OCI_LIST("gidMappings", &oci_object_id_map, OCI_ID_MAPS_MAX, struct oci_mount, gid_maps),
};

const struct oci_object oci_object_mount = {.fields = mount_fields,
	.count = ARRAY_SIZE(mount_fields),
	.size = sizeof(struct oci_mount),
	.check = check_mount};

/* ---- writing ---- */

static bool option_holds(const struct oci_mount *m, const struct option *o)
{
	switch (o->kind) {
	case SET:
		return (m->flags & o->value) != 0;
	case CLEAR:
		return (m->flags_clear & o->value) != 0;
	case PROPAGATION:
		return m->propagation == o->value;
	case BIND:
		return m->is_bind && !m->recursive_bind;
	case RBIND:
		return m->recursive_bind;
	case COPY_UP:
		return m->copy_up;
	case COPY_SYMLINK:
		return m->copy_symlink;
	case IDMAP:
		return m->idmap && !m->idmap_recursive;
	case RIDMAP:
		return m->idmap_recursive;
	case REC_SET:
		if ((o->value & ~(unsigned long)MOUNT_ATTR__ATIME) == 0)
			return (m->recursive_clear & MOUNT_ATTR__ATIME) != 0 &&
			       (m->recursive_set & MOUNT_ATTR__ATIME) == o->value;
		return (m->recursive_set & o->value) != 0;
	case REC_CLEAR:
		return o->value != MOUNT_ATTR__ATIME && (m->recursive_clear & o->value) != 0;
	}
	return false;
}

void oci_write_mount_options(struct json_writer *w, const struct oci_mount *m)
{
	json_key(w, "options");
	json_begin_array(w);
	for (size_t i = 0; i < ARRAY_SIZE(options); i++)
		if (option_holds(m, &options[i]))
			json_put_string(w, options[i].name);
	for (size_t i = 0; i < m->data.count; i++)
		json_put_string(w, m->data.items[i]);
	json_end_array(w);
}
