// SPDX-License-Identifier: Apache-2.0
/*
 * What the control groups of one container cost: CPU time per step and start, as a table. Each
 * round makes the groups, has a child join them, waits for it and removes them. Usage: bench_cgroup
 * [N]
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"
#include "sandbox/cgroup.h"

#define ROUNDS_MAX 100000

#define IDLE_US     60000
#define IDLE_ROUNDS 20

struct cost {
	double create, enter, destroy; /* us of CPU, sums */
	double wall;                   /* us of the three, without making the child */
};

static struct bh_error err = BH_ERROR_INIT;

static double clock_us(clockid_t clock)
{
	struct timespec t;

	(void)clock_gettime(clock, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static double cpu_us(void)
{
	return clock_us(CLOCK_PROCESS_CPUTIME_ID);
}

static double wall_us(void)
{
	return clock_us(CLOCK_MONOTONIC);
}

struct entered {
	double cpu, wall;
};

/* What the child measures goes through a pipe. */
static int child_enters(const struct cgroup *cg, struct entered *ret)
{
	int fds[2], status;
	pid_t pid;

	if (pipe(fds) < 0)
		return -errno;
	pid = fork();
	if (pid < 0)
		return -errno;
	if (pid == 0) {
		double wall = wall_us(), cpu = cpu_us();
		int r = cgroup_enter_self(cg, &err);
		struct entered used = {cpu_us() - cpu, wall_us() - wall};

		_exit(r < 0 || write(fds[1], &used, sizeof(used)) != sizeof(used));
	}
	(void)close(fds[1]);
	if (read(fds[0], ret, sizeof(*ret)) != sizeof(*ret))
		*ret = (struct entered){0, 0};
	(void)close(fds[0]);
	return waitpid(pid, &status, 0) == pid && status == 0 ? 0 : -ECHILD;
}

static int one_round(const struct cgroup_request *request, struct cost *cost)
{
	_cleanup_cgroup_ struct cgroup *cg = NULL;
	struct entered entered = {0, 0};
	double cpu = cpu_us(), wall = wall_us();
	int r = cgroup_create(request, &cg, &err);

	if (r < 0)
		return r;
	cost->create += cpu_us() - cpu;
	cost->wall += wall_us() - wall;
	r = child_enters(cg, &entered);
	cost->enter += entered.cpu;
	cpu = cpu_us();
	wall = wall_us();
	if (r == 0)
		r = cgroup_destroy(cg, &err);
	else
		(void)cgroup_destroy(cg, NULL);
	cost->destroy += cpu_us() - cpu;
	cost->wall += wall_us() - wall + entered.wall;
	return r;
}

static int rounds(
	const struct cgroup_request *request, int count, unsigned int idle_us, struct cost *cost)
{
	int r = 0;

	for (int i = 0; i < count && r == 0; i++) {
		if (idle_us > 0)
			(void)usleep(idle_us);
		r = one_round(request, cost);
	}
	return r;
}

static int run_case(const char *name, const struct oci_resources *resources, bool nested, int count)
{
	char path[64];
	struct cgroup_request request = {.id = "bench", .path = path, .resources = resources};
	struct cost busy = {0, 0, 0, 0}, idle = {0, 0, 0, 0};
	int r;

	(void)snprintf(path, sizeof(path), nested ? "/bulkhead-bench-%d/c1" : "/bulkhead-bench-%d",
		getpid());
	r = rounds(&request, count, 0, &busy);
	if (r == 0)
		r = rounds(&request, IDLE_ROUNDS, IDLE_US, &idle);
	if (r < 0) {
		fprintf(stderr, "%s: %s\n", name, bh_error_text(&err, r));
		return r;
	}
	printf("%-28s %7.0f %7.0f %7.0f %7.0f %10.0f %10.0f\n", name, busy.create / count,
		busy.enter / count, busy.destroy / count,
		(busy.create + busy.enter + busy.destroy) / count, busy.wall / count,
		idle.wall / IDLE_ROUNDS);
	return 0;
}

int main(int argc, char **argv)
{
	static const char *const modes[] = {"none", "v1", "v2"};
	struct oci_resources none = {.present = true};
	struct oci_resources docker = {.present = true,
		.memory.limit = {true, 64 << 20},
		.memory.swap = {true, 128 << 20},
		.pids_limit = {true, 100}};
	struct oci_resources all = docker;
	int count = argc > 1 ? atoi(argv[1]) : 200, r;
	enum cgroup_mode mode;

	if (count < 1 || count > ROUNDS_MAX)
		return 2;
	r = cgroup_mode_detect(&mode, &err);
	if (r < 0)
		return 1;
	all.cpu.quota = (struct oci_optional_int){true, 50000};
	all.cpu.cpus = "0";
	all.cpu.mems = "0";
	printf("cgroup %s, %d rounds, us\n%-28s %7s %7s %7s %7s %10s %10s\n", modes[mode], count,
		"CPU:", "create", "enter", "destroy", "sum", "wall", "wall idle");
	if (run_case("no limits", &none, false, count) < 0 ||
		run_case("no limits, parent made too", &none, true, count) < 0 ||
		run_case("memory, swap, pids", &docker, false, count) < 0 ||
		run_case("and cpu quota, cpuset", &all, false, count) < 0)
		return 1;
	return 0;
}
