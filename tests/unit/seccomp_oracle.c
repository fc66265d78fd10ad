// SPDX-License-Identifier: Apache-2.0
#include "seccomp_oracle.h"

#include <errno.h>
#include <seccomp.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/mem.h"

/* libseccomp loses parts of its trees for colliding rules; that is not what is tested here. */
__attribute__((visibility("default"))) const char *__lsan_default_suppressions(void);

const char *__lsan_default_suppressions(void)
{
	return "leak:libseccomp";
}

static const enum scmp_compare operators[] = {
	[SECCOMP_CMP_NE] = SCMP_CMP_NE,
	[SECCOMP_CMP_LT] = SCMP_CMP_LT,
	[SECCOMP_CMP_LE] = SCMP_CMP_LE,
	[SECCOMP_CMP_EQ] = SCMP_CMP_EQ,
	[SECCOMP_CMP_GE] = SCMP_CMP_GE,
	[SECCOMP_CMP_GT] = SCMP_CMP_GT,
	[SECCOMP_CMP_MASKED_EQ] = SCMP_CMP_MASKED_EQ,
};

static struct scmp_arg_cmp convert(const struct seccomp_condition *c)
{
	return (struct scmp_arg_cmp){c->index, operators[c->op], c->value, c->value_two};
}

static int add_rule(scmp_filter_ctx ctx, const struct seccomp_rule *rule, int number)
{
	struct scmp_arg_cmp args[SECCOMP_CONDITIONS_MAX];
	unsigned int seen = 0;
	bool repeated = false;
	int r = 0;

	for (size_t i = 0; i < rule->condition_count; i++) {
		repeated = repeated || (seen & 1u << rule->conditions[i].index);
		seen |= 1u << rule->conditions[i].index;
	}
	if (repeated) {
		for (size_t i = 0; r == 0 && i < rule->condition_count; i++) {
			args[0] = convert(&rule->conditions[i]);
			r = seccomp_rule_add_array(ctx, rule->action, number, 1, args);
		}
		return r;
	}
	for (size_t i = 0; i < rule->condition_count; i++)
		args[i] = convert(&rule->conditions[i]);
	return seccomp_rule_add_array(
		ctx, rule->action, number, (unsigned int)rule->condition_count, args);
}

/* "SCMP_ARCH_X86_64" to libseccomp's token */
static uint32_t token_of(const char *architecture)
{
	char name[32] = "";
	const char *from = architecture + strlen("SCMP_ARCH_");

	for (size_t k = 0; from[k] != '\0' && k < sizeof(name) - 1; k++)
		name[k] = (char)(from[k] | (from[k] >= 'A' && from[k] <= 'Z' ? 0x20 : 0));
	return seccomp_arch_resolve_name(name);
}

static int compare_number(const char *architecture, uint32_t token, int number, int *count)
{
	char *name = seccomp_syscall_resolve_num_arch(token, number);
	int ours, bad;

	if (name == NULL)
		return 0;
	ours = seccomp_syscall_number(architecture, name);
	bad = ours != number;
	if (bad)
		fprintf(stderr, "# %s on %s: %d, libseccomp %d\n", name, architecture, ours,
			number);
	free(name);
	++*count;
	return bad;
}

int oracle_compare_table(const char *architecture, int *ret_count)
{
	static const struct {
		const char *architecture;
		int start;
	} starts[] = {{"SCMP_ARCH_X32", 0x40000000}, {"SCMP_ARCH_MIPS", 4000},
		{"SCMP_ARCH_MIPSEL", 4000}, {"SCMP_ARCH_MIPS64", 5000},
		{"SCMP_ARCH_MIPSEL64", 5000}, {"SCMP_ARCH_MIPS64N32", 6000},
		{"SCMP_ARCH_MIPSEL64N32", 6000}};
	uint32_t token = token_of(architecture);
	int start = 0, bad = 0, count = 0;

	for (size_t i = 0; i < ARRAY_SIZE(starts); i++)
		if (strcmp(architecture, starts[i].architecture) == 0)
			start = starts[i].start;
	for (int n = start; n < start + 1000; n++)
		bad += compare_number(architecture, token, n, &count);
	for (int n = 0xf0000; strcmp(architecture, "SCMP_ARCH_ARM") == 0 && n < 0xf0010; n++)
		bad += compare_number(architecture, token, n, &count);
	*ret_count = count;
	return bad;
}

static int add_all(scmp_filter_ctx ctx, const struct seccomp_profile *profile)
{
	for (size_t i = 0; i < profile->architecture_count; i++) {
		int r = seccomp_arch_add(ctx, token_of(profile->architectures[i]));

		if (r < 0 && r != -EEXIST)
			return r;
	}
	for (size_t i = 0; i < profile->rule_count; i++) {
		const struct seccomp_rule *rule = &profile->rules[i];

		if (rule->action == profile->default_action)
			continue;
		for (size_t k = 0; k < rule->name_count; k++) {
			int number = seccomp_syscall_resolve_name(rule->names[k]);
			int r = number == __NR_SCMP_ERROR ? 0 : add_rule(ctx, rule, number);

			if (r < 0)
				return r;
		}
	}
	return 0;
}

static int export_program(scmp_filter_ctx ctx, struct sock_fprog *ret)
{
	static struct sock_filter room[1 << 16];
	_cleanup_close_ int fd = memfd_create("oracle", MFD_CLOEXEC);
	ssize_t n;
	int r;

	if (fd < 0)
		return -errno;
	r = seccomp_export_bpf(ctx, fd);
	if (r < 0)
		return r;
	n = pread(fd, room, sizeof(room), 0);
	if (n < 0 || n == (ssize_t)sizeof(room))
		return -E2BIG;
	ret->filter = malloc((size_t)n);
	if (ret->filter == NULL)
		return -ENOMEM;
	memcpy(ret->filter, room, (size_t)n);
	ret->len = (unsigned short)((size_t)n / sizeof(*room));
	return 0;
}

int oracle_compile(
	const struct seccomp_profile *profile, unsigned int optimize, struct sock_fprog *ret)
{
	scmp_filter_ctx ctx = seccomp_init(profile->default_action);
	int r;

	if (ctx == NULL)
		return -ENOMEM;
	r = seccomp_attr_set(ctx, SCMP_FLTATR_CTL_OPTIMIZE, optimize);
	if (r == 0)
		r = add_all(ctx, profile);
	if (r == 0)
		r = export_program(ctx, ret);
	seccomp_release(ctx);
	return r;
}
