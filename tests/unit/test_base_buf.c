// SPDX-License-Identifier: Apache-2.0
#include "base/buf.h"

#include <errno.h>

#include "test.h"

TEST(append_and_consume)
{
	_cleanup_buf_ struct buf b;

	buf_init(&b, 100);
	CHECK_STR(buf_str(&b), "");
	CHECK_INT(buf_printf(&b, "%s-%d", "a", 7), 0);
	CHECK_STR(buf_str(&b), "a-7");
	buf_consume(&b, 2);
	CHECK_STR(buf_str(&b), "7");
}

TEST(maximum_is_kept_and_remembered)
{
	_cleanup_buf_ struct buf b;

	buf_init(&b, 4);
	CHECK_INT(buf_puts(&b, "1234"), 0);
	CHECK_INT(buf_putc(&b, '5'), -E2BIG);
	CHECK_INT(buf_status(&b), -E2BIG);
	CHECK_STR(buf_str(&b), "1234");
	CHECK(buf_steal(&b) == NULL);
}
