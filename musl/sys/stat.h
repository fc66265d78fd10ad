// SPDX-License-Identifier: Apache-2.0
#ifndef BULKHEAD_MUSL_SYS_STAT_H
#define BULKHEAD_MUSL_SYS_STAT_H

/* statx(2): structure and constants from the kernel. */
#include_next <sys/stat.h>

#include <linux/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static inline int statx(int dir, const char *path, int flags, unsigned int mask, struct statx *ret)
{
	return (int)syscall(SYS_statx, dir, path, flags, mask, ret);
}

#endif
