// SPDX-License-Identifier: Apache-2.0
#include "fuzz.h"

#include "sandbox/state.h"

/* state.json: whatever it says, parsing ends, stays in bounds, and what it accepts can be used. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	_cleanup_cgroup_ struct cgroup *cg = NULL;
	_cleanup_buf_ struct buf out;
	struct json_writer w = JSON_WRITER(&out);
	struct bh_error err = BH_ERROR_INIT;
	struct state s;

	buf_init(&out, 16u << 20);
	if (size > STATE_FILE_BYTES_MAX || arena_init(&a, OCI_ARENA_MAX) < 0)
		return 0;
	if (state_parse((const char *)data, size, NULL, &a, &s, &err) < 0)
		return 0;
	state_write_json(&s, STATE_STOPPED, "root", &w);
	if (s.cgroup != NULL)
		(void)cgroup_open(s.cgroup, NULL, &cg, &err);
	return 0;
}
