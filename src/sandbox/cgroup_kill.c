// SPDX-License-Identifier: Apache-2.0
/*
 * Ending what is in a container's groups, and removing them.
 *
 * A process list is stale when it has been read. SIGKILL is therefore repeated until the list is
 * empty; if it does not get shorter, new forks are stopped (frozen, and no pids left). Other
 * signals are sent once, to a frozen group where possible.
 */
#include "sandbox/cgroup.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/fd.h"
#include "sandbox/cgroup_internal.h"

#define PIDS_MAX       (1u << 22)
#define KILL_FREEZE_MS 200
#define DEFAULT_PARENT "/bulkhead/"

struct signalling {
	int sig;
	size_t count;
	int first_error;
};

static int signal_pid(pid_t pid, void *data)
{
	struct signalling *s = data;

	s->count++;
	if (kill(pid, s->sig) < 0 && errno != ESRCH && s->first_error == 0)
		s->first_error = -errno;
	return 0;
}

static int signal_pass(struct cgroup *cg, int sig, size_t *ret_count)
{
	struct signalling s = {.sig = sig};
	const struct cgroup_group *group = cgroup_group_main(cg);
	int r = group == NULL ? 0 : cgroup_dir_each_pid(group->dir, signal_pid, &s);

	*ret_count = s.count;
	if (r == 0)
		r = s.first_error;
	return r == -ENOENT || r == -ENODEV ? 0 : r;
}

static void thaw(struct cgroup *cg)
{
	(void)cg->backend->freeze(cg, false, cgroup_now_ms() + KILL_FREEZE_MS, NULL);
}

static int thaw_one(int fd, const char *name, void *data)
{
	(void)fd_write_file(fd, "freezer.state", "THAWED");
	return 0;
}

void cgroup_thaw_all(struct cgroup *cg)
{
	const struct cgroup_group *freezer = cgroup_group_of(cg, "freezer");

	/* On v2 a frozen process takes SIGKILL. */
	if (cg->backend->mode == CGROUP_V1 && freezer != NULL)
		(void)cgroup_dir_walk(freezer->dir, thaw_one, NULL);
}

static int move_to(pid_t pid, void *data)
{
	char text[16];

	(void)snprintf(text, sizeof(text), "%d", pid);
	(void)cgroup_write(data, "cgroup.procs", text);
	return 0;
}

/* On v1 somebody may have moved processes to a freezer of another place, which is not ours to thaw.
 * Back in the container's own they thaw with it. */
static void fetch_frozen(struct cgroup *cg)
{
	const struct cgroup_group *freezer = cgroup_group_of(cg, "freezer");
	const struct cgroup_group *group = cgroup_group_main(cg);

	if (freezer != NULL && group != freezer)
		(void)cgroup_dir_each_pid(group->dir, move_to, (void *)freezer->dir);
}

/* One pass in which nothing can fork: what is frozen gets its signal and takes it when thawed. */
static void kill_frozen(struct cgroup *cg)
{
	size_t count;

	cg->backend->stop_forks(cg);
	(void)cg->backend->freeze(cg, true, cgroup_now_ms() + KILL_FREEZE_MS, NULL);
	(void)signal_pass(cg, SIGKILL, &count);
	fetch_frozen(cg);
	thaw(cg);
	cgroup_thaw_all(cg);
}

/* Until no process is left, or the deadline. */
static int kill_all(struct cgroup *cg, int64_t deadline_ms, struct bh_error *err)
{
	unsigned int us = CGROUP_BACKOFF_US;
	bool whole = cg->backend->kill(cg) == 0, first = true;
	size_t left = 0, before;

	for (;;) {
		int r;

		before = left;
		r = signal_pass(cg, SIGKILL, &left);
		if (r < 0)
			return bh_fail_errno(
				err, r, "kill the processes of the container's cgroup");
		if (left == 0)
			return 0;
		if (first)
			cgroup_thaw_all(cg);
		else if (left >= before && !whole)
			kill_frozen(cg);
		first = false;
		if (cgroup_now_ms() >= deadline_ms)
			return bh_fail(err, -EBUSY,
				"%zu processes of the container survive SIGKILL", left);
		cgroup_backoff(&us);
	}
}

int cgroup_signal_all(struct cgroup *cg, int sig, struct bh_error *err)
{
	bool frozen = true;
	size_t count;
	int r;

	if (sig == SIGKILL)
		return kill_all(cg, cgroup_now_ms() + CGROUP_DESTROY_MS, err);
	if (cg->backend->is_frozen(cg, &frozen, NULL) == 0 && !frozen)
		frozen = cg->backend->freeze(cg, true, cgroup_now_ms() + KILL_FREEZE_MS, NULL) < 0;
	r = signal_pass(cg, sig, &count);
	if (!frozen)
		thaw(cg);
	if (r < 0)
		return bh_fail_errno(err, r, "send signal %d to the container's cgroup", sig);
	return 0;
}

struct collecting {
	pid_t *pids;
	size_t count, cap;
	struct arena *a;
};

static int collect_pid(pid_t pid, void *data)
{
	struct collecting *c = data;

	if (c->count == c->cap) {
		size_t cap = c->cap == 0 ? 64 : c->cap * 2;
		pid_t *pids = cap > PIDS_MAX ? NULL : arena_calloc(c->a, cap, sizeof(*pids));

		if (pids == NULL)
			return -ENOMEM;
		if (c->count > 0)
			memcpy(pids, c->pids, c->count * sizeof(*pids));
		c->pids = pids;
		c->cap = cap;
	}
	c->pids[c->count++] = pid;
	return 0;
}

int cgroup_pids(
	struct cgroup *cg, struct arena *a, pid_t **ret, size_t *ret_count, struct bh_error *err)
{
	struct collecting c = {.a = a};
	const struct cgroup_group *group = cgroup_group_main(cg);
	int r = group == NULL ? 0 : cgroup_dir_each_pid(group->dir, collect_pid, &c);

	if (r < 0 && r != -ENOENT && r != -ENODEV)
		return bh_fail_errno(err, r, "list the processes of %s", group->dir);
	*ret = c.pids;
	*ret_count = c.count;
	return 0;
}

/* The default parent is ours: whoever leaves last removes it. */
static unsigned int parents_of(const struct cgroup_group *group)
{
	if (group->made > 1)
		return group->made - 1;
	return strncmp(group->path, DEFAULT_PARENT, strlen(DEFAULT_PARENT)) == 0;
}

static int remove_all(struct cgroup *cg, const char **ret_dir)
{
	int r = 0;

	for (size_t i = cg->count; i-- > 0;) {
		const struct cgroup_group *group = &cg->groups[i];
		int one = cgroup_dir_remove(group->dir);

		if (one < 0) {
			*ret_dir = group->dir;
			r = one;
		} else {
			cgroup_dir_remove_parents(
				group->dir, strlen(group->mount), parents_of(group));
		}
	}
	return r;
}

int cgroup_destroy(struct cgroup *cg, struct bh_error *err)
{
	int64_t deadline = cgroup_now_ms() + CGROUP_DESTROY_MS;
	unsigned int us = CGROUP_BACKOFF_US;
	const char *dir = "";
	int r = cg->unit == NULL ? 0 : kill_all(cg, deadline, err);

	if (r == 0 && cg->unit != NULL)
		r = cgroup_systemd_stop(cg, err);
	if (r < 0)
		return r;
	for (;;) {
		r = remove_all(cg, &dir);
		if (r == 0)
			return 0;
		if (r != -EBUSY)
			return bh_fail_errno(err, r, "remove cgroup %s", dir);
		r = kill_all(cg, deadline, err);
		if (r < 0)
			return r;
		if (cgroup_now_ms() >= deadline)
			return bh_fail_errno(err, -EBUSY, "remove cgroup %s", dir);
		cgroup_backoff(&us);
	}
}
