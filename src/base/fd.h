// SPDX-License-Identifier: Apache-2.0
#ifndef BULKHEAD_BASE_FD_H
#define BULKHEAD_BASE_FD_H

#include <stddef.h>
#include <sys/types.h>

#include "base/buf.h"

/* Whole reads and writes on descriptors. All retry EINTR; none changes flags. */

/* Append to out everything from fd until end of file; at most out->max bytes in all (-E2BIG). */
int fd_read_all(int fd, struct buf *out);
/* Open path below dirfd (AT_FDCWD allowed), read it whole. The caller trusts the path: paths below
 * a root that somebody else controls go through kernel/path.h. */
int fd_read_file(int dirfd, const char *path, struct buf *out);
/* Write len bytes. */
int fd_write_all(int fd, const void *data, size_t len);
/* Open an existing file (proc, sysfs, cgroup) and write text with one write(2). */
int fd_write_file(int dirfd, const char *path, const char *text);
/* Replace path atomically: temporary file beside it, written, optionally synced, renamed. */
int fd_replace_file(
	int dirfd, const char *path, const void *data, size_t len, mode_t mode, int sync);
/* Set or clear FD_CLOEXEC. */
int fd_set_cloexec(int fd, int on);
int fd_set_nonblock(int fd, int on);

#endif
