// SPDX-License-Identifier: Apache-2.0
/*
 * The creator's side of a creation (see creation.h for who says what). Everything that can be
 * decided without a process is decided first; whatever was made is undone on failure, in reverse
 * order.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "kernel/caps.h"
#include "kernel/mount.h"
#include "kernel/process.h"
#include "sandbox/channel.h"
#include "sandbox/console.h"
#include "sandbox/creation.h"
#include "sandbox/limits.h"
#include "sandbox/lsm.h"
#include "sandbox/process_setup.h"
#include "sandbox/sandbox.h"
#include "sandbox/seccomp_policy.h"

#define INITIAL_USER_NAMESPACE 0xeffffffdU

struct creator {
	struct creation c;
	pid_t builder, pid;
	int builder_pidfd, pidfd;
	int console;
};

/* The kernel gives the initial namespaces fixed numbers (PROC_USER_INIT_INO). */
static bool in_initial_userns(void)
{
	struct stat st;

	return stat("/proc/self/ns/user", &st) == 0 && st.st_ino == INITIAL_USER_NAMESPACE;
}

/* A name that no table knows has no effect: a loss where the profile lists what to deny, and to be
 * expected where it lists what newer kernels have too. */
static int compile_filter(struct creation *c, struct bh_error *err)
{
	const struct oci_seccomp *policy = &c->config->seccomp;
	bool deny_list = (policy->default_action & SECCOMP_RET_ACTION_FULL) == SECCOMP_RET_ALLOW;
	struct seccomp_warnings warnings = {0};
	int r = seccomp_policy_compile(policy, &c->arena, &c->filter, &warnings, err);

	for (size_t i = 0; i < warnings.count && i < SECCOMP_WARNINGS_MAX; i++)
		log_write(c->request->log, deny_list ? LOG_LEVEL_WARN : LOG_LEVEL_DEBUG,
			"/linux/seccomp: %s", warnings.items[i]);
	c->has_filter = r == 0;
	return r;
}

static int make_plan(struct creation *c, struct bh_error *err)
{
	struct plan_facts facts = {
		.privileged = caps_have(CAP_SYS_ADMIN) && geteuid() == 0,
		.in_init_userns = in_initial_userns(),
	};
	int r;

	/* Without a process object it can be created, not started. */
	if (c->config->process.args.count == 0 &&
		(c->config->has_process || c->request->state_dirfd < 0))
		return bh_fail(err, -EINVAL, "/process/args: a program to run is required");
	r = lsm_check(&c->config->process, c->config->mount_label, err);
	if (r == 0)
		r = sandbox_plan_make(c->config, &facts, &c->arena, &c->plan, err);
	if (r == 0 && c->config->seccomp.present) {
		r = compile_filter(c, err);
	}
	return r < 0 ? r : creation_open_joined(c, err);
}

/* Before the first group is made: what a crash would leave behind is known. */
static int groups_chosen(void *data, const struct cgroup *cg, struct bh_error *err)
{
	const struct sandbox_request *request = ((const struct creation *)data)->request;

	return request->on_progress == NULL
		       ? 0
		       : request->on_progress(request->on_progress_data, 0, cg, err);
}

static int make_groups(struct creation *c, struct bh_error *err)
{
	const struct sandbox_request *request = c->request;
	struct cgroup_request groups = {
		.id = request->id,
		.path = c->config->cgroups_path,
		.systemd = request->systemd_cgroup,
		.rootless = request->rootless,
		.resources = &c->config->resources,
		.owner_uid = c->plan.root_uid,
		.owner_gid = c->plan.root_gid,
		.delegate = c->plan.uid_count > 0 && c->plan.new_cgroup,
		.on_chosen = groups_chosen,
		.on_chosen_data = c,
	};
	int r = cgroup_create(&groups, &c->cgroup, err);

	return r < 0 ? bh_wrap(err, "make the cgroup") : 0;
}

static int make_gate(struct creation *c, struct bh_error *err)
{
	if (c->request->state_dirfd >= 0)
		return gate_make(c->request->state_dirfd, &c->gate, err);
	c->gate = (struct gate){c->child, c->child};
	return 0;
}

/* Joining a pid namespace concerns the caller's next children only: it is undone behind the clone.
 */
static pid_t clone_into_pid_namespace(
	struct creator *cr, int *ret_pidfd, int cgroup_fd, struct bh_error *err)
{
	struct creation *c = &cr->c;
	_cleanup_close_ int own = -EBADF;
	pid_t pid;

	if (c->plan.join_pid) {
		own = open("/proc/self/ns/pid_for_children", O_RDONLY | O_CLOEXEC);
		if (own < 0)
			return bh_fail_errno(err, -errno, "open own pid namespace");
		if (setns(c->join[OCI_NS_PID], CLONE_NEWPID) < 0)
			return bh_fail_errno(err, -errno, "join pid namespace %s",
				c->config->namespaces[OCI_NS_PID].path);
	}
	pid = process_clone(c->plan.clone_flags, ret_pidfd, cgroup_fd);
	if (pid != 0 && c->plan.join_pid)
		(void)setns(own, CLONE_NEWPID);
	return pid < 0 ? bh_fail_errno(err, pid, "clone process 1 into its namespaces") : pid;
}

static _Noreturn void self_child(struct creation *c)
{
	struct bh_error err = BH_ERROR_INIT;

	c->creator = fd_close(c->creator);
	if (creation_join(c, ~(uint64_t)(CLONE_NEWPID | CLONE_NEWUSER), &err) < 0)
		creation_give_up(c, &err);
	creation_init(c, -EBADF);
}

/* A sysfs shows the network namespace it is mounted from, and the kernel wants that to belong to
 * the mounter's user namespace. A joined one may be the host's: then it is mounted from outside. */
static bool needs_sysfs(const struct oci_config *config)
{
	if (config->namespaces[OCI_NS_NETWORK].mode == OCI_NS_NEW)
		return false;
	for (size_t i = 0; i < config->mount_count; i++)
		if (config->mounts[i].type != NULL && strcmp(config->mounts[i].type, "sysfs") == 0)
			return true;
	return false;
}

/* Joining a user namespace: the others must be made inside it, so a process enters it and clones
 * process 1 as the creator's child. */
static _Noreturn void user_joiner(struct creation *c)
{
	struct bh_error err = BH_ERROR_INIT;
	pid_t pid;

	c->creator = fd_close(c->creator);
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	if (creation_join(c, ~(uint64_t)CLONE_NEWUSER, &err) < 0)
		creation_give_up(c, &err);
	if (needs_sysfs(c->config))
		c->sysfs = mount_new("sysfs", "sysfs", 0);
	/* The way to the bundle may be closed to the user namespace: it becomes the working
	 * directory, which the clone below takes along into the new mount namespace. */
	if (chdir(c->request->bundle) < 0) {
		(void)bh_fail_errno(&err, -errno, "enter bundle %s", c->request->bundle);
		creation_give_up(c, &err);
	}
	if (creation_join(c, CLONE_NEWUSER, &err) < 0)
		creation_give_up(c, &err);
	pid = process_clone(c->plan.clone_flags | CLONE_PARENT, NULL, cgroup_clone_fd(c->cgroup));
	if (pid == 0)
		creation_init(c, -EBADF);
	if (pid < 0) {
		(void)bh_fail_errno(&err, pid, "clone process 1 into its namespaces");
		creation_give_up(c, &err);
	}
	(void)channel_send(c->child, CHANNEL_INIT_PID, pid, -EBADF);
	_exit(0);
}

static int clone_helper(struct creator *cr, struct bh_error *err)
{
	struct creation *c = &cr->c;

	cr->builder = process_clone(c->plan.builder ? CLONE_NEWNS : 0, &cr->builder_pidfd, -EBADF);
	if (cr->builder < 0)
		return bh_fail_errno(err, cr->builder, "clone the builder");
	if (cr->builder > 0)
		return 0;
	if (!c->plan.builder)
		user_joiner(c);
	c->creator = fd_close(c->creator);
	creation_builder(c);
}

static int write_maps(struct creator *cr, struct bh_error *err)
{
	const struct sandbox_plan *plan = &cr->c.plan;

	if (plan->uid_count == 0 || plan->builder)
		return 0;
	return userns_write_maps(cr->pid, plan->uids, plan->uid_count, plan->gids, plan->gid_count,
		plan->deny_setgroups, err);
}

static int receive(struct creator *cr, struct channel_message *m, int *ret_fd, struct bh_error *err)
{
	return channel_receive(cr->c.creator, CREATION_TIMEOUT_MS, m, ret_fd, err);
}

static int await_init_pid(struct creator *cr, struct bh_error *err)
{
	struct channel_message m;
	int r = channel_receive_from(
		cr->c.creator, cr->builder_pidfd, CREATION_TIMEOUT_MS, &m, NULL, err);

	if (r < 0)
		return r;
	if (m.type != CHANNEL_INIT_PID || m.value <= 0)
		return bh_fail(err, -EPROTO, "the builder did not report process 1");
	cr->pid = (pid_t)m.value;
	cr->pidfd = pidfd_open(cr->pid, 0);
	return cr->pidfd < 0 ? bh_fail_errno(err, -errno, "open a descriptor of process 1") : 0;
}

static int send_go(struct creator *cr, struct bh_error *err)
{
	int r = channel_send(cr->c.creator, CHANNEL_GO, 0, -EBADF);

	/* Gone already: its last message says why. */
	if (r == -EPIPE || r == -ECONNRESET)
		return 0;
	return r < 0 ? bh_fail_errno(err, r, "tell process 1 to go on") : 0;
}

static int make_processes(struct creator *cr, struct bh_error *err)
{
	struct creation *c = &cr->c;
	int r;

	/* Processes of a pid namespace that is joined see process 1 from its first moment on, while
	 * its root is still the host's: it starts out undumpable. */
	if (c->plan.join_pid && prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		return bh_fail_errno(err, -errno, "become undumpable");
	if (c->plan.builder || c->plan.join_user) {
		r = clone_helper(cr, err);
	} else {
		cr->pid = clone_into_pid_namespace(cr, &cr->pidfd, cgroup_clone_fd(c->cgroup), err);
		if (cr->pid == 0)
			self_child(c);
		r = cr->pid < 0 ? cr->pid : 0;
	}
	if (c->request->state_dirfd >= 0)
		gate_close(&c->gate);
	c->child = fd_close(c->child);
	if (r == 0 && (c->plan.builder || c->plan.join_user))
		r = await_init_pid(cr, err);
	if (r == 0)
		r = write_maps(cr, err);
	if (r == 0 && c->request->on_progress != NULL)
		r = c->request->on_progress(c->request->on_progress_data, cr->pid, c->cgroup, err);
	if (r < 0)
		return r;
	return send_go(cr, err);
}

static int state_text(const struct creator *cr, const char *status, struct buf *out)
{
	const struct sandbox_request *request = cr->c.request;

	return sandbox_state_json(cr->c.config, request->id, request->bundle, status, cr->pid, out);
}

static int run_runtime_hooks(struct creator *cr, struct bh_error *err)
{
	const struct oci_hooks *hooks = cr->c.config->hooks;
	_cleanup_buf_ struct buf state;
	int r;

	buf_init(&state, 1 << 20);
	if (hooks[OCI_HOOK_PRESTART].count == 0 && hooks[OCI_HOOK_CREATE_RUNTIME].count == 0)
		return 0;
	r = state_text(cr, "creating", &state);
	if (r < 0)
		return bh_fail_errno(err, r, "container state");
	r = sandbox_run_hooks(&hooks[OCI_HOOK_PRESTART], buf_str(&state), "prestart", err);
	if (r == 0)
		r = sandbox_run_hooks(
			&hooks[OCI_HOOK_CREATE_RUNTIME], buf_str(&state), "createRuntime", err);
	return r;
}

static int take_console(struct creator *cr, int master, struct bh_error *err)
{
	_cleanup_close_ int fd = master;

	if (cr->c.request->console_socket >= 0)
		return console_send(cr->c.request->console_socket, fd, err);
	(void)fd_close(cr->console);
	cr->console = TAKE_FD(fd);
	return 0;
}

static int take_listener(struct creator *cr, int listener, struct bh_error *err)
{
	_cleanup_close_ int fd = listener;
	_cleanup_buf_ struct buf state;
	int r;

	buf_init(&state, 1 << 20);
	r = state_text(cr, "creating", &state);
	if (r < 0)
		return bh_fail_errno(err, r, "container state");
	return seccomp_policy_send_listener(
		&cr->c.config->seccomp, cr->c.config->version, cr->pid, buf_str(&state), fd, err);
}

static int handle(struct creator *cr, const struct channel_message *m, int fd, struct bh_error *err)
{
	int r;

	switch (m->type) {
	case CHANNEL_HOOKS:
		r = run_runtime_hooks(cr, err);
		return r < 0 ? r : send_go(cr, err);
	case CHANNEL_CONSOLE:
		return take_console(cr, fd, err);
	case CHANNEL_LISTENER:
		return take_listener(cr, fd, err);
	default:
		return bh_fail(err, -EPROTO, "unexpected message %u from the container's process",
			m->type);
	}
}

static int await_ready(struct creator *cr, struct bh_error *err)
{
	for (;;) {
		struct channel_message m;
		int fd = -EBADF, r = receive(cr, &m, &fd, err);

		if (r < 0)
			return r;
		if (m.type == CHANNEL_READY)
			return 0;
		r = handle(cr, &m, fd, err);
		if (r < 0)
			return r;
	}
}

/* What process_attach() does for itself elsewhere: a process in a user namespace may not change the
 * owner of the caller's files. */
static void own_stdio(const struct creator *cr)
{
	const struct oci_user *user = &cr->c.config->process.user;
	const struct sandbox_plan *plan = &cr->c.plan;
	uint32_t uid, gid;

	if (userns_to_outside(plan->uids, plan->uid_count, user->uid, &uid) < 0 ||
		userns_to_outside(plan->gids, plan->gid_count, user->gid, &gid) < 0)
		return;
	for (int i = 0; i < 3; i++) {
		int fd = cr->c.request->stdio[i] >= 0 ? cr->c.request->stdio[i] : i;
		struct stat st;

		if (fstat(fd, &st) == 0 && S_ISFIFO(st.st_mode))
			(void)!fchown(fd, uid, gid);
	}
}

static int finish(struct creator *cr, struct bh_error *err)
{
	int r = 0;

	if (cr->builder > 0) {
		(void)process_wait(cr->builder);
		cr->builder = 0;
	}
	if (cr->c.plan.builder && !cr->c.config->process.terminal)
		own_stdio(cr);
	if (cr->c.plan.builder)
		r = limits_set_oom_score(&cr->c.config->process, cr->pid, err);
	if (r == 0 && cr->c.plan.builder)
		r = limits_apply(&cr->c.config->process, cr->pid, err);
	return r;
}

static void undo(struct creator *cr)
{
	struct creation *c = &cr->c;

	process_kill_wait(cr->builder, cr->builder_pidfd);
	process_kill_wait(cr->pid, cr->pidfd);
	if (c->request->state_dirfd >= 0)
		gate_remove(c->request->state_dirfd);
	if (c->cgroup != NULL)
		(void)cgroup_destroy(c->cgroup, NULL);
	cgroup_free(c->cgroup);
	c->cgroup = NULL;
	cr->console = fd_close(cr->console);
	cr->pidfd = fd_close(cr->pidfd);
}

static int create(struct creator *cr, struct bh_error *err)
{
	struct creation *c = &cr->c;
	int pair[2], r;

	r = arena_init(&c->arena, OCI_ARENA_MAX);
	if (r < 0)
		return bh_fail_errno(err, r, "memory for the plan");
	r = make_plan(c, err);
	if (r < 0)
		return r;
	if (!c->plan.join_user && c->plan.uid_count == 0)
		process_warn(&c->config->process, c->request->log);
	r = channel_pair(pair);
	if (r < 0)
		return bh_fail_errno(err, r, "socketpair");
	c->creator = pair[0];
	c->child = pair[1];
	r = make_gate(c, err);
	if (r == 0)
		r = make_groups(c, err);
	if (r == 0)
		r = make_processes(cr, err);
	if (r == 0)
		r = await_ready(cr, err);
	if (r == 0)
		r = finish(cr, err);
	return r;
}

int sandbox_create(const struct sandbox_request *request, struct sandbox *ret, struct bh_error *err)
{
	struct creator cr = {
		.c = {.request = request,
			.config = request->config,
			.creator = -EBADF,
			.child = -EBADF,
			.sysfs = -EBADF,
			.gate = GATE_INIT},
		.builder_pidfd = -EBADF,
		.pidfd = -EBADF,
		.console = -EBADF,
	};
	int r;

	for (unsigned int i = 0; i < OCI_NS_COUNT; i++)
		cr.c.join[i] = -EBADF;
	r = create(&cr, err);
	if (r < 0)
		undo(&cr);
	for (unsigned int i = 0; i < OCI_NS_COUNT; i++)
		(void)fd_close(cr.c.join[i]);
	(void)fd_close(cr.c.child);
	(void)fd_close(cr.builder_pidfd);
	arena_release(&cr.c.arena);
	if (r < 0 || request->state_dirfd >= 0)
		cr.c.creator = fd_close(cr.c.creator);
	if (r < 0)
		return r;
	*ret = (struct sandbox){cr.pid, cr.pidfd, cr.c.creator, cr.console, cr.c.cgroup};
	return 0;
}

int sandbox_start(int state_dirfd, int control, struct bh_error *err)
{
	return control >= 0 ? gate_start_channel(control, err) : gate_start(state_dirfd, err);
}

void sandbox_release(struct sandbox *sb)
{
	sb->pidfd = fd_close(sb->pidfd);
	sb->control = fd_close(sb->control);
	sb->console = fd_close(sb->console);
	cgroup_free(sb->cgroup);
	sb->cgroup = NULL;
}
