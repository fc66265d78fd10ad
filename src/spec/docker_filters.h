// SPDX-License-Identifier: Apache-2.0
#ifndef BULKHEAD_SPEC_DOCKER_FILTERS_H
#define BULKHEAD_SPEC_DOCKER_FILTERS_H

/*
 * The `filters` query parameter: a JSON object of maps {"name":{"c1":true}} or, from older clients,
 * of lists {"name":["c1"]}. An empty string means no filters.
 */

#include <stdbool.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/event.h"
#include "spec/oci.h"

#define DOCKER_FILTERS_MAX 64 /* different names */

struct docker_filter {
	const char *name;
	struct oci_strings values; /* at least one */
};

struct docker_filters {
	const struct docker_filter *items;
	size_t count;
};

/* Parse text (may be NULL). allowed: NULL-terminated names; another one is refused (-EINVAL) as
 * "invalid filter 'name'". */
int docker_filters_parse(const char *text, const char *const *allowed, struct arena *a,
	struct docker_filters *ret, struct bh_error *err);
/* The values of one filter, or NULL if it was not given. */
const struct oci_strings *docker_filters_get(
	const struct docker_filters *filters, const char *name);
/* No such filter given, or one of its values equals value. */
bool docker_filters_match(
	const struct docker_filters *filters, const char *name, const char *value);
/* Every "key" or "key=value" of the filter holds for the labels (pairs). */
bool docker_filters_match_labels(const struct docker_filters *filters, const char *name,
	const struct event_attribute *labels, size_t label_count);

#endif
