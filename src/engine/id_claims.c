// SPDX-License-Identifier: Apache-2.0
#include "engine/id_claims.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
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

#define LOCK_TRIES 500 /* of 10 ms */
#define NAME_SIZE  16

struct claim {
	uint32_t first;
	bool ours;
	const char *owner;
};

typedef int (*claim_fn)(struct id_claims *c, const struct claim *claim, void *data);

int id_claims_open(
	struct id_claims *c, const char *path, const char *root, int root_fd, struct bh_error *err)
{
	_cleanup_close_ int top = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC), made = -EBADF;
	_cleanup_close_ int dir = -EBADF;
	struct stat st;

	made = top < 0 ? -errno : path_mkdir_in_root(top, path, 0711);
	if (made < 0)
		return bh_fail_errno(err, made, "make %s", path);
	dir = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (dir < 0 || fchmod(dir, 0700) < 0)
		return bh_fail_errno(err, -errno, "open %s", path);
	if (fstat(root_fd, &st) < 0)
		return bh_fail_errno(err, -errno, "stat %s", root);
	*c = (struct id_claims){TAKE_FD(dir), root, st.st_dev, st.st_ino};
	return 0;
}

void id_claims_close(struct id_claims *c)
{
	c->dir = fd_close(c->dir);
}

/* Others hold it for a few system calls; one that is stopped right then must not stop us. */
static int lock(struct id_claims *c, struct bh_error *err)
{
	const struct timespec pause = {0, 10000000};

	for (int i = 0; i < LOCK_TRIES; i++) {
		if (flock(c->dir, LOCK_EX | LOCK_NB) == 0)
			return 0;
		if (errno != EWOULDBLOCK && errno != EINTR)
			return bh_fail_errno(err, -errno, "lock the id claims of this host");
		(void)nanosleep(&pause, NULL);
	}
	return bh_fail(err, -EAGAIN, "the id claims of this host stay locked by another engine");
}

static void unlock(struct id_claims *c)
{
	(void)flock(c->dir, LOCK_UN);
}

static void name_of(uint32_t first, char out[static NAME_SIZE])
{
	(void)snprintf(out, NAME_SIZE, "%u", first);
}

static bool parse_name(const char *name, uint32_t *ret)
{
	char *end, again[NAME_SIZE];
	unsigned long value = strtoul(name, &end, 10);

	if (*end != '\0' || value > UINT32_MAX)
		return false;
	name_of((uint32_t)value, again);
	*ret = (uint32_t)value;
	return strcmp(again, name) == 0;
}

/* One entry: false if it is no claim, or one whose data root is gone, which is removed. */
static bool read_claim(
	struct id_claims *c, const char *name, char owner[static PATH_MAX], struct claim *ret)
{
	struct claim claim = {.owner = owner};
	struct stat st;
	ssize_t n;

	if (!parse_name(name, &claim.first))
		return false;
	n = readlinkat(c->dir, name, owner, PATH_MAX - 1);
	if (n < 0)
		return false;
	owner[n] = '\0';
	claim.ours = strcmp(owner, c->root) == 0;
	if (!claim.ours && stat(owner, &st) == 0)
		claim.ours = st.st_dev == c->root_dev && st.st_ino == c->root_ino;
	else if (!claim.ours && (errno == ENOENT || errno == ENOTDIR)) {
		(void)unlinkat(c->dir, name, 0);
		return false;
	}
	*ret = claim;
	return true;
}

/* Call fn for each claim until it returns other than 0. The lock is held. */
static int each(struct id_claims *c, claim_fn fn, void *data, struct bh_error *err)
{
	int fd = openat(c->dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), r = 0;
	char owner[PATH_MAX];
	struct dirent *entry;
	struct claim claim;
	DIR *d;

	if (fd < 0)
		return bh_fail_errno(err, -errno, "read the id claims of this host");
	d = fdopendir(fd);
	if (d == NULL) {
		(void)close(fd);
		return bh_fail_errno(err, -ENOMEM, "read the id claims of this host");
	}
	while (r == 0 && (entry = readdir(d)) != NULL)
		if (read_claim(c, entry->d_name, owner, &claim))
			r = fn(c, &claim, data);
	(void)closedir(d);
	return r;
}

static bool meets(uint32_t a, uint32_t b)
{
	return a < (uint64_t)b + ID_RANGE_SIZE && b < (uint64_t)a + ID_RANGE_SIZE;
}

static int make(struct id_claims *c, uint32_t first, struct bh_error *err)
{
	char name[NAME_SIZE];

	name_of(first, name);
	return symlinkat(c->root, c->dir, name) < 0
		       ? bh_fail_errno(err, -errno, "claim the ids from %u", first)
		       : 0;
}

static int mark_claimed(struct id_claims *c, const struct claim *claim, void *data)
{
	struct id_ranges *r = data;

	(void)c;
	for (size_t i = 0; i < r->count; i++)
		if (meets(r->items[i].first, claim->first))
			r->items[i].claimed = true;
	return 0;
}

int id_claims_take(struct id_claims *c, struct id_ranges *r, int64_t now_ns, uint32_t *ret,
	struct bh_error *err)
{
	uint32_t first = 0;
	int code = lock(c, err);

	if (code < 0)
		return code;
	for (size_t i = 0; i < r->count; i++)
		r->items[i].claimed = false;
	code = each(c, mark_claimed, r, err);
	if (code == 0)
		code = id_ranges_choose(r, now_ns, &first, err);
	if (code == 0)
		code = make(c, first, err);
	unlock(c);
	if (code == 0)
		*ret = first;
	return code;
}

struct held {
	uint32_t first;
	bool ours;
	struct bh_error *err;
};

static int look_for(struct id_claims *c, const struct claim *claim, void *data)
{
	struct held *h = data;

	(void)c;
	if (claim->ours && claim->first == h->first)
		h->ours = true;
	else if (meets(claim->first, h->first))
		return bh_fail(h->err, -EEXIST,
			"the ids from %u on are those of a container of the engine of %.300s",
			h->first, claim->owner);
	return 0;
}

int id_claims_hold(struct id_claims *c, uint32_t first, struct bh_error *err)
{
	struct held h = {.first = first, .err = err};
	char name[NAME_SIZE], owner[PATH_MAX];
	struct claim claim;
	int r;

	name_of(first, name);
	if (read_claim(c, name, owner, &claim) && claim.ours)
		return 0;
	r = lock(c, err);
	if (r < 0)
		return r;
	r = each(c, look_for, &h, err);
	if (r == 0 && !h.ours)
		r = make(c, first, err);
	unlock(c);
	return r;
}

void id_claims_drop(struct id_claims *c, uint32_t first)
{
	char name[NAME_SIZE], owner[PATH_MAX];
	struct claim claim;

	name_of(first, name);
	/* Ours is removed by nobody else, so that no lock is needed. */
	if (read_claim(c, name, owner, &claim) && claim.ours)
		(void)unlinkat(c->dir, name, 0);
}

struct sweep {
	bool (*known)(const void *data, uint32_t first);
	const void *data;
};

static int drop_unknown(struct id_claims *c, const struct claim *claim, void *data)
{
	const struct sweep *s = data;

	if (claim->ours && !s->known(s->data, claim->first))
		id_claims_drop(c, claim->first);
	return 0;
}

int id_claims_sweep(struct id_claims *c, bool (*known)(const void *data, uint32_t first),
	const void *data, struct bh_error *err)
{
	struct sweep s = {known, data};
	int r = lock(c, err);

	if (r < 0)
		return r;
	r = each(c, drop_unknown, &s, err);
	unlock(c);
	return r;
}
