// SPDX-License-Identifier: Apache-2.0
/* What a container of an image runs with: Docker's rules for joining two Config objects. */
#include <errno.h>
#include <string.h>

#include "spec/docker_config.h"

/* Length of NAME in "NAME=value" or "NAME". */
static size_t name_length(const char *entry)
{
	return strcspn(entry, "=");
}

static bool env_has(const struct oci_strings *env, const char *entry)
{
	size_t len = name_length(entry);

	for (size_t i = 0; i < env->count; i++)
		if (name_length(env->items[i]) == len && memcmp(env->items[i], entry, len) == 0)
			return true;
	return false;
}

/* The user's entries first; one without '=' takes the image's variable away. */
static int merge_env(const struct oci_strings *user, const struct oci_strings *image,
	struct arena *a, struct oci_strings *ret)
{
	const char **items = arena_calloc(a, user->count + image->count + 1, sizeof(*items));
	size_t n = 0;

	if (items == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < user->count; i++)
		if (strchr(user->items[i], '=') != NULL)
			items[n++] = user->items[i];
	for (size_t i = 0; i < image->count; i++)
		if (strchr(image->items[i], '=') != NULL && !env_has(user, image->items[i]))
			items[n++] = image->items[i];
	*ret = (struct oci_strings){items, n};
	return 0;
}

static int merge_sets(const struct oci_strings *one, const struct oci_strings *two, struct arena *a,
	struct oci_strings *ret)
{
	const char **items = arena_calloc(a, one->count + two->count + 1, sizeof(*items));
	size_t n = 0;

	if (items == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < one->count; i++)
		items[n++] = one->items[i];
	for (size_t i = 0; i < two->count; i++) {
		size_t j = 0;

		while (j < one->count && strcmp(one->items[j], two->items[i]) != 0)
			j++;
		if (j == one->count)
			items[n++] = two->items[i];
	}
	*ret = (struct oci_strings){items, n};
	return 0;
}

static bool pairs_have(const struct docker_pairs *pairs, const char *key)
{
	for (size_t i = 0; i < pairs->count; i++)
		if (strcmp(pairs->items[i].key, key) == 0)
			return true;
	return false;
}

static int merge_labels(const struct docker_pairs *user, const struct docker_pairs *image,
	struct arena *a, struct docker_pairs *ret)
{
	struct oci_pair *items = arena_calloc(a, user->count + image->count + 1, sizeof(*items));
	size_t n = 0;

	if (items == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < user->count; i++)
		items[n++] = user->items[i];
	for (size_t i = 0; i < image->count; i++)
		if (!pairs_have(user, image->items[i].key))
			items[n++] = image->items[i];
	*ret = (struct docker_pairs){items, n};
	return 0;
}

static void merge_command(struct docker_config *out, const struct docker_config *user,
	const struct docker_config *image)
{
	if (user->entrypoint.count == 0) {
		if (user->cmd.count == 0) {
			out->has_cmd = image->has_cmd;
			out->cmd = image->cmd;
		}
		if (!user->has_entrypoint) {
			out->has_entrypoint = image->has_entrypoint;
			out->entrypoint = image->entrypoint;
		}
	}
	if (out->entrypoint.count == 1 && out->entrypoint.items[0][0] == '\0') {
		out->has_entrypoint = false;
		out->entrypoint = (struct oci_strings){NULL, 0};
	}
}

static void merge_scalars(struct docker_config *out, const struct docker_config *image)
{
	if (out->user == NULL)
		out->user = image->user;
	if (out->working_dir == NULL)
		out->working_dir = image->working_dir;
	if (out->stop_signal == NULL)
		out->stop_signal = image->stop_signal;
	if (!out->has_stop_timeout) {
		out->has_stop_timeout = image->has_stop_timeout;
		out->stop_timeout = image->stop_timeout;
	}
}

int docker_config_merge(const struct docker_config *user, const struct docker_config *image,
	struct arena *a, struct docker_config *ret, struct bh_error *err)
{
	static const struct docker_config none;
	struct docker_config out = *user;

	if (image == NULL)
		image = &none;
	merge_command(&out, user, image);
	merge_scalars(&out, image);
	if (merge_env(&user->env, &image->env, a, &out.env) < 0 ||
		merge_labels(&user->labels, &image->labels, a, &out.labels) < 0 ||
		merge_sets(&user->volumes, &image->volumes, a, &out.volumes) < 0 ||
		merge_sets(&user->exposed_ports, &image->exposed_ports, a, &out.exposed_ports) < 0)
		return bh_fail(err, -ENOMEM, "the document is too large");
	if (out.entrypoint.count == 0 && out.cmd.count == 0)
		return bh_fail(err, -EINVAL, "no command specified");
	*ret = out;
	return 0;
}
