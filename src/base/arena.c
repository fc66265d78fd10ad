// SPDX-License-Identifier: Apache-2.0
#include "base/arena.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#define ARENA_ALIGN 16u
#define ARENA_PAGE  4096u
#define ARENA_KEPT  65536u /* a reset clears this much by hand and gives back more */

int arena_init(struct arena *a, size_t max)
{
	void *p;

	max = (max + ARENA_PAGE - 1) & ~(size_t)(ARENA_PAGE - 1);
	p = mmap(NULL, max, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1,
		0);
	if (p == MAP_FAILED)
		return -ENOMEM;
	*a = (struct arena){.base = p, .used = 0, .max = max};
	return 0;
}

void arena_release(struct arena *a)
{
	int saved = errno;

	if (a->base != NULL)
		(void)munmap(a->base, a->max);
	*a = (struct arena)ARENA_INIT;
	errno = saved;
}

void arena_reset(struct arena *a)
{
	int saved = errno;

	if (a->used > ARENA_KEPT)
		(void)madvise(a->base, a->max, MADV_DONTNEED);
	else if (a->base != NULL)
		memset(a->base, 0, a->used);
	a->used = 0;
	errno = saved;
}

void *arena_alloc(struct arena *a, size_t size)
{
	size_t start = (a->used + ARENA_ALIGN - 1) & ~(size_t)(ARENA_ALIGN - 1);

	if (a->base == NULL || start > a->max || size > a->max - start)
		return NULL;
	a->used = start + size;
	return a->base + start;
}

void *arena_calloc(struct arena *a, size_t n, size_t size)
{
	size_t bytes;

	if (__builtin_mul_overflow(n, size, &bytes))
		return NULL;
	return arena_alloc(a, bytes);
}

char *arena_strndup(struct arena *a, const char *s, size_t len)
{
	char *p;

	if (len == SIZE_MAX)
		return NULL;
	p = arena_alloc(a, len + 1);
	if (p != NULL)
		memcpy(p, s, len);
	return p;
}

char *arena_strdup(struct arena *a, const char *s)
{
	return arena_strndup(a, s, strlen(s));
}

char *arena_printf(struct arena *a, const char *fmt, ...)
{
	va_list ap;
	char *p;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (n < 0)
		return NULL;
	p = arena_alloc(a, (size_t)n + 1);
	if (p == NULL)
		return NULL;
	va_start(ap, fmt);
	(void)vsnprintf(p, (size_t)n + 1, fmt, ap);
	va_end(ap);
	return p;
}
