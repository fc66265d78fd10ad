// SPDX-License-Identifier: Apache-2.0
#include "engine/engine.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "engine/engine_private.h"
#include "engine/names.h"
#include "image/snapshot.h"
#include "kernel/path.h"
#include "sandbox/boundary.h"
#include "sandbox/cgroup.h"

#define FILE_MAX       (1u << 20)
#define BOUNDARY_ARENA (16u << 20)

static const char *const migrations[] = {
	"CREATE TABLE engine (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID",
};
static const struct store_schema engine_schema = {"engine", migrations, ARRAY_SIZE(migrations)};

/* ---- directories ---- */

/* Make path with its parents and open it; mode is set on the last one. */
static int open_root(
	const char *path, mode_t mode, char **ret_path, int *ret_fd, struct bh_error *err)
{
	_cleanup_close_ int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC), made = -EBADF;
	_cleanup_close_ int fd = -EBADF;
	_cleanup_free_ char *real = NULL;

	if (path[0] != '/')
		return bh_fail(err, -EINVAL, "%s: an absolute path is needed", path);
	made = root < 0 ? -errno : path_mkdir_in_root(root, path, 0755);
	if (made < 0)
		return bh_fail_errno(err, made, "make %s", path);
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || fchmod(fd, mode) < 0)
		return bh_fail_errno(err, -errno, "open %s", path);
	real = realpath(path, NULL);
	if (real == NULL)
		return bh_fail_errno(err, -errno, "resolve %s", path);
	*ret_path = TAKE_PTR(real);
	*ret_fd = TAKE_FD(fd);
	return 0;
}

/* ---- identity of engine and boot ---- */

static int load_id(struct engine *e, struct bh_error *err)
{
	_cleanup_rows_ struct store_rows rows = STORE_ROWS_INIT;
	int r = store_query(e->store, &rows, err, "SELECT value FROM engine WHERE key = 'id'", "");

	if (r == 0)
		r = store_rows_next(&rows, err);
	if (r < 0)
		return r;
	if (r > 0) {
		(void)snprintf(e->id, sizeof(e->id), "%s", store_text(&rows, 0));
		return 0;
	}
	store_rows_release(&rows);
	if (name_random_hex(e->id, 32) < 0)
		return bh_fail_errno(err, -EIO, "make the engine's id");
	return store_exec(
		e->store, err, "INSERT INTO engine (key, value) VALUES ('id', ?)", "t", e->id);
}

static int load_boot_id(struct engine *e, struct bh_error *err)
{
	_cleanup_buf_ struct buf text;
	int r;

	buf_init(&text, 256);
	r = fd_read_file(AT_FDCWD, "/proc/sys/kernel/random/boot_id", &text);
	if (r < 0)
		return bh_fail_errno(err, r, "read the boot id");
	(void)snprintf(e->boot_id, sizeof(e->boot_id), "%.36s", buf_str(&text));
	return 0;
}

/* ---- id ranges ---- */

static int check_file(const struct engine *e, const char *path, bool passwd, struct bh_error *err)
{
	const struct daemon_config *c = e->config;
	_cleanup_buf_ struct buf text;
	int r;

	buf_init(&text, FILE_MAX);
	r = fd_read_file(AT_FDCWD, path, &text);
	if (r == -ENOENT)
		return 0;
	if (r < 0)
		return bh_fail_errno(err, r, "read %s", path);
	return passwd ? id_ranges_check_passwd(
				c->id_ranges, c->id_range_count, path, buf_str(&text), err)
		      : id_ranges_check_sub(
				c->id_ranges, c->id_range_count, path, buf_str(&text), err);
}

static int open_ranges(struct engine *e, struct bh_error *err)
{
	int r = id_ranges_init(&e->ranges, e->config->id_ranges, e->config->id_range_count, err);

	if (r == 0)
		r = check_file(e, "/etc/subuid", false, err);
	if (r == 0)
		r = check_file(e, "/etc/subgid", false, err);
	if (r == 0)
		r = check_file(e, "/etc/passwd", true, err);
	if (r == 0)
		r = store_register(e->store, &id_range_schema, err);
	if (r == 0)
		r = id_claims_open(&e->claims, ID_CLAIMS_DIR, e->data_root, e->data_fd, err);
	return r < 0 ? r : id_ranges_load(&e->ranges, e->store, err);
}

/* ---- parts ---- */

static int open_programs(struct engine *e, const char *dir, struct bh_error *err)
{
	char path[4200];
	int r;

	(void)snprintf(path, sizeof(path), "%s/bulkhead-shim", dir);
	r = shim_spawner_new(e->loop, path, &e->spawner, err);
	(void)snprintf(path, sizeof(path), "%s/bulkhead-files", dir);
	return r < 0 ? r : jobs_new(e->loop, path, &e->jobs, err);
}

static int open_store(struct engine *e, struct bh_error *err)
{
	char path[4200];
	int r;

	(void)snprintf(path, sizeof(path), "%s/bulkhead.db", e->data_root);
	r = store_open(path, &e->store, err);
	if (r == 0)
		r = store_register(e->store, &engine_schema, err);
	if (r == 0)
		r = load_id(e, err);
	if (r == 0)
		r = images_open(e->store, e->data_fd, &e->sink, &e->images, err);
	if (r == 0)
		r = open_ranges(e, err);
	if (r == 0)
		r = store_register(e->store, &container_schema, err);
	if (r == 0 && mkdirat(e->data_fd, CONTAINERS_DIR, 0700) < 0 && errno != EEXIST)
		r = bh_fail_errno(err, -errno, "make %s/" CONTAINERS_DIR, e->data_root);
	return r < 0 ? r : container_records_load(e, err);
}

static int open_parts(struct engine *e, const struct engine_options *o, struct bh_error *err)
{
	enum cgroup_mode mode = CGROUP_NONE;
	int r = open_root(o->data_root, 0700, &e->data_root, &e->data_fd, err);

	if (r == 0)
		r = open_root(o->exec_root, 0711, &e->exec_root, &e->exec_fd, err);
	if (r == 0)
		r = snapshot_probe(e->data_fd, err);
	if (r == 0)
		r = load_boot_id(e, err);
	if (r == 0)
		r = open_programs(e, o->program_dir, err);
	if (r == 0)
		r = open_store(e, err);
	if (r == 0)
		r = cgroup_mode_detect(&mode, err);
	e->cgroup_version[0] = mode == CGROUP_V2 ? '2' : '1';
	return r < 0 ? r : reconcile(e, err);
}

int engine_new(const struct engine_options *options, struct loop *loop, struct engine **ret,
	struct bh_error *err)
{
	struct engine *e = calloc(1, sizeof(*e));
	int r;

	if (e == NULL)
		return bh_fail_errno(err, -ENOMEM, "engine");
	e->loop = loop;
	e->config = options->config;
	e->log = options->log;
	e->sockets = options->sockets;
	e->data_fd = e->exec_fd = e->claims.dir = -EBADF;
	events_init(e);
	r = open_parts(e, options, err);
	if (r < 0) {
		engine_free(e);
		return r;
	}
	*ret = e;
	return 0;
}

void engine_free(struct engine *e)
{
	if (e == NULL)
		return;
	jobs_free(e->jobs);
	imports_cancel(e);
	shim_spawner_free(e->spawner);
	waits_free(e);
	while (e->first != NULL) {
		struct container_entry *c = e->first;

		container_endings_finish(c, -ECANCELED, NULL);
		if (c->start_done != NULL)
			(void)engine_defer(e, c->start_done, c->start_data, -ECANCELED, NULL);
		if (c->remove_done != NULL)
			(void)engine_defer(e, c->remove_done, c->remove_data, -ECANCELED, NULL);
		container_unlink(c);
		container_entry_free(c);
	}
	engine_deferred_cancel(e);
	images_free(e->images);
	store_close(e->store);
	id_ranges_release(&e->ranges);
	id_claims_close(&e->claims);
	events_free(e);
	(void)fd_close(e->data_fd);
	(void)fd_close(e->exec_fd);
	free(e->data_root);
	free(e->exec_root);
	free(e);
}

/* ---- what the api layer shows ---- */

void engine_counts(const struct engine *e, struct engine_counts *ret)
{
	struct engine_counts n = {.images = (uint32_t)images_count(e->images)};

	for (const struct container_entry *c = e->first; c != NULL; c = c->next) {
		n.containers++;
		if (c->c.state == CONTAINER_RUNNING)
			n.running++;
		else
			n.stopped++;
	}
	*ret = n;
}

const char *engine_id(const struct engine *e)
{
	return e->id;
}

const char *engine_data_root(const struct engine *e)
{
	return e->data_root;
}

bool engine_no_new_privileges(const struct engine *e)
{
	return e->config->no_new_privileges;
}

const char *engine_cgroup_version(const struct engine *e)
{
	return e->cgroup_version;
}

int engine_container_boundary(
	struct engine *e, const struct container *c, struct buf *out, struct bh_error *err)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	struct json_writer w = JSON_WRITER(out);
	struct boundary_report report;
	struct boundary_facts facts;
	int r;

	if (c->state != CONTAINER_RUNNING)
		return bh_fail(err, -EBUSY,
			"container %s is not running: a boundary is read from the running "
			"container",
			c->id);
	r = arena_init(&a, BOUNDARY_ARENA);
	if (r == 0)
		r = boundary_read(c->pid, NULL, &a, &facts, err);
	if (r < 0)
		return r;
	boundary_evaluate(&facts, &a, &report);
	boundary_write_json(&report, &w);
	return buf_status(out);
}

int engine_container_pids(struct engine *e, const struct container *c, pid_t *pids, size_t max,
	size_t *ret_count, struct bh_error *err)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	_cleanup_cgroup_ struct cgroup *cg = NULL;
	_cleanup_close_ int dir = -EBADF;
	struct shim_state state;
	char path[128];
	pid_t *found = NULL;
	size_t count = 0;
	int r;

	if (c->state != CONTAINER_RUNNING)
		return bh_fail(err, -EBUSY, "container %s is not running", c->id);
	(void)snprintf(path, sizeof(path), CONTAINERS_DIR "/%s", c->id);
	dir = openat(e->exec_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return bh_fail_errno(err, -errno, "open %s", path);
	r = arena_init(&a, SHIM_ARENA_MAX);
	if (r == 0)
		r = shim_state_load(dir, &a, &state, err);
	if (r == 0)
		r = cgroup_open(state.cgroup, NULL, &cg, err);
	if (r == 0)
		r = cgroup_pids(cg, &a, &found, &count, err);
	if (r < 0)
		return r;
	*ret_count = count < max ? count : max;
	if (*ret_count > 0)
		memcpy(pids, found, *ret_count * sizeof(*pids));
	return 0;
}
