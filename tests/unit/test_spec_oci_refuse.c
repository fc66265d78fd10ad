// SPDX-License-Identifier: Apache-2.0
/* What the decoder of config.json refuses, each with the pointer of the place. */
#include <errno.h>

#include "test.h"
#include "test_spec_oci.h"

struct refusal {
	const char *members; /* besides ociVersion and root */
	const char *text;    /* how the refusal starts: pointer and reason */
};

static void refused(const struct refusal *cases, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		_cleanup_arena_ struct arena a = ARENA_INIT;
		struct bh_error err = BH_ERROR_INIT;
		struct oci_config c = {.version = "untouched"};
		char text[4096];
		int e;

		(void)snprintf(text, sizeof(text), "{'ociVersion':'1.2.0','root':{'path':'r'},%s}",
			cases[i].members);
		e = oci_config_decode(parse(&a, text), &a, &c, &err);
		if (e >= 0 || strncmp(err.text, cases[i].text, strlen(cases[i].text)) != 0) {
			fprintf(stderr, "# %s\n#   gives \"%s\"\n#   not \"%s\"\n", text, err.text,
				cases[i].text);
			exit(TEST_EXIT_FAIL);
		}
		CHECK_STR(c.version, "untouched");
	}
}

#define REFUSED(cases) refused(cases, sizeof(cases) / sizeof((cases)[0]))

TEST(never_supported)
{
	static const struct refusal cases[] = {
		{"'windows':{'layerFolders':['x']}", "/windows: is not supported: "},
		{"'solaris':{'milestone':'x'}", "/solaris: is not supported: "},
		{"'zos':{'namespaces':[]}", "/zos: is not supported: "},
		{"'freebsd':{'jail':{}}", "/freebsd: is not supported: "},
		{"'vm':{'kernel':{}}", "/vm: is not supported: "},
		{"'linux':{'resources':{'blockIO':{'throttleReadIopsDevice':[{}]}}}",
			"/linux/resources/blockIO/throttleReadIopsDevice: is not supported: its"},
		{"'linux':{'resources':{'blockIO':{'throttleWriteIopsDevice':[{}]}}}",
			"/linux/resources/blockIO/throttleWriteIopsDevice: is not supported: its"},
		{"'linux':{'intelRdt':{'closID':'x'}}", "/linux/intelRdt: is not supported: "},
		{"'linux':{'intelRdt':{}}", "/linux/intelRdt: is not supported: "},
		{"'linux':{'netDevices':{'eth0':{}}}", "/linux/netDevices: is not supported: "},
		{"'linux':{'memoryPolicy':{'mode':'MPOL_BIND'}}", "/linux/memoryPolicy: is not"},
		{"'linux':{'personality':{'domain':'LINUX','flags':['x']}}",
			"/linux/personality/flags: is not supported: "},
		{"'process':{'cwd':'/','commandLine':'x'}",
			"/process/commandLine: is not supported: "},
		{"'process':{'cwd':'/','user':{'username':'x'}}",
			"/process/user/username: is not supported: "},
	};

	REFUSED(cases);
}

TEST(types)
{
	static const struct refusal cases[] = {
		{"'process':[]", "/process: is of type array, must be object"},
		{"'hostname':1", "/hostname: is of type number, must be string"},
		{"'mounts':{}", "/mounts: is of type object, must be array"},
		{"'mounts':[1]", "/mounts/0: is of type number, must be object"},
		{"'annotations':{'a':1}", "/annotations/a: is of type number, must be string"},
		{"'annotations':{'':'x'}", "/annotations/: the key must not be empty"},
		{"'linux':{'maskedPaths':[null]}", "/linux/maskedPaths/0: is of type null"},
		{"'process':{'cwd':'/','terminal':1}", "/process/terminal: is of type number"},
		{"'process':{'cwd':'/','user':{'uid':-1}}", "/process/user/uid: is out of range"},
		{"'process':{'cwd':'/','user':{'uid':1.5}}",
			"/process/user/uid: must be an integer"},
		{"'process':{'cwd':'/','user':{'uid':4294967295}}", "/process/user/uid: is out of"},
		{"'process':{'cwd':'/','user':{'umask':512}}",
			"/process/user/umask: is out of range"},
	};

	REFUSED(cases);
}

TEST(process)
{
	static const struct refusal cases[] = {
		{"'process':{}", "/process/cwd: is required"},
		{"'process':{'cwd':null}", "/process/cwd: is required"},
		{"'process':{'cwd':'x'}", "/process/cwd: must be an absolute path"},
		{"'process':{'cwd':'/','args':['']}", "/process/args: names no program"},
		{"'process':{'cwd':'/','env':['A']}", "/process/env/0: must be NAME=VALUE"},
		{"'process':{'cwd':'/','env':['B=1','=x']}", "/process/env/1: must be NAME=VALUE"},
		{"'process':{'cwd':'/','consoleSize':{'height':1}}",
			"/process/consoleSize/width: is required"},
		{"'process':{'cwd':'/','oomScoreAdj':1001}",
			"/process/oomScoreAdj: is out of range"},
		{"'process':{'cwd':'/','rlimits':[{'type':'RLIMIT_X','soft':1,'hard':1}]}",
			"/process/rlimits/0/type: \"RLIMIT_X\" is not a known resource limit"},
		{"'process':{'cwd':'/','rlimits':[{'type':'RLIMIT_AS','soft':2,'hard':1}]}",
			"/process/rlimits/0: soft is above hard"},
		{"'process':{'cwd':'/','rlimits':[{'type':'RLIMIT_AS','soft':1}]}",
			"/process/rlimits/0/hard: is required"},
		{"'process':{'cwd':'/','rlimits':[{'type':'RLIMIT_AS','soft':1,'hard':1},"
		 "{'type':'RLIMIT_AS','soft':1,'hard':1}]}",
			"/process/rlimits: RLIMIT_AS is listed more than once"},
		{"'process':{'cwd':'/','scheduler':{'policy':'SCHED_ISO'}}",
			"/process/scheduler/policy: SCHED_ISO is reserved"},
		{"'process':{'cwd':'/','scheduler':{'policy':'SCHED_OTHER','nice':20}}",
			"/process/scheduler/nice: is out of range"},
		{"'process':{'cwd':'/','scheduler':{'policy':'SCHED_OTHER','priority':1}}",
			"/process/scheduler/priority: is for SCHED_FIFO and SCHED_RR only"},
		{"'process':{'cwd':'/','scheduler':{'policy':'SCHED_RR'}}",
			"/process/scheduler: priority must be from 1 to 99"},
		{"'process':{'cwd':'/','scheduler':{'policy':'SCHED_IDLE','period':1}}",
			"/process/scheduler: runtime, deadline and period"},
		{"'process':{'cwd':'/','scheduler':{'policy':'SCHED_DEADLINE'}}",
			"/process/scheduler: SCHED_DEADLINE needs a runtime"},
		{"'process':{'cwd':'/','scheduler':{'policy':'SCHED_IDLE','flags':"
		 "['SCHED_FLAG_UTIL_CLAMP_MIN']}}",
			"/process/scheduler/flags/0: is not supported: "},
		{"'process':{'cwd':'/','ioPriority':{'class':'IOPRIO_CLASS_NONE'}}",
			"/process/ioPriority/class: \"IOPRIO_CLASS_NONE\" is not a known I/O "
			"class"},
		{"'process':{'cwd':'/','ioPriority':{'class':'IOPRIO_CLASS_BE','priority':8}}",
			"/process/ioPriority/priority: is out of range (0 to 7)"},
		{"'process':{'cwd':'/','execCPUAffinity':{'initial':'3-1'}}",
			"/process/execCPUAffinity/initial: must be a list of numbers and ranges"},
		{"'process':{'cwd':'/','execCPUAffinity':{'final':'1,'}}",
			"/process/execCPUAffinity/final: must be a list"},
	};

	REFUSED(cases);
}

TEST(mounts)
{
	static const struct refusal cases[] = {
		{"'mounts':[{}]", "/mounts/0/destination: is required"},
		{"'mounts':[{'destination':''}]",
			"/mounts/0/destination: must be an absolute path"},
		{"'mounts':[{'destination':'/a'}]", "/mounts/0: needs a type"},
		{"'mounts':[{'destination':'/a','options':['bind']}]",
			"/mounts/0: a bind mount needs a source"},
		{"'mounts':[{'destination':'/a','source':'b','options':['bind','size=1']}]",
			"/mounts/0/options: \"size=1\" has no effect on a bind mount"},
		{"'mounts':[{'destination':'/"
		 "a','source':'b','options':['rbind','slave','shared']}]",
			"/mounts/0/options/2: \"shared\" contradicts an earlier propagation"},
		{"'mounts':[{'destination':'/a','type':'tmpfs','options':['idmap']}]",
			"/mounts/0: only bind mounts can be id-mapped"},
		{"'mounts':[{'destination':'/a','source':'b','options':['bind','idmap']}]",
			"/mounts/0: idmap needs mappings"},
		{"'mounts':[{'destination':'/"
		 "a','source':'b','options':['bind','idmap'],'uidMappings':"
		 "[{'containerID':0,'hostID':1,'size':1}]}]",
			"/mounts/0: uidMappings and gidMappings go together"},
		{"'mounts':[{'destination':'/a','type':'proc','options':['tmpcopyup']}]",
			"/mounts/0/options: \"tmpcopyup\" is for the type tmpfs"},
		{"'mounts':[{'destination':'/a','type':'proc','options':['copy-symlink']}]",
			"/mounts/0/options: \"copy-symlink\" is for bind mounts"},
	};

	REFUSED(cases);
}

TEST(namespaces)
{
	static const struct refusal cases[] = {
		{"'hostname':'h'", "/hostname: needs a uts namespace"},
		{"'domainname':'h'", "/domainname: needs a uts namespace"},
		{"'linux':{'maskedPaths':['/a']}", "/linux/maskedPaths: needs a mount namespace"},
		{"'linux':{'readonlyPaths':['/a']}",
			"/linux/readonlyPaths: needs a mount namespace"},
		{"'linux':{'maskedPaths':['a']}", "/linux/maskedPaths/0: must be an absolute path"},
		{"'linux':{'namespaces':[{'type':'pid'},{'type':'pid'}]}",
			"/linux/namespaces/1: the namespace type \"pid\" is listed more than once"},
		{"'linux':{'namespaces':[{'type':'net'}]}",
			"/linux/namespaces/0/type: \"net\" is not a known namespace type"},
		{"'linux':{'namespaces':[{'type':'pid','path':'x'}]}",
			"/linux/namespaces/0/path: must be an absolute path"},
		{"'linux':{'namespaces':[{'type':'user'}]}", "/linux: a new user namespace needs"},
		{"'linux':{'uidMappings':[{'containerID':0,'hostID':1,'size':1}]}",
			"/linux/uidMappings: needs a user namespace"},
		{"'linux':{'uidMappings':[{'containerID':0,'hostID':1,'size':0}]}",
			"/linux/uidMappings/0/size: is out of range"},
		{"'linux':{'uidMappings':[{'containerID':0,'hostID':2,'size':4294967295}]}",
			"/linux/uidMappings/0: the range ends above the last id"},
		{"'linux':{'uidMappings':[{'containerID':0,'hostID':1,'size':10},"
		 "{'containerID':9,'hostID':100,'size':10}]}",
			"/linux/uidMappings: entries 0 and 1 overlap"},
		{"'linux':{'gidMappings':[{'containerID':0,'hostID':1,'size':10},"
		 "{'containerID':10,'hostID':10,'size':1}]}",
			"/linux/gidMappings: entries 0 and 1 overlap"},
		{"'linux':{'timeOffsets':{'boottime':{'secs':1}}}",
			"/linux/timeOffsets: needs a time namespace"},
		{"'linux':{'timeOffsets':{'boottime':{'nanosecs':1000000000}}}",
			"/linux/timeOffsets/boottime/nanosecs: is out of range"},
		{"'linux':{'rootfsPropagation':'x'}",
			"/linux/rootfsPropagation: \"x\" is not a known"},
		{"'linux':{'personality':{'domain':'BSD'}}",
			"/linux/personality/domain: \"BSD\" is"},
		{"'linux':{'personality':{}}", "/linux/personality/domain: is required"},
		{"'linux':{'cgroupsPath':'/a/../b'}", "/linux/cgroupsPath: must be a path without"},
	};

	REFUSED(cases);
}

TEST(sysctl)
{
	static const struct refusal cases[] = {
		{"'domainname':'d','linux':{'namespaces':[{'type':'uts'}],'sysctl':"
		 "{'kernel.domainname':'x'}}",
			"/linux/sysctl/kernel.domainname: contradicts /domainname"},
		{"'linux':{'sysctl':{'net.core.somaxconn':'1'}}",
			"/linux/sysctl/net.core.somaxconn: would change the host: it needs a "
			"network"},
		{"'linux':{'sysctl':{'kernel.sem':'1'}}",
			"/linux/sysctl/kernel.sem: would change the host: it needs a ipc"},
		{"'linux':{'sysctl':{'fs.mqueue.msg_max':'1'}}",
			"/linux/sysctl/fs.mqueue.msg_max: would change the host"},
		{"'linux':{'sysctl':{'user.max_user_namespaces':'1'}}",
			"/linux/sysctl/user.max_user_namespaces: would change the host"},
		{"'linux':{'sysctl':{'kernel.domainname':'1'}}",
			"/linux/sysctl/kernel.domainname: would change the host"},
		{"'linux':{'sysctl':{'vm.swappiness':'1'}}",
			"/linux/sysctl/vm.swappiness: is not in a namespace"},
		{"'linux':{'namespaces':[{'type':'network'}],'sysctl':{'net/../kernel/"
		 "core_pattern':'1'}}",
			"/linux/sysctl/net~1..~1kernel~1core_pattern: is not a name"},
		{"'linux':{'namespaces':[{'type':'network'}],'sysctl':{'net.//.kernel':'1'}}",
			"/linux/sysctl/net.~1~1.kernel: is not a name of a kernel parameter"},
		{"'linux':{'namespaces':[{'type':'network'}],'sysctl':{'net..a':'1'}}",
			"/linux/sysctl/net..a: is not a name of a kernel parameter"},
		{"'linux':{'namespaces':[{'type':'network'}],'sysctl':{'net.a':1}}",
			"/linux/sysctl/net.a: is of type number, must be string"},
	};

	REFUSED(cases);
}

TEST(devices_and_hooks)
{
	static const struct refusal cases[] = {
		{"'linux':{'devices':[{'path':'/d'}]}", "/linux/devices/0/type: is required"},
		{"'linux':{'devices':[{'type':'x','path':'/d'}]}",
			"/linux/devices/0/type: must be c, b, u or p"},
		{"'linux':{'devices':[{'type':'c','path':'d','major':1,'minor':1}]}",
			"/linux/devices/0/path: must be an absolute path"},
		{"'linux':{'devices':[{'type':'b','path':'/d','major':1}]}",
			"/linux/devices/0: needs major and minor"},
		{"'linux':{'devices':[{'type':'b','path':'/d','major':4096,'minor':1}]}",
			"/linux/devices/0/major: is out of range"},
		{"'linux':{'devices':[{'type':'p','path':'/d','fileMode':65536}]}",
			"/linux/devices/0/fileMode: is out of range"},
		{"'hooks':{'prestart':[{}]}", "/hooks/prestart/0/path: is required"},
		{"'hooks':{'poststart':[{'path':'a'}]}",
			"/hooks/poststart/0/path: must be an absolute"},
		{"'hooks':{'startContainer':[{'path':'/a','timeout':0}]}",
			"/hooks/startContainer/0/timeout: is out of range"},
		{"'hooks':{'createRuntime':[{'path':'/a','env':['x']}]}",
			"/hooks/createRuntime/0/env/0: must be NAME=VALUE"},
	};

	REFUSED(cases);
}

#define R(object) "'linux':{'resources':{" object "}}"

TEST(resources)
{
	static const struct refusal cases[] = {
		{R("'devices':[{}]"), "/linux/resources/devices/0/allow: is required"},
		{R("'devices':[{'allow':true,'access':'x'}]"),
			"/linux/resources/devices/0/access: must be made of r, w and m"},
		{R("'devices':[{'allow':true,'type':'p'}]"),
			"/linux/resources/devices/0/type: must be a, b or c"},
		{R("'memory':{'limit':-2}"), "/linux/resources/memory/limit: is out of range"},
		{R("'memory':{'swappiness':101}"), "/linux/resources/memory/swappiness: is out of"},
		{R("'memory':{'limit':10,'swap':9}"),
			"/linux/resources/memory/swap: is below the limit"},
		{R("'cpu':{'cpus':'a'}"), "/linux/resources/cpu/cpus: must be a list"},
		{R("'cpu':{'idle':2}"), "/linux/resources/cpu/idle: is out of range"},
		{R("'cpu':{'shares':-1}"),
			"/linux/resources/cpu/shares: must be an integer from 0"},
		{R("'cpu':{'quota':5,'burst':6}"),
			"/linux/resources/cpu/burst: is above the quota"},
		{R("'pids':{}"), "/linux/resources/pids/limit: is required"},
		{R("'blockIO':{'weight':9}"), "/linux/resources/blockIO/weight: is out of range"},
		{R("'blockIO':{'weightDevice':[{'major':8,'minor':0}]}"),
			"/linux/resources/blockIO/weightDevice/0: needs weight, leafWeight or "
			"both"},
		{R("'blockIO':{'throttleReadBpsDevice':[{'major':8,'minor':0}]}"),
			"/linux/resources/blockIO/throttleReadBpsDevice/0/rate: is required"},
		{R("'hugepageLimits':[{'pageSize':'2M','limit':1}]"),
			"/linux/resources/hugepageLimits/0/pageSize: must be a size"},
		{R("'hugepageLimits':[{'pageSize':'/../2MB','limit':1}]"),
			"/linux/resources/hugepageLimits/0/pageSize: must be a size"},
		{R("'network':{'priorities':[{'name':'a b','priority':1}]}"),
			"/linux/resources/network/priorities/0/name: is not a name"},
		{R("'rdma':{'a':{}}"),
			"/linux/resources/rdma/a: needs hcaHandles, hcaObjects or both"},
		{R("'rdma':{'a b':{'hcaHandles':1}}"), "/linux/resources/rdma/a b: is not a name"},
		{R("'unified':{'a/b':'x'}"), "/linux/resources/unified/a~1b: is not a name"},
		{R("'unified':{'cgroup.procs':'0'}"),
			"/linux/resources/unified/cgroup.procs: belongs to the runtime"},
	};

	REFUSED(cases);
}

#define S(members) "'linux':{'seccomp':{'defaultAction':'SCMP_ACT_ALLOW'," members "}}"

TEST(seccomp)
{
	static const struct refusal cases[] = {
		{"'linux':{'seccomp':{}}", "/linux/seccomp/defaultAction: is required"},
		{"'linux':{'seccomp':{'defaultAction':'SCMP_ACT_X'}}",
			"/linux/seccomp/defaultAction: \"SCMP_ACT_X\" is not a known seccomp "
			"action"},
		{"'linux':{'seccomp':{'defaultAction':'SCMP_ACT_NOTIFY','listenerPath':'/s'}}",
			"/linux/seccomp/defaultAction: SCMP_ACT_NOTIFY cannot be the default"},
		{"'linux':{'seccomp':{'defaultAction':'SCMP_ACT_ERRNO','defaultErrnoRet':4096}}",
			"/linux/seccomp/defaultErrnoRet: is out of range (0 to 4095)"},
		{S("'defaultErrnoRet':1"),
			"/linux/seccomp/defaultErrnoRet: only SCMP_ACT_ERRNO and"},
		{S("'architectures':['X86']"),
			"/linux/seccomp/architectures/0: \"X86\" is not a known"},
		{S("'flags':['X']"), "/linux/seccomp/flags/0: \"X\" is not a known seccomp flag"},
		{S("'flags':['SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV']"),
			"/linux/seccomp/flags: SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV needs a "
			"rule"},
		{S("'listenerMetadata':'x'"),
			"/linux/seccomp/listenerMetadata: needs listenerPath"},
		{S("'syscalls':[{'names':[],'action':'SCMP_ACT_LOG'}]"),
			"/linux/seccomp/syscalls/0/names: must not be empty"},
		{S("'syscalls':[{'names':[''],"
		   "'action':'SCMP_ACT_LOG'}]"),
			"/linux/seccomp/syscalls/0/names: must not hold an empty name"},
		{S("'syscalls':[{'names':['a']}]"),
			"/linux/seccomp/syscalls/0/action: is required"},
		{S("'syscalls':[{'names':['a'],'action':'SCMP_ACT_LOG','errnoRet':1}]"),
			"/linux/seccomp/syscalls/0/errnoRet: only SCMP_ACT_ERRNO and "
			"SCMP_ACT_TRACE"},
		{S("'syscalls':[{'names':['a'],'action':'SCMP_ACT_NOTIFY'}]"),
			"/linux/seccomp: SCMP_ACT_NOTIFY needs listenerPath"},
		{S("'listenerPath':'/"
		   "s','syscalls':[{'names':['write'],'action':'SCMP_ACT_NOTIFY'}]"),
			"/linux/seccomp/syscalls: SCMP_ACT_NOTIFY is not possible for"},
		{S("'syscalls':[{'names':['a'],'action':'SCMP_ACT_LOG','args':[{'index':6,'value':"
		   "1,"
		   "'op':'SCMP_CMP_EQ'}]}]"),
			"/linux/seccomp/syscalls/0/args/0/index: is out of range (0 to 5)"},
		{S("'syscalls':[{'names':['a'],'action':'SCMP_ACT_LOG','args':[{'index':0,'value':"
		   "1,"
		   "'op':'=='}]}]"),
			"/linux/seccomp/syscalls/0/args/0/op: \"==\" is not a known operator"},
	};

	REFUSED(cases);
}

TEST(root_and_version_are_required)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	struct bh_error err = BH_ERROR_INIT;
	struct oci_config c;

	CHECK_INT(oci_config_decode(parse(&a, "{'root':{'path':'r'}}"), &a, &c, &err), -EINVAL);
	CHECK_STR(err.text, "/ociVersion: is required");
	CHECK_INT(oci_config_decode(parse(&a, "{'ociVersion':'1.0.0'}"), &a, &c, &err), -EINVAL);
	CHECK_STR(err.text, "/root: is required");
	CHECK_INT(oci_config_decode(parse(&a, "{'ociVersion':'1.0.0','root':{}}"), &a, &c, &err),
		-EINVAL);
	CHECK_STR(err.text, "/root/path: is required");
	CHECK_INT(oci_config_decode(parse(&a, "[]"), &a, &c, &err), -EINVAL);
	CHECK_STR(err.text, "/: is of type array, must be object");
}

TEST(id_maps_are_counted)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	static char text[65536];
	struct oci_config c;
	char *p = text;

	p += sprintf(p, "'linux':{'uidMappings':[");
	for (int i = 0; i <= OCI_ID_MAPS_MAX; i++)
		p += sprintf(
			p, "%s{'containerID':%d,'hostID':%d,'size':1}", i > 0 ? "," : "", i, i);
	(void)sprintf(p, "]}");
	decode_config(&a, text, &c, 0, "/linux/uidMappings: has more than 340 entries");
}
