// SPDX-License-Identifier: Apache-2.0
#ifndef BULKHEAD_BIN_OCI_LAUNCH_H
#define BULKHEAD_BIN_OCI_LAUNCH_H

/*
 * The way of a new container, shared by create and run: bundle, state directory, sandbox, pid file.
 * Whatever fails, nothing is left. The state is locked from launch_prepare() to launch_release().
 */

#include "bin/oci/oci.h"
#include "sandbox/sandbox.h"

struct launch {
	struct container container;
	struct sandbox sandbox;
	struct buf config_text;
	int console_socket, pidfd_socket;
	bool have_state; /* the state directory is ours */
};

#define LAUNCH_INIT                                                                                \
	{                                                                                          \
		.container = CONTAINER_INIT, .sandbox = SANDBOX_INIT, .console_socket = -EBADF,    \
		.pidfd_socket = -EBADF                                                             \
	}

/* Read the bundle, check the options against it, make the state directory. detach: nobody stays in
 * front of the process. */
int launch_prepare(struct oci *o, struct launch *l, bool detach, struct bh_error *err);
/* Create the sandbox. startable: by another process, through the state directory. */
int launch_create(struct oci *o, struct launch *l, bool startable, struct bh_error *err);
/* Remove all that was made; err keeps what it says. */
void launch_undo(struct oci *o, struct launch *l);
void launch_release(struct launch *l);

#define _cleanup_launch_ __attribute__((cleanup(launch_release)))

#endif
