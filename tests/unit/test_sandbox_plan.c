// SPDX-License-Identifier: Apache-2.0
#include "sandbox/plan.h"

#include <errno.h>
#include <linux/capability.h>
#include <sched.h>
#include <sys/mount.h>

#include "test.h"

static const struct plan_facts root = {.privileged = true, .in_init_userns = true};
static const struct plan_facts nobody = {.privileged = false, .in_init_userns = true};
static const struct plan_facts nested = {.privileged = true, .in_init_userns = false};

static struct oci_config config_with(uint64_t namespaces)
{
	struct oci_config c = {.has_process = true, .root_path = "rootfs"};

	for (unsigned int i = 0; i < OCI_NS_COUNT; i++)
		if ((namespaces & plan_namespace_flag(i)) != 0)
			c.namespaces[i].mode = OCI_NS_NEW;
	return c;
}

static const struct oci_id_map map[] = {{0, 100000, 65536}};

static struct oci_config config_with_users(uint64_t namespaces)
{
	struct oci_config c = config_with(namespaces | CLONE_NEWUSER);

	c.uid_maps = c.gid_maps = (struct oci_id_maps){map, 1};
	return c;
}

static int count(const struct sandbox_plan *p, enum rootfs_op op)
{
	int n = 0;

	for (size_t i = 0; i < p->step_count; i++)
		n += p->steps[i].op == op;
	return n;
}

static struct sandbox_plan plan_of(
	const struct oci_config *c, const struct plan_facts *facts, struct arena *a)
{
	struct bh_error err = BH_ERROR_INIT;
	struct sandbox_plan p = {0};

	CHECK_INT(arena_init(a, 1 << 20), 0);
	if (sandbox_plan_make(c, facts, a, &p, &err) < 0) {
		fprintf(stderr, "# %s\n", err.text);
		exit(TEST_EXIT_FAIL);
	}
	return p;
}

TEST(without_user_namespace_process_1_builds_for_itself)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	struct oci_config c =
		config_with(CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWCGROUP);
	struct sandbox_plan p = plan_of(&c, &root, &a);

	CHECK(!p.builder && p.new_cgroup && !p.bind_devices);
	CHECK_INT(p.clone_flags, CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET);
	CHECK_INT(p.root_propagation, MS_SLAVE | MS_REC);
}

TEST(user_namespace_gets_a_builder_and_a_network_owned_outside)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	struct oci_config c = config_with_users(CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET);
	struct sandbox_plan p = plan_of(&c, &root, &a);

	CHECK(p.builder && p.builder_network && !p.bind_devices && !p.deny_setgroups);
	CHECK_INT(p.clone_flags, CLONE_NEWUSER | CLONE_NEWPID);
	CHECK_INT(p.root_uid, 100000);
}

TEST(network_capability_moves_the_network_inside)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	struct oci_config c = config_with_users(CLONE_NEWNS | CLONE_NEWNET);
	struct sandbox_plan p;

	c.process.capabilities[OCI_CAP_BOUNDING] = 1ULL << CAP_NET_ADMIN;
	p = plan_of(&c, &root, &a);
	CHECK(!p.builder_network);
	CHECK_INT(p.clone_flags, CLONE_NEWUSER | CLONE_NEWNET);
}

TEST(without_privilege_all_happens_inside)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	struct oci_config c = config_with_users(CLONE_NEWNS | CLONE_NEWPID);
	struct sandbox_plan p = plan_of(&c, &nobody, &a);

	CHECK(!p.builder && p.bind_devices && p.deny_setgroups);
	CHECK_INT(p.clone_flags, CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID);
}

TEST(nested_binds_devices)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	struct oci_config c = config_with(CLONE_NEWNS);

	CHECK(plan_of(&c, &nested, &a).bind_devices);
}

TEST(masks_come_behind_the_hooks_and_devices_can_be_overridden)
{
	static const char *masked[] = {"/proc/kcore", "/proc/keys"}, *readonly[] = {"/proc/sys"};
	static const struct oci_device devices[] = {
		{.path = "/dev/null", .type = 'c', .major = 1, .minor = 3},
		{.path = "/dev/fuse", .type = 'c', .major = 10, .minor = 229}};
	_cleanup_arena_ struct arena a = ARENA_INIT;
	struct oci_config c = config_with(CLONE_NEWNS);
	struct sandbox_plan p;

	c.masked_paths = (struct oci_strings){masked, 2};
	c.readonly_paths = (struct oci_strings){readonly, 1};
	c.root_readonly = true;
	c.devices = devices;
	c.device_count = 2;
	p = plan_of(&c, &root, &a);
	CHECK_INT(count(&p, ROOTFS_DEVICE), 7);
	CHECK_INT(count(&p, ROOTFS_MASK), 2);
	CHECK_INT(count(&p, ROOTFS_READONLY_PATH), 1);
	CHECK_INT(p.steps[p.step_count - 1].op, ROOTFS_READONLY_ROOT);
	for (size_t i = 0; i < p.step_count; i++)
		CHECK_INT(p.steps[i].after_hooks, p.steps[i].op >= ROOTFS_READONLY_PATH);
	CHECK_INT(count(&p, ROOTFS_CWD), 0);
	c.process.cwd = "/work";
	arena_release(&a);
	p = plan_of(&c, &root, &a);
	CHECK_INT(count(&p, ROOTFS_CWD), 1);
}

TEST(bind_over_dev_leaves_it_alone)
{
	static const struct oci_mount mounts[] = {
		{.destination = "/dev", .source = "/dev", .is_bind = true}};
	_cleanup_arena_ struct arena a = ARENA_INIT;
	struct oci_config c = config_with(CLONE_NEWNS);
	struct sandbox_plan p;

	c.mounts = mounts;
	c.mount_count = 1;
	p = plan_of(&c, &root, &a);
	CHECK(!p.dev_is_ours);
	CHECK_INT(count(&p, ROOTFS_DEVICE), 0);
}

TEST(refusals)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	struct oci_config none = config_with(CLONE_NEWPID),
			  no_maps = config_with(CLONE_NEWNS | CLONE_NEWUSER);
	static const struct oci_id_map no_root[] = {{1, 100000, 10}};
	struct bh_error err = BH_ERROR_INIT;
	struct sandbox_plan p;

	CHECK_INT(arena_init(&a, 1 << 20), 0);
	CHECK_INT(sandbox_plan_make(&none, &root, &a, &p, &err), -ENOTSUP);
	CHECK(strstr(err.text, "/linux/namespaces") != NULL);
	CHECK_INT(sandbox_plan_make(&no_maps, &root, &a, &p, &err), -EINVAL);
	no_maps.uid_maps = no_maps.gid_maps = (struct oci_id_maps){no_root, 1};
	CHECK_INT(sandbox_plan_make(&no_maps, &root, &a, &p, &err), -EINVAL);
	CHECK(strstr(err.text, "/linux/uidMappings") != NULL);
	no_maps.uid_maps = no_maps.gid_maps = (struct oci_id_maps){map, 1};
	no_maps.namespaces[OCI_NS_MOUNT] =
		(struct oci_ns){.mode = OCI_NS_JOIN, .path = "/proc/1/ns/mnt"};
	CHECK_INT(sandbox_plan_make(&no_maps, &root, &a, &p, &err), -ENOTSUP);
	CHECK(strstr(err.text, "a mount namespace is joined") != NULL);
}
