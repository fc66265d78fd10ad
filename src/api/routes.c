// SPDX-License-Identifier: Apache-2.0
/*
 * The routing table. Columns: method, pattern, first API version, verb, body, handler. Rows of
 * REFUSED name what is missing; their status is 501 unless Docker has one for it (a node outside a
 * swarm answers 503).
 */
#include "api/route.h"

#include "api/bulkhead/bulkhead.h"
#include "api/docker/docker.h"
#include "base/mem.h"

#define DOCKER(m, path, since, verb, body, fn)                                                     \
	{                                                                                          \
		API_DOCKER, HTTP_##m, path, since, GUARD_##verb, API_BODY_##body, fn, 0, NULL      \
	}
#define REFUSED(m, path, verb, text)                                                               \
	{                                                                                          \
		API_DOCKER, HTTP_##m, path, 0, GUARD_##verb, API_BODY_NONE, NULL, 501,             \
			"not supported by this build yet: " text                                   \
	}
#define NO_SWARM(m, path)                                                                          \
	{                                                                                          \
		API_DOCKER, HTTP_##m, path, 0, GUARD_CLUSTER, API_BODY_NONE, NULL, 503,            \
			"This node is not a swarm manager. This engine has no swarm mode: "        \
			"use docker run"                                                           \
	}
#define BULKHEAD(m, path, verb, fn)                                                                \
	{                                                                                          \
		API_BULKHEAD, HTTP_##m, path, 0, GUARD_##verb, API_BODY_NONE, fn, 0, NULL          \
	}

#define NO_LOGIN                                                                                   \
	"registry logins (no registry is ever asked; docker import takes a root file system from " \
	"a tar archive)"
#define NO_CHECKPOINTS                                                                             \
	"checkpoints (docker stop and docker start work; what is to stay belongs into a bound "    \
	"directory)"
#define NO_COPY                                                                                    \
	"docker cp (bind a directory with -v, or pipe an archive through docker exec -i ID tar)"
#define NO_SAVE     "docker save (keep the archive that was imported)"
#define NO_PLUGINS  "plugins (the log drivers json-file and none are built in)"
#define NO_NETWORKS "networks (run containers with --network none or without --network)"
#define NO_VOLUMES  "volumes (bind a host directory, or use --tmpfs)"
#define NO_REGISTRY "registries (docker import takes a root file system from a tar archive)"
#define NO_BUILD    "image builds (docker import takes a root file system from a tar archive)"

static const struct api_route routes[] = {
	/* system */
	DOCKER(GET, "/_ping", 0, PING, NONE, docker_ping),
	DOCKER(GET, "/version", 0, PING, NONE, docker_version),
	DOCKER(GET, "/info", 0, SYSTEM_READ, NONE, docker_info),
	DOCKER(GET, "/events", 0, SYSTEM_READ, NONE, docker_events),
	REFUSED(GET, "/system/df", SYSTEM_READ, "docker system df (docker images shows sizes)"),
	REFUSED(POST, "/auth", SYSTEM_READ, NO_LOGIN),
	REFUSED(POST, "/session", IMAGE_BUILD, NO_BUILD),
	REFUSED(POST, "/grpc", IMAGE_BUILD, NO_BUILD),

	/* containers */
	DOCKER(GET, "/containers/json", 0, CONTAINER_LIST, NONE, docker_containers_list),
	DOCKER(POST, "/containers/create", 0, CONTAINER_CREATE, JSON, docker_container_create),
	REFUSED(POST, "/containers/prune", CONTAINER_DELETE,
		"pruning containers (docker rm works)"),
	DOCKER(GET, "/containers/{}/json", 0, CONTAINER_READ, NONE, docker_container_inspect),
	DOCKER(GET, "/containers/{}/top", 0, CONTAINER_READ, NONE, docker_container_top),
	DOCKER(GET, "/containers/{}/logs", 0, CONTAINER_READ, NONE, docker_container_logs),
	REFUSED(GET, "/containers/{}/stats", CONTAINER_READ,
		"docker stats (docker top lists the processes)"),
	REFUSED(GET, "/containers/{}/changes", CONTAINER_FILES,
		"docker diff (look with docker exec)"),
	REFUSED(GET, "/containers/{}/export", CONTAINER_FILES,
		"docker export (docker exec ID tar -c DIRECTORY, where the image has tar)"),
	REFUSED(GET, "/containers/{}/archive", CONTAINER_FILES, NO_COPY),
	REFUSED(PUT, "/containers/{}/archive", CONTAINER_FILES, NO_COPY),
	REFUSED(GET, "/containers/{}/attach/ws", CONTAINER_ATTACH,
		"attaching by websocket (POST /containers/ID/attach works)"),
	REFUSED(GET, "/containers/{}/checkpoints", CONTAINER_OPERATE, NO_CHECKPOINTS),
	REFUSED(POST, "/containers/{}/checkpoints", CONTAINER_OPERATE, NO_CHECKPOINTS),
	REFUSED(DELETE, "/containers/{}/checkpoints/{}", CONTAINER_OPERATE, NO_CHECKPOINTS),
	DOCKER(POST, "/containers/{}/start", 0, CONTAINER_OPERATE, NONE, docker_container_start),
	DOCKER(POST, "/containers/{}/stop", 0, CONTAINER_OPERATE, NONE, docker_container_stop),
	DOCKER(POST, "/containers/{}/restart", 0, CONTAINER_OPERATE, NONE,
		docker_container_restart),
	DOCKER(POST, "/containers/{}/kill", 0, CONTAINER_OPERATE, NONE, docker_container_kill),
	DOCKER(POST, "/containers/{}/rename", 0, CONTAINER_OPERATE, NONE, docker_container_rename),
	DOCKER(POST, "/containers/{}/resize", 0, CONTAINER_OPERATE, NONE, docker_container_resize),
	REFUSED(POST, "/containers/{}/update", CONTAINER_OPERATE,
		"docker update (set limits when creating the container)"),
	REFUSED(POST, "/containers/{}/pause", CONTAINER_OPERATE,
		"docker pause (docker stop and docker start work)"),
	REFUSED(POST, "/containers/{}/unpause", CONTAINER_OPERATE,
		"docker unpause (nothing is ever paused)"),
	DOCKER(POST, "/containers/{}/wait", 0, CONTAINER_READ, NONE, docker_container_wait),
	DOCKER(POST, "/containers/{}/attach", 0, CONTAINER_ATTACH, NONE, docker_container_attach),
	DOCKER(POST, "/containers/{}/exec", 0, CONTAINER_EXEC, JSON, docker_exec_create),
	DOCKER(DELETE, "/containers/{}", 0, CONTAINER_DELETE, NONE, docker_container_delete),
	DOCKER(POST, "/exec/{}/start", 0, CONTAINER_EXEC, OPTIONAL, docker_exec_start),
	DOCKER(POST, "/exec/{}/resize", 0, CONTAINER_EXEC, NONE, docker_exec_resize),
	DOCKER(GET, "/exec/{}/json", 0, CONTAINER_READ, NONE, docker_exec_inspect),
	REFUSED(POST, "/commit", IMAGE_WRITE,
		"docker commit (make the root file system outside and docker import it)"),

	/* images */
	DOCKER(GET, "/images/json", 0, IMAGE_LIST, NONE, docker_images_list),
	DOCKER(POST, "/images/create", 0, IMAGE_WRITE, UPLOAD, docker_images_create),
	REFUSED(GET, "/images/search", IMAGE_READ, NO_REGISTRY),
	REFUSED(POST, "/images/prune", IMAGE_DELETE, "pruning images (docker rmi works)"),
	REFUSED(POST, "/images/load", IMAGE_WRITE,
		"docker load (docker import takes a root file system from a tar archive)"),
	REFUSED(GET, "/images/get", IMAGE_READ, NO_SAVE),
	REFUSED(GET, "/images/{*}/get", IMAGE_READ, NO_SAVE),
	DOCKER(GET, "/images/{*}/json", 0, IMAGE_READ, NONE, docker_image_inspect),
	DOCKER(GET, "/images/{*}/history", 0, IMAGE_READ, NONE, docker_image_history),
	DOCKER(POST, "/images/{*}/tag", 0, IMAGE_WRITE, NONE, docker_image_tag),
	REFUSED(POST, "/images/{*}/push", IMAGE_READ, NO_REGISTRY),
	DOCKER(DELETE, "/images/{*}", 0, IMAGE_DELETE, NONE, docker_image_delete),
	REFUSED(GET, "/distribution/{*}/json", IMAGE_READ, NO_REGISTRY),
	REFUSED(POST, "/build", IMAGE_BUILD, NO_BUILD),
	REFUSED(POST, "/build/prune", IMAGE_BUILD, NO_BUILD),
	REFUSED(POST, "/build/cancel", IMAGE_BUILD, NO_BUILD),

	/* networks and volumes */
	REFUSED(GET, "/networks", NETWORK_READ, NO_NETWORKS),
	REFUSED(POST, "/networks/create", NETWORK_WRITE, NO_NETWORKS),
	REFUSED(POST, "/networks/prune", NETWORK_WRITE, NO_NETWORKS),
	REFUSED(GET, "/networks/{}", NETWORK_READ, NO_NETWORKS),
	REFUSED(POST, "/networks/{}/connect", NETWORK_WRITE, NO_NETWORKS),
	REFUSED(POST, "/networks/{}/disconnect", NETWORK_WRITE, NO_NETWORKS),
	REFUSED(DELETE, "/networks/{}", NETWORK_WRITE, NO_NETWORKS),
	REFUSED(GET, "/volumes", VOLUME_READ, NO_VOLUMES),
	REFUSED(POST, "/volumes/create", VOLUME_WRITE, NO_VOLUMES),
	REFUSED(POST, "/volumes/prune", VOLUME_WRITE, NO_VOLUMES),
	REFUSED(GET, "/volumes/{}", VOLUME_READ, NO_VOLUMES),
	REFUSED(PUT, "/volumes/{}", VOLUME_WRITE, NO_VOLUMES),
	REFUSED(DELETE, "/volumes/{}", VOLUME_WRITE, NO_VOLUMES),

	/* plugins */
	REFUSED(GET, "/plugins", PLUGIN, NO_PLUGINS),
	REFUSED(GET, "/plugins/privileges", PLUGIN, NO_PLUGINS),
	REFUSED(POST, "/plugins/pull", PLUGIN, NO_PLUGINS),
	REFUSED(POST, "/plugins/create", PLUGIN, NO_PLUGINS),
	REFUSED(GET, "/plugins/{*}/json", PLUGIN, NO_PLUGINS),
	REFUSED(POST, "/plugins/{*}/enable", PLUGIN, NO_PLUGINS),
	REFUSED(POST, "/plugins/{*}/disable", PLUGIN, NO_PLUGINS),
	REFUSED(POST, "/plugins/{*}/upgrade", PLUGIN, NO_PLUGINS),
	REFUSED(POST, "/plugins/{*}/push", PLUGIN, NO_PLUGINS),
	REFUSED(POST, "/plugins/{*}/set", PLUGIN, NO_PLUGINS),
	REFUSED(DELETE, "/plugins/{*}", PLUGIN, NO_PLUGINS),

	/* swarm */
	NO_SWARM(GET, "/swarm"),
	NO_SWARM(POST, "/swarm/init"),
	NO_SWARM(POST, "/swarm/join"),
	NO_SWARM(POST, "/swarm/leave"),
	NO_SWARM(POST, "/swarm/update"),
	NO_SWARM(GET, "/swarm/unlockkey"),
	NO_SWARM(POST, "/swarm/unlock"),
	NO_SWARM(GET, "/nodes"),
	NO_SWARM(GET, "/nodes/{}"),
	NO_SWARM(DELETE, "/nodes/{}"),
	NO_SWARM(POST, "/nodes/{}/update"),
	NO_SWARM(GET, "/services"),
	NO_SWARM(POST, "/services/create"),
	NO_SWARM(GET, "/services/{}"),
	NO_SWARM(DELETE, "/services/{}"),
	NO_SWARM(POST, "/services/{}/update"),
	NO_SWARM(GET, "/services/{}/logs"),
	NO_SWARM(GET, "/tasks"),
	NO_SWARM(GET, "/tasks/{}"),
	NO_SWARM(GET, "/tasks/{}/logs"),
	NO_SWARM(GET, "/secrets"),
	NO_SWARM(POST, "/secrets/create"),
	NO_SWARM(GET, "/secrets/{}"),
	NO_SWARM(DELETE, "/secrets/{}"),
	NO_SWARM(POST, "/secrets/{}/update"),
	NO_SWARM(GET, "/configs"),
	NO_SWARM(POST, "/configs/create"),
	NO_SWARM(GET, "/configs/{}"),
	NO_SWARM(DELETE, "/configs/{}"),
	NO_SWARM(POST, "/configs/{}/update"),

	/* ours */
	BULKHEAD(GET, "/version", PING, bulkhead_version),
	BULKHEAD(GET, "/containers", CONTAINER_LIST, bulkhead_containers),
	BULKHEAD(GET, "/containers/{}/boundary", CONTAINER_READ, bulkhead_boundary),
};

const struct api_route *api_routes(size_t *ret_count)
{
	*ret_count = ARRAY_SIZE(routes);
	return routes;
}
