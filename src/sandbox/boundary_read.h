// SPDX-License-Identifier: Apache-2.0
#ifndef BULKHEAD_SANDBOX_BOUNDARY_READ_H
#define BULKHEAD_SANDBOX_BOUNDARY_READ_H

/* Parts of boundary_read(); private to the sandbox layer. Each fills its part of facts from `proc`,
 * the directory /proc/PID. What cannot be seen is left unknown; only a full arena is an error. */

#include "sandbox/boundary.h"

int boundary_read_mounts(int proc, struct arena *a, struct boundary_facts *facts);
int boundary_read_devices(int proc, struct arena *a, struct boundary_facts *facts);
int boundary_read_cgroup(int proc, struct arena *a, struct boundary_facts *facts);

/* Read a file below a directory of proc or a cgroup whole into the arena, without the newline at
 * its end; NULL if it cannot be read. */
const char *boundary_read_text(int dirfd, const char *path, struct arena *a);
/* The text up to the next separator, NUL-terminated in place; *text moves behind it. NULL at the
 * end. */
char *boundary_token(char **text, char separator);

#endif
