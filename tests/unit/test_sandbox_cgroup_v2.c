// SPDX-License-Identifier: Apache-2.0
/* The v2 backend on real groups, also on a hybrid host, whose v2 mount has few controllers or none:
 * device rules, freezing, killing, delegation need none. */
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"
#include "sandbox/cgroup_internal.h"

#include "test.h"

static struct bh_error err = BH_ERROR_INIT;
static struct arena arena = ARENA_INIT;
static struct cgroup_mounts mounts;

static bool has(const char *controller)
{
	char text[1024];

	CHECK_INT(cgroup_read(mounts.v2.point, "cgroup.controllers", text, sizeof(text)), 0);
	return strstr(text, controller) != NULL;
}

static bool has_controller_file(const char *controller)
{
	char text[1024];

	return cgroup_read("/sys/fs/cgroup", "cgroup.controllers", text, sizeof(text)) == 0 &&
	       strstr(text, controller) != NULL;
}

static int try_create(struct cgroup_request *request, struct cgroup **ret)
{
	char path[64];
	int r;

	(void)snprintf(path, sizeof(path), "/bulkhead-test-%d/c1", getpid());
	request->id = "c1";
	request->path = path;
	if (arena.base == NULL) {
		CHECK_INT(arena_init(&arena, 1 << 20), 0);
		CHECK_INT(cgroup_mounts_read(&arena, &mounts, &err), 0);
	}
	if (mounts.v2.point == NULL)
		SKIP("needs a cgroup2 mount");
	if (geteuid() != 0)
		SKIP("needs root");
	r = cgroup_create_in(request, &mounts, CGROUP_V2, ret, &err);
	if (r < 0)
		fprintf(stderr, "# %s\n", err.text);
	return r;
}

static struct cgroup *create(const struct oci_resources *resources)
{
	struct cgroup_request request = {.resources = resources};
	struct cgroup *cg = NULL;

	CHECK_INT(try_create(&request, &cg), 0);
	return cg;
}

static void destroy(struct cgroup *cg)
{
	char dir[512];
	int r = cgroup_destroy(cg, &err);

	if (r < 0)
		fprintf(stderr, "# %s\n", err.text);
	CHECK_INT(r, 0);
	cgroup_free(cg);
	(void)snprintf(dir, sizeof(dir), "%s/bulkhead-test-%d", mounts.v2.point, getpid());
	CHECK(access(dir, F_OK) < 0 && errno == ENOENT);
	arena_release(&arena);
}

static pid_t clone_into(struct cgroup *cg, void (*body)(void))
{
	struct clone_args args = {.flags = CLONE_INTO_CGROUP,
		.exit_signal = SIGCHLD,
		.cgroup = (uint64_t)cgroup_clone_fd(cg)};
	pid_t pid = (pid_t)syscall(SYS_clone3, &args, sizeof(args));

	CHECK(pid >= 0);
	if (pid == 0) {
		if (body != NULL)
			body();
		for (;;)
			(void)pause();
	}
	return pid;
}

TEST(clone_into_and_destroy)
{
	struct cgroup *cg = create(NULL);
	pid_t pid = clone_into(cg, NULL), *pids = NULL;
	size_t count = 0;
	int status;

	CHECK_INT(cgroup_pids(cg, &arena, &pids, &count, &err), 0);
	CHECK_INT(count, 1);
	CHECK_INT(pids[0], pid);
	CHECK(cgroup_path(cg, NULL) != NULL);
	destroy(cg);
	CHECK_INT(waitpid(pid, &status, 0), pid);
	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

static void probe(unsigned int major_number, unsigned int minor_number, int expected)
{
	char name[64];
	int fd, e;

	(void)snprintf(name, sizeof(name), "/dev/bulkhead-test-%d", getpid());
	if (mknod(name, S_IFCHR | 0600, makedev(major_number, minor_number)) < 0)
		_exit(10);
	fd = open(name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	e = fd < 0 ? errno : 0;
	(void)unlink(name);
	if (e != expected)
		_exit(11);
}

static void devices_default(void)
{
	probe(1, 3, 0);
	probe(1, 11, EPERM);
	_exit(0);
}

static void devices_kmsg(void)
{
	probe(1, 3, 0);
	probe(1, 11, 0);
	_exit(0);
}

static void expect_exit_0(pid_t pid)
{
	int status;

	CHECK_INT(waitpid(pid, &status, 0), pid);
	CHECK(WIFEXITED(status));
	CHECK_INT(WEXITSTATUS(status), 0);
}

TEST(devices_are_enforced_and_replaced)
{
	struct oci_device_rule all = {true, 'a', -1, -1, 7};
	struct oci_device_rule hole[] = {{true, 'c', 1, -1, 7}, {false, 'c', 1, 11, 7}};
	struct oci_resources res = {.present = true, .devices = &all, .device_count = 1};
	struct cgroup *cg = create(NULL);

	expect_exit_0(clone_into(cg, devices_default));
	CHECK_INT(cgroup_update(cg, &res, &err), 0);
	expect_exit_0(clone_into(cg, devices_kmsg));
	res.devices = hole; /* what v1 cannot say */
	res.device_count = 2;
	CHECK_INT(cgroup_update(cg, &res, &err), 0);
	expect_exit_0(clone_into(cg, devices_default));
	destroy(cg);
}

TEST(freeze_thaw_and_kill_frozen)
{
	struct cgroup *cg = create(NULL);
	pid_t pid = clone_into(cg, NULL);
	bool frozen = true;

	CHECK_INT(cgroup_is_frozen(cg, &frozen, &err), 0);
	CHECK(!frozen);
	CHECK_INT(cgroup_freeze(cg, true, &err), 0);
	CHECK_INT(cgroup_is_frozen(cg, &frozen, &err), 0);
	CHECK(frozen);
	CHECK_INT(cgroup_freeze(cg, false, &err), 0);
	CHECK_INT(cgroup_freeze(cg, true, &err), 0);
	destroy(cg);
	CHECK_INT(waitpid(pid, NULL, 0), pid);
}

TEST(unified_core_limit_and_missing_controller)
{
	struct oci_pair pair = {"cgroup.max.descendants", "2"}, absent = {"nothing.max", "1"};
	struct oci_resources res = {.present = true, .unified = &pair, .unified_count = 1};
	struct cgroup_request request = {.resources = &res};
	struct cgroup *cg = create(&res), *none = NULL;
	char text[32];

	CHECK_INT(cgroup_read(cg->groups[0].dir, "cgroup.max.descendants", text, sizeof(text)), 0);
	CHECK_STR(text, "2");
	destroy(cg);
	res.unified = &absent;
	CHECK_INT(try_create(&request, &none), -ENOENT);
	CHECK(strstr(err.text, "controller nothing") != NULL);
}

TEST(delegated_files_change_owner)
{
	struct cgroup_request request = {.delegate = true, .owner_uid = 4242, .owner_gid = 4343};
	struct cgroup *cg = NULL;
	struct stat st;

	CHECK_INT(try_create(&request, &cg), 0);
	CHECK_INT(fstat(cgroup_clone_fd(cg), &st), 0);
	CHECK_INT(st.st_uid, 4242);
	CHECK_INT(fstatat(cgroup_clone_fd(cg), "cgroup.procs", &st, 0), 0);
	CHECK_INT(st.st_gid, 4343);
	CHECK_INT(fstatat(cgroup_clone_fd(cg), "cgroup.max.depth", &st, 0), 0);
	CHECK_INT(st.st_uid, 0);
	destroy(cg);
}

TEST(saved_state_and_enter)
{
	struct cgroup *cg = create(NULL), *again = NULL;
	struct buf text;
	struct json_writer w = JSON_WRITER(&text);
	const struct json *saved = NULL;
	pid_t pid;

	buf_init(&text, 65536);
	cgroup_save(cg, &w);
	CHECK_INT(json_parse(buf_str(&text), text.len, &arena, &saved, &err), 0);
	CHECK_INT(cgroup_open(saved, NULL, &again, &err), 0);
	CHECK_INT(cgroup_mode(again), CGROUP_V2);
	pid = fork();
	CHECK(pid >= 0);
	if (pid == 0)
		_exit(cgroup_enter_self(again, &err) < 0);
	expect_exit_0(pid);
	cgroup_free(cg);
	buf_release(&text);
	destroy(again);
}

TEST(stats_and_hugetlb)
{
	struct oci_hugepage_limit huge = {"2MB", 4 << 20};
	struct oci_resources res = {.present = true, .hugepages = &huge, .hugepage_count = 1};
	struct cgroup *cg = create(NULL);
	const struct json *stats = NULL;
	struct buf text;
	struct json_writer w = JSON_WRITER(&text);
	char root[512], before[1024];

	buf_init(&text, 1 << 20);
	(void)snprintf(root, sizeof(root), "%s", mounts.v2.point);
	CHECK_INT(cgroup_read(root, "cgroup.subtree_control", before, sizeof(before)), 0);
	if (!has("hugetlb")) {
		destroy(cg);
		SKIP("needs controller hugetlb on v2");
	}
	destroy(cg);
	cg = create(&res);
	CHECK_INT(cgroup_stats(cg, &w, &err), 0);
	CHECK_INT(json_parse(buf_str(&text), text.len, &arena, &stats, &err), 0);
	CHECK_INT(json_get_int(json_get(json_get(stats, "hugetlb"), "2MB"), "usage", -1), 0);
	CHECK(json_get(json_get(json_get(stats, "cpu"), "usage"), "total") != NULL);
	buf_release(&text);
	destroy(cg);
	/* The group above was the host's: it is as it was. */
	if (strstr(before, "hugetlb") == NULL)
		CHECK_INT(cgroup_write(root, "cgroup.subtree_control", "-hugetlb"), 0);
}

static const char *value_of(struct cgroup *cg, const char *file)
{
	static char text[4096];

	CHECK_INT(cgroup_read(cg->groups[0].dir, file, text, sizeof(text)), 0);
	return text;
}

/* Groups with the controllers that the tests below need. */
static struct cgroup *create_limited(const struct oci_resources *resources)
{
	struct cgroup *cg = create(NULL);
	bool all = has("memory") && has("pids") && has("cpu");

	destroy(cg);
	if (!all)
		SKIP("needs cgroup controllers memory, pids and cpu on v2");
	return create(resources);
}

TEST(limits_are_set)
{
	struct oci_pair pair = {"memory.high", "60000000"};
	struct oci_resources res = {
		.present = true,
		.memory.limit = {true, 64 << 20},
		.memory.swap = {true, 96 << 20},
		.memory.reservation = {true, 32 << 20},
		.cpu.shares = {true, 512},
		.cpu.quota = {true, 20000},
		.cpu.period = {true, 50000},
		.cpu.cpus = has_controller_file("cpuset") ? "0" : NULL,
		.pids_limit = {true, 17},
		.unified = &pair,
		.unified_count = 1,
	};
	struct cgroup *cg = create_limited(&res);

	CHECK_STR(value_of(cg, "memory.max"), "67108864");
	CHECK_STR(value_of(cg, "memory.low"), "33554432");
	CHECK_STR(value_of(cg, "memory.high"), "59998208");
	CHECK_STR(value_of(cg, "memory.swap.max"), "33554432");
	CHECK_STR(value_of(cg, "cpu.weight"), "20");
	CHECK_STR(value_of(cg, "cpu.max"), "20000 50000");
	CHECK_STR(value_of(cg, "pids.max"), "17");
	if (res.cpu.cpus != NULL)
		CHECK_STR(value_of(cg, "cpuset.cpus"), "0");
	destroy(cg);
}

TEST(update_keeps_the_other_half)
{
	struct oci_resources res = {.present = true,
		.memory.limit = {true, 64 << 20},
		.cpu.quota = {true, 20000},
		.cpu.period = {true, 50000}};
	struct cgroup *cg = create_limited(&res);

	res = (struct oci_resources){.present = true, .cpu.period = {true, 100000}};
	CHECK_INT(cgroup_update(cg, &res, &err), 0);
	CHECK_STR(value_of(cg, "cpu.max"), "20000 100000");
	res = (struct oci_resources){.present = true, .cpu.quota = {true, 40000}};
	CHECK_INT(cgroup_update(cg, &res, &err), 0);
	CHECK_STR(value_of(cg, "cpu.max"), "40000 100000");
	res = (struct oci_resources){.present = true, .memory.swap = {true, 96 << 20}};
	CHECK_INT(cgroup_update(cg, &res, &err), 0);
	CHECK_STR(value_of(cg, "memory.swap.max"), "33554432");
	res = (struct oci_resources){.present = true, .pids_limit = {true, 5}};
	CHECK_INT(cgroup_update(cg, &res, &err), 0);
	CHECK_STR(value_of(cg, "pids.max"), "5");
	destroy(cg);
}

static void eat_memory(void)
{
	size_t n = 64 << 20;
	char *p = malloc(n);

	for (size_t i = 0; p != NULL && i < n; i += 4096)
		((volatile char *)p)[i] = 1;
	_exit(0);
}

TEST(oom_is_notified_and_counted)
{
	struct oci_resources res = {
		.present = true, .memory.limit = {true, 8 << 20}, .memory.swap = {true, 8 << 20}};
	struct cgroup *cg = create_limited(&res);
	struct pollfd p = {.fd = -1, .events = POLLIN};
	pid_t pid;
	int status;

	CHECK_INT(cgroup_oom_fd(cg, &p.fd, &err), 0);
	pid = clone_into(cg, eat_memory);
	CHECK_INT(poll(&p, 1, 20000), 1);
	CHECK_INT(waitpid(pid, &status, 0), pid);
	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	CHECK_INT(cgroup_oom_kills(cg), 1);
	(void)close(p.fd);
	destroy(cg);
}

static void fork_bomb(void)
{
	for (int i = 0; i < 400; i++) {
		if (fork() < 0)
			(void)usleep(100);
	}
}

TEST(destroy_ends_a_fork_bomb)
{
	struct oci_resources res = {.present = true, .pids_limit = {true, 64}};
	struct cgroup *cg = create_limited(&res);
	pid_t pid = clone_into(cg, fork_bomb);

	(void)usleep(50000);
	destroy(cg);
	CHECK_INT(waitpid(pid, NULL, 0), pid);
}

TEST(group_with_processes_hands_nothing_on)
{
	struct oci_resources res = {.present = true, .memory.limit = {true, 64 << 20}};
	struct cgroup *cg = create_limited(NULL), *below = NULL;
	struct cgroup_request request = {.id = "c2", .resources = &res};
	char path[128];
	pid_t pid = clone_into(cg, NULL);

	(void)snprintf(path, sizeof(path), "%s/below", cgroup_path(cg, NULL));
	request.path = path;
	CHECK_INT(cgroup_create_in(&request, &mounts, CGROUP_V2, &below, &err), -EBUSY);
	CHECK(strstr(err.text, "holds processes itself") != NULL);
	destroy(cg);
	CHECK_INT(waitpid(pid, NULL, 0), pid);
}

/* As systemd in a container does: its processes go to a group below, then it hands controllers on.
 */
TEST(follow_into_a_divided_group)
{
	struct cgroup *cg = create_limited(NULL), *again = NULL;
	char dir[CGROUP_PATH_MAX], text[32];
	struct buf saved_text;
	struct json_writer w = JSON_WRITER(&saved_text);
	const struct json *saved = NULL;
	pid_t pid = clone_into(cg, NULL), second;

	(void)snprintf(dir, sizeof(dir), "%s/init.scope", cg->groups[0].dir);
	CHECK_INT(mkdir(dir, 0755), 0);
	(void)snprintf(text, sizeof(text), "%d", pid);
	CHECK_INT(cgroup_write(dir, "cgroup.procs", text), 0);
	CHECK_INT(cgroup_write(cg->groups[0].dir, "cgroup.subtree_control", "+pids"), 0);
	buf_init(&saved_text, 65536);
	cgroup_save(cg, &w);
	CHECK_INT(json_parse(buf_str(&saved_text), saved_text.len, &arena, &saved, &err), 0);
	CHECK_INT(cgroup_open(saved, NULL, &again, &err), 0);
	CHECK_INT(cgroup_follow(again, pid, &err), 0);
	second = clone_into(again, NULL);
	cgroup_free(again);
	buf_release(&saved_text);
	destroy(cg);
	CHECK_INT(waitpid(pid, NULL, 0), pid);
	CHECK_INT(waitpid(second, NULL, 0), second);
}
