// SPDX-License-Identifier: Apache-2.0
#include "spec/docker_filters.h"

#include <errno.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "spec/docker_read.h"

static bool is_allowed(const char *name, const char *const *allowed)
{
	for (size_t i = 0; allowed[i] != NULL; i++)
		if (strcmp(allowed[i], name) == 0)
			return true;
	return false;
}

/* The keys of a map whose value is true, or the elements of a list. */
static int read_values(struct docker_reader *r, const struct json *node, struct oci_strings *ret)
{
	struct oci_strings all;
	size_t n = 0;
	int code;

	if (node->type == JSON_ARRAY)
		return docker_read_strings(r, node, ret);
	code = docker_read_set(r, node, &all);
	if (code < 0)
		return code;
	json_each (child, node) {
		if (child->type == JSON_BOOL && !child->boolean)
			continue;
		all.items[n++] = child->key;
	}
	*ret = (struct oci_strings){all.items, n};
	return 0;
}

static int read_filters(struct docker_reader *r, const struct json *tree,
	const char *const *allowed, struct docker_filters *ret)
{
	struct docker_filter *items;
	size_t n = 0;
	int code;

	if (tree->type != JSON_OBJECT || tree->children.count > DOCKER_FILTERS_MAX)
		return docker_refuse(r, -EINVAL, "invalid filter: not an object of filters");
	items = arena_calloc(r->a, tree->children.count + 1, sizeof(*items));
	if (items == NULL)
		return bh_fail(r->err, -ENOMEM, "the filters are too large");
	json_each (child, tree) {
		if (!is_allowed(child->key, allowed))
			return docker_refuse(r, -EINVAL, "invalid filter '%.64s'", child->key);
		items[n].name = child->key;
		code = read_values(r, child, &items[n].values);
		if (code < 0)
			return code;
		n += items[n].values.count > 0;
	}
	*ret = (struct docker_filters){items, n};
	return 0;
}

int docker_filters_parse(const char *text, const char *const *allowed, struct arena *a,
	struct docker_filters *ret, struct bh_error *err)
{
	struct docker_reader r = {a, err};
	const struct json *tree;
	int code;

	if (text == NULL || *text == '\0') {
		*ret = (struct docker_filters){NULL, 0};
		return 0;
	}
	code = json_parse(text, strlen(text), a, &tree, err);
	if (code < 0) {
		(void)bh_wrap(err, "invalid filter");
		return code;
	}
	return read_filters(&r, tree, allowed, ret);
}

const struct oci_strings *docker_filters_get(const struct docker_filters *filters, const char *name)
{
	for (size_t i = 0; i < filters->count; i++)
		if (strcmp(filters->items[i].name, name) == 0)
			return &filters->items[i].values;
	return NULL;
}

bool docker_filters_match(const struct docker_filters *filters, const char *name, const char *value)
{
	const struct oci_strings *values = docker_filters_get(filters, name);

	for (size_t i = 0; values != NULL && i < values->count; i++)
		if (strcmp(values->items[i], value) == 0)
			return true;
	return values == NULL;
}

static bool has_label(const struct event_attribute *labels, size_t count, const char *want)
{
	size_t len = strcspn(want, "=");

	for (size_t i = 0; i < count; i++) {
		if (strlen(labels[i].key) != len || memcmp(labels[i].key, want, len) != 0)
			continue;
		return want[len] == '\0' || strcmp(labels[i].value, want + len + 1) == 0;
	}
	return false;
}

bool docker_filters_match_labels(const struct docker_filters *filters, const char *name,
	const struct event_attribute *labels, size_t label_count)
{
	const struct oci_strings *values = docker_filters_get(filters, name);

	for (size_t i = 0; values != NULL && i < values->count; i++)
		if (!has_label(labels, label_count, values->items[i]))
			return false;
	return true;
}
