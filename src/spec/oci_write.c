// SPDX-License-Identifier: Apache-2.0
/* The writer of config.json: the outermost object, process, mounts and hooks. */
#include "spec/oci_write.h"

#include "base/mem.h"
#include "spec/oci_write_parts.h"

/* ---- members ---- */

void oci_put_text(struct json_writer *w, const char *key, const char *s)
{
	if (s != NULL)
		json_member_string(w, key, s);
}

void oci_put_true(struct json_writer *w, const char *key, bool v)
{
	if (v)
		json_member_bool(w, key, true);
}

void oci_put_strings(struct json_writer *w, const char *key, const struct oci_strings *s)
{
	if (s->count == 0)
		return;
	json_key(w, key);
	json_begin_array(w);
	for (size_t i = 0; i < s->count; i++)
		json_put_string(w, s->items[i]);
	json_end_array(w);
}

void oci_put_pairs(struct json_writer *w, const char *key, const struct oci_pair *p, size_t count)
{
	if (count == 0)
		return;
	json_key(w, key);
	json_begin_object(w);
	for (size_t i = 0; i < count; i++)
		json_member_string(w, p[i].key, p[i].value);
	json_end_object(w);
}

void oci_put_int(struct json_writer *w, const char *key, const struct oci_optional_int *v)
{
	if (v->set)
		json_member_int(w, key, v->value);
}

void oci_put_uint(struct json_writer *w, const char *key, const struct oci_optional_uint *v)
{
	if (!v->set)
		return;
	json_key(w, key);
	json_put_uint(w, v->value);
}

void oci_put_id_maps(struct json_writer *w, const char *key, const struct oci_id_maps *maps)
{
	if (maps->count == 0)
		return;
	json_key(w, key);
	json_begin_array(w);
	for (size_t i = 0; i < maps->count; i++) {
		json_begin_object(w);
		json_member_int(w, "containerID", maps->items[i].container_id);
		json_member_int(w, "hostID", maps->items[i].host_id);
		json_member_int(w, "size", maps->items[i].size);
		json_end_object(w);
	}
	json_end_array(w);
}

void oci_put_flags(
	struct json_writer *w, const char *key, const struct oci_names *names, uint64_t value)
{
	if (value == 0)
		return;
	json_key(w, key);
	json_begin_array(w);
	for (size_t i = 0; i < names->count; i++)
		if ((value & names->items[i].value) != 0)
			json_put_string(w, names->items[i].name);
	json_end_array(w);
}

/* ---- process ---- */

static void write_user(struct json_writer *w, const struct oci_user *user)
{
	json_key(w, "user");
	json_begin_object(w);
	json_member_int(w, "uid", user->uid);
	json_member_int(w, "gid", user->gid);
	if (user->has_umask)
		json_member_int(w, "umask", user->umask);
	if (user->additional_gid_count > 0) {
		json_key(w, "additionalGids");
		json_begin_array(w);
		for (size_t i = 0; i < user->additional_gid_count; i++)
			json_put_uint(w, user->additional_gids[i]);
		json_end_array(w);
	}
	json_end_object(w);
}

static void write_capabilities(struct json_writer *w, const struct oci_process *p)
{
	static const char *const keys[OCI_CAP_SETS] = {
		[OCI_CAP_BOUNDING] = "bounding",
		[OCI_CAP_EFFECTIVE] = "effective",
		[OCI_CAP_INHERITABLE] = "inheritable",
		[OCI_CAP_PERMITTED] = "permitted",
		[OCI_CAP_AMBIENT] = "ambient",
	};

	if (!p->has_capabilities)
		return;
	json_key(w, "capabilities");
	json_begin_object(w);
	for (int set = 0; set < OCI_CAP_SETS; set++) {
		if (p->capabilities[set] == 0)
			continue;
		json_key(w, keys[set]);
		json_begin_array(w);
		for (unsigned int n = 0; oci_capability_name(n) != NULL; n++)
			if ((p->capabilities[set] >> n & 1) != 0)
				json_put_string(w, oci_capability_name(n));
		json_end_array(w);
	}
	json_end_object(w);
}

static void write_rlimits(struct json_writer *w, const struct oci_process *p)
{
	if (p->rlimit_count == 0)
		return;
	json_key(w, "rlimits");
	json_begin_array(w);
	for (size_t i = 0; i < p->rlimit_count; i++) {
		json_begin_object(w);
		json_member_string(w, "type",
			oci_name_of(&oci_names_rlimit, (uint64_t)p->rlimits[i].resource));
		json_key(w, "soft");
		json_put_uint(w, p->rlimits[i].soft);
		json_key(w, "hard");
		json_put_uint(w, p->rlimits[i].hard);
		json_end_object(w);
	}
	json_end_array(w);
}

static void put_nonzero(struct json_writer *w, const char *key, uint64_t v)
{
	if (v == 0)
		return;
	json_key(w, key);
	json_put_uint(w, v);
}

static void write_scheduler(struct json_writer *w, const struct oci_scheduler *s)
{
	if (!s->set)
		return;
	json_key(w, "scheduler");
	json_begin_object(w);
	json_member_string(w, "policy", oci_name_of(&oci_names_policy, s->policy));
	if (s->nice != 0)
		json_member_int(w, "nice", s->nice);
	if (s->priority != 0)
		json_member_int(w, "priority", s->priority);
	oci_put_flags(w, "flags", &oci_names_scheduler_flag, s->flags);
	put_nonzero(w, "runtime", s->runtime);
	put_nonzero(w, "deadline", s->deadline);
	put_nonzero(w, "period", s->period);
	json_end_object(w);
}

static void write_placement(struct json_writer *w, const struct oci_process *p)
{
	if (p->io_priority.set) {
		json_key(w, "ioPriority");
		json_begin_object(w);
		json_member_string(w, "class",
			oci_name_of(&oci_names_io_class, (uint64_t)p->io_priority.io_class));
		json_member_int(w, "priority", p->io_priority.priority);
		json_end_object(w);
	}
	if (p->cpu_affinity_initial != NULL || p->cpu_affinity_final != NULL) {
		json_key(w, "execCPUAffinity");
		json_begin_object(w);
		oci_put_text(w, "initial", p->cpu_affinity_initial);
		oci_put_text(w, "final", p->cpu_affinity_final);
		json_end_object(w);
	}
}

int oci_process_write(const struct oci_process *p, struct json_writer *w)
{
	json_begin_object(w);
	oci_put_true(w, "terminal", p->terminal);
	if (p->terminal && (p->console_height | p->console_width) != 0) {
		json_key(w, "consoleSize");
		json_begin_object(w);
		json_member_int(w, "height", p->console_height);
		json_member_int(w, "width", p->console_width);
		json_end_object(w);
	}
	write_user(w, &p->user);
	oci_put_strings(w, "args", &p->args);
	oci_put_strings(w, "env", &p->env);
	json_member_string(w, "cwd", p->cwd != NULL ? p->cwd : "/");
	write_capabilities(w, p);
	write_rlimits(w, p);
	oci_put_true(w, "noNewPrivileges", p->no_new_privileges);
	oci_put_text(w, "apparmorProfile", p->apparmor_profile);
	oci_put_text(w, "selinuxLabel", p->selinux_label);
	oci_put_int(w, "oomScoreAdj", &p->oom_score_adj);
	write_scheduler(w, &p->scheduler);
	write_placement(w, p);
	json_end_object(w);
	return buf_status(w->out);
}

/* ---- mounts and hooks ---- */

void oci_write_mounts(struct json_writer *w, const struct oci_config *c)
{
	if (c->mount_count == 0)
		return;
	json_key(w, "mounts");
	json_begin_array(w);
	for (size_t i = 0; i < c->mount_count; i++) {
		const struct oci_mount *m = &c->mounts[i];

		json_begin_object(w);
		json_member_string(w, "destination", m->destination);
		oci_put_text(w, "type", m->type);
		oci_put_text(w, "source", m->source);
		oci_write_mount_options(w, m);
		oci_put_id_maps(w, "uidMappings", &m->uid_maps);
		oci_put_id_maps(w, "gidMappings", &m->gid_maps);
		json_end_object(w);
	}
	json_end_array(w);
}

static void write_hook_list(struct json_writer *w, const char *key, const struct oci_hooks *hooks)
{
	if (hooks->count == 0)
		return;
	json_key(w, key);
	json_begin_array(w);
	for (size_t i = 0; i < hooks->count; i++) {
		const struct oci_hook *hook = &hooks->items[i];

		json_begin_object(w);
		json_member_string(w, "path", hook->path);
		oci_put_strings(w, "args", &hook->args);
		oci_put_strings(w, "env", &hook->env);
		if (hook->timeout != 0)
			json_member_int(w, "timeout", hook->timeout);
		json_end_object(w);
	}
	json_end_array(w);
}

static void write_hooks(struct json_writer *w, const struct oci_config *c)
{
	static const char *const keys[OCI_HOOK_KINDS] = {
		[OCI_HOOK_PRESTART] = "prestart",
		[OCI_HOOK_CREATE_RUNTIME] = "createRuntime",
		[OCI_HOOK_CREATE_CONTAINER] = "createContainer",
		[OCI_HOOK_START_CONTAINER] = "startContainer",
		[OCI_HOOK_POSTSTART] = "poststart",
		[OCI_HOOK_POSTSTOP] = "poststop",
	};
	size_t total = 0;

	for (int i = 0; i < OCI_HOOK_KINDS; i++)
		total += c->hooks[i].count;
	if (total == 0)
		return;
	json_key(w, "hooks");
	json_begin_object(w);
	for (int i = 0; i < OCI_HOOK_KINDS; i++)
		write_hook_list(w, keys[i], &c->hooks[i]);
	json_end_object(w);
}

/* ---- the whole ---- */

int oci_config_write(const struct oci_config *c, struct json_writer *w)
{
	json_begin_object(w);
	json_member_string(w, "ociVersion", c->version);
	if (c->has_process) {
		json_key(w, "process");
		(void)oci_process_write(&c->process, w);
	}
	json_key(w, "root");
	json_begin_object(w);
	json_member_string(w, "path", c->root_path);
	oci_put_true(w, "readonly", c->root_readonly);
	json_end_object(w);
	oci_put_text(w, "hostname", c->hostname);
	oci_put_text(w, "domainname", c->domainname);
	oci_write_mounts(w, c);
	write_hooks(w, c);
	oci_put_pairs(w, "annotations", c->annotations, c->annotation_count);
	json_key(w, "linux");
	oci_write_linux(w, c);
	json_end_object(w);
	return buf_status(w->out);
}
