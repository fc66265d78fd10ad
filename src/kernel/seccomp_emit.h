// SPDX-License-Identifier: Apache-2.0
#ifndef BULKHEAD_KERNEL_SECCOMP_EMIT_H
#define BULKHEAD_KERNEL_SECCOMP_EMIT_H

/*
 * Assembler for classic BPF, private to the kernel layer.
 *
 * Programs are written from their last instruction to their first. Jumps only go forward, so every
 * target is already placed when a jump to it is written and its distance is known. A conditional
 * jump reaches 255 instructions; for a target farther away a stepping stone (a copy of the return
 * instruction, or BPF_JA) is placed in front first. Whatever has no jump in itself (loads, masks)
 * must be written right after its successor.
 */

#include <linux/filter.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SECCOMP_EMIT_RETURNS 16

struct seccomp_target {
	bool is_return;
	uint32_t value; /* action to return, or place counted from the end of the program */
};

struct seccomp_emit {
	struct sock_filter *room; /* limit instructions; filled from the end */
	size_t limit, count;
	bool full; /* some instruction had no room; the program is unusable */
	struct {
		uint32_t action, place;
	} returns[SECCOMP_EMIT_RETURNS]; /* nearest return instruction of each action */
	size_t return_count;
};

static inline struct seccomp_target seccomp_return(uint32_t action)
{
	return (struct seccomp_target){true, action};
}

/* All give the target that jumps to what was written. */
struct seccomp_target seccomp_emit_load(struct seccomp_emit *e, uint32_t offset);
struct seccomp_target seccomp_emit_and(struct seccomp_emit *e, uint32_t mask);
/* jump: BPF_JEQ, BPF_JGT or BPF_JGE. */
struct seccomp_target seccomp_emit_jump(struct seccomp_emit *e, uint16_t jump, uint32_t k,
	struct seccomp_target yes, struct seccomp_target no);
/* Make target the very next instruction, so that a load in front of it falls into it. */
void seccomp_emit_settle(struct seccomp_emit *e, struct seccomp_target target);

#endif
