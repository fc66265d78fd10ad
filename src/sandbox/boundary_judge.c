// SPDX-License-Identifier: Apache-2.0
#include "sandbox/boundary_judge.h"

#include <linux/capability.h>
#include <string.h>

#include "base/mem.h"
#include "spec/oci.h"

/* ---- capabilities ---- */

/* What a capability gives in the host's user namespace. Those left out are bounded by the
 * namespaces and files of the container. */
static const struct {
	int number;
	enum boundary_severity severity;
	const char *consequence;
} host_capabilities[] = {
	{CAP_SYS_ADMIN, BOUNDARY_BREAKS, "mounts file systems and undoes most of the isolation"},
	{CAP_SYS_MODULE, BOUNDARY_BREAKS, "loads code into the kernel"},
	{CAP_SYS_RAWIO, BOUNDARY_BREAKS, "reads and writes devices and memory directly"},
	{CAP_DAC_READ_SEARCH, BOUNDARY_BREAKS, "opens any file of the host by handle"},
	{CAP_SYS_BOOT, BOUNDARY_BREAKS, "loads another kernel"},
	{CAP_BPF, BOUNDARY_BREAKS, "loads programs into the kernel"},
	{CAP_MAC_ADMIN, BOUNDARY_BREAKS, "changes the policy of security modules"},
	{CAP_MAC_OVERRIDE, BOUNDARY_WEAKENS, "ignores the policy of security modules"},
	{CAP_SYS_PTRACE, BOUNDARY_WEAKENS, "reads and controls other processes that it sees"},
	{CAP_NET_ADMIN, BOUNDARY_WEAKENS,
		"writes the firewall and routes of its network namespace"},
	{CAP_NET_RAW, BOUNDARY_WEAKENS,
		"sends forged packets past the firewall in its network namespace"},
	{CAP_PERFMON, BOUNDARY_WEAKENS, "observes the whole machine"},
	{CAP_SYSLOG, BOUNDARY_WEAKENS, "reads the kernel log and addresses"},
	{CAP_SYS_TIME, BOUNDARY_WEAKENS, "sets the host's clock"},
	{CAP_SYS_RESOURCE, BOUNDARY_WEAKENS, "exceeds resource limits and reserved space"},
	{CAP_SYS_NICE, BOUNDARY_WEAKENS, "takes processor time from the host"},
	{CAP_AUDIT_CONTROL, BOUNDARY_WEAKENS, "turns the audit trail off"},
	{CAP_AUDIT_READ, BOUNDARY_WEAKENS, "reads the audit trail"},
	{CAP_CHECKPOINT_RESTORE, BOUNDARY_WEAKENS, "picks process numbers and reads mapped files"},
	{CAP_IPC_LOCK, BOUNDARY_NOTE, "locks memory beyond limits"},
	{CAP_LINUX_IMMUTABLE, BOUNDARY_NOTE, "sets and clears immutable flags of files"},
	{CAP_SYS_TTY_CONFIG, BOUNDARY_WEAKENS, "configures the host's terminals"},
	{CAP_BLOCK_SUSPEND, BOUNDARY_NOTE, "keeps the host from suspending"},
	{CAP_WAKE_ALARM, BOUNDARY_NOTE, "wakes the host up"},
};

static bool has(uint64_t set, int number)
{
	return (set >> number & 1) != 0;
}

static const char *name_capability(struct boundary_judge *j, int number, bool held)
{
	const char *name = oci_capability_name((unsigned int)number);

	return arena_printf(
		j->arena, "%s%s", name != NULL ? name : "?", held ? "" : " (bounding set only)");
}

static void judge_host_capabilities(struct boundary_judge *j, uint64_t held, uint64_t reachable)
{
	const struct boundary_facts *f = j->facts;

	for (size_t i = 0; i < ARRAY_SIZE(host_capabilities); i++) {
		int number = host_capabilities[i].number;
		enum boundary_severity severity = host_capabilities[i].severity;

		if (!has(reachable, number))
			continue;
		if (number == CAP_SYS_PTRACE &&
			f->namespaces[BOUNDARY_NS_PID].shared != BOUNDARY_NO)
			severity = BOUNDARY_BREAKS;
		/* a user without capabilities first has to find a way to gain it */
		if (!has(held, number) && f->inside_uid != 0 && severity == BOUNDARY_BREAKS)
			severity = BOUNDARY_WEAKENS;
		boundary_add(j, severity, "capability", host_capabilities[i].consequence,
			name_capability(j, number, has(held, number)));
	}
	if (has(reachable, CAP_MKNOD))
		boundary_add(j,
			f->device_filter == BOUNDARY_YES ? BOUNDARY_WEAKENS : BOUNDARY_BREAKS,
			"capability",
			f->device_filter == BOUNDARY_YES
				? "makes device nodes, usable as far as the device rules go"
				: "makes device nodes of the host's disks and memory",
			name_capability(j, CAP_MKNOD, has(held, CAP_MKNOD)));
}

static void judge_inner_capabilities(struct boundary_judge *j, uint64_t held, uint64_t reachable)
{
	bool own_network = j->facts->namespaces[BOUNDARY_NS_NETWORK].owned_inside != BOUNDARY_NO;

	if (has(reachable, CAP_SYS_ADMIN))
		boundary_add(j, BOUNDARY_WEAKENS, "capability",
			"mounts file systems inside, and reaches more kernel code",
			name_capability(j, CAP_SYS_ADMIN, has(held, CAP_SYS_ADMIN)));
	if (own_network && has(reachable, CAP_NET_ADMIN))
		boundary_add(j, BOUNDARY_WEAKENS, "capability",
			"writes the firewall inside its network namespace (Host layer)",
			name_capability(j, CAP_NET_ADMIN, has(held, CAP_NET_ADMIN)));
	if (own_network && has(reachable, CAP_NET_RAW))
		boundary_add(j, BOUNDARY_WEAKENS, "capability",
			"sends packets past the firewall inside its network namespace (Host layer)",
			name_capability(j, CAP_NET_RAW, has(held, CAP_NET_RAW)));
}

void boundary_judge_capabilities(struct boundary_judge *j)
{
	const struct boundary_facts *f = j->facts;
	uint64_t held = f->caps[BOUNDARY_CAP_EFFECTIVE] | f->caps[BOUNDARY_CAP_PERMITTED] |
			f->caps[BOUNDARY_CAP_AMBIENT];
	uint64_t reachable = held;

	/* with no_new_privs an execve(2) gains nothing beyond what is permitted */
	if (f->no_new_privs != 1)
		reachable |= f->caps[BOUNDARY_CAP_BOUNDING];
	if (j->host_user_ns && !f->rootless)
		judge_host_capabilities(j, held, reachable);
	else
		judge_inner_capabilities(j, held, reachable);
}

/* ---- mounts ---- */

/* Host directories through which a writer owns the host. */
static const char *const vital[] = {"/", "/bin", "/boot", "/dev", "/etc", "/home", "/lib", "/lib64",
	"/opt", "/proc", "/root", "/run", "/sbin", "/sys", "/usr", "/var", "/var/lib", "/var/run"};

static bool is_vital(const char *path)
{
	for (size_t i = 0; i < ARRAY_SIZE(vital); i++)
		if (strcmp(path, vital[i]) == 0)
			return true;
	return strncmp(path, "/etc/", 5) == 0 || strncmp(path, "/boot/", 6) == 0 ||
	       strncmp(path, "/usr/", 5) == 0;
}

/* By last component: sockets whose clients may do anything on the host. */
static const char *const engine_sockets[] = {"bulkhead.sock", "docker.sock", "containerd.sock",
	"podman.sock", "crio.sock", "buildkitd.sock", "system_bus_socket"};

static bool is_engine_socket(const struct boundary_mount *m)
{
	const char *path = m->host_path != NULL ? m->host_path : m->path;
	const char *slash = strrchr(path, '/');
	const char *name = slash != NULL ? slash + 1 : path;

	for (size_t i = 0; i < ARRAY_SIZE(engine_sockets); i++)
		if (strcmp(name, engine_sockets[i]) == 0)
			return true;
	return strncmp(path, "/run/bulkhead/", 14) == 0 ||
	       strcmp(path, "/run/systemd/private") == 0;
}

/* The user of the container is the owner of what the host's root owns. */
static bool acts_as_host_root(const struct boundary_judge *j)
{
	return j->facts->uid == 0 && !j->facts->rootless;
}

static void judge_bind(struct boundary_judge *j, const struct boundary_mount *m)
{
	const char *from = m->host_path != NULL ? m->host_path : "a file system of the host";
	const char *detail = arena_printf(
		j->arena, "%s on %s%s", from, m->path, m->readonly ? " (read-only)" : "");
	bool as_root = j->host_user_ns || acts_as_host_root(j);

	if (m->socket) {
		boundary_add(j, is_engine_socket(m) ? BOUNDARY_BREAKS : BOUNDARY_WEAKENS, "socket",
			is_engine_socket(m) ? "controls a service that can do anything on the host"
					    : "talks to a service of the host",
			detail);
		return;
	}
	/* device nodes are judged by their numbers */
	if (strcmp(m->type, "devtmpfs") == 0 && strcmp(m->root, "/") != 0)
		return;
	if (!m->readonly && !m->file && is_vital(from))
		boundary_add(j, as_root ? BOUNDARY_BREAKS : BOUNDARY_WEAKENS, "mount",
			"writes a directory that the host trusts, as far as its ids may", detail);
	else if (!m->readonly)
		boundary_add(j, m->file ? BOUNDARY_NOTE : BOUNDARY_WEAKENS, "mount",
			m->file ? "writes a file of the host" : "writes a directory of the host",
			detail);
	else
		boundary_add(j, is_vital(from) && !m->file ? BOUNDARY_WEAKENS : BOUNDARY_NOTE,
			"mount", "reads files of the host", detail);
}

/* /proc or /sys mounted at another place, past what is masked and read-only at the usual one. */
static void judge_second_view(struct boundary_judge *j, const struct boundary_mount *m)
{
	bool is_proc = strcmp(m->type, "proc") == 0 && strcmp(m->path, "/proc") != 0;
	bool is_sys = strcmp(m->type, "sysfs") == 0 && strcmp(m->path, "/sys") != 0;

	if ((!is_proc && !is_sys) || strcmp(m->root, "/") != 0)
		return;
	if (!m->readonly && acts_as_host_root(j))
		boundary_add(j, BOUNDARY_BREAKS, "kernel-path",
			"writes kernel settings that are protected at the usual place", m->path);
	else
		boundary_add(j, is_proc ? BOUNDARY_WEAKENS : BOUNDARY_NOTE, "kernel-path",
			"shows what is masked at the usual place", m->path);
}

static void judge_mount(struct boundary_judge *j, const struct boundary_mount *m)
{
	if (m->host_bind)
		judge_bind(j, m);
	if (strncmp(m->type, "cgroup", 6) == 0 && !m->readonly)
		boundary_add(j, acts_as_host_root(j) ? BOUNDARY_WEAKENS : BOUNDARY_NOTE,
			"kernel-path", "changes control groups that it sees, as far as its ids may",
			arena_printf(j->arena, "%s is writable", m->path));
	if (m->shared)
		boundary_add(j, BOUNDARY_WEAKENS, "propagation",
			"mounts made inside appear on the host", m->path);
	judge_second_view(j, m);
}

/* Whether a path of the kernel changes the machine when written by its owner, who is the host's
 * root; the others only tell something. */
static const struct {
	const char *path, *consequence;
	bool by_writing;
} kernel_judgements[] = {
	{"/proc/sys", "writes kernel settings that are not per namespace", true},
	{"/proc/sysrq-trigger", "reboots or crashes the host", true},
	{"/proc/bus", "writes to buses of the host", true},
	{"/proc/fs", "writes file system settings of the host", true},
	{"/proc/irq", "moves interrupts of the host", true},
	{"/sys", "writes device and kernel settings", true},
	{"/proc/kcore", "reads the memory of the host", false},
	{"/proc/keys", "reads names of keys of other users", false},
	{"/proc/latency_stats", "reads what other processes wait for", false},
	{"/proc/timer_list", "reads timers of other processes", false},
	{"/proc/sched_debug", "reads names of other processes", false},
	{"/proc/scsi", "reads and removes disks of the host", false},
	{"/proc/acpi", "reads power state of the host", false},
	{"/proc/asound", "reads sound devices of the host", false},
	{"/proc/interrupts", "reads timing of the host", false},
	{"/sys/firmware", "reads firmware tables of the host", false},
	{"/sys/devices/virtual/powercap", "reads power use, a side channel", false},
};

static void judge_kernel_path(struct boundary_judge *j, const struct boundary_kernel_path *path)
{
	for (size_t i = 0; i < ARRAY_SIZE(kernel_judgements); i++) {
		bool writes = kernel_judgements[i].by_writing;
		enum boundary_severity severity = BOUNDARY_WEAKENS;

		if (strcmp(kernel_judgements[i].path, path->path) != 0)
			continue;
		if (!path->present || path->masked || (writes && path->readonly))
			return;
		if (writes && acts_as_host_root(j))
			severity = BOUNDARY_BREAKS;
		else if (!acts_as_host_root(j))
			severity = BOUNDARY_NOTE;
		boundary_add(j, severity, "kernel-path", kernel_judgements[i].consequence,
			arena_printf(j->arena, "%s is %s", path->path,
				writes ? "writable" : "not masked"));
		return;
	}
}

void boundary_judge_mounts(struct boundary_judge *j)
{
	const struct boundary_facts *f = j->facts;

	for (size_t i = 0; i < f->mount_count; i++)
		judge_mount(j, &f->mounts[i]);
	for (size_t i = 0; i < f->kernel_path_count; i++)
		judge_kernel_path(j, &f->kernel_paths[i]);
}

/* ---- devices ---- */

static void judge_device(struct boundary_judge *j, const struct boundary_device *d)
{
	bool memory = d->type == 'c' && d->major == 1 &&
		      (d->minor == 1 || d->minor == 2 || d->minor == 4); /* mem, kmem, port */
	const char *detail;

	if (d->standard)
		return;
	detail = arena_printf(j->arena, "%s (%c %u:%u)", d->path, d->type, d->major, d->minor);
	if (memory)
		boundary_add(j, BOUNDARY_BREAKS, "device", "reads and writes the machine's memory",
			detail);
	else if (d->type == 'b')
		boundary_add(j, acts_as_host_root(j) ? BOUNDARY_BREAKS : BOUNDARY_WEAKENS, "device",
			"reads and writes a disk of the host below its file system", detail);
	else
		boundary_add(j, BOUNDARY_WEAKENS, "device", "uses a device of the host", detail);
}

void boundary_judge_devices(struct boundary_judge *j)
{
	const struct boundary_facts *f = j->facts;

	for (size_t i = 0; i < f->device_count; i++)
		judge_device(j, &f->devices[i]);
	if (!f->devices_seen)
		boundary_add(j, BOUNDARY_NOTE, "device", "nodes in it are not part of this report",
			"/dev could not be seen");
	if (f->device_filter != BOUNDARY_YES && j->host_user_ns)
		boundary_add(j, BOUNDARY_WEAKENS, "device-rules",
			"any device node it comes by can be used",
			f->device_filter == BOUNDARY_NO ? "all devices are allowed"
							: "could not be seen");
}
