// SPDX-License-Identifier: Apache-2.0
/* The client against a shim that the test itself plays. */
#include "engine/shim_client.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/socket.h"
#include "test.h"

struct fixture {
	struct loop *loop;
	struct shim_client *client;
	char dir[64];
	int dirfd, listener, server;
	int replies, last_code, exits, disconnects, disconnect_code;
	char last_text[256];
	bool free_in_callback;
};

static void on_exited(struct shim_client *c, const struct shim_exit *ended, void *data)
{
	struct fixture *f = data;

	f->exits = ended->exit_code;
	if (f->free_in_callback)
		shim_client_free(c);
}

static void on_disconnected(struct shim_client *c, int code, void *data)
{
	struct fixture *f = data;

	f->disconnects++;
	f->disconnect_code = code;
	if (f->free_in_callback)
		shim_client_free(c);
}

static const struct shim_client_ops OPS = {.exited = on_exited, .disconnected = on_disconnected};

static void on_reply(
	struct shim_client *c, int code, const char *text, const struct json *result, void *data)
{
	struct fixture *f = data;

	f->replies++;
	f->last_code = code;
	(void)snprintf(f->last_text, sizeof(f->last_text), "%s", text != NULL ? text : "");
	if (f->free_in_callback)
		shim_client_free(c);
}

static void setup(struct fixture *f)
{
	struct bh_error err = BH_ERROR_INIT;

	*f = (struct fixture){.dir = "/tmp/bh-client-XXXXXX"};
	CHECK(mkdtemp(f->dir) != NULL);
	f->dirfd = open(f->dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	CHECK_INT(loop_new(64, &f->loop, NULL), 0);
	CHECK_INT(shim_connect(f->loop, f->dir, &OPS, f, &f->client, &err), -ENOENT);
	CHECK_INT(socket_listen_at(
			  f->dirfd, SHIM_SOCKET, SOCK_SEQPACKET, 0600, 4, &f->listener, NULL),
		0);
	CHECK_INT(shim_connect(f->loop, f->dir, &OPS, f, &f->client, &err), 0);
	f->server = accept4(f->listener, NULL, NULL, SOCK_CLOEXEC);
	CHECK(f->server >= 0);
}

static void teardown(struct fixture *f)
{
	(void)close(f->listener);
	f->server = fd_close(f->server);
	CHECK_INT(unlinkat(f->dirfd, SHIM_SOCKET, 0), 0);
	(void)close(f->dirfd);
	CHECK_INT(rmdir(f->dir), 0);
	CHECK_INT(loop_source_count(f->loop), 0);
	loop_free(f->loop);
}

static void send_signal(struct fixture *f, uint64_t timeout_ms)
{
	const struct shim_request q = {.op = SHIM_OP_SIGNAL, .signal = 15};

	CHECK_INT(shim_client_send(f->client, &q, NULL, timeout_ms, on_reply, f, NULL), 0);
}

static void say(struct fixture *f, const char *text)
{
	CHECK_INT(send(f->server, text, strlen(text), 0), strlen(text));
}

TEST(requests_get_their_replies)
{
	struct fixture f;
	char text[256];

	setup(&f);
	send_signal(&f, 0);
	send_signal(&f, 0);
	CHECK(recv(f.server, text, sizeof(text), 0) > 0);
	CHECK(strstr(text, "\"signal\":15") != NULL && strstr(text, "\"id\":1,") != NULL);
	say(&f, "{\"id\":2,\"error\":{\"code\":-3,\"text\":\"gone\"}}");
	say(&f, "{\"id\":99}");
	CHECK_INT(loop_run_once(f.loop, 1000), 1);
	CHECK_INT(f.replies, 1);
	CHECK_INT(f.last_code, -3);
	CHECK_STR(f.last_text, "gone");
	say(&f, "{\"id\":1,\"result\":{}}");
	CHECK_INT(loop_run_once(f.loop, 1000), 1);
	CHECK_INT(f.replies, 2);
	CHECK_INT(f.last_code, 0);
	shim_client_free(f.client);
	teardown(&f);
}

TEST(silence_times_out)
{
	struct fixture f;

	setup(&f);
	send_signal(&f, 20);
	send_signal(&f, 10000);
	while (f.replies == 0)
		CHECK(loop_run_once(f.loop, 1000) >= 0);
	CHECK_INT(f.replies, 1);
	CHECK_INT(f.last_code, -ETIMEDOUT);
	shim_client_free(f.client);
	CHECK_INT(f.replies, 1);
	teardown(&f);
}

TEST(lost_connection_answers_all)
{
	struct fixture f;
	const struct shim_request q = {.op = SHIM_OP_START};

	setup(&f);
	send_signal(&f, 0);
	send_signal(&f, 0);
	f.server = fd_close(f.server);
	CHECK_INT(loop_run_once(f.loop, 1000), 1);
	CHECK_INT(f.replies, 2);
	CHECK_INT(f.disconnects, 1);
	CHECK_INT(f.disconnect_code, -EPIPE);
	CHECK_INT(shim_client_send(f.client, &q, NULL, 0, NULL, NULL, NULL), -EPIPE);
	shim_client_free(f.client);
	teardown(&f);
}

TEST(events_and_unknown_events)
{
	struct fixture f;

	setup(&f);
	say(&f, "{\"event\":\"of a later version\"}");
	say(&f, "{\"event\":\"exit\",\"exit\":{\"exit_code\":3}}");
	say(&f, "{\"event\":\"exit\",\"exit\":{\"exit_code\":300}}");
	CHECK_INT(loop_run_once(f.loop, 1000), 1);
	CHECK_INT(f.exits, 3);
	CHECK_INT(f.disconnect_code, -EBADMSG);
	shim_client_free(f.client);
	teardown(&f);
}

TEST(client_is_freed_inside_its_callbacks)
{
	struct fixture f;

	setup(&f);
	f.free_in_callback = true;
	say(&f, "{\"event\":\"exit\",\"exit\":{\"exit_code\":3}}");
	say(&f, "{\"event\":\"exit\",\"exit\":{\"exit_code\":4}}");
	CHECK_INT(loop_run_once(f.loop, 1000), 1);
	CHECK_INT(f.exits, 3);
	teardown(&f);
	setup(&f);
	f.free_in_callback = true;
	send_signal(&f, 0);
	send_signal(&f, 0);
	f.server = fd_close(f.server);
	CHECK_INT(loop_run_once(f.loop, 1000), 1);
	CHECK_INT(f.replies, 1);
	CHECK_INT(f.disconnects, 0);
	teardown(&f);
	setup(&f);
	f.free_in_callback = true;
	send_signal(&f, 1);
	while (f.replies == 0)
		CHECK(loop_run_once(f.loop, 1000) >= 0);
	teardown(&f);
}

TEST(number_of_waiting_requests_is_bounded)
{
	struct fixture f;
	const struct shim_request q = {.op = SHIM_OP_STATE};
	char text[512];
	int r = 0, sent = 0;

	setup(&f);
	while (sent <= SHIM_REQUESTS_MAX) {
		r = shim_client_send(f.client, &q, NULL, 0, NULL, NULL, NULL);
		if (r < 0)
			break;
		sent++;
		CHECK(recv(f.server, text, sizeof(text), 0) > 0);
	}
	CHECK_INT(r, -EAGAIN);
	CHECK_INT(sent, SHIM_REQUESTS_MAX);
	shim_client_free(f.client);
	teardown(&f);
}

struct spawned {
	int calls, code;
	pid_t pid;
};

static void on_spawned(pid_t shim_pid, const struct shim_ready *ready, void *data)
{
	struct spawned *s = data;

	s->calls++;
	s->code = ready->code;
	s->pid = shim_pid;
}

TEST(program_that_says_nothing)
{
	struct loop *loop;
	struct shim_spawner *spawner;
	struct spawned s = {0};
	const struct shim_spawn spawn = {.dir = "/nowhere", .root_fd = -EBADF};

	CHECK_INT(loop_new(16, &loop, NULL), 0);
	CHECK_INT(shim_spawner_new(loop, "/nowhere/shim", &spawner, NULL), -ENOENT);
	CHECK_INT(shim_spawner_new(loop, "/bin/true", &spawner, NULL), 0);
	CHECK_INT(shim_spawn(spawner, &spawn, on_spawned, &s, NULL), 0);
	for (int i = 0; i < 100 && loop_source_count(loop) > 0; i++)
		CHECK(loop_run_once(loop, 1000) >= 0);
	CHECK_INT(s.calls, 1);
	CHECK_INT(s.code, -ECHILD);
	CHECK_INT(waitpid(s.pid, NULL, WNOHANG), -1);
	shim_spawner_free(spawner);
	loop_free(loop);
}
