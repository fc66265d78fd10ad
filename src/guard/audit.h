// SPDX-License-Identifier: Apache-2.0
#ifndef BULKHEAD_GUARD_AUDIT_H
#define BULKHEAD_GUARD_AUDIT_H

/*
 * The audit trail: one JSON line per decision on a verb that writes, appended with one write(2) to
 * a file of mode 0600, so that lines of several writers never mix. A full disk does not stop the
 * engine: lines that were lost are counted and the count is in the next line that gets through.
 */

#include <stdint.h>

#include "base/error.h"
#include "guard/verb.h"

/* Past this size the file becomes NAME.1 and a new one is begun: at most two files exist. */
#define AUDIT_FILE_MAX (16u << 20)

struct audit {
	int fd;    /* -EBADF: no trail is kept */
	int dirfd; /* directory of the file */
	uint64_t size, lost;
};

#define AUDIT_INIT                                                                                 \
	{                                                                                          \
		-EBADF, -EBADF, 0, 0                                                               \
	}

/* Open or make "audit.log" in directory dirfd (duplicated). */
int audit_open(int dirfd, struct audit *ret, struct bh_error *err);
void audit_close(struct audit *audit);
/* Record one decision and its outcome. object: container, image, ...; may be NULL. status: HTTP
 * status of the answer. */
void audit_write(struct audit *audit, const struct guard_caller *caller, enum guard_verb verb,
	const char *object, int status);

#endif
