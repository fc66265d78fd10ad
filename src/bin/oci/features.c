// SPDX-License-Identifier: Apache-2.0
#include "bin/oci/oci.h"
#include "kernel/seccomp.h"
#include "spec/oci_mounts.h"

/* The features structure of the runtime specification (features.md, features-linux.md). It tells
 * what this build knows, not what the kernel below it has. */

#define FEATURES_BYTES_MAX 65536

static const char *const hooks[] = {"prestart", "createRuntime", "createContainer",
	"startContainer", "poststart", "poststop", NULL};
static const char *const namespaces[] = {
	"cgroup", "ipc", "mount", "network", "pid", "time", "user", "uts", NULL};
static const char *const actions[] = {"SCMP_ACT_ALLOW", "SCMP_ACT_ERRNO", "SCMP_ACT_KILL",
	"SCMP_ACT_KILL_PROCESS", "SCMP_ACT_KILL_THREAD", "SCMP_ACT_LOG", "SCMP_ACT_NOTIFY",
	"SCMP_ACT_TRACE", "SCMP_ACT_TRAP", NULL};
static const char *const operators[] = {"SCMP_CMP_EQ", "SCMP_CMP_GE", "SCMP_CMP_GT", "SCMP_CMP_LE",
	"SCMP_CMP_LT", "SCMP_CMP_MASKED_EQ", "SCMP_CMP_NE", NULL};
static const char *const flags[] = {"SECCOMP_FILTER_FLAG_LOG", "SECCOMP_FILTER_FLAG_SPEC_ALLOW",
	"SECCOMP_FILTER_FLAG_TSYNC", "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV", NULL};
/* No annotation changes what this runtime does. */
static const char *const unsafe_annotations[] = {NULL};

static const char *capability_at(size_t i)
{
	return oci_capability_name((unsigned int)i);
}

static void put_list(struct json_writer *w, const char *key, const char *const *names)
{
	json_key(w, key);
	json_begin_array(w);
	for (; *names != NULL; names++)
		json_put_string(w, *names);
	json_end_array(w);
}

static void put_names(struct json_writer *w, const char *key, const char *(*name_at)(size_t))
{
	json_key(w, key);
	json_begin_array(w);
	for (size_t i = 0; name_at(i) != NULL; i++)
		json_put_string(w, name_at(i));
	json_end_array(w);
}

static void put_enabled(struct json_writer *w, const char *key, bool enabled)
{
	json_key(w, key);
	json_begin_object(w);
	json_member_bool(w, "enabled", enabled);
	json_end_object(w);
}

static void put_cgroup(struct json_writer *w)
{
	json_key(w, "cgroup");
	json_begin_object(w);
	json_member_bool(w, "v1", true);
	json_member_bool(w, "v2", true);
	json_member_bool(w, "systemd", true);
	json_member_bool(w, "systemdUser", true);
	json_member_bool(w, "rdma", true);
	json_end_object(w);
}

static void put_seccomp(struct json_writer *w)
{
	json_key(w, "seccomp");
	json_begin_object(w);
	json_member_bool(w, "enabled", true);
	put_list(w, "actions", actions);
	put_list(w, "operators", operators);
	put_names(w, "archs", seccomp_architecture_name);
	put_list(w, "knownFlags", flags);
	put_list(w, "supportedFlags", flags);
	json_end_object(w);
}

static void put_linux(struct json_writer *w)
{
	json_key(w, "linux");
	json_begin_object(w);
	put_list(w, "namespaces", namespaces);
	put_names(w, "capabilities", capability_at);
	put_cgroup(w);
	put_seccomp(w);
	put_enabled(w, "apparmor", true);
	put_enabled(w, "selinux", true);
	put_enabled(w, "intelRdt", false);
	json_key(w, "mountExtensions");
	json_begin_object(w);
	put_enabled(w, "idmap", true);
	json_end_object(w);
	json_end_object(w);
}

int command_features(struct oci *o, struct bh_error *err)
{
	_cleanup_buf_ struct buf out;
	struct json_writer w = JSON_WRITER(&out);

	buf_init(&out, FEATURES_BYTES_MAX);
	json_begin_object(&w);
	json_member_string(&w, "ociVersionMin", "1.0.0");
	json_member_string(&w, "ociVersionMax", OCI_SPEC_VERSION);
	put_list(&w, "hooks", hooks);
	put_names(&w, "mountOptions", oci_mount_option_name);
	put_linux(&w);
	json_key(&w, "annotations");
	json_begin_object(&w);
	json_member_string(&w, "org.opencontainers.runc.checkpoint.enabled", "false");
	json_member_string(&w, "org.bulkhead.version", BULKHEAD_VERSION);
	json_end_object(&w);
	put_list(&w, "potentiallyUnsafeConfigAnnotations", unsafe_annotations);
	json_end_object(&w);
	(void)buf_putc(&out, '\n');
	return output_write(&out, err);
}
