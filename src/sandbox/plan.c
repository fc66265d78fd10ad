// SPDX-License-Identifier: Apache-2.0
#include "sandbox/plan.h"

#include <errno.h>
#include <linux/capability.h>
#include <sched.h>
#include <string.h>
#include <sys/mount.h>

#include "base/mem.h"

#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x00000080
#endif

static const struct {
	uint64_t flag;
	const char *name;
} namespaces[OCI_NS_COUNT] = {
	[OCI_NS_USER] = {CLONE_NEWUSER, "user"},
	[OCI_NS_MOUNT] = {CLONE_NEWNS, "mnt"},
	[OCI_NS_PID] = {CLONE_NEWPID, "pid"},
	[OCI_NS_NETWORK] = {CLONE_NEWNET, "net"},
	[OCI_NS_IPC] = {CLONE_NEWIPC, "ipc"},
	[OCI_NS_UTS] = {CLONE_NEWUTS, "uts"},
	[OCI_NS_CGROUP] = {CLONE_NEWCGROUP, "cgroup"},
	[OCI_NS_TIME] = {CLONE_NEWTIME, "time"},
};

/* What every container has in /dev, by the OCI specification (config-linux.md, Default Devices). */
static const struct oci_device default_devices[] = {
	{.path = "/dev/null", .type = 'c', .major = 1, .minor = 3, .has_mode = true, .mode = 0666},
	{.path = "/dev/zero", .type = 'c', .major = 1, .minor = 5, .has_mode = true, .mode = 0666},
	{.path = "/dev/full", .type = 'c', .major = 1, .minor = 7, .has_mode = true, .mode = 0666},
	{.path = "/dev/random",
		.type = 'c',
		.major = 1,
		.minor = 8,
		.has_mode = true,
		.mode = 0666},
	{.path = "/dev/urandom",
		.type = 'c',
		.major = 1,
		.minor = 9,
		.has_mode = true,
		.mode = 0666},
	{.path = "/dev/tty", .type = 'c', .major = 5, .minor = 0, .has_mode = true, .mode = 0666},
};

static const struct {
	const char *path, *target;
} dev_links[] = {
	{"/dev/ptmx", "pts/ptmx"},
	{"/dev/fd", "/proc/self/fd"},
	{"/dev/stdin", "/proc/self/fd/0"},
	{"/dev/stdout", "/proc/self/fd/1"},
	{"/dev/stderr", "/proc/self/fd/2"},
};

uint64_t plan_namespace_flag(enum oci_namespace ns)
{
	return namespaces[ns].flag;
}

const char *plan_namespace_name(enum oci_namespace ns)
{
	return namespaces[ns].name;
}

static bool is_new(const struct oci_config *config, enum oci_namespace ns)
{
	return config->namespaces[ns].mode == OCI_NS_NEW;
}

static bool is_joined(const struct oci_config *config, enum oci_namespace ns)
{
	return config->namespaces[ns].mode == OCI_NS_JOIN;
}

/* Nothing inside may write what the Host layer enforces, unless it was asked for by capability. */
static bool network_owned_outside(const struct oci_config *config)
{
	uint64_t network = 1ULL << CAP_NET_ADMIN | 1ULL << CAP_NET_RAW;

	return is_new(config, OCI_NS_NETWORK) &&
	       (config->process.capabilities[OCI_CAP_BOUNDING] & network) == 0;
}

static void plan_namespaces(
	const struct oci_config *config, const struct plan_facts *facts, struct sandbox_plan *plan)
{
	plan->builder = is_new(config, OCI_NS_USER) && facts->privileged;
	plan->join_user = is_joined(config, OCI_NS_USER);
	plan->join_pid = is_joined(config, OCI_NS_PID);
	plan->new_cgroup = is_new(config, OCI_NS_CGROUP);
	plan->new_time = is_new(config, OCI_NS_TIME);
	for (unsigned int i = 0; i < OCI_NS_COUNT; i++) {
		if (is_joined(config, i))
			plan->joined |= namespaces[i].flag;
		else if (is_new(config, i) && i != OCI_NS_CGROUP && i != OCI_NS_TIME)
			plan->clone_flags |= namespaces[i].flag;
	}
	if (!plan->builder)
		return;
	plan->clone_flags &= ~(uint64_t)CLONE_NEWNS;
	plan->builder_network = network_owned_outside(config);
	if (plan->builder_network)
		plan->clone_flags &= ~(uint64_t)CLONE_NEWNET;
}

static int copy_ranges(const struct oci_id_maps *maps, struct arena *a, struct userns_range **ret,
	size_t *ret_count)
{
	struct userns_range *ranges = arena_calloc(a, maps->count, sizeof(*ranges));

	if (ranges == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < maps->count; i++) {
		ranges[i].inside = maps->items[i].container_id;
		ranges[i].outside = maps->items[i].host_id;
		ranges[i].size = maps->items[i].size;
	}
	*ret = ranges;
	*ret_count = maps->count;
	return 0;
}

static int plan_ids(const struct oci_config *config, const struct plan_facts *facts,
	struct arena *a, struct sandbox_plan *plan, struct bh_error *err)
{
	if (!is_new(config, OCI_NS_USER))
		return 0;
	if (config->uid_maps.count == 0 || config->gid_maps.count == 0)
		return bh_fail(err, -EINVAL,
			"/linux/uidMappings: a new user namespace needs uidMappings and "
			"gidMappings");
	if (copy_ranges(&config->uid_maps, a, &plan->uids, &plan->uid_count) < 0 ||
		copy_ranges(&config->gid_maps, a, &plan->gids, &plan->gid_count) < 0)
		return bh_fail(err, -ENOMEM, "plan: out of memory");
	if (userns_to_outside(plan->uids, plan->uid_count, 0, &plan->root_uid) < 0)
		return bh_fail(
			err, -EINVAL, "/linux/uidMappings: id 0 of the container is not mapped");
	if (userns_to_outside(plan->gids, plan->gid_count, 0, &plan->root_gid) < 0)
		return bh_fail(
			err, -EINVAL, "/linux/gidMappings: id 0 of the container is not mapped");
	plan->deny_setgroups = !facts->privileged;
	return 0;
}

static bool covers_dev(const struct oci_config *config)
{
	for (size_t i = 0; i < config->mount_count; i++)
		if (config->mounts[i].is_bind && strcmp(config->mounts[i].destination, "/dev") == 0)
			return true;
	return false;
}

static struct rootfs_step *add_step(struct sandbox_plan *plan, enum rootfs_op op, const char *path)
{
	struct rootfs_step *step = &plan->steps[plan->step_count++];

	step->op = op;
	step->path = path;
	step->after_hooks = op == ROOTFS_READONLY_PATH || op == ROOTFS_MASK ||
			    op == ROOTFS_READONLY_ROOT || op == ROOTFS_READONLY_MOUNT;
	return step;
}

static bool device_overridden(const struct oci_config *config, const char *path)
{
	for (size_t i = 0; i < config->device_count; i++)
		if (strcmp(config->devices[i].path, path) == 0)
			return true;
	return false;
}

static void add_devices(const struct oci_config *config, struct sandbox_plan *plan)
{
	for (size_t i = 0; i < ARRAY_SIZE(default_devices); i++)
		if (!device_overridden(config, default_devices[i].path))
			add_step(plan, ROOTFS_DEVICE, default_devices[i].path)->device =
				&default_devices[i];
	for (size_t i = 0; i < config->device_count; i++)
		add_step(plan, ROOTFS_DEVICE, config->devices[i].path)->device =
			&config->devices[i];
	for (size_t i = 0; i < ARRAY_SIZE(dev_links); i++)
		add_step(plan, ROOTFS_SYMLINK, dev_links[i].path)->target = dev_links[i].target;
}

bool plan_mount_is_sealed(const struct oci_config *config, const struct oci_mount *m)
{
	if ((m->flags & (MS_RDONLY | MS_REMOUNT)) != MS_RDONLY || m->is_bind || m->type == NULL ||
		strcmp(m->type, "tmpfs") != 0)
		return false;
	for (const struct oci_mount *other = m + 1; other < config->mounts + config->mount_count;
		other++)
		if (strcmp(other->destination, m->destination) == 0)
			return false;
	return true;
}

static int plan_rootfs(const struct oci_config *config, struct arena *a, struct sandbox_plan *plan,
	struct bh_error *err)
{
	size_t most = config->mount_count + config->device_count + ARRAY_SIZE(default_devices) +
		      ARRAY_SIZE(dev_links) + config->masked_paths.count +
		      config->readonly_paths.count + 2 + config->mount_count;

	plan->steps = arena_calloc(a, most, sizeof(*plan->steps));
	if (plan->steps == NULL)
		return bh_fail(err, -ENOMEM, "plan: out of memory");
	for (size_t i = 0; i < config->mount_count; i++)
		add_step(plan, ROOTFS_MOUNT, config->mounts[i].destination)->mount =
			&config->mounts[i];
	plan->dev_is_ours = !covers_dev(config);
	if (plan->dev_is_ours)
		add_devices(config, plan);
	if (config->process.cwd != NULL && strcmp(config->process.cwd, "/") != 0)
		add_step(plan, ROOTFS_CWD, config->process.cwd);
	for (size_t i = 0; i < config->mount_count; i++)
		if (plan_mount_is_sealed(config, &config->mounts[i]))
			add_step(plan, ROOTFS_READONLY_MOUNT, config->mounts[i].destination);
	for (size_t i = 0; i < config->readonly_paths.count; i++)
		add_step(plan, ROOTFS_READONLY_PATH, config->readonly_paths.items[i]);
	for (size_t i = 0; i < config->masked_paths.count; i++)
		add_step(plan, ROOTFS_MASK, config->masked_paths.items[i]);
	if (config->root_readonly)
		add_step(plan, ROOTFS_READONLY_ROOT, "/");
	return 0;
}

int sandbox_plan_make(const struct oci_config *config, const struct plan_facts *facts,
	struct arena *a, struct sandbox_plan *ret, struct bh_error *err)
{
	struct sandbox_plan plan = {0};
	int r;

	if (config->namespaces[OCI_NS_MOUNT].mode == OCI_NS_HOST)
		return bh_fail(err, -ENOTSUP,
			"/linux/namespaces: a container needs a mount namespace; without one its "
			"mounts "
			"would be the host's");
	if (is_new(config, OCI_NS_USER) && is_joined(config, OCI_NS_MOUNT))
		return bh_fail(err, -ENOTSUP,
			"/linux/namespaces: a mount namespace is joined together with the user "
			"namespace that owns it, not with a new one");
	plan_namespaces(config, facts, &plan);
	r = plan_ids(config, facts, a, &plan, err);
	if (r < 0)
		return r;
	plan.bind_devices = !facts->in_init_userns ||
			    (is_new(config, OCI_NS_USER) && !plan.builder) || plan.join_user;
	plan.root_propagation =
		config->rootfs_propagation != 0 ? config->rootfs_propagation : MS_SLAVE | MS_REC;
	r = plan_rootfs(config, a, &plan, err);
	if (r < 0)
		return r;
	*ret = plan;
	return 0;
}
