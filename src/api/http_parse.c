// SPDX-License-Identifier: Apache-2.0
#include "api/http_parse.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"

static const char *const method_names[] = {
	[HTTP_GET] = "GET",
	[HTTP_HEAD] = "HEAD",
	[HTTP_POST] = "POST",
	[HTTP_PUT] = "PUT",
	[HTTP_DELETE] = "DELETE",
	[HTTP_OPTIONS] = "OPTIONS",
	[HTTP_PATCH] = "PATCH",
};

_Static_assert(ARRAY_SIZE(method_names) == HTTP_METHODS, "one name for each method");

const char *http_method_name(enum http_method method)
{
	return method_names[method];
}

/* RFC 9110 token characters. */
static bool is_token(unsigned char c)
{
	return isalnum(c) || (c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL);
}

int64_t http_head_length(const char *data, size_t len, size_t *scan)
{
	size_t from = *scan > 3 ? *scan - 3 : 0;
	const char *end = len > from ? memmem(data + from, len - from, "\r\n\r\n", 4) : NULL;

	if (end != NULL) {
		size_t total = (size_t)(end - data) + 4;

		return total > HTTP_HEAD_MAX ? -E2BIG : (int64_t)total;
	}
	*scan = len;
	return len >= HTTP_HEAD_MAX ? -E2BIG : 0;
}

static int bad(struct bh_error *err, int status, const char *text)
{
	bh_fail(err, -EINVAL, "%s", text);
	return status;
}

static int parse_method(const char *word, enum http_method *ret)
{
	for (size_t i = 0; i < ARRAY_SIZE(method_names); i++) {
		if (strcmp(word, method_names[i]) == 0) {
			*ret = (enum http_method)i;
			return 0;
		}
	}
	return -EINVAL;
}

/* origin-form, or absolute-form whose authority is dropped. */
static char *target_path(char *target)
{
	char *slash;

	if (target[0] == '/')
		return target;
	if (strncasecmp(target, "http://", 7) != 0)
		return NULL;
	slash = strchr(target + 7, '/');
	return slash;
}

static bool target_valid(const char *target)
{
	for (const unsigned char *p = (const unsigned char *)target; *p != '\0'; p++)
		if (*p <= ' ' || *p == 0x7f)
			return false;
	return true;
}

static int parse_request_line(char *line, struct http_request *ret, struct bh_error *err)
{
	char *target = strchr(line, ' ');
	char *version = target != NULL ? strchr(target + 1, ' ') : NULL;
	char *query;

	if (version == NULL)
		return bad(err, 400, "malformed request line");
	*target++ = '\0';
	*version++ = '\0';
	if (strncmp(version, "HTTP/", 5) != 0 || strlen(version) != 8)
		return bad(err, 400, "malformed request line");
	if (strcmp(version, "HTTP/1.1") != 0 && strcmp(version, "HTTP/1.0") != 0)
		return bad(err, 505, "unsupported protocol version: this server speaks HTTP/1.1");
	ret->minor = version[7] - '0';
	if (parse_method(line, &ret->method) < 0)
		return bad(err, 501, "unknown method");
	if (strlen(target) > HTTP_TARGET_MAX)
		return bad(err, 414, "request target too long");
	ret->path = target_path(target);
	if (ret->path == NULL || !target_valid(ret->path))
		return bad(err, 400, "malformed request target");
	ret->path[strcspn(ret->path, "#")] = '\0';
	query = strchr(ret->path, '?');
	if (query != NULL)
		*query++ = '\0';
	ret->query = query != NULL ? query : ret->path + strlen(ret->path);
	return 0;
}

static int parse_header(char *line, struct http_header *ret, struct bh_error *err)
{
	char *p = line, *value, *end;

	for (; is_token((unsigned char)*p); p++)
		*p = (char)tolower((unsigned char)*p);
	if (p == line || *p != ':')
		return bad(err, 400, "malformed header line");
	*p = '\0';
	value = p + 1 + strspn(p + 1, " \t");
	end = value + strlen(value);
	while (end > value && (end[-1] == ' ' || end[-1] == '\t'))
		end--;
	*end = '\0';
	for (p = value; *p != '\0'; p++)
		if (((unsigned char)*p < ' ' && *p != '\t') || *p == 0x7f)
			return bad(err, 400, "control character in a header");
	*ret = (struct http_header){line, value};
	return 0;
}

const char *http_header(const struct http_request *request, const char *name)
{
	for (size_t i = 0; i < request->header_count; i++)
		if (strcmp(request->headers[i].name, name) == 0)
			return request->headers[i].value;
	return NULL;
}

bool http_has_token(const char *value, const char *token)
{
	size_t want = strlen(token);

	while (value != NULL && *value != '\0') {
		size_t len;

		value += strspn(value, " \t,");
		len = strcspn(value, ",");
		while (len > 0 && (value[len - 1] == ' ' || value[len - 1] == '\t'))
			len--;
		if (len == want && strncasecmp(value, token, len) == 0)
			return true;
		value += strcspn(value, ",");
	}
	return false;
}

static size_t count_header(const struct http_request *request, const char *name)
{
	size_t n = 0;

	for (size_t i = 0; i < request->header_count; i++)
		n += strcmp(request->headers[i].name, name) == 0;
	return n;
}

static int parse_length(const char *text, uint64_t *ret)
{
	uint64_t n = 0;

	if (*text == '\0')
		return -EINVAL;
	for (; *text != '\0'; text++) {
		if (*text < '0' || *text > '9' || n > (UINT64_MAX >> 4) / 10)
			return -EINVAL;
		n = n * 10 + (uint64_t)(*text - '0');
	}
	*ret = n;
	return 0;
}

static int check_framing(struct http_request *r, struct bh_error *err)
{
	const char *encoding = http_header(r, "transfer-encoding");
	const char *length = http_header(r, "content-length");

	if (count_header(r, "transfer-encoding") > 1 || count_header(r, "content-length") > 1)
		return bad(err, 400, "repeated length or transfer encoding");
	if (encoding != NULL && (length != NULL || r->minor == 0))
		return bad(err, 400, "both a length and a transfer encoding");
	if (encoding != NULL && strcasecmp(encoding, "chunked") != 0)
		return bad(err, 501, "unsupported transfer encoding");
	if (length != NULL && parse_length(length, &r->length) < 0)
		return bad(err, 400, "malformed Content-Length");
	r->chunked = encoding != NULL;
	r->has_length = length != NULL;
	return 0;
}

static int check_connection(struct http_request *r, struct bh_error *err)
{
	const char *connection = http_header(r, "connection");
	const char *expect = http_header(r, "expect");

	if (r->minor == 1 && count_header(r, "host") == 0)
		return bad(err, 400, "missing required Host header");
	if (count_header(r, "host") > 1)
		return bad(err, 400, "too many Host headers");
	r->keep_alive = r->minor == 1 && !http_has_token(connection, "close");
	r->upgrade = http_has_token(connection, "upgrade") && http_header(r, "upgrade") != NULL;
	if (expect != NULL && r->minor == 1) {
		if (strcasecmp(expect, "100-continue") != 0)
			return bad(err, 417, "unknown expectation");
		r->expect_continue = true;
	}
	return 0;
}

/* The next line of the head, NUL-terminated; NULL if it holds a bare CR, LF or NUL. */
static char *next_line(char **cursor)
{
	char *line = *cursor;
	char *end = strpbrk(line, "\r\n");

	if (end == NULL || end[0] != '\r' || end[1] != '\n')
		return NULL;
	*end = '\0';
	*cursor = end + 2;
	return line;
}

int http_head_parse(char *data, size_t len, struct http_request *ret, struct bh_error *err)
{
	char *cursor = data, *line;
	int status;

	memset(ret, 0, offsetof(struct http_request, headers));
	ret->header_count = 0;
	ret->chunked = ret->has_length = ret->keep_alive = false;
	ret->expect_continue = ret->upgrade = false;
	ret->length = 0;
	if (len < 4 || memcmp(data + len - 4, "\r\n\r\n", 4) != 0 ||
		memchr(data, '\0', len) != NULL)
		return bad(err, 400, "malformed request");
	data[len - 1] = '\0'; /* the blank line is then "\r" and ends every search */
	while (cursor[0] == '\r' && cursor[1] == '\n')
		cursor += 2; /* RFC 9112, 2.2: empty lines in front */
	line = next_line(&cursor);
	if (line == NULL)
		return bad(err, 400, "malformed request line");
	status = parse_request_line(line, ret, err);
	while (status == 0 && cursor < data + len - 2) {
		line = next_line(&cursor);
		if (line == NULL)
			return bad(err, 400, "malformed header line");
		if (ret->header_count == HTTP_HEADERS_MAX)
			return bad(err, 431, "too many headers");
		status = parse_header(line, &ret->headers[ret->header_count], err);
		if (status == 0)
			ret->header_count++;
	}
	if (status == 0)
		status = check_framing(ret, err);
	return status != 0 ? status : check_connection(ret, err);
}

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)(c | 0x20);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

int http_unescape(char *text, bool plus)
{
	char *out = text;

	for (char *p = text; *p != '\0'; p++) {
		if (*p == '%') {
			int high = hex_value(p[1]);
			int low = high >= 0 ? hex_value(p[2]) : -1;

			if (low < 0 || (high == 0 && low == 0))
				return -EINVAL;
			*out++ = (char)(high * 16 + low);
			p += 2;
		} else {
			*out++ = plus && *p == '+' ? ' ' : *p;
		}
	}
	*out = '\0';
	return 0;
}

int http_query_parse(char *query, struct http_query *ret)
{
	char *save = NULL;

	ret->count = 0;
	for (char *item = strtok_r(query, "&", &save); item != NULL;
		item = strtok_r(NULL, "&", &save)) {
		char *value = strchr(item, '=');

		if (ret->count == HTTP_QUERY_MAX)
			return -E2BIG;
		if (value != NULL)
			*value++ = '\0';
		else
			value = item + strlen(item);
		if (http_unescape(item, true) < 0 || http_unescape(value, true) < 0)
			return -EINVAL;
		ret->items[ret->count].name = item;
		ret->items[ret->count++].value = value;
	}
	return 0;
}

const char *http_query_get(const struct http_query *query, const char *name)
{
	for (size_t i = 0; i < query->count; i++)
		if (strcmp(query->items[i].name, name) == 0)
			return query->items[i].value;
	return NULL;
}

bool http_query_bool(const struct http_query *query, const char *name, bool fallback)
{
	static const char *const no[] = {"", "0", "no", "false", "none"};
	const char *value = http_query_get(query, name);

	if (value == NULL)
		return fallback;
	for (size_t i = 0; i < ARRAY_SIZE(no); i++)
		if (strcasecmp(value, no[i]) == 0)
			return false;
	return true;
}

void http_body_init(struct http_body *body, const struct http_request *request)
{
	*body = (struct http_body){.state = HTTP_BODY_DATA, .left = request->length};
	if (request->chunked)
		body->state = HTTP_BODY_SIZE;
	else if (request->length == 0)
		body->state = HTTP_BODY_DONE;
}

/* One byte of the line "SIZE[;extension]CRLF". */
static int feed_size(struct http_body *body, char c)
{
	int digit = hex_value(c);

	if (++body->line > 1024)
		return -EINVAL;
	if (body->cr) {
		if (c != '\n' || !body->digits)
			return -EINVAL;
		body->state = body->left == 0 ? HTTP_BODY_TRAILER : HTTP_BODY_CHUNK;
		body->line = 0;
		body->cr = body->digits = body->extension = false;
	} else if (c == '\r') {
		body->cr = true;
	} else if (body->extension) {
		return c == '\n' || c == '\0' ? -EINVAL : 0;
	} else if (c == ';' || c == ' ' || c == '\t') {
		body->extension = true;
	} else if (digit < 0 || body->left > (UINT64_MAX >> 8)) {
		return -EINVAL;
	} else {
		body->left = body->left * 16 + (uint64_t)digit;
		body->digits = true;
	}
	return 0;
}

static int feed_chunk_end(struct http_body *body, char c)
{
	if (c != (body->cr ? '\n' : '\r'))
		return -EINVAL;
	if (body->cr)
		body->state = HTTP_BODY_SIZE;
	body->cr = !body->cr;
	return 0;
}

static int feed_trailer(struct http_body *body, char c)
{
	if (++body->trailer > 8192)
		return -EINVAL;
	if (body->cr) {
		if (c != '\n')
			return -EINVAL;
		if (body->line == 0)
			body->state = HTTP_BODY_DONE;
		body->cr = false;
		body->line = 0;
	} else if (c == '\r') {
		body->cr = true;
	} else if (c == '\n' || c == '\0') {
		return -EINVAL;
	} else {
		body->line++;
	}
	return 0;
}

static int feed_byte(struct http_body *body, char c)
{
	if (body->state == HTTP_BODY_SIZE)
		return feed_size(body, c);
	if (body->state == HTTP_BODY_CHUNK_END)
		return feed_chunk_end(body, c);
	return feed_trailer(body, c);
}

static void feed_data(struct http_body *body, size_t available, size_t *ret_len)
{
	size_t n = available < body->left ? available : (size_t)body->left;

	body->left -= n;
	if (body->left == 0)
		body->state = body->state == HTTP_BODY_DATA ? HTTP_BODY_DONE : HTTP_BODY_CHUNK_END;
	*ret_len = n;
}

int http_body_feed(struct http_body *body, const char *data, size_t len, size_t *ret_used,
	const char **ret_data, size_t *ret_data_len)
{
	size_t used = 0, n = 0;
	int r;

	while (used < len && body->state != HTTP_BODY_DONE) {
		if (body->state == HTTP_BODY_DATA || body->state == HTTP_BODY_CHUNK) {
			feed_data(body, len - used, &n);
			break;
		}
		r = feed_byte(body, data[used++]);
		if (r < 0)
			return r;
	}
	*ret_used = used + n;
	*ret_data = data + used;
	*ret_data_len = n;
	return 0;
}
