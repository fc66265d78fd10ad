// SPDX-License-Identifier: Apache-2.0
/*
 * After a crash or a stop of the engine: each container that the records know is compared with what
 * its run directory says. A live shim is adopted; a dead one's exit is taken, or its processes and
 * cgroup are killed; directories that no record knows are garbage of an unfinished create or
 * remove. Another boot id means that no process of the records is alive: pids are not looked at.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "engine/engine_private.h"
#include "image/config.h"
#include "kernel/process.h"
#include "kernel/tree.h"

#define TRASH_BUDGET  512
#define ORPHAN_BUDGET 4096

static int open_run_dir(struct engine *e, const char *id)
{
	char path[128];

	(void)snprintf(path, sizeof(path), CONTAINERS_DIR "/%s", id);
	return openat(e->exec_fd, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

/* ---- trash ---- */

static void trash_removed(
	void *data, int code, const struct json *result, const struct bh_error *err)
{
	struct engine *e = data;
	bool again = e->trash_again;

	e->trash_busy = e->trash_again = false;
	if (code < 0)
		log_write(e->log, LOG_LEVEL_WARN, "empty trash: %s", bh_error_text(err, code));
	else if (again)
		trash_clean(e);
}

/* Small things go at once, the rest by a job, so that the engine is never busy for long. */
void trash_clean(struct engine *e)
{
	_cleanup_close_ int dir =
		openat(e->data_fd, IMAGES_TRASH_DIR, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct job_request job = {.verb = "remove", .dir_fd = dir, .input_fd = -EBADF};
	struct bh_error err = BH_ERROR_INIT;

	if (dir < 0)
		return;
	if (e->trash_busy) {
		e->trash_again = true;
		return;
	}
	if (tree_remove_contents(dir, TRASH_BUDGET, &err) == 0)
		return;
	if (jobs_start(e->jobs, &job, trash_removed, e, &err) == 0)
		e->trash_busy = true;
	else
		log_write(e->log, LOG_LEVEL_WARN, "empty trash: %s", err.text);
}

/* ---- containers ---- */

/* The container never came to run under the engine that is gone. */
static void drop_unstarted(struct container_entry *c, int dir)
{
	struct shim_request request = {.op = SHIM_OP_SHUTDOWN};

	if (c->shim != NULL)
		(void)shim_client_send(c->shim, &request, NULL, 0, NULL, NULL, NULL);
	container_drop_client(c);
	container_kill_leftovers(c, dir);
	bundle_remove(c);
}

static void adopt(struct container_entry *c, const struct shim_state *state)
{
	c->c.pid = state->pid;
	c->shim_pid = state->shim_pid;
	if (c->c.state == CONTAINER_RUNNING)
		return;
	c->c.state = CONTAINER_RUNNING;
	c->c.started_ns = image_time_parse(state->started_at);
	c->c.finished_ns = 0;
	(void)container_set_error(c, "");
}

static void take_end(struct container_entry *c, int dir)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	struct shim_exit exit = {.exit_code = 137,
		.signal = SIGKILL,
		.started_at = "",
		.finished_at = "",
		.error = ""};
	bool known = false;

	if (dir >= 0) {
		container_kill_leftovers(c, dir);
		known = arena_init(&a, SHIM_ARENA_MAX) == 0 &&
			shim_exit_load(dir, &a, &exit, NULL) == 0;
	}
	if (c->c.state == CONTAINER_RUNNING || (known && *exit.started_at != '\0'))
		container_ended(c, &exit);
	else
		bundle_remove(c);
}

static bool was_started(const struct shim_state *state)
{
	return strcmp(state->status, "running") == 0 || strcmp(state->status, "paused") == 0 ||
	       (strcmp(state->status, "stopped") == 0 && *state->started_at != '\0');
}

/* That we cannot ask now says nothing about the shim: its container must not die of that. */
static bool is_our_trouble(int r)
{
	return r == -ENOMEM || r == -EMFILE || r == -ENFILE || r == -ENOBUFS;
}

/* May delete the container (--rm). */
static int reconcile_one(struct container_entry *c, bool same_boot, struct bh_error *err)
{
	struct bh_error why = BH_ERROR_INIT;
	_cleanup_arena_ struct arena a = ARENA_INIT;
	_cleanup_close_ int dir = open_run_dir(c->engine, c->c.id);
	struct shim_state state;
	int r;

	if (dir < 0 && is_our_trouble(-errno))
		return bh_fail_errno(err, -errno, "open the run directory of %.12s", c->c.id);
	if (dir < 0 || !same_boot) {
		if (c->c.state == CONTAINER_RUNNING)
			take_end(c, -EBADF);
		else
			bundle_remove(c);
		return 0;
	}
	r = arena_init(&a, SHIM_ARENA_MAX);
	if (r == 0)
		r = container_connect(c, &why);
	if (r == 0)
		r = shim_state_load(dir, &a, &state, &why);
	if (is_our_trouble(r))
		return bh_fail(err, r, "container %.12s: %s", c->c.id, bh_error_text(&why, r));
	if (r < 0) {
		container_drop_client(c);
		take_end(c, dir);
		return 0;
	}
	if (was_started(&state)) {
		adopt(c, &state);
		(void)container_record_update(c, NULL);
	} else {
		drop_unstarted(c, dir);
	}
	return 0;
}

/* ---- directories without a record ---- */

static bool known(const struct engine *e, const char *id)
{
	for (const struct container_entry *c = e->first; c != NULL; c = c->next)
		if (strcmp(c->c.id, id) == 0)
			return true;
	return false;
}

/* A run directory whose container is not recorded: its removal was recorded, but not done. */
static void drop_run_dir(struct engine *e, int parent, const char *name, bool same_boot)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	_cleanup_close_ int dir =
		openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct container_entry fake = {.engine = e};
	struct shim_state state;

	if (dir >= 0 && same_boot && arena_init(&a, SHIM_ARENA_MAX) == 0 &&
		shim_state_load(dir, &a, &state, NULL) == 0) {
		(void)snprintf(fake.c.id, sizeof(fake.c.id), "%s", name);
		process_kill_exact(state.shim_pid, state.shim_start_time);
		container_kill_leftovers(&fake, dir);
	}
	(void)tree_remove(parent, name, ORPHAN_BUDGET, NULL);
}

static int each_unknown(struct engine *e, int root, bool run, bool same_boot, struct bh_error *err)
{
	int fd = openat(root, CONTAINERS_DIR, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct dirent *entry;
	DIR *d;

	if (fd < 0)
		return errno == ENOENT ? 0 : bh_fail_errno(err, -errno, "open " CONTAINERS_DIR);
	d = fdopendir(fd);
	if (d == NULL) {
		(void)close(fd);
		return bh_fail_errno(err, -ENOMEM, "read " CONTAINERS_DIR);
	}
	while ((entry = readdir(d)) != NULL) {
		if (entry->d_name[0] == '.' || known(e, entry->d_name))
			continue;
		if (run)
			drop_run_dir(e, fd, entry->d_name, same_boot);
		else
			(void)images_discard(e->images, CONTAINERS_DIR, entry->d_name, NULL);
	}
	(void)closedir(d);
	return 0;
}

/* ---- boot ---- */

/* The boot that the run directories are of, kept beside them. */
static bool is_same_boot(struct engine *e)
{
	_cleanup_buf_ struct buf text;

	buf_init(&text, 256);
	return fd_read_file(e->exec_fd, "boot-id", &text) == 0 &&
	       strcmp(buf_str(&text), e->boot_id) == 0;
}

/* Once nothing of another boot is left, and before anything of this one is made. Without it the
 * next engine would take what runs for dead. */
static int record_boot(struct engine *e, struct bh_error *err)
{
	int r = fd_replace_file(e->exec_fd, "boot-id", e->boot_id, strlen(e->boot_id), 0600, 0);

	return r < 0 ? bh_fail_errno(err, r, "write boot-id in the exec root") : 0;
}

int reconcile(struct engine *e, struct bh_error *err)
{
	bool same_boot = is_same_boot(e);
	struct container_entry *next;
	int r = 0;

	for (struct container_entry *c = e->first; r == 0 && c != NULL; c = next) {
		next = c->next;
		r = reconcile_one(c, same_boot, err);
	}
	if (r == 0)
		r = each_unknown(e, e->exec_fd, true, same_boot, err);
	if (r == 0)
		r = each_unknown(e, e->data_fd, false, same_boot, err);
	/* Nothing runs any more with a range that no record has. */
	if (r == 0)
		r = container_ranges_hold(e, err);
	if (r == 0 && !same_boot)
		r = record_boot(e, err);
	trash_clean(e);
	return r;
}
