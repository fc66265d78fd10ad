// SPDX-License-Identifier: Apache-2.0
#ifndef BULKHEAD_ENGINE_CONTAINER_H
#define BULKHEAD_ENGINE_CONTAINER_H

/*
 * A container as the engine knows it. Everything here may be read by the api layer between two
 * turns of the event loop; only the engine writes. Strings belong to the container and live as long
 * as it or until the next engine call that changes it.
 */

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/event.h"
#include "base/json.h"

#define CONTAINER_ID_LEN   64
#define CONTAINER_NAME_MAX 255

enum container_state {
	CONTAINER_CREATED,
	CONTAINER_RUNNING,
	CONTAINER_EXITED,
	CONTAINER_DEAD, /* could not be removed whole; removal is tried again */
	CONTAINER_STATES,
};

struct container {
	char id[CONTAINER_ID_LEN + 1]; /* 64 lower-case hex digits */
	const char *name;              /* without the leading slash */
	const char *owner, *tenant;
	const char *image_ref; /* as the user gave it: Config.Image */
	const char *image_id;  /* "sha256:..." */

	/* The create body after merging the image's config and our defaults. config_json is the
	 * Docker Config object, host_config_json the HostConfig object: inspect prints them as they
	 * are. */
	const char *config_json;
	const char *host_config_json;
	const char *const
		*argv; /* entrypoint and command, NULL-terminated: Path is [0], Args the rest */
	bool tty, open_stdin, stdin_once, auto_remove;
	const char *isolation;    /* "process" */
	const char *network_mode; /* "default" or "none", as asked */
	const char *hostname;
	const struct event_attribute *labels;
	size_t label_count;

	enum container_state state;
	bool starting; /* between start and its answer */
	bool removing; /* rm was asked */
	bool oom_killed;
	pid_t pid;         /* process 1 in the host's pid namespace, 0 unless running */
	int exit_code;     /* of the last run; 128 + signal when killed by one */
	const char *error; /* why the last start failed, "" if it did not */
	uint32_t restart_count;
	int64_t created_ns, started_ns, finished_ns; /* CLOCK_REALTIME, 0: never */

	const char *log_path; /* json-file log, absolute */
	const char *hostname_path, *hosts_path, *resolv_path;
	uint32_t id_range_start; /* first host id of its 65,536 */
};

#endif
