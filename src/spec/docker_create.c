// SPDX-License-Identifier: Apache-2.0
/* The body of POST /containers/create around its HostConfig. */
#include "spec/docker_create.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "base/mem.h"
#include "spec/docker_host.h"

static int read_health(struct docker_reader *r, const struct json *node, void *target)
{
	const struct json *test = json_get(node, "Test");

	(void)target;
	if (docker_is_default(node))
		return 0;
	if (test != NULL && test->type == JSON_ARRAY && test->children.count == 1 &&
		json_string(test->children.first) != NULL &&
		strcmp(json_string(test->children.first), "NONE") == 0)
		return 0;
	return docker_refuse(r, -ENOTSUP,
		"Healthcheck: health checks are not supported by this build yet (use "
		"--no-healthcheck)");
}

static int read_endpoints(struct docker_reader *r, const struct json *node)
{
	json_each (child, node) {
		if (strcmp(child->key, "default") != 0 && strcmp(child->key, "none") != 0 &&
			strcmp(child->key, "bridge") != 0)
			return docker_refuse(r, -ENOTSUP,
				"network \"%.64s\": networks are not supported by this build yet "
				"(use --network none)",
				child->key);
		if (!docker_is_default(child))
			return docker_refuse(r, -ENOTSUP,
				"endpoint settings of network \"%.64s\" (aliases, addresses, MAC) "
				"are not supported by this build yet",
				child->key);
	}
	return 0;
}

static int read_networking(struct docker_reader *r, const struct json *node, void *target)
{
	const struct json *endpoints = json_get(node, "EndpointsConfig");

	(void)target;
	if (endpoints == NULL || endpoints->type == JSON_NULL)
		return 0;
	if (endpoints->type != JSON_OBJECT)
		return docker_bad(r, endpoints, "is not an object");
	return read_endpoints(r, endpoints);
}

/* An object whose keys are the paths: any key counts. */
static int read_volumes(struct docker_reader *r, const struct json *node, void *target)
{
	(void)target;
	if (node->type == JSON_OBJECT && node->children.count == 0)
		return 0;
	return docker_refuse(r, -ENOTSUP,
		"Volumes: anonymous volumes are not supported by this build yet (bind a host "
		"directory, or use --tmpfs)");
}

#define NOT_YET " is not supported by this build yet"
#define SKIP_(name)                                                                                \
	{                                                                                          \
		name, docker_read_nothing, 0, NULL, NULL                                           \
	}
#define NO(name, text)                                                                             \
	{                                                                                          \
		name, NULL, 0, NULL, text                                                          \
	}

/* The first rows are read by docker_config_decode(). */
static const struct docker_key body_keys[] = {
	SKIP_("Hostname"),
	SKIP_("Domainname"),
	SKIP_("User"),
	SKIP_("AttachStdin"),
	SKIP_("AttachStdout"),
	SKIP_("AttachStderr"),
	SKIP_("ExposedPorts"),
	SKIP_("Tty"),
	SKIP_("OpenStdin"),
	SKIP_("StdinOnce"),
	SKIP_("Env"),
	SKIP_("Cmd"),
	SKIP_("Entrypoint"),
	SKIP_("Image"),
	SKIP_("WorkingDir"),
	SKIP_("NetworkDisabled"),
	SKIP_("Labels"),
	SKIP_("StopSignal"),
	SKIP_("StopTimeout"),
	SKIP_("HostConfig"),
	SKIP_("Shell"), /* for builds */
	SKIP_("name"),  /* dockerode repeats its query here */
	SKIP_("platform"),
	{"Healthcheck", read_health, 0, NULL, NULL},
	{"NetworkingConfig", read_networking, 0, NULL, NULL},
	{"Volumes", read_volumes, 0, NULL, NULL},
	NO("ArgsEscaped", "Windows command lines are not supported"),
	NO("MacAddress", "a MAC address" NOT_YET),
	NO("OnBuild", "build triggers" NOT_YET),
};

static int check_body(struct docker_reader *r, const struct docker_create *c)
{
	if (c->config.image == NULL)
		return docker_refuse(
			r, -EINVAL, "no image specified: the body needs a non-empty Image");
	if (c->config.user != NULL && strlen(c->config.user) > 256)
		return docker_refuse(r, -EINVAL, "invalid user: longer than 256 bytes");
	return 0;
}

int docker_create_decode(
	const struct json *tree, struct arena *a, struct docker_create *ret, struct bh_error *err)
{
	struct docker_reader r = {a, err};
	struct docker_create c = {.tree = tree};
	const struct json *host = json_get(tree, "HostConfig");
	int code = docker_read_object(&r, tree, body_keys, ARRAY_SIZE(body_keys), true, &c);

	if (code == 0)
		code = docker_config_decode(tree, a, &c.config, err);
	if (code == 0)
		code = check_body(&r, &c);
	if (code == 0 && host != NULL && host->type != JSON_NULL)
		code = docker_host_config_decode(&r, host, &c.host);
	if (code == 0)
		*ret = c;
	return code;
}

bool docker_name_valid(const char *name)
{
	size_t len = strlen(name);

	if (len < 2 || len > 253 || !isalnum((unsigned char)name[0]))
		return false;
	for (size_t i = 1; i < len; i++)
		if (!isalnum((unsigned char)name[i]) && strchr("_.-", name[i]) == NULL)
			return false;
	return true;
}
