// SPDX-License-Identifier: Apache-2.0
/*
 * Verdict for verdict against libseccomp: Docker's default profile over all numbers, architectures
 * and edges of arguments, and random profiles made to collide. Seed and failing profile are
 * printed.
 */
#include <errno.h>
#include <linux/audit.h>
#include <linux/seccomp.h>

#include "base/mem.h"
#include "kernel/seccomp_table.h"
#include "seccomp_json.h"
#include "seccomp_machine.h"
#include "seccomp_oracle.h"
#include "test.h"

#define ARENA         (64u << 20)
#define RANDOM_ROUNDS 700

/* ---- random numbers: splitmix64 ---- */

static uint64_t state;

static uint64_t random64(void)
{
	uint64_t z = state += 0x9e3779b97f4a7c15u;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

static uint32_t below(uint32_t n)
{
	return (uint32_t)(random64() % n);
}

/* ---- comparison ---- */

struct pair {
	const struct seccomp_profile *profile;
	struct sock_fprog ours, theirs;
	bool may_excuse;
};

static uint64_t excuses;

/* ---- the plain reading of a profile ---- */

static bool holds(const struct seccomp_condition *c, uint64_t v, bool wide)
{
	uint64_t left = wide ? v : (uint32_t)v, right = wide ? c->value : (uint32_t)c->value;

	switch (c->op) {
	case SECCOMP_CMP_NE:
		return left != right;
	case SECCOMP_CMP_LT:
		return left < right;
	case SECCOMP_CMP_LE:
		return left <= right;
	case SECCOMP_CMP_EQ:
		return left == right;
	case SECCOMP_CMP_GE:
		return left >= right;
	case SECCOMP_CMP_GT:
		return left > right;
	default:
		return (left & right) == (c->value_two & right);
	}
}

/* skip: conditions on argument 0 are replaced by `call` (multiplexed form). */
static bool rule_holds(const struct seccomp_rule *rule, const uint64_t *args, bool wide, bool skip)
{
	unsigned int seen = 0;
	bool repeated = false, all = true, any = false;

	for (size_t i = 0; i < rule->condition_count; i++) {
		const struct seccomp_condition *c = &rule->conditions[i];
		bool yes = (skip && c->index == 0) || holds(c, args[c->index], wide);

		repeated = repeated || (seen & 1u << c->index) != 0;
		seen |= 1u << c->index;
		all = all && yes;
		any = any || yes;
	}
	return repeated ? any : all;
}

static bool name_holds(const struct seccomp_architecture *arch, uint32_t number,
	const struct seccomp_rule *rule, const char *name, const uint64_t *args)
{
	const struct seccomp_syscall *entry = seccomp_syscall_find(name);
	uint64_t first = arch->wide ? args[0] : (uint32_t)args[0];
	const char *by;

	if (entry == NULL)
		return false;
	if (entry->number[arch->column] == (int32_t)number)
		return rule_holds(rule, args, arch->wide, false);
	if (!arch->multiplexed || entry->multiplexed == 0)
		return false;
	by = entry->multiplexed >= 200 ? "ipc" : "socketcall";
	return seccomp_syscall_find(by)->number[arch->column] == (int32_t)number &&
	       first == (uint64_t)entry->multiplexed % 100 &&
	       rule_holds(rule, args, arch->wide, true);
}

/* Whether the rules, read one by one, allow this verdict: a rule that gives it holds, or it is the
 * default and no other rule holds. */
static bool plausible(const struct seccomp_profile *p, const struct seccomp_architecture *arch,
	uint32_t number, const uint64_t *args, uint32_t verdict)
{
	bool other = false;

	for (size_t i = 0; i < p->rule_count; i++) {
		const struct seccomp_rule *rule = &p->rules[i];

		if (rule->action == p->default_action)
			continue;
		for (size_t k = 0; k < rule->name_count; k++) {
			if (!name_holds(arch, number, rule, rule->names[k], args))
				continue;
			if (rule->action == verdict)
				return true;
			other = true;
		}
	}
	return verdict == p->default_action && !other;
}

/* The architecture of the pool behind an AUDIT_ARCH and a number. */
static const struct seccomp_architecture *architecture_of(uint32_t token, uint32_t number)
{
	const char *name = NULL;

	for (size_t i = 0; (name = seccomp_architecture_name(i)) != NULL; i++) {
		const struct seccomp_architecture *arch = seccomp_architecture_find(name);

		if (arch->token == token &&
			(arch->column == SECCOMP_X32) ==
				(token == AUDIT_ARCH_X86_64 && number >= SECCOMP_X32_BIT))
			return arch;
	}
	return NULL;
}

/* libseccomp has a fault: where two rules for one system call compare the same argument, its
 * program may test the other half of it (the accumulator is not loaded again), or let conditions of
 * one rule serve another. Its verdict then follows from no rule; only there may ours differ. */
static bool excused(
	const struct pair *p, const struct seccomp_data *data, uint32_t ours, uint32_t theirs)
{
	const struct seccomp_architecture *arch = architecture_of(data->arch, (uint32_t)data->nr);
	uint64_t args[6];

	memcpy(args, data->args, sizeof(args));
	return p->may_excuse && arch != NULL &&
	       plausible(p->profile, arch, (uint32_t)data->nr, args, ours) &&
	       !plausible(p->profile, arch, (uint32_t)data->nr, args, theirs);
}

static int compare(const struct pair *p, uint32_t token, uint32_t number, const uint64_t *args)
{
	struct seccomp_data data = {.nr = (int)number, .arch = token};
	uint32_t ours, theirs;

	memcpy(data.args, args, sizeof(data.args));
	ours = seccomp_machine_run(&p->ours, &data);
	theirs = seccomp_machine_run(&p->theirs, &data);
	if (ours == theirs)
		return 0;
	if (excused(p, &data, ours, theirs)) {
		excuses++;
		return 0;
	}
	fprintf(stderr,
		"# arch %08x number %u args %llx %llx %llx %llx %llx %llx: %08x, libseccomp %08x\n",
		token, number, (unsigned long long)args[0], (unsigned long long)args[1],
		(unsigned long long)args[2], (unsigned long long)args[3],
		(unsigned long long)args[4], (unsigned long long)args[5], ours, theirs);
	return 1;
}

/* Values around what the rules compare with, in both halves. */
struct edges {
	uint64_t values[512];
	uint32_t count;
};

static void add_edge(struct edges *e, uint64_t value)
{
	if (e->count < ARRAY_SIZE(e->values))
		e->values[e->count++] = value;
}

static void collect_edges(const struct seccomp_profile *p, struct edges *e)
{
	static const uint64_t fixed[] = {0, 1, UINT32_MAX, 1ull << 32, UINT64_MAX, 0x7e020000};

	for (size_t i = 0; i < ARRAY_SIZE(fixed); i++)
		add_edge(e, fixed[i]);
	for (uint32_t i = 1; i <= 24; i++) {
		add_edge(e, i % 20 + 1); /* calls of socketcall(2) and ipc(2) */
		add_edge(e, i);
	}
	for (size_t i = 0; i < p->rule_count; i++) {
		for (size_t k = 0; k < p->rules[i].condition_count; k++) {
			const struct seccomp_condition *c = &p->rules[i].conditions[k];

			for (uint64_t d = 0; d < 3; d++) {
				add_edge(e, c->value + d - 1);
				add_edge(e, c->value_two + d - 1);
			}
			add_edge(e, c->value ^ 1ull << 32);
			add_edge(e, c->value + (1ull << 32));
			add_edge(e, (uint32_t)c->value);
			add_edge(e, ~c->value);
			add_edge(e, c->value_two | ~c->value);
		}
	}
}

static int compare_number(const struct pair *p, uint32_t token, uint32_t number,
	const struct edges *e, uint32_t tries)
{
	uint64_t args[6] = {0};
	int bad = 0;

	for (uint32_t i = 0; i < tries && bad == 0; i++) {
		bad = compare(p, token, number, args);
		for (size_t k = 0; k < 6; k++)
			args[k] = e->values[below(e->count)];
	}
	return bad;
}

/* ---- Docker's profile ---- */

static void load_docker(struct arena *a, struct seccomp_profile *profile)
{
	const char *path = getenv("SECCOMP_DOCKER");

	CHECK(path != NULL);
	CHECK_INT(arena_init(a, ARENA), 0);
	seccomp_json_load(path, a, profile);
}

static void make_pair(const struct seccomp_profile *profile, struct arena *a, struct pair *p)
{
	struct bh_error err = BH_ERROR_INIT;

	*p = (struct pair){.profile = profile};
	CHECK_INT(oracle_compile(profile, 1, &p->theirs), 0);
	CHECK_INT(seccomp_compile(profile, a, &p->ours, NULL, &err), 0);
	CHECK(seccomp_machine_valid(&p->ours));
}

static const uint32_t tokens[] = {AUDIT_ARCH_X86_64, AUDIT_ARCH_I386, AUDIT_ARCH_AARCH64,
	AUDIT_ARCH_ARM, AUDIT_ARCH_RISCV64, AUDIT_ARCH_PPC64LE, AUDIT_ARCH_MIPSEL, 0, UINT32_MAX};

static void compare_all_numbers(const struct pair *p, const struct edges *e)
{
	static const uint32_t starts[] = {0, 0x40000000u, 0x7ffff000u, 0x80000000u, 0xfffff000u};

	for (size_t t = 0; t < ARRAY_SIZE(tokens); t++) {
		for (size_t s = 0; s < ARRAY_SIZE(starts); s++)
			for (uint32_t n = 0; n < 4096; n++)
				CHECK(compare_number(p, tokens[t], starts[s] + n, e,
					      n < 1024 ? 24 : 2) == 0);
	}
}

TEST(docker_profile_every_number)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	struct seccomp_profile profile;
	struct edges e = {.count = 0};
	struct pair p;

	load_docker(&a, &profile);
	make_pair(&profile, &a, &p);
	collect_edges(&profile, &e);
	compare_all_numbers(&p, &e);
	free(p.theirs.filter);
}

/* clone and personality: every edge in the argument that decides. */
TEST(docker_profile_every_edge)
{
	static const char *const names[] = {"clone", "personality", "socketcall", "ipc", "ptrace"};
	_cleanup_arena_ struct arena a = ARENA_INIT;
	struct seccomp_profile profile;
	struct edges e = {.count = 0};
	struct pair p;

	load_docker(&a, &profile);
	make_pair(&profile, &a, &p);
	collect_edges(&profile, &e);
	for (uint32_t bit = 0; bit < 64; bit++)
		add_edge(&e, 1ull << bit);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		for (size_t k = 0; k < profile.architecture_count; k++)
			for (uint32_t v = 0; v < e.count; v++) {
				uint64_t args[6] = {e.values[v]};
				int n = seccomp_syscall_number(profile.architectures[k], names[i]);

				if (n >= 0)
					CHECK(compare(&p,
						      seccomp_architecture_token(
							      profile.architectures[k]),
						      (uint32_t)n, args) == 0);
			}
	free(p.theirs.filter);
}

TEST(tables)
{
	const char *name;

	for (size_t i = 0; (name = seccomp_architecture_name(i)) != NULL; i++) {
		int count = 0;

		CHECK_INT(oracle_compare_table(name, &count), 0);
		CHECK(count > 250);
	}
}

/* ---- random profiles ---- */

static const char *const pool[] = {"read", "write", "openat", "socket", "accept", "accept4",
	"shmat", "semop", "send", "clone", "personality", "ioctl", "mmap", "mmap2", "waitpid",
	"fcntl64", "arm_fadvise64_64", "preadv2", "execve", "no_such_call", "futex_waitv",
	"breakpoint", "rt_sigaction", "ppoll_time64", "socketcall", "ipc"};

static const uint32_t action_pool[] = {SECCOMP_RET_ALLOW, SECCOMP_RET_ERRNO | 1,
	SECCOMP_RET_ERRNO | 38, SECCOMP_RET_KILL_THREAD, SECCOMP_RET_KILL_PROCESS, SECCOMP_RET_TRAP,
	SECCOMP_RET_LOG, SECCOMP_RET_USER_NOTIF, SECCOMP_RET_TRACE | 7};

static const char *const arch_pool[] = {"SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32",
	"SCMP_ARCH_AARCH64", "SCMP_ARCH_ARM", "SCMP_ARCH_RISCV64", "SCMP_ARCH_PPC64LE",
	"SCMP_ARCH_MIPSEL"};

struct shape {
	uint32_t rules, actions, conditions; /* most of each */
	uint32_t names;                      /* taken from this many of the pool */
	bool once;                           /* each name in one rule */
	bool strict;   /* libseccomp's faults do not show: equal without exception */
	bool distinct; /* each argument once in a rule */
};

#define RULES_MAX 24

struct sample {
	struct seccomp_profile profile;
	struct seccomp_rule rules[RULES_MAX];
	const char *names[RULES_MAX][4];
	const char *archs[ARRAY_SIZE(arch_pool)];
	struct seccomp_condition conditions[RULES_MAX][6];
};

static uint64_t random_value(void)
{
	static const uint64_t values[] = {0, 1, 2, 3, 5, 0x10, 0x7e020000, UINT32_MAX, 1ull << 32,
		(1ull << 32) + 1, 5ull << 32, 0xffffffff00000000u, UINT64_MAX};

	return below(4) == 0 ? random64() >> below(64) : values[below(ARRAY_SIZE(values))];
}

static void random_conditions(
	struct seccomp_rule *rule, struct seccomp_condition *conditions, const struct shape *shape)
{
	rule->conditions = conditions;
	rule->condition_count = below(shape->conditions + 1);
	for (size_t i = 0; i < rule->condition_count; i++)
		conditions[i] = (struct seccomp_condition){below(below(2) == 0 ? 2 : 6),
			(enum seccomp_operator)below(SECCOMP_CMP_MASKED_EQ + 1), random_value(),
			random_value()};
	if (shape->distinct)
		for (size_t i = 0; i < rule->condition_count; i++)
			conditions[i].index = (conditions[0].index + (uint32_t)i) % 6;
}

static void random_profile(struct sample *s, const struct shape *shape)
{
	uint32_t next_name = below(shape->names), left = shape->names;

	memset(s, 0, sizeof(*s));
	s->profile.default_action = action_pool[below(ARRAY_SIZE(action_pool))];
	s->profile.rules = s->rules;
	s->profile.rule_count = below(shape->rules) + 1;
	s->profile.architectures = s->archs;
	for (size_t i = 0; i < ARRAY_SIZE(arch_pool); i++)
		if (below(2) == 0)
			s->archs[s->profile.architecture_count++] = arch_pool[i];
	for (size_t i = 0; i < s->profile.rule_count; i++) {
		struct seccomp_rule *rule = &s->rules[i];

		rule->action = action_pool[below(shape->actions)];
		rule->names = s->names[i];
		rule->name_count = 1 + below(ARRAY_SIZE(s->names[i]));
		for (size_t k = 0; k < rule->name_count; k++) {
			s->names[i][k] = pool[shape->once ? next_name : below(shape->names)];
			next_name = (next_name + 1) % shape->names;
			if (shape->once && left-- == 0)
				break;
		}
		if (shape->once && left > shape->names)
			left = 0, rule->name_count = 0;
		random_conditions(rule, s->conditions[i], shape);
	}
}

static void print_profile(const struct seccomp_profile *p)
{
	static const char *const ops[] = {"!=", "<", "<=", "==", ">=", ">", "&=="};

	fprintf(stderr, "# default %08x, architectures", p->default_action);
	for (size_t i = 0; i < p->architecture_count; i++)
		fprintf(stderr, " %s", p->architectures[i]);
	for (size_t i = 0; i < p->rule_count; i++) {
		const struct seccomp_rule *r = &p->rules[i];

		if (r->name_count == 0)
			continue;
		fprintf(stderr, "\n# %08x:", r->action);
		for (size_t k = 0; k < r->name_count; k++)
			fprintf(stderr, " %s", r->names[k]);
		for (size_t k = 0; k < r->condition_count; k++)
			fprintf(stderr, "%s a%u %s %llx %llx", k > 0 ? "," : "  if",
				r->conditions[k].index, ops[r->conditions[k].op],
				(unsigned long long)r->conditions[k].value,
				(unsigned long long)r->conditions[k].value_two);
	}
	fprintf(stderr, "\n");
}

static int compare_profile(const struct seccomp_profile *profile, const struct pair *p)
{
	struct edges e = {.count = 0};
	int bad = 0;

	collect_edges(profile, &e);
	for (size_t k = 0; k < ARRAY_SIZE(arch_pool); k++) {
		uint32_t token = seccomp_architecture_token(arch_pool[k]);

		for (size_t i = 0; bad == 0 && i < ARRAY_SIZE(pool); i++) {
			int n = seccomp_syscall_number(arch_pool[k], pool[i]);

			if (n >= 0)
				bad = compare_number(p, token, (uint32_t)n, &e, 60);
		}
		for (uint32_t n = 0; bad == 0 && n < 40; n++)
			bad = compare_number(p, token, below(600) - 1, &e, 1);
		if (bad == 0)
			bad = compare_number(p, token, 0x40000000u + below(600), &e, 1);
	}
	return bad;
}

/* 1: equal, 0: libseccomp refuses the profile, -1: they differ. */
static int judge(const struct seccomp_profile *profile, bool may_excuse)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	struct pair p = {.profile = profile, .may_excuse = may_excuse};
	struct bh_error err = BH_ERROR_INIT;
	int bad;

	if (oracle_compile(profile, 2, &p.theirs) < 0)
		return 0;
	CHECK_INT(arena_init(&a, ARENA), 0);
	CHECK_INT(seccomp_compile(profile, &a, &p.ours, NULL, &err), 0);
	CHECK(seccomp_machine_valid(&p.ours));
	bad = compare_profile(profile, &p);
	free(p.theirs.filter);
	return bad != 0 ? -1 : 1;
}

/* Take away what is not needed for the difference, for the person who reads the report. */
static void reduce(struct sample *s, bool may_excuse)
{
	uint64_t start = state;

	for (size_t i = 0; i < s->profile.rule_count; i++) {
		struct seccomp_rule *rule = &s->rules[i], saved = *rule;

		rule->name_count = 0;
		state = start;
		if (judge(&s->profile, may_excuse) >= 0)
			*rule = saved;
		for (size_t k = 0; k < rule->name_count && rule->name_count > 1; k++) {
			const char *name = s->names[i][k];

			s->names[i][k] = "no_such_call";
			state = start;
			if (judge(&s->profile, may_excuse) >= 0)
				s->names[i][k] = name;
		}
	}
	state = start;
}

static int random_round(const struct shape *shape, int *bad)
{
	static struct sample s;
	int r;

	random_profile(&s, shape);
	r = judge(&s.profile, !shape->strict);
	if (r < 0) {
		++*bad;
		reduce(&s, !shape->strict);
		print_profile(&s.profile);
	}
	return r != 0;
}

static void random_profiles(const struct shape *shape, uint64_t seed)
{
	const char *rounds_text = getenv("SECCOMP_ROUNDS");
	int rounds = rounds_text != NULL ? atoi(rounds_text) : RANDOM_ROUNDS;
	int compared = 0, bad = 0;

	state = seed;
	for (int i = 0; i < rounds; i++)
		compared += random_round(shape, &bad);
	fprintf(stderr,
		"# seed %llu: %d of %d profiles compared, %d differ, %llu verdicts excused\n",
		(unsigned long long)seed, compared, rounds, bad, (unsigned long long)excuses);
	CHECK_INT(bad, 0);
}

TEST(random_one_condition)
{
	random_profiles(&(struct shape){RULES_MAX, 9, 1, 24, true, true, true}, 1);
}

TEST(random_colliding_without_conditions)
{
	random_profiles(&(struct shape){RULES_MAX, 9, 0, 24, false, true, true}, 2);
}

TEST(random_one_rule)
{
	random_profiles(&(struct shape){1, 9, 6, 26, false, true, true}, 3);
}

TEST(random_many_conditions)
{
	random_profiles(&(struct shape){RULES_MAX, 9, 6, 26, true, false, true}, 4);
}

TEST(random_one_action)
{
	random_profiles(&(struct shape){12, 1, 2, 26, false, false, false}, 5);
}

TEST(random_colliding_conditions)
{
	random_profiles(&(struct shape){8, 9, 1, 10, false, false, true}, 6);
}
