// SPDX-License-Identifier: Apache-2.0
#ifndef BULKHEAD_SANDBOX_SECCOMP_POLICY_H
#define BULKHEAD_SANDBOX_SECCOMP_POLICY_H

/*
 * linux.seccomp of config.json to a filter program, and the hand-over of a notification listener to
 * the agent at listenerPath. Attach with seccomp_attach() (kernel/seccomp.h):
 *
 *	parent: seccomp_policy_compile(&config->seccomp, arena, &prog, &warnings, err)
 *	child:  seccomp_attach(&prog, config->seccomp.flags,
 *			seccomp_policy_notifies(&prog) ? &listener : NULL)
 *	parent: seccomp_policy_send_listener(&config->seccomp, version, pid, state, listener, err)
 */

#include <linux/filter.h>
#include <sys/types.h>

#include "base/arena.h"
#include "base/error.h"
#include "kernel/seccomp.h"
#include "spec/oci.h"

/* Compile. The program lives in a. warnings may be NULL. -EINVAL also for a listenerPath without a
 * rule of action SCMP_ACT_NOTIFY, the reverse, and SCMP_ACT_NOTIFY as the default action (refused
 * by runc too). Errors otherwise as seccomp_compile(). */
int seccomp_policy_compile(const struct oci_seccomp *policy, struct arena *a,
	struct sock_fprog *ret, struct seccomp_warnings *warnings, struct bh_error *err);

/* Whether the program asks for a listener (SECCOMP_RET_USER_NOTIF occurs in it). */
bool seccomp_policy_notifies(const struct sock_fprog *prog);

/* Connect to the unix stream socket listenerPath and send the container process state object (OCI
 * runtime specification, "The Container Process State") with the listener as its only descriptor,
 * named "seccompFd". version: ociVersion; pid: the process the filter is attached to, as the
 * runtime sees it; state: the container's state object (sandbox_state_json()). Waits at most 10 s.
 * The listener stays the caller's. */
int seccomp_policy_send_listener(const struct oci_seccomp *policy, const char *version, pid_t pid,
	const char *state, int listener, struct bh_error *err);

#endif
