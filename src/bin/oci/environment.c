// SPDX-License-Identifier: Apache-2.0
#include "bin/oci/environment.h"

#include <errno.h>
#include <string.h>

static void put(const char **items, size_t *count, const char *variable)
{
	size_t name = strcspn(variable, "=");

	for (size_t i = 0; i < *count; i++) {
		if (strncmp(items[i], variable, name) == 0 && items[i][name] == '=') {
			items[i] = variable;
			return;
		}
	}
	items[(*count)++] = variable;
}

int environment_set(struct oci_strings *env, const char *const *variables, size_t count,
	struct arena *a, struct bh_error *err)
{
	const char **items = arena_calloc(a, env->count + count + 1, sizeof(*items));
	size_t used = env->count;

	if (items == NULL)
		return bh_fail_errno(err, -ENOMEM, "environment");
	if (used > 0)
		memcpy(items, env->items, used * sizeof(*items));
	for (size_t i = 0; i < count; i++) {
		if (strchr(variables[i], '=') == NULL || variables[i][0] == '=')
			return bh_fail(err, -EINVAL,
				"invalid environment variable \"%s\": NAME=VALUE", variables[i]);
		put(items, &used, variables[i]);
	}
	env->items = items;
	env->count = used;
	return 0;
}
