// SPDX-License-Identifier: Apache-2.0
#include "api/listen.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "base/mem.h"
#include "base/socket.h"

int api_host_path(const char *host, const char **ret_path, struct bh_error *err)
{
	if (strncmp(host, "unix://", 7) == 0) {
		if (host[7] != '/')
			return bh_fail(err, -EINVAL,
				"invalid host \"%s\": a path beginning with / is needed", host);
		*ret_path = host + 7;
		return 0;
	}
	if (strncmp(host, "tcp://", 6) == 0)
		return bh_fail(err, -ENOTSUP,
			"host \"%s\": TCP is not supported by this build yet (use unix:///path)",
			host);
	if (strncmp(host, "fd://", 5) == 0)
		return bh_fail(err, -ENOTSUP,
			"host \"%s\": socket activation is not supported by this build yet (use "
			"unix:///path)",
			host);
	return bh_fail(err, -EINVAL, "invalid host \"%s\": must be unix:///path", host);
}

/* Open the directory of path; *ret_name is its last component. */
static int open_parent(
	const char *path, bool make, int *ret_fd, const char **ret_name, struct bh_error *err)
{
	const char *slash = strrchr(path, '/');
	char dir[PATH_MAX];
	int fd, len;

	if (slash == NULL || slash[1] == '\0')
		return bh_fail(err, -EINVAL, "\"%s\" is not the path of a socket", path);
	len = snprintf(dir, sizeof(dir), "%.*s/", (int)(slash - path), path);
	if (len >= (int)sizeof(dir))
		return bh_fail(err, -ENAMETOOLONG, "the path of the socket is too long");
	if (make)
		(void)mkdir(dir, 0755);
	fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return bh_fail_errno(err, -errno, "open directory %s", dir);
	*ret_fd = fd;
	*ret_name = slash + 1;
	return 0;
}

int api_find_group(const char *name, gid_t *ret, struct bh_error *err)
{
	struct group buffer, *found = NULL;
	char text[4096];
	char *end;
	unsigned long number = strtoul(name, &end, 10);

	if (*name != '\0' && *end == '\0' && number < UINT32_MAX) {
		*ret = (gid_t)number;
		return 0;
	}
	if (getgrnam_r(name, &buffer, text, sizeof(text), &found) != 0 || found == NULL)
		return bh_fail(err, -ENOENT, "group %s not found", name);
	*ret = found->gr_gid;
	return 0;
}

static bool is_live(int dirfd, const char *name)
{
	int fd;

	if (socket_connect_at(dirfd, name, SOCK_STREAM | SOCK_NONBLOCK, &fd, NULL) < 0)
		return false;
	(void)close(fd);
	return true;
}

int api_listen_unix(const char *path, const char *group, int *ret_fd, struct bh_error *err)
{
	_cleanup_close_ int dir = -EBADF, fd = -EBADF;
	const char *name;
	gid_t gid = 0;
	int r = 0;

	if (group != NULL)
		r = api_find_group(group, &gid, err);
	if (r == 0)
		r = open_parent(path, true, &dir, &name, err);
	if (r < 0)
		return r;
	if (is_live(dir, name))
		return bh_fail(err, -EADDRINUSE, "%s: another program listens there", path);
	r = socket_listen_at(dir, name, SOCK_STREAM | SOCK_NONBLOCK, 0600, API_BACKLOG, &fd, err);
	if (r < 0)
		return r;
	if (fchownat(dir, name, (uid_t)-1, gid, AT_SYMLINK_NOFOLLOW) < 0 ||
		fchmodat(dir, name, 0660, 0) < 0)
		return bh_fail_errno(err, -errno, "owner and mode of %s", path);
	*ret_fd = TAKE_FD(fd);
	return 0;
}

int api_connect_unix(const char *path, int *ret_fd, struct bh_error *err)
{
	_cleanup_close_ int dir = -EBADF;
	const char *name;
	int r = open_parent(path, false, &dir, &name, err);

	return r < 0 ? r : socket_connect_at(dir, name, SOCK_STREAM, ret_fd, err);
}
