// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "sandbox/sandbox.h"
#include "sandbox/state.h"
#include "test.h"

static const char good[] =
	"{\"ociVersion\":\"1.2.0\",\"id\":\"c1\",\"bundle\":\"/b\",\"rootfs\":\"/b/r\","
	"\"created\":\"2024-01-01T00:00:00.000000000Z\",\"pid\":12,\"startTime\":"
	"18446744073709551615,"
	"\"owner\":0,\"systemdCgroup\":false,\"rootless\":true,\"annotations\":{\"a\":\"b\"},"
	"\"cgroup\":{\"mode\":\"none\"}}";

static struct arena arena;
static struct bh_error error;

static int parse(const char *text, struct state *ret)
{
	arena_release(&arena);
	CHECK_INT(arena_init(&arena, 4 << 20), 0);
	return state_parse(text, strlen(text), "c1", &arena, ret, &error);
}

/* good with one piece of text replaced */
static int parse_changed(const char *from, const char *to)
{
	static char text[2048];
	const char *at = strstr(good, from);
	struct state s;

	CHECK(at != NULL);
	CHECK((size_t)snprintf(text, sizeof(text), "%.*s%s%s", (int)(at - good), good, to,
		      at + strlen(from)) < sizeof(text));
	return parse(text, &s);
}

TEST(names)
{
	char longest[300];

	CHECK_INT(state_id_check("a-b_c.d+E9", &error), 0);
	CHECK_INT(state_id_check("", &error), -EINVAL);
	CHECK_INT(state_id_check(".", &error), -EINVAL);
	CHECK_INT(state_id_check("..", &error), -EINVAL);
	CHECK_INT(state_id_check("a/b", &error), -EINVAL);
	CHECK_INT(state_id_check("a b", &error), -EINVAL);
	CHECK_INT(state_id_check("\xc3\xa9", &error), -EINVAL);
	memset(longest, 'a', sizeof(longest));
	longest[255] = '\0';
	CHECK_INT(state_id_check(longest, &error), 0);
	longest[255] = 'a';
	longest[256] = '\0';
	CHECK_INT(state_id_check(longest, &error), -EINVAL);
}

TEST(good_state)
{
	struct state s;

	CHECK_INT(parse(good, &s), 0);
	CHECK_INT(s.pid, 12);
	CHECK(s.start_time == UINT64_MAX && s.rootless && !s.systemd_cgroup);
	CHECK_INT(s.annotation_count, 1);
	CHECK_STR(s.annotations[0].value, "b");
	CHECK(s.cgroup != NULL);
}

TEST(hostile_states)
{
	CHECK_INT(parse_changed("\"id\":\"c1\"", "\"id\":\"c2\""), -EINVAL);
	CHECK_INT(parse_changed("\"pid\":12", "\"pid\":-12"), -EINVAL);
	CHECK_INT(parse_changed("\"pid\":12", "\"pid\":1e9"), -EINVAL);
	CHECK_INT(parse_changed("\"pid\":12", "\"pid\":4194305"), -EINVAL);
	CHECK_INT(parse_changed("\"pid\":12,", ""), -EINVAL);
	CHECK_INT(parse_changed("\"bundle\":\"/b\"", "\"bundle\":\"b\""), -EINVAL);
	CHECK_INT(parse_changed("\"bundle\":\"/b\"", "\"bundle\":7"), -EINVAL);
	CHECK_INT(parse_changed("\"cgroup\":{\"mode\":\"none\"}", "\"cgroup\":[]"), -EINVAL);
	CHECK_INT(parse_changed("{\"a\":\"b\"}", "{\"a\":1}"), -EINVAL);
	CHECK_INT(parse_changed("{\"a\":\"b\"}", "[]"), -EINVAL);
	CHECK_INT(
		parse_changed("\"created\":\"2024", "\"created\":\"20242024202420242024"), -EINVAL);
	CHECK_INT(parse("[]", &(struct state){0}), -EINVAL);
	CHECK_INT(parse("", &(struct state){0}), -EINVAL);
}

static int make_root(char *path)
{
	int fd = -1;

	strcpy(path, "/tmp/bulkhead-state-XXXXXX");
	CHECK(mkdtemp(path) != NULL);
	CHECK_INT(state_root_open(path, false, &fd, &error), 0);
	return fd;
}

TEST(life_of_a_directory)
{
	char path[64];
	int root = make_root(path), dir = -1, again = -1;
	struct state s, back;

	CHECK_INT(parse(good, &s), 0);
	CHECK_INT(state_open(root, "c1", &dir, &error), -ENOENT);
	CHECK_INT(state_create(root, "c1", &dir, &error), 0);
	CHECK_INT(state_create(root, "c1", &again, &error), -EEXIST);
	CHECK_INT(state_load(dir, "c1", &arena, &back, &error), -ENOENT);
	CHECK_INT(state_save(dir, &s, NULL, &error), 0);
	CHECK_INT(state_load(dir, "c1", &arena, &back, &error), 0);
	CHECK_STR(back.bundle, "/b");
	CHECK(back.start_time == UINT64_MAX && back.cgroup == NULL);
	CHECK_INT(state_remove(root, dir, "c1", &error), 0);
	CHECK_INT(state_open(root, "c1", &again, &error), -ENOENT);
	CHECK_INT(rmdir(path), 0);
}

TEST(links_are_not_followed)
{
	char path[64];
	int root = make_root(path), dir = -1;
	struct state s;

	CHECK_INT(symlinkat("/", root, "link"), 0);
	CHECK(state_open(root, "link", &dir, &error) < 0);
	CHECK_INT(mkdirat(root, "c1", 0700), 0);
	CHECK_INT(state_open(root, "c1", &dir, &error), 0);
	CHECK_INT(symlinkat("/etc/passwd", dir, "state.json"), 0);
	CHECK(state_load(dir, "c1", &arena, &s, &error) < 0);
	CHECK_INT(state_remove(root, dir, "c1", &error), 0);
	CHECK_INT(unlinkat(root, "link", 0), 0);
	CHECK_INT(rmdir(path), 0);
}

TEST(only_the_process_that_was_meant)
{
	char path[64];
	int root = make_root(path), dir = -1, pidfd = -1;
	struct state s = {.pid = getpid(), .start_time = sandbox_start_time(getpid())};

	CHECK_INT(state_create(root, "c1", &dir, &error), 0);
	CHECK(s.start_time != 0);
	CHECK_INT(state_pidfd(&s, &pidfd), 0);
	CHECK_INT(state_status(dir, &s), STATE_RUNNING);
	/* A fifo that nobody reads is what a killed `start` leaves. */
	CHECK_INT(mkfifoat(dir, "start", 0600), 0);
	CHECK_INT(state_status(dir, &s), STATE_RUNNING);
	CHECK(openat(dir, "start", O_RDWR | O_CLOEXEC) >= 0);
	CHECK_INT(state_status(dir, &s), STATE_CREATED);
	s.start_time++;
	CHECK_INT(state_pidfd(&s, &pidfd), -ESRCH);
	CHECK_INT(state_status(dir, &s), STATE_STOPPED);
	s.pid = 0;
	CHECK_INT(state_pidfd(&s, &pidfd), -ESRCH);
	CHECK_INT(state_status(dir, &s), STATE_CREATING);
	CHECK_INT(state_remove(root, dir, "c1", &error), 0);
	CHECK_INT(rmdir(path), 0);
}
