// SPDX-License-Identifier: Apache-2.0
/*
 * From named rules to a program, in four steps: rules become clauses (one action, conditions that
 * must all hold); for each architecture the clauses are looked up as system call numbers and
 * sorted; neighbouring numbers with one unconditional verdict merge to spans; the spans become a
 * binary tree of comparisons, written by seccomp_emit.h. Architectures are told apart first. x86_64
 * and x32 share an AUDIT_ARCH and hence a tree.
 *
 * Verdicts, as libseccomp 2.5 gives them:
 * - A rule with the default action is ignored (as runc and crun do before they call libseccomp).
 * - A system call no rule names, and one whose conditions all fail, gets the default action.
 * - An unconditional rule beats conditional ones of the same system call; of several, the first.
 * - Of several conditional rules that match, the most specific decides: see seccomp_clause_place().
 * - 32-bit architectures look at the low half of an argument, also for 64-bit values in rules. A
 *   masked comparison ignores bits of the second value outside the mask.
 * - Calls that socketcall(2) or ipc(2) multiplex are matched both ways where both exist; in the
 *   multiplexed form argument 0 holds the number of the call, and takes the place of a condition on
 *   argument 0.
 * - An architecture that is not listed: SECCOMP_RET_KILL_THREAD. So for a number with the x32 bit
 *   when x32 is not listed, but for -1 (a tracer's "skip this call"), which gets the default
 * action.
 * - The machine's own architecture is always part of the filter. One of the other byte order is
 *   refused.
 *
 * Numbers above the newest system call known here get the default action. (runc answers ENOSYS for
 * them; that would not be libseccomp's verdict.)
 *
 * libseccomp 2.5.4 has faults that are not followed, because the verdicts they give are in no rule:
 * with several conditional rules its programs may compare the wrong half of an argument (the value
 * loaded before is taken for granted), and without its binary tree (which runc asks for) the checks
 * of an architecture may start without loading the number. Names that it does not know yet are
 * known here; see tools/gen-syscalls.
 */
#include <errno.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "kernel/seccomp.h"
#include "kernel/seccomp_clause.h"
#include "kernel/seccomp_emit.h"
#include "kernel/seccomp_table.h"

#define BAD_ARCHITECTURE SECCOMP_RET_KILL_THREAD

/* A name in a rule, looked up. */
struct use {
	const struct seccomp_syscall *syscall;
	const struct seccomp_clause *clauses;
	size_t clause_count;
};

/* A clause for a system call number. */
struct entry {
	uint32_t number;
	const struct seccomp_architecture *arch;
	const struct seccomp_clause *clause;
};

/* Numbers from start up to the next span's start. */
struct span {
	uint32_t start, action;
	size_t first, count; /* conditional entries; count 0: action decides */
};

struct compiler {
	struct arena *arena;
	const struct seccomp_profile *profile;
	const struct seccomp_architecture *archs[SECCOMP_ARCHITECTURES_MAX + 1];
	size_t arch_count;
	struct use *uses;
	size_t use_count;
	struct entry *entries, *unsorted;
	uint64_t *keys, *spare;              /* of the sort */
	const struct seccomp_clause **tried; /* clauses of entries, ordered within one number */
	size_t entry_count, entry_max, conditional_count;
	struct span *spans;
	size_t span_count;
	struct seccomp_emit emit;
	struct seccomp_warnings *warnings;
};

static int out_of_memory(struct bh_error *err)
{
	(void)bh_fail(err, -ENOMEM, "seccomp profile too large");
	return -ENOMEM;
}

static void warn_unknown(struct compiler *c, const char *name)
{
	struct seccomp_warnings *w = c->warnings;
	const char *text;

	if (w == NULL)
		return;
	if (w->count < SECCOMP_WARNINGS_MAX) {
		text = arena_printf(c->arena, "unknown system call \"%.64s\" ignored", name);
		w->items[w->count] = text != NULL ? text : "unknown system call ignored";
	}
	w->count++;
}

static bool action_known(uint32_t action)
{
	switch (action & SECCOMP_RET_ACTION_FULL) {
	case SECCOMP_RET_KILL_PROCESS:
	case SECCOMP_RET_KILL_THREAD:
	case SECCOMP_RET_TRAP:
	case SECCOMP_RET_ERRNO:
	case SECCOMP_RET_USER_NOTIF:
	case SECCOMP_RET_TRACE:
	case SECCOMP_RET_LOG:
	case SECCOMP_RET_ALLOW:
		return true;
	default:
		return false;
	}
}

/* ---- architectures ---- */

static int add_architecture(struct compiler *c, const char *name, struct bh_error *err)
{
	const struct seccomp_architecture *arch = seccomp_architecture_find(name);

	if (arch == NULL)
		return bh_fail(err, -EINVAL, "seccomp architecture %.64s is not supported", name);
	if (c->arch_count > 0 && arch->big_endian != c->archs[0]->big_endian)
		return bh_fail(err, -EINVAL, "seccomp architecture %s: other byte order than %s",
			name, c->archs[0]->name);
	for (size_t i = 0; i < c->arch_count; i++)
		if (c->archs[i] == arch)
			return 0;
	c->archs[c->arch_count++] = arch;
	return 0;
}

static int add_architectures(struct compiler *c, struct bh_error *err)
{
	int r;

	if (c->profile->architecture_count > SECCOMP_ARCHITECTURES_MAX)
		return bh_fail(err, -E2BIG, "more than %d seccomp architectures",
			SECCOMP_ARCHITECTURES_MAX);
	r = add_architecture(c, seccomp_architecture_native(), err);
	for (size_t i = 0; r == 0 && i < c->profile->architecture_count; i++)
		r = add_architecture(c, c->profile->architectures[i], err);
	return r;
}

/* ---- rules to uses ---- */

static int add_rule(struct compiler *c, size_t index, struct bh_error *err)
{
	const struct seccomp_rule *rule = &c->profile->rules[index];
	struct seccomp_clause *clauses = NULL;
	size_t count = 0;
	int r;

	if (!action_known(rule->action))
		return bh_fail(
			err, -EINVAL, "seccomp rule %zu: unknown action 0x%x", index, rule->action);
	if (rule->action == c->profile->default_action)
		return 0;
	r = seccomp_clauses_of(rule, c->arena, &clauses, &count, err);
	if (r < 0)
		return bh_wrap(err, "seccomp rule %zu", index);
	for (size_t i = 0; i < rule->name_count; i++) {
		const struct seccomp_syscall *syscall = seccomp_syscall_find(rule->names[i]);

		if (syscall == NULL) {
			warn_unknown(c, rule->names[i]);
			continue;
		}
		c->uses[c->use_count++] = (struct use){syscall, clauses, count};
		/* per architecture group: two numbers, and x32 beside x86_64 */
		c->entry_max += 4 * count;
	}
	return 0;
}

static int add_rules(struct compiler *c, struct bh_error *err)
{
	size_t names = 0;

	for (size_t i = 0; i < c->profile->rule_count; i++) {
		names += c->profile->rules[i].name_count;
		if (names > SECCOMP_NAMES_MAX)
			return bh_fail(err, -E2BIG, "more than %d names in seccomp rules",
				SECCOMP_NAMES_MAX);
	}
	c->uses = arena_calloc(c->arena, names + 1, sizeof(*c->uses));
	if (c->uses == NULL)
		return out_of_memory(err);
	for (size_t i = 0; i < c->profile->rule_count; i++) {
		int r = add_rule(c, i, err);

		if (r < 0)
			return r;
	}
	c->entries = arena_calloc(c->arena, c->entry_max + 1, sizeof(*c->entries));
	c->unsorted = arena_calloc(c->arena, c->entry_max + 1, sizeof(*c->unsorted));
	c->keys = arena_calloc(c->arena, c->entry_max + 1, sizeof(*c->keys));
	c->spare = arena_calloc(c->arena, c->entry_max + 1, sizeof(*c->spare));
	c->tried = arena_calloc(c->arena, c->entry_max + 1, sizeof(*c->tried));
	if (c->entries == NULL || c->unsorted == NULL || c->keys == NULL || c->spare == NULL ||
		c->tried == NULL)
		return out_of_memory(err);
	return 0;
}

/* ---- uses to entries ---- */

static void add_entry(struct compiler *c, const struct seccomp_architecture *arch, uint32_t number,
	const struct seccomp_clause *clause)
{
	c->unsorted[c->entry_count] = (struct entry){number, arch, clause};
	c->entry_count++;
}

static int add_use(struct compiler *c, const struct seccomp_architecture *arch,
	const struct use *use, const struct seccomp_syscall *socketcall,
	const struct seccomp_syscall *ipc)
{
	int32_t number = use->syscall->number[arch->column];
	int call = arch->multiplexed ? use->syscall->multiplexed : 0;

	for (size_t i = 0; i < use->clause_count; i++) {
		if (call > 0) {
			const struct seccomp_syscall *by = call >= 200 ? ipc : socketcall;
			const struct seccomp_clause *clause = seccomp_clause_multiplexed(
				&use->clauses[i], (unsigned)call % 100, c->arena);

			if (clause == NULL)
				return -ENOMEM;
			add_entry(c, arch, (uint32_t)by->number[arch->column], clause);
		}
		if (number >= 0)
			add_entry(c, arch, (uint32_t)number, &use->clauses[i]);
	}
	return 0;
}

static void merge(const uint64_t *from, uint64_t *to, size_t first, size_t middle, size_t end)
{
	size_t a = first, b = middle;

	for (size_t i = first; i < end; i++)
		to[i] = a < middle && (b >= end || from[a] <= from[b]) ? from[a++] : from[b++];
}

/* By number, then by order of appearance. A merge sort of whole keys: qsort(3) is free to be slow
 * at moving elements, and this runs at every start of a container. */
static void sort_entries(struct compiler *c)
{
	uint64_t *from = c->keys, *to = c->spare, *swap;
	size_t n = c->entry_count;

	for (size_t i = 0; i < n; i++)
		from[i] = (uint64_t)c->unsorted[i].number << 32 | i;
	for (size_t width = 1; width < n; width *= 2) {
		for (size_t i = 0; i < n; i += 2 * width)
			merge(from, to, i, i + width < n ? i + width : n,
				i + 2 * width < n ? i + 2 * width : n);
		swap = from;
		from = to;
		to = swap;
	}
	for (size_t i = 0; i < n; i++)
		c->entries[i] = c->unsorted[(uint32_t)from[i]];
}

static int collect_entries(struct compiler *c, uint32_t token)
{
	const struct seccomp_syscall *socketcall = seccomp_syscall_find("socketcall");
	const struct seccomp_syscall *ipc = seccomp_syscall_find("ipc");

	c->entry_count = 0;
	for (size_t i = 0; i < c->arch_count; i++) {
		if (c->archs[i]->token != token)
			continue;
		for (size_t k = 0; k < c->use_count; k++) {
			int r = add_use(c, c->archs[i], &c->uses[k], socketcall, ipc);

			if (r < 0)
				return r;
		}
	}
	sort_entries(c);
	return 0;
}

/* ---- entries to spans ---- */

static void add_span(
	struct compiler *c, uint32_t start, uint32_t action, size_t first, size_t count)
{
	size_t n = c->span_count;

	if (n > 0 && c->spans[n - 1].start == start)
		n--; /* empty */
	if (n == 0 || count > 0 || c->spans[n - 1].count > 0 || c->spans[n - 1].action != action)
		c->spans[n++] = (struct span){start, action, first, count};
	c->span_count = n;
}

static bool has_architecture(const struct compiler *c, enum seccomp_column column)
{
	for (size_t i = 0; i < c->arch_count; i++)
		if (c->archs[i]->column == column)
			return true;
	return false;
}

/* What numbers without a rule get from here on, and where that changes. */
static uint32_t rest_action(const struct compiler *c, uint32_t token, uint32_t number)
{
	bool x32 = number >= SECCOMP_X32_BIT && number != UINT32_MAX;

	if (token != AUDIT_ARCH_X86_64 || number == UINT32_MAX ||
		has_architecture(c, x32 ? SECCOMP_X32 : SECCOMP_X86_64))
		return c->profile->default_action;
	return BAD_ARCHITECTURE;
}

static void add_rest(struct compiler *c, uint32_t token, uint32_t from, uint32_t to)
{
	add_span(c, from, rest_action(c, token, from), 0, 0);
	if (from < SECCOMP_X32_BIT && to > SECCOMP_X32_BIT)
		add_span(c, SECCOMP_X32_BIT, rest_action(c, token, SECCOMP_X32_BIT), 0, 0);
	if (from < UINT32_MAX && to == UINT32_MAX)
		add_span(c, UINT32_MAX, rest_action(c, token, UINT32_MAX), 0, 0);
}

/* Entries first to first + count are of one number: list those of their clauses that are tried, in
 * order. Returns how many, 0 if ret_action alone decides. */
static size_t settle_entries(struct compiler *c, size_t first, size_t count, uint32_t *ret_action)
{
	const struct entry *e = &c->entries[first];
	const struct seccomp_clause **list = &c->tried[first];

	for (size_t i = 0; i < count; i++) {
		if (!seccomp_clause_conditional(e[i].clause, e[i].arch->wide)) {
			*ret_action = e[i].clause->action;
			return 0;
		}
	}
	c->conditional_count += count;
	if (c->conditional_count > SECCOMP_PROGRAM_MAX) {
		c->emit.full = true; /* known before the time is spent */
		return count;
	}
	for (size_t i = 0; i < count; i++) {
		size_t at = seccomp_clause_place(list, i, e[i].clause, e[i].arch->wide);

		memmove(&list[at + 1], &list[at], (i - at) * sizeof(*list));
		list[at] = e[i].clause;
	}
	return count;
}

static void build_spans(struct compiler *c, uint32_t token)
{
	uint32_t next = 0;

	c->span_count = 0;
	c->conditional_count = 0;
	for (size_t i = 0, n; i < c->entry_count; i += n) {
		uint32_t number = c->entries[i].number, action = 0;

		for (n = 1; i + n < c->entry_count && c->entries[i + n].number == number;)
			n++;
		if (number > next || i == 0)
			add_rest(c, token, next, number);
		size_t conditional = settle_entries(c, i, n, &action);

		add_span(c, number, action, i, conditional);
		next = number + 1;
	}
	add_rest(c, token, next, UINT32_MAX);
}

/* ---- spans to instructions ---- */

static struct seccomp_target emit_leaf(struct compiler *c, const struct span *span)
{
	struct seccomp_target next = seccomp_return(c->profile->default_action);

	if (span->count == 0)
		return seccomp_return(span->action);
	for (size_t i = span->count; i-- > 0 && !c->emit.full;) {
		next = seccomp_clause_emit(
			c->tried[span->first + i], c->entries[span->first].arch, &c->emit, next);
	}
	return next;
}

static bool same_verdict(const struct span *a, const struct span *b)
{
	return a->count == 0 && b->count == 0 && a->action == b->action;
}

static struct seccomp_target emit_tree(struct compiler *c, size_t low, size_t high)
{
	struct seccomp_target left, right;
	const struct span *s = &c->spans[low];
	size_t middle = low + (high - low) / 2;

	if (c->emit.full)
		return seccomp_return(0);
	if (high - low == 1)
		return emit_leaf(c, s);
	if (high - low == 3 && same_verdict(&s[0], &s[2]) && s[2].start - s[1].start == 1) {
		right = emit_leaf(c, &s[1]);
		return seccomp_emit_jump(
			&c->emit, BPF_JEQ, s[1].start, right, seccomp_return(s[0].action));
	}
	right = emit_tree(c, middle, high);
	left = emit_tree(c, low, middle);
	return seccomp_emit_jump(&c->emit, BPF_JGE, c->spans[middle].start, right, left);
}

static int emit_architecture(struct compiler *c, uint32_t token, struct seccomp_target *next)
{
	struct seccomp_target body;
	int r = collect_entries(c, token);

	if (r < 0)
		return r;
	build_spans(c, token);
	body = emit_tree(c, 0, c->span_count);
	if (!body.is_return) {
		seccomp_emit_settle(&c->emit, body);
		body = seccomp_emit_load(&c->emit, offsetof(struct seccomp_data, nr));
	}
	*next = seccomp_emit_jump(&c->emit, BPF_JEQ, token, body, *next);
	return 0;
}

static int emit_program(struct compiler *c, struct bh_error *err)
{
	struct seccomp_target next = seccomp_return(BAD_ARCHITECTURE);

	c->emit.limit = SECCOMP_PROGRAM_MAX;
	c->emit.room = arena_calloc(c->arena, c->emit.limit, sizeof(*c->emit.room));
	/* each number ends at most two spans, and three come from the range of x32 */
	c->spans = arena_calloc(c->arena, 2 * c->entry_max + 4, sizeof(*c->spans));
	if (c->emit.room == NULL || c->spans == NULL)
		return out_of_memory(err);
	for (size_t i = c->arch_count; i-- > 0;) {
		size_t first = 0;

		while (c->archs[first]->token != c->archs[i]->token)
			first++;
		if (first < i)
			continue; /* shares the tree of an earlier one */
		if (emit_architecture(c, c->archs[i]->token, &next) < 0)
			return out_of_memory(err);
	}
	seccomp_emit_settle(&c->emit, next);
	seccomp_emit_load(&c->emit, offsetof(struct seccomp_data, arch));
	if (c->emit.full)
		return bh_fail(err, -E2BIG,
			"seccomp program longer than %d instructions; use fewer argument "
			"conditions",
			SECCOMP_PROGRAM_MAX);
	return 0;
}

int seccomp_compile(const struct seccomp_profile *profile, struct arena *a, struct sock_fprog *ret,
	struct seccomp_warnings *warnings, struct bh_error *err)
{
	struct compiler c = {.arena = a, .profile = profile, .warnings = warnings};
	int r;

	if (!action_known(profile->default_action))
		return bh_fail(err, -EINVAL, "unknown seccomp default action 0x%x",
			profile->default_action);
	r = add_architectures(&c, err);
	if (r == 0)
		r = add_rules(&c, err);
	if (r == 0)
		r = emit_program(&c, err);
	if (r < 0)
		return r;
	ret->len = (unsigned short)c.emit.count;
	ret->filter = c.emit.room + (c.emit.limit - c.emit.count);
	return 0;
}
