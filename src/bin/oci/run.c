// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <fcntl.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "bin/oci/foreground.h"
#include "bin/oci/launch.h"

/* Create and start. */
static int bring_up(
	struct oci *o, struct launch *l, bool detach, sigset_t *ret_signals, struct bh_error *err)
{
	struct container *c = &l->container;
	int r = launch_prepare(o, l, detach, err);

	if (r == 0 && !detach && !options_flag(&o->options, OPT_NO_SUBREAPER) &&
		prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) < 0)
		r = bh_fail_errno(err, -errno, "become a child subreaper");
	if (r == 0)
		r = launch_create(o, l, false, err);
	if (r == 0 && !detach)
		r = foreground_block_signals(ret_signals, err);
	if (r == 0)
		r = sandbox_start(-EBADF, l->sandbox.control, err);
	if (r == 0)
		r = container_run_hooks(o, c, OCI_HOOK_POSTSTART, STATE_RUNNING, err);
	return r;
}

/* After the end of process 1. Somebody may have deleted the container before us. */
static int take_down(struct oci *o, struct launch *l, struct bh_error *err)
{
	struct container *c = &l->container;
	int r = state_lock(c->dir_fd, err);

	if (r < 0)
		return bh_wrap(err, "delete container %s", c->id);
	if (faccessat(c->dir_fd, "state.json", F_OK, 0) < 0 && errno == ENOENT)
		return 0;
	return container_destroy(o, c, err);
}

int command_run(struct oci *o, struct bh_error *err)
{
	_cleanup_launch_ struct launch l = LAUNCH_INIT;
	bool detach = options_flag(&o->options, OPT_DETACH);
	struct foreground front;
	int code;
	int r = bring_up(o, &l, detach, &front.signals, err);

	if (r < 0) {
		launch_undo(o, &l);
		return bh_wrap(err, "run failed");
	}
	if (detach)
		return 0;
	state_unlock(l.container.dir_fd);
	front.pid = l.sandbox.pid;
	front.pidfd = l.sandbox.pidfd;
	front.console = l.sandbox.console;
	code = foreground_wait(&front, err);
	if (options_flag(&o->options, OPT_KEEP))
		return code;
	r = take_down(o, &l, code < 0 ? NULL : err);
	return code < 0 || r >= 0 ? code : r;
}
