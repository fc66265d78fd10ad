// SPDX-License-Identifier: Apache-2.0
/* The commands that are one request each. */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "bin/bulkhead/cli.h"
#include "bin/bulkhead/relay.h"

int cli_version(struct cli *cli, int argc, char **argv)
{
	_cleanup_buf_ struct buf text = {0};
	const struct json *tree;
	const char *engine;

	buf_init(&text, CLIENT_ANSWER_MAX);
	if (argc > 1)
		return cli_usage(argv[0], "unexpected argument %s", argv[1]);
	if (cli_get(cli, "/bulkhead/v1/version", &text, &tree) < 0)
		return cli_fail(cli, CLI_FAILED);
	if (cli->json) {
		cli_print(&text);
		return CLI_OK;
	}
	engine = json_get_string(tree, "version");
	(void)printf("Client:  %s\nEngine:  %s\nAPI:     %s (Docker %s to %s)\n", BULKHEAD_VERSION,
		engine != NULL ? engine : "?", json_get_string(tree, "api"),
		json_get_string(tree, "dockerApiMin"), json_get_string(tree, "dockerApi"));
	return CLI_OK;
}

static const char *text_of(const struct json *node, const char *key)
{
	const char *text = json_get_string(node, key);

	return text != NULL ? text : "";
}

/* On one line, and nothing that a terminal would obey. */
static void join_command(const struct json *words, struct buf *out)
{
	if (words == NULL || words->type != JSON_ARRAY)
		return;
	json_each (word, words) {
		const char *text = json_string(word);

		buf_puts(out, word == words->children.first ? "" : " ");
		for (; text != NULL && *text != '\0'; text++)
			buf_putc(out, iscntrl((unsigned char)*text) ? '?' : *text);
	}
}

static void print_container(const struct json *c)
{
	_cleanup_buf_ struct buf command = {0};

	buf_init(&command, CLIENT_ANSWER_MAX);
	join_command(json_get(c, "command"), &command);
	(void)printf("%-12.12s  %-20s  %-20s  %-9s  %-9s  \"%s\"\n", text_of(c, "id"),
		text_of(c, "name"), text_of(c, "image"), text_of(c, "isolation"),
		text_of(c, "state"), buf_str(&command));
}

int cli_ps(struct cli *cli, int argc, char **argv)
{
	_cleanup_buf_ struct buf text = {0};
	const struct json *tree;
	bool all = argc == 2 && (strcmp(argv[1], "-a") == 0 || strcmp(argv[1], "--all") == 0);

	buf_init(&text, CLIENT_ANSWER_MAX);
	if (argc > 2 || (argc == 2 && !all))
		return cli_usage(argv[0], "unexpected argument %s", argv[argc - 1]);
	if (cli_get(cli, all ? "/bulkhead/v1/containers?all=1" : "/bulkhead/v1/containers", &text,
		    &tree) < 0)
		return cli_fail(cli, CLI_FAILED);
	if (cli->json) {
		cli_print(&text);
		return CLI_OK;
	}
	(void)printf("%-12s  %-20s  %-20s  %-9s  %-9s  %s\n", "ID", "NAME", "IMAGE", "ISOLATION",
		"STATE", "COMMAND");
	json_each (c, tree)
		print_container(c);
	return CLI_OK;
}

static void print_image(const struct json *image)
{
	const struct json *tags = json_get(image, "RepoTags");
	const char *id = text_of(image, "Id");
	double size = (double)json_get_int(image, "Size", 0) / 1e6;

	if (strncmp(id, "sha256:", 7) == 0)
		id += 7;
	if (tags == NULL || tags->children.count == 0)
		(void)printf("%-40s  %-12.12s  %8.2f MB\n", "<none>", id, size);
	else
		json_each (tag, tags)
			(void)printf("%-40s  %-12.12s  %8.2f MB\n", json_string(tag), id, size);
}

int cli_images(struct cli *cli, int argc, char **argv)
{
	_cleanup_buf_ struct buf text = {0};
	const struct json *tree;

	buf_init(&text, CLIENT_ANSWER_MAX);
	if (argc > 1)
		return cli_usage(argv[0], "unexpected argument %s", argv[1]);
	if (cli_get(cli, "/v1.50/images/json", &text, &tree) < 0)
		return cli_fail(cli, CLI_FAILED);
	if (cli->json) {
		cli_print(&text);
		return CLI_OK;
	}
	(void)printf("%-40s  %-12s  %11s\n", "NAME", "ID", "SIZE");
	json_each (image, tree)
		print_image(image);
	return CLI_OK;
}

int cli_inspect(struct cli *cli, int argc, char **argv)
{
	_cleanup_buf_ struct buf text = {0};
	const struct json *tree;

	buf_init(&text, CLIENT_ANSWER_MAX);
	if (argc != 2)
		return cli_usage(argv[0], "CONTAINER is missing");
	if (cli_get(cli, cli_target(cli, "/v1.50/containers/", argv[1], "/json"), &text, &tree) < 0)
		return cli_fail(cli, CLI_FAILED);
	cli_print(&text);
	return CLI_OK;
}

/* ---- one request for each container named ---- */

static int ask(struct cli *cli, const struct client_request *request)
{
	_cleanup_stream_ struct client_stream s = CLIENT_STREAM_INIT;
	int r = client_open(&cli->client, request, &s, &cli->err);

	return r < 0 ? r : client_finish(&s, NULL, &cli->err);
}

/* slow: an answer may take as long as the container is given to end. */
static int for_each(
	struct cli *cli, int count, char **names, const char *method, const char *suffix, bool slow)
{
	int status = CLI_OK;

	for (int i = 0; i < count; i++) {
		struct client_request request = {
			.method = method,
			.target = cli_target(cli, "/v1.50/containers/", names[i], suffix),
			.upload_fd = -EBADF,
			.slow = slow,
		};
		int r = ask(cli, &request);

		if (r < 0 && r != -EALREADY)
			status = cli_fail(cli, CLI_FAILED);
		else
			(void)puts(names[i]);
	}
	return status;
}

int cli_start(struct cli *cli, int argc, char **argv)
{
	if (argc < 2)
		return cli_usage(argv[0], "CONTAINER is missing");
	return for_each(cli, argc - 1, argv + 1, "POST", "/start", false);
}

/* "-X VALUE" in front of the names; NULL if it is not there. */
static const char *leading_option(int *argc, char ***argv, const char *letter, const char *name)
{
	const char *value;

	if (*argc < 3 || (strcmp((*argv)[1], letter) != 0 && strcmp((*argv)[1], name) != 0))
		return NULL;
	value = (*argv)[2];
	*argc -= 2;
	*argv += 2;
	return value;
}

int cli_stop(struct cli *cli, int argc, char **argv)
{
	const char *command = argv[0];
	const char *timeout = leading_option(&argc, &argv, "-t", "--time");
	const char *suffix = "/stop";

	if (argc < 2 || argv[1][0] == '-')
		return cli_usage(command, "CONTAINER is missing");
	if (timeout != NULL)
		suffix = cli_target(cli, "/stop?t=", timeout, "");
	return for_each(cli, argc - 1, argv + 1, "POST", suffix, true);
}

int cli_kill(struct cli *cli, int argc, char **argv)
{
	const char *command = argv[0];
	const char *signal_name = leading_option(&argc, &argv, "-s", "--signal");
	const char *suffix = "/kill";

	if (argc < 2 || argv[1][0] == '-')
		return cli_usage(command, "CONTAINER is missing");
	if (signal_name != NULL)
		suffix = cli_target(cli, "/kill?signal=", signal_name, "");
	return for_each(cli, argc - 1, argv + 1, "POST", suffix, false);
}

int cli_rm(struct cli *cli, int argc, char **argv)
{
	bool force = argc > 1 && (strcmp(argv[1], "-f") == 0 || strcmp(argv[1], "--force") == 0);

	if (argc < 2 + force || argv[1 + force][0] == '-')
		return cli_usage(argv[0], "CONTAINER is missing");
	return for_each(
		cli, argc - 1 - force, argv + 1 + force, "DELETE", force ? "?force=1" : "", false);
}

int cli_wait(struct cli *cli, int argc, char **argv)
{
	int status = CLI_OK;

	if (argc < 2)
		return cli_usage(argv[0], "CONTAINER is missing");
	for (int i = 1; i < argc; i++) {
		const char *target = cli_target(cli, "/v1.50/containers/", argv[i], "/wait");
		_cleanup_buf_ struct buf text = {0};
		const struct json *tree;

		buf_init(&text, 1u << 20);
		if (client_call(&cli->client, "POST", target, NULL, &text, &cli->err) < 0 ||
			json_parse(buf_str(&text), text.len, cli->arena, &tree, &cli->err) < 0)
			status = cli_fail(cli, CLI_FAILED);
		else
			(void)printf("%d\n", (int)json_get_int(tree, "StatusCode", -1));
	}
	return status;
}

/* ---- logs and import ---- */

struct log_options {
	bool follow, timestamps;
	const char *tail, *container;
};

static int parse_log_options(int argc, char **argv, struct log_options *o)
{
	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "-f") == 0 || strcmp(argv[i], "--follow") == 0)
			o->follow = true;
		else if (strcmp(argv[i], "-t") == 0 || strcmp(argv[i], "--timestamps") == 0)
			o->timestamps = true;
		else if (strcmp(argv[i], "--tail") == 0 && i + 1 < argc)
			o->tail = argv[++i];
		else if (argv[i][0] == '-' || o->container != NULL)
			return cli_usage(argv[0], "unexpected argument %s", argv[i]);
		else
			o->container = argv[i];
	}
	return o->container != NULL ? 0 : cli_usage(argv[0], "CONTAINER is missing");
}

static int has_tty(struct cli *cli, const char *container, bool *ret)
{
	_cleanup_buf_ struct buf text = {0};
	const struct json *tree;
	int r;

	buf_init(&text, CLIENT_ANSWER_MAX);
	r = cli_get(cli, cli_target(cli, "/v1.50/containers/", container, "/json"), &text, &tree);
	if (r == 0)
		*ret = json_get_bool(json_get(tree, "Config"), "Tty", false);
	return r;
}

int cli_logs(struct cli *cli, int argc, char **argv)
{
	_cleanup_stream_ struct client_stream stream = CLIENT_STREAM_INIT;
	struct log_options o = {.tail = "all"};
	struct client_request request = {.method = "GET", .upload_fd = -EBADF};
	char suffix[128];
	bool tty = false;
	int status = parse_log_options(argc, argv, &o);

	if (status != 0)
		return status;
	if (strlen(o.tail) > 20 || strspn(o.tail, "0123456789al") != strlen(o.tail))
		return cli_usage(argv[0], "--tail is a number or \"all\"");
	(void)snprintf(suffix, sizeof(suffix),
		"/logs?stdout=1&stderr=1&tail=%s&follow=%d&timestamps=%d", o.tail, o.follow,
		o.timestamps);
	request.target = cli_target(cli, "/v1.50/containers/", o.container, suffix);
	if (has_tty(cli, o.container, &tty) < 0 ||
		client_open(&cli->client, &request, &stream, &cli->err) < 0)
		return cli_fail(cli, CLI_FAILED);
	if (stream.status >= 400 && client_finish(&stream, NULL, &cli->err) < 0)
		return cli_fail(cli, CLI_FAILED);
	if (relay_output(&stream, !tty, &cli->err) < 0)
		return cli_fail(cli, CLI_FAILED);
	return CLI_OK;
}

int cli_import(struct cli *cli, int argc, char **argv)
{
	_cleanup_stream_ struct client_stream stream = CLIENT_STREAM_INIT;
	_cleanup_close_ int file = -EBADF;
	_cleanup_buf_ struct buf text = {0};
	struct client_request request = {.method = "POST", .upload_fd = STDIN_FILENO, .slow = true};
	const struct json *tree;

	if (argc < 2 || argc > 3)
		return cli_usage(argv[0], "FILE is missing");
	if (strcmp(argv[1], "-") != 0) {
		file = open(argv[1], O_RDONLY | O_CLOEXEC);
		if (file < 0) {
			bh_fail_errno(&cli->err, -errno, "%s", argv[1]);
			return cli_fail(cli, CLI_FAILED);
		}
		request.upload_fd = file;
	}
	request.target = cli_target(
		cli, "/v1.50/images/create?fromSrc=-&repo=", argc == 3 ? argv[2] : "", "");
	buf_init(&text, 1u << 20);
	if (client_open(&cli->client, &request, &stream, &cli->err) < 0 ||
		client_finish(&stream, &text, &cli->err) < 0 ||
		json_parse(buf_str(&text), text.len, cli->arena, &tree, &cli->err) < 0)
		return cli_fail(cli, CLI_FAILED);
	if (cli->json)
		cli_print(&text);
	else
		(void)puts(text_of(tree, "status"));
	return CLI_OK;
}
