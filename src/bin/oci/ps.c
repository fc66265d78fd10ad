// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "bin/oci/oci.h"

#define PS_OUTPUT_MAX (16u << 20)

struct pids {
	pid_t *items;
	size_t count;
};

static void print_json(const struct pids *pids, struct buf *out)
{
	struct json_writer w = JSON_WRITER(out);

	json_begin_array(&w);
	for (size_t i = 0; i < pids->count; i++)
		json_put_int(&w, pids->items[i]);
	json_end_array(&w);
	(void)buf_putc(out, '\n');
}

/* In the child: become ps(1). */
static void exec_ps(struct oci *o, int output)
{
	char **args = o->options.args; /* the container's name makes room for argv[0] */
	char *fallback[] = {(char *)"ps", (char *)"-ef", NULL};

	if (dup2(output, STDOUT_FILENO) < 0)
		_exit(126);
	args[0] = (char *)"ps";
	(void)execvp("ps", args[1] != NULL ? args : fallback);
	_exit(127);
}

/* Run ps(1) of the host and collect its output. */
static int run_ps(struct oci *o, struct buf *out, struct bh_error *err)
{
	_cleanup_close_ int from = -EBADF;
	int ends[2], status, r;
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return bh_fail_errno(err, -errno, "make a pipe");
	from = ends[0];
	pid = fork();
	if (pid == 0)
		exec_ps(o, ends[1]);
	(void)close(ends[1]);
	if (pid < 0)
		return bh_fail_errno(err, -errno, "start ps");
	r = fd_read_all(from, out);
	if (r < 0)
		(void)kill(pid, SIGKILL);
	if (TEMP_FAILURE_RETRY(waitpid(pid, &status, 0)) < 0 || r < 0)
		return bh_fail_errno(err, r < 0 ? r : -errno, "read the output of ps");
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		return bh_fail(err, -EIO,
			WIFEXITED(status) && WEXITSTATUS(status) == 127
				? "ps is not installed; use --format json"
				: "ps failed");
	return 0;
}

/* Which blank-separated field of the title line is PID; -1: none. */
static int pid_column(const char *line, size_t len)
{
	int column = 0;

	for (size_t i = 0; i < len; column++) {
		size_t start;

		while (i < len && line[i] == ' ')
			i++;
		start = i;
		while (i < len && line[i] != ' ')
			i++;
		if (i - start == 3 && memcmp(line + start, "PID", 3) == 0)
			return column;
	}
	return -1;
}

static pid_t pid_of_line(const char *line, size_t len, int column)
{
	size_t i = 0;

	for (;; column--) {
		while (i < len && line[i] == ' ')
			i++;
		if (column == 0)
			return i < len ? (pid_t)strtol(line + i, NULL, 10) : -1;
		while (i < len && line[i] != ' ')
			i++;
	}
}

static bool contains(const struct pids *pids, pid_t pid)
{
	for (size_t i = 0; i < pids->count; i++) {
		if (pids->items[i] == pid)
			return true;
	}
	return false;
}

static int filter_lines(
	const struct buf *all, const struct pids *pids, struct buf *out, struct bh_error *err)
{
	int column = -1;

	for (const char *line = buf_str(all); *line != '\0';) {
		size_t len = strcspn(line, "\n");
		bool title = line == all->data;

		if (title)
			column = pid_column(line, len);
		if (column < 0)
			return bh_fail(err, -EINVAL, "couldn't find PID field in ps output");
		if (title || contains(pids, pid_of_line(line, len, column)))
			(void)buf_printf(out, "%.*s\n", (int)len, line);
		line += len + (line[len] == '\n');
	}
	return 0;
}

int command_ps(struct oci *o, struct bh_error *err)
{
	_cleanup_container_ struct container c = CONTAINER_INIT;
	const char *format = options_value(&o->options, OPT_FORMAT) ?: "table";
	_cleanup_buf_ struct buf all = {0}, out = {0};
	struct pids pids;
	int r;

	buf_init(&all, PS_OUTPUT_MAX);
	buf_init(&out, PS_OUTPUT_MAX);
	if (strcmp(format, "json") != 0 && strcmp(format, "table") != 0)
		return bh_fail(err, -EINVAL, "invalid format option \"%s\": table or json", format);
	r = container_open(o, o->options.args[0], &c, err);
	if (r == 0)
		r = container_cgroup(&c, err);
	if (r < 0)
		return r;
	if (c.cgroup == NULL)
		return bh_fail(err, -ENOTSUP, "container %s has no control group to list", c.id);
	r = cgroup_pids(c.cgroup, &o->arena, &pids.items, &pids.count, err);
	if (r < 0)
		return r;
	if (strcmp(format, "json") == 0) {
		print_json(&pids, &out);
		return output_write(&out, err);
	}
	r = run_ps(o, &all, err);
	if (r == 0)
		r = filter_lines(&all, &pids, &out, err);
	return r < 0 ? r : output_write(&out, err);
}
