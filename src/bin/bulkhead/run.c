// SPDX-License-Identifier: Apache-2.0
/*
 * `run` and `exec`. The order of `run` is docker's: create, attach, ask for the end, start; so no
 * output and no exit code can be missed.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "bin/bulkhead/cli.h"
#include "bin/bulkhead/relay.h"
#include "bin/bulkhead/run_options.h"

#define BODY_MAX         (4u << 20)
#define EXIT_WAIT_MILLIS 2000 /* from the end of output to that of the container, before asking */

/* POST a body and give the "Id" of the answer, in the arena. */
static const char *post_for_id(struct cli *cli, const char *target, const struct buf *body)
{
	_cleanup_buf_ struct buf answer = {0};
	const struct json *tree;
	const char *id;

	buf_init(&answer, CLIENT_ANSWER_MAX);
	if (client_call(&cli->client, "POST", target, buf_str(body), &answer, &cli->err) < 0)
		return NULL;
	if (json_parse(buf_str(&answer), answer.len, cli->arena, &tree, &cli->err) < 0)
		return NULL;
	id = json_get_string(tree, "Id");
	if (id == NULL)
		bh_fail(&cli->err, -EPROTO, "the engine's answer has no Id");
	return id;
}

static const char *create(struct cli *cli, const struct run_options *o)
{
	_cleanup_buf_ struct buf body = {0};
	const char *target = "/v1.50/containers/create";

	buf_init(&body, BODY_MAX);
	if (o->name != NULL)
		target = cli_target(cli, "/v1.50/containers/create?name=", o->name, "");
	if (target == NULL || run_options_body(cli, o, &body) < 0)
		return NULL;
	return post_for_id(cli, target, &body);
}

static int open_hijack(
	struct cli *cli, const char *target, const char *body, struct client_stream *ret)
{
	struct client_request request = {.method = "POST",
		.target = target,
		.body = body,
		.upload_fd = -EBADF,
		.hijack = true};
	int r = client_open(&cli->client, &request, ret, &cli->err);

	if (r < 0)
		return r;
	if (ret->status == 101 || ret->status == 200) {
		ret->raw = true;
		return 0;
	}
	r = client_finish(ret, NULL, &cli->err);
	return r < 0 ? r : bh_fail(&cli->err, -EPROTO, "the engine did not hand over the stream");
}

static int open_wait(struct cli *cli, const char *id, bool removed, struct client_stream *ret)
{
	struct client_request request = {
		.method = "POST",
		.target = cli_target(cli, "/v1.50/containers/", id,
			removed ? "/wait?condition=removed" : "/wait?condition=next-exit"),
		.upload_fd = -EBADF,
	};
	int r = client_open(&cli->client, &request, ret, &cli->err);

	if (r == 0 && ret->status >= 400)
		r = client_finish(ret, NULL, &cli->err);
	return r;
}

/* Exit code out of the answer of a wait. */
static int take_exit_code(struct cli *cli, struct client_stream *wait)
{
	_cleanup_buf_ struct buf text = {0};
	const struct json *tree;
	const char *message;

	buf_init(&text, 1u << 20);
	if (client_finish(wait, &text, &cli->err) < 0 ||
		json_parse(buf_str(&text), text.len, cli->arena, &tree, &cli->err) < 0)
		return cli_fail(cli, CLI_ENGINE);
	message = json_get_string(json_get(tree, "Error"), "Message");
	if (message != NULL)
		(void)fprintf(stderr, "bulkhead: %s\n", message);
	return (int)json_get_int(tree, "StatusCode", CLI_ENGINE);
}

static bool is_running(struct cli *cli, const char *id)
{
	_cleanup_buf_ struct buf text = {0};
	const struct json *tree;

	buf_init(&text, CLIENT_ANSWER_MAX);
	if (cli_get(cli, cli_target(cli, "/v1.50/containers/", id, "/json"), &text, &tree) < 0)
		return false;
	return json_get_bool(json_get(tree, "State"), "Running", false);
}

/* The output has ended: because the container has, or because the user detached. */
static int end_of_run(struct cli *cli, const char *id, struct client_stream *wait)
{
	struct pollfd fd = {wait->fd, POLLIN, 0};

	if (wait->in.len == 0 && poll(&fd, 1, EXIT_WAIT_MILLIS) == 0 && is_running(cli, id))
		return CLI_OK;
	return take_exit_code(cli, wait);
}

static int start(struct cli *cli, const char *id)
{
	return client_call(&cli->client, "POST",
		cli_target(cli, "/v1.50/containers/", id, "/start"), NULL, NULL, &cli->err);
}

/* A container that never ran is of no use; with --rm nobody else would remove it. */
static int start_failed(struct cli *cli, const struct run_options *o, const char *id)
{
	int status = cli_run_status(cli);

	(void)cli_fail(cli, status);
	if (o->remove)
		(void)client_call(&cli->client, "DELETE",
			cli_target(cli, "/v1.50/containers/", id, "?force=1"), NULL, NULL, NULL);
	return status;
}

static int run_attached(struct cli *cli, const struct run_options *o, const char *id)
{
	_cleanup_stream_ struct client_stream stream = CLIENT_STREAM_INIT;
	_cleanup_stream_ struct client_stream wait = CLIENT_STREAM_INIT;
	struct relay relay = {
		.client = &cli->client,
		.stream = &stream,
		.tty = o->tty,
		.input = o->interactive,
		.resize_target = cli_target(cli, "/v1.50/containers/", id, "/resize"),
		.kill_target = cli_target(cli, "/v1.50/containers/", id, "/kill"),
	};
	const char *target = cli_target(cli, "/v1.50/containers/", id,
		o->interactive ? "/attach?stream=1&stdout=1&stderr=1&stdin=1"
			       : "/attach?stream=1&stdout=1&stderr=1");

	relay_prepare();
	if (open_hijack(cli, target, NULL, &stream) < 0 || open_wait(cli, id, o->remove, &wait) < 0)
		return cli_fail(cli, CLI_ENGINE);
	if (start(cli, id) < 0)
		return start_failed(cli, o, id);
	relay_resize(&relay);
	if (relay_run(&relay, &cli->err) < 0)
		return cli_fail(cli, CLI_ENGINE);
	return end_of_run(cli, id, &wait);
}

int cli_run(struct cli *cli, int argc, char **argv)
{
	struct run_options o = {0};
	const char *id;
	int status = run_options_parse(argc, argv, &o);

	if (status != 0)
		return status;
	id = create(cli, &o);
	if (id == NULL)
		return cli_fail(cli, CLI_ENGINE);
	if (!o.detach)
		return run_attached(cli, &o, id);
	if (start(cli, id) < 0)
		return start_failed(cli, &o, id);
	(void)puts(id);
	return CLI_OK;
}

static int exec_exit_code(struct cli *cli, const char *id)
{
	_cleanup_buf_ struct buf text = {0};
	const struct json *tree;

	buf_init(&text, CLIENT_ANSWER_MAX);
	if (cli_get(cli, cli_target(cli, "/v1.50/exec/", id, "/json"), &text, &tree) < 0)
		return cli_fail(cli, CLI_ENGINE);
	if (json_get_bool(tree, "Running", false))
		return CLI_OK; /* detached */
	return (int)json_get_int(tree, "ExitCode", CLI_ENGINE);
}

static int exec_attached(struct cli *cli, const struct run_options *o, const char *id)
{
	_cleanup_stream_ struct client_stream stream = CLIENT_STREAM_INIT;
	struct relay relay = {
		.client = &cli->client,
		.stream = &stream,
		.tty = o->tty,
		.input = o->interactive,
		.resize_target = cli_target(cli, "/v1.50/exec/", id, "/resize"),
	};
	const char *body =
		o->tty ? "{\"Detach\":false,\"Tty\":true}" : "{\"Detach\":false,\"Tty\":false}";

	relay_prepare();
	if (open_hijack(cli, cli_target(cli, "/v1.50/exec/", id, "/start"), body, &stream) < 0)
		return cli_fail(cli, cli_run_status(cli));
	relay_resize(&relay);
	if (relay_run(&relay, &cli->err) < 0)
		return cli_fail(cli, CLI_ENGINE);
	return exec_exit_code(cli, id);
}

int cli_exec(struct cli *cli, int argc, char **argv)
{
	_cleanup_buf_ struct buf body = {0};
	struct run_options o = {0};
	const char *id;
	int status = exec_options_parse(argc, argv, &o);

	if (status != 0)
		return status;
	buf_init(&body, BODY_MAX);
	if (exec_options_body(&o, &body) < 0) {
		bh_fail(&cli->err, -E2BIG, "the request is too large");
		return cli_fail(cli, CLI_ENGINE);
	}
	id = post_for_id(cli, cli_target(cli, "/v1.50/containers/", o.image, "/exec"), &body);
	if (id == NULL)
		return cli_fail(cli, CLI_FAILED);
	if (!o.detach)
		return exec_attached(cli, &o, id);
	if (client_call(&cli->client, "POST", cli_target(cli, "/v1.50/exec/", id, "/start"),
		    "{\"Detach\":true}", NULL, &cli->err) < 0)
		return cli_fail(cli, cli_run_status(cli));
	return CLI_OK;
}
