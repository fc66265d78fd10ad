// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/mem.h"
#include "engine/engine_private.h"
#include "engine/names.h"
#include "engine/plan.h"
#include "image/config.h"

#define NAME_TRIES   32
#define SHORT_ID_LEN 12

/* ---- names ---- */

static struct container_entry *by_name(struct engine *e, const char *name)
{
	for (struct container_entry *c = e->first; c != NULL; c = c->next)
		if (strcmp(c->c.name, name) == 0)
			return c;
	return NULL;
}

static int check_name(struct engine *e, const char *name, struct bh_error *err)
{
	const struct container_entry *other;

	if (!docker_name_valid(name))
		return bh_fail(err, -EINVAL,
			"Invalid container name (%.300s), only [a-zA-Z0-9][a-zA-Z0-9_.-] are "
			"allowed",
			name);
	other = by_name(e, name);
	if (other != NULL)
		return bh_fail(err, -EEXIST,
			"Conflict. The container name \"/%s\" is already in use by container "
			"\"%s\". "
			"You have to remove (or rename) that container to be able to reuse that "
			"name.",
			name, other->c.id);
	return 0;
}

static int make_name(struct engine *e, char ret[static CONTAINER_NAME_MAX + 1], const char *id,
	struct bh_error *err)
{
	for (int i = 0; i < NAME_TRIES; i++) {
		uint32_t random;

		if (getrandom(&random, sizeof(random), 0) != (ssize_t)sizeof(random))
			return bh_fail_errno(err, -EIO, "make a container name");
		name_generate(random, ret);
		if (by_name(e, ret) == NULL)
			return 0;
	}
	/* Names are nearly used up: the id tells them apart. */
	(void)snprintf(ret + strlen(ret), CONTAINER_NAME_MAX - strlen(ret), "_%.12s", id);
	return 0;
}

int engine_container_rename(
	struct engine *e, const struct container *pub, const char *name, struct bh_error *err)
{
	struct container_entry *c = container_of(pub);
	char *old = c->name, *copy;
	int r;

	name += *name == '/';
	r = check_name(e, name, err);
	if (r < 0)
		return r;
	copy = strdup(name);
	if (copy == NULL)
		return bh_fail_errno(err, -ENOMEM, "rename container");
	c->c.name = c->name = copy;
	r = container_record_update(c, err);
	if (r < 0) {
		c->c.name = c->name = old;
		free(copy);
		return r;
	}
	container_event(c, "rename", "oldName", old);
	free(old);
	return 0;
}

int engine_container_find(
	struct engine *e, const char *ref, const struct container **ret, struct bh_error *err)
{
	const char *name = ref + (*ref == '/');
	struct container_entry *found = by_name(e, name);
	size_t len = strlen(ref);

	for (struct container_entry *c = e->first; c != NULL; c = c->next)
		if (strcmp(c->c.id, ref) == 0)
			found = c;
	for (struct container_entry *c = found == NULL && len > 0 ? e->first : NULL; c != NULL;
		c = c->next) {
		if (strncmp(c->c.id, ref, len) != 0)
			continue;
		if (found != NULL)
			return bh_fail(err, -EINVAL,
				"Multiple IDs found with provided prefix: %.64s", ref);
		found = c;
	}
	if (found == NULL)
		return bh_fail(err, -ENOENT, "No such container: %.300s", ref);
	*ret = &found->c;
	return 0;
}

const struct container *engine_container_next(struct engine *e, const struct container *previous)
{
	struct container_entry *c = previous != NULL ? container_of(previous)->next : e->first;

	return c != NULL ? &c->c : NULL;
}

/* ---- create ---- */

static int check_body(struct engine *e, const struct docker_create *body, struct buf *warnings,
	struct bh_error *err)
{
	int r = plan_check(body, e->config, err);

	for (size_t i = 0; r == 0 && i < body->host.mount_count; i++)
		if (body->host.mounts[i].type == DOCKER_MOUNT_BIND)
			r = bind_check(e, &body->host.mounts[i], warnings, err);
	if (r == 0 && e->count >= CONTAINERS_MAX)
		r = bh_fail(err, -ENOSPC, "there are %u containers already", e->count);
	return r;
}

/* Merge with the image and write both objects as inspect shows them. */
static int merge(const struct docker_create *body, const struct daemon_config *daemon,
	const struct image *image, struct arena *a, struct buf *config, struct buf *host,
	struct docker_config *ret, struct bh_error *err)
{
	struct docker_host_config explicit = body->host;
	struct json_writer config_writer = JSON_WRITER(config), host_writer = JSON_WRITER(host);
	struct docker_config defaults;
	int r = image_config_runtime(image, a, &defaults, err);

	if (r == 0)
		r = docker_config_merge(&body->config, &defaults, a, ret, err);
	if (r < 0)
		return r;
	if (ret->volumes.count > 0)
		return bh_fail(err, -ENOTSUP,
			"the image declares volume %.200s; volumes are not supported by this build "
			"yet: mount a directory (-v HOST:%.200s) or a tmpfs there",
			ret->volumes.items[0], ret->volumes.items[0]);
	docker_config_write(ret, &config_writer);
	daemon_config_apply(daemon, &explicit);
	docker_host_config_write(&explicit, &host_writer);
	r = buf_status(config);
	if (r == 0)
		r = buf_status(host);
	return r < 0 ? bh_fail_errno(err, r, "record of the container") : 0;
}

static int add(struct engine *e, const struct container *values, const struct container **ret,
	struct bh_error *err)
{
	struct container_entry *entry;
	int r = container_entry_new(e, values, &entry, err);

	if (r < 0)
		return r;
	r = id_claims_take(
		&e->claims, &e->ranges, values->created_ns, &entry->c.id_range_start, err);
	if (r < 0) {
		container_entry_free(entry);
		return r;
	}
	r = container_record_insert(entry, err);
	if (r < 0) {
		id_claims_drop(&e->claims, entry->c.id_range_start);
		container_entry_free(entry);
		return r;
	}
	id_ranges_mark(&e->ranges, entry->c.id_range_start, true, 0);
	container_link(entry);
	container_event(entry, "create", NULL, NULL);
	*ret = &entry->c;
	return 0;
}

int engine_container_create(struct engine *e, const struct guard_caller *caller, const char *name,
	const struct docker_create *body, struct buf *warnings, const struct container **ret,
	struct bh_error *err)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	_cleanup_buf_ struct buf config_text, host_text;
	char name_made[CONTAINER_NAME_MAX + 1], hostname[SHORT_ID_LEN + 1];
	struct container values = {.owner = caller->owner,
		.tenant = caller->tenant,
		.created_ns = engine_now_ns(),
		.error = ""};
	const struct image *image;
	struct docker_config config = {0};
	int r;

	buf_init(&config_text, DOCKER_BODY_MAX);
	buf_init(&host_text, DOCKER_BODY_MAX);
	if (name != NULL) {
		name += *name == '/';
		r = check_name(e, name, err);
		if (r < 0)
			return r;
	}
	r = images_find(e->images, body->config.image, &image, err);
	if (r == 0)
		r = check_body(e, body, warnings, err);
	if (r == 0)
		r = arena_init(&a, DOCKER_ARENA_MAX);
	if (r == 0)
		r = merge(body, e->config, image, &a, &config_text, &host_text, &config, err);
	if (r == 0 && name_random_hex(values.id, CONTAINER_ID_LEN) < 0)
		r = bh_fail_errno(err, -EIO, "make a container id");
	if (r == 0 && name == NULL) {
		r = make_name(e, name_made, values.id, err);
		name = name_made;
	}
	if (r < 0)
		return r;
	(void)snprintf(hostname, sizeof(hostname), "%.*s", SHORT_ID_LEN, values.id);
	values.name = name;
	values.image_ref = body->config.image;
	values.image_id = image->id;
	values.config_json = buf_str(&config_text);
	values.host_config_json = buf_str(&host_text);
	values.hostname =
		config.hostname != NULL && *config.hostname != '\0' ? config.hostname : hostname;
	return add(e, &values, ret, err);
}
