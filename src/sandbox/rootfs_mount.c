// SPDX-License-Identifier: Apache-2.0
/*
 * One entry of `mounts`. Bind mounts go through the descriptor API: cloned, given their attributes
 * while detached, attached. New file systems are mounted with mount(2) on /proc/self/fd/N, which
 * takes all flags and data of any file system in one call and names the target by descriptor as
 * well.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "kernel/mount.h"
#include "kernel/path.h"
#include "sandbox/rootfs.h"

#define MOUNT_DATA_MAX 4095u /* mount(2): one page */

#define PER_MOUNT_FLAGS                                                                            \
	(MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_NOATIME | MS_NODIRATIME | MS_RELATIME | \
		MS_STRICTATIME | 256 /* MS_NOSYMFOLLOW */)

static int translate_id(
	const struct rootfs *fs, const char *option, struct buf *out, struct bh_error *err)
{
	bool uid = option[0] == 'u';
	uint32_t id;
	char *end;
	unsigned long v = strtoul(option + 4, &end, 10);

	if (end == option + 4 || *end != '\0' || v > UINT32_MAX)
		return bh_fail(err, -EINVAL, "option \"%s\" is no number", option);
	if (userns_to_outside(uid ? fs->plan->uids : fs->plan->gids,
		    uid ? fs->plan->uid_count : fs->plan->gid_count, (uint32_t)v, &id) < 0)
		return bh_fail(err, -EINVAL, "option \"%s\": the id is not mapped", option);
	return buf_printf(out, "%.4s%u", option, id);
}

int rootfs_mount_data(
	const struct rootfs *fs, const struct oci_mount *m, struct buf *out, struct bh_error *err)
{
	for (size_t i = 0; i < m->data.count; i++) {
		const char *option = m->data.items[i];
		int r;

		if (out->len > 0)
			(void)buf_putc(out, ',');
		if (fs->plan->builder &&
			(strncmp(option, "uid=", 4) == 0 || strncmp(option, "gid=", 4) == 0))
			r = translate_id(fs, option, out, err);
		else
			r = buf_puts(out, option);
		if (r < 0)
			return r == -E2BIG ? bh_fail(err, r, "options are longer than %u bytes",
						     MOUNT_DATA_MAX)
					   : r;
	}
	return 0;
}

/* Attributes and propagation that apply to the mount once it is there. */
static int finish(int mount, const struct oci_mount *m, struct bh_error *err)
{
	int r = mount_set_attributes(mount, m->recursive_set, m->recursive_clear, true);

	if (r < 0)
		return bh_fail_errno(err, r, "set recursive attributes");
	if (m->propagation == 0)
		return 0;
	r = mount_set_propagation(
		mount, m->propagation & ~(unsigned long)MS_REC, (m->propagation & MS_REC) != 0);
	return r < 0 ? bh_fail_errno(err, r, "set propagation") : 0;
}

static int open_idmap(struct rootfs *fs, const struct oci_mount *m, int *ret, struct bh_error *err)
{
	struct userns_range uids[USERNS_RANGES_MAX], gids[USERNS_RANGES_MAX];

	if (m->uid_maps.count == 0)
		return userns_open(fs->plan->uids, fs->plan->uid_count, fs->plan->gids,
			fs->plan->gid_count, ret, err);
	for (size_t i = 0; i < m->uid_maps.count && i < USERNS_RANGES_MAX; i++)
		uids[i] = (struct userns_range){m->uid_maps.items[i].container_id,
			m->uid_maps.items[i].host_id, m->uid_maps.items[i].size};
	for (size_t i = 0; i < m->gid_maps.count && i < USERNS_RANGES_MAX; i++)
		gids[i] = (struct userns_range){m->gid_maps.items[i].container_id,
			m->gid_maps.items[i].host_id, m->gid_maps.items[i].size};
	return userns_open(uids, m->uid_maps.count, gids, m->gid_maps.count, ret, err);
}

static int set_idmap(struct rootfs *fs, const struct oci_mount *m, int mount, struct bh_error *err)
{
	_cleanup_close_ int userns = -EBADF;
	int r;

	if (!m->idmap && m->uid_maps.count == 0)
		return 0;
	r = open_idmap(fs, m, &userns, err);
	if (r < 0)
		return r;
	r = mount_set_idmap(mount, userns, m->idmap_recursive);
	if (r < 0)
		return bh_fail_errno(
			err, r, "map ids (the file system may not support idmapped mounts)");
	return 0;
}

/* The bind's own flags: what the options say is set or cleared, what they do not say stays as the
 * source mount has it. */
static int set_bind_attributes(int mount, const struct oci_mount *m, struct bh_error *err)
{
	uint64_t set = mount_attributes(m->flags & PER_MOUNT_FLAGS);
	uint64_t clear = mount_attributes(m->flags_clear & PER_MOUNT_FLAGS) & ~set;
	int r;

	if ((m->flags & MS_RELATIME) != 0)
		clear |= MOUNT_ATTR__ATIME;
	if ((clear & MOUNT_ATTR__ATIME) != 0)
		clear |= MOUNT_ATTR__ATIME;
	r = mount_set_attributes(mount, set, clear, false);
	return r < 0 ? bh_fail_errno(err, r, "set mount attributes") : 0;
}

static int open_source(const struct rootfs *fs, const struct oci_mount *m, struct bh_error *err)
{
	_cleanup_close_ int bundle = -EBADF;
	int fd, flags = O_PATH | O_CLOEXEC | (m->copy_symlink ? O_NOFOLLOW : 0);

	if (m->source == NULL)
		return bh_fail(err, -EINVAL, "a bind mount needs a source");
	if (m->source[0] != '/') {
		bundle = open(fs->bundle, O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (bundle < 0)
			return bh_fail_errno(err, -errno, "open bundle %s", fs->bundle);
	}
	fd = openat(bundle, m->source, flags);
	return fd < 0 ? bh_fail_errno(err, -errno, "open source %s", m->source) : fd;
}

/* A source that is a symbolic link and is to be copied as one: no mount, a link of the same text.
 */
static int copy_symlink(
	struct rootfs *fs, const struct oci_mount *m, int source, struct bh_error *err)
{
	char text[PATH_MAX], name[NAME_MAX + 1];
	_cleanup_close_ int parent = -EBADF;
	ssize_t n = readlinkat(source, "", text, sizeof(text) - 1);

	if (n < 0)
		return bh_fail_errno(err, -errno, "read link %s", m->source);
	text[n] = '\0';
	parent = path_parent_in_root(fs->root, m->destination, 1, name);
	if (parent < 0)
		return bh_fail_errno(err, parent, "open the directory of the destination");
	if (symlinkat(text, parent, name) < 0 && errno != EEXIST)
		return bh_fail_errno(err, -errno, "make the link");
	return 0;
}

/* The image may have other names for /dev: what counts is where the mount ended up. */
static void note_dev(struct rootfs *fs, int mount)
{
	_cleanup_close_ int dev = path_open_in_root(fs->root, "/dev", O_PATH | O_DIRECTORY, 0);
	uint64_t id, dev_id;

	if (dev >= 0 && rootfs_mount_id(dev, &dev_id) == 0 && rootfs_mount_id(mount, &id) == 0 &&
		id == dev_id)
		fs->dev_bind = id;
}

static int bind_mount(struct rootfs *fs, const struct oci_mount *m, struct bh_error *err)
{
	_cleanup_close_ int source = -EBADF, copy = -EBADF, target = -EBADF;
	struct stat st;
	int r;

	source = open_source(fs, m, err);
	if (source < 0)
		return source;
	if (fstat(source, &st) < 0)
		return bh_fail_errno(err, -errno, "stat source %s", m->source);
	if (S_ISLNK(st.st_mode))
		return copy_symlink(fs, m, source, err);
	copy = mount_clone(source, m->recursive_bind || (m->flags & MS_REC) != 0);
	if (copy < 0)
		return bh_fail_errno(err, copy, "clone the mount of %s", m->source);
	r = set_idmap(fs, m, copy, err);
	if (r == 0)
		r = set_bind_attributes(copy, m, err);
	if (r == 0)
		r = finish(copy, m, err);
	if (r < 0)
		return r;
	target = S_ISDIR(st.st_mode) ? path_mkdir_in_root(fs->root, m->destination, 0755)
				     : path_touch_in_root(fs->root, m->destination, 0644);
	if (target < 0)
		return bh_fail_errno(err, target, "make the mount point");
	r = mount_attach(copy, target);
	if (r < 0)
		return bh_fail_errno(err, r, "attach");
	if (S_ISDIR(st.st_mode))
		note_dev(fs, copy);
	return 0;
}

static int remount(struct rootfs *fs, const struct oci_mount *m, struct bh_error *err)
{
	_cleanup_close_ int target = path_open_in_root(fs->root, m->destination, O_PATH, 0);
	int r;

	if (target < 0)
		return bh_fail_errno(err, target, "open");
	if (m->data.count > 0)
		return bh_fail(err, -ENOTSUP, "remount takes mount flags only, not \"%s\"",
			m->data.items[0]);
	r = set_bind_attributes(target, m, err);
	return r < 0 ? r : finish(target, m, err);
}

/* proc and sysfs hold what masks and read-only paths protect: their mount point must be a real
 * directory at the very path that was asked for, never something a link in the image leads to. */
static int open_target(struct rootfs *fs, const struct oci_mount *m, struct bh_error *err)
{
	_cleanup_close_ int target = path_mkdir_in_root(fs->root, m->destination, 0755),
			    direct = -EBADF;
	const char *relative = m->destination;
	struct stat a, b;

	if (target < 0)
		return bh_fail_errno(err, target, "make the mount point");
	if (strcmp(m->type, "proc") != 0 && strcmp(m->type, "sysfs") != 0)
		return TAKE_FD(target);
	while (*relative == '/')
		relative++;
	direct = path_open_beneath(fs->root, relative, O_PATH | O_DIRECTORY, 0);
	if (direct < 0 || fstat(target, &a) < 0 || fstat(direct, &b) < 0 || a.st_ino != b.st_ino ||
		a.st_dev != b.st_dev)
		return bh_fail(err, -ELOOP,
			"the mount point of a %s file system must not be a symbolic link", m->type);
	return TAKE_FD(target);
}

static int after_mount(
	struct rootfs *fs, const struct oci_mount *m, int below, struct bh_error *err)
{
	_cleanup_close_ int mounted = -EBADF;
	int r = 0;

	if (!m->copy_up && m->propagation == 0 && m->recursive_set == 0 &&
		m->recursive_clear == 0 && !m->idmap && m->uid_maps.count == 0)
		return 0;
	mounted = path_open_in_root(fs->root, m->destination, O_PATH | O_DIRECTORY, 0);
	if (mounted < 0)
		return bh_fail_errno(err, mounted, "open the new mount");
	if (m->copy_up)
		r = rootfs_copy_up(below, mounted, err);
	if (r == 0 && m->copy_up && (m->flags & MS_RDONLY) != 0 &&
		!plan_mount_is_sealed(fs->config, m))
		r = mount_set_attributes(mounted, MOUNT_ATTR_RDONLY, 0, false);
	if (r == 0)
		r = finish(mounted, m, err);
	return r;
}

static int attach_sysfs(
	struct rootfs *fs, const struct oci_mount *m, int target, struct bh_error *err)
{
	int r = mount_set_attributes(
		fs->sysfs, mount_attributes(m->flags & PER_MOUNT_FLAGS), 0, false);

	if (r == 0)
		r = mount_attach(fs->sysfs, target);
	fs->sysfs = fd_close(fs->sysfs);
	return r < 0 ? bh_fail_errno(err, r, "attach sysfs") : after_mount(fs, m, target, err);
}

static int new_mount(struct rootfs *fs, const struct oci_mount *m, struct bh_error *err)
{
	_cleanup_close_ int target = -EBADF;
	_cleanup_buf_ struct buf data = {0};
	unsigned long flags = m->flags & ~(unsigned long)(MS_BIND | MS_REC);
	char self[32];
	int r;

	if (m->idmap || m->uid_maps.count > 0)
		return bh_fail(err, -ENOTSUP, "id mappings are for bind mounts only");
	target = open_target(fs, m, err);
	if (target < 0)
		return target;
	if (strcmp(m->type, "proc") == 0 && fs->pidns >= 0)
		return rootfs_mount_proc(fs, m, target, err);
	if (strcmp(m->type, "sysfs") == 0 && fs->sysfs >= 0)
		return attach_sysfs(fs, m, target, err);
	buf_init(&data, MOUNT_DATA_MAX);
	r = rootfs_mount_data(fs, m, &data, err);
	if (r < 0)
		return r;
	if (m->copy_up || plan_mount_is_sealed(fs->config, m))
		flags &= ~(unsigned long)MS_RDONLY; /* filled first; then ROOTFS_READONLY_MOUNT */
	if (mount(m->source ? m->source : m->type, path_of_fd(target, self), m->type, flags,
		    buf_str(&data)) < 0)
		return bh_fail_errno(err, -errno, "mount(2)");
	return after_mount(fs, m, target, err);
}

static int mount_one(struct rootfs *fs, const struct oci_mount *m, struct bh_error *err)
{
	if ((m->flags & MS_REMOUNT) != 0)
		return remount(fs, m, err);
	if (m->is_bind)
		return bind_mount(fs, m, err);
	if (m->type == NULL)
		return bh_fail(err, -EINVAL, "no type given");
	if (strcmp(m->type, "cgroup") == 0 || strcmp(m->type, "cgroup2") == 0)
		return rootfs_mount_cgroup(fs, m, err);
	return new_mount(fs, m, err);
}

int rootfs_mount(struct rootfs *fs, const struct oci_mount *m, struct bh_error *err)
{
	int r = mount_one(fs, m, err);

	if (r < 0)
		return bh_wrap(err, "mount %s (%s)", m->destination,
			m->is_bind ? "bind"
			: m->type  ? m->type
				   : "?");
	return 0;
}
