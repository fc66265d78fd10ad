// SPDX-License-Identifier: Apache-2.0
/*
 * From archive to directory. Every member is made relative to a descriptor of its parent, found
 * below the root with openat2(2); an existing entry of the same name gives way, only directories
 * are kept. Owners outside 0..65,535 are refused with the path: no container could show them.
 * Device nodes are never made: below /dev a container has its own, so leaving them out there
 * changes nothing; elsewhere they are refused. The layer of an import lies on nothing, so its
 * whiteouts have nothing to hide and are dropped. Directory times are set last, since filling a
 * directory changes them.
 */
#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/mem.h"
#include "bin/files/files.h"
#include "kernel/path.h"
#include "kernel/tree.h"

#define WHITEOUT_PREFIX ".wh."
#define DIR_TIMES_MAX   (256u << 20) /* bytes of remembered directories */

struct unpacker {
	int root;
	struct archive *tar;
	struct stream *stream;
	struct bh_error *err;
	struct unpack_result result;
	struct buf dir_times; /* struct timespec, then the path with its NUL, for each directory */
};

static ssize_t feed(struct archive *a, void *data, const void **ret)
{
	struct unpacker *u = data;
	ssize_t n = stream_read(u->stream, ret, u->err);

	if (n < 0)
		archive_set_error(a, EIO, "%s", u->err->text);
	return n;
}

static int tar_fail(struct unpacker *u)
{
	const char *text = archive_error_string(u->tar);

	if (u->err->code != 0)
		return u->err->code;
	return bh_fail(u->err, -EBADMSG, "the archive is damaged: %s", text != NULL ? text : "?");
}

/* The member's name without leading "/" and "./"; "" is the root. */
static int member_path(struct unpacker *u, struct archive_entry *entry, const char **ret)
{
	const char *path = archive_entry_pathname(entry);
	const char *p;

	if (path == NULL)
		return bh_fail(u->err, -EBADMSG, "the archive has a member without a name");
	if (strlen(path) > UNPACK_PATH_MAX)
		return bh_fail(u->err, -ENAMETOOLONG, "a path is longer than %u bytes: %.200s...",
			UNPACK_PATH_MAX, path);
	while (*path == '/' || (path[0] == '.' && (path[1] == '/' || path[1] == '\0')))
		path++;
	for (p = path; *p != '\0'; p += strspn(p, "/")) {
		size_t len = strcspn(p, "/");

		if (len == 2 && p[0] == '.' && p[1] == '.')
			return bh_fail(u->err, -EINVAL, "%s: the path has \"..\"", path);
		p += len;
	}
	*ret = path;
	return 0;
}

static int check_ids(struct unpacker *u, struct archive_entry *entry, const char *path)
{
	int64_t uid = archive_entry_uid(entry), gid = archive_entry_gid(entry);

	if (uid < 0 || uid > UNPACK_ID_MAX || gid < 0 || gid > UNPACK_ID_MAX)
		return bh_fail(u->err, -ERANGE,
			"%s: owner %lld:%lld is outside 0 to %u, which a container can have", path,
			(long long)uid, (long long)gid, UNPACK_ID_MAX);
	return 0;
}

static int write_data(struct unpacker *u, int fd, const char *path)
{
	const void *data;
	size_t len;
	int64_t offset, end = 0;
	int r;

	while ((r = archive_read_data_block(u->tar, &data, &len, &offset)) == ARCHIVE_OK) {
		const char *p = data;

		u->result.size += len;
		if (u->result.size > UNPACK_BYTES_MAX)
			return bh_fail(u->err, -EFBIG, "%s: the archive holds more than %llu bytes",
				path, UNPACK_BYTES_MAX);
		end = offset + (int64_t)len;
		while (len > 0) {
			ssize_t n = pwrite(fd, p, len, offset);

			if (n < 0 && errno == EINTR)
				continue;
			if (n < 0)
				return bh_fail_errno(u->err, -errno, "write %s", path);
			p += n;
			offset += n;
			len -= (size_t)n;
		}
	}
	if (r != ARCHIVE_EOF)
		return tar_fail(u);
	/* A hole at the end is no data block. */
	if (offset > end && offset <= (int64_t)UNPACK_BYTES_MAX && ftruncate(fd, offset) < 0)
		return bh_fail_errno(u->err, -errno, "extend %s", path);
	return 0;
}

static int make_file(struct unpacker *u, int parent, const char *name, const char *path)
{
	_cleanup_close_ int fd =
		openat(parent, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);

	if (fd < 0)
		return bh_fail_errno(u->err, -errno, "create %s", path);
	return write_data(u, fd, path);
}

static int make_directory(struct unpacker *u, int parent, const char *name, const char *path)
{
	struct stat st;

	if (fstatat(parent, name, &st, AT_SYMLINK_NOFOLLOW) == 0) {
		if (S_ISDIR(st.st_mode))
			return 0;
		if (unlinkat(parent, name, 0) < 0)
			return bh_fail_errno(u->err, -errno, "replace %s", path);
	}
	if (mkdirat(parent, name, 0755) < 0)
		return bh_fail_errno(u->err, -errno, "create directory %s", path);
	return 0;
}

static int make_hardlink(struct unpacker *u, struct archive_entry *entry, int parent,
	const char *name, const char *path)
{
	_cleanup_close_ int source = -EBADF;
	char source_name[NAME_MAX + 1];
	const char *target = archive_entry_hardlink(entry);
	struct stat st;

	while (target[0] == '.' && target[1] == '/')
		target += 2;
	source = path_parent_in_root(u->root, target, 0, source_name);
	if (source < 0 || fstatat(source, source_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return bh_fail(
			u->err, -ENOENT, "%s: link to %s, which the archive lacks", path, target);
	if (fstatat(parent, name, &(struct stat){0}, AT_SYMLINK_NOFOLLOW) == 0) {
		int r = tree_remove(parent, name, TREE_NO_BUDGET, u->err);

		if (r < 0)
			return bh_wrap(u->err, "replace %s", path);
	}
	if (linkat(source, source_name, parent, name, 0) < 0)
		return bh_fail_errno(u->err, -errno, "link %s to %s", path, target);
	return 0;
}

static int make_node(struct unpacker *u, struct archive_entry *entry, int parent, const char *name,
	const char *path)
{
	const char *target;

	switch (archive_entry_filetype(entry)) {
	case AE_IFREG:
		return make_file(u, parent, name, path);
	case AE_IFLNK:
		target = archive_entry_symlink(entry);
		if (target == NULL || symlinkat(target, parent, name) < 0)
			return bh_fail_errno(u->err, target == NULL ? -EBADMSG : -errno,
				"create symbolic link %s", path);
		return 0;
	case AE_IFIFO:
		if (mknodat(parent, name, S_IFIFO | 0600, 0) < 0)
			return bh_fail_errno(u->err, -errno, "create fifo %s", path);
		return 0;
	default:
		return bh_fail(u->err, -EINVAL, "%s: members of type %o are not supported", path,
			(unsigned int)archive_entry_filetype(entry));
	}
}

static int set_owner_and_mode(struct unpacker *u, struct archive_entry *entry, int parent,
	const char *name, const char *path)
{
	uid_t uid = (uid_t)archive_entry_uid(entry);
	gid_t gid = (gid_t)archive_entry_gid(entry);

	if (fchownat(parent, name, uid, gid, AT_SYMLINK_NOFOLLOW) < 0)
		return bh_fail_errno(u->err, -errno, "change owner of %s", path);
	if (archive_entry_filetype(entry) == AE_IFLNK)
		return 0;
	/* Just made by us and no link: nobody else is in the directory. */
	if (fchmodat(parent, name, archive_entry_perm(entry) & 07777, 0) < 0)
		return bh_fail_errno(u->err, -errno, "change mode of %s", path);
	return 0;
}

static int set_times(struct unpacker *u, struct archive_entry *entry, int parent, const char *name,
	const char *path)
{
	struct timespec times[2] = {{.tv_nsec = UTIME_NOW}, {.tv_nsec = UTIME_OMIT}};

	if (archive_entry_mtime_is_set(entry))
		times[1] = (struct timespec){
			archive_entry_mtime(entry), archive_entry_mtime_nsec(entry)};
	times[0] = times[1];
	if (archive_entry_filetype(entry) == AE_IFDIR) {
		(void)buf_append(&u->dir_times, &times[1], sizeof(times[1]));
		(void)buf_append(&u->dir_times, path, strlen(path) + 1);
		return buf_status(&u->dir_times) < 0
			       ? bh_fail(u->err, -E2BIG, "the archive has too many directories")
			       : 0;
	}
	if (utimensat(parent, name, times, AT_SYMLINK_NOFOLLOW) < 0)
		return bh_fail_errno(u->err, -errno, "set the time of %s", path);
	return 0;
}

static int make_entry(struct unpacker *u, struct archive_entry *entry, const char *path)
{
	_cleanup_close_ int parent = -EBADF;
	char name[NAME_MAX + 1] = ".";
	int r;

	parent = *path != '\0' ? path_parent_in_root(u->root, path, 1, name)
			       : fcntl(u->root, F_DUPFD_CLOEXEC, 3);
	if (parent < 0)
		return bh_fail_errno(u->err, parent, "open the directory of %s", path);
	if (strncmp(name, WHITEOUT_PREFIX, strlen(WHITEOUT_PREFIX)) == 0)
		return 0;
	if (archive_entry_hardlink(entry) != NULL)
		return make_hardlink(u, entry, parent, name, path);
	if (archive_entry_filetype(entry) == AE_IFDIR) {
		r = *path != '\0' ? make_directory(u, parent, name, path) : 0;
	} else {
		if (*path == '\0')
			return bh_fail(u->err, -EINVAL, "the root of the archive is no directory");
		r = tree_remove(parent, name, TREE_NO_BUDGET, u->err);
		if (r == 0)
			r = make_node(u, entry, parent, name, path);
	}
	if (r == 0)
		r = set_owner_and_mode(u, entry, parent, name, path);
	if (r == 0)
		r = unpack_xattrs(parent, name, entry, path, u->err);
	return r < 0 ? r : set_times(u, entry, parent, name, path);
}

static int unpack_entry(struct unpacker *u, struct archive_entry *entry)
{
	const char *path = "";
	int r;

	if (++u->result.entries > UNPACK_ENTRIES_MAX)
		return bh_fail(
			u->err, -E2BIG, "the archive has more than %u members", UNPACK_ENTRIES_MAX);
	r = member_path(u, entry, &path);
	if (r < 0)
		return r;
	if (archive_entry_filetype(entry) == AE_IFCHR ||
		archive_entry_filetype(entry) == AE_IFBLK) {
		if (strncmp(path, "dev/", 4) != 0)
			return bh_fail(
				u->err, -EPERM, "%s: device nodes outside /dev are refused", path);
		u->result.devices++;
		return 0;
	}
	if (archive_entry_hardlink(entry) == NULL) {
		r = check_ids(u, entry, path);
		if (r < 0)
			return r;
	}
	return make_entry(u, entry, path);
}

static int set_dir_times(struct unpacker *u)
{
	const char *p = u->dir_times.data;
	const char *end = p + u->dir_times.len;

	while (p < end) {
		_cleanup_close_ int fd = -EBADF;
		struct timespec times[2];

		memcpy(&times[1], p, sizeof(times[1]));
		times[0] = times[1];
		p += sizeof(times[1]);
		fd = path_open_in_root(u->root, p, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
		if (fd >= 0 && futimens(fd, times) < 0)
			return bh_fail_errno(u->err, -errno, "set the time of %s", p);
		p += strlen(p) + 1;
	}
	return 0;
}

static int read_members(struct unpacker *u)
{
	struct archive_entry *entry;
	int r;

	if (archive_read_support_format_tar(u->tar) != ARCHIVE_OK ||
		archive_read_support_format_empty(u->tar) != ARCHIVE_OK ||
		archive_read_open(u->tar, u, NULL, feed, NULL) != ARCHIVE_OK)
		return tar_fail(u);
	while ((r = archive_read_next_header(u->tar, &entry)) == ARCHIVE_OK || r == ARCHIVE_WARN) {
		r = unpack_entry(u, entry);
		if (r < 0)
			return r;
	}
	return r == ARCHIVE_EOF ? 0 : tar_fail(u);
}

int unpack(int root, struct stream *s, struct unpack_result *ret, struct bh_error *err)
{
	struct unpacker u = {.root = root, .stream = s, .err = err, .tar = archive_read_new()};
	int r;

	if (u.tar == NULL)
		return bh_fail_errno(err, -ENOMEM, "read the archive");
	buf_init(&u.dir_times, DIR_TIMES_MAX);
	r = read_members(&u);
	if (r == 0)
		r = set_dir_times(&u);
	if (r == 0)
		r = stream_finish(s, u.result.diff_id, err);
	if (r == 0 && u.result.entries == 0)
		r = bh_fail(err, -EINVAL, "the archive is empty");
	if (r == 0 && syncfs(root) < 0)
		r = bh_fail_errno(err, -errno, "sync the layer");
	buf_release(&u.dir_times);
	(void)archive_read_free(u.tar);
	if (r == 0)
		*ret = u.result;
	return r;
}
