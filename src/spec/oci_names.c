// SPDX-License-Identifier: Apache-2.0
/* Words of config.json and what they stand for; both the decoder and the writer use them. */
#include "spec/oci_names.h"

#include <linux/sched.h>
#include <linux/seccomp.h>
#include <sys/mount.h>
#include <sys/personality.h>
#include <sys/resource.h>

#include "base/mem.h"
#include "spec/oci.h"

/* The kernel has these in a header since 5.19 and 6.x only. */
#ifndef SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
#define SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV (1UL << 5)
#endif
#ifndef IOPRIO_CLASS_RT
#define IOPRIO_CLASS_RT   1
#define IOPRIO_CLASS_BE   2
#define IOPRIO_CLASS_IDLE 3
#endif

static const struct oci_name rlimit_names[] = {
	{"RLIMIT_AS", RLIMIT_AS},
	{"RLIMIT_CORE", RLIMIT_CORE},
	{"RLIMIT_CPU", RLIMIT_CPU},
	{"RLIMIT_DATA", RLIMIT_DATA},
	{"RLIMIT_FSIZE", RLIMIT_FSIZE},
	{"RLIMIT_LOCKS", RLIMIT_LOCKS},
	{"RLIMIT_MEMLOCK", RLIMIT_MEMLOCK},
	{"RLIMIT_MSGQUEUE", RLIMIT_MSGQUEUE},
	{"RLIMIT_NICE", RLIMIT_NICE},
	{"RLIMIT_NOFILE", RLIMIT_NOFILE},
	{"RLIMIT_NPROC", RLIMIT_NPROC},
	{"RLIMIT_RSS", RLIMIT_RSS},
	{"RLIMIT_RTPRIO", RLIMIT_RTPRIO},
	{"RLIMIT_RTTIME", RLIMIT_RTTIME},
	{"RLIMIT_SIGPENDING", RLIMIT_SIGPENDING},
	{"RLIMIT_STACK", RLIMIT_STACK},
};

const struct oci_names oci_names_rlimit = {
	rlimit_names, ARRAY_SIZE(rlimit_names), "resource limit"};

static const struct oci_name policy_names[] = {
	{"SCHED_OTHER", SCHED_NORMAL},
	{"SCHED_FIFO", SCHED_FIFO},
	{"SCHED_RR", SCHED_RR},
	{"SCHED_BATCH", SCHED_BATCH},
	{"SCHED_IDLE", SCHED_IDLE},
	{"SCHED_DEADLINE", SCHED_DEADLINE},
};

const struct oci_names oci_names_policy = {
	policy_names, ARRAY_SIZE(policy_names), "scheduling policy"};

static const struct oci_name scheduler_flag_names[] = {
	{"SCHED_FLAG_RESET_ON_FORK", SCHED_FLAG_RESET_ON_FORK},
	{"SCHED_FLAG_RECLAIM", SCHED_FLAG_RECLAIM},
	{"SCHED_FLAG_DL_OVERRUN", SCHED_FLAG_DL_OVERRUN},
	{"SCHED_FLAG_KEEP_POLICY", SCHED_FLAG_KEEP_POLICY},
	{"SCHED_FLAG_KEEP_PARAMS", SCHED_FLAG_KEEP_PARAMS},
};

const struct oci_names oci_names_scheduler_flag = {
	scheduler_flag_names, ARRAY_SIZE(scheduler_flag_names), "scheduler flag"};

static const struct oci_name io_class_names[] = {
	{"IOPRIO_CLASS_RT", IOPRIO_CLASS_RT},
	{"IOPRIO_CLASS_BE", IOPRIO_CLASS_BE},
	{"IOPRIO_CLASS_IDLE", IOPRIO_CLASS_IDLE},
};

const struct oci_names oci_names_io_class = {
	io_class_names, ARRAY_SIZE(io_class_names), "I/O class"};

static const struct oci_name namespace_names[] = {
	{"user", OCI_NS_USER},
	{"mount", OCI_NS_MOUNT},
	{"pid", OCI_NS_PID},
	{"network", OCI_NS_NETWORK},
	{"ipc", OCI_NS_IPC},
	{"uts", OCI_NS_UTS},
	{"cgroup", OCI_NS_CGROUP},
	{"time", OCI_NS_TIME},
};

const struct oci_names oci_names_namespace = {
	namespace_names, ARRAY_SIZE(namespace_names), "namespace type"};

static const struct oci_name propagation_names[] = {
	{"private", MS_PRIVATE},
	{"shared", MS_SHARED},
	{"slave", MS_SLAVE},
	{"unbindable", MS_UNBINDABLE},
	{"rprivate", MS_PRIVATE | MS_REC},
	{"rshared", MS_SHARED | MS_REC},
	{"rslave", MS_SLAVE | MS_REC},
	{"runbindable", MS_UNBINDABLE | MS_REC},
};

const struct oci_names oci_names_propagation = {
	propagation_names, ARRAY_SIZE(propagation_names), "propagation"};

static const struct oci_name domain_names[] = {
	{"LINUX", PER_LINUX},
	{"LINUX32", PER_LINUX32},
};

const struct oci_names oci_names_domain = {
	domain_names, ARRAY_SIZE(domain_names), "execution domain"};

static const struct oci_name action_names[] = {
	{"SCMP_ACT_KILL", SECCOMP_RET_KILL_THREAD},
	{"SCMP_ACT_KILL_THREAD", SECCOMP_RET_KILL_THREAD},
	{"SCMP_ACT_KILL_PROCESS", SECCOMP_RET_KILL_PROCESS},
	{"SCMP_ACT_TRAP", SECCOMP_RET_TRAP},
	{"SCMP_ACT_ERRNO", SECCOMP_RET_ERRNO},
	{"SCMP_ACT_TRACE", SECCOMP_RET_TRACE},
	{"SCMP_ACT_ALLOW", SECCOMP_RET_ALLOW},
	{"SCMP_ACT_LOG", SECCOMP_RET_LOG},
	{"SCMP_ACT_NOTIFY", SECCOMP_RET_USER_NOTIF},
};

const struct oci_names oci_names_action = {
	action_names, ARRAY_SIZE(action_names), "seccomp action"};

static const struct oci_name flag_names[] = {
	{"SECCOMP_FILTER_FLAG_TSYNC", SECCOMP_FILTER_FLAG_TSYNC},
	{"SECCOMP_FILTER_FLAG_LOG", SECCOMP_FILTER_FLAG_LOG},
	{"SECCOMP_FILTER_FLAG_SPEC_ALLOW", SECCOMP_FILTER_FLAG_SPEC_ALLOW},
	{"SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV", SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV},
};

const struct oci_names oci_names_seccomp_flag = {
	flag_names, ARRAY_SIZE(flag_names), "seccomp flag"};

static const struct oci_name operator_names[] = {
	{"SCMP_CMP_NE", OCI_SECCOMP_NE},
	{"SCMP_CMP_LT", OCI_SECCOMP_LT},
	{"SCMP_CMP_LE", OCI_SECCOMP_LE},
	{"SCMP_CMP_EQ", OCI_SECCOMP_EQ},
	{"SCMP_CMP_GE", OCI_SECCOMP_GE},
	{"SCMP_CMP_GT", OCI_SECCOMP_GT},
	{"SCMP_CMP_MASKED_EQ", OCI_SECCOMP_MASKED_EQ},
};

const struct oci_names oci_names_operator = {
	operator_names, ARRAY_SIZE(operator_names), "operator"};

static const struct oci_name arch_names[] = {
	{"SCMP_ARCH_X86", 0},
	{"SCMP_ARCH_X86_64", 0},
	{"SCMP_ARCH_X32", 0},
	{"SCMP_ARCH_ARM", 0},
	{"SCMP_ARCH_AARCH64", 0},
	{"SCMP_ARCH_LOONGARCH64", 0},
	{"SCMP_ARCH_M68K", 0},
	{"SCMP_ARCH_MIPS", 0},
	{"SCMP_ARCH_MIPS64", 0},
	{"SCMP_ARCH_MIPS64N32", 0},
	{"SCMP_ARCH_MIPSEL", 0},
	{"SCMP_ARCH_MIPSEL64", 0},
	{"SCMP_ARCH_MIPSEL64N32", 0},
	{"SCMP_ARCH_PPC", 0},
	{"SCMP_ARCH_PPC64", 0},
	{"SCMP_ARCH_PPC64LE", 0},
	{"SCMP_ARCH_S390", 0},
	{"SCMP_ARCH_S390X", 0},
	{"SCMP_ARCH_SH", 0},
	{"SCMP_ARCH_SHEB", 0},
	{"SCMP_ARCH_PARISC", 0},
	{"SCMP_ARCH_PARISC64", 0},
	{"SCMP_ARCH_RISCV64", 0},
};

const struct oci_names oci_names_arch = {arch_names, ARRAY_SIZE(arch_names), "architecture"};

_Static_assert(ARRAY_SIZE(namespace_names) == OCI_NS_COUNT, "one name per namespace");

const char *oci_name_of(const struct oci_names *names, uint64_t value)
{
	for (size_t i = 0; i < names->count; i++)
		if (names->items[i].value == value)
			return names->items[i].name;
	return NULL;
}
