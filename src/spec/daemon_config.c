// SPDX-License-Identifier: Apache-2.0
#include "spec/daemon_config.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/buf.h"
#include "base/fd.h"
#include "base/mem.h"
#include "spec/daemon_refused.h"
#include "spec/docker_host.h"
#include "spec/docker_read.h"

#define ID_RANGES_MAX 64u
#define ID_BLOCK      65536u

static int read_path(struct docker_reader *r, const struct json *node, void *target)
{
	const char **out = target;
	int code = docker_read_string(r, node, out);

	if (code == 0 && *out != NULL && (*out)[0] != '/')
		return docker_refuse(r, -EINVAL, "\"%.200s\" is not an absolute path", *out);
	return code;
}

static int read_log_level(struct docker_reader *r, const struct json *node, void *target)
{
	struct daemon_config *c = target;
	const char *text = NULL;
	int code = docker_read_string(r, node, &text);

	if (code < 0)
		return code;
	if (text == NULL || log_level_parse(text, &c->log_level) < 0)
		return docker_refuse(r, -EINVAL,
			"\"%.64s\" is not a log level (debug, info, warn, error)",
			text != NULL ? text : "");
	c->has_log_level = true;
	return 0;
}

static int set_exec_opt(struct docker_reader *r, struct daemon_config *c, const char *text)
{
	if (strcmp(text, "isolation=process") == 0) {
		c->isolation = DOCKER_ISOLATION_PROCESS;
		return 0;
	}
	if (strcmp(text, "isolation=hyperv") == 0) {
		c->isolation = DOCKER_ISOLATION_HYPERV;
		return 0;
	}
	if (strcmp(text, "native.cgroupdriver=cgroupfs") == 0)
		return 0;
	if (strncmp(text, "native.cgroupdriver=", 20) == 0)
		return docker_refuse(r, -ENOTSUP,
			"exec option \"%.100s\" is not supported by this build yet (use "
			"native.cgroupdriver=cgroupfs)",
			text);
	return docker_refuse(r, -EINVAL,
		"unknown exec option \"%.100s\" (isolation=process, isolation=hyperv, "
		"native.cgroupdriver=cgroupfs)",
		text);
}

static int read_exec_opts(struct docker_reader *r, const struct json *node, void *target)
{
	struct oci_strings list;
	int code = docker_read_strings(r, node, &list);

	for (size_t i = 0; code == 0 && i < list.count; i++)
		code = set_exec_opt(r, target, list.items[i]);
	return code;
}

static int read_log_driver(struct docker_reader *r, const struct json *node, void *target)
{
	const char **out = target;
	int code = docker_read_string(r, node, out);

	if (code == 0 && *out != NULL && strcmp(*out, "json-file") != 0 &&
		strcmp(*out, "none") != 0)
		return docker_refuse(r, -ENOTSUP,
			"log driver \"%.64s\" is not supported by this build yet (use json-file or "
			"none)",
			*out);
	return code;
}

static int read_log_opts(struct docker_reader *r, const struct json *node, void *target)
{
	struct docker_pairs pairs;
	const struct json *child = node->children.first;
	int code = docker_read_pairs(r, node, &pairs);

	for (size_t i = 0; code == 0 && i < pairs.count; i++, child = child->next) {
		r->place = child;
		code = docker_read_log_option(r, pairs.items[i].key, pairs.items[i].value, target);
	}
	return code;
}

static int read_range(struct docker_reader *r, const struct json *node, struct daemon_id_range *ret)
{
	struct {
		uint64_t first, count;
	} spec = {0};
	static const struct docker_key keys[] = {
		{"first", docker_read_uint, 0, NULL, NULL},
		{"count", docker_read_uint, sizeof(uint64_t), NULL, NULL},
	};
	int code = docker_read_object(r, node, keys, ARRAY_SIZE(keys), true, &spec);

	if (code < 0)
		return code;
	if (spec.first < ID_BLOCK || spec.count < ID_BLOCK || spec.count % ID_BLOCK != 0 ||
		spec.first + spec.count > UINT32_MAX)
		return docker_refuse(r, -EINVAL,
			"an id range needs \"first\" from 65536 on and a \"count\" that is a "
			"multiple "
			"of 65536, together below 4294967295");
	*ret = (struct daemon_id_range){(uint32_t)spec.first, (uint32_t)spec.count};
	return 0;
}

static int check_overlap(
	struct docker_reader *r, const struct daemon_id_range *ranges, size_t count)
{
	for (size_t i = 0; i < count; i++)
		for (size_t j = 0; j < i; j++)
			if (ranges[i].first < ranges[j].first + ranges[j].count &&
				ranges[j].first < ranges[i].first + ranges[i].count)
				return docker_refuse(r, -EINVAL,
					"id ranges from %u and from %u overlap", ranges[j].first,
					ranges[i].first);
	return 0;
}

static int read_id_ranges(struct docker_reader *r, const struct json *node, void *target)
{
	struct daemon_config *c = target;
	struct daemon_id_range *items;
	size_t n = 0;
	int code;

	if (node->type != JSON_ARRAY || node->children.count > ID_RANGES_MAX)
		return docker_refuse(r, -EINVAL,
			"is not a list of at most %u ranges {\"first\": N, \"count\": N}",
			ID_RANGES_MAX);
	items = arena_calloc(r->a, node->children.count + 1, sizeof(*items));
	if (items == NULL)
		return bh_fail(r->err, -ENOMEM, "the document is too large");
	json_each (child, node) {
		r->place = child;
		code = read_range(r, child, &items[n++]);
		if (code < 0)
			return code;
	}
	r->place = node;
	c->id_ranges = items;
	c->id_range_count = n;
	return check_overlap(r, items, n);
}

static int read_hosts(struct docker_reader *r, const struct json *node, void *target)
{
	struct oci_strings *hosts = target;
	int code = docker_read_strings(r, node, hosts);

	if (code == 0 && hosts->count > 8)
		return docker_refuse(r, -EINVAL, "more than 8 hosts");
	return code;
}

static int read_labels(struct docker_reader *r, const struct json *node, void *target)
{
	struct oci_strings *labels = target;
	int code = docker_read_strings(r, node, labels);

	for (size_t i = 0; code == 0 && i < labels->count; i++)
		if (labels->items[i][0] == '=' || strchr(labels->items[i], '=') == NULL)
			return docker_refuse(
				r, -EINVAL, "\"%.100s\" is not KEY=VALUE", labels->items[i]);
	return code;
}

static int read_live_restore(struct docker_reader *r, const struct json *node, void *target)
{
	bool on = true;
	int code = docker_read_bool(r, node, &on);

	(void)target;
	if (code == 0 && !on)
		return docker_refuse(r, -ENOTSUP,
			"containers always outlive the engine here: only true is possible");
	return code;
}

static int read_shm_size(struct docker_reader *r, const struct json *node, void *target)
{
	const char *text = NULL;
	int code;

	if (node->type == JSON_NUMBER)
		return docker_read_uint(r, node, target);
	code = docker_read_string(r, node, &text);
	if (code == 0 && (text == NULL || docker_parse_size(text, target) < 0))
		return docker_refuse(r, -EINVAL, "is not a size (\"64m\")");
	return code;
}

/* {"nofile": {"Name": "nofile", "Soft": 1024, "Hard": 2048}} */
static int read_default_ulimits(struct docker_reader *r, const struct json *node, void *target)
{
	struct daemon_config *c = target;
	struct docker_host_config host = {0};
	struct json list = *node;
	int code;

	if (node->type != JSON_OBJECT)
		return docker_refuse(r, -EINVAL, "is not an object");
	list.type = JSON_ARRAY; /* the members themselves are what HostConfig has in a list */
	code = docker_read_ulimits_whole(r, &list, &host);
	if (r->place == &list)
		r->place = node;
	c->ulimits = host.ulimits;
	c->ulimit_count = host.ulimit_count;
	return code;
}

#define KEY(name, fn, member)                                                                      \
	{                                                                                          \
		name, fn, offsetof(struct daemon_config, member), NULL, NULL                       \
	}
#define WHOLE(name, fn)                                                                            \
	{                                                                                          \
		name, fn, 0, NULL, NULL                                                            \
	}

static const struct docker_key known_keys[] = {
	KEY("hosts", read_hosts, hosts),
	KEY("data-root", read_path, data_root),
	KEY("exec-root", read_path, exec_root),
	KEY("pidfile", read_path, pidfile),
	KEY("group", docker_read_string, group),
	WHOLE("log-level", read_log_level),
	KEY("debug", docker_read_bool, debug),
	WHOLE("exec-opts", read_exec_opts),
	KEY("no-new-privileges", docker_read_bool, no_new_privileges),
	KEY("engine-socket", docker_read_bool, engine_socket),
	KEY("log-driver", read_log_driver, log.type),
	KEY("log-opts", read_log_opts, log),
	WHOLE("id-ranges", read_id_ranges),
	KEY("labels", read_labels, labels),
	KEY("default-shm-size", read_shm_size, default_shm_size),
	WHOLE("default-ulimits", read_default_ulimits),
	WHOLE("live-restore", read_live_restore),
};

static const struct docker_key *find_known(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(known_keys); i++)
		if (strcmp(known_keys[i].name, name) == 0)
			return &known_keys[i];
	return NULL;
}

static int unknown_key(struct docker_reader *r, const char *name)
{
	const char *names[256];
	const char *near;
	size_t n = 0, refused_count;
	const struct daemon_refused_key *refused = daemon_refused_keys(&refused_count);

	for (size_t i = 0; i < ARRAY_SIZE(known_keys); i++)
		names[n++] = known_keys[i].name;
	for (size_t i = 0; i < refused_count && n < ARRAY_SIZE(names); i++)
		names[n++] = refused[i].name;
	near = docker_nearest(name, names, n);
	if (near == NULL)
		return docker_refuse(r, -EINVAL, "unknown key");
	return docker_refuse(r, -EINVAL, "unknown key (did you mean \"%s\"?)", near);
}

static int read_member(
	struct docker_reader *r, const struct json *node, struct daemon_config *config)
{
	const struct docker_key *key = find_known(node->key);
	int code;

	r->place = node;
	if (key != NULL && node->type == JSON_NULL)
		code = docker_refuse(r, -EINVAL, "is null");
	else if (key != NULL)
		code = key->read(r, node, (char *)config + key->offset);
	else if (daemon_refused_remedy(node->key) != NULL)
		code = docker_refuse(r, -ENOTSUP, "known key, not enforced by this build (%s)",
			daemon_refused_remedy(node->key));
	else
		code = unknown_key(r, node->key);
	if (code < 0)
		(void)bh_wrap(r->err, "line %u, column %u: \"%.64s\"", r->place->line,
			r->place->column, node->key);
	return code;
}

static int check_log(struct docker_reader *r, const struct docker_log_config *log)
{
	if (log->type != NULL && strcmp(log->type, "none") == 0 &&
		(log->max_size != 0 || log->max_file != 0))
		return docker_refuse(
			r, -EINVAL, "log-opts: the log driver \"none\" has no options");
	if (log->max_file > 1 && log->max_size == 0)
		return docker_refuse(
			r, -EINVAL, "log-opts: max-file cannot be more than 1 without max-size");
	return 0;
}

static int check_level(const struct daemon_config *c, const struct json *tree, struct bh_error *err)
{
	const struct json *node = json_get(tree, "debug");

	if (node == NULL || !c->debug || !c->has_log_level || c->log_level == LOG_LEVEL_DEBUG)
		return 0;
	return bh_fail(err, -EINVAL,
		"line %u, column %u: \"debug\": true contradicts \"log-level\", which is not debug",
		node->line, node->column);
}

void daemon_config_init(struct daemon_config *config)
{
	*config = (struct daemon_config){
		.log_level = LOG_LEVEL_INFO,
		.isolation = DOCKER_ISOLATION_PROCESS,
	};
}

int daemon_config_decode(const struct json *tree, struct arena *a, struct daemon_config *config,
	struct bh_error *err)
{
	struct docker_reader r = {a, err};
	struct daemon_config c = *config;
	int code = 0;

	if (tree->type != JSON_OBJECT)
		return bh_fail(err, -EINVAL, "the document is %s, not an object",
			json_type_phrase(tree->type));
	json_each (child, tree) {
		code = read_member(&r, child, &c);
		if (code < 0)
			return code;
	}
	code = check_log(&r, &c.log);
	if (code == 0)
		code = check_level(&c, tree, err);
	if (code < 0)
		return code;
	c.tree = tree;
	*config = c;
	return 0;
}

int daemon_config_load(
	const char *path, struct arena *a, struct daemon_config *config, struct bh_error *err)
{
	_cleanup_buf_ struct buf text = {0};
	const struct json *tree;
	int code;

	buf_init(&text, DAEMON_CONFIG_BYTES_MAX);
	code = fd_read_file(AT_FDCWD, path, &text);
	if (code < 0)
		return bh_fail_errno(err, code, "%s", path);
	code = json_parse(buf_str(&text), text.len, a, &tree, err);
	if (code == 0)
		code = daemon_config_decode(tree, a, config, err);
	if (code < 0)
		(void)bh_wrap(err, "%s", path);
	return code;
}

bool daemon_config_has(const struct daemon_config *config, const char *key)
{
	return config->tree != NULL && json_get(config->tree, key) != NULL;
}

void daemon_config_apply(const struct daemon_config *config, struct docker_host_config *host)
{
	const char *type = config->log.type != NULL ? config->log.type : "json-file";
	struct docker_log_config *log = &host->log;

	if (log->type == NULL)
		log->type = type;
	if (strcmp(log->type, type) == 0) {
		if (log->max_size == 0)
			log->max_size = config->log.max_size;
		if (log->max_file == 0)
			log->max_file = config->log.max_file;
	}
	if (host->shm_size == 0)
		host->shm_size = config->default_shm_size;
}

size_t daemon_config_key_count(void)
{
	size_t refused;

	(void)daemon_refused_keys(&refused);
	return ARRAY_SIZE(known_keys) + refused;
}

const char *daemon_config_key(size_t index, const char **ret_remedy)
{
	size_t count;
	const struct daemon_refused_key *refused = daemon_refused_keys(&count);

	*ret_remedy = NULL;
	if (index < ARRAY_SIZE(known_keys))
		return known_keys[index].name;
	*ret_remedy = refused[index - ARRAY_SIZE(known_keys)].remedy;
	return refused[index - ARRAY_SIZE(known_keys)].name;
}

bool daemon_config_knows(const char *key, const char **ret_remedy)
{
	*ret_remedy = daemon_refused_remedy(key);
	return *ret_remedy != NULL || find_known(key) != NULL;
}

int daemon_config_exec_opt(struct daemon_config *config, const char *text, struct bh_error *err)
{
	struct docker_reader r = {NULL, err};

	return set_exec_opt(&r, config, text);
}
