// SPDX-License-Identifier: Apache-2.0
#ifndef BULKHEAD_BIN_OCI_EXEC_PROCESS_H
#define BULKHEAD_BIN_OCI_EXEC_PROCESS_H

/*
 * The process object of `exec`: from --process FILE, or the container's own with the changes that
 * the options ask for.
 */

#include "bin/oci/oci.h"

int exec_process_build(struct oci *o, const struct oci_config *config, struct oci_process *ret,
	struct bh_error *err);

#endif
