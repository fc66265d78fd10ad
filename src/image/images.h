// SPDX-License-Identifier: Apache-2.0
#ifndef BULKHEAD_IMAGE_IMAGES_H
#define BULKHEAD_IMAGE_IMAGES_H

/*
 * The image store: records of images, layers and tags, and the layer directories below the data
 * root: layers/HEX is a root file system owned by ids 0 to 65,535, named by the digest of the
 * archive it came from. All records are also kept in memory; they are few and small.
 */

#include "base/buf.h"
#include "base/error.h"
#include "base/event.h"
#include "base/json.h"
#include "image/image.h"
#include "image/reference.h"
#include "store/store.h"

struct images;

#define IMAGES_LAYERS_DIR "layers"
#define IMAGES_TRASH_DIR  "trash"
#define IMAGES_TEMP_DIR   "tmp"

/* Load the records. data_dirfd (borrowed) is the data root; its directories are made. Layer
 * directories that no record knows and unfinished ones are moved to trash/. sink may be NULL. */
int images_open(struct store *store, int data_dirfd, const struct event_sink *sink,
	struct images **ret, struct bh_error *err);
void images_free(struct images *im);

/* By digest, hex prefix or name; "No such image: x" (-ENOENT). */
int images_find(
	struct images *im, const char *text, const struct image **ret, struct bh_error *err);
const struct image *images_next(const struct images *im, const struct image *previous);
size_t images_count(const struct images *im);

struct images_add {
	const char *owner, *tenant;
	const char *config_json; /* names exactly one layer, diff_id */
	size_t config_len;
	const char *diff_id;
	uint64_t layer_size;
	const char *layer_temp;      /* name in tmp/ of the unpacked directory; moved into place */
	const struct reference *tag; /* NULL: none */
};
/* Record an image of one layer, in one transaction with its tag. The same image again is only
 * tagged. On failure layer_temp may have been moved to layers/ or trash/; never lost silently. */
int images_add(struct images *im, const struct images_add *add, const struct image **ret,
	struct bh_error *err);
int images_tag(struct images *im, const struct image *image, const struct reference *ref,
	struct bh_error *err);

/* Remove by reference: a name is untagged; with its last name, or by id, the image goes, and layers
 * that nothing refers to any more go to trash/. users: number of containers that use the image (its
 * text names one). -EBUSY unless allowed: see docker rmi. */
struct images_remove {
	const char *text; /* as the user gave it */
	bool force;
	uint32_t users;
	bool users_running;
	const char *user; /* short id of a container using it */
};
int images_remove(struct images *im, const struct images_remove *request,
	struct json_writer *report, struct bh_error *err);

/* Move an entry of the data root's directory dir into trash/, under a name of its own. */
int images_discard(struct images *im, const char *dir, const char *name, struct bh_error *err);
/* A fresh directory tmp/NAME with mode 0755; name has 33 bytes. Returns its descriptor. */
int images_temp(struct images *im, char ret_name[static 33], struct bh_error *err);
/* "sha256:HEX" of a text. */
void images_digest(const char *data, size_t len, char ret[static IMAGE_ID_LEN + 1]);

#endif
