// SPDX-License-Identifier: Apache-2.0
#include "spec/docker_config.h"

#include <errno.h>
#include <string.h>

#include "base/mem.h"
#include "spec/docker_read.h"

static int read_cmd(struct docker_reader *r, const struct json *node, void *target)
{
	struct docker_config *c = target;

	c->has_cmd = true;
	return docker_read_strings(r, node, &c->cmd);
}

static int read_entrypoint(struct docker_reader *r, const struct json *node, void *target)
{
	struct docker_config *c = target;

	c->has_entrypoint = true;
	return docker_read_strings(r, node, &c->entrypoint);
}

static int read_stop_signal(struct docker_reader *r, const struct json *node, void *target)
{
	int code = docker_read_string(r, node, target);
	const char *text = *(const char **)target;

	if (code == 0 && text != NULL && docker_signal_parse(text) < 0)
		return docker_refuse(r, -EINVAL, "invalid signal: %.64s", text);
	return code;
}

static int read_stop_timeout(struct docker_reader *r, const struct json *node, void *target)
{
	struct docker_config *c = target;
	int code = docker_read_int(r, node, &c->stop_timeout);

	if (code == 0 && c->stop_timeout < -1)
		return docker_bad(r, node, "is less than -1");
	c->has_stop_timeout = true;
	return code;
}

static int read_working_dir(struct docker_reader *r, const struct json *node, void *target)
{
	const char **out = target;
	const char *text = NULL;
	int code = docker_read_string(r, node, &text);

	if (code < 0 || text == NULL)
		return code;
	*out = docker_clean_path(r->a, text);
	if (*out == NULL)
		return docker_refuse(r, -EINVAL,
			"the working directory '%.200s' is invalid, it needs to be an absolute "
			"path",
			text);
	return 0;
}

static int read_env(struct docker_reader *r, const struct json *node, void *target)
{
	struct oci_strings *env = target;
	int code = docker_read_strings(r, node, env);

	for (size_t i = 0; code == 0 && i < env->count; i++)
		if (env->items[i][0] == '\0' || env->items[i][0] == '=')
			return docker_refuse(
				r, -EINVAL, "invalid environment variable: %.200s", env->items[i]);
	return code;
}

static int read_hostname(struct docker_reader *r, const struct json *node, void *target)
{
	int code = docker_read_string(r, node, target);
	const char *name = *(const char **)target;

	if (code == 0 && name != NULL &&
		(strlen(name) > 64 || strpbrk(name, "/ \t\r\n\"'\\") != NULL))
		return docker_refuse(r, -EINVAL, "invalid hostname: %.100s", name);
	return code;
}

#define KEY(name, fn, member)                                                                      \
	{                                                                                          \
		name, fn, offsetof(struct docker_config, member), NULL, NULL                       \
	}
#define WHOLE(name, fn)                                                                            \
	{                                                                                          \
		name, fn, 0, NULL, NULL                                                            \
	}

static const struct docker_key config_keys[] = {
	KEY("Hostname", read_hostname, hostname),
	KEY("Domainname", read_hostname, domainname),
	KEY("User", docker_read_string, user),
	KEY("AttachStdin", docker_read_bool, attach_stdin),
	KEY("AttachStdout", docker_read_bool, attach_stdout),
	KEY("AttachStderr", docker_read_bool, attach_stderr),
	KEY("ExposedPorts", docker_read_set, exposed_ports),
	KEY("Tty", docker_read_bool, tty),
	KEY("OpenStdin", docker_read_bool, open_stdin),
	KEY("StdinOnce", docker_read_bool, stdin_once),
	KEY("Env", read_env, env),
	WHOLE("Cmd", read_cmd),
	WHOLE("Entrypoint", read_entrypoint),
	KEY("Image", docker_read_string, image),
	KEY("Volumes", docker_read_set, volumes),
	KEY("WorkingDir", read_working_dir, working_dir),
	KEY("NetworkDisabled", docker_read_bool, network_disabled),
	KEY("Labels", docker_read_pairs, labels),
	KEY("StopSignal", read_stop_signal, stop_signal),
	WHOLE("StopTimeout", read_stop_timeout),
};

int docker_config_decode(
	const struct json *tree, struct arena *a, struct docker_config *ret, struct bh_error *err)
{
	struct docker_reader r = {a, err};
	struct docker_config c = {.tree = tree};
	int code = docker_read_object(&r, tree, config_keys, ARRAY_SIZE(config_keys), false, &c);

	if (code == 0)
		*ret = c;
	return code;
}

static void put_strings(struct json_writer *w, const char *key, const struct oci_strings *list)
{
	json_key(w, key);
	json_begin_array(w);
	for (size_t i = 0; i < list->count; i++)
		json_put_string(w, list->items[i]);
	json_end_array(w);
}

/* null when not given, as Go has it for nil slices */
static void put_command(
	struct json_writer *w, const char *key, bool given, const struct oci_strings *list)
{
	if (given) {
		put_strings(w, key, list);
		return;
	}
	json_key(w, key);
	json_put_null(w);
}

static void put_set(struct json_writer *w, const char *key, const struct oci_strings *set)
{
	json_key(w, key);
	json_begin_object(w);
	for (size_t i = 0; i < set->count; i++) {
		json_key(w, set->items[i]);
		json_begin_object(w);
		json_end_object(w);
	}
	json_end_object(w);
}

static void put_text(struct json_writer *w, const char *key, const char *text)
{
	json_member_string(w, key, text != NULL ? text : "");
}

void docker_config_write(const struct docker_config *c, struct json_writer *w)
{
	json_begin_object(w);
	put_text(w, "Hostname", c->hostname);
	put_text(w, "Domainname", c->domainname);
	put_text(w, "User", c->user);
	json_member_bool(w, "AttachStdin", c->attach_stdin);
	json_member_bool(w, "AttachStdout", c->attach_stdout);
	json_member_bool(w, "AttachStderr", c->attach_stderr);
	if (c->exposed_ports.count > 0)
		put_set(w, "ExposedPorts", &c->exposed_ports);
	json_member_bool(w, "Tty", c->tty);
	json_member_bool(w, "OpenStdin", c->open_stdin);
	json_member_bool(w, "StdinOnce", c->stdin_once);
	put_strings(w, "Env", &c->env);
	put_command(w, "Cmd", c->has_cmd, &c->cmd);
	put_text(w, "Image", c->image);
	if (c->volumes.count > 0) {
		put_set(w, "Volumes", &c->volumes);
	} else {
		json_key(w, "Volumes");
		json_put_null(w);
	}
	put_text(w, "WorkingDir", c->working_dir);
	put_command(w, "Entrypoint", c->has_entrypoint, &c->entrypoint);
	if (c->network_disabled)
		json_member_bool(w, "NetworkDisabled", true);
	json_key(w, "OnBuild");
	json_put_null(w);
	json_key(w, "Labels");
	json_begin_object(w);
	for (size_t i = 0; i < c->labels.count; i++)
		json_member_string(w, c->labels.items[i].key, c->labels.items[i].value);
	json_end_object(w);
	if (c->stop_signal != NULL)
		json_member_string(w, "StopSignal", c->stop_signal);
	if (c->has_stop_timeout)
		json_member_int(w, "StopTimeout", c->stop_timeout);
	json_end_object(w);
}
