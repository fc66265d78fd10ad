// SPDX-License-Identifier: Apache-2.0

/*
 * The engines' connections. A request is answered before the next is read. An engine that does not
 * read what it is sent is disconnected: it finds the state again when it comes back, and an end
 * that it missed is told to every new connection.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/socket.h"
#include "bin/shim/shim.h"

#define BACKLOG            8
#define REQUESTS_PER_EVENT 8

static void disconnect(struct connection *c)
{
	loop_removep(&c->io);
	c->fd = fd_close(c->fd);
}

bool server_has_engine(const struct shim *s)
{
	for (size_t i = 0; i < ARRAY_SIZE(s->connections); i++) {
		if (s->connections[i].fd >= 0)
			return true;
	}
	return false;
}

static void send_text(struct connection *c, const struct buf *text)
{
	if (c->fd < 0)
		return;
	if (buf_status(text) < 0 || socket_send_fds(c->fd, text->data, text->len, NULL, 0) < 0)
		disconnect(c);
}

void server_notify(struct shim *s, enum shim_message_kind kind, const char *exec_id,
	const struct shim_exit *exit)
{
	_cleanup_buf_ struct buf text;

	buf_init(&text, SHIM_MESSAGE_MAX);
	(void)shim_event_encode(kind, exec_id, exit, &text);
	for (size_t i = 0; i < ARRAY_SIZE(s->connections); i++)
		send_text(&s->connections[i], &text);
}

/* ---- operations: each fills `result` with one JSON value, or leaves it empty ---- */

struct call {
	struct connection *connection;
	struct shim *shim;
	const struct shim_request *request;
	int fds[SHIM_FDS_MAX]; /* one that an operation keeps is set to -EBADF */
	struct arena *arena;
	struct buf *result;
};

typedef int (*operation_fn)(struct call *call, struct bh_error *err);

static int find_streams(struct call *call, struct streams **ret, struct bh_error *err)
{
	struct exec *e;

	if (call->request->exec_id == NULL) {
		*ret = &call->shim->streams;
		return 0;
	}
	e = exec_find(call->shim, call->request->exec_id, err);
	if (e == NULL)
		return -ESRCH;
	*ret = exec_streams(e);
	return 0;
}

static int do_start(struct call *call, struct bh_error *err)
{
	struct json_writer w = JSON_WRITER(call->result);
	char started[SHIM_TIME_MAX];
	int r = container_start(call->shim, err);

	if (r < 0)
		return r;
	shim_time_format(&call->shim->started, started);
	json_begin_object(&w);
	json_member_string(&w, "started_at", started);
	json_end_object(&w);
	return 0;
}

static int do_signal(struct call *call, struct bh_error *err)
{
	return container_signal(call->shim, call->request->signal, call->request->all, err);
}

static int do_resize(struct call *call, struct bh_error *err)
{
	struct streams *streams = NULL;
	int r = find_streams(call, &streams, err);

	return r < 0 ? r : streams_resize(streams, call->request->rows, call->request->cols, err);
}

static int do_attach(struct call *call, struct bh_error *err)
{
	struct streams *streams = NULL;
	int r = find_streams(call, &streams, err);

	if (r == 0)
		r = streams_attach(streams, call->fds[0], &call->request->attach, err);
	if (r == 0)
		call->fds[0] = -EBADF;
	return r;
}

static int do_close_stdin(struct call *call, struct bh_error *err)
{
	struct streams *streams = NULL;
	int r = find_streams(call, &streams, err);

	if (r == 0)
		streams_close_input(streams);
	return r;
}

static int do_exec(struct call *call, struct bh_error *err)
{
	struct json_writer w = JSON_WRITER(call->result);
	pid_t pid = 0;
	int r = exec_run(call->shim, call->request, call->fds[0],
		call->request->has_stream ? call->fds[1] : -EBADF, &pid, err);

	if (r < 0)
		return r;
	if (call->request->has_stream)
		call->fds[1] = -EBADF;
	json_begin_object(&w);
	json_member_int(&w, "pid", pid);
	json_end_object(&w);
	return 0;
}

static int do_exec_signal(struct call *call, struct bh_error *err)
{
	struct exec *e = exec_find(call->shim, call->request->exec_id, err);

	return e == NULL ? -ESRCH : exec_signal(e, call->request->signal, err);
}

static int do_pause(struct call *call, struct bh_error *err)
{
	return container_set_paused(call->shim, true, err);
}

static int do_resume(struct call *call, struct bh_error *err)
{
	return container_set_paused(call->shim, false, err);
}

static int do_stats(struct call *call, struct bh_error *err)
{
	struct json_writer w = JSON_WRITER(call->result);
	int r = container_check_alive(call->shim, err);

	return r < 0 ? r : cgroup_stats(call->shim->sandbox.cgroup, &w, err);
}

static int do_pids(struct call *call, struct bh_error *err)
{
	struct json_writer w = JSON_WRITER(call->result);
	size_t count = 0;
	pid_t *pids = NULL;
	int r = container_check_alive(call->shim, err);

	if (r == 0)
		r = cgroup_pids(call->shim->sandbox.cgroup, call->arena, &pids, &count, err);
	if (r < 0)
		return r;
	json_begin_object(&w);
	json_key(&w, "pids");
	json_begin_array(&w);
	for (size_t i = 0; i < count; i++)
		json_put_int(&w, pids[i]);
	json_end_array(&w);
	json_end_object(&w);
	return 0;
}

static int do_update(struct call *call, struct bh_error *err)
{
	return container_update(call->shim, call->request->resources, err);
}

static int do_state(struct call *call, struct bh_error *err)
{
	const struct shim *s = call->shim;
	struct json_writer w = JSON_WRITER(call->result);
	char started[SHIM_TIME_MAX];
	struct shim_state state;

	record_state_fill(s, &state, started);
	json_begin_object(&w);
	json_member_string(&w, "id", state.id);
	json_member_string(&w, "status", state.status);
	json_member_int(&w, "shim_pid", state.shim_pid);
	json_member_int(&w, "pid", state.pid);
	json_key(&w, "start_time");
	json_put_uint(&w, state.start_time);
	json_member_string(&w, "started_at", state.started_at);
	json_member_int(&w, "attached", (int64_t)s->streams.client_count);
	json_key(&w, "clients_dropped");
	json_put_uint(&w, s->shared.clients_dropped);
	json_key(&w, "log_errors");
	json_put_uint(&w, s->log_file.errors);
	json_member_int(&w, "execs", (int64_t)s->exec_count);
	json_end_object(&w);
	return 0;
}

static int do_shutdown(struct call *call, struct bh_error *err)
{
	struct shim *s = call->shim;

	if (s->phase == PHASE_RUNNING || s->phase == PHASE_ENDING)
		return bh_fail(err, -EBUSY, "the container has not ended");
	s->leaving = true;
	if (s->phase == PHASE_CREATED)
		return container_signal(s, SIGKILL, false, err);
	container_maybe_leave(s);
	return 0;
}

static const operation_fn OPERATIONS[SHIM_OP_COUNT] = {
	[SHIM_OP_START] = do_start,
	[SHIM_OP_SIGNAL] = do_signal,
	[SHIM_OP_RESIZE] = do_resize,
	[SHIM_OP_ATTACH] = do_attach,
	[SHIM_OP_CLOSE_STDIN] = do_close_stdin,
	[SHIM_OP_EXEC] = do_exec,
	[SHIM_OP_EXEC_SIGNAL] = do_exec_signal,
	[SHIM_OP_PAUSE] = do_pause,
	[SHIM_OP_RESUME] = do_resume,
	[SHIM_OP_STATS] = do_stats,
	[SHIM_OP_PIDS] = do_pids,
	[SHIM_OP_UPDATE] = do_update,
	[SHIM_OP_STATE] = do_state,
	[SHIM_OP_SHUTDOWN] = do_shutdown,
};

/* ---- messages ---- */

static void answer(struct call *call, uint64_t id, int code, const struct bh_error *err)
{
	_cleanup_buf_ struct buf text;

	buf_init(&text, SHIM_MESSAGE_MAX);
	if (code == 0 && buf_status(call->result) < 0)
		code = buf_status(call->result);
	if (code < 0)
		(void)shim_reply_error_encode(id, code, bh_error_text(err, code), &text);
	else
		(void)shim_reply_encode(
			id, call->result->len > 0 ? buf_str(call->result) : NULL, &text);
	send_text(call->connection, &text);
}

static void handle(
	struct connection *c, const char *text, size_t len, int fds[SHIM_FDS_MAX], size_t fd_count)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	_cleanup_buf_ struct buf result;
	struct shim_request request = {0};
	struct bh_error err = BH_ERROR_INIT;
	struct call call = {.connection = c,
		.shim = c->shim,
		.request = &request,
		.fds = {fds[0], fds[1]},
		.arena = &a,
		.result = &result};
	int r = arena_init(&a, SHIM_ARENA_MAX);

	buf_init(&result, SHIM_MESSAGE_MAX - 1024);
	if (r == 0)
		r = shim_request_decode(text, len, fd_count, &a, &request, &err);
	if (r == 0)
		r = OPERATIONS[request.op](&call, &err);
	answer(&call, request.id, r, &err);
	for (size_t i = 0; i < SHIM_FDS_MAX; i++)
		(void)fd_close(call.fds[i]);
	c->shim->shared.active(c->shim);
}

/* Returns 0, -EAGAIN when no request waits, or why the connection ends. The text is in pages of its
 * own, which go back at once. */
static int receive(struct connection *c)
{
	int fds[SHIM_FDS_MAX] = {-EBADF, -EBADF};
	ssize_t len = socket_next_size(c->fd);
	size_t fd_count = 0;
	char *text;

	if (len <= 0)
		return len < 0 ? (int)len : -EPIPE;
	if (len > SHIM_MESSAGE_MAX)
		return -EMSGSIZE;
	text = malloc((size_t)len);
	if (text == NULL)
		return -ENOMEM;
	len = socket_recv_fds(c->fd, text, (size_t)len, fds, SHIM_FDS_MAX, &fd_count);
	if (len > 0)
		handle(c, text, (size_t)len, fds, fd_count);
	free(text);
	return len > 0 ? 0 : len < 0 ? (int)len : -EPIPE;
}

static void readable(struct loop_source *source, int fd, uint32_t events, void *data)
{
	struct connection *c = data;
	int r = 0;

	for (int i = 0; i < REQUESTS_PER_EVENT && r == 0 && c->fd >= 0; i++)
		r = receive(c);
	if (r < 0 && r != -EAGAIN)
		disconnect(c);
	if (c->fd < 0)
		container_maybe_leave(c->shim);
}

static bool peer_allowed(int fd)
{
	uid_t uid = (uid_t)-1;

	return socket_peer(fd, NULL, &uid, NULL) == 0 && (uid == 0 || uid == geteuid());
}

static void tell_end(struct connection *c)
{
	_cleanup_buf_ struct buf text;
	struct record_times times;
	struct shim_exit exit;

	buf_init(&text, SHIM_MESSAGE_MAX);
	record_exit_fill(c->shim, &exit, &times);
	(void)shim_event_encode(SHIM_MESSAGE_EXIT, NULL, &exit, &text);
	send_text(c, &text);
}

static void accept_engine(struct loop_source *source, int fd, uint32_t events, void *data)
{
	_cleanup_close_ int new_fd = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	struct shim *s = data;

	if (new_fd < 0 && errno != EAGAIN && errno != ECONNABORTED) {
		/* No descriptors are left, say: rest, until server_rested(). */
		(void)loop_io_set(source, 0);
		s->shared.active(s);
	}
	if (new_fd < 0 || !peer_allowed(new_fd))
		return;
	for (size_t i = 0; i < ARRAY_SIZE(s->connections); i++) {
		struct connection *c = &s->connections[i];

		if (c->fd >= 0)
			continue;
		if (loop_add_io(s->loop, new_fd, EPOLLIN, readable, c, &c->io, NULL) < 0)
			return;
		c->fd = TAKE_FD(new_fd);
		if (s->phase == PHASE_ENDED)
			tell_end(c);
		return;
	}
}

void server_init(struct shim *s)
{
	for (size_t i = 0; i < ARRAY_SIZE(s->connections); i++)
		s->connections[i] = (struct connection){.shim = s, .fd = -EBADF};
}

void server_rested(struct shim *s)
{
	if (s->listen_io != NULL)
		(void)loop_io_set(s->listen_io, EPOLLIN);
}

/* The engine must not start a second shim on a container. */
static int check_alone(struct shim *s, struct bh_error *err)
{
	int fd = -EBADF;

	if (socket_connect_at(s->dirfd, SHIM_SOCKET, SOCK_SEQPACKET | SOCK_NONBLOCK, &fd, NULL) < 0)
		return 0;
	(void)close(fd);
	return bh_fail(err, -EEXIST, "a shim serves this directory already");
}

int server_open(struct shim *s, struct bh_error *err)
{
	int r = check_alone(s, err);

	if (r < 0)
		return r;
	r = socket_listen_at(s->dirfd, SHIM_SOCKET, SOCK_SEQPACKET | SOCK_NONBLOCK, 0600, BACKLOG,
		&s->listen_fd, err);
	if (r < 0)
		return r;
	return loop_add_io(s->loop, s->listen_fd, EPOLLIN, accept_engine, s, &s->listen_io, err);
}

void server_close(struct shim *s)
{
	loop_removep(&s->listen_io);
	if (s->listen_fd >= 0)
		(void)unlinkat(s->dirfd, SHIM_SOCKET, 0);
	s->listen_fd = fd_close(s->listen_fd);
	for (size_t i = 0; i < ARRAY_SIZE(s->connections); i++)
		disconnect(&s->connections[i]);
}
