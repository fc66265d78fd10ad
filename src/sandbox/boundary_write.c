// SPDX-License-Identifier: Apache-2.0
#include <inttypes.h>

#include "base/mem.h"
#include "sandbox/boundary.h"
#include "spec/oci.h"

static const char *const ns_names[BOUNDARY_NS_COUNT] = {
	[BOUNDARY_NS_USER] = "user",
	[BOUNDARY_NS_MOUNT] = "mount",
	[BOUNDARY_NS_PID] = "pid",
	[BOUNDARY_NS_NETWORK] = "network",
	[BOUNDARY_NS_IPC] = "ipc",
	[BOUNDARY_NS_UTS] = "uts",
	[BOUNDARY_NS_CGROUP] = "cgroup",
	[BOUNDARY_NS_TIME] = "time",
};

static const char *const cap_set_names[BOUNDARY_CAP_SETS] = {
	[BOUNDARY_CAP_INHERITABLE] = "inheritable",
	[BOUNDARY_CAP_PERMITTED] = "permitted",
	[BOUNDARY_CAP_EFFECTIVE] = "effective",
	[BOUNDARY_CAP_BOUNDING] = "bounding",
	[BOUNDARY_CAP_AMBIENT] = "ambient",
};

static const char *severity_name(enum boundary_severity severity)
{
	return severity == BOUNDARY_BREAKS    ? "breaks"
	       : severity == BOUNDARY_WEAKENS ? "weakens"
					      : "note";
}

static const char *seccomp_name(int mode)
{
	return mode == 0 ? "off" : mode == 1 ? "strict" : mode == 2 ? "filter" : "unknown";
}

/* ---- JSON ---- */

/* true, false, or null for unknown */
static void put_answer(struct json_writer *w, const char *key, enum boundary_answer answer)
{
	json_key(w, key);
	if (answer == BOUNDARY_UNKNOWN)
		json_put_null(w);
	else
		json_put_bool(w, answer == BOUNDARY_YES);
}

static void write_user(const struct boundary_report *r, struct json_writer *w)
{
	json_key(w, "user");
	json_begin_object(w);
	json_member_int(w, "uid", r->facts->inside_uid);
	json_member_int(w, "gid", r->facts->inside_gid);
	json_member_int(w, "hostUid", r->facts->uid);
	json_member_int(w, "hostGid", r->facts->gid);
	json_member_bool(w, "administrative", r->administrative_inside);
	json_member_bool(w, "administrativeOnHost", r->administrative_host);
	json_end_object(w);
}

static void write_namespaces(const struct boundary_facts *f, struct json_writer *w)
{
	json_key(w, "namespaces");
	json_begin_object(w);
	for (size_t i = 0; i < BOUNDARY_NS_COUNT; i++) {
		json_key(w, ns_names[i]);
		json_begin_object(w);
		json_key(w, "inode");
		json_put_uint(w, f->namespaces[i].inode);
		put_answer(w, "sharedWithHost", f->namespaces[i].shared);
		put_answer(w, "ownedByContainer", f->namespaces[i].owned_inside);
		json_end_object(w);
	}
	json_end_object(w);
}

static void write_map(
	const char *key, const struct boundary_id_map *maps, size_t count, struct json_writer *w)
{
	json_key(w, key);
	json_begin_array(w);
	for (size_t i = 0; i < count; i++) {
		json_begin_object(w);
		json_member_int(w, "containerID", maps[i].inside);
		json_member_int(w, "hostID", maps[i].outside);
		json_member_int(w, "size", maps[i].count);
		json_end_object(w);
	}
	json_end_array(w);
}

static void write_capabilities(const struct boundary_facts *f, struct json_writer *w)
{
	json_key(w, "capabilities");
	json_begin_object(w);
	for (size_t s = 0; s < BOUNDARY_CAP_SETS; s++) {
		json_key(w, cap_set_names[s]);
		json_begin_array(w);
		for (unsigned int n = 0; n < 64; n++)
			if ((f->caps[s] >> n & 1) != 0 && oci_capability_name(n) != NULL)
				json_put_string(w, oci_capability_name(n));
		json_end_array(w);
	}
	json_end_object(w);
}

static void write_mounts(const struct boundary_facts *f, struct json_writer *w)
{
	json_key(w, "mounts");
	json_begin_array(w);
	for (size_t i = 0; i < f->mount_count; i++) {
		const struct boundary_mount *m = &f->mounts[i];

		json_begin_object(w);
		json_member_string(w, "path", m->path);
		json_member_string(w, "type", m->type);
		json_member_string(w, "source", m->source);
		json_member_string(w, "root", m->root);
		json_member_bool(w, "readonly", m->readonly);
		json_member_bool(w, "nosuid", m->nosuid);
		json_member_bool(w, "nodev", m->nodev);
		json_member_bool(w, "noexec", m->noexec);
		json_member_bool(w, "hostBind", m->host_bind);
		if (m->host_bind)
			json_member_string(w, "hostPath", m->host_path);
		json_end_object(w);
	}
	json_end_array(w);
	json_key(w, "kernelPaths");
	json_begin_array(w);
	for (size_t i = 0; i < f->kernel_path_count; i++) {
		json_begin_object(w);
		json_member_string(w, "path", f->kernel_paths[i].path);
		json_member_bool(w, "masked", f->kernel_paths[i].masked);
		json_member_bool(w, "readonly", f->kernel_paths[i].readonly);
		json_end_object(w);
	}
	json_end_array(w);
}

static void write_devices(const struct boundary_facts *f, struct json_writer *w)
{
	json_key(w, "devices");
	json_begin_array(w);
	for (size_t i = 0; i < f->device_count; i++) {
		const struct boundary_device *d = &f->devices[i];
		char type[2] = {d->type, '\0'};

		json_begin_object(w);
		json_member_string(w, "path", d->path);
		json_member_string(w, "type", type);
		json_member_int(w, "major", d->major);
		json_member_int(w, "minor", d->minor);
		json_end_object(w);
	}
	json_end_array(w);
	put_answer(w, "deviceFilter", f->device_filter);
	json_key(w, "deviceRules");
	json_begin_array(w);
	for (size_t i = 0; i < f->device_rule_count; i++)
		json_put_string(w, f->device_rules[i]);
	json_end_array(w);
}

/* A number, null for none; absent if it could not be seen. */
static void write_limit(const char *key, const struct boundary_limit *limit, struct json_writer *w)
{
	if (limit->set == BOUNDARY_UNKNOWN)
		return;
	json_key(w, key);
	if (limit->set == BOUNDARY_YES)
		json_put_uint(w, limit->value);
	else
		json_put_null(w);
}

static void write_cgroup(const struct boundary_facts *f, struct json_writer *w)
{
	json_member_string(w, "cgroup", f->cgroup);
	json_key(w, "limits");
	json_begin_object(w);
	write_limit("pids", &f->pids, w);
	write_limit("memory", &f->memory, w);
	write_limit("milliCPU", &f->cpu, w);
	json_end_object(w);
}

static void write_loosened(const struct boundary_report *r, struct json_writer *w)
{
	json_key(w, "loosened");
	json_begin_array(w);
	for (size_t i = 0; i < r->loosened_count; i++) {
		const struct boundary_item *item = &r->loosened[i];

		json_begin_object(w);
		json_member_string(w, "what", item->what);
		json_member_string(w, "detail", item->detail);
		json_member_string(w, "consequence", item->consequence);
		json_member_string(w, "severity", severity_name(item->severity));
		json_end_object(w);
	}
	json_end_array(w);
}

void boundary_write_json(const struct boundary_report *report, struct json_writer *w)
{
	const struct boundary_facts *f = report->facts;

	json_begin_object(w);
	json_member_string(w, "boundary", boundary_class_name(report->class));
	json_member_bool(w, "complete", report->complete);
	json_member_int(w, "pid", f->pid);
	write_user(report, w);
	write_loosened(report, w);
	write_namespaces(f, w);
	write_map("uidMappings", f->uid_map, f->uid_map_count, w);
	write_map("gidMappings", f->gid_map, f->gid_map_count, w);
	write_capabilities(f, w);
	json_key(w, "seccomp");
	json_begin_object(w);
	json_member_string(w, "mode", seccomp_name(f->seccomp_mode));
	if (f->seccomp_filters >= 0)
		json_member_int(w, "filters", f->seccomp_filters);
	json_end_object(w);
	put_answer(w, "noNewPrivileges",
		f->no_new_privs < 0    ? BOUNDARY_UNKNOWN
		: f->no_new_privs == 1 ? BOUNDARY_YES
				       : BOUNDARY_NO);
	json_member_string(w, "label", f->lsm_label);
	json_member_bool(w, "rootReadonly", report->root_readonly);
	json_member_bool(w, "rootless", f->rootless);
	write_mounts(f, w);
	write_devices(f, w);
	write_cgroup(f, w);
	json_end_object(w);
}

/* ---- text ---- */

/* Names from a container may hold anything; a terminal sees only what prints. */
static void put_safe(struct buf *out, const char *text)
{
	for (; *text != '\0'; text++)
		(void)buf_putc(out, (unsigned char)*text < 0x20 || *text == 0x7f ? '?' : *text);
}

static void text_namespaces(const struct boundary_facts *f, struct buf *out)
{
	static const struct {
		enum boundary_answer shared;
		const char *label;
	} groups[] = {{BOUNDARY_NO, "own namespaces"}, {BOUNDARY_YES, "the host's"},
		{BOUNDARY_UNKNOWN, "not seen"}};

	for (size_t g = 0; g < ARRAY_SIZE(groups); g++) {
		bool any = false;

		for (size_t i = 0; i < BOUNDARY_NS_COUNT; i++) {
			if (f->namespaces[i].shared != groups[g].shared)
				continue;
			(void)buf_printf(out, any ? " %s" : "%-16s%s",
				any ? ns_names[i] : groups[g].label, ns_names[i]);
			any = true;
		}
		if (any)
			(void)buf_putc(out, '\n');
	}
}

static void text_capabilities(const struct boundary_facts *f, struct buf *out)
{
	(void)buf_printf(out, "%-16s", "capabilities");
	if (f->caps[BOUNDARY_CAP_EFFECTIVE] == 0)
		(void)buf_puts(out, "none");
	for (unsigned int n = 0, any = 0; n < 64; n++) {
		const char *name = oci_capability_name(n);

		if ((f->caps[BOUNDARY_CAP_EFFECTIVE] >> n & 1) == 0 || name == NULL)
			continue;
		(void)buf_printf(out, "%s%s", any++ > 0 ? " " : "", name + 4);
	}
	(void)buf_putc(out, '\n');
}

static void text_limit(const char *name, const struct boundary_limit *limit, struct buf *out)
{
	if (limit->set == BOUNDARY_YES)
		(void)buf_printf(out, " %s %" PRIu64, name, limit->value);
	else
		(void)buf_printf(
			out, " %s %s", name, limit->set == BOUNDARY_NO ? "none" : "unknown");
}

static void text_loosened(const struct boundary_report *r, struct buf *out)
{
	(void)buf_puts(out, r->loosened_count > 0 ? "loosened\n" : "loosened        nothing\n");
	for (int severity = BOUNDARY_BREAKS; severity >= BOUNDARY_NOTE; severity--)
		for (size_t i = 0; i < r->loosened_count; i++) {
			const struct boundary_item *item = &r->loosened[i];

			if ((int)item->severity != severity)
				continue;
			(void)buf_printf(
				out, "  %-8s %s ", severity_name(item->severity), item->what);
			put_safe(out, item->detail);
			(void)buf_printf(out, ": %s\n", item->consequence);
		}
	if (!r->complete)
		(void)buf_puts(out, "  (the list is not complete)\n");
}

void boundary_write_text(const struct boundary_report *report, struct buf *out)
{
	const struct boundary_facts *f = report->facts;

	(void)buf_printf(out, "%-16s%s\n", "boundary", boundary_class_name(report->class));
	(void)buf_printf(out, "%-16s%s\n", "user", report->user);
	(void)buf_printf(out, "%-16sinside: %s; on the host: %s\n", "administrative",
		report->administrative_inside ? "yes" : "no",
		report->administrative_host ? "yes" : "no");
	text_namespaces(f, out);
	text_capabilities(f, out);
	(void)buf_printf(out, "%-16s%s", "seccomp", seccomp_name(f->seccomp_mode));
	if (f->seccomp_filters > 0)
		(void)buf_printf(out, " (%d)", f->seccomp_filters);
	(void)buf_printf(out, "\n%-16s%s\n", "no new privs",
		f->no_new_privs == 1   ? "yes"
		: f->no_new_privs == 0 ? "no"
				       : "unknown");
	(void)buf_printf(
		out, "%-16s%s\n", "root", report->root_readonly ? "read-only" : "writable");
	(void)buf_printf(out, "%-15s", "limits");
	text_limit("pids", &f->pids, out);
	text_limit("memory", &f->memory, out);
	text_limit("millicpu", &f->cpu, out);
	(void)buf_putc(out, '\n');
	text_loosened(report, out);
}
