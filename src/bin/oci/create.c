// SPDX-License-Identifier: Apache-2.0
#include "bin/oci/launch.h"

int command_create(struct oci *o, struct bh_error *err)
{
	_cleanup_launch_ struct launch l = LAUNCH_INIT;
	int r = launch_prepare(o, &l, true, err);

	if (r == 0)
		r = launch_create(o, &l, true, err);
	if (r < 0) {
		launch_undo(o, &l);
		(void)bh_wrap(err, "create failed");
	}
	return r;
}
