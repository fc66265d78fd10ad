// SPDX-License-Identifier: Apache-2.0
/*
 * One more process in a running container. A child enters the container's groups and namespaces
 * (all in one setns(2) on the pidfd of process 1, so it cannot be given another process's) and
 * clones the process itself, because a pid namespace takes effect for children only. From there on
 * the stages are those of process 1 (process_setup.c).
 *
 * Never weaker than process 1: the same filter, labels unless others are named, no_new_privs if the
 * container has it, and no capability outside of the container's bounding set.
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/personality.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/mem.h"
#include "kernel/process.h"
#include "kernel/userns.h"
#include "sandbox/channel.h"
#include "sandbox/console.h"
#include "sandbox/gate.h"
#include "sandbox/limits.h"
#include "sandbox/lsm.h"
#include "sandbox/plan.h"
#include "sandbox/process_setup.h"
#include "sandbox/sandbox.h"
#include "sandbox/seccomp_policy.h"

#define EXEC_TIMEOUT_MS 60000

struct execution {
	const struct sandbox_exec_request *request;
	struct oci_process process; /* with what the container imposes */
	struct arena arena;
	struct sock_fprog filter;
	bool has_filter;
	struct cgroup *cgroup;
	uint64_t join; /* CLONE_NEW* that differ from the caller's */
	int caller, child;
	pid_t joiner, pid;
	int joiner_pidfd, pidfd, console;
};

static int differs(pid_t pid, const char *name, bool *ret, struct bh_error *err)
{
	char path[64];
	struct stat theirs, ours;

	(void)snprintf(path, sizeof(path), "/proc/%d/ns/%s", pid, name);
	if (stat(path, &theirs) < 0)
		return bh_fail_errno(err, -errno, "read %s", path);
	(void)snprintf(path, sizeof(path), "/proc/self/ns/%s", name);
	if (stat(path, &ours) < 0)
		return bh_fail_errno(err, -errno, "read %s", path);
	*ret = theirs.st_ino != ours.st_ino || theirs.st_dev != ours.st_dev;
	return 0;
}

/* What was read by the number of process 1 was its own: the number is not given away again while
 * the descriptor still reaches the process. A container always has a mount namespace of its own. */
static int check_namespaces(const struct execution *e, struct bh_error *err)
{
	if (pidfd_send_signal(e->request->init_pidfd, 0, NULL, 0) < 0)
		return bh_fail_errno(err, -errno, "cannot exec in a stopped container");
	if ((e->join & CLONE_NEWNS) == 0)
		return bh_fail(err, -ESRCH, "process 1 is in the caller's mount namespace");
	return 0;
}

static int find_namespaces(struct execution *e, struct bh_error *err)
{
	for (unsigned int i = 0; i < OCI_NS_COUNT; i++) {
		bool other = false;
		int r = differs(e->request->init_pid, plan_namespace_name(i), &other, err);

		if (r < 0)
			return r;
		if (other)
			e->join |= plan_namespace_flag(i);
	}
	return check_namespaces(e, err);
}

static int check_capabilities(struct execution *e, struct bh_error *err)
{
	uint64_t bounding = e->request->config->process.capabilities[OCI_CAP_BOUNDING];

	for (unsigned int set = 0; set < OCI_CAP_SETS; set++) {
		uint64_t more = e->process.capabilities[set] & ~bounding;

		if (more == 0)
			continue;
		return bh_fail(err, -EPERM,
			"/process/capabilities: %s is not in the container's bounding set; a "
			"process "
			"added later is never stronger than process 1. Give the capability to the "
			"container when it is created",
			oci_capability_name((unsigned int)__builtin_ctzll(more)));
	}
	return 0;
}

static int prepare(struct execution *e, struct bh_error *err)
{
	const struct oci_config *config = e->request->config;
	int r;

	e->process = *e->request->process;
	if (e->process.args.count == 0)
		return bh_fail(err, -EINVAL, "/process/args: a program to run is required");
	e->process.no_new_privileges |= config->process.no_new_privileges;
	if (e->process.apparmor_profile == NULL)
		e->process.apparmor_profile = config->process.apparmor_profile;
	if (e->process.selinux_label == NULL)
		e->process.selinux_label = config->process.selinux_label;
	r = check_capabilities(e, err);
	if (r == 0)
		r = lsm_check(&e->process, NULL, err);
	if (r == 0 && config->seccomp.present) {
		r = seccomp_policy_compile(&config->seccomp, &e->arena, &e->filter, NULL, err);
		e->has_filter = r == 0;
	}
	if (r == 0)
		r = cgroup_open(e->request->cgroup, e->request->cgroup_sub, &e->cgroup, err);
	if (r == 0 && e->request->cgroup_sub == NULL)
		r = cgroup_follow(e->cgroup, e->request->init_pid, err);
	return r == 0 ? find_namespaces(e, err) : r;
}

static _Noreturn void give_up(const struct execution *e, const struct bh_error *err)
{
	(void)channel_send_error(e->child, err);
	_exit(1);
}

static int open_terminal(struct execution *e, struct process_setup *p, struct bh_error *err)
{
	_cleanup_close_ int master = -EBADF;
	int r;

	if (!e->process.terminal)
		return 0;
	r = console_make(
		&e->process, false, e->request->plain_terminal, &master, &p->terminal, err);
	if (r < 0)
		return r;
	r = channel_send(e->child, CHANNEL_CONSOLE, 0, master);
	return r < 0 ? bh_fail_errno(err, r, "pass the terminal on") : 0;
}

static _Noreturn void run(struct execution *e, struct process_setup *p)
{
	struct gate gate = {e->child, e->child};
	struct bh_error err = BH_ERROR_INIT;
	int r = open_terminal(e, p, &err);

	if (r == 0)
		r = process_attach(p, &err);
	if (r == 0)
		r = process_prepare(p, &err);
	if (r < 0) {
		err.code = r;
		give_up(e, &err);
	}
	if (channel_send(e->child, CHANNEL_READY, 0, -EBADF) < 0 || gate_wait(&gate) < 0)
		_exit(1);
	r = process_execute(p, &err);
	err.code = r;
	gate_report(&gate, &err);
	_exit(r == -ENOENT ? 127 : 126);
}

static int enter_groups(struct execution *e, struct bh_error *err)
{
	int r = 0;

	if (e->process.cpu_affinity_initial != NULL)
		r = limits_set_affinity(e->process.cpu_affinity_initial, err);
	if (r == 0)
		r = cgroup_enter_self(e->cgroup, err);
	if (r == 0 && e->process.cpu_affinity_final != NULL)
		r = limits_set_affinity(e->process.cpu_affinity_final, err);
	return r;
}

static int enter(struct execution *e, struct process_setup *p, struct bh_error *err)
{
	const struct oci_config *config = e->request->config;
	int r = enter_groups(e, err);

	if (r == 0)
		r = lsm_open(&e->process, &p->lsm, err);
	if (r == 0)
		r = limits_set_oom_score(&e->process, 0, err);
	if (r < 0)
		return r;
	if (config->personality.set && personality(config->personality.value) < 0)
		return bh_fail_errno(err, -errno, "/linux/personality");
	/* From here on processes of the container can see this one. */
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		return bh_fail_errno(err, -errno, "become undumpable");
	if (e->join != 0 && setns(e->request->init_pidfd, (int)e->join) < 0)
		return bh_fail_errno(err, -errno, "join the container's namespaces");
	if ((e->join & CLONE_NEWUSER) != 0) {
		if (!p->no_setgroups && setgroups(0, NULL) < 0)
			return bh_fail_errno(err, -errno, "drop the caller's groups");
		if (setresgid(0, 0, 0) < 0 || setresuid(0, 0, 0) < 0)
			return bh_fail_errno(err, -errno, "become root of the user namespace");
		/* A change of ids sets this to fs.suid_dumpable, which may be 1. */
		(void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	}
	return 0;
}

static _Noreturn void joiner(struct execution *e)
{
	struct bh_error err = BH_ERROR_INIT;
	struct process_setup p = {
		.process = &e->process,
		.filter = e->has_filter ? &e->filter : NULL,
		.filter_flags = e->request->config->seccomp.flags,
		.keyring = e->request->no_new_keyring ? NULL : "_ses.exec",
		.stdio = {e->request->stdio[0], e->request->stdio[1], e->request->stdio[2]},
		.preserve_fds = e->request->preserve_fds,
		.terminal = -EBADF,
		.lsm = -EBADF,
		.limits = (e->join & CLONE_NEWUSER) == 0,
		.no_setgroups = (e->request->rootless || (e->join & CLONE_NEWUSER) != 0) &&
				userns_setgroups_denied(e->request->init_pid),
		.channel = e->child,
		.gate = GATE_INIT,
	};
	pid_t pid;

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	(void)fd_close(e->caller);
	if (enter(e, &p, &err) < 0)
		give_up(e, &err);
	pid = process_clone(CLONE_PARENT, NULL, -EBADF);
	if (pid == 0)
		run(e, &p);
	if (pid < 0) {
		(void)bh_fail_errno(&err, pid, "clone");
		give_up(e, &err);
	}
	/* This process never left the caller's pid namespace itself: pid is what the caller sees.
	 */
	(void)channel_send(e->child, CHANNEL_INIT_PID, pid, -EBADF);
	_exit(0);
}

static int send_listener(struct execution *e, int listener, struct bh_error *err)
{
	const struct oci_config *config = e->request->config;
	_cleanup_buf_ struct buf state;
	int r;

	buf_init(&state, 1 << 20);
	r = sandbox_state_json(config, e->request->id, e->request->bundle, "running",
		e->request->init_pid, &state);
	if (r < 0)
		return bh_fail_errno(err, r, "container state");
	return seccomp_policy_send_listener(
		&config->seccomp, config->version, e->pid, buf_str(&state), listener, err);
}

static int handle(
	struct execution *e, const struct channel_message *m, int passed, struct bh_error *err)
{
	_cleanup_close_ int fd = passed;

	switch (m->type) {
	case CHANNEL_INIT_PID:
		e->pid = (pid_t)m->value;
		e->pidfd = pidfd_open(e->pid, 0);
		return e->pidfd < 0 ? bh_fail_errno(err, -errno, "open a descriptor of the process")
				    : 0;
	case CHANNEL_CONSOLE:
		if (e->request->console_socket >= 0)
			return console_send(e->request->console_socket, fd, err);
		e->console = TAKE_FD(fd);
		return 0;
	case CHANNEL_LISTENER:
		return send_listener(e, fd, err);
	default:
		return bh_fail(err, -EPROTO, "unexpected message %u", m->type);
	}
}

/* The report of the pid comes from the joiner, the rest from the process: in any order. */
static int await_ready(struct execution *e, struct bh_error *err)
{
	bool ready = false;

	while (!ready || e->pid == 0) {
		struct channel_message m;
		int fd = -EBADF;
		int r = channel_receive_from(e->caller, e->pid == 0 ? e->joiner_pidfd : -EBADF,
			EXEC_TIMEOUT_MS, &m, &fd, err);

		if (r == 0 && m.type == CHANNEL_READY)
			ready = true;
		else if (r == 0)
			r = handle(e, &m, fd, err);
		if (r < 0)
			return r;
	}
	return 0;
}

static int start(struct execution *e, struct bh_error *err)
{
	int r;

	if ((e->join & CLONE_NEWUSER) == 0)
		process_warn(&e->process, e->request->log);
	e->joiner = process_clone(0, &e->joiner_pidfd, cgroup_clone_fd(e->cgroup));
	if (e->joiner < 0)
		return bh_fail_errno(err, e->joiner, "clone");
	if (e->joiner == 0)
		joiner(e);
	e->child = fd_close(e->child);
	r = await_ready(e, err);
	if (r < 0)
		return r;
	if ((e->join & CLONE_NEWUSER) != 0) {
		r = limits_apply(&e->process, e->pid, err);
		if (r < 0)
			return r;
	}
	return gate_start_channel(e->caller, err);
}

int sandbox_exec(
	const struct sandbox_exec_request *request, struct sandbox_exec *ret, struct bh_error *err)
{
	struct execution e = {
		.request = request, .joiner_pidfd = -EBADF, .pidfd = -EBADF, .console = -EBADF};
	int pair[2], r;

	r = channel_pair(pair);
	if (r < 0)
		return bh_fail_errno(err, r, "socketpair");
	e.caller = pair[0];
	e.child = pair[1];
	r = arena_init(&e.arena, OCI_ARENA_MAX);
	if (r < 0)
		(void)bh_fail_errno(err, r, "memory for the process");
	else
		r = prepare(&e, err);
	if (r == 0)
		r = start(&e, err);
	process_kill_wait(e.joiner, e.joiner_pidfd);
	(void)fd_close(e.joiner_pidfd);
	(void)fd_close(e.caller);
	(void)fd_close(e.child);
	cgroup_free(e.cgroup);
	arena_release(&e.arena);
	if (r < 0) {
		process_kill_wait(e.pid, e.pidfd);
		(void)fd_close(e.pidfd);
		(void)fd_close(e.console);
		return r;
	}
	*ret = (struct sandbox_exec){e.pid, e.pidfd, e.console};
	return 0;
}
