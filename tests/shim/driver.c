// SPDX-License-Identifier: Apache-2.0
/*
 * The engine's part in little: start a shim on a prepared directory, connect, attach, start the
 * container, copy its output, take the record. Usage: shim_driver SHIM DIRECTORY. Prints the
 * output, exits with the container's code; 99 and a text on any failure.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"
#include "engine/shim_client.h"

#define EXIT_BROKEN 99

struct driver {
	struct loop *loop;
	const char *dir;
	struct shim_client *client;
	struct loop_source *output;
	int theirs;
};

static _Noreturn void broken(const char *what, int code, const char *text)
{
	fprintf(stderr, "%s: %d %s\n", what, code, text);
	exit(EXIT_BROKEN);
}

static void ask(struct driver *d, const struct shim_request *q, const int *fds, shim_reply_fn fn)
{
	struct bh_error err = BH_ERROR_INIT;
	int r = shim_client_send(d->client, q, fds, 0, fn, d, &err);

	if (r < 0)
		broken("send", r, err.text);
}

static void check(
	struct shim_client *c, int code, const char *text, const struct json *result, void *data)
{
	if (code < 0)
		broken("request", code, text);
}

static void attached(
	struct shim_client *c, int code, const char *text, const struct json *result, void *data)
{
	struct driver *d = data;
	const struct shim_request start = {.op = SHIM_OP_START};

	check(c, code, text, result, data);
	d->theirs = fd_close(d->theirs);
	ask(d, &start, NULL, check);
}

static void copy(struct loop_source *s, int fd, uint32_t events, void *data)
{
	struct driver *d = data;
	char buf[4096];
	ssize_t n = read(fd, buf, sizeof(buf));

	if (n > 0)
		(void)fwrite(buf, 1, (size_t)n, stdout);
	else
		loop_removep(&d->output);
}

static void exited(struct shim_client *c, const struct shim_exit *record, void *data)
{
	struct driver *d = data;
	const struct shim_request shutdown_request = {.op = SHIM_OP_SHUTDOWN};

	printf("exit %d signal %d\n", record->exit_code, record->signal);
	ask(d, &shutdown_request, NULL, check);
}

static void disconnected(struct shim_client *c, int code, void *data)
{
	struct driver *d = data;

	printf("shim left\n");
	shim_client_free(d->client);
	d->client = NULL;
	if (code != -EPIPE)
		broken("disconnected", code, "");
}

static const struct shim_client_ops OPS = {.exited = exited, .disconnected = disconnected};

static void spawned(pid_t shim_pid, const struct shim_ready *ready, void *data)
{
	struct driver *d = data;
	struct bh_error err = BH_ERROR_INIT;
	const struct shim_request q = {.op = SHIM_OP_ATTACH,
		.has_stream = true,
		.attach = {.out = true, .err = true, .greeting = "hello\n"}};
	int pair[2], r;

	if (ready->code < 0)
		broken("create", ready->code, ready->text);
	r = shim_connect(d->loop, d->dir, &OPS, d, &d->client, &err);
	if (r < 0)
		broken("connect", r, err.text);
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		broken("socketpair", -errno, "");
	d->theirs = pair[1];
	r = loop_add_io(d->loop, pair[0], EPOLLIN, copy, d, &d->output, &err);
	if (r < 0)
		broken("watch", r, err.text);
	ask(d, &q, &d->theirs, attached);
}

int main(int argc, char **argv)
{
	struct driver d = {.theirs = -EBADF};
	struct bh_error err = BH_ERROR_INIT;
	struct shim_spawn spawn = {.root_fd = -EBADF};
	struct shim_spawner *spawner;

	if (argc != 3)
		broken("usage", -EINVAL, "shim_driver SHIM DIRECTORY");
	d.dir = spawn.dir = argv[2];
	if (loop_new(64, &d.loop, &err) < 0 ||
		shim_spawner_new(d.loop, argv[1], &spawner, &err) < 0 ||
		shim_spawn(spawner, &spawn, spawned, &d, &err) < 0)
		broken("spawn", err.code, err.text);
	/* Until the shim was reaped and its output has ended, no source is left. */
	while (loop_source_count(d.loop) > 0) {
		if (loop_run_once(d.loop, 20000) <= 0)
			broken("loop", -ETIMEDOUT, "nothing happens");
	}
	shim_spawner_free(spawner);
	loop_free(d.loop);
	return 0;
}
