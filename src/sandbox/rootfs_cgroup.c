// SPDX-License-Identifier: Apache-2.0
/*
 * Mounts of type "cgroup" and "cgroup2". With a cgroup namespace the hierarchies are mounted new
 * and show the container's group as their root; without one the container's own group is bound, so
 * that no other group is visible.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "kernel/mount.h"
#include "kernel/path.h"
#include "sandbox/rootfs.h"

#define CGROUP_ARENA (1u << 20)

static bool has_namespace(const struct rootfs *fs)
{
	return fs->config->namespaces[OCI_NS_CGROUP].mode != OCI_NS_HOST;
}

static int mount_at(
	int target, const char *source, const char *type, unsigned long flags, const char *data)
{
	char self[32];

	return mount(source, path_of_fd(target, self), type, flags, data) < 0 ? -errno : 0;
}

static int bind_group(const char *path, const struct oci_mount *m, int target)
{
	_cleanup_close_ int source = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC), copy = -EBADF;
	int r;

	if (source < 0)
		return -errno;
	copy = mount_clone(source, false);
	if (copy < 0)
		return copy;
	r = mount_set_attributes(copy, mount_attributes(m->flags), 0, false);
	return r < 0 ? r : mount_attach(copy, target);
}

static int mount_v2(struct rootfs *fs, const struct oci_mount *m, struct bh_error *err)
{
	_cleanup_close_ int target = path_mkdir_in_root(fs->root, m->destination, 0755);
	const char *group = cgroup_path(fs->cgroup, NULL);
	char path[PATH_MAX];
	int r;

	if (target < 0)
		return bh_fail_errno(err, target, "make the mount point");
	if (has_namespace(fs)) {
		r = mount_at(target, "cgroup", "cgroup2", m->flags & ~(unsigned long)MS_REC, "");
		if (r == 0)
			return 0;
		if (r != -EPERM && r != -EBUSY)
			return bh_fail_errno(err, r, "mount cgroup2");
	}
	if (group == NULL)
		return bh_fail(err, -EPERM,
			"cgroup2 cannot be mounted here, and there is no group of the container to "
			"bind in its place");
	(void)snprintf(path, sizeof(path), "/sys/fs/cgroup%s", group);
	r = bind_group(path, m, target);
	return r < 0 ? bh_fail_errno(err, r, "bind %s", path) : 0;
}

static int mount_hierarchy(struct rootfs *fs, const struct oci_mount *m, int dir,
	const struct cgroup_v1_mount *h, struct bh_error *err)
{
	_cleanup_close_ int target = -EBADF;
	char path[PATH_MAX];
	int r;

	if (mkdirat(dir, h->name, 0755) < 0 && errno != EEXIST)
		return bh_fail_errno(err, -errno, "make %s", h->name);
	target = path_open_beneath(dir, h->name, O_PATH | O_DIRECTORY, 0);
	if (target < 0)
		return bh_fail_errno(err, target, "open %s", h->name);
	if (has_namespace(fs)) {
		r = mount_at(
			target, "cgroup", "cgroup", m->flags & ~(unsigned long)MS_REC, h->options);
		return r < 0 ? bh_fail_errno(err, r, "mount hierarchy %s", h->name) : 0;
	}
	if (snprintf(path, sizeof(path), "%s%s", h->host_mount, h->path) >= (int)sizeof(path))
		return bh_fail(err, -ENAMETOOLONG, "path of %s", h->name);
	r = bind_group(path, m, target);
	return r < 0 ? bh_fail_errno(err, r, "bind %s", path) : 0;
}

/* Directory names like "cpu,cpuacct" get a link for each controller, as on the host. */
static void link_controllers(int dir, const char *name)
{
	char one[NAME_MAX + 1];
	const char *p = name;

	if (strchr(name, ',') == NULL)
		return;
	while (*p != '\0') {
		size_t n = strcspn(p, ",");

		if (n > 0 && n < sizeof(one)) {
			memcpy(one, p, n);
			one[n] = '\0';
			(void)!symlinkat(name, dir, one);
		}
		p += n + (p[n] == ',');
	}
}

static int mount_v1(struct rootfs *fs, const struct oci_mount *m, struct bh_error *err)
{
	_cleanup_close_ int target = path_mkdir_in_root(fs->root, m->destination, 0755),
			    dir = -EBADF;
	_cleanup_arena_ struct arena a = ARENA_INIT;
	struct cgroup_v1_mount *list;
	size_t count;
	int r;

	if (target < 0)
		return bh_fail_errno(err, target, "make the mount point");
	if (arena_init(&a, CGROUP_ARENA) < 0)
		return bh_fail(err, -ENOMEM, "out of memory");
	r = cgroup_v1_mounts(fs->cgroup, &a, &list, &count, err);
	if (r < 0)
		return r;
	r = mount_at(target, "tmpfs", "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=755");
	if (r < 0)
		return bh_fail_errno(err, r, "mount tmpfs");
	dir = path_open_in_root(fs->root, m->destination, O_PATH | O_DIRECTORY, 0);
	if (dir < 0)
		return bh_fail_errno(err, dir, "open the new tmpfs");
	for (size_t i = 0; i < count; i++) {
		r = mount_hierarchy(fs, m, dir, &list[i], err);
		if (r < 0)
			return r;
		link_controllers(dir, list[i].name);
	}
	r = mount_set_attributes(dir, mount_attributes(m->flags), 0, false);
	return r < 0 ? bh_fail_errno(err, r, "set mount attributes") : 0;
}

int rootfs_mount_cgroup(struct rootfs *fs, const struct oci_mount *m, struct bh_error *err)
{
	enum cgroup_mode mode;

	switch (cgroup_mode(fs->cgroup)) {
	case CGROUP_V2:
		return mount_v2(fs, m, err);
	case CGROUP_V1:
		return mount_v1(fs, m, err);
	case CGROUP_NONE:
		/* No group could be had, but a cgroup namespace shows nothing above the caller's
		 * own. */
		if (cgroup_mode_detect(&mode, err) == 0 && mode == CGROUP_V2 && has_namespace(fs))
			return mount_v2(fs, m, err);
		break;
	}
	return bh_fail(err, -ENODEV, "no cgroup hierarchy is mounted here");
}
