// SPDX-License-Identifier: Apache-2.0
/*
 * A proc file system that shows another pid namespace, mounted by the builder, which is not in it.
 * Linux 6.17 takes the namespace as a mount option. Before that proc shows the namespace of the
 * process that mounts it: a short-lived child enters the namespace and sends the mount back.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/mem.h"
#include "kernel/mount.h"
#include "kernel/process.h"
#include "sandbox/channel.h"
#include "sandbox/rootfs.h"

#define CHILD_TIMEOUT_MS 10000
#define OPTION_MAX       255

static int set_option(int fs, const char *option, struct bh_error *err)
{
	char key[OPTION_MAX + 1];
	const char *value = strchr(option, '=');
	int r;

	if (strlen(option) > OPTION_MAX)
		return bh_fail(err, -E2BIG, "option too long");
	if (value == NULL) {
		r = fsconfig(fs, FSCONFIG_SET_FLAG, option, NULL, 0);
	} else {
		memcpy(key, option, (size_t)(value - option));
		key[value - option] = '\0';
		r = fsconfig(fs, FSCONFIG_SET_STRING, key, value + 1, 0);
	}
	return r < 0 ? bh_fail_errno(err, -errno, "option \"%s\"", option) : 0;
}

/* pidns: namespace to show, or -EBADF for the caller's own. -EOPNOTSUPP: this kernel cannot. */
static int new_proc(const struct oci_mount *m, int pidns, struct bh_error *err)
{
	_cleanup_close_ int fs = fsopen("proc", FSOPEN_CLOEXEC);
	int fd, r;

	if (fs < 0)
		return bh_fail_errno(err, -errno, "fsopen proc");
	if (pidns >= 0 && fsconfig(fs, FSCONFIG_SET_FD, "pidns", NULL, pidns) < 0)
		return bh_fail_errno(err, -EOPNOTSUPP, "proc option pidns");
	for (size_t i = 0; i < m->data.count; i++) {
		r = set_option(fs, m->data.items[i], err);
		if (r < 0)
			return r;
	}
	if (m->source != NULL && fsconfig(fs, FSCONFIG_SET_STRING, "source", m->source, 0) < 0)
		return bh_fail_errno(err, -errno, "source \"%s\"", m->source);
	if (fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		return bh_fail_errno(err, -errno, "create");
	fd = fsmount(fs, FSMOUNT_CLOEXEC, (unsigned int)mount_attributes(m->flags));
	return fd < 0 ? bh_fail_errno(err, -errno, "fsmount") : fd;
}

static _Noreturn void child(const struct oci_mount *m, int channel)
{
	struct bh_error err = BH_ERROR_INIT;
	int fd;

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	fd = new_proc(m, -EBADF, &err);
	if (fd < 0)
		(void)channel_send_error(channel, &err);
	else
		(void)channel_send(channel, CHANNEL_READY, 0, fd);
	_exit(0);
}

static int new_proc_by_child(struct rootfs *fs, const struct oci_mount *m, struct bh_error *err)
{
	_cleanup_close_ int own = open("/proc/self/ns/pid_for_children", O_RDONLY | O_CLOEXEC);
	struct channel_message answer;
	int pair[2], fd = -EBADF, r;
	pid_t pid;

	if (own < 0)
		return bh_fail_errno(err, -errno, "open own pid namespace");
	if (channel_pair(pair) < 0)
		return bh_fail_errno(err, -errno, "socketpair");
	if (setns(fs->pidns, CLONE_NEWPID) < 0) {
		r = bh_fail_errno(err, -errno, "enter the pid namespace");
		goto out;
	}
	pid = process_clone(0, NULL, -EBADF);
	if (pid == 0)
		child(m, pair[1]);
	(void)setns(own, CLONE_NEWPID);
	if (pid < 0) {
		r = bh_fail_errno(err, pid, "clone");
		goto out;
	}
	pair[1] = fd_close(pair[1]);
	r = channel_receive(pair[0], CHILD_TIMEOUT_MS, &answer, &fd, err);
	process_kill_wait(pid, -EBADF);
out:
	(void)fd_close(pair[0]);
	(void)fd_close(pair[1]);
	return r < 0 ? r : fd;
}

int rootfs_mount_proc(
	struct rootfs *fs, const struct oci_mount *m, int target, struct bh_error *err)
{
	_cleanup_close_ int fd = new_proc(m, fs->pidns, err);
	int r;

	if (fd == -EOPNOTSUPP)
		fd = new_proc_by_child(fs, m, err);
	if (fd < 0)
		return fd;
	r = mount_attach(fd, target);
	return r < 0 ? bh_fail_errno(err, r, "attach") : 0;
}
