// SPDX-License-Identifier: Apache-2.0
/* Any profile becomes a program the kernel takes, or is refused with a reason. */
#include <errno.h>

#include "../unit/seccomp_json.h"
#include "../unit/seccomp_machine.h"
#include "fuzz.h"

#define FUZZ_ARENA (64u << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	struct bh_error err = BH_ERROR_INIT;
	struct seccomp_warnings warnings = {.count = 0};
	struct seccomp_profile profile;
	struct sock_fprog prog;
	const struct json *root;
	int r;

	if (arena_init(&a, FUZZ_ARENA) < 0 ||
		json_parse((const char *)data, size, &a, &root, NULL) < 0 ||
		seccomp_json_profile(root, &a, &profile) < 0)
		return 0;
	r = seccomp_compile(&profile, &a, &prog, &warnings, &err);
	if (r < 0) {
		FUZZ_REQUIRE(err.code == r && err.text[0] != '\0');
		return 0;
	}
	FUZZ_REQUIRE(seccomp_machine_valid(&prog));
	for (uint32_t i = 0; i < 64; i++) {
		struct seccomp_data call = {.nr = (int)(i * 37 - 1),
			.arch = seccomp_architecture_token(seccomp_architecture_name(i % 3)),
			.args = {i, UINT64_MAX - i, (uint64_t)i << 32}};

		FUZZ_REQUIRE(seccomp_machine_run(&prog, &call) != SECCOMP_MACHINE_STUCK);
	}
	return 0;
}
