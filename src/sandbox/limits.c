// SPDX-License-Identifier: Apache-2.0
#include "sandbox/limits.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fd.h"

#define IOPRIO_WHO_PROCESS 1
#define IOPRIO_CLASS_SHIFT 13
#define CPU_MAX            8192

/* struct sched_attr of sched_setattr(2), which glibc 2.36 does not declare. */
struct scheduler_attributes {
	uint32_t size, policy;
	uint64_t flags;
	int32_t nice;
	uint32_t priority;
	uint64_t runtime, deadline, period;
};

static int apply_rlimits(const struct oci_process *process, pid_t pid, struct bh_error *err)
{
	for (size_t i = 0; i < process->rlimit_count; i++) {
		const struct oci_rlimit *l = &process->rlimits[i];
		struct rlimit64 value = {.rlim_cur = l->soft, .rlim_max = l->hard};

		if (prlimit64(pid, l->resource, &value, NULL) < 0)
			return bh_fail_errno(err, -errno,
				"/process/rlimits/%zu: set %s to %llu:%llu", i, l->name,
				(unsigned long long)l->soft, (unsigned long long)l->hard);
	}
	return 0;
}

int limits_set_oom_score(const struct oci_process *process, pid_t pid, struct bh_error *err)
{
	char path[64], text[32];
	int r;

	if (!process->oom_score_adj.set)
		return 0;
	if (pid == 0)
		(void)snprintf(path, sizeof(path), "/proc/self/oom_score_adj");
	else
		(void)snprintf(path, sizeof(path), "/proc/%d/oom_score_adj", pid);
	(void)snprintf(text, sizeof(text), "%lld", (long long)process->oom_score_adj.value);
	r = fd_write_file(AT_FDCWD, path, text);
	return r < 0 ? bh_fail_errno(err, r, "/process/oomScoreAdj: set %s", text) : 0;
}

static int apply_scheduler(const struct oci_process *process, pid_t pid, struct bh_error *err)
{
	const struct oci_scheduler *s = &process->scheduler;
	struct scheduler_attributes a = {
		.size = sizeof(a),
		.policy = s->policy,
		.flags = s->flags,
		.nice = s->nice,
		.priority = (uint32_t)s->priority,
		.runtime = s->runtime,
		.deadline = s->deadline,
		.period = s->period,
	};

	if (s->set && syscall(SYS_sched_setattr, pid, &a, 0) < 0)
		return bh_fail_errno(err, -errno, "/process/scheduler: sched_setattr");
	return 0;
}

static int apply_io_priority(const struct oci_process *process, pid_t pid, struct bh_error *err)
{
	int value =
		process->io_priority.io_class << IOPRIO_CLASS_SHIFT | process->io_priority.priority;

	if (process->io_priority.set && syscall(SYS_ioprio_set, IOPRIO_WHO_PROCESS, pid, value) < 0)
		return bh_fail_errno(err, -errno, "/process/ioPriority: ioprio_set");
	return 0;
}

int limits_apply(const struct oci_process *process, pid_t pid, struct bh_error *err)
{
	int r = apply_scheduler(process, pid, err);

	if (r == 0)
		r = apply_io_priority(process, pid, err);
	if (r == 0)
		r = apply_rlimits(process, pid, err);
	return r;
}

int limits_set_affinity(const char *list, struct bh_error *err)
{
	size_t size = CPU_ALLOC_SIZE(CPU_MAX);
	cpu_set_t *set = CPU_ALLOC(CPU_MAX);
	const char *p = list;
	int r = 0;

	if (set == NULL)
		return bh_fail(err, -ENOMEM, "CPU affinity: out of memory");
	CPU_ZERO_S(size, set);
	while (*p != '\0') {
		char *end;
		unsigned long first = strtoul(p, &end, 10), last = first;

		if (end == p)
			break;
		if (*end == '-') {
			p = end + 1;
			last = strtoul(p, &end, 10);
		}
		if (last >= CPU_MAX || first > last || (*end != ',' && *end != '\0'))
			break;
		for (unsigned long cpu = first; cpu <= last; cpu++)
			CPU_SET_S(cpu, size, set);
		p = *end == ',' ? end + 1 : end;
	}
	if (*p != '\0' || CPU_COUNT_S(size, set) == 0)
		r = bh_fail(err, -EINVAL, "CPU affinity \"%s\" is no list of CPUs", list);
	else if (sched_setaffinity(0, size, set) < 0)
		r = bh_fail_errno(err, -errno, "CPU affinity \"%s\"", list);
	CPU_FREE(set);
	return r;
}
