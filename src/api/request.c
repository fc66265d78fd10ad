// SPDX-License-Identifier: Apache-2.0
#include "api/request.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "api/route.h"
#include "base/mem.h"

#define NS_PER_SECOND 1000000000LL

void api_error(struct api_request *r, int status, const char *fmt, ...)
{
	char text[2048];
	_cleanup_buf_ struct buf out = {0};
	struct json_writer w = JSON_WRITER(&out);
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	buf_init(&out, 64u << 10);
	json_begin_object(&w);
	json_member_string(&w, "message", text);
	json_end_object(&w);
	buf_putc(&out, '\n');
	http_respond(r->x, status, "application/json", NULL, buf_str(&out), out.len);
}

int api_status_of(int code)
{
	switch (code) {
	case -EINVAL:
	case -ENOTSUP:
	case -ERANGE:
	case -E2BIG:
		return 400;
	case -EACCES:
	case -EPERM:
		return 403;
	case -ENOENT:
		return 404;
	case -EEXIST:
	case -EBUSY:
		return 409;
	case -EALREADY:
		return 304;
	case -ECANCELED:
		return 503;
	default:
		return 500;
	}
}

void api_fail(struct api_request *r, int code, const struct bh_error *err)
{
	int status = api_status_of(code);

	if (status == 304)
		api_empty(r, 304);
	else
		api_error(r, status, "%s", bh_error_text(err, code));
}

void api_json(struct api_request *r, int status, const struct buf *text)
{
	if (buf_status(text) < 0)
		api_error(r, 500, "the answer is too large");
	else
		http_respond(r->x, status, "application/json", NULL, buf_str(text), text->len);
}

void api_empty(struct api_request *r, int status)
{
	http_respond(r->x, status, NULL, NULL, NULL, 0);
}

const char *api_query(const struct api_request *r, const char *name)
{
	return http_query_get(&r->query, name);
}

bool api_query_bool(const struct api_request *r, const char *name, bool fallback)
{
	return http_query_bool(&r->query, name, fallback);
}

int api_query_int(struct api_request *r, const char *name, int64_t fallback, int64_t min,
	int64_t max, int64_t *ret)
{
	const char *text = api_query(r, name);
	long long n;
	char *end;

	if (text == NULL || *text == '\0') {
		*ret = fallback;
		return 0;
	}
	errno = 0;
	n = strtoll(text, &end, 10);
	if (errno != 0 || *end != '\0' || n < min || n > max) {
		api_error(r, 400, "invalid value for %s: '%.64s' (a number from %lld to %lld)",
			name, text, (long long)min, (long long)max);
		return -EINVAL;
	}
	*ret = n;
	return 0;
}

/* Digits behind a decimal point, as nanoseconds; *text is moved behind them. */
static int64_t parse_fraction(const char **text)
{
	int64_t ns = 0, unit = NS_PER_SECOND / 10;

	for (; **text >= '0' && **text <= '9'; (*text)++) {
		ns += (**text - '0') * unit;
		unit /= 10;
	}
	return ns;
}

static int parse_unix(const char *text, int64_t *ret)
{
	char *end;
	const char *rest;
	long long seconds;
	int64_t ns = 0;

	errno = 0;
	seconds = strtoll(text, &end, 10);
	if (errno != 0 || end == text || seconds < 0 || seconds > INT64_MAX / NS_PER_SECOND - 1)
		return -EINVAL;
	rest = end;
	if (*rest == '.') {
		rest++;
		ns = parse_fraction(&rest);
	}
	if (*rest != '\0')
		return -EINVAL;
	*ret = seconds * NS_PER_SECOND + ns;
	return 0;
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* "Z", nothing, or "+02:00": seconds east of Greenwich. */
static int parse_offset(const char *text, int *ret)
{
	int minutes;

	*ret = 0;
	if (strcmp(text, "Z") == 0 || *text == '\0')
		return 0;
	if ((text[0] != '+' && text[0] != '-') || strlen(text) != 6 || text[3] != ':' ||
		!is_digit(text[1]) || !is_digit(text[2]) || !is_digit(text[4]) ||
		!is_digit(text[5]))
		return -EINVAL;
	minutes =
		((text[1] - '0') * 10 + text[2] - '0') * 60 + (text[4] - '0') * 10 + text[5] - '0';
	*ret = (text[0] == '+' ? 60 : -60) * minutes;
	return 0;
}

static int parse_rfc3339(const char *text, int64_t *ret)
{
	struct tm tm = {0};
	const char *rest = strptime(text, "%Y-%m-%dT%H:%M:%S", &tm);
	int64_t ns = 0;
	time_t t;
	int offset;

	if (rest == NULL)
		return -EINVAL;
	t = timegm(&tm);
	if (*rest == '.') {
		rest++;
		ns = parse_fraction(&rest);
	}
	if (parse_offset(rest, &offset) < 0)
		return -EINVAL;
	t -= offset;
	if (t < 0 || t > INT64_MAX / NS_PER_SECOND - 1)
		return -EINVAL;
	*ret = t * NS_PER_SECOND + ns;
	return 0;
}

int api_query_time(struct api_request *r, const char *name, int64_t *ret)
{
	const char *text = api_query(r, name);

	if (text == NULL || *text == '\0' || strcmp(text, "0") == 0) {
		*ret = 0;
		return 0;
	}
	if (parse_unix(text, ret) == 0 || parse_rfc3339(text, ret) == 0)
		return 0;
	api_error(r, 400, "invalid value for %s: '%.64s' (seconds since 1970, or RFC 3339)", name,
		text);
	return -EINVAL;
}

const struct container *api_container(struct api_request *r)
{
	struct bh_error err = BH_ERROR_INIT;
	struct guard_object object;
	const struct container *c;
	int code = engine_container_find(api_engine(r), r->args[0], &c, &err);

	if (code < 0) {
		api_fail(r, code, &err);
		return NULL;
	}
	object = (struct guard_object){c->owner, c->tenant};
	code = guard_decide(r->x->caller, r->route->verb, &object, &err);
	if (code < 0) {
		api_fail(r, code, &err);
		return NULL;
	}
	r->object = arena_strdup(&r->arena, c->id);
	return c;
}

void api_format_time(int64_t ns, char out[static API_TIME_MAX])
{
	time_t seconds = ns / NS_PER_SECOND;
	char text[API_TIME_MAX];
	struct tm tm;

	if (ns == 0) {
		(void)snprintf(out, API_TIME_MAX, "0001-01-01T00:00:00Z");
		return;
	}
	(void)gmtime_r(&seconds, &tm);
	(void)strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm);
	(void)snprintf(out, API_TIME_MAX, "%.24s.%09lldZ", text, (long long)(ns % NS_PER_SECOND));
}

void api_member_time(struct json_writer *w, const char *key, int64_t ns)
{
	char text[API_TIME_MAX];

	api_format_time(ns, text);
	json_member_string(w, key, text);
}
