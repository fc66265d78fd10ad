// SPDX-License-Identifier: Apache-2.0
#ifndef BULKHEAD_IMAGE_CONFIG_H
#define BULKHEAD_IMAGE_CONFIG_H

/*
 * The image configuration document (OCI image specification, config.md; Docker's v1 image JSON):
 * reading what the engine needs from one, and making one for an import.
 */

#include "base/arena.h"
#include "base/buf.h"
#include "base/error.h"
#include "image/image.h"
#include "spec/docker_config.h"

#define IMAGE_CONFIG_MAX     (4u << 20)
#define IMAGE_ARENA_MAX      (64u << 20)
#define IMAGE_CHANGES_MAX    256
#define IMAGE_CHANGE_LEN_MAX 65536

/* Fill what follows from text in ret: architecture, os, variant, author, comment, created_ns,
 * diff_ids, labels, config_json, config_len. All of it lives in a. -EINVAL names the place. */
int image_config_parse(
	const char *text, size_t len, struct arena *a, struct image *ret, struct bh_error *err);
/* The "config" object alone, decoded. */
int image_config_runtime(const struct image *image, struct arena *a, struct docker_config *ret,
	struct bh_error *err);

struct image_config_new {
	const char *architecture, *os, *variant; /* variant may be NULL */
	const char *comment;
	int64_t created_ns;
	const char *diff_id;
	const struct docker_config *config;
};
/* Write the document of an image with one layer. */
void image_config_write(const struct image_config_new *config, struct json_writer *w);

/* Apply the Dockerfile instructions of `--change` to an empty configuration: CMD, ENTRYPOINT, ENV,
 * EXPOSE, LABEL, STOPSIGNAL, USER, VOLUME, WORKDIR. Others are refused by name. */
int image_changes_apply(const char *const *changes, size_t count, struct arena *a,
	struct docker_config *ret, struct bh_error *err);

/* RFC 3339 to CLOCK_REALTIME nanoseconds; 0 for what is no time. */
int64_t image_time_parse(const char *text);
/* "2026-11-24T22:10:00.123456789Z" */
#define IMAGE_TIME_MAX 40
void image_time_format(int64_t ns, char ret[static IMAGE_TIME_MAX]);

#endif
