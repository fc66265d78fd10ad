// SPDX-License-Identifier: Apache-2.0
/* The writer of config.json: the linux object without resources. */
#include <linux/seccomp.h>

#include "base/mem.h"
#include "spec/oci_write_parts.h"

static void write_namespaces(struct json_writer *w, const struct oci_config *c)
{
	json_key(w, "namespaces");
	json_begin_array(w);
	for (int kind = 0; kind < OCI_NS_COUNT; kind++) {
		const struct oci_ns *ns = &c->namespaces[kind];

		if (ns->mode == OCI_NS_HOST)
			continue;
		json_begin_object(w);
		json_member_string(w, "type", oci_name_of(&oci_names_namespace, (uint64_t)kind));
		if (ns->mode == OCI_NS_JOIN)
			json_member_string(w, "path", ns->path);
		json_end_object(w);
	}
	json_end_array(w);
}

static void write_offset(struct json_writer *w, const char *key, const struct oci_time_offset *o)
{
	if (!o->set)
		return;
	json_key(w, key);
	json_begin_object(w);
	json_member_int(w, "secs", o->secs);
	json_member_int(w, "nanosecs", o->nanosecs);
	json_end_object(w);
}

static void write_time(struct json_writer *w, const struct oci_config *c)
{
	if (!c->time_monotonic.set && !c->time_boottime.set)
		return;
	json_key(w, "timeOffsets");
	json_begin_object(w);
	write_offset(w, "monotonic", &c->time_monotonic);
	write_offset(w, "boottime", &c->time_boottime);
	json_end_object(w);
}

static void write_device(struct json_writer *w, const struct oci_device *d)
{
	char type[2] = {d->type, '\0'};

	json_begin_object(w);
	json_member_string(w, "type", type);
	json_member_string(w, "path", d->path);
	if (d->type != 'p') {
		json_member_int(w, "major", d->major);
		json_member_int(w, "minor", d->minor);
	}
	if (d->has_mode)
		json_member_int(w, "fileMode", d->mode);
	if (d->has_uid)
		json_member_int(w, "uid", d->uid);
	if (d->has_gid)
		json_member_int(w, "gid", d->gid);
	json_end_object(w);
}

static void write_devices(struct json_writer *w, const struct oci_config *c)
{
	if (c->device_count == 0)
		return;
	json_key(w, "devices");
	json_begin_array(w);
	for (size_t i = 0; i < c->device_count; i++)
		write_device(w, &c->devices[i]);
	json_end_array(w);
}

/* ---- seccomp ---- */

/* A SECCOMP_RET_* word as name and number. */
static void write_action(
	struct json_writer *w, const char *key, const char *errno_key, uint32_t word)
{
	uint32_t action = word & SECCOMP_RET_ACTION_FULL;

	json_member_string(w, key, oci_name_of(&oci_names_action, action));
	if (action == SECCOMP_RET_ERRNO || action == SECCOMP_RET_TRACE)
		json_member_int(w, errno_key, word & SECCOMP_RET_DATA);
}

static void write_rule(struct json_writer *w, const struct oci_seccomp_rule *rule)
{
	json_begin_object(w);
	oci_put_strings(w, "names", &rule->names);
	write_action(w, "action", "errnoRet", rule->action);
	if (rule->arg_count > 0) {
		json_key(w, "args");
		json_begin_array(w);
		for (size_t i = 0; i < rule->arg_count; i++) {
			const struct oci_seccomp_arg *arg = &rule->args[i];

			json_begin_object(w);
			json_member_int(w, "index", arg->index);
			json_key(w, "value");
			json_put_uint(w, arg->value);
			if (arg->op == OCI_SECCOMP_MASKED_EQ) {
				json_key(w, "valueTwo");
				json_put_uint(w, arg->value_two);
			}
			json_member_string(w, "op", oci_name_of(&oci_names_operator, arg->op));
			json_end_object(w);
		}
		json_end_array(w);
	}
	json_end_object(w);
}

void oci_write_seccomp(struct json_writer *w, const struct oci_seccomp *s)
{
	json_begin_object(w);
	write_action(w, "defaultAction", "defaultErrnoRet", s->default_action);
	oci_put_strings(w, "architectures", &s->architectures);
	oci_put_flags(w, "flags", &oci_names_seccomp_flag, s->flags);
	oci_put_text(w, "listenerPath", s->listener_path);
	oci_put_text(w, "listenerMetadata", s->listener_metadata);
	if (s->rule_count > 0) {
		json_key(w, "syscalls");
		json_begin_array(w);
		for (size_t i = 0; i < s->rule_count; i++)
			write_rule(w, &s->rules[i]);
		json_end_array(w);
	}
	json_end_object(w);
}

/* ---- linux ---- */

void oci_write_linux(struct json_writer *w, const struct oci_config *c)
{
	json_begin_object(w);
	write_namespaces(w, c);
	oci_put_id_maps(w, "uidMappings", &c->uid_maps);
	oci_put_id_maps(w, "gidMappings", &c->gid_maps);
	write_time(w, c);
	write_devices(w, c);
	oci_put_text(w, "cgroupsPath", c->cgroups_path);
	if (c->resources.present) {
		json_key(w, "resources");
		oci_write_resources(w, &c->resources);
	}
	if (c->rootfs_propagation != 0)
		json_member_string(w, "rootfsPropagation",
			oci_name_of(&oci_names_propagation, c->rootfs_propagation));
	if (c->seccomp.present) {
		json_key(w, "seccomp");
		oci_write_seccomp(w, &c->seccomp);
	}
	oci_put_pairs(w, "sysctl", c->sysctl, c->sysctl_count);
	oci_put_strings(w, "maskedPaths", &c->masked_paths);
	oci_put_strings(w, "readonlyPaths", &c->readonly_paths);
	oci_put_text(w, "mountLabel", c->mount_label);
	if (c->personality.set) {
		json_key(w, "personality");
		json_begin_object(w);
		json_member_string(
			w, "domain", oci_name_of(&oci_names_domain, c->personality.value));
		json_end_object(w);
	}
	json_end_object(w);
}
