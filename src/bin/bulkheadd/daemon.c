// SPDX-License-Identifier: Apache-2.0
/*
 * The engine's process: everything is made in one order and undone in the reverse one, from
 * whatever point was reached (daemon_release). The pid file is locked for the life of the process,
 * so that one set of roots has one engine; a file left by a dead one is simply taken over.
 */
#include "bin/bulkheadd/daemon.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "api/api.h"
#include "api/listen.h"
#include "base/fd.h"
#include "base/loop.h"
#include "base/mem.h"
#include "engine/engine.h"
#include "guard/audit.h"

#define SOURCES_MAX 65536
#define HOSTS_MAX   8
#define TRIM_MILLIS 30000
#define TRIM_BYTES  (256u << 10)

struct daemon {
	const struct daemon_config *config;
	struct log log;
	int pidfile;
	struct loop *loop;
	struct engine *engine;
	struct audit audit;
	struct api *api;
	const char *sockets[HOSTS_MAX + 1];
	size_t bound; /* sockets that exist as files of ours */
	char program_dir[PATH_MAX + 32];
};

static void on_stop(struct loop_source *source, const struct signalfd_siginfo *si, void *data)
{
	struct daemon *d = data;

	(void)source;
	log_write(&d->log, LOG_LEVEL_INFO, "signal %u: stopping; containers keep running",
		si->ssi_signo);
	loop_stop(d->loop, 0);
}

static void on_hangup(struct loop_source *source, const struct signalfd_siginfo *si, void *data)
{
	struct daemon *d = data;

	(void)source;
	(void)si;
	log_write(&d->log, LOG_LEVEL_WARN,
		"SIGHUP: configuration is read at start only; restart the engine");
}

/* After a rush of requests much of the heap is free, but below something that stays. */
static void on_trim(struct loop_source *source, void *data)
{
	(void)data;
	if (mallinfo2().fordblks > TRIM_BYTES)
		(void)malloc_trim(0);
	loop_timer_set(source, TRIM_MILLIS);
}

static int add_sources(struct daemon *d, struct bh_error *err)
{
	struct loop_source *unused;
	int r = loop_add_signal(d->loop, SIGTERM, on_stop, d, &unused, err);

	if (r == 0)
		r = loop_add_signal(d->loop, SIGINT, on_stop, d, &unused, err);
	if (r == 0)
		r = loop_add_signal(d->loop, SIGHUP, on_hangup, d, &unused, err);
	if (r == 0)
		r = loop_add_timer(d->loop, TRIM_MILLIS, on_trim, d, &unused, err);
	return r;
}

/* As many descriptors as the hard limit allows: one for each client and a few for each container.
 */
static void raise_limits(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &limit);
	}
	(void)signal(SIGPIPE, SIG_IGN);
}

static int take_pidfile(struct daemon *d, struct bh_error *err)
{
	const char *path = d->config->pidfile;
	char text[16];
	int n;

	(void)mkdir(d->config->exec_root, 0711);
	d->pidfile = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
	if (d->pidfile < 0)
		return bh_fail_errno(err, -errno, "pid file %s", path);
	if (flock(d->pidfile, LOCK_EX | LOCK_NB) < 0) {
		d->pidfile = fd_close(d->pidfile);
		return bh_fail(err, -EBUSY, "pid file %s: another engine with it is running", path);
	}
	n = snprintf(text, sizeof(text), "%d\n", (int)getpid());
	if (ftruncate(d->pidfile, 0) < 0 || pwrite(d->pidfile, text, (size_t)n, 0) != n)
		return bh_fail_errno(err, -errno, "write pid file %s", path);
	return 0;
}

/* The engine's helpers are beside it in the build, and below ../libexec when installed. */
static int find_program_dir(struct daemon *d, struct bh_error *err)
{
	static const char *const places[] = {"", "/../libexec/bulkhead", "/../lib/bulkhead"};
	char self[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	char *slash;

	if (n < 0)
		return bh_fail_errno(err, -errno, "readlink /proc/self/exe");
	self[n] = '\0';
	slash = strrchr(self, '/');
	if (slash != NULL)
		*slash = '\0';
	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		char shim[sizeof(d->program_dir) + sizeof("/bulkhead-shim")];

		(void)snprintf(d->program_dir, sizeof(d->program_dir), "%s%s", self, places[i]);
		(void)snprintf(shim, sizeof(shim), "%s/bulkhead-shim", d->program_dir);
		if (access(shim, X_OK) == 0)
			return 0;
	}
	return bh_fail(err, -ENOENT, "bulkhead-shim is neither in %s nor in %s/../libexec/bulkhead",
		self, self);
}

static int start_engine(struct daemon *d, struct bh_error *err)
{
	struct engine_options options = {
		.data_root = d->config->data_root,
		.exec_root = d->config->exec_root,
		.program_dir = d->program_dir,
		.config = d->config,
		.sockets = d->sockets,
		.log = &d->log,
	};
	int r = 0;

	for (size_t i = 0; r == 0 && i < d->config->hosts.count && i < HOSTS_MAX; i++)
		r = api_host_path(d->config->hosts.items[i], &d->sockets[i], err);
	return r < 0 ? r : engine_new(&options, d->loop, &d->engine, err);
}

/* The audit trail and the directory of uploads are below the data root, which the engine made. */
static int start_api(struct daemon *d, struct bh_error *err)
{
	struct api_options options = {
		.loop = d->loop,
		.engine = d->engine,
		.config = d->config,
		.log = &d->log,
		.audit = &d->audit,
	};
	_cleanup_close_ int root = -EBADF, spool = -EBADF;
	int r;

	root = open(d->config->data_root, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (root < 0)
		return bh_fail_errno(err, -errno, "open %s", d->config->data_root);
	if (mkdirat(root, "tmp", 0700) < 0 && errno != EEXIST)
		return bh_fail_errno(err, -errno, "make %s/tmp", d->config->data_root);
	spool = openat(root, "tmp", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (spool < 0)
		return bh_fail_errno(err, -errno, "open %s/tmp", d->config->data_root);
	r = audit_open(root, &d->audit, err);
	if (r < 0)
		return r;
	options.spool_dirfd = spool;
	return api_new(&options, &d->api, err);
}

static int listen_all(struct daemon *d, struct bh_error *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && d->sockets[i] != NULL; i++) {
		int fd;

		r = api_listen_unix(d->sockets[i], d->config->group, &fd, err);
		if (r < 0)
			return r;
		d->bound = i + 1;
		r = api_listen(d->api, fd, err);
		if (r == 0)
			log_write(&d->log, LOG_LEVEL_INFO, "listening on %s", d->sockets[i]);
	}
	return r;
}

static int daemon_start(struct daemon *d, struct bh_error *err)
{
	int r = take_pidfile(d, err);

	if (r == 0)
		r = find_program_dir(d, err);
	if (r == 0)
		r = loop_new(SOURCES_MAX, &d->loop, err);
	if (r == 0)
		r = add_sources(d, err);
	if (r == 0)
		r = start_engine(d, err);
	if (r == 0)
		r = start_api(d, err);
	if (r == 0)
		r = listen_all(d, err);
	return r;
}

static void daemon_release(struct daemon *d)
{
	for (size_t i = 0; i < d->bound; i++)
		(void)unlink(d->sockets[i]);
	api_free(d->api);
	engine_free(d->engine);
	audit_close(&d->audit);
	loop_free(d->loop);
	if (d->pidfile >= 0) {
		(void)unlink(d->config->pidfile);
		d->pidfile = fd_close(d->pidfile);
	}
}

int daemon_run(const struct daemon_config *config, struct bh_error *err)
{
	struct daemon d = {
		.config = config,
		.log = {STDERR_FILENO, config->log_level, LOG_FORMAT_TEXT, "bulkheadd"},
		.pidfile = -EBADF,
		.audit = AUDIT_INIT,
	};
	int r;

	(void)umask(0022);
	raise_limits();
	r = daemon_start(&d, err);
	if (r == 0) {
		log_write(&d.log, LOG_LEVEL_INFO, "bulkheadd %s is ready", BULKHEAD_VERSION);
		r = loop_run(d.loop);
		if (r < 0)
			(void)bh_fail_errno(err, r, "event loop");
	}
	daemon_release(&d);
	return r;
}
