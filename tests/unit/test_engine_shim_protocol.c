// SPDX-License-Identifier: Apache-2.0
#include "engine/shim_protocol.h"

#include <errno.h>
#include <time.h>

#include "test.h"

struct fixture {
	struct arena arena;
	struct buf text;
	struct bh_error err;
};

static void setup(struct fixture *f)
{
	*f = (struct fixture){0};
	CHECK_INT(arena_init(&f->arena, SHIM_ARENA_MAX), 0);
	buf_init(&f->text, SHIM_MESSAGE_MAX);
}

static void teardown(struct fixture *f)
{
	arena_release(&f->arena);
	buf_release(&f->text);
}

static int decode(struct fixture *f, const char *text, size_t fds, struct shim_request *ret)
{
	return shim_request_decode(text, strlen(text), fds, &f->arena, ret, &f->err);
}

TEST(attach_survives_the_wire)
{
	struct fixture f;
	struct shim_request in = {.id = 7,
		.op = SHIM_OP_ATTACH,
		.has_stream = true,
		.attach = {.in = true,
			.err = true,
			.mux = true,
			.detach_keys = {16, 17},
			.detach_key_count = 2,
			.greeting = "HTTP/1.1 101 UPGRADED\r\n\r\n",
			.input = "\0\xff\n",
			.input_len = 3}};
	struct shim_request out = {0};

	setup(&f);
	CHECK_INT(shim_request_encode(&in, &f.text, &f.err), 0);
	CHECK_INT(shim_request_fd_count(&in), 1);
	CHECK_INT(shim_request_decode(f.text.data, f.text.len, 1, &f.arena, &out, &f.err), 0);
	CHECK_INT(out.id, 7);
	CHECK_INT(out.op, SHIM_OP_ATTACH);
	CHECK(out.attach.in && !out.attach.out && out.attach.err && out.attach.mux);
	CHECK_INT(out.attach.detach_key_count, 2);
	CHECK_INT(out.attach.detach_keys[1], 17);
	CHECK_STR(out.attach.greeting, in.attach.greeting);
	CHECK_INT(out.attach.input_len, 3);
	CHECK(memcmp(out.attach.input, "\0\xff\n", 3) == 0);
	CHECK(out.exec_id == NULL);
	teardown(&f);
}

TEST(every_operation_round_trips)
{
	for (int op = 0; op < SHIM_OP_COUNT; op++) {
		struct fixture f;
		struct json empty = {.type = JSON_OBJECT};
		struct shim_request in = {.id = UINT64_MAX,
			.op = (enum shim_op)op,
			.signal = 15,
			.all = true,
			.rows = 24,
			.cols = 65535,
			.exec_id = "e.1_x",
			.has_stream = true,
			.resources = &empty};
		struct shim_request out = {0};

		setup(&f);
		CHECK_INT(shim_request_encode(&in, &f.text, &f.err), 0);
		CHECK_INT(shim_request_decode(f.text.data, f.text.len, shim_request_fd_count(&in),
				  &f.arena, &out, &f.err),
			0);
		CHECK_INT(out.op, op);
		CHECK(out.id == UINT64_MAX);
		CHECK_INT(shim_request_decode(f.text.data, f.text.len,
				  shim_request_fd_count(&in) + 1, &f.arena, &out, &f.err),
			-EBADMSG);
		teardown(&f);
	}
}

TEST(wrong_requests_are_refused)
{
	static const struct {
		const char *text;
		int code;
		const char *where;
	} cases[] = {
		{"[]", -EINVAL, "/"},
		{"{\"op\":\"start\"}", -EINVAL, "/id"},
		{"{\"id\":-1,\"op\":\"start\"}", -EINVAL, "/id"},
		{"{\"id\":1}", -EINVAL, "/op"},
		{"{\"id\":1,\"op\":\"Start\"}", -ENOTSUP, "/op"},
		{"{\"id\":1,\"op\":\"start\",\"x\":1}", -EINVAL, "/x"},
		{"{\"id\":1,\"op\":\"start\",\"all\":true}", -EINVAL, "/all"},
		{"{\"id\":1,\"op\":\"signal\",\"signal\":65}", -EINVAL, "/signal"},
		{"{\"id\":1,\"op\":\"signal\"}", -EINVAL, "/signal"},
		{"{\"id\":1,\"op\":\"resize\",\"rows\":65536}", -EINVAL, "/rows"},
		{"{\"id\":1,\"op\":\"exec\"}", -EINVAL, "/exec_id"},
		{"{\"id\":1,\"op\":\"exec\",\"exec_id\":\"../x\"}", -EINVAL, "/exec_id"},
		{"{\"id\":1,\"op\":\"attach\"}", -EINVAL, "/attach"},
		{"{\"id\":1,\"op\":\"attach\",\"attach\":{\"input\":\"0g\"}}", -EINVAL,
			"/attach/input"},
		{"{\"id\":1,\"op\":\"attach\",\"attach\":{\"input\":\"0\"}}", -EINVAL,
			"/attach/input"},
		{"{\"id\":1,\"op\":\"attach\",\"attach\":{\"in\":1}}", -EINVAL, "/attach/in"},
		{"{\"id\":1,\"op\":\"update\",\"resources\":3}", -EINVAL, "/resources"},
		{"{\"id\":1,\"id\":1,\"op\":\"start\"}", -EINVAL, ""},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct fixture f;
		struct shim_request out = {0};

		setup(&f);
		CHECK_INT(decode(&f, cases[i].text, 0, &out), cases[i].code);
		CHECK(strncmp(f.err.text, cases[i].where, strlen(cases[i].where)) == 0);
		teardown(&f);
	}
}

TEST(a_wrong_request_still_tells_its_id)
{
	struct fixture f;
	struct shim_request out = {0};

	setup(&f);
	CHECK_INT(decode(&f, "{\"id\":42,\"op\":\"fly\"}", 0, &out), -ENOTSUP);
	CHECK_INT(out.id, 42);
	teardown(&f);
}

TEST(replies_and_events)
{
	struct fixture f;
	struct shim_message m;
	const struct shim_exit end = {.exit_code = 137,
		.signal = 9,
		.oom_killed = true,
		.started_at = "2026-01-01T00:00:00Z",
		.finished_at = "2026-01-01T00:00:01Z",
		.error = ""};

	setup(&f);
	CHECK_INT(shim_reply_encode(3, "{\"pid\":12}", &f.text), 0);
	CHECK_INT(shim_message_decode(f.text.data, f.text.len, &f.arena, &m, &f.err), 0);
	CHECK_INT(m.kind, SHIM_MESSAGE_REPLY);
	CHECK_INT(m.id, 3);
	CHECK_INT(json_get_int(m.result, "pid", 0), 12);
	buf_clear(&f.text);
	CHECK_INT(shim_reply_error_encode(4, -ENOENT, "no \"x\"", &f.text), 0);
	CHECK_INT(shim_message_decode(f.text.data, f.text.len, &f.arena, &m, &f.err), 0);
	CHECK_INT(m.code, -ENOENT);
	CHECK_STR(m.text, "no \"x\"");
	buf_clear(&f.text);
	CHECK_INT(shim_event_encode(SHIM_MESSAGE_EXEC_EXIT, "e1", &end, &f.text), 0);
	CHECK_INT(shim_message_decode(f.text.data, f.text.len, &f.arena, &m, &f.err), 0);
	CHECK_INT(m.kind, SHIM_MESSAGE_EXEC_EXIT);
	CHECK_STR(m.exec_id, "e1");
	CHECK_INT(m.exit.signal, 9);
	CHECK(m.exit.oom_killed);
	CHECK_STR(m.exit.finished_at, "2026-01-01T00:00:01Z");
	CHECK_INT(shim_message_decode("{\"event\":\"party\"}", 17, &f.arena, &m, &f.err), -ENOTSUP);
	CHECK_INT(shim_message_decode("{\"event\":\"exit\"}", 16, &f.arena, &m, &f.err), -EINVAL);
	teardown(&f);
}

TEST(options_and_state)
{
	struct fixture f;
	const struct json *tree;
	struct shim_options o = {.id = "c1",
		.bundle = "/b",
		.open_stdin = true,
		.log_driver = SHIM_LOG_JSON_FILE,
		.log_path = "/l",
		.log_max_size = 10,
		.log_max_file = 3};
	struct shim_options back = {0};
	struct shim_state s = {.id = "c1",
		.status = "running",
		.pid = 5,
		.shim_pid = 4,
		.start_time = UINT64_MAX,
		.started_at = ""};
	struct shim_state s_back = {0};

	setup(&f);
	CHECK_INT(shim_options_encode(&o, &f.text), 0);
	CHECK_INT(json_parse(f.text.data, f.text.len, &f.arena, &tree, &f.err), 0);
	CHECK_INT(shim_options_decode(tree, &f.arena, &back, &f.err), 0);
	CHECK(back.open_stdin && !back.stdin_once && back.log_max_file == 3);
	CHECK_INT(back.stall_ms, SHIM_STALL_DEFAULT_MS);
	CHECK_STR(back.log_path, "/l");
	buf_clear(&f.text);
	CHECK_INT(shim_state_encode(&s, "{\"mode\":1}", &f.text), 0);
	CHECK_INT(json_parse(f.text.data, f.text.len, &f.arena, &tree, &f.err), 0);
	CHECK_INT(shim_state_decode(tree, &s_back, &f.err), 0);
	CHECK(s_back.start_time == UINT64_MAX && s_back.pid == 5);
	CHECK_INT(json_get_int(s_back.cgroup, "mode", 0), 1);
	CHECK_INT(shim_exit_load(-EBADF, &f.arena, &(struct shim_exit){0}, &f.err), -EBADF);
	teardown(&f);
}

static void check_keys(const char *text, const char *bytes, size_t count)
{
	uint8_t keys[SHIM_DETACH_KEYS_MAX];
	size_t n = 99;

	CHECK_INT(shim_detach_keys_parse(text, keys, &n, NULL), 0);
	CHECK_INT(n, count);
	CHECK(memcmp(keys, bytes, count) == 0);
}

TEST(detach_keys)
{
	uint8_t keys[SHIM_DETACH_KEYS_MAX];
	size_t n = 99;

	check_keys(SHIM_DETACH_KEYS_DEFAULT, "\x10\x11", 2);
	check_keys("", "", 0);
	check_keys("a,ctrl-a,ctrl-z", "a\x01\x1a", 3);
	check_keys("ctrl-@,ctrl-[,ctrl-\\,ctrl-],ctrl-^,ctrl-_", "\0\x1b\x1c\x1d\x1e\x1f", 6);
	CHECK_INT(shim_detach_keys_parse("ctrl-A", keys, &n, NULL), -EINVAL);
	CHECK_INT(shim_detach_keys_parse("ctrl-", keys, &n, NULL), -EINVAL);
	CHECK_INT(shim_detach_keys_parse("ab", keys, &n, NULL), -EINVAL);
	CHECK_INT(shim_detach_keys_parse("a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a", keys, &n, NULL),
		-EINVAL);
	CHECK_INT(n, 99);
}

TEST(frame_header)
{
	uint8_t h[SHIM_FRAME_HEADER];

	shim_frame_header(h, 2, 0x01020304);
	CHECK(memcmp(h, "\2\0\0\0\1\2\3\4", 8) == 0);
}

static void check_time(time_t secs, long nanosecs, const char *expected)
{
	const struct timespec ts = {secs, nanosecs};
	char text[SHIM_TIME_MAX];

	shim_time_format(&ts, text);
	CHECK_STR(text, expected);
}

TEST(times)
{
	check_time(0, 0, "1970-01-01T00:00:00Z");
	check_time(951782400, 500000000, "2000-02-29T00:00:00.5Z");
	check_time(1709251199, 1, "2024-02-29T23:59:59.000000001Z");
	check_time(1735689599, 999999999, "2024-12-31T23:59:59.999999999Z");
	check_time(4107542400, 120000, "2100-03-01T00:00:00.00012Z");
	/* the C library is the oracle for every day of a few centuries */
	for (time_t day = 0; day < 200000; day += 1) {
		time_t secs = day * 86400 + 3661;
		char expected[SHIM_TIME_MAX];
		struct tm tm;

		(void)gmtime_r(&secs, &tm);
		(void)strftime(expected, sizeof(expected), "%Y-%m-%dT%H:%M:%SZ", &tm);
		check_time(secs, 0, expected);
	}
}
