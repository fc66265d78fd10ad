// SPDX-License-Identifier: Apache-2.0
#include "kernel/mount.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <sys/mount.h>
#include <unistd.h>

#include "base/mem.h"

#ifndef MOUNT_ATTR_NOSYMFOLLOW
#define MOUNT_ATTR_NOSYMFOLLOW 0x00200000
#endif
#ifndef MS_NOSYMFOLLOW
#define MS_NOSYMFOLLOW 256
#endif

static const struct {
	unsigned long ms;
	uint64_t attribute;
} attribute_map[] = {
	{MS_RDONLY, MOUNT_ATTR_RDONLY},
	{MS_NOSUID, MOUNT_ATTR_NOSUID},
	{MS_NODEV, MOUNT_ATTR_NODEV},
	{MS_NOEXEC, MOUNT_ATTR_NOEXEC},
	{MS_NODIRATIME, MOUNT_ATTR_NODIRATIME},
	{MS_NOSYMFOLLOW, MOUNT_ATTR_NOSYMFOLLOW},
	{MS_NOATIME, MOUNT_ATTR_NOATIME},
	{MS_STRICTATIME, MOUNT_ATTR_STRICTATIME},
};

uint64_t mount_attributes(unsigned long ms_flags)
{
	uint64_t attributes = 0;

	for (size_t i = 0; i < ARRAY_SIZE(attribute_map); i++)
		if ((ms_flags & attribute_map[i].ms) != 0)
			attributes |= attribute_map[i].attribute;
	return attributes;
}

int mount_clone(int fd, bool recursive)
{
	int r = open_tree(fd, "",
		AT_EMPTY_PATH | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC |
			(recursive ? AT_RECURSIVE : 0));

	return r < 0 ? -errno : r;
}

int mount_set_attributes(int fd, uint64_t set, uint64_t clear, bool recursive)
{
	struct mount_attr attr = {.attr_set = set, .attr_clr = clear};

	if (set == 0 && clear == 0)
		return 0;
	if ((set & MOUNT_ATTR__ATIME) != 0 || (clear & MOUNT_ATTR__ATIME) != 0)
		attr.attr_clr |= MOUNT_ATTR__ATIME; /* an enum, not bits: cleared as a whole */
	if (mount_setattr(fd, "", AT_EMPTY_PATH | (recursive ? AT_RECURSIVE : 0), &attr,
		    sizeof(attr)) < 0)
		return -errno;
	return 0;
}

int mount_set_propagation(int fd, unsigned long propagation, bool recursive)
{
	struct mount_attr attr = {.propagation = propagation};

	if (mount_setattr(fd, "", AT_EMPTY_PATH | (recursive ? AT_RECURSIVE : 0), &attr,
		    sizeof(attr)) < 0)
		return -errno;
	return 0;
}

int mount_attach(int mount, int target)
{
	if (move_mount(mount, "", target, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) <
		0)
		return -errno;
	return 0;
}

int mount_set_idmap(int fd, int userns, bool recursive)
{
	struct mount_attr attr = {.attr_set = MOUNT_ATTR_IDMAP, .userns_fd = (unsigned int)userns};

	if (mount_setattr(fd, "", AT_EMPTY_PATH | (recursive ? AT_RECURSIVE : 0), &attr,
		    sizeof(attr)) < 0)
		return -errno;
	return 0;
}

int mount_new(const char *type, const char *source, uint64_t attributes)
{
	_cleanup_close_ int fs = fsopen(type, FSOPEN_CLOEXEC);
	int fd;

	if (fs < 0)
		return -errno;
	if (source != NULL && fsconfig(fs, FSCONFIG_SET_STRING, "source", source, 0) < 0)
		return -errno;
	if (fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		return -errno;
	fd = fsmount(fs, FSMOUNT_CLOEXEC, (unsigned int)attributes);
	return fd < 0 ? -errno : fd;
}
