// SPDX-License-Identifier: Apache-2.0
#include "sandbox/lsm.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"

#define LABEL_MAX 4096

static bool have_apparmor(void)
{
	_cleanup_close_ int fd =
		open("/sys/module/apparmor/parameters/enabled", O_RDONLY | O_CLOEXEC);
	char yes = 0;

	return fd >= 0 && read(fd, &yes, 1) == 1 && yes == 'Y';
}

static bool have_selinux(void)
{
	return access("/sys/fs/selinux/enforce", F_OK) == 0;
}

static bool wanted(const char *label)
{
	return label != NULL && label[0] != '\0';
}

int lsm_check(const struct oci_process *process, const char *mount_label, struct bh_error *err)
{
	if (wanted(process->apparmor_profile) && !have_apparmor())
		return bh_fail(err, -ENOTSUP,
			"/process/apparmorProfile: \"%s\" asked for, but AppArmor is not "
			"enabled in this kernel",
			process->apparmor_profile);
	if (wanted(process->selinux_label) && !have_selinux())
		return bh_fail(err, -ENOTSUP,
			"/process/selinuxLabel: \"%s\" asked for, but SELinux is not "
			"enabled in this kernel",
			process->selinux_label);
	if (wanted(mount_label) && !have_selinux())
		return bh_fail(err, -ENOTSUP,
			"/linux/mountLabel: \"%s\" asked for, but SELinux is not "
			"enabled in this kernel",
			mount_label);
	if (wanted(process->apparmor_profile) && wanted(process->selinux_label))
		return bh_fail(
			err, -EINVAL, "/process/selinuxLabel: not together with apparmorProfile");
	return 0;
}

int lsm_open(const struct oci_process *process, int *ret, struct bh_error *err)
{
	int fd = -EBADF;

	if (wanted(process->apparmor_profile)) {
		fd = open("/proc/thread-self/attr/apparmor/exec", O_WRONLY | O_CLOEXEC);
		if (fd < 0)
			fd = open("/proc/thread-self/attr/exec", O_WRONLY | O_CLOEXEC);
	} else if (wanted(process->selinux_label)) {
		fd = open("/proc/thread-self/attr/exec", O_WRONLY | O_CLOEXEC);
	} else {
		*ret = -EBADF;
		return 0;
	}
	if (fd < 0)
		return bh_fail_errno(err, -errno, "open the security attribute of the process");
	*ret = fd;
	return 0;
}

int lsm_set(const struct oci_process *process, int fd, struct bh_error *err)
{
	char text[LABEL_MAX];
	int r;

	if (fd < 0)
		return 0;
	if (wanted(process->apparmor_profile))
		r = snprintf(text, sizeof(text), "exec %s", process->apparmor_profile);
	else
		r = snprintf(text, sizeof(text), "%s", process->selinux_label);
	if (r >= (int)sizeof(text))
		return bh_fail(err, -E2BIG, "security label longer than %d bytes", LABEL_MAX);
	r = fd_write_all(fd, text, strlen(text));
	return r < 0 ? bh_fail_errno(err, r, "set security label \"%s\"", text) : 0;
}
