// SPDX-License-Identifier: Apache-2.0
#ifndef BULKHEAD_SPEC_OCI_MOUNTS_H
#define BULKHEAD_SPEC_OCI_MOUNTS_H

#include <stddef.h>

/* Names of the mount options that are not passed to the file system, in alphabetical order, for
 * `features`; NULL behind the last one. */
const char *oci_mount_option_name(size_t index);

#endif
