// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <linux/capability.h>
#include <sys/mount.h>

#include "engine/plan.h"
#include "engine/seccomp_profile.h"
#include "spec/docker_exec.h"
#include "test.h"

#define ID_BASE 2013265920u

static struct arena arena;

static struct docker_create decode(const char *text)
{
	struct bh_error err = BH_ERROR_INIT;
	struct docker_create create;
	const struct json *tree;

	arena_release(&arena);
	CHECK_INT(arena_init(&arena, DOCKER_ARENA_MAX), 0);
	CHECK_INT(json_parse(text, strlen(text), &arena, &tree, &err), 0);
	if (docker_create_decode(tree, &arena, &create, &err) < 0) {
		fprintf(stderr, "# %s\n", err.text);
		exit(TEST_EXIT_FAIL);
	}
	return create;
}

static struct oci_config plan(const char *text, const struct user_found *user)
{
	static const struct user_found root = {.home = "/root"};
	struct docker_create create = decode(text);
	struct daemon_config daemon;
	struct oci_config config;
	struct bh_error err = BH_ERROR_INIT;
	bool mapped[16] = {true};
	struct plan_device devices[16] = {{'c', 10, 229}};
	struct plan_input in = {.id = "0123456789ab",
		.create = &create,
		.daemon = &daemon,
		.user = user != NULL ? user : &root,
		.hostname = "h1",
		.id_base = ID_BASE,
		.hostname_path = "/d/hostname",
		.hosts_path = "/d/hosts",
		.resolv_path = "/d/resolv.conf",
		.devices = devices,
		.bind_mapped = mapped};

	daemon_config_init(&daemon);
	if (plan_config(&in, &arena, &config, &err) < 0) {
		fprintf(stderr, "# %s\n", err.text);
		exit(TEST_EXIT_FAIL);
	}
	return config;
}

static int check(const char *text, struct bh_error *err)
{
	struct docker_create create = decode(text);
	struct daemon_config daemon;

	daemon_config_init(&daemon);
	return plan_check(&create, &daemon, err);
}

static const struct oci_mount *find_mount(const struct oci_config *c, const char *destination)
{
	for (size_t i = 0; i < c->mount_count; i++)
		if (strcmp(c->mounts[i].destination, destination) == 0)
			return &c->mounts[i];
	fprintf(stderr, "# nothing is mounted on %s\n", destination);
	exit(TEST_EXIT_FAIL);
}

TEST(defaults)
{
	struct oci_config c = plan("{\"Image\":\"x\",\"Cmd\":[\"a\",\"b\"]}", NULL);

	CHECK_INT(c.process.args.count, 2);
	CHECK_STR(c.process.args.items[0], "a");
	CHECK_STR(c.hostname, "h1");
	CHECK_STR(c.cgroups_path, "/bulkhead/0123456789ab");
	CHECK_INT(c.uid_maps.items[0].host_id, ID_BASE);
	CHECK_INT(c.uid_maps.items[0].size, 65536);
	CHECK(c.seccomp.present);
	CHECK(!c.process.no_new_privileges);
	CHECK_STR(find_mount(&c, "/etc/hosts")->source, "/d/hosts");
	(void)find_mount(&c, "/dev/shm");
	for (int i = 0; i < OCI_NS_COUNT; i++)
		CHECK_INT(c.namespaces[i].mode, OCI_NS_NEW);
}

TEST(limits)
{
	struct oci_config c = plan(
		"{\"Image\":\"x\",\"Cmd\":[\"a\"],\"HostConfig\":{\"Memory\":67108864,"
		"\"NanoCpus\":1500000000,\"PidsLimit\":17,\"Ulimits\":[{\"Name\":\"nofile\","
		"\"Soft\":10,\"Hard\":20}],\"Sysctls\":{\"net.ipv4.ip_unprivileged_port_start\":"
		"\"5\"},\"OomScoreAdj\":7,\"ShmSize\":1048576,\"ReadonlyRootfs\":true}}",
		NULL);

	CHECK_INT(c.resources.memory.limit.value, 67108864);
	CHECK_INT(c.resources.cpu.quota.value, 150000);
	CHECK_INT(c.resources.cpu.period.value, 100000);
	CHECK_INT(c.resources.pids_limit.value, 17);
	CHECK_INT(c.process.rlimit_count, 1);
	CHECK_STR(c.process.rlimits[0].name, "RLIMIT_NOFILE");
	CHECK_INT(c.process.rlimits[0].hard, 20);
	CHECK_INT(c.sysctl_count, 2);
	CHECK_INT(c.process.oom_score_adj.value, 7);
	CHECK(c.root_readonly);
	CHECK_STR(find_mount(&c, "/dev/shm")->data.items[1], "size=1048576");
}

TEST(capabilities_and_users)
{
	const struct user_found account = {
		.user = {.uid = 65000, .gid = 65000}, .home = "/", .is_container_user = true};
	struct oci_config c = plan("{\"Image\":\"x\",\"Cmd\":[\"a\"],\"HostConfig\":{\"CapDrop\":"
				   "[\"ALL\"],\"CapAdd\":[\"chown\"]}}",
		NULL);

	CHECK(c.process.capabilities[OCI_CAP_BOUNDING] == UINT64_C(1) << CAP_CHOWN);
	CHECK(c.process.capabilities[OCI_CAP_EFFECTIVE] == UINT64_C(1) << CAP_CHOWN);
	c = plan("{\"Image\":\"x\",\"Cmd\":[\"a\"]}", &account);
	CHECK(c.process.capabilities[OCI_CAP_BOUNDING] == 0);
	CHECK(c.process.no_new_privileges);
	c = plan("{\"Image\":\"x\",\"Cmd\":[\"a\"],\"HostConfig\":{\"SecurityOpt\":"
		 "[\"no-new-privileges\",\"seccomp=unconfined\"]}}",
		NULL);
	CHECK(c.process.no_new_privileges);
	CHECK(!c.seccomp.present);
}

TEST(mounts_and_devices)
{
	struct oci_config c = plan(
		"{\"Image\":\"x\",\"Cmd\":[\"a\"],\"HostConfig\":{\"Binds\":[\"/src:/a/b:ro\"],"
		"\"Tmpfs\":{\"/a\":\"size=1m,exec\",\"/dev/"
		"shm\":\"\"},\"Devices\":[{\"PathOnHost\":"
		"\"/dev/fuse\",\"PathInContainer\":\"/dev/fuse\",\"CgroupPermissions\":\"rw\"}]}}",
		NULL);
	const struct oci_mount *bind = find_mount(&c, "/a/b");
	const struct oci_mount *tmpfs = find_mount(&c, "/a");
	size_t last = c.resources.device_count - 1;

	CHECK(tmpfs < bind);
	CHECK(bind->idmap && bind->idmap_recursive && bind->recursive_bind);
	CHECK((bind->flags & MS_RDONLY) != 0 && bind->recursive_set == MOUNT_ATTR_RDONLY);
	CHECK((tmpfs->flags & MS_NOEXEC) == 0 && (tmpfs->flags & MS_NOSUID) != 0);
	CHECK_STR(tmpfs->data.items[0], "size=1m");
	CHECK_INT(c.device_count, 1);
	CHECK_INT(c.devices[0].minor, 229);
	CHECK_INT(c.resources.devices[last].access, OCI_DEVICE_READ | OCI_DEVICE_WRITE);
}

TEST(tmpfs_on_a_drive)
{
	struct oci_config c =
		plan("{\"Image\":\"x\",\"Cmd\":[\"a\"],\"HostConfig\":{\"Tmpfs\":{\"C\":"
		     "\"/Temp\",\"d\":\"\\\\a\\\\b:size=1m\"}}}",
			NULL);

	CHECK_STR(find_mount(&c, "/Temp")->type, "tmpfs");
	CHECK_STR(find_mount(&c, "/a/b")->data.items[0], "size=1m");
}

TEST(what_is_not_enforced_is_refused_by_name)
{
	static const struct {
		const char *host, *word;
	} cases[] = {
		{"\"Isolation\":\"hyperv\"", "hyperv"},
		{"\"Privileged\":true", "privileged"},
		{"\"UsernsMode\":\"host\"", "user namespace"},
		{"\"CapAdd\":[\"SYS_MODULE\"]", "SYS_MODULE"},
		{"\"Sysctls\":{\"kernel.panic\":\"1\"}", "kernel.panic"},
		{"\"ExtraHosts\":[\"a:host-gateway\"]", "host-gateway"},
		{"\"ExtraHosts\":[\"a:nonsense\"]", "nonsense"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct bh_error err = BH_ERROR_INIT;
		char text[256];

		(void)snprintf(
			text, sizeof(text), "{\"Image\":\"x\",\"HostConfig\":{%s}}", cases[i].host);
		CHECK(check(text, &err) < 0);
		CHECK(strstr(err.text, cases[i].word) != NULL);
	}
	CHECK_INT(
		check("{\"Image\":\"x\",\"HostConfig\":{\"CapAdd\":[\"ALL\",\"NET_RAW\"]}}", NULL),
		0);
}

TEST(exec_never_has_more)
{
	struct oci_config c = plan("{\"Image\":\"x\",\"Cmd\":[\"a\"],\"Env\":[\"A=1\",\"B=2\"],"
				   "\"HostConfig\":{\"CapDrop\":[\"ALL\"]}}",
		NULL);
	const char *args[] = {"sh", NULL}, *env[] = {"B=3", NULL};
	const struct docker_exec_create exec = {
		.cmd = {args, 1}, .env = {env, 1}, .working_dir = "/tmp", .tty = true};
	const struct user_found root = {.home = "/"};
	struct oci_process p;
	size_t b = 0;

	CHECK_INT(plan_exec(&c, &exec, &root, &arena, &p, NULL), 0);
	CHECK(p.capabilities[OCI_CAP_EFFECTIVE] == 0);
	CHECK_STR(p.cwd, "/tmp");
	CHECK(p.terminal);
	for (size_t i = 0; i < p.env.count; i++) {
		CHECK(strcmp(p.env.items[i], "B=2") != 0);
		b += strcmp(p.env.items[i], "B=3") == 0;
	}
	CHECK_INT(b, 1);
}

TEST(seccomp_profile_conditions)
{
	static const char text[] =
		"{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"archMap\":[{\"architecture\":"
		"\"SCMP_ARCH_X86_64\",\"subArchitectures\":[\"SCMP_ARCH_X86\"]}],\"syscalls\":["
		"{\"names\":[\"read\",\"write\"],\"action\":\"SCMP_ACT_ALLOW\"},"
		"{\"names\":[\"mount\"],\"action\":\"SCMP_ACT_ALLOW\",\"includes\":{\"caps\":"
		"[\"CAP_SYS_ADMIN\"]}},"
		"{\"name\":\"clone\",\"action\":\"SCMP_ACT_ALLOW\",\"excludes\":{\"caps\":"
		"[\"CAP_SYS_ADMIN\"],\"arches\":[\"s390\"]}},"
		"{\"names\":[\"ptrace\"],\"action\":\"SCMP_ACT_ALLOW\",\"includes\":"
		"{\"minKernel\":\"4.8\"}},"
		"{\"names\":[\"sync\"],\"action\":\"SCMP_ACT_ALLOW\",\"includes\":{\"arches\":"
		"[\"arm64\"]}}]}";
	struct seccomp_context context = {.architecture = "SCMP_ARCH_X86_64",
		.machine = "amd64",
		.kernel_major = 5,
		.kernel_minor = 15};
	struct oci_seccomp s;
	const struct json *tree;

	CHECK_INT(arena_init(&arena, OCI_ARENA_MAX), 0);
	CHECK_INT(json_parse(text, strlen(text), &arena, &tree, NULL), 0);
	CHECK_INT(seccomp_profile_convert(tree, &context, &arena, &s, NULL), 0);
	CHECK_INT(s.architectures.count, 2);
	CHECK_INT(s.rule_count, 3);
	CHECK_STR(s.rules[1].names.items[0], "clone");
	CHECK_STR(s.rules[2].names.items[0], "ptrace");
	context.capabilities = UINT64_C(1) << CAP_SYS_ADMIN;
	context.kernel_major = 4;
	context.kernel_minor = 7;
	CHECK_INT(seccomp_profile_convert(tree, &context, &arena, &s, NULL), 0);
	CHECK_INT(s.rule_count, 2);
	CHECK_STR(s.rules[1].names.items[0], "mount");
}
