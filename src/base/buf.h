// SPDX-License-Identifier: Apache-2.0
#ifndef BULKHEAD_BASE_BUF_H
#define BULKHEAD_BASE_BUF_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Growing byte buffer with a declared maximum. Appends after a failure do nothing; the failure is
 * kept, so a writer may append many times and ask once with buf_status(). The content is always
 * NUL-terminated behind len, so data can be used as a string when it holds text.
 */
struct buf {
	char *data; /* NULL until the first append; use buf_str() for a string that is never NULL */
	size_t len;
	size_t cap;
	size_t max;
	int failed; /* 0, -ENOMEM or -E2BIG */
};

/* max: most bytes the content may have. */
void buf_init(struct buf *b, size_t max);
void buf_release(struct buf *b);
/* Empty the buffer, keep its memory and maximum, forget a failure. */
void buf_clear(struct buf *b);
int buf_append(struct buf *b, const void *data, size_t len);
int buf_puts(struct buf *b, const char *s);
int buf_putc(struct buf *b, char c);
int buf_printf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Make room for at least n more bytes; data + len may then be written, followed by buf_added(). */
int buf_reserve(struct buf *b, size_t n);
void buf_added(struct buf *b, size_t n);
/* Remove n bytes from the front. */
void buf_consume(struct buf *b, size_t n);
/* 0, or the first failure. */
int buf_status(const struct buf *b);
const char *buf_str(const struct buf *b);
/* Hand the memory to the caller (free()); NULL if empty or failed. The buffer is empty afterwards.
 */
char *buf_steal(struct buf *b);

#define _cleanup_buf_ __attribute__((cleanup(buf_release)))

#endif
