// SPDX-License-Identifier: Apache-2.0
/* The first byte chooses: a user looked up in passwd and group files (three parts divided by NUL),
 * or a seccomp profile. */
#include <string.h>

#include "engine/seccomp_profile.h"
#include "engine/user.h"
#include "fuzz.h"

static void user(const char *text, size_t size, struct arena *a)
{
	const char *passwd = text + strlen(text) + 1;
	const char *end = text + size;
	const char *group = passwd <= end ? passwd + strlen(passwd) + 1 : NULL;
	const char *names[] = {text, NULL};
	const struct oci_strings groups = {names, 1};
	struct user_found found;

	if (group == NULL || group > end)
		return;
	(void)user_resolve(text, NULL, passwd, group, a, &found, NULL);
	(void)user_resolve(NULL, &groups, passwd, group, a, &found, NULL);
}

static void profile(const char *text, size_t size, struct arena *a)
{
	const struct seccomp_context context = {.architecture = "SCMP_ARCH_X86_64",
		.machine = "amd64",
		.capabilities = 0x5555555555,
		.kernel_major = 6};
	struct oci_seccomp seccomp;
	const struct json *tree;

	if (json_parse(text, size, a, &tree, NULL) == 0)
		(void)seccomp_profile_convert(tree, &context, a, &seccomp, NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	char *text;

	if (size < 1 || arena_init(&a, OCI_ARENA_MAX) < 0)
		return 0;
	text = arena_alloc(&a, size + 2);
	if (text == NULL)
		return 0;
	memcpy(text, data + 1, size - 1);
	if (data[0] == 'u')
		user(text, size - 1, &a);
	else
		profile(text, size - 1, &a);
	return 0;
}
