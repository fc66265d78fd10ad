// SPDX-License-Identifier: Apache-2.0
#ifndef BULKHEAD_BIN_OCI_OCI_H
#define BULKHEAD_BIN_OCI_OCI_H

/*
 * What the commands of bulkhead-oci share: one invocation, and a container found by its name.
 */

#include <errno.h>
#include <stdbool.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/log.h"
#include "bin/oci/options.h"
#include "sandbox/cgroup.h"
#include "sandbox/state.h"
#include "spec/oci.h"

#define OCI_SPEC_VERSION "1.2.0"

struct oci {
	struct arena arena;
	struct log log;
	struct options options;
	const char *root; /* of the states */
	bool root_given;
	bool systemd_cgroup;
	bool rootless;
	/* Descriptors of the caller that the process gets: 3 .. 3 + listen_fds + preserve_fds - 1.
	 */
	unsigned int listen_fds, preserve_fds;
};

struct container {
	const char *id;
	int root_fd, dir_fd;
	struct state state;
	struct oci_config config; /* after container_load_config() */
	struct cgroup *cgroup;    /* after container_cgroup() */
};

#define CONTAINER_INIT                                                                             \
	{                                                                                          \
		.root_fd = -EBADF, .dir_fd = -EBADF                                                \
	}

/* Find a container and read its state. */
int container_open(struct oci *o, const char *id, struct container *ret, struct bh_error *err);
void container_close(struct container *c);
/* Decode the copy of config.json in the state directory. */
int container_load_config(struct oci *o, struct container *c, struct bh_error *err);
/* Its groups; NULL in c->cgroup when none were recorded. */
int container_cgroup(struct container *c, struct bh_error *err);
/* Status, STATE_PAUSED included. */
int container_status(struct container *c, enum state_status *ret, struct bh_error *err);
/* Kill what is left of the container, remove its groups and its state, then run the poststop hooks
 * if the configuration was loaded. Always ends. */
int container_destroy(struct oci *o, struct container *c, struct bh_error *err);
/* The state object of the specification, for hooks. */
int container_run_hooks(struct oci *o, struct container *c, enum oci_hook_kind kind,
	enum state_status status, struct bh_error *err);

#define _cleanup_container_ __attribute__((cleanup(container_close)))

/* Read a whole JSON document of at most OCI_CONFIG_BYTES_MAX bytes ("-": standard input). text may
 * be NULL. */
int document_read(const char *path, struct buf *text, struct arena *a, const struct json **ret,
	struct bh_error *err);
/* Write a buffer to standard output. */
int output_write(const struct buf *out, struct bh_error *err);
/* Write a pid file: whole or not at all. */
int pid_file_write(const char *path, pid_t pid, struct bh_error *err);
/* Connect to a unix stream socket by path. */
int socket_connect(const char *path, int *ret, struct bh_error *err);
/* Send one descriptor (SCM_RIGHTS). */
int socket_send_fd(int socket, int fd, const char *what, struct bh_error *err);
/* Find out which descriptors of the caller are passed on, before any is opened. */
int inherited_fds(struct oci *o, struct bh_error *err);

/* The commands: an exit code, or a negative errno with err set. */
int command_create(struct oci *o, struct bh_error *err);
int command_start(struct oci *o, struct bh_error *err);
int command_state(struct oci *o, struct bh_error *err);
int command_kill(struct oci *o, struct bh_error *err);
int command_delete(struct oci *o, struct bh_error *err);
int command_run(struct oci *o, struct bh_error *err);
int command_exec(struct oci *o, struct bh_error *err);
int command_list(struct oci *o, struct bh_error *err);
int command_ps(struct oci *o, struct bh_error *err);
int command_pause(struct oci *o, struct bh_error *err);
int command_resume(struct oci *o, struct bh_error *err);
int command_update(struct oci *o, struct bh_error *err);
int command_events(struct oci *o, struct bh_error *err);
int command_features(struct oci *o, struct bh_error *err);
int command_spec(struct oci *o, struct bh_error *err);
int command_boundary(struct oci *o, struct bh_error *err);

#endif
