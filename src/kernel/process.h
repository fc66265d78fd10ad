// SPDX-License-Identifier: Apache-2.0
#ifndef BULKHEAD_KERNEL_PROCESS_H
#define BULKHEAD_KERNEL_PROCESS_H

#include <stdint.h>
#include <sys/types.h>

/* Thin wrappers for creating and naming processes. All return a negative errno on failure. */

/* clone3(2) without a stack of its own: returns twice, like fork(2). flags: CLONE_*; a pidfd is
 * stored in *ret_pidfd when that is not NULL. cgroup_fd: for CLONE_INTO_CGROUP, or -EBADF. The
 * caller is single-threaded. */
pid_t process_clone(uint64_t flags, int *ret_pidfd, int cgroup_fd);

/* waitpid(2) for one child, retried; returns its wait status or a negative errno. */
int process_wait(pid_t pid);
/* Kill by pidfd and reap; accepts released values. */
void process_kill_wait(pid_t pid, int pidfd);
/* Exit code as a shell counts: status, or 128 + signal. */
int process_exit_code(int wait_status);
/* Start time in clock ticks since boot (proc(5), /proc/PID/stat field 22); 0 if gone or a zombie.
 */
uint64_t process_start_time(pid_t pid);
/* The same: 0, -ESRCH if gone or a zombie, or why it cannot be told. */
int process_start_time_read(pid_t pid, uint64_t *ret);
/* SIGKILL for the process of that pid and start time, never for one that got the pid after it. */
void process_kill_exact(pid_t pid, uint64_t start_time);

#endif
