// SPDX-License-Identifier: Apache-2.0
#include <errno.h>

#include "engine/user.h"
#include "test.h"

static const char passwd[] = "root:x:0:0:root:/root:/bin/sh\n"
			     "broken\n"
			     "www:x:33:34:web:/var/www:/bin/sh\n"
			     "1234:x:77:78::/:/bin/sh\n"
			     "big:x:70000:1::/:/bin/sh\n";
static const char group[] = "root:x:0:\nweb:x:34:\nextra:x:44:a,www\nlast:x:45:www,b\nno:x:46:wwww";

static int resolve(const char *text, const struct oci_strings *groups, struct user_found *ret)
{
	static struct arena a;

	arena_release(&a);
	CHECK_INT(arena_init(&a, 1u << 20), 0);
	return user_resolve(text, groups, passwd, group, &a, ret, NULL);
}

TEST(names_numbers_and_groups)
{
	struct user_found u;

	CHECK_INT(resolve(NULL, NULL, &u), 0);
	CHECK_INT(u.user.uid, 0);
	CHECK_STR(u.home, "/root");
	CHECK_INT(resolve("www", NULL, &u), 0);
	CHECK_INT(u.user.uid, 33);
	CHECK_INT(u.user.gid, 34);
	CHECK_INT(u.user.additional_gid_count, 2);
	CHECK_INT(u.user.additional_gids[0], 44);
	CHECK_INT(u.user.additional_gids[1], 45);
	CHECK_INT(resolve("33:extra", NULL, &u), 0);
	CHECK_INT(u.user.gid, 44);
	CHECK_INT(u.user.additional_gid_count, 0);
	CHECK_INT(resolve("5000", NULL, &u), 0);
	CHECK_INT(u.user.uid, 5000);
	CHECK_INT(u.user.gid, 0);
	CHECK_STR(u.home, "/");
	/* A name that is a number counts as the name first. */
	CHECK_INT(resolve("1234", NULL, &u), 0);
	CHECK_INT(u.user.uid, 77);
}

TEST(what_is_not_there_or_too_large_is_refused)
{
	struct user_found u;

	CHECK_INT(resolve("nobody", NULL, &u), -EINVAL);
	CHECK_INT(resolve("www:nogroup", NULL, &u), -EINVAL);
	CHECK_INT(resolve("65536", NULL, &u), -EINVAL);
	CHECK_INT(resolve("big", NULL, &u), -EINVAL);
	CHECK_INT(resolve("0:99999", NULL, &u), -EINVAL);
}

TEST(windows_accounts_in_any_spelling)
{
	struct user_found u;

	CHECK_INT(resolve("containerADMINISTRATOR", NULL, &u), 0);
	CHECK_INT(u.user.uid, 0);
	CHECK(!u.is_container_user);
	CHECK_INT(resolve("ContainerUser", NULL, &u), 0);
	CHECK_INT(u.user.uid, CONTAINER_USER_ID);
	CHECK_INT(u.user.gid, CONTAINER_USER_ID);
	CHECK(u.is_container_user);
	CHECK_INT(resolve("ContainerUser:0", NULL, &u), -EINVAL);
}

TEST(added_groups)
{
	const char *names[] = {"extra", "7", NULL};
	const struct oci_strings groups = {names, 2};
	struct user_found u;

	CHECK_INT(resolve("www", &groups, &u), 0);
	CHECK_INT(u.user.additional_gid_count, 3);
	CHECK_INT(u.user.additional_gids[2], 7);
	names[0] = "none";
	CHECK_INT(resolve("www", &groups, &u), -EINVAL);
}
