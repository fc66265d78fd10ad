// SPDX-License-Identifier: Apache-2.0
/* A request as a connection takes it: head, query, body in pieces; all pointers stay inside. */
#include <stdlib.h>
#include <string.h>

#include "api/http_parse.h"
#include "fuzz.h"

static void feed(const struct http_request *request, const char *data, size_t len, size_t step)
{
	struct http_body body;
	uint64_t total = 0;

	http_body_init(&body, request);
	while (len > 0 && body.state != HTTP_BODY_DONE) {
		size_t window = len < step ? len : step, used, count;
		const char *piece;

		if (http_body_feed(&body, data, window, &used, &piece, &count) < 0)
			return;
		FUZZ_REQUIRE(used > 0 && used <= window && count <= used);
		FUZZ_REQUIRE(piece >= data && piece + count <= data + used);
		total += count;
		data += used;
		len -= used;
	}
	FUZZ_REQUIRE(request->chunked || total <= request->length);
}

static void check_request(struct http_request *request, const char *head, size_t len)
{
	static struct http_query query;

	FUZZ_REQUIRE(request->path >= head && request->path < head + len);
	FUZZ_REQUIRE(request->path[0] == '/');
	FUZZ_REQUIRE(request->header_count <= HTTP_HEADERS_MAX);
	FUZZ_REQUIRE(!(request->chunked && request->has_length));
	for (size_t i = 0; i < request->header_count; i++) {
		FUZZ_REQUIRE(request->headers[i].name[0] != '\0');
		FUZZ_REQUIRE(strpbrk(request->headers[i].value, "\r\n") == NULL);
	}
	if (http_query_parse(request->query, &query) == 0)
		FUZZ_REQUIRE(query.count <= HTTP_QUERY_MAX);
	if (http_unescape(request->path, false) == 0)
		FUZZ_REQUIRE(strlen(request->path) < len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bh_error err = BH_ERROR_INIT;
	struct http_request request;
	size_t scan = 0;
	int64_t len = http_head_length((const char *)data, size, &scan);
	char *head;
	int status;

	if (len <= 0)
		return 0;
	FUZZ_REQUIRE((size_t)len <= size && len <= HTTP_HEAD_MAX);
	head = malloc((size_t)len);
	if (head == NULL)
		return 0;
	memcpy(head, data, (size_t)len);
	status = http_head_parse(head, (size_t)len, &request, &err);
	if (status == 0) {
		feed(&request, (const char *)data + len, size - (size_t)len, 1);
		feed(&request, (const char *)data + len, size - (size_t)len, 7);
		check_request(&request, head, (size_t)len);
	} else {
		FUZZ_REQUIRE(status >= 400 && status < 600 && err.text[0] != '\0');
	}
	free(head);
	return 0;
}
