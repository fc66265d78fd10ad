// SPDX-License-Identifier: Apache-2.0
/*
 * Further processes in a running container. The process object is made from the container's own
 * config.json, so an exec never has more than process 1; its user is looked up in the container as
 * it is now, through the root of process 1.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "engine/engine_private.h"
#include "engine/names.h"
#include "engine/plan.h"
#include "spec/oci_write.h"

#define EXEC_ARENA     (8u << 20)
#define EXEC_TIMEOUT   60000u
#define EXIT_NOT_FOUND 127
#define EXIT_NOT_RUN   126

static struct exec_entry *exec_of(const struct exec *x)
{
	return (struct exec_entry *)(uintptr_t)x; /* its first member */
}

static void exec_free(struct exec_entry *x)
{
	struct exec_entry **at = &x->container->execs;

	while (*at != NULL && *at != x)
		at = &(*at)->next;
	if (*at == x) {
		*at = x->next;
		x->container->exec_count--;
	}
	(void)fd_close(x->fds[0]);
	(void)fd_close(x->fds[1]);
	arena_release(&x->arena);
	free(x);
}

void execs_free(struct container_entry *c)
{
	while (c->execs != NULL) {
		struct exec_entry *x = c->execs;

		if (x->done != NULL)
			(void)engine_defer(c->engine, x->done, x->done_data, -EBUSY, NULL);
		x->done = NULL;
		exec_free(x);
	}
}

/* ---- records in memory ---- */

static int copy_strings(struct arena *a, const struct oci_strings *from, struct oci_strings *ret)
{
	const char **items = arena_calloc(a, from->count + 1, sizeof(*items));

	if (items == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < from->count; i++) {
		items[i] = arena_strdup(a, from->items[i]);
		if (items[i] == NULL)
			return -ENOMEM;
	}
	*ret = (struct oci_strings){items, from->count};
	return 0;
}

static int fill(struct exec_entry *x, const struct docker_exec_create *body)
{
	struct arena *a = &x->arena;
	int r = arena_init(a, EXEC_ARENA);

	if (r < 0)
		return r;
	x->body = *body;
	r = copy_strings(a, &body->cmd, &x->body.cmd);
	if (r == 0)
		r = copy_strings(a, &body->env, &x->body.env);
	if (r < 0)
		return r;
	if (body->user != NULL)
		x->body.user = arena_strdup(a, body->user);
	if (body->working_dir != NULL)
		x->body.working_dir = arena_strdup(a, body->working_dir);
	x->x.argv = x->body.cmd.items;
	x->x.user = x->body.user != NULL ? x->body.user : "";
	x->x.tty = body->tty;
	x->x.open_stdin = body->attach_stdin;
	x->x.open_stdout = body->attach_stdout;
	x->x.open_stderr = body->attach_stderr;
	return name_random_hex(x->x.id, EXEC_ID_LEN);
}

/* Ended ones go first when there are too many. */
static int make_room(struct container_entry *c, struct bh_error *err)
{
	struct exec_entry *x;

	if (c->exec_count < EXECS_MAX)
		return 0;
	for (x = c->execs; x != NULL; x = x->next)
		if (x->x.has_exit_code) {
			exec_free(x);
			return 0;
		}
	return bh_fail(err, -EBUSY, "container %s has %u execs already", c->c.name, EXECS_MAX);
}

int engine_exec_create(struct engine *e, const struct container *pub,
	const struct docker_exec_create *body, const struct exec **ret, struct bh_error *err)
{
	struct container_entry *c = container_of(pub);
	struct exec_entry *x, **at;
	int r;

	if (c->c.state != CONTAINER_RUNNING)
		return bh_fail(err, -EBUSY, "container %s is not running", c->c.id);
	if (body->privileged)
		return bh_fail(err, -ENOTSUP,
			"privileged execs are not supported: an exec never has more than the "
			"container; leave --privileged out and give the container what it needs "
			"with --cap-add");
	r = make_room(c, err);
	if (r < 0)
		return r;
	x = calloc(1, sizeof(*x));
	if (x == NULL)
		return bh_fail_errno(err, -ENOMEM, "exec");
	x->container = c;
	x->x.container = &c->c;
	x->fds[0] = x->fds[1] = -EBADF;
	r = fill(x, body);
	if (r < 0) {
		exec_free(x);
		return bh_fail_errno(err, r, "exec");
	}
	for (at = &c->execs; *at != NULL; at = &(*at)->next)
		;
	*at = x;
	c->exec_count++;
	container_event(c, "exec_create", "execID", x->x.id);
	*ret = &x->x;
	return 0;
}

int engine_exec_find(
	struct engine *e, const char *id, const struct exec **ret, struct bh_error *err)
{
	for (struct container_entry *c = e->first; c != NULL; c = c->next)
		for (struct exec_entry *x = c->execs; x != NULL; x = x->next)
			if (strcmp(x->x.id, id) == 0) {
				*ret = &x->x;
				return 0;
			}
	return bh_fail(err, -ENOENT, "No such exec instance: %.100s", id);
}

const struct exec *engine_exec_next(
	struct engine *e, const struct container *c, const struct exec *previous)
{
	struct exec_entry *x = previous != NULL ? exec_of(previous)->next : container_of(c)->execs;

	return x != NULL ? &x->x : NULL;
}

/* ---- starting ---- */

static int find_user(
	struct exec_entry *x, struct arena *a, struct user_found *ret, struct bh_error *err)
{
	_cleanup_close_ int root = -EBADF;
	char path[48];

	(void)snprintf(path, sizeof(path), "/proc/%d/root", x->container->c.pid);
	root = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (root < 0)
		return bh_fail_errno(err, -errno, "open the root of the container");
	return user_resolve_in_root(root, x->body.user, NULL, a, ret, err);
}

static int load_config(
	struct container_entry *c, struct arena *a, struct oci_config *ret, struct bh_error *err)
{
	char path[160];

	(void)snprintf(path, sizeof(path), CONTAINERS_DIR "/%s/" SHIM_CONFIG_FILE, c->c.id);
	return oci_config_load(c->engine->exec_fd, path, a, ret, err);
}

static int process_text(struct exec_entry *x, struct buf *out, struct bh_error *err)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	struct json_writer w = JSON_WRITER(out);
	struct user_found user;
	struct oci_config config;
	struct oci_process process;
	bool has_user = x->body.user != NULL && *x->body.user != '\0';
	int r = arena_init(&a, OCI_ARENA_MAX);

	if (r == 0)
		r = load_config(x->container, &a, &config, err);
	if (r == 0 && has_user)
		r = find_user(x, &a, &user, err);
	if (r == 0)
		r = plan_exec(&config, &x->body, has_user ? &user : NULL, &a, &process, err);
	if (r < 0)
		return r;
	r = oci_process_write(&process, &w);
	return r < 0 ? bh_fail_errno(err, r, "process of the exec") : 0;
}

static int process_file(struct exec_entry *x, struct bh_error *err)
{
	_cleanup_close_ int fd = -EBADF;
	_cleanup_buf_ struct buf text;
	int r;

	buf_init(&text, SHIM_PROCESS_MAX);
	r = process_text(x, &text, err);
	if (r < 0)
		return r;
	fd = memfd_create("exec", MFD_CLOEXEC);
	if (fd < 0)
		return bh_fail_errno(err, -errno, "memfd_create");
	r = fd_write_all(fd, text.data, text.len);
	if (r < 0 || lseek(fd, 0, SEEK_SET) < 0)
		return bh_fail_errno(err, r < 0 ? r : -errno, "write the process of the exec");
	return TAKE_FD(fd);
}

static void explain(const struct exec_entry *x, int code, struct bh_error *err)
{
	const char *program = x->x.argv[0];

	if (code == -ENOENT)
		(void)bh_fail(err, code,
			"OCI runtime exec failed: exec failed: unable to start container process: "
			"exec: \"%.200s\": %s",
			program,
			strchr(program, '/') == NULL ? "executable file not found in $PATH"
						     : "no such file or directory");
	else if (code == -EACCES)
		(void)bh_fail(err, code,
			"OCI runtime exec failed: exec failed: unable to start container process: "
			"exec: \"%.200s\": permission denied",
			program);
}

static void exec_started(struct shim_client *client, int code, const char *text,
	const struct json *result, void *data)
{
	struct exec_entry *x = data;
	struct container_entry *c = x->container;
	engine_done_fn done = x->done;
	void *userdata = x->done_data;
	struct bh_error err = BH_ERROR_INIT;

	x->done = NULL;
	x->fds[0] = fd_close(x->fds[0]);
	x->fds[1] = fd_close(x->fds[1]);
	if (code < 0) {
		(void)bh_fail(&err, code, "%s", text != NULL ? text : strerror(-code));
		explain(x, code, &err);
		x->x.has_exit_code = true;
		x->x.exit_code = code == -ENOENT ? EXIT_NOT_FOUND : EXIT_NOT_RUN;
	} else {
		/* It may have ended before this answer was read. */
		x->x.running = !x->x.has_exit_code;
		x->x.pid = (pid_t)json_get_int(result, "pid", 0);
		container_event(c, "exec_start", "execID", x->x.id);
	}
	if (done != NULL)
		done(userdata, code, code < 0 ? &err : NULL);
}

static int send_exec(struct exec_entry *x, const struct engine_attach *attach, struct bh_error *err)
{
	struct shim_request request = {
		.op = SHIM_OP_EXEC, .exec_id = x->x.id, .has_stream = attach != NULL};
	int r;

	if (attach != NULL) {
		r = engine_attach_convert(attach, &request.attach, err);
		if (r < 0)
			return r;
		x->fds[1] = fcntl(attach->fd, F_DUPFD_CLOEXEC, 0);
		if (x->fds[1] < 0)
			return bh_fail_errno(err, -errno, "exec");
	}
	x->fds[0] = process_file(x, err);
	if (x->fds[0] < 0)
		return x->fds[0];
	return shim_client_send(
		x->container->shim, &request, x->fds, EXEC_TIMEOUT, exec_started, x, err);
}

int engine_exec_start(struct engine *e, const struct exec *pub, const struct engine_attach *attach,
	uint16_t rows, uint16_t columns, engine_done_fn done, void *userdata, struct bh_error *err)
{
	struct exec_entry *x = exec_of(pub);
	struct container_entry *c = x->container;
	int r;

	if (x->x.started)
		return bh_fail(err, -EBUSY, "exec %s has already run", x->x.id);
	if (c->c.state != CONTAINER_RUNNING || c->shim == NULL)
		return bh_fail(err, -EBUSY, "container %s is not running", c->c.id);
	if (rows != 0 && columns != 0) {
		x->body.console_height = rows;
		x->body.console_width = columns;
	}
	r = send_exec(x, attach, err);
	if (r < 0) {
		x->fds[0] = fd_close(x->fds[0]);
		x->fds[1] = fd_close(x->fds[1]);
		return r;
	}
	x->x.started = true;
	x->done = done;
	x->done_data = userdata;
	return 0;
}

void exec_exited(struct container_entry *c, const char *id, const struct shim_exit *exit)
{
	char code[16];

	for (struct exec_entry *x = c->execs; x != NULL; x = x->next)
		if (strcmp(x->x.id, id) == 0) {
			x->x.running = false;
			x->x.has_exit_code = true;
			x->x.exit_code = exit->exit_code;
			(void)snprintf(code, sizeof(code), "%d", exit->exit_code);
			container_event(c, "exec_die", "exitCode", code);
		}
}

int engine_exec_resize(struct engine *e, const struct exec *pub, uint16_t rows, uint16_t columns,
	struct bh_error *err)
{
	struct exec_entry *x = exec_of(pub);
	struct shim_request request = {
		.op = SHIM_OP_RESIZE, .exec_id = x->x.id, .rows = rows, .cols = columns};

	if (!x->x.started || x->x.has_exit_code || x->container->shim == NULL)
		return bh_fail(err, -EBUSY, "exec %s is not running", x->x.id);
	return shim_client_send(x->container->shim, &request, NULL, 0, NULL, NULL, err);
}
