// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "bin/oci/oci.h"
#include "sandbox/sandbox.h"

/* The build names the commit if it knows it; static analysis compiles without its flags. */
#ifndef BULKHEAD_COMMIT
#define BULKHEAD_COMMIT "unknown"
#endif

/*
 * bulkhead-oci: an OCI runtime with the command line of runc. main() parses the line and calls one
 * command; errors come back here, and go to the log and to standard error. Linked statically and
 * kept to few system calls, because it is executed once for every container.
 */

#define EXIT_EXEC_FAILED 255

/* Inode of the initial user namespace in nsfs, fixed by the kernel. */
#define INITIAL_USER_NAMESPACE 0xEFFFFFFDu

static int (*const handlers[COMMAND_COUNT])(struct oci *o, struct bh_error *err) = {
	[COMMAND_CREATE] = command_create,
	[COMMAND_START] = command_start,
	[COMMAND_STATE] = command_state,
	[COMMAND_KILL] = command_kill,
	[COMMAND_DELETE] = command_delete,
	[COMMAND_RUN] = command_run,
	[COMMAND_EXEC] = command_exec,
	[COMMAND_LIST] = command_list,
	[COMMAND_PS] = command_ps,
	[COMMAND_PAUSE] = command_pause,
	[COMMAND_RESUME] = command_resume,
	[COMMAND_UPDATE] = command_update,
	[COMMAND_EVENTS] = command_events,
	[COMMAND_FEATURES] = command_features,
	[COMMAND_SPEC] = command_spec,
	[COMMAND_BOUNDARY] = command_boundary,
};

static int print_version(struct bh_error *err)
{
	_cleanup_buf_ struct buf out;

	buf_init(&out, 4096);
	(void)buf_puts(&out, "bulkhead-oci version " BULKHEAD_VERSION "\n"
			     "commit: " BULKHEAD_COMMIT "\n"
			     "spec: " OCI_SPEC_VERSION "\n");
	return output_write(&out, err);
}

static int print_usage(const struct command_def *command, struct bh_error *err)
{
	_cleanup_buf_ struct buf out;

	buf_init(&out, 65536);
	options_usage(command, &out);
	return output_write(&out, err);
}

/* Whether a file cannot be had is told by the caller, on standard error. */
static int open_log(struct oci *o, struct bh_error *err)
{
	const char *path = options_value(&o->options, OPT_LOG);
	const char *format = options_value(&o->options, OPT_LOG_FORMAT) ?: "text";

	if (strcmp(format, "json") == 0)
		o->log.format = LOG_FORMAT_JSON;
	else if (strcmp(format, "text") != 0 && format[0] != '\0')
		return bh_fail(err, -EINVAL, "invalid log-format: %s", format);
	if (options_flag(&o->options, OPT_DEBUG))
		o->log.level = LOG_LEVEL_DEBUG;
	if (path == NULL || path[0] == '\0')
		return 0;
	o->log.fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY, 0644);
	if (o->log.fd < 0) {
		o->log.fd = STDERR_FILENO;
		return bh_fail_errno(err, -errno, "open log %s", path);
	}
	return 0;
}

static bool in_user_namespace(void)
{
	struct stat st;

	return stat("/proc/self/ns/user", &st) == 0 && st.st_ino != INITIAL_USER_NAMESPACE;
}

/* Where the states are: --root, or below /run, or below $XDG_RUNTIME_DIR for users. */
static int find_root(struct oci *o, bool user, struct bh_error *err)
{
	const char *given = options_value(&o->options, OPT_ROOT);
	const char *runtime_dir;

	o->root_given = given != NULL;
	o->root = given != NULL ? given : "/run/bulkhead-oci";
	if (given != NULL && (given[0] == '\0' || strcmp(given, "/") == 0))
		return bh_fail(err, -EINVAL, "Option --root argument should not be set to /");
	if (given != NULL || !user)
		return 0;
	runtime_dir = getenv("XDG_RUNTIME_DIR");
	if (runtime_dir != NULL && runtime_dir[0] == '/')
		o->root = arena_printf(&o->arena, "%s/bulkhead-oci", runtime_dir);
	return o->root == NULL ? bh_fail_errno(err, -ENOMEM, "state root") : 0;
}

static int choose_cgroup_manager(struct oci *o, struct bh_error *err)
{
	const char *manager = options_value(&o->options, OPT_CGROUP_MANAGER);

	o->systemd_cgroup = options_flag(&o->options, OPT_SYSTEMD_CGROUP);
	if (manager == NULL || strcmp(manager, "cgroupfs") == 0)
		return 0;
	if (strcmp(manager, "disabled") == 0)
		return bh_fail(err, -ENOTSUP,
			"--cgroup-manager=disabled is refused: without groups its device rules and "
			"limits could not be enforced and its processes not be found again; use "
			"cgroupfs");
	if (strcmp(manager, "systemd") != 0)
		return bh_fail(err, -EINVAL,
			"invalid value \"%s\" for --cgroup-manager: cgroupfs or systemd", manager);
	o->systemd_cgroup = true;
	return 0;
}

static int set_up(struct oci *o, struct bh_error *err)
{
	const char *rootless = o->options.global_rootless;
	bool user = geteuid() != 0 || in_user_namespace();
	int r = open_log(o, err);

	if (r < 0)
		return r;
	r = choose_cgroup_manager(o, err);
	if (r < 0)
		return r;
	if (rootless == NULL || rootless[0] == '\0' || strcasecmp(rootless, "auto") == 0)
		o->rootless = user;
	else if (strcasecmp(rootless, "true") == 0 || strcmp(rootless, "1") == 0)
		o->rootless = true;
	else if (strcasecmp(rootless, "false") != 0 && strcmp(rootless, "0") != 0)
		return bh_fail(err, -EINVAL, "invalid value \"%s\" for --rootless", rootless);
	return find_root(o, user, err);
}

/* The commands from which a process of a container could reach back to this executable. */
static bool enters_container(enum command_id id)
{
	return id == COMMAND_CREATE || id == COMMAND_RUN || id == COMMAND_EXEC;
}

static int run(struct oci *o, int argc, char **argv, char **envp, struct bh_error *err)
{
	int r = options_parse(argc, argv, &o->arena, &o->options, err);
	bool enters;

	if (r < 0) {
		struct bh_error ignored = BH_ERROR_INIT;

		(void)open_log(o, &ignored);
		if (r == -EINVAL && o->options.command != NULL)
			(void)print_usage(o->options.command, &ignored);
		return r;
	}
	if (o->options.help)
		return print_usage(o->options.help_of, err);
	if (options_flag(&o->options, OPT_VERSION))
		return print_version(err);
	enters = enters_container(o->options.command_id);
	if (enters)
		r = inherited_fds(o, err);
	if (r == 0 && enters)
		r = sandbox_protect_self(argv, envp, err);
	if (r < 0) {
		(void)open_log(o, NULL);
		return r;
	}
	r = set_up(o, err);
	if (r < 0)
		return r;
	log_write(&o->log, LOG_LEVEL_DEBUG, "%s %s, states in %s", o->options.command->name,
		o->options.arg_count > 0 ? o->options.args[0] : "", o->root);
	r = handlers[o->options.command_id](o, err);
	log_write(&o->log, LOG_LEVEL_DEBUG, "%s: %d", o->options.command->name, r);
	return r;
}

static void report(const struct oci *o, const struct bh_error *err, int code)
{
	const char *text = bh_error_text(err, code);

	log_write(&o->log, LOG_LEVEL_ERROR, "%s", text);
	if (o->log.fd != STDERR_FILENO)
		(void)dprintf(STDERR_FILENO, "%s: %s\n", o->log.program, text);
}

int main(int argc, char **argv, char **envp)
{
	struct oci o = {
		.arena = ARENA_INIT,
		.log = {STDERR_FILENO, LOG_LEVEL_INFO, LOG_FORMAT_TEXT, "bulkhead-oci"},
	};
	struct bh_error err = BH_ERROR_INIT;
	int r = arena_init(&o.arena, OCI_ARENA_MAX);

	if (r < 0)
		(void)bh_fail_errno(&err, r, "reserve memory");
	else
		r = run(&o, argc, argv, envp, &err);
	if (r >= 0)
		return r;
	report(&o, &err, r);
	return o.options.command == &commands[COMMAND_EXEC] ? EXIT_EXEC_FAILED : EXIT_FAILURE;
}
