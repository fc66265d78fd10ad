// SPDX-License-Identifier: Apache-2.0
/*
 * Directories and files of control groups.
 *
 * What is below a container's own group may have been made by the container (a delegated subtree):
 * any number of groups, nested deeply, changing while we look. Removal therefore holds one
 * descriptor at a time and goes up by "..", so that depth costs nothing; the walks that need the
 * whole path back are bounded by CGROUP_NEST_MAX.
 */
#include "sandbox/cgroup_internal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"

#define MAKE_TRIES     128
#define REMOVE_STEPS   (1u << 20) /* look-ups in one removal: bounds the time */
#define PROCS_CHUNK    4096
#define BACKOFF_MAX_US 10000

int64_t cgroup_now_ms(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

void cgroup_backoff(unsigned int *us)
{
	struct timespec t = {.tv_nsec = (long)*us * 1000};

	(void)nanosleep(&t, NULL);
	*us = *us * 2 > BACKOFF_MAX_US ? BACKOFF_MAX_US : *us * 2;
}

int cgroup_path_copy(char out[static CGROUP_PATH_MAX], const char *path)
{
	size_t size = strlen(path) + 1;

	if (size > CGROUP_PATH_MAX)
		return -ENAMETOOLONG;
	memcpy(out, path, size);
	return 0;
}

static int path_of(char out[static CGROUP_PATH_MAX], const char *dir, const char *file)
{
	int n = snprintf(out, CGROUP_PATH_MAX, "%s/%s", dir, file);

	return n < 0 || n >= CGROUP_PATH_MAX ? -ENAMETOOLONG : 0;
}

int cgroup_read(const char *dir, const char *file, char *text, size_t size)
{
	char path[CGROUP_PATH_MAX];
	_cleanup_close_ int fd = -EBADF;
	size_t len = 0;
	int r = path_of(path, dir, file);

	if (r < 0)
		return r;
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (fd < 0)
		return -errno;
	while (len + 1 < size) {
		ssize_t n = TEMP_FAILURE_RETRY(read(fd, text + len, size - 1 - len));

		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		len += (size_t)n;
	}
	if (len > 0 && text[len - 1] == '\n')
		len--;
	text[len] = '\0';
	return 0;
}

int cgroup_write(const char *dir, const char *file, const char *value)
{
	char path[CGROUP_PATH_MAX];
	int r = path_of(path, dir, file);

	return r < 0 ? r : fd_write_file(AT_FDCWD, path, value);
}

int cgroup_read_uint(const char *dir, const char *file, uint64_t *ret)
{
	char text[64], *end;
	unsigned long long v;
	int r = cgroup_read(dir, file, text, sizeof(text));

	if (r < 0)
		return r;
	if (strcmp(text, "max") == 0) {
		*ret = UINT64_MAX;
		return 0;
	}
	errno = 0;
	v = strtoull(text, &end, 10);
	if (errno != 0 || end == text || *end != '\0')
		return -EBADMSG;
	*ret = v;
	return 0;
}

bool cgroup_keyed_uint(const char *text, const char *key, uint64_t *ret)
{
	size_t n = strlen(key);

	for (const char *line = text; *line != '\0';) {
		if (strncmp(line, key, n) == 0 && line[n] == ' ') {
			*ret = strtoull(line + n + 1, NULL, 10);
			return true;
		}
		line += strcspn(line, "\n");
		line += *line == '\n';
	}
	return false;
}

static bool parse_part(const char **text, unsigned int *ret)
{
	char *end;
	unsigned long v = strtoul(*text, &end, 10);

	if (**text < '0' || **text > '9' || v > UINT32_MAX)
		return false;
	*text = end;
	*ret = (unsigned int)v;
	return true;
}

bool cgroup_parse_device(
	const char *text, unsigned int *ret_major, unsigned int *ret_minor, const char **ret_rest)
{
	if (!parse_part(&text, ret_major) || *text++ != ':' || !parse_part(&text, ret_minor))
		return false;
	*ret_rest = text;
	return true;
}

static int stop_at_first(pid_t pid, void *data)
{
	return -EBUSY;
}

int cgroup_dir_check_empty(const char *dir, struct bh_error *err)
{
	int r = cgroup_dir_each_pid(dir, stop_at_first, NULL);

	return r < 0 ? bh_fail(err, r, "container's cgroup is not empty: %s holds processes", dir)
		     : 0;
}

static bool is_gone(int r)
{
	return r == -ENOENT || r == -ENODEV;
}

/* Make every missing parent of dir. */
static int make_parents(char *dir, size_t mount_len, unsigned int *made)
{
	for (char *slash = strchr(dir + mount_len + 1, '/'); slash != NULL;
		slash = strchr(slash + 1, '/')) {
		int r;

		*slash = '\0';
		r = mkdir(dir, 0755) < 0 ? -errno : 0;
		*slash = '/';
		if (r == 0)
			++*made;
		else if (r == -EEXIST)
			*made = 0;
		else
			return r;
	}
	return 0;
}

unsigned int cgroup_dir_missing(const char *dir, size_t mount_len)
{
	char copy[CGROUP_PATH_MAX];
	unsigned int missing = 0;

	if (cgroup_path_copy(copy, dir) < 0)
		return 0;
	while (strlen(copy) > mount_len && access(copy, F_OK) < 0) {
		missing++;
		*strrchr(copy, '/') = '\0';
	}
	return missing;
}

int cgroup_dir_make(
	const char *dir, size_t mount_len, bool adopt, unsigned int *ret_made, struct bh_error *err)
{
	char copy[CGROUP_PATH_MAX];
	unsigned int made = 0;
	int r = -ENOENT;

	if (cgroup_path_copy(copy, dir) < 0)
		return bh_fail(err, -ENAMETOOLONG, "cgroup path is too long");
	/* A parent may vanish in between, when another container that was the last in it is gone:
	 * then ENOENT, or ENODEV while it is going. */
	for (int i = 0; i < MAKE_TRIES && is_gone(r); i++) {
		r = mkdir(copy, 0755) < 0 ? -errno : 0;
		if (!is_gone(r))
			break;
		r = make_parents(copy, mount_len, &made);
		if (r == 0)
			r = -ENOENT;
	}
	if (r == 0) {
		*ret_made = made + 1;
		return 0;
	}
	if (r != -EEXIST)
		return bh_fail_errno(err, r, "make cgroup %s", dir);
	r = adopt ? 0 : cgroup_dir_check_empty(dir, err);
	if (r < 0)
		return r;
	*ret_made = 0; /* taken over */
	return 0;
}

/* First subdirectory of fd: its name, or -ENOENT. */
static int first_child(int fd, char name[static NAME_MAX + 1])
{
	int copy = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = copy < 0 ? NULL : fdopendir(copy);
	struct dirent *e;
	int r = -ENOENT;

	if (d == NULL) {
		r = -errno;
		(void)fd_close(copy);
		return r;
	}
	while ((e = readdir(d)) != NULL) {
		if (e->d_type != DT_DIR || strcmp(e->d_name, ".") == 0 ||
			strcmp(e->d_name, "..") == 0)
			continue;
		memcpy(name, e->d_name, strlen(e->d_name) + 1);
		r = 0;
		break;
	}
	(void)closedir(d);
	return r;
}

static int reopen(int *fd, const char *name)
{
	int next = openat(*fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (next < 0)
		return -errno;
	(void)fd_close(*fd);
	*fd = next;
	return 0;
}

/* Remove all groups below dir, depth first. */
static int remove_children(const char *dir)
{
	_cleanup_close_ int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	bool leaf_failed = false; /* we come back from a group that has no children */
	unsigned int depth = 0;

	if (fd < 0)
		return -errno;
	for (unsigned int step = 0; step < REMOVE_STEPS; step++) {
		char name[NAME_MAX + 1];
		int r = first_child(fd, name);

		if (r == -ENOENT && depth == 0)
			return 0;
		if (r == -ENOENT) {
			depth--;
			leaf_failed = true;
			r = reopen(&fd, "..");
		} else if (r == 0 && unlinkat(fd, name, AT_REMOVEDIR) == 0) {
			leaf_failed = false;
		} else if (r == 0 && leaf_failed) {
			return -EBUSY;
		} else if (r == 0) {
			r = reopen(&fd, name);
			depth += r == 0;
			r = r == -ENOENT ? 0 : r;
		}
		if (r < 0)
			return r;
	}
	return -EBUSY;
}

int cgroup_dir_remove(const char *dir)
{
	int r;

	if (rmdir(dir) == 0 || errno == ENOENT)
		return 0;
	if (errno != EBUSY && errno != ENOTEMPTY)
		return -errno;
	r = remove_children(dir);
	if (r < 0)
		return r == -ENOENT ? 0 : r;
	return rmdir(dir) == 0 || errno == ENOENT ? 0 : -errno;
}

void cgroup_dir_remove_parents(const char *dir, size_t mount_len, unsigned int count)
{
	char copy[CGROUP_PATH_MAX];

	if (cgroup_path_copy(copy, dir) < 0)
		return;
	for (unsigned int i = 0; i < count; i++) {
		char *slash = strrchr(copy, '/');

		if (slash == NULL || slash <= copy + mount_len)
			return;
		*slash = '\0';
		if (rmdir(copy) < 0)
			return;
	}
}

static int walk(int fd, const char *name, unsigned int depth, cgroup_dir_fn fn, void *data)
{
	DIR *d;
	struct dirent *e;
	int r = depth >= CGROUP_NEST_MAX ? -ELOOP : fn(fd, name, data), copy;

	if (r != 0)
		return r;
	copy = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	d = copy < 0 ? NULL : fdopendir(copy);
	if (d == NULL) {
		r = -errno;
		(void)fd_close(copy);
		return r == -ENOENT ? 0 : r;
	}
	while (r == 0 && (e = readdir(d)) != NULL) {
		_cleanup_close_ int child = -EBADF;

		if (e->d_type != DT_DIR || strcmp(e->d_name, ".") == 0 ||
			strcmp(e->d_name, "..") == 0)
			continue;
		child = openat(fd, e->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (child >= 0)
			r = walk(child, e->d_name, depth + 1, fn, data);
		else if (errno != ENOENT)
			r = -errno;
	}
	(void)closedir(d);
	return r;
}

int cgroup_dir_walk(const char *dir, cgroup_dir_fn fn, void *data)
{
	_cleanup_close_ int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	return walk(fd, "", 0, fn, data);
}

struct each_pid {
	cgroup_pid_fn fn;
	void *data;
};

/* One "PID\n" list in pieces; a number may be cut by the end of a piece. A threaded v2 group has no
 * readable list (EOPNOTSUPP): its processes are listed by the domain above it. */
static int each_pid_in(int dirfd, const char *name, void *data)
{
	const struct each_pid *each = data;
	_cleanup_close_ int fd = openat(dirfd, "cgroup.procs", O_RDONLY | O_CLOEXEC);
	char chunk[PROCS_CHUNK];
	long pid = 0;

	if (fd < 0)
		return errno == ENOENT || errno == ENODEV ? 0 : -errno;
	for (;;) {
		ssize_t n = TEMP_FAILURE_RETRY(read(fd, chunk, sizeof(chunk)));

		if (n <= 0)
			return n == 0 || errno == ENODEV || errno == EOPNOTSUPP ? 0 : -errno;
		for (ssize_t i = 0; i < n; i++) {
			int r = 0;

			if (chunk[i] >= '0' && chunk[i] <= '9') {
				pid = pid * 10 + (chunk[i] - '0');
				continue;
			}
			if (pid > 0)
				r = each->fn((pid_t)pid, each->data);
			pid = 0;
			if (r != 0)
				return r;
		}
	}
}

int cgroup_dir_each_pid(const char *dir, cgroup_pid_fn fn, void *data)
{
	struct each_pid each = {fn, data};

	return cgroup_dir_walk(dir, each_pid_in, &each);
}
