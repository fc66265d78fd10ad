// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "bin/oci/oci.h"
#include "sandbox/sandbox.h"

static int check_startable(struct oci *o, struct container *c, struct bh_error *err)
{
	enum state_status status;
	/* Again under the lock: it may have been started or deleted while we waited. */
	int r = state_load(c->dir_fd, c->id, &o->arena, &c->state, err);

	if (r == 0)
		r = container_status(c, &status, err);
	if (r < 0)
		return r;
	switch (status) {
	case STATE_CREATED:
		return 0;
	case STATE_STOPPED:
		return bh_fail(err, -EINVAL, "cannot start a container that has stopped");
	case STATE_RUNNING:
		return bh_fail(err, -EINVAL, "cannot start an already running container");
	case STATE_CREATING:
	case STATE_PAUSED:
		break;
	}
	return bh_fail(err, -EINVAL, "cannot start a container in the %s state",
		state_status_name(status));
}

/* A startContainer hook that fails ends the container: what create made goes, then the poststop
 * hooks run (runtime.md, lifecycle). */
static void undo_start(struct oci *o, struct container *c)
{
	struct bh_error ignored = BH_ERROR_INIT;
	int r = container_destroy(o, c, &ignored);

	if (r < 0)
		log_write(&o->log, LOG_LEVEL_WARN, "undo: %s", bh_error_text(&ignored, r));
}

static int start_locked(struct oci *o, struct container *c, struct bh_error *err)
{
	int r = check_startable(o, c, err);

	if (r == 0)
		r = container_load_config(o, c, err);
	if (r == 0 && !c->config.has_process)
		r = bh_fail(err, -EINVAL, "config.json has no process to start");
	if (r == 0)
		r = sandbox_start(c->dir_fd, -EBADF, err);
	if (r < 0 && strstr(err->text, "startContainer hook") != NULL)
		undo_start(o, c);
	if (r < 0)
		return r;
	(void)unlinkat(c->dir_fd, "start", 0);
	return container_run_hooks(o, c, OCI_HOOK_POSTSTART, STATE_RUNNING, err);
}

int command_start(struct oci *o, struct bh_error *err)
{
	_cleanup_container_ struct container c = CONTAINER_INIT;
	int r = container_open(o, o->options.args[0], &c, err);

	if (r == 0)
		r = state_lock(c.dir_fd, err);
	if (r == 0)
		r = start_locked(o, &c, err);
	return r;
}
