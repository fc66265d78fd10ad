// SPDX-License-Identifier: Apache-2.0
/*
 * --no-pivot, for a root that cannot be pivoted from (initramfs): the new root is moved over "/".
 * The old tree stays in the mount namespace, out of sight but counted by the kernel, which lets a
 * nested user namespace mount a whole proc or sysfs if one is there already. So every one outside
 * of the new root is unmounted first, or covered where it is locked.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/fd.h"
#include "base/mem.h"
#include "kernel/path.h"
#include "sandbox/rootfs.h"

#define MOUNTINFO_MAX (16u << 20)
#define POINT_FIELD   4

/* mountinfo writes blank, tab, newline and backslash as three octal digits. */
static void unescape(char *s)
{
	char *out = s;

	for (; *s != '\0'; s++) {
		if (s[0] == '\\' && s[1] >= '0' && s[1] <= '3' && s[2] >= '0' && s[2] <= '7' &&
			s[3] >= '0' && s[3] <= '7') {
			*out++ = (char)((s[1] - '0') << 6 | (s[2] - '0') << 3 | (s[3] - '0'));
			s += 3;
		} else {
			*out++ = *s;
		}
	}
	*out = '\0';
}

static int hide(const char *point, struct bh_error *err)
{
	if (umount2(point, MNT_DETACH) == 0 || errno == ENOENT || errno == ENOTDIR)
		return 0;
	if (mount("tmpfs", point, "tmpfs", MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) == 0)
		return 0;
	return bh_fail_errno(err, -errno, "hide %s of the host", point);
}

static bool is_below(const char *point, const char *root)
{
	size_t len = strlen(root);

	return strncmp(point, root, len) == 0 && (point[len] == '/' || point[len] == '\0');
}

/* One line of mountinfo, taken apart in place. */
static int hide_line(char *line, const char *root, struct bh_error *err)
{
	char *type = strstr(line, " - "), *point = line;

	if (type == NULL)
		return 0;
	type += 3;
	type[strcspn(type, " ")] = '\0';
	if (strcmp(type, "proc") != 0 && strcmp(type, "sysfs") != 0)
		return 0;
	for (int i = 0; i < POINT_FIELD && point != NULL; i++) {
		point = strchr(point, ' ');
		point = point != NULL ? point + 1 : NULL;
	}
	if (point == NULL)
		return 0;
	point[strcspn(point, " ")] = '\0';
	unescape(point);
	return is_below(point, root) ? 0 : hide(point, err);
}

/* What is unmounted takes along what lies in it; a line whose mount is gone covers a directory. */
static int hide_kernel_trees(const char *root, struct bh_error *err)
{
	_cleanup_buf_ struct buf text;
	char *line, *end;
	int r;

	buf_init(&text, MOUNTINFO_MAX);
	r = fd_read_file(AT_FDCWD, "/proc/self/mountinfo", &text);
	if (r < 0)
		return bh_fail_errno(err, r, "read /proc/self/mountinfo");
	for (line = text.data, r = 0; line != NULL && *line != '\0' && r == 0; line = end) {
		end = strchr(line, '\n');
		if (end != NULL)
			*end++ = '\0';
		r = hide_line(line, root, err);
	}
	return r;
}

int rootfs_leave_by_move(struct rootfs *fs, struct bh_error *err)
{
	_cleanup_close_ int old = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	char root[PATH_MAX], link[32];
	ssize_t n = readlink(path_of_fd(fs->root, link), root, sizeof(root));
	int r;

	if (old < 0 || n < 0)
		return bh_fail_errno(err, -errno, "open /");
	if (n == (ssize_t)sizeof(root))
		return bh_fail_errno(err, -ENAMETOOLONG, "name of the root file system");
	root[n] = '\0';
	if (mount(NULL, "/", NULL, MS_SLAVE | MS_REC, NULL) < 0)
		return bh_fail_errno(err, -errno, "detach the old root from propagation");
	r = hide_kernel_trees(root, err);
	if (r < 0)
		return r;
	if (move_mount(fs->root, "", old, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) <
		0)
		return bh_fail_errno(err, -errno, "move the root file system over /");
	return chroot(".") < 0 ? bh_fail_errno(err, -errno, "chroot") : 0;
}
