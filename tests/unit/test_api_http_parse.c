// SPDX-License-Identifier: Apache-2.0
#include "api/http_parse.h"

#include <errno.h>

#include "test.h"

static char text[HTTP_HEAD_MAX + 64];

static int parse(const char *head, struct http_request *ret)
{
	struct bh_error err = BH_ERROR_INIT;

	(void)snprintf(text, sizeof(text), "%s", head);
	return http_head_parse(text, strlen(text), ret, &err);
}

TEST(request_of_the_docker_client)
{
	struct http_request r;

	CHECK_INT(parse("POST /v1.50/containers/a%20b/attach?stderr=1&stdout=1 HTTP/1.1\r\n"
			"Host: api.moby.localhost\r\nUser-Agent:  Docker-Client/28.2.2 (linux) \r\n"
			"Content-Length: 0\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n",
			  &r),
		0);
	CHECK_INT(r.method, HTTP_POST);
	CHECK_STR(r.path, "/v1.50/containers/a%20b/attach");
	CHECK_STR(r.query, "stderr=1&stdout=1");
	CHECK_STR(http_header(&r, "user-agent"), "Docker-Client/28.2.2 (linux)");
	CHECK(r.upgrade && r.keep_alive && r.has_length && !r.chunked);
	CHECK_INT(r.length, 0);
	CHECK(http_header(&r, "cookie") == NULL);
}

TEST(head_length_in_pieces)
{
	const char *data = "GET / HTTP/1.1\r\nHost: x\r\n\r\nrest";
	size_t scan = 0, len = strlen(data);

	for (size_t i = 0; i < len - 4; i++)
		CHECK_INT(http_head_length(data, i, &scan), 0);
	CHECK_INT(http_head_length(data, len - 4, &scan), (int)len - 4);
	CHECK_INT(http_head_length(data, len, &scan), (int)len - 4);
}

TEST(head_too_long)
{
	size_t scan = 0;

	memset(text, 'a', sizeof(text));
	CHECK_INT(http_head_length(text, HTTP_HEAD_MAX - 1, &scan), 0);
	CHECK_INT(http_head_length(text, HTTP_HEAD_MAX, &scan), -E2BIG);
}

TEST(refused_heads)
{
	static const struct {
		const char *head;
		int status;
	} cases[] = {
		{"GET / HTTP/1.1\r\n\r\n", 400},
		{"GET  / HTTP/1.1\r\nHost: x\r\n\r\n", 400},
		{"GET /\r\nHost: x\r\n\r\n", 400},
		{"GET x HTTP/1.1\r\nHost: x\r\n\r\n", 400},
		{"GET /a\tb HTTP/1.1\r\nHost: x\r\n\r\n", 400},
		{"BREW / HTTP/1.1\r\nHost: x\r\n\r\n", 501},
		{"GET / HTTP/2.0\r\nHost: x\r\n\r\n", 505},
		{"PRI * HTTP/2.0\r\n\r\n", 505},
		{"GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n", 400},
		{"GET / HTTP/1.1\r\nHost : x\r\n\r\n", 400},
		{"GET / HTTP/1.1\r\nHost: x\r\n folded\r\n\r\n", 400},
		{"GET / HTTP/1.1\nHost: x\r\n\r\n", 400},
		{"GET / HTTP/1.1\r\nHost: x\rA: b\r\n\r\n", 400},
		{"GET / HTTP/1.1\r\nHost: x\r\nA: \x01\r\n\r\n", 400},
		{"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n",
			400},
		{"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: "
		 "chunked\r\n\r\n",
			400},
		{"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", 501},
		{"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n", 400},
		{"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999\r\n\r\n", 400},
		{"POST / HTTP/1.1\r\nHost: x\r\nExpect: tea\r\n\r\n", 417},
	};
	struct http_request r;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int status = parse(cases[i].head, &r);

		if (status != cases[i].status)
			fprintf(stderr, "# case %zu\n", i);
		CHECK_INT(status, cases[i].status);
	}
}

TEST(too_many_headers)
{
	struct http_request r;
	size_t len = (size_t)snprintf(text, sizeof(text), "GET / HTTP/1.1\r\nHost: x\r\n");
	struct bh_error err = BH_ERROR_INIT;

	for (int i = 0; i < HTTP_HEADERS_MAX; i++)
		len += (size_t)snprintf(text + len, sizeof(text) - len, "A: b\r\n");
	len += (size_t)snprintf(text + len, sizeof(text) - len, "\r\n");
	CHECK_INT(http_head_parse(text, len, &r, &err), 431);
}

TEST(old_and_closing_clients)
{
	struct http_request r;

	CHECK_INT(parse("GET / HTTP/1.0\r\n\r\n", &r), 0);
	CHECK(!r.keep_alive);
	CHECK_INT(parse("GET / HTTP/1.1\r\nHost: x\r\nConnection: foo, Close\r\n\r\n", &r), 0);
	CHECK(!r.keep_alive);
	CHECK_INT(parse("GET http://host/a?b HTTP/1.1\r\nHost: x\r\n\r\n", &r), 0);
	CHECK_STR(r.path, "/a");
	CHECK_STR(r.query, "b");
	CHECK_INT(parse("\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n", &r), 0);
	CHECK_STR(r.query, "");
}

TEST(query)
{
	struct http_query q;
	char good[] = "a=1&b=x+y%2Fz&c&a=2&d=True&e=0&f=False";
	char bad_escape[] = "a=%4";
	char nul[] = "a=%00";

	CHECK_INT(http_query_parse(good, &q), 0);
	CHECK_STR(http_query_get(&q, "a"), "1");
	CHECK_STR(http_query_get(&q, "b"), "x y/z");
	CHECK_STR(http_query_get(&q, "c"), "");
	CHECK(http_query_get(&q, "z") == NULL);
	CHECK(http_query_bool(&q, "d", false));
	CHECK(!http_query_bool(&q, "e", true));
	CHECK(!http_query_bool(&q, "f", true));
	CHECK(http_query_bool(&q, "z", true));
	CHECK_INT(http_query_parse(bad_escape, &q), -EINVAL);
	CHECK_INT(http_query_parse(nul, &q), -EINVAL);
}

/* Feed a chunked body in pieces of `step` bytes; the payload, or NULL on bad framing. */
static const char *decode(const char *wire, size_t step, bool *ret_done)
{
	static char out[256];
	struct http_request r = {.chunked = true};
	struct http_body body;
	size_t n = 0, len = strlen(wire);

	http_body_init(&body, &r);
	for (size_t at = 0; at < len && body.state != HTTP_BODY_DONE;) {
		const char *data;
		size_t used, count, window = len - at < step ? len - at : step;

		if (http_body_feed(&body, wire + at, window, &used, &data, &count) < 0)
			return NULL;
		CHECK(used <= window && count <= used && n + count < sizeof(out));
		memcpy(out + n, data, count);
		n += count;
		at += used;
	}
	out[n] = '\0';
	*ret_done = body.state == HTTP_BODY_DONE;
	return out;
}

TEST(chunked_bodies)
{
	bool done = false;

	for (size_t step = 1; step < 40; step++) {
		CHECK_STR(decode("5\r\nhello\r\n0\r\n\r\n", step, &done), "hello");
		CHECK(done);
		CHECK_STR(decode("5;x=y\r\nhello\r\nA\r\n0123456789\r\n000\r\nT: r\r\n\r\n", step,
				  &done),
			"hello0123456789");
		CHECK(done);
		CHECK_STR(decode("5\r\nhel", step, &done), "hel");
		CHECK(!done);
		CHECK(decode("5\nhello", step, &done) == NULL);
		CHECK(decode("x\r\n", step, &done) == NULL);
		CHECK(decode("\r\n", step, &done) == NULL);
		CHECK(decode("1\r\nab\r\n", step, &done) == NULL);
		CHECK(decode("ffffffffffffffffff\r\n", step, &done) == NULL);
	}
}

TEST(plain_bodies)
{
	struct http_request r = {.has_length = true, .length = 3};
	struct http_body body;
	const char *data;
	size_t used, count;

	http_body_init(&body, &r);
	CHECK_INT(http_body_feed(&body, "abcdef", 6, &used, &data, &count), 0);
	CHECK_INT(used, 3);
	CHECK_INT(count, 3);
	CHECK_INT(body.state, HTTP_BODY_DONE);
	r.length = 0;
	http_body_init(&body, &r);
	CHECK_INT(body.state, HTTP_BODY_DONE);
}
