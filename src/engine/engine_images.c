// SPDX-License-Identifier: Apache-2.0
/* Images for the api layer: the image store, and imports through bulkhead-files. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#include "base/mem.h"
#include "engine/engine_private.h"
#include "image/config.h"

#define CHANGES_ARENA (64u << 20)

int engine_image_find(
	struct engine *e, const char *ref, const struct image **ret, struct bh_error *err)
{
	return images_find(e->images, ref, ret, err);
}

const struct image *engine_image_next(struct engine *e, const struct image *previous)
{
	return images_next(e->images, previous);
}

uint32_t engine_image_users(struct engine *e, const struct image *image)
{
	uint32_t n = 0;

	for (const struct container_entry *c = e->first; c != NULL; c = c->next)
		n += strcmp(c->c.image_id, image->id) == 0;
	return n;
}

int engine_image_tag(struct engine *e, const struct image *image, const char *repo, const char *tag,
	struct bh_error *err)
{
	char text[REFERENCE_TEXT_MAX + 1];
	struct reference ref;
	int n = snprintf(text, sizeof(text), "%s%s%s", repo, tag != NULL && *tag != '\0' ? ":" : "",
		tag != NULL ? tag : "");
	int r;

	if (n < 0 || (size_t)n >= sizeof(text))
		return bh_fail(err, -EINVAL, "invalid reference format: it is too long");
	r = reference_parse(text, &ref, err);
	if (r < 0)
		return r;
	if (ref.digest[0] != '\0')
		return bh_fail(err, -EINVAL, "refusing to create a tag with a digest reference");
	return images_tag(e->images, image, &ref, err);
}

int engine_image_remove(
	struct engine *e, const char *text, bool force, struct buf *report, struct bh_error *err)
{
	struct json_writer w = JSON_WRITER(report);
	struct images_remove request = {.text = text, .force = force};
	char user[13] = "";
	const struct image *image;
	int r = images_find(e->images, text, &image, err);

	if (r < 0)
		return r;
	for (const struct container_entry *c = e->first; c != NULL; c = c->next) {
		if (strcmp(c->c.image_id, image->id) != 0)
			continue;
		request.users++;
		request.users_running = request.users_running || c->c.state == CONTAINER_RUNNING;
		(void)snprintf(user, sizeof(user), "%.12s", c->c.id);
	}
	request.user = user;
	json_begin_array(&w);
	r = images_remove(e->images, &request, &w, err);
	json_end_array(&w);
	if (r == 0)
		trash_clean(e);
	return r;
}

/* ---- import ---- */

struct import {
	struct import *next;
	struct engine *engine;
	struct arena arena;
	struct docker_config config;
	const char *owner, *tenant, *message, *os, *architecture, *variant;
	bool has_ref;
	struct reference ref;
	char temp[33];
	engine_import_fn done;
	void *userdata;
};

static void import_free(struct import *im)
{
	struct import **at = &im->engine->imports;

	while (*at != NULL && *at != im)
		at = &(*at)->next;
	if (*at == im)
		*at = im->next;
	arena_release(&im->arena);
	free(im);
}

/* Names of architectures as Go has them. */
static const char *machine_architecture(void)
{
	static const struct {
		const char *machine, *name;
	} names[] = {{"x86_64", "amd64"}, {"aarch64", "arm64"}, {"riscv64", "riscv64"},
		{"ppc64le", "ppc64le"}, {"s390x", "s390x"}, {"armv7l", "arm"}};
	struct utsname uts;

	(void)uname(&uts);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (strcmp(uts.machine, names[i].machine) == 0)
			return names[i].name;
	return "amd64";
}

static int import_add(struct import *im, const struct json *result, const struct image **ret,
	struct bh_error *err)
{
	const char *diff_id = json_get_string(result, "diff_id");
	struct image_config_new config = {.architecture = im->architecture,
		.os = im->os,
		.variant = im->variant,
		.comment = im->message,
		.created_ns = engine_now_ns(),
		.diff_id = diff_id,
		.config = &im->config};
	_cleanup_buf_ struct buf text = {0};
	struct json_writer w = JSON_WRITER(&text);
	struct images_add add = {.owner = im->owner,
		.tenant = im->tenant,
		.diff_id = diff_id,
		.layer_size = (uint64_t)json_get_int(result, "size", 0),
		.layer_temp = im->temp,
		.tag = im->has_ref ? &im->ref : NULL};

	if (diff_id == NULL || !digest_valid(diff_id))
		return bh_fail(err, -EIO, "bulkhead-files: no digest in its result");
	buf_init(&text, IMAGE_CONFIG_MAX);
	image_config_write(&config, &w);
	if (buf_status(&text) < 0)
		return bh_fail(err, -E2BIG, "the image's configuration is too large");
	add.config_json = text.data;
	add.config_len = text.len;
	return images_add(im->engine->images, &add, ret, err);
}

static void unpacked(void *data, int code, const struct json *result, const struct bh_error *why)
{
	struct import *im = data;
	struct engine *e = im->engine;
	struct bh_error err = why != NULL ? *why : (struct bh_error)BH_ERROR_INIT;
	const struct image *image = NULL;
	int64_t devices;

	if (code == 0) {
		devices = json_get_int(result, "devices", 0);
		if (devices > 0)
			log_write(e->log, LOG_LEVEL_INFO,
				"import: %lld device nodes below /dev were left out",
				(long long)devices);
		code = import_add(im, result, &image, &err);
	}
	if (code < 0) {
		(void)bh_wrap(&err, "import");
		(void)images_discard(e->images, IMAGES_TEMP_DIR, im->temp, NULL);
		trash_clean(e);
	}
	im->done(im->userdata, image != NULL ? image->id : NULL, code, code < 0 ? &err : NULL);
	import_free(im);
}

static const char *keep(struct import *im, const char *text, const char *fallback)
{
	return arena_strdup(&im->arena, text != NULL && *text != '\0' ? text : fallback);
}

static int import_prepare(struct import *im, const struct guard_caller *caller,
	const struct engine_import *request, struct bh_error *err)
{
	int r = arena_init(&im->arena, CHANGES_ARENA);

	if (r < 0)
		return bh_fail_errno(err, r, "import");
	if (request->ref != NULL && *request->ref != '\0') {
		r = reference_parse(request->ref, &im->ref, err);
		if (r == 0 && im->ref.digest[0] != '\0')
			r = bh_fail(err, -EINVAL, "cannot import digest reference");
		im->has_ref = true;
	}
	if (r == 0)
		r = image_changes_apply(
			request->changes, request->change_count, &im->arena, &im->config, err);
	if (r < 0)
		return r;
	im->owner = keep(im, caller->owner, "");
	im->tenant = keep(im, caller->tenant, "");
	im->message = keep(im, request->message, "Imported from -");
	im->os = keep(im, request->os, "linux");
	im->architecture = keep(im, request->architecture, machine_architecture());
	im->variant = keep(im, request->variant, "");
	if (im->variant == NULL)
		return bh_fail_errno(err, -ENOMEM, "import");
	return strcmp(im->os, "linux") == 0
		       ? 0
		       : bh_fail(err, -EINVAL,
				 "operating system \"%.64s\" is not supported; linux is", im->os);
}

int engine_image_import(struct engine *e, const struct guard_caller *caller,
	const struct engine_import *request, engine_import_fn done, void *userdata,
	struct bh_error *err)
{
	struct import *im = calloc(1, sizeof(*im));
	_cleanup_close_ int dir = -EBADF;
	struct job_request job = {.verb = "unpack", .input_fd = request->fd};
	int r;

	if (im == NULL)
		return bh_fail_errno(err, -ENOMEM, "import");
	im->engine = e;
	im->done = done;
	im->userdata = userdata;
	r = import_prepare(im, caller, request, err);
	if (r == 0) {
		dir = images_temp(e->images, im->temp, err);
		r = dir < 0 ? dir : 0;
	}
	if (r == 0) {
		job.dir_fd = dir;
		r = jobs_start(e->jobs, &job, unpacked, im, err);
	}
	if (r < 0) {
		if (im->temp[0] != '\0')
			(void)images_discard(e->images, IMAGES_TEMP_DIR, im->temp, NULL);
		import_free(im);
		return r;
	}
	im->next = e->imports;
	e->imports = im;
	return 0;
}

void imports_cancel(struct engine *e)
{
	for (struct import *im = e->imports; im != NULL; im = e->imports) {
		e->imports = im->next;
		im->done(im->userdata, NULL, -ECANCELED, NULL);
		import_free(im);
	}
}
