// SPDX-License-Identifier: Apache-2.0
#ifndef BULKHEAD_BIN_OCI_EXEC_CGROUP_H
#define BULKHEAD_BIN_OCI_EXEC_CGROUP_H

/*
 * `exec --cgroup`: PATH below every group of the container, or CONTROLLER[,...]:PATH below the
 * group of these controllers (cgroup v1); the others stay those of the container.
 */

#include "bin/oci/oci.h"

/* saved: the container's groups. ret_saved: those to join, ret_sub: a path below all of them or
 * NULL; as struct sandbox_exec_request wants them. */
int exec_cgroup(struct oci *o, const struct json *saved, const struct json **ret_saved,
	const char **ret_sub, struct bh_error *err);

#endif
