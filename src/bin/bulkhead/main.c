// SPDX-License-Identifier: Apache-2.0
/* bulkhead: the command line client. See bulkhead(1). */
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/listen.h"
#include "base/mem.h"
#include "bin/bulkhead/cli.h"

#define ARENA_MAX (256u << 20)

static const struct {
	const char *name, *arguments, *what;
	cli_command_fn *run;
} commands[] = {
	{"run", "[OPTIONS] IMAGE [COMMAND [ARG...]]", "create and start a container", cli_run},
	{"exec", "[OPTIONS] CONTAINER COMMAND [ARG...]", "run a command in a container", cli_exec},
	{"ps", "[-a]", "list containers", cli_ps},
	{"logs", "[-f] [-t] [--tail N] CONTAINER", "print a container's output", cli_logs},
	{"start", "CONTAINER...", "start containers", cli_start},
	{"stop", "[-t SECONDS] CONTAINER...", "end containers", cli_stop},
	{"kill", "[-s SIGNAL] CONTAINER...", "send a signal", cli_kill},
	{"wait", "CONTAINER...", "wait for the end, print exit codes", cli_wait},
	{"rm", "[-f] CONTAINER...", "remove containers", cli_rm},
	{"inspect", "CONTAINER", "print everything about a container", cli_inspect},
	{"boundary", "CONTAINER", "what separates a container from the host", cli_boundary},
	{"images", "", "list images", cli_images},
	{"import", "FILE|- [NAME[:TAG]]", "make an image of a root file system", cli_import},
	{"version", "", "print the versions of client and engine", cli_version},
};

static void print_help(FILE *to)
{
	(void)fputs("Usage: bulkhead [-H ADDRESS] [--format json] COMMAND ...\n\nCommands:\n", to);
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		(void)fprintf(to, "  %-9s %-38s %s\n", commands[i].name, commands[i].arguments,
			commands[i].what);
	(void)fputs("\nThe engine is found by -H, BULKHEAD_HOST, DOCKER_HOST, else "
		    "unix://" API_DEFAULT_SOCKET ".\n",
		to);
}

int cli_fail(const struct cli *cli, int status)
{
	(void)fprintf(stderr, "bulkhead: %s\n", bh_error_text(&cli->err, cli->err.code));
	return status;
}

int cli_usage(const char *command, const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	(void)fprintf(stderr, "bulkhead %s: %s\n", command, text);
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		if (strcmp(commands[i].name, command) == 0)
			(void)fprintf(
				stderr, "Usage: bulkhead %s %s\n", command, commands[i].arguments);
	return CLI_USAGE;
}

int cli_run_status(const struct cli *cli)
{
	const char *text = cli->err.text;

	if (strstr(text, "executable file not found") != NULL ||
		strstr(text, "no such file or directory") != NULL ||
		strstr(text, "No such file or directory") != NULL)
		return CLI_NOT_FOUND;
	if (strcasestr(text, "permission denied") != NULL ||
		strcasestr(text, "is a directory") != NULL)
		return CLI_NOT_EXECUTABLE;
	return CLI_ENGINE;
}

const char *cli_target(struct cli *cli, const char *prefix, const char *name, const char *suffix)
{
	_cleanup_buf_ struct buf out = {0};

	buf_init(&out, 64u << 10);
	buf_puts(&out, prefix);
	client_escape(&out, name);
	buf_puts(&out, suffix);
	return buf_status(&out) < 0 ? NULL : arena_strdup(cli->arena, buf_str(&out));
}

int cli_get(struct cli *cli, const char *target, struct buf *out, const struct json **ret)
{
	int r = client_call(&cli->client, "GET", target, NULL, out, &cli->err);

	if (r == 0)
		r = json_parse(buf_str(out), out->len, cli->arena, ret, &cli->err);
	return r;
}

void cli_print(const struct buf *text)
{
	(void)fputs(buf_str(text), stdout);
	if (text->len == 0 || text->data[text->len - 1] != '\n')
		(void)putchar('\n');
}

static const char *default_host(void)
{
	const char *const names[] = {"BULKHEAD_HOST", "DOCKER_HOST"};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		const char *value = getenv(names[i]);

		if (value != NULL && *value != '\0')
			return value;
	}
	return "unix://" API_DEFAULT_SOCKET;
}

/* How many arguments from argv on are the choice of JSON: 0, 1 or 2. */
static int format_option(int argc, char *const *argv)
{
	if (strcmp(argv[0], "--format=json") == 0)
		return 1;
	return argc > 1 && strcmp(argv[0], "--format") == 0 && strcmp(argv[1], "json") == 0 ? 2 : 0;
}

/* The choice of JSON may also follow the command; behind run and exec only at once, as what comes
 * later may be the container's. Returns how many arguments are left. */
static int take_format(struct cli *cli, int argc, char **argv)
{
	bool anywhere = strcmp(argv[0], "run") != 0 && strcmp(argv[0], "exec") != 0;
	int left = 1;

	for (int i = 1; i < argc; i++) {
		int taken = anywhere || left == 1 ? format_option(argc - i, argv + i) : 0;

		if (taken == 0) {
			argv[left++] = argv[i];
			continue;
		}
		cli->json = true;
		i += taken - 1;
	}
	argv[left] = NULL;
	return left;
}

/* Options in front of the command; index of the command, or -1 after a message. */
static int read_options(struct cli *cli, int argc, char **argv, const char **host)
{
	int i = 1;

	for (; i < argc && argv[i][0] == '-'; i++) {
		const char *a = argv[i];

		if ((strcmp(a, "-H") == 0 || strcmp(a, "--host") == 0) && i + 1 < argc) {
			*host = argv[++i];
		} else if (strncmp(a, "--host=", 7) == 0) {
			*host = a + 7;
		} else if (format_option(argc - i, argv + i) > 0) {
			cli->json = true;
			i += format_option(argc - i, argv + i) - 1;
		} else {
			(void)fprintf(stderr, "bulkhead: unknown or incomplete option %s\n", a);
			return -1;
		}
	}
	return i;
}

static int run_command(struct cli *cli, int argc, char **argv)
{
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		if (strcmp(commands[i].name, argv[0]) == 0)
			return commands[i].run(cli, argc, argv);
	(void)fprintf(stderr, "bulkhead: unknown command \"%s\" (see bulkhead --help)\n", argv[0]);
	return CLI_USAGE;
}

int main(int argc, char **argv)
{
	_cleanup_arena_ struct arena arena = ARENA_INIT;
	struct cli cli = {.arena = &arena};
	const char *host = default_host();
	int first, status;

	(void)signal(SIGPIPE, SIG_IGN);
	if (argc > 1 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "help") == 0)) {
		print_help(stdout);
		return CLI_OK;
	}
	if (argc > 1 && (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "-v") == 0)) {
		(void)printf("Bulkhead version %s\n", BULKHEAD_VERSION);
		return CLI_OK;
	}
	first = read_options(&cli, argc, argv, &host);
	if (first < 0 || first >= argc) {
		print_help(stderr);
		return CLI_USAGE;
	}
	if (api_host_path(host, &cli.client.path, &cli.err) < 0)
		return cli_fail(&cli, CLI_USAGE);
	if (arena_init(&arena, ARENA_MAX) < 0)
		return CLI_FAILED;
	status = run_command(&cli, take_format(&cli, argc - first, argv + first), argv + first);
	if (fflush(stdout) != 0 && status == CLI_OK)
		status = CLI_FAILED;
	return status;
}
