// SPDX-License-Identifier: Apache-2.0
#include "base/socket.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "test.h"

#define PART "/a-directory-name-of-fifty-bytes-to-make-paths-long-"

/* A directory whose path is too long for sun_path. */
static int deep_dir(char path[static 512])
{
	char temp[] = "/tmp/bh-socket-XXXXXX";
	int fd;

	CHECK(mkdtemp(temp) != NULL);
	(void)strcpy(path, temp);
	for (int i = 0; i < 3; i++) {
		(void)strcat(path, PART);
		CHECK_INT(mkdir(path, 0700), 0);
	}
	fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	CHECK(fd >= 0);
	return fd;
}

static void remove_dirs(char *path)
{
	for (int i = 0; i < 4; i++) {
		CHECK_INT(rmdir(path), 0);
		*strrchr(path, '/') = '\0';
	}
}

TEST(long_path_and_descriptors)
{
	char path[512], data[16];
	int dirfd = deep_dir(path), listener, client, server, p[2], got[2];
	struct stat st;
	size_t count = 9;

	CHECK_INT(socket_listen_at(dirfd, "s", SOCK_SEQPACKET, 0600, 4, &listener, NULL), 0);
	CHECK_INT(fstatat(dirfd, "s", &st, 0), 0);
	CHECK_INT(st.st_mode & 07777, 0600);
	CHECK_INT(socket_connect_at(dirfd, "s", SOCK_SEQPACKET, &client, NULL), 0);
	server = accept(listener, NULL, NULL);
	CHECK(server >= 0);
	CHECK_INT(pipe2(p, O_CLOEXEC), 0);
	CHECK_INT(socket_send_fds(client, "hello", 5, p, 2), 5);
	CHECK_INT(socket_recv_fds(server, data, sizeof(data), got, 2, &count), 5);
	CHECK_INT(count, 2);
	CHECK_INT(fcntl(got[0], F_GETFD), FD_CLOEXEC);
	CHECK_INT(write(got[1], "x", 1), 1);
	CHECK_INT(read(p[0], data, 1), 1);
	/* too many descriptors, too many bytes */
	CHECK_INT(socket_send_fds(client, "hello", 5, p, 2), 5);
	CHECK_INT(socket_recv_fds(server, data, sizeof(data), got, 1, &count), -EMSGSIZE);
	CHECK_INT(socket_send_fds(client, "hello", 5, NULL, 0), 5);
	CHECK_INT(socket_recv_fds(server, data, 4, got, 1, &count), -EMSGSIZE);
	close(client);
	CHECK_INT(socket_recv_fds(server, data, sizeof(data), got, 1, &count), 0);
	CHECK_INT(socket_send_fds(server, "x", 1, NULL, 0), -EPIPE);
	close(listener);
	/* a stale socket is replaced, another file is not */
	CHECK_INT(socket_connect_at(dirfd, "s", SOCK_SEQPACKET, &client, NULL), -ECONNREFUSED);
	CHECK_INT(socket_listen_at(dirfd, "s", SOCK_SEQPACKET, 0600, 4, &listener, NULL), 0);
	CHECK_INT(unlinkat(dirfd, "s", 0), 0);
	CHECK_INT(mknodat(dirfd, "s", S_IFREG | 0600, 0), 0);
	CHECK_INT(socket_listen_at(dirfd, "s", SOCK_SEQPACKET, 0600, 4, &listener, NULL), -EEXIST);
	CHECK_INT(unlinkat(dirfd, "s", 0), 0);
	CHECK_INT(
		socket_listen_at(dirfd, "a/b", SOCK_SEQPACKET, 0600, 4, &listener, NULL), -EINVAL);
	remove_dirs(path);
}
