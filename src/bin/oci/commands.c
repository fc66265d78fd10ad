// SPDX-License-Identifier: Apache-2.0
#include "bin/oci/commands.h"

#include "base/mem.h"

#define FLAG(id_, name_, short_, help_)                                                            \
	{                                                                                          \
		.id = (id_), .kind = OPTION_FLAG, .name = (name_), .short_name = (short_),         \
		.help = (help_)                                                                    \
	}
#define VALUE(id_, name_, short_, value_, help_)                                                   \
	{                                                                                          \
		.id = (id_), .kind = OPTION_VALUE, .name = (name_), .short_name = (short_),        \
		.value = (value_), .help = (help_)                                                 \
	}
#define LIST(id_, name_, short_, value_, help_)                                                    \
	{                                                                                          \
		.id = (id_), .kind = OPTION_LIST, .name = (name_), .short_name = (short_),         \
		.value = (value_), .help = (help_)                                                 \
	}
#define REFUSED(id_, name_, value_, help_)                                                         \
	{                                                                                          \
		.id = (id_), .kind = OPTION_REFUSED, .name = (name_), .value = (value_),           \
		.help = (help_)                                                                    \
	}

const struct option_def global_options[] = {
	VALUE(OPT_ROOT, "root", 0, "DIR",
		"directory of the container states, best on tmpfs (default /run/bulkhead-oci; "
		"without "
		"root $XDG_RUNTIME_DIR/bulkhead-oci)"),
	VALUE(OPT_LOG, "log", 0, "FILE", "append log lines to FILE (default: standard error)"),
	VALUE(OPT_LOG_FORMAT, "log-format", 0, "FORMAT", "text (default) or json"),
	FLAG(OPT_DEBUG, "debug", 0, "log debug lines too"),
	FLAG(OPT_SYSTEMD_CGROUP, "systemd-cgroup", 0,
		"let systemd make the control groups; cgroupsPath is then SLICE:PREFIX:NAME"),
	VALUE(OPT_CGROUP_MANAGER, "cgroup-manager", 0, "MANAGER",
		"cgroupfs (default) or systemd, the same as --systemd-cgroup; disabled is refused: "
		"a container is always in groups of its own"),
	VALUE(OPT_ROOTLESS, "rootless", 0, "true|false|auto",
		"tolerate missing permission on control groups (default auto)"),
	REFUSED(OPT_CRIU, "criu", "PATH",
		"checkpoint and restore are not done, so there is no criu to choose; leave the "
		"option "
		"out"),
	FLAG(OPT_VERSION, "version", 'v', "print the version"),
	FLAG(OPT_HELP, "help", 'h', "print the usage"),
};
const size_t global_option_count = ARRAY_SIZE(global_options);

#define OPTIONS_OF_A_NEW_CONTAINER                                                                 \
	VALUE(OPT_BUNDLE, "bundle", 'b', "DIR", "the bundle (default: the working directory)"),    \
		VALUE(OPT_CONFIG, "config", 'f', "FILE",                                           \
			"read the configuration from FILE in place of the bundle's config.json"),  \
		VALUE(OPT_CONSOLE_SOCKET, "console-socket", 0, "PATH",                             \
			"unix socket that receives the master of the terminal"),                   \
		VALUE(OPT_PIDFD_SOCKET, "pidfd-socket", 0, "PATH",                                 \
			"unix socket that receives a pidfd of the container's process"),           \
		VALUE(OPT_PID_FILE, "pid-file", 0, "FILE",                                         \
			"write the pid of the container's process to FILE"),                       \
		FLAG(OPT_NO_PIVOT, "no-pivot", 0,                                                  \
			"move the root and chroot(2) in place of pivot_root(2); for a root on "    \
			"initramfs"),                                                              \
		FLAG(OPT_NO_NEW_KEYRING, "no-new-keyring", 0,                                      \
			"keep the caller's session keyring"),                                      \
		VALUE(OPT_PRESERVE_FDS, "preserve-fds", 0, "N",                                    \
			"pass N more descriptors, from 3 on, or after those of $LISTEN_FDS")

static const struct option_def create_options[] = {
	OPTIONS_OF_A_NEW_CONTAINER,
};

static const struct option_def run_options[] = {
	OPTIONS_OF_A_NEW_CONTAINER,
	FLAG(OPT_DETACH, "detach", 'd', "return once the program runs"),
	FLAG(OPT_KEEP, "keep", 0, "keep the state of the container after its end"),
	FLAG(OPT_NO_SUBREAPER, "no-subreaper", 0, "do not adopt the container's orphans"),
};

static const struct option_def kill_options[] = {
	FLAG(OPT_ALL, "all", 'a', "signal every process of the container, not only the first"),
};

static const struct option_def delete_options[] = {
	FLAG(OPT_FORCE, "force", 'f',
		"kill what runs first; also clears what an interrupted create left"),
};

static const struct option_def exec_options[] = {
	VALUE(OPT_CONSOLE_SOCKET, "console-socket", 0, "PATH",
		"unix socket that receives the master of the terminal"),
	VALUE(OPT_PIDFD_SOCKET, "pidfd-socket", 0, "PATH",
		"unix socket that receives a pidfd of the new process"),
	VALUE(OPT_CWD, "cwd", 0, "DIR", "working directory in the container"),
	LIST(OPT_ENV, "env", 'e', "NAME=VALUE", "set a variable of the environment"),
	FLAG(OPT_TTY, "tty", 't', "give the process a terminal"),
	VALUE(OPT_USER, "user", 'u', "UID[:GID]", "numeric user and group"),
	LIST(OPT_ADDITIONAL_GIDS, "additional-gids", 'g', "GID", "one more supplementary group"),
	VALUE(OPT_PROCESS, "process", 'p', "FILE",
		"read the whole process object of config.json from FILE"),
	FLAG(OPT_DETACH, "detach", 'd', "return once the program runs"),
	VALUE(OPT_PID_FILE, "pid-file", 0, "FILE", "write the pid of the new process to FILE"),
	VALUE(OPT_PROCESS_LABEL, "process-label", 0, "LABEL", "SELinux label of the process"),
	VALUE(OPT_APPARMOR, "apparmor", 0, "PROFILE", "AppArmor profile of the process"),
	FLAG(OPT_NO_NEW_PRIVS, "no-new-privs", 0,
		"set no_new_privs; it cannot be taken from a container that has it"),
	LIST(OPT_CAP, "cap", 'c', "CAPABILITY", "add a capability to the sets of the process"),
	VALUE(OPT_PRESERVE_FDS, "preserve-fds", 0, "N", "pass N more descriptors, from 3 on"),
	LIST(OPT_CGROUP, "cgroup", 0, "[CONTROLLER[,...]:]PATH",
		"run in an existing group below the container's"),
	FLAG(OPT_IGNORE_PAUSED, "ignore-paused", 0, "also in a paused container"),
};

static const struct option_def list_options[] = {
	VALUE(OPT_FORMAT, "format", 'f', "FORMAT", "table (default) or json"),
	FLAG(OPT_QUIET, "quiet", 'q', "names only"),
};

static const struct option_def ps_options[] = {
	VALUE(OPT_FORMAT, "format", 'f', "FORMAT", "table (default) or json"),
};

static const struct option_def update_options[] = {
	VALUE(OPT_RESOURCES, "resources", 'r', "FILE|-",
		"read a resources object of config.json from FILE or standard input; the other "
		"options are then not looked at"),
	VALUE(OPT_BLKIO_WEIGHT, "blkio-weight", 0, "N", "weight of block I/O, 10 to 1000"),
	VALUE(OPT_CPU_PERIOD, "cpu-period", 0, "USEC", "CFS period; 0: the kernel's default"),
	VALUE(OPT_CPU_QUOTA, "cpu-quota", 0, "USEC", "CFS quota in a period; -1: none"),
	VALUE(OPT_CPU_BURST, "cpu-burst", 0, "USEC", "CFS burst"),
	VALUE(OPT_CPU_SHARE, "cpu-share", 0, "N", "CPU weight, 2 to 262144"),
	VALUE(OPT_CPU_RT_PERIOD, "cpu-rt-period", 0, "USEC", "realtime period"),
	VALUE(OPT_CPU_RT_RUNTIME, "cpu-rt-runtime", 0, "USEC", "realtime time in a period"),
	VALUE(OPT_CPUSET_CPUS, "cpuset-cpus", 0, "LIST", "processors"),
	VALUE(OPT_CPUSET_MEMS, "cpuset-mems", 0, "LIST", "memory nodes"),
	VALUE(OPT_CPU_IDLE, "cpu-idle", 0, "0|1", "SCHED_IDLE for the group"),
	VALUE(OPT_KERNEL_MEMORY, "kernel-memory", 0, "BYTES",
		"kernel memory, where the kernel still has that limit"),
	VALUE(OPT_KERNEL_MEMORY_TCP, "kernel-memory-tcp", 0, "BYTES", "TCP buffer memory"),
	VALUE(OPT_MEMORY, "memory", 0, "BYTES", "memory; suffixes k, m, g, t; -1: no limit"),
	VALUE(OPT_MEMORY_RESERVATION, "memory-reservation", 0, "BYTES", "soft limit of memory"),
	VALUE(OPT_MEMORY_SWAP, "memory-swap", 0, "BYTES", "memory and swap together; -1: no limit"),
	VALUE(OPT_PIDS_LIMIT, "pids-limit", 0, "N", "number of processes; -1: no limit"),
	REFUSED(OPT_L3_CACHE_SCHEMA, "l3-cache-schema", "SCHEMA",
		"Intel RDT is not managed; use the resctrl file system on the container's pid"),
	REFUSED(OPT_MEM_BW_SCHEMA, "mem-bw-schema", "SCHEMA",
		"Intel RDT is not managed; use the resctrl file system on the container's pid"),
};

static const struct option_def events_options[] = {
	VALUE(OPT_INTERVAL, "interval", 0, "TIME", "time between statistics (default 5s)"),
	FLAG(OPT_STATS, "stats", 0, "print the statistics once"),
};

static const struct option_def spec_options[] = {
	VALUE(OPT_BUNDLE, "bundle", 'b', "DIR", "write it there (default: the working directory)"),
	FLAG(OPT_ROOTLESS, "rootless", 0, "for a caller without root"),
};

static const struct option_def boundary_options[] = {
	VALUE(OPT_FORMAT, "format", 'f', "FORMAT", "text (default) or json"),
};

#define OPTIONS(a) .options = (a), .option_count = ARRAY_SIZE(a)
#define CHECKPOINT_REASON                                                                          \
	"checkpoint and restore are not done: a process image written by one kernel and read by "  \
	"another would have to be trusted like the kernel itself. Stop the container and start a " \
	"new one"

const struct command_def commands[COMMAND_COUNT] = {
	[COMMAND_CREATE] = {"create", "ID", "create a container; its program waits for start",
		OPTIONS(create_options), .min_args = 1, .max_args = 1},
	[COMMAND_START] = {"start", "ID", "let the program of a created container run",
		.min_args = 1, .max_args = 1},
	[COMMAND_STATE] = {"state", "ID", "print the state of a container", .min_args = 1,
		.max_args = 1},
	[COMMAND_KILL] = {"kill", "ID [SIGNAL]",
		"send a signal (default TERM) to a container's first process",
		OPTIONS(kill_options), .min_args = 1, .max_args = 2, .stop_at_positional = true},
	[COMMAND_DELETE] = {"delete", "ID", "remove what a stopped container holds",
		OPTIONS(delete_options), .min_args = 1, .max_args = 1},
	[COMMAND_RUN] = {"run", "ID", "create, start, wait and delete a container",
		OPTIONS(run_options), .min_args = 1, .max_args = 1},
	[COMMAND_EXEC] = {"exec", "ID [COMMAND [ARG...]]", "run one more process in a container",
		OPTIONS(exec_options), .min_args = 1, .max_args = -1, .stop_at_positional = true},
	[COMMAND_LIST] = {"list", "", "list the containers below --root", OPTIONS(list_options)},
	[COMMAND_PS] = {"ps", "ID [PS-OPTION...]", "list the processes of a container",
		OPTIONS(ps_options), .min_args = 1, .max_args = -1, .stop_at_positional = true},
	[COMMAND_PAUSE] = {"pause", "ID", "freeze every process of a container", .min_args = 1,
		.max_args = 1},
	[COMMAND_RESUME] = {"resume", "ID", "thaw a paused container", .min_args = 1,
		.max_args = 1},
	[COMMAND_UPDATE] = {"update", "ID", "change the limits of a container",
		OPTIONS(update_options), .min_args = 1, .max_args = 1},
	[COMMAND_EVENTS] = {"events", "ID",
		"print statistics and out-of-memory events as JSON lines", OPTIONS(events_options),
		.min_args = 1, .max_args = 1},
	[COMMAND_FEATURES] = {"features", "", "print what this runtime can do, as JSON"},
	[COMMAND_SPEC] = {"spec", "", "write a config.json to start from", OPTIONS(spec_options)},
	[COMMAND_BOUNDARY] = {"boundary", "ID",
		"print what separates a running container from the host, as the kernel has it",
		OPTIONS(boundary_options), .min_args = 1, .max_args = 1},
	[COMMAND_CHECKPOINT] = {"checkpoint", "ID", "refused", .refused = CHECKPOINT_REASON,
		.max_args = -1},
	[COMMAND_RESTORE] = {"restore", "ID", "refused", .refused = CHECKPOINT_REASON,
		.max_args = -1},
};
