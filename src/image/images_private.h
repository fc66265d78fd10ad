// SPDX-License-Identifier: Apache-2.0
#ifndef BULKHEAD_IMAGE_IMAGES_PRIVATE_H
#define BULKHEAD_IMAGE_IMAGES_PRIVATE_H

#include "base/arena.h"
#include "image/images.h"

#define IMAGE_ENTRY_MAX (16u << 20)

struct image_entry {
	struct image image; /* first: a struct image of the store is also its entry */
	struct image_entry *next;
	struct arena arena;
	const char **tag_items;
};

struct images {
	struct store *store;
	int data; /* borrowed */
	const struct event_sink *sink;
	struct image_entry *first;
	size_t count;
};

struct image_row {
	const char *id, *owner, *tenant;
	const char *config;
	size_t config_len;
	int64_t tagged;
};

struct image_entry *images_entry(const struct images *im, const char *id);
int images_load_entry(struct images *im, const struct image_row *row, struct image_entry **ret,
	struct bh_error *err);
/* Read the names of an image again. */
int images_load_tags(struct images *im, struct image_entry *entry, struct bh_error *err);
void images_unload(struct images *im, struct image_entry *entry);

#endif
