// SPDX-License-Identifier: Apache-2.0
#ifndef BULKHEAD_IMAGE_REFERENCE_H
#define BULKHEAD_IMAGE_REFERENCE_H

/*
 * Names of images: [domain/]path[:tag][@digest], as in the distribution reference grammar.
 * "busybox" means docker.io/library/busybox:latest and is shown short again.
 */

#include "base/error.h"

#define REFERENCE_NAME_MAX 255 /* of the canonical repository */
#define REFERENCE_TAG_MAX  128
#define REFERENCE_TEXT_MAX (REFERENCE_NAME_MAX + 1 + REFERENCE_TAG_MAX)

struct reference {
	char repository[REFERENCE_NAME_MAX + 1]; /* canonical: "docker.io/library/busybox" */
	char tag[REFERENCE_TAG_MAX + 1];         /* "" when not given */
	char digest[72];                         /* "sha256:..." or "" */
};

/* Parse. -EINVAL: "invalid reference format". */
int reference_parse(const char *text, struct reference *ret, struct bh_error *err);
/* The repository as users see it: without docker.io/ and library/. Points into ref. */
const char *reference_familiar(const struct reference *ref);
/* "busybox:latest" into out (":latest" when no tag was given). */
void reference_format(const struct reference *ref, char out[static REFERENCE_TEXT_MAX + 1]);
/* 64 lower-case hex digits after "sha256:". */
int digest_valid(const char *text);

#endif
