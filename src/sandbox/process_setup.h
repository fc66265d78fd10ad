// SPDX-License-Identifier: Apache-2.0
#ifndef BULKHEAD_SANDBOX_PROCESS_SETUP_H
#define BULKHEAD_SANDBOX_PROCESS_SETUP_H

/*
 * The last stages of a process in a container, shared by process 1 and exec so that exec can never
 * be weaker: terminal and standard descriptors, session and keyring, bounding set, ids,
 * capabilities, umask and working directory, no_new_privs, system call filter, execve(2).
 *
 * Order. Without no_new_privs the filter needs CAP_SYS_ADMIN and is attached before capabilities
 * are dropped; with it the filter comes last, right before execve(2), except that one with a
 * listener is attached while the creator is there to take it. Everything that can fail for a
 * reason in the configuration happens in process_prepare(), before the container counts as
 * created.
 */

#include <linux/filter.h>
#include <stdbool.h>

#include "base/error.h"
#include "base/log.h"
#include "sandbox/gate.h"
#include "spec/oci.h"

struct process_setup {
	const struct oci_process *process;
	const struct sock_fprog *filter; /* NULL: none */
	unsigned int filter_flags;
	const char *keyring; /* name of a new session keyring, NULL: keep the caller's */
	int stdio[3];        /* -EBADF: inherit */
	unsigned int preserve_fds;
	int terminal;        /* -EBADF: none */
	int lsm;             /* from lsm_open() */
	bool limits;         /* the process applies its own limits */
	bool no_setgroups;   /* setgroups(2) is denied in this user namespace */
	int channel;         /* to the creator, for the seccomp listener */
	struct gate gate;    /* stays open, as the channel does */
	const char *program; /* found by process_prepare() */
	bool filter_attached;
	const char **env; /* from process_home() */
};

/* Tell which capabilities the caller cannot grant, where the process gets no user namespace of its
 * own: the specification wants a warning, not a failure. */
void process_warn(const struct oci_process *process, const struct log *log);
/* Environment of the process, with HOME added from the container's /etc/passwd if it lacks it. */
int process_home(struct process_setup *p, struct bh_error *err);
/* Standard descriptors, session, terminal, keyring, limits. Closes every other descriptor that is
 * neither preserved nor named above: execve(2) looks the program and its interpreter up before it
 * closes any, so a path through /proc/self/fd would reach what the caller had open. */
int process_attach(struct process_setup *p, struct bh_error *err);
/* Identity: everything up to, but not including, the filter of a no_new_privs process. The program
 * is looked up as the user it will run as: -ENOENT and -EACCES keep their meaning. */
int process_prepare(struct process_setup *p, struct bh_error *err);
/* Attach the filter unless it is on already. Hooks that run inside run under it: their programs may
 * be the image's. */
int process_attach_filter(struct process_setup *p, struct bh_error *err);
/* Attach what is left and execute; returns only on failure. */
int process_execute(struct process_setup *p, struct bh_error *err);

#endif
