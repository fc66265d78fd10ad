// SPDX-License-Identifier: Apache-2.0
#include "spec/docker_exec.h"

#include <errno.h>

#include "base/mem.h"
#include "spec/docker_read.h"

#define CREATE(name, fn, member)                                                                   \
	{                                                                                          \
		name, fn, offsetof(struct docker_exec_create, member), NULL, NULL                  \
	}

static const struct docker_key create_keys[] = {
	CREATE("AttachStdin", docker_read_bool, attach_stdin),
	CREATE("AttachStdout", docker_read_bool, attach_stdout),
	CREATE("AttachStderr", docker_read_bool, attach_stderr),
	CREATE("Tty", docker_read_bool, tty),
	CREATE("Privileged", docker_read_bool, privileged),
	CREATE("User", docker_read_string, user),
	CREATE("WorkingDir", docker_read_string, working_dir),
	CREATE("DetachKeys", docker_read_string, detach_keys),
	CREATE("Cmd", docker_read_strings, cmd),
	CREATE("Env", docker_read_strings, env),
	CREATE("ConsoleSize", docker_read_console, console_height),
};

int docker_exec_create_decode(const struct json *tree, struct arena *a,
	struct docker_exec_create *ret, struct bh_error *err)
{
	struct docker_reader r = {a, err};
	struct docker_exec_create c = {0};
	int code = docker_read_object(&r, tree, create_keys, ARRAY_SIZE(create_keys), false, &c);

	if (code < 0)
		return code;
	if (c.cmd.count == 0)
		return docker_refuse(&r, -EINVAL, "no exec command specified");
	if (c.working_dir != NULL && c.working_dir[0] != '/')
		return docker_refuse(&r, -EINVAL,
			"the working directory '%.200s' is invalid, it needs to be an absolute "
			"path",
			c.working_dir);
	*ret = c;
	return 0;
}

static int read_tty(struct docker_reader *r, const struct json *node, void *target)
{
	struct docker_exec_start *s = target;

	s->has_tty = true;
	return docker_read_bool(r, node, &s->tty);
}

static const struct docker_key start_keys[] = {
	{"Detach", docker_read_bool, offsetof(struct docker_exec_start, detach), NULL, NULL},
	{"Tty", read_tty, 0, NULL, NULL},
	{"ConsoleSize", docker_read_console, offsetof(struct docker_exec_start, console_height),
		NULL, NULL},
};

int docker_exec_start_decode(const struct json *tree, struct arena *a,
	struct docker_exec_start *ret, struct bh_error *err)
{
	struct docker_reader r = {a, err};
	struct docker_exec_start s = {0};
	int code = docker_read_object(&r, tree, start_keys, ARRAY_SIZE(start_keys), false, &s);

	if (code == 0)
		*ret = s;
	return code;
}
