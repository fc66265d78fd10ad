// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "bin/shim/shim.h"
#include "kernel/userns.h"

#define CGROUP_TEXT_MAX (64u << 10)

static void finish(struct shim *s);

/* ---- children ---- */

static void change_sigchld(int how)
{
	sigset_t set;

	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGCHLD);
	(void)sigprocmask(how, &set, NULL);
}

void container_unblock_sigchld(struct shim *s)
{
	change_sigchld(SIG_UNBLOCK);
}

void container_block_sigchld(struct shim *s)
{
	change_sigchld(SIG_BLOCK);
	/* A child that ended meanwhile left no signal: look in the next round, when the caller has
	 * noted what it started. */
	(void)kill(getpid(), SIGCHLD);
}

void container_reap(struct shim *s)
{
	int status;
	pid_t pid;

	/* As subreaper the shim inherits processes of containers without a pid namespace too. */
	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		if (pid == s->sandbox.pid)
			container_ended(s, status);
		else
			(void)exec_ended(s, pid, status);
	}
}

/* ---- creation ---- */

static uint32_t map_id(const struct oci_id_maps *maps, uint32_t id)
{
	for (size_t i = 0; i < maps->count; i++) {
		const struct oci_id_map *m = &maps->items[i];

		if (id >= m->container_id && id - m->container_id < m->size)
			return m->host_id + (id - m->container_id);
	}
	return maps->count == 0 ? id : 0;
}

void container_mapped_owner(const struct oci_config *config, const struct oci_process *process,
	uint32_t *ret_uid, uint32_t *ret_gid)
{
	*ret_uid = map_id(&config->uid_maps, process->user.uid);
	*ret_gid = map_id(&config->gid_maps, process->user.gid);
}

static int save_cgroup(struct shim *s, const struct cgroup *cg)
{
	_cleanup_buf_ struct buf text;
	struct json_writer w = JSON_WRITER(&text);

	buf_init(&text, CGROUP_TEXT_MAX);
	if (cg == NULL)
		return 0;
	cgroup_save(cg, &w);
	if (buf_status(&text) < 0)
		return buf_status(&text);
	free(s->cgroup_text);
	s->cgroup_text = strdup(buf_str(&text));
	return s->cgroup_text != NULL ? 0 : -ENOMEM;
}

/* Write ahead what a crash from here on would leave behind. */
static int on_progress(void *data, pid_t pid, const struct cgroup *cg, struct bh_error *err)
{
	struct shim *s = data;
	int r = save_cgroup(s, cg);

	if (r < 0)
		return bh_fail_errno(err, r, "note the cgroup");
	s->sandbox.pid = pid;
	s->start_time = pid > 0 ? sandbox_start_time(pid) : 0;
	return record_state(s, err);
}

static int create_sandbox(struct shim *s, const struct shim_options *options,
	const struct oci_config *config, int root_fd, const struct streams_child *child,
	struct bh_error *err)
{
	const struct sandbox_request request = {
		.id = options->id,
		.bundle = options->bundle,
		.config = config,
		.state_dirfd = -EBADF,
		.stdio = {child->fd[0], child->fd[1], child->fd[2]},
		.console_socket = -EBADF,
		.no_pivot = options->no_pivot,
		.no_new_keyring = options->no_new_keyring,
		.systemd_cgroup = options->systemd_cgroup,
		.root_fd = root_fd,
		.on_progress = on_progress,
		.on_progress_data = s,
		.log = &s->log,
	};
	struct sandbox sandbox = SANDBOX_INIT;
	int r;

	container_unblock_sigchld(s);
	r = sandbox_create(&request, &sandbox, err);
	container_block_sigchld(s);
	if (r < 0) {
		s->sandbox.pid = 0;
		return r;
	}
	s->sandbox = sandbox;
	return 0;
}

static int take_terminal(struct shim *s, const struct oci_process *process, struct bh_error *err)
{
	int r;

	if (s->sandbox.console < 0)
		return bh_fail(err, -EPROTO, "the container's terminal did not arrive");
	r = streams_open_tty(&s->streams, s->sandbox.console, err);
	if (r < 0)
		return r;
	s->sandbox.console = -EBADF;
	if (process->console_height > 0 || process->console_width > 0)
		r = streams_resize(
			&s->streams, process->console_height, process->console_width, err);
	return r;
}

static void look_for_oom(struct shim *s)
{
	uint64_t kills = s->sandbox.cgroup != NULL ? cgroup_oom_kills(s->sandbox.cgroup) : 0;

	if (kills <= s->oom_kills)
		return;
	s->oom_kills = kills;
	server_notify(s, SHIM_MESSAGE_OOM, NULL, NULL);
}

static void on_oom(struct loop_source *source, int fd, uint32_t events, void *data)
{
	struct shim *s = data;
	char sink[512];
	ssize_t n = read(fd, sink, sizeof(sink));

	look_for_oom(s);
	/* The group is gone, or the kernel has no more to say. */
	if (n == 0 || (n < 0 && errno != EAGAIN) || (events & (EPOLLHUP | EPOLLERR)))
		loop_removep(&s->oom_io);
}

/* Without notification the number of kills is still looked at when the container ends. */
static void watch_oom(struct shim *s)
{
	if (s->sandbox.cgroup == NULL || cgroup_oom_fd(s->sandbox.cgroup, &s->oom_fd, NULL) < 0)
		return;
	if (fd_set_nonblock(s->oom_fd, 1) < 0 ||
		loop_add_io(s->loop, s->oom_fd, EPOLLIN, on_oom, s, &s->oom_io, NULL) < 0)
		s->oom_fd = fd_close(s->oom_fd);
}

static int open_streams(struct shim *s, const struct shim_options *options,
	const struct oci_config *config, struct streams_child *ret, struct bh_error *err)
{
	uint32_t uid, gid;

	s->streams.input_once = options->stdin_once;
	if (config->process.terminal)
		return 0;
	container_mapped_owner(config, &config->process, &uid, &gid);
	return streams_open_pipes(&s->streams, true, options->open_stdin, uid, gid, ret, err);
}

static int create(struct shim *s, const struct shim_options *options,
	const struct oci_config *config, int root_fd, struct bh_error *err)
{
	struct streams_child child = {{-EBADF, -EBADF, -EBADF}};
	int r = open_streams(s, options, config, &child, err);

	if (r == 0)
		r = create_sandbox(s, options, config, root_fd, &child, err);
	for (int i = 0; i < 3; i++)
		child.fd[i] = fd_close(child.fd[i]);
	if (r < 0)
		return r;
	s->has_poststart = config->hooks[OCI_HOOK_POSTSTART].count > 0;
	s->has_poststop = config->hooks[OCI_HOOK_POSTSTOP].count > 0;
	if (config->process.terminal)
		r = take_terminal(s, &config->process, err);
	if (r == 0) {
		watch_oom(s);
		s->phase = PHASE_CREATED;
		r = record_pid(s, err);
	}
	return r == 0 ? record_state(s, err) : r;
}

int container_create(
	struct shim *s, const struct shim_options *options, int root_fd, struct bh_error *err)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	struct oci_config *config;
	int r = arena_init(&a, OCI_ARENA_MAX);

	config = r == 0 ? arena_alloc(&a, sizeof(*config)) : NULL;
	if (config == NULL)
		return bh_fail(err, -ENOMEM, "create container: out of memory");
	r = oci_config_load(s->dirfd, SHIM_CONFIG_FILE, &a, config, err);
	if (r < 0)
		return r;
	if (!config->has_process)
		return bh_fail(err, -EINVAL, "%s: /process: missing", SHIM_CONFIG_FILE);
	return create(s, options, config, root_fd, err);
}

/* ---- hooks ---- */

static int run_hooks(
	struct shim *s, enum oci_hook_kind kind, const char *what, pid_t pid, struct bh_error *err)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	_cleanup_buf_ struct buf state;
	struct oci_config *config;
	int r = arena_init(&a, OCI_ARENA_MAX);

	buf_init(&state, SHIM_FILE_MAX);
	config = r == 0 ? arena_alloc(&a, sizeof(*config)) : NULL;
	if (config == NULL)
		return bh_fail(err, -ENOMEM, "%s hooks: out of memory", what);
	r = oci_config_load(s->dirfd, SHIM_CONFIG_FILE, &a, config, err);
	if (r == 0)
		r = sandbox_state_json(config, s->id, s->bundle, record_status(s), pid, &state);
	if (r < 0)
		return r;
	container_unblock_sigchld(s);
	r = sandbox_run_hooks(&config->hooks[kind], buf_str(&state), what, err);
	container_block_sigchld(s);
	return r;
}

/* ---- requests ---- */

int container_check_alive(const struct shim *s, struct bh_error *err)
{
	if (s->phase != PHASE_CREATED && s->phase != PHASE_RUNNING)
		return bh_fail(err, -ESRCH, "the container has ended");
	return 0;
}

static void kill_first(struct shim *s)
{
	(void)syscall(SYS_pidfd_send_signal, s->sandbox.pidfd, SIGKILL, NULL, 0);
}

int container_start(struct shim *s, struct bh_error *err)
{
	int r = container_check_alive(s, err);

	if (r < 0)
		return r;
	if (s->phase != PHASE_CREATED || s->start_failed)
		return bh_fail(err, -EALREADY, "the container was started already");
	(void)clock_gettime(CLOCK_REALTIME, &s->started);
	r = sandbox_start(-EBADF, s->sandbox.control, err);
	s->sandbox.control = fd_close(s->sandbox.control);
	if (r < 0) {
		s->start_failed = true;
		s->started = (struct timespec){0};
		record_trouble(s, bh_error_text(err, r));
		kill_first(s);
		return r;
	}
	s->phase = PHASE_RUNNING;
	r = record_state(s, err);
	if (r == 0 && s->has_poststart)
		r = run_hooks(s, OCI_HOOK_POSTSTART, "poststart", s->sandbox.pid, err);
	if (r < 0) {
		record_trouble(s, bh_error_text(err, r));
		kill_first(s);
	}
	return r;
}

int container_signal(struct shim *s, int signo, bool all, struct bh_error *err)
{
	int r = container_check_alive(s, err);

	if (r < 0)
		return r;
	if (all)
		r = cgroup_signal_all(s->sandbox.cgroup, signo, err);
	else if (syscall(SYS_pidfd_send_signal, s->sandbox.pidfd, signo, NULL, 0) < 0)
		r = bh_fail_errno(err, -errno, "send signal %d", signo);
	if (r < 0 || signo != SIGKILL)
		return r;
	/* A frozen process does not die, whoever froze it. */
	cgroup_thaw_all(s->sandbox.cgroup);
	if (!s->paused)
		return 0;
	s->paused = false;
	return record_state(s, err);
}

int container_set_paused(struct shim *s, bool paused, struct bh_error *err)
{
	int r;

	if (s->phase != PHASE_RUNNING)
		return bh_fail(err, -ESRCH, "the container is not running");
	if (s->paused == paused)
		return bh_fail(err, -EALREADY,
			paused ? "the container is paused already" : "the container is not paused");
	r = cgroup_freeze(s->sandbox.cgroup, paused, err);
	if (r < 0)
		return r;
	s->paused = paused;
	return record_state(s, err);
}

int container_update(struct shim *s, const struct json *resources, struct bh_error *err)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	struct oci_resources decoded;
	int r = container_check_alive(s, err);

	if (r < 0)
		return r;
	if (arena_init(&a, OCI_ARENA_MAX) < 0)
		return bh_fail(err, -ENOMEM, "update: out of memory");
	r = oci_resources_decode(resources, &a, &decoded, err);
	if (r == 0)
		r = cgroup_update(s->sandbox.cgroup, &decoded, err);
	if (r < 0)
		return r;
	/* On cgroup v1 a limit may have made the container join one more hierarchy. */
	r = save_cgroup(s, s->sandbox.cgroup);
	return r < 0 ? bh_fail_errno(err, r, "note the cgroup") : record_state(s, err);
}

/* ---- the end ---- */

static void finish_timeout(struct loop_source *source, void *data)
{
	finish(data);
}

void container_ended(struct shim *s, int wait_status)
{
	struct bh_error err = BH_ERROR_INIT;
	int r;

	(void)clock_gettime(CLOCK_REALTIME, &s->finished);
	s->phase = PHASE_ENDING;
	s->wait_status = wait_status;
	s->sandbox.pid = 0;
	s->start_time = 0;
	look_for_oom(s); /* the end may be noticed first */
	if (s->sandbox.cgroup != NULL) {
		/* With a pid namespace of its own nothing is left; without, or with a shared one,
		 * this ends what process 1 left behind. */
		s->paused = false;
		r = cgroup_signal_all(s->sandbox.cgroup, SIGKILL, &err);
		if (r < 0)
			record_trouble(s, bh_error_text(&err, r));
	}
	(void)record_state(s, NULL);
	if (loop_add_timer(s->loop, STREAMS_DRAIN_MS + SHIM_FINISH_MS, finish_timeout, s,
		    &s->finish_timer, NULL) < 0)
		log_write(&s->log, LOG_LEVEL_WARN, "no timer for the end of the container");
	streams_end(&s->streams);
	container_maybe_finish(s);
}

void container_maybe_finish(struct shim *s)
{
	if (s->phase == PHASE_ENDING && s->streams.drained && !exec_any_running(s))
		finish(s);
}

static void remove_cgroup(struct shim *s)
{
	struct bh_error err = BH_ERROR_INIT;
	int r;

	loop_removep(&s->oom_io);
	s->oom_fd = fd_close(s->oom_fd);
	if (s->sandbox.cgroup == NULL)
		return;
	r = cgroup_destroy(s->sandbox.cgroup, &err);
	if (r < 0) {
		record_trouble(s, bh_error_text(&err, r));
		return;
	}
	free(s->cgroup_text);
	s->cgroup_text = NULL;
}

/* Everything is over: make it known. */
static void finish(struct shim *s)
{
	struct bh_error err = BH_ERROR_INIT;
	struct record_times times;
	struct shim_exit exit;
	int r;

	if (s->phase != PHASE_ENDING)
		return;
	loop_removep(&s->finish_timer);
	s->phase = PHASE_ENDED;
	remove_cgroup(s);
	r = s->has_poststop ? run_hooks(s, OCI_HOOK_POSTSTOP, "poststop", 0, &err) : 0;
	if (r < 0)
		record_trouble(s, bh_error_text(&err, r));
	r = record_exit(s, &err);
	if (r == 0)
		r = record_state(s, &err);
	if (r < 0)
		log_write(&s->log, LOG_LEVEL_ERROR, "%s", bh_error_text(&err, r));
	sandbox_release(&s->sandbox);
	record_exit_fill(s, &exit, &times);
	server_notify(s, SHIM_MESSAGE_EXIT, NULL, &exit);
	container_maybe_leave(s);
}

void container_maybe_leave(struct shim *s)
{
	if (s->phase != PHASE_ENDED || !streams_is_idle(&s->streams) || s->execs != NULL)
		return;
	if (s->leaving || !server_has_engine(s))
		loop_stop(s->loop, 0);
}

void container_abandon(struct shim *s)
{
	if (s->sandbox.pid > 0) {
		kill_first(s);
		(void)waitpid(s->sandbox.pid, NULL, 0);
	}
	if (s->sandbox.cgroup != NULL)
		(void)cgroup_destroy(s->sandbox.cgroup, NULL);
	sandbox_release(&s->sandbox);
	if (s->listen_fd < 0)
		return; /* the files are another shim's */
	(void)unlinkat(s->dirfd, SHIM_STATE_FILE, 0);
	(void)unlinkat(s->dirfd, SHIM_PID_FILE, 0);
}
