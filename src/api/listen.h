// SPDX-License-Identifier: Apache-2.0
#ifndef BULKHEAD_API_LISTEN_H
#define BULKHEAD_API_LISTEN_H

#include <sys/types.h>

#include "base/error.h"

/* Where the engine listens and clients connect: "unix:///path". */

#define API_DEFAULT_SOCKET "/run/bulkhead.sock"
#define API_BACKLOG        256

/* The absolute path in a host address. Refuses other schemes by name: -ENOTSUP. */
int api_host_path(const char *host, const char **ret_path, struct bh_error *err);
/* A group by name or number; -ENOENT. */
int api_find_group(const char *name, gid_t *ret, struct bh_error *err);
/* Listen on a unix socket of mode 0660, owned by root and group (NULL: root's). A socket file that
 * nobody listens on is replaced; a live one is refused (-EADDRINUSE). A missing directory is made.
 */
int api_listen_unix(const char *path, const char *group, int *ret_fd, struct bh_error *err);
/* Connect to a unix socket. */
int api_connect_unix(const char *path, int *ret_fd, struct bh_error *err);

#endif
