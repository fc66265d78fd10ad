// SPDX-License-Identifier: Apache-2.0
#include "spec/docker_create.h"

#include <errno.h>
#include <sys/mount.h>
#include <sys/resource.h>

#include "spec/docker_exec.h"
#include "test.h"

static struct arena arena;
static struct bh_error err;
static struct docker_create body;

static int decode(const char *text)
{
	const struct json *tree;

	arena_release(&arena);
	CHECK_INT(arena_init(&arena, DOCKER_ARENA_MAX), 0);
	CHECK_INT(json_parse(text, strlen(text), &arena, &tree, &err), 0);
	return docker_create_decode(tree, &arena, &body, &err);
}

/* {"Image":"i","HostConfig":{...}} */
static int decode_host(const char *members)
{
	static char text[8192];

	(void)snprintf(text, sizeof(text), "{\"Image\":\"i\",\"HostConfig\":{%s}}", members);
	return decode(text);
}

/* What `docker run -d busybox` of docker 28.2.2 sends. */
static const char docker_run[] =
	"{\"Hostname\":\"\",\"Domainname\":\"\",\"User\":\"\",\"AttachStdin\":false,"
	"\"AttachStdout\":false,\"AttachStderr\":false,\"Tty\":false,\"OpenStdin\":false,"
	"\"StdinOnce\":false,\"Env\":null,\"Cmd\":null,\"Image\":\"busybox\",\"Volumes\":{},"
	"\"WorkingDir\":\"\",\"Entrypoint\":null,\"OnBuild\":null,\"Labels\":{},\"HostConfig\":{"
	"\"Binds\":null,\"ContainerIDFile\":\"\",\"LogConfig\":{\"Type\":\"\",\"Config\":{}},"
	"\"NetworkMode\":\"default\",\"PortBindings\":{},\"RestartPolicy\":{\"Name\":\"no\","
	"\"MaximumRetryCount\":0},\"AutoRemove\":false,\"VolumeDriver\":\"\",\"VolumesFrom\":null,"
	"\"ConsoleSize\":[33,101],\"CapAdd\":null,\"CapDrop\":null,\"CgroupnsMode\":\"\",\"Dns\":[]"
	","
	"\"DnsOptions\":[],\"DnsSearch\":[],\"ExtraHosts\":null,\"GroupAdd\":null,\"IpcMode\":\"\","
	"\"Cgroup\":\"\",\"Links\":null,\"OomScoreAdj\":0,\"PidMode\":\"\",\"Privileged\":false,"
	"\"PublishAllPorts\":false,\"ReadonlyRootfs\":false,\"SecurityOpt\":null,\"UTSMode\":\"\","
	"\"UsernsMode\":\"\",\"ShmSize\":0,\"Isolation\":\"\",\"CpuShares\":0,\"Memory\":0,"
	"\"NanoCpus\":0,\"CgroupParent\":\"\",\"BlkioWeight\":0,\"BlkioWeightDevice\":[],"
	"\"BlkioDeviceReadBps\":[],\"BlkioDeviceWriteBps\":[],\"BlkioDeviceReadIOps\":[],"
	"\"BlkioDeviceWriteIOps\":[],\"CpuPeriod\":0,\"CpuQuota\":0,\"CpuRealtimePeriod\":0,"
	"\"CpuRealtimeRuntime\":0,\"CpusetCpus\":\"\",\"CpusetMems\":\"\",\"Devices\":[],"
	"\"DeviceCgroupRules\":null,\"DeviceRequests\":null,\"MemoryReservation\":0,"
	"\"MemorySwap\":0,\"MemorySwappiness\":-1,\"OomKillDisable\":false,\"PidsLimit\":0,"
	"\"Ulimits\":[],\"CpuCount\":0,\"CpuPercent\":0,\"IOMaximumIOps\":0,"
	"\"IOMaximumBandwidth\":0,\"MaskedPaths\":null,\"ReadonlyPaths\":null},"
	"\"NetworkingConfig\":{\"EndpointsConfig\":{\"default\":{\"IPAMConfig\":null,"
	"\"Links\":null,\"Aliases\":null,\"MacAddress\":\"\",\"DriverOpts\":null,"
	"\"GwPriority\":0,\"NetworkID\":\"\",\"EndpointID\":\"\",\"Gateway\":\"\","
	"\"IPAddress\":\"\",\"IPPrefixLen\":0,\"IPv6Gateway\":\"\",\"GlobalIPv6Address\":\"\","
	"\"GlobalIPv6PrefixLen\":0,\"DNSNames\":null}}}}";

TEST(plain_run)
{
	CHECK_INT(decode(docker_run), 0);
	CHECK_STR(body.config.image, "busybox");
	CHECK(!body.config.has_cmd && body.config.user == NULL);
	CHECK(!body.host.resources.has_swappiness);
	CHECK_INT(body.host.console_height, 33);
	CHECK_INT(body.host.console_width, 101);
	CHECK_INT(body.host.isolation, DOCKER_ISOLATION_DEFAULT);
}

TEST(everything_set)
{
	CHECK_INT(
		decode("{\"Image\":\"i\",\"Cmd\":[\"a\",\"b\"],\"Entrypoint\":\"sh\",\"Tty\":true,"
		       "\"Env\":[\"A=b\",\"C\"],\"WorkingDir\":\"/a/./b/../c\",\"StopSignal\":"
		       "\"rtmin+3\",\"StopTimeout\":3,\"Labels\":{\"x\":\"y\"},\"User\":\"1:2\"}"),
		0);
	CHECK_INT(body.config.cmd.count, 2);
	CHECK_STR(body.config.entrypoint.items[0], "sh");
	CHECK(body.config.entrypoint.items[1] == NULL);
	CHECK_STR(body.config.working_dir, "/a/c");
	CHECK_INT(docker_signal_parse(body.config.stop_signal), 37);
	CHECK_INT(body.config.stop_timeout, 3);
	CHECK_STR(body.config.labels.items[0].value, "y");
}

TEST(host_config)
{
	CHECK_INT(decode_host(
			  "\"Memory\":67108864,\"MemorySwap\":-1,\"CapAdd\":[\"net_raw\","
			  "\"CAP_SYS_TIME\"],\"CapDrop\":[\"all\"],\"SecurityOpt\":["
			  "\"no-new-privileges\",\"seccomp=unconfined\"],\"Isolation\":\"process\","
			  "\"Ulimits\":[{\"Name\":\"nofile\",\"Soft\":10,\"Hard\":-1}],"
			  "\"ReadonlyRootfs\":true,\"OomScoreAdj\":-5,\"MemorySwappiness\":0,"
			  "\"LogConfig\":{\"Type\":\"json-file\",\"Config\":{\"max-size\":\"1m\","
			  "\"max-file\":\"3\"}},\"NetworkMode\":\"none\",\"PidsLimit\":-1"),
		0);
	CHECK_INT(body.host.resources.memory, 67108864);
	CHECK_STR(body.host.cap_add.items[0], "CAP_NET_RAW");
	CHECK_STR(body.host.cap_drop.items[0], "ALL");
	CHECK(body.host.security.no_new_privileges && body.host.security.seccomp_unconfined);
	CHECK_INT(body.host.ulimits[0].resource, RLIMIT_NOFILE);
	CHECK(body.host.ulimits[0].hard == RLIM_INFINITY);
	CHECK(body.host.resources.has_swappiness && body.host.has_oom_score_adj);
	CHECK_INT(body.host.log.max_size, 1 << 20);
	CHECK_INT(body.host.log.max_file, 3);
	CHECK_INT(body.host.network, DOCKER_NETWORK_NONE);
}

TEST(mounts)
{
	CHECK_INT(decode_host(
			  "\"Binds\":[\"/a:/b:ro,rslave\"],\"Tmpfs\":{\"/t\":\"size=1m\"},"
			  "\"Mounts\":[{\"Type\":\"tmpfs\",\"Target\":\"/u\",\"TmpfsOptions\":{"
			  "\"SizeBytes\":4096,\"Mode\":1023}},{\"Type\":\"bind\",\"Source\":\"/x\","
			  "\"Target\":\"/y//z\",\"ReadOnly\":true}]"),
		0);
	CHECK_INT(body.host.mount_count, 4);
	CHECK(body.host.mounts[0].readonly && body.host.mounts[0].create_source);
	CHECK_INT(body.host.mounts[0].propagation, MS_SLAVE | MS_REC);
	CHECK_STR(body.host.mounts[1].options, "size=1m");
	CHECK_INT(body.host.mounts[2].tmpfs_mode, 01777);
	CHECK_STR(body.host.mounts[3].target, "/y/z");
	CHECK(!body.host.mounts[3].create_source);
	CHECK_INT(decode_host("\"Binds\":[\"/a:/b\",\"/c:/b\"]"), -EINVAL);
	CHECK_STR(err.text, "Duplicate mount point: /b");
}

TEST(refused_by_name)
{
	static const struct {
		const char *members, *text;
	} cases[] = {
		{"\"Privileged\":1", "/HostConfig/Privileged: is a number, not a boolean"},
		{"\"PortBindings\":{\"80/tcp\":[{\"HostPort\":\"80\"}]}",
			"PortBindings: published ports are not supported by this build yet (leave "
			"-p out; "
			"a unix socket in a bound directory reaches the service)"},
		{"\"Init\":true",
			"Init: an init process in the container (--init) is not supported "
			"by this build yet (name an init program of the image in --entrypoint)"},
		{"\"Isolation\":\"bogus\"",
			"invalid isolation \"bogus\": must be default, process or hyperv"},
		{"\"NetworkMode\":\"host\"", "network \"host\" is not supported by this build yet "
					     "(use --network none, or none given)"},
		{"\"Memroy\":1", "/HostConfig/Memroy: unknown key (did you mean Memory?)"},
		{"\"CapAdd\":[\"NOPE\"]", "invalid capability: \"NOPE\""},
		{"\"Memory\":1000", "Minimum memory limit allowed is 6MB"},
		{"\"Binds\":[\"C:\\\\a:C:\\\\b\"]", "invalid volume specification: 'C:\\a:C:\\b'"},
		{"\"Binds\":[\"vol:/b\"]", "volume \"vol\": named volumes are not supported by "
					   "this build yet (bind an "
					   "absolute host path, or use --tmpfs)"},
		{"\"Mounts\":[{\"Type\":\"npipe\",\"Source\":\"x\",\"Target\":\"y\"}]",
			"mount type \"npipe\" is not supported by this build yet (use bind or "
			"tmpfs)"},
		{"\"SecurityOpt\":[\"credentialspec=file://x\"]",
			"--security-opt credentialspec=file://x is not supported by this build "
			"yet (it is for Windows; bind a file with the credentials)"},
		{"\"RestartPolicy\":{\"Name\":\"always\"}",
			"restart policy \"always\" is not supported by this build yet (use "
			"\"no\")"},
		{"\"Ulimits\":[{\"Name\":\"nofile\",\"Soft\":2,\"Hard\":1}]",
			"ulimit soft limit must be less than or equal to hard limit: 2 > 1"},
		{"\"DeviceCgroupRules\":[\"c 1:3 rwmx\"]",
			"invalid device cgroup rule format: 'c 1:3 rwmx'"},
		{"\"PidMode\":\"host\"",
			"PidMode \"host\" is not supported by this build yet (use \"private\")"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		CHECK(decode_host(cases[i].members) < 0);
		CHECK_STR(err.text, cases[i].text);
	}
	CHECK(decode("{\"Image\":\"i\",\"WorkingDir\":\"C:\\\\app\"}") < 0);
	CHECK_STR(err.text,
		"the working directory 'C:\\app' is invalid, it needs to be an absolute path");
	CHECK(decode("{\"Cmd\":[\"x\"]}") < 0);
	CHECK(decode("{\"Image\":\"i\",\"Volumes\":{\"/d\":{}}}") == -ENOTSUP);
}

/* Whatever inspect shows can be created again. */
TEST(written_form_decodes)
{
	struct buf out, again;
	struct json_writer w = JSON_WRITER(&out), v = JSON_WRITER(&again);

	buf_init(&out, 1 << 20);
	buf_init(&again, 1 << 20);
	CHECK_INT(decode_host("\"Tmpfs\":{\"/tmp\":\"\"},\"Sysctls\":{\"a\":\"\"}"), 0);
	buf_puts(&out, "{\"Image\":\"i\",\"HostConfig\":");
	docker_host_config_write(&body.host, &w);
	buf_puts(&out, "}");
	CHECK_INT(decode(buf_str(&out)), 0);
	CHECK_INT(body.host.mount_count, 1);
	CHECK_INT(body.host.sysctls.count, 1);
	buf_puts(&again, "{\"Image\":\"i\",\"HostConfig\":");
	docker_host_config_write(&body.host, &v);
	buf_puts(&again, "}");
	CHECK_STR(buf_str(&again), buf_str(&out));
	buf_release(&out);
	buf_release(&again);
}

static struct docker_config config_of(const char *text)
{
	struct docker_config c;
	const struct json *tree;

	CHECK_INT(json_parse(text, strlen(text), &arena, &tree, &err), 0);
	CHECK_INT(docker_config_decode(tree, &arena, &c, &err), 0);
	return c;
}

TEST(merge_with_image)
{
	struct docker_config image, user, out;

	CHECK_INT(arena_init(&arena, DOCKER_ARENA_MAX), 0);
	image = config_of(
		"{\"Entrypoint\":[\"/e\"],\"Cmd\":[\"c\"],\"Env\":[\"A=1\",\"B=2\",\"C=3\"],"
		"\"User\":\"u\",\"Labels\":{\"l\":\"i\",\"m\":\"i\"}}");
	user = config_of("{\"Env\":[\"B=9\",\"C\"],\"Labels\":{\"l\":\"u\"}}");
	CHECK_INT(docker_config_merge(&user, &image, &arena, &out, &err), 0);
	CHECK_STR(out.entrypoint.items[0], "/e");
	CHECK_STR(out.cmd.items[0], "c");
	CHECK_INT(out.env.count, 2);
	CHECK_STR(out.env.items[0], "B=9");
	CHECK_STR(out.env.items[1], "A=1");
	CHECK_STR(out.user, "u");
	CHECK_INT(out.labels.count, 2);
	CHECK_STR(out.labels.items[0].value, "u");

	user = config_of("{\"Entrypoint\":[\"/x\"]}");
	CHECK_INT(docker_config_merge(&user, &image, &arena, &out, &err), 0);
	CHECK_STR(out.entrypoint.items[0], "/x");
	CHECK_INT(out.cmd.count, 0);

	user = config_of("{\"Cmd\":[\"y\"]}");
	CHECK_INT(docker_config_merge(&user, &image, &arena, &out, &err), 0);
	CHECK_STR(out.entrypoint.items[0], "/e");
	CHECK_STR(out.cmd.items[0], "y");

	user = config_of("{\"Entrypoint\":[\"\"],\"Cmd\":[\"y\"]}");
	CHECK_INT(docker_config_merge(&user, &image, &arena, &out, &err), 0);
	CHECK_INT(out.entrypoint.count, 0);
	CHECK_STR(out.cmd.items[0], "y");

	user = config_of("{\"Entrypoint\":[\"\"]}");
	CHECK_INT(docker_config_merge(&user, &image, &arena, &out, &err), -EINVAL);
	CHECK_STR(err.text, "no command specified");
}

TEST(signals)
{
	CHECK_INT(docker_signal_parse("KILL"), 9);
	CHECK_INT(docker_signal_parse("sigterm"), 15);
	CHECK_INT(docker_signal_parse("64"), 64);
	CHECK_INT(docker_signal_parse("65"), -EINVAL);
	CHECK_INT(docker_signal_parse("0"), -EINVAL);
	CHECK_INT(docker_signal_parse("RTMAX-1"), 63);
	CHECK_INT(docker_signal_parse("SIGNOPE"), -EINVAL);
	CHECK_INT(docker_signal_parse(""), -EINVAL);
}

TEST(names)
{
	CHECK(docker_name_valid("a1"));
	CHECK(docker_name_valid("web_1.x-y"));
	CHECK(!docker_name_valid("a"));
	CHECK(!docker_name_valid("-a"));
	CHECK(!docker_name_valid("a/b"));
	CHECK(!docker_name_valid("a b"));
}

TEST(exec_bodies)
{
	const char *text = "{\"Cmd\":[\"ls\"],\"Tty\":true,\"Extra\":1,\"ConsoleSize\":[1,2]}";
	const char *start = "{\"Detach\":false,\"Tty\":false}";
	struct docker_exec_create c;
	struct docker_exec_start s;
	const struct json *tree;

	CHECK_INT(arena_init(&arena, DOCKER_ARENA_MAX), 0);
	CHECK_INT(json_parse(text, strlen(text), &arena, &tree, &err), 0);
	CHECK_INT(docker_exec_create_decode(tree, &arena, &c, &err), 0);
	CHECK(c.tty && c.cmd.count == 1 && c.console_width == 2);
	CHECK_INT(json_parse(start, strlen(start), &arena, &tree, &err), 0);
	CHECK_INT(docker_exec_start_decode(tree, &arena, &s, &err), 0);
	CHECK(s.has_tty && !s.tty && !s.detach);
	CHECK_INT(json_parse("{}", 2, &arena, &tree, &err), 0);
	CHECK_INT(docker_exec_create_decode(tree, &arena, &c, &err), -EINVAL);
}
