// SPDX-License-Identifier: Apache-2.0
#ifndef BULKHEAD_KERNEL_SECCOMP_CLAUSE_H
#define BULKHEAD_KERNEL_SECCOMP_CLAUSE_H

/* Argument conditions of the filter compiler; private to the kernel layer. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kernel/seccomp.h"
#include "kernel/seccomp_emit.h"
#include "kernel/seccomp_table.h"

/* Conditions are on different arguments, in their order, and must all hold. */
struct seccomp_clause {
	uint32_t action;
	uint32_t count;
	struct seccomp_condition conditions[SECCOMP_CONDITIONS_MAX];
};

/* The clauses of a rule, any of which suffices. -EINVAL: bad operator or index; -E2BIG: too many.
 */
int seccomp_clauses_of(const struct seccomp_rule *rule, struct arena *a,
	struct seccomp_clause **ret, size_t *ret_count, struct bh_error *err);
/* The clause for call of socketcall(2) or ipc(2) in place of the call itself. NULL: arena full. */
const struct seccomp_clause *seccomp_clause_multiplexed(
	const struct seccomp_clause *clause, unsigned int call, struct arena *a);
/* Whether some condition can fail on an architecture of this width. */
bool seccomp_clause_conditional(const struct seccomp_clause *clause, bool wide);
/* Where in a list, ordered so far, clause is to be inserted; clauses are tried from the front. */
size_t seccomp_clause_place(const struct seccomp_clause *const *list, size_t count,
	const struct seccomp_clause *clause, bool wide);
/* Write the tests; `fail` is where to go on when one fails. */
struct seccomp_target seccomp_clause_emit(const struct seccomp_clause *clause,
	const struct seccomp_architecture *arch, struct seccomp_emit *e,
	struct seccomp_target fail);

#endif
