// SPDX-License-Identifier: Apache-2.0
#include "kernel/caps.h"

#include <errno.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

static int get(struct __user_cap_data_struct data[2])
{
	struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};

	return syscall(SYS_capget, &header, data) < 0 ? -errno : 0;
}

unsigned int caps_last(void)
{
	unsigned int last = 63;

	while (last > 0 && prctl(PR_CAPBSET_READ, last, 0, 0, 0) < 0)
		last--;
	return last;
}

int caps_effective(uint64_t *ret)
{
	struct __user_cap_data_struct data[2] = {0};
	int r = get(data);

	if (r < 0)
		return r;
	*ret = data[0].effective | (uint64_t)data[1].effective << 32;
	return 0;
}

int caps_permitted(uint64_t *ret)
{
	struct __user_cap_data_struct data[2] = {0};
	int r = get(data);

	if (r < 0)
		return r;
	*ret = data[0].permitted | (uint64_t)data[1].permitted << 32;
	return 0;
}

bool caps_have(unsigned int capability)
{
	uint64_t effective;

	return caps_effective(&effective) == 0 && (effective >> capability & 1) != 0;
}

int caps_set_bounding(uint64_t keep)
{
	for (unsigned int cap = 0; cap < 64; cap++) {
		if (prctl(PR_CAPBSET_READ, cap, 0, 0, 0) < 0)
			break;
		if ((keep >> cap & 1) != 0)
			continue;
		if (prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) < 0)
			return -errno;
	}
	return 0;
}

int caps_set(uint64_t effective, uint64_t permitted, uint64_t inheritable)
{
	struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
	struct __user_cap_data_struct data[2] = {
		{(uint32_t)effective, (uint32_t)permitted, (uint32_t)inheritable},
		{(uint32_t)(effective >> 32), (uint32_t)(permitted >> 32),
			(uint32_t)(inheritable >> 32)},
	};

	return syscall(SYS_capset, &header, data) < 0 ? -errno : 0;
}

int caps_set_ambient(uint64_t ambient)
{
	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0)
		return errno == EINVAL && ambient == 0 ? 0 : -errno;
	for (unsigned int cap = 0; cap < 64; cap++) {
		if ((ambient >> cap & 1) == 0)
			continue;
		if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, cap, 0, 0) < 0)
			return -errno;
	}
	return 0;
}
