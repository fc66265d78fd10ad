// SPDX-License-Identifier: Apache-2.0
/* Images: list, inspect, history, tag, delete. */
#include <errno.h>
#include <string.h>

#include "api/docker/describe.h"
#include "api/docker/docker.h"
#include "api/route.h"
#include "base/mem.h"
#include "image/image.h"
#include "spec/docker_filters.h"

static const char *const filter_names[] = {
	"before", "dangling", "label", "reference", "since", "until", NULL};

/* The image that args[0] names; else answered. */
static const struct image *find_image(struct api_request *r)
{
	struct bh_error err = BH_ERROR_INIT;
	struct guard_object object;
	const struct image *image;
	int code = engine_image_find(api_engine(r), r->args[0], &image, &err);

	if (code == 0) {
		object = (struct guard_object){image->owner, image->tenant};
		code = guard_decide(r->x->caller, r->route->verb, &object, &err);
	}
	if (code < 0) {
		api_fail(r, code, &err);
		return NULL;
	}
	return image;
}

static void put_tags(struct json_writer *w, const struct image *image)
{
	json_key(w, "RepoTags");
	json_begin_array(w);
	for (size_t i = 0; i < image->tag_count; i++)
		json_put_string(w, image->tags[i]);
	json_end_array(w);
	json_key(w, "RepoDigests");
	json_begin_array(w);
	json_end_array(w);
}

/* Docker's reference patterns: a glob over "name:tag" or "name". */
static bool tag_matches(const char *tag, const char *want)
{
	size_t len = strlen(want);
	const char *star = strchr(want, '*');

	if (star != NULL)
		return strncmp(tag, want, (size_t)(star - want)) == 0;
	return strncmp(tag, want, len) == 0 && (tag[len] == '\0' || tag[len] == ':');
}

static bool match_reference(const struct docker_filters *f, const struct image *image)
{
	const struct oci_strings *values = docker_filters_get(f, "reference");

	for (size_t i = 0; values != NULL && i < values->count; i++)
		for (size_t j = 0; j < image->tag_count; j++)
			if (tag_matches(image->tags[j], values->items[i]))
				return true;
	return values == NULL;
}

static bool match_dangling(const struct docker_filters *f, const struct image *image)
{
	bool dangling = image->tag_count == 0;

	return docker_filters_match(f, "dangling", dangling ? "true" : "false") ||
	       docker_filters_match(f, "dangling", dangling ? "1" : "0");
}

static void put_image(struct json_writer *w, struct api_request *r, const struct image *image)
{
	json_begin_object(w);
	json_member_string(w, "Id", image->id);
	json_member_string(w, "ParentId", "");
	put_tags(w, image);
	json_member_int(w, "Created", image->created_ns / 1000000000);
	json_member_int(w, "Size", (int64_t)image->size);
	json_member_int(w, "SharedSize", -1);
	if (r->version < 44)
		json_member_int(w, "VirtualSize", (int64_t)image->size);
	json_key(w, "Labels");
	docker_put_labels(w, image->labels, image->label_count);
	json_member_int(w, "Containers", engine_image_users(api_engine(r), image));
	json_end_object(w);
}

/* before= and since= name images; filters that need more than a comparison are refused. */
static int read_bounds(
	struct api_request *r, const struct docker_filters *f, int64_t *before, int64_t *since)
{
	const char *const names[] = {"before", "since"};
	int64_t *const bounds[] = {before, since};
	struct bh_error err = BH_ERROR_INIT;
	const struct image *image;

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		const struct oci_strings *values = docker_filters_get(f, names[i]);
		int code;

		if (values == NULL)
			continue;
		code = engine_image_find(api_engine(r), values->items[0], &image, &err);
		if (code < 0) {
			api_fail(r, code, &err);
			return code;
		}
		*bounds[i] = image->created_ns;
	}
	if (docker_filters_get(f, "until") != NULL) {
		api_error(r, 400, "not supported by this build yet: image filter until");
		return -ENOTSUP;
	}
	return 0;
}

void docker_images_list(struct api_request *r)
{
	_cleanup_buf_ struct buf out = {0};
	struct json_writer w = JSON_WRITER(&out);
	struct bh_error err = BH_ERROR_INIT;
	struct docker_filters f;
	const struct image *image = NULL;
	int64_t before = INT64_MAX, since = INT64_MIN;
	int code = docker_filters_parse(api_query(r, "filters"), filter_names, &r->arena, &f, &err);

	if (code < 0) {
		api_fail(r, code, &err);
		return;
	}
	if (read_bounds(r, &f, &before, &since) < 0)
		return;
	buf_init(&out, API_ANSWER_MAX);
	json_begin_array(&w);
	while ((image = engine_image_next(api_engine(r), image)) != NULL) {
		struct guard_object object = {image->owner, image->tenant};

		if (match_reference(&f, image) && match_dangling(&f, image) &&
			docker_filters_match_labels(
				&f, "label", image->labels, image->label_count) &&
			image->created_ns < before && image->created_ns > since &&
			guard_decide(r->x->caller, GUARD_IMAGE_READ, &object, NULL) == 0)
			put_image(&w, r, image);
	}
	json_end_array(&w);
	api_json(r, 200, &out);
}

static void put_member(struct json_writer *w, const char *key, const struct json *value)
{
	json_key(w, key);
	if (value != NULL)
		json_put_tree(w, value);
	else
		json_put_null(w);
}

static void put_layers(struct json_writer *w, const struct image *image)
{
	json_key(w, "RootFS");
	json_begin_object(w);
	json_member_string(w, "Type", "layers");
	json_key(w, "Layers");
	json_begin_array(w);
	for (size_t i = 0; i < image->layer_count; i++)
		json_put_string(w, image->diff_ids[i]);
	json_end_array(w);
	json_end_object(w);
	json_key(w, "Metadata");
	json_begin_object(w);
	api_member_time(w, "LastTagTime", image->tagged_ns);
	json_end_object(w);
}

static void put_origin(struct json_writer *w, const struct image *image)
{
	json_member_string(w, "Id", image->id);
	put_tags(w, image);
	json_member_string(w, "Parent", "");
	json_member_string(w, "Comment", image->comment);
	api_member_time(w, "Created", image->created_ns);
	json_member_string(w, "DockerVersion", "");
	json_member_string(w, "Author", image->author);
	json_member_string(w, "Architecture", image->architecture);
	if (image->variant[0] != '\0')
		json_member_string(w, "Variant", image->variant);
	json_member_string(w, "Os", image->os);
	json_member_int(w, "Size", (int64_t)image->size);
	json_key(w, "GraphDriver");
	json_begin_object(w);
	json_member_string(w, "Name", "overlayfs");
	json_key(w, "Data");
	json_put_null(w);
	json_end_object(w);
}

/* The image's own configuration document, parsed; else answered with 500. */
static const struct json *parse_config(struct api_request *r, const struct image *image)
{
	struct bh_error err = BH_ERROR_INIT;
	const struct json *tree;
	int code = json_parse(image->config_json, image->config_len, &r->arena, &tree, &err);

	if (code == 0)
		return tree;
	api_error(r, 500, "configuration of %s: %s", image->id, bh_error_text(&err, code));
	return NULL;
}

void docker_image_inspect(struct api_request *r)
{
	_cleanup_buf_ struct buf out = {0};
	struct json_writer w = JSON_WRITER(&out);
	const struct image *image = find_image(r);
	const struct json *tree = image != NULL ? parse_config(r, image) : NULL;

	if (tree == NULL)
		return;
	buf_init(&out, API_ANSWER_MAX);
	json_begin_object(&w);
	put_origin(&w, image);
	put_member(&w, "Config", json_get(tree, "config"));
	put_layers(&w, image);
	json_end_object(&w);
	api_json(r, 200, &out);
}

static void put_history_entry(
	struct json_writer *w, const struct json *entry, const struct image *image, bool newest)
{
	const char *created_by = json_get_string(entry, "created_by");
	const char *comment = json_get_string(entry, "comment");

	json_begin_object(w);
	json_member_string(w, "Id", newest ? image->id : "<missing>");
	json_member_int(w, "Created", image->created_ns / 1000000000);
	json_member_string(w, "CreatedBy", created_by != NULL ? created_by : "");
	json_key(w, "Tags");
	if (newest && image->tag_count > 0) {
		json_begin_array(w);
		for (size_t i = 0; i < image->tag_count; i++)
			json_put_string(w, image->tags[i]);
		json_end_array(w);
	} else {
		json_put_null(w);
	}
	json_member_int(
		w, "Size", json_get_bool(entry, "empty_layer", false) ? 0 : (int64_t)image->size);
	json_member_string(w, "Comment", comment != NULL ? comment : "");
	json_end_object(w);
}

void docker_image_history(struct api_request *r)
{
	_cleanup_buf_ struct buf out = {0};
	struct json_writer w = JSON_WRITER(&out);
	const struct image *image = find_image(r);
	const struct json *tree = image != NULL ? parse_config(r, image) : NULL;
	const struct json *history;

	if (tree == NULL)
		return;
	/* Sizes are kept for the whole image: with one layer that is the layer's. */
	if (image->layer_count > 1) {
		api_error(r, 501, "not supported by this build yet: history of several layers");
		return;
	}
	buf_init(&out, API_ANSWER_MAX);
	history = json_get(tree, "history");
	json_begin_array(&w);
	if (history != NULL && history->type == JSON_ARRAY) {
		size_t count = history->children.count;

		for (size_t i = count; i > 0; i--) {
			const struct json *entry = history->children.first;

			for (size_t j = 1; j < i; j++)
				entry = entry->next;
			put_history_entry(&w, entry, image, i == count);
		}
	}
	json_end_array(&w);
	api_json(r, 200, &out);
}

void docker_image_tag(struct api_request *r)
{
	struct bh_error err = BH_ERROR_INIT;
	const struct image *image = find_image(r);
	const char *repo = api_query(r, "repo"), *tag = api_query(r, "tag");
	int code;

	if (image == NULL)
		return;
	if (repo == NULL || *repo == '\0') {
		api_error(r, 400, "repository name must have at least one component");
		return;
	}
	code = engine_image_tag(
		api_engine(r), image, repo, tag != NULL && *tag != '\0' ? tag : "latest", &err);
	if (code < 0)
		api_fail(r, code, &err);
	else
		api_empty(r, 201);
}

void docker_image_delete(struct api_request *r)
{
	_cleanup_buf_ struct buf report = {0};
	struct bh_error err = BH_ERROR_INIT;
	const struct image *image = find_image(r);
	int code;

	if (image == NULL)
		return;
	buf_init(&report, API_ANSWER_MAX);
	code = engine_image_remove(
		api_engine(r), r->args[0], api_query_bool(r, "force", false), &report, &err);
	if (code < 0)
		api_fail(r, code, &err);
	else
		api_json(r, 200, &report);
}
