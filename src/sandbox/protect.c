// SPDX-License-Identifier: Apache-2.0
/*
 * A process of the container that gets hold of our executable (/proc/PID/exe of process 1 or of an
 * exec, or `#!/proc/self/exe`) could write to it as root (CVE-2019-5736). So the program runs from
 * a detached read-only clone of the mount it is on: the descriptor behind /proc/PID/exe then
 * refuses every write, and since the mount is in no namespace nobody can remount it. Costs one
 * execve(2) and no copy. Where detached mounts are not allowed, a sealed copy in memory serves.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/mem.h"
#include "kernel/mount.h"
#include "sandbox/sandbox.h"

#define SEALS (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)

static bool is_sealed(int exe)
{
	int seals = fcntl(exe, F_GET_SEALS);

	return seals >= 0 && (seals & SEALS) == SEALS;
}

static int readonly_mount(int exe)
{
	_cleanup_close_ int copy = mount_clone(exe, false);
	int r;

	if (copy < 0)
		return copy;
	r = mount_set_attributes(copy, MOUNT_ATTR_RDONLY, 0, false);
	return r < 0 ? r : TAKE_FD(copy);
}

static int sealed_copy(int exe)
{
	_cleanup_close_ int copy = memfd_create("bulkhead", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	struct stat st;
	off_t done = 0;

	if (copy < 0 || fstat(exe, &st) < 0)
		return -errno;
	while (done < st.st_size) {
		ssize_t n = sendfile(copy, exe, &done, (size_t)(st.st_size - done));

		if (n <= 0)
			return n < 0 ? -errno : -EIO;
	}
	return fcntl(copy, F_ADD_SEALS, SEALS) < 0 ? -errno : TAKE_FD(copy);
}

int sandbox_protect_self(char **argv, char **envp, struct bh_error *err)
{
	_cleanup_close_ int exe = -EBADF, copy = -EBADF;
	struct statvfs fs;

	if (statvfs("/proc/self/exe", &fs) == 0 && (fs.f_flag & ST_RDONLY) != 0)
		return 0;
	exe = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	if (exe < 0)
		return bh_fail_errno(err, -errno, "open /proc/self/exe");
	if (is_sealed(exe))
		return 0;
	copy = readonly_mount(exe);
	if (copy < 0)
		copy = sealed_copy(exe);
	if (copy < 0)
		return bh_fail_errno(err, copy, "make the program's executable read-only");
	(void)execveat(copy, "", argv, envp, AT_EMPTY_PATH);
	return bh_fail_errno(err, -errno, "execute the protected copy");
}
