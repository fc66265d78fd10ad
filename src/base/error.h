// SPDX-License-Identifier: Apache-2.0
#ifndef BULKHEAD_BASE_ERROR_H
#define BULKHEAD_BASE_ERROR_H

/*
 * The error contract of every layer.
 *
 * A function that can fail returns int: 0, or a negative errno value. When it has something to say
 * its last parameter is a `struct bh_error *`, owned by the caller, usually on the caller's stack.
 * The function that detects the failure fills it with bh_fail(); callers that pass the failure on
 * put what they were doing in front with bh_wrap(). The text then reads from the outermost attempt
 * to the innermost reason: "create container c1: mount /proc: Operation not permitted".
 *
 * Outputs (ret_*) are untouched on failure. A NULL err is allowed everywhere: the text is lost, the
 * code is not. The object holds no heap memory: it need not be released and may be reused.
 */

#define BH_ERROR_TEXT_MAX 1024

struct bh_error {
	int code;                     /* negative errno, 0 while nothing failed */
	char text[BH_ERROR_TEXT_MAX]; /* UTF-8, NUL-terminated, cut at the end when too long */
};

#define BH_ERROR_INIT                                                                              \
	{                                                                                          \
		0, ""                                                                              \
	}

/* Record a failure; the text says what failed, without strerror. Returns code (negative errno; 0
 * and positive values are a programming error and become -EINVAL). */
int bh_fail(struct bh_error *err, int code, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* Like bh_fail, with ": " and the system's text for code at the end. */
int bh_fail_errno(struct bh_error *err, int code, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* Put context in front of the recorded text. Returns the recorded code, or -EIO if none was set. */
int bh_wrap(struct bh_error *err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* The recorded text, or the system's text for code when none was recorded. */
const char *bh_error_text(const struct bh_error *err, int code);

#if defined(__clang_analyzer__) && !defined(BH_ERROR_C)
/* Static analysis sees one file at a time: tell it that the result is never 0. */
static inline int bh_error_analyzed(int code)
{
	if (code >= 0)
		__builtin_unreachable();
	return code;
}
#define bh_fail(...)       bh_error_analyzed(bh_fail(__VA_ARGS__))
#define bh_fail_errno(...) bh_error_analyzed(bh_fail_errno(__VA_ARGS__))
#define bh_wrap(...)       bh_error_analyzed(bh_wrap(__VA_ARGS__))
#endif

#endif
