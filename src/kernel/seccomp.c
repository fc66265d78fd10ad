// SPDX-License-Identifier: Apache-2.0
#include "kernel/seccomp.h"

#include <errno.h>
#include <linux/seccomp.h>
#include <sys/syscall.h>
#include <unistd.h>

int seccomp_attach(const struct sock_fprog *prog, unsigned int flags, int *ret_listener)
{
	long r;

	/* The kernel refuses a flag about notifications where there are none, and a listener
	 * together with TSYNC unless a thread that cannot follow is told by errno. */
	if (ret_listener == NULL)
		flags &= ~(unsigned int)SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV;
	else
		flags |= SECCOMP_FILTER_FLAG_NEW_LISTENER;
	if (ret_listener != NULL && (flags & SECCOMP_FILTER_FLAG_TSYNC) != 0)
		flags |= SECCOMP_FILTER_FLAG_TSYNC_ESRCH;
	r = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, prog);
	if (r < 0)
		return -errno;
	if (ret_listener != NULL)
		*ret_listener = (int)r;
	else if (r > 0)
		return -ESRCH; /* TSYNC: the thread of this id could not be synchronised */
	return 0;
}

bool seccomp_program_returns(const struct sock_fprog *prog, uint32_t action)
{
	for (size_t i = 0; i < prog->len; i++)
		if (prog->filter[i].code == (BPF_RET | BPF_K) &&
			(prog->filter[i].k & SECCOMP_RET_ACTION_FULL) ==
				(action & SECCOMP_RET_ACTION_FULL))
			return true;
	return false;
}
