// SPDX-License-Identifier: Apache-2.0
#ifndef BULKHEAD_BASE_UTF8_H
#define BULKHEAD_BASE_UTF8_H

#include <stddef.h>

/* Length in bytes (1 to 4) of the valid UTF-8 sequence at s (len bytes readable); 0 if there is
 * none (RFC 3629: no overlong forms, no surrogates, nothing above U+10FFFF). */
size_t utf8_sequence(const unsigned char *s, size_t len);
/* Write code point cp (valid, below 0x110000, no surrogate) to out[4]; returns its length. */
size_t utf8_encode(unsigned int cp, char out[static 4]);

#endif
