// SPDX-License-Identifier: Apache-2.0
#ifndef BULKHEAD_SANDBOX_LIMITS_H
#define BULKHEAD_SANDBOX_LIMITS_H

#include <sys/types.h>

#include "base/error.h"
#include "spec/oci.h"

/* What belongs to a process rather than to a namespace or group: resource limits, scheduler, I/O
 * priority. pid 0: the caller. Applied from outside (with the caller's privileges)
 * to a process in a user namespace of its own, else by the process itself. */
int limits_apply(const struct oci_process *process, pid_t pid, struct bh_error *err);
/* Only the OOM score, which is written through /proc: a process does this to itself while /proc is
 * still the host's. Not part of
 * limits_apply(). */
int limits_set_oom_score(const struct oci_process *process, pid_t pid, struct bh_error *err);
/* CPU list as in cpuset(7), "0-3,7", for the calling process. */
int limits_set_affinity(const char *list, struct bh_error *err);

#endif
