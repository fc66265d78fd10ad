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

/*
 * The order in which clauses for one system call are tried is that of libseccomp: a clause is a
 * path of comparisons of 32-bit halves; clauses with equal first steps stay together; among
 * different steps the higher argument (and half) goes first, then equality before "less" before
 * "greater", then the operand: the larger one, but for "less" the smaller. Steps that this does not
 * tell apart keep the order of the rules.
 */
struct step {
	uint32_t place; /* 2 * argument, + 1 for the high half */
	uint32_t rank, operand, mask;
	uint16_t jump; /* comparison made */
	bool masked;
};

static uint32_t rank(enum seccomp_operator op)
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

static uint64_t mask_of(const struct seccomp_condition *c)
{
	return c->op == SECCOMP_CMP_MASKED_EQ ? c->value : UINT64_MAX;
}

/* What the argument, masked, is compared with. */
static uint64_t operand(const struct seccomp_condition *c)
{
	return (c->op == SECCOMP_CMP_MASKED_EQ ? c->value_two : c->value) & mask_of(c);
}

static uint16_t last_jump(enum seccomp_operator op)
{
	if (rank(op) == 0)
		return BPF_JEQ;
	return op == SECCOMP_CMP_GT || op == SECCOMP_CMP_LE ? BPF_JGT : BPF_JGE;
}

/* Step number n of one condition; false if it has fewer. */
static bool condition_step(
	const struct seccomp_condition *c, bool wide, uint32_t n, struct step *ret)
{
	uint32_t steps = !wide ? 1 : rank(c->op) == 0 ? 2 : 3;
	bool high = n + 1 < steps;

	if (n >= steps)
		return false;
	*ret = (struct step){2 * c->index + high, rank(c->op),
		(uint32_t)(operand(c) >> (high ? 32 : 0)),
		(uint32_t)(mask_of(c) >> (high ? 32 : 0)),
		!high                  ? last_jump(c->op)
		: steps == 3 && n == 0 ? BPF_JGT
				       : BPF_JEQ,
		c->op == SECCOMP_CMP_MASKED_EQ};
	return true;
}

static bool clause_step(
	const struct seccomp_clause *clause, bool wide, uint32_t n, struct step *ret)
{
	for (uint32_t i = 0; i < clause->count; i++) {
		const struct seccomp_condition *c = &clause->conditions[i];
		uint32_t steps = !wide ? 1 : rank(c->op) == 0 ? 2 : 3;

		if (always_holds(c, wide))
			continue;
		if (n < steps)
			return condition_step(c, wide, n, ret);
		n -= steps;
	}
	return false;
}

static bool same_step(const struct step *a, const struct step *b)
{
	return a->place == b->place && a->jump == b->jump && a->masked == b->masked &&
	       a->operand == b->operand && a->mask == b->mask;
}

static bool step_before(const struct step *a, const struct step *b)
{
	if (a->place != b->place)
		return a->place > b->place;
	if (a->rank != b->rank)
		return a->rank < b->rank;
	return a->rank == 1 ? a->operand < b->operand : a->operand > b->operand;
}

size_t seccomp_clause_place(const struct seccomp_clause *const *list, size_t count,
	const struct seccomp_clause *clause, bool wide)
{
	size_t low = 0, high = count;
	struct step mine, theirs;

	for (uint32_t depth = 0; clause_step(clause, wide, depth, &mine); depth++) {
		size_t at = low, end;

		for (; at < high; at++) {
			if (!clause_step(list[at], wide, depth, &theirs))
				continue;
			if (same_step(&mine, &theirs) || step_before(&mine, &theirs))
				break;
		}
		if (at == high || !same_step(&mine, &theirs))
			return at;
		for (end = at + 1; end < high; end++)
			if (!clause_step(list[end], wide, depth, &theirs) ||
				!same_step(&mine, &theirs))
				break;
		low = at;
		high = end;
	}
	return low;
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
		return emit_equal(e, at, wide, c->value, operand(c), yes, no);
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
