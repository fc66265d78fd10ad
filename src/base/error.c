// SPDX-License-Identifier: Apache-2.0
#define BH_ERROR_C
#include "base/error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

__attribute__((format(printf, 3, 0))) static void error_vset(
	struct bh_error *err, int code, const char *fmt, va_list ap)
{
	err->code = code;
	(void)vsnprintf(err->text, sizeof(err->text), fmt, ap);
}

int bh_fail(struct bh_error *err, int code, const char *fmt, ...)
{
	va_list ap;

	if (code >= 0)
		code = -EINVAL;
	if (err == NULL)
		return code;
	va_start(ap, fmt);
	error_vset(err, code, fmt, ap);
	va_end(ap);
	return code;
}

int bh_fail_errno(struct bh_error *err, int code, const char *fmt, ...)
{
	va_list ap;
	size_t len;

	if (code >= 0)
		code = -EINVAL;
	if (err == NULL)
		return code;
	va_start(ap, fmt);
	error_vset(err, code, fmt, ap);
	va_end(ap);
	len = strlen(err->text);
	(void)snprintf(err->text + len, sizeof(err->text) - len, ": %s",
		strerrordesc_np(-code) ?: "unknown error");
	return code;
}

int bh_wrap(struct bh_error *err, const char *fmt, ...)
{
	char inner[BH_ERROR_TEXT_MAX];
	va_list ap;
	size_t len;
	int code;

	if (err == NULL)
		return -EIO;
	code = err->code < 0 ? err->code : -EIO;
	memcpy(inner, err->text, sizeof(inner));
	va_start(ap, fmt);
	error_vset(err, code, fmt, ap);
	va_end(ap);
	len = strlen(err->text);
	(void)snprintf(err->text + len, sizeof(err->text) - len, ": %s", inner);
	return code;
}

const char *bh_error_text(const struct bh_error *err, int code)
{
	const char *text;

	if (err != NULL && err->text[0] != '\0')
		return err->text;
	text = strerrordesc_np(code < 0 ? -code : code);
	return text != NULL ? text : "unknown error";
}
