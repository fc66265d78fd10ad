// SPDX-License-Identifier: Apache-2.0
#ifndef BULKHEAD_TESTS_UNIT_SECCOMP_ORACLE_H
#define BULKHEAD_TESTS_UNIT_SECCOMP_ORACLE_H

#include "kernel/seccomp.h"

/* The program libseccomp makes, called the way runc calls it. optimize: 1 a list of comparisons, 2
 * a binary tree (as runc asks for). 0, or the negative error it gives. Free ret->filter. */
int oracle_compile(
	const struct seccomp_profile *profile, unsigned int optimize, struct sock_fprog *ret);

/* Check that our tables agree with libseccomp's over all numbers of an architecture; returns how
 * many names do not, after printing them. ret_count: how many names libseccomp knows there. */
int oracle_compare_table(const char *architecture, int *ret_count);

#endif
