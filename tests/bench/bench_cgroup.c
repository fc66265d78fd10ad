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

struct cost {
	double create, enter, destroy; /* us of CPU, sums */
};

static struct bh_error err = BH_ERROR_INIT;

static double cpu_us(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

/* Exit status of the child is of no use for a double: it goes through a pipe. */
static int child_enters(const struct cgroup *cg, double *ret_us)
{
	int fds[2], status;
	pid_t pid;

	if (pipe(fds) < 0)
		return -errno;
	pid = fork();
	if (pid < 0)
		return -errno;
	if (pid == 0) {
		double before = cpu_us(), used;
		int r = cgroup_enter_self(cg, &err);

		used = cpu_us() - before;
		_exit(r < 0 || write(fds[1], &used, sizeof(used)) != sizeof(used));
	}
	(void)close(fds[1]);
	if (read(fds[0], ret_us, sizeof(*ret_us)) != sizeof(*ret_us))
		*ret_us = 0;
	(void)close(fds[0]);
	return waitpid(pid, &status, 0) == pid && status == 0 ? 0 : -ECHILD;
}

static int one_round(const struct cgroup_request *request, struct cost *cost)
{
	_cleanup_cgroup_ struct cgroup *cg = NULL;
	double t0 = cpu_us(), t1, entered = 0;
	int r = cgroup_create(request, &cg, &err);

	if (r < 0)
		return r;
	t1 = cpu_us();
	r = child_enters(cg, &entered);
	cost->create += t1 - t0;
	cost->enter += entered;
	t0 = cpu_us();
	if (r == 0)
		r = cgroup_destroy(cg, &err);
	else
		(void)cgroup_destroy(cg, NULL);
	cost->destroy += cpu_us() - t0;
	return r;
}

static int run_case(
	const char *name, const struct oci_resources *resources, bool nested, int rounds)
{
	char path[64];
	struct cgroup_request request = {.id = "bench", .path = path, .resources = resources};
	struct cost cost = {0, 0, 0};

	(void)snprintf(path, sizeof(path), nested ? "/bulkhead-bench-%d/c1" : "/bulkhead-bench-%d",
		getpid());
	for (int i = 0; i < rounds; i++) {
		int r = one_round(&request, &cost);

		if (r < 0) {
			fprintf(stderr, "%s: %s\n", name, bh_error_text(&err, r));
			return r;
		}
	}
	printf("%-34s %8.0f %8.0f %8.0f %8.0f\n", name, cost.create / rounds, cost.enter / rounds,
		cost.destroy / rounds, (cost.create + cost.enter + cost.destroy) / rounds);
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
	int rounds = argc > 1 ? atoi(argv[1]) : 200, r;
	enum cgroup_mode mode;

	if (rounds < 1 || rounds > ROUNDS_MAX)
		return 2;
	r = cgroup_mode_detect(&mode, &err);
	if (r < 0)
		return 1;
	all.cpu.quota = (struct oci_optional_int){true, 50000};
	all.cpu.cpus = "0";
	all.cpu.mems = "0";
	printf("cgroup %s, %d rounds, us of CPU\n%-34s %8s %8s %8s %8s\n", modes[mode], rounds, "",
		"create", "enter", "destroy", "sum");
	if (run_case("no limits", &none, false, rounds) < 0 ||
		run_case("no limits, parent made too", &none, true, rounds) < 0 ||
		run_case("memory, swap, pids", &docker, false, rounds) < 0 ||
		run_case("and cpu quota, cpuset", &all, false, rounds) < 0)
		return 1;
	return 0;
}
