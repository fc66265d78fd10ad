// SPDX-License-Identifier: Apache-2.0
#ifndef BULKHEAD_ENGINE_PLAN_PARTS_H
#define BULKHEAD_ENGINE_PLAN_PARTS_H

#include "engine/plan.h"

/* Pieces of plan_config(), each over what the defaults gave. */
int plan_resources(const struct plan_input *in, struct arena *a, struct oci_resources *r,
	struct bh_error *err);
int plan_devices(
	const struct plan_input *in, struct arena *a, struct oci_config *c, struct bh_error *err);
int plan_mounts(
	const struct plan_input *in, struct arena *a, struct oci_config *c, struct bh_error *err);
uint64_t plan_capabilities(const struct oci_strings *add, const struct oci_strings *drop);
/* "nofile" -> "RLIMIT_NOFILE" */
const char *plan_rlimit_name(const char *name, struct arena *a);
/* Every "name:address" has an address. */
int plan_check_hosts(const struct oci_strings *hosts, struct bh_error *err);

#endif
