// SPDX-License-Identifier: Apache-2.0
/* The judgement of made-up facts, then the reader on this process and on one in namespaces. */
#include "sandbox/boundary.h"

#include <errno.h>
#include <linux/capability.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"
#include "test.h"

#define ARENA (64u << 20)

static uint64_t bit(int capability)
{
	return 1ull << capability;
}

static struct boundary_id_map private_map = {0, 1000000, 65536};

/* A container with Bulkhead's defaults. */
static struct boundary_facts good(void)
{
	struct boundary_facts f = {.pid = 42,
		.uid_map = &private_map,
		.gid_map = &private_map,
		.uid_map_count = 1,
		.gid_map_count = 1,
		.uid = 1001000,
		.gid = 1001000,
		.inside_uid = 1000,
		.inside_gid = 1000,
		.seccomp_mode = 2,
		.seccomp_filters = 1,
		.no_new_privs = 1,
		.lsm_label = "bulkhead",
		.lsm_confined = true,
		.devices_seen = true,
		.device_filter = BOUNDARY_YES,
		.pids = {BOUNDARY_YES, 1024},
		.memory = {BOUNDARY_YES, 1 << 28}};

	for (int i = 0; i < BOUNDARY_NS_COUNT; i++)
		f.namespaces[i] = (struct boundary_namespace){100 + (uint64_t)i, BOUNDARY_NO,
			i == BOUNDARY_NS_NETWORK ? BOUNDARY_NO : BOUNDARY_YES};
	return f;
}

/* Docker's default: root of the host's user namespace with a short set. */
static struct boundary_facts dockerish(void)
{
	struct boundary_facts f = good();

	f.namespaces[BOUNDARY_NS_USER].shared = BOUNDARY_YES;
	f.uid = f.gid = f.inside_uid = f.inside_gid = 0;
	f.caps[BOUNDARY_CAP_EFFECTIVE] = f.caps[BOUNDARY_CAP_PERMITTED] =
		f.caps[BOUNDARY_CAP_BOUNDING] = bit(CAP_CHOWN) | bit(CAP_SETUID);
	return f;
}

static const struct boundary_item *find(
	const struct boundary_report *r, const char *what, const char *detail)
{
	for (size_t i = 0; i < r->loosened_count; i++)
		if (strcmp(r->loosened[i].what, what) == 0 &&
			strstr(r->loosened[i].detail, detail) != NULL)
			return &r->loosened[i];
	return NULL;
}

static struct boundary_report judge(const struct boundary_facts *f, struct arena *a)
{
	struct boundary_report r;

	if (a->base == NULL)
		CHECK_INT(arena_init(a, ARENA), 0);
	boundary_evaluate(f, a, &r);
	return r;
}

static void expect(const struct boundary_facts *f, enum boundary_class class, const char *what,
	const char *detail, enum boundary_severity severity)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	struct boundary_report r = judge(f, &a);
	const struct boundary_item *item = find(&r, what, detail);

	CHECK_INT(r.class, class);
	CHECK(item != NULL);
	CHECK_INT(item->severity, severity);
	CHECK(item->consequence[0] != '\0');
}

TEST(nothing_loosened)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	struct boundary_facts f = good();
	struct boundary_report r = judge(&f, &a);

	CHECK_INT(r.class, BOUNDARY_SHARED_KERNEL);
	CHECK_INT(r.loosened_count, 0);
	CHECK(r.complete && !r.administrative_inside && !r.administrative_host);
	CHECK_STR(r.user, "uid 1000, gid 1000 inside; uid 1001000, gid 1001000 outside");
}

TEST(host_user_namespace)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	struct boundary_facts f = dockerish();
	struct boundary_report r = judge(&f, &a);

	CHECK(r.administrative_inside && r.administrative_host);
	CHECK_INT(r.loosened_count, 1);
	expect(&f, BOUNDARY_NONE, "namespace", "user", BOUNDARY_BREAKS);
	f.uid = 1000;
	expect(&f, BOUNDARY_SHARED_KERNEL, "namespace", "user", BOUNDARY_WEAKENS);
	f.uid = 0;
	f.caps[BOUNDARY_CAP_EFFECTIVE] |= bit(CAP_SYS_ADMIN);
	expect(&f, BOUNDARY_NONE, "capability", "CAP_SYS_ADMIN", BOUNDARY_BREAKS);
}

TEST(capability_only_in_bounding_set)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	struct boundary_facts f = dockerish();
	struct boundary_report r;

	f.caps[BOUNDARY_CAP_BOUNDING] |= bit(CAP_SYS_MODULE);
	r = judge(&f, &a);
	CHECK(find(&r, "capability", "") == NULL); /* no_new_privs keeps it away */
	f.no_new_privs = 0;
	expect(&f, BOUNDARY_NONE, "capability", "CAP_SYS_MODULE (bounding", BOUNDARY_BREAKS);
	f.inside_uid = f.uid = 1000;
	expect(&f, BOUNDARY_SHARED_KERNEL, "capability", "CAP_SYS_MODULE", BOUNDARY_WEAKENS);
}

TEST(mknod_and_device_rules)
{
	struct boundary_facts f = dockerish();

	f.caps[BOUNDARY_CAP_EFFECTIVE] |= bit(CAP_MKNOD);
	expect(&f, BOUNDARY_NONE, "capability", "CAP_MKNOD", BOUNDARY_WEAKENS);
	f.device_filter = BOUNDARY_NO;
	expect(&f, BOUNDARY_NONE, "capability", "CAP_MKNOD", BOUNDARY_BREAKS);
	expect(&f, BOUNDARY_NONE, "device-rules", "all devices", BOUNDARY_WEAKENS);
}

TEST(capabilities_inside_depend_on_who_owns_the_network)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	struct boundary_facts f = good();
	struct boundary_report r;

	f.caps[BOUNDARY_CAP_EFFECTIVE] =
		bit(CAP_NET_ADMIN) | bit(CAP_NET_RAW) | bit(CAP_SYS_MODULE);
	r = judge(&f, &a);
	CHECK(find(&r, "capability", "") == NULL);
	CHECK(r.administrative_inside && !r.administrative_host);
	f.namespaces[BOUNDARY_NS_NETWORK].owned_inside = BOUNDARY_YES;
	expect(&f, BOUNDARY_SHARED_KERNEL, "capability", "CAP_NET_ADMIN", BOUNDARY_WEAKENS);
	expect(&f, BOUNDARY_SHARED_KERNEL, "capability", "CAP_NET_RAW", BOUNDARY_WEAKENS);
}

TEST(shared_namespaces)
{
	struct boundary_facts f = good();

	f.namespaces[BOUNDARY_NS_NETWORK].shared = BOUNDARY_YES;
	f.namespaces[BOUNDARY_NS_TIME].shared = BOUNDARY_YES;
	expect(&f, BOUNDARY_SHARED_KERNEL, "namespace", "network", BOUNDARY_WEAKENS);
	expect(&f, BOUNDARY_SHARED_KERNEL, "namespace", "time", BOUNDARY_NOTE);
	f.namespaces[BOUNDARY_NS_PID] = (struct boundary_namespace){0, BOUNDARY_UNKNOWN, 0};
	expect(&f, BOUNDARY_SHARED_KERNEL, "namespace", "pid (could not be seen)",
		BOUNDARY_WEAKENS);
	f.namespaces[BOUNDARY_NS_MOUNT].shared = BOUNDARY_YES;
	expect(&f, BOUNDARY_NONE, "namespace", "mount", BOUNDARY_BREAKS);
}

TEST(mapping_of_host_root)
{
	struct boundary_id_map map = {5, 0, 1};
	struct boundary_facts f = good();

	f.uid_map = &map;
	expect(&f, BOUNDARY_SHARED_KERNEL, "id-map", "uid 0", BOUNDARY_WEAKENS);
}

TEST(filters_and_limits)
{
	struct boundary_facts f = good();

	f.seccomp_mode = 0;
	f.no_new_privs = 0;
	f.pids.set = BOUNDARY_NO;
	f.lsm_label = NULL;
	f.lsm_confined = false;
	expect(&f, BOUNDARY_SHARED_KERNEL, "seccomp", "no filter", BOUNDARY_WEAKENS);
	expect(&f, BOUNDARY_SHARED_KERNEL, "no-new-privileges", "off", BOUNDARY_NOTE);
	expect(&f, BOUNDARY_SHARED_KERNEL, "limit", "pids: none", BOUNDARY_WEAKENS);
	expect(&f, BOUNDARY_SHARED_KERNEL, "security-module", "no label", BOUNDARY_NOTE);
	f.rootless = true;
	f.pids.set = BOUNDARY_UNKNOWN;
	expect(&f, BOUNDARY_SHARED_KERNEL, "limit", "delegated", BOUNDARY_WEAKENS);
}

TEST(binds_and_sockets)
{
	struct boundary_mount m = {.path = "/host",
		.type = "ext4",
		.root = "/",
		.source = "/dev/sda",
		.host_path = "/",
		.host_bind = true};
	struct boundary_facts f = good(), d = dockerish();

	f.mounts = d.mounts = &m;
	f.mount_count = d.mount_count = 1;
	expect(&f, BOUNDARY_SHARED_KERNEL, "mount", "/ on /host", BOUNDARY_WEAKENS);
	expect(&d, BOUNDARY_NONE, "mount", "/ on /host", BOUNDARY_BREAKS);
	m.readonly = true;
	expect(&d, BOUNDARY_NONE, "mount", "(read-only)", BOUNDARY_WEAKENS);
	m.host_path = "/srv/data";
	expect(&d, BOUNDARY_NONE, "mount", "(read-only)", BOUNDARY_NOTE);
	m.host_path = "/run/docker.sock";
	m.socket = m.file = true;
	expect(&f, BOUNDARY_NONE, "socket", "/run/docker.sock", BOUNDARY_BREAKS);
	m.host_path = "/run/mine.sock";
	expect(&f, BOUNDARY_SHARED_KERNEL, "socket", "/run/mine.sock", BOUNDARY_WEAKENS);
}

TEST(kernel_paths)
{
	struct boundary_kernel_path p = {"/proc/sys", true, false, false};
	struct boundary_facts f = good(), d = dockerish();
	_cleanup_arena_ struct arena a = ARENA_INIT;
	struct boundary_report r;

	f.kernel_paths = d.kernel_paths = &p;
	f.kernel_path_count = d.kernel_path_count = 1;
	expect(&f, BOUNDARY_SHARED_KERNEL, "kernel-path", "/proc/sys is writable", BOUNDARY_NOTE);
	expect(&d, BOUNDARY_NONE, "kernel-path", "/proc/sys is writable", BOUNDARY_BREAKS);
	p.readonly = true;
	r = judge(&d, &a);
	CHECK(find(&r, "kernel-path", "") == NULL);
	p = (struct boundary_kernel_path){"/proc/kcore", true, false, true};
	expect(&d, BOUNDARY_NONE, "kernel-path", "not masked", BOUNDARY_WEAKENS);
	p.masked = true;
	r = judge(&d, &a);
	CHECK(find(&r, "kernel-path", "") == NULL);
}

TEST(devices)
{
	struct boundary_device dev = {"/dev/sda", 'b', 8, 0, false};
	struct boundary_facts f = good(), d = dockerish();
	_cleanup_arena_ struct arena a = ARENA_INIT;
	struct boundary_report r;

	f.devices = d.devices = &dev;
	f.device_count = d.device_count = 1;
	expect(&f, BOUNDARY_SHARED_KERNEL, "device", "/dev/sda (b 8:0)", BOUNDARY_WEAKENS);
	expect(&d, BOUNDARY_NONE, "device", "/dev/sda (b 8:0)", BOUNDARY_BREAKS);
	dev = (struct boundary_device){"/dev/mem", 'c', 1, 1, false};
	expect(&f, BOUNDARY_NONE, "device", "/dev/mem", BOUNDARY_BREAKS);
	dev = (struct boundary_device){"/dev/null", 'c', 1, 3, true};
	r = judge(&d, &a);
	CHECK(find(&r, "device", "") == NULL);
}

/* A full arena never hides that the class is none. */
TEST(full_arena)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	struct boundary_facts f = dockerish();
	struct boundary_report r;

	CHECK_INT(arena_init(&a, 4096), 0);
	f.caps[BOUNDARY_CAP_EFFECTIVE] |= bit(CAP_SYS_ADMIN);
	r = judge(&f, &a);
	CHECK_INT(r.class, BOUNDARY_NONE);
	CHECK(!r.complete && r.loosened_count == 0);
}

TEST(writers)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	_cleanup_buf_ struct buf text, json;
	struct json_writer w = JSON_WRITER(&json);
	struct boundary_facts f = dockerish();
	struct boundary_report r = judge(&f, &a);
	const struct json *root;

	buf_init(&text, 1u << 20);
	buf_init(&json, 1u << 20);
	boundary_write_text(&r, &text);
	CHECK(strstr(buf_str(&text), "boundary        none\n") != NULL);
	CHECK(strstr(buf_str(&text), "  breaks   namespace user: ") != NULL);
	boundary_write_json(&r, &w);
	CHECK_INT(json_parse(buf_str(&json), json.len, &a, &root, NULL), 0);
	CHECK_STR(json_get_string(root, "boundary"), "none");
	CHECK(json_get_bool(json_get(root, "user"), "administrativeOnHost", false));
	CHECK_STR(json_get_string(json_get(root, "loosened")->children.first, "what"), "namespace");
	CHECK_INT(json_get_int(json_get(root, "limits"), "pids", 0), 1024);
}

/* ---- the reader ---- */

static struct boundary_facts read_pid(pid_t pid, struct arena *a)
{
	struct bh_error err = BH_ERROR_INIT;
	struct boundary_facts f;

	CHECK_INT(arena_init(a, ARENA), 0);
	CHECK_INT(boundary_read(pid, NULL, a, &f, &err), 0);
	return f;
}

TEST(this_process)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	struct boundary_facts f = read_pid(getpid(), &a);

	for (int i = 0; i < BOUNDARY_NS_COUNT; i++)
		CHECK_INT(f.namespaces[i].shared, BOUNDARY_YES);
	CHECK_INT(f.uid, geteuid());
	CHECK_INT(f.inside_uid, geteuid());
	CHECK(f.mount_count > 0);
	CHECK(f.cgroup != NULL);
}

TEST(no_such_process)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	struct boundary_facts f;
	siginfo_t info;
	pid_t pid = fork();

	CHECK_INT(arena_init(&a, ARENA), 0);
	if (pid == 0)
		_exit(0);
	CHECK_INT(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
	CHECK_INT(boundary_read(pid, NULL, &a, &f, NULL), -ESRCH); /* a zombie */
	CHECK_INT(waitpid(pid, NULL, 0), pid);
	CHECK_INT(boundary_read(pid, NULL, &a, &f, NULL), -ESRCH);
	CHECK_INT(boundary_read(0, NULL, &a, &f, NULL), -ESRCH);
	CHECK_INT(boundary_read(-1, NULL, &a, &f, NULL), -ESRCH);
}

struct child {
	pid_t pid;
	int ready;
};

/* A child in namespaces of its own that sits still; -1 in ready if it cannot be had. */
static struct child start_child(int flags)
{
	struct child c;
	int channel[2];
	char byte = 0;

	CHECK_INT(pipe(channel), 0);
	c.pid = fork();
	if (c.pid == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
		(void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
		byte = unshare(flags) == 0 ? 'y' : 'n';
		if (write(channel[1], &byte, 1) == 1)
			(void)pause();
		_exit(0);
	}
	(void)close(channel[1]);
	CHECK_INT(read(channel[0], &byte, 1), 1);
	(void)close(channel[0]);
	c.ready = byte == 'y' ? 0 : -1;
	return c;
}

static void stop_child(const struct child *c)
{
	(void)kill(c->pid, SIGKILL);
	(void)waitpid(c->pid, NULL, 0);
}

TEST(process_in_namespaces)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	struct child c = start_child(
		CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWUTS | CLONE_NEWIPC);
	struct boundary_facts f;
	struct boundary_report r;

	if (c.ready < 0) {
		stop_child(&c);
		SKIP("user namespaces");
	}
	f = read_pid(c.pid, &a);
	stop_child(&c);
	CHECK_INT(f.namespaces[BOUNDARY_NS_USER].shared, BOUNDARY_NO);
	CHECK_INT(f.namespaces[BOUNDARY_NS_NETWORK].shared, BOUNDARY_NO);
	CHECK_INT(f.namespaces[BOUNDARY_NS_NETWORK].owned_inside, BOUNDARY_YES);
	CHECK_INT(f.namespaces[BOUNDARY_NS_PID].shared, BOUNDARY_YES);
	CHECK_INT(f.namespaces[BOUNDARY_NS_PID].owned_inside, BOUNDARY_NO);
	CHECK_INT(f.no_new_privs, 1);
	CHECK_INT(f.seccomp_mode, 0);
	CHECK_INT(f.uid_map_count, 0);
	CHECK(f.same_root);
	r = judge(&f, &a);
	CHECK_INT(r.class, BOUNDARY_NONE); /* the host's own root directory */
	CHECK(find(&r, "seccomp", "no filter") != NULL);
}
