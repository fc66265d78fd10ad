// SPDX-License-Identifier: Apache-2.0
/* Run as a service of a real systemd (tests/systemd/run): a container's groups through
 * --systemd-cgroup. TAP on standard output. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"
#include "kernel/process.h"
#include "sandbox/cgroup_internal.h"

#include "../unit/test.h"

static struct bh_error err = BH_ERROR_INIT;

static struct cgroup *create(const struct oci_resources *resources)
{
	struct cgroup_request request = {.id = "c1",
		.path = "system-bulkhead.slice:probe:c1",
		.systemd = true,
		.resources = resources};
	struct cgroup *cg = NULL;
	int r = cgroup_create(&request, &cg, &err);

	if (r < 0)
		fprintf(stderr, "# %s\n", err.text);
	CHECK_INT(r, 0);
	return cg;
}

static pid_t spawn_in(struct cgroup *cg)
{
	pid_t pid = process_clone(0, NULL, cgroup_clone_fd(cg));

	CHECK(pid >= 0);
	if (pid == 0) {
		if (cgroup_enter_self(cg, &err) < 0)
			_exit(1);
		for (;;)
			(void)pause();
	}
	/* Joined when it is alone but for the process that holds the scope. */
	for (int i = 0; i < 200; i++) {
		size_t count = 0;
		pid_t *pids;
		struct arena a = ARENA_INIT;

		CHECK_INT(arena_init(&a, 1 << 20), 0);
		CHECK_INT(cgroup_pids(cg, &a, &pids, &count, &err), 0);
		arena_release(&a);
		if (count == 2)
			return pid;
		(void)usleep(10000);
	}
	CHECK(!"the child joined");
	return pid;
}

static struct cgroup *reopen(struct cgroup *cg)
{
	struct arena a = ARENA_INIT;
	struct buf text;
	struct json_writer w = JSON_WRITER(&text);
	const struct json *saved = NULL;
	struct cgroup *again = NULL;

	buf_init(&text, 65536);
	CHECK_INT(arena_init(&a, 1 << 20), 0);
	cgroup_save(cg, &w);
	CHECK_INT(json_parse(buf_str(&text), text.len, &a, &saved, &err), 0);
	cgroup_free(cg);
	CHECK_INT(cgroup_open(saved, NULL, &again, &err), 0);
	buf_release(&text);
	arena_release(&a);
	return again;
}

static void destroy(struct cgroup *cg)
{
	char dir[CGROUP_PATH_MAX];
	int r;

	strcpy(dir, cgroup_group_main(cg)->dir);
	r = cgroup_destroy(cg, &err);
	if (r < 0)
		fprintf(stderr, "# %s\n", err.text);
	CHECK_INT(r, 0);
	cgroup_free(cg);
	CHECK(access(dir, F_OK) < 0);
	CHECK(system("systemctl is-active probe-c1.scope >/dev/null") != 0);
}

static const char *value_of(
	struct cgroup *cg, const char *controller, const char *v1, const char *v2)
{
	static char text[256];
	const struct cgroup_group *group = cgroup_group_of(cg, controller);

	CHECK(group != NULL);
	CHECK_INT(
		cgroup_read(group->dir, cgroup_mode(cg) == CGROUP_V1 ? v1 : v2, text, sizeof(text)),
		0);
	return text;
}

TEST(scope_lives_with_the_container)
{
	struct oci_resources res = {.present = true, .pids_limit = {true, 33}};
	struct cgroup *cg = create(&res);
	pid_t pid = spawn_in(cg);

	CHECK(strstr(cgroup_path(cg, "pids"),
		      "/system.slice/system-bulkhead.slice/probe-c1.scope") != NULL);
	CHECK_STR(value_of(cg, "pids", "pids.max", "pids.max"), "33");
	cg = reopen(cg); /* the runtime ends: the scope stays, its first process is gone */
	(void)usleep(100000);
	CHECK_INT(system("systemctl is-active probe-c1.scope >/dev/null"), 0);
	CHECK_INT(system("test \"$(systemctl show -p TasksMax --value probe-c1.scope)\" = 33"), 0);
	destroy(cg);
	CHECK_INT(waitpid(pid, NULL, 0), pid);
}

TEST(limits_and_devices_outlive_a_reload)
{
	struct oci_resources res = {
		.present = true, .memory.limit = {true, 64 << 20}, .pids_limit = {true, 33}};
	struct cgroup *cg = create(&res);
	char before[4096] = "", after[4096] = "";
	pid_t pid = spawn_in(cg);

	if (cgroup_mode(cg) == CGROUP_V1)
		strcpy(before, value_of(cg, "devices", "devices.list", NULL));
	res = (struct oci_resources){.present = true, .pids_limit = {true, 44}};
	CHECK_INT(cgroup_update(cg, &res, &err), 0);
	CHECK_INT(system("systemctl daemon-reload"), 0);
	CHECK_STR(value_of(cg, "pids", "pids.max", "pids.max"), "44");
	CHECK_STR(value_of(cg, "memory", "memory.limit_in_bytes", "memory.max"), "67108864");
	if (cgroup_mode(cg) == CGROUP_V1) {
		strcpy(after, value_of(cg, "devices", "devices.list", NULL));
		CHECK(strstr(after, "a *:* rwm") == NULL && strstr(before, "a *:* rwm") == NULL);
		CHECK(strstr(after, "c 1:3 rwm") != NULL);
	}
	destroy(cg);
	CHECK_INT(waitpid(pid, NULL, 0), pid);
}

TEST(taken_name_is_refused_and_left_alone)
{
	struct cgroup *cg = create(NULL), *second = NULL;
	struct cgroup_request request = {
		.id = "c1", .path = "system-bulkhead.slice:probe:c1", .systemd = true};
	pid_t pid = spawn_in(cg);

	CHECK(cgroup_create(&request, &second, &err) < 0);
	CHECK(strstr(err.text, "probe-c1.scope") != NULL);
	CHECK_INT(kill(pid, 0), 0);
	destroy(cg);
	CHECK_INT(waitpid(pid, NULL, 0), pid);
}

TEST(failed_create_stops_the_scope)
{
	struct oci_resources res = {.present = true, .blkio.leaf_weight = {true, 100}};
	struct cgroup_request request = {.id = "c1",
		.path = "system-bulkhead.slice:probe:c1",
		.systemd = true,
		.resources = &res};
	struct cgroup *cg = NULL;

	CHECK(cgroup_create(&request, &cg, &err) < 0);
	CHECK(strstr(err.text, "eaf") != NULL);
	CHECK(system("systemctl is-active probe-c1.scope >/dev/null") != 0);
}
