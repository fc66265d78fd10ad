// SPDX-License-Identifier: Apache-2.0
#ifndef BULKHEAD_ENGINE_SECCOMP_PROFILE_H
#define BULKHEAD_ENGINE_SECCOMP_PROFILE_H

#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/json.h"
#include "spec/oci.h"

/* What decides which rules of a profile count. */
struct seccomp_context {
	uint64_t capabilities;    /* of the container */
	const char *architecture; /* SCMP_ARCH_* of the machine */
	const char *machine;      /* the same in Docker's words: "amd64" */
	unsigned int kernel_major, kernel_minor;
};

/* This machine, with the container's capabilities. */
void seccomp_context_init(uint64_t capabilities, struct seccomp_context *ret);

/*
 * A profile in the format of `--security-opt seccomp=FILE` (archMap, and rules with includes and
 * excludes) to the OCI form. Pure. -EINVAL: the profile is no such document; err names the place.
 */
int seccomp_profile_convert(const struct json *profile, const struct seccomp_context *context,
	struct arena *a, struct oci_seccomp *ret, struct bh_error *err);

#endif
