// SPDX-License-Identifier: Apache-2.0
#include "kernel/path.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "test.h"

struct tree {
	char dir[64];
	int root;
};

static void tree_remove(struct tree *t)
{
	static const char *const names[] = {"root/in/x/y", "root/in/x", "root/in/file", "root/in",
		"root/out", "root/abs", "root/up", "root", "outside/x", "outside"};

	(void)fd_close(t->root);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		char path[256];

		(void)snprintf(path, sizeof(path), "%s/%s", t->dir, names[i]);
		(void)remove(path);
	}
	(void)rmdir(t->dir);
}

static void tree_make(struct tree *t)
{
	int dir;

	strcpy(t->dir, "/tmp/bulkhead-path-XXXXXX");
	CHECK(mkdtemp(t->dir) != NULL);
	dir = open(t->dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	CHECK(mkdirat(dir, "root", 0755) == 0 && mkdirat(dir, "outside", 0755) == 0 &&
		mkdirat(dir, "root/in", 0755) == 0);
	CHECK(symlinkat("../../outside", dir, "root/out") == 0);
	CHECK(symlinkat("/in", dir, "root/abs") == 0);
	CHECK(symlinkat("../../../../../../../..", dir, "root/up") == 0);
	t->root = openat(dir, "root", O_PATH | O_DIRECTORY | O_CLOEXEC);
	(void)close(dir);
}

static int exists(const struct tree *t, const char *name)
{
	char path[256];

	(void)snprintf(path, sizeof(path), "%s/%s", t->dir, name);
	return access(path, F_OK) == 0;
}

TEST(links_never_lead_out)
{
	__attribute__((cleanup(tree_remove))) struct tree t;
	_cleanup_close_ int a = -EBADF, b = -EBADF, c = -EBADF;

	tree_make(&t);
	CHECK_INT(path_open_in_root(t.root, "/out", O_PATH, 0), -ENOENT);
	a = path_open_in_root(t.root, "/abs", O_PATH | O_DIRECTORY, 0);
	CHECK(a >= 0);
	b = path_mkdir_in_root(t.root, "/abs/x/y", 0755);
	CHECK(b >= 0 && exists(&t, "root/in/x/y"));
	c = path_mkdir_in_root(t.root, "/up/in", 0755);
	CHECK(c >= 0);
	CHECK(!exists(&t, "outside/x"));
	CHECK_INT(path_open_beneath(t.root, "abs", O_PATH, 0), -ELOOP);
	CHECK_INT(path_open_beneath(t.root, "../outside", O_PATH, 0), -EXDEV);
}

TEST(files_are_made_inside_and_kept)
{
	__attribute__((cleanup(tree_remove))) struct tree t;
	_cleanup_close_ int a = -EBADF, b = -EBADF;
	struct stat first, second;

	tree_make(&t);
	a = path_touch_in_root(t.root, "/abs/file", 0644);
	b = path_touch_in_root(t.root, "/in/file", 0600);
	CHECK(a >= 0 && b >= 0);
	CHECK(fstat(a, &first) == 0 && fstat(b, &second) == 0);
	CHECK(first.st_ino == second.st_ino && first.st_mode == second.st_mode);
}

TEST(magic_links_are_refused)
{
	int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);

	CHECK(root >= 0);
	CHECK_INT(path_open_in_root(root, "/proc/self/exe", O_PATH, 0), -ELOOP);
	(void)close(root);
}

TEST(parents)
{
	__attribute__((cleanup(tree_remove))) struct tree t;
	_cleanup_close_ int a = -EBADF;
	char name[NAME_MAX + 1];

	tree_make(&t);
	a = path_parent_in_root(t.root, "/in/x/", 0, name);
	CHECK(a >= 0);
	CHECK_STR(name, "x");
	CHECK_INT(path_parent_in_root(t.root, "/in/..", 0, name), -EINVAL);
	CHECK_INT(path_parent_in_root(t.root, "/", 0, name), -EINVAL);
}
