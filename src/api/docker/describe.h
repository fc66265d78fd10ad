// SPDX-License-Identifier: Apache-2.0
#ifndef BULKHEAD_API_DOCKER_DESCRIBE_H
#define BULKHEAD_API_DOCKER_DESCRIBE_H

/* Words and sub-objects that several answers share. */

#include "base/json.h"
#include "engine/container.h"
#include "spec/oci.h"

/* "created", "running", "exited", "dead", "removing" */
const char *docker_state_name(const struct container *c);
/* "Up 3 minutes", "Exited (0) 2 hours ago", ... */
#define DOCKER_STATUS_MAX 64
void docker_status_text(const struct container *c, char out[static DOCKER_STATUS_MAX]);
/* The members of NetworkSettings.Networks for a container in an empty compartment. */
void docker_put_networks(struct json_writer *w, const struct container *c);
/* {"key":"value"} */
void docker_put_labels(
	struct json_writer *w, const struct event_attribute *labels, size_t label_count);
/* Path and arguments as one shell-like line, for COMMAND columns. */
void docker_put_command(struct json_writer *w, const struct container *c);

#endif
