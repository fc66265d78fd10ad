// SPDX-License-Identifier: Apache-2.0
#ifndef BULKHEAD_TESTS_UNIT_SECCOMP_ORACLE_H
#define BULKHEAD_TESTS_UNIT_SECCOMP_ORACLE_H

/* Filters made by libseccomp for the same profile, and a machine to run any filter on. */

#include <linux/seccomp.h>

#include "kernel/seccomp.h"

#define ORACLE_STUCK 0xdeadbeefu /* no valid program returns this */

/* Run prog as the kernel would; ORACLE_STUCK if it is no valid program. */
uint32_t oracle_run(const struct sock_fprog *prog, const struct seccomp_data *data);
/* Whether the kernel's checks for a seccomp program hold: instructions, jumps, last one returns. */
bool oracle_valid(const struct sock_fprog *prog);
/* The program libseccomp makes, called the way runc calls it. 0, or the negative error it gives.
 * Free ret->filter. */
int oracle_compile(
	const struct seccomp_profile *profile, unsigned int optimize, struct sock_fprog *ret);

#endif
