// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <signal.h>
#include <unistd.h>

#include "base/mem.h"
#include "bin/oci/exec_cgroup.h"
#include "bin/oci/exec_process.h"
#include "bin/oci/foreground.h"
#include "bin/oci/oci.h"
#include "sandbox/sandbox.h"

struct exec {
	struct container container;
	struct oci_process process;
	struct sandbox_exec started;
	int console_socket, pidfd_socket, init_pidfd;
};

#define EXEC_INIT                                                                                  \
	{                                                                                          \
		.container = CONTAINER_INIT, .started = {0, -EBADF, -EBADF},                       \
		.console_socket = -EBADF, .pidfd_socket = -EBADF, .init_pidfd = -EBADF             \
	}

static void exec_release(struct exec *e)
{
	container_close(&e->container);
	fd_closep(&e->started.pidfd);
	fd_closep(&e->started.console);
	fd_closep(&e->console_socket);
	fd_closep(&e->pidfd_socket);
	fd_closep(&e->init_pidfd);
}

static int check_status(struct oci *o, struct container *c, struct bh_error *err)
{
	enum state_status status;
	int r = container_status(c, &status, err);

	if (r < 0)
		return r;
	if (status == STATE_STOPPED || status == STATE_CREATING)
		return bh_fail(err, -ESRCH, "cannot exec in a stopped container");
	if (status == STATE_PAUSED && !options_flag(&o->options, OPT_IGNORE_PAUSED))
		return bh_fail(err, -EBUSY,
			"cannot exec in a paused container (use --ignore-paused to override)");
	return 0;
}

static int connect_sockets(struct oci *o, struct exec *e, struct bh_error *err)
{
	const char *console = options_value(&o->options, OPT_CONSOLE_SOCKET);
	const char *pidfd = options_value(&o->options, OPT_PIDFD_SOCKET);
	bool detach = options_flag(&o->options, OPT_DETACH);
	int r = 0;

	if (detach && e->process.terminal && console == NULL)
		return bh_fail(err, -EINVAL,
			"cannot allocate tty if the runtime will detach without setting console "
			"socket");
	if (console != NULL && (!detach || !e->process.terminal))
		return bh_fail(err, -EINVAL,
			"cannot use console socket if the runtime will not detach or allocate tty");
	if (console != NULL)
		r = socket_connect(console, &e->console_socket, err);
	if (r == 0 && pidfd != NULL)
		r = socket_connect(pidfd, &e->pidfd_socket, err);
	return r;
}

static int prepare(struct oci *o, struct exec *e, struct bh_error *err)
{
	struct container *c = &e->container;
	int r = container_open(o, o->options.args[0], c, err);

	if (r == 0)
		r = check_status(o, c, err);
	if (r == 0)
		r = container_load_config(o, c, err);
	if (r == 0)
		r = exec_process_build(o, &c->config, &e->process, err);
	if (r == 0)
		r = connect_sockets(o, e, err);
	if (r < 0)
		return r;
	r = state_pidfd(&c->state, &e->init_pidfd);
	if (r == -ESRCH)
		return bh_fail(err, r, "cannot exec in a stopped container");
	return r < 0 ? bh_fail_errno(err, r, "open process %d", c->state.pid) : 0;
}

static int launch(struct oci *o, struct exec *e, struct bh_error *err)
{
	const char *pid_file = options_value(&o->options, OPT_PID_FILE);
	struct sandbox_exec_request request = {
		.init_pid = e->container.state.pid,
		.init_pidfd = e->init_pidfd,
		.config = &e->container.config,
		.process = &e->process,
		.stdio = {-EBADF, -EBADF, -EBADF},
		.console_socket = e->console_socket,
		.plain_terminal = e->console_socket < 0 && !isatty(STDIN_FILENO),
		.preserve_fds = o->listen_fds + o->preserve_fds,
		.rootless = o->rootless,
		.log = &o->log,
	};
	int r = exec_cgroup(
		o, e->container.state.cgroup, &request.cgroup, &request.cgroup_sub, err);

	if (r == 0)
		r = sandbox_exec(&request, &e->started, err);
	if (r < 0)
		return r;
	log_write(&o->log, LOG_LEVEL_DEBUG, "process %d made", e->started.pid);
	if (e->pidfd_socket >= 0)
		r = socket_send_fd(e->pidfd_socket, e->started.pidfd, "pidfd", err);
	if (r == 0 && pid_file != NULL)
		r = pid_file_write(pid_file, e->started.pid, err);
	if (r < 0)
		(void)kill(e->started.pid, SIGKILL);
	return r;
}

int command_exec(struct oci *o, struct bh_error *err)
{
	_cleanup_(exec_release) struct exec e = EXEC_INIT;
	struct foreground front;
	bool detach = options_flag(&o->options, OPT_DETACH);
	int r = prepare(o, &e, err);

	if (r == 0 && !detach)
		r = foreground_block_signals(&front.signals, err);
	if (r == 0)
		r = launch(o, &e, err);
	if (r < 0) {
		(void)bh_wrap(err, "exec failed");
		return r;
	}
	if (detach)
		return 0;
	front.pid = e.started.pid;
	front.pidfd = e.started.pidfd;
	front.console = e.started.console;
	return foreground_wait(&front, err);
}
