// SPDX-License-Identifier: Apache-2.0
#include "api/route.h"

#include "test.h"

static struct api_match match;
static struct bh_error err;

static int find(enum http_method method, const char *path)
{
	static char text[512];

	(void)snprintf(text, sizeof(text), "%s", path);
	return api_route_find(method, text, &match, &err);
}

TEST(versions)
{
	CHECK_INT(find(HTTP_GET, "/v1.41/info"), 0);
	CHECK_INT(match.version, 41);
	CHECK_INT(find(HTTP_GET, "/info"), 0);
	CHECK_INT(match.version, 50);
	CHECK_INT(find(HTTP_GET, "/v1.24/info"), 0);
	CHECK_INT(find(HTTP_GET, "/v1.51/info"), 400);
	CHECK_STR(
		err.text, "client version 1.51 is too new. Maximum supported API version is 1.50");
	CHECK_INT(find(HTTP_GET, "/v2.0/info"), 400);
	CHECK_INT(find(HTTP_GET, "/v1.23/info"), 400);
	CHECK_STR(err.text,
		"client version 1.23 is too old. Minimum supported API version is 1.24, please "
		"upgrade your client to a newer version");
	CHECK_INT(find(HTTP_GET, "/v1.x/info"), 404);
	CHECK_INT(find(HTTP_GET, "/v1.41"), 404);
}

TEST(patterns)
{
	CHECK_INT(find(HTTP_POST, "/containers/create"), 0);
	CHECK_STR(match.route->pattern, "/containers/create");
	CHECK_INT(find(HTTP_POST, "/v1.50/containers/abc/start"), 0);
	CHECK_STR(match.args[0], "abc");
	CHECK_INT(find(HTTP_DELETE, "/containers/abc"), 0);
	CHECK_STR(match.args[0], "abc");
	CHECK_INT(find(HTTP_GET, "/containers//json"), 404);
	CHECK_INT(find(HTTP_GET, "/containers/a/b/json"), 404);
	CHECK_INT(find(HTTP_POST, "/containers/abc"), 404);
	CHECK_STR(err.text, "page not found");
}

TEST(image_names_hold_slashes)
{
	CHECK_INT(find(HTTP_GET, "/images/127.0.0.1:5000/a/b:c/json"), 0);
	CHECK_STR(match.args[0], "127.0.0.1:5000/a/b:c");
	CHECK_INT(find(HTTP_GET, "/images/json/json"), 0);
	CHECK_STR(match.args[0], "json");
	CHECK_INT(find(HTTP_GET, "/images/json"), 0);
	CHECK(match.route->handler != NULL && match.args[0] == NULL);
	CHECK_INT(find(HTTP_DELETE, "/images/a/b"), 0);
	CHECK_STR(match.args[0], "a/b");
}

TEST(refusals_have_reasons)
{
	size_t count;
	const struct api_route *rows = api_routes(&count);

	for (size_t i = 0; i < count; i++) {
		CHECK(rows[i].pattern[0] == '/');
		CHECK(rows[i].verb < GUARD_VERBS);
		CHECK((rows[i].handler != NULL) != (rows[i].refusal != NULL));
		CHECK((rows[i].handler == NULL) == (rows[i].refusal_status >= 400));
	}
	CHECK_INT(find(HTTP_POST, "/v1.50/build"), 0);
	CHECK_INT(match.route->refusal_status, 501);
	CHECK_INT(find(HTTP_GET, "/nodes"), 0);
	CHECK_INT(match.route->refusal_status, 503);
}

/* No row hides a later one. */
TEST(every_row_is_reachable)
{
	size_t count;
	const struct api_route *rows = api_routes(&count);

	for (size_t i = 0; i < count; i++) {
		char path[256] = "";
		size_t n = 0;

		if (rows[i].space == API_BULKHEAD)
			n = (size_t)snprintf(path, sizeof(path), "/bulkhead/v1");
		for (const char *p = rows[i].pattern; *p != '\0'; p++) {
			if (*p == '{') {
				p = strchr(p, '}');
				path[n++] = '~';
			} else {
				path[n++] = *p;
			}
		}
		path[n] = '\0';
		CHECK_INT(find(rows[i].method, path), 0);
		CHECK(match.route == &rows[i]);
	}
}

TEST(ours)
{
	CHECK_INT(find(HTTP_GET, "/bulkhead/v1/containers/x/boundary"), 0);
	CHECK_STR(match.args[0], "x");
	CHECK_INT(find(HTTP_GET, "/v1.50/bulkhead/v1/version"), 404);
	CHECK_INT(find(HTTP_GET, "/bulkhead/v2/version"), 404);
}
