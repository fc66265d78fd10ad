// SPDX-License-Identifier: Apache-2.0
/*
 * Limits as a list of writes, and carrying it out.
 *
 * The kernel refuses some values depending on another file's present value (memory limit above
 * memory+swap, CPU quota against period and burst). Instead of knowing those orders, writes marked
 * CGROUP_WRITE_RETRY that fail with EINVAL are tried once more after all others.
 */
#include "sandbox/cgroup_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"

#define PLAN_MAX 16384

static int plan_grow(struct cgroup_plan *plan)
{
	size_t cap = plan->cap == 0 ? 32 : plan->cap * 2;
	struct cgroup_write *items;

	if (cap > PLAN_MAX)
		return -ENOMEM;
	items = arena_calloc(plan->arena, cap, sizeof(*items));
	if (items == NULL)
		return -ENOMEM;
	if (plan->count > 0)
		memcpy(items, plan->items, plan->count * sizeof(*items));
	plan->items = items;
	plan->cap = cap;
	return 0;
}

struct cgroup_write *cgroup_plan_add(struct cgroup_plan *plan, const char *field,
	const char *controller, const char *file, unsigned int flags, const char *fmt, ...)
{
	char text[CGROUP_PATH_MAX];
	struct cgroup_write *w;
	va_list ap;
	int n;

	if (plan->failed == 0 && plan->count == plan->cap)
		plan->failed = plan_grow(plan);
	if (plan->failed != 0)
		return NULL;
	va_start(ap, fmt);
	n = vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	w = &plan->items[plan->count];
	*w = (struct cgroup_write){field, controller, file, NULL, NULL, NULL, flags};
	w->value = n < 0 || (size_t)n >= sizeof(text) ? NULL : arena_strdup(plan->arena, text);
	if (w->value == NULL) {
		plan->failed = -ENOMEM;
		return NULL;
	}
	plan->count++;
	return w;
}

/* Consecutive writes to one file share a descriptor: device rules are many. */
struct open_file {
	int fd;
	const struct cgroup_group *group;
	const char *file;
};

static int open_for(struct open_file *f, const struct cgroup_group *group, const char *file)
{
	char path[CGROUP_PATH_MAX];

	if (f->fd >= 0 && f->group == group && f->file == file)
		return 0;
	f->fd = fd_close(f->fd);
	if (snprintf(path, sizeof(path), "%s/%s", group->dir, file) >= (int)sizeof(path))
		return -ENAMETOOLONG;
	f->fd = open(path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
	if (f->fd < 0)
		return -errno;
	f->group = group;
	f->file = file;
	return 0;
}

static int write_once(
	struct open_file *f, const struct cgroup_group *group, const char *file, const char *value)
{
	int r = open_for(f, group, file);

	if (r < 0)
		return r;
	return TEMP_FAILURE_RETRY(write(f->fd, value, strlen(value))) < 0 ? -errno : 0;
}

/* Numbers are compared in whole pages: memory limits are rounded down. */
static int verify(
	const struct cgroup_group *group, const struct cgroup_write *w, struct bh_error *err)
{
	uint64_t now = 0, want = strtoull(w->value, NULL, 10),
		 page = (uint64_t)sysconf(_SC_PAGESIZE);
	int r = cgroup_read_uint(group->dir, w->file, &now);

	if (r < 0)
		return bh_fail_errno(err, r, "%s: read back %s/%s", w->field, group->dir, w->file);
	if (now == want || (now < want && want - now < page && want >= page && now % page == 0))
		return 0;
	return bh_fail(err, -ERANGE,
		"%s: the kernel did not take %s for %s/%s, it has %llu there: use a value within "
		"its "
		"bounds or leave the field out",
		w->field, w->value, group->dir, w->file, (unsigned long long)now);
}

static int fail_write(
	int r, const struct cgroup_group *group, const struct cgroup_write *w, struct bh_error *err)
{
	uint64_t usage;

	if (r == -ENOENT && w->alternative != NULL)
		return bh_fail(err, r, "%s: neither %s nor %s exists in %s", w->field, w->file,
			w->alternative, group->dir);
	if (r == -ENOENT)
		return bh_fail(err, r, "%s: %s/%s does not exist: this kernel lacks it", w->field,
			group->dir, w->file);
	if (r == -EBUSY && strncmp(w->file, "memory.", 7) == 0 &&
		cgroup_read_uint(group->dir, "memory.usage_in_bytes", &usage) == 0)
		return bh_fail_errno(err, r, "%s: write \"%s\" to %s/%s (in use: %llu)", w->field,
			w->value, group->dir, w->file, (unsigned long long)usage);
	return bh_fail_errno(
		err, r, "%s: write \"%s\" to %s/%s", w->field, w->value, group->dir, w->file);
}

/* ret_again: set if the write is to be tried once more. */
static int apply_one(const struct cgroup *cg, const struct cgroup_write *w, struct open_file *f,
	bool *ret_again, struct bh_error *err)
{
	const struct cgroup_group *group = cgroup_group_of(cg, w->controller);
	int r;

	if (group == NULL)
		return bh_fail(err, -ENOENT,
			"%s needs cgroup controller %s, which is not available", w->field,
			w->controller);
	r = write_once(f, group, w->file, w->value);
	if (r == -ENOENT && w->alternative != NULL)
		r = write_once(f, group, w->alternative,
			w->alternative_value != NULL ? w->alternative_value : w->value);
	if (r == -ENOENT && (w->flags & CGROUP_WRITE_OPTIONAL) != 0)
		return 0;
	if (r == -EINVAL && (w->flags & CGROUP_WRITE_RETRY) != 0 && ret_again != NULL) {
		*ret_again = true;
		return 0;
	}
	if (r < 0)
		return fail_write(r, group, w, err);
	return (w->flags & CGROUP_WRITE_VERIFY) != 0 ? verify(group, w, err) : 0;
}

int cgroup_plan_apply(const struct cgroup *cg, const struct cgroup_plan *plan, struct bh_error *err)
{
	struct open_file f = {-EBADF, NULL, NULL};
	bool *again =
		plan->count == 0 ? NULL : arena_calloc(plan->arena, plan->count, sizeof(*again));
	int r = 0;

	if (plan->count == 0)
		return 0;
	if (again == NULL)
		return bh_fail(err, -ENOMEM, "out of memory for cgroup limits");
	for (size_t i = 0; i < plan->count && r == 0; i++)
		r = apply_one(cg, &plan->items[i], &f, &again[i], err);
	for (size_t i = 0; i < plan->count && r == 0; i++) {
		if (again[i])
			r = apply_one(cg, &plan->items[i], &f, NULL, err);
	}
	(void)fd_close(f.fd);
	return r;
}
