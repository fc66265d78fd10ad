// SPDX-License-Identifier: Apache-2.0
#include "spec/daemon_config.h"

#include <errno.h>

#include "spec/docker_filters.h"
#include "test.h"

static struct arena arena;
static struct bh_error err;
static struct daemon_config config;

static int decode(const char *text)
{
	const struct json *tree;
	int r;

	arena_release(&arena);
	CHECK_INT(arena_init(&arena, DOCKER_ARENA_MAX), 0);
	daemon_config_init(&config);
	r = json_parse(text, strlen(text), &arena, &tree, &err);
	return r < 0 ? r : daemon_config_decode(tree, &arena, &config, &err);
}

TEST(whole)
{
	CHECK_INT(
		decode("{\"hosts\":[\"unix:///x\"],\"data-root\":\"/d\",\"exec-root\":\"/e\","
		       "\"log-level\":\"debug\",\"exec-opts\":[\"isolation=hyperv\"],"
		       "\"no-new-privileges\":true,\"log-driver\":\"json-file\",\"log-opts\":{"
		       "\"max-size\":\"10m\",\"max-file\":\"2\"},\"id-ranges\":[{\"first\":"
		       "1000000000,"
		       "\"count\":655360}],\"labels\":[\"a=b\"],\"default-ulimits\":{\"nofile\":{"
		       "\"Name\":\"nofile\",\"Soft\":1,\"Hard\":2}},\"default-shm-size\":\"8m\"}"),
		0);
	CHECK_STR(config.hosts.items[0], "unix:///x");
	CHECK_INT(config.log_level, LOG_LEVEL_DEBUG);
	CHECK_INT(config.isolation, DOCKER_ISOLATION_HYPERV);
	CHECK(config.no_new_privileges);
	CHECK_INT(config.log.max_size, 10 << 20);
	CHECK_INT(config.id_ranges[0].first, 1000000000);
	CHECK_INT(config.ulimits[0].hard, 2);
	CHECK_INT(config.default_shm_size, 8 << 20);
	CHECK(daemon_config_has(&config, "hosts") && !daemon_config_has(&config, "group"));
}

TEST(defaults)
{
	CHECK_INT(decode("{}"), 0);
	CHECK_INT(config.isolation, DOCKER_ISOLATION_PROCESS);
	CHECK_INT(config.log_level, LOG_LEVEL_INFO);
}

TEST(refusals_name_the_place)
{
	static const struct {
		const char *text, *message;
	} cases[] = {
		{"{\n  \"data-rot\": \"/x\"\n}", "line 2, column 3: \"data-rot\": unknown key (did "
						 "you mean \"data-root\"?)"},
		{"{\"iptables\": false}",
			"line 1, column 2: \"iptables\": known key, not enforced by this build "
			"(the engine never touches the firewall; leave it out)"},
		{"{\n\"log-opts\": {\n  \"max-siz\": \"1m\"}}",
			"line 3, column 3: \"log-opts\": log option \"max-siz\" is not supported "
			"by "
			"this build yet (json-file has max-size and max-file)"},
		{"{\n\"id-ranges\": [\n  {\"first\": 1, \"count\": 65536}]}",
			"line 3, column 3: \"id-ranges\": an id range needs \"first\" from 65536 "
			"on "
			"and a \"count\" that is a multiple of 65536, together below 4294967295"},
		{"{\n\"id-ranges\": [\n  {\"frist\": 1}]}",
			"line 3, column 4: \"id-ranges\": /id-ranges/0/frist: unknown key (did you "
			"mean first?)"},
		{"{\"labels\": [\"x\"]}", "line 1, column 2: \"labels\": \"x\" is not KEY=VALUE"},
		{"{\"log-level\": \"info\",\n\"debug\": true}",
			"line 2, column 1: \"debug\": true contradicts \"log-level\", which is not "
			"debug"},
		{"{\"log-level\": \"loud\"}",
			"line 1, column 2: \"log-level\": \"loud\" is not a log "
			"level (debug, info, warn, error)"},
		{"{\"data-root\": \"x\"}",
			"line 1, column 2: \"data-root\": \"x\" is not an absolute path"},
		{"{\"debug\": \"yes\"}",
			"line 1, column 2: \"debug\": /debug: is a string, not a boolean"},
		{"[]", "the document is an array, not an object"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		CHECK(decode(cases[i].text) < 0);
		CHECK_STR(err.text, cases[i].message);
	}
	CHECK(decode("{\"debug\":true,\"debug\":true}") < 0);
	CHECK(strstr(err.text, "line 1, column") != NULL);
	CHECK(decode("{\"id-ranges\":[{\"first\":65536,\"count\":131072},{\"first\":131072,"
		     "\"count\":65536}]}") < 0);
	CHECK(strstr(err.text, "overlap") != NULL);
	CHECK(decode("{\"log-driver\":\"none\",\"log-opts\":{\"max-size\":\"1m\"}}") < 0);
}

TEST(exec_options)
{
	daemon_config_init(&config);
	CHECK_INT(daemon_config_exec_opt(&config, "isolation=hyperv", &err), 0);
	CHECK_INT(config.isolation, DOCKER_ISOLATION_HYPERV);
	CHECK_INT(daemon_config_exec_opt(&config, "isolation=vm", &err), -EINVAL);
	CHECK_INT(daemon_config_exec_opt(&config, "native.cgroupdriver=systemd", &err), -ENOTSUP);
}

TEST(filters_as_maps_and_lists)
{
	static const char *const allowed[] = {"name", "label", NULL};
	static const struct event_attribute labels[] = {{"a", "1"}, {"b", "2"}};
	struct docker_filters f;

	CHECK_INT(arena_init(&arena, DOCKER_ARENA_MAX), 0);
	CHECK_INT(docker_filters_parse(NULL, allowed, &arena, &f, &err), 0);
	CHECK_INT(docker_filters_parse("", allowed, &arena, &f, &err), 0);
	CHECK(docker_filters_match(&f, "name", "x"));
	CHECK_INT(docker_filters_parse(
			  "{\"name\":{\"x\":true,\"y\":false}}", allowed, &arena, &f, &err),
		0);
	CHECK(docker_filters_match(&f, "name", "x") && !docker_filters_match(&f, "name", "y"));
	CHECK_INT(
		docker_filters_parse("{\"label\":[\"a=1\",\"b\"]}", allowed, &arena, &f, &err), 0);
	CHECK(docker_filters_match_labels(&f, "label", labels, 2));
	CHECK(!docker_filters_match_labels(&f, "label", labels, 1));
	CHECK_INT(docker_filters_parse("{\"nope\":[\"a\"]}", allowed, &arena, &f, &err), -EINVAL);
	CHECK_STR(err.text, "invalid filter 'nope'");
	CHECK(docker_filters_parse("[1]", allowed, &arena, &f, &err) < 0);
}
