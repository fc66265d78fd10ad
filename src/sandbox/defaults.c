// SPDX-License-Identifier: Apache-2.0
/*
 * The defaults of a sandbox as data. Each table is the stock engine's list with what isolation as
 * the product adds: a user namespace, every other namespace, more masks, fewer capabilities, a
 * limit on processes. What is loosened for compatibility is loosened inside a namespace only: the
 * ping group and the first unprivileged port, so that NET_RAW and NET_BIND_SERVICE are not needed.
 */
#include "sandbox/defaults.h"

#include <errno.h>
#include <string.h>
#include <sys/mount.h>

#include "base/mem.h"

#define CAP(n)   (UINT64_C(1) << (n))
#define TTY_GID  5
#define GID_LAST INT32_MAX /* most the kernel's parameter takes */

/* ---- tables ---- */

static const char *const default_args[] = {"sh", NULL};
static const char *const default_env[] = {
	"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "TERM=xterm", NULL};

static const char *const capability_names[] = {
	"CAP_CHOWN",
	"CAP_DAC_OVERRIDE",
	"CAP_FOWNER",
	"CAP_FSETID",
	"CAP_KILL",
	"CAP_SETGID",
	"CAP_SETUID",
	"CAP_SETPCAP",
	"CAP_NET_BIND_SERVICE",
	"CAP_SYS_CHROOT",
	"CAP_AUDIT_WRITE",
	"CAP_SETFCAP",
};

struct mount_row {
	const char *destination, *type, *source;
	unsigned long flags;
	const char *data[4];
};

static const struct mount_row mount_rows[] = {
	{"/proc", "proc", "proc", MS_NOSUID | MS_NOEXEC | MS_NODEV, {}},
	{"/dev", "tmpfs", "tmpfs", MS_NOSUID | MS_STRICTATIME, {"mode=755", "size=65536k"}},
	{"/dev/pts", "devpts", "devpts", MS_NOSUID | MS_NOEXEC,
		{"newinstance", "ptmxmode=0666", "mode=0620", "gid=5"}},
	{"/dev/shm", "tmpfs", "shm", MS_NOSUID | MS_NOEXEC | MS_NODEV,
		{"mode=1777", "size=65536k"}},
	{"/dev/mqueue", "mqueue", "mqueue", MS_NOSUID | MS_NOEXEC | MS_NODEV, {}},
	{"/sys", "sysfs", "sysfs", MS_NOSUID | MS_NOEXEC | MS_NODEV | MS_RDONLY, {}},
	{"/sys/fs/cgroup", "cgroup", "cgroup", MS_NOSUID | MS_NOEXEC | MS_NODEV | MS_RDONLY, {}},
};

/* Kernel interfaces that tell about, or reach, more than the container. Those that a kernel does
 * not have are passed over. The lower block is not on the stock engine's list. */
static const char *const masked_paths[] = {
	"/proc/acpi",
	"/proc/asound",
	"/proc/interrupts",
	"/proc/kcore",
	"/proc/keys",
	"/proc/latency_stats",
	"/proc/sched_debug",
	"/proc/scsi",
	"/proc/timer_list",
	"/proc/timer_stats",
	"/sys/devices/virtual/powercap",
	"/sys/firmware",

	"/proc/key-users",
	"/proc/kmsg",
	"/proc/kpagecgroup",
	"/proc/kpagecount",
	"/proc/kpageflags",
	"/proc/vmallocinfo",
	"/sys/fs/bpf",
	"/sys/fs/pstore",
	"/sys/kernel/debug",
	"/sys/kernel/security",
	"/sys/kernel/tracing",
};

static const char *const readonly_paths[] = {
	"/proc/bus",
	"/proc/fs",
	"/proc/irq",
	"/proc/sys",
	"/proc/sysrq-trigger",

	"/proc/driver",
	"/proc/mtrr",
};

#define RWM (OCI_DEVICE_READ | OCI_DEVICE_WRITE | OCI_DEVICE_MKNOD)

static const struct oci_device_rule device_rules[] = {
	{.allow = false, .type = 'a', .major = -1, .minor = -1, .access = RWM},
	{.allow = true, .type = 'c', .major = 1, .minor = 3, .access = RWM},    /* null */
	{.allow = true, .type = 'c', .major = 1, .minor = 5, .access = RWM},    /* zero */
	{.allow = true, .type = 'c', .major = 1, .minor = 7, .access = RWM},    /* full */
	{.allow = true, .type = 'c', .major = 1, .minor = 8, .access = RWM},    /* random */
	{.allow = true, .type = 'c', .major = 1, .minor = 9, .access = RWM},    /* urandom */
	{.allow = true, .type = 'c', .major = 5, .minor = 0, .access = RWM},    /* tty */
	{.allow = true, .type = 'c', .major = 5, .minor = 2, .access = RWM},    /* ptmx */
	{.allow = true, .type = 'c', .major = 136, .minor = -1, .access = RWM}, /* pts */
};

/* ---- parts ---- */

static int no_memory(struct bh_error *err)
{
	return bh_fail(err, -ENOMEM, "the plan of the sandbox needs more memory than allowed");
}

/* count strings, and a NULL behind them. */
static int copy_strings(
	const char *const *from, size_t count, struct arena *a, struct oci_strings *ret)
{
	const char **items = arena_calloc(a, count + 1, sizeof(*items));

	if (items == NULL)
		return -ENOMEM;
	memcpy(items, from, count * sizeof(*items));
	ret->items = items;
	ret->count = count;
	return 0;
}

static int copy_list(const char *const *from, struct arena *a, struct oci_strings *ret)
{
	size_t count = 0;

	while (from[count] != NULL)
		count++;
	return copy_strings(from, count, a, ret);
}

uint64_t sandbox_default_capabilities(void)
{
	uint64_t set = 0;

	for (size_t i = 0; i < ARRAY_SIZE(capability_names); i++)
		set |= CAP(oci_capability_parse(capability_names[i]));
	return set;
}

static int make_process(const struct sandbox_defaults *d, uint64_t capabilities, struct arena *a,
	struct oci_process *p)
{
	const char *const *args = d->args != NULL ? d->args : default_args;
	int e = copy_list(args, a, &p->args);

	if (e == 0 && d->env != NULL)
		e = copy_list(d->env, a, &p->env);
	else if (e == 0)
		e = copy_strings(default_env, d->terminal ? 2 : 1, a, &p->env);
	if (e < 0)
		return e;
	p->terminal = d->terminal;
	p->cwd = d->cwd != NULL ? d->cwd : "/";
	p->user = d->user;
	p->no_new_privileges = d->no_new_privileges;
	p->has_capabilities = true;
	p->capabilities[OCI_CAP_BOUNDING] = capabilities;
	if (d->user.uid == 0) {
		p->capabilities[OCI_CAP_EFFECTIVE] = capabilities;
		p->capabilities[OCI_CAP_PERMITTED] = capabilities;
	}
	return 0;
}

static int make_mount(
	const struct mount_row *row, bool tty_group, struct arena *a, struct oci_mount *m)
{
	size_t count = 0;

	m->destination = row->destination;
	m->type = row->type;
	m->source = row->source;
	m->flags = row->flags;
	while (count < ARRAY_SIZE(row->data) && row->data[count] != NULL)
		count++;
	if (!tty_group && strcmp(row->type, "devpts") == 0)
		count--;
	return copy_strings(row->data, count, a, &m->data);
}

/* The terminals' group exists inside unless the id range is too small for it. */
static int make_mounts(const struct sandbox_defaults *d, struct arena *a, struct oci_config *c)
{
	bool tty_group = d->id_count == 0 ? !d->rootless : d->id_count > TTY_GID;
	struct oci_mount *mounts = arena_calloc(a, ARRAY_SIZE(mount_rows), sizeof(*mounts));

	if (mounts == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < ARRAY_SIZE(mount_rows); i++) {
		int e = make_mount(&mount_rows[i], tty_group, a, &mounts[i]);

		if (e < 0)
			return e;
	}
	c->mounts = mounts;
	c->mount_count = ARRAY_SIZE(mount_rows);
	return 0;
}

static int make_namespaces(const struct sandbox_defaults *d, struct arena *a, struct oci_config *c)
{
	struct oci_id_map *map;

	for (int kind = 0; kind < OCI_NS_COUNT; kind++)
		c->namespaces[kind].mode = OCI_NS_NEW;
	if (d->id_count == 0) {
		c->namespaces[OCI_NS_USER].mode = OCI_NS_HOST;
		return 0;
	}
	map = arena_alloc(a, sizeof(*map));
	if (map == NULL)
		return -ENOMEM;
	*map = (struct oci_id_map){.host_id = d->id_base, .size = d->id_count};
	c->uid_maps = (struct oci_id_maps){.items = map, .count = 1};
	c->gid_maps = c->uid_maps;
	return 0;
}

/* The group range is read by the kernel in the writer's user namespace: the host's for a privileged
 * maker, where the container's groups lie anywhere, else the container's own. */
static int make_sysctls(const struct sandbox_defaults *d, struct arena *a, struct oci_config *c)
{
	uint32_t last = d->rootless && d->id_count > 0 ? d->id_count - 1 : GID_LAST;
	struct oci_pair *pairs = arena_calloc(a, 2, sizeof(*pairs));
	const char *range = arena_printf(a, "0 %u", last < GID_LAST ? last : GID_LAST);

	if (pairs == NULL || range == NULL)
		return -ENOMEM;
	pairs[0] = (struct oci_pair){"net.ipv4.ip_unprivileged_port_start", "0"};
	pairs[1] = (struct oci_pair){"net.ipv4.ping_group_range", range};
	c->sysctl = pairs;
	c->sysctl_count = 2;
	return 0;
}

static void make_resources(const struct sandbox_defaults *d, struct oci_resources *r)
{
	r->present = true;
	r->devices = device_rules;
	r->device_count = ARRAY_SIZE(device_rules);
	r->pids_limit.set = true;
	r->pids_limit.value = d->pids_limit != 0 ? d->pids_limit : SANDBOX_PIDS_LIMIT;
}

static bool id_is_mapped(const struct sandbox_defaults *d, uint32_t id)
{
	return d->id_count == 0 || id < d->id_count;
}

static int check_ids(const struct sandbox_defaults *d, struct bh_error *err)
{
	if ((uint64_t)d->id_base + d->id_count > UINT32_MAX)
		return bh_fail(err, -EINVAL, "the id range %u+%u ends above the last id",
			d->id_base, d->id_count);
	if (!id_is_mapped(d, d->user.uid) || !id_is_mapped(d, d->user.gid))
		return bh_fail(err, -EINVAL,
			"user %u:%u is outside of the container's ids (0 to %u)", d->user.uid,
			d->user.gid, d->id_count - 1);
	for (size_t i = 0; i < d->user.additional_gid_count; i++)
		if (!id_is_mapped(d, d->user.additional_gids[i]))
			return bh_fail(err, -EINVAL,
				"group %u is outside of the container's ids (0 to %u)",
				d->user.additional_gids[i], d->id_count - 1);
	return 0;
}

/* ---- the whole ---- */

int sandbox_defaults(const struct sandbox_defaults *d, struct arena *a, struct oci_config *ret,
	struct bh_error *err)
{
	uint64_t capabilities =
		d->capabilities != NULL ? *d->capabilities : sandbox_default_capabilities();
	struct oci_config c = {
		.version = "1.2.0",
		.has_process = true,
		.root_path = d->root_path,
		.root_readonly = d->root_readonly,
		.hostname = d->hostname,
		.cgroups_path = d->cgroups_path,
	};
	int e = check_ids(d, err);

	if (e < 0)
		return e;
	/* Without privilege a limit is set only on request: no group may be writable, and what
	 * cannot be had is refused. */
	if (!d->rootless || d->pids_limit != 0)
		make_resources(d, &c.resources);
	e = make_process(d, capabilities, a, &c.process);
	if (e == 0)
		e = make_mounts(d, a, &c);
	if (e == 0)
		e = make_namespaces(d, a, &c);
	if (e == 0)
		e = make_sysctls(d, a, &c);
	if (e == 0)
		e = copy_strings(masked_paths, ARRAY_SIZE(masked_paths), a, &c.masked_paths);
	if (e == 0)
		e = copy_strings(readonly_paths, ARRAY_SIZE(readonly_paths), a, &c.readonly_paths);
	if (e == 0)
		e = sandbox_default_seccomp(capabilities, a, &c.seccomp);
	if (e < 0)
		return no_memory(err);
	*ret = c;
	return 0;
}
