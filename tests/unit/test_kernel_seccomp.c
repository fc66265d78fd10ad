// SPDX-License-Identifier: Apache-2.0
#include "kernel/seccomp.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/mem.h"
#include "test.h"

#define ARENA        (16u << 20)
#define EPERM_ACTION (SECCOMP_RET_ERRNO | EPERM)

struct fixture {
	struct arena arena;
	struct seccomp_warnings warnings;
	struct bh_error err;
	struct sock_fprog prog;
};

static int compile(struct fixture *f, const struct seccomp_profile *profile)
{
	*f = (struct fixture){.arena = ARENA_INIT};
	CHECK_INT(arena_init(&f->arena, ARENA), 0);
	return seccomp_compile(profile, &f->arena, &f->prog, &f->warnings, &f->err);
}

static const char *const native[] = {"SCMP_ARCH_X86_64"};

static struct seccomp_profile deny_all_but(const struct seccomp_rule *rules, size_t count)
{
	return (struct seccomp_profile){EPERM_ACTION, native, 1, rules, count};
}

TEST(lookup)
{
	CHECK_INT(seccomp_syscall_number("SCMP_ARCH_X86_64", "read"), 0);
	CHECK_INT(seccomp_syscall_number("SCMP_ARCH_X86_64", "file_setattr"), 469);
	CHECK_INT(seccomp_syscall_number("SCMP_ARCH_X86", "socket"), 359);
	CHECK_INT(seccomp_syscall_number("SCMP_ARCH_X32", "writev"), 0x40000000 + 516);
	CHECK_INT(seccomp_syscall_number("SCMP_ARCH_X86_64", "send"), -ENOSYS);
	CHECK_INT(seccomp_syscall_number("SCMP_ARCH_X86_64", "nonsense"), -ENOENT);
	CHECK_INT(seccomp_syscall_number("SCMP_ARCH_VAX", "read"), -EINVAL);
	CHECK_INT(seccomp_architecture_token("SCMP_ARCH_AARCH64"), AUDIT_ARCH_AARCH64);
	CHECK_INT(seccomp_architecture_token(""), 0);
}

TEST(every_number_of_this_machine)
{
	CHECK_INT(seccomp_syscall_number(seccomp_architecture_native(), "execveat"), SYS_execveat);
	CHECK_INT(seccomp_syscall_number(seccomp_architecture_native(), "seccomp"), SYS_seccomp);
	CHECK_INT(seccomp_syscall_number(seccomp_architecture_native(), "futex_waitv"),
		SYS_futex_waitv);
}

TEST(unknown_names_are_warned_about)
{
	static const char *const names[] = {"read", "wriet", "send"};
	const struct seccomp_rule rule = {names, 3, SECCOMP_RET_ALLOW, NULL, 0};
	struct seccomp_profile profile = deny_all_but(&rule, 1);
	struct fixture f;

	CHECK_INT(compile(&f, &profile), 0);
	CHECK_INT(f.warnings.count, 1);
	CHECK_STR(f.warnings.items[0], "unknown system call \"wriet\" ignored");
	arena_release(&f.arena);
}

static int refused(const struct seccomp_profile *profile, const char *part)
{
	struct fixture f;
	int r = compile(&f, profile);

	if (strstr(f.err.text, part) == NULL)
		CHECK_STR(f.err.text, part);
	CHECK(f.prog.filter == NULL);
	arena_release(&f.arena);
	return r;
}

TEST(refusals)
{
	static const char *const names[] = {"read"}, *const vax[] = {"SCMP_ARCH_VAX"},
				 *const big[] = {"SCMP_ARCH_S390X"};
	struct seccomp_condition condition = {6, SECCOMP_CMP_EQ, 0, 0};
	struct seccomp_rule rule = {names, 1, SECCOMP_RET_ALLOW, &condition, 1};
	struct seccomp_profile profile = deny_all_but(&rule, 1);

	CHECK_INT(refused(&profile, "no argument 6"), -EINVAL);
	condition = (struct seccomp_condition){0, SECCOMP_CMP_MASKED_EQ + 1, 0, 0};
	CHECK_INT(refused(&profile, "unknown operator"), -EINVAL);
	condition.op = SECCOMP_CMP_EQ;
	rule.action = 0x12340000;
	CHECK_INT(refused(&profile, "unknown action 0x12340000"), -EINVAL);
	rule.action = SECCOMP_RET_ALLOW;
	profile.architectures = vax;
	CHECK_INT(refused(&profile, "SCMP_ARCH_VAX is not supported"), -EINVAL);
	profile.architectures = big;
	CHECK_INT(refused(&profile, "other byte order"), -EINVAL);
	profile.default_action = 0x12340000;
	CHECK_INT(refused(&profile, "default action"), -EINVAL);
}

TEST(too_long_is_refused_by_name)
{
	static struct seccomp_condition conditions[3000];
	static const char *const names[] = {"read"};
	struct seccomp_rule rule = {names, 1, SECCOMP_RET_ALLOW, conditions, 3000};
	struct seccomp_profile profile = deny_all_but(&rule, 1);

	for (size_t i = 0; i < 3000; i++)
		conditions[i] = (struct seccomp_condition){0, SECCOMP_CMP_EQ, i * 3, 0};
	CHECK_INT(refused(&profile, "longer than 4096"), -E2BIG);
}

/* Long enough that jumps need stepping stones; what is in the middle is still found. */
TEST(far_jumps)
{
	static struct seccomp_condition conditions[900];
	static const char *const names[] = {"getpriority"};
	struct seccomp_rule rule = {names, 1, EPERM_ACTION, conditions, 900};
	struct seccomp_profile profile = {SECCOMP_RET_ALLOW, native, 1, &rule, 1};
	struct fixture f;

	for (size_t i = 0; i < 900; i++)
		conditions[i] = (struct seccomp_condition){1, SECCOMP_CMP_EQ, i << 33 | 7, 0};
	CHECK_INT(compile(&f, &profile), 0);
	CHECK(f.prog.len > 2000);
	CHECK_INT(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
	CHECK_INT(seccomp_attach(&f.prog, 0, NULL), 0);
	for (unsigned long i = 0; i < 901; i += 50) {
		long r = syscall(SYS_getpriority, 0L, i << 33 | 7);

		CHECK_INT(r < 0 && errno == EPERM, i < 900);
	}
	CHECK(syscall(SYS_getpriority, 0L, 0L) >= 0);
	arena_release(&f.arena);
}

TEST(attached_filter_decides)
{
	static const char *const names[] = {"getsid", "personality"};
	const struct seccomp_condition condition = {0, SECCOMP_CMP_EQ, 0xffffffff, 0};
	const struct seccomp_rule rules[] = {
		{names, 1, SECCOMP_RET_ERRNO | ENOTTY, NULL, 0},
		{names + 1, 1, SECCOMP_RET_ERRNO | EXDEV, &condition, 1},
	};
	struct seccomp_profile profile = {SECCOMP_RET_ALLOW, native, 1, rules, 2};
	struct fixture f;

	CHECK_INT(compile(&f, &profile), 0);
	CHECK_INT(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
	CHECK_INT(seccomp_attach(&f.prog, 0, NULL), 0);
	CHECK(syscall(SYS_getsid, 0) == -1 && errno == ENOTTY);
	CHECK(syscall(SYS_personality, 0xffffffffl) == -1 && errno == EXDEV);
	CHECK(syscall(SYS_personality, 0x1fffffffful) != -1 || errno != EXDEV);
	CHECK(syscall(SYS_getpid) == getpid());
	arena_release(&f.arena);
}

TEST(listener)
{
	static const char *const names[] = {"getsid"};
	const struct seccomp_rule rule = {names, 1, SECCOMP_RET_USER_NOTIF, NULL, 0};
	struct seccomp_profile profile = {SECCOMP_RET_ALLOW, native, 1, &rule, 1};
	struct fixture f;
	int listener = -EBADF;

	CHECK_INT(compile(&f, &profile), 0);
	CHECK(seccomp_program_returns(&f.prog, SECCOMP_RET_USER_NOTIF));
	CHECK(!seccomp_program_returns(&f.prog, SECCOMP_RET_LOG));
	CHECK_INT(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
	CHECK_INT(seccomp_attach(&f.prog, 0, &listener), 0);
	CHECK(listener >= 0);
	listener = fd_close(listener);
	/* nobody answers any more */
	CHECK(syscall(SYS_getsid, 0) == -1 && errno == ENOSYS);
	arena_release(&f.arena);
}

/* Each flag of config.json is accepted, with a listener and without. */
TEST(flags)
{
	static const unsigned int flags[] = {SECCOMP_FILTER_FLAG_TSYNC, SECCOMP_FILTER_FLAG_LOG,
		SECCOMP_FILTER_FLAG_SPEC_ALLOW, SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV};
	static const char *const names[] = {"getsid"};
	const struct seccomp_rule rule = {names, 1, SECCOMP_RET_USER_NOTIF, NULL, 0};
	struct seccomp_profile profile = {SECCOMP_RET_ALLOW, native, 1, &rule, 1};
	struct fixture f;
	int listener = -EBADF;

	CHECK_INT(compile(&f, &profile), 0);
	CHECK_INT(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
	for (size_t i = 0; i < ARRAY_SIZE(flags); i++) {
		CHECK_INT(seccomp_attach(&f.prog, flags[i], NULL), 0);
		if (i + 1 < ARRAY_SIZE(flags))
			continue;
		CHECK_INT(seccomp_attach(&f.prog,
				  flags[i] | SECCOMP_FILTER_FLAG_TSYNC | SECCOMP_FILTER_FLAG_LOG,
				  &listener),
			0);
		listener = fd_close(listener);
	}
	CHECK_INT(seccomp_attach(&f.prog, 1u << 31, NULL), -EINVAL);
	arena_release(&f.arena);
}
