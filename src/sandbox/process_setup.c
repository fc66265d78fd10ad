// SPDX-License-Identifier: Apache-2.0
#include "sandbox/process_setup.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <linux/capability.h>
#include <linux/keyctl.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "kernel/caps.h"
#include "kernel/seccomp.h"
#include "sandbox/channel.h"
#include "sandbox/console.h"
#include "sandbox/limits.h"
#include "sandbox/lsm.h"
#include "sandbox/seccomp_policy.h"

#define FIRST_FREE_FD 3u

static int take_stdio(const struct process_setup *p, struct bh_error *err)
{
	for (int fd = 0; fd < 3; fd++) {
		if (p->stdio[fd] < 0)
			continue;
		/* A source that already is this number keeps its close-on-exec flag through dup2().
		 */
		if (p->stdio[fd] == fd ? fd_set_cloexec(fd, 0) < 0 : dup2(p->stdio[fd], fd) < 0)
			return bh_fail_errno(err, -errno, "attach standard descriptor %d", fd);
	}
	return 0;
}

static int join_keyring(const char *name, struct bh_error *err)
{
	if (name == NULL || syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, name) >= 0)
		return 0;
	if (errno == ENOSYS || errno == EPERM)
		return 0; /* no keyrings here, or a filter outside denies them: the same as runc */
	return bh_fail_errno(err, -errno, "make a session keyring");
}

/* The user must be able to open its own standard streams again (/dev/stdout): it becomes the owner
 * where that is possible and where nobody else shares the file. */
static void own_stdio(const struct oci_user *user)
{
	for (int fd = 0; fd < 3; fd++) {
		struct stat st;

		if (fstat(fd, &st) < 0 || st.st_uid == user->uid)
			continue;
		if (S_ISCHR(st.st_mode) && st.st_rdev == makedev(1, 3))
			continue;
		if (S_ISCHR(st.st_mode)) /* a terminal stays with its group */
			(void)!fchown(fd, user->uid, (gid_t)-1);
		else if (S_ISFIFO(st.st_mode) || S_ISREG(st.st_mode))
			(void)!fchown(fd, user->uid, user->gid);
	}
}

/* All but the standard and the preserved descriptors and those this process still needs, which are
 * sockets, fifos or an attribute file: no path leads through them. */
static int close_others(const struct process_setup *p, struct bh_error *err)
{
	const int keep[] = {p->channel, p->gate.wait, p->gate.result, p->lsm};
	unsigned int first = FIRST_FREE_FD + p->preserve_fds;

	for (;;) {
		unsigned int next = UINT_MAX;

		for (size_t i = 0; i < ARRAY_SIZE(keep); i++)
			if (keep[i] >= 0 && (unsigned int)keep[i] >= first &&
				(unsigned int)keep[i] < next)
				next = (unsigned int)keep[i];
		if (next > first && close_range(first, next - 1, 0) < 0)
			return bh_fail_errno(err, -errno, "close descriptors");
		if (next == UINT_MAX)
			return 0;
		first = next + 1;
	}
}

int process_attach(struct process_setup *p, struct bh_error *err)
{
	int r;

	(void)setsid();
	r = p->terminal >= 0 ? console_take(p->terminal, err) : take_stdio(p, err);
	if (r < 0)
		return r;
	if (p->limits) {
		r = limits_apply(p->process, 0, err);
		if (r < 0)
			return r;
	}
	own_stdio(&p->process->user);
	r = close_others(p, err);
	if (r == 0)
		r = process_home(p, err);
	return r < 0 ? r : join_keyring(p->keyring, err);
}

int process_attach_filter(struct process_setup *p, struct bh_error *err)
{
	bool notifies = p->filter != NULL && seccomp_policy_notifies(p->filter);
	int listener = -EBADF, r;

	if (p->filter == NULL || p->filter_attached)
		return 0;
	r = seccomp_attach(p->filter, p->filter_flags, notifies ? &listener : NULL);
	if (r < 0)
		return bh_fail_errno(err, r, "attach the seccomp filter");
	if (notifies) {
		r = channel_send(p->channel, CHANNEL_LISTENER, 0, listener);
		(void)fd_close(listener);
		if (r < 0)
			return bh_fail_errno(err, r, "pass the seccomp listener on");
	}
	p->filter_attached = true;
	return 0;
}

void process_warn(const struct oci_process *process, const struct log *log)
{
	uint64_t held, more = 0;

	if (caps_permitted(&held) < 0)
		return;
	for (unsigned int set = 0; set < OCI_CAP_SETS; set++)
		more |= process->capabilities[set] & ~held;
	for (; more != 0; more &= more - 1)
		log_write(log, LOG_LEVEL_WARN,
			"/process/capabilities: %s is not granted: the runtime does not have it "
			"itself",
			oci_capability_name((unsigned int)__builtin_ctzll(more)));
}

static int set_groups(const struct process_setup *p, struct bh_error *err)
{
	const struct oci_user *user = &p->process->user;

	if (p->no_setgroups) {
		if (user->additional_gid_count > 0)
			return bh_fail(err, -EPERM,
				"/process/user/additionalGids: not possible without privilege "
				"(setgroups is denied)");
		return 0;
	}
	if (setgroups(user->additional_gid_count, user->additional_gids) < 0)
		return bh_fail_errno(err, -errno, "set additional groups");
	return 0;
}

static int set_ids(const struct process_setup *p, struct bh_error *err)
{
	const struct oci_user *user = &p->process->user;
	int r;

	if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) < 0)
		return bh_fail_errno(err, -errno, "keep capabilities");
	r = set_groups(p, err);
	if (r < 0)
		return r;
	if (setresgid(user->gid, user->gid, user->gid) < 0)
		return bh_fail_errno(err, -errno, "/process/user/gid: become group %u", user->gid);
	if (setresuid(user->uid, user->uid, user->uid) < 0)
		return bh_fail_errno(err, -errno, "/process/user/uid: become user %u", user->uid);
	(void)prctl(PR_SET_KEEPCAPS, 0, 0, 0, 0);
	/* A change of ids sets this to fs.suid_dumpable, which may be 1. */
	(void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	return 0;
}

/* What this process does not have itself it cannot grant; process_warn() has told so. */
static int set_capabilities(const struct oci_process *process, struct bh_error *err)
{
	const uint64_t *sets = process->capabilities;
	uint64_t held;
	int r = caps_permitted(&held);

	if (r == 0)
		r = caps_set(sets[OCI_CAP_EFFECTIVE] & held, sets[OCI_CAP_PERMITTED] & held,
			sets[OCI_CAP_INHERITABLE] & held);
	if (r < 0)
		return bh_fail_errno(err, r, "/process/capabilities: set capabilities");
	r = caps_set_ambient(sets[OCI_CAP_AMBIENT] & held);
	return r < 0 ? bh_fail_errno(err, r, "/process/capabilities/ambient: set capabilities") : 0;
}

/* A working directory reached through a descriptor that leaked from the host would lie outside the
 * container's root: the kernel then gives a path that does not begin with a slash. */
static int enter_cwd(const char *cwd, struct bh_error *err)
{
	char path[PATH_MAX];

	if (chdir(cwd) < 0)
		return bh_fail_errno(err, -errno, "/process/cwd: chdir to %s", cwd);
	if (syscall(SYS_getcwd, path, sizeof(path)) < 0)
		return bh_fail_errno(err, -errno, "/process/cwd: %s", cwd);
	if (path[0] != '/')
		return bh_fail(
			err, -EINVAL, "/process/cwd: %s is outside of the container's root", cwd);
	return 0;
}

static const char *environment(const struct oci_process *process, const char *name)
{
	size_t len = strlen(name);

	for (size_t i = 0; i < process->env.count; i++)
		if (strncmp(process->env.items[i], name, len) == 0 &&
			process->env.items[i][len] == '=')
			return process->env.items[i] + len + 1;
	return NULL;
}

static int check_program(const char *path)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return -errno;
	if (S_ISDIR(st.st_mode))
		return -EACCES;
	if (faccessat(AT_FDCWD, path, X_OK, AT_EACCESS) == 0)
		return 0;
	/* The container's own filter may be on and not know faccessat2(2): execve(2) will tell. */
	if (errno != EACCES && errno != EROFS && (st.st_mode & 0111) != 0)
		return 0;
	return -EACCES;
}

static int search_path(const char *name, const char *list, char *out, size_t size)
{
	int found = -ENOENT;

	while (list != NULL && *list != '\0') {
		size_t n = strcspn(list, ":");
		int r;

		if (snprintf(out, size, "%.*s/%s", (int)n, n > 0 ? list : ".", name) < (int)size) {
			r = check_program(out);
			if (r == 0)
				return 0;
			if (r == -EACCES)
				found = r;
		}
		list += n + (list[n] == ':');
	}
	return found;
}

static int find_program(struct process_setup *p, struct bh_error *err)
{
	static char found[PATH_MAX]; /* one process, one program; used until execve(2) */
	const char *name = p->process->args.items[0];
	int r;

	if (strchr(name, '/') != NULL) {
		r = check_program(name);
		p->program = name;
		/* In these words: clients tell 127 and 126 from other failures by them. */
		if (r == -ENOENT)
			return bh_fail(err, r, "exec: \"%s\": stat %s: no such file or directory",
				name, name);
		if (r == -EACCES)
			return bh_fail(err, r, "exec: \"%s\": permission denied", name);
		return r < 0 ? bh_fail_errno(err, r, "exec: \"%s\"", name) : 0;
	}
	r = search_path(name, environment(p->process, "PATH"), found, sizeof(found));
	p->program = found;
	if (r == -ENOENT)
		return bh_fail(err, r, "exec: \"%s\": executable file not found in $PATH", name);
	return r < 0 ? bh_fail(err, r, "exec: \"%s\": permission denied", name) : 0;
}

int process_prepare(struct process_setup *p, struct bh_error *err)
{
	const struct oci_process *process = p->process;
	bool entered;
	int r;

	if (!process->no_new_privileges) {
		r = process_attach_filter(p, err);
		if (r < 0)
			return r;
	}
	r = caps_set_bounding(process->capabilities[OCI_CAP_BOUNDING]);
	if (r < 0)
		return bh_fail_errno(err, r, "/process/capabilities/bounding: drop capabilities");
	/* A directory that the user may not enter is entered all the same, as runc does; one that
	 * only the user may enter (a network file system) is entered as the user. */
	entered = process->cwd == NULL || enter_cwd(process->cwd, NULL) == 0;
	r = set_ids(p, err);
	if (r == 0)
		r = set_capabilities(process, err);
	if (r < 0)
		return r;
	(void)umask(process->user.has_umask ? process->user.umask : 0022);
	r = entered ? 0 : enter_cwd(process->cwd, err);
	if (r < 0)
		return r;
	if (process->no_new_privileges && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return bh_fail_errno(err, -errno, "set no_new_privs");
	r = process->args.count > 0 ? find_program(p, err) : 0;
	/* The listener goes to the creator, who is gone when a container is started later. */
	if (r == 0 && p->filter != NULL && seccomp_policy_notifies(p->filter))
		r = process_attach_filter(p, err);
	return r;
}

static void reset_signals(void)
{
	struct sigaction action = {.sa_handler = SIG_DFL};
	sigset_t none;

	for (int sig = 1; sig < NSIG; sig++)
		(void)sigaction(sig, &action, NULL);
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
}

int process_execute(struct process_setup *p, struct bh_error *err)
{
	const struct oci_process *process = p->process;
	int r = lsm_set(process, p->lsm, err);

	if (r < 0)
		return r;
	reset_signals();
	if (process->no_new_privileges) {
		r = process_attach_filter(p, err);
		if (r < 0)
			return r;
	}
	(void)execve(p->program, (char *const *)process->args.items, (char *const *)p->env);
	r = -errno;
	if (r == -ENOENT) /* its interpreter */
		return bh_fail(err, r, "exec %s: no such file or directory", p->program);
	return bh_fail_errno(err, r, "exec %s", p->program);
}
