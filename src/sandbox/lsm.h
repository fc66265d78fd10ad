// SPDX-License-Identifier: Apache-2.0
#ifndef BULKHEAD_SANDBOX_LSM_H
#define BULKHEAD_SANDBOX_LSM_H

#include "base/error.h"
#include "spec/oci.h"

/* AppArmor profiles and SELinux labels. Where the kernel lacks the module, a profile or label is
 * refused by name. */

/* -ENOTSUP with the field's JSON pointer when something is asked for that the kernel cannot do.
 * mount_label: linux.mountLabel, or NULL. */
int lsm_check(const struct oci_process *process, const char *mount_label, struct bh_error *err);
/* Open the attribute that takes effect at the next execve(2) of the calling process, while /proc is
 * trusted. *ret: descriptor, or -EBADF if process asks for nothing. */
int lsm_open(const struct oci_process *process, int *ret, struct bh_error *err);
/* Write profile or label to the descriptor from lsm_open(). */
int lsm_set(const struct oci_process *process, int fd, struct bh_error *err);

#endif
