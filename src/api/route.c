// SPDX-License-Identifier: Apache-2.0
#include "api/route.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "api/api.h"
#include "base/mem.h"

#define BULKHEAD_PREFIX "/bulkhead/v1"

static size_t segment_length(const char *s)
{
	return strcspn(s, "/");
}

static bool match_from(const char *pattern, char *path, char **args, size_t index);

/* "{*}": as few segments as let the rest match; the rest of a pattern is literal. */
static bool match_many(const char *rest, char *path, char **args, size_t index)
{
	char *end = path;

	for (;;) {
		size_t n = segment_length(end);

		if (n == 0)
			return false;
		end += n;
		if (match_from(rest, end, args, index + 1))
			break;
		if (*end == '\0')
			return false;
		end++;
	}
	if (index < 2)
		args[index] = path;
	*end = '\0';
	return true;
}

static bool match_from(const char *pattern, char *path, char **args, size_t index)
{
	while (*pattern != '\0' && *pattern == *path && *pattern != '{') {
		pattern++;
		path++;
	}
	if (*pattern == '\0')
		return *path == '\0';
	if (strncmp(pattern, "{*}", 3) == 0)
		return match_many(pattern + 3, path, args, index);
	if (strncmp(pattern, "{}", 2) == 0) {
		size_t n = segment_length(path);

		if (n == 0 || !match_from(pattern + 2, path + n, args, index + 1))
			return false;
		if (index < 2)
			args[index] = path;
		path[n] = '\0';
		return true;
	}
	return false;
}

/* The digits of "1.41"; -EINVAL if it is nothing like it. */
static int parse_version(const char *text, unsigned int *ret_major, unsigned int *ret_minor)
{
	char *end;
	unsigned long major = strtoul(text, &end, 10), minor = 0;

	if (end == text || strspn(text, "0123456789.") != strlen(text))
		return -EINVAL;
	if (*end == '.')
		minor = strtoul(end + 1, NULL, 10);
	*ret_major = major > 1000 ? 1000 : (unsigned int)major;
	*ret_minor = minor > 1000 ? 1000 : (unsigned int)minor;
	return 0;
}

static int check_version(const char *text, unsigned int *ret_minor, struct bh_error *err)
{
	unsigned int major, minor;

	if (parse_version(text, &major, &minor) < 0) {
		bh_fail(err, -ENOENT, "page not found");
		return 404;
	}
	if (major > 1 || (major == 1 && minor > API_VERSION_MAX)) {
		bh_fail(err, -EINVAL,
			"client version %.16s is too new. Maximum supported API version is "
			"1." API_TEXT(API_VERSION_MAX),
			text);
		return 400;
	}
	if (major < 1 || minor < API_VERSION_MIN) {
		bh_fail(err, -EINVAL,
			"client version %.16s is too old. Minimum supported API version is "
			"1." API_TEXT(
				API_VERSION_MIN) ", please upgrade your client to a newer version",
			text);
		return 400;
	}
	*ret_minor = minor;
	return 0;
}

static bool method_fits(enum http_method asked, enum http_method row)
{
	return asked == row || (asked == HTTP_HEAD && row == HTTP_GET);
}

static const struct api_route *find_row(enum api_space space, enum http_method method, char *path,
	unsigned int version, char **args)
{
	size_t count;
	const struct api_route *rows = api_routes(&count);

	for (size_t i = 0; i < count; i++)
		if (rows[i].space == space && method_fits(method, rows[i].method) &&
			rows[i].since <= version && match_from(rows[i].pattern, path, args, 0))
			return &rows[i];
	return NULL;
}

int api_route_find(enum http_method method, char *path, struct api_match *ret, struct bh_error *err)
{
	size_t prefix = sizeof(BULKHEAD_PREFIX) - 1;
	enum api_space space = API_DOCKER;
	struct api_match m = {.version = API_VERSION_MAX};
	char *rest = path;
	int status;

	if (strncmp(path, BULKHEAD_PREFIX "/", prefix + 1) == 0) {
		space = API_BULKHEAD;
		rest = path + prefix;
	} else if (path[0] == '/' && path[1] == 'v' && path[2] >= '0' && path[2] <= '9' &&
		   strchr(path + 1, '/') != NULL) {
		rest = strchr(path + 1, '/');
		*rest = '\0';
		status = check_version(path + 2, &m.version, err);
		*rest = '/';
		if (status != 0)
			return status;
	}
	m.route = find_row(space, method, rest, m.version, m.args);
	if (m.route == NULL) {
		bh_fail(err, -ENOENT, "page not found");
		return 404;
	}
	*ret = m;
	return 0;
}
