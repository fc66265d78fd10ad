// SPDX-License-Identifier: Apache-2.0
/*
 * overlayfs works with the credentials of its mounter: the mounter's fsuid and fsgid must be the
 * container's root as seen through the id map, or the file system comes up silently read-only; and
 * its capabilities must be whole, or copying up another user's file fails. Setting fsuid clears the
 * file capabilities from the effective set (capabilities(7)), so they are raised again.
 *
 * Credentials and namespaces of the engine never change: the mount is made by a child that shares
 * memory and descriptor table (CLONE_VM, CLONE_FILES) but has credentials and a mount namespace of
 * its own. The engine waits for it (CLONE_VFORK); it is a few system calls, and the descriptor it
 * makes is ours.
 *
 * Since 6.15 overlayfs takes layers from a detached mount. Before, they must be attached in the
 * mounter's namespace: the child then unshares its mount namespace and attaches the clone over the
 * data root there.
 */
#include "image/snapshot.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"
#include "kernel/caps.h"
#include "kernel/mount.h"
#include "kernel/path.h"
#include "kernel/userns.h"

#define CHILD_STACK (256u << 10)
#define OPTION_MAX  256 /* the kernel's limit of one fsconfig(2) string */
#define LAYER_PATH  160

struct mounting {
	const struct snapshot *snapshot;
	struct bh_error *err;
	int clone; /* id-mapped clone of the data root */
	int fd;    /* result */
	int code;
};

static int make_directory(int parent, const char *name, mode_t mode, struct bh_error *err)
{
	if (mkdirat(parent, name, mode) < 0 && errno != EEXIST)
		return bh_fail_errno(err, -errno, "make directory %s", name);
	return 0;
}

/* The merged root directory shows the attributes of the upper one: they are those of the top layer.
 */
static int make_upper(const struct snapshot *s, int dir, struct bh_error *err)
{
	_cleanup_close_ int upper = -EBADF, layer = -EBADF;
	char path[LAYER_PATH];
	struct stat st;

	if (mkdirat(dir, "upper", 0755) < 0)
		return errno == EEXIST ? 0 : bh_fail_errno(err, -errno, "make directory upper");
	(void)snprintf(path, sizeof(path), "layers/%s", s->diff_ids[s->layer_count - 1] + 7);
	layer = openat(s->data_fd, path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	upper = openat(dir, "upper", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (layer < 0 || upper < 0 || fstat(layer, &st) < 0)
		return bh_fail_errno(err, -errno, "open layer %s", s->diff_ids[s->layer_count - 1]);
	if (fchown(upper, st.st_uid, st.st_gid) < 0 || fchmod(upper, st.st_mode & 07777) < 0)
		return bh_fail_errno(err, -errno, "set attributes of the root directory");
	return 0;
}

int snapshot_prepare(const struct snapshot *s, struct bh_error *err)
{
	_cleanup_close_ int containers = -EBADF, dir = -EBADF;
	int r = make_directory(s->data_fd, "containers", 0700, err);

	if (r < 0)
		return r;
	containers = openat(s->data_fd, "containers", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (containers < 0)
		return bh_fail_errno(err, -errno, "open containers");
	r = make_directory(containers, s->container, 0700, err);
	if (r < 0)
		return r;
	dir = openat(containers, s->container, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (dir < 0)
		return bh_fail_errno(err, -errno, "open containers/%s", s->container);
	r = make_directory(dir, "work", 0700, err);
	if (s->transient) {
		/* overlayfs refuses an upper layer of a volatile mount; this one was never started.
		 */
		(void)unlinkat(dir, "work/work/incompat/volatile", AT_REMOVEDIR);
		(void)unlinkat(dir, "work/work/incompat", AT_REMOVEDIR);
	}
	return r < 0 ? r : make_upper(s, dir, err);
}

static int map_clone(int data_fd, uint32_t base, int *ret, struct bh_error *err)
{
	const struct userns_range range = {0, base, SNAPSHOT_IDS};
	_cleanup_close_ int userns = -EBADF, clone = mount_clone(data_fd, false);
	int r;

	if (clone < 0)
		return bh_fail_errno(err, clone, "clone the mount of the data root");
	r = userns_open(&range, 1, &range, 1, &userns, err);
	if (r < 0)
		return r;
	r = mount_set_idmap(clone, userns, false);
	if (r == -EINVAL || r == -ENOSYS || r == -EPERM)
		return bh_fail(err, -EOPNOTSUPP,
			"the data root's file system cannot be id-mapped by this kernel; put "
			"--data-root on ext4, xfs or btrfs and use Linux 5.19 or later");
	if (r < 0)
		return bh_fail_errno(err, r, "map ids of the data root");
	*ret = TAKE_FD(clone);
	return 0;
}

static int set_option(struct mounting *m, int fs, const char *key, const char *value)
{
	if (fsconfig(fs, FSCONFIG_SET_STRING, key, value, 0) < 0)
		return bh_fail_errno(m->err, -errno, "overlayfs: %s=%s", key, value);
	return 0;
}

/* Each layer by itself where the kernel can (6.5), else all in one short string. Top layer first.
 */
static int add_layers(struct mounting *m, int fs, const char *base)
{
	const struct snapshot *s = m->snapshot;
	char joined[OPTION_MAX + LAYER_PATH] = "";
	bool separate = true;
	int n = 0;

	for (size_t i = s->layer_count; i-- > 0;) {
		char path[LAYER_PATH];

		(void)snprintf(path, sizeof(path), "%s/layers/%s", base, s->diff_ids[i] + 7);
		if (separate && fsconfig(fs, FSCONFIG_SET_STRING, "lowerdir+", path, 0) == 0)
			continue;
		if (errno != EINVAL && errno != EOPNOTSUPP)
			return bh_fail_errno(m->err, -errno, "overlayfs: layer %s", s->diff_ids[i]);
		separate = false;
		n += snprintf(
			joined + n, sizeof(joined) - (size_t)n, "%s%s", n > 0 ? ":" : "", path);
		if (n >= OPTION_MAX)
			return bh_fail(m->err, -ENOTSUP,
				"images of more than two layers need Linux 6.5 or later");
	}
	return separate ? 0 : set_option(m, fs, "lowerdir", joined);
}

static int create_overlay(struct mounting *m, const char *base)
{
	_cleanup_close_ int fs = fsopen("overlay", FSOPEN_CLOEXEC);
	char path[LAYER_PATH];
	int r;

	if (fs < 0)
		return bh_fail_errno(m->err, -errno, "overlayfs");
	r = set_option(m, fs, "source", "bulkhead");
	if (r == 0)
		r = add_layers(m, fs, base);
	(void)snprintf(path, sizeof(path), "%s/containers/%s/upper", base, m->snapshot->container);
	if (r == 0)
		r = set_option(m, fs, "upperdir", path);
	(void)snprintf(path, sizeof(path), "%s/containers/%s/work", base, m->snapshot->container);
	if (r == 0)
		r = set_option(m, fs, "workdir", path);
	if (r < 0)
		return r;
	if (m->snapshot->transient && fsconfig(fs, FSCONFIG_SET_FLAG, "volatile", NULL, 0) < 0)
		return bh_fail_errno(m->err, -errno, "overlayfs: volatile");
	if (fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		return bh_fail_errno(m->err, -errno, "mount overlayfs");
	/* No node of an image or made through it is a device. */
	m->fd = fsmount(fs, FSMOUNT_CLOEXEC, MOUNT_ATTR_NODEV);
	return m->fd < 0 ? bh_fail_errno(m->err, -errno, "mount overlayfs") : 0;
}

static int become_mounter(struct mounting *m)
{
	uint32_t base = m->snapshot->id_base;
	uint64_t all;
	int r = caps_effective(&all);

	(void)setfsuid(base);
	(void)setfsgid(base);
	if (r == 0)
		r = caps_set(all, all, 0);
	if (r < 0 || (uint32_t)setfsuid((uid_t)-1) != base || (uint32_t)setfsgid((gid_t)-1) != base)
		return bh_fail_errno(m->err, r < 0 ? r : -EPERM, "become the container's root");
	return 0;
}

/* Older kernels: the clone must be attached where the mounter is. */
static int create_attached(struct mounting *m)
{
	_cleanup_close_ int root = -EBADF;
	int r;

	if (unshare(CLONE_NEWNS) < 0)
		return bh_fail_errno(m->err, -errno, "unshare the mount namespace");
	root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	r = root < 0 ? -errno : mount_set_propagation(root, MS_PRIVATE, true);
	if (r == 0)
		r = mount_attach(m->clone, root);
	if (r == 0 && fchdir(m->clone) < 0)
		r = -errno;
	if (r < 0)
		return bh_fail_errno(m->err, r, "attach the mount of the data root");
	return create_overlay(m, ".");
}

static int mounter(void *data)
{
	struct mounting *m = data;
	char base[32];

	m->code = become_mounter(m);
	if (m->code < 0)
		return 1;
	m->code = create_overlay(m, path_of_fd(m->clone, base));
	if (m->code == -EINVAL) {
		*m->err = (struct bh_error)BH_ERROR_INIT;
		m->code = create_attached(m);
	}
	return 0;
}

/* Run mounter() as a child that shares our memory; signals stay blocked meanwhile, so that no
 * handler runs on its stack. */
static int run_mounter(struct mounting *m)
{
	char *stack = mmap(NULL, CHILD_STACK, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK | MAP_NORESERVE, -1, 0);
	sigset_t all, old;
	pid_t pid;
	int r = 0;

	if (stack == MAP_FAILED)
		return bh_fail_errno(m->err, -errno, "stack of the mounter");
	(void)sigfillset(&all);
	(void)sigprocmask(SIG_BLOCK, &all, &old);
	pid = clone(mounter, stack + CHILD_STACK, CLONE_VM | CLONE_VFORK | CLONE_FILES, m);
	if (pid < 0)
		r = bh_fail_errno(m->err, -errno, "clone the mounter");
	else
		(void)TEMP_FAILURE_RETRY(waitpid(pid, NULL, __WALL));
	(void)sigprocmask(SIG_SETMASK, &old, NULL);
	(void)munmap(stack, CHILD_STACK);
	return r < 0 ? r : m->code;
}

static int check_writable(int fd, struct bh_error *err)
{
	struct statvfs st;

	if (fstatvfs(fd, &st) < 0)
		return bh_fail_errno(err, -errno, "stat the root file system");
	if ((st.f_flag & ST_RDONLY) != 0)
		return bh_fail(err, -EROFS, "overlayfs came up read-only");
	return 0;
}

int snapshot_mount(const struct snapshot *s, int *ret_fd, struct bh_error *err)
{
	struct bh_error fallback = BH_ERROR_INIT;
	struct mounting m = {
		.snapshot = s, .err = err != NULL ? err : &fallback, .clone = -EBADF, .fd = -EBADF};
	int r = map_clone(s->data_fd, s->id_base, &m.clone, m.err);

	if (r == 0)
		r = run_mounter(&m);
	if (r == 0)
		r = check_writable(m.fd, m.err);
	m.clone = fd_close(m.clone);
	if (r < 0) {
		m.fd = fd_close(m.fd);
		return bh_wrap(m.err, "mount the root file system");
	}
	*ret_fd = m.fd;
	return 0;
}

int snapshot_can_map(int fd, bool recursive, struct bh_error *err)
{
	const struct userns_range range = {0, SNAPSHOT_IDS, SNAPSHOT_IDS};
	_cleanup_close_ int userns = -EBADF, clone = mount_clone(fd, recursive);
	int r;

	if (clone < 0)
		return bh_fail_errno(err, clone, "clone a mount");
	r = userns_open(&range, 1, &range, 1, &userns, err);
	if (r < 0)
		return r;
	r = mount_set_idmap(clone, userns, recursive);
	if (r == 0)
		return 1;
	return r == -EINVAL || r == -EPERM ? 0 : bh_fail_errno(err, r, "map ids of a mount");
}

int snapshot_probe(int data_fd, struct bh_error *err)
{
	_cleanup_close_ int clone = -EBADF;
	struct statfs st;

	if (fstatfs(data_fd, &st) < 0)
		return bh_fail_errno(err, -errno, "stat the data root");
	if (st.f_type == OVERLAYFS_SUPER_MAGIC)
		return bh_fail(err, -EOPNOTSUPP,
			"the data root is on overlayfs, which cannot hold container file systems; "
			"put --data-root on ext4, xfs or btrfs");
	/* Any range shows whether the file system can be mapped. */
	return map_clone(data_fd, SNAPSHOT_IDS, &clone, err);
}
