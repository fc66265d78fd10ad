// SPDX-License-Identifier: Apache-2.0
/*
 * HOME for a process whose environment lacks it: the home directory of its user in the container's
 * own /etc/passwd (passwd(5)), "/" where there is none. The file is the image's: it is opened
 * inside the root, read up to a bound, and taken apart without the C library's name services.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "kernel/path.h"
#include "sandbox/process_setup.h"

#define PASSWD_MAX  (1u << 20)
#define UID_FIELD   2
#define HOME_FIELD  5
#define HOME_PREFIX "HOME="

/* The n-th field of a line (colons between), not terminated; its length in *ret_len. */
static const char *field(const char *line, const char *end, int n, size_t *ret_len)
{
	const char *stop;

	while (n-- > 0) {
		line = memchr(line, ':', (size_t)(end - line));
		if (line == NULL)
			return NULL;
		line++;
	}
	stop = memchr(line, ':', (size_t)(end - line));
	*ret_len = (size_t)((stop != NULL ? stop : end) - line);
	return line;
}

static const char *find_home(const char *text, size_t len, uint32_t uid, size_t *ret_len)
{
	const char *last = text + len;

	while (text < last) {
		const char *end = memchr(text, '\n', (size_t)(last - text)), *p;
		size_t n;

		if (end == NULL)
			end = last;
		p = field(text, end, UID_FIELD, &n);
		if (p != NULL && n > 0 && n < 11 && strtoul(p, NULL, 10) == uid) {
			p = field(text, end, HOME_FIELD, ret_len);
			if (p != NULL && *ret_len > 0 && *p == '/')
				return p;
		}
		text = end + 1;
	}
	return NULL;
}

static int read_passwd(struct buf *out)
{
	_cleanup_close_ int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC), fd = -EBADF;
	struct stat st;

	if (root < 0)
		return -errno;
	fd = path_open_in_root(root, "/etc/passwd", O_RDONLY | O_NONBLOCK | O_NOCTTY, 0);
	if (fd < 0)
		return fd;
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return -EINVAL;
	return fd_read_all(fd, out);
}

static char *home_variable(uint32_t uid)
{
	_cleanup_buf_ struct buf passwd;
	const char *home = NULL;
	char *variable;
	size_t len = 0;

	buf_init(&passwd, PASSWD_MAX);
	if (read_passwd(&passwd) == 0)
		home = find_home(buf_str(&passwd), passwd.len, uid, &len);
	if (asprintf(&variable, HOME_PREFIX "%.*s", home != NULL ? (int)len : 1,
		    home != NULL ? home : "/") < 0)
		return NULL;
	return variable;
}

int process_home(struct process_setup *p, struct bh_error *err)
{
	const struct oci_strings *env = &p->process->env;

	p->env = env->items;
	for (size_t i = 0; i < env->count; i++)
		if (strncmp(env->items[i], HOME_PREFIX, strlen(HOME_PREFIX)) == 0)
			return 0;
	/* Neither array nor variable is freed: execve(2) takes them. */
	p->env = calloc(env->count + 2, sizeof(*p->env));
	if (p->env == NULL)
		return bh_fail(err, -ENOMEM, "environment");
	if (env->count > 0)
		memcpy(p->env, env->items, env->count * sizeof(*p->env));
	p->env[env->count] = home_variable(p->process->user.uid);
	return p->env[env->count] != NULL ? 0 : bh_fail(err, -ENOMEM, "environment");
}
