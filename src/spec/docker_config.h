// SPDX-License-Identifier: Apache-2.0
#ifndef BULKHEAD_SPEC_DOCKER_CONFIG_H
#define BULKHEAD_SPEC_DOCKER_CONFIG_H

/*
 * The "Config" object of Docker's API: what an image carries as its defaults and what a container
 * is created with. Everything points into the arena of the document.
 */

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/json.h"
#include "spec/oci.h"

struct docker_pairs {
	const struct oci_pair *items;
	size_t count;
};

struct docker_config {
	const char *hostname, *domainname; /* NULL: not given */
	const char *user;                  /* NULL: not given */
	const char *working_dir;           /* NULL: not given; absolute otherwise */
	const char *image;                 /* as the client wrote it */
	const char *stop_signal; /* "SIGTERM", "TERM" or a number, checked; NULL: not given */
	bool has_stop_timeout;
	int64_t stop_timeout; /* seconds, -1: no limit */
	bool attach_stdin, attach_stdout, attach_stderr;
	bool tty, open_stdin, stdin_once;
	bool network_disabled;
	bool has_cmd, has_entrypoint; /* given and not null; the list may be empty */
	struct oci_strings env, cmd, entrypoint;
	struct docker_pairs labels;
	struct oci_strings
		volumes; /* paths of "Volumes": images may carry them, creation refuses */
	struct oci_strings exposed_ports; /* "80/tcp", informative */
	const struct json *tree;          /* the object itself */
};

/* Decode a Config object. The keys of the containers/create body that are not part of it
 * (HostConfig, NetworkingConfig) are skipped. Errors: -EINVAL with the JSON pointer. */
int docker_config_decode(
	const struct json *tree, struct arena *a, struct docker_config *ret, struct bh_error *err);

/* What a container of the image runs with: the user's settings, and the image's where the user said
 * nothing; environments and labels are joined, the user's win. Docker's rules for Cmd and
 * Entrypoint hold: an Entrypoint of the user's drops the image's Cmd, and [""] means none at all.
 * image may be NULL. -EINVAL if no command results ("no command specified"). */
int docker_config_merge(const struct docker_config *user, const struct docker_config *image,
	struct arena *a, struct docker_config *ret, struct bh_error *err);

/* Write the object with all of Docker's keys, as `inspect` shows it. */
void docker_config_write(const struct docker_config *config, struct json_writer *w);

/* Number of a signal name with or without SIG in any case, RTMIN+n, or a number 1..64; else
 * -EINVAL. */
int docker_signal_parse(const char *text);

#endif
