// SPDX-License-Identifier: Apache-2.0
#include "kernel/seccomp_clause.h"

#include <errno.h>
#include <linux/seccomp.h>

/* More clauses than this in one rule cannot fit a program anyway. */
#define CLAUSES_MAX SECCOMP_PROGRAM_MAX

/* ---- rules to clauses ---- */

static int check_conditions(
	const struct seccomp_rule *rule, bool *ret_repeated, struct bh_error *err)
{
	unsigned int seen = 0;
	bool repeated = false;

	if (rule->condition_count > CLAUSES_MAX)
		return bh_fail(err, -E2BIG, "more than %d conditions", CLAUSES_MAX);
	for (size_t i = 0; i < rule->condition_count; i++) {
		const struct seccomp_condition *c = &rule->conditions[i];

		if (c->index >= SECCOMP_CONDITIONS_MAX)
			return bh_fail(err, -EINVAL, "condition %zu: no argument %u", i, c->index);
		if (c->op > SECCOMP_CMP_MASKED_EQ)
			return bh_fail(err, -EINVAL, "condition %zu: unknown operator", i);
		repeated = repeated || (seen & 1u << c->index) != 0;
		seen |= 1u << c->index;
	}
	*ret_repeated = repeated;
	return 0;
}

static void put_sorted(struct seccomp_clause *clause, const struct seccomp_condition *added)
{
	uint32_t at = clause->count++;

	for (; at > 0 && clause->conditions[at - 1].index > added->index; at--)
		clause->conditions[at] = clause->conditions[at - 1];
	clause->conditions[at] = *added;
}

int seccomp_clauses_of(const struct seccomp_rule *rule, struct arena *a,
	struct seccomp_clause **ret, size_t *ret_count, struct bh_error *err)
{
	struct seccomp_clause *clauses;
	bool repeated = false;
	size_t count;
	int r = check_conditions(rule, &repeated, err);

	if (r < 0)
		return r;
	count = repeated ? rule->condition_count : 1;
	clauses = arena_calloc(a, count, sizeof(*clauses));
	if (clauses == NULL)
		return bh_fail(err, -ENOMEM, "too many conditions");
	for (size_t i = 0; i < count; i++)
		clauses[i].action = rule->action;
	for (size_t i = 0; i < rule->condition_count; i++)
		put_sorted(&clauses[repeated ? i : 0], &rule->conditions[i]);
	*ret = clauses;
	*ret_count = count;
	return 0;
}

const struct seccomp_clause *seccomp_clause_multiplexed(
	const struct seccomp_clause *clause, unsigned int call, struct arena *a)
{
	struct seccomp_clause *made = arena_alloc(a, sizeof(*made));

	if (made == NULL)
		return NULL;
	made->action = clause->action;
	made->conditions[0].op = SECCOMP_CMP_EQ;
	made->conditions[0].value = call;
	made->count = 1;
	for (uint32_t i = 0; i < clause->count; i++)
		if (clause->conditions[i].index != 0)
			put_sorted(made, &clause->conditions[i]);
	return made;
}

/* ---- order ---- */

static bool always_holds(const struct seccomp_condition *c, bool wide)
{
	return c->op == SECCOMP_CMP_MASKED_EQ && (wide ? c->value : (uint32_t)c->value) == 0;
}

bool seccomp_clause_conditional(const struct seccomp_clause *clause, bool wide)
{
	for (uint32_t i = 0; i < clause->count; i++)
		if (!always_holds(&clause->conditions[i], wide))
			return true;
	return false;
}

static int rank(enum seccomp_operator op)
{
	switch (op) {
	case SECCOMP_CMP_LT:
	case SECCOMP_CMP_LE:
		return 1;
	case SECCOMP_CMP_GT:
	case SECCOMP_CMP_GE:
		return 2;
	default:
		return 0;
	}
}

/* What the argument, masked, is compared with. */
static uint64_t operand(const struct seccomp_condition *c, bool wide)
{
	uint64_t v = c->op == SECCOMP_CMP_MASKED_EQ ? c->value & c->value_two : c->value;

	return wide ? v : (uint32_t)v;
}

static int condition_order(
	const struct seccomp_condition *a, const struct seccomp_condition *b, bool wide)
{
	uint64_t left = operand(a, wide), right = operand(b, wide);

	if (a->index != b->index)
		return a->index > b->index ? -1 : 1;
	if (rank(a->op) != rank(b->op))
		return rank(a->op) - rank(b->op);
	if (left == right)
		return 0;
	if (rank(a->op) == 1)
		return left < right ? -1 : 1;
	return left > right ? -1 : 1;
}

int seccomp_clause_order(const struct seccomp_clause *a, const struct seccomp_clause *b, bool wide)
{
	uint32_t i = 0, k = 0;

	for (;;) {
		int order;

		while (i < a->count && always_holds(&a->conditions[i], wide))
			i++;
		while (k < b->count && always_holds(&b->conditions[k], wide))
			k++;
		if (i == a->count || k == b->count)
			return 0;
		order = condition_order(&a->conditions[i++], &b->conditions[k++], wide);
		if (order != 0)
			return order;
	}
}

/* ---- instructions ---- */

struct place {
	uint32_t low, high; /* offsets of the argument's halves in struct seccomp_data */
};

static struct place argument(const struct seccomp_architecture *arch, uint32_t index)
{
	uint32_t at = (uint32_t)offsetof(struct seccomp_data, args) + 8 * index;

	return arch->big_endian ? (struct place){at + 4, at} : (struct place){at, at + 4};
}

static struct seccomp_target emit_half(struct seccomp_emit *e, uint32_t offset, uint32_t mask,
	uint16_t jump, uint32_t value, struct seccomp_target yes, struct seccomp_target no)
{
	struct seccomp_target first = seccomp_emit_jump(e, jump, value, yes, no);

	if (mask != UINT32_MAX)
		first = seccomp_emit_and(e, mask);
	(void)first;
	return seccomp_emit_load(e, offset);
}

static struct seccomp_target emit_equal(struct seccomp_emit *e, struct place at, bool wide,
	uint64_t mask, uint64_t value, struct seccomp_target yes, struct seccomp_target no)
{
	uint32_t mask_high = (uint32_t)(mask >> 32), mask_low = (uint32_t)mask;

	if (mask_low != 0 || !wide)
		yes = emit_half(e, at.low, mask_low, BPF_JEQ, (uint32_t)value, yes, no);
	if (wide && mask_high != 0)
		yes = emit_half(e, at.high, mask_high, BPF_JEQ, (uint32_t)(value >> 32), yes, no);
	return yes;
}

/* argument > value, or >= with jump BPF_JGE */
static struct seccomp_target emit_greater(struct seccomp_emit *e, struct place at, bool wide,
	uint16_t jump, uint64_t value, struct seccomp_target yes, struct seccomp_target no)
{
	uint32_t high = (uint32_t)(value >> 32);
	struct seccomp_target low =
		emit_half(e, at.low, UINT32_MAX, jump, (uint32_t)value, yes, no);

	if (!wide)
		return low;
	low = seccomp_emit_jump(e, BPF_JEQ, high, low, no);
	return emit_half(e, at.high, UINT32_MAX, BPF_JGT, high, yes, low);
}

static struct seccomp_target emit_condition(const struct seccomp_condition *c,
	struct seccomp_emit *e, struct place at, bool wide, struct seccomp_target yes,
	struct seccomp_target no)
{
	switch (c->op) {
	case SECCOMP_CMP_EQ:
		return emit_equal(e, at, wide, UINT64_MAX, c->value, yes, no);
	case SECCOMP_CMP_NE:
		return emit_equal(e, at, wide, UINT64_MAX, c->value, no, yes);
	case SECCOMP_CMP_MASKED_EQ:
		return emit_equal(e, at, wide, c->value, operand(c, wide), yes, no);
	case SECCOMP_CMP_GT:
		return emit_greater(e, at, wide, BPF_JGT, c->value, yes, no);
	case SECCOMP_CMP_GE:
		return emit_greater(e, at, wide, BPF_JGE, c->value, yes, no);
	case SECCOMP_CMP_LE:
		return emit_greater(e, at, wide, BPF_JGT, c->value, no, yes);
	default: /* SECCOMP_CMP_LT */
		return emit_greater(e, at, wide, BPF_JGE, c->value, no, yes);
	}
}

struct seccomp_target seccomp_clause_emit(const struct seccomp_clause *clause,
	const struct seccomp_architecture *arch, struct seccomp_emit *e, struct seccomp_target fail)
{
	struct seccomp_target next = seccomp_return(clause->action);

	for (uint32_t i = clause->count; i-- > 0;) {
		const struct seccomp_condition *c = &clause->conditions[i];

		if (!always_holds(c, arch->wide))
			next = emit_condition(
				c, e, argument(arch, c->index), arch->wide, next, fail);
	}
	return next;
}
