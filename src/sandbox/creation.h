// SPDX-License-Identifier: Apache-2.0
#ifndef BULKHEAD_SANDBOX_CREATION_H
#define BULKHEAD_SANDBOX_CREATION_H

/*
 * What the processes of one creation share: filled by the creator before the clone, copied into the
 * builder and process 1 by it. Shared by create.c, builder.c and init.c only.
 *
 * Conversation (channel.h), C creator, B builder (only with plan.builder), P process 1:
 *
 *	B or P -> C  INIT_PID   process 1 exists, when the creator did not clone it itself
 *	C -> P or B  GO         its pid is recorded, id maps and outside limits are set
 *	P -> B       SET_UP     (their own pair) P has joined its groups and namespaces
 *	B or P -> C  HOOKS      all mounts are made
 *	C -> B or P  GO         prestart and createRuntime hooks have run
 *	B -> P       GO         (their own pair) the tree is final and pivoted to
 *	P -> C       CONSOLE, LISTENER, READY
 *
 * Anybody who fails sends ERROR and exits; the creator then kills the rest.
 */

#include <linux/filter.h>
#include <stdbool.h>

#include "base/arena.h"
#include "base/error.h"
#include "sandbox/gate.h"
#include "sandbox/plan.h"
#include "sandbox/sandbox.h"

#define CREATION_TIMEOUT_MS 120000

struct creation {
	const struct sandbox_request *request;
	const struct oci_config *config;
	struct arena arena;
	struct sandbox_plan plan;
	struct sock_fprog filter;
	bool has_filter;
	struct cgroup *cgroup;
	int join[OCI_NS_COUNT]; /* namespaces joined by path, or -EBADF */
	int sysfs;              /* of a network that the joined user namespace does not own */
	int creator, child;     /* the two ends of the channel */
	struct gate gate;       /* process 1's side */
};

/* Bodies of the two kinds of children; never return. */
_Noreturn void creation_builder(struct creation *c);
_Noreturn void creation_init(struct creation *c, int builder);

/* Open the namespaces joined by path into c->join; refused where the container would change the
 * host's. */
int creation_open_joined(struct creation *c, struct bh_error *err);

/* Steps both use. */
int creation_join(const struct creation *c, uint64_t flags, struct bh_error *err);
int creation_set_sysctls(const struct oci_config *config, struct bh_error *err);
int creation_raise_loopback(struct bh_error *err);
int creation_container_hooks(const struct creation *c, struct bh_error *err);
_Noreturn void creation_give_up(const struct creation *c, const struct bh_error *err);

#endif
