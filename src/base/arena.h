// SPDX-License-Identifier: Apache-2.0
#ifndef BULKHEAD_BASE_ARENA_H
#define BULKHEAD_BASE_ARENA_H

#include <stddef.h>
#include <stdint.h>

/*
 * Arena: memory for one job (one parsed document, one plan), released in one stroke. Address space
 * of the declared maximum is reserved with mmap(2) at init and populated by the kernel on touch, so
 * the maximum costs nothing until used, pointers stay valid until release, and release really gives
 * the pages back, which matters in processes that stay (the shim). Memory is zeroed.
 */
struct arena {
	uint8_t *base;
	size_t used;
	size_t max;
};

#define ARENA_INIT                                                                                 \
	{                                                                                          \
		NULL, 0, 0                                                                         \
	}

/* Reserve max bytes (rounded up to pages). Returns 0 or -ENOMEM. */
int arena_init(struct arena *a, size_t max);
/* Unmap everything; accepts a zeroed or released arena. */
void arena_release(struct arena *a);
/* Forget the content and keep the address space: cheaper than release and init for many small jobs.
 * Nothing for an arena that was never initialised. */
void arena_reset(struct arena *a);

/* Allocate size zeroed bytes aligned to 16; NULL when the maximum is reached. */
void *arena_alloc(struct arena *a, size_t size);
/* Allocate an array; NULL on overflow of n * size or at the maximum. */
void *arena_calloc(struct arena *a, size_t n, size_t size);
/* Copy len bytes and add a NUL. */
char *arena_strndup(struct arena *a, const char *s, size_t len);
char *arena_strdup(struct arena *a, const char *s);
/* Formatted string in the arena; NULL when full. */
char *arena_printf(struct arena *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#define _cleanup_arena_ __attribute__((cleanup(arena_release)))

#endif
