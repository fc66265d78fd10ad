// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "bin/oci/oci.h"

#define PRESERVED_FDS_MAX 65536

int document_read(const char *path, struct buf *text, struct arena *a, const struct json **ret,
	struct bh_error *err)
{
	_cleanup_buf_ struct buf own;
	int r;

	buf_init(&own, OCI_CONFIG_BYTES_MAX);
	if (text == NULL)
		text = &own;
	r = strcmp(path, "-") == 0 ? fd_read_all(STDIN_FILENO, text)
				   : fd_read_file(AT_FDCWD, path, text);
	if (r == -E2BIG)
		return bh_fail(err, r, "%s is larger than %u bytes", path, OCI_CONFIG_BYTES_MAX);
	if (r < 0)
		return bh_fail_errno(err, r, "read %s", path);
	r = json_parse(buf_str(text), text->len, a, ret, err);
	if (r < 0)
		(void)bh_wrap(err, "%s", path);
	return r;
}

int output_write(const struct buf *out, struct bh_error *err)
{
	int r = buf_status(out);

	if (r == 0)
		r = fd_write_all(STDOUT_FILENO, buf_str(out), out->len);
	return r < 0 ? bh_fail_errno(err, r, "write to standard output") : 0;
}

int pid_file_write(const char *path, pid_t pid, struct bh_error *err)
{
	char text[24];
	int len = snprintf(text, sizeof(text), "%d", pid);
	int r = fd_replace_file(AT_FDCWD, path, text, (size_t)len, 0644, 0);

	return r < 0 ? bh_fail_errno(err, r, "write pid file %s", path) : 0;
}

int socket_connect(const char *path, int *ret, struct bh_error *err)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	_cleanup_close_ int fd = -EBADF;

	if (strlen(path) >= sizeof(address.sun_path))
		return bh_fail(err, -ENAMETOOLONG, "socket path %s is longer than %zu bytes", path,
			sizeof(address.sun_path) - 1);
	memcpy(address.sun_path, path, strlen(path));
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return bh_fail_errno(err, -errno, "make a socket");
	if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
		return bh_fail_errno(err, -errno, "connect to %s", path);
	*ret = TAKE_FD(fd);
	return 0;
}

int socket_send_fd(int socket, int fd, const char *what, struct bh_error *err)
{
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(sizeof(int))];
	} control = {0};
	struct iovec text = {.iov_base = (char *)what, .iov_len = strlen(what)};
	struct msghdr message = {
		.msg_iov = &text,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};
	struct cmsghdr *c = CMSG_FIRSTHDR(&message);

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(c), &fd, sizeof(fd));
	if (TEMP_FAILURE_RETRY(sendmsg(socket, &message, MSG_NOSIGNAL)) < 0)
		return bh_fail_errno(err, -errno, "send the %s", what);
	return 0;
}

/* sd_listen_fds(3): descriptors of socket activation, if they are meant for us. */
static unsigned int listen_fds(void)
{
	const char *pid = getenv("LISTEN_PID");
	const char *count = pid != NULL ? getenv("LISTEN_FDS") : NULL;
	uint64_t n;

	if (count == NULL || number_parse(pid, INT32_MAX, &n) < 0 || (pid_t)n != getpid() ||
		number_parse(count, PRESERVED_FDS_MAX, &n) < 0)
		return 0;
	return (unsigned int)n;
}

int inherited_fds(struct oci *o, struct bh_error *err)
{
	unsigned int listening = o->options.command_id == COMMAND_EXEC ? 0 : listen_fds();
	uint64_t n = 0;
	int r = options_uint(&o->options, OPT_PRESERVE_FDS, PRESERVED_FDS_MAX, &n, err);

	if (r < 0)
		return r;
	for (unsigned int i = 0; i < listening + (unsigned int)n; i++) {
		if (fcntl((int)(3 + i), F_GETFD) < 0)
			return bh_fail_errno(err, -errno,
				"descriptor %u to be passed on (%u of $LISTEN_FDS, "
				"%u of --preserve-fds)",
				3 + i, listening, (unsigned int)n);
	}
	o->listen_fds = listening;
	o->preserve_fds = (unsigned int)n;
	return 0;
}
