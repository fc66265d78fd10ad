// SPDX-License-Identifier: Apache-2.0
#ifndef BULKHEAD_KERNEL_CAPS_H
#define BULKHEAD_KERNEL_CAPS_H

#include <stdbool.h>
#include <stdint.h>

/* Capability sets as 64-bit masks, see capabilities(7). Negative errno on failure. */

/* Number of the last capability this kernel knows. */
unsigned int caps_last(void);
/* Effective and permitted set of the calling thread. */
int caps_effective(uint64_t *ret);
int caps_permitted(uint64_t *ret);
bool caps_have(unsigned int capability);
/* Drop from the bounding set everything that is not in keep. */
int caps_set_bounding(uint64_t keep);
/* Set effective, permitted and inheritable at once, cut to what the kernel knows. */
int caps_set(uint64_t effective, uint64_t permitted, uint64_t inheritable);
/* Clear the ambient set, then raise what is in ambient. */
int caps_set_ambient(uint64_t ambient);

#endif
