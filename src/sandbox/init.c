// SPDX-License-Identifier: Apache-2.0
/*
 * Process 1 between clone3(2) and execve(2). Single-threaded; it shares no memory with anybody.
 * Until it runs the user's program it cannot be traced or looked into from inside the container: it
 * is not dumpable, and its executable is on a read-only mount (protect.c).
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "kernel/process.h"
#include "kernel/userns.h"
#include "sandbox/channel.h"
#include "sandbox/console.h"
#include "sandbox/creation.h"
#include "sandbox/limits.h"
#include "sandbox/lsm.h"
#include "sandbox/process_setup.h"
#include "sandbox/rootfs.h"

#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x00000080
#endif

#define KEYRING_NAME_MAX 256
#define SYSCTL_PATH_MAX  512

void creation_give_up(const struct creation *c, const struct bh_error *err)
{
	(void)channel_send_error(c->child, err);
	_exit(1);
}

int creation_join(const struct creation *c, uint64_t flags, struct bh_error *err)
{
	for (unsigned int i = 0; i < OCI_NS_COUNT; i++) {
		if (c->join[i] < 0 || (plan_namespace_flag(i) & flags) == 0)
			continue;
		if (setns(c->join[i], (int)plan_namespace_flag(i)) < 0)
			return bh_fail_errno(err, -errno, "join %s namespace %s",
				plan_namespace_name(i), c->config->namespaces[i].path);
	}
	return 0;
}

/* Names use '.' or '/' as separator, as sysctl(8) has it. The decoder admits only names that belong
 * to a namespace of the container; /proc is the host's here, and its sys tree shows the caller's.
 */
int creation_set_sysctls(const struct oci_config *config, struct bh_error *err)
{
	for (size_t i = 0; i < config->sysctl_count; i++) {
		const char *name = config->sysctl[i].key;
		char path[SYSCTL_PATH_MAX];
		int r;

		if (snprintf(path, sizeof(path), "/proc/sys/%s", name) >= (int)sizeof(path))
			return bh_fail(err, -ENAMETOOLONG, "/linux/sysctl/%s: name too long", name);
		if (strchr(name, '/') == NULL)
			for (char *p = path + strlen("/proc/sys/"); *p != '\0'; p++)
				*p = *p == '.' ? '/' : *p;
		if (strstr(path, "/../") != NULL)
			return bh_fail(err, -EINVAL, "/linux/sysctl/%s: not a name", name);
		r = fd_write_file(AT_FDCWD, path, config->sysctl[i].value);
		if (r < 0)
			return bh_fail_errno(err, r, "/linux/sysctl/%s: write \"%s\"", name,
				config->sysctl[i].value);
	}
	return 0;
}

int creation_raise_loopback(struct bh_error *err)
{
	_cleanup_close_ int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq request = {.ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING};

	if (fd < 0)
		return bh_fail_errno(err, -errno, "socket");
	if (ioctl(fd, SIOCSIFFLAGS, &request) < 0)
		return bh_fail_errno(err, -errno, "bring the loopback interface up");
	return 0;
}

int creation_container_hooks(const struct creation *c, struct bh_error *err)
{
	const struct oci_hooks *hooks = &c->config->hooks[OCI_HOOK_CREATE_CONTAINER];
	_cleanup_buf_ struct buf state;
	int r;

	buf_init(&state, 1 << 20);
	if (hooks->count == 0)
		return 0;
	r = sandbox_state_json(
		c->config, c->request->id, c->request->bundle, "creating", getpid(), &state);
	if (r < 0)
		return bh_fail_errno(err, r, "container state");
	return sandbox_run_hooks(hooks, buf_str(&state), "createContainer", err);
}

static int set_names(const struct oci_config *config, struct bh_error *err)
{
	if (config->hostname != NULL && sethostname(config->hostname, strlen(config->hostname)) < 0)
		return bh_fail_errno(err, -errno, "/hostname: set \"%s\"", config->hostname);
	if (config->domainname != NULL &&
		setdomainname(config->domainname, strlen(config->domainname)) < 0)
		return bh_fail_errno(err, -errno, "/domainname: set \"%s\"", config->domainname);
	return 0;
}

/* Offsets can be written only while the new namespace has no process in it, so it is entered last.
 */
static int enter_time_namespace(const struct oci_config *config, struct bh_error *err)
{
	_cleanup_close_ int ns = -EBADF;
	char text[128];
	int r = 0, n = 0;

	if (unshare(CLONE_NEWTIME) < 0)
		return bh_fail_errno(err, -errno, "make a time namespace");
	if (config->time_monotonic.set)
		n = snprintf(text, sizeof(text), "monotonic %lld %u\n",
			(long long)config->time_monotonic.secs, config->time_monotonic.nanosecs);
	if (config->time_boottime.set)
		n += snprintf(text + n, sizeof(text) - (size_t)n, "boottime %lld %u\n",
			(long long)config->time_boottime.secs, config->time_boottime.nanosecs);
	if (n > 0)
		r = fd_write_file(AT_FDCWD, "/proc/self/timens_offsets", text);
	if (r < 0)
		return bh_fail_errno(err, r, "/linux/timeOffsets");
	ns = open("/proc/self/ns/time_for_children", O_RDONLY | O_CLOEXEC);
	if (ns < 0 || setns(ns, CLONE_NEWTIME) < 0)
		return bh_fail_errno(err, -errno, "enter the time namespace");
	return 0;
}

/* Groups before the cgroup namespace: its root is the group the process is in when it is made. */
static int enter_namespaces(const struct creation *c, struct bh_error *err)
{
	int r = cgroup_enter_self(c->cgroup, err);

	if (r < 0)
		return r;
	if (c->plan.new_cgroup && unshare(CLONE_NEWCGROUP) < 0)
		return bh_fail_errno(err, -errno, "make a cgroup namespace");
	if (c->plan.new_time) {
		r = enter_time_namespace(c->config, err);
		if (r < 0)
			return r;
	}
	if (c->config->personality.set && personality(c->config->personality.value) < 0)
		return bh_fail_errno(err, -errno, "/linux/personality");
	if ((c->plan.clone_flags & CLONE_NEWNET) != 0) {
		r = creation_raise_loopback(err);
		if (r < 0)
			return r;
	}
	return set_names(c->config, err);
}

/* Without a builder: this process makes its own root file system. */
static int build_rootfs(const struct creation *c, struct bh_error *err)
{
	struct rootfs fs;
	int prepared =
		c->request->root_fd >= 0 ? fcntl(c->request->root_fd, F_DUPFD_CLOEXEC, 3) : -EBADF;
	const char *bundle = c->plan.join_user ? "." : c->request->bundle; /* user_joiner() */
	int r = rootfs_open(&fs, &c->plan, c->config, c->cgroup, bundle, prepared, err);

	fs.sysfs = r == 0 ? c->sysfs : -EBADF;
	if (r == 0)
		r = creation_set_sysctls(c->config, err);
	if (r == 0)
		r = rootfs_run(&fs, false, err);
	if (r == 0)
		r = channel_send(c->child, CHANNEL_HOOKS, 0, -EBADF);
	if (r == 0)
		r = channel_expect(c->child, -1, CHANNEL_GO, err);
	if (r == 0)
		r = creation_container_hooks(c, err);
	if (r == 0)
		r = rootfs_run(&fs, true, err);
	if (r == 0)
		r = rootfs_pivot(&fs, c->request->no_pivot, err);
	rootfs_release(&fs);
	return r;
}

/* With a builder: it works while this process waits, and the copy of its mount namespace that
 * unshare(2) makes here is the one with every mount locked. */
static int await_rootfs(int builder, struct bh_error *err)
{
	int r = channel_send(builder, CHANNEL_SET_UP, 0, -EBADF);

	if (r < 0)
		return bh_fail_errno(err, r, "tell the builder");
	r = channel_expect(builder, -1, CHANNEL_GO, err);
	if (r < 0)
		return r;
	if (unshare(CLONE_NEWNS) < 0)
		return bh_fail_errno(err, -errno, "make the locked mount namespace");
	if (chdir("/") < 0)
		return bh_fail_errno(err, -errno, "enter /");
	return 0;
}

static int open_terminal(const struct creation *c, struct process_setup *p, struct bh_error *err)
{
	_cleanup_close_ int master = -EBADF;
	int r;

	if (!c->config->process.terminal)
		return 0;
	r = console_make(
		&c->config->process, true, c->request->plain_terminal, &master, &p->terminal, err);
	if (r < 0)
		return r;
	r = channel_send(c->child, CHANNEL_CONSOLE, 0, master);
	return r < 0 ? bh_fail_errno(err, r, "pass the terminal on") : 0;
}

static void exit_on_signal(int sig)
{
	_exit(128 + sig);
}

/* The kernel gives process 1 of a pid namespace no default actions: without handlers a created
 * container could be ended by SIGKILL alone. execve(2) resets them. */
static void end_on_signals(void)
{
	static const int signals[] = {SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGALRM};
	struct sigaction action = {.sa_handler = exit_on_signal};
	sigset_t none;

	for (size_t i = 0; i < ARRAY_SIZE(signals); i++)
		(void)sigaction(signals[i], &action, NULL);
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
}

static int start_hooks(const struct creation *c, struct process_setup *p, struct bh_error *err)
{
	const struct oci_hooks *hooks = &c->config->hooks[OCI_HOOK_START_CONTAINER];
	_cleanup_buf_ struct buf state;
	int r;

	buf_init(&state, 1 << 20);
	if (hooks->count == 0)
		return 0;
	r = process_attach_filter(p, err);
	if (r < 0)
		return r;
	(void)clearenv(); /* these run inside: what the host has in its environment stays out */
	r = sandbox_state_json(
		c->config, c->request->id, c->request->bundle, "created", getpid(), &state);
	return r < 0 ? bh_fail_errno(err, r, "container state")
		     : sandbox_run_hooks(hooks, buf_str(&state), "startContainer", err);
}

/* From READY on errors go to whoever starts the container. */
static _Noreturn void run(const struct creation *c, struct process_setup *p)
{
	struct bh_error err = BH_ERROR_INIT;
	int r;

	end_on_signals();
	/* Before the creator knows: it may exit as soon as it does. */
	(void)prctl(PR_SET_PDEATHSIG, 0, 0, 0, 0);
	if (channel_send(c->child, CHANNEL_READY, 0, -EBADF) < 0)
		_exit(1);
	if (gate_wait(&c->gate) < 0)
		_exit(1);
	r = start_hooks(c, p, &err);
	if (r == 0)
		r = process_execute(p, &err);
	err.code = r;
	gate_report(&c->gate, &err);
	_exit(r == -ENOENT ? 127 : 126);
}

/* Nobody inside looks into this process or traces it before it has become the user's program. In a
 * user namespace the ids are still the caller's, which are not mapped there. */
static int become_root(
	const struct creation *c, const struct process_setup *p, struct bh_error *err)
{
	if (c->plan.join_user || c->plan.uid_count > 0) {
		if (!p->no_setgroups && setgroups(0, NULL) < 0)
			return bh_fail_errno(err, -errno, "drop the caller's groups");
		if (setresgid(0, 0, 0) < 0 || setresuid(0, 0, 0) < 0)
			return bh_fail_errno(err, -errno, "become root of the user namespace");
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0); /* cleared by the change of ids */
	}
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		return bh_fail_errno(err, -errno, "become undumpable");
	return 0;
}

static int set_up(struct creation *c, int builder, struct process_setup *p, struct bh_error *err)
{
	int r = channel_expect(builder >= 0 ? builder : c->child, -1, CHANNEL_GO, err);

	if (r == 0)
		r = enter_namespaces(c, err);
	/* The host's /proc is still there, and a joined user namespace may have been made by
	 * anybody. */
	if (r == 0 && (c->request->rootless || c->plan.join_user))
		p->no_setgroups = p->no_setgroups || userns_setgroups_denied(0);
	if (r == 0)
		r = lsm_open(p->process, &p->lsm, err);
	if (r == 0 && p->limits)
		r = limits_set_oom_score(p->process, 0, err);
	if (r == 0)
		r = become_root(c, p, err);
	if (r == 0)
		r = builder >= 0 ? await_rootfs(builder, err) : build_rootfs(c, err);
	(void)fd_close(builder);
	if (r == 0)
		r = open_terminal(c, p, err);
	if (r == 0)
		r = process_attach(p, err);
	if (r == 0)
		r = process_prepare(p, err);
	return r;
}

void creation_init(struct creation *c, int builder)
{
	char keyring[KEYRING_NAME_MAX];
	struct bh_error err = BH_ERROR_INIT;
	struct process_setup p = {
		.process = &c->config->process,
		.filter = c->has_filter ? &c->filter : NULL,
		.filter_flags = c->config->seccomp.flags,
		.keyring = c->request->no_new_keyring ? NULL : keyring,
		.stdio = {c->request->stdio[0], c->request->stdio[1], c->request->stdio[2]},
		.preserve_fds = c->request->preserve_fds,
		.terminal = -EBADF,
		.lsm = -EBADF,
		.limits = !c->plan.builder,
		.no_setgroups = c->plan.deny_setgroups,
		.channel = c->child,
		.gate = c->gate,
	};

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	(void)snprintf(keyring, sizeof(keyring), "_ses.%.240s", c->request->id);
	if (set_up(c, builder, &p, &err) < 0)
		creation_give_up(c, &err);
	run(c, &p);
}
