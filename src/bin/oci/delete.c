// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/mem.h"
#include "bin/oci/oci.h"

/*
 * A runtime killed half-way leaves a directory without state.json (nothing else exists yet), or
 * with one that names the groups and perhaps the process. --force clears either; it first kills
 * without the lock, so that a command that waits for the container gives way.
 */

static void kill_now(struct container *c)
{
	_cleanup_close_ int pidfd = -EBADF;

	if (state_pidfd(&c->state, &pidfd) == 0)
		(void)syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0);
	if (container_cgroup(c, NULL) == 0 && c->cgroup != NULL)
		cgroup_thaw_all(c->cgroup);
}

/* Only the directory is there, or what it holds cannot be read. */
static int delete_remains(
	struct oci *o, const char *id, const struct bh_error *why, struct bh_error *err)
{
	_cleanup_container_ struct container c = CONTAINER_INIT;
	struct state again;
	int r = state_root_open(o->root, false, &c.root_fd, err);

	if (r == -ENOENT)
		return 0;
	if (r == 0)
		r = state_open(c.root_fd, id, &c.dir_fd, err);
	if (r == -ENOENT)
		return 0;
	if (r == 0)
		r = state_lock(c.dir_fd, err);
	if (r < 0)
		return r;
	/* The trouble has passed, but it was not that there is no state. */
	if (state_load(c.dir_fd, id, &o->arena, &again, NULL) == 0)
		return why->code == -ENOENT
			       ? bh_fail(err, -EAGAIN, "container %s was created meanwhile", id)
			       : bh_fail(err, why->code, "%s", bh_error_text(why, why->code));
	if (why->code != -ENOENT)
		log_write(&o->log, LOG_LEVEL_WARN,
			"state of %s is lost, only its directory is removed: %s", id, why->text);
	return state_remove(c.root_fd, c.dir_fd, id, err);
}

static int check_deletable(struct container *c, struct bh_error *err)
{
	enum state_status status;
	int r = container_status(c, &status, err);

	if (r < 0 || status == STATE_STOPPED || status == STATE_CREATED)
		return r;
	return bh_fail(err, -EBUSY, "cannot delete container %s that is not stopped: %s", c->id,
		state_status_name(status));
}

int command_delete(struct oci *o, struct bh_error *err)
{
	_cleanup_container_ struct container c = CONTAINER_INIT;
	const char *id = o->options.args[0];
	bool force = options_flag(&o->options, OPT_FORCE);
	struct bh_error why = BH_ERROR_INIT;
	int r = state_id_check(id, err);

	if (r < 0)
		return r;
	r = container_open(o, id, &c, &why);
	if (r < 0 && force)
		return delete_remains(o, id, &why, err);
	if (r < 0)
		return bh_fail(err, r, "%s", bh_error_text(&why, r));
	if (force)
		kill_now(&c);
	r = state_lock(c.dir_fd, err);
	if (r == 0)
		r = state_load(c.dir_fd, id, &o->arena, &c.state, err);
	if (r == -ENOENT && force)
		return 0;
	if (r == 0 && !force)
		r = check_deletable(&c, err);
	if (r < 0)
		return r;
	r = container_load_config(o, &c, &why);
	if (r < 0)
		log_write(&o->log, LOG_LEVEL_WARN, "poststop hooks are not run: %s",
			bh_error_text(&why, r));
	return container_destroy(o, &c, err);
}
