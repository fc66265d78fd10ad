// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "bin/oci/oci.h"
#include "kernel/path.h"
#include "sandbox/sandbox.h"

#define KILL_WAIT_MS 10000
#define KILL_SOON_MS 200

int container_open(struct oci *o, const char *id, struct container *ret, struct bh_error *err)
{
	struct container c = CONTAINER_INIT;
	int r = state_id_check(id, err);

	if (r < 0)
		return r;
	c.id = id;
	r = state_root_open(o->root, false, &c.root_fd, err);
	if (r == -ENOENT)
		return bh_fail(err, r, "container does not exist");
	if (r == 0)
		r = state_open(c.root_fd, id, &c.dir_fd, err);
	if (r == 0)
		r = state_load(c.dir_fd, id, &o->arena, &c.state, err);
	if (r < 0) {
		container_close(&c);
		return r;
	}
	*ret = c;
	return 0;
}

void container_close(struct container *c)
{
	c->dir_fd = fd_close(c->dir_fd);
	c->root_fd = fd_close(c->root_fd);
	cgroup_freep(&c->cgroup);
}

int container_load_config(struct oci *o, struct container *c, struct bh_error *err)
{
	_cleanup_close_ int fd =
		path_open_beneath(c->dir_fd, "config.json", O_RDONLY | O_NOCTTY, 0);
	_cleanup_buf_ struct buf text;
	const struct json *tree;
	int r;

	buf_init(&text, OCI_CONFIG_BYTES_MAX);
	r = fd < 0 ? fd : fd_read_all(fd, &text);
	if (r < 0)
		return bh_fail_errno(err, r, "read the saved config.json of %s", c->id);
	r = json_parse(buf_str(&text), text.len, &o->arena, &tree, err);
	if (r == 0)
		r = oci_config_decode(tree, &o->arena, &c->config, err);
	if (r < 0)
		(void)bh_wrap(err, "saved config.json of %s", c->id);
	return r;
}

int container_cgroup(struct container *c, struct bh_error *err)
{
	if (c->cgroup != NULL || c->state.cgroup == NULL)
		return 0;
	return cgroup_open(c->state.cgroup, NULL, &c->cgroup, err);
}

int container_status(struct container *c, enum state_status *ret, struct bh_error *err)
{
	enum state_status status = state_status(c->dir_fd, &c->state);
	bool frozen = false;
	int r;

	if (status == STATE_RUNNING || status == STATE_CREATED) {
		r = container_cgroup(c, err);
		if (r == 0 && c->cgroup != NULL)
			r = cgroup_is_frozen(c->cgroup, &frozen, err);
		/* The groups may have gone with the process since we looked. */
		if (r < 0 && state_status(c->dir_fd, &c->state) != STATE_STOPPED)
			return r;
		if (r < 0)
			status = STATE_STOPPED;
	}
	*ret = frozen ? STATE_PAUSED : status;
	return 0;
}

int container_run_hooks(struct oci *o, struct container *c, enum oci_hook_kind kind,
	enum state_status status, struct bh_error *err)
{
	static const char *const names[] = {
		[OCI_HOOK_PRESTART] = "prestart",
		[OCI_HOOK_CREATE_RUNTIME] = "createRuntime",
		[OCI_HOOK_CREATE_CONTAINER] = "createContainer",
		[OCI_HOOK_START_CONTAINER] = "startContainer",
		[OCI_HOOK_POSTSTART] = "poststart",
		[OCI_HOOK_POSTSTOP] = "poststop",
	};
	const struct oci_hooks *hooks = &c->config.hooks[kind];
	_cleanup_buf_ struct buf state;
	int r;

	buf_init(&state, STATE_FILE_BYTES_MAX);
	if (hooks->count == 0)
		return 0;
	r = sandbox_state_json(&c->config, c->id, c->state.bundle, state_status_name(status),
		status == STATE_STOPPED ? 0 : c->state.pid, &state);
	if (r < 0)
		return bh_fail_errno(err, r, "write the state for %s hooks", names[kind]);
	/* The specification wants a warning for a hook that fails here, and the rest to go on. */
	for (size_t i = 0; i < hooks->count; i++) {
		struct bh_error hook_error = BH_ERROR_INIT;

		r = sandbox_run_hook(
			&hooks->items[i], buf_str(&state), names[kind], i, &hook_error);
		if (r < 0)
			log_write(&o->log, LOG_LEVEL_WARN, "%s", bh_error_text(&hook_error, r));
	}
	return 0;
}

/* Kill process 1 and wait until it is gone. */
static int kill_init(struct container *c, struct bh_error *err)
{
	_cleanup_close_ int pidfd = -EBADF;
	struct pollfd gone = {.events = POLLIN};
	int r = state_pidfd(&c->state, &pidfd);

	if (r == -ESRCH)
		return 0;
	if (r < 0)
		return bh_fail_errno(err, r, "open process %d", c->state.pid);
	if (syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0) < 0 && errno != ESRCH)
		return bh_fail_errno(err, -errno, "kill process %d", c->state.pid);
	/* On v1 a frozen process takes its signal only once it is thawed. */
	if (c->cgroup != NULL)
		cgroup_thaw_all(c->cgroup);
	gone.fd = pidfd;
	r = TEMP_FAILURE_RETRY(poll(&gone, 1, KILL_SOON_MS));
	/* It waits for others of its pid namespace, or somebody froze it elsewhere. */
	if (r == 0 && c->cgroup != NULL)
		(void)cgroup_signal_all(c->cgroup, SIGKILL, NULL);
	if (r == 0)
		r = TEMP_FAILURE_RETRY(poll(&gone, 1, KILL_WAIT_MS));
	if (r == 0)
		return bh_fail(err, -ETIMEDOUT, "process %d does not end", c->state.pid);
	return r < 0 ? bh_fail_errno(err, -errno, "wait for process %d", c->state.pid) : 0;
}

int container_destroy(struct oci *o, struct container *c, struct bh_error *err)
{
	int r = container_cgroup(c, err);

	if (r == 0 || r == -ENOENT)
		r = kill_init(c, err);
	if (r == 0 && c->cgroup != NULL)
		r = cgroup_destroy(c->cgroup, err);
	if (r == 0)
		r = state_remove(c->root_fd, c->dir_fd, c->id, err);
	if (r < 0)
		return bh_wrap(err, "delete container %s", c->id);
	return container_run_hooks(o, c, OCI_HOOK_POSTSTOP, STATE_STOPPED, err);
}
