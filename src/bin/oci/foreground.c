// SPDX-License-Identifier: Apache-2.0
#include "bin/oci/foreground.h"

#include <errno.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"
#include "bin/oci/relay.h"

static void forward_signal(const struct foreground *f, const siginfo_t *info)
{
	/* Gone meanwhile: its SIGCHLD is on the way. */
	(void)syscall(SYS_pidfd_send_signal, f->pidfd, info->si_signo, NULL, 0);
}

/* Collect every ended child. Returns 1 once the process itself has ended, with *ret_code set. */
static int reap(const struct foreground *f, int *ret_code, struct bh_error *err)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG | __WALL)) > 0) {
		if (pid != f->pid)
			continue;
		*ret_code = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
		return 1;
	}
	if (pid < 0 && errno != EINTR)
		return bh_fail_errno(err, -errno, "wait for process %d", f->pid);
	return 0;
}

int foreground_block_signals(sigset_t *ret, struct bh_error *err)
{
	static const int own[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGABRT, SIGSYS};

	(void)sigfillset(ret);
	for (size_t i = 0; i < ARRAY_SIZE(own); i++)
		(void)sigdelset(ret, own[i]);
	return sigprocmask(SIG_BLOCK, ret, NULL) < 0 ? bh_fail_errno(err, -errno, "block signals")
						     : 0;
}

int foreground_wait(const struct foreground *f, struct bh_error *err)
{
	_cleanup_(relay_close) struct relay relay = RELAY_INIT;
	int code = 0, r;

	if (f->console >= 0) {
		r = relay_open(&relay, f->console, &f->signals, err);
		if (r < 0)
			return r;
	}
	for (;;) {
		siginfo_t info;

		/* Before the first wait too: what ended earlier raised no signal that was kept. */
		r = reap(f, &code, err);
		if (r != 0)
			break;
		r = f->console >= 0 ? relay_step(&relay, &info, err)
				    : sigwaitinfo(&f->signals, &info);
		if (r < 0 && f->console < 0 && errno != EINTR)
			return bh_fail_errno(err, -errno, "wait for signals");
		if (r < 0 && f->console >= 0)
			return r;
		if (r <= 0 || info.si_signo == SIGCHLD)
			continue;
		if (info.si_signo == SIGWINCH && f->console >= 0)
			relay_resize(&relay);
		else
			forward_signal(f, &info);
	}
	if (f->console >= 0)
		relay_drain(&relay);
	return r < 0 ? r : code;
}
