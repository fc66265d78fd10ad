// SPDX-License-Identifier: Apache-2.0
/*
 * The default filter: an allow-list with the verdicts of the stock engine's profile of version 28.
 * Groups of system calls come with conditions on the bounding set: what a capability permits is
 * allowed with it. The architecture is the one the program is built for; its 32-bit siblings are
 * filtered by the same rules.
 */
#include <errno.h>
#include <linux/seccomp.h>
#include <string.h>
#include <sys/personality.h>
#include <sys/socket.h>

#include "base/mem.h"
#include "sandbox/defaults.h"

#if defined(__x86_64__)
#define ON_X86   true
#define ON_ARM   false
#define ON_RISCV false
static const char *const architectures[] = {"SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"};
#elif defined(__aarch64__)
#define ON_X86   false
#define ON_ARM   true
#define ON_RISCV false
static const char *const architectures[] = {"SCMP_ARCH_AARCH64", "SCMP_ARCH_ARM"};
#elif defined(__riscv) && __riscv_xlen == 64
#define ON_X86   false
#define ON_ARM   false
#define ON_RISCV true
static const char *const architectures[] = {"SCMP_ARCH_RISCV64"};
#else
#error "the default filter has no list for this architecture"
#endif

/* Namespace flags of clone(2): CLONE_NEWNS, CGROUP, UTS, IPC, USER, PID, NET. */
#define NAMESPACE_FLAGS UINT64_C(0x7e020000)

static const char *const always[] = {"accept", "accept4", "access", "adjtimex", "alarm", "bind",
	"brk", "cachestat", "capget", "capset", "chdir", "chmod", "chown", "chown32",
	"clock_adjtime", "clock_adjtime64", "clock_getres", "clock_getres_time64", "clock_gettime",
	"clock_gettime64", "clock_nanosleep", "clock_nanosleep_time64", "close", "close_range",
	"connect", "copy_file_range", "creat", "dup", "dup2", "dup3", "epoll_create",
	"epoll_create1", "epoll_ctl", "epoll_ctl_old", "epoll_pwait", "epoll_pwait2", "epoll_wait",
	"epoll_wait_old", "eventfd", "eventfd2", "execve", "execveat", "exit", "exit_group",
	"faccessat", "faccessat2", "fadvise64", "fadvise64_64", "fallocate", "fanotify_mark",
	"fchdir", "fchmod", "fchmodat", "fchmodat2", "fchown", "fchown32", "fchownat", "fcntl",
	"fcntl64", "fdatasync", "fgetxattr", "flistxattr", "flock", "fork", "fremovexattr",
	"fsetxattr", "fstat", "fstat64", "fstatat64", "fstatfs", "fstatfs64", "fsync", "ftruncate",
	"ftruncate64", "futex", "futex_requeue", "futex_time64", "futex_wait", "futex_waitv",
	"futex_wake", "futimesat", "getcpu", "getcwd", "getdents", "getdents64", "getegid",
	"getegid32", "geteuid", "geteuid32", "getgid", "getgid32", "getgroups", "getgroups32",
	"getitimer", "getpeername", "getpgid", "getpgrp", "getpid", "getppid", "getpriority",
	"getrandom", "getresgid", "getresgid32", "getresuid", "getresuid32", "getrlimit",
	"get_robust_list", "getrusage", "getsid", "getsockname", "getsockopt", "get_thread_area",
	"gettid", "gettimeofday", "getuid", "getuid32", "getxattr", "getxattrat",
	"inotify_add_watch", "inotify_init", "inotify_init1", "inotify_rm_watch", "io_cancel",
	"ioctl", "io_destroy", "io_getevents", "io_pgetevents", "io_pgetevents_time64",
	"ioprio_get", "ioprio_set", "io_setup", "io_submit", "ipc", "kill", "landlock_add_rule",
	"landlock_create_ruleset", "landlock_restrict_self", "lchown", "lchown32", "lgetxattr",
	"link", "linkat", "listen", "listmount", "listxattr", "listxattrat", "llistxattr",
	"_llseek", "lremovexattr", "lseek", "lsetxattr", "lstat", "lstat64", "madvise",
	"map_shadow_stack", "membarrier", "memfd_create", "memfd_secret", "mincore", "mkdir",
	"mkdirat", "mknod", "mknodat", "mlock", "mlock2", "mlockall", "mmap", "mmap2", "mprotect",
	"mq_getsetattr", "mq_notify", "mq_open", "mq_timedreceive", "mq_timedreceive_time64",
	"mq_timedsend", "mq_timedsend_time64", "mq_unlink", "mremap", "mseal", "msgctl", "msgget",
	"msgrcv", "msgsnd", "msync", "munlock", "munlockall", "munmap", "name_to_handle_at",
	"nanosleep", "newfstatat", "_newselect", "open", "openat", "openat2", "pause", "pidfd_open",
	"pidfd_send_signal", "pipe", "pipe2", "pkey_alloc", "pkey_free", "pkey_mprotect", "poll",
	"ppoll", "ppoll_time64", "prctl", "pread64", "preadv", "preadv2", "prlimit64",
	"process_mrelease", "pselect6", "pselect6_time64", "pwrite64", "pwritev", "pwritev2",
	"read", "readahead", "readlink", "readlinkat", "readv", "recv", "recvfrom", "recvmmsg",
	"recvmmsg_time64", "recvmsg", "remap_file_pages", "removexattr", "removexattrat", "rename",
	"renameat", "renameat2", "restart_syscall", "riscv_hwprobe", "rmdir", "rseq",
	"rt_sigaction", "rt_sigpending", "rt_sigprocmask", "rt_sigqueueinfo", "rt_sigreturn",
	"rt_sigsuspend", "rt_sigtimedwait", "rt_sigtimedwait_time64", "rt_tgsigqueueinfo",
	"sched_getaffinity", "sched_getattr", "sched_getparam", "sched_get_priority_max",
	"sched_get_priority_min", "sched_getscheduler", "sched_rr_get_interval",
	"sched_rr_get_interval_time64", "sched_setaffinity", "sched_setattr", "sched_setparam",
	"sched_setscheduler", "sched_yield", "seccomp", "select", "semctl", "semget", "semop",
	"semtimedop", "semtimedop_time64", "send", "sendfile", "sendfile64", "sendmmsg", "sendmsg",
	"sendto", "setfsgid", "setfsgid32", "setfsuid", "setfsuid32", "setgid", "setgid32",
	"setgroups", "setgroups32", "setitimer", "setpgid", "setpriority", "setregid", "setregid32",
	"setresgid", "setresgid32", "setresuid", "setresuid32", "setreuid", "setreuid32",
	"setrlimit", "set_robust_list", "setsid", "setsockopt", "set_thread_area",
	"set_tid_address", "setuid", "setuid32", "setxattr", "setxattrat", "shmat", "shmctl",
	"shmdt", "shmget", "shutdown", "sigaltstack", "signalfd", "signalfd4", "sigprocmask",
	"sigreturn", "socketcall", "socketpair", "splice", "stat", "stat64", "statfs", "statfs64",
	"statmount", "statx", "symlink", "symlinkat", "sync", "sync_file_range", "syncfs",
	"sysinfo", "tee", "tgkill", "time", "timer_create", "timer_delete", "timer_getoverrun",
	"timer_gettime", "timer_gettime64", "timer_settime", "timer_settime64", "timerfd_create",
	"timerfd_gettime", "timerfd_gettime64", "timerfd_settime", "timerfd_settime64", "times",
	"tkill", "truncate", "truncate64", "ugetrlimit", "umask", "uname", "unlink", "unlinkat",
	"uretprobe", "utime", "utimensat", "utimensat_time64", "utimes", "vfork", "vmsplice",
	"wait4", "waitid", "waitpid", "write", "writev"};

/* clang-format off */
#define NAMES(...) (const char *const[]){__VA_ARGS__, NULL}
/* clang-format on */

struct group {
	const char *const *names; /* NULL-terminated */
	const char *with;         /* only with this capability */
	const char *without;      /* only without it */
	bool absent;              /* not on this architecture */
	uint32_t action;          /* 0: allow */
	bool has_arg;
	struct oci_seccomp_arg arg;
};

#define ARG(n, operator, v, v2)                                                                    \
	.has_arg = true, .arg = {.index = (n), .op = (operator), .value = (v), .value_two = (v2)}

static const struct group groups[] = {
	{NAMES("process_vm_readv", "process_vm_writev", "ptrace")},
	{NAMES("socket"), ARG(0, OCI_SECCOMP_NE, AF_VSOCK, 0)},
	{NAMES("personality"), ARG(0, OCI_SECCOMP_EQ, 0, 0)},
	{NAMES("personality"), ARG(0, OCI_SECCOMP_EQ, PER_LINUX32, 0)},
	{NAMES("personality"), ARG(0, OCI_SECCOMP_EQ, UNAME26, 0)},
	{NAMES("personality"), ARG(0, OCI_SECCOMP_EQ, UNAME26 | PER_LINUX32, 0)},
	{NAMES("personality"), ARG(0, OCI_SECCOMP_EQ, UINT32_MAX, 0)},
	{NAMES("arm_fadvise64_64", "arm_sync_file_range", "sync_file_range2", "breakpoint",
		 "cacheflush", "set_tls"),
		.absent = !ON_ARM},
	{NAMES("arch_prctl"), .absent = !ON_X86},
	{NAMES("modify_ldt"), .absent = !ON_X86},
	{NAMES("riscv_flush_icache"), .absent = !ON_RISCV},
	{NAMES("open_by_handle_at"), .with = "CAP_DAC_READ_SEARCH"},
	{NAMES("bpf", "clone", "clone3", "fanotify_init", "fsconfig", "fsmount", "fsopen", "fspick",
		 "lookup_dcookie", "lsm_get_self_attr", "lsm_list_modules", "lsm_set_self_attr",
		 "mount", "mount_setattr", "move_mount", "open_tree", "perf_event_open", "quotactl",
		 "quotactl_fd", "setdomainname", "sethostname", "setns", "syslog", "umount",
		 "umount2", "unshare"),
		.with = "CAP_SYS_ADMIN"},
	{NAMES("clone"), .without = "CAP_SYS_ADMIN",
		ARG(0, OCI_SECCOMP_MASKED_EQ, NAMESPACE_FLAGS, 0)},
	{NAMES("clone3"), .without = "CAP_SYS_ADMIN", .action = SECCOMP_RET_ERRNO | ENOSYS},
	{NAMES("reboot"), .with = "CAP_SYS_BOOT"},
	{NAMES("chroot"), .with = "CAP_SYS_CHROOT"},
	{NAMES("delete_module", "init_module", "finit_module"), .with = "CAP_SYS_MODULE"},
	{NAMES("acct"), .with = "CAP_SYS_PACCT"},
	{NAMES("kcmp", "pidfd_getfd", "process_madvise", "process_vm_readv", "process_vm_writev",
		 "ptrace"),
		.with = "CAP_SYS_PTRACE"},
	{NAMES("iopl", "ioperm"), .with = "CAP_SYS_RAWIO"},
	{NAMES("settimeofday", "stime", "clock_settime", "clock_settime64"),
		.with = "CAP_SYS_TIME"},
	{NAMES("vhangup"), .with = "CAP_SYS_TTY_CONFIG"},
	{NAMES("get_mempolicy", "mbind", "set_mempolicy", "set_mempolicy_home_node"),
		.with = "CAP_SYS_NICE"},
	{NAMES("syslog"), .with = "CAP_SYSLOG"},
	{NAMES("bpf"), .with = "CAP_BPF"},
	{NAMES("perf_event_open"), .with = "CAP_PERFMON"},
};

static bool applies(const struct group *g, uint64_t capabilities)
{
	if (g->absent)
		return false;
	if (g->with != NULL && (capabilities >> oci_capability_parse(g->with) & 1) == 0)
		return false;
	return g->without == NULL || (capabilities >> oci_capability_parse(g->without) & 1) == 0;
}

static int add_rule(struct oci_seccomp_rule *rule, const struct group *g, struct arena *a)
{
	size_t count = 0;
	const char **names;

	while (g->names[count] != NULL)
		count++;
	names = arena_calloc(a, count + 1, sizeof(*names));
	if (names == NULL)
		return -ENOMEM;
	memcpy(names, g->names, count * sizeof(*names));
	rule->names = (struct oci_strings){.items = names, .count = count};
	rule->action = g->action != 0 ? g->action : SECCOMP_RET_ALLOW;
	rule->args = g->has_arg ? &g->arg : NULL;
	rule->arg_count = g->has_arg ? 1 : 0;
	return 0;
}

static int copy_names(
	const char *const *from, size_t count, struct arena *a, struct oci_strings *ret)
{
	const char **items = arena_calloc(a, count + 1, sizeof(*items));

	if (items == NULL)
		return -ENOMEM;
	memcpy(items, from, count * sizeof(*items));
	*ret = (struct oci_strings){.items = items, .count = count};
	return 0;
}

int sandbox_default_seccomp(uint64_t capabilities, struct arena *a, struct oci_seccomp *ret)
{
	struct oci_seccomp s = {
		.present = true, .default_action = SECCOMP_RET_ERRNO | EPERM, .rule_count = 1};
	struct oci_seccomp_rule *rules = arena_calloc(a, ARRAY_SIZE(groups) + 1, sizeof(*rules));

	if (rules == NULL ||
		copy_names(architectures, ARRAY_SIZE(architectures), a, &s.architectures) < 0 ||
		copy_names(always, ARRAY_SIZE(always), a, &rules[0].names) < 0)
		return -ENOMEM;
	rules[0].action = SECCOMP_RET_ALLOW;
	for (size_t i = 0; i < ARRAY_SIZE(groups); i++)
		if (applies(&groups[i], capabilities) &&
			add_rule(&rules[s.rule_count++], &groups[i], a) < 0)
			return -ENOMEM;
	s.rules = rules;
	*ret = s;
	return 0;
}
