// SPDX-License-Identifier: Apache-2.0
/* SecurityOpt, capabilities, ulimits, devices and LogConfig of a HostConfig. */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/resource.h>

#include "base/mem.h"
#include "spec/docker_host.h"

/* ---- security options ---- */

static int read_seccomp(struct docker_reader *r, struct docker_security *s, const char *value)
{
	struct bh_error inner = BH_ERROR_INIT;
	int code;

	if (strcmp(value, "unconfined") == 0) {
		s->seccomp_unconfined = true;
		return 0;
	}
	if (strcmp(value, "builtin") == 0)
		return 0;
	code = json_parse(value, strlen(value), r->a, &s->seccomp_profile, &inner);
	if (code == 0 && s->seccomp_profile->type != JSON_OBJECT)
		code = bh_fail(&inner, -EINVAL, "is not an object");
	if (code < 0)
		return docker_refuse(r, -EINVAL, "decoding seccomp profile failed: %.500s",
			bh_error_text(&inner, code));
	return 0;
}

static int read_truth(struct docker_reader *r, const char *option, const char *value, bool *ret)
{
	if (strcasecmp(value, "true") != 0 && strcasecmp(value, "false") != 0 &&
		strcmp(value, "1") != 0 && strcmp(value, "0") != 0)
		return docker_refuse(r, -EINVAL, "invalid --security-opt 2: \"%.100s\"", option);
	*ret = strcasecmp(value, "true") == 0 || strcmp(value, "1") == 0;
	return 0;
}

static int read_named(struct docker_reader *r, struct docker_security *s, const char *option,
	const char *name, const char *value)
{
	static const struct {
		const char *name, *remedy;
	} refused[] = {
		{"apparmor", "leave it out, or use apparmor=unconfined"},
		{"label", "leave it out, or use label=disable"},
		{"credentialspec", "it is for Windows; bind a file with the credentials"},
	};

	if (strcmp(name, "no-new-privileges") == 0) {
		s->has_no_new_privileges = true;
		return read_truth(r, option, value, &s->no_new_privileges);
	}
	if (strcmp(name, "seccomp") == 0)
		return read_seccomp(r, s, value);
	if (strcmp(name, "apparmor") == 0 && strcmp(value, "unconfined") == 0) {
		s->apparmor_unconfined = true;
		return 0;
	}
	if (strcmp(name, "label") == 0 && strcmp(value, "disable") == 0) {
		s->label_disable = true;
		return 0;
	}
	if (strcmp(name, "systempaths") == 0 && strcmp(value, "unconfined") == 0) {
		s->systempaths_unconfined = true;
		return 0;
	}
	if (strcmp(name, "engine-socket") == 0)
		return docker_refuse(r, -ENOTSUP,
			"--security-opt engine-socket is not supported by this build yet (set "
			"\"engine-socket\": true in daemon.json)");
	for (size_t i = 0; i < ARRAY_SIZE(refused); i++)
		if (strcmp(name, refused[i].name) == 0)
			return docker_refuse(r, -ENOTSUP,
				"--security-opt %.100s is not supported by this build yet (%s)",
				option, refused[i].remedy);
	return docker_refuse(r, -EINVAL, "invalid --security-opt 2: \"%.100s\"", option);
}

static int read_option(struct docker_reader *r, struct docker_security *s, const char *option)
{
	size_t len = strcspn(option, "=:");
	char name[32];

	if (strcmp(option, "no-new-privileges") == 0) {
		s->has_no_new_privileges = s->no_new_privileges = true;
		return 0;
	}
	if (option[len] == '\0' || len >= sizeof(name))
		return docker_refuse(r, -EINVAL, "invalid --security-opt 1: \"%.100s\"", option);
	memcpy(name, option, len);
	name[len] = '\0';
	return read_named(r, s, option, name, option + len + 1);
}

int docker_read_security(struct docker_reader *r, const struct json *node, void *target)
{
	struct oci_strings list;
	int code = docker_read_strings(r, node, &list);

	for (size_t i = 0; code == 0 && i < list.count; i++)
		code = read_option(r, target, list.items[i]);
	return code;
}

/* ---- capabilities ---- */

static int read_cap(struct docker_reader *r, const char *text, const char **ret)
{
	bool prefixed = strncasecmp(text, "CAP_", 4) == 0;
	char *name = arena_printf(r->a, "CAP_%.64s", prefixed ? text + 4 : text);

	if (name == NULL)
		return bh_fail(r->err, -ENOMEM, "the document is too large");
	for (char *p = name; *p != '\0'; p++)
		*p = (char)toupper((unsigned char)*p);
	if (strcmp(name, "CAP_ALL") == 0) {
		*ret = "ALL";
		return 0;
	}
	if (oci_capability_parse(name) < 0)
		return docker_refuse(r, -EINVAL, "invalid capability: \"%.64s\"", text);
	*ret = name;
	return 0;
}

int docker_read_caps(struct docker_reader *r, const struct json *node, void *target)
{
	struct oci_strings *out = target;
	int code = docker_read_strings(r, node, out);

	for (size_t i = 0; code == 0 && i < out->count; i++)
		code = read_cap(r, out->items[i], &out->items[i]);
	return code;
}

/* ---- ulimits ---- */

static const struct {
	const char *name;
	int resource;
} limits[] = {
	{"core", RLIMIT_CORE},
	{"cpu", RLIMIT_CPU},
	{"data", RLIMIT_DATA},
	{"fsize", RLIMIT_FSIZE},
	{"locks", RLIMIT_LOCKS},
	{"memlock", RLIMIT_MEMLOCK},
	{"msgqueue", RLIMIT_MSGQUEUE},
	{"nice", RLIMIT_NICE},
	{"nofile", RLIMIT_NOFILE},
	{"nproc", RLIMIT_NPROC},
	{"rss", RLIMIT_RSS},
	{"rtprio", RLIMIT_RTPRIO},
	{"rttime", RLIMIT_RTTIME},
	{"sigpending", RLIMIT_SIGPENDING},
	{"stack", RLIMIT_STACK},
};

struct limit_spec {
	const char *name;
	int64_t soft, hard;
};

static int find_limit(struct docker_reader *r, const char *name, int *ret)
{
	for (size_t i = 0; name != NULL && i < ARRAY_SIZE(limits); i++) {
		if (strcmp(limits[i].name, name) == 0) {
			*ret = limits[i].resource;
			return 0;
		}
	}
	return docker_refuse(r, -EINVAL, "invalid ulimit type: %.64s", name != NULL ? name : "");
}

static int read_ulimit(struct docker_reader *r, const struct json *node, struct docker_ulimit *ret)
{
	static const struct docker_key keys[] = {
		{"Name", docker_read_string, offsetof(struct limit_spec, name), NULL, NULL},
		{"Soft", docker_read_int, offsetof(struct limit_spec, soft), NULL, NULL},
		{"Hard", docker_read_int, offsetof(struct limit_spec, hard), NULL, NULL},
	};
	struct limit_spec spec = {0};
	int code = docker_read_object(r, node, keys, ARRAY_SIZE(keys), true, &spec);

	if (code == 0)
		code = find_limit(r, spec.name, &ret->resource);
	if (code < 0)
		return code;
	ret->name = spec.name;
	ret->soft = spec.soft < 0 ? RLIM_INFINITY : (uint64_t)spec.soft;
	ret->hard = spec.hard < 0 ? RLIM_INFINITY : (uint64_t)spec.hard;
	if (ret->soft > ret->hard)
		return docker_refuse(r, -EINVAL,
			"ulimit soft limit must be less than or equal to hard limit: %lld > %lld",
			(long long)spec.soft, (long long)spec.hard);
	return 0;
}

int docker_read_ulimits_whole(struct docker_reader *r, const struct json *node, void *target)
{
	struct docker_host_config *host = target;
	struct docker_ulimit *items;
	size_t n = 0;
	int code;

	if (node->type != JSON_ARRAY || node->children.count > 64)
		return docker_bad(r, node, "is not a list of at most 64 limits");
	items = arena_calloc(r->a, node->children.count + 1, sizeof(*items));
	if (items == NULL)
		return bh_fail(r->err, -ENOMEM, "the document is too large");
	json_each (child, node) {
		code = read_ulimit(r, child, &items[n++]);
		if (code < 0)
			return code;
	}
	host->ulimits = items;
	host->ulimit_count = n;
	return 0;
}

/* ---- devices ---- */

static int read_device(struct docker_reader *r, const struct json *node, struct docker_device *ret)
{
	static const struct docker_key keys[] = {
		{"PathOnHost", docker_read_string, offsetof(struct docker_device, host_path), NULL,
			NULL},
		{"PathInContainer", docker_read_string,
			offsetof(struct docker_device, container_path), NULL, NULL},
		{"CgroupPermissions", docker_read_string,
			offsetof(struct docker_device, permissions), NULL, NULL},
	};
	int code = docker_read_object(r, node, keys, ARRAY_SIZE(keys), true, ret);

	if (code < 0)
		return code;
	if (ret->host_path == NULL || ret->host_path[0] != '/')
		return docker_refuse(r, -EINVAL, "device \"%.200s\" is not an absolute path",
			ret->host_path != NULL ? ret->host_path : "");
	if (ret->container_path == NULL)
		ret->container_path = ret->host_path;
	ret->container_path = docker_clean_path(r->a, ret->container_path);
	ret->host_path = docker_clean_path(r->a, ret->host_path);
	if (ret->permissions == NULL)
		ret->permissions = "rwm";
	if (ret->container_path == NULL || ret->host_path == NULL)
		return docker_refuse(r, -EINVAL, "the device path is not absolute");
	if (strspn(ret->permissions, "rwm") != strlen(ret->permissions) ||
		strlen(ret->permissions) > 3)
		return docker_refuse(
			r, -EINVAL, "invalid device permissions: \"%.16s\"", ret->permissions);
	return 0;
}

int docker_read_devices_whole(struct docker_reader *r, const struct json *node, void *target)
{
	struct docker_host_config *host = target;
	struct docker_device *items;
	size_t n = 0;
	int code;

	if (node->type != JSON_ARRAY || node->children.count > 256)
		return docker_bad(r, node, "is not a list of at most 256 devices");
	items = arena_calloc(r->a, node->children.count + 1, sizeof(*items));
	if (items == NULL)
		return bh_fail(r->err, -ENOMEM, "the document is too large");
	json_each (child, node) {
		code = read_device(r, child, &items[n++]);
		if (code < 0)
			return code;
	}
	host->devices = items;
	host->device_count = n;
	return 0;
}

/* ---- logging ---- */

int docker_parse_size(const char *text, uint64_t *ret)
{
	static const char units[] = "bkmgtp";
	unsigned long long n;
	const char *unit;
	char *end;

	if (text[0] < '0' || text[0] > '9')
		return -EINVAL;
	errno = 0;
	n = strtoull(text, &end, 10);
	if (errno != 0)
		return -EINVAL;
	if (*end != '\0') {
		unit = strchr(units, tolower((unsigned char)*end));
		if (unit == NULL || (end[1] != '\0' && strcasecmp(end + 1, "b") != 0 &&
					    strcasecmp(end + 1, "ib") != 0))
			return -EINVAL;
		for (long i = 0; i < unit - units; i++)
			if (__builtin_mul_overflow(n, 1024ULL, &n))
				return -EINVAL;
	}
	if (n > INT64_MAX)
		return -EINVAL;
	*ret = n;
	return 0;
}

int docker_read_log_option(
	struct docker_reader *r, const char *key, const char *value, struct docker_log_config *ret)
{
	uint64_t files;

	if (strcmp(key, "max-size") == 0) {
		if (strcmp(value, "-1") == 0) {
			ret->max_size = 0;
			return 0;
		}
		if (docker_parse_size(value, &ret->max_size) < 0 || ret->max_size == 0)
			return docker_refuse(
				r, -EINVAL, "invalid value for max-size: \"%.64s\"", value);
		return 0;
	}
	if (strcmp(key, "max-file") == 0) {
		if (docker_parse_size(value, &files) < 0 || files == 0 || files > 1000)
			return docker_refuse(r, -EINVAL,
				"invalid value for max-file: \"%.64s\" (1 to 1000)", value);
		ret->max_file = (uint32_t)files;
		return 0;
	}
	if (strcmp(key, "mode") == 0 && strcmp(value, "blocking") == 0)
		return 0;
	return docker_refuse(r, -ENOTSUP,
		"log option \"%.64s\" is not supported by this build yet (json-file has max-size "
		"and max-file)",
		key);
}

static int check_driver(struct docker_reader *r, const char *type)
{
	if (type == NULL || strcmp(type, "json-file") == 0 || strcmp(type, "none") == 0)
		return 0;
	return docker_refuse(r, -ENOTSUP,
		"log driver \"%.64s\" is not supported by this build yet (use json-file or none)",
		type);
}

int docker_read_log_config(struct docker_reader *r, const struct json *node, void *target)
{
	static const struct docker_key keys[] = {
		{"Type", docker_read_string, 0, NULL, NULL},
		{"Config", docker_read_pairs, sizeof(const char *), NULL, NULL},
	};
	struct {
		const char *type;
		struct docker_pairs options;
	} spec = {0};
	struct docker_log_config *out = target;
	int code = docker_read_object(r, node, keys, ARRAY_SIZE(keys), true, &spec);

	if (code == 0)
		code = check_driver(r, spec.type);
	/* The client says "" where it leaves the choice to the engine. */
	out->type = spec.type != NULL && spec.type[0] != '\0' ? spec.type : NULL;
	for (size_t i = 0; code == 0 && i < spec.options.count; i++)
		code = docker_read_log_option(
			r, spec.options.items[i].key, spec.options.items[i].value, out);
	if (code == 0 && out->max_file > 1 && out->max_size == 0)
		code = docker_refuse(r, -EINVAL, "max-file cannot be more than 1 without max-size");
	return code;
}
