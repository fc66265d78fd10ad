// SPDX-License-Identifier: Apache-2.0
/* The first byte chooses: an image configuration, a name, a change line, or a time. */
#include <string.h>

#include "fuzz.h"
#include "image/config.h"
#include "image/reference.h"

static void image_config(const char *text, size_t len, struct arena *a)
{
	struct image image = {.id = "fuzz"};
	struct docker_config config;

	if (image_config_parse(text, len, a, &image, NULL) == 0)
		(void)image_config_runtime(&image, a, &config, NULL);
}

static void name(const char *text)
{
	char shown[REFERENCE_TEXT_MAX + 1];
	struct reference ref, again;

	if (reference_parse(text, &ref, NULL) < 0)
		return;
	reference_format(&ref, shown);
	if (reference_parse(shown, &again, NULL) < 0 ||
		strcmp(ref.repository, again.repository) != 0)
		__builtin_trap();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	struct docker_config config;
	const char *text;

	if (size < 1 || arena_init(&a, 64u << 20) < 0)
		return 0;
	text = arena_strndup(&a, (const char *)data + 1, size - 1);
	if (text == NULL)
		return 0;
	switch (data[0]) {
	case 'c':
		image_config(text, size - 1, &a);
		break;
	case 'n':
		name(text);
		break;
	case 't':
		(void)image_time_parse(text);
		break;
	default:
		(void)image_changes_apply(&text, 1, &a, &config, NULL);
	}
	return 0;
}
