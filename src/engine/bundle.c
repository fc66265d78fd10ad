// SPDX-License-Identifier: Apache-2.0
/*
 * What a shim needs to start a container: EXEC_ROOT/containers/ID with config.json and
 * options.json, DATA_ROOT/containers/ID with the writable layer, the log and the files bound over
 * /etc, and the root file system as a descriptor. Everything is made anew at each start, so a crash
 * in the middle needs no repair.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "engine/engine_private.h"
#include "engine/plan.h"
#include "image/snapshot.h"
#include "kernel/path.h"
#include "kernel/tree.h"
#include "spec/oci_write.h"

#define RUN_FILES_BUDGET 256
#define OWN_FILE_MAX     (256u << 10)
#define LOG_FILES        1

void bundle_path(const struct container_entry *c, char *ret, size_t size)
{
	(void)snprintf(ret, size, "%s/" CONTAINERS_DIR "/%s", c->engine->exec_root, c->c.id);
}

void bundle_remove(struct container_entry *c)
{
	_cleanup_close_ int dir =
		openat(c->engine->exec_fd, CONTAINERS_DIR, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (dir >= 0)
		(void)tree_remove(dir, c->c.id, RUN_FILES_BUDGET, NULL);
}

/* ---- files bound over /etc ---- */

static void hosts_text(const struct docker_host_config *h, struct buf *out)
{
	(void)buf_puts(out, "127.0.0.1\tlocalhost\n"
			    "::1\tlocalhost ip6-localhost ip6-loopback\n"
			    "fe00::\tip6-localnet\nff00::\tip6-mcastprefix\n"
			    "ff02::1\tip6-allnodes\nff02::2\tip6-allrouters\n");
	for (size_t i = 0; i < h->extra_hosts.count; i++) {
		const char *text = h->extra_hosts.items[i];
		size_t name = strcspn(text, ":");

		(void)buf_printf(out, "%s\t%.*s\n", text + name + 1, (int)name, text);
	}
}

static void resolv_text(const struct docker_host_config *h, struct buf *out)
{
	for (size_t i = 0; i < h->dns.count; i++)
		(void)buf_printf(out, "nameserver %s\n", h->dns.items[i]);
	for (size_t i = 0; i < h->dns_search.count; i++)
		(void)buf_printf(out, "%s%s", i == 0 ? "search " : " ", h->dns_search.items[i]);
	if (h->dns_search.count > 0)
		(void)buf_putc(out, '\n');
	for (size_t i = 0; i < h->dns_options.count; i++)
		(void)buf_printf(out, "%s%s", i == 0 ? "options " : " ", h->dns_options.items[i]);
	if (h->dns_options.count > 0)
		(void)buf_putc(out, '\n');
}

/* Owned by the container's root, which may write it as it may elsewhere. */
static int own_file(const struct container_entry *c, int dir, const char *name,
	const struct buf *text, struct bh_error *err)
{
	int r = buf_status(text);

	if (r == 0)
		r = fd_replace_file(dir, name, buf_str(text), text->len, 0644, 0);
	if (r == 0 && fchownat(dir, name, c->c.id_range_start, c->c.id_range_start,
			      AT_SYMLINK_NOFOLLOW) < 0)
		r = -errno;
	return r < 0 ? bh_fail_errno(err, r, "write %s of the container", name) : 0;
}

static int own_files(
	const struct container_entry *c, const struct docker_create *create, struct bh_error *err)
{
	_cleanup_close_ int dir = -EBADF;
	_cleanup_buf_ struct buf text = {0};
	char path[128];
	int r;

	(void)snprintf(path, sizeof(path), CONTAINERS_DIR "/%s", c->c.id);
	dir = openat(c->engine->data_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return bh_fail_errno(err, -errno, "open %s", path);
	buf_init(&text, OWN_FILE_MAX);
	(void)buf_printf(&text, "%s\n", c->c.hostname);
	r = own_file(c, dir, "hostname", &text, err);
	buf_clear(&text);
	hosts_text(&create->host, &text);
	if (r == 0)
		r = own_file(c, dir, "hosts", &text, err);
	buf_clear(&text);
	resolv_text(&create->host, &text);
	if (r == 0)
		r = own_file(c, dir, "resolv.conf", &text, err);
	return r;
}

/* ---- what the plan has to know of the host ---- */

static int find_devices(const struct docker_host_config *h, struct arena *a,
	const struct plan_device **ret, struct bh_error *err)
{
	struct plan_device *devices = arena_calloc(a, h->device_count, sizeof(*devices));

	if (devices == NULL)
		return bh_fail_errno(err, -ENOMEM, "devices");
	for (size_t i = 0; i < h->device_count; i++) {
		const char *path = h->devices[i].host_path;
		struct stat st;

		if (stat(path, &st) < 0)
			return bh_fail_errno(err, -errno,
				"error gathering device information while adding custom device "
				"\"%s\"",
				path);
		if (!S_ISCHR(st.st_mode) && !S_ISBLK(st.st_mode))
			return bh_fail(err, -EINVAL, "\"%s\" is not a device node", path);
		devices[i] = (struct plan_device){
			S_ISCHR(st.st_mode) ? 'c' : 'b', major(st.st_rdev), minor(st.st_rdev)};
	}
	*ret = devices;
	return 0;
}

/* The host's administrator asked for this bind: missing directories are made as dockerd does. */
static int open_bind(const struct docker_mount *m, struct bh_error *err)
{
	int fd = open(m->source, O_PATH | O_CLOEXEC);

	if (fd < 0 && errno == ENOENT && m->create_source) {
		_cleanup_close_ int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);

		fd = root < 0 ? -errno : path_mkdir_in_root(root, m->source, 0755);
		return fd < 0 ? bh_fail_errno(err, fd, "make bind source %s", m->source) : fd;
	}
	return fd < 0 ? bh_fail_errno(err, -errno, "bind source path does not exist: %s", m->source)
		      : fd;
}

static int probe_binds(struct engine *e, const struct docker_host_config *h, struct arena *a,
	const bool **ret, struct bh_error *err)
{
	bool *mapped = arena_calloc(a, h->mount_count, sizeof(*mapped));

	if (mapped == NULL)
		return bh_fail_errno(err, -ENOMEM, "mounts");
	for (size_t i = 0; i < h->mount_count; i++) {
		_cleanup_close_ int fd = -EBADF;
		int r;

		if (h->mounts[i].type != DOCKER_MOUNT_BIND)
			continue;
		r = bind_check_reach(e, h->mounts[i].source, err);
		if (r < 0)
			return r;
		fd = open_bind(&h->mounts[i], err);
		if (fd < 0)
			return fd;
		r = snapshot_can_map(fd, !h->mounts[i].non_recursive, err);
		if (r < 0)
			return bh_wrap(err, "bind %s", h->mounts[i].source);
		mapped[i] = r > 0;
	}
	*ret = mapped;
	return 0;
}

/* ---- the run directory ---- */

static int make_run_dir(struct container_entry *c, struct bh_error *err)
{
	struct engine *e = c->engine;
	char path[128];

	bundle_remove(c);
	if (mkdirat(e->exec_fd, CONTAINERS_DIR, 0700) < 0 && errno != EEXIST)
		return bh_fail_errno(err, -errno, "make %s in the exec root", CONTAINERS_DIR);
	(void)snprintf(path, sizeof(path), CONTAINERS_DIR "/%s", c->c.id);
	if (mkdirat(e->exec_fd, path, 0700) < 0)
		return bh_fail_errno(err, -errno, "make %s in the exec root", path);
	return openat(e->exec_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static int write_config(int dir, const struct oci_config *config, struct bh_error *err)
{
	_cleanup_buf_ struct buf text;
	struct json_writer w = JSON_WRITER(&text);
	int r;

	buf_init(&text, OCI_CONFIG_BYTES_MAX);
	r = oci_config_write(config, &w);
	if (r == 0)
		r = fd_replace_file(dir, SHIM_CONFIG_FILE, text.data, text.len, 0600, 0);
	return r < 0 ? bh_fail_errno(err, r, "write " SHIM_CONFIG_FILE) : 0;
}

static int write_options(const struct container_entry *c, int dir,
	const struct docker_create *create, struct bh_error *err)
{
	const struct docker_log_config log = create->host.log;
	_cleanup_buf_ struct buf text;
	char bundle[4096];
	struct shim_options options = {.id = c->c.id,
		.bundle = bundle,
		.open_stdin = c->c.open_stdin,
		.stdin_once = c->c.stdin_once,
		.root_fd = true,
		.log_driver = strcmp(log.type, "none") == 0 ? SHIM_LOG_NONE : SHIM_LOG_JSON_FILE,
		.log_path = c->c.log_path,
		.log_max_size = log.max_size,
		.log_max_file = log.max_file != 0 ? log.max_file : LOG_FILES};
	int r;

	bundle_path(c, bundle, sizeof(bundle));
	buf_init(&text, SHIM_FILE_MAX);
	r = shim_options_encode(&options, &text);
	if (r == 0)
		r = fd_replace_file(dir, SHIM_OPTIONS_FILE, text.data, text.len, 0600, 0);
	return r < 0 ? bh_fail_errno(err, r, "write " SHIM_OPTIONS_FILE) : 0;
}

static int make_root(struct container_entry *c, const struct docker_create *create, int *ret,
	struct bh_error *err)
{
	struct engine *e = c->engine;
	const struct image *image;
	struct snapshot snapshot = {.data_fd = e->data_fd,
		.container = c->c.id,
		.id_base = c->c.id_range_start,
		.transient = c->c.auto_remove};
	int r = images_find(e->images, c->c.image_id, &image, err);

	if (r < 0)
		return r;
	snapshot.diff_ids = image->diff_ids;
	snapshot.layer_count = image->layer_count;
	r = snapshot_prepare(&snapshot, err);
	if (r == 0)
		r = own_files(c, create, err);
	return r < 0 ? r : snapshot_mount(&snapshot, ret, err);
}

static int make_plan(struct container_entry *c, const struct docker_create *create, int root_fd,
	struct arena *a, struct oci_config *ret, struct bh_error *err)
{
	struct user_found user;
	struct plan_input in = {.id = c->c.id,
		.create = create,
		.daemon = c->engine->config,
		.user = &user,
		.hostname = c->c.hostname,
		.id_base = c->c.id_range_start,
		.hostname_path = c->c.hostname_path,
		.hosts_path = c->c.hosts_path,
		.resolv_path = c->c.resolv_path};
	int r = user_resolve_in_root(
		root_fd, create->config.user, &create->host.group_add, a, &user, err);

	if (r == 0)
		r = find_devices(&create->host, a, &in.devices, err);
	if (r == 0)
		r = probe_binds(c->engine, &create->host, a, &in.bind_mapped, err);
	return r < 0 ? r : plan_config(&in, a, ret, err);
}

int bundle_make(struct container_entry *c, int *ret_root_fd, struct bh_error *err)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	_cleanup_close_ int root = -EBADF, dir = -EBADF;
	struct docker_create create;
	struct oci_config config;
	int r = arena_init(&a, DOCKER_ARENA_MAX);

	if (r == 0)
		r = container_decode(&c->c, &a, &create, err);
	if (r == 0)
		r = container_hold_range(c, err);
	if (r == 0)
		r = make_root(c, &create, &root, err);
	if (r == 0)
		r = make_plan(c, &create, root, &a, &config, err);
	if (r < 0)
		return r;
	dir = make_run_dir(c, err);
	if (dir < 0)
		return dir;
	r = write_config(dir, &config, err);
	if (r == 0)
		r = write_options(c, dir, &create, err);
	if (r < 0) {
		bundle_remove(c);
		return r;
	}
	*ret_root_fd = TAKE_FD(root);
	return 0;
}
