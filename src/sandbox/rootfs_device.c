// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/mem.h"
#include "kernel/mount.h"
#include "kernel/path.h"
#include "sandbox/rootfs.h"

static mode_t node_type(const struct oci_device *device)
{
	switch (device->type) {
	case 'b':
		return S_IFBLK;
	case 'p':
		return S_IFIFO;
	default:
		return S_IFCHR;
	}
}

static bool same_node(const struct stat *st, const struct oci_device *device)
{
	if ((st->st_mode & S_IFMT) != node_type(device))
		return false;
	return device->type == 'p' || st->st_rdev == makedev(device->major, device->minor);
}

/* Owner outside of the user namespace. */
static int owner_of(const struct rootfs *fs, const struct oci_device *device, uint32_t *uid,
	uint32_t *gid, struct bh_error *err)
{
	*uid = device->has_uid ? device->uid : 0;
	*gid = device->has_gid ? device->gid : 0;
	if (!fs->plan->builder)
		return 0;
	if (userns_to_outside(fs->plan->uids, fs->plan->uid_count, *uid, uid) < 0 ||
		userns_to_outside(fs->plan->gids, fs->plan->gid_count, *gid, gid) < 0)
		return bh_fail(err, -EINVAL, "device %s: owner %u:%u is not mapped", device->path,
			*uid, *gid);
	return 0;
}

/* Owner and mode by a descriptor that is checked to be the node. */
static int set_owner(const struct rootfs *fs, int parent, const char *name,
	const struct oci_device *device, mode_t mode, struct bh_error *err)
{
	_cleanup_close_ int node = openat(parent, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	uint32_t uid, gid;
	struct stat st;
	char self[32];
	int r = owner_of(fs, device, &uid, &gid, err);

	if (r < 0)
		return r;
	if (node < 0 || fstat(node, &st) < 0)
		return bh_fail_errno(err, -errno, "open device %s", device->path);
	if (!same_node(&st, device))
		return bh_fail(
			err, -EEXIST, "device %s: something else is at this path", device->path);
	if (fchownat(node, "", uid, gid, AT_EMPTY_PATH) < 0)
		return bh_fail_errno(err, -errno, "set the owner of device %s", device->path);
	if (fchmodat(AT_FDCWD, path_of_fd(node, self), mode, 0) < 0)
		return bh_fail_errno(err, -errno, "set the mode of device %s", device->path);
	return 0;
}

/* A new node belongs to the maker, who acts as the container's root, and gets its mode at once: the
 * umask is 0 while a root file system is assembled. Only one that differs is looked at again. */
static int make_node(struct rootfs *fs, const struct oci_device *device, struct bh_error *err)
{
	mode_t mode = device->has_mode ? device->mode & 07777 : 0666;
	_cleanup_close_ int parent = -EBADF;
	char name[NAME_MAX + 1];
	bool made;

	parent = path_parent_in_root(fs->root, device->path, 1, name);
	if (parent < 0)
		return bh_fail_errno(err, parent, "open the directory of device %s", device->path);
	made = mknodat(parent, name, node_type(device) | mode,
		       makedev(device->major, device->minor)) == 0;
	if (!made && errno != EEXIST)
		return bh_fail_errno(err, -errno, "make device %s", device->path);
	if (made && !(device->has_uid && device->uid != 0) &&
		!(device->has_gid && device->gid != 0))
		return 0;
	return set_owner(fs, parent, name, device, mode, err);
}

/* Without the right to make nodes the host's own one is bound, if it is the device that was asked
 * for. */
static int bind_node(struct rootfs *fs, const struct oci_device *device, struct bh_error *err)
{
	_cleanup_close_ int source = -EBADF, target = -EBADF, copy = -EBADF;
	struct stat st;
	int r;

	source = open(device->path, O_PATH | O_CLOEXEC);
	if (source < 0)
		return bh_fail_errno(err, -errno, "open device %s of the host", device->path);
	if (fstat(source, &st) < 0 || !same_node(&st, device))
		return bh_fail(err, -ENODEV,
			"device %s: nodes cannot be made here, and the host's is another device",
			device->path);
	target = path_touch_in_root(fs->root, device->path, 0600);
	if (target < 0)
		return bh_fail_errno(
			err, target, "make the mount point of device %s", device->path);
	copy = mount_clone(source, false);
	if (copy < 0)
		return bh_fail_errno(err, copy, "clone device %s", device->path);
	r = mount_attach(copy, target);
	return r < 0 ? bh_fail_errno(err, r, "bind device %s", device->path) : 0;
}

int rootfs_device(struct rootfs *fs, const struct oci_device *device, struct bh_error *err)
{
	if (fs->plan->bind_devices && device->type != 'p')
		return bind_node(fs, device, err);
	return make_node(fs, device, err);
}
