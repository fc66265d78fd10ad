// SPDX-License-Identifier: Apache-2.0
#ifndef BULKHEAD_ENGINE_PLAN_H
#define BULKHEAD_ENGINE_PLAN_H

/*
 * From what Docker's API asked for to a configuration of the OCI runtime specification. Pure: what
 * has to be found out on the host (user, devices, which binds can be id-mapped) is found out
 * before.
 */

#include "base/arena.h"
#include "base/error.h"
#include "engine/user.h"
#include "spec/daemon_config.h"
#include "spec/docker_create.h"
#include "spec/oci.h"

struct plan_device {
	char type;
	uint32_t major, minor;
};

struct plan_input {
	const char *id;
	const struct docker_create *create;
	const struct daemon_config *daemon;
	const struct user_found *user;
	const char *hostname;
	uint32_t id_base;
	/* files of ours bound into the container; owned by the container's root */
	const char *hostname_path, *hosts_path, *resolv_path;
	const struct plan_device *devices; /* one for each of create->host.devices */
	const bool *bind_mapped; /* one for each of create->host.mounts: can be id-mapped */
};

int plan_config(
	const struct plan_input *in, struct arena *a, struct oci_config *ret, struct bh_error *err);

/* Refuse what this build does not enforce; called at create. -ENOTSUP, -EINVAL. */
int plan_check(const struct docker_create *create, const struct daemon_config *daemon,
	struct bh_error *err);

struct docker_exec_create;
/* The process object of an exec: the container's, with the exec's own settings; never more than
 * process 1 has. */
int plan_exec(const struct oci_config *config, const struct docker_exec_create *exec,
	const struct user_found *user, struct arena *a, struct oci_process *ret,
	struct bh_error *err);

#endif
