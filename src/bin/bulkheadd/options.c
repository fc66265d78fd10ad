// SPDX-License-Identifier: Apache-2.0
#include "bin/bulkheadd/options.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "api/listen.h"
#include "base/mem.h"

enum flag_id {
	FLAG_CONFIG_FILE = 256,
	FLAG_DATA_ROOT,
	FLAG_EXEC_ROOT,
	FLAG_EXEC_OPT,
	FLAG_VALIDATE,
	FLAG_NO_NEW_PRIVILEGES,
	FLAG_REFUSED,
};

static const struct option flags[] = {
	{"config-file", required_argument, NULL, FLAG_CONFIG_FILE},
	{"data-root", required_argument, NULL, FLAG_DATA_ROOT},
	{"exec-root", required_argument, NULL, FLAG_EXEC_ROOT},
	{"exec-opt", required_argument, NULL, FLAG_EXEC_OPT},
	{"host", required_argument, NULL, 'H'},
	{"group", required_argument, NULL, 'G'},
	{"pidfile", required_argument, NULL, 'p'},
	{"log-level", required_argument, NULL, 'l'},
	{"debug", no_argument, NULL, 'D'},
	{"no-new-privileges", no_argument, NULL, FLAG_NO_NEW_PRIVILEGES},
	{"validate", no_argument, NULL, FLAG_VALIDATE},
	{"version", no_argument, NULL, 'v'},
	{"help", no_argument, NULL, 'h'},
	/* dockerd's, refused by name */
	{"tls", no_argument, NULL, FLAG_REFUSED},
	{"tlsverify", no_argument, NULL, FLAG_REFUSED},
	{"tlscacert", required_argument, NULL, FLAG_REFUSED},
	{"tlscert", required_argument, NULL, FLAG_REFUSED},
	{"tlskey", required_argument, NULL, FLAG_REFUSED},
	{"add-runtime", required_argument, NULL, FLAG_REFUSED},
	{"authorization-plugin", required_argument, NULL, FLAG_REFUSED},
	{"bip", required_argument, NULL, FLAG_REFUSED},
	{"bridge", required_argument, NULL, FLAG_REFUSED},
	{"cgroup-parent", required_argument, NULL, FLAG_REFUSED},
	{"containerd", required_argument, NULL, FLAG_REFUSED},
	{"default-address-pool", required_argument, NULL, FLAG_REFUSED},
	{"default-runtime", required_argument, NULL, FLAG_REFUSED},
	{"default-shm-size", required_argument, NULL, FLAG_REFUSED},
	{"default-ulimit", required_argument, NULL, FLAG_REFUSED},
	{"dns", required_argument, NULL, FLAG_REFUSED},
	{"dns-opt", required_argument, NULL, FLAG_REFUSED},
	{"dns-search", required_argument, NULL, FLAG_REFUSED},
	{"experimental", no_argument, NULL, FLAG_REFUSED},
	{"fixed-cidr", required_argument, NULL, FLAG_REFUSED},
	{"icc", optional_argument, NULL, FLAG_REFUSED},
	{"init", no_argument, NULL, FLAG_REFUSED},
	{"insecure-registry", required_argument, NULL, FLAG_REFUSED},
	{"ip", required_argument, NULL, FLAG_REFUSED},
	{"ip-forward", optional_argument, NULL, FLAG_REFUSED},
	{"ip-masq", optional_argument, NULL, FLAG_REFUSED},
	{"iptables", optional_argument, NULL, FLAG_REFUSED},
	{"ipv6", no_argument, NULL, FLAG_REFUSED},
	{"label", required_argument, NULL, FLAG_REFUSED},
	{"live-restore", no_argument, NULL, FLAG_REFUSED},
	{"log-driver", required_argument, NULL, FLAG_REFUSED},
	{"log-opt", required_argument, NULL, FLAG_REFUSED},
	{"metrics-addr", required_argument, NULL, FLAG_REFUSED},
	{"mtu", required_argument, NULL, FLAG_REFUSED},
	{"oom-score-adjust", required_argument, NULL, FLAG_REFUSED},
	{"registry-mirror", required_argument, NULL, FLAG_REFUSED},
	{"rootless", no_argument, NULL, FLAG_REFUSED},
	{"seccomp-profile", required_argument, NULL, FLAG_REFUSED},
	{"selinux-enabled", no_argument, NULL, FLAG_REFUSED},
	{"shutdown-timeout", required_argument, NULL, FLAG_REFUSED},
	{"storage-driver", required_argument, NULL, FLAG_REFUSED},
	{"storage-opt", required_argument, NULL, FLAG_REFUSED},
	{"userland-proxy", optional_argument, NULL, FLAG_REFUSED},
	{"userns-remap", required_argument, NULL, FLAG_REFUSED},
	{NULL, 0, NULL, 0},
};

static const char help_text[] =
	"Usage: bulkheadd [OPTIONS]\n"
	"\n"
	"The Bulkhead container engine.\n"
	"\n"
	"  --config-file FILE    configuration (" DAEMON_CONFIG_FILE ")\n"
	"  --data-root DIR       state that stays (" DAEMON_DATA_ROOT ")\n"
	"  --exec-root DIR       state of what runs (" DAEMON_EXEC_ROOT ")\n"
	"  -H, --host ADDRESS    listen on unix:///PATH (unix://" API_DEFAULT_SOCKET
	"); repeatable\n"
	"  -G, --group GROUP     group of the sockets\n"
	"  -p, --pidfile FILE    process id file (EXEC-ROOT/bulkheadd.pid)\n"
	"  -l, --log-level LEVEL debug, info, warn or error\n"
	"  -D, --debug           same as --log-level debug\n"
	"  --exec-opt OPTION     isolation=process or isolation=hyperv; repeatable\n"
	"  --no-new-privileges   for all containers that do not say otherwise\n"
	"  --validate            check flags and configuration, then exit\n"
	"  -v, --version         print the version\n"
	"  -h, --help            print this text\n";

/* Flags as they were given, before they meet the file. */
struct given {
	const char *config_file, *data_root, *exec_root, *group, *pidfile;
	const char *hosts[DAEMON_HOSTS_MAX + 1];
	size_t host_count;
	const char *exec_opts[16];
	size_t exec_opt_count;
	bool debug, no_new_privileges, has_level;
	enum log_level level;
	enum options_action action;
};

static int add_host(struct given *g, const char *text, struct bh_error *err)
{
	const char *path;
	int r = api_host_path(text, &path, err);

	if (r < 0)
		return r;
	if (g->host_count == DAEMON_HOSTS_MAX)
		return bh_fail(err, -EINVAL, "more than %d hosts", DAEMON_HOSTS_MAX);
	g->hosts[g->host_count++] = text;
	return 0;
}

/* Flags of dockerd are named after keys of daemon.json, lists in the singular. */
static int refuse_flag(const char *name, struct bh_error *err)
{
	static const struct {
		const char *flag, *key;
	} others[] = {{"add-runtime", "runtimes"}, {"insecure-registry", "insecure-registries"}};
	const char *key = name, *remedy;
	char plural[64];

	(void)snprintf(plural, sizeof(plural), "%ss", name);
	if (!daemon_config_knows(name, &remedy))
		key = plural;
	for (size_t i = 0; i < ARRAY_SIZE(others); i++)
		if (strcmp(others[i].flag, name) == 0)
			key = others[i].key;
	if (daemon_config_knows(key, &remedy) && remedy == NULL)
		return bh_fail(err, -ENOTSUP,
			"--%s: known flag of dockerd, not supported by this build yet (set \"%s\" "
			"in daemon.json)",
			name, key);
	return bh_fail(err, -ENOTSUP,
		"--%s: known flag of dockerd, not supported by this build yet (%s)", name,
		remedy != NULL ? remedy : "leave it out");
}

static int take_flag(struct given *g, int id, const char *name, struct bh_error *err)
{
	switch (id) {
	case FLAG_CONFIG_FILE:
		g->config_file = optarg;
		return 0;
	case FLAG_DATA_ROOT:
		g->data_root = optarg;
		return 0;
	case FLAG_EXEC_ROOT:
		g->exec_root = optarg;
		return 0;
	case FLAG_EXEC_OPT:
		if (g->exec_opt_count == ARRAY_SIZE(g->exec_opts))
			return bh_fail(err, -EINVAL, "too many --exec-opt");
		g->exec_opts[g->exec_opt_count++] = optarg;
		return 0;
	case 'H':
		return add_host(g, optarg, err);
	case 'G':
		g->group = optarg;
		return 0;
	case 'p':
		g->pidfile = optarg;
		return 0;
	case 'l':
		g->has_level = true;
		if (log_level_parse(optarg, &g->level) < 0)
			return bh_fail(err, -EINVAL,
				"--log-level: \"%s\" is none of debug, info, warn, error", optarg);
		return 0;
	case 'D':
		g->debug = true;
		return 0;
	case FLAG_NO_NEW_PRIVILEGES:
		g->no_new_privileges = true;
		return 0;
	case FLAG_VALIDATE:
		g->action = OPTIONS_VALIDATE;
		return 0;
	case 'v':
		g->action = OPTIONS_VERSION;
		return 0;
	case 'h':
		g->action = OPTIONS_HELP;
		return 0;
	case FLAG_REFUSED:
		return refuse_flag(name, err);
	default:
		return bh_fail(err, -EINVAL, "unknown or incomplete flag (see --help)");
	}
}

static int read_flags(int argc, char **argv, struct given *g, struct bh_error *err)
{
	int index = 0, id, r = 0;

	optind = 1;
	opterr = 0;
	while (r == 0 && (id = getopt_long(argc, argv, ":H:G:p:l:Dvh", flags, &index)) != -1) {
		const char *word = optind > 1 && optind <= argc ? argv[optind - 1] : "";

		r = take_flag(g, id, flags[index].name, err);
		if (r < 0 && (id == '?' || id == ':'))
			(void)bh_wrap(err, "%s", word);
	}
	if (r == 0 && optind < argc)
		return bh_fail(err, -EINVAL, "unexpected argument \"%s\"", argv[optind]);
	return r;
}

/* Name the place in the file that a flag contradicts. */
static int conflict(
	const struct daemon_config *c, const char *key, bool given, struct bh_error *err)
{
	const struct json *node;

	if (!given || !daemon_config_has(c, key))
		return 0;
	node = json_get(c->tree, key);
	return bh_fail(err, -EINVAL,
		"line %u, column %u: \"%s\" is specified both as a flag and in the configuration "
		"file",
		node->line, node->column, key);
}

static int check_conflicts(
	const struct daemon_config *c, const struct given *g, struct bh_error *err)
{
	const struct {
		const char *key;
		bool given;
	} both[] = {
		{"hosts", g->host_count > 0},
		{"data-root", g->data_root != NULL},
		{"exec-root", g->exec_root != NULL},
		{"group", g->group != NULL},
		{"pidfile", g->pidfile != NULL},
		{"log-level", g->has_level},
		{"debug", g->debug},
		{"exec-opts", g->exec_opt_count > 0},
		{"no-new-privileges", g->no_new_privileges},
	};
	int r = 0;

	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(both); i++)
		r = conflict(c, both[i].key, both[i].given, err);
	return r;
}

static int read_file(
	struct given *g, struct arena *a, struct daemon_config *c, struct bh_error *err)
{
	const char *path = g->config_file != NULL ? g->config_file : DAEMON_CONFIG_FILE;
	int r = daemon_config_load(path, a, c, err);

	if (r == -ENOENT && g->config_file == NULL)
		return 0;
	if (r < 0)
		return r;
	r = check_conflicts(c, g, err);
	if (r < 0)
		(void)bh_wrap(err, "%s", path);
	return r;
}

static int check_hosts(const struct daemon_config *c, struct bh_error *err)
{
	const char *path;
	gid_t gid;
	int r = 0;

	for (size_t i = 0; r == 0 && i < c->hosts.count; i++)
		r = api_host_path(c->hosts.items[i], &path, err);
	if (r == 0 && c->group != NULL)
		r = api_find_group(c->group, &gid, err);
	return r;
}

static int join_flags(
	const struct given *g, struct arena *a, struct daemon_config *c, struct bh_error *err)
{
	int r = 0;

	if (g->host_count > 0) {
		const char **hosts = arena_calloc(a, g->host_count + 1, sizeof(*hosts));

		if (hosts == NULL)
			return bh_fail(err, -ENOMEM, "out of memory");
		memcpy(hosts, g->hosts, g->host_count * sizeof(*hosts));
		c->hosts = (struct oci_strings){hosts, g->host_count};
	}
	if (g->data_root != NULL)
		c->data_root = g->data_root;
	if (g->exec_root != NULL)
		c->exec_root = g->exec_root;
	if (g->group != NULL)
		c->group = g->group;
	if (g->pidfile != NULL)
		c->pidfile = g->pidfile;
	if (g->has_level) {
		c->has_log_level = true;
		c->log_level = g->level;
	}
	c->debug = c->debug || g->debug;
	c->no_new_privileges = c->no_new_privileges || g->no_new_privileges;
	for (size_t i = 0; r == 0 && i < g->exec_opt_count; i++)
		r = daemon_config_exec_opt(c, g->exec_opts[i], err);
	return r;
}

static int fill_defaults(struct arena *a, struct daemon_config *c, struct bh_error *err)
{
	if (c->hosts.count == 0) {
		const char **hosts = arena_calloc(a, 2, sizeof(*hosts));

		if (hosts == NULL)
			return bh_fail(err, -ENOMEM, "out of memory");
		hosts[0] = "unix://" API_DEFAULT_SOCKET;
		c->hosts = (struct oci_strings){hosts, 1};
	}
	if (c->data_root == NULL)
		c->data_root = DAEMON_DATA_ROOT;
	if (c->exec_root == NULL)
		c->exec_root = DAEMON_EXEC_ROOT;
	if (c->pidfile == NULL)
		c->pidfile = arena_printf(a, "%s/bulkheadd.pid", c->exec_root);
	if (c->debug && c->has_log_level && c->log_level != LOG_LEVEL_DEBUG)
		return bh_fail(err, -EINVAL, "debug contradicts a log level other than debug");
	if (c->debug)
		c->log_level = LOG_LEVEL_DEBUG;
	if (c->data_root[0] != '/' || c->exec_root[0] != '/')
		return bh_fail(err, -EINVAL, "data-root and exec-root must be absolute paths");
	if (strcmp(c->data_root, c->exec_root) == 0)
		return bh_fail(err, -EINVAL, "data-root and exec-root must differ");
	return c->pidfile != NULL ? 0 : bh_fail(err, -ENOMEM, "out of memory");
}

int options_parse(int argc, char **argv, struct arena *a, struct options *ret, struct bh_error *err)
{
	struct given g = {.action = OPTIONS_RUN};
	struct options o;
	int r = read_flags(argc, argv, &g, err);

	if (r < 0)
		return r;
	o.action = g.action;
	daemon_config_init(&o.config);
	if (o.action == OPTIONS_RUN || o.action == OPTIONS_VALIDATE) {
		r = read_file(&g, a, &o.config, err);
		if (r == 0)
			r = join_flags(&g, a, &o.config, err);
		if (r == 0)
			r = fill_defaults(a, &o.config, err);
		if (r == 0)
			r = check_hosts(&o.config, err);
		if (r < 0)
			return r;
	}
	*ret = o;
	return 0;
}

const char *options_help(void)
{
	return help_text;
}
