// SPDX-License-Identifier: Apache-2.0
#ifndef BULKHEAD_SPEC_DAEMON_REFUSED_H
#define BULKHEAD_SPEC_DAEMON_REFUSED_H

/* Keys of daemon.json that dockerd knows and this build refuses. */

#include <stddef.h>

struct daemon_refused_key {
	const char *name;
	const char *remedy; /* what would work */
};

const struct daemon_refused_key *daemon_refused_keys(size_t *ret_count);
/* The remedy of a refused key; NULL if it is not one of them. */
const char *daemon_refused_remedy(const char *name);

#endif
