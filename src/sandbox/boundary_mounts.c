// SPDX-License-Identifier: Apache-2.0
/* Mounts and device nodes of a boundary report: mountinfo of the container against the host's. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/mem.h"
#include "kernel/path.h"
#include "sandbox/boundary_read.h"

#define DEVICE_DEPTH_MAX 4
#define DIR_ENTRIES_MAX  4096

/* ---- mountinfo ---- */

/* mountinfo escapes blank, newline and backslash as \ooo; undo it in place. */
static char *unescape(char *text)
{
	char *out = text;

	for (const char *in = text; *in != '\0';) {
		if (in[0] == '\\' && in[1] >= '0' && in[1] <= '3' && in[2] >= '0' && in[2] <= '7' &&
			in[3] >= '0' && in[3] <= '7') {
			*out++ = (char)((in[1] - '0') << 6 | (in[2] - '0') << 3 | (in[3] - '0'));
			in += 4;
		} else {
			*out++ = *in++;
		}
	}
	*out = '\0';
	return text;
}

static bool has_option(const char *options, const char *option)
{
	size_t len = strlen(option);

	for (const char *at = options; (at = strstr(at, option)) != NULL; at += len)
		if ((at == options || at[-1] == ',') && (at[len] == ',' || at[len] == '\0'))
			return true;
	return false;
}

struct line {
	struct boundary_mount mount;
	unsigned long peer_group; /* 0: not shared */
};

/* 36 35 98:0 /root /path options shared:1 ... - type source superoptions */
static bool parse_line(char *text, struct line *ret)
{
	struct line l = {.peer_group = 0};
	char *number, *options, *field, *super;

	(void)boundary_token(&text, ' ');
	(void)boundary_token(&text, ' ');
	number = boundary_token(&text, ' ');
	l.mount.root = boundary_token(&text, ' ');
	l.mount.path = boundary_token(&text, ' ');
	options = boundary_token(&text, ' ');
	if (options == NULL)
		return false;
	while ((field = boundary_token(&text, ' ')) != NULL && strcmp(field, "-") != 0)
		if (strncmp(field, "shared:", 7) == 0)
			l.peer_group = strtoul(field + 7, NULL, 10);
	l.mount.type = boundary_token(&text, ' ');
	l.mount.source = boundary_token(&text, ' ');
	super = boundary_token(&text, ' ');
	if (super == NULL)
		return false;
	l.mount.major = (uint32_t)strtoul(number, &number, 10);
	l.mount.minor = (uint32_t)strtoul(number + (*number == ':'), NULL, 10);
	(void)unescape((char *)l.mount.root);
	(void)unescape((char *)l.mount.path);
	(void)unescape((char *)l.mount.source);
	l.mount.readonly = has_option(options, "ro") || has_option(super, "ro");
	l.mount.nosuid = has_option(options, "nosuid");
	l.mount.nodev = has_option(options, "nodev");
	l.mount.noexec = has_option(options, "noexec");
	*ret = l;
	return true;
}

static int read_mountinfo(
	int dirfd, const char *path, struct arena *a, struct line **ret, size_t *ret_count)
{
	char *text = (char *)boundary_read_text(dirfd, path, a), *line;
	struct line *lines = arena_calloc(a, BOUNDARY_MOUNTS_MAX, sizeof(*lines));
	size_t count = 0;

	if (lines == NULL)
		return -ENOMEM;
	while (count < BOUNDARY_MOUNTS_MAX && (line = boundary_token(&text, '\n')) != NULL)
		count += parse_line(line, &lines[count]);
	*ret = lines;
	*ret_count = count;
	return 0;
}

/* ---- against the host ---- */

static const char *const kernel_types[] = {"proc", "sysfs", "cgroup", "cgroup2", "devpts", "mqueue",
	"securityfs", "debugfs", "tracefs", "bpf", "pstore", "configfs", "fusectl", "binfmt_misc",
	"hugetlbfs", "nsfs"};

static bool is_kernel_type(const char *type)
{
	for (size_t i = 0; i < ARRAY_SIZE(kernel_types); i++)
		if (strcmp(type, kernel_types[i]) == 0)
			return true;
	return false;
}

/* What is left of path below dir: "" for dir itself, "/rest" below it, NULL elsewhere. */
static const char *below(const char *path, const char *dir)
{
	size_t len = strcmp(dir, "/") == 0 ? 0 : strlen(dir);

	if (strncmp(path, dir, len) != 0 || (path[len] != '\0' && path[len] != '/'))
		return NULL;
	return strcmp(path + len, "/") == 0 ? "" : path + len;
}

static const char *join(struct arena *a, const char *dir, const char *rest)
{
	const char *text =
		arena_printf(a, "%s%s", strcmp(dir, "/") == 0 && rest[0] == '/' ? "" : dir, rest);

	return text != NULL ? text : dir;
}

/* Find what the host has mounted of the same file system, closest above the mount's root. */
static void compare_with_host(
	struct arena *a, struct line *own, const struct line *host, size_t count)
{
	const struct line *best = NULL;
	const char *best_rest = NULL;

	for (size_t i = 0; i < count; i++) {
		const struct boundary_mount *m = &host[i].mount;
		const char *rest;

		own->mount.shared = own->mount.shared ||
				    (own->peer_group != 0 && own->peer_group == host[i].peer_group);
		if (m->major != own->mount.major || m->minor != own->mount.minor)
			continue;
		rest = below(own->mount.root, m->root);
		if (rest != NULL && (best == NULL || strlen(rest) < strlen(best_rest))) {
			best = &host[i];
			best_rest = rest;
		}
	}
	if (best == NULL || is_kernel_type(own->mount.type))
		return;
	own->mount.host_bind = strcmp(own->mount.path, "/") != 0;
	own->mount.host_path = join(a, best->mount.path, best_rest);
}

/* The mount that decides about a path: the last one at the longest mount point above it. */
static const struct boundary_mount *covering(const struct boundary_facts *f, const char *path)
{
	const struct boundary_mount *found = NULL;

	for (size_t i = 0; i < f->mount_count; i++)
		if (below(path, f->mounts[i].path) != NULL &&
			(found == NULL || strlen(f->mounts[i].path) >= strlen(found->path)))
			found = &f->mounts[i];
	return found;
}

/* A file system whose answers come from a program or another machine, which may never answer. */
static bool may_hang(const char *type)
{
	return strncmp(type, "fuse", 4) == 0 || strncmp(type, "nfs", 3) == 0 ||
	       strcmp(type, "9p") == 0 || strcmp(type, "virtiofs") == 0 ||
	       strcmp(type, "cifs") == 0 || strcmp(type, "smb3") == 0 ||
	       strcmp(type, "ceph") == 0 || strcmp(type, "autofs") == 0;
}

static bool path_may_hang(const struct boundary_facts *f, const char *path)
{
	for (size_t i = 0; i < f->mount_count; i++)
		if (may_hang(f->mounts[i].type) && below(path, f->mounts[i].path) != NULL)
			return true;
	return false;
}

static void look_at(int root, const struct boundary_facts *f, struct boundary_mount *m)
{
	_cleanup_close_ int fd = -EBADF;
	struct stat st;

	if (!m->host_bind)
		return;
	if (!path_may_hang(f, m->path)) {
		fd = path_open_in_root(root, m->path, O_PATH | O_NOFOLLOW, 0);
		if (fd >= 0 && fstat(fd, &st) == 0) {
			m->file = !S_ISDIR(st.st_mode);
			m->socket = S_ISSOCK(st.st_mode);
			return;
		}
	}
	/* not to be seen: go by the name */
	m->socket = m->host_path != NULL && strstr(m->host_path, ".sock") != NULL;
	m->file = m->socket;
}

/* ---- paths of the kernel ---- */

static const char *const sensitive[] = {"/proc/sys", "/proc/sysrq-trigger", "/proc/kcore",
	"/proc/keys", "/proc/latency_stats", "/proc/timer_list", "/proc/sched_debug", "/proc/scsi",
	"/proc/acpi", "/proc/asound", "/proc/bus", "/proc/fs", "/proc/irq", "/proc/interrupts",
	"/sys", "/sys/firmware", "/sys/devices/virtual/powercap"};

static bool is_mask(const struct boundary_mount *m)
{
	return strcmp(m->type, "tmpfs") == 0 || strcmp(m->root, "/null") == 0;
}

static int read_kernel_paths(struct arena *a, struct boundary_facts *facts)
{
	struct boundary_kernel_path *paths = arena_calloc(a, ARRAY_SIZE(sensitive), sizeof(*paths));

	if (paths == NULL)
		return -ENOMEM;
	facts->kernel_paths = paths;
	for (size_t i = 0; i < ARRAY_SIZE(sensitive); i++) {
		const struct boundary_mount *m = covering(facts, sensitive[i]);
		const struct boundary_mount *top =
			covering(facts, strncmp(sensitive[i], "/sys", 4) == 0 ? "/sys" : "/proc");

		/* only where there is a /proc or /sys, and this kernel has the file */
		if (m == NULL || top == NULL || !is_kernel_type(top->type) ||
			access(sensitive[i], F_OK) < 0)
			continue;
		paths[facts->kernel_path_count++] = (struct boundary_kernel_path){
			sensitive[i], true, m != top && is_mask(m), m->readonly};
	}
	return 0;
}

int boundary_read_mounts(int proc, struct arena *a, struct boundary_facts *facts)
{
	_cleanup_close_ int root = openat(proc, "root", O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct line *own, *host;
	size_t count, host_count;
	int r = read_mountinfo(proc, "mountinfo", a, &own, &count);

	if (r == 0)
		r = read_mountinfo(AT_FDCWD, "/proc/1/mountinfo", a, &host, &host_count);
	if (r == 0 && host_count == 0)
		r = read_mountinfo(AT_FDCWD, "/proc/self/mountinfo", a, &host, &host_count);
	if (r < 0)
		return r;
	facts->mounts = arena_calloc(a, count + 1, sizeof(*facts->mounts));
	if (facts->mounts == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++) {
		compare_with_host(a, &own[i], host, host_count);
		facts->mounts[i] = own[i].mount;
	}
	facts->mount_count = count;
	for (size_t i = 0; root >= 0 && i < count; i++)
		look_at(root, facts, &facts->mounts[i]);
	return read_kernel_paths(a, facts);
}

/* ---- device nodes ---- */

static bool is_standard(char type, uint32_t major, uint32_t minor)
{
	if (type != 'c')
		return false;
	switch (major) {
	case 1:
		return minor == 3 || minor == 5 || minor == 7 || minor == 8 || minor == 9;
	case 5:
		return minor <= 2; /* tty, console, ptmx */
	default:
		return major >= 136 && major <= 143; /* pty slaves */
	}
}

/* Only file systems that answer by themselves are entered. */
static bool may_enter(const struct boundary_facts *f, const char *path)
{
	const struct boundary_mount *m = covering(f, path);

	return m != NULL && !path_may_hang(f, path) &&
	       (!is_kernel_type(m->type) || strcmp(m->type, "devpts") == 0);
}

static int add_device(
	struct arena *a, struct boundary_facts *facts, const char *path, const struct stat *st)
{
	struct boundary_device *d = &facts->devices[facts->device_count];

	d->path = arena_strdup(a, path);
	if (d->path == NULL)
		return -ENOMEM;
	d->type = S_ISBLK(st->st_mode) ? 'b' : 'c';
	d->major = major(st->st_rdev);
	d->minor = minor(st->st_rdev);
	d->standard = is_standard(d->type, d->major, d->minor);
	facts->device_count++;
	return 0;
}

static int scan_directory(
	int root, const char *path, int depth, struct arena *a, struct boundary_facts *facts);

static int scan_entry(int root, int dir, const char *path, const char *name, int depth,
	struct arena *a, struct boundary_facts *facts)
{
	char child[PATH_MAX];
	struct stat st;

	if (snprintf(child, sizeof(child), "%s/%s", path, name) >= (int)sizeof(child) ||
		!may_enter(facts, child) || fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return 0;
	if (S_ISDIR(st.st_mode) && depth < DEVICE_DEPTH_MAX)
		return scan_directory(root, child, depth + 1, a, facts);
	if ((S_ISBLK(st.st_mode) || S_ISCHR(st.st_mode)) && st.st_rdev != 0)
		return add_device(a, facts, child, &st);
	return 0;
}

static void close_dir(DIR **dir)
{
	if (*dir != NULL)
		(void)closedir(*dir);
}

static int scan_directory(
	int root, const char *path, int depth, struct arena *a, struct boundary_facts *facts)
{
	int fd = path_open_in_root(root, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_NONBLOCK, 0);
	_cleanup_(close_dir) DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
	const struct dirent *entry;

	if (dir == NULL) {
		(void)fd_close(fd);
		return depth == 0 ? -ENOENT : 0;
	}
	for (int i = 0; i < DIR_ENTRIES_MAX && (entry = readdir(dir)) != NULL; i++) {
		int r = 0;

		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			r = scan_entry(root, dirfd(dir), path, entry->d_name, depth, a, facts);
		if (r < 0)
			return r;
		if (facts->device_count == BOUNDARY_DEVICES_MAX)
			break;
	}
	return 0;
}

int boundary_read_devices(int proc, struct arena *a, struct boundary_facts *facts)
{
	_cleanup_close_ int root = openat(proc, "root", O_PATH | O_DIRECTORY | O_CLOEXEC);
	int r;

	facts->devices = arena_calloc(a, BOUNDARY_DEVICES_MAX, sizeof(*facts->devices));
	if (facts->devices == NULL)
		return -ENOMEM;
	if (root < 0 || !may_enter(facts, "/dev"))
		return 0;
	r = scan_directory(root, "/dev", 0, a, facts);
	facts->devices_seen = r == 0;
	return r == -ENOMEM ? r : 0;
}
