// SPDX-License-Identifier: Apache-2.0
#ifndef BULKHEAD_ENGINE_NAMES_H
#define BULKHEAD_ENGINE_NAMES_H

#include <stddef.h>
#include <stdint.h>

#define NAMES_GENERATED_MAX 48

/* A name for a container that was given none: two words from a pair of random numbers. Pure. */
void name_generate(uint32_t random, char ret[static NAMES_GENERATED_MAX]);
/* n / 2 random bytes as n lower-case hex digits and a NUL. -EIO without randomness. */
int name_random_hex(char *ret, size_t n);

#endif
