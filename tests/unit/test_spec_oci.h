// SPDX-License-Identifier: Apache-2.0
#ifndef BULKHEAD_TESTS_UNIT_TEST_SPEC_OCI_H
#define BULKHEAD_TESTS_UNIT_TEST_SPEC_OCI_H

/* Documents in tests are written with ' for ", and parsed from there. */

#include "spec/oci.h"
#include "test.h"

/* Parse text; the arena is made at first use. */
static inline const struct json *parse(struct arena *a, const char *text)
{
	static char copy[131072 + 256];
	struct bh_error err = BH_ERROR_INIT;
	const struct json *tree = NULL;
	size_t i;

	if (a->base == NULL)
		CHECK_INT(arena_init(a, OCI_ARENA_MAX), 0);
	for (i = 0; text[i] != '\0' && i < sizeof(copy) - 1; i++)
		copy[i] = text[i] == '\'' ? '"' : text[i];
	copy[i] = '\0';
	if (json_parse(copy, i, a, &tree, &err) < 0) {
		fprintf(stderr, "# %s: %s\n", err.text, copy);
		exit(TEST_EXIT_FAIL);
	}
	return tree;
}

/* Decode a document with the members given besides version and root. failure: the text expected,
 * NULL for success, after which `warnings` are expected. */
static inline void decode_config(struct arena *a, const char *members, struct oci_config *ret,
	size_t warnings, const char *failure)
{
	static char text[131072 + 128];
	struct bh_error err = BH_ERROR_INIT;
	int e;

	(void)snprintf(text, sizeof(text), "{'ociVersion':'1.2.0','root':{'path':'r'}%s%s}",
		members[0] != '\0' ? "," : "", members);
	e = oci_config_decode(parse(a, text), a, ret, &err);
	if (failure != NULL) {
		CHECK(e < 0);
		CHECK_STR(err.text, failure);
		return;
	}
	CHECK_STR(err.text, "");
	CHECK_INT(e, 0);
	CHECK_INT(ret->warnings.count, warnings);
}

#endif
