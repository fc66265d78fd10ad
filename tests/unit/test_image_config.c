// SPDX-License-Identifier: Apache-2.0
#include <errno.h>

#include "image/config.h"
#include "image/images.h"
#include "test.h"

static struct arena arena;

static int apply(const char *const *changes, size_t count, struct docker_config *ret)
{
	arena_release(&arena);
	CHECK_INT(arena_init(&arena, 4u << 20), 0);
	return image_changes_apply(changes, count, &arena, ret, NULL);
}

TEST(changes)
{
	static const char *const changes[] = {"CMD [\"a\", \"b\"]", "entrypoint exec x y",
		"ENV A=1 B=\"2 3\"", "ENV C the rest", "LABEL k=v", "EXPOSE 80 53/udp", "USER www",
		"WORKDIR /a", "WORKDIR b", "STOPSIGNAL SIGINT", "VOLUME /v"};
	struct docker_config c;

	CHECK_INT(apply(changes, sizeof(changes) / sizeof(changes[0]), &c), 0);
	CHECK_INT(c.cmd.count, 2);
	CHECK_STR(c.cmd.items[1], "b");
	CHECK_INT(c.entrypoint.count, 3);
	CHECK_STR(c.entrypoint.items[2], "exec x y");
	CHECK_INT(c.env.count, 3);
	CHECK_STR(c.env.items[1], "B=2 3");
	CHECK_STR(c.env.items[2], "C=the rest");
	CHECK_STR(c.labels.items[0].value, "v");
	CHECK_STR(c.exposed_ports.items[0], "80/tcp");
	CHECK_STR(c.exposed_ports.items[1], "53/udp");
	CHECK_STR(c.working_dir, "/a/b");
	CHECK_STR(c.stop_signal, "SIGINT");
	CHECK_STR(c.volumes.items[0], "/v");
}

TEST(what_is_no_change_is_refused)
{
	static const char *const bad[] = {"RUN x", "CMD", "", "ENV A", "ENV =1", "STOPSIGNAL x"};
	struct docker_config c;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		CHECK(apply(&bad[i], 1, &c) < 0);
}

TEST(written_configuration_is_read_back)
{
	static const char *const changes[] = {"CMD true", "LABEL a=b"};
	static const char diff_id[] =
		"sha256:0123456789012345678901234567890123456789012345678901234567890123";
	struct docker_config c, back;
	struct image_config_new config = {.architecture = "amd64",
		.os = "linux",
		.comment = "why",
		.created_ns = INT64_C(1700000000123456789),
		.diff_id = diff_id,
		.config = &c};
	struct image image = {.id = "x"};
	struct buf text;
	struct json_writer w = JSON_WRITER(&text);
	struct bh_error err = BH_ERROR_INIT;

	CHECK_INT(apply(changes, 2, &c), 0);
	buf_init(&text, 1u << 20);
	image_config_write(&config, &w);
	CHECK_INT(image_config_parse(text.data, text.len, &arena, &image, &err), 0);
	CHECK_STR(image.architecture, "amd64");
	CHECK_STR(image.comment, "why");
	CHECK_INT(image.created_ns, INT64_C(1700000000123456789));
	CHECK_INT(image.layer_count, 1);
	CHECK_STR(image.diff_ids[0], diff_id);
	CHECK_STR(image.labels[0].key, "a");
	CHECK_INT(image_config_runtime(&image, &arena, &back, &err), 0);
	CHECK_STR(back.cmd.items[2], "true");
	buf_release(&text);
}

TEST(bad_documents)
{
	static const char *const bad[] = {"{}", "[]", "{\"rootfs\":{\"diff_ids\":[]}}",
		"{\"rootfs\":{\"diff_ids\":[\"sha256:12\"]}}", "{\"rootfs\":{\"diff_ids\":[7]}}",
		"x"};
	struct image image = {.id = "x"};

	CHECK_INT(arena_init(&arena, 4u << 20), 0);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		CHECK(image_config_parse(bad[i], strlen(bad[i]), &arena, &image, NULL) < 0);
}

TEST(times)
{
	char text[IMAGE_TIME_MAX];

	CHECK_INT(image_time_parse("1970-01-01T00:00:01Z"), 1000000000);
	CHECK_INT(image_time_parse("1970-01-01T01:00:01.5+01:00"), 1500000000);
	CHECK_INT(image_time_parse("yesterday"), 0);
	image_time_format(INT64_C(1500000000), text);
	CHECK_STR(text, "1970-01-01T00:00:01.500000000Z");
}

TEST(digest)
{
	char id[IMAGE_ID_LEN + 1];

	images_digest("abc", 3, id);
	CHECK_STR(id, "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}
