// SPDX-License-Identifier: Apache-2.0
#ifndef BULKHEAD_TESTS_UNIT_SECCOMP_JSON_H
#define BULKHEAD_TESTS_UNIT_SECCOMP_JSON_H

#include "base/json.h"
#include "kernel/seccomp.h"

/* A linux.seccomp object as a profile for the compiler alone, below the layer that decodes and
 * checks config.json. Ill-formed parts are skipped. -ENOMEM when the arena is full. */
int seccomp_json_profile(const struct json *object, struct arena *a, struct seccomp_profile *ret);
/* The same from a file; exits on failure. */
void seccomp_json_load(const char *path, struct arena *a, struct seccomp_profile *ret);

#endif
