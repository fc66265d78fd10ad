// SPDX-License-Identifier: Apache-2.0
#ifndef BULKHEAD_TESTS_UNIT_TEST_H
#define BULKHEAD_TESTS_UNIT_TEST_H

/*
 * Self-registering unit tests. A test file holds TEST(name) { ... } functions; the program made
 * from it runs them all in TAP, each in a child process of its own so that a crash fails one test
 * only. SKIP(reason) names the missing kernel feature.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct test_case {
	const char *name;
	void (*run)(void);
};

#define TEST(name)                                                                                 \
	static void test_##name(void);                                                             \
	static const struct test_case test_case_##name                                             \
		__attribute__((used, section("test_cases"), aligned(8))) = {#name, test_##name};   \
	static void test_##name(void)

#define TEST_EXIT_FAIL 1
#define TEST_EXIT_SKIP 77

#define CHECK(cond)                                                                                \
	do {                                                                                       \
		if (!(cond)) {                                                                     \
			fprintf(stderr, "# %s:%d: CHECK(%s)\n", __FILE__, __LINE__, #cond);        \
			exit(TEST_EXIT_FAIL);                                                      \
		}                                                                                  \
	} while (0)

#define CHECK_INT(a, b)                                                                            \
	do {                                                                                       \
		long long check_a_ = (long long)(a), check_b_ = (long long)(b);                    \
		if (check_a_ != check_b_) {                                                        \
			fprintf(stderr, "# %s:%d: %s is %lld, expected %s = %lld\n", __FILE__,     \
				__LINE__, #a, check_a_, #b, check_b_);                             \
			exit(TEST_EXIT_FAIL);                                                      \
		}                                                                                  \
	} while (0)

#define CHECK_STR(a, b)                                                                            \
	do {                                                                                       \
		const char *check_a_ = (a), *check_b_ = (b);                                       \
		if (check_a_ == NULL || strcmp(check_a_, check_b_) != 0) {                         \
			fprintf(stderr, "# %s:%d: %s is \"%s\", expected \"%s\"\n", __FILE__,      \
				__LINE__, #a, check_a_ ? check_a_ : "(null)", check_b_);           \
			exit(TEST_EXIT_FAIL);                                                      \
		}                                                                                  \
	} while (0)

#define SKIP(reason)                                                                               \
	do {                                                                                       \
		fprintf(stderr, "# SKIP %s\n", reason);                                            \
		exit(TEST_EXIT_SKIP);                                                              \
	} while (0)

#endif
