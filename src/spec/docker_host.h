// SPDX-License-Identifier: Apache-2.0
#ifndef BULKHEAD_SPEC_DOCKER_HOST_H
#define BULKHEAD_SPEC_DOCKER_HOST_H

/* Inside of the HostConfig decoder: readers of its larger members. The target is the whole
 * struct docker_host_config for those that end in _whole. */

#include "spec/docker_create.h"
#include "spec/docker_read.h"

docker_read_fn docker_read_binds_whole;
docker_read_fn docker_read_mounts_whole;
docker_read_fn docker_read_tmpfs_whole;
docker_read_fn docker_read_security; /* struct docker_security */
docker_read_fn docker_read_ulimits_whole;
docker_read_fn docker_read_devices_whole;
docker_read_fn docker_read_log_config; /* struct docker_log_config */
docker_read_fn docker_read_caps;       /* struct oci_strings */

/* The whole HostConfig; ret is zeroed. */
int docker_host_config_decode(
	struct docker_reader *r, const struct json *node, struct docker_host_config *ret);

/* Log options by themselves: "max-size" and "max-file" into ret. */
int docker_read_log_option(
	struct docker_reader *r, const char *key, const char *value, struct docker_log_config *ret);
/* "64m" and the like to bytes; -EINVAL. */
int docker_parse_size(const char *text, uint64_t *ret);

#endif
