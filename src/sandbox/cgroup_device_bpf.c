// SPDX-License-Identifier: Apache-2.0
/*
 * Device rules as an eBPF program of type BPF_PROG_TYPE_CGROUP_DEVICE (cgroup v2).
 *
 * The kernel asks with a type, a number and a set of access bits; the program answers 1 or 0. Rules
 * are ordered and the last that matches decides, for each access bit on its own: so the program
 * goes from the last rule to the first and keeps in r2 the bits nobody has allowed yet. A denying
 * rule that names one of them ends it with 0; an allowing rule takes its bits away, and none left
 * is 1.
 *
 *   r1 context, r2 open access bits, r3 device type, r4 major, r5 minor
 */
#include "sandbox/cgroup_internal.h"

#include <errno.h>
#include <linux/bpf.h>
#include <stddef.h>

#include "base/mem.h"
#include "kernel/bpf.h"

#define ACCESS_ALL   (OCI_DEVICE_READ | OCI_DEVICE_WRITE | OCI_DEVICE_MKNOD)
#define RULE_INSNS   8 /* the most that one rule takes */
#define PREFIX_INSNS 6
#define PROGRAMS_MAX 64
#define CTX(field)   ((int16_t)offsetof(struct bpf_cgroup_dev_ctx, field))

struct program {
	struct bpf_insn *insns;
	size_t count;
};

static void emit(
	struct program *p, uint8_t code, uint8_t dst, uint8_t src, int16_t off, int32_t imm)
{
	p->insns[p->count++] = (struct bpf_insn){
		.code = code, .dst_reg = dst, .src_reg = src, .off = off, .imm = imm};
}

static void emit_return(struct program *p, bool allow)
{
	emit(p, BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_0, 0, 0, allow);
	emit(p, BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
}

static int32_t access_bits(unsigned int access)
{
	return ((access & OCI_DEVICE_MKNOD) != 0 ? BPF_DEVCG_ACC_MKNOD : 0) |
	       ((access & OCI_DEVICE_READ) != 0 ? BPF_DEVCG_ACC_READ : 0) |
	       ((access & OCI_DEVICE_WRITE) != 0 ? BPF_DEVCG_ACC_WRITE : 0);
}

static void emit_prefix(struct program *p)
{
	emit(p, BPF_LDX | BPF_MEM | BPF_W, BPF_REG_2, BPF_REG_1, CTX(access_type), 0);
	emit(p, BPF_ALU64 | BPF_MOV | BPF_X, BPF_REG_3, BPF_REG_2, 0, 0);
	emit(p, BPF_ALU64 | BPF_AND | BPF_K, BPF_REG_3, 0, 0, 0xffff);
	emit(p, BPF_ALU64 | BPF_RSH | BPF_K, BPF_REG_2, 0, 0, 16);
	emit(p, BPF_LDX | BPF_MEM | BPF_W, BPF_REG_4, BPF_REG_1, CTX(major), 0);
	emit(p, BPF_LDX | BPF_MEM | BPF_W, BPF_REG_5, BPF_REG_1, CTX(minor), 0);
}

/* Jump to the next rule if reg differs from value. The distance is filled in by emit_rule(). */
static void emit_unless(struct program *p, uint8_t reg, int64_t value)
{
	emit(p, BPF_JMP32 | BPF_JNE | BPF_K, reg, 0, 0, (int32_t)(uint32_t)value);
}

/* True if nothing after the rule can be reached: it matches everything. */
static bool emit_rule(struct program *p, const struct oci_device_rule *rule)
{
	size_t first = p->count, conditions;

	if (rule->type != 'a')
		emit_unless(
			p, BPF_REG_3, rule->type == 'b' ? BPF_DEVCG_DEV_BLOCK : BPF_DEVCG_DEV_CHAR);
	if (rule->major >= 0)
		emit_unless(p, BPF_REG_4, rule->major);
	if (rule->minor >= 0)
		emit_unless(p, BPF_REG_5, rule->minor);
	if (p->count == first && rule->access == ACCESS_ALL) {
		emit_return(p, rule->allow);
		return true;
	}
	conditions = p->count;
	if (rule->allow) {
		emit(p, BPF_ALU64 | BPF_AND | BPF_K, BPF_REG_2, 0, 0, ~access_bits(rule->access));
		emit(p, BPF_JMP32 | BPF_JNE | BPF_K, BPF_REG_2, 0, 2, 0);
	} else {
		/* JSET jumps if a bit is common: over the jump that leaves the rule. */
		emit(p, BPF_JMP32 | BPF_JSET | BPF_K, BPF_REG_2, 0, 1, access_bits(rule->access));
		emit(p, BPF_JMP | BPF_JA, 0, 0, 2, 0);
	}
	emit_return(p, rule->allow);
	for (size_t i = first; i < conditions; i++)
		p->insns[i].off = (int16_t)(p->count - i - 1);
	return false;
}

int cgroup_device_program(const struct oci_device_rule *rules, size_t count, struct arena *a,
	struct bpf_insn **ret, size_t *ret_count)
{
	struct program p = {
		arena_calloc(a, PREFIX_INSNS + (count + 1) * RULE_INSNS, sizeof(struct bpf_insn)),
		0};
	bool ended = false;

	if (p.insns == NULL)
		return -ENOMEM;
	emit_prefix(&p);
	for (size_t i = count; i-- > 0 && !ended;) {
		if (rules[i].access != 0)
			ended = emit_rule(&p, &rules[i]);
	}
	if (!ended)
		emit_return(&p, false);
	*ret = p.insns;
	*ret_count = p.count;
	return 0;
}

/* Put prog_fd in place of what the group had. One program is replaced in one step; with more, the
 * new one is added first, so that no moment is without rules. */
static int attach_over(int cgroup_fd, int prog_fd, const uint32_t *ids, size_t count)
{
	_cleanup_close_ int old = count == 1 ? bpf_open_id(ids[0]) : -EBADF;
	int r = old >= 0 ? bpf_cgroup_attach(cgroup_fd, prog_fd, BPF_CGROUP_DEVICE, old) : -EINVAL;

	if (r == 0)
		return 0;
	r = bpf_cgroup_attach(cgroup_fd, prog_fd, BPF_CGROUP_DEVICE, -EBADF);
	for (size_t i = 0; i < count && r == 0; i++) {
		_cleanup_close_ int fd = bpf_open_id(ids[i]);

		r = fd < 0 ? fd : bpf_cgroup_detach(cgroup_fd, fd, BPF_CGROUP_DEVICE);
	}
	return r;
}

int cgroup_device_attach(
	int cgroup_fd, const struct oci_device_rule *rules, size_t count, struct bh_error *err)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	_cleanup_close_ int prog = -EBADF;
	struct bpf_insn *insns = NULL;
	uint32_t ids[PROGRAMS_MAX];
	size_t insn_count = 0, id_count = 0;
	int r = arena_init(&a, CGROUP_ARENA_MAX);

	if (r == 0)
		r = cgroup_device_program(rules, count, &a, &insns, &insn_count);
	if (r < 0)
		return bh_fail_errno(err, r, "device rules");
	prog = bpf_load(BPF_PROG_TYPE_CGROUP_DEVICE, BPF_CGROUP_DEVICE, insns, insn_count,
		"bulkhead_dev", NULL, 0);
	if (prog < 0)
		return bh_fail_errno(err, prog, "device rules: load the eBPF program");
	r = bpf_cgroup_query(cgroup_fd, BPF_CGROUP_DEVICE, ids, PROGRAMS_MAX, &id_count);
	if (r == 0)
		r = attach_over(cgroup_fd, prog, ids, id_count);
	if (r < 0)
		return bh_fail_errno(err, r, "device rules: attach the eBPF program to the cgroup");
	return 0;
}
