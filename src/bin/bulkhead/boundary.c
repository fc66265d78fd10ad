// SPDX-License-Identifier: Apache-2.0
/* `boundary`: the engine's report for people. --format json prints all of it. */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "bin/bulkhead/cli.h"

static const char *text_of(const struct json *node, const char *key)
{
	const char *text = json_get_string(node, key);

	return text != NULL ? text : "?";
}

static const char *yes_no(const struct json *node, const char *key)
{
	return json_get_bool(node, key, false) ? "yes" : "no";
}

static void print_user(const struct json *user)
{
	(void)printf("user:               uid %lld, gid %lld (on the host %lld, %lld)\n",
		(long long)json_get_int(user, "uid", -1), (long long)json_get_int(user, "gid", -1),
		(long long)json_get_int(user, "hostUid", -1),
		(long long)json_get_int(user, "hostGid", -1));
	(void)printf("administrative:     inside: %s, on the host: %s\n",
		yes_no(user, "administrative"), yes_no(user, "administrativeOnHost"));
}

static void print_namespaces(const struct json *namespaces)
{
	if (namespaces == NULL || namespaces->type != JSON_OBJECT)
		return;
	(void)printf("namespaces:        ");
	json_each (ns, namespaces)
		(void)printf(" %s%s", ns->key,
			json_get_bool(ns, "sharedWithHost", true) ? " (the host's)" : "");
	(void)putchar('\n');
}

static void print_capabilities(const struct json *capabilities)
{
	const struct json *effective = json_get(capabilities, "effective");

	if (effective == NULL || effective->type != JSON_ARRAY)
		return;
	(void)printf("capabilities:      ");
	if (effective->children.count == 0)
		(void)printf(" none");
	json_each (cap, effective) {
		const char *name = json_string(cap);

		if (name != NULL)
			(void)printf(" %s", strncmp(name, "CAP_", 4) == 0 ? name + 4 : name);
	}
	(void)putchar('\n');
}

static void print_loosened(const struct json *list)
{
	if (list == NULL || list->type != JSON_ARRAY || list->children.count == 0) {
		(void)puts("loosened:           nothing");
		return;
	}
	(void)puts("loosened:");
	json_each (item, list)
		(void)printf("  %-8s %s: %s: %s\n", text_of(item, "severity"),
			text_of(item, "what"), text_of(item, "detail"),
			text_of(item, "consequence"));
}

int cli_boundary(struct cli *cli, int argc, char **argv)
{
	_cleanup_buf_ struct buf text = {0};
	const struct json *tree;

	buf_init(&text, CLIENT_ANSWER_MAX);
	if (argc != 2)
		return cli_usage(argv[0], "CONTAINER is missing");
	if (cli_get(cli, cli_target(cli, "/bulkhead/v1/containers/", argv[1], "/boundary"), &text,
		    &tree) < 0)
		return cli_fail(cli, CLI_FAILED);
	if (cli->json) {
		cli_print(&text);
		return CLI_OK;
	}
	(void)printf("boundary:           %s\n", text_of(tree, "boundary"));
	if (!json_get_bool(tree, "complete", true))
		(void)puts("                    (some facts could not be read: see --format json)");
	print_user(json_get(tree, "user"));
	print_namespaces(json_get(tree, "namespaces"));
	print_capabilities(json_get(tree, "capabilities"));
	(void)printf("seccomp:            %s\n", text_of(json_get(tree, "seccomp"), "mode"));
	(void)printf("no new privileges:  %s\n", yes_no(tree, "noNewPrivileges"));
	print_loosened(json_get(tree, "loosened"));
	return CLI_OK;
}
