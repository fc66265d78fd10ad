// SPDX-License-Identifier: Apache-2.0
#ifndef BULKHEAD_KERNEL_BPF_H
#define BULKHEAD_KERNEL_BPF_H

#include <linux/bpf.h>
#include <stddef.h>
#include <stdint.h>

/*
 * bpf(2) for programs that are attached to cgroups, without libbpf: the runtime is linked
 * statically and generates its few instructions itself. All functions return a negative errno on
 * failure.
 */

/* Load a program; the descriptor is O_CLOEXEC. log: buffer for the verifier's text, or NULL. */
int bpf_load(enum bpf_prog_type type, enum bpf_attach_type attach, const struct bpf_insn *insns,
	size_t count, const char *name, char *log, size_t log_size);
/* Attach with BPF_F_ALLOW_MULTI. replace_fd: program to replace atomically (Linux 5.6), or -EBADF.
 */
int bpf_cgroup_attach(int cgroup_fd, int prog_fd, enum bpf_attach_type type, int replace_fd);
int bpf_cgroup_detach(int cgroup_fd, int prog_fd, enum bpf_attach_type type);
/* Ids of the programs attached to the group itself. -ENOSPC if there are more than max. */
int bpf_cgroup_query(
	int cgroup_fd, enum bpf_attach_type type, uint32_t *ids, size_t max, size_t *ret_count);
/* Descriptor of a loaded program. */
int bpf_open_id(uint32_t id);

#endif
