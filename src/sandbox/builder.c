// SPDX-License-Identifier: Apache-2.0
/*
 * The builder: assembles the root file system of a container that has a user namespace of its own,
 * from outside of it. It keeps the creator's credentials, but acts on file systems as the
 * container's root (fsuid, fsgid), so that what it makes belongs to the container and what it may
 * not see stays refused by ownership checks of network file systems. It lives for the length of one
 * creation.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/securebits.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/fsuid.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/mem.h"
#include "kernel/process.h"
#include "sandbox/channel.h"
#include "sandbox/creation.h"
#include "sandbox/rootfs.h"

#define NS_ENTERED_BY_BUILDER (CLONE_NEWIPC | CLONE_NEWNET | CLONE_NEWUTS | CLONE_NEWCGROUP)

struct builder {
	struct creation *creation;
	pid_t pid; /* process 1 */
	int pidfd;
	int init; /* our end of the pair with process 1 */
};

static int clone_init(struct builder *b, struct bh_error *err)
{
	struct creation *c = b->creation;
	int pair[2];

	if (c->plan.builder_network) {
		if (unshare(CLONE_NEWNET) < 0)
			return bh_fail_errno(err, -errno, "make a network namespace");
		if (creation_raise_loopback(err) < 0)
			return err->code;
	}
	if (channel_pair(pair) < 0)
		return bh_fail_errno(err, -errno, "socketpair");
	b->pid = process_clone(
		c->plan.clone_flags | CLONE_PARENT, &b->pidfd, cgroup_clone_fd(c->cgroup));
	if (b->pid == 0) {
		(void)close(pair[0]);
		creation_init(c, pair[1]);
	}
	(void)close(pair[1]);
	b->init = pair[0];
	return b->pid < 0 ? bh_fail_errno(err, b->pid, "clone process 1 into its namespaces") : 0;
}

static int map_ids(struct builder *b, struct bh_error *err)
{
	const struct sandbox_plan *plan = &b->creation->plan;
	int r = userns_write_maps(b->pid, plan->uids, plan->uid_count, plan->gids, plan->gid_count,
		plan->deny_setgroups, err);

	if (r < 0)
		return r;
	r = channel_send(b->creation->child, CHANNEL_INIT_PID, b->pid, -EBADF);
	if (r < 0)
		return bh_fail_errno(err, r, "report process 1");
	r = channel_expect(b->creation->child, -1, CHANNEL_GO, err);
	if (r == 0)
		r = channel_send(b->init, CHANNEL_GO, 0, -EBADF);
	return r;
}

/* Without the fix-up that a change of fsuid makes to capabilities: they are what this process works
 * with. */
static int act_as_root_of(const struct sandbox_plan *plan, struct bh_error *err)
{
	if (prctl(PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP, 0, 0, 0) < 0)
		return bh_fail_errno(err, -errno, "set secure bits");
	(void)setfsgid(plan->root_gid);
	(void)setfsuid(plan->root_uid);
	if ((uint32_t)setfsuid((uid_t)-1) != plan->root_uid ||
		(uint32_t)setfsgid((gid_t)-1) != plan->root_gid)
		return bh_fail(err, -EPERM, "act as the container's root on file systems");
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0); /* cleared by the change of ids */
	return 0;
}

static int open_pid_namespace(const struct builder *b, struct rootfs *fs, struct bh_error *err)
{
	char path[64];

	(void)snprintf(path, sizeof(path), "/proc/%d/ns/pid", b->pid);
	fs->pidns = open(path, O_RDONLY | O_CLOEXEC);
	return fs->pidns < 0 ? bh_fail_errno(err, -errno, "open %s", path) : 0;
}

static int enter_namespaces(const struct builder *b, struct bh_error *err)
{
	uint64_t flags = b->creation->plan.clone_flags & NS_ENTERED_BY_BUILDER;

	if (b->creation->plan.new_cgroup)
		flags |= CLONE_NEWCGROUP;
	if (flags != 0 && setns(b->pidfd, (int)flags) < 0)
		return bh_fail_errno(err, -errno, "enter the namespaces of process 1");
	return 0;
}

static int assemble(const struct builder *b, struct rootfs *fs, struct bh_error *err)
{
	const struct creation *c = b->creation;
	int r = creation_set_sysctls(c->config, err);

	if (r == 0)
		r = rootfs_run(fs, false, err);
	if (r == 0)
		r = channel_send(c->child, CHANNEL_HOOKS, 0, -EBADF);
	if (r == 0)
		r = channel_expect(c->child, -1, CHANNEL_GO, err);
	if (r == 0)
		r = creation_container_hooks(c, err);
	if (r == 0)
		r = rootfs_run(fs, true, err);
	if (r == 0)
		r = rootfs_pivot(fs, c->request->no_pivot, err);
	return r;
}

static int build(struct builder *b, struct bh_error *err)
{
	struct creation *c = b->creation;
	int prepared =
		c->request->root_fd >= 0 ? fcntl(c->request->root_fd, F_DUPFD_CLOEXEC, 3) : -EBADF;
	struct rootfs fs;
	int r;

	r = rootfs_open(&fs, &c->plan, c->config, c->cgroup, c->request->bundle, prepared, err);
	if (r == 0)
		r = creation_join(c, ~(uint64_t)(CLONE_NEWUSER | CLONE_NEWNS), err);
	if (r == 0)
		r = clone_init(b, err);
	if (r == 0)
		r = map_ids(b, err);
	if (r == 0)
		r = act_as_root_of(&c->plan, err);
	if (r == 0)
		r = channel_expect(b->init, -1, CHANNEL_SET_UP, err);
	if (r == 0)
		r = enter_namespaces(b, err);
	if (r == 0)
		r = open_pid_namespace(b, &fs, err);
	if (r == 0)
		r = assemble(b, &fs, err);
	rootfs_release(&fs);
	return r == 0 ? channel_send(b->init, CHANNEL_GO, 0, -EBADF) : r;
}

void creation_builder(struct creation *c)
{
	struct builder b = {.creation = c, .pidfd = -EBADF, .init = -EBADF};
	struct bh_error err = BH_ERROR_INIT;
	int r;

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	r = build(&b, &err);
	if (r == 0)
		_exit(0);
	if (err.code == 0)
		err.code = r;
	/* Process 1 may have told why it gave up; its message is in the channel before ours. */
	creation_give_up(c, &err);
}
