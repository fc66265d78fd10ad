// SPDX-License-Identifier: Apache-2.0
#ifndef BULKHEAD_MUSL_H
#define BULKHEAD_MUSL_H

/*
 * Included ahead of every file that is compiled against musl: what the small static programs use
 * and only glibc declares. They are linked with musl because its start-up is a few dozen
 * instructions; glibc asks the processor some sixty times about itself, and in a virtual machine
 * every question is a trip to the hypervisor, a twentieth of a container's start.
 */

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#define TEMP_FAILURE_RETRY(expression)                                                             \
	__extension__({                                                                            \
		long retry_result_;                                                                \
		do                                                                                 \
			retry_result_ = (long)(expression);                                        \
		while (retry_result_ == -1L && errno == EINTR);                                    \
		retry_result_;                                                                     \
	})

#ifndef __O_TMPFILE
#define __O_TMPFILE O_TMPFILE
#endif
#ifndef CLOSE_RANGE_CLOEXEC
#define CLOSE_RANGE_CLOEXEC 4U
#endif

#define rlimit64            rlimit
#define prlimit64           prlimit
#define __rlimit_resource_t int

/* sigabbrev.c */
const char *sigabbrev_np(int sig);

static inline const char *strerrordesc_np(int number)
{
	return strerror(number);
}

static inline int close_range(unsigned int first, unsigned int last, int flags)
{
	return (int)syscall(SYS_close_range, first, last, flags);
}

static inline int execveat(
	int dir, const char *path, char *const argv[], char *const envp[], int flags)
{
	return (int)syscall(SYS_execveat, dir, path, argv, envp, flags);
}

#endif
