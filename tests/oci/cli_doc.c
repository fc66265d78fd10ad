// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "bin/oci/commands.h"

/*
 * Prints docs/oci-cli.md from the option tables. With a file name: compares it instead, as a test.
 */

#define DOC_BYTES_MAX (1u << 20)

static void cell(const char *text, struct buf *out)
{
	for (; *text != '\0'; text++) {
		if (*text == '|')
			(void)buf_putc(out, '\\');
		(void)buf_putc(out, *text);
	}
}

static void print_option(const struct option_def *def, struct buf *out)
{
	(void)buf_puts(out, "| `");
	if (def->short_name != 0)
		(void)buf_printf(out, "-%c`, `", def->short_name);
	(void)buf_printf(out, "--%s", def->name);
	if (def->value != NULL) {
		(void)buf_putc(out, ' ');
		cell(def->value, out);
	}
	(void)buf_puts(out, "` | ");
	if (def->kind == OPTION_REFUSED)
		(void)buf_puts(out, "**refused**: ");
	cell(def->help, out);
	(void)buf_puts(out, def->kind == OPTION_LIST ? " (repeatable) |\n" : " |\n");
}

static void print_options(const struct option_def *defs, size_t count, struct buf *out)
{
	if (count == 0)
		return;
	(void)buf_puts(out, "\n| option | effect |\n|---|---|\n");
	for (size_t i = 0; i < count; i++)
		print_option(&defs[i], out);
}

static void print_command(const struct command_def *c, struct buf *out)
{
	(void)buf_printf(out, "\n## %s\n\n", c->name);
	if (c->refused != NULL) {
		(void)buf_printf(out, "**Refused**: %s.\n", c->refused);
		return;
	}
	(void)buf_printf(out, "`bulkhead-oci %s%s%s%s`: %s.\n", c->name,
		c->option_count > 0 ? " [OPTION...]" : "", c->arguments[0] != '\0' ? " " : "",
		c->arguments, c->summary);
	print_options(c->options, c->option_count, out);
}

static void print_document(struct buf *out)
{
	(void)buf_puts(out, "# Command line of bulkhead-oci\n\n"
			    "Made from the option tables in `src/bin/oci/commands.c` by "
			    "`tests/oci/cli_doc.c`; do not "
			    "edit.\n"
			    "The spelling is that of runc 1.1 and 1.2. An option takes its value "
			    "as `--name value` or "
			    "`--name=value`; one dash does for two.\n\n"
			    "`bulkhead-oci [GLOBAL OPTION...] COMMAND [OPTION...] [ARG...]`\n\n"
			    "## Global options\n");
	print_options(global_options, global_option_count, out);
	for (unsigned int i = 0; i < COMMAND_COUNT; i++)
		print_command(&commands[i], out);
}

int main(int argc, char **argv)
{
	_cleanup_buf_ struct buf doc, file;
	int same;

	buf_init(&doc, DOC_BYTES_MAX);
	buf_init(&file, DOC_BYTES_MAX);
	print_document(&doc);
	if (buf_status(&doc) < 0)
		return 1;
	if (argc < 2)
		return fd_write_all(STDOUT_FILENO, doc.data, doc.len) < 0;
	same = fd_read_file(AT_FDCWD, argv[1], &file) == 0 && file.len == doc.len &&
	       memcmp(file.data, doc.data, doc.len) == 0;
	printf("1..1\n%sok 1 - %s is what the option tables say\n", same ? "" : "not ", argv[1]);
	return !same;
}
