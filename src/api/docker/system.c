// SPDX-License-Identifier: Apache-2.0
/* GET /_ping, /version and /info. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "api/docker/docker.h"
#include "base/fd.h"
#include "base/mem.h"

void docker_ping(struct api_request *r)
{
	static const char extra[] = "Builder-Version: 1\r\n"
				    "Swarm: inactive\r\n"
				    "Cache-Control: no-cache, no-store, must-revalidate\r\n"
				    "Pragma: no-cache\r\n";

	http_respond(r->x, 200, "text/plain; charset=utf-8", extra, "OK", 2);
}

/* Go's names, which clients compare. */
static const char *go_arch(const char *machine)
{
	if (strcmp(machine, "x86_64") == 0)
		return "amd64";
	if (strcmp(machine, "aarch64") == 0)
		return "arm64";
	return machine;
}

static void put_component(struct json_writer *w, const struct utsname *uts)
{
	json_begin_object(w);
	json_member_string(w, "Name", "Engine");
	json_member_string(w, "Version", BULKHEAD_VERSION);
	json_key(w, "Details");
	json_begin_object(w);
	json_member_string(w, "ApiVersion", "1." API_TEXT(API_VERSION_MAX));
	json_member_string(w, "MinAPIVersion", "1." API_TEXT(API_VERSION_MIN));
	json_member_string(w, "Arch", go_arch(uts->machine));
	json_member_string(w, "Os", "linux");
	json_member_string(w, "KernelVersion", uts->release);
	json_member_string(w, "BuildTime", "");
	json_member_string(w, "Experimental", "false");
	json_member_string(w, "GitCommit", "");
	json_member_string(w, "GoVersion", "");
	json_end_object(w);
	json_end_object(w);
}

void docker_version(struct api_request *r)
{
	_cleanup_buf_ struct buf out = {0};
	struct json_writer w = JSON_WRITER(&out);
	struct utsname uts;

	buf_init(&out, API_ANSWER_MAX);
	(void)uname(&uts);
	json_begin_object(&w);
	json_key(&w, "Platform");
	json_begin_object(&w);
	json_member_string(&w, "Name", "Bulkhead");
	json_end_object(&w);
	json_key(&w, "Components");
	json_begin_array(&w);
	put_component(&w, &uts);
	json_end_array(&w);
	json_member_string(&w, "Version", BULKHEAD_VERSION);
	json_member_string(&w, "ApiVersion", "1." API_TEXT(API_VERSION_MAX));
	json_member_string(&w, "MinAPIVersion", "1." API_TEXT(API_VERSION_MIN));
	json_member_string(&w, "GitCommit", "");
	json_member_string(&w, "GoVersion", "");
	json_member_string(&w, "Os", "linux");
	json_member_string(&w, "Arch", go_arch(uts.machine));
	json_member_string(&w, "KernelVersion", uts.release);
	json_member_string(&w, "BuildTime", "");
	json_end_object(&w);
	api_json(r, 200, &out);
}

/* PRETTY_NAME of os-release(5), without its quotes. */
static void put_os(struct json_writer *w)
{
	_cleanup_buf_ struct buf text = {0};
	char name[128] = "Linux";
	const char *line;

	buf_init(&text, 16u << 10);
	if (fd_read_file(AT_FDCWD, "/etc/os-release", &text) == 0) {
		line = strstr(buf_str(&text), "PRETTY_NAME=");
		if (line != NULL)
			(void)sscanf(line, "PRETTY_NAME=%*1[\"']%127[^\"'\n]", name);
	}
	json_member_string(w, "OperatingSystem", name);
}

static void put_plugins(struct json_writer *w)
{
	json_key(w, "Plugins");
	json_begin_object(w);
	json_key(w, "Volume");
	json_begin_array(w);
	json_end_array(w);
	json_key(w, "Network");
	json_begin_array(w);
	json_put_string(w, "none");
	json_end_array(w);
	json_key(w, "Authorization");
	json_put_null(w);
	json_key(w, "Log");
	json_begin_array(w);
	json_put_string(w, "json-file");
	json_put_string(w, "none");
	json_end_array(w);
	json_end_object(w);
}

static void put_runtimes(struct json_writer *w)
{
	json_key(w, "Runtimes");
	json_begin_object(w);
	json_key(w, "bulkhead");
	json_begin_object(w);
	json_member_string(w, "path", "bulkhead-shim");
	json_end_object(w);
	json_end_object(w);
	json_member_string(w, "DefaultRuntime", "bulkhead");
	json_key(w, "Swarm");
	json_begin_object(w);
	json_member_string(w, "NodeID", "");
	json_member_string(w, "NodeAddr", "");
	json_member_string(w, "LocalNodeState", "inactive");
	json_member_bool(w, "ControlAvailable", false);
	json_member_string(w, "Error", "");
	json_key(w, "RemoteManagers");
	json_put_null(w);
	json_end_object(w);
	json_member_bool(w, "LiveRestoreEnabled", true);
	json_member_string(
		w, "Isolation", ""); /* Docker's field is for Windows; see SecurityOptions */
	json_member_string(w, "InitBinary", "");
}

static void put_security(struct json_writer *w, const struct api_request *r)
{
	json_key(w, "SecurityOptions");
	json_begin_array(w);
	json_put_string(w, "name=seccomp,profile=builtin");
	json_put_string(w, "name=userns");
	json_put_string(w, "name=cgroupns");
	if (engine_no_new_privileges(api_engine(r)))
		json_put_string(w, "name=no-new-privileges");
	json_put_string(w, api_options_of(r)->config->isolation == DOCKER_ISOLATION_HYPERV
				   ? "name=isolation,default=hyperv"
				   : "name=isolation,default=process");
	json_end_array(w);
}

static void put_counts(struct json_writer *w, struct api_request *r)
{
	struct engine_counts counts;

	engine_counts(api_engine(r), &counts);
	json_member_string(w, "ID", engine_id(api_engine(r)));
	json_member_int(w, "Containers", counts.containers);
	json_member_int(w, "ContainersRunning", counts.running);
	json_member_int(w, "ContainersPaused", counts.paused);
	json_member_int(w, "ContainersStopped", counts.stopped);
	json_member_int(w, "Images", counts.images);
	json_member_string(w, "Driver", "overlayfs");
	json_key(w, "DriverStatus");
	json_begin_array(w);
	json_begin_array(w);
	json_put_string(w, "id-mapped");
	json_put_string(w, "true");
	json_end_array(w);
	json_end_array(w);
}

/* As dockerd of API 1.49 and before told it; the file is there with the module br_netfilter.
 * Nothing here is on a bridge, but clients of that time warn when the fields are absent. */
static bool bridge_filter(const char *path)
{
	_cleanup_buf_ struct buf text = {0};

	buf_init(&text, 64);
	return fd_read_file(AT_FDCWD, path, &text) == 0 && buf_str(&text)[0] == '1';
}

static void put_limits(struct json_writer *w, const struct api_request *r)
{
	static const char *const yes[] = {"MemoryLimit", "SwapLimit", "CpuCfsPeriod", "CpuCfsQuota",
		"CPUShares", "CPUSet", "PidsLimit", "OomKillDisable"};

	for (size_t i = 0; i < ARRAY_SIZE(yes); i++)
		json_member_bool(w, yes[i], true);
	json_member_bool(w, "IPv4Forwarding", true);
	json_member_bool(w, "BridgeNfIptables",
		bridge_filter("/proc/sys/net/bridge/bridge-nf-call-iptables"));
	json_member_bool(w, "BridgeNfIp6tables",
		bridge_filter("/proc/sys/net/bridge/bridge-nf-call-ip6tables"));
	json_member_bool(w, "Debug", api_options_of(r)->config->debug);
	json_member_string(w, "LoggingDriver",
		api_options_of(r)->config->log.type != NULL ? api_options_of(r)->config->log.type
							    : "json-file");
	json_member_string(w, "CgroupDriver", "cgroupfs");
	json_member_string(w, "CgroupVersion", engine_cgroup_version(api_engine(r)));
	json_member_int(w, "NEventsListener", 0);
}

static void put_host(struct json_writer *w)
{
	struct utsname uts;
	struct sysinfo info;

	(void)uname(&uts);
	json_member_string(w, "KernelVersion", uts.release);
	json_member_string(w, "OSVersion", "");
	put_os(w);
	json_member_string(w, "OSType", "linux");
	json_member_string(w, "Architecture", uts.machine);
	json_member_string(w, "Name", uts.nodename);
	json_member_int(w, "NCPU", sysconf(_SC_NPROCESSORS_ONLN));
	if (sysinfo(&info) == 0)
		json_member_int(w, "MemTotal", (int64_t)info.totalram * info.mem_unit);
}

static void put_rest(struct json_writer *w, const struct api_request *r)
{
	const struct oci_strings *labels = &api_options_of(r)->config->labels;
	char now[API_TIME_MAX];
	struct timespec ts;

	(void)clock_gettime(CLOCK_REALTIME, &ts);
	api_format_time(ts.tv_sec * 1000000000LL + ts.tv_nsec, now);
	json_member_string(w, "SystemTime", now);
	json_member_string(w, "DockerRootDir", engine_data_root(api_engine(r)));
	json_member_string(w, "HttpProxy", "");
	json_member_string(w, "HttpsProxy", "");
	json_member_string(w, "NoProxy", "");
	json_member_string(w, "IndexServerAddress", "https://index.docker.io/v1/");
	json_key(w, "RegistryConfig");
	json_begin_object(w);
	json_end_object(w);
	json_key(w, "Labels");
	json_begin_array(w);
	for (size_t i = 0; i < labels->count; i++)
		json_put_string(w, labels->items[i]);
	json_end_array(w);
	json_member_bool(w, "ExperimentalBuild", false);
	json_member_string(w, "ServerVersion", BULKHEAD_VERSION);
	json_key(w, "Warnings");
	json_put_null(w);
}

void docker_info(struct api_request *r)
{
	_cleanup_buf_ struct buf out = {0};
	struct json_writer w = JSON_WRITER(&out);

	buf_init(&out, API_ANSWER_MAX);
	json_begin_object(&w);
	put_counts(&w, r);
	put_plugins(&w);
	put_limits(&w, r);
	put_host(&w);
	put_security(&w, r);
	put_runtimes(&w);
	put_rest(&w, r);
	json_end_object(&w);
	api_json(r, 200, &out);
}
