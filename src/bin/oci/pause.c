// SPDX-License-Identifier: Apache-2.0
#include <errno.h>

#include "bin/oci/oci.h"

static int open_with_group(
	struct oci *o, struct container *c, enum state_status *ret_status, struct bh_error *err)
{
	int r = container_open(o, o->options.args[0], c, err);

	if (r == 0)
		r = container_status(c, ret_status, err);
	if (r == 0 && *ret_status != STATE_STOPPED)
		r = container_cgroup(c, err);
	if (r == 0 && *ret_status != STATE_STOPPED && c->cgroup == NULL)
		return bh_fail(err, -ENOTSUP, "container %s has no control group to freeze", c->id);
	return r;
}

int command_pause(struct oci *o, struct bh_error *err)
{
	_cleanup_container_ struct container c = CONTAINER_INIT;
	enum state_status status = STATE_STOPPED;
	int r = open_with_group(o, &c, &status, err);

	if (r < 0)
		return r;
	if (status != STATE_RUNNING && status != STATE_CREATED)
		return bh_fail(err, -EINVAL, "container not running or created: %s",
			state_status_name(status));
	return cgroup_freeze(c.cgroup, true, err);
}

int command_resume(struct oci *o, struct bh_error *err)
{
	_cleanup_container_ struct container c = CONTAINER_INIT;
	enum state_status status = STATE_STOPPED;
	int r = open_with_group(o, &c, &status, err);

	if (r < 0)
		return r;
	if (status != STATE_PAUSED)
		return bh_fail(err, -EINVAL, "container not paused: %s", state_status_name(status));
	return cgroup_freeze(c.cgroup, false, err);
}
