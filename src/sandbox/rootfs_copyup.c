// SPDX-License-Identifier: Apache-2.0
/*
 * tmpcopyup: the content of the directory under a new tmpfs is copied into it. The source tree is
 * the image's: it is walked by descriptors with O_NOFOLLOW, and the copy is bounded in depth and by
 * the size of the tmpfs. Regular files, directories, symbolic links and fifos are copied with
 * owner, mode and times; device nodes and sockets are refused by name.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "kernel/path.h"
#include "sandbox/rootfs.h"

#define COPY_DEPTH_MAX 64
#define COPY_CHUNK     (1u << 20)

static void closedirp(DIR **dir)
{
	if (*dir != NULL)
		(void)closedir(*dir);
}

static int copy_tree(int from, int to, int depth, struct bh_error *err);

static int copy_content(int in, int out)
{
	for (;;) {
		ssize_t n = sendfile(out, in, NULL, COPY_CHUNK);

		if (n == 0)
			return 0;
		if (n < 0 && errno != EINTR)
			return -errno;
	}
}

static int copy_file(int from, int to, const char *name, const struct stat *st)
{
	_cleanup_close_ int in = openat(from, name,
				    O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC),
			    out = -EBADF;
	struct stat now;
	int r;

	/* In a shared volume the name may have become a fifo since it was looked at. */
	if (in < 0 || fstat(in, &now) < 0)
		return -errno;
	if (!S_ISREG(now.st_mode))
		return -EAGAIN;
	out = openat(to, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (out < 0)
		return -errno;
	r = copy_content(in, out);
	if (r < 0)
		return r;
	if (fchown(out, st->st_uid, st->st_gid) < 0 || fchmod(out, st->st_mode & 07777) < 0)
		return -errno;
	return 0;
}

static int copy_link(int from, int to, const char *name, const struct stat *st)
{
	char text[PATH_MAX];
	ssize_t n = readlinkat(from, name, text, sizeof(text) - 1);

	if (n < 0)
		return -errno;
	text[n] = '\0';
	if (symlinkat(text, to, name) < 0)
		return -errno;
	return fchownat(to, name, st->st_uid, st->st_gid, AT_SYMLINK_NOFOLLOW) < 0 ? -errno : 0;
}

static int copy_directory(
	int from, int to, const char *name, const struct stat *st, int depth, struct bh_error *err)
{
	_cleanup_close_ int in = openat(
				    from, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC),
			    out = -EBADF;
	int r;

	if (in < 0)
		return bh_fail_errno(err, -errno, "open %s", name);
	if (mkdirat(to, name, 0700) < 0)
		return bh_fail_errno(err, -errno, "make directory %s", name);
	out = openat(to, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (out < 0)
		return bh_fail_errno(err, -errno, "open the copy of %s", name);
	r = copy_tree(in, out, depth + 1, err);
	if (r < 0)
		return r;
	if (fchown(out, st->st_uid, st->st_gid) < 0 || fchmod(out, st->st_mode & 07777) < 0)
		return bh_fail_errno(err, -errno, "set the owner of %s", name);
	return 0;
}

static int copy_entry(int from, int to, const char *name, int depth, struct bh_error *err)
{
	struct stat st;
	int r;

	if (fstatat(from, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return bh_fail_errno(err, -errno, "stat %s", name);
	switch (st.st_mode & S_IFMT) {
	case S_IFDIR:
		return copy_directory(from, to, name, &st, depth, err);
	case S_IFREG:
		r = copy_file(from, to, name, &st);
		break;
	case S_IFLNK:
		r = copy_link(from, to, name, &st);
		break;
	case S_IFIFO:
		r = mkfifoat(to, name, st.st_mode & 07777) < 0 ? -errno : 0;
		break;
	default:
		return bh_fail(
			err, -ENOTSUP, "copy %s: neither file, directory, link nor fifo", name);
	}
	return r < 0 ? bh_fail_errno(err, r, "copy %s", name) : 0;
}

static int copy_tree(int from, int to, int depth, struct bh_error *err)
{
	__attribute__((cleanup(closedirp))) DIR *dir = NULL;
	_cleanup_close_ int list = openat(from, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct dirent *entry;

	if (depth > COPY_DEPTH_MAX)
		return bh_fail(err, -E2BIG, "tree deeper than %d", COPY_DEPTH_MAX);
	if (list < 0 || (dir = fdopendir(list)) == NULL)
		return bh_fail_errno(err, -errno, "list directory");
	(void)TAKE_FD(list);
	while ((entry = readdir(dir)) != NULL) {
		int r;

		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		r = copy_entry(from, to, entry->d_name, depth, err);
		if (r < 0)
			return r;
	}
	return 0;
}

int rootfs_copy_up(int from, int to, struct bh_error *err)
{
	_cleanup_close_ int in = path_open_beneath(from, ".", O_RDONLY | O_DIRECTORY, 0),
			    out = -EBADF;
	int r;

	if (in < 0)
		return bh_fail_errno(err, in, "open the directory to copy up");
	out = path_open_beneath(to, ".", O_RDONLY | O_DIRECTORY, 0);
	if (out < 0)
		return bh_fail_errno(err, out, "open the tmpfs to copy to");
	r = copy_tree(in, out, 0, err);
	return r < 0 ? bh_wrap(err, "tmpcopyup") : 0;
}
