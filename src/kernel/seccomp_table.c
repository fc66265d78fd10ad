// SPDX-License-Identifier: Apache-2.0
#include "kernel/seccomp_table.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/elf-em.h>
#include <string.h>

#include "base/mem.h"
#include "kernel/seccomp.h"

static const struct seccomp_syscall syscalls[] = {
#include "kernel/syscalls.inc"
};

#define ARCH(id, token, column, wide, big, mux)                                                    \
	{                                                                                          \
		"SCMP_ARCH_" id, token, column, wide, big, mux                                     \
	}

static const struct seccomp_architecture architectures[] = {
	ARCH("X86_64", AUDIT_ARCH_X86_64, SECCOMP_X86_64, true, false, false),
	ARCH("X86", AUDIT_ARCH_I386, SECCOMP_X86, false, false, true),
	ARCH("X32", AUDIT_ARCH_X86_64, SECCOMP_X32, false, false, false),
	ARCH("AARCH64", AUDIT_ARCH_AARCH64, SECCOMP_AARCH64, true, false, false),
	ARCH("ARM", AUDIT_ARCH_ARM, SECCOMP_ARM, false, false, false),
	ARCH("RISCV64", AUDIT_ARCH_RISCV64, SECCOMP_RISCV64, true, false, false),
	ARCH("PPC64LE", AUDIT_ARCH_PPC64LE, SECCOMP_PPC64LE, true, false, true),
	ARCH("PPC64", AUDIT_ARCH_PPC64, SECCOMP_PPC64, true, true, true),
	ARCH("PPC", AUDIT_ARCH_PPC, SECCOMP_PPC, false, true, true),
	ARCH("S390X", AUDIT_ARCH_S390X, SECCOMP_S390X, true, true, true),
	ARCH("S390", AUDIT_ARCH_S390, SECCOMP_S390, false, true, true),
	ARCH("MIPS", AUDIT_ARCH_MIPS, SECCOMP_MIPS, false, true, true),
	ARCH("MIPSEL", AUDIT_ARCH_MIPSEL, SECCOMP_MIPS, false, false, true),
	ARCH("MIPS64", AUDIT_ARCH_MIPS64, SECCOMP_MIPS64, true, true, false),
	ARCH("MIPSEL64", AUDIT_ARCH_MIPSEL64, SECCOMP_MIPS64, true, false, false),
	ARCH("MIPS64N32", AUDIT_ARCH_MIPS64N32, SECCOMP_MIPS64N32, false, true, false),
	ARCH("MIPSEL64N32", AUDIT_ARCH_MIPSEL64N32, SECCOMP_MIPS64N32, false, false, false),
	ARCH("PARISC", AUDIT_ARCH_PARISC, SECCOMP_PARISC, false, true, false),
	ARCH("PARISC64", AUDIT_ARCH_PARISC64, SECCOMP_PARISC64, true, true, false),
};

const struct seccomp_syscall *seccomp_syscall_find(const char *name)
{
	size_t low = 0, high = ARRAY_SIZE(syscalls);

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = strcmp(name, syscalls[middle].name);

		if (order == 0)
			return &syscalls[middle];
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return NULL;
}

const struct seccomp_architecture *seccomp_architecture_find(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(architectures); i++)
		if (strcmp(name, architectures[i].name) == 0)
			return &architectures[i];
	return NULL;
}

const struct seccomp_architecture *seccomp_architecture_of_machine(void)
{
	return seccomp_architecture_find(seccomp_architecture_native());
}

const char *seccomp_architecture_native(void)
{
#if defined(__x86_64__) && defined(__ILP32__)
	return "SCMP_ARCH_X32";
#elif defined(__x86_64__)
	return "SCMP_ARCH_X86_64";
#elif defined(__i386__)
	return "SCMP_ARCH_X86";
#elif defined(__aarch64__)
	return "SCMP_ARCH_AARCH64";
#elif defined(__arm__)
	return "SCMP_ARCH_ARM";
#elif defined(__riscv) && __riscv_xlen == 64
	return "SCMP_ARCH_RISCV64";
#elif defined(__powerpc64__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	return "SCMP_ARCH_PPC64LE";
#elif defined(__powerpc64__)
	return "SCMP_ARCH_PPC64";
#elif defined(__s390x__)
	return "SCMP_ARCH_S390X";
#else
#error "name this architecture here"
#endif
}

const char *seccomp_architecture_name(size_t index)
{
	return index < ARRAY_SIZE(architectures) ? architectures[index].name : NULL;
}

uint32_t seccomp_architecture_token(const char *architecture)
{
	const struct seccomp_architecture *arch = seccomp_architecture_find(architecture);

	return arch != NULL ? arch->token : 0;
}

int seccomp_syscall_number(const char *architecture, const char *name)
{
	const struct seccomp_architecture *arch = seccomp_architecture_find(architecture);
	const struct seccomp_syscall *entry;

	if (arch == NULL)
		return -EINVAL;
	entry = seccomp_syscall_find(name);
	if (entry == NULL)
		return -ENOENT;
	return entry->number[arch->column] >= 0 ? entry->number[arch->column] : -ENOSYS;
}
