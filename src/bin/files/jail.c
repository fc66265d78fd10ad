// SPDX-License-Identifier: Apache-2.0
/*
 * The jail of a program that reads hostile archives with big libraries. What is left to an attacker
 * who takes it over: the files of the directory it was given, its archive and its result pipe. It
 * stays in the initial user namespace, so that ownership and file capabilities are stored as they
 * are meant (version 2), but keeps only the capabilities over files.
 */
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/close_range.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/mem.h"
#include "bin/files/files.h"
#include "kernel/caps.h"
#include "kernel/mount.h"
#include "kernel/seccomp.h"

/* A sanitizer's shadow memory needs more address space than any archive. */
#if defined(__SANITIZE_ADDRESS__)
#define ADDRESS_SPACE RLIM_INFINITY
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define ADDRESS_SPACE RLIM_INFINITY
#endif
#endif
#ifndef ADDRESS_SPACE
#define ADDRESS_SPACE ((rlim_t)2 << 30)
#endif

#define CAP(c) (UINT64_C(1) << (c))

static const uint64_t kept_capabilities = CAP(CAP_CHOWN) | CAP(CAP_DAC_OVERRIDE) |
					  CAP(CAP_DAC_READ_SEARCH) | CAP(CAP_FOWNER) |
					  CAP(CAP_FSETID) | CAP(CAP_SETFCAP);

/* File work, memory and the end; everything else fails with EPERM. */
static const char *const allowed_calls[] = {"brk", "clock_gettime", "close", "exit", "exit_group",
	"fadvise64", "fallocate", "fchdir", "fchmod", "fchmodat", "fchmodat2", "fchown", "fchownat",
	"fcntl", "fdatasync", "flistxattr", "fgetxattr", "fremovexattr", "fsetxattr", "fstat",
	"fstatfs", "fsync", "ftruncate", "futex", "getdents64", "getpid", "getrandom", "gettid",
	"lgetxattr", "linkat", "llistxattr", "lremovexattr", "lseek", "lsetxattr", "madvise",
	"mkdirat", "mknodat", "mmap", "mprotect", "mremap", "munmap", "newfstatat", "openat",
	"openat2", "pread64", "pwrite64", "read", "readlinkat", "renameat", "renameat2",
	"restart_syscall", "rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "sched_yield", "statx",
	"symlinkat", "syncfs", "tgkill", "unlinkat", "utimensat", "write", "writev"};

/* The mount is cloned while its own namespace is still ours, and becomes the root of the next one.
 */
static int enter_directory(struct bh_error *err)
{
	_cleanup_close_ int mount = mount_clone(FILES_DIR_FD, false);
	_cleanup_close_ int root = -EBADF;
	int r;

	if (mount < 0)
		return bh_fail_errno(err, mount, "clone the mount of the directory");
	r = mount_set_attributes(
		mount, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC, 0, false);
	if (r < 0)
		return bh_fail_errno(err, r, "set attributes of the mount");
	if (unshare(CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS) < 0)
		return bh_fail_errno(err, -errno, "unshare namespaces");
	root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	r = root < 0 ? -errno : mount_set_propagation(root, MS_PRIVATE, true);
	if (r == 0)
		r = mount_attach(mount, root);
	if (r < 0)
		return bh_fail_errno(err, r, "mount the directory");
	if (fchdir(mount) < 0 || syscall(SYS_pivot_root, ".", ".") < 0 ||
		umount2(".", MNT_DETACH) < 0 || chdir("/") < 0)
		return bh_fail_errno(err, -errno, "pivot into the directory");
	root = fd_close(root);
	root = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (root < 0 || dup3(root, FILES_DIR_FD, O_CLOEXEC) < 0)
		return bh_fail_errno(err, -errno, "open the directory");
	return 0;
}

static int set_limits(struct bh_error *err)
{
	static const struct {
		int resource;
		rlim_t value;
	} limits[] = {{RLIMIT_CORE, 0}, {RLIMIT_NOFILE, 64}, {RLIMIT_AS, ADDRESS_SPACE},
		{RLIMIT_NPROC, 1}};

	for (size_t i = 0; i < ARRAY_SIZE(limits); i++) {
		const struct rlimit limit = {limits[i].value, limits[i].value};

		if (setrlimit((__rlimit_resource_t)limits[i].resource, &limit) < 0)
			return bh_fail_errno(err, -errno, "set limits");
	}
	return 0;
}

static int filter_calls(struct bh_error *err)
{
	const struct seccomp_rule rule = {
		.names = allowed_calls,
		.name_count = ARRAY_SIZE(allowed_calls),
		.action = SECCOMP_RET_ALLOW,
	};
	const struct seccomp_profile profile = {
		.default_action = SECCOMP_RET_ERRNO | EPERM, .rules = &rule, .rule_count = 1};
	_cleanup_arena_ struct arena a = ARENA_INIT;
	struct sock_fprog program;
	int r = arena_init(&a, 1u << 20);

	if (r < 0)
		return bh_fail_errno(err, r, "filter system calls");
	r = seccomp_compile(&profile, &a, &program, NULL, err);
	if (r < 0)
		return r;
	r = seccomp_attach(&program, 0, NULL);
	return r < 0 ? bh_fail_errno(err, r, "filter system calls") : 0;
}

int jail_enter(struct bh_error *err)
{
	int r;

	if (close_range(FILES_DIR_FD + 1, ~0u, 0) < 0)
		return bh_fail_errno(err, -errno, "close descriptors");
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		return bh_fail_errno(err, -errno, "give up privileges");
	r = enter_directory(err);
	if (r == 0)
		r = set_limits(err);
	if (r < 0)
		return r;
	(void)umask(0);
	r = caps_set_bounding(kept_capabilities);
	if (r == 0)
		r = caps_set_ambient(0);
	if (r == 0)
		r = caps_set(kept_capabilities, kept_capabilities, 0);
	if (r < 0)
		return bh_fail_errno(err, r, "drop capabilities");
	return filter_calls(err);
}
