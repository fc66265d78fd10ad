// SPDX-License-Identifier: Apache-2.0
#ifndef BULKHEAD_KERNEL_SECCOMP_H
#define BULKHEAD_KERNEL_SECCOMP_H

/*
 * System call filters: a compiler from named rules to a classic BPF program (pure: no system call,
 * memory only from the arena), and the thin wrapper of seccomp(2) that attaches it.
 *
 * The verdicts are those of libseccomp 2.5 for the same rules; seccomp_compile.c states them.
 */

#include <linux/filter.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"

enum seccomp_operator {
	SECCOMP_CMP_NE,
	SECCOMP_CMP_LT,
	SECCOMP_CMP_LE,
	SECCOMP_CMP_EQ,
	SECCOMP_CMP_GE,
	SECCOMP_CMP_GT,
	SECCOMP_CMP_MASKED_EQ, /* (argument & value) == value_two */
};

struct seccomp_condition {
	uint32_t index; /* argument, 0 to 5 */
	enum seccomp_operator op;
	uint64_t value, value_two;
};

/* One action for every system call named. All conditions must hold; but when two of them name the
 * same argument, each is a rule of its own (one that holds is enough), as runc and crun have it. */
struct seccomp_rule {
	const char *const *names;
	size_t name_count;
	uint32_t action; /* SECCOMP_RET_* with data */
	const struct seccomp_condition *conditions;
	size_t condition_count;
};

/* More than this many architectures, rules, or names over all rules are refused (-E2BIG). */
#define SECCOMP_ARCHITECTURES_MAX 32
#define SECCOMP_NAMES_MAX         65536
#define SECCOMP_CONDITIONS_MAX    6
/* Longest program the kernel takes (BPF_MAXINSNS). */
#define SECCOMP_PROGRAM_MAX 4096

struct seccomp_profile {
	uint32_t default_action;
	const char *const
		*architectures; /* "SCMP_ARCH_X86_64", ...; this machine's own is implied */
	size_t architecture_count;
	const struct seccomp_rule *rules;
	size_t rule_count;
};

/* What was accepted without effect. Texts live in the arena; at most SECCOMP_WARNINGS_MAX are kept,
 * `count` says how many there were. */
#define SECCOMP_WARNINGS_MAX 64
struct seccomp_warnings {
	size_t count;
	const char *items[SECCOMP_WARNINGS_MAX];
};

/* Compile. ret->filter points into a. warnings may be NULL. Names of system calls that no table
 * knows, or that an architecture lacks, have no effect there; only the former are warned about.
 * -EINVAL: unknown architecture, operator, argument index or action (text names it), -E2BIG: the
 * program would be longer than SECCOMP_PROGRAM_MAX instructions or a limit above is exceeded,
 * -ENOMEM: the arena is full. */
int seccomp_compile(const struct seccomp_profile *profile, struct arena *a, struct sock_fprog *ret,
	struct seccomp_warnings *warnings, struct bh_error *err);

/* Attach prog to the calling thread with seccomp(SECCOMP_SET_MODE_FILTER, flags).
 * Async-signal-safe. With ret_listener non-NULL the kernel makes a notification listener (needed
 * when the program returns SECCOMP_RET_USER_NOTIF and somebody is to answer); the descriptor is
 * close-on-exec. The caller has set no_new_privs or holds CAP_SYS_ADMIN. Returns 0 or a negative
 * errno. */
int seccomp_attach(const struct sock_fprog *prog, unsigned int flags, int *ret_listener);

/* Whether some instruction of prog returns this action (compared without data). */
bool seccomp_program_returns(const struct sock_fprog *prog, uint32_t action);

/* Number of the named system call on an architecture ("SCMP_ARCH_..."); negative: -ENOENT if the
 * name is in no table, -ENOSYS if this architecture lacks it, -EINVAL for an unknown architecture.
 */
int seccomp_syscall_number(const char *architecture, const char *name);
/* AUDIT_ARCH_* of "SCMP_ARCH_...", 0 if unknown; and the name of this machine's architecture. */
uint32_t seccomp_architecture_token(const char *architecture);
const char *seccomp_architecture_native(void);
/* Names this build knows, for `features`: NULL past the end. */
const char *seccomp_architecture_name(size_t index);

#endif
