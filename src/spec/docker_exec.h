// SPDX-License-Identifier: Apache-2.0
#ifndef BULKHEAD_SPEC_DOCKER_EXEC_H
#define BULKHEAD_SPEC_DOCKER_EXEC_H

/* Bodies of POST /containers/ID/exec and POST /exec/ID/start. */

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/json.h"
#include "spec/oci.h"

struct docker_exec_create {
	bool attach_stdin, attach_stdout, attach_stderr;
	bool tty, privileged;
	const char *user;        /* NULL: the container's */
	const char *working_dir; /* NULL: the container's */
	const char *detach_keys; /* NULL: the default */
	struct oci_strings cmd;  /* at least one */
	struct oci_strings env;  /* in addition to the container's */
	uint16_t console_height, console_width;
};

struct docker_exec_start {
	bool detach;
	bool has_tty, tty;
	uint16_t console_height, console_width;
};

/* Both: -EINVAL with the JSON pointer. Unknown keys are ignored, as dockerd does here. */
int docker_exec_create_decode(const struct json *tree, struct arena *a,
	struct docker_exec_create *ret, struct bh_error *err);
int docker_exec_start_decode(const struct json *tree, struct arena *a,
	struct docker_exec_start *ret, struct bh_error *err);

#endif
