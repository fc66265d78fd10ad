// SPDX-License-Identifier: Apache-2.0
#ifndef BULKHEAD_SPEC_OCI_WRITE_PARTS_H
#define BULKHEAD_SPEC_OCI_WRITE_PARTS_H

/* Inside of the writer of config.json: members that are written only when they are set. */

#include "base/json.h"
#include "spec/oci.h"
#include "spec/oci_names.h"

void oci_put_text(struct json_writer *w, const char *key, const char *s);
void oci_put_true(struct json_writer *w, const char *key, bool v);
void oci_put_strings(struct json_writer *w, const char *key, const struct oci_strings *s);
void oci_put_pairs(struct json_writer *w, const char *key, const struct oci_pair *p, size_t count);
void oci_put_int(struct json_writer *w, const char *key, const struct oci_optional_int *v);
void oci_put_uint(struct json_writer *w, const char *key, const struct oci_optional_uint *v);
void oci_put_id_maps(struct json_writer *w, const char *key, const struct oci_id_maps *maps);
/* The words of all bits of value, as an array. */
void oci_put_flags(
	struct json_writer *w, const char *key, const struct oci_names *names, uint64_t value);

/* The parts; each writes one value, behind its key. */
void oci_write_mounts(struct json_writer *w, const struct oci_config *c);
void oci_write_mount_options(struct json_writer *w, const struct oci_mount *m);
void oci_write_linux(struct json_writer *w, const struct oci_config *c);
void oci_write_resources(struct json_writer *w, const struct oci_resources *r);
void oci_write_seccomp(struct json_writer *w, const struct oci_seccomp *s);

#endif
