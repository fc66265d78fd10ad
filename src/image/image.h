// SPDX-License-Identifier: Apache-2.0
#ifndef BULKHEAD_IMAGE_IMAGE_H
#define BULKHEAD_IMAGE_IMAGE_H

/*
 * An image: its configuration document, addressed by digest, and the ordered layers it stands on.
 */

#include <stdbool.h>
#include <stdint.h>

#include "base/event.h"

#define IMAGE_ID_LEN     71 /* "sha256:" and 64 hex digits */
#define IMAGE_LAYERS_MAX 127

struct image {
	char id[IMAGE_ID_LEN + 1]; /* digest of config_json */
	const char *owner, *tenant;
	const char *config_json; /* the OCI/Docker image configuration, byte for byte */
	uint64_t config_len;
	const char *architecture, *os, *variant, *author, *comment; /* from it; "" when absent */
	int64_t created_ns;                                         /* from it; 0 when absent */
	uint64_t size;           /* bytes of all layers unpacked */
	const char *const *tags; /* "name:tag" as displayed ("busybox:latest"); tag_count of them */
	size_t tag_count;
	const char *const *diff_ids; /* "sha256:...", lowest layer first */
	size_t layer_count;
	const struct event_attribute *labels;
	size_t label_count;
	int64_t tagged_ns; /* Metadata.LastTagTime, 0: never */
};

#endif
