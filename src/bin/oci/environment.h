// SPDX-License-Identifier: Apache-2.0
#ifndef BULKHEAD_BIN_OCI_ENVIRONMENT_H
#define BULKHEAD_BIN_OCI_ENVIRONMENT_H

#include "base/arena.h"
#include "base/error.h"
#include "spec/oci.h"

/* Replace env by a copy in which the count given "NAME=VALUE" strings are set. A variable that is
 * there already is replaced, so that the last one counts for every reader. */
int environment_set(struct oci_strings *env, const char *const *variables, size_t count,
	struct arena *a, struct bh_error *err);

#endif
