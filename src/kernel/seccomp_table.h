// SPDX-License-Identifier: Apache-2.0
#ifndef BULKHEAD_KERNEL_SECCOMP_TABLE_H
#define BULKHEAD_KERNEL_SECCOMP_TABLE_H

/* What the filter compiler knows of architectures and system calls; private to the kernel layer. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Order of the columns of syscalls.inc. */
enum seccomp_column {
	SECCOMP_X86_64,
	SECCOMP_X86,
	SECCOMP_X32,
	SECCOMP_AARCH64,
	SECCOMP_ARM,
	SECCOMP_RISCV64,
	SECCOMP_PPC64LE,
	SECCOMP_PPC64,
	SECCOMP_PPC,
	SECCOMP_S390X,
	SECCOMP_S390,
	SECCOMP_MIPS,
	SECCOMP_MIPS64,
	SECCOMP_MIPS64N32,
	SECCOMP_PARISC,
	SECCOMP_PARISC64,
	SECCOMP_COLUMNS,
};

struct seccomp_architecture {
	const char *name;           /* "SCMP_ARCH_X86_64" */
	uint32_t token;             /* AUDIT_ARCH_* in struct seccomp_data */
	enum seccomp_column column; /* of its numbers; both byte orders of MIPS share one */
	bool wide;                  /* arguments have 64 bits */
	bool big_endian;
	bool multiplexed; /* has socketcall(2) and ipc(2) */
};

/* Names are stored in place: a table of pointers would be relocated, and so written, at each start
 * of a position-independent program. */
struct seccomp_syscall {
	char name[32];
	int16_t multiplexed; /* 100 + call of socketcall(2), 200 + call of ipc(2), or 0 */
	int32_t number[SECCOMP_COLUMNS]; /* -1: the architecture lacks it */
};

#define SECCOMP_X32_BIT 0x40000000u

/* NULL for an unknown name. */
const struct seccomp_syscall *seccomp_syscall_find(const char *name);
const struct seccomp_architecture *seccomp_architecture_find(const char *name);
const struct seccomp_architecture *seccomp_architecture_of_machine(void);

#endif
