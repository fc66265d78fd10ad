// SPDX-License-Identifier: Apache-2.0
/*
 * File capabilities and user attributes are kept. Labels of another host's security modules mean
 * nothing here and are dropped; what could steer overlayfs or access (trusted.*, others) is
 * refused.
 */
#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/mem.h"
#include "bin/files/files.h"

#define CAPABILITY_V2_SIZE 20

static const char *const dropped[] = {"security.selinux", "security.ima", "security.evm",
	"security.SMACK64", "system.posix_acl_access", "system.posix_acl_default"};

static bool is_dropped(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(dropped); i++)
		if (strcmp(name, dropped[i]) == 0)
			return true;
	return false;
}

/* 0: set it, 1: leave it out */
static int judge(const char *name, size_t len, const char *path, struct bh_error *err)
{
	if (is_dropped(name))
		return 1;
	if (strcmp(name, "security.capability") == 0) {
		if (len != CAPABILITY_V2_SIZE)
			return bh_fail(
				err, -EINVAL, "%s: file capabilities of a foreign version", path);
		return 0;
	}
	if (strncmp(name, "user.", 5) != 0)
		return bh_fail(err, -EPERM, "%s: extended attribute %.255s is refused", path, name);
	return len <= UNPACK_XATTR_MAX ? 0
				       : bh_fail(err, -E2BIG,
						 "%s: extended attribute %.255s is too "
						 "long",
						 path, name);
}

/* The calls without a path follow no link and need an open file; O_PATH is not enough for them, and
 * the parent is a descriptor: so the directory is entered for the moment. */
static int set_one(int parent, const char *name, const char *key, const void *value, size_t len)
{
	if (fchdir(parent) < 0)
		return -errno;
	return lsetxattr(name, key, value, len, 0) < 0 ? -errno : 0;
}

int unpack_xattrs(int parent, const char *name, struct archive_entry *entry, const char *path,
	struct bh_error *err)
{
	const char *key;
	const void *value;
	size_t len;
	unsigned int count = 0;

	(void)archive_entry_xattr_reset(entry);
	while (archive_entry_xattr_next(entry, &key, &value, &len) == ARCHIVE_OK) {
		int r;

		if (++count > UNPACK_XATTRS_MAX)
			return bh_fail(err, -E2BIG, "%s: too many extended attributes", path);
		r = judge(key, len, path, err);
		if (r == 0)
			r = set_one(parent, name, key, value, len);
		if (r < 0)
			return err->code != 0 ? r
					      : bh_fail_errno(err, r, "set %s of %s", key, path);
	}
	return 0;
}
