// SPDX-License-Identifier: Apache-2.0
/*
 * Starting: bundle, shim, connection, start. A failure at any step undoes what was made and is the
 * answer to whoever asked. The record says "running" only after the program runs; a crash before
 * that is found by reconciliation through the shim's own state.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "engine/engine_private.h"
#include "image/config.h"

#define EXIT_NOT_FOUND 127
#define EXIT_NOT_RUN   126
#define EXIT_NOT_MADE  128
#define RUN_DIR_MAX    4096
#define START_TIMEOUT  60000u

static void finish_start(struct container_entry *c, int code, const struct bh_error *err)
{
	engine_done_fn done = c->start_done;

	c->start_done = NULL;
	c->c.starting = false;
	if (done != NULL)
		done(c->start_data, code, err);
}

/* In the words that the docker client takes its exit codes from. */
static void explain(struct container_entry *c, int *code, struct bh_error *err)
{
	const char *program = c->c.argv[0] != NULL ? c->c.argv[0] : "";
	char inner[512];

	(void)snprintf(inner, sizeof(inner), "%s", bh_error_text(err, *code));
	if (*code == -ENOENT && strchr(program, '/') == NULL)
		(void)bh_fail(err, *code,
			"failed to start container: exec: \"%.200s\": executable file not found in "
			"$PATH",
			program);
	else if (*code == -ENOENT)
		(void)bh_fail(err, *code,
			"failed to start container: exec: \"%.200s\": stat %.200s: no such file or "
			"directory",
			program, program);
	else if (*code == -EACCES)
		(void)bh_fail(err, *code,
			"failed to start container: exec: \"%.200s\": permission denied", program);
	else
		(void)bh_fail(err, *code, "failed to start container: %s", inner);
}

/* A shim that was killed has undone nothing; one that failed has left no record of anything. */
static void kill_remains(struct container_entry *c)
{
	_cleanup_close_ int dir = -EBADF;
	char path[128];

	(void)snprintf(path, sizeof(path), CONTAINERS_DIR "/%s", c->c.id);
	dir = openat(c->engine->exec_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir >= 0)
		container_kill_leftovers(c, dir);
}

void container_start_failed(struct container_entry *c, int code, const struct bh_error *why)
{
	struct bh_error err = why != NULL ? *why : (struct bh_error)BH_ERROR_INIT;

	explain(c, &code, &err);
	c->c.exit_code = code == -ENOENT   ? EXIT_NOT_FOUND
			 : code == -EACCES ? EXIT_NOT_RUN
					   : EXIT_NOT_MADE;
	c->c.pid = 0;
	(void)container_set_error(c, err.text);
	/* The client learns of the failure either way; the record follows with the next change. */
	(void)container_record_update(c, NULL);
	attach_drop_held(c);
	kill_remains(c);
	bundle_remove(c);
	finish_start(c, code, &err);
	container_endings_finish(c, 0, NULL);
	waits_exited(c);
	if (c->c.auto_remove || c->remove_after_end)
		(void)container_delete(c, NULL);
}

/* The shim of a container that never ran (or failed to) leaves; its end is not waited for. */
static void drop_shim(struct container_entry *c)
{
	struct shim_request request = {.op = SHIM_OP_SHUTDOWN};

	if (c->shim == NULL)
		return;
	(void)shim_client_send(c->shim, &request, NULL, 0, NULL, NULL, NULL);
	container_drop_client(c);
}

static int64_t started_at(const struct json *result)
{
	const char *text = json_get_string(result, "started_at");
	int64_t ns = text != NULL ? image_time_parse(text) : 0;

	return ns != 0 ? ns : engine_now_ns();
}

static void started(struct shim_client *client, int code, const char *text,
	const struct json *result, void *data)
{
	struct container_entry *c = data;
	struct bh_error err = BH_ERROR_INIT;
	int r = code;

	if (code < 0) {
		(void)bh_fail(&err, code, "%s", text != NULL ? text : strerror(-code));
		drop_shim(c);
		container_start_failed(c, code, &err);
		return;
	}
	c->c.state = CONTAINER_RUNNING;
	c->c.started_ns = started_at(result);
	c->c.finished_ns = 0;
	c->c.exit_code = 0;
	c->c.oom_killed = false;
	(void)container_set_error(c, "");
	r = container_record_update(c, &err);
	container_event(c, "start", NULL, NULL);
	if (r < 0)
		log_write(c->engine->log, LOG_LEVEL_ERROR, "record the start of %.12s: %s", c->c.id,
			err.text);
	finish_start(c, 0, NULL);
}

static void created(pid_t shim_pid, const struct shim_ready *ready, void *data)
{
	struct container_entry *c = data;
	struct shim_request request = {.op = SHIM_OP_START};
	struct bh_error err = BH_ERROR_INIT;
	int r;

	c->shim_pid = shim_pid;
	if (ready->code < 0) {
		(void)bh_fail(&err, ready->code, "%s", ready->text != NULL ? ready->text : "");
		/* Only what is said of the program itself may be "not found". */
		container_start_failed(c,
			strncmp(err.text, "exec: ", 6) == 0                ? ready->code
			: ready->code == -ENOENT || ready->code == -EACCES ? -EIO
									   : ready->code,
			&err);
		return;
	}
	c->c.pid = ready->pid;
	r = container_connect(c, &err);
	if (r == 0) {
		attach_flush_held(c);
		r = shim_client_send(c->shim, &request, NULL, START_TIMEOUT, started, c, &err);
	}
	if (r < 0) {
		drop_shim(c);
		container_start_failed(c, -EIO, &err);
	}
}

static int check_startable(const struct container_entry *c, struct bh_error *err)
{
	if (c->c.removing)
		return bh_fail(
			err, -EBUSY, "container is marked for removal and cannot be started");
	if (c->c.state == CONTAINER_RUNNING)
		return bh_fail(err, -EALREADY, "container %s is already running", c->c.name);
	if (c->c.starting)
		return bh_fail(err, -EBUSY, "container %s is being started", c->c.name);
	return 0;
}

/* What failed before there was a shim: the record says why, and what goes at its end goes now. */
static int not_started(struct container_entry *c, int code, struct bh_error *err)
{
	c->c.exit_code = EXIT_NOT_MADE;
	(void)container_set_error(c, bh_error_text(err, code));
	(void)container_record_update(c, NULL);
	attach_drop_held(c);
	bundle_remove(c);
	waits_exited(c);
	if (c->c.auto_remove || c->remove_after_end)
		(void)container_delete(c, NULL);
	return code;
}

int engine_container_start(struct engine *e, const struct container *pub, engine_done_fn done,
	void *userdata, struct bh_error *err)
{
	struct container_entry *c = container_of(pub);
	_cleanup_close_ int root = -EBADF;
	char dir[RUN_DIR_MAX];
	struct shim_spawn spawn = {.dir = dir};
	int r = check_startable(c, err);

	if (r < 0)
		return r;
	container_drop_client(c);
	r = bundle_make(c, &root, err);
	if (r < 0) {
		(void)bh_wrap(err, "start container %s", c->c.name);
		return not_started(c, r, err);
	}
	bundle_path(c, dir, sizeof(dir));
	spawn.root_fd = root;
	r = shim_spawn(e->spawner, &spawn, created, c, err);
	if (r < 0)
		return not_started(c, r, err);
	c->c.starting = true;
	c->start_done = done;
	c->start_data = userdata;
	return 0;
}

/* ---- connection to a shim ---- */

static void on_exited(struct shim_client *client, const struct shim_exit *exit, void *data)
{
	struct container_entry *c = data;

	/* An end before the start was answered is the answer's business. */
	if (!c->c.starting)
		container_ended(c, exit);
}

static void on_exec_exited(
	struct shim_client *client, const char *id, const struct shim_exit *exit, void *data)
{
	exec_exited(data, id, exit);
}

static void on_oom(struct shim_client *client, void *data)
{
	struct container_entry *c = data;

	c->c.oom_killed = true;
	container_event(c, "oom", NULL, NULL);
}

static void on_detached(struct shim_client *client, const char *exec_id, void *data)
{
	container_event(data, exec_id == NULL ? "detach" : "exec_detach",
		exec_id == NULL ? NULL : "execID", exec_id);
}

/* The shim is gone without having said how the container ended: it was killed. */
static void on_disconnected(struct shim_client *client, int code, void *data)
{
	struct container_entry *c = data;
	_cleanup_arena_ struct arena a = ARENA_INIT;
	_cleanup_close_ int dir = -EBADF;
	struct shim_exit exit = {.exit_code = 137,
		.signal = 9,
		.started_at = "",
		.finished_at = "",
		.error = "the container's shim was killed"};
	char path[128];

	container_drop_client(c);
	c->shim_pid = 0;
	(void)snprintf(path, sizeof(path), CONTAINERS_DIR "/%s", c->c.id);
	dir = openat(c->engine->exec_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir >= 0) {
		container_kill_leftovers(c, dir);
		if (arena_init(&a, SHIM_ARENA_MAX) == 0)
			(void)shim_exit_load(dir, &a, &exit, NULL);
	}
	if (c->c.starting) {
		struct bh_error err = BH_ERROR_INIT;

		(void)bh_fail(&err, -EIO, "the container's shim ended");
		container_start_failed(c, -EIO, &err);
	} else if (c->c.state == CONTAINER_RUNNING) {
		container_ended(c, &exit);
	}
}

int container_connect(struct container_entry *c, struct bh_error *err)
{
	static const struct shim_client_ops ops = {.exited = on_exited,
		.exec_exited = on_exec_exited,
		.oom = on_oom,
		.detached = on_detached,
		.disconnected = on_disconnected};
	char dir[RUN_DIR_MAX];

	bundle_path(c, dir, sizeof(dir));
	return shim_connect(c->engine->loop, dir, &ops, c, &c->shim, err);
}
