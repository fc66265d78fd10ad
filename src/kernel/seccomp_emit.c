// SPDX-License-Identifier: Apache-2.0
#include "kernel/seccomp_emit.h"

/* Farthest place still jumped to directly: leaves room for two stepping stones, one for each way of
 * the same jump. */
#define REACH 252

static struct seccomp_target put(struct seccomp_emit *e, struct sock_filter instruction)
{
	if (e->count >= e->limit)
		e->full = true;
	else
		e->room[e->limit - ++e->count] = instruction;
	return (struct seccomp_target){false, e->full ? 0 : (uint32_t)e->count - 1};
}

static bool reached(const struct seccomp_emit *e, uint32_t place)
{
	return e->count - place <= REACH;
}

/* Distance as it stands in an instruction that is written next. */
static uint32_t distance(const struct seccomp_emit *e, uint32_t place)
{
	return (uint32_t)e->count - place - 1;
}

static uint32_t place_return(struct seccomp_emit *e, uint32_t action)
{
	size_t slot = 0;

	while (slot < e->return_count && e->returns[slot].action != action)
		slot++;
	if (slot < e->return_count && reached(e, e->returns[slot].place))
		return e->returns[slot].place;
	if (slot == e->return_count) {
		if (e->return_count < SECCOMP_EMIT_RETURNS)
			e->return_count++;
		else
			slot = action % SECCOMP_EMIT_RETURNS;
	}
	e->returns[slot].action = action;
	e->returns[slot].place =
		put(e, (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, action)).value;
	return e->returns[slot].place;
}

static uint32_t place_near(struct seccomp_emit *e, struct seccomp_target target)
{
	if (target.is_return)
		return place_return(e, target.value);
	if (reached(e, target.value))
		return target.value;
	return put(e, (struct sock_filter)BPF_STMT(BPF_JMP | BPF_JA, distance(e, target.value)))
		.value;
}

struct seccomp_target seccomp_emit_load(struct seccomp_emit *e, uint32_t offset)
{
	return put(e, (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offset));
}

struct seccomp_target seccomp_emit_and(struct seccomp_emit *e, uint32_t mask)
{
	return put(e, (struct sock_filter)BPF_STMT(BPF_ALU | BPF_AND | BPF_K, mask));
}

struct seccomp_target seccomp_emit_jump(struct seccomp_emit *e, uint16_t jump, uint32_t k,
	struct seccomp_target yes, struct seccomp_target no)
{
	uint32_t yes_place = place_near(e, yes), no_place = place_near(e, no);

	if (e->full)
		return (struct seccomp_target){false, 0};
	return put(e, (struct sock_filter){(uint16_t)(BPF_JMP | jump | BPF_K),
			      (uint8_t)distance(e, yes_place), (uint8_t)distance(e, no_place), k});
}

void seccomp_emit_settle(struct seccomp_emit *e, struct seccomp_target target)
{
	if (target.is_return)
		put(e, (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, target.value));
	else if (e->count > 0 && target.value + 1 != e->count)
		put(e, (struct sock_filter)BPF_STMT(BPF_JMP | BPF_JA, distance(e, target.value)));
}
