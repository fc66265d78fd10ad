// SPDX-License-Identifier: Apache-2.0
/* The writer of config.json: what it writes is read back as the same. */
#include "spec/oci_write.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mount.h>

#include "base/fd.h"
#include "base/mem.h"
#include "spec/oci_mounts.h"
#include "test.h"
#include "test_spec_oci.h"

static void write_config(const struct oci_config *c, struct buf *out)
{
	struct json_writer w = JSON_WRITER(out);

	CHECK_INT(oci_config_write(c, &w), 0);
}

/* Every field of *c is in the text, and the text is read back as something written the same way. */
static void round_trip(struct arena *a, const struct oci_config *c)
{
	_cleanup_buf_ struct buf first, second;
	struct bh_error err = BH_ERROR_INIT;
	const struct json *tree;
	struct oci_config back;

	buf_init(&first, OCI_CONFIG_BYTES_MAX);
	buf_init(&second, OCI_CONFIG_BYTES_MAX);
	write_config(c, &first);
	CHECK_INT(json_parse(buf_str(&first), first.len, a, &tree, &err), 0);
	CHECK_INT(oci_config_decode(tree, a, &back, &err), 0);
	CHECK_INT(back.warnings.count, 0);
	write_config(&back, &second);
	CHECK_STR(buf_str(&second), buf_str(&first));
}

/* Documents in the writer's own form, so that the text itself must come back. */
static void verbatim(const char *members)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	_cleanup_buf_ struct buf out;
	struct oci_config c;
	char text[4096], *p = text;

	p += snprintf(text, sizeof(text), "{'ociVersion':'1.2.0',%s}", members);
	CHECK(p < text + sizeof(text));
	struct bh_error err = BH_ERROR_INIT;
	CHECK_INT(oci_config_decode(parse(&a, text), &a, &c, &err), 0);
	buf_init(&out, OCI_CONFIG_BYTES_MAX);
	write_config(&c, &out);
	for (p = text; *p != '\0'; p++)
		if (*p == '\'')
			*p = '"';
	CHECK_STR(buf_str(&out), text);
}

TEST(stock_engine_profile)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	struct bh_error err = BH_ERROR_INIT;
	struct oci_config c;

	CHECK_INT(arena_init(&a, OCI_ARENA_MAX), 0);
	CHECK_INT(
		oci_config_load(AT_FDCWD, TEST_DATA "/docker-default-spec.json", &a, &c, &err), 0);
	round_trip(&a, &c);
}

TEST(process)
{
	verbatim("'process':{'terminal':true,'consoleSize':{'height':25,'width':80},"
		 "'user':{'uid':1,'gid':2,'umask':18,'additionalGids':[5,6]},'args':['a',''],"
		 "'env':['A=b'],'cwd':'/w','capabilities':{'bounding':['CAP_CHOWN','CAP_KILL'],"
		 "'effective':['CAP_CHOWN'],'inheritable':['CAP_KILL'],'permitted':['CAP_CHOWN','"
		 "CAP_KILL'],"
		 "'ambient':['CAP_KILL']},'rlimits':[{'type':'RLIMIT_CORE','soft':1,"
		 "'hard':18446744073709551615}],'noNewPrivileges':true,'apparmorProfile':'p',"
		 "'selinuxLabel':'l','oomScoreAdj':-5,'scheduler':{'policy':'SCHED_DEADLINE',"
		 "'nice':1,'flags':['SCHED_FLAG_RECLAIM'],'runtime':1,'deadline':2,'period':3},"
		 "'ioPriority':{'class':'IOPRIO_CLASS_IDLE','priority':7},"
		 "'execCPUAffinity':{'initial':'7','final':'0-3'}},'root':{'path':'r'},"
		 "'linux':{'namespaces':[]}");
	verbatim("'process':{'user':{'uid':0,'gid':0},'cwd':'/','capabilities':{},"
		 "'scheduler':{'policy':'SCHED_FIFO','priority':9}},"
		 "'root':{'path':'r','readonly':true},'linux':{'namespaces':[]}");
}

#define MAPS "[{'containerID':0,'hostID':100000,'size':65536}]"

TEST(linux)
{
	verbatim("'root':{'path':'r'},'hostname':'h','domainname':'d','hooks':{"
		 "'prestart':[{'path':'/a'}],'createRuntime':[{'path':'/b','args':['b','c'],"
		 "'env':['A=b'],'timeout':3}],'createContainer':[{'path':'/c'}],"
		 "'startContainer':[{'path':'/d'}],'poststart':[{'path':'/e'}],"
		 "'poststop':[{'path':'/f'}]},'annotations':{'k':'v','e':''},"
		 "'linux':{'namespaces':[{'type':'user'},{'type':'mount'},{'type':'pid','path':'/"
		 "p'},"
		 "{'type':'network'},{'type':'ipc'},{'type':'uts'},{'type':'cgroup'},"
		 "{'type':'time'}],'uidMappings':" MAPS ",'gidMappings':" MAPS ",'timeOffsets':"
		 "{'monotonic':{'secs':-5,'nanosecs':1},'boottime':{'secs':0,'nanosecs':0}},"
		 "'devices':[{'type':'c','path':'/d','major':10,'minor':229,'fileMode':438,'uid':1,"
		 "'gid':2},{'type':'p','path':'/p'}],'cgroupsPath':'/c','rootfsPropagation':"
		 "'rslave','sysctl':{'net.a':'1'},'maskedPaths':['/m'],'readonlyPaths':['/r'],"
		 "'mountLabel':'l','personality':{'domain':'LINUX32'}}");
}

TEST(resources)
{
	verbatim("'root':{'path':'r'},'linux':{'namespaces':[],'resources':{'devices':["
		 "{'allow':false,'type':'a','access':'rwm'},"
		 "{'allow':true,'type':'c','major':1,'minor':3,'access':'rw'}],"
		 "'memory':{'limit':-1,'reservation':1,'swap':-1,'kernel':5,'kernelTCP':6,"
		 "'swappiness':0,'disableOOMKiller':false,'useHierarchy':true,"
		 "'checkBeforeUpdate':true},'cpu':{'shares':2,'quota':-1,'burst':3,'period':4,"
		 "'realtimeRuntime':5,'realtimePeriod':6,'cpus':'0-1','mems':'0','idle':0},"
		 "'pids':{'limit':0},'blockIO':{'weight':10,'leafWeight':20,'weightDevice':"
		 "[{'major':8,'minor':0,'weight':500},{'major':8,'minor':0,'leafWeight':300}],"
		 "'throttleReadBpsDevice':[{'major':8,'minor':1,'rate':1}],"
		 "'throttleWriteBpsDevice':[{'major':8,'minor':1,'rate':2}],"
		 "'throttleReadIOPSDevice':[{'major':8,'minor':1,'rate':3}],"
		 "'throttleWriteIOPSDevice':[{'major':8,'minor':1,'rate':0}]},"
		 "'hugepageLimits':[{'pageSize':'2MB','limit':9}],"
		 "'network':{'classID':0,'priorities':[{'name':'eth0','priority':500}]},"
		 "'rdma':{'a':{'hcaHandles':3},'b':{'hcaObjects':4}},'unified':{'io.max':'x'}}}");
}

TEST(seccomp)
{
	verbatim("'root':{'path':'r'},'linux':{'namespaces':[],'seccomp':{'defaultAction':"
		 "'SCMP_ACT_TRACE','defaultErrnoRet':0,'architectures':['SCMP_ARCH_X86'],'flags':"
		 "['SECCOMP_FILTER_FLAG_TSYNC','SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV'],"
		 "'listenerPath':'/s','listenerMetadata':'m','syscalls':["
		 "{'names':['a','b'],'action':'SCMP_ACT_NOTIFY'},"
		 "{'names':['a'],'action':'SCMP_ACT_KILL_PROCESS'},"
		 "{'names':['a'],'action':'SCMP_ACT_ERRNO','errnoRet':38,'args':["
		 "{'index':1,'value':18446744073709551615,'op':'SCMP_CMP_LE'},"
		 "{'index':2,'value':1,'valueTwo':2,'op':'SCMP_CMP_MASKED_EQ'}]}]}}");
}

TEST(mounts)
{
	verbatim("'root':{'path':'r'},'mounts':[{'destination':'/p','type':'proc','source':'proc',"
		 "'options':['noexec','nosuid','ro']},{'destination':'/t','type':'tmpfs',"
		 "'options':['rw','tmpcopyup','size=1','mode=755']},"
		 "{'destination':'/b','source':'b','options':['rbind','ridmap','rnoatime','rro',"
		 "'rshared','rsuid'],'uidMappings':" MAPS ",'gidMappings':" MAPS "}],"
		 "'linux':{'namespaces':[]}");
}

/* Each option the decoder knows, alone on a mount that takes it. */
TEST(every_mount_option)
{
	const char *name;
	size_t count = 0;

	for (; (name = oci_mount_option_name(count)) != NULL; count++) {
		_cleanup_arena_ struct arena a = ARENA_INIT;
		const char *kind = strcmp(name, "tmpcopyup") == 0 ? "'type':'tmpfs'"
								  : "'source':'s','type':'bind'";
		struct oci_config c;
		char text[1024];

		(void)snprintf(text, sizeof(text),
			"'mounts':[{'destination':'/a',%s,'options':['%s'],"
			"'uidMappings':%s,'gidMappings':%s}]",
			kind, name, strstr(name, "idmap") ? MAPS : "[]",
			strstr(name, "idmap") ? MAPS : "[]");
		decode_config(&a, text, &c, 0, NULL);
		CHECK_INT(c.mounts[0].data.count, 0);
		round_trip(&a, &c);
	}
	CHECK_INT(count, 63);
}
