// SPDX-License-Identifier: Apache-2.0
#ifndef BULKHEAD_SPEC_OCI_WRITE_H
#define BULKHEAD_SPEC_OCI_WRITE_H

#include "base/json.h"
#include "spec/oci.h"

/*
 * Write a configuration as config.json: what oci_config_decode() reads back as the same structure.
 * c->tree and the warnings are not used, so c may be made by hand. Absent fields are not written.
 * Returns 0 or the failure of w's buffer (-ENOMEM, -E2BIG).
 */
int oci_config_write(const struct oci_config *c, struct json_writer *w);
/* A process object alone, as exec --process reads it. */
int oci_process_write(const struct oci_process *p, struct json_writer *w);
/* A resources object alone, as update --resources reads it. */
int oci_resources_write(const struct oci_resources *r, struct json_writer *w);

#endif
