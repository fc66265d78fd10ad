// SPDX-License-Identifier: Apache-2.0
#include "bin/oci/launch.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "bin/oci/environment.h"
#include "kernel/path.h"

void launch_release(struct launch *l)
{
	/* Explicitly: the lock belongs to the open file, which a child may still share. */
	if (l->container.dir_fd >= 0)
		state_unlock(l->container.dir_fd);
	sandbox_release(&l->sandbox);
	container_close(&l->container);
	buf_release(&l->config_text);
	fd_closep(&l->console_socket);
	fd_closep(&l->pidfd_socket);
}

/* --config counts from the working directory, unless it only says what the default is. */
static int read_config(struct oci *o, int bundle, struct buf *text, struct bh_error *err)
{
	const char *file = options_value(&o->options, OPT_CONFIG);
	bool other = file != NULL && strcmp(file, "config.json") != 0;
	int r = other ? fd_read_file(AT_FDCWD, file, text)
		      : fd_read_file(bundle, "config.json", text);

	if (r == -E2BIG)
		return bh_fail(err, r, "config.json is larger than %u bytes", OCI_CONFIG_BYTES_MAX);
	if (r < 0 && other)
		return bh_fail_errno(err, r, "read --config %s", file);
	return r < 0 ? bh_fail_errno(err, r, "read config.json of the bundle") : 0;
}

/* The absolute path of the bundle, and its configuration. */
static int read_bundle(struct oci *o, struct launch *l, struct bh_error *err)
{
	const char *path = options_value(&o->options, OPT_BUNDLE) ?: ".";
	_cleanup_close_ int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	char link[32], name[PATH_MAX];
	const struct json *tree;
	ssize_t n;
	int r;

	if (fd < 0)
		return bh_fail_errno(err, -errno, "open bundle %s", path);
	n = readlink(path_of_fd(fd, link), name, sizeof(name));
	if (n < 0 || n == (ssize_t)sizeof(name))
		return bh_fail_errno(
			err, n < 0 ? -errno : -ENAMETOOLONG, "name of bundle %s", path);
	l->container.state.bundle = arena_strndup(&o->arena, name, (size_t)n);
	buf_init(&l->config_text, OCI_CONFIG_BYTES_MAX);
	r = read_config(o, fd, &l->config_text, err);
	if (r < 0)
		return r;
	log_write(&o->log, LOG_LEVEL_DEBUG, "bundle %s", l->container.state.bundle);
	r = json_parse(buf_str(&l->config_text), l->config_text.len, &o->arena, &tree, err);
	if (r == 0)
		r = oci_config_decode(tree, &o->arena, &l->container.config, err);
	if (r < 0) {
		(void)bh_wrap(err, "config.json");
		return r;
	}
	for (size_t i = 0; i < l->container.config.warnings.count; i++)
		log_write(&o->log, LOG_LEVEL_WARN, "config.json: %s",
			l->container.config.warnings.items[i]);
	return 0;
}

/* Descriptors of socket activation: sd_listen_fds(3) wants to be told, by the pid inside. */
static int announce_listen_fds(struct oci *o, struct oci_process *p, struct bh_error *err)
{
	const char *variables[2] = {NULL, "LISTEN_PID=1"};

	if (o->listen_fds == 0)
		return 0;
	variables[0] = arena_printf(&o->arena, "LISTEN_FDS=%u", o->listen_fds);
	if (variables[0] == NULL)
		return bh_fail_errno(err, -ENOMEM, "environment");
	return environment_set(&p->env, variables, ARRAY_SIZE(variables), &o->arena, err);
}

/* --console-socket and process.terminal must fit each other. */
static int check_terminal(
	const struct oci *o, const struct oci_config *config, bool detach, struct bh_error *err)
{
	bool terminal = config->has_process && config->process.terminal;
	bool socket = options_value(&o->options, OPT_CONSOLE_SOCKET) != NULL;

	if (detach && terminal && !socket)
		return bh_fail(err, -EINVAL,
			"cannot allocate tty if the runtime will detach without setting console "
			"socket");
	if (socket && (!detach || !terminal))
		return bh_fail(err, -EINVAL,
			"cannot use console socket if the runtime will not detach or allocate tty");
	return 0;
}

static int connect_sockets(const struct oci *o, struct launch *l, struct bh_error *err)
{
	const char *console = options_value(&o->options, OPT_CONSOLE_SOCKET);
	const char *pidfd = options_value(&o->options, OPT_PIDFD_SOCKET);
	int r = console != NULL ? socket_connect(console, &l->console_socket, err) : 0;

	if (r == 0 && pidfd != NULL)
		r = socket_connect(pidfd, &l->pidfd_socket, err);
	return r;
}

static int fill_state(struct oci *o, struct launch *l, struct bh_error *err)
{
	struct container *c = &l->container;
	const struct oci_config *config = &c->config;
	char now[40];

	state_timestamp(now);
	c->state.version = config->version;
	c->state.id = c->id;
	c->state.created = arena_strdup(&o->arena, now);
	c->state.owner = geteuid();
	c->state.systemd_cgroup = o->systemd_cgroup;
	c->state.rootless = o->rootless;
	c->state.annotations = config->annotations;
	c->state.annotation_count = config->annotation_count;
	if (config->root_path[0] == '/')
		c->state.rootfs = config->root_path;
	else
		c->state.rootfs =
			arena_printf(&o->arena, "%s/%s", c->state.bundle, config->root_path);
	if (c->state.created == NULL || c->state.rootfs == NULL || c->state.bundle == NULL)
		return bh_fail_errno(err, -ENOMEM, "state of container %s", c->id);
	return 0;
}

static int make_state(struct oci *o, struct launch *l, struct bh_error *err)
{
	struct container *c = &l->container;
	_cleanup_close_ int fd = -EBADF;
	int r = state_root_open(o->root, true, &c->root_fd, err);

	if (r == 0)
		r = state_create(c->root_fd, c->id, &c->dir_fd, err);
	if (r < 0)
		return r;
	l->have_state = true;
	fd = openat(c->dir_fd, "config.json", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	r = fd < 0 ? -errno : fd_write_all(fd, l->config_text.data, l->config_text.len);
	if (r < 0)
		return bh_fail_errno(err, r, "save config.json");
	buf_release(&l->config_text);
	return 0;
}

int launch_prepare(struct oci *o, struct launch *l, bool detach, struct bh_error *err)
{
	int r;

	l->container.id = o->options.args[0];
	r = state_id_check(l->container.id, err);
	if (r == 0)
		r = read_bundle(o, l, err);
	if (r == 0)
		r = check_terminal(o, &l->container.config, detach, err);
	if (r == 0)
		r = announce_listen_fds(o, &l->container.config.process, err);
	if (r == 0)
		r = fill_state(o, l, err);
	if (r == 0)
		r = connect_sockets(o, l, err);
	if (r == 0)
		r = make_state(o, l, err);
	return r;
}

/* Called by sandbox_create() as it goes: what a crash would leave is on record before it exists. */
static int on_progress(void *data, pid_t pid, const struct cgroup *cg, struct bh_error *err)
{
	struct container *c = data;

	c->state.pid = pid;
	if (pid == 0)
		return state_begin(c->dir_fd, &c->state, cg, err);
	c->state.start_time = sandbox_start_time(pid);
	/* Without root, groups that could not be had were given up since they went on record. */
	if (c->state.rootless)
		return state_save(c->dir_fd, &c->state, cg, err);
	return state_set_process(c->dir_fd, pid, c->state.start_time, err);
}

/* Tell the callers of create and run about the process. */
static int announce(const struct oci *o, struct launch *l, struct bh_error *err)
{
	const char *pid_file = options_value(&o->options, OPT_PID_FILE);
	int r = 0;

	if (l->pidfd_socket >= 0)
		r = socket_send_fd(l->pidfd_socket, l->sandbox.pidfd, "pidfd", err);
	if (r == 0 && pid_file != NULL)
		r = pid_file_write(pid_file, l->sandbox.pid, err);
	return r;
}

int launch_create(struct oci *o, struct launch *l, bool startable, struct bh_error *err)
{
	struct container *c = &l->container;
	struct sandbox_request request = {
		.id = c->id,
		.bundle = c->state.bundle,
		.config = &c->config,
		.state_dirfd = startable ? c->dir_fd : -EBADF,
		.stdio = {-EBADF, -EBADF, -EBADF},
		.console_socket = l->console_socket,
		.plain_terminal = l->console_socket < 0 && !isatty(STDIN_FILENO),
		.preserve_fds = o->preserve_fds,
		.no_pivot = options_flag(&o->options, OPT_NO_PIVOT),
		.no_new_keyring = options_flag(&o->options, OPT_NO_NEW_KEYRING),
		.systemd_cgroup = o->systemd_cgroup,
		.rootless = o->rootless,
		.root_fd = -EBADF,
		.on_progress = on_progress,
		.on_progress_data = c,
		.log = &o->log,
	};
	int r = sandbox_create(&request, &l->sandbox, err);

	if (r < 0)
		return r;
	c->cgroup = TAKE_PTR(l->sandbox.cgroup);
	log_write(&o->log, LOG_LEVEL_DEBUG, "process %d made", l->sandbox.pid);
	return announce(o, l, err);
}

void launch_undo(struct oci *o, struct launch *l)
{
	struct container *c = &l->container;
	struct bh_error ignored = BH_ERROR_INIT;
	int r;

	if (!l->have_state)
		return;
	if (l->sandbox.pid > 0) {
		r = container_destroy(o, c, &ignored);
	} else {
		r = state_remove(c->root_fd, c->dir_fd, c->id, &ignored);
		/* The hooks before it may have run, one of them may be what failed. */
		if (r == 0 && c->state.pid > 0)
			r = container_run_hooks(o, c, OCI_HOOK_POSTSTOP, STATE_STOPPED, &ignored);
	}
	if (r < 0)
		log_write(&o->log, LOG_LEVEL_WARN, "undo: %s", bh_error_text(&ignored, r));
}
