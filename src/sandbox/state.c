// SPDX-License-Identifier: Apache-2.0
#include "sandbox/state.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "kernel/path.h"

#define PROCESS_LINK "process"
#define PID_MAX      (1u << 22)

#define LOCK_STEP_MS 5

int state_id_check(const char *id, struct bh_error *err)
{
	static const char allowed[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_+-.";
	size_t len = strlen(id);

	if (len == 0)
		return bh_fail(err, -EINVAL, "container id cannot be empty");
	if (len > NAME_MAX || strspn(id, allowed) != len || strcmp(id, ".") == 0 ||
		strcmp(id, "..") == 0)
		return bh_fail(err, -EINVAL,
			"invalid container ID format: \"%.80s\" (letters, digits and _+-. only, at "
			"most "
			"%d)",
			id, NAME_MAX);
	return 0;
}

/* mkdir -p of an absolute or relative path that the administrator chose. */
static int make_directories(const char *path, struct bh_error *err)
{
	char part[PATH_MAX];
	size_t len = strlen(path);

	if (len == 0 || len >= sizeof(part))
		return bh_fail(err, -ENAMETOOLONG, "state root \"%.80s\"", path);
	memcpy(part, path, len + 1);
	for (char *p = part + 1;; p++) {
		char end = *p;

		if (end != '/' && end != '\0')
			continue;
		*p = '\0';
		if (mkdir(part, 0700) < 0 && errno != EEXIST)
			return bh_fail_errno(err, -errno, "make state root %s", part);
		if (end == '\0')
			return 0;
		*p = end;
	}
}

int state_root_open(const char *path, bool make, int *ret, struct bh_error *err)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int r;

	if (fd < 0 && errno == ENOENT && make) {
		r = make_directories(path, err);
		if (r < 0)
			return r;
		fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	}
	if (fd < 0)
		return bh_fail_errno(err, -errno, "open state root %s", path);
	*ret = fd;
	return 0;
}

int state_lock(int dir, struct bh_error *err)
{
	for (int waited = 0;; waited += LOCK_STEP_MS) {
		const struct timespec step = {.tv_nsec = LOCK_STEP_MS * 1000000L};

		if (flock(dir, LOCK_EX | LOCK_NB) == 0)
			return 0;
		if (errno != EWOULDBLOCK && errno != EINTR)
			return bh_fail_errno(err, -errno, "lock the state directory");
		if (waited >= STATE_LOCK_WAIT_MS)
			return bh_fail(
				err, -EBUSY, "container is being changed by another process");
		(void)nanosleep(&step, NULL);
	}
}

void state_unlock(int dir)
{
	(void)flock(dir, LOCK_UN);
}

int state_open(int root, const char *id, int *ret_dir, struct bh_error *err)
{
	int fd;
	int r = state_id_check(id, err);

	if (r < 0)
		return r;
	fd = path_open_beneath(root, id, O_RDONLY | O_DIRECTORY, 0);
	if (fd == -ENOENT)
		return bh_fail(err, fd, "container does not exist");
	if (fd < 0)
		return bh_fail_errno(err, fd, "open state of container %s", id);
	*ret_dir = fd;
	return 0;
}

int state_create(int root, const char *id, int *ret_dir, struct bh_error *err)
{
	_cleanup_close_ int fd = -EBADF;
	int r = state_id_check(id, err);

	if (r < 0)
		return r;
	if (mkdirat(root, id, 0700) < 0) {
		if (errno == EEXIST)
			return bh_fail(err, -EEXIST, "container with given ID already exists");
		return bh_fail_errno(err, -errno, "make state directory of %s", id);
	}
	fd = path_open_beneath(root, id, O_RDONLY | O_DIRECTORY, 0);
	r = fd < 0 ? bh_fail_errno(err, fd, "open state of container %s", id) : state_lock(fd, err);
	if (r < 0) {
		(void)unlinkat(root, id, AT_REMOVEDIR);
		return r;
	}
	*ret_dir = TAKE_FD(fd);
	return 0;
}

static void write_annotations(const struct state *s, struct json_writer *w)
{
	json_key(w, "annotations");
	json_begin_object(w);
	for (size_t i = 0; i < s->annotation_count; i++)
		json_member_string(w, s->annotations[i].key, s->annotations[i].value);
	json_end_object(w);
}

static int write_state(const struct state *s, const struct cgroup *cg, struct buf *out)
{
	struct json_writer w = JSON_WRITER(out);

	json_begin_object(&w);
	json_member_string(&w, "ociVersion", s->version);
	json_member_string(&w, "id", s->id);
	json_member_string(&w, "bundle", s->bundle);
	json_member_string(&w, "rootfs", s->rootfs);
	json_member_string(&w, "created", s->created);
	json_member_int(&w, "pid", s->pid);
	json_key(&w, "startTime");
	json_put_uint(&w, s->start_time);
	json_member_int(&w, "owner", s->owner);
	json_member_bool(&w, "systemdCgroup", s->systemd_cgroup);
	json_member_bool(&w, "rootless", s->rootless);
	write_annotations(s, &w);
	if (cg != NULL) {
		json_key(&w, "cgroup");
		cgroup_save(cg, &w);
	}
	json_end_object(&w);
	return buf_status(out);
}

int state_save(int dir, const struct state *s, const struct cgroup *cg, struct bh_error *err)
{
	_cleanup_buf_ struct buf out;
	int r;

	buf_init(&out, STATE_FILE_BYTES_MAX);
	r = write_state(s, cg, &out);
	if (r == 0)
		r = fd_replace_file(dir, "state.json", out.data, out.len, 0600, 0);
	return r < 0 ? bh_fail_errno(err, r, "write state.json") : 0;
}

int state_begin(int dir, const struct state *s, const struct cgroup *cg, struct bh_error *err)
{
	_cleanup_close_ int fd = openat(
		dir, "state.json", O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	_cleanup_buf_ struct buf out;
	int r;

	buf_init(&out, STATE_FILE_BYTES_MAX);
	if (fd < 0 && errno == EEXIST)
		return state_save(dir, s, cg, err);
	r = fd < 0 ? -errno : write_state(s, cg, &out);
	if (r == 0)
		r = fd_write_all(fd, out.data, out.len);
	return r < 0 ? bh_fail_errno(err, r, "write state.json") : 0;
}

int state_set_process(int dir, pid_t pid, uint64_t start_time, struct bh_error *err)
{
	char text[64];

	(void)snprintf(text, sizeof(text), "%d.%" PRIu64, pid, start_time);
	if (symlinkat(text, dir, PROCESS_LINK) < 0)
		return bh_fail_errno(err, -errno, "record process %d", pid);
	return 0;
}

/* The link's text, checked as everything here; absent while there was no process yet. */
static int load_process(int dir, struct state *s, struct bh_error *err)
{
	char text[64], *end;
	ssize_t n = readlinkat(dir, PROCESS_LINK, text, sizeof(text) - 1);
	unsigned long pid;

	if (n < 0)
		return errno == ENOENT ? 0 : bh_fail_errno(err, -errno, "read the process link");
	text[n] = '\0';
	errno = 0;
	pid = strtoul(text, &end, 10);
	if (end == text || *end != '.' || pid == 0 || pid > PID_MAX || errno != 0)
		return bh_fail(err, -EINVAL, "process link: \"%s\" is no pid and start time", text);
	s->pid = (pid_t)pid;
	s->start_time = strtoull(end + 1, &end, 10);
	if (*end != '\0' || errno != 0)
		return bh_fail(err, -EINVAL, "process link: \"%s\" is no pid and start time", text);
	return 0;
}

static const char *need_string(
	const struct json *tree, const char *key, size_t max, struct bh_error *err)
{
	const char *s = json_get_string(tree, key);

	if (s == NULL || s[0] == '\0' || strlen(s) > max) {
		(void)bh_fail(err, -EINVAL, "state.json: /%s: a string of 1 to %zu bytes is needed",
			key, max);
		return NULL;
	}
	return s;
}

static int need_number(
	const struct json *tree, const char *key, uint64_t max, uint64_t *ret, struct bh_error *err)
{
	const struct json *node = json_get(tree, key);
	uint64_t v;

	if (node == NULL || json_uint64(node, &v) < 0 || v > max)
		return bh_fail(err, -EINVAL, "state.json: /%s: a number from 0 to %ju is needed",
			key, (uintmax_t)max);
	*ret = v;
	return 0;
}

static int parse_annotations(
	const struct json *node, struct arena *a, struct state *s, struct bh_error *err)
{
	struct oci_pair *pairs;
	size_t n = 0;

	if (node == NULL)
		return 0;
	if (node->type != JSON_OBJECT)
		return bh_fail(err, -EINVAL, "state.json: /annotations: an object is needed");
	pairs = arena_calloc(a, node->children.count + 1, sizeof(*pairs));
	if (pairs == NULL)
		return bh_fail(err, -E2BIG, "state.json: too large");
	json_each (it, node) {
		const char *value = json_string(it);

		if (value == NULL)
			return bh_fail(
				err, -EINVAL, "state.json: /annotations: strings are needed");
		pairs[n++] = (struct oci_pair){it->key, value};
	}
	s->annotations = pairs;
	s->annotation_count = n;
	return 0;
}

static int parse_strings(
	const struct json *tree, const char *id, struct state *s, struct bh_error *err)
{
	s->version = need_string(tree, "ociVersion", 64, err);
	s->id = need_string(tree, "id", NAME_MAX, err);
	s->bundle = need_string(tree, "bundle", PATH_MAX, err);
	s->rootfs = need_string(tree, "rootfs", PATH_MAX * 2, err);
	s->created = need_string(tree, "created", 40, err);
	if (s->version == NULL || s->id == NULL || s->bundle == NULL || s->rootfs == NULL ||
		s->created == NULL)
		return -EINVAL;
	if (id != NULL && strcmp(id, s->id) != 0)
		return bh_fail(err, -EINVAL, "state.json: /id: \"%s\" in the directory of \"%s\"",
			s->id, id);
	if (s->bundle[0] != '/' || s->rootfs[0] != '/')
		return bh_fail(
			err, -EINVAL, "state.json: /bundle, /rootfs: absolute paths are needed");
	return 0;
}

int state_parse(const char *text, size_t len, const char *id, struct arena *a, struct state *ret,
	struct bh_error *err)
{
	const struct json *tree, *cgroup;
	struct state s = {0};
	uint64_t pid, owner;
	int r = json_parse(text, len, a, &tree, err);

	if (r < 0) {
		(void)bh_wrap(err, "state.json");
		return r;
	}
	if (tree->type != JSON_OBJECT)
		return bh_fail(err, -EINVAL, "state.json: an object is needed");
	r = parse_strings(tree, id, &s, err);
	if (r == 0)
		r = need_number(tree, "pid", PID_MAX, &pid, err);
	if (r == 0)
		r = need_number(tree, "startTime", UINT64_MAX, &s.start_time, err);
	if (r == 0)
		r = need_number(tree, "owner", UINT32_MAX, &owner, err);
	if (r == 0)
		r = parse_annotations(json_get(tree, "annotations"), a, &s, err);
	if (r < 0)
		return r;
	s.pid = (pid_t)pid;
	s.owner = (uint32_t)owner;
	s.systemd_cgroup = json_get_bool(tree, "systemdCgroup", false);
	s.rootless = json_get_bool(tree, "rootless", false);
	cgroup = json_get(tree, "cgroup");
	if (cgroup != NULL && cgroup->type != JSON_OBJECT && cgroup->type != JSON_NULL)
		return bh_fail(err, -EINVAL, "state.json: /cgroup: an object is needed");
	s.cgroup = cgroup != NULL && cgroup->type == JSON_OBJECT ? cgroup : NULL;
	*ret = s;
	return 0;
}

int state_load(int dir, const char *id, struct arena *a, struct state *ret, struct bh_error *err)
{
	_cleanup_close_ int fd =
		path_open_beneath(dir, "state.json", O_RDONLY | O_NOCTTY | O_NONBLOCK, 0);
	_cleanup_buf_ struct buf text;
	struct state s;
	int r;

	buf_init(&text, STATE_FILE_BYTES_MAX);
	if (fd == -ENOENT)
		return bh_fail(err, fd, "container does not exist");
	r = fd < 0 ? fd : fd_read_all(fd, &text);
	if (r < 0)
		return bh_fail_errno(err, r, "read state.json of container %s", id);
	if (text.len == 0) /* about to be written by state_begin() */
		return bh_fail(err, -ENOENT, "container does not exist");
	r = state_parse(buf_str(&text), text.len, id, a, &s, err);
	if (r == 0)
		r = load_process(dir, &s, err);
	if (r == 0)
		*ret = s;
	return r;
}

int state_remove(int root, int dir, const char *id, struct bh_error *err)
{
	static const char *const files[] = {
		"start", "result", PROCESS_LINK, "state.json", "state.json.new", "config.json"};

	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		if (unlinkat(dir, files[i], 0) < 0 && errno != ENOENT)
			return bh_fail_errno(
				err, -errno, "remove %s of container %s", files[i], id);
	}
	if (unlinkat(root, id, AT_REMOVEDIR) < 0 && errno != ENOENT)
		return bh_fail_errno(err, -errno, "remove state directory of %s", id);
	return 0;
}
