// SPDX-License-Identifier: Apache-2.0
/* Bodies of containers/create, exec, filters and daemon.json: refused with a text, or accepted; and
 * what was accepted is written as JSON. */
#include "fuzz.h"
#include "spec/daemon_config.h"
#include "spec/docker_create.h"
#include "spec/docker_exec.h"
#include "spec/docker_filters.h"

static void check_written(const struct docker_create *body)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	_cleanup_buf_ struct buf out;
	struct json_writer w = JSON_WRITER(&out);
	const struct json *tree;

	buf_init(&out, 16u << 20);
	json_begin_array(&w);
	docker_config_write(&body->config, &w);
	docker_host_config_write(&body->host, &w);
	json_end_array(&w);
	if (buf_status(&out) < 0 || arena_init(&a, 64u << 20) < 0)
		return;
	FUZZ_REQUIRE(json_parse(out.data, out.len, &a, &tree, NULL) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const allowed[] = {"name", "label", NULL};
	_cleanup_arena_ struct arena a = ARENA_INIT;
	struct bh_error err = BH_ERROR_INIT;
	struct docker_create body;
	struct docker_exec_create exec;
	struct docker_exec_start start;
	struct docker_filters filters;
	struct daemon_config config;
	const struct json *tree;

	if (arena_init(&a, DOCKER_ARENA_MAX) < 0 ||
		json_parse((const char *)data, size, &a, &tree, &err) < 0)
		return 0;
	daemon_config_init(&config);
	if (tree->type == JSON_OBJECT) {
		if (docker_create_decode(tree, &a, &body, &err) == 0)
			check_written(&body);
		else
			FUZZ_REQUIRE(err.code < 0 && err.text[0] != '\0');
		(void)docker_exec_create_decode(tree, &a, &exec, &err);
		(void)docker_exec_start_decode(tree, &a, &start, &err);
	}
	if (daemon_config_decode(tree, &a, &config, &err) < 0)
		FUZZ_REQUIRE(err.text[0] != '\0');
	if (size < 65536) {
		char *text = arena_strndup(&a, (const char *)data, size);

		if (text != NULL)
			(void)docker_filters_parse(text, allowed, &a, &filters, &err);
	}
	return 0;
}
