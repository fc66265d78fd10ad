// SPDX-License-Identifier: Apache-2.0
/* POST /images/create: import of a tar archive; pulling is refused by name. */
#include <errno.h>
#include <string.h>

#include "api/docker/docker.h"
#include "base/mem.h"

#define CHANGES_MAX 128

static void on_imported(void *userdata, const char *image_id, int code, const struct bh_error *err)
{
	struct api_request *r = api_pending_take(userdata);
	_cleanup_buf_ struct buf out = {0};
	struct json_writer w = JSON_WRITER(&out);

	if (r == NULL)
		return;
	if (code < 0) {
		api_fail(r, code, err);
		return;
	}
	buf_init(&out, 4096);
	json_begin_object(&w);
	json_member_string(&w, "status", image_id);
	json_end_object(&w);
	buf_puts(&out, "\r\n");
	api_json(r, 200, &out);
}

/* "repo", or "repo:tag" of the two parameters; NULL: no name. */
static const char *reference(struct api_request *r)
{
	const char *repo = api_query(r, "repo"), *tag = api_query(r, "tag");

	if (repo == NULL || *repo == '\0')
		return NULL;
	if (tag == NULL || *tag == '\0')
		return repo;
	return arena_printf(&r->arena, "%s:%s", repo, tag);
}

/* linux[/arch[/variant]] */
static int split_platform(struct api_request *r, struct engine_import *import)
{
	const char *text = api_query(r, "platform");
	char *copy, *arch, *variant;

	if (text == NULL || *text == '\0')
		return 0;
	copy = arena_strdup(&r->arena, text);
	if (copy == NULL)
		return -ENOMEM;
	arch = strchr(copy, '/');
	variant = arch != NULL ? strchr(arch + 1, '/') : NULL;
	if (arch != NULL)
		*arch++ = '\0';
	if (variant != NULL)
		*variant++ = '\0';
	import->os = copy;
	import->architecture = arch;
	import->variant = variant;
	return 0;
}

static size_t collect_changes(const struct api_request *r, const char **changes)
{
	size_t n = 0;

	for (size_t i = 0; i < r->query.count && n < CHANGES_MAX; i++)
		if (strcmp(r->query.items[i].name, "changes") == 0 &&
			r->query.items[i].value[0] != '\0')
			changes[n++] = r->query.items[i].value;
	return n;
}

static void import(struct api_request *r)
{
	const char *changes[CHANGES_MAX];
	struct bh_error err = BH_ERROR_INIT;
	struct engine_import request = {
		.fd = r->x->body_fd,
		.ref = reference(r),
		.message = api_query(r, "message"),
		.changes = changes,
		.change_count = collect_changes(r, changes),
	};
	struct api_pending *p;
	int code;

	if (request.message != NULL && *request.message == '\0')
		request.message = NULL;
	if (r->x->body_fd < 0) {
		api_error(r, 400, "the request has no body to import");
		return;
	}
	p = api_pending_new(r);
	if (p == NULL || split_platform(r, &request) < 0) {
		if (p != NULL)
			(void)api_pending_take(p);
		api_error(r, 500, "out of memory");
		return;
	}
	code = engine_image_import(api_engine(r), r->x->caller, &request, on_imported, p, &err);
	if (code < 0) {
		(void)api_pending_take(p);
		api_fail(r, code, &err);
	}
}

void docker_images_create(struct api_request *r)
{
	const char *from_image = api_query(r, "fromImage");
	const char *from_src = api_query(r, "fromSrc");

	if (from_image != NULL && *from_image != '\0')
		api_error(r, 501,
			"not supported by this build yet: pulling %.200s from a registry (docker "
			"import takes a root file system from a tar archive)",
			from_image);
	else if (from_src != NULL && strcmp(from_src, "-") == 0)
		import(r);
	else
		api_error(r, 501,
			"not supported by this build yet: importing from a URL (docker import - "
			"reads standard input)");
}
