// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/mem.h"
#include "bin/oci/oci.h"

/* "9", "KILL", "sigkill", "RTMIN+3". */
static int parse_signal(const char *text, int *ret, struct bh_error *err)
{
	static const char *const extra[] = {"IOT", "CLD", "POLL"};
	static const int extra_numbers[] = {SIGABRT, SIGCHLD, SIGIO};
	const char *name = strncasecmp(text, "SIG", 3) == 0 ? text + 3 : text;
	uint64_t n;

	if (number_parse(text, SIGRTMAX, &n) == 0) {
		*ret = (int)n;
		return 0;
	}
	for (int i = 1; i < SIGRTMIN; i++) {
		if (sigabbrev_np(i) != NULL && strcasecmp(name, sigabbrev_np(i)) == 0) {
			*ret = i;
			return 0;
		}
	}
	for (size_t i = 0; i < ARRAY_SIZE(extra); i++) {
		if (strcasecmp(name, extra[i]) == 0) {
			*ret = extra_numbers[i];
			return 0;
		}
	}
	if (strncasecmp(name, "RTMIN+", 6) == 0 &&
		number_parse(name + 6, (uint64_t)(SIGRTMAX - SIGRTMIN), &n) == 0) {
		*ret = SIGRTMIN + (int)n;
		return 0;
	}
	return bh_fail(err, -EINVAL, "unknown signal \"%.40s\"", text);
}

static int signal_init(struct container *c, int sig, struct bh_error *err)
{
	_cleanup_close_ int pidfd = -EBADF;
	int r = state_pidfd(&c->state, &pidfd);

	if (r == 0 && syscall(SYS_pidfd_send_signal, pidfd, sig, NULL, 0) < 0)
		r = -errno;
	if (r == -ESRCH)
		return bh_fail(err, r, "container not running");
	return r < 0 ? bh_fail_errno(err, r, "signal container %s", c->id) : 0;
}

/* Every process, even after the first one ended (a shared pid namespace). Nothing left: done. */
static int signal_all(struct container *c, int sig, struct bh_error *err)
{
	int r = container_cgroup(c, err);

	if (r == 0 && c->cgroup == NULL)
		return signal_init(c, sig, err);
	if (r == 0)
		r = cgroup_signal_all(c->cgroup, sig, err);
	return r == -ENOENT || r == -ESRCH ? 0 : r;
}

/* Without a pid namespace of its own nothing ends with the first process. SIGKILL is meant for the
 * container, so it goes to all of them. */
static int signal_first(struct oci *o, struct container *c, int sig, struct bh_error *err)
{
	int r = signal_init(c, sig, err);

	if (r < 0 || sig != SIGKILL || container_load_config(o, c, NULL) < 0 ||
		c->config.namespaces[OCI_NS_PID].mode == OCI_NS_NEW)
		return r;
	return signal_all(c, sig, err);
}

/* On v1 a frozen process meets SIGKILL only once it is thawed. */
static void thaw_for_kill(struct container *c)
{
	if (container_cgroup(c, NULL) == 0 && c->cgroup != NULL)
		cgroup_thaw_all(c->cgroup);
}

int command_kill(struct oci *o, struct bh_error *err)
{
	_cleanup_container_ struct container c = CONTAINER_INIT;
	const char *text = o->options.arg_count > 1 ? o->options.args[1] : "TERM";
	bool all = options_flag(&o->options, OPT_ALL);
	int sig = 0;
	int r = container_open(o, o->options.args[0], &c, err);

	if (r == 0)
		r = parse_signal(text, &sig, err);
	if (r == 0)
		r = all ? signal_all(&c, sig, err) : signal_first(o, &c, sig, err);
	if (r == 0 && sig == SIGKILL)
		thaw_for_kill(&c);
	return r;
}
