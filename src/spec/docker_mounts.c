// SPDX-License-Identifier: Apache-2.0
/* Binds, Mounts and Tmpfs of a HostConfig: three spellings of one list. */
#include <errno.h>
#include <string.h>
#include <sys/mount.h>

#include "base/mem.h"
#include "spec/docker_host.h"

#define MOUNTS_MAX 1024u

static int add_mount(
	struct docker_reader *r, struct docker_host_config *host, const struct docker_mount *mount)
{
	struct docker_mount *items;

	if (strcmp(mount->target, "/") == 0)
		return docker_refuse(r, -EINVAL, "invalid specification: destination can't be '/'");
	for (size_t i = 0; i < host->mount_count; i++)
		if (strcmp(host->mounts[i].target, mount->target) == 0)
			return docker_refuse(
				r, -EINVAL, "Duplicate mount point: %.200s", mount->target);
	if (host->mount_count == MOUNTS_MAX)
		return docker_refuse(r, -EINVAL, "more than %u mounts", MOUNTS_MAX);
	/* Powers of two, so that the arena holds at most twice what is needed. */
	if ((host->mount_count & (host->mount_count - 1)) == 0) {
		size_t room = host->mount_count == 0 ? 1 : host->mount_count * 2;

		items = arena_calloc(r->a, room, sizeof(*items));
		if (items == NULL)
			return bh_fail(r->err, -ENOMEM, "the document is too large");
		if (host->mount_count > 0)
			memcpy(items, host->mounts, host->mount_count * sizeof(*items));
	} else {
		items = (struct docker_mount *)(uintptr_t)host->mounts;
	}
	items[host->mount_count++] = *mount;
	host->mounts = items;
	return 0;
}

static const struct {
	const char *name;
	unsigned long flags;
} propagations[] = {
	{"private", MS_PRIVATE},
	{"rprivate", MS_PRIVATE | MS_REC},
	{"shared", MS_SHARED},
	{"rshared", MS_SHARED | MS_REC},
	{"slave", MS_SLAVE},
	{"rslave", MS_SLAVE | MS_REC},
};

static int find_propagation(const char *name, size_t len, unsigned long *ret)
{
	for (size_t i = 0; i < ARRAY_SIZE(propagations); i++) {
		if (strlen(propagations[i].name) == len &&
			memcmp(propagations[i].name, name, len) == 0) {
			*ret = propagations[i].flags;
			return 0;
		}
	}
	return -EINVAL;
}

static bool word_is(const char *word, size_t len, const char *want)
{
	return strlen(want) == len && memcmp(word, want, len) == 0;
}

static int bind_option(
	struct docker_reader *r, struct docker_mount *m, const char *word, size_t len)
{
	if (word_is(word, len, "ro")) {
		m->readonly = m->readonly_recursive = true;
		return 0;
	}
	if (word_is(word, len, "rw") || word_is(word, len, "consistent") ||
		word_is(word, len, "cached") || word_is(word, len, "delegated") || len == 0)
		return 0;
	if (word_is(word, len, "nocopy")) {
		m->no_copy = true;
		return 0;
	}
	if (word_is(word, len, "z") || word_is(word, len, "Z"))
		return docker_refuse(r, -ENOTSUP,
			"bind option \"%.*s\": SELinux relabelling is not supported by this build "
			"yet",
			(int)len, word);
	if (find_propagation(word, len, &m->propagation) == 0)
		return 0;
	return docker_refuse(r, -EINVAL, "invalid mode: %.*s", (int)len, word);
}

static int read_bind(struct docker_reader *r, struct docker_host_config *host, const char *text)
{
	const char *target = strchr(text, ':');
	const char *options = target != NULL ? strchr(target + 1, ':') : NULL;
	struct docker_mount m = {.type = DOCKER_MOUNT_BIND,
		.create_source = true,
		.propagation = MS_PRIVATE | MS_REC};
	size_t target_len;
	int code = 0;

	if (target == NULL || target == text || target[1] != '/' ||
		(options != NULL && strchr(options + 1, ':') != NULL))
		return docker_refuse(r, -EINVAL, "invalid volume specification: '%.300s'", text);
	if (text[0] != '/')
		return docker_refuse(r, -ENOTSUP,
			"volume \"%.*s\": named volumes are not supported by this build yet (bind "
			"an absolute host path, or use --tmpfs)",
			(int)(target - text), text);
	target_len = options != NULL ? (size_t)(options - target - 1) : strlen(target + 1);
	m.source = docker_clean_path(r->a, arena_strndup(r->a, text, (size_t)(target - text)));
	m.target = docker_clean_path(r->a, arena_strndup(r->a, target + 1, target_len));
	if (m.source == NULL || m.target == NULL)
		return bh_fail(r->err, -ENOMEM, "the document is too large");
	while (code == 0 && options != NULL) {
		size_t len = strcspn(++options, ",");

		code = bind_option(r, &m, options, len);
		options = options[len] == ',' ? options + len : NULL;
	}
	return code < 0 ? code : add_mount(r, host, &m);
}

int docker_read_binds_whole(struct docker_reader *r, const struct json *node, void *target)
{
	struct oci_strings list;
	int code = docker_read_strings(r, node, &list);

	for (size_t i = 0; code == 0 && i < list.count; i++)
		code = read_bind(r, target, list.items[i]);
	return code;
}

/* The client cuts "C:/Temp:size=1m" at its first colon. What it means is /Temp: a drive is the
 * root. */
static int windows_tmpfs(struct docker_reader *r, const char *path, struct docker_mount *m)
{
	size_t len = strcspn(path, ":");
	char *target = arena_strndup(r->a, path, len);

	if (target == NULL)
		return bh_fail(r->err, -ENOMEM, "the document is too large");
	for (char *p = target; *p != '\0'; p++)
		if (*p == '\\')
			*p = '/';
	m->target = docker_clean_path(r->a, target);
	m->options = path[len] == ':' ? path + len + 1 : "";
	return 0;
}

static bool is_drive(const char *key, const char *value)
{
	return ((key[0] | 0x20) >= 'a' && (key[0] | 0x20) <= 'z') && key[1] == '\0' &&
	       (value[0] == '/' || value[0] == '\\');
}

int docker_read_tmpfs_whole(struct docker_reader *r, const struct json *node, void *target)
{
	struct docker_pairs pairs;
	int code = docker_read_pairs(r, node, &pairs);

	for (size_t i = 0; code == 0 && i < pairs.count; i++) {
		struct docker_mount m = {.type = DOCKER_MOUNT_TMPFS,
			.target = docker_clean_path(r->a, pairs.items[i].key),
			.options = pairs.items[i].value};

		if (m.target == NULL && is_drive(pairs.items[i].key, pairs.items[i].value))
			code = windows_tmpfs(r, pairs.items[i].value, &m);
		if (code < 0)
			return code;
		if (m.target == NULL)
			return docker_refuse(r, -EINVAL,
				"invalid mount path: '%.200s' mount path must be absolute",
				pairs.items[i].key);
		code = add_mount(r, target, &m);
	}
	return code;
}

/* ---- Mounts ---- */

struct mount_spec {
	const char *type, *source, *target, *consistency;
	bool readonly;
	const char *propagation;
	bool non_recursive, create_source, ro_non_recursive, ro_force_recursive;
	uint64_t size, mode;
};

static int read_tmpfs_options(struct docker_reader *r, const struct json *node, void *target)
{
	static const struct docker_key keys[] = {
		{"SizeBytes", docker_read_uint, offsetof(struct mount_spec, size), NULL, NULL},
		{"Mode", docker_read_uint, offsetof(struct mount_spec, mode), NULL, NULL},
		{"Options", NULL, 0, NULL,
			"tmpfs options are not supported by this build yet (use --tmpfs)"},
	};

	return docker_read_object(r, node, keys, ARRAY_SIZE(keys), true, target);
}

static int read_bind_options(struct docker_reader *r, const struct json *node, void *target)
{
	static const struct docker_key keys[] = {
		{"Propagation", docker_read_string, offsetof(struct mount_spec, propagation), NULL,
			NULL},
		{"NonRecursive", docker_read_bool, offsetof(struct mount_spec, non_recursive), NULL,
			NULL},
		{"CreateMountpoint", docker_read_bool, offsetof(struct mount_spec, create_source),
			NULL, NULL},
		{"ReadOnlyNonRecursive", docker_read_bool,
			offsetof(struct mount_spec, ro_non_recursive), NULL, NULL},
		{"ReadOnlyForceRecursive", docker_read_bool,
			offsetof(struct mount_spec, ro_force_recursive), NULL, NULL},
	};

	return docker_read_object(r, node, keys, ARRAY_SIZE(keys), true, target);
}

#define SPEC_KEY(name, fn, member)                                                                 \
	{                                                                                          \
		name, fn, offsetof(struct mount_spec, member), NULL, NULL                          \
	}

static const struct docker_key spec_keys[] = {
	SPEC_KEY("Type", docker_read_string, type),
	SPEC_KEY("Source", docker_read_string, source),
	SPEC_KEY("Target", docker_read_string, target),
	SPEC_KEY("ReadOnly", docker_read_bool, readonly),
	SPEC_KEY("Consistency", docker_read_string, consistency),
	{"BindOptions", read_bind_options, 0, NULL, NULL},
	{"TmpfsOptions", read_tmpfs_options, 0, NULL, NULL},
	{"VolumeOptions", NULL, 0, NULL, "volumes are not supported by this build yet"},
	{"ImageOptions", NULL, 0, NULL, "image mounts are not supported by this build yet"},
	{"ClusterOptions", NULL, 0, NULL, "cluster volumes are not supported by this build yet"},
};

static int check_type(struct docker_reader *r, const char *type)
{
	if (type == NULL)
		return docker_refuse(r, -EINVAL, "invalid mount config: the type is empty");
	if (strcmp(type, "volume") == 0 || strcmp(type, "image") == 0 ||
		strcmp(type, "npipe") == 0 || strcmp(type, "cluster") == 0)
		return docker_refuse(r, -ENOTSUP,
			"mount type \"%s\" is not supported by this build yet (use bind or tmpfs)",
			type);
	if (strcmp(type, "bind") != 0 && strcmp(type, "tmpfs") != 0)
		return docker_refuse(r, -EINVAL,
			"invalid mount config for type \"%.64s\": mount type unknown", type);
	return 0;
}

static int fill_bind(
	struct docker_reader *r, const struct mount_spec *spec, struct docker_mount *ret)
{
	ret->type = DOCKER_MOUNT_BIND;
	ret->source = docker_clean_path(r->a, spec->source);
	if (ret->source == NULL)
		return docker_refuse(r, -EINVAL,
			"invalid mount config for type \"bind\": invalid mount path: '%.200s' "
			"mount path must be absolute",
			spec->source != NULL ? spec->source : "");
	ret->propagation = MS_PRIVATE | MS_REC;
	if (spec->propagation != NULL && find_propagation(spec->propagation,
						 strlen(spec->propagation), &ret->propagation) < 0)
		return docker_refuse(
			r, -EINVAL, "invalid propagation mode: %.64s", spec->propagation);
	ret->non_recursive = spec->non_recursive;
	ret->readonly_recursive = spec->readonly && !spec->ro_non_recursive;
	ret->create_source = spec->create_source;
	return 0;
}

static int read_mount(
	struct docker_reader *r, const struct json *node, struct docker_host_config *host)
{
	struct mount_spec spec = {0};
	struct docker_mount m = {.type = DOCKER_MOUNT_TMPFS};
	int code = docker_read_object(r, node, spec_keys, ARRAY_SIZE(spec_keys), true, &spec);

	if (code == 0)
		code = check_type(r, spec.type);
	if (code < 0)
		return code;
	m.target = docker_clean_path(r->a, spec.target);
	if (m.target == NULL)
		return docker_refuse(r, -EINVAL,
			"invalid mount config for type \"%s\": invalid mount path: '%.200s' mount "
			"path must be absolute",
			spec.type, spec.target != NULL ? spec.target : "");
	m.readonly = spec.readonly;
	m.tmpfs_size = spec.size;
	m.tmpfs_mode = (uint32_t)(spec.mode & 07777);
	if (strcmp(spec.type, "bind") == 0)
		code = fill_bind(r, &spec, &m);
	else if (spec.source != NULL)
		code = docker_refuse(r, -EINVAL,
			"invalid mount config for type \"tmpfs\": field Source must not be "
			"specified");
	return code < 0 ? code : add_mount(r, host, &m);
}

int docker_read_mounts_whole(struct docker_reader *r, const struct json *node, void *target)
{
	int code = 0;

	if (node->type != JSON_ARRAY)
		return docker_bad(r, node, "is %s, not a list", json_type_phrase(node->type));
	json_each (child, node) {
		code = read_mount(r, child, target);
		if (code < 0)
			return code;
	}
	return 0;
}
