// SPDX-License-Identifier: Apache-2.0
/*
 * HostConfig as a table: what each key does, how `inspect` shows its default, or why it is refused.
 */
#include "spec/docker_host.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"

#define NOT_YET " not supported by this build yet"

static int read_isolation(struct docker_reader *r, const struct json *node, void *target)
{
	enum docker_isolation *out = target;
	const char *text = NULL;
	int code = docker_read_string(r, node, &text);

	if (code < 0 || text == NULL || strcmp(text, "default") == 0)
		return code;
	if (strcmp(text, "process") == 0)
		*out = DOCKER_ISOLATION_PROCESS;
	else if (strcmp(text, "hyperv") == 0)
		*out = DOCKER_ISOLATION_HYPERV;
	else
		return docker_refuse(r, -EINVAL,
			"invalid isolation \"%.64s\": must be default, process or hyperv", text);
	return 0;
}

static int read_network(struct docker_reader *r, const struct json *node, void *target)
{
	enum docker_network *out = target;
	const char *text = NULL;
	int code = docker_read_string(r, node, &text);

	if (code < 0 || text == NULL || strcmp(text, "default") == 0)
		return code;
	if (strcmp(text, "none") != 0)
		return docker_refuse(r, -ENOTSUP,
			"network \"%.64s\" is not supported by this build yet (use --network "
			"none, or none given)",
			text);
	*out = DOCKER_NETWORK_NONE;
	return 0;
}

/* A mode string of which only some values are served. */
static int read_mode(struct docker_reader *r, const struct json *node, const char *what,
	const char *const *served, const char **ret)
{
	const char *text = NULL;
	int code = docker_read_string(r, node, &text);

	*ret = text;
	if (code < 0 || text == NULL)
		return code;
	for (size_t i = 0; served[i] != NULL; i++)
		if (strcmp(text, served[i]) == 0)
			return 0;
	return docker_refuse(r, -ENOTSUP,
		"%s \"%.64s\" is not supported by this build yet (use \"%s\")", what, text,
		served[0]);
}

static int read_ipc(struct docker_reader *r, const struct json *node, void *target)
{
	static const char *const served[] = {"private", "none", NULL};
	const char *text;
	int code = read_mode(r, node, "IPC mode", served, &text);

	*(bool *)target = code == 0 && text != NULL && strcmp(text, "none") == 0;
	return code;
}

static int read_userns(struct docker_reader *r, const struct json *node, void *target)
{
	static const char *const served[] = {"private", "host", NULL};
	const char *text;
	int code = read_mode(r, node, "user namespace mode", served, &text);

	*(bool *)target = code == 0 && text != NULL && strcmp(text, "host") == 0;
	return code;
}

static int read_private(struct docker_reader *r, const struct json *node, void *target)
{
	static const char *const served[] = {"private", NULL};
	const char *text;

	(void)target;
	return read_mode(r, node, node->key, served, &text);
}

static int read_runtime(struct docker_reader *r, const struct json *node, void *target)
{
	const char *text = NULL;
	int code = docker_read_string(r, node, &text);

	(void)target;
	if (code == 0 && text != NULL && strcmp(text, "bulkhead") != 0)
		return docker_refuse(r, -EINVAL,
			"unknown or invalid runtime name: %.64s (this engine has \"bulkhead\")",
			text);
	return code;
}

static int read_restart(struct docker_reader *r, const struct json *node, void *target)
{
	const char *name = json_get_string(node, "Name");

	(void)target;
	if (name == NULL || *name == '\0' || strcmp(name, "no") == 0) {
		if (json_get_int(node, "MaximumRetryCount", 0) != 0)
			return docker_refuse(r, -EINVAL,
				"invalid restart policy: maximum retry count cannot be used with "
				"restart policy 'no'");
		return 0;
	}
	return docker_refuse(r, -ENOTSUP,
		"restart policy \"%.64s\" is not supported by this build yet (use \"no\")", name);
}

static int read_swappiness(struct docker_reader *r, const struct json *node, void *target)
{
	struct docker_resources *out = target;
	int64_t value;
	int code = docker_read_int(r, node, &value);

	if (code < 0 || value == -1)
		return code;
	if (value < 0 || value > 100)
		return docker_refuse(r, -EINVAL,
			"Invalid value: %lld, valid memory swappiness range is 0-100",
			(long long)value);
	out->has_swappiness = true;
	out->swappiness = (uint32_t)value;
	return 0;
}

static int read_oom_score(struct docker_reader *r, const struct json *node, void *target)
{
	struct docker_host_config *out = target;
	int64_t value;
	int code = docker_read_int(r, node, &value);

	if (code < 0)
		return code;
	if (value < -1000 || value > 1000)
		return docker_refuse(r, -EINVAL,
			"Invalid value %lld, range for oom score adj is [-1000, 1000]",
			(long long)value);
	out->has_oom_score_adj = value != 0;
	out->oom_score_adj = (int)value;
	return 0;
}

static int read_blkio(struct docker_reader *r, const struct json *node, void *target)
{
	uint64_t value;
	int code = docker_read_uint(r, node, &value);

	if (code == 0 && value != 0 && (value < 10 || value > 1000))
		return docker_refuse(r, -EINVAL, "Range of blkio weight is from 10 to 1000");
	if (code == 0)
		*(uint32_t *)target = (uint32_t)value;
	return code;
}

static int read_masked(struct docker_reader *r, const struct json *node, void *target)
{
	struct docker_host_config *out = target;

	out->has_masked_paths = true;
	return docker_read_strings(r, node, &out->masked_paths);
}

static int read_readonly(struct docker_reader *r, const struct json *node, void *target)
{
	struct docker_host_config *out = target;

	out->has_readonly_paths = true;
	return docker_read_strings(r, node, &out->readonly_paths);
}

static int read_device_rules(struct docker_reader *r, const struct json *node, void *target)
{
	struct oci_strings *rules = target;
	int code = docker_read_strings(r, node, rules);

	for (size_t i = 0; code == 0 && i < rules->count; i++) {
		const char *rule = rules->items[i];
		char type, major[12], minor[12], access[4], more;

		if (sscanf(rule, "%c %11[0-9*]:%11[0-9*] %3[rwm]%c", &type, major, minor, access,
			    &more) != 4 ||
			strchr("abc", type) == NULL)
			return docker_refuse(
				r, -EINVAL, "invalid device cgroup rule format: '%.64s'", rule);
	}
	return code;
}

static int read_hosts(struct docker_reader *r, const struct json *node, void *target)
{
	struct oci_strings *hosts = target;
	int code = docker_read_strings(r, node, hosts);

	for (size_t i = 0; code == 0 && i < hosts->count; i++)
		if (strchr(hosts->items[i], ':') == NULL || hosts->items[i][0] == ':' ||
			strpbrk(hosts->items[i], "\r\n\t ") != NULL)
			return docker_refuse(
				r, -EINVAL, "bad format for add-host: \"%.100s\"", hosts->items[i]);
	return code;
}

/* Lines of resolv.conf: nothing may break out of its line. */
static int read_dns(struct docker_reader *r, const struct json *node, void *target)
{
	struct oci_strings *list = target;
	int code = docker_read_strings(r, node, list);

	for (size_t i = 0; code == 0 && i < list->count; i++)
		if (strpbrk(list->items[i], "\r\n\t ") != NULL || list->items[i][0] == '\0')
			return docker_refuse(
				r, -EINVAL, "invalid DNS setting: \"%.100s\"", list->items[i]);
	return code;
}

#define HOST(name, fn, member, shown)                                                              \
	{                                                                                          \
		name, fn, offsetof(struct docker_host_config, member), shown, NULL                 \
	}
#define WHOLE(name, fn, shown)                                                                     \
	{                                                                                          \
		name, fn, 0, shown, NULL                                                           \
	}
/* Of which some values are refused: remark says which and what would work. */
#define PARTLY(name, fn, member, shown, remark)                                                    \
	{                                                                                          \
		name, fn, offsetof(struct docker_host_config, member), shown, remark               \
	}
#define PARTLY_WHOLE(name, fn, shown, remark)                                                      \
	{                                                                                          \
		name, fn, 0, shown, remark                                                         \
	}
#define NO(name, shown, text, remedy)                                                              \
	{                                                                                          \
		name, NULL, 0, shown, text NOT_YET " (" remedy ")"                                 \
	}
#define ONLY_PRIVATE "**refused** unless \"private\" or empty"

#define MASKED                                                                                     \
	"[\"/proc/acpi\",\"/proc/asound\",\"/proc/interrupts\",\"/proc/kcore\",\"/proc/keys\","    \
	"\"/proc/latency_stats\",\"/proc/sched_debug\",\"/proc/scsi\",\"/proc/timer_list\","       \
	"\"/proc/timer_stats\",\"/sys/devices/virtual/powercap\",\"/sys/firmware\"]"
#define READONLY "[\"/proc/bus\",\"/proc/fs\",\"/proc/irq\",\"/proc/sys\",\"/proc/sysrq-trigger\"]"

static const struct docker_key host_keys[] = {
	PARTLY_WHOLE("Binds", docker_read_binds_whole, "null",
		"enforced; **refused** for named volumes: bind an absolute path of the host"),
	WHOLE("ContainerIDFile", docker_read_nothing, "\"\""), /* written by the client */
	PARTLY("LogConfig", docker_read_log_config, log, "{\"Type\":\"json-file\",\"Config\":{}}",
		"enforced; **refused** for drivers other than json-file and none"),
	PARTLY("NetworkMode", read_network, network, "\"default\"",
		"**refused** unless \"none\", \"default\" or empty, which are all the empty "
		"network"),
	NO("PortBindings", "{}", "published ports are",
		"leave -p out; a unix socket in a bound directory reaches the service"),
	PARTLY_WHOLE("RestartPolicy", read_restart, "{\"Name\":\"no\",\"MaximumRetryCount\":0}",
		"**refused** unless \"no\" or empty: start containers again by a service of the "
		"host"),
	HOST("AutoRemove", docker_read_bool, auto_remove, "false"),
	NO("VolumeDriver", "\"\"", "volume drivers are",
		"bind a host directory with -v, or use --tmpfs"),
	NO("VolumesFrom", "null", "volumes of another container are",
		"repeat the other container's -v options"),
	HOST("ConsoleSize", docker_read_console, console_height, "[0,0]"),
	HOST("Annotations", docker_read_pairs, annotations, NULL),
	PARTLY("CapAdd", docker_read_caps, cap_add, "null",
		"enforced; **refused** for what does nothing in a user namespace of its own "
		"(AUDIT_CONTROL, AUDIT_READ, BLOCK_SUSPEND, BPF, LINUX_IMMUTABLE, MAC_ADMIN, "
		"MAC_OVERRIDE, MKNOD, PERFMON, SYSLOG, SYS_MODULE, SYS_PACCT, SYS_RAWIO, SYS_TIME, "
		"SYS_TTY_CONFIG, WAKE_ALARM): leave it out, use --device for device nodes"),
	HOST("CapDrop", docker_read_caps, cap_drop, "null"),
	NO("Capabilities", NULL, "an exact capability list is", "use CapAdd and CapDrop"),
	PARTLY_WHOLE("CgroupnsMode", read_private, "\"private\"", ONLY_PRIVATE),
	HOST("Dns", read_dns, dns, "[]"),
	HOST("DnsOptions", read_dns, dns_options, "[]"),
	HOST("DnsSearch", read_dns, dns_search, "[]"),
	HOST("ExtraHosts", read_hosts, extra_hosts, "null"),
	HOST("GroupAdd", docker_read_strings, group_add, "null"),
	PARTLY("IpcMode", read_ipc, ipc_none, "\"private\"",
		"enforced; **refused** unless \"private\", \"none\" or empty"),
	NO("Cgroup", "\"\"", "another container's cgroup is",
		"leave it out; --cgroup-parent puts containers below one group"),
	NO("Links", "null", "links are", "share a bound directory between the containers"),
	WHOLE("OomScoreAdj", read_oom_score, "0"),
	PARTLY_WHOLE("PidMode", read_private, "\"\"", ONLY_PRIVATE),
	PARTLY("Privileged", docker_read_bool, privileged, "false",
		"**refused** unless false: " DOCKER_NO_PRIVILEGED),
	NO("PublishAllPorts", "false", "published ports are",
		"leave -P out; a unix socket in a bound directory reaches the service"),
	HOST("ReadonlyRootfs", docker_read_bool, readonly_rootfs, "false"),
	PARTLY("SecurityOpt", docker_read_security, security, "null",
		"enforced; **refused** for apparmor and label with a profile, and for "
		"credentialspec"),
	NO("StorageOpt", NULL, "storage options are",
		"leave it out and bound the file system that holds data-root, or use --tmpfs with "
		"a size"),
	WHOLE("Tmpfs", docker_read_tmpfs_whole, NULL),
	PARTLY_WHOLE("UTSMode", read_private, "\"\"", ONLY_PRIVATE),
	PARTLY("UsernsMode", read_userns, userns_host, "\"\"",
		"**refused** unless \"private\" or empty: " DOCKER_NO_USERNS_HOST),
	HOST("ShmSize", docker_read_uint, shm_size, "67108864"),
	PARTLY("Sysctls", docker_read_pairs, sysctls, NULL,
		"enforced; **refused** for what is not the container's alone: net.*, fs.mqueue.*, "
		"kernel.msg*, kernel.sem and kernel.shm* are"),
	PARTLY_WHOLE("Runtime", read_runtime, "\"bulkhead\"",
		"**refused** unless \"bulkhead\" or empty"),
	PARTLY("Isolation", read_isolation, isolation, "\"process\"",
		"enforced; **refused** for \"hyperv\": never replaced by a weaker one, use "
		"\"process\""),
	HOST("CpuShares", docker_read_uint, resources.cpu_shares, "0"),
	HOST("Memory", docker_read_uint, resources.memory, "0"),
	HOST("NanoCpus", docker_read_uint, resources.nano_cpus, "0"),
	HOST("CgroupParent", docker_read_string, cgroup_parent, "\"\""),
	HOST("BlkioWeight", read_blkio, resources.blkio_weight, "0"),
	NO("BlkioWeightDevice", "[]", "block I/O weights per device are",
		"use --blkio-weight, which is for all devices"),
	NO("BlkioDeviceReadBps", "[]", "block I/O limits are", "use --blkio-weight"),
	NO("BlkioDeviceWriteBps", "[]", "block I/O limits are", "use --blkio-weight"),
	NO("BlkioDeviceReadIOps", "[]", "block I/O limits are", "use --blkio-weight"),
	NO("BlkioDeviceWriteIOps", "[]", "block I/O limits are", "use --blkio-weight"),
	HOST("CpuPeriod", docker_read_uint, resources.cpu_period, "0"),
	HOST("CpuQuota", docker_read_int, resources.cpu_quota, "0"),
	HOST("CpuRealtimePeriod", docker_read_uint, resources.cpu_rt_period, "0"),
	HOST("CpuRealtimeRuntime", docker_read_int, resources.cpu_rt_runtime, "0"),
	HOST("CpusetCpus", docker_read_string, resources.cpuset_cpus, "\"\""),
	HOST("CpusetMems", docker_read_string, resources.cpuset_mems, "\"\""),
	WHOLE("Devices", docker_read_devices_whole, "[]"),
	HOST("DeviceCgroupRules", read_device_rules, device_cgroup_rules, "null"),
	NO("DeviceRequests", "null", "device requests (--gpus) are",
		"name the device nodes with --device"),
	NO("KernelMemory", NULL, "kernel memory limits are",
		"use --memory, which counts the kernel's share too"),
	NO("KernelMemoryTCP", NULL, "kernel TCP memory limits are",
		"leave it out; --memory limits the whole"),
	HOST("MemoryReservation", docker_read_uint, resources.memory_reservation, "0"),
	HOST("MemorySwap", docker_read_int, resources.memory_swap, "0"),
	HOST("MemorySwappiness", read_swappiness, resources, "null"),
	HOST("OomKillDisable", docker_read_bool, resources.oom_kill_disable, "false"),
	NO("Init", NULL, "an init process in the container (--init) is",
		"name an init program of the image in --entrypoint"),
	HOST("PidsLimit", docker_read_int, resources.pids_limit, "null"),
	WHOLE("Ulimits", docker_read_ulimits_whole, "[]"),
	NO("CpuCount", "0", "CpuCount is", "use --cpus"),
	NO("CpuPercent", "0", "CpuPercent is", "use --cpus"),
	NO("IOMaximumIOps", "0", "I/O bandwidth limits are",
		"they are for Windows; use --blkio-weight"),
	NO("IOMaximumBandwidth", "0", "I/O bandwidth limits are",
		"they are for Windows; use --blkio-weight"),
	PARTLY_WHOLE("Mounts", docker_read_mounts_whole, NULL,
		"enforced; **refused** for types other than bind and tmpfs"),
	WHOLE("MaskedPaths", read_masked, MASKED),
	WHOLE("ReadonlyPaths", read_readonly, READONLY),
};

static int check_memory(struct docker_reader *r, const struct docker_resources *m)
{
	if (m->memory != 0 && m->memory < (6u << 20))
		return docker_refuse(r, -EINVAL, "Minimum memory limit allowed is 6MB");
	if (m->memory_swap > 0 && m->memory == 0)
		return docker_refuse(r, -EINVAL,
			"You should always set the Memory limit when using Memoryswap limit, see "
			"usage");
	if (m->memory_swap > 0 && (uint64_t)m->memory_swap < m->memory)
		return docker_refuse(r, -EINVAL,
			"Minimum memoryswap limit should be larger than memory limit, see usage");
	if (m->memory != 0 && m->memory_reservation > m->memory)
		return docker_refuse(r, -EINVAL,
			"Minimum memory limit can not be less than memory reservation limit, see "
			"usage");
	if (m->memory_swap < -1)
		return docker_refuse(r, -EINVAL, "invalid MemorySwap");
	return 0;
}

static int check_cpu(struct docker_reader *r, const struct docker_resources *m)
{
	if (m->nano_cpus > 0 && (m->cpu_period > 0 || m->cpu_quota != 0))
		return docker_refuse(r, -EINVAL,
			"Conflicting options: Nano CPUs and CPU %s cannot both be set",
			m->cpu_period > 0 ? "Period" : "Quota");
	if (m->cpu_period != 0 && (m->cpu_period < 1000 || m->cpu_period > 1000000))
		return docker_refuse(r, -EINVAL,
			"CPU cfs period can not be less than 1ms (i.e. 1000) or larger than 1s "
			"(i.e. 1000000)");
	if (m->cpu_quota > 0 && m->cpu_quota < 1000)
		return docker_refuse(
			r, -EINVAL, "CPU cfs quota can not be less than 1ms (i.e. 1000)");
	return 0;
}

static int check_host(struct docker_reader *r, const struct docker_host_config *h)
{
	int code = check_memory(r, &h->resources);

	if (code == 0)
		code = check_cpu(r, &h->resources);
	if (code == 0 && h->resources.pids_limit < -1)
		code = docker_refuse(r, -EINVAL, "invalid PidsLimit: less than -1");
	return code;
}

int docker_host_config_decode(
	struct docker_reader *r, const struct json *node, struct docker_host_config *ret)
{
	int code = docker_read_object(r, node, host_keys, ARRAY_SIZE(host_keys), true, ret);

	if (code < 0)
		return code;
	ret->tree = node;
	return check_host(r, ret);
}

static bool shows_value(const struct docker_key *key, const struct json *value)
{
	if (value == NULL || docker_is_empty(value))
		return false;
	if (strcmp(key->name, "Isolation") == 0)
		return json_string(value) == NULL || strcmp(json_string(value), "default") != 0;
	/* -1 is "unset" for this one. */
	return strcmp(key->name, "MemorySwappiness") != 0 || !value->number.negative;
}

static void write_log(const struct docker_log_config *log, struct json_writer *w)
{
	char text[24];

	json_begin_object(w);
	json_member_string(w, "Type", log->type != NULL ? log->type : "json-file");
	json_key(w, "Config");
	json_begin_object(w);
	if (log->max_size > 0) {
		(void)snprintf(text, sizeof(text), "%llu", (unsigned long long)log->max_size);
		json_member_string(w, "max-size", text);
	}
	if (log->max_file > 0) {
		(void)snprintf(text, sizeof(text), "%u", log->max_file);
		json_member_string(w, "max-file", text);
	}
	json_end_object(w);
	json_end_object(w);
}

/* Masks and read-only paths are off for privileged containers unless given. */
static bool bare_paths(const struct docker_host_config *host, const char *name)
{
	if (!host->privileged && !host->security.systempaths_unconfined)
		return false;
	return (strcmp(name, "MaskedPaths") == 0 && !host->has_masked_paths) ||
	       (strcmp(name, "ReadonlyPaths") == 0 && !host->has_readonly_paths);
}

static void write_key(
	const struct docker_host_config *host, const struct docker_key *key, struct json_writer *w)
{
	const struct json *value = host->tree != NULL ? json_get(host->tree, key->name) : NULL;

	if (strcmp(key->name, "LogConfig") == 0) {
		json_key(w, key->name);
		write_log(&host->log, w);
	} else if (strcmp(key->name, "ShmSize") == 0 && host->shm_size != 0) {
		json_key(w, key->name);
		json_put_uint(w, host->shm_size);
	} else if (bare_paths(host, key->name)) {
		json_key(w, key->name);
		json_put_null(w);
	} else if (shows_value(key, value)) {
		json_key(w, key->name);
		json_put_tree(w, value);
	} else if (key->shown != NULL) {
		json_key(w, key->name);
		json_put_raw(w, key->shown);
	}
}

void docker_host_config_write(const struct docker_host_config *host, struct json_writer *w)
{
	json_begin_object(w);
	for (size_t i = 0; i < ARRAY_SIZE(host_keys); i++)
		write_key(host, &host_keys[i], w);
	json_end_object(w);
}

void docker_host_config_key(size_t index, struct docker_key_info *ret)
{
	const struct docker_key *key = &host_keys[index];

	*ret = (struct docker_key_info){key->name, key->read != NULL, key->refusal};
}

size_t docker_host_config_key_count(void)
{
	return ARRAY_SIZE(host_keys);
}
