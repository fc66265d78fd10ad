// SPDX-License-Identifier: Apache-2.0
#include "bin/oci/exec_process.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "bin/oci/environment.h"

static size_t count_items(const struct options *o, enum option_id id)
{
	size_t n = 0;

	for (size_t i = 0; i < o->item_count; i++)
		n += o->items[i].id == id;
	return n;
}

static int set_args(struct oci *o, struct oci_process *p, struct bh_error *err)
{
	if (o->options.arg_count < 2)
		return bh_fail(err, -EINVAL, "exec args cannot be empty");
	p->args.items = (const char **)(o->options.args + 1);
	p->args.count = (size_t)o->options.arg_count - 1;
	return 0;
}

static int set_env(struct oci *o, struct oci_process *p, struct bh_error *err)
{
	const struct options *opts = &o->options;
	size_t count = 0;
	const char **variables = arena_calloc(&o->arena, opts->item_count + 1, sizeof(*variables));

	if (variables == NULL)
		return bh_fail_errno(err, -ENOMEM, "environment");
	for (size_t i = 0; i < opts->item_count; i++) {
		if (opts->items[i].id == OPT_ENV)
			variables[count++] = opts->items[i].text;
	}
	return environment_set(&p->env, variables, count, &o->arena, err);
}

static int parse_id(
	const char *text, size_t len, const char *what, uint32_t *ret, struct bh_error *err)
{
	char number[16];
	uint64_t v;

	if (len >= sizeof(number))
		return bh_fail(err, -EINVAL, "bad %s: %.*s", what, (int)len, text);
	memcpy(number, text, len);
	number[len] = '\0';
	if (number_parse(number, UINT32_MAX - 1, &v) < 0)
		return bh_fail(err, -EINVAL, "bad %s: \"%s\" is not a number", what, number);
	*ret = (uint32_t)v;
	return 0;
}

static int set_user(struct oci *o, struct oci_process *p, struct bh_error *err)
{
	const char *user = options_value(&o->options, OPT_USER);
	size_t uid_len;
	int r;

	if (user == NULL)
		return 0;
	uid_len = strcspn(user, ":");
	r = parse_id(user, uid_len, "uid", &p->user.uid, err);
	if (r == 0 && user[uid_len] == ':')
		r = parse_id(
			user + uid_len + 1, strlen(user + uid_len + 1), "gid", &p->user.gid, err);
	return r;
}

static int set_groups(struct oci *o, struct oci_process *p, struct bh_error *err)
{
	const struct options *opts = &o->options;
	size_t extra = count_items(opts, OPT_ADDITIONAL_GIDS), count = p->user.additional_gid_count;
	uint32_t *gids;
	int r;

	if (extra == 0)
		return 0;
	gids = arena_calloc(&o->arena, count + extra, sizeof(*gids));
	if (gids == NULL)
		return bh_fail_errno(err, -ENOMEM, "groups");
	if (count > 0)
		memcpy(gids, p->user.additional_gids, count * sizeof(*gids));
	for (size_t i = 0; i < opts->item_count; i++) {
		if (opts->items[i].id != OPT_ADDITIONAL_GIDS)
			continue;
		r = parse_id(opts->items[i].text, strlen(opts->items[i].text), "additional gid",
			&gids[count++], err);
		if (r < 0)
			return r;
	}
	p->user.additional_gids = gids;
	p->user.additional_gid_count = count;
	return 0;
}

/* A name from a newer kernel is as unknown here as in config.json: told, not granted. */
static void set_capabilities(struct oci *o, struct oci_process *p)
{
	const struct options *opts = &o->options;

	for (size_t i = 0; i < opts->item_count; i++) {
		uint64_t bit;
		int number;

		if (opts->items[i].id != OPT_CAP)
			continue;
		number = oci_capability_parse(opts->items[i].text);
		if (number < 0) {
			log_write(&o->log, LOG_LEVEL_WARN,
				"--cap: no capability is named \"%s\": it is not granted",
				opts->items[i].text);
			continue;
		}
		bit = UINT64_C(1) << number;
		p->has_capabilities = true;
		p->capabilities[OCI_CAP_BOUNDING] |= bit;
		p->capabilities[OCI_CAP_EFFECTIVE] |= bit;
		p->capabilities[OCI_CAP_PERMITTED] |= bit;
		/* Ambient follows inheritable, which --cap leaves alone. */
		if ((p->capabilities[OCI_CAP_INHERITABLE] & bit) != 0)
			p->capabilities[OCI_CAP_AMBIENT] |= bit;
	}
}

static int from_file(struct oci *o, const char *path, struct oci_process *ret, struct bh_error *err)
{
	const struct json *tree;
	int r = document_read(path, NULL, &o->arena, &tree, err);

	if (r == 0)
		r = oci_process_decode(tree, &o->arena, ret, err);
	if (r < 0)
		(void)bh_wrap(err, "--process");
	return r;
}

int exec_process_build(struct oci *o, const struct oci_config *config, struct oci_process *ret,
	struct bh_error *err)
{
	const struct options *opts = &o->options;
	struct oci_process p = {0};
	int r;

	if (options_value(opts, OPT_PROCESS) != NULL)
		return from_file(o, options_value(opts, OPT_PROCESS), ret, err);
	if (!config->has_process)
		return bh_fail(err, -EINVAL,
			"the container has no process object to take defaults from; use --process");
	p = config->process;
	p.terminal = options_flag(opts, OPT_TTY);
	p.cwd = options_value(opts, OPT_CWD) ?: p.cwd;
	p.apparmor_profile = options_value(opts, OPT_APPARMOR) ?: p.apparmor_profile;
	p.selinux_label = options_value(opts, OPT_PROCESS_LABEL) ?: p.selinux_label;
	p.no_new_privileges = p.no_new_privileges || options_flag(opts, OPT_NO_NEW_PRIVS);
	if (p.cwd[0] != '/')
		return bh_fail(err, -EINVAL, "Cwd must be an absolute path");
	r = set_args(o, &p, err);
	if (r == 0)
		r = set_env(o, &p, err);
	if (r == 0)
		r = set_user(o, &p, err);
	if (r == 0)
		r = set_groups(o, &p, err);
	if (r < 0)
		return r;
	set_capabilities(o, &p);
	*ret = p;
	return 0;
}
