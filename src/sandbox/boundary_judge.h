// SPDX-License-Identifier: Apache-2.0
#ifndef BULKHEAD_SANDBOX_BOUNDARY_JUDGE_H
#define BULKHEAD_SANDBOX_BOUNDARY_JUDGE_H

/* Parts of boundary_evaluate(); private to the sandbox layer. Pure. */

#include "sandbox/boundary.h"

struct boundary_judge {
	const struct boundary_facts *facts;
	struct arena *arena;
	struct boundary_report *report;
	bool host_user_ns; /* or not known to be another one */
};

/* Add an item; detail NULL (arena full) makes the report incomplete. */
void boundary_add(struct boundary_judge *j, enum boundary_severity severity, const char *what,
	const char *consequence, const char *detail);
void boundary_judge_capabilities(struct boundary_judge *j);
void boundary_judge_mounts(struct boundary_judge *j);
void boundary_judge_devices(struct boundary_judge *j);

#endif
