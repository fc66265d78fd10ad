// SPDX-License-Identifier: Apache-2.0
/*
 * Reading json-file logs: one JSON object a line, {"log","stream","time"}, in FILE and its rotated
 * predecessors FILE.1 (the next older), FILE.2, ... All are opened at once, so a rotation while
 * reading loses nothing; a follower goes on with the new FILE when it has read the old one whole.
 * inotify(7) on the directory says when there may be more.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "engine/engine_private.h"
#include "image/config.h"

#define FILES_MAX   64
#define LINE_MAX_   (1u << 20)
#define LINE_ARENA  (8u << 20)
#define CHUNK       (64u << 10)
#define TAIL_CHUNK  (16u << 10)
#define END_POLL_MS 200

struct engine_log {
	struct engine *engine;
	char id[CONTAINER_ID_LEN + 1];
	char *path;
	struct engine_log_request want;
	void (*readable)(void *userdata);
	void *userdata;
	int files[FILES_MAX]; /* oldest first */
	size_t file_count, current;
	ino_t inode; /* of the newest */
	struct buf pending;
	size_t used;        /* bytes of it that are done with */
	struct arena arena; /* of the last line */
	int inotify;
	struct loop_source *watch, *timer;
	bool ended;
};

/* ---- files ---- */

static int open_log(const char *path, size_t number)
{
	char name[4200];

	if (number == 0)
		return open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	(void)snprintf(name, sizeof(name), "%s.%zu", path, number);
	return open(name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
}

static void open_files(struct engine_log *l)
{
	struct stat st;
	size_t count = 0;

	for (size_t i = FILES_MAX - 1; i > 0; i--) {
		int fd = open_log(l->path, i);

		if (fd >= 0)
			l->files[count++] = fd;
	}
	l->files[count] = open_log(l->path, 0);
	if (l->files[count] >= 0 && fstat(l->files[count], &st) == 0) {
		l->inode = st.st_ino;
		count++;
	}
	l->file_count = count;
}

/* The log was rotated under a follower. Returns true if there is a newer file now. */
static bool open_newer(struct engine_log *l)
{
	struct stat st;
	int fd = open_log(l->path, 0);

	if (fd < 0)
		return false;
	if (fstat(fd, &st) < 0 || st.st_ino == l->inode) {
		(void)close(fd);
		return false;
	}
	for (size_t i = 0; i < l->file_count; i++)
		l->files[i] = fd_close(l->files[i]);
	l->files[0] = fd;
	l->file_count = 1;
	l->current = 0;
	l->inode = st.st_ino;
	return true;
}

/* Position the files so that `tail` lines are left. */
static int seek_tail(struct engine_log *l, struct bh_error *err)
{
	int64_t left = l->want.tail;
	char chunk[TAIL_CHUNK];

	l->current = l->file_count;
	while (l->current > 0) {
		int fd = l->files[--l->current];
		off_t end = lseek(fd, 0, SEEK_END), position = end;

		while (position > 0) {
			size_t len =
				position > (off_t)sizeof(chunk) ? sizeof(chunk) : (size_t)position;
			ssize_t n;

			position -= (off_t)len;
			n = pread(fd, chunk, len, position);
			if (n != (ssize_t)len)
				return bh_fail_errno(err, n < 0 ? -errno : -EIO, "read the log");
			for (size_t i = len; i-- > 0;) {
				/* The newline that ends the file ends no line before it. */
				if (chunk[i] != '\n' || position + (off_t)i + 1 == end)
					continue;
				if (--left <= 0) {
					(void)lseek(fd, position + (off_t)i + 1, SEEK_SET);
					return 0;
				}
			}
		}
		(void)lseek(fd, 0, SEEK_SET);
		/* The first line of a file has no newline before it. */
		if (end > 0 && --left <= 0)
			return 0;
	}
	return 0;
}

/* ---- waking a follower ---- */

static const struct container *find_container(const struct engine_log *l)
{
	for (struct container_entry *c = l->engine->first; c != NULL; c = c->next)
		if (strcmp(c->c.id, l->id) == 0)
			return &c->c;
	return NULL;
}

static void changed(struct loop_source *s, int fd, uint32_t events, void *data)
{
	struct engine_log *l = data;
	char buffer[4096] __attribute__((aligned(8)));

	while (read(fd, buffer, sizeof(buffer)) > 0)
		;
	l->readable(l->userdata);
}

/* The end of the container changes no file. */
static void look_again(struct loop_source *s, void *data)
{
	struct engine_log *l = data;
	const struct container *c = find_container(l);

	loop_timer_set(s, END_POLL_MS);
	if (c == NULL || c->state != CONTAINER_RUNNING)
		l->readable(l->userdata);
}

static int watch(struct engine_log *l, struct bh_error *err)
{
	char dir[PATH_MAX];
	int r;

	(void)snprintf(dir, sizeof(dir), "%.*s", (int)(strrchr(l->path, '/') - l->path), l->path);
	l->inotify = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	if (l->inotify < 0)
		return bh_fail_errno(err, -errno, "inotify_init1");
	/* Before the first start there is no directory; the timer finds what comes later. */
	(void)inotify_add_watch(l->inotify, dir, IN_MODIFY | IN_CREATE | IN_MOVED_TO);
	r = loop_add_io(l->engine->loop, l->inotify, EPOLLIN, changed, l, &l->watch, err);
	if (r == 0)
		r = loop_add_timer(l->engine->loop, END_POLL_MS, look_again, l, &l->timer, err);
	return r;
}

int engine_log_open(struct engine *e, const struct container *c,
	const struct engine_log_request *request, void (*readable)(void *userdata), void *userdata,
	struct engine_log **ret, struct bh_error *err)
{
	struct engine_log *l = calloc(1, sizeof(*l));
	int r = 0;

	if (l == NULL)
		return bh_fail_errno(err, -ENOMEM, "read the log");
	l->engine = e;
	l->want = *request;
	l->readable = readable;
	l->userdata = userdata;
	l->inotify = -EBADF;
	(void)snprintf(l->id, sizeof(l->id), "%s", c->id);
	buf_init(&l->pending, LINE_MAX_ + CHUNK);
	l->path = strdup(c->log_path);
	if (l->path == NULL || arena_init(&l->arena, LINE_ARENA) < 0) {
		r = bh_fail_errno(err, -ENOMEM, "read the log");
	} else {
		open_files(l);
		if (request->tail >= 0)
			r = seek_tail(l, err);
		if (r == 0 && request->tail == 0)
			for (size_t i = 0; i < l->file_count; i++)
				(void)lseek(l->files[i], 0, SEEK_END);
		if (r == 0 && request->follow)
			r = watch(l, err);
	}
	if (r < 0) {
		engine_log_close(l);
		return r;
	}
	*ret = l;
	return 0;
}

void engine_log_close(struct engine_log *l)
{
	if (l == NULL)
		return;
	loop_remove(l->watch);
	loop_remove(l->timer);
	(void)fd_close(l->inotify);
	for (size_t i = 0; i < l->file_count; i++)
		(void)fd_close(l->files[i]);
	buf_release(&l->pending);
	arena_release(&l->arena);
	free(l->path);
	free(l);
}

/* ---- lines ---- */

/* 1: more bytes are pending, 0: end of all files for now. */
static int fill(struct engine_log *l, struct bh_error *err)
{
	while (l->current < l->file_count) {
		ssize_t n;

		buf_consume(&l->pending, l->used);
		l->used = 0;
		if (buf_reserve(&l->pending, CHUNK) < 0)
			return bh_fail(err, -E2BIG, "a line of the log is too long");
		n = TEMP_FAILURE_RETRY(
			read(l->files[l->current], l->pending.data + l->pending.len, CHUNK));
		if (n < 0)
			return bh_fail_errno(err, -errno, "read the log");
		if (n > 0) {
			buf_added(&l->pending, (size_t)n);
			return 1;
		}
		if (l->current + 1 < l->file_count)
			l->current++;
		else if (!l->want.follow || !open_newer(l))
			break;
	}
	if (l->file_count == 0 && l->want.follow)
		return open_newer(l) ? fill(l, err) : 0;
	return 0;
}

/* 1: wanted, 0: not wanted or no log line. */
static int decode(struct engine_log *l, size_t len, struct engine_log_line *ret)
{
	const struct json *tree;
	const struct json *text;
	const char *stream, *time;

	arena_reset(&l->arena);
	if (json_parse(l->pending.data + l->used, len, &l->arena, &tree, NULL) < 0)
		return 0;
	text = json_get(tree, "log");
	stream = json_get_string(tree, "stream");
	time = json_get_string(tree, "time");
	if (json_string(text) == NULL || stream == NULL)
		return 0;
	ret->stream = strcmp(stream, "stderr") == 0 ? 2 : 1;
	ret->time_ns = time != NULL ? image_time_parse(time) : 0;
	ret->data = text->string.data;
	ret->len = text->string.len;
	if (ret->stream == 1 ? !l->want.want_stdout : !l->want.want_stderr)
		return 0;
	if (l->want.since_ns != 0 && ret->time_ns < l->want.since_ns)
		return 0;
	if (l->want.until_ns != 0 && ret->time_ns > l->want.until_ns) {
		l->ended = true;
		return 0;
	}
	return 1;
}

static bool will_write(const struct engine_log *l)
{
	const struct container *c = find_container(l);

	return c != NULL && (c->state == CONTAINER_RUNNING || c->starting ||
				    (c->state == CONTAINER_CREATED && c->started_ns == 0));
}

int engine_log_next(struct engine_log *l, struct engine_log_line *ret, struct bh_error *err)
{
	while (!l->ended) {
		size_t rest = l->pending.len - l->used;
		char *line = rest > 0 ? l->pending.data + l->used : NULL;
		char *newline = rest > 0 ? memchr(line, '\n', rest) : NULL;
		size_t len;
		int r;

		if (newline == NULL) {
			/* Asked before reading: what it wrote until its end is then all there. */
			bool more = l->want.follow && will_write(l);

			r = fill(l, err);
			if (r > 0)
				continue;
			return r < 0 ? r : more ? -EAGAIN : 0;
		}
		len = (size_t)(newline - line);
		r = decode(l, len, ret);
		l->used += len + 1;
		if (r > 0)
			return 1;
	}
	return 0;
}
