// SPDX-License-Identifier: Apache-2.0
/* Real groups on a host with cgroup v1, below a name of this process only; each test checks that
 * nothing of them is left. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"
#include "sandbox/cgroup_internal.h"

#include "test.h"

static struct bh_error err = BH_ERROR_INIT;

static const char *own_path(void)
{
	static char path[64];

	(void)snprintf(path, sizeof(path), "/bulkhead-test-%d/c1", getpid());
	return path;
}

static struct cgroup *create(const struct oci_resources *resources)
{
	enum cgroup_mode mode;
	struct cgroup_request request = {.id = "c1", .path = own_path(), .resources = resources};
	struct cgroup *cg = NULL;
	int r;

	CHECK_INT(cgroup_mode_detect(&mode, &err), 0);
	if (mode != CGROUP_V1)
		SKIP("needs cgroup v1");
	if (geteuid() != 0)
		SKIP("needs root");
	r = cgroup_create(&request, &cg, &err);
	if (r < 0)
		fprintf(stderr, "# %s\n", err.text);
	CHECK_INT(r, 0);
	return cg;
}

static void check_gone(void)
{
	struct arena a = ARENA_INIT;
	struct cgroup_mounts mounts;

	CHECK_INT(arena_init(&a, 1 << 20), 0);
	CHECK_INT(cgroup_mounts_read(&a, &mounts, &err), 0);
	for (size_t i = 0; i < mounts.v1_count; i++) {
		char dir[512];

		(void)snprintf(
			dir, sizeof(dir), "%s/bulkhead-test-%d", mounts.v1[i].point, getpid());
		CHECK(access(dir, F_OK) < 0 && errno == ENOENT);
	}
	arena_release(&a);
}

static void destroy(struct cgroup *cg)
{
	int r = cgroup_destroy(cg, &err);

	if (r < 0)
		fprintf(stderr, "# %s\n", err.text);
	CHECK_INT(r, 0);
	cgroup_free(cg);
	check_gone();
}

static const char *value_of(struct cgroup *cg, const char *controller, const char *file)
{
	static char text[4096];
	const struct cgroup_group *group = cgroup_group_of(cg, controller);

	CHECK(group != NULL);
	CHECK_INT(cgroup_read(group->dir, file, text, sizeof(text)), 0);
	return text;
}

/* A child in the group that runs body and then waits to be killed; returns when it has joined. */
static pid_t spawn_in(struct cgroup *cg, void (*body)(void))
{
	int ready[2];
	char c;
	pid_t pid;

	CHECK_INT(pipe(ready), 0);
	pid = fork();
	CHECK(pid >= 0);
	if (pid == 0) {
		if (cgroup_enter_self(cg, &err) < 0) {
			fprintf(stderr, "# %s\n", err.text);
			_exit(1);
		}
		(void)!write(ready[1], "x", 1);
		if (body != NULL)
			body();
		for (;;)
			(void)pause();
	}
	(void)close(ready[1]);
	CHECK_INT(read(ready[0], &c, 1), 1);
	(void)close(ready[0]);
	return pid;
}

TEST(create_enter_destroy)
{
	struct cgroup *cg = create(NULL);
	struct arena a = ARENA_INIT;
	pid_t pid = spawn_in(cg, NULL), *pids = NULL;
	size_t count = 0;
	int status;

	CHECK_INT(cgroup_mode(cg), CGROUP_V1);
	CHECK_INT(cgroup_clone_fd(cg), -EBADF);
	CHECK_STR(cgroup_path(cg, "devices"), own_path());
	CHECK(cgroup_path(cg, "blkio") == NULL);
	CHECK_INT(arena_init(&a, 1 << 20), 0);
	CHECK_INT(cgroup_pids(cg, &a, &pids, &count, &err), 0);
	CHECK_INT(count, 1);
	CHECK_INT(pids[0], pid);
	arena_release(&a);
	destroy(cg); /* kills */
	CHECK_INT(waitpid(pid, &status, 0), pid);
	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

TEST(existing_group_with_processes_is_refused)
{
	struct cgroup *cg = create(NULL), *second = NULL;
	pid_t pid = spawn_in(cg, NULL);
	struct cgroup_request request = {.id = "c1", .path = own_path()};

	CHECK_INT(cgroup_create(&request, &second, &err), -EBUSY);
	CHECK(strstr(err.text, "holds processes") != NULL);
	destroy(cg);
	CHECK_INT(waitpid(pid, NULL, 0), pid);
}

TEST(limits_are_set)
{
	struct oci_blkio_device bps = {.major = 254, .minor = 0, .value = 1048576};
	struct oci_resources res = {
		.present = true,
		.memory.limit = {true, 64 << 20},
		.memory.swap = {true, 128 << 20},
		.memory.reservation = {true, 32 << 20},
		.memory.swappiness = {true, 10},
		.memory.has_disable_oom_killer = true,
		.memory.disable_oom_killer = true,
		.cpu.shares = {true, 512},
		.cpu.quota = {true, 20000},
		.cpu.period = {true, 50000},
		.cpu.burst = {true, 10000},
		.cpu.cpus = "0",
		.cpu.mems = "0",
		.pids_limit = {true, 17},
		.blkio.read_bps = {&bps, 1},
	};
	struct cgroup *cg = create(&res);

	CHECK_STR(value_of(cg, "memory", "memory.limit_in_bytes"), "67108864");
	CHECK_STR(value_of(cg, "memory", "memory.memsw.limit_in_bytes"), "134217728");
	CHECK_STR(value_of(cg, "memory", "memory.soft_limit_in_bytes"), "33554432");
	CHECK_STR(value_of(cg, "memory", "memory.swappiness"), "10");
	CHECK(strstr(value_of(cg, "memory", "memory.oom_control"), "oom_kill_disable 1") != NULL);
	CHECK_STR(value_of(cg, "cpu", "cpu.shares"), "512");
	CHECK_STR(value_of(cg, "cpu", "cpu.cfs_quota_us"), "20000");
	CHECK_STR(value_of(cg, "cpu", "cpu.cfs_period_us"), "50000");
	CHECK_STR(value_of(cg, "cpu", "cpu.cfs_burst_us"), "10000");
	CHECK_STR(value_of(cg, "cpuset", "cpuset.cpus"), "0");
	CHECK_STR(value_of(cg, "pids", "pids.max"), "17");
	CHECK_STR(value_of(cg, "blkio", "blkio.throttle.read_bps_device"), "254:0 1048576");
	destroy(cg);
}

TEST(missing_controller_is_named_and_nothing_stays)
{
	struct oci_resources res = {.present = true, .network.class_id = {true, 5}};
	struct cgroup_request request = {.id = "c1", .path = own_path(), .resources = &res};
	struct cgroup *cg = create(NULL);
	bool mounted = cgroup_group_of(cg, "net_cls") != NULL;

	destroy(cg);
	if (mounted)
		SKIP("needs a host without net_cls");
	CHECK_INT(cgroup_create(&request, &cg, &err), -ENOENT);
	CHECK(strstr(err.text, "net_cls") != NULL);
	res = (struct oci_resources){.present = true, .blkio.leaf_weight = {true, 100}};
	CHECK_INT(cgroup_create(&request, &cg, &err), -ENOENT);
	CHECK(strstr(err.text, "blkio.leaf_weight") != NULL);
	check_gone();
}

TEST(value_that_the_kernel_clamps_is_refused)
{
	struct oci_resources res = {.present = true, .cpu.shares = {true, 1 << 20}};
	struct cgroup_request request = {.id = "c1", .path = own_path(), .resources = &res};
	struct cgroup *cg = create(NULL);

	destroy(cg);
	CHECK_INT(cgroup_create(&request, &cg, &err), -ERANGE);
	CHECK(strstr(err.text, "cpu.shares") != NULL);
	check_gone();
}

TEST(update_in_any_order_and_joins_later)
{
	struct oci_resources res = {
		.present = true, .memory.limit = {true, 64 << 20}, .memory.swap = {true, 64 << 20}};
	struct cgroup *cg = create(&res);
	pid_t pid = spawn_in(cg, NULL);
	char line[32];

	/* larger than the present memory + swap, then smaller than the present memory */
	res.memory.limit.value = res.memory.swap.value = 256 << 20;
	CHECK_INT(cgroup_update(cg, &res, &err), 0);
	res.memory.limit.value = res.memory.swap.value = 32 << 20;
	CHECK_INT(cgroup_update(cg, &res, &err), 0);
	CHECK_STR(value_of(cg, "memory", "memory.memsw.limit_in_bytes"), "33554432");
	CHECK(cgroup_group_of(cg, "cpu") == NULL);
	res = (struct oci_resources){.present = true, .cpu.quota = {true, 30000}};
	CHECK_INT(cgroup_update(cg, &res, &err), 0);
	CHECK_STR(value_of(cg, "cpu", "cpu.cfs_quota_us"), "30000");
	(void)snprintf(line, sizeof(line), "%d", pid);
	CHECK_STR(value_of(cg, "cpu", "cgroup.procs"), line);
	destroy(cg);
	CHECK_INT(waitpid(pid, NULL, 0), pid);
}

static void hold_memory(void)
{
	size_t n = 4 << 20;
	char *p = malloc(n);

	for (size_t i = 0; p != NULL && i < n; i += 4096)
		((volatile char *)p)[i] = 1;
	(void)pause();
}

TEST(limit_below_what_is_in_use_is_refused_before_it_is_set)
{
	struct oci_resources res = {.present = true, .memory.limit = {true, 64 << 20}};
	struct cgroup *cg = create(&res);
	pid_t pid = spawn_in(cg, hold_memory);

	(void)usleep(100000);
	res = (struct oci_resources){.present = true,
		.memory.limit = {true, 1 << 20},
		.memory.check_before_update = true};
	CHECK_INT(cgroup_update(cg, &res, &err), -EBUSY);
	CHECK(strstr(err.text, "in use") != NULL);
	CHECK_STR(value_of(cg, "memory", "memory.limit_in_bytes"), "67108864");
	destroy(cg);
	CHECK_INT(waitpid(pid, NULL, 0), pid);
}

TEST(rootless_without_permission)
{
	struct oci_resources res = {.present = true, .pids_limit = {true, 9}};
	struct cgroup_request request = {.id = "c1", .path = own_path(), .rootless = true};
	struct cgroup *cg = create(NULL);
	pid_t pid;
	int status;

	destroy(cg);
	pid = fork();
	CHECK(pid >= 0);
	if (pid == 0) {
		CHECK_INT(setuid(65534), 0);
		CHECK_INT(cgroup_create(&request, &cg, &err), 0);
		CHECK_INT(cgroup_enter_self(cg, &err), 0);
		CHECK(cgroup_path(cg, "pids") == NULL);
		CHECK_INT(cgroup_destroy(cg, &err), 0);
		cgroup_free(cg);
		request.resources = &res;
		CHECK(cgroup_create(&request, &cg, &err) < 0);
		CHECK(strstr(err.text, "pids") != NULL);
		_exit(0);
	}
	CHECK_INT(waitpid(pid, &status, 0), pid);
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	check_gone();
}

TEST(state_that_names_other_places_is_refused)
{
	static const char *const texts[] = {
		"{\"mode\":\"v1\",\"groups\":[{\"controllers\":\"pids\",\"mount\":\"/"
		"tmp\",\"path\":\"/x\"}]}",
		"{\"mode\":\"v1\",\"groups\":[{\"controllers\":\"pids\",\"mount\":\"/sys/fs/cgroup/"
		"pids\","
		"\"path\":\"/a/../..\"}]}",
		"{\"mode\":\"v2\",\"groups\":[]}",
		"{\"mode\":\"v3\",\"groups\":[]}",
		"{\"mode\":\"v1\"}",
		"[]",
	};

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		struct arena a = ARENA_INIT;
		const struct json *saved = NULL;
		struct cgroup *cg = NULL;

		CHECK_INT(arena_init(&a, 1 << 20), 0);
		CHECK_INT(json_parse(texts[i], strlen(texts[i]), &a, &saved, &err), 0);
		CHECK_INT(cgroup_open(saved, NULL, &cg, &err), -EINVAL);
		arena_release(&a);
	}
}

static int refuse_to_note(void *data, const struct cgroup *cg, struct bh_error *e)
{
	bool *called = data;

	*called = true;
	check_gone();
	CHECK_STR(cgroup_path(cg, "pids"), own_path());
	return bh_fail(e, -ENOSPC, "no room");
}

TEST(chosen_groups_are_told_before_the_first_is_made)
{
	bool called = false;
	struct cgroup_request request = {.id = "c1",
		.path = own_path(),
		.on_chosen = refuse_to_note,
		.on_chosen_data = &called};
	struct cgroup *cg = create(NULL);

	destroy(cg);
	CHECK_INT(cgroup_create(&request, &cg, &err), -ENOSPC);
	CHECK(called);
	check_gone();
}

static void endless_forks(void)
{
	for (;;)
		(void)fork();
}

/* No pids limit but a generous one that spares the host. */
TEST(destroy_ends_a_wide_fork_bomb)
{
	struct oci_resources res = {.present = true, .pids_limit = {true, 600}};
	struct cgroup *cg = create(&res);
	pid_t pid = spawn_in(cg, endless_forks);

	(void)usleep(300000);
	destroy(cg);
	CHECK_INT(waitpid(pid, NULL, 0), pid);
}

/* The engine's parent: whoever leaves last removes it, others come meanwhile. */
TEST(many_at_once_with_one_parent)
{
	struct cgroup *cg = create(NULL);
	pid_t pids[16];
	char path[64], dir[CGROUP_PATH_MAX];
	pid_t self = getpid();

	(void)snprintf(dir, sizeof(dir), "%s/bulkhead", cgroup_group_of(cg, "pids")->mount);
	destroy(cg);
	for (size_t i = 0; i < ARRAY_SIZE(pids); i++) {
		pids[i] = fork();
		CHECK(pids[i] >= 0);
		if (pids[i] > 0)
			continue;
		(void)snprintf(path, sizeof(path), "/bulkhead/test-%d-%zu", self, i);
		for (int n = 0; n < 12; n++) {
			struct cgroup_request request = {.id = "c1", .path = path};

			if (cgroup_create(&request, &cg, &err) < 0 ||
				cgroup_destroy(cg, &err) < 0) {
				fprintf(stderr, "# %s\n", err.text);
				_exit(1);
			}
			cgroup_free(cg);
		}
		_exit(0);
	}
	for (size_t i = 0; i < ARRAY_SIZE(pids); i++) {
		int status;

		CHECK_INT(waitpid(pids[i], &status, 0), pids[i]);
		CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	}
	for (size_t i = 0; i < ARRAY_SIZE(pids); i++) {
		size_t n = strlen(dir);

		(void)snprintf(dir + n, sizeof(dir) - n, "/test-%d-%zu", self, i);
		CHECK(access(dir, F_OK) < 0);
		dir[n] = '\0';
	}
}

static void open_devices(void)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC), kmsg;
	char name[64];

	(void)snprintf(name, sizeof(name), "/dev/bulkhead-test-%d", getpid());
	if (mknod(name, S_IFCHR | 0600, makedev(1, 11)) < 0)
		_exit(10);
	kmsg = open(name, O_RDONLY | O_CLOEXEC);
	(void)unlink(name);
	_exit(null < 0 ? 11 : kmsg >= 0 ? 12 : errno == EPERM ? 0 : 13);
}

TEST(devices_are_denied_by_default)
{
	struct cgroup *cg = create(NULL);
	pid_t pid = spawn_in(cg, open_devices);
	int status;

	CHECK_INT(waitpid(pid, &status, 0), pid);
	CHECK(WIFEXITED(status));
	CHECK_INT(WEXITSTATUS(status), 0);
	destroy(cg);
}

TEST(devices_allow_all)
{
	struct oci_device_rule all = {true, 'a', -1, -1, 7};
	struct oci_resources res = {.present = true, .devices = &all, .device_count = 1};
	struct cgroup *cg = create(&res);

	CHECK_STR(value_of(cg, "devices", "devices.list"), "a *:* rwm");
	destroy(cg);
}

TEST(freeze_thaw_and_kill_frozen)
{
	struct cgroup *cg = create(NULL);
	pid_t pid = spawn_in(cg, NULL);
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

TEST(signal_all_reaches_all)
{
	struct cgroup *cg = create(NULL);
	pid_t a = spawn_in(cg, NULL), b = spawn_in(cg, NULL);
	int status;

	CHECK_INT(cgroup_signal_all(cg, SIGTERM, &err), 0);
	CHECK_INT(waitpid(a, &status, 0), a);
	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
	CHECK_INT(waitpid(b, &status, 0), b);
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
	struct cgroup *cg = create(&res);
	pid_t pid = spawn_in(cg, fork_bomb);
	int64_t start = cgroup_now_ms();

	(void)usleep(20000);
	destroy(cg);
	CHECK(cgroup_now_ms() - start < 5000);
	CHECK_INT(waitpid(pid, NULL, 0), pid);
}

static void nest(void)
{
	char dir[4096];
	size_t n = (size_t)snprintf(
		dir, sizeof(dir), "/sys/fs/cgroup/devices/bulkhead-test-%d/c1", getppid());

	for (int i = 0; i < 40; i++) {
		int fd;

		n += (size_t)snprintf(dir + n, sizeof(dir) - n, "/n");
		if (mkdir(dir, 0755) < 0)
			_exit(1);
		if (i != 39)
			continue;
		(void)snprintf(dir + n, sizeof(dir) - n, "/tasks");
		fd = open(dir, O_WRONLY | O_CLOEXEC);
		if (fd < 0 || write(fd, "0", 1) != 1)
			_exit(1);
	}
}

TEST(destroy_removes_nested_groups_and_their_processes)
{
	struct cgroup *cg = create(NULL);
	pid_t pid;

	if (access("/sys/fs/cgroup/devices/tasks", F_OK) < 0) {
		destroy(cg);
		SKIP("needs devices at /sys/fs/cgroup/devices");
	}
	pid = spawn_in(cg, nest);
	(void)usleep(50000);
	destroy(cg);
	CHECK_INT(waitpid(pid, NULL, 0), pid);
}

TEST(saved_state_serves_another_process)
{
	struct cgroup *cg = create(NULL), *again = NULL;
	struct arena a = ARENA_INIT;
	struct buf text;
	struct json_writer w = JSON_WRITER(&text);
	const struct json *saved = NULL;
	pid_t pid;

	buf_init(&text, 65536);
	CHECK_INT(arena_init(&a, 1 << 20), 0);
	cgroup_save(cg, &w);
	CHECK_INT(json_parse(buf_str(&text), text.len, &a, &saved, &err), 0);
	CHECK_INT(cgroup_open(saved, "absent", &again, &err), -ENOENT);
	CHECK_INT(cgroup_open(saved, "../..", &again, &err), -EINVAL);
	CHECK_INT(cgroup_open(saved, NULL, &again, &err), 0);
	pid = spawn_in(again, NULL);
	cgroup_free(cg);
	destroy(again);
	CHECK_INT(waitpid(pid, NULL, 0), pid);
	CHECK_INT(
		cgroup_open(saved, NULL, &again, &err), 0); /* gone: nothing to open, no failure */
	CHECK(cgroup_enter_self(again, &err) < 0);
	CHECK_INT(cgroup_destroy(again, &err), 0);
	cgroup_free(again);
	buf_release(&text);
	arena_release(&a);
}

static void spin(void)
{
	for (volatile unsigned long i = 0; i < 30000000; i++)
		;
}

TEST(stats_have_the_shape_of_runc)
{
	struct oci_resources res = {.present = true, .pids_limit = {true, 9}};
	struct cgroup *cg = create(&res);
	struct arena a = ARENA_INIT;
	struct buf text;
	struct json_writer w = JSON_WRITER(&text);
	const struct json *stats = NULL;
	pid_t pid = spawn_in(cg, spin);

	(void)usleep(100000);
	buf_init(&text, 1 << 20);
	CHECK_INT(arena_init(&a, 8 << 20), 0);
	CHECK_INT(cgroup_stats(cg, &w, &err), 0);
	CHECK_INT(json_parse(buf_str(&text), text.len, &a, &stats, &err), 0);
	CHECK_INT(json_get_int(json_get(stats, "pids"), "current", -1), 1);
	CHECK_INT(json_get_int(json_get(stats, "pids"), "limit", -1), 9);
	CHECK(json_get_int(json_get(json_get(stats, "cpu"), "usage"), "total", 0) > 1000000);
	CHECK(json_get_int(json_get(json_get(stats, "memory"), "usage"), "usage", -1) > 0);
	CHECK(json_get(json_get(json_get(stats, "memory"), "raw"), "total_rss") != NULL);
	destroy(cg);
	CHECK_INT(waitpid(pid, NULL, 0), pid);
	buf_release(&text);
	arena_release(&a);
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
	struct cgroup *cg = create(&res);
	struct pollfd p = {.fd = -1, .events = POLLIN};
	pid_t pid;
	int status;

	CHECK_INT(cgroup_oom_fd(cg, &p.fd, &err), 0);
	pid = spawn_in(cg, eat_memory);
	CHECK_INT(poll(&p, 1, 5000), 1);
	CHECK_INT(waitpid(pid, &status, 0), pid);
	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	CHECK_INT(cgroup_oom_kills(cg), 1);
	(void)close(p.fd);
	destroy(cg);
}
