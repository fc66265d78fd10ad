// SPDX-License-Identifier: Apache-2.0
/* The sandbox defaults, compared whole with a file in the tree, and what their arguments change. */
#include "sandbox/defaults.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/seccomp.h>

#include "base/fd.h"
#include "base/mem.h"
#include "spec/oci_write.h"
#include "test.h"

#define NET_RAW   13
#define SYS_ADMIN 21

static void plan(const struct sandbox_defaults *d, struct arena *a, struct oci_config *c)
{
	struct bh_error err = BH_ERROR_INIT;

	if (a->base == NULL)
		CHECK_INT(arena_init(a, OCI_ARENA_MAX), 0);
	CHECK_INT(sandbox_defaults(d, a, c, &err), 0);
	CHECK_STR(err.text, "");
}

/* The file in the tree, written the way the writer writes. */
static void expected(struct arena *a, struct buf *out)
{
	_cleanup_buf_ struct buf text;
	struct json_writer w = JSON_WRITER(out);
	struct bh_error err = BH_ERROR_INIT;
	const struct json *tree;

	buf_init(&text, OCI_CONFIG_BYTES_MAX);
	CHECK_INT(fd_read_file(AT_FDCWD, TEST_DATA "/sandbox-defaults.json", &text), 0);
	CHECK_INT(json_parse(buf_str(&text), text.len, a, &tree, &err), 0);
	json_put_tree(&w, tree);
}

TEST(whole_plan)
{
#ifndef __x86_64__
	SKIP("the file holds the filter for x86-64");
#else
	const struct sandbox_defaults d = {.root_path = "rootfs",
		.hostname = "bulkhead",
		.terminal = true,
		.id_base = 1000000,
		.id_count = SANDBOX_ID_COUNT};
	_cleanup_arena_ struct arena a = ARENA_INIT;
	_cleanup_buf_ struct buf want, have;
	struct json_writer w = JSON_WRITER(&have);
	struct oci_config c;

	plan(&d, &a, &c);
	buf_init(&want, OCI_CONFIG_BYTES_MAX);
	buf_init(&have, OCI_CONFIG_BYTES_MAX);
	expected(&a, &want);
	CHECK_INT(oci_config_write(&c, &w), 0);
	CHECK_STR(buf_str(&have), buf_str(&want));
#endif
}

/* The plan is a document that the decoder takes. */
TEST(is_valid)
{
	const struct sandbox_defaults variants[] = {
		{.root_path = "r"},
		{.root_path = "r", .id_base = 5, .id_count = 1, .rootless = true},
		{.root_path = "/r", .root_readonly = true, .hostname = "h", .pids_limit = -1},
	};

	for (size_t i = 0; i < ARRAY_SIZE(variants); i++) {
		_cleanup_arena_ struct arena a = ARENA_INIT;
		_cleanup_buf_ struct buf text;
		struct json_writer w = JSON_WRITER(&text);
		struct bh_error err = BH_ERROR_INIT;
		const struct json *tree;
		struct oci_config c;

		plan(&variants[i], &a, &c);
		buf_init(&text, OCI_CONFIG_BYTES_MAX);
		CHECK_INT(oci_config_write(&c, &w), 0);
		CHECK_INT(json_parse(buf_str(&text), text.len, &a, &tree, &err), 0);
		CHECK_INT(oci_config_decode(tree, &a, &c, &err), 0);
		CHECK_INT(c.warnings.count, 0);
	}
}

TEST(arguments)
{
	static const char *const args[] = {"/bin/true", "x", NULL}, *const env[] = {"A=b", NULL};
	const uint64_t none = 0;
	const struct sandbox_defaults d = {.root_path = "r",
		.args = args,
		.env = env,
		.cwd = "/w",
		.user = {.uid = 1000, .gid = 1000},
		.no_new_privileges = true,
		.capabilities = &none,
		.id_base = 65536,
		.id_count = 1001,
		.rootless = true,
		.cgroups_path = "/c",
		.pids_limit = 7};
	_cleanup_arena_ struct arena a = ARENA_INIT;
	struct oci_config c;

	plan(&d, &a, &c);
	CHECK_STR(c.process.args.items[1], "x");
	CHECK(c.process.args.items[2] == NULL && c.process.env.count == 1);
	CHECK_STR(c.process.cwd, "/w");
	CHECK(c.process.no_new_privileges && c.process.has_capabilities);
	CHECK(c.process.capabilities[OCI_CAP_BOUNDING] == 0);
	CHECK_INT(c.uid_maps.items[0].size, 1001);
	CHECK_STR(c.sysctl[1].value, "0 1000");
	CHECK_INT(c.resources.pids_limit.value, 7);
	CHECK_STR(c.cgroups_path, "/c");
}

/* A user other than 0 starts without capabilities, whatever it may be given later. */
TEST(other_users_hold_no_capability)
{
	const struct sandbox_defaults d = {.root_path = "r", .user = {.uid = 1, .gid = 1}};
	_cleanup_arena_ struct arena a = ARENA_INIT;
	struct oci_config c;

	plan(&d, &a, &c);
	CHECK(c.process.capabilities[OCI_CAP_BOUNDING] == sandbox_default_capabilities());
	CHECK(c.process.capabilities[OCI_CAP_EFFECTIVE] == 0);
	CHECK(c.process.capabilities[OCI_CAP_PERMITTED] == 0);
	CHECK((sandbox_default_capabilities() >> NET_RAW & 1) == 0);
	CHECK_INT(c.namespaces[OCI_NS_USER].mode, OCI_NS_HOST);
}

TEST(ids_outside_of_the_range_are_refused)
{
	const struct sandbox_defaults d = {
		.root_path = "r", .id_base = 1, .id_count = 100, .user = {.uid = 100}};
	const struct sandbox_defaults end = {
		.root_path = "r", .id_base = UINT32_MAX - 10, .id_count = 100};
	_cleanup_arena_ struct arena a = ARENA_INIT;
	struct bh_error err = BH_ERROR_INIT;
	struct oci_config c;

	CHECK_INT(arena_init(&a, OCI_ARENA_MAX), 0);
	CHECK_INT(sandbox_defaults(&d, &a, &c, &err), -EINVAL);
	CHECK_STR(err.text, "user 100:0 is outside of the container's ids (0 to 99)");
	CHECK_INT(sandbox_defaults(&end, &a, &c, &err), -EINVAL);
}

TEST(full_arena)
{
	const struct sandbox_defaults d = {.root_path = "r"};
	_cleanup_arena_ struct arena a = ARENA_INIT;
	struct bh_error err = BH_ERROR_INIT;
	struct oci_config c;

	CHECK_INT(arena_init(&a, 4096), 0);
	CHECK_INT(sandbox_defaults(&d, &a, &c, &err), -ENOMEM);
}

/* The action of the first rule for name without arguments; 0 if there is none. */
static uint32_t verdict(const struct oci_seccomp *s, const char *name)
{
	for (size_t i = 0; i < s->rule_count; i++)
		for (size_t j = 0; j < s->rules[i].names.count; j++)
			if (s->rules[i].arg_count == 0 &&
				strcmp(s->rules[i].names.items[j], name) == 0)
				return s->rules[i].action;
	return 0;
}

TEST(filter_follows_capabilities)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	struct oci_seccomp with, without;

	CHECK_INT(arena_init(&a, OCI_ARENA_MAX), 0);
	CHECK_INT(sandbox_default_seccomp(UINT64_C(1) << SYS_ADMIN, &a, &with), 0);
	CHECK_INT(sandbox_default_seccomp(sandbox_default_capabilities(), &a, &without), 0);
	CHECK_INT(with.default_action, SECCOMP_RET_ERRNO | EPERM);
	CHECK_INT(verdict(&with, "mount"), SECCOMP_RET_ALLOW);
	CHECK_INT(verdict(&with, "clone3"), SECCOMP_RET_ALLOW);
	CHECK_INT(verdict(&with, "chroot"), 0);
	CHECK_INT(verdict(&without, "mount"), 0);
	CHECK_INT(verdict(&without, "clone3"), SECCOMP_RET_ERRNO | ENOSYS);
	CHECK_INT(verdict(&without, "chroot"), SECCOMP_RET_ALLOW);
	CHECK_INT(verdict(&without, "bpf"), 0);
	CHECK_INT(verdict(&without, "io_uring_setup"), 0);
	CHECK_INT(verdict(&without, "read"), SECCOMP_RET_ALLOW);
}
