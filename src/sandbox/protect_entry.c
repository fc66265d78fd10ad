// SPDX-License-Identifier: Apache-2.0
/*
 * protect.c before the C library starts: the entry point of bulkhead-oci (x86-64, static). The
 * program is executed twice per container; doing the first half here spares it the start-up of the
 * library, its relocations and the page faults of both, about a tenth of a container's start.
 * Whatever does not go as planned is left to sandbox_protect_self(), which checks and does the same
 * in full.
 *
 * Compiled without stack protector and instrumentation: there is no thread pointer yet, nothing is
 * relocated, and nothing of the library may be called.
 */
#include <fcntl.h>
#include <stddef.h>
#include <sys/mount.h>
#include <sys/statfs.h>
#include <sys/syscall.h>

#define ST_RDONLY_BIT 1

static long call(long number, long a, long b, long c, long d, long e)
{
	register long r10 __asm__("r10") = d;
	register long r8 __asm__("r8") = e;
	long ret;

	__asm__ volatile("syscall"
			 : "=a"(ret)
			 : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8)
			 : "rcx", "r11", "memory");
	return ret;
}

static int equal(const char *a, const char *b)
{
	while (*a != '\0' && *a == *b) {
		a++;
		b++;
	}
	return *a == *b;
}

/* Only these put a process of ours where a container can see it. */
static int enters_container(long argc, char **argv)
{
	for (long i = 1; i < argc; i++)
		if (equal(argv[i], "run") || equal(argv[i], "create") || equal(argv[i], "exec"))
			return 1;
	return 0;
}

void protect_entry(long *stack);
void protect_entry(long *stack)
{
	static const char self[] = "/proc/self/exe";
	long argc = stack[0], copy;
	char **argv = (char **)(stack + 1), **envp = argv + argc + 1;
	struct mount_attr attr = {.attr_set = MOUNT_ATTR_RDONLY};
	struct statfs fs;

	if (!enters_container(argc, argv))
		return;
	if (call(SYS_statfs, (long)self, (long)&fs, 0, 0, 0) != 0 ||
		(fs.f_flags & ST_RDONLY_BIT) != 0)
		return;
	copy = call(SYS_open_tree, AT_FDCWD, (long)self, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC, 0, 0);
	if (copy < 0)
		return;
	if (call(SYS_mount_setattr, copy, (long)"", AT_EMPTY_PATH, (long)&attr, sizeof(attr)) == 0)
		(void)call(SYS_execveat, copy, (long)"", (long)argv, (long)envp, AT_EMPTY_PATH);
	(void)call(SYS_close, copy, 0, 0, 0, 0);
}

__asm__(".globl protect_start\n"
	".type protect_start, @function\n"
	"protect_start:\n"
	"	endbr64\n"
	"	mov %rdx, %r12\n" /* what the kernel hands to _start */
	"	mov %rsp, %rbx\n"
	"	mov %rsp, %rdi\n"
	"	call protect_entry\n"
	"	mov %rbx, %rsp\n"
	"	mov %r12, %rdx\n"
	"	jmp _start\n"
	".size protect_start, . - protect_start\n");
