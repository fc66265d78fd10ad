// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "bin/oci/oci.h"
#include "sandbox/defaults.h"
#include "spec/oci_write.h"

static void new_line(struct buf *out, int depth)
{
	(void)buf_printf(out, "\n%*s", depth * 4, "");
}

static void indent_token(const char *at, int *depth, struct buf *out)
{
	switch (*at) {
	case '{':
	case '[':
		(void)buf_putc(out, *at);
		++*depth;
		if (at[1] != '}' && at[1] != ']')
			new_line(out, *depth);
		break;
	case '}':
	case ']':
		--*depth;
		if (at[-1] != '{' && at[-1] != '[')
			new_line(out, *depth);
		(void)buf_putc(out, *at);
		break;
	case ',':
		(void)buf_putc(out, *at);
		new_line(out, *depth);
		break;
	case ':':
		(void)buf_puts(out, ": ");
		break;
	default:
		(void)buf_putc(out, *at);
	}
}

/* The writer puts no white space; a file for people to edit has a line for each member. */
static int indent(const struct buf *in, struct buf *out)
{
	bool in_string = false;
	int depth = 0;

	for (const char *at = buf_str(in); *at != '\0'; at++) {
		if (*at == '"')
			in_string = !in_string;
		if (!in_string) {
			indent_token(at, &depth, out);
			continue;
		}
		(void)buf_putc(out, *at);
		if (*at == '\\')
			(void)buf_putc(out, *++at);
	}
	(void)buf_putc(out, '\n');
	return buf_status(out);
}

static int make_config(struct oci *o, struct oci_config *ret, struct bh_error *err)
{
	struct sandbox_defaults d = {
		.root_path = "rootfs",
		.root_readonly = true,
		.hostname = "bulkhead",
		.terminal = true,
		.no_new_privileges = true,
	};

	if (options_flag(&o->options, OPT_ROOTLESS)) {
		d.rootless = true;
		d.id_base = geteuid();
		d.id_count = 1;
	}
	return sandbox_defaults(&d, &o->arena, ret, err);
}

static int write_config(const char *bundle, const struct buf *text, struct bh_error *err)
{
	_cleanup_close_ int dir = open(bundle, O_PATH | O_DIRECTORY | O_CLOEXEC), fd = -EBADF;
	int r;

	if (dir < 0)
		return bh_fail_errno(err, -errno, "open bundle %s", bundle);
	fd = openat(dir, "config.json", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
	if (fd < 0 && errno == EEXIST)
		return bh_fail(err, -EEXIST, "File config.json exists. Remove it first");
	r = fd < 0 ? -errno : fd_write_all(fd, text->data, text->len);
	return r < 0 ? bh_fail_errno(err, r, "write config.json") : 0;
}

int command_spec(struct oci *o, struct bh_error *err)
{
	_cleanup_buf_ struct buf raw, text;
	struct json_writer w = JSON_WRITER(&raw);
	struct oci_config config;
	int r;

	buf_init(&raw, OCI_CONFIG_BYTES_MAX);
	buf_init(&text, OCI_CONFIG_BYTES_MAX);
	r = make_config(o, &config, err);
	if (r < 0)
		return r;
	r = oci_config_write(&config, &w);
	if (r == 0)
		r = indent(&raw, &text);
	if (r < 0)
		return bh_fail_errno(err, r, "write config.json");
	return write_config(options_value(&o->options, OPT_BUNDLE) ?: ".", &text, err);
}
