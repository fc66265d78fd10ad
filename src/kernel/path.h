// SPDX-License-Identifier: Apache-2.0
#ifndef BULKHEAD_KERNEL_PATH_H
#define BULKHEAD_KERNEL_PATH_H

#include <sys/types.h>

/*
 * Paths below a root that somebody else controls. Every look-up is one openat2(2) with
 * RESOLVE_IN_ROOT (symbolic links are followed, but never out of the root) and without magic links;
 * what is made on the way is made relative to descriptors. All functions return a descriptor or a
 * negative errno, and retry the EAGAIN that a concurrent rename causes a bounded number of times.
 */

/* Open path below root. flags as open(2); O_CLOEXEC is added. */
int path_open_in_root(int root, const char *path, int flags, mode_t mode);
/* Open path below root refusing any symbolic link and any step out (RESOLVE_BENEATH |
 * RESOLVE_NO_SYMLINKS). */
int path_open_beneath(int dir, const char *path, int flags, mode_t mode);
/* mkdir -p below root, following links inside it; returns an O_PATH descriptor of the directory. */
int path_mkdir_in_root(int root, const char *path, mode_t mode);
/* Make an empty file (and its directories) below root if it is absent; returns an O_PATH
 * descriptor. */
int path_touch_in_root(int root, const char *path, mode_t mode);
/* Open the parent directory of path below root (made if make is set) and give the last component.
 * ret_name must have NAME_MAX + 1 bytes. */
int path_parent_in_root(int root, const char *path, int make, char *ret_name);
/* "/proc/self/fd/N" for an O_PATH descriptor; out has 32 bytes. Works while /proc is the host's. */
const char *path_of_fd(int fd, char out[static 32]);

#endif
