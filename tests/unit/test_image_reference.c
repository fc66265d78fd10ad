// SPDX-License-Identifier: Apache-2.0
#include <errno.h>

#include "image/reference.h"
#include "test.h"

static void check(const char *text, const char *repository, const char *tag, const char *shown)
{
	struct reference ref;
	char out[REFERENCE_TEXT_MAX + 1];

	CHECK_INT(reference_parse(text, &ref, NULL), 0);
	CHECK_STR(ref.repository, repository);
	CHECK_STR(ref.tag, tag);
	reference_format(&ref, out);
	CHECK_STR(out, shown);
}

TEST(names_are_made_canonical_and_shown_short)
{
	check("busybox", "docker.io/library/busybox", "", "busybox:latest");
	check("busybox:1.36", "docker.io/library/busybox", "1.36", "busybox:1.36");
	check("a/b:x", "docker.io/a/b", "x", "a/b:x");
	check("docker.io/busybox", "docker.io/library/busybox", "", "busybox:latest");
	check("docker.io/library/busybox", "docker.io/library/busybox", "", "busybox:latest");
	check("127.0.0.1:5000/img:t", "127.0.0.1:5000/img", "t", "127.0.0.1:5000/img:t");
	check("docker.io/a.b/c", "docker.io/a.b/c", "", "docker.io/a.b/c:latest");
	check("docker.io/library/a/b", "docker.io/library/a/b", "", "library/a/b:latest");
	check("localhost/x__y", "localhost/x__y", "", "localhost/x__y:latest");
}

TEST(what_is_no_name_is_refused)
{
	static const char *const bad[] = {"", "A", "a//b", "-a", "a:", "a:.x", "a@sha256:12",
		"a..b", "a___b", "/a", "a/", "x:y:z", "a b"};
	struct reference ref;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		CHECK_INT(reference_parse(bad[i], &ref, NULL), -EINVAL);
}
