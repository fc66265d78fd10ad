// SPDX-License-Identifier: Apache-2.0
#ifndef BULKHEAD_BIN_OCI_COMMANDS_H
#define BULKHEAD_BIN_OCI_COMMANDS_H

/*
 * The command line as data: every command and every option, with the spelling of runc 1.1 and 1.2.
 * The parser, --help and docs/oci-cli.md all come from these tables.
 */

#include <stdbool.h>
#include <stddef.h>

enum option_id {
	OPT_NONE,
	/* global */
	OPT_ROOT,
	OPT_LOG,
	OPT_LOG_FORMAT,
	OPT_DEBUG,
	OPT_SYSTEMD_CGROUP,
	OPT_CGROUP_MANAGER,
	OPT_ROOTLESS,
	OPT_CRIU,
	OPT_VERSION,
	OPT_HELP,
	/* create, run, exec */
	OPT_BUNDLE,
	OPT_CONFIG,
	OPT_CONSOLE_SOCKET,
	OPT_PIDFD_SOCKET,
	OPT_PID_FILE,
	OPT_NO_PIVOT,
	OPT_NO_NEW_KEYRING,
	OPT_PRESERVE_FDS,
	OPT_DETACH,
	OPT_KEEP,
	OPT_NO_SUBREAPER,
	OPT_CWD,
	OPT_ENV,
	OPT_TTY,
	OPT_USER,
	OPT_ADDITIONAL_GIDS,
	OPT_PROCESS,
	OPT_PROCESS_LABEL,
	OPT_APPARMOR,
	OPT_NO_NEW_PRIVS,
	OPT_CAP,
	OPT_CGROUP,
	OPT_IGNORE_PAUSED,
	/* kill, delete, list, ps, events, boundary */
	OPT_ALL,
	OPT_FORCE,
	OPT_FORMAT,
	OPT_QUIET,
	OPT_INTERVAL,
	OPT_STATS,
	/* update */
	OPT_RESOURCES,
	OPT_BLKIO_WEIGHT,
	OPT_CPU_PERIOD,
	OPT_CPU_QUOTA,
	OPT_CPU_BURST,
	OPT_CPU_SHARE,
	OPT_CPU_RT_PERIOD,
	OPT_CPU_RT_RUNTIME,
	OPT_CPUSET_CPUS,
	OPT_CPUSET_MEMS,
	OPT_CPU_IDLE,
	OPT_KERNEL_MEMORY,
	OPT_KERNEL_MEMORY_TCP,
	OPT_MEMORY,
	OPT_MEMORY_RESERVATION,
	OPT_MEMORY_SWAP,
	OPT_PIDS_LIMIT,
	OPT_L3_CACHE_SCHEMA,
	OPT_MEM_BW_SCHEMA,
	/* of the refused commands */
	OPT_REFUSED,
	OPT_COUNT,
};

enum option_kind {
	OPTION_FLAG,    /* --name, or --name=true|false */
	OPTION_VALUE,   /* --name VALUE or --name=VALUE; the last one counts */
	OPTION_LIST,    /* like a value, may be repeated */
	OPTION_REFUSED, /* known and never done: help says why */
};

struct option_def {
	enum option_id id;
	enum option_kind kind;
	char short_name; /* 0: none */
	const char *name;
	const char *value; /* name of the value in the help, NULL for flags */
	const char *help;
};

enum command_id {
	COMMAND_CREATE,
	COMMAND_START,
	COMMAND_STATE,
	COMMAND_KILL,
	COMMAND_DELETE,
	COMMAND_RUN,
	COMMAND_EXEC,
	COMMAND_LIST,
	COMMAND_PS,
	COMMAND_PAUSE,
	COMMAND_RESUME,
	COMMAND_UPDATE,
	COMMAND_EVENTS,
	COMMAND_FEATURES,
	COMMAND_SPEC,
	COMMAND_BOUNDARY,
	COMMAND_CHECKPOINT,
	COMMAND_RESTORE,
	COMMAND_COUNT,
};

struct command_def {
	const char *name;
	const char *arguments; /* what follows the options in the usage line */
	const char *summary;
	const char *refused; /* not NULL: the command is never done, and why */
	const struct option_def *options;
	size_t option_count;
	int min_args, max_args; /* positional arguments; max -1: any number */
	/* Options end at the first positional argument, so that what follows belongs to somebody
	 * else (exec: the program, ps: ps(1), kill: as runc). */
	bool stop_at_positional;
};

extern const struct option_def global_options[];
extern const size_t global_option_count;
extern const struct command_def commands[COMMAND_COUNT];

#endif
