// SPDX-License-Identifier: Apache-2.0
#ifndef BULKHEAD_TESTS_UNIT_SECCOMP_MACHINE_H
#define BULKHEAD_TESTS_UNIT_SECCOMP_MACHINE_H

/* A machine to run filters on. */

#include <linux/seccomp.h>

#include "kernel/seccomp.h"

#define SECCOMP_MACHINE_STUCK 0xdeadbeefu /* no valid program returns this */

/* Run prog as the kernel would; SECCOMP_MACHINE_STUCK if it is no valid program. */
uint32_t seccomp_machine_run(const struct sock_fprog *prog, const struct seccomp_data *data);
/* Whether the kernel's checks for a seccomp program hold: instructions, jumps, last one returns. */
bool seccomp_machine_valid(const struct sock_fprog *prog);

#endif
