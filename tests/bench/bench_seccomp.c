// SPDX-License-Identifier: Apache-2.0
/*
 * Cost of Docker's default filter: CPU time to compile it, its length, and CPU time of the
 * seccomp(2) call in a fresh child, for our compiler and for libseccomp (linear and as a tree).
 * Usage: bench_seccomp PROFILE.json [ROUNDS]. Medians, in microseconds.
 */
#include <errno.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../unit/seccomp_json.h"
#include "../unit/seccomp_oracle.h"
#include "base/mem.h"

#define ARENA      (64u << 20)
#define ROUNDS_MAX 1000

static double cpu_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static int ascending(const void *left, const void *right)
{
	double a = *(const double *)left, b = *(const double *)right;

	return a < b ? -1 : a > b;
}

static double median(double *values, int count)
{
	qsort(values, (size_t)count, sizeof(*values), ascending);
	return values[count / 2];
}

/* One attachment in a child; the child sends back what it cost. Negative on failure. */
static double attach_once(const struct sock_fprog *prog)
{
	double cost = -1;
	int channel[2], status;
	pid_t pid;

	if (pipe(channel) < 0)
		return -1;
	pid = fork();
	if (pid == 0) {
		double start, spent;

		(void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
		start = cpu_us();
		if (seccomp_attach(prog, 0, NULL) < 0)
			_exit(1);
		spent = cpu_us() - start;
		_exit(write(channel[1], &spent, sizeof(spent)) == sizeof(spent) ? 0 : 1);
	}
	(void)close(channel[1]);
	if (pid < 0 || read(channel[0], &cost, sizeof(cost)) != sizeof(cost))
		cost = -1;
	(void)close(channel[0]);
	if (pid > 0)
		(void)waitpid(pid, &status, 0);
	return cost;
}

static void report(const char *what, double *compile, const struct sock_fprog *prog, int rounds)
{
	static double attach[ROUNDS_MAX];

	for (int i = 0; i < rounds; i++) {
		attach[i] = attach_once(prog);
		if (attach[i] < 0) {
			fprintf(stderr, "cannot attach the %s program\n", what);
			exit(1);
		}
	}
	printf("%-22s compile %9.1f us   %5u instructions   attach %8.1f us\n", what,
		median(compile, rounds), prog->len, median(attach, rounds));
}

static void bench_ours(const char *path, const struct seccomp_profile *profile, int rounds)
{
	static double compile[ROUNDS_MAX];
	static struct sock_filter kept[SECCOMP_PROGRAM_MAX];
	struct sock_fprog prog = {0, NULL};

	for (int i = 0; i < rounds; i++) {
		_cleanup_arena_ struct arena a = ARENA_INIT;
		double start = cpu_us();

		/* the arena's fresh pages are part of the cost */
		if (arena_init(&a, ARENA) < 0 ||
			seccomp_compile(profile, &a, &prog, NULL, NULL) < 0) {
			fprintf(stderr, "cannot compile %s\n", path);
			exit(1);
		}
		compile[i] = cpu_us() - start;
		memcpy(kept, prog.filter, prog.len * sizeof(*kept));
		prog.filter = kept;
	}
	report("bulkhead", compile, &prog, rounds);
}

static void bench_libseccomp(
	const struct seccomp_profile *profile, unsigned int optimize, int rounds)
{
	static double compile[ROUNDS_MAX];
	struct sock_fprog prog = {0, NULL};

	for (int i = 0; i < rounds; i++) {
		double start = cpu_us();

		free(prog.filter);
		prog.filter = NULL;
		if (oracle_compile(profile, optimize, &prog) < 0) {
			fprintf(stderr, "libseccomp refuses the profile\n");
			exit(1);
		}
		compile[i] = cpu_us() - start;
	}
	report(optimize == 2 ? "libseccomp, tree" : "libseccomp, linear", compile, &prog, rounds);
	free(prog.filter);
}

int main(int argc, char **argv)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	struct seccomp_profile profile;
	int rounds = argc > 2 ? atoi(argv[2]) : 50;

	if (argc < 2 || rounds < 1 || rounds > ROUNDS_MAX || arena_init(&a, ARENA) < 0) {
		fprintf(stderr, "usage: %s PROFILE.json [ROUNDS]\n", argv[0]);
		return 2;
	}
	seccomp_json_load(argv[1], &a, &profile);
	bench_ours(argv[1], &profile, rounds);
	bench_libseccomp(&profile, 1, rounds);
	bench_libseccomp(&profile, 2, rounds);
	return 0;
}
