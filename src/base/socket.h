// SPDX-License-Identifier: Apache-2.0
#ifndef BULKHEAD_BASE_SOCKET_H
#define BULKHEAD_BASE_SOCKET_H

/*
 * Unix sockets with descriptors attached (unix(7), SCM_RIGHTS). Names are given as a directory
 * descriptor and a file name, so that the 107 bytes of sun_path never limit where a data root may
 * be: the address used is /proc/self/fd/N/name. All sockets are close-on-exec.
 */

#include <stddef.h>
#include <sys/types.h>

#include "base/error.h"

#define SOCKET_FDS_MAX 16

/* Bind and listen; type: SOCK_STREAM or SOCK_SEQPACKET, may carry SOCK_NONBLOCK. A stale socket of
 * that name is removed first. The file gets mode. name has no '/' and at most 64 bytes. */
int socket_listen_at(int dirfd, const char *name, int type, mode_t mode, int backlog, int *ret,
	struct bh_error *err);
/* Connect; does not wait when type carries SOCK_NONBLOCK (-EAGAIN: backlog full). */
int socket_connect_at(int dirfd, const char *name, int type, int *ret, struct bh_error *err);

/* Send one message (or, on streams, bytes) with count descriptors. Returns bytes sent or negative
 * errno (-EAGAIN, -EMSGSIZE, -EPIPE; never raises SIGPIPE). */
ssize_t socket_send_fds(int fd, const void *data, size_t len, const int *fds, size_t count);
/* Receive one message of at most len bytes and up to max descriptors (SOCKET_FDS_MAX at most),
 * which are close-on-exec and the caller's. Returns bytes (0: end), or negative errno: -EMSGSIZE
 * when data or descriptors were cut off (those received are closed), -EAGAIN. ret_count is set on
 * success. */
ssize_t socket_recv_fds(int fd, void *data, size_t len, int *fds, size_t max, size_t *ret_count);
/* Bytes of the next message that waits (SOCK_SEQPACKET), 0 at the end, -EAGAIN if there is none
 * now; never waits. */
ssize_t socket_next_size(int fd);
/* Who is at the other end (SO_PEERCRED). Any ret may be NULL. */
int socket_peer(int fd, pid_t *ret_pid, uid_t *ret_uid, gid_t *ret_gid);

#endif
