// SPDX-License-Identifier: Apache-2.0
/* GET /containers/ID/json. */
#include <string.h>

#include "api/docker/describe.h"
#include "api/docker/docker.h"
#include "base/mem.h"

static void put_state(struct json_writer *w, const struct container *c)
{
	json_key(w, "State");
	json_begin_object(w);
	json_member_string(w, "Status", docker_state_name(c));
	json_member_bool(w, "Running", c->state == CONTAINER_RUNNING);
	json_member_bool(w, "Paused", false);
	json_member_bool(w, "Restarting", false);
	json_member_bool(w, "OOMKilled", c->oom_killed);
	json_member_bool(w, "Dead", c->state == CONTAINER_DEAD);
	json_member_int(w, "Pid", c->pid);
	json_member_int(w, "ExitCode", c->exit_code);
	json_member_string(w, "Error", c->error != NULL ? c->error : "");
	api_member_time(w, "StartedAt", c->started_ns);
	api_member_time(w, "FinishedAt", c->finished_ns);
	json_end_object(w);
}

static void put_paths(struct json_writer *w, const struct container *c)
{
	json_member_string(w, "ResolvConfPath", c->resolv_path != NULL ? c->resolv_path : "");
	json_member_string(w, "HostnamePath", c->hostname_path != NULL ? c->hostname_path : "");
	json_member_string(w, "HostsPath", c->hosts_path != NULL ? c->hosts_path : "");
	json_member_string(w, "LogPath", c->log_path != NULL ? c->log_path : "");
}

static void put_name(struct json_writer *w, const struct container *c)
{
	_cleanup_buf_ struct buf name = {0};

	buf_init(&name, 1024);
	buf_printf(&name, "/%s", c->name);
	json_member_string(w, "Name", buf_str(&name));
}

static void put_execs(struct json_writer *w, struct api_request *r, const struct container *c)
{
	const struct exec *x = engine_exec_next(api_engine(r), c, NULL);

	json_key(w, "ExecIDs");
	if (x == NULL) {
		json_put_null(w);
		return;
	}
	json_begin_array(w);
	for (; x != NULL; x = engine_exec_next(api_engine(r), c, x))
		json_put_string(w, x->id);
	json_end_array(w);
}

static void put_network(struct json_writer *w, const struct container *c)
{
	static const char *const empty[] = {"Bridge", "SandboxID", "SandboxKey",
		"LinkLocalIPv6Address", "EndpointID", "Gateway", "GlobalIPv6Address", "IPAddress",
		"IPv6Gateway", "MacAddress"};

	json_key(w, "NetworkSettings");
	json_begin_object(w);
	for (size_t i = 0; i < ARRAY_SIZE(empty); i++)
		json_member_string(w, empty[i], "");
	json_key(w, "Ports");
	json_begin_object(w);
	json_end_object(w);
	json_member_bool(w, "HairpinMode", false);
	json_member_int(w, "LinkLocalIPv6PrefixLen", 0);
	json_member_int(w, "GlobalIPv6PrefixLen", 0);
	json_member_int(w, "IPPrefixLen", 0);
	json_key(w, "SecondaryIPAddresses");
	json_put_null(w);
	json_key(w, "SecondaryIPv6Addresses");
	json_put_null(w);
	docker_put_networks(w, c);
	json_end_object(w);
}

static void put_driver(struct json_writer *w)
{
	json_member_string(w, "Driver", "overlayfs");
	json_member_string(w, "Platform", "linux");
	json_key(w, "GraphDriver");
	json_begin_object(w);
	json_member_string(w, "Name", "overlayfs");
	json_key(w, "Data");
	json_put_null(w);
	json_end_object(w);
	json_member_string(w, "MountLabel", "");
	json_member_string(w, "ProcessLabel", "");
	json_member_string(w, "AppArmorProfile", "");
}

static void put_command(struct json_writer *w, const struct container *c)
{
	json_member_string(w, "Path", c->argv[0] != NULL ? c->argv[0] : "");
	json_key(w, "Args");
	json_begin_array(w);
	for (size_t i = 1; c->argv[0] != NULL && c->argv[i] != NULL; i++)
		json_put_string(w, c->argv[i]);
	json_end_array(w);
}

/* Docker's type is in HostConfig; "" and "rprivate" are its words for the defaults. */
static void put_mount(struct json_writer *w, const struct docker_mount *m)
{
	bool bind = m->type == DOCKER_MOUNT_BIND;

	json_begin_object(w);
	json_member_string(w, "Type", bind ? "bind" : "tmpfs");
	json_member_string(w, "Source", bind ? m->source : "");
	json_member_string(w, "Destination", m->target);
	json_member_string(w, "Mode", "");
	json_member_bool(w, "RW", !m->readonly);
	json_member_string(w, "Propagation", bind ? "rprivate" : "");
	json_end_object(w);
}

static void put_mounts(struct json_writer *w, struct api_request *r, const struct container *c)
{
	const struct json *tree;
	struct docker_create body;
	_cleanup_buf_ struct buf text = {0};

	buf_init(&text, DOCKER_BODY_MAX * 2);
	buf_printf(&text, "{\"Image\":\"x\",\"HostConfig\":%s}", c->host_config_json);
	json_key(w, "Mounts");
	json_begin_array(w);
	if (buf_status(&text) == 0 &&
		json_parse(text.data, text.len, &r->arena, &tree, NULL) == 0 &&
		docker_create_decode(tree, &r->arena, &body, NULL) == 0)
		for (size_t i = 0; i < body.host.mount_count; i++)
			put_mount(w, &body.host.mounts[i]);
	json_end_array(w);
}

void docker_container_inspect(struct api_request *r)
{
	_cleanup_buf_ struct buf out = {0};
	struct json_writer w = JSON_WRITER(&out);
	const struct container *c = api_container(r);

	if (c == NULL)
		return;
	buf_init(&out, API_ANSWER_MAX);
	json_begin_object(&w);
	json_member_string(&w, "Id", c->id);
	api_member_time(&w, "Created", c->created_ns);
	put_command(&w, c);
	put_state(&w, c);
	json_member_string(&w, "Image", c->image_id);
	put_paths(&w, c);
	put_name(&w, c);
	json_member_int(&w, "RestartCount", c->restart_count);
	put_driver(&w);
	put_execs(&w, r, c);
	json_key(&w, "HostConfig");
	json_put_raw(&w, c->host_config_json);
	put_mounts(&w, r, c);
	json_key(&w, "Config");
	json_put_raw(&w, c->config_json);
	put_network(&w, c);
	json_end_object(&w);
	api_json(r, 200, &out);
}
