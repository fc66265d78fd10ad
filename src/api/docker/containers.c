// SPDX-License-Identifier: Apache-2.0
/* POST /containers/create. */
#include <errno.h>
#include <string.h>

#include "api/docker/docker.h"
#include "base/mem.h"
#include "spec/docker_create.h"

/* ?platform= os[/arch[/variant]] must be what the image is; a missing image is another's error. */
static int check_platform(struct api_request *r, const char *name)
{
	const char *platform = api_query(r, "platform");
	const struct image *image = NULL;
	size_t os, arch;

	if (platform == NULL || *platform == '\0')
		return 0;
	os = strcspn(platform, "/");
	if (os != 5 || strncmp(platform, "linux", os) != 0) {
		api_error(r, 400,
			"platform \"%.64s\" is not supported: this engine runs linux images",
			platform);
		return -EINVAL;
	}
	if (platform[os] == '\0' || engine_image_find(api_engine(r), name, &image, NULL) < 0)
		return 0;
	platform += os + 1;
	arch = strcspn(platform, "/");
	if (strlen(image->architecture) == arch &&
		strncmp(platform, image->architecture, arch) == 0)
		return 0;
	api_error(r, 400,
		"image \"%.200s\" is for linux/%.32s, not for linux/%.64s; leave --platform out",
		name, image->architecture, platform);
	return -EINVAL;
}

static void put_warnings(struct json_writer *w, const struct buf *warnings)
{
	const char *line = buf_str(warnings);

	json_key(w, "Warnings");
	json_begin_array(w);
	while (*line != '\0') {
		size_t len = strcspn(line, "\n");

		json_put_stringn(w, line, len);
		line += len + (line[len] == '\n');
	}
	json_end_array(w);
}

static void answer_created(
	struct api_request *r, const struct container *c, const struct buf *warnings)
{
	_cleanup_buf_ struct buf out = {0};
	struct json_writer w = JSON_WRITER(&out);

	r->object = arena_strdup(&r->arena, c->id);
	buf_init(&out, API_ANSWER_MAX);
	json_begin_object(&w);
	json_member_string(&w, "Id", c->id);
	put_warnings(&w, warnings);
	json_end_object(&w);
	api_json(r, 201, &out);
}

void docker_container_create(struct api_request *r)
{
	_cleanup_buf_ struct buf warnings = {0};
	struct bh_error err = BH_ERROR_INIT;
	struct docker_create body;
	const struct container *c = NULL;
	const char *name = api_query(r, "name");
	int code;

	buf_init(&warnings, 64u << 10);
	if (name != NULL && *name == '/')
		name++;
	if (name != NULL && *name == '\0')
		name = NULL;
	if (name != NULL && !docker_name_valid(name)) {
		api_error(r, 400,
			"Invalid container name (%.260s), only [a-zA-Z0-9][a-zA-Z0-9_.-] are "
			"allowed",
			name);
		return;
	}
	code = docker_create_decode(r->body, &r->arena, &body, &err);
	if (code == 0 && check_platform(r, body.config.image) < 0)
		return;
	if (code == 0)
		code = engine_container_create(
			api_engine(r), r->x->caller, name, &body, &warnings, &c, &err);
	if (code < 0)
		api_fail(r, code, &err);
	else
		answer_created(r, c, &warnings);
}
