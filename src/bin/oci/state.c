// SPDX-License-Identifier: Apache-2.0
#include "bin/oci/oci.h"

int command_state(struct oci *o, struct bh_error *err)
{
	_cleanup_container_ struct container c = CONTAINER_INIT;
	_cleanup_buf_ struct buf out;
	struct json_writer w = JSON_WRITER(&out);
	enum state_status status = STATE_STOPPED;
	int r;

	buf_init(&out, STATE_FILE_BYTES_MAX);
	r = container_open(o, o->options.args[0], &c, err);
	if (r == 0)
		r = container_status(&c, &status, err);
	if (r < 0)
		return r;
	state_write_json(&c.state, status, NULL, &w);
	(void)buf_putc(&out, '\n');
	return output_write(&out, err);
}
