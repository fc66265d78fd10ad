// SPDX-License-Identifier: Apache-2.0
/* Device rules: the flattening for v1, and the eBPF program for v2, which a small interpreter runs
 * against a reference evaluator for random rules, and which this kernel's verifier must accept. */
#include <errno.h>
#include <linux/bpf.h>
#include <stddef.h>
#include <stdint.h>

#include "base/mem.h"
#include "kernel/bpf.h"
#include "sandbox/cgroup_internal.h"

#include "test.h"

#define RWM 7u

static struct bh_error err = BH_ERROR_INIT;

struct request {
	char type;
	uint32_t major, minor;
	unsigned int access; /* OCI_DEVICE_* */
};

/* What the specification says: per access bit, the last rule that matches. */
static bool reference(const struct oci_device_rule *rules, size_t count, struct request q)
{
	for (unsigned int bit = 1; bit <= 4; bit <<= 1) {
		bool allowed = false;

		if ((q.access & bit) == 0)
			continue;
		for (size_t i = 0; i < count; i++) {
			const struct oci_device_rule *r = &rules[i];

			if ((r->type == 'a' || r->type == q.type) &&
				(r->major == -1 || r->major == q.major) &&
				(r->minor == -1 || r->minor == q.minor) && (r->access & bit) != 0)
				allowed = r->allow;
		}
		if (!allowed)
			return false;
	}
	return true;
}

static bool jump_taken(const struct bpf_insn *in, uint64_t dst)
{
	uint32_t value = (uint32_t)dst, imm = (uint32_t)in->imm;

	switch (BPF_OP(in->code)) {
	case BPF_JNE:
		return value != imm;
	case BPF_JSET:
		return (value & imm) != 0;
	default:
		CHECK(BPF_OP(in->code) == BPF_JA);
		return true;
	}
}

static void alu(const struct bpf_insn *in, uint64_t *reg)
{
	uint64_t operand =
		BPF_SRC(in->code) == BPF_X ? reg[in->src_reg] : (uint64_t)(int64_t)in->imm;

	switch (BPF_OP(in->code)) {
	case BPF_MOV:
		reg[in->dst_reg] = operand;
		break;
	case BPF_AND:
		reg[in->dst_reg] &= operand;
		break;
	default:
		CHECK(BPF_OP(in->code) == BPF_RSH);
		reg[in->dst_reg] >>= operand;
	}
}

static bool interpret(const struct bpf_insn *insns, size_t count, struct request q)
{
	struct bpf_cgroup_dev_ctx ctx = {.major = q.major, .minor = q.minor};
	uint64_t reg[11] = {0};
	uint32_t acc = ((q.access & OCI_DEVICE_READ) != 0 ? BPF_DEVCG_ACC_READ : 0u) |
		       ((q.access & OCI_DEVICE_WRITE) != 0 ? BPF_DEVCG_ACC_WRITE : 0u) |
		       ((q.access & OCI_DEVICE_MKNOD) != 0 ? BPF_DEVCG_ACC_MKNOD : 0u);

	ctx.access_type = acc << 16 | (q.type == 'b' ? BPF_DEVCG_DEV_BLOCK : BPF_DEVCG_DEV_CHAR);
	for (size_t pc = 0; pc < count; pc++) {
		const struct bpf_insn *in = &insns[pc];

		switch (BPF_CLASS(in->code)) {
		case BPF_LDX:
			CHECK_INT(in->src_reg, BPF_REG_1);
			memcpy(&acc, (const char *)&ctx + in->off, sizeof(acc));
			reg[in->dst_reg] = acc;
			break;
		case BPF_ALU64:
			alu(in, reg);
			break;
		default:
			if (BPF_OP(in->code) == BPF_EXIT)
				return reg[0] != 0;
			if (jump_taken(in, reg[in->dst_reg]))
				pc += (size_t)in->off;
		}
	}
	CHECK(!"ran off the end");
	return false;
}

static int load(const struct bpf_insn *insns, size_t count)
{
	static char log[65536];
	int fd = bpf_load(BPF_PROG_TYPE_CGROUP_DEVICE, BPF_CGROUP_DEVICE, insns, count, "test", log,
		sizeof(log));

	if (fd < 0 && fd != -EPERM)
		fprintf(stderr, "# %s\n%s\n", strerror(-fd), log);
	return fd;
}

static unsigned int next(uint64_t *state, unsigned int below)
{
	*state = *state * 6364136223846793005u + 1442695040888963407u;
	return (unsigned int)(*state >> 33) % below;
}

static struct oci_device_rule random_rule(uint64_t *state)
{
	struct oci_device_rule r = {next(state, 2) != 0, "abc"[next(state, 3)],
		(int64_t)next(state, 4) - 1, (int64_t)next(state, 4) - 1, 1 + next(state, 7)};

	if (next(state, 8) == 0)
		r.major = 0xfffff;
	return r;
}

static void compare_all(const struct oci_device_rule *rules, size_t count,
	const struct bpf_insn *insns, size_t insn_count)
{
	static const uint32_t numbers[] = {0, 1, 2, 5, 0xfffff};

	for (size_t a = 0; a < ARRAY_SIZE(numbers); a++) {
		for (size_t b = 0; b < ARRAY_SIZE(numbers); b++) {
			for (unsigned int access = 1; access <= RWM; access++) {
				struct request q = {'c', numbers[a], numbers[b], access};

				CHECK(interpret(insns, insn_count, q) ==
					reference(rules, count, q));
				q.type = 'b';
				CHECK(interpret(insns, insn_count, q) ==
					reference(rules, count, q));
			}
		}
	}
}

TEST(program_equals_the_reference_for_random_rules)
{
	uint64_t state = 1;

	for (int round = 0; round < 300; round++) {
		struct oci_device_rule rules[12];
		size_t count = next(&state, ARRAY_SIZE(rules) + 1), insn_count;
		struct bpf_insn *insns;
		struct arena a = ARENA_INIT;

		CHECK_INT(arena_init(&a, 1 << 20), 0);
		for (size_t i = 0; i < count; i++)
			rules[i] = random_rule(&state);
		CHECK_INT(cgroup_device_program(rules, count, &a, &insns, &insn_count), 0);
		compare_all(rules, count, insns, insn_count);
		arena_release(&a);
	}
}

TEST(verifier_accepts_random_programs)
{
	uint64_t state = 7;

	for (int round = 0; round < 50; round++) {
		struct oci_device_rule rules[12];
		size_t count = next(&state, ARRAY_SIZE(rules) + 1), insn_count;
		struct bpf_insn *insns;
		struct arena a = ARENA_INIT;
		int fd;

		CHECK_INT(arena_init(&a, 1 << 20), 0);
		for (size_t i = 0; i < count; i++)
			rules[i] = random_rule(&state);
		CHECK_INT(cgroup_device_program(rules, count, &a, &insns, &insn_count), 0);
		fd = load(insns, insn_count);
		if (fd == -EPERM)
			SKIP("needs the right to load eBPF programs");
		CHECK(fd >= 0);
		(void)fd_close(fd);
		arena_release(&a);
	}
}

TEST(defaults_are_always_behind_the_given_rules)
{
	struct oci_device_rule deny = {false, 'a', -1, -1, RWM}, *rules;
	struct oci_resources res = {.devices = &deny, .device_count = 1};
	struct arena a = ARENA_INIT;
	size_t count;

	CHECK_INT(arena_init(&a, 1 << 20), 0);
	CHECK_INT(cgroup_device_rules(&res, &a, &rules, &count), 0);
	CHECK(reference(rules, count, (struct request){'c', 1, 3, RWM}));
	CHECK(reference(rules, count, (struct request){'c', 136, 7, RWM}));
	CHECK(reference(rules, count, (struct request){'b', 8, 0, OCI_DEVICE_MKNOD}));
	CHECK(!reference(rules, count, (struct request){'b', 8, 0, OCI_DEVICE_READ}));
	arena_release(&a);
}

static const char *plan_text(const struct oci_device_rule *rules, size_t count)
{
	static char text[4096];
	struct arena a = ARENA_INIT;
	struct cgroup_plan plan = {.arena = &a};
	size_t n = 0;

	CHECK_INT(arena_init(&a, 1 << 20), 0);
	if (cgroup_device_plan_v1(rules, count, &plan, &err) < 0) {
		arena_release(&a);
		return NULL;
	}
	text[0] = '\0';
	for (size_t i = 0; i < plan.count; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n, "%s=%s;", plan.items[i].file + 8,
			plan.items[i].value);
	arena_release(&a);
	return text;
}

TEST(v1_rules_are_flattened)
{
	struct oci_device_rule list[] = {
		{false, 'a', -1, -1, RWM},
		{true, 'c', 1, 3, OCI_DEVICE_READ},
		{true, 'c', 1, 3, OCI_DEVICE_WRITE},
		{true, 'b', 8, -1, RWM},
		{false, 'b', 8, -1, OCI_DEVICE_WRITE},
	};
	struct oci_device_rule open_list[] = {
		{true, 'a', -1, -1, RWM},
		{false, 'c', 10, 229, RWM},
		{false, 'c', 10, 200, RWM},
		{true, 'c', 10, -1, OCI_DEVICE_MKNOD},
	};

	CHECK_STR(plan_text(list, 5), "deny=a *:* rwm;allow=c 1:3 rw;allow=b 8:* rm;");
	CHECK_STR(plan_text(open_list, 4), "allow=a *:* rwm;deny=c 10:229 rw;deny=c 10:200 rw;");
}

TEST(v1_hole_in_a_wildcard_is_refused)
{
	struct oci_device_rule list[] = {
		{true, 'c', 1, -1, RWM},
		{false, 'c', 1, 3, OCI_DEVICE_WRITE},
	};

	CHECK(plan_text(list, 2) == NULL);
	CHECK(strstr(err.text, "c 1:3 w") != NULL && strstr(err.text, "c 1:* rwm") != NULL);
}
