// SPDX-License-Identifier: Apache-2.0
/*
 * Requests and messages between engine and shim. A request that is accepted can be written, and is
 * read again as the same request. The first byte is the number of descriptors.
 */
#include <string.h>

#include "engine/shim_protocol.h"
#include "fuzz.h"

static void check_request(const char *text, size_t len, size_t fds)
{
	_cleanup_arena_ struct arena first = ARENA_INIT, second = ARENA_INIT;
	_cleanup_buf_ struct buf one, two;
	struct shim_request request = {0}, again = {0};
	struct bh_error err = BH_ERROR_INIT;

	buf_init(&one, SHIM_MESSAGE_MAX);
	buf_init(&two, SHIM_MESSAGE_MAX);
	if (arena_init(&first, SHIM_ARENA_MAX) < 0 || arena_init(&second, SHIM_ARENA_MAX) < 0)
		return;
	if (shim_request_decode(text, len, fds, &first, &request, &err) < 0) {
		FUZZ_REQUIRE(err.code < 0 && err.text[0] != '\0');
		return;
	}
	FUZZ_REQUIRE(request.attach.input_len <= SHIM_INPUT_MAX);
	FUZZ_REQUIRE(request.attach.detach_key_count <= SHIM_DETACH_KEYS_MAX);
	/* Escapes may make the text longer than a message can be. */
	if (shim_request_encode(&request, &one, NULL) < 0)
		return;
	FUZZ_REQUIRE(shim_request_decode(one.data, one.len, fds, &second, &again, NULL) == 0);
	FUZZ_REQUIRE(shim_request_encode(&again, &two, NULL) == 0);
	FUZZ_REQUIRE(one.len == two.len && memcmp(one.data, two.data, one.len) == 0);
}

static void check_message(const char *text, size_t len)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	struct shim_message message;
	struct shim_ready ready;

	if (arena_init(&a, SHIM_ARENA_MAX) < 0)
		return;
	if (shim_message_decode(text, len, &a, &message, NULL) == 0 &&
		message.kind == SHIM_MESSAGE_EXEC_EXIT)
		FUZZ_REQUIRE(message.exec_id != NULL && message.exit.exit_code <= 255);
	if (shim_ready_decode(text, len, &a, &ready, NULL) == 0)
		FUZZ_REQUIRE(ready.code <= 0 && ready.text != NULL);
}

static void check_files(const char *text, size_t len)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	const struct json *tree;
	struct shim_options options;
	struct shim_state state;
	struct shim_exit exit;

	if (arena_init(&a, SHIM_ARENA_MAX) < 0 || json_parse(text, len, &a, &tree, NULL) < 0)
		return;
	if (shim_options_decode(tree, &a, &options, NULL) == 0)
		FUZZ_REQUIRE(options.log_max_file >= 1 && options.bundle[0] == '/');
	if (shim_state_decode(tree, &state, NULL) == 0)
		FUZZ_REQUIRE(state.pid >= 0 && state.id != NULL);
	(void)shim_exit_decode(tree, &exit, NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data + 1;

	if (size == 0)
		return 0;
	check_request(text, size - 1, data[0] % 4);
	check_message(text, size - 1);
	check_files(text, size - 1);
	return 0;
}
