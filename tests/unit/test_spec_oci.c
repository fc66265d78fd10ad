// SPDX-License-Identifier: Apache-2.0
/* The decoder of config.json on a real profile, and what it makes of single fields. */
#include "spec/oci.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <sys/mount.h>
#include <sys/resource.h>

#include "test.h"
#include "test_spec_oci.h"

TEST(stock_engine_profile)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	struct bh_error err = BH_ERROR_INIT;
	struct oci_config c;
	int e;

	CHECK_INT(arena_init(&a, OCI_ARENA_MAX), 0);
	e = oci_config_load(AT_FDCWD, TEST_DATA "/docker-default-spec.json", &a, &c, &err);
	CHECK_STR(err.text, "");
	CHECK_INT(e, 0);
	CHECK_INT(c.warnings.count, 0);
	CHECK_STR(c.version, "1.0.2-dev");
	CHECK_STR(c.root_path, "rootfs");
	CHECK_STR(c.hostname, "bench");
	CHECK_STR(c.process.args.items[0], "/bin/true");
	CHECK(c.process.args.items[1] == NULL);
	CHECK_STR(c.process.cwd, "/");
	CHECK(c.process.oom_score_adj.set && c.process.oom_score_adj.value == 0);
	CHECK(c.process.has_capabilities);
	CHECK(c.process.capabilities[OCI_CAP_BOUNDING] == 0xa80425fb);
	CHECK(c.process.capabilities[OCI_CAP_AMBIENT] == 0);
	CHECK_INT(c.mount_count, 7);
	CHECK_STR(c.mounts[0].type, "proc");
	CHECK_INT(c.mounts[0].flags, MS_NOSUID | MS_NOEXEC | MS_NODEV);
	CHECK_INT(c.mounts[1].data.count, 2);
	CHECK_STR(c.mounts[1].data.items[1], "size=65536k");
	CHECK_INT(c.namespaces[OCI_NS_USER].mode, OCI_NS_HOST);
	CHECK_INT(c.namespaces[OCI_NS_PID].mode, OCI_NS_NEW);
	CHECK_STR(c.cgroups_path, "/bench");
	CHECK_INT(c.resources.device_count, 8);
	CHECK_INT(c.resources.devices[0].type, 'a');
	CHECK_INT(c.resources.devices[0].major, -1);
	CHECK(!c.resources.devices[0].allow && c.resources.devices[1].allow);
	CHECK_INT(c.resources.memory.limit.value, 67108864);
	CHECK(c.resources.memory.has_disable_oom_killer);
	CHECK(!c.resources.cpu.shares.set && !c.resources.blkio.weight.set);
	CHECK_INT(c.resources.pids_limit.value, 100);
	CHECK_INT(c.seccomp.default_action, SECCOMP_RET_ERRNO | EPERM);
	CHECK_INT(c.seccomp.architectures.count, 3);
	CHECK_INT(c.seccomp.rule_count, 12);
	CHECK_INT(c.seccomp.rules[9].args[0].op, OCI_SECCOMP_MASKED_EQ);
	CHECK_INT(c.seccomp.rules[9].args[0].value, 2114060288);
	CHECK_INT(c.seccomp.rules[10].action, SECCOMP_RET_ERRNO | ENOSYS);
	CHECK_INT(c.sysctl_count, 2);
	CHECK_INT(c.masked_paths.count, 10);
	CHECK_INT(c.readonly_paths.count, 5);
}

TEST(capabilities_that_the_kernel_would_refuse)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	struct bh_error err = BH_ERROR_INIT;
	struct oci_process p;
	const struct json *tree;

	tree = parse(&a, "{'cwd':'/','args':['a'],'user':{'uid':0,'gid':0},'capabilities':{"
			 "'bounding':['CAP_KILL'],'inheritable':['CAP_KILL','CAP_CHOWN'],"
			 "'permitted':['CAP_KILL'],'effective':['CAP_KILL','CAP_SYS_ADMIN'],"
			 "'ambient':['CAP_CHOWN']}}");
	CHECK_INT(oci_process_decode(tree, &a, &p, &err), 0);
	CHECK(p.capabilities[OCI_CAP_INHERITABLE] == 1 << 5);
	CHECK(p.capabilities[OCI_CAP_EFFECTIVE] == 1 << 5);
	CHECK(p.capabilities[OCI_CAP_AMBIENT] == 0);
	CHECK_INT(p.warnings.count, 3);
}

TEST(process_fields)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	struct bh_error err = BH_ERROR_INIT;
	struct oci_process p;
	const struct json *tree;

	tree = parse(&a,
		"{'terminal':true,'consoleSize':{'height':25,'width':80},'cwd':'/"
		"w','args':['a',''],"
		"'env':['A=','B=c=d'],'user':{'uid':1,'gid':2,'umask':18,'additionalGids':[5,6],"
		"'username':''},'capabilities':{'bounding':['CAP_CHOWN'],'inheritable':['CAP_CHOWN'"
		"],"
		"'permitted':['CAP_CHOWN','CAP_CHECKPOINT_RESTORE'],"
		"'ambient':['CAP_CHOWN'],'effective':['CAP_"
		"CHECKPOINT_"
		"RESTORE','CAP_NONE']},'rlimits':[{'type':'RLIMIT_CORE','soft':1,'hard':"
		"18446744073709551615}],'noNewPrivileges':true,'apparmorProfile':'p','selinuxLabel'"
		":'l',"
		"'oomScoreAdj':-1000,'scheduler':{'policy':'SCHED_FIFO','priority':5,'flags':["
		"'SCHED_FLAG_RESET_ON_FORK']},'ioPriority':{'class':'IOPRIO_CLASS_BE','priority':7}"
		","
		"'execCPUAffinity':{'initial':'7','final':'0-3, "
		"7'},'future':1,'commandLine':null}");
	CHECK_INT(oci_process_decode(tree, &a, &p, &err), 0);
	CHECK(p.terminal && p.no_new_privileges);
	CHECK_INT(p.console_height, 25);
	CHECK_INT(p.console_width, 80);
	CHECK_STR(p.env.items[1], "B=c=d");
	CHECK_INT(p.user.uid, 1);
	CHECK_INT(p.user.gid, 2);
	CHECK(p.user.has_umask && p.user.umask == 022);
	CHECK_INT(p.user.additional_gid_count, 2);
	CHECK_INT(p.user.additional_gids[1], 6);
	CHECK(p.capabilities[OCI_CAP_AMBIENT] == 1);
	CHECK(p.capabilities[OCI_CAP_EFFECTIVE] == UINT64_C(1) << 40);
	CHECK_INT(p.rlimits[0].resource, RLIMIT_CORE);
	CHECK(p.rlimits[0].hard == UINT64_MAX);
	CHECK_STR(p.apparmor_profile, "p");
	CHECK_STR(p.selinux_label, "l");
	CHECK_INT(p.oom_score_adj.value, -1000);
	CHECK(p.scheduler.set && p.scheduler.flags == SCHED_FLAG_RESET_ON_FORK);
	CHECK(p.io_priority.set && p.io_priority.io_class == 2 && p.io_priority.priority == 7);
	CHECK_STR(p.cpu_affinity_initial, "7");
	CHECK_STR(p.cpu_affinity_final, "0-3,7");
	CHECK_INT(p.warnings.count, 2);
	CHECK_STR(p.warnings.items[0], "/capabilities/effective/1: no capability is named "
				       "\"CAP_NONE\": it is not granted");
	CHECK_STR(p.warnings.items[1], "/future: unknown property is ignored");
	CHECK_INT(oci_process_runnable(&p, &err), 0);
}

TEST(console_size_without_terminal_is_ignored)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	struct bh_error err = BH_ERROR_INIT;
	struct oci_process p;

	CHECK_INT(
		oci_process_decode(parse(&a, "{'cwd':'/','consoleSize':{'height':25,'width':80}}"),
			&a, &p, &err),
		0);
	CHECK_INT(p.console_height, 0);
	CHECK_INT(oci_process_runnable(&p, &err), -EINVAL);
	CHECK_STR(err.text, "/process/args: must name a program");
}

#define USER_MAP "[{'containerID':0,'hostID':100000,'size':65536}]"

TEST(linux_fields)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	struct oci_config c;

	decode_config(&a,
		"'domainname':'d','annotations':{'k':'v'},'windows':{},'vm':null,"
		"'hooks':{'poststop':[{'path':'/h','args':['h'],'env':['A=b'],'timeout':3}]},"
		"'linux':{'namespaces':[{'type':'user'},{'type':'mount'},{'type':'uts'},"
		"{'type':'time'},{'type':'ipc','path':''},{'type':'network','path':'/n'}],"
		"'uidMappings':" USER_MAP ",'gidMappings':" USER_MAP ",'timeOffsets':"
		"{'monotonic':{'secs':-5,'nanosecs':1},'boottime':{}},'devices':["
		"{'type':'c','path':'/d','major':10,'minor':229,'fileMode':8630,'uid':1,'gid':2},"
		"{'type':'p','path':'/p'}],'rootfsPropagation':'rslave','mountLabel':'m',"
		"'personality':{'domain':'LINUX32','flags':[]},'cgroupsPath':'s.slice:p:n',"
		"'sysctl':{'net/ipv4/conf/a.b/rp_filter':'1','kernel.hostname':'x',"
		"'fs.mqueue.msg_max':'5','user.max_user_namespaces':'0','kernel.shmmax':'1'},"
		"'maskedPaths':['/proc/kcore']}",
		&c, 0, NULL);
	CHECK_STR(c.domainname, "d");
	CHECK_INT(c.hooks[OCI_HOOK_POSTSTOP].count, 1);
	CHECK_INT(c.hooks[OCI_HOOK_POSTSTOP].items[0].timeout, 3);
	CHECK_STR(oci_annotation(&c, "k"), "v");
	CHECK(oci_annotation(&c, "x") == NULL);
	CHECK_INT(c.namespaces[OCI_NS_IPC].mode, OCI_NS_NEW);
	CHECK_INT(c.namespaces[OCI_NS_NETWORK].mode, OCI_NS_JOIN);
	CHECK_STR(c.namespaces[OCI_NS_NETWORK].path, "/n");
	CHECK_INT(c.uid_maps.items[0].host_id, 100000);
	CHECK_INT(c.time_monotonic.secs, -5);
	CHECK(c.time_boottime.set);
	CHECK_INT(c.devices[0].mode, 0666);
	CHECK(c.devices[0].has_uid && c.devices[0].gid == 2 && !c.devices[1].has_mode);
	CHECK_INT(c.rootfs_propagation, MS_SLAVE | MS_REC);
	CHECK(c.personality.set && c.personality.value == 8);
	CHECK_INT(c.sysctl_count, 5);
	CHECK_STR(c.mount_label, "m");
}

TEST(mount_options)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	struct oci_config c;
	const struct oci_mount *m;

	decode_config(&a,
		"'mounts':[{'destination':'a','source':'s','type':'none','options':['rbind','ro','"
		"rw',"
		"'nosuid','rslave','rslave','']},{'destination':'/b','source':'s','type':'bind',"
		"'options':['rro','rnosuid','rsuid','rnoatime','rstrictatime','copy-symlink']},"
		"{'destination':'/"
		"c','source':'s','options':['bind','ratime'],'uidMappings':" USER_MAP
		",'gidMappings':" USER_MAP "},{'destination':'/d','type':'tmpfs','options':["
		"'defaults','tmpcopyup','size=1','nosymfollow']}]",
		&c, 1, NULL);
	m = c.mounts;
	CHECK_STR(c.warnings.items[0],
		"/mounts/0/destination: a relative destination is deprecated, taken as \"/a\"");
	CHECK_STR(m[0].destination, "/a");
	CHECK(m[0].is_bind && m[0].recursive_bind);
	CHECK_INT(m[0].flags, MS_NOSUID);
	CHECK_INT(m[0].flags_clear, MS_RDONLY);
	CHECK_INT(m[0].propagation, MS_SLAVE | MS_REC);
	CHECK_INT(m[0].data.count, 0);
	CHECK(m[1].is_bind && !m[1].recursive_bind && m[1].copy_symlink);
	CHECK_INT(m[1].recursive_set, MOUNT_ATTR_RDONLY | MOUNT_ATTR_STRICTATIME);
	CHECK_INT(m[1].recursive_clear, MOUNT_ATTR_NOSUID | MOUNT_ATTR__ATIME);
	CHECK(m[2].idmap && !m[2].idmap_recursive && m[2].uid_maps.count == 1);
	CHECK_INT(m[2].recursive_set, 0);
	CHECK_INT(m[2].recursive_clear, MOUNT_ATTR__ATIME);
	CHECK(m[3].copy_up && !m[3].is_bind);
	CHECK_INT(m[3].flags, 256);
	CHECK_STR(m[3].data.items[0], "size=1");
	CHECK(m[3].data.items[1] == NULL);
}

TEST(resources_fields)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	struct bh_error err = BH_ERROR_INIT;
	struct oci_resources r;
	const struct json *tree;

	tree = parse(&a,
		"{'memory':{'limit':-1,'reservation':0,'swap':-1,'kernel':5,'kernelTCP':6,'"
		"swappiness':0,"
		"'disableOOMKiller':true,'useHierarchy':false,'checkBeforeUpdate':true},'cpu':{'"
		"shares':2,"
		"'quota':-1,'burst':3,'period':4,'realtimeRuntime':5,'realtimePeriod':6,'cpus':'0-"
		"1',"
		"'mems':'0','idle':1},'pids':{'limit':0},'blockIO':{'weight':10,'leafWeight':20,"
		"'weightDevice':[{'major':8,'minor':0,'weight':500,'leafWeight':300}],"
		"'throttleReadBpsDevice':[{'major':8,'minor':1,'rate':600}],'"
		"throttleWriteBpsDevice':[],"
		"'throttleReadIOPSDevice':[],'throttleWriteIOPSDevice':[{'major':8,'minor':2,'rate'"
		":7}]},"
		"'hugepageLimits':[{'pageSize':'2MB','limit':9}],'network':{'classID':1048577,"
		"'priorities':[{'name':'eth0','priority':500}]},'rdma':{'mlx5_1':{'hcaHandles':3},"
		"'none':null,'rxe3':{'hcaObjects':10000}},'unified':{'io.max':'x','memory.high':'1'"
		"}}");
	CHECK_INT(oci_resources_decode(tree, &a, &r, &err), 0);
	CHECK(r.present);
	CHECK(r.memory.limit.set && r.memory.limit.value == -1 && !r.memory.reservation.set);
	CHECK(r.memory.swappiness.set && r.memory.swappiness.value == 0);
	CHECK(r.memory.disable_oom_killer && r.memory.has_use_hierarchy);
	CHECK(r.memory.check_before_update && !r.memory.use_hierarchy);
	CHECK_INT(r.cpu.quota.value, -1);
	CHECK_INT(r.cpu.burst.value, 3);
	CHECK_STR(r.cpu.cpus, "0-1");
	CHECK(r.cpu.idle.set && r.cpu.idle.value == 1);
	CHECK(r.pids_limit.set && r.pids_limit.value == 0);
	CHECK_INT(r.blkio.weight_device.items[0].leaf_weight, 300);
	CHECK_INT(r.blkio.read_bps.items[0].value, 600);
	CHECK_INT(r.blkio.write_iops.items[0].minor, 2);
	CHECK_STR(r.hugepages[0].page_size, "2MB");
	CHECK_INT(r.network.class_id.value, 1048577);
	CHECK_STR(r.network.priorities[0].name, "eth0");
	CHECK_INT(r.rdma_count, 2);
	CHECK_STR(r.rdma[1].device, "rxe3");
	CHECK(!r.rdma[1].handles.set && r.rdma[1].objects.value == 10000);
	CHECK_INT(r.unified_count, 2);
}

TEST(seccomp_fields)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	struct oci_config c;

	decode_config(&a,
		"'linux':{'seccomp':{'defaultAction':'SCMP_ACT_TRACE','defaultErrnoRet':7,"
		"'architectures':['SCMP_ARCH_X86'],'flags':['SECCOMP_FILTER_FLAG_LOG',"
		"'SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV','SECCOMP_FILTER_FLAG_TSYNC',"
		"'SECCOMP_FILTER_FLAG_SPEC_ALLOW'],'listenerPath':'/"
		"s','listenerMetadata':'m','syscalls':["
		"{'names':['a'],'action':'SCMP_ACT_NOTIFY'},{'names':['b'],'action':'SCMP_ACT_KILL'"
		"},"
		"{'names':['c'],'action':'SCMP_ACT_KILL_PROCESS'},{'names':['d'],'action':'SCMP_"
		"ACT_TRAP'},"
		"{'names':['e'],'action':'SCMP_ACT_LOG'},{'names':['f'],'action':'SCMP_ACT_ALLOW','"
		"args':"
		"[{'index':5,'value':18446744073709551615,'op':'SCMP_CMP_NE','valueTwo':1}]}]}}",
		&c, 1, NULL);
	CHECK_STR(c.warnings.items[0],
		"/linux/seccomp/syscalls/5/args/0/valueTwo: only SCMP_CMP_MASKED_EQ uses it");
	CHECK_INT(c.seccomp.default_action, SECCOMP_RET_TRACE | 7);
	CHECK_INT(c.seccomp.flags, 1 | 2 | 4 | 32);
	CHECK_INT(c.seccomp.rules[0].action, SECCOMP_RET_USER_NOTIF);
	CHECK_INT(c.seccomp.rules[1].action, SECCOMP_RET_KILL_THREAD);
	CHECK_INT(c.seccomp.rules[2].action, SECCOMP_RET_KILL_PROCESS);
	CHECK_INT(c.seccomp.rules[3].action, SECCOMP_RET_TRAP);
	CHECK_INT(c.seccomp.rules[4].action, SECCOMP_RET_LOG);
	CHECK(c.seccomp.rules[5].args[0].value == UINT64_MAX);
	CHECK_INT(c.seccomp.rules[5].args[0].index, 5);
}

TEST(unknown_properties_are_ignored_and_reported)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	struct oci_config c;

	decode_config(
		&a, "'x':1,'linux':{'a/b':{},'namespaces':[]},'hooks':{'z~':[]}", &c, 3, NULL);
	CHECK_STR(c.warnings.items[0], "/x: unknown property is ignored");
	CHECK_STR(c.warnings.items[1], "/linux/a~1b: unknown property is ignored");
	CHECK_STR(c.warnings.items[2], "/hooks/z~0: unknown property is ignored");
}

TEST(maps_of_a_joined_user_namespace_are_reported)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	struct oci_config c;

	decode_config(&a,
		"'linux':{'namespaces':[{'type':'user','path':'/n'}],'uidMappings':" USER_MAP "}",
		&c, 1, NULL);
	CHECK_STR(c.warnings.items[0],
		"/linux/uidMappings: is not written: the user namespace that is joined has its "
		"maps");
	CHECK_INT(c.uid_maps.count, 1);
}

TEST(warnings_are_bounded)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	static char text[8192];
	struct oci_config c;
	char *p = text;

	for (int i = 0; i < 200; i++)
		p += sprintf(p, "%s'u%d':1", i > 0 ? "," : "", i);
	decode_config(&a, text, &c, OCI_WARNINGS_MAX + 1, NULL);
}

TEST(versions)
{
	static const struct {
		const char *version;
		int ok;
	} cases[] = {{"1.0.0", 1}, {"1.0.0-rc5", 1}, {"1.2.1", 1}, {"1.3.0-dev+x.1", 1},
		{"2.0.0", 0}, {"1.0", 0}, {"1.0.0-", 0}, {"v1.0.0", 0}, {"1.01.0", 0}, {"0.6.0", 0},
		{"10.0.0", 0}, {"1.0.0 ", 0}, {"", 0}};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		_cleanup_arena_ struct arena a = ARENA_INIT;
		struct bh_error err = BH_ERROR_INIT;
		struct oci_config c;
		char text[128];

		(void)snprintf(text, sizeof(text), "{'ociVersion':'%s','root':{'path':'r'}}",
			cases[i].version);
		CHECK_INT(oci_config_decode(parse(&a, text), &a, &c, &err),
			cases[i].ok ? 0 : -EINVAL);
		CHECK(cases[i].ok || strstr(err.text, "/ociVersion: ") == err.text);
	}
}

TEST(capability_names)
{
	for (unsigned int i = 0; i <= 40; i++)
		CHECK_INT(oci_capability_parse(oci_capability_name(i)), i);
	CHECK(oci_capability_name(41) == NULL);
	CHECK_INT(oci_capability_parse("CHOWN"), -EINVAL);
	CHECK_STR(oci_capability_name(21), "CAP_SYS_ADMIN");
}
