// SPDX-License-Identifier: Apache-2.0
#include "seccomp_machine.h"

#include <string.h>

bool seccomp_machine_valid(const struct sock_fprog *prog)
{
	if (prog->len == 0 || prog->len > SECCOMP_PROGRAM_MAX)
		return false;
	for (size_t i = 0; i < prog->len; i++) {
		const struct sock_filter *f = &prog->filter[i];
		size_t left = prog->len - i - 1;

		switch (f->code) {
		case BPF_LD | BPF_W | BPF_ABS:
			if (f->k % 4 != 0 || f->k >= sizeof(struct seccomp_data) || left == 0)
				return false;
			break;
		case BPF_ALU | BPF_AND | BPF_K:
			if (left == 0)
				return false;
			break;
		case BPF_RET | BPF_K:
			break;
		case BPF_JMP | BPF_JA:
			if (f->k >= left)
				return false;
			break;
		case BPF_JMP | BPF_JEQ | BPF_K:
		case BPF_JMP | BPF_JGT | BPF_K:
		case BPF_JMP | BPF_JGE | BPF_K:
			if (f->jt >= left || f->jf >= left)
				return false;
			break;
		default:
			return false;
		}
	}
	return true;
}

uint32_t seccomp_machine_run(const struct sock_fprog *prog, const struct seccomp_data *data)
{
	uint32_t a = 0;

	for (size_t i = 0; i < prog->len; i++) {
		const struct sock_filter *f = &prog->filter[i];

		switch (f->code) {
		case BPF_LD | BPF_W | BPF_ABS:
			memcpy(&a, (const char *)data + f->k, sizeof(a));
			break;
		case BPF_ALU | BPF_AND | BPF_K:
			a &= f->k;
			break;
		case BPF_RET | BPF_K:
			return f->k;
		case BPF_JMP | BPF_JA:
			i += f->k;
			break;
		case BPF_JMP | BPF_JEQ | BPF_K:
			i += a == f->k ? f->jt : f->jf;
			break;
		case BPF_JMP | BPF_JGT | BPF_K:
			i += a > f->k ? f->jt : f->jf;
			break;
		case BPF_JMP | BPF_JGE | BPF_K:
			i += a >= f->k ? f->jt : f->jf;
			break;
		default:
			return SECCOMP_MACHINE_STUCK;
		}
	}
	return SECCOMP_MACHINE_STUCK;
}
