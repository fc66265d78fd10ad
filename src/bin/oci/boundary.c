// SPDX-License-Identifier: Apache-2.0
#include "sandbox/boundary.h"

#include <errno.h>
#include <string.h>

#include "bin/oci/oci.h"

#define REPORT_BYTES_MAX (16u << 20)

int command_boundary(struct oci *o, struct bh_error *err)
{
	_cleanup_container_ struct container c = CONTAINER_INIT;
	const char *format = options_value(&o->options, OPT_FORMAT) ?: "text";
	_cleanup_buf_ struct buf out;
	struct json_writer w = JSON_WRITER(&out);
	struct boundary_facts facts;
	struct boundary_report report;
	bool json = strcmp(format, "json") == 0;
	int r;

	buf_init(&out, REPORT_BYTES_MAX);
	if (!json && strcmp(format, "text") != 0)
		return bh_fail(err, -EINVAL, "invalid format option \"%s\": text or json", format);
	r = container_open(o, o->options.args[0], &c, err);
	if (r == 0 && (state_status(c.dir_fd, &c.state) == STATE_STOPPED || c.state.pid == 0))
		r = bh_fail(err, -ESRCH, "container not running");
	if (r == 0)
		r = boundary_read(c.state.pid, c.state.cgroup, &o->arena, &facts, err);
	if (r < 0)
		return r;
	boundary_evaluate(&facts, &o->arena, &report);
	if (json) {
		boundary_write_json(&report, &w);
		(void)buf_putc(&out, '\n');
	} else {
		boundary_write_text(&report, &out);
	}
	return output_write(&out, err);
}
