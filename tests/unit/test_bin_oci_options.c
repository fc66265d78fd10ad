// SPDX-License-Identifier: Apache-2.0
#include <errno.h>

#include "bin/oci/options.h"
#include "test.h"

static struct arena arena;
static struct options opts;
static struct bh_error error;

static int parse(const char *line)
{
	static char text[512];
	static char *argv[64];
	int argc = 0;

	CHECK(strlen(line) < sizeof(text));
	strcpy(text, line);
	for (char *p = strtok(text, " "); p != NULL; p = strtok(NULL, " "))
		argv[argc++] = p;
	argv[argc] = NULL;
	arena_release(&arena);
	CHECK_INT(arena_init(&arena, 1 << 20), 0);
	return options_parse(argc, argv, &arena, &opts, &error);
}

TEST(both_forms_of_a_value)
{
	CHECK_INT(parse("oci --root /r create --bundle=/b --pid-file /p -preserve-fds 3 c1"), 0);
	CHECK_INT(opts.command_id, COMMAND_CREATE);
	CHECK_STR(opts.value[OPT_ROOT], "/r");
	CHECK_STR(opts.value[OPT_BUNDLE], "/b");
	CHECK_STR(opts.value[OPT_PID_FILE], "/p");
	CHECK_STR(opts.value[OPT_PRESERVE_FDS], "3");
	CHECK_STR(opts.args[0], "c1");
	CHECK_INT(parse("oci run -b /b c1"), 0);
	CHECK_STR(opts.value[OPT_BUNDLE], "/b");
}

TEST(options_after_the_name)
{
	CHECK_INT(parse("oci delete c1 --force"), 0);
	CHECK(options_flag(&opts, OPT_FORCE));
	CHECK_INT(parse("oci delete -- --force"), 0);
	CHECK(!options_flag(&opts, OPT_FORCE));
	CHECK_STR(opts.args[0], "--force");
}

TEST(exec_leaves_the_command_alone)
{
	CHECK_INT(parse("oci exec -t --env A=1 -e B=2 c1 ls -t --env x"), 0);
	CHECK(options_flag(&opts, OPT_TTY));
	CHECK_INT(opts.arg_count, 5);
	CHECK_STR(opts.args[2], "-t");
	CHECK_INT(opts.item_count, 3);
	CHECK_STR(opts.items[1].text, "A=1");
	CHECK_STR(opts.items[2].text, "B=2");
	CHECK(opts.args[5] == NULL);
}

TEST(flags_take_booleans)
{
	CHECK_INT(parse("oci run --detach=false c1"), 0);
	CHECK(!options_flag(&opts, OPT_DETACH));
	CHECK_INT(parse("oci run --detach=maybe c1"), -EINVAL);
}

TEST(wrong_usage)
{
	CHECK_INT(parse("oci create"), -EINVAL);
	CHECK_INT(parse("oci create a b"), -EINVAL);
	CHECK_INT(parse("oci kill a TERM b"), -EINVAL);
	CHECK_INT(parse("oci list a"), -EINVAL);
	CHECK_INT(parse("oci create --nonsense c1"), -EINVAL);
	CHECK_INT(parse("oci create --bundle"), -EINVAL);
	CHECK_INT(parse("oci nonsense c1"), -EINVAL);
	CHECK_INT(parse("oci --debug=x list"), -EINVAL);
}

TEST(refusals_have_reasons)
{
	CHECK_INT(parse("oci checkpoint c1 --anything"), -ENOTSUP);
	CHECK_INT(parse("oci restore c1"), -ENOTSUP);
	CHECK_INT(parse("oci --criu /c list"), -ENOTSUP);
	CHECK_INT(parse("oci update --l3-cache-schema x c1"), -ENOTSUP);
	CHECK(strstr(error.text, "resctrl") != NULL);
}

TEST(help_and_version)
{
	CHECK_INT(parse("oci --version"), 0);
	CHECK(options_flag(&opts, OPT_VERSION) && !opts.help);
	CHECK_INT(parse("oci -v"), 0);
	CHECK(options_flag(&opts, OPT_VERSION));
	CHECK_INT(parse("oci"), 0);
	CHECK(opts.help && opts.help_of == NULL);
	CHECK_INT(parse("oci help create"), 0);
	CHECK(opts.help && opts.help_of == &commands[COMMAND_CREATE]);
	CHECK_INT(parse("oci create --help"), 0);
	CHECK(opts.help && opts.help_of == &commands[COMMAND_CREATE]);
}

TEST(global_and_spec_rootless_differ)
{
	CHECK_INT(parse("oci --rootless auto spec --rootless"), 0);
	CHECK_STR(opts.global_rootless, "auto");
	CHECK(options_flag(&opts, OPT_ROOTLESS));
	CHECK_INT(parse("oci --rootless true spec"), 0);
	CHECK(!options_flag(&opts, OPT_ROOTLESS));
}

TEST(sizes)
{
	int64_t v = 0;

	CHECK_INT(parse("oci update --memory 64m --memory-swap -1 --memory-reservation 1.5GiB c1"),
		0);
	CHECK_INT(options_size(&opts, OPT_MEMORY, &v, &error), 0);
	CHECK_INT(v, 64 << 20);
	CHECK_INT(options_size(&opts, OPT_MEMORY_SWAP, &v, &error), 0);
	CHECK_INT(v, -1);
	CHECK_INT(options_size(&opts, OPT_MEMORY_RESERVATION, &v, &error), 0);
	CHECK_INT(v, 3ll << 29);
	CHECK_INT(parse("oci update --memory 5x c1"), 0);
	CHECK_INT(options_size(&opts, OPT_MEMORY, &v, &error), -EINVAL);
	CHECK_INT(parse("oci update --memory 99999999999p c1"), 0);
	CHECK_INT(options_size(&opts, OPT_MEMORY, &v, &error), -ERANGE);
	CHECK_INT(parse("oci update --cpu-quota -1 --cpu-share 18446744073709551616 c1"), 0);
	CHECK_INT(options_int(&opts, OPT_CPU_QUOTA, &v, &error), 0);
	CHECK_INT(v, -1);
	CHECK_INT(options_uint(&opts, OPT_CPU_SHARE, UINT64_MAX, &(uint64_t){0}, &error), -ERANGE);
}

TEST(every_option_has_a_help_and_no_name_twice)
{
	for (unsigned int c = 0; c < COMMAND_COUNT; c++) {
		CHECK(commands[c].name != NULL);
		for (size_t i = 0; i < commands[c].option_count; i++) {
			const struct option_def *def = &commands[c].options[i];

			CHECK(def->help[0] != '\0');
			CHECK((def->kind == OPTION_FLAG) == (def->value == NULL));
			for (size_t j = 0; j < i; j++) {
				CHECK(strcmp(def->name, commands[c].options[j].name) != 0);
				CHECK(def->short_name == 0 ||
					def->short_name != commands[c].options[j].short_name);
			}
		}
	}
}
