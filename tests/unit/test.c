// SPDX-License-Identifier: Apache-2.0
#include "test.h"

#include <sys/wait.h>
#include <unistd.h>

extern const struct test_case __start_test_cases[], __stop_test_cases[];

static int run_one(const struct test_case *test)
{
	int status;
	pid_t pid;

	(void)fflush(NULL);
	pid = fork();
	if (pid < 0)
		return TEST_EXIT_FAIL;
	if (pid == 0) {
		test->run();
		exit(0);
	}
	if (waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
		return TEST_EXIT_FAIL;
	return WEXITSTATUS(status);
}

int main(int argc, char **argv)
{
	int failed = 0, number = 0;

	printf("1..%d\n", (int)(__stop_test_cases - __start_test_cases));
	for (const struct test_case *t = __start_test_cases; t < __stop_test_cases; t++) {
		int r;

		number++;
		if (argc > 1 && strcmp(argv[1], t->name) != 0)
			continue;
		r = run_one(t);
		if (r == TEST_EXIT_SKIP)
			printf("ok %d - %s # SKIP missing kernel feature, see above\n", number,
				t->name);
		else
			printf("%s %d - %s\n", r == 0 ? "ok" : "not ok", number, t->name);
		failed += r != 0 && r != TEST_EXIT_SKIP;
	}
	return failed ? 1 : 0;
}
