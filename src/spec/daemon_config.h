// SPDX-License-Identifier: Apache-2.0
#ifndef BULKHEAD_SPEC_DAEMON_CONFIG_H
#define BULKHEAD_SPEC_DAEMON_CONFIG_H

/*
 * daemon.json: dockerd's keys and Bulkhead's. A key is enforced, or refused by name; a key that
 * nobody knows is refused with its line, column and the nearest known key.
 */

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/log.h"
#include "spec/docker_create.h"

#define DAEMON_CONFIG_BYTES_MAX (1u << 20)

struct daemon_id_range {
	uint32_t first, count; /* ids on the host handed out in blocks of 65,536 */
};

struct daemon_config {
	struct oci_strings hosts; /* "unix:///run/bulkhead.sock"; empty: the default socket */
	const char *data_root, *exec_root, *pidfile, *group; /* NULL: the program's default */
	bool has_log_level;
	enum log_level log_level;
	bool debug;
	enum docker_isolation isolation; /* of containers that name none; never DEFAULT */
	bool no_new_privileges;
	bool engine_socket;           /* containers may bind the engine's own socket */
	struct docker_log_config log; /* default of containers */
	const struct daemon_id_range *id_ranges;
	size_t id_range_count;     /* 0: the documented default block */
	struct oci_strings labels; /* "key=value", shown by `docker info` */
	uint64_t default_shm_size; /* 0: 64 MiB */
	const struct docker_ulimit *ulimits;
	size_t ulimit_count;
	const struct json *tree; /* NULL without a file */
};

/* The values used without any file. */
void daemon_config_init(struct daemon_config *config);
/* Decode a parsed document into config (initialised); it is untouched on failure. */
int daemon_config_decode(const struct json *tree, struct arena *a, struct daemon_config *config,
	struct bh_error *err);
/* Read, parse and decode a file; messages start with its path. -ENOENT if it is absent. */
int daemon_config_load(
	const char *path, struct arena *a, struct daemon_config *config, struct bh_error *err);
/* Whether the file gave this key: a flag for the same setting is then a conflict. */
bool daemon_config_has(const struct daemon_config *config, const char *key);
/* Fill in what a container left to the daemon: log driver and options (options only where the
 * driver is the daemon's too) and the size of /dev/shm. The record then says what the container
 * has. */
void daemon_config_apply(const struct daemon_config *config, struct docker_host_config *host);
/* Every key that is known, by index, for the documentation; *ret_enforced: not refused. */
size_t daemon_config_key_count(void);
/* ret_remedy: NULL if the key is enforced, else what to do instead. */
const char *daemon_config_key(size_t index, const char **ret_remedy);
/* Whether there is such a key; ret_remedy as above. */
bool daemon_config_knows(const char *key, const char **ret_remedy);
/* "isolation=process" and the like, from exec-opts or --exec-opt. */
int daemon_config_exec_opt(struct daemon_config *config, const char *text, struct bh_error *err);

#endif
