// SPDX-License-Identifier: Apache-2.0
#include "kernel/path.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/mem.h"

#define RETRY_MAX     128
#define COMPONENT_MAX 256 /* directories made by one call */

static int open_how(int dir, const char *path, int flags, mode_t mode, unsigned long resolve)
{
	struct open_how how = {
		.flags = (unsigned int)(flags | O_CLOEXEC),
		.mode = (flags & (O_CREAT | __O_TMPFILE)) != 0 ? mode : 0,
		.resolve = resolve,
	};

	for (int i = 0; i < RETRY_MAX; i++) {
		long fd = syscall(SYS_openat2, dir, path, &how, sizeof(how));

		if (fd >= 0)
			return (int)fd;
		if (errno != EAGAIN && errno != EINTR)
			return -errno;
	}
	return -EAGAIN;
}

int path_open_in_root(int root, const char *path, int flags, mode_t mode)
{
	while (*path == '/' && path[1] == '/')
		path++;
	return open_how(root, *path != '\0' ? path : "/", flags, mode,
		RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS);
}

int path_open_beneath(int dir, const char *path, int flags, mode_t mode)
{
	return open_how(dir, path, flags, mode,
		RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS);
}

/*
 * One component is made relative to the descriptor of its parent; only then the prefix one longer
 * is opened, so a link that is swapped in between can at worst make the call fail.
 */
static int make_component(int root, char *prefix, mode_t mode)
{
	_cleanup_close_ int parent = -EBADF;
	char *slash = strrchr(prefix, '/');
	const char *name = slash != NULL ? slash + 1 : prefix;
	int fd = path_open_in_root(root, prefix, O_PATH | O_DIRECTORY, 0);

	if (fd != -ENOENT)
		return fd;
	if (slash != NULL && slash != prefix) {
		*slash = '\0';
		parent = path_open_in_root(root, prefix, O_PATH | O_DIRECTORY, 0);
		*slash = '/';
	} else {
		parent = path_open_in_root(root, "/", O_PATH | O_DIRECTORY, 0);
	}
	if (parent < 0)
		return parent;
	if (mkdirat(parent, name, mode) < 0 && errno != EEXIST)
		return -errno;
	return path_open_in_root(root, prefix, O_PATH | O_DIRECTORY, 0);
}

int path_mkdir_in_root(int root, const char *path, mode_t mode)
{
	char prefix[PATH_MAX];
	size_t len = strlen(path);
	int fd, made = 0;

	fd = path_open_in_root(root, path, O_PATH | O_DIRECTORY, 0);
	if (fd != -ENOENT)
		return fd;
	if (len >= sizeof(prefix))
		return -ENAMETOOLONG;
	memcpy(prefix, path, len + 1);
	while (len > 1 && prefix[len - 1] == '/')
		prefix[--len] = '\0';
	for (size_t i = 1; i <= len; i++) {
		char saved = prefix[i];

		if ((saved != '/' && saved != '\0') || prefix[i - 1] == '/')
			continue;
		if (++made > COMPONENT_MAX)
			return -ENAMETOOLONG;
		prefix[i] = '\0';
		fd = make_component(root, prefix, mode);
		prefix[i] = saved;
		if (fd < 0 || saved == '\0')
			return fd;
		(void)close(fd);
	}
	return path_open_in_root(root, path, O_PATH | O_DIRECTORY, 0);
}

int path_parent_in_root(int root, const char *path, int make, char *ret_name)
{
	char parent[PATH_MAX];
	size_t len = strlen(path);
	const char *name;

	while (len > 1 && path[len - 1] == '/')
		len--;
	if (len >= sizeof(parent))
		return -ENAMETOOLONG;
	memcpy(parent, path, len);
	parent[len] = '\0';
	name = strrchr(parent, '/');
	name = name != NULL ? name + 1 : parent;
	if (*name == '\0' || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
		return -EINVAL;
	if (strlen(name) > NAME_MAX)
		return -ENAMETOOLONG;
	memcpy(ret_name, name, strlen(name) + 1);
	parent[name - parent] = '\0';
	if (parent[0] == '\0')
		return path_open_in_root(root, "/", O_PATH | O_DIRECTORY, 0);
	return make ? path_mkdir_in_root(root, parent, 0755)
		    : path_open_in_root(root, parent, O_PATH | O_DIRECTORY, 0);
}

int path_touch_in_root(int root, const char *path, mode_t mode)
{
	_cleanup_close_ int parent = -EBADF, file = -EBADF;
	char name[NAME_MAX + 1];
	int fd = path_open_in_root(root, path, O_PATH, 0);

	if (fd != -ENOENT)
		return fd;
	parent = path_parent_in_root(root, path, 1, name);
	if (parent < 0)
		return parent;
	file = openat(parent, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
	if (file < 0 && errno != EEXIST)
		return -errno;
	return path_open_in_root(root, path, O_PATH, 0);
}

const char *path_of_fd(int fd, char out[static 32])
{
	(void)snprintf(out, 32, "/proc/self/fd/%d", fd);
	return out;
}
