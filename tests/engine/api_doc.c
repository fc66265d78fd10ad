// SPDX-License-Identifier: Apache-2.0
/*
 * Prints docs/api.md from the routing table and the tables of keys. With a file name: compares it
 * instead, as a test.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "api/api.h"
#include "api/route.h"
#include "base/fd.h"
#include "spec/daemon_config.h"
#include "spec/docker_create.h"

#define DOC_BYTES_MAX (1u << 20)

static void print_route(const struct api_route *route, struct buf *out)
{
	(void)buf_printf(out, "| %s | `%s` | %s | %s", http_method_name(route->method),
		route->pattern, guard_verb_name(route->verb), route->since > 0 ? "" : "served");
	if (route->handler != NULL && route->since > 0)
		(void)buf_printf(out, "served from 1.%u", route->since);
	(void)buf_puts(out, " |\n");
}

static void print_refusal(const struct api_route *route, struct buf *out)
{
	(void)buf_printf(out, "| %s | `%s` | %s | **%d** %s |\n", http_method_name(route->method),
		route->pattern, guard_verb_name(route->verb), route->refusal_status,
		route->refusal);
}

static void print_routes(enum api_space space, struct buf *out)
{
	size_t count;
	const struct api_route *rows = api_routes(&count);

	(void)buf_puts(out, "| method | path | verb | state |\n|---|---|---|---|\n");
	for (size_t i = 0; i < count; i++) {
		if (rows[i].space != space)
			continue;
		if (rows[i].handler != NULL)
			print_route(&rows[i], out);
		else
			print_refusal(&rows[i], out);
	}
}

static void print_host_config(struct buf *out)
{
	struct docker_key_info key;

	(void)buf_puts(out, "\n## HostConfig\n\nA key that is refused is refused when it is set to "
			    "something other than empty.\n\n| key | effect |\n|---|---|\n");
	for (size_t i = 0; i < docker_host_config_key_count(); i++) {
		docker_host_config_key(i, &key);
		if (key.supported)
			(void)buf_printf(out, "| `%s` | %s |\n", key.name,
				key.remark != NULL ? key.remark : "enforced");
		else
			(void)buf_printf(out, "| `%s` | **refused**: %s |\n", key.name, key.remark);
	}
}

static void print_daemon_config(struct buf *out)
{
	const char *remedy;

	(void)buf_puts(out, "\n## daemon.json\n\n| key | effect |\n|---|---|\n");
	for (size_t i = 0; i < daemon_config_key_count(); i++) {
		const char *name = daemon_config_key(i, &remedy);

		if (remedy == NULL)
			(void)buf_printf(out, "| `%s` | enforced |\n", name);
		else
			(void)buf_printf(out, "| `%s` | **refused**: %s |\n", name, remedy);
	}
}

static void print_document(struct buf *out)
{
	(void)buf_puts(out,
		"# API coverage\n\n"
		"Made from the tables in `src/api/routes.c`, `src/spec/docker_host.c`, "
		"`src/spec/daemon_config.c` and `src/spec/daemon_refused.c` by "
		"`tests/engine/api_doc.c`; do not edit.\n\n"
		"Docker Engine API 1." API_TEXT(API_VERSION_MIN) " to 1." API_TEXT(
			API_VERSION_MAX) ", with and without the version in the path. `{}` is one "
					 "path segment, `{*}` one or more. What is not served says "
					 "so by name; the verb is what the caller needs.\n\n"
					 "## Docker's routes\n\n");
	print_routes(API_DOCKER, out);
	(void)buf_puts(out, "\n## Bulkhead's routes, below `/bulkhead/v1`\n\n");
	print_routes(API_BULKHEAD, out);
	print_host_config(out);
	print_daemon_config(out);
}

int main(int argc, char **argv)
{
	_cleanup_buf_ struct buf doc = {0}, file = {0};
	bool same;

	buf_init(&doc, DOC_BYTES_MAX);
	buf_init(&file, DOC_BYTES_MAX);
	print_document(&doc);
	if (buf_status(&doc) < 0)
		return 1;
	if (argc < 2)
		return fwrite(doc.data, 1, doc.len, stdout) == doc.len ? 0 : 1;
	same = fd_read_file(AT_FDCWD, argv[1], &file) == 0 && file.len == doc.len &&
	       memcmp(file.data, doc.data, doc.len) == 0;
	(void)printf("%sok 1 - docs/api.md is what the tables say\n1..1\n", same ? "" : "not ");
	return same ? 0 : 1;
}
