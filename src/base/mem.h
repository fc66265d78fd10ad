// SPDX-License-Identifier: Apache-2.0
#ifndef BULKHEAD_BASE_MEM_H
#define BULKHEAD_BASE_MEM_H

/*
 * Ownership of memory and descriptors. Every resource is released by a cleanup attribute at the
 * end of its scope; ownership leaves a scope only through TAKE_PTR() and TAKE_FD(). Descriptors
 * start and end at -EBADF. Cleanups accept NULL and already released objects and keep errno.
 */

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <unistd.h>

static inline void mem_freep(void *p)
{
	int saved = errno;

	free(*(void **)p);
	*(void **)p = NULL;
	errno = saved;
}

/* Close fd if it is open, keep errno; returns -EBADF, so `fd = fd_close(fd)` is the idiom. */
static inline int fd_close(int fd)
{
	int saved = errno;

	if (fd >= 0)
		(void)close(fd);
	errno = saved;
	return -EBADF;
}

static inline void fd_closep(int *fd)
{
	*fd = fd_close(*fd);
}

#define _cleanup_(f)    __attribute__((cleanup(f)))
#define _cleanup_free_  _cleanup_(mem_freep)
#define _cleanup_close_ _cleanup_(fd_closep)

#define TAKE_PTR(p)                                                                                \
	__extension__({                                                                            \
		__typeof__(p) *take_pp_ = &(p);                                                    \
		__typeof__(p) take_v_ = *take_pp_;                                                 \
		*take_pp_ = NULL;                                                                  \
		take_v_;                                                                           \
	})

#define TAKE_FD(fd)                                                                                \
	__extension__({                                                                            \
		int *take_pf_ = &(fd);                                                             \
		int take_f_ = *take_pf_;                                                           \
		*take_pf_ = -EBADF;                                                                \
		take_f_;                                                                           \
	})

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

#endif
