// SPDX-License-Identifier: Apache-2.0
/* Adding, tagging and removing images: each is one transaction, then the same in memory. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"
#include "image/config.h"
#include "image/images_private.h"

static int64_t now_ns(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_REALTIME, &ts);
	return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

static void raise_event(
	struct images *im, const struct image *image, const char *action, const char *name)
{
	const struct event_attribute attribute = {"name", name};
	const struct event event = {.type = "image",
		.action = action,
		.id = image->id,
		.tenant = image->tenant,
		.attributes = &attribute,
		.attribute_count = 1};

	event_emit(im->sink, &event);
}

static void canonical_name(const struct reference *ref, char out[static REFERENCE_TEXT_MAX + 1])
{
	(void)snprintf(out, REFERENCE_TEXT_MAX + 1, "%s:%s", ref->repository,
		ref->tag[0] != '\0' ? ref->tag : "latest");
}

/* Rename the unpacked directory into place, durably. One that is there already is as good. */
static int place_layer(
	struct images *im, const char *temp, const char *diff_id, struct bh_error *err)
{
	_cleanup_close_ int tmp =
		openat(im->data, IMAGES_TEMP_DIR, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	_cleanup_close_ int layers =
		openat(im->data, IMAGES_LAYERS_DIR, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (tmp < 0 || layers < 0)
		return bh_fail_errno(err, -errno, "open the layer directories");
	if (faccessat(layers, diff_id + 7, F_OK, 0) == 0)
		return images_discard(im, IMAGES_TEMP_DIR, temp, err);
	if (renameat(tmp, temp, layers, diff_id + 7) < 0 || fsync(layers) < 0)
		return bh_fail_errno(err, -errno, "move layer %s into place", diff_id);
	return 0;
}

static int record_tag(struct images *im, const char *name, const char *id, struct bh_error *err)
{
	int r = store_exec(im->store, err,
		"INSERT INTO image_tag (name, image) VALUES (?, ?)"
		" ON CONFLICT (name) DO UPDATE SET image = excluded.image",
		"tt", name, id);

	return r < 0 ? r
		     : store_exec(im->store, err, "UPDATE image SET tagged = ? WHERE id = ?", "it",
			       now_ns(), id);
}

static int record_image(
	struct images *im, const struct images_add *add, const char *id, struct bh_error *err)
{
	int r = store_exec(im->store, err,
		"INSERT INTO layer (diff_id, owner, tenant, size) VALUES (?, ?, ?, ?)"
		" ON CONFLICT DO NOTHING",
		"ttti", add->diff_id, add->owner, add->tenant, (int64_t)add->layer_size);

	if (r == 0)
		r = store_exec(im->store, err,
			"INSERT INTO image (id, owner, tenant, config, added, tagged)"
			" VALUES (?, ?, ?, ?, ?, 0)",
			"tttbi", id, add->owner, add->tenant, add->config_json, add->config_len,
			now_ns());
	return r < 0 ? r
		     : store_exec(im->store, err,
			       "INSERT INTO image_layer (image, position, diff_id) VALUES (?, 0, "
			       "?)",
			       "tt", id, add->diff_id);
}

/* The image that had the name before loses it in memory too. */
static int refresh_tags(struct images *im, struct bh_error *err)
{
	int r = 0;

	for (struct image_entry *it = im->first; r == 0 && it != NULL; it = it->next)
		r = images_load_tags(im, it, err);
	return r;
}

static int finish(struct images *im, int r, struct bh_error *err)
{
	if (r < 0) {
		store_rollback(im->store);
		return r;
	}
	return store_commit(im->store, err);
}

int images_tag(struct images *im, const struct image *image, const struct reference *ref,
	struct bh_error *err)
{
	char name[REFERENCE_TEXT_MAX + 1];
	int r = store_begin(im->store, err);

	if (r < 0)
		return r;
	canonical_name(ref, name);
	r = finish(im, record_tag(im, name, image->id, err), err);
	if (r == 0)
		r = refresh_tags(im, err);
	if (r < 0)
		return bh_wrap(err, "tag image");
	images_entry(im, image->id)->image.tagged_ns = now_ns();
	reference_format(ref, name);
	raise_event(im, image, "tag", name);
	return 0;
}

int images_add(struct images *im, const struct images_add *add, const struct image **ret,
	struct bh_error *err)
{
	char id[IMAGE_ID_LEN + 1], name[REFERENCE_TEXT_MAX + 1];
	struct image_entry *entry;
	int r;

	images_digest(add->config_json, add->config_len, id);
	r = place_layer(im, add->layer_temp, add->diff_id, err);
	if (r < 0)
		return r;
	entry = images_entry(im, id);
	if (entry == NULL) {
		const struct image_row row = {.id = id,
			.owner = add->owner,
			.tenant = add->tenant,
			.config = add->config_json,
			.config_len = add->config_len};

		r = store_begin(im->store, err);
		if (r < 0)
			return r;
		r = record_image(im, add, id, err);
		if (r == 0 && add->tag != NULL) {
			canonical_name(add->tag, name);
			r = record_tag(im, name, id, err);
		}
		r = finish(im, r, err);
		if (r == 0)
			r = images_load_entry(im, &row, &entry, err);
		if (r == 0 && add->tag != NULL)
			r = refresh_tags(im, err);
	} else if (add->tag != NULL) {
		r = images_tag(im, &entry->image, add->tag, err);
	}
	if (r < 0 || entry == NULL)
		return bh_wrap(err, "add image");
	raise_event(im, &entry->image, "import", id);
	*ret = &entry->image;
	return 0;
}

/* ---- removal ---- */

static void report_line(struct json_writer *report, const char *key, const char *value)
{
	json_begin_object(report);
	json_member_string(report, key, value);
	json_end_object(report);
}

/* Layers without a record go after the commit; a crash in between is swept at the next start. */
static int drop_layers(struct images *im, struct image_entry *entry, struct json_writer *report,
	struct bh_error *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < entry->image.layer_count; i++) {
		const char *diff_id = entry->image.diff_ids[i];

		r = store_exec(im->store, err,
			"DELETE FROM layer WHERE diff_id = ?1 AND NOT EXISTS"
			" (SELECT 1 FROM image_layer WHERE diff_id = ?1)",
			"t", diff_id);
		if (r < 0 || store_changes(im->store) == 0)
			continue;
		r = images_discard(im, IMAGES_LAYERS_DIR, diff_id + 7, err);
		if (r == 0)
			report_line(report, "Deleted", diff_id);
	}
	return r;
}

static int delete_image(struct images *im, struct image_entry *entry, struct json_writer *report,
	struct bh_error *err)
{
	int r = store_exec(im->store, err, "DELETE FROM image WHERE id = ?", "t", entry->image.id);

	if (r < 0)
		return r;
	for (size_t i = 0; i < entry->image.tag_count; i++)
		report_line(report, "Untagged", entry->image.tags[i]);
	report_line(report, "Deleted", entry->image.id);
	raise_event(im, &entry->image, "delete", entry->image.id);
	r = drop_layers(im, entry, report, err);
	images_unload(im, entry);
	return r;
}

static int untag(struct images *im, struct image_entry *entry, const struct reference *ref,
	struct json_writer *report, struct bh_error *err)
{
	char name[REFERENCE_TEXT_MAX + 1];
	int r;

	canonical_name(ref, name);
	r = store_exec(im->store, err, "DELETE FROM image_tag WHERE name = ?", "t", name);
	if (r == 0)
		r = images_load_tags(im, entry, err);
	if (r < 0)
		return r;
	reference_format(ref, name);
	report_line(report, "Untagged", name);
	raise_event(im, &entry->image, "untag", name);
	return 0;
}

static bool has_tag(const struct image *image, const char *text, struct reference *ref)
{
	char shown[REFERENCE_TEXT_MAX + 1];

	if (reference_parse(text, ref, NULL) < 0)
		return false;
	reference_format(ref, shown);
	for (size_t i = 0; i < image->tag_count; i++)
		if (strcmp(image->tags[i], shown) == 0)
			return true;
	return false;
}

int images_remove(struct images *im, const struct images_remove *request,
	struct json_writer *report, struct bh_error *err)
{
	const struct image *image;
	struct image_entry *entry;
	struct reference ref;
	bool by_name;
	int r = images_find(im, request->text, &image, err);

	if (r < 0)
		return r;
	entry = images_entry(im, image->id);
	by_name = has_tag(image, request->text, &ref);
	if (by_name && (image->tag_count > 1 || (request->users > 0 && request->force)))
		return untag(im, entry, &ref, report, err);
	if (!by_name && image->tag_count > 1 && !request->force)
		return bh_fail(err, -EBUSY,
			"conflict: unable to delete %.12s (must be forced) - image is referenced "
			"in "
			"multiple repositories",
			image->id + 7);
	if (request->users > 0)
		return bh_fail(err, -EBUSY,
			"conflict: unable to %s %.200s (%s) - container %s is using its referenced "
			"image %.12s",
			by_name ? "remove repository reference" : "delete", request->text,
			request->users_running ? "cannot be forced"
					       : "must remove the container first",
			request->user, image->id + 7);
	return delete_image(im, entry, report, err);
}
