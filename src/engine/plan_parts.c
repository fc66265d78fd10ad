// SPDX-License-Identifier: Apache-2.0
#include "engine/plan_parts.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>

#include "base/mem.h"

#define NANO_CPU_PERIOD 100000u
#define MAX_OPTIONS     8

const char *plan_rlimit_name(const char *name, struct arena *a)
{
	char *text = arena_printf(a, "RLIMIT_%s", name);

	for (char *p = text; p != NULL && *p != '\0'; p++)
		*p = (char)toupper((unsigned char)*p);
	return text;
}

int plan_check_hosts(const struct oci_strings *hosts, struct bh_error *err)
{
	for (size_t i = 0; i < hosts->count; i++) {
		const char *address = strchr(hosts->items[i], ':') + 1;
		unsigned char out[16];

		if (strcmp(address, "host-gateway") == 0)
			return bh_fail(err, -ENOTSUP,
				"--add-host %.100s: there is no gateway to the host in this build; "
				"give an address",
				hosts->items[i]);
		if (inet_pton(AF_INET, address, out) != 1 && inet_pton(AF_INET6, address, out) != 1)
			return bh_fail(err, -EINVAL, "invalid IP address in add-host: \"%.100s\"",
				address);
	}
	return 0;
}

static void set_uint(struct oci_optional_uint *out, uint64_t value)
{
	if (value != 0)
		*out = (struct oci_optional_uint){true, value};
}

static void set_int(struct oci_optional_int *out, int64_t value)
{
	if (value != 0)
		*out = (struct oci_optional_int){true, value};
}

int plan_resources(
	const struct plan_input *in, struct arena *a, struct oci_resources *r, struct bh_error *err)
{
	const struct docker_resources *want = &in->create->host.resources;

	set_int(&r->memory.limit, (int64_t)want->memory);
	set_int(&r->memory.reservation, (int64_t)want->memory_reservation);
	set_int(&r->memory.swap, want->memory_swap);
	if (want->has_swappiness)
		r->memory.swappiness = (struct oci_optional_uint){true, want->swappiness};
	if (want->oom_kill_disable)
		r->memory.has_disable_oom_killer = r->memory.disable_oom_killer = true;
	set_uint(&r->cpu.shares, want->cpu_shares);
	set_uint(&r->cpu.period, want->cpu_period);
	set_int(&r->cpu.quota, want->cpu_quota);
	set_uint(&r->cpu.realtime_period, want->cpu_rt_period);
	set_int(&r->cpu.realtime_runtime, want->cpu_rt_runtime);
	if (want->nano_cpus != 0) {
		if (want->nano_cpus > (uint64_t)INT64_MAX / NANO_CPU_PERIOD)
			return bh_fail(err, -EINVAL, "NanoCpus is too large");
		set_uint(&r->cpu.period, NANO_CPU_PERIOD);
		set_int(&r->cpu.quota, (int64_t)(want->nano_cpus * NANO_CPU_PERIOD / 1000000000));
	}
	if (want->cpuset_cpus != NULL && *want->cpuset_cpus != '\0')
		r->cpu.cpus = want->cpuset_cpus;
	if (want->cpuset_mems != NULL && *want->cpuset_mems != '\0')
		r->cpu.mems = want->cpuset_mems;
	set_uint(&r->blkio.weight, want->blkio_weight);
	return 0;
}

static unsigned int access_of(const char *text)
{
	unsigned int access = 0;

	for (; *text != '\0'; text++)
		access |= *text == 'r'   ? OCI_DEVICE_READ
			  : *text == 'w' ? OCI_DEVICE_WRITE
					 : OCI_DEVICE_MKNOD;
	return access;
}

/* "c 1:3 rwm", checked before. */
static void parse_rule(const char *text, struct oci_device_rule *ret)
{
	char type = 'a', major[12] = "*", minor[12] = "*", access[4] = "rwm";

	(void)sscanf(text, "%c %11[0-9*]:%11[0-9*] %3[rwm]", &type, major, minor, access);
	*ret = (struct oci_device_rule){
		.allow = true, .type = type, .major = -1, .minor = -1, .access = access_of(access)};
	if (major[0] != '*')
		ret->major = strtol(major, NULL, 10);
	if (minor[0] != '*')
		ret->minor = strtol(minor, NULL, 10);
}

int plan_devices(
	const struct plan_input *in, struct arena *a, struct oci_config *c, struct bh_error *err)
{
	const struct docker_host_config *h = &in->create->host;
	size_t count = h->device_count;
	struct oci_device *devices = arena_calloc(a, count + 1, sizeof(*devices));
	struct oci_device_rule *rules = arena_calloc(a,
		c->resources.device_count + count + h->device_cgroup_rules.count + 1,
		sizeof(*rules));
	size_t n = c->resources.device_count;

	if (devices == NULL || rules == NULL)
		return bh_fail_errno(err, -ENOMEM, "devices of the container");
	memcpy(rules, c->resources.devices, n * sizeof(*rules));
	for (size_t i = 0; i < count; i++) {
		devices[i] = (struct oci_device){.path = h->devices[i].container_path,
			.type = in->devices[i].type,
			.major = in->devices[i].major,
			.minor = in->devices[i].minor,
			.has_mode = true,
			.mode = 0660};
		rules[n++] = (struct oci_device_rule){.allow = true,
			.type = in->devices[i].type,
			.major = in->devices[i].major,
			.minor = in->devices[i].minor,
			.access = access_of(h->devices[i].permissions)};
	}
	for (size_t i = 0; i < h->device_cgroup_rules.count; i++)
		parse_rule(h->device_cgroup_rules.items[i], &rules[n++]);
	c->devices = devices;
	c->device_count = count;
	c->resources.devices = rules;
	c->resources.device_count = n;
	return 0;
}

/* ---- mounts ---- */

static bool is_asked_for(const struct docker_host_config *h, const char *destination)
{
	for (size_t i = 0; i < h->mount_count; i++)
		if (strcmp(h->mounts[i].target, destination) == 0)
			return true;
	return false;
}

static struct oci_mount file_mount(const char *destination, const char *source)
{
	return (struct oci_mount){.destination = destination,
		.source = source,
		.type = "bind",
		.flags = MS_BIND,
		.is_bind = true,
		.propagation = MS_PRIVATE | MS_REC};
}

static struct oci_mount bind_mount(const struct docker_mount *m, bool mapped)
{
	struct oci_mount out = file_mount(m->target, m->source);

	out.recursive_bind = !m->non_recursive;
	out.flags = MS_BIND | (m->non_recursive ? 0 : MS_REC);
	out.propagation = m->propagation;
	if (m->readonly) {
		out.flags |= MS_RDONLY;
		if (m->readonly_recursive && !m->non_recursive)
			out.recursive_set = MOUNT_ATTR_RDONLY;
	}
	out.idmap = mapped;
	out.idmap_recursive = mapped && !m->non_recursive;
	return out;
}

static const struct {
	const char *name;
	unsigned long set, clear;
} tmpfs_flags[] = {{"ro", MS_RDONLY, 0}, {"rw", 0, MS_RDONLY}, {"exec", 0, MS_NOEXEC},
	{"noexec", MS_NOEXEC, 0}, {"suid", 0, MS_NOSUID}, {"nosuid", MS_NOSUID, 0},
	{"dev", 0, MS_NODEV}, {"nodev", MS_NODEV, 0}, {"noatime", MS_NOATIME, 0},
	{"atime", 0, MS_NOATIME}, {"sync", MS_SYNCHRONOUS, 0}, {"async", 0, MS_SYNCHRONOUS}};

static int tmpfs_option(const char *word, struct oci_mount *m, const char **data, size_t *n,
	const char *target, struct bh_error *err)
{
	static const char *const values[] = {
		"size=", "mode=", "uid=", "gid=", "nr_inodes=", "nr_blocks="};

	for (size_t i = 0; i < ARRAY_SIZE(tmpfs_flags); i++)
		if (strcmp(word, tmpfs_flags[i].name) == 0) {
			m->flags = (m->flags | tmpfs_flags[i].set) & ~tmpfs_flags[i].clear;
			return 0;
		}
	for (size_t i = 0; i < ARRAY_SIZE(values); i++)
		if (strncmp(word, values[i], strlen(values[i])) == 0) {
			if (*n == MAX_OPTIONS)
				return bh_fail(err, -E2BIG, "tmpfs %s: too many options", target);
			data[(*n)++] = word;
			return 0;
		}
	return bh_fail(err, -EINVAL, "invalid tmpfs option \"%.64s\" for %.200s", word, target);
}

/* Docker's defaults: no set-uid, no devices, no execution, unless the options say so. */
static int tmpfs_mount(
	const struct docker_mount *m, struct arena *a, struct oci_mount *ret, struct bh_error *err)
{
	const char **data = arena_calloc(a, MAX_OPTIONS + 3, sizeof(*data));
	char *options = arena_strdup(a, m->options != NULL ? m->options : ""), *save = NULL;
	struct oci_mount out = {.destination = m->target,
		.source = "tmpfs",
		.type = "tmpfs",
		.flags = MS_NOSUID | MS_NODEV | MS_NOEXEC};
	size_t n = 0;
	int r = 0;

	if (data == NULL || options == NULL)
		return bh_fail_errno(err, -ENOMEM, "tmpfs");
	for (char *word = strtok_r(options, ",", &save); r == 0 && word != NULL;
		word = strtok_r(NULL, ",", &save))
		r = tmpfs_option(word, &out, data, &n, m->target, err);
	if (m->tmpfs_size != 0)
		data[n++] = arena_printf(a, "size=%llu", (unsigned long long)m->tmpfs_size);
	if (m->tmpfs_mode != 0)
		data[n++] = arena_printf(a, "mode=%o", m->tmpfs_mode);
	if (m->readonly)
		out.flags |= MS_RDONLY;
	out.data = (struct oci_strings){data, n};
	if (r == 0)
		*ret = out;
	return r;
}

/* The size of /dev/shm, as asked. */
static int shm_mount(const struct plan_input *in, struct arena *a, struct oci_mount *m)
{
	uint64_t size = in->create->host.shm_size != 0 ? in->create->host.shm_size
						       : in->daemon->default_shm_size;
	const char **data;

	if (size == 0)
		return 0;
	data = arena_calloc(a, 3, sizeof(*data));
	if (data == NULL)
		return -ENOMEM;
	data[0] = "mode=1777";
	data[1] = arena_printf(a, "size=%llu", (unsigned long long)size);
	m->data = (struct oci_strings){data, 2};
	return data[1] == NULL ? -ENOMEM : 0;
}

/* Parents before children: what is mounted over /a must not hide /a/b. */
static int by_depth(const void *one, const void *two)
{
	const struct oci_mount *a = one, *b = two;
	int depth_a = 0, depth_b = 0;

	for (const char *p = a->destination; *p != '\0'; p++)
		depth_a += *p == '/';
	for (const char *p = b->destination; *p != '\0'; p++)
		depth_b += *p == '/';
	return depth_a != depth_b ? depth_a - depth_b : strcmp(a->destination, b->destination);
}

int plan_mounts(
	const struct plan_input *in, struct arena *a, struct oci_config *c, struct bh_error *err)
{
	const struct docker_host_config *h = &in->create->host;
	const struct {
		const char *destination, *source;
	} files[] = {{"/etc/resolv.conf", in->resolv_path}, {"/etc/hostname", in->hostname_path},
		{"/etc/hosts", in->hosts_path}};
	struct oci_mount *mounts = arena_calloc(
		a, c->mount_count + ARRAY_SIZE(files) + h->mount_count, sizeof(*mounts));
	size_t n = 0, first;
	int r = 0;

	if (mounts == NULL)
		return bh_fail_errno(err, -ENOMEM, "mounts of the container");
	for (size_t i = 0; i < c->mount_count; i++) {
		bool shm = strcmp(c->mounts[i].destination, "/dev/shm") == 0;

		if (is_asked_for(h, c->mounts[i].destination) || (shm && h->ipc_none))
			continue;
		mounts[n] = c->mounts[i];
		if (shm && shm_mount(in, a, &mounts[n]) < 0)
			return bh_fail_errno(err, -ENOMEM, "mounts of the container");
		n++;
	}
	first = n;
	for (size_t i = 0; i < ARRAY_SIZE(files); i++)
		if (!is_asked_for(h, files[i].destination))
			mounts[n++] = file_mount(files[i].destination, files[i].source);
	for (size_t i = 0; r == 0 && i < h->mount_count; i++) {
		if (h->mounts[i].type == DOCKER_MOUNT_BIND)
			mounts[n++] = bind_mount(&h->mounts[i], in->bind_mapped[i]);
		else
			r = tmpfs_mount(&h->mounts[i], a, &mounts[n++], err);
	}
	if (r < 0)
		return r;
	qsort(mounts + first, n - first, sizeof(*mounts), by_depth);
	c->mounts = mounts;
	c->mount_count = n;
	return 0;
}
