// SPDX-License-Identifier: Apache-2.0
#include "image/config.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "image/reference.h"

#define NS_PER_S 1000000000

int64_t image_time_parse(const char *text)
{
	struct tm tm = {0};
	int64_t ns = 0, scale = NS_PER_S / 10, offset = 0;
	const char *rest;

	rest = strptime(text, "%Y-%m-%dT%H:%M:%S", &tm);
	if (rest == NULL)
		return 0;
	if (*rest == '.')
		for (rest++; *rest >= '0' && *rest <= '9'; rest++, scale /= 10)
			ns += (*rest - '0') * scale;
	if (*rest == '+' || *rest == '-') {
		int hours, minutes;

		if (sscanf(rest + 1, "%2d:%2d", &hours, &minutes) != 2)
			return 0;
		offset = (hours * 3600 + minutes * 60) * (*rest == '-' ? -1 : 1);
	} else if (*rest != 'Z' && *rest != 'z') {
		return 0;
	}
	return ((int64_t)timegm(&tm) - offset) * NS_PER_S + ns;
}

void image_time_format(int64_t ns, char ret[static IMAGE_TIME_MAX])
{
	time_t seconds = (time_t)(ns / NS_PER_S);
	struct tm tm;
	size_t n;

	(void)gmtime_r(&seconds, &tm);
	n = strftime(ret, IMAGE_TIME_MAX, "%Y-%m-%dT%H:%M:%S", &tm);
	(void)snprintf(ret + n, IMAGE_TIME_MAX - n, ".%09dZ", (int)(ns % NS_PER_S));
}

static const char *copy_or_empty(struct arena *a, const struct json *tree, const char *key)
{
	const char *value = json_get_string(tree, key);

	return arena_strdup(a, value != NULL ? value : "");
}

static int read_diff_ids(
	const struct json *tree, struct arena *a, struct image *image, struct bh_error *err)
{
	const struct json *list = json_get(json_get(tree, "rootfs"), "diff_ids");
	const char **ids;
	size_t n = 0;

	if (list == NULL || list->type != JSON_ARRAY || list->children.count == 0)
		return bh_fail(err, -EINVAL, "/rootfs/diff_ids: a list of digests is needed");
	if (list->children.count > IMAGE_LAYERS_MAX)
		return bh_fail(
			err, -E2BIG, "/rootfs/diff_ids: more than %d layers", IMAGE_LAYERS_MAX);
	ids = arena_calloc(a, list->children.count, sizeof(*ids));
	if (ids == NULL)
		return bh_fail_errno(err, -ENOMEM, "image configuration");
	json_each (it, list) {
		const char *id = json_string(it);

		if (id == NULL || !digest_valid(id))
			return bh_fail(err, -EINVAL, "/rootfs/diff_ids/%zu: no sha256 digest", n);
		ids[n++] = arena_strdup(a, id);
	}
	image->diff_ids = ids;
	image->layer_count = n;
	return 0;
}

static int read_labels(const struct json *tree, struct arena *a, struct image *image)
{
	const struct json *labels = json_get(json_get(tree, "config"), "Labels");
	struct event_attribute *items;
	size_t n = 0;

	if (labels == NULL || labels->type != JSON_OBJECT)
		return 0;
	items = arena_calloc(a, labels->children.count, sizeof(*items));
	if (items == NULL)
		return -ENOMEM;
	json_each (it, labels) {
		const char *value = json_string(it);

		items[n].key = arena_strdup(a, it->key);
		items[n].value = arena_strdup(a, value != NULL ? value : "");
		if (items[n].key == NULL || items[n].value == NULL)
			return -ENOMEM;
		n++;
	}
	image->labels = items;
	image->label_count = n;
	return 0;
}

int image_config_parse(
	const char *text, size_t len, struct arena *a, struct image *ret, struct bh_error *err)
{
	_cleanup_arena_ struct arena scratch = ARENA_INIT;
	const struct json *tree;
	const char *created;
	int r;

	if (len > IMAGE_CONFIG_MAX)
		return bh_fail(
			err, -E2BIG, "image configuration: more than %u bytes", IMAGE_CONFIG_MAX);
	r = arena_init(&scratch, IMAGE_ARENA_MAX);
	if (r < 0)
		return bh_fail_errno(err, r, "image configuration");
	r = json_parse(text, len, &scratch, &tree, err);
	if (r == 0)
		r = read_diff_ids(tree, a, ret, err);
	if (r < 0)
		return bh_wrap(err, "image configuration");
	ret->architecture = copy_or_empty(a, tree, "architecture");
	ret->os = copy_or_empty(a, tree, "os");
	ret->variant = copy_or_empty(a, tree, "variant");
	ret->author = copy_or_empty(a, tree, "author");
	ret->comment = copy_or_empty(a, tree, "comment");
	ret->config_json = arena_strndup(a, text, len);
	ret->config_len = len;
	created = json_get_string(tree, "created");
	ret->created_ns = created != NULL ? image_time_parse(created) : 0;
	r = read_labels(tree, a, ret);
	if (r < 0 || ret->config_json == NULL || ret->comment == NULL || ret->author == NULL ||
		ret->variant == NULL || ret->os == NULL || ret->architecture == NULL)
		return bh_fail_errno(err, -ENOMEM, "image configuration");
	return 0;
}

int image_config_runtime(
	const struct image *image, struct arena *a, struct docker_config *ret, struct bh_error *err)
{
	const struct json *tree, *config;
	int r = json_parse(image->config_json, image->config_len, a, &tree, err);

	if (r < 0)
		return bh_wrap(err, "configuration of image %s", image->id);
	config = json_get(tree, "config");
	if (config == NULL || config->type != JSON_OBJECT) {
		*ret = (struct docker_config){0};
		return 0;
	}
	r = docker_config_decode(config, a, ret, err);
	return r < 0 ? bh_wrap(err, "configuration of image %s", image->id) : 0;
}

void image_config_write(const struct image_config_new *config, struct json_writer *w)
{
	char created[IMAGE_TIME_MAX];

	image_time_format(config->created_ns, created);
	json_begin_object(w);
	json_member_string(w, "architecture", config->architecture);
	if (config->variant != NULL && *config->variant != '\0')
		json_member_string(w, "variant", config->variant);
	json_member_string(w, "os", config->os);
	json_member_string(w, "created", created);
	json_member_string(w, "comment", config->comment);
	json_key(w, "config");
	docker_config_write(config->config, w);
	json_key(w, "history");
	json_begin_array(w);
	json_begin_object(w);
	json_member_string(w, "created", created);
	json_member_string(w, "comment", config->comment);
	json_end_object(w);
	json_end_array(w);
	json_key(w, "rootfs");
	json_begin_object(w);
	json_member_string(w, "type", "layers");
	json_key(w, "diff_ids");
	json_begin_array(w);
	json_put_string(w, config->diff_id);
	json_end_array(w);
	json_end_object(w);
	json_end_object(w);
}
