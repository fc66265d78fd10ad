// SPDX-License-Identifier: Apache-2.0
/*
 * Ending: the exit of a container, and everybody who waits for it. Whoever asks for an end gets it:
 * the signal asked for, SIGKILL after the timeout, and a kill of every process of the container and
 * then of its shim, each with a bound.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "engine/engine_private.h"
#include "image/config.h"
#include "kernel/process.h"
#include "sandbox/cgroup.h"

#define TRASH_BUDGET 512 /* entries removed at once; more is left to a job */

/* ---- waiting for the end ---- */

enum ending_stage {
	ENDING_ASKED,  /* the stop signal was sent */
	ENDING_KILLED, /* SIGKILL was sent to all */
	ENDING_FORCED, /* the shim was killed */
};

struct ending {
	struct ending *next;
	struct container_entry *container;
	struct loop_source *timer;
	enum ending_stage stage;
	engine_done_fn done;
	void *userdata;
};

static void ending_free(struct ending *w)
{
	struct ending **at = &w->container->endings;

	while (*at != NULL && *at != w)
		at = &(*at)->next;
	if (*at == w)
		*at = w->next;
	loop_remove(w->timer);
	free(w);
}

void container_endings_finish(struct container_entry *c, int code, const struct bh_error *err)
{
	while (c->endings != NULL) {
		struct ending *w = c->endings;

		c->endings = w->next;
		if (w->done != NULL)
			(void)engine_defer(c->engine, w->done, w->userdata, code, err);
		ending_free(w);
	}
}

static void push_on(struct loop_source *s, void *data)
{
	struct ending *w = data;
	struct container_entry *c = w->container;

	switch (w->stage) {
	case ENDING_ASKED:
		w->stage = ENDING_KILLED;
		(void)container_signal(c, SIGKILL, true, NULL);
		loop_timer_set(w->timer, KILL_BOUND_MS);
		break;
	case ENDING_KILLED:
		/* The connection breaks, and what is left is killed by its recorded state. */
		w->stage = ENDING_FORCED;
		if (c->shim_pid > 0)
			(void)kill(c->shim_pid, SIGKILL);
		loop_timer_set(w->timer, KILL_BOUND_MS);
		break;
	case ENDING_FORCED: {
		struct bh_error err = BH_ERROR_INIT;
		engine_done_fn done = w->done;
		void *userdata = w->userdata;

		(void)bh_fail(&err, -ETIMEDOUT,
			"container %s does not end: a process of it is stuck in the kernel",
			c->c.name);
		ending_free(w);
		if (done != NULL)
			done(userdata, -ETIMEDOUT, &err);
		break;
	}
	}
}

static int ending_new(struct container_entry *c, enum ending_stage stage, uint64_t delay_ms,
	engine_done_fn done, void *userdata, struct bh_error *err)
{
	struct ending *w = calloc(1, sizeof(*w));
	int r;

	if (w == NULL)
		return bh_fail_errno(err, -ENOMEM, "stop container");
	*w = (struct ending){.container = c, .stage = stage, .done = done, .userdata = userdata};
	r = loop_add_timer(c->engine->loop, delay_ms, push_on, w, &w->timer, err);
	if (r < 0) {
		free(w);
		return r;
	}
	w->next = c->endings;
	c->endings = w;
	return 0;
}

/* ---- the end ---- */

void container_kill_leftovers(struct container_entry *c, int run_dirfd)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	_cleanup_cgroup_ struct cgroup *cg = NULL;
	struct bh_error err = BH_ERROR_INIT;
	struct shim_state state;

	if (arena_init(&a, SHIM_ARENA_MAX) < 0 || shim_state_load(run_dirfd, &a, &state, NULL) < 0)
		return;
	process_kill_exact(state.pid, state.start_time);
	if (state.cgroup == NULL)
		return;
	if (cgroup_open(state.cgroup, NULL, &cg, &err) < 0 || cgroup_destroy(cg, &err) < 0)
		log_write(c->engine->log, LOG_LEVEL_WARN, "control group of %.12s: %s", c->c.id,
			err.text);
}

static void shim_left(struct shim_client *client, int code, const char *text,
	const struct json *result, void *data)
{
	struct container_entry *c = data;

	container_drop_client(c);
	c->shim_pid = 0;
	if (c->c.state != CONTAINER_RUNNING && !c->c.starting)
		bundle_remove(c);
}

static void dismiss_shim(struct container_entry *c)
{
	struct shim_request request = {.op = SHIM_OP_SHUTDOWN};

	if (c->shim == NULL) {
		bundle_remove(c);
		return;
	}
	if (shim_client_send(c->shim, &request, NULL, 0, shim_left, c, NULL) < 0)
		shim_left(c->shim, 0, NULL, NULL, c);
}

static void take_exit(struct container_entry *c, const struct shim_exit *exit)
{
	int64_t finished = image_time_parse(exit->finished_at);
	int64_t started = image_time_parse(exit->started_at);

	c->c.state = CONTAINER_EXITED;
	c->c.pid = 0;
	c->c.exit_code = exit->exit_code;
	c->c.oom_killed = c->c.oom_killed || exit->oom_killed;
	if (started != 0)
		c->c.started_ns = started;
	c->c.finished_ns = finished != 0 ? finished : engine_now_ns();
	(void)container_set_error(c, exit->error != NULL ? exit->error : "");
}

void container_ended(struct container_entry *c, const struct shim_exit *exit)
{
	struct bh_error err = BH_ERROR_INIT;
	bool remove = (c->c.auto_remove && !c->start_again) || c->remove_after_end;
	char code[16];

	take_exit(c, exit);
	execs_free(c);
	(void)snprintf(code, sizeof(code), "%d", c->c.exit_code);
	container_event(c, "die", "exitCode", code);
	/* A container that is about to go is not worth a second write. */
	if (!remove && container_record_update(c, &err) < 0)
		log_write(c->engine->log, LOG_LEVEL_ERROR, "record the end of %.12s: %s", c->c.id,
			err.text);
	waits_exited(c);
	container_endings_finish(c, 0, NULL);
	dismiss_shim(c);
	if (remove && container_delete(c, &err) < 0) {
		c->c.state = CONTAINER_DEAD;
		(void)container_record_update(c, NULL);
		log_write(c->engine->log, LOG_LEVEL_ERROR, "remove container %.12s: %s", c->c.id,
			err.text);
	}
}

/* ---- signals ---- */

int container_signal(struct container_entry *c, int signal, bool all, struct bh_error *err)
{
	struct shim_request request = {.op = SHIM_OP_SIGNAL, .signal = signal, .all = all};

	if (c->shim == NULL)
		return bh_fail(err, -EBUSY, "container %s is not running", c->c.id);
	return shim_client_send(c->shim, &request, NULL, 0, NULL, NULL, err);
}

int engine_container_kill(
	struct engine *e, const struct container *pub, int signal, struct bh_error *err)
{
	struct container_entry *c = container_of(pub);
	char text[16];
	int r;

	if (c->c.state != CONTAINER_RUNNING)
		return bh_fail(err, -EBUSY,
			"cannot kill container: %s: container %s is not running", c->c.name,
			c->c.id);
	r = container_signal(c, signal, false, err);
	if (r < 0)
		return r;
	/* SIGKILL from outside ends process 1 in any case; make sure that the rest goes with it. */
	if (signal == SIGKILL)
		r = ending_new(c, ENDING_KILLED, KILL_BOUND_MS, NULL, NULL, err);
	(void)snprintf(text, sizeof(text), "%d", signal);
	container_event(c, "kill", "signal", text);
	return r;
}

static int stop_settings(struct container_entry *c, int *signal, int *timeout, struct bh_error *err)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	struct docker_create body = {0};
	int r = arena_init(&a, DOCKER_ARENA_MAX);

	if (r == 0)
		r = container_decode(&c->c, &a, &body, err);
	if (r < 0)
		return r;
	if (*signal == 0)
		*signal = body.config.stop_signal != NULL
				  ? docker_signal_parse(body.config.stop_signal)
				  : SIGTERM;
	if (*timeout < 0)
		*timeout =
			body.config.has_stop_timeout ? (int)body.config.stop_timeout : STOP_TIMEOUT;
	return 0;
}

int engine_container_stop(struct engine *e, const struct container *pub, int signal, int timeout,
	engine_done_fn done, void *userdata, struct bh_error *err)
{
	struct container_entry *c = container_of(pub);
	int r;

	if (c->c.state != CONTAINER_RUNNING)
		return bh_fail(err, -EALREADY, "container %s is not running", c->c.name);
	r = stop_settings(c, &signal, &timeout, err);
	if (r < 0)
		return r;
	r = container_signal(c, signal, false, err);
	if (r < 0)
		return r;
	container_event(c, "stop", NULL, NULL);
	/* A timeout of -1 in the container's settings means to wait for good: a year, to us. */
	return ending_new(c, ENDING_ASKED,
		timeout >= 0 ? (uint64_t)timeout * 1000 : UINT64_C(365) * 86400000, done, userdata,
		err);
}

/* ---- restart ---- */

struct restart {
	struct engine *engine;
	char id[CONTAINER_ID_LEN + 1];
	engine_done_fn done;
	void *userdata;
};

static void restart_now(void *userdata, int code, const struct bh_error *why)
{
	struct restart *restart = userdata;
	struct bh_error err = why != NULL ? *why : (struct bh_error)BH_ERROR_INIT;
	const struct container *c;

	if (code == 0)
		code = engine_container_find(restart->engine, restart->id, &c, &err);
	if (code == 0) {
		container_of(c)->start_again = false;
		code = engine_container_start(
			restart->engine, c, restart->done, restart->userdata, &err);
	}
	if (code < 0)
		restart->done(restart->userdata, code, &err);
	free(restart);
}

int engine_container_restart(struct engine *e, const struct container *pub, int signal, int timeout,
	engine_done_fn done, void *userdata, struct bh_error *err)
{
	struct restart *restart;
	int r;

	if (pub->state != CONTAINER_RUNNING)
		return engine_container_start(e, pub, done, userdata, err);
	restart = calloc(1, sizeof(*restart));
	if (restart == NULL)
		return bh_fail_errno(err, -ENOMEM, "restart container");
	*restart = (struct restart){.engine = e, .done = done, .userdata = userdata};
	(void)snprintf(restart->id, sizeof(restart->id), "%s", pub->id);
	container_of(pub)->start_again = true;
	r = engine_container_stop(e, pub, signal, timeout, restart_now, restart, err);
	if (r < 0) {
		container_of(pub)->start_again = false;
		free(restart);
	}
	return r;
}

/* ---- removal ---- */

int container_delete(struct container_entry *c, struct bh_error *err)
{
	struct engine *e = c->engine;
	engine_done_fn done = c->remove_done;
	void *userdata = c->remove_data;
	int r;

	c->remove_done = NULL;
	r = container_record_delete(c, err);
	if (r < 0) {
		c->c.removing = false;
		if (done != NULL)
			(void)engine_defer(e, done, userdata, r, err);
		return r;
	}
	container_event(c, "destroy", NULL, NULL);
	(void)images_discard(e->images, CONTAINERS_DIR, c->c.id, NULL);
	if (c->shim != NULL) {
		/* The shim goes by itself once it reads this; nobody needs its answer any more. */
		container_drop_client(c);
	}
	bundle_remove(c);
	id_claims_drop(&e->claims, c->c.id_range_start);
	container_endings_finish(c, 0, NULL);
	waits_removed(c);
	container_unlink(c);
	container_entry_free(c);
	if (done != NULL)
		(void)engine_defer(e, done, userdata, 0, NULL);
	trash_clean(e);
	return 0;
}

int engine_container_remove(struct engine *e, const struct container *pub, bool force,
	engine_done_fn done, void *userdata, struct bh_error *err)
{
	struct container_entry *c = container_of(pub);
	int r;

	if (c->c.removing)
		return bh_fail(
			err, -EBUSY, "removal of container %s is already in progress", c->c.name);
	if (c->c.starting)
		return bh_fail(err, -EBUSY, "container %s is being started", c->c.name);
	if (c->c.state == CONTAINER_RUNNING) {
		if (!force)
			return bh_fail(err, -EBUSY,
				"cannot remove container \"/%s\": container is running: stop the "
				"container before removing or force remove",
				c->c.name);
		r = container_signal(c, SIGKILL, true, err);
		if (r == 0)
			r = ending_new(c, ENDING_KILLED, KILL_BOUND_MS, NULL, NULL, err);
		if (r < 0)
			return r;
		c->c.removing = c->remove_after_end = true;
		c->remove_done = done;
		c->remove_data = userdata;
		return 0;
	}
	c->c.removing = true;
	r = container_delete(c, err);
	if (r < 0)
		return r;
	return engine_defer(e, done, userdata, 0, NULL);
}
