// SPDX-License-Identifier: Apache-2.0
/*
 * Removal of a tree that somebody else filled: walked with one descriptor a level by names read
 * from the directory itself, never through a link, never into another file system. Trees deeper
 * than the descriptors allow are flattened: a directory too deep is renamed into the top and comes
 * up again.
 */
#include "kernel/tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"

#define DEPTH_MAX  24
#define PASSES_MAX 65536 /* each pass moves every branch up by DEPTH_MAX levels */

struct walk {
	int top;
	dev_t device;
	uint64_t moved; /* number for the next name in the top */
	bool again;
	uint64_t *budget;
};

static int remove_level(struct walk *w, int dir, unsigned int depth, struct bh_error *err);

static int hoist(struct walk *w, int dir, const char *name, struct bh_error *err)
{
	char target[40];

	(void)snprintf(
		target, sizeof(target), ".bulkhead-remove-%llu", (unsigned long long)w->moved++);
	if (renameat(dir, name, w->top, target) < 0)
		return bh_fail_errno(err, -errno, "move %s up", name);
	w->again = true;
	return 0;
}

static int remove_directory(
	struct walk *w, int dir, const char *name, unsigned int depth, struct bh_error *err)
{
	_cleanup_close_ int fd = -EBADF;
	struct stat st;
	int r;

	if (depth == DEPTH_MAX)
		return hoist(w, dir, name, err);
	fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0)
		return bh_fail_errno(err, -errno, "open %s", name);
	if (st.st_dev != w->device)
		return bh_fail(err, -EXDEV, "%s is another file system", name);
	r = remove_level(w, fd, depth + 1, err);
	if (r < 0)
		return r;
	if (unlinkat(dir, name, AT_REMOVEDIR) < 0)
		return bh_fail_errno(err, -errno, "remove %s", name);
	return 0;
}

static int remove_one(
	struct walk *w, int dir, const char *name, unsigned int depth, struct bh_error *err)
{
	if (*w->budget == 0)
		return bh_fail(err, -EAGAIN, "more entries than may be removed at once");
	--*w->budget;
	if (unlinkat(dir, name, 0) == 0 || errno == ENOENT)
		return 0;
	if (errno != EISDIR && errno != EPERM)
		return bh_fail_errno(err, -errno, "remove %s", name);
	if (unlinkat(dir, name, AT_REMOVEDIR) == 0)
		return 0;
	return remove_directory(w, dir, name, depth, err);
}

static int remove_level(struct walk *w, int dir, unsigned int depth, struct bh_error *err)
{
	int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), r = 0;
	struct dirent *entry;
	DIR *d;

	if (fd < 0)
		return bh_fail_errno(err, -errno, "read a directory");
	d = fdopendir(fd);
	if (d == NULL) {
		r = bh_fail_errno(err, -errno, "read a directory");
		(void)close(fd);
		return r;
	}
	while (r == 0 && (errno = 0, entry = readdir(d)) != NULL) {
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		r = remove_one(w, fd, entry->d_name, depth, err);
	}
	if (r == 0 && errno != 0)
		r = bh_fail_errno(err, -errno, "read a directory");
	(void)closedir(d);
	return r;
}

int tree_remove_contents(int dir, uint64_t budget, struct bh_error *err)
{
	struct walk w = {.top = dir, .budget = &budget};
	struct stat st;
	int r = 0;

	if (fstat(dir, &st) < 0)
		return bh_fail_errno(err, -errno, "stat the directory");
	w.device = st.st_dev;
	for (unsigned int i = 0; r == 0 && i < PASSES_MAX; i++) {
		w.again = false;
		r = remove_level(&w, dir, 0, err);
		if (r == 0 && !w.again)
			return 0;
	}
	return r < 0 ? r : bh_fail(err, -ELOOP, "the tree does not end");
}

int tree_remove(int dir, const char *name, uint64_t budget, struct bh_error *err)
{
	_cleanup_close_ int fd = -EBADF;
	int r;

	if (unlinkat(dir, name, 0) == 0 || errno == ENOENT)
		return 0;
	if (errno != EISDIR)
		return bh_fail_errno(err, -errno, "remove %s", name);
	fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return bh_fail_errno(err, -errno, "open %s", name);
	r = tree_remove_contents(fd, budget, err);
	if (r < 0)
		return r;
	if (unlinkat(dir, name, AT_REMOVEDIR) < 0)
		return bh_fail_errno(err, -errno, "remove %s", name);
	return 0;
}
