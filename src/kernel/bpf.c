// SPDX-License-Identifier: Apache-2.0
#include "kernel/bpf.h"

#include <errno.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* A program that a signal interrupts while it is verified gives EAGAIN. */
#define LOAD_TRIES 8

static int bpf(enum bpf_cmd cmd, union bpf_attr *attr)
{
	long r = syscall(SYS_bpf, cmd, attr, sizeof(*attr));

	return r < 0 ? -errno : (int)r;
}

static uint64_t address(const void *p)
{
	return (uint64_t)(uintptr_t)p;
}

int bpf_load(enum bpf_prog_type type, enum bpf_attach_type attach, const struct bpf_insn *insns,
	size_t count, const char *name, char *log, size_t log_size)
{
	static const char license[] = "Dual BSD/GPL";
	int r = -EAGAIN;

	for (int i = 0; i < LOAD_TRIES && r == -EAGAIN; i++) {
		union bpf_attr attr;

		memset(&attr, 0, sizeof(attr));
		attr.prog_type = type;
		attr.expected_attach_type = attach;
		attr.insns = address(insns);
		attr.insn_cnt = (uint32_t)count;
		attr.license = address(license);
		strncpy(attr.prog_name, name, sizeof(attr.prog_name) - 1);
		if (log != NULL) {
			attr.log_buf = address(log);
			attr.log_size = (uint32_t)log_size;
			attr.log_level = 1;
		}
		r = bpf(BPF_PROG_LOAD, &attr);
	}
	return r;
}

int bpf_cgroup_attach(int cgroup_fd, int prog_fd, enum bpf_attach_type type, int replace_fd)
{
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr));
	attr.target_fd = (uint32_t)cgroup_fd;
	attr.attach_bpf_fd = (uint32_t)prog_fd;
	attr.attach_type = type;
	attr.attach_flags = BPF_F_ALLOW_MULTI;
	if (replace_fd >= 0) {
		attr.attach_flags |= BPF_F_REPLACE;
		attr.replace_bpf_fd = (uint32_t)replace_fd;
	}
	return bpf(BPF_PROG_ATTACH, &attr);
}

int bpf_cgroup_detach(int cgroup_fd, int prog_fd, enum bpf_attach_type type)
{
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr));
	attr.target_fd = (uint32_t)cgroup_fd;
	attr.attach_bpf_fd = (uint32_t)prog_fd;
	attr.attach_type = type;
	return bpf(BPF_PROG_DETACH, &attr);
}

int bpf_cgroup_query(
	int cgroup_fd, enum bpf_attach_type type, uint32_t *ids, size_t max, size_t *ret_count)
{
	union bpf_attr attr;
	int r;

	memset(&attr, 0, sizeof(attr));
	attr.query.target_fd = (uint32_t)cgroup_fd;
	attr.query.attach_type = type;
	attr.query.prog_ids = address(ids);
	attr.query.prog_cnt = (uint32_t)max;
	r = bpf(BPF_PROG_QUERY, &attr);
	if (r < 0)
		return r;
	*ret_count = attr.query.prog_cnt;
	return 0;
}

int bpf_open_id(uint32_t id)
{
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr));
	attr.prog_id = id;
	return bpf(BPF_PROG_GET_FD_BY_ID, &attr);
}
