// SPDX-License-Identifier: Apache-2.0
/* The v2 backend on real groups, also on a hybrid host, whose v2 mount has few controllers or none:
 * device rules, freezing, killing, delegation need none. */
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
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
