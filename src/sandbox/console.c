// SPDX-License-Identifier: Apache-2.0
#include "sandbox/console.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <termios.h>
#include <unistd.h>

#include "base/mem.h"
#include "kernel/mount.h"
#include "kernel/path.h"

#ifndef TIOCGPTPEER
#define TIOCGPTPEER _IO('T', 0x41)
#endif

static bool is_devpts(int fd)
{
	struct statfs fs;

	return fstatfs(fd, &fs) == 0 && fs.f_type == DEVPTS_SUPER_MAGIC;
}

static int open_multiplexer(struct bh_error *err)
{
	_cleanup_close_ int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC), fd = -EBADF;
	struct stat st;

	if (root < 0)
		return bh_fail_errno(err, -errno, "open /");
	fd = path_open_in_root(root, "/dev/pts/ptmx", O_RDWR | O_NOCTTY, 0);
	if (fd < 0)
		return bh_fail_errno(
			err, fd, "open /dev/pts/ptmx (a terminal needs a devpts mount)");
	if (!is_devpts(fd) || fstat(fd, &st) < 0 || !S_ISCHR(st.st_mode) ||
		st.st_rdev != makedev(5, 2))
		return bh_fail(
			err, -EINVAL, "/dev/pts/ptmx does not belong to a devpts file system");
	return TAKE_FD(fd);
}

static int bind_console(int terminal, struct bh_error *err)
{
	_cleanup_close_ int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC), target = -EBADF,
			    copy = -EBADF;
	struct stat st;
	int r;

	if (root < 0)
		return bh_fail_errno(err, -errno, "open /");
	target = path_touch_in_root(root, "/dev/console", 0600);
	if (target < 0)
		return bh_fail_errno(err, target, "make /dev/console");
	if (fstat(target, &st) < 0 || S_ISDIR(st.st_mode))
		return bh_fail(err, -EISDIR, "/dev/console is a directory");
	copy = mount_clone(terminal, false);
	if (copy < 0)
		return bh_fail_errno(err, copy, "clone the terminal for /dev/console");
	r = mount_attach(copy, target);
	return r < 0 ? bh_fail_errno(err, r, "bind /dev/console") : 0;
}

static int keep_line_ends(int master, struct bh_error *err)
{
	struct termios t;

	if (tcgetattr(master, &t) < 0)
		return bh_fail_errno(err, -errno, "read the settings of the terminal");
	t.c_oflag &= ~(tcflag_t)ONLCR;
	if (tcsetattr(master, TCSANOW, &t) < 0)
		return bh_fail_errno(err, -errno, "change the settings of the terminal");
	return 0;
}

int console_make(const struct oci_process *process, bool bind, bool plain, int *ret_master,
	int *ret_terminal, struct bh_error *err)
{
	struct winsize size = {.ws_row = process->console_height, .ws_col = process->console_width};
	_cleanup_close_ int master = open_multiplexer(err), terminal = -EBADF;
	int unlock = 0, r;

	if (master < 0)
		return master;
	if (ioctl(master, TIOCSPTLCK, &unlock) < 0)
		return bh_fail_errno(err, -errno, "unlock the terminal");
	terminal = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (terminal < 0)
		return bh_fail_errno(err, -errno, "open the terminal");
	if (!is_devpts(terminal))
		return bh_fail(
			err, -EINVAL, "the terminal does not belong to a devpts file system");
	if ((size.ws_row != 0 || size.ws_col != 0) && ioctl(master, TIOCSWINSZ, &size) < 0)
		return bh_fail_errno(err, -errno, "set the size of the terminal");
	if (plain) {
		r = keep_line_ends(master, err);
		if (r < 0)
			return r;
	}
	if (bind) {
		r = bind_console(terminal, err);
		if (r < 0)
			return r;
	}
	*ret_master = TAKE_FD(master);
	*ret_terminal = TAKE_FD(terminal);
	return 0;
}

int console_take(int terminal, struct bh_error *err)
{
	if (ioctl(terminal, TIOCSCTTY, 0) < 0)
		return bh_fail_errno(err, -errno, "make the terminal the controlling one");
	for (int fd = 0; fd < 3; fd++)
		if (dup2(terminal, fd) < 0)
			return bh_fail_errno(err, -errno, "dup2 the terminal");
	return 0;
}

int console_send(int socket, int master, struct bh_error *err)
{
	static const char name[] = "/dev/ptmx";
	struct iovec iov = {(void *)name, sizeof(name) - 1};
	union {
		char bytes[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control = {0};
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.bytes,
		.msg_controllen = sizeof(control.bytes),
	};
	struct cmsghdr *c = CMSG_FIRSTHDR(&msg);

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(c), &master, sizeof(int));
	if (TEMP_FAILURE_RETRY(sendmsg(socket, &msg, MSG_NOSIGNAL)) < 0)
		return bh_fail_errno(err, -errno, "send the terminal to the console socket");
	return 0;
}
