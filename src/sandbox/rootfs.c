// SPDX-License-Identifier: Apache-2.0
#include "sandbox/rootfs.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/mem.h"
#include "kernel/mount.h"
#include "kernel/path.h"

int rootfs_mount_id(int fd, uint64_t *ret)
{
	struct statx st;

	if (statx(fd, "", AT_EMPTY_PATH, STATX_MNT_ID, &st) < 0)
		return -errno;
	*ret = st.stx_mnt_id;
	return 0;
}

/* Make the mount that holds the directory private: its root is where ".." leaves it. */
static int make_holder_private(int dir)
{
	_cleanup_close_ int at = fcntl(dir, F_DUPFD_CLOEXEC, 3);

	if (at < 0)
		return -errno;
	for (;;) {
		_cleanup_close_ int up = openat(at, "..", O_PATH | O_DIRECTORY | O_CLOEXEC);
		struct stat here, there;
		uint64_t id = 0, up_id = 0;
		int r = up < 0 ? -errno : rootfs_mount_id(at, &id);

		if (r == 0)
			r = rootfs_mount_id(up, &up_id);
		if (r == 0 && (fstat(at, &here) < 0 || fstat(up, &there) < 0))
			r = -errno;
		if (r < 0)
			return r;
		if (id != up_id || (here.st_ino == there.st_ino && here.st_dev == there.st_dev))
			return mount_set_propagation(at, MS_PRIVATE, false);
		(void)fd_close(at);
		at = TAKE_FD(up);
	}
}

/* rootfsPropagation may leave the host's mounts shared with it, so that those of the container can
 * travel. The one that the new root is attached to must not be: the root would travel, too, and
 * pivot_root(2) refuses a shared parent. */
static int isolate_target(const struct rootfs *fs, bool prepared, struct bh_error *err)
{
	unsigned long propagation = fs->plan->root_propagation;
	_cleanup_close_ int bundle = -EBADF, target = -EBADF;
	int r;

	if ((propagation & MS_REC) != 0 && (propagation & MS_SHARED) == 0)
		return 0;
	bundle = open(fs->bundle, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (bundle < 0)
		return bh_fail_errno(err, -errno, "open bundle %s", fs->bundle);
	target = openat(
		bundle, prepared ? "." : fs->config->root_path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (target < 0)
		return bh_fail_errno(
			err, -errno, "open root file system %s", fs->config->root_path);
	r = make_holder_private(target);
	return r < 0 ? bh_fail_errno(err, r, "make the mount of the root file system private") : 0;
}

static int clone_root_path(const struct rootfs *fs, struct bh_error *err)
{
	_cleanup_close_ int bundle = open(fs->bundle, O_PATH | O_DIRECTORY | O_CLOEXEC),
			    root = -EBADF;
	int fd;

	if (bundle < 0)
		return bh_fail_errno(err, -errno, "open bundle %s", fs->bundle);
	root = openat(bundle, fs->config->root_path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (root < 0)
		return bh_fail_errno(
			err, -errno, "open root file system %s", fs->config->root_path);
	fd = mount_clone(root, true);
	if (fd < 0)
		return bh_fail_errno(
			err, fd, "clone the mount of root file system %s", fs->config->root_path);
	return fd;
}

/* Where the new root is attached until the pivot: over the bundle's own root directory, or, when
 * the caller brings a prepared mount, over the bundle. Only this mount namespace sees it. */
static int attach_root(struct rootfs *fs, int mount, bool prepared, struct bh_error *err)
{
	_cleanup_close_ int bundle = -EBADF, target = -EBADF;
	int r;

	bundle = open(fs->bundle, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (bundle < 0)
		return bh_fail_errno(err, -errno, "open bundle %s", fs->bundle);
	if (!prepared) {
		target = openat(bundle, fs->config->root_path, O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (target < 0)
			return bh_fail_errno(
				err, -errno, "open root file system %s", fs->config->root_path);
	}
	r = mount_attach(mount, prepared ? bundle : target);
	if (r < 0)
		return bh_fail_errno(err, r, "attach the root file system");
	return 0;
}

int rootfs_open(struct rootfs *fs, const struct sandbox_plan *plan, const struct oci_config *config,
	const struct cgroup *cgroup, const char *bundle, int prepared, struct bh_error *err)
{
	_cleanup_close_ int mount_fd = prepared;
	int r;

	*fs = (struct rootfs){.plan = plan,
		.config = config,
		.cgroup = cgroup,
		.bundle = bundle,
		.root = -EBADF,
		.pidns = -EBADF,
		.null_file = -EBADF,
		.empty_dir = -EBADF,
		.sysfs = -EBADF,
		.idmap = -EBADF};
	(void)umask(0); /* the modes of nodes and mount points are meant; process_prepare() sets the
			   user's */
	if (mount(NULL, "/", NULL, plan->root_propagation, NULL) < 0)
		return bh_fail_errno(err, -errno, "set mount propagation of /");
	r = isolate_target(fs, prepared >= 0, err);
	if (r < 0)
		return r;
	if (mount_fd < 0) {
		mount_fd = clone_root_path(fs, err);
		if (mount_fd < 0)
			return mount_fd;
	}
	/* Not shared while it is filled: every mount in it would appear on the host. rootfs_pivot()
	 * shares it at the end. */
	r = mount_set_propagation(
		mount_fd, (plan->root_propagation & MS_SLAVE) != 0 ? MS_SLAVE : MS_PRIVATE, true);
	if (r < 0)
		return bh_fail_errno(err, r, "set mount propagation of the root file system");
	r = attach_root(fs, mount_fd, prepared >= 0, err);
	if (r < 0)
		return r;
	fs->root = TAKE_FD(mount_fd);
	return 0;
}

void rootfs_release(struct rootfs *fs)
{
	fs->root = fd_close(fs->root);
	fs->pidns = fd_close(fs->pidns);
	fs->null_file = fd_close(fs->null_file);
	fs->empty_dir = fd_close(fs->empty_dir);
	fs->sysfs = fd_close(fs->sysfs);
	fs->idmap = fd_close(fs->idmap);
}

static int make_symlink(struct rootfs *fs, const struct rootfs_step *step, struct bh_error *err)
{
	_cleanup_close_ int parent = -EBADF;
	char name[NAME_MAX + 1];

	parent = path_parent_in_root(fs->root, step->path, 1, name);
	if (parent < 0)
		return bh_fail_errno(err, parent, "link %s", step->path);
	if (symlinkat(step->target, parent, name) == 0)
		return 0;
	if (errno != EEXIST)
		return bh_fail_errno(err, -errno, "link %s", step->path);
	if (strcmp(step->path, "/dev/ptmx") != 0)
		return 0;
	/* A node or file in its place would be the host's multiplexer: only the link is right. */
	if (unlinkat(parent, name, 0) < 0 || symlinkat(step->target, parent, name) < 0)
		return bh_fail_errno(err, -errno, "replace %s", step->path);
	return 0;
}

static int readonly_path(struct rootfs *fs, const char *path, struct bh_error *err)
{
	_cleanup_close_ int target = path_open_in_root(fs->root, path, O_PATH, 0), copy = -EBADF;
	int r;

	if (target == -ENOENT || target == -ENOTDIR)
		return 0;
	if (target < 0)
		return bh_fail_errno(err, target, "open read-only path %s", path);
	copy = mount_clone(target, true);
	if (copy < 0)
		return bh_fail_errno(err, copy, "clone read-only path %s", path);
	r = mount_set_attributes(copy, MOUNT_ATTR_RDONLY, 0, true);
	if (r == 0)
		r = mount_attach(copy, target);
	if (r < 0)
		return bh_fail_errno(err, r, "make %s read-only", path);
	return 0;
}

static int readonly_mount(struct rootfs *fs, const char *path, struct bh_error *err)
{
	_cleanup_close_ int console = -EBADF,
			    target = path_open_in_root(fs->root, path, O_PATH | O_DIRECTORY, 0);
	int r;

	if (target < 0)
		return bh_fail_errno(err, target, "open read-only mount %s", path);
	/* Where the terminal will be bound, after the pivot. */
	if (fs->config->process.terminal && strcmp(path, "/dev") == 0)
		console = path_touch_in_root(fs->root, "/dev/console", 0600);
	r = mount_set_attributes(target, MOUNT_ATTR_RDONLY, 0, false);
	return r < 0 ? bh_fail_errno(err, r, "make %s read-only", path) : 0;
}

/* The host's /dev/null, taken before the pivot and checked to be the device: an image cannot put
 * anything else in its place. */
static int open_null(struct rootfs *fs, struct bh_error *err)
{
	struct stat st;

	if (fs->null_file >= 0)
		return 0;
	fs->null_file = open("/dev/null", O_PATH | O_CLOEXEC | O_NOFOLLOW);
	if (fs->null_file < 0)
		return bh_fail_errno(err, -errno, "open /dev/null");
	if (fstat(fs->null_file, &st) < 0 || !S_ISCHR(st.st_mode) || st.st_rdev != makedev(1, 3))
		return bh_fail(err, -EINVAL, "/dev/null of the host is not the null device");
	return 0;
}

static int open_empty_dir(struct rootfs *fs, struct bh_error *err)
{
	if (fs->empty_dir >= 0)
		return 0;
	fs->empty_dir = mount_new("tmpfs", "tmpfs",
		MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);
	if (fs->empty_dir < 0)
		return bh_fail_errno(err, fs->empty_dir, "mount an empty tmpfs");
	return 0;
}

static int mask_path(struct rootfs *fs, const char *path, struct bh_error *err)
{
	_cleanup_close_ int target = path_open_in_root(fs->root, path, O_PATH, 0), copy = -EBADF;
	struct stat st;
	int r;

	if (target == -ENOENT || target == -ENOTDIR)
		return 0;
	if (target < 0)
		return bh_fail_errno(err, target, "open masked path %s", path);
	if (fstat(target, &st) < 0)
		return bh_fail_errno(err, -errno, "stat masked path %s", path);
	r = S_ISDIR(st.st_mode) ? open_empty_dir(fs, err) : open_null(fs, err);
	if (r < 0)
		return r;
	copy = mount_clone(S_ISDIR(st.st_mode) ? fs->empty_dir : fs->null_file, false);
	/* Before Linux 6.15 only attached mounts can be copied: the first mask is the original. */
	if (copy < 0 && !(copy == -EINVAL && S_ISDIR(st.st_mode)))
		return bh_fail_errno(err, copy, "prepare the mask of %s", path);
	r = mount_attach(copy < 0 ? fs->empty_dir : copy, target);
	if (r < 0)
		return bh_fail_errno(err, r, "mask %s", path);
	return 0;
}

/* A directory that cannot be made is an error only if it is not there: process_prepare() enters it.
 */
static int make_cwd(struct rootfs *fs, const char *path)
{
	_cleanup_close_ int dir = path_mkdir_in_root(fs->root, path, 0755);

	(void)dir;
	return 0;
}

static int readonly_root(struct rootfs *fs, struct bh_error *err)
{
	int r = mount_set_attributes(fs->root, MOUNT_ATTR_RDONLY, 0, false);

	return r < 0 ? bh_fail_errno(err, r, "make the root file system read-only") : 0;
}

/* Whether what is at /dev was bound there, also by another name for it: a link of the image. Nodes
 * and links would be made, and one replaced, in a directory of the host. */
static bool dev_is_bound(const struct rootfs *fs)
{
	_cleanup_close_ int dev = -EBADF;
	uint64_t id;

	if (fs->dev_bind == 0)
		return false;
	dev = path_open_in_root(fs->root, "/dev", O_PATH | O_DIRECTORY, 0);
	return dev >= 0 && rootfs_mount_id(dev, &id) == 0 && id == fs->dev_bind;
}

static int run_step(struct rootfs *fs, const struct rootfs_step *step, struct bh_error *err)
{
	switch (step->op) {
	case ROOTFS_MOUNT:
		return rootfs_mount(fs, step->mount, err);
	case ROOTFS_DEVICE:
		return dev_is_bound(fs) ? 0 : rootfs_device(fs, step->device, err);
	case ROOTFS_SYMLINK:
		return dev_is_bound(fs) ? 0 : make_symlink(fs, step, err);
	case ROOTFS_CWD:
		return make_cwd(fs, step->path);
	case ROOTFS_READONLY_MOUNT:
		return readonly_mount(fs, step->path, err);
	case ROOTFS_READONLY_PATH:
		return readonly_path(fs, step->path, err);
	case ROOTFS_MASK:
		return mask_path(fs, step->path, err);
	case ROOTFS_READONLY_ROOT:
		return readonly_root(fs, err);
	}
	return bh_fail(err, -EINVAL, "unknown step %d", step->op);
}

int rootfs_run(struct rootfs *fs, bool after_hooks, struct bh_error *err)
{
	for (size_t i = 0; i < fs->plan->step_count; i++) {
		int r;

		if (fs->plan->steps[i].after_hooks != after_hooks)
			continue;
		r = run_step(fs, &fs->plan->steps[i], err);
		if (r < 0)
			return r;
	}
	return 0;
}

/* The old root ends up stacked on the new one at "/". It is entered by descriptor, because "." of
 * mount(2) would be the new one, and is made a slave first: the unmount must not travel to the
 * host, and the new root keeps its own propagation. */
static int leave_by_pivot(struct bh_error *err)
{
	_cleanup_close_ int old = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (old < 0)
		return bh_fail_errno(err, -errno, "open /");
	if (syscall(SYS_pivot_root, ".", ".") < 0)
		return bh_fail_errno(err, -errno, "pivot_root");
	if (fchdir(old) < 0)
		return bh_fail_errno(err, -errno, "enter the old root");
	if (mount(NULL, ".", NULL, MS_SLAVE | MS_REC, NULL) < 0)
		return bh_fail_errno(err, -errno, "detach the old root from propagation");
	if (umount2(".", MNT_DETACH) < 0)
		return bh_fail_errno(err, -errno, "unmount the old root");
	return 0;
}

int rootfs_pivot(struct rootfs *fs, bool no_pivot, struct bh_error *err)
{
	unsigned long propagation = fs->config->rootfs_propagation;
	int r;

	if (fchdir(fs->root) < 0)
		return bh_fail_errno(err, -errno, "enter the root file system");
	r = no_pivot ? rootfs_leave_by_move(fs, err) : leave_by_pivot(err);
	if (r < 0)
		return r;
	if (chdir("/") < 0)
		return bh_fail_errno(err, -errno, "enter /");
	if (propagation != 0 && mount(NULL, "/", NULL, propagation, NULL) < 0)
		return bh_fail_errno(err, -errno, "set rootfsPropagation");
	return 0;
}
