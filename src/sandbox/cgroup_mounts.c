// SPDX-License-Identifier: Apache-2.0
/*
 * Which hierarchies the machine has, where they are mounted, and where in them this process is.
 *
 * A hierarchy may be mounted more than once (bind mounts into root file systems of containers). The
 * mount below /sys/fs/cgroup wins, else the first.
 */
#include "sandbox/cgroup_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/fd.h"
#include "base/mem.h"

#define MOUNTINFO_MAX (16u << 20)
#define SELF_MAX      (64u << 10)
#define SYSFS_CGROUP  "/sys/fs/cgroup"

static const char *const controller_names[] = {
	"cpu",
	"cpuacct",
	"cpuset",
	"memory",
	"devices",
	"freezer",
	"blkio",
	"pids",
	"net_cls",
	"net_prio",
	"hugetlb",
	"perf_event",
	"rdma",
	"misc",
	"debug",
};

bool cgroup_list_has(const char *controllers, const char *name)
{
	size_t len = strlen(name);

	for (const char *p = controllers; *p != '\0';) {
		size_t n = strcspn(p, ",");

		if (n == len && memcmp(p, name, len) == 0)
			return true;
		p += n;
		p += *p == ',';
	}
	return false;
}

static bool is_controller(const char *word)
{
	for (size_t i = 0; i < ARRAY_SIZE(controller_names); i++) {
		if (strcmp(word, controller_names[i]) == 0)
			return true;
	}
	return strncmp(word, "name=", 5) == 0;
}

/* mountinfo writes space, tab, newline and backslash as three octal digits. */
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

/* The controllers among superblock options, comma-separated, in the order of the options. */
static const char *controllers_of(char *options, struct arena *a, bool *ret_real)
{
	char *list = arena_alloc(a, strlen(options) + 1), *end = list, *save = NULL;

	if (list == NULL)
		return NULL;
	*ret_real = false;
	for (char *w = strtok_r(options, ",", &save); w != NULL; w = strtok_r(NULL, ",", &save)) {
		if (!is_controller(w))
			continue;
		if (end != list)
			*end++ = ',';
		memcpy(end, w, strlen(w) + 1);
		end += strlen(w);
		*ret_real = *ret_real || strncmp(w, "name=", 5) != 0;
	}
	return list;
}

static bool is_standard(const char *point)
{
	return strncmp(point, SYSFS_CGROUP, strlen(SYSFS_CGROUP)) == 0;
}

static int set_mount(struct cgroup_mount *slot, const char *controllers, const char *point,
	const char *root, struct arena *a)
{
	if (slot->point != NULL && (is_standard(slot->point) || !is_standard(point)))
		return 0;
	slot->controllers = controllers;
	slot->point = arena_strdup(a, point);
	slot->root = arena_strdup(a, root);
	return slot->point != NULL && slot->root != NULL ? 0 : -ENOMEM;
}

static int add_v1(struct cgroup_mounts *ret, char *options, const char *point, const char *root,
	struct arena *a)
{
	bool real;
	const char *controllers = controllers_of(options, a, &real);
	size_t i;

	if (controllers == NULL)
		return -ENOMEM;
	if (controllers[0] == '\0')
		return 0;
	for (i = 0; i < ret->v1_count; i++) {
		if (strcmp(ret->v1[i].controllers, controllers) == 0)
			return set_mount(&ret->v1[i], controllers, point, root, a);
	}
	if (i == CGROUP_HIERARCHIES_MAX)
		return -E2BIG;
	ret->v1_count++;
	ret->v1_controllers = ret->v1_controllers || real;
	return set_mount(&ret->v1[i], controllers, point, root, a);
}

/* "ID PARENT MAJ:MIN ROOT POINT OPTIONS [TAG...] - TYPE SOURCE SUPER" */
static int parse_line(char *line, struct arena *a, struct cgroup_mounts *ret)
{
	char *tail = strstr(line, " - "), *field[6], *super[3], *save = NULL;

	if (tail == NULL || strncmp(tail + 3, "cgroup", 6) != 0)
		return 0;
	*tail = '\0';
	for (size_t i = 0; i < 6; i++) {
		field[i] = strtok_r(i == 0 ? line : NULL, " ", &save);
		if (field[i] == NULL)
			return 0;
	}
	for (size_t i = 0; i < 3; i++) {
		super[i] = strtok_r(i == 0 ? tail + 3 : NULL, " ", &save);
		if (super[i] == NULL)
			return 0;
	}
	unescape(field[3]);
	unescape(field[4]);
	if (strcmp(super[0], "cgroup2") == 0)
		return set_mount(&ret->v2, "", field[4], field[3], a);
	if (strcmp(super[0], "cgroup") == 0)
		return add_v1(ret, super[2], field[4], field[3], a);
	return 0;
}

int cgroup_mounts_parse(char *text, struct arena *a, struct cgroup_mounts *ret)
{
	struct cgroup_mounts mounts = {0};
	char *save = NULL;

	for (char *l = strtok_r(text, "\n", &save); l != NULL; l = strtok_r(NULL, "\n", &save)) {
		int r = parse_line(l, a, &mounts);

		if (r < 0)
			return r;
	}
	*ret = mounts;
	return 0;
}

int cgroup_mounts_read(struct arena *a, struct cgroup_mounts *ret, struct bh_error *err)
{
	_cleanup_buf_ struct buf text;
	int r;

	buf_init(&text, MOUNTINFO_MAX);
	r = fd_read_file(AT_FDCWD, "/proc/self/mountinfo", &text);
	if (r < 0)
		return bh_fail_errno(err, r, "read /proc/self/mountinfo");
	r = text.data == NULL ? 0 : cgroup_mounts_parse(text.data, a, ret);
	if (r < 0)
		return bh_fail_errno(err, r, "parse /proc/self/mountinfo");
	return 0;
}

enum cgroup_mode cgroup_mounts_mode(const struct cgroup_mounts *mounts)
{
	if (mounts->v1_controllers)
		return CGROUP_V1;
	return mounts->v2.point != NULL ? CGROUP_V2 : CGROUP_NONE;
}

/* A line "N:CONTROLLERS:PATH" belongs to mount if it names one of its controllers. */
static bool line_matches(const char *controllers, size_t len, const struct cgroup_mount *mount)
{
	const char *want = mount->controllers;
	size_t n = strcspn(want, ",");

	if (want[0] == '\0' || strcmp(want, CGROUP_UNIFIED) == 0)
		return len == 0;
	for (const char *p = controllers, *end = controllers + len; p < end;) {
		size_t word = strcspn(p, ",:");

		if (word == n && memcmp(p, want, n) == 0)
			return true;
		p += word + 1;
	}
	return false;
}

/* path as the kernel gives it is below the root of the cgroup namespace; the mount may show less.
 */
static const char *strip_root(const char *path, const char *root)
{
	size_t n = strlen(root);

	if (strcmp(root, "/") == 0)
		return path;
	if (strncmp(path, root, n) == 0 && (path[n] == '/' || path[n] == '\0'))
		return path[n] == '\0' ? "/" : path + n;
	return path;
}

const char *cgroup_own_path_parse(
	const char *text, const struct cgroup_mount *mount, struct arena *a)
{
	for (const char *line = text; *line != '\0';) {
		size_t len = strcspn(line, "\n");
		const char *list = memchr(line, ':', len);
		const char *path = list == NULL
					   ? NULL
					   : memchr(list + 1, ':', (size_t)(line + len - list - 1));

		if (path != NULL && line_matches(list + 1, (size_t)(path - list - 1), mount)) {
			const char *own =
				arena_strndup(a, path + 1, (size_t)(line + len - path - 1));

			return own == NULL ? NULL : strip_root(own, mount->root);
		}
		line += len;
		line += *line == '\n';
	}
	return NULL;
}

int cgroup_own_path(
	const struct cgroup_mount *mount, struct arena *a, const char **ret, struct bh_error *err)
{
	_cleanup_buf_ struct buf text;
	const char *own;
	int r;

	buf_init(&text, SELF_MAX);
	r = fd_read_file(AT_FDCWD, "/proc/self/cgroup", &text);
	if (r < 0)
		return bh_fail_errno(err, r, "read /proc/self/cgroup");
	own = cgroup_own_path_parse(buf_str(&text), mount, a);
	if (own == NULL || own[0] != '/' || strstr(own, "/..") != NULL)
		return bh_fail(err, -ENOENT,
			"/proc/self/cgroup has no usable group for hierarchy \"%s\"",
			mount->controllers);
	*ret = own;
	return 0;
}

int cgroup_path_check(const char *path, struct bh_error *err)
{
	size_t depth = 0;

	if (strlen(path) > CGROUP_PATH_MAX / 4)
		return bh_fail(err, -ENAMETOOLONG, "cgroup path is longer than %d bytes",
			CGROUP_PATH_MAX / 4);
	for (const char *p = path; *p != '\0';) {
		size_t n;

		p += strspn(p, "/");
		n = strcspn(p, "/");
		if ((n == 2 && memcmp(p, "..", 2) == 0) || (n == 1 && *p == '.'))
			return bh_fail(err, -EINVAL, "cgroup path \"%s\" has a component \"%.*s\"",
				path, (int)n, p);
		depth += n > 0;
		for (size_t i = 0; i < n; i++) {
			if ((unsigned char)p[i] < ' ' || p[i] == 0x7f)
				return bh_fail(err, -EINVAL,
					"cgroup path has a control character at byte %zu",
					(size_t)(p + i - path));
		}
		p += n;
	}
	if (depth == 0 || depth > CGROUP_DEPTH_MAX)
		return bh_fail(err, -EINVAL,
			"cgroup path \"%s\" must name a group: 1 to %d components", path,
			CGROUP_DEPTH_MAX);
	return 0;
}

/* Join with exactly one slash between components and none at the end. */
static const char *join_path(struct arena *a, const char *base, const char *path)
{
	char *out = arena_alloc(a, strlen(base) + strlen(path) + 3), *o = out;
	const char *parts[] = {base, path};

	if (out == NULL)
		return NULL;
	for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
		for (const char *p = parts[i]; *p != '\0';) {
			size_t n;

			p += strspn(p, "/");
			n = strcspn(p, "/");
			if (n == 0)
				break;
			*o++ = '/';
			memcpy(o, p, n);
			o += n;
			p += n;
		}
	}
	return out;
}

int cgroup_resolve_path(const struct cgroup_request *request, const struct cgroup_mount *mount,
	struct arena *a, const char **ret, struct bh_error *err)
{
	const char *path = request->path, *base = "", *joined;
	int r;

	if (path == NULL || path[0] == '\0')
		path = arena_printf(a, "/bulkhead-%s", request->id);
	if (path == NULL)
		return bh_fail(err, -ENOMEM, "out of memory for a cgroup path");
	r = cgroup_path_check(path, err);
	if (r < 0)
		return bh_wrap(err, "/linux/cgroupsPath");
	if (path[0] != '/')
		r = cgroup_own_path(mount, a, &base, err);
	if (r < 0)
		return r;
	joined = join_path(a, base, path);
	if (joined == NULL)
		return bh_fail(err, -ENOMEM, "out of memory for a cgroup path");
	*ret = joined;
	return 0;
}
