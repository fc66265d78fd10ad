// SPDX-License-Identifier: Apache-2.0
#ifndef BULKHEAD_SANDBOX_SANDBOX_H
#define BULKHEAD_SANDBOX_SANDBOX_H

/*
 * Process isolation: what bulkhead-oci, bulkhead-shim and the guest agent call. The caller is
 * single-threaded. A container is created (all namespaces, mounts, cgroups made; process 1 waits),
 * started (process 1 executes the user's program), and later cleaned up from its saved state.
 *
 * Process 1 waits at a gate (gate.h). With `state_dirfd` it is a pair of fifos in that directory,
 * "start" and "result", there for as long as the container is in the created state, and any later
 * process may start the container with sandbox_start(); without, the other end of a socket is
 * returned in `control`.
 */

#include <stdbool.h>
#include <sys/types.h>

#include "base/error.h"
#include "base/log.h"
#include "sandbox/cgroup.h"
#include "spec/oci.h"

struct sandbox_request {
	const char *id;
	const char *bundle; /* absolute path; also the runtime's view for hooks */
	const struct oci_config *config;
	int state_dirfd;     /* -EBADF: no fifos, use control */
	int stdio[3];        /* become 0, 1, 2 of process 1; -EBADF: inherit the caller's */
	int console_socket;  /* process.terminal: connected unix socket that gets the pty master by
				SCM_RIGHTS; -EBADF: the master is returned in `console` */
	bool plain_terminal; /* its output is read by a program: line ends stay as written */
	unsigned int preserve_fds; /* descriptors 3 .. 3+n-1 stay open in process 1 */
	bool no_pivot;             /* MS_MOVE and chroot instead of pivot_root(2) */
	bool no_new_keyring;
	bool systemd_cgroup;
	bool rootless; /* caller is not root of the initial user namespace */
	int root_fd;   /* a root file system prepared by the caller: a detached or attached mount
			  (open_tree(2) descriptor) used in place of root.path; -EBADF: use the path
			*/
	/* Write-ahead of what a crash would leave: called once the groups exist (pid 0) and again
	 * right after the clone, before the child proceeds. A negative return aborts the creation.
	 * cg is borrowed; NULL: none. on_progress may be NULL. */
	int (*on_progress)(void *data, pid_t pid, const struct cgroup *cg, struct bh_error *err);
	void *on_progress_data;
	const struct log *log;
};

struct sandbox {
	pid_t pid; /* process 1, in the caller's pid namespace */
	int pidfd;
	int control; /* see above */
	int console; /* pty master or -EBADF */
	struct cgroup *cgroup;
};

#define SANDBOX_INIT                                                                               \
	{                                                                                          \
		0, -EBADF, -EBADF, -EBADF, NULL                                                    \
	}

/* Create. Runs prestart, createRuntime and createContainer hooks. On failure everything that was
 * made is gone again and err names the step, the object and errno. */
int sandbox_create(
	const struct sandbox_request *request, struct sandbox *ret, struct bh_error *err);
/* Let process 1 run. control: sandbox.control, or -EBADF to connect to "start" in state_dirfd.
 * Returns once the program was executed (0) or reports why it was not. */
int sandbox_start(int state_dirfd, int control, struct bh_error *err);
/* Release descriptors and memory; the container is untouched. */
void sandbox_release(struct sandbox *sb);

struct sandbox_exec_request {
	const char *id, *bundle; /* of the container, for the state given to a seccomp agent */
	pid_t init_pid;          /* process 1 of the container: its namespaces are joined */
	int init_pidfd;
	const struct oci_config
		*config; /* the container's, for seccomp, labels and what process lacks */
	const struct oci_process *process;
	const struct json *cgroup; /* saved state of the container's cgroup */
	const char *cgroup_sub;
	int stdio[3];
	int console_socket;
	bool plain_terminal;
	unsigned int preserve_fds;
	bool no_new_keyring;
	bool rootless;
	const struct log *log;
};

struct sandbox_exec {
	pid_t pid;
	int pidfd;
	int console;
};

/* Run one more process in a container, never weaker than process 1. Returns after its execve(2)
 * succeeded, or with the reason: -ENOENT and -EACCES from the program itself are kept as codes. */
int sandbox_exec(
	const struct sandbox_exec_request *request, struct sandbox_exec *ret, struct bh_error *err);

/* Make the calling program's own executable unreachable for writing from inside a container: it is
 * executed again from a read-only detached mount (or a sealed memfd) unless it already is. Called
 * first thing in main(); returns 0 in the protected process, negative on failure. argv and envp are
 * passed on. */
int sandbox_protect_self(char **argv, char **envp, struct bh_error *err);

/* Run hooks in order with `state` (JSON) on standard input, each bounded by its timeout. */
int sandbox_run_hooks(
	const struct oci_hooks *hooks, const char *state, const char *what, struct bh_error *err);
/* One of them; index is told in errors. */
int sandbox_run_hook(const struct oci_hook *hook, const char *state, const char *what, size_t index,
	struct bh_error *err);
/* The OCI state object, as given to hooks and printed by `state`. status: creating, created,
 * running, stopped. */
int sandbox_state_json(const struct oci_config *config, const char *id, const char *bundle,
	const char *status, pid_t pid, struct buf *out);

/* Start time of a process in clock ticks since boot (field 22 of /proc/PID/stat), which with the
 * pid identifies a process for good. 0 if it is gone or a zombie. */
uint64_t sandbox_start_time(pid_t pid);

#endif
