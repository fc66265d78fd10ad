// SPDX-License-Identifier: Apache-2.0
/*
 * Judges the facts of a boundary report. The measure is Bulkhead's own default: every namespace but
 * time private, container root nobody on the host, a short capability set, a seccomp filter, masked
 * and read-only kernel paths, no piece of the host's file systems, a limit on processes. Whatever
 * falls short of it is an item. The class is `none` as soon as one item lets the container control
 * the host by design rather than by a flaw of the kernel; otherwise `shared-kernel`.
 *
 * Unknown is judged as the worse case, and said to be unknown.
 */
#include "sandbox/boundary.h"

#include <string.h>

#include "sandbox/boundary_judge.h"

#define ITEMS_MAX 512

void boundary_add(struct boundary_judge *j, enum boundary_severity severity, const char *what,
	const char *consequence, const char *detail)
{
	struct boundary_report *r = j->report;

	if (r->loosened == NULL || r->loosened_count == ITEMS_MAX || detail == NULL) {
		r->complete = false;
		if (severity == BOUNDARY_BREAKS)
			r->class = BOUNDARY_NONE;
		return;
	}
	r->loosened[r->loosened_count++] =
		(struct boundary_item){what, detail, consequence, severity};
	if (severity == BOUNDARY_BREAKS)
		r->class = BOUNDARY_NONE;
}

/* ---- namespaces and ids ---- */

static const struct {
	const char *name, *consequence;
	enum boundary_severity severity;
} ns_judgements[BOUNDARY_NS_COUNT] = {
	[BOUNDARY_NS_USER] = {"user", "ids and capabilities inside are those of the host",
		BOUNDARY_WEAKENS},
	[BOUNDARY_NS_MOUNT] = {"mount", "sees the host's mounts, and may change them",
		BOUNDARY_BREAKS},
	[BOUNDARY_NS_PID] = {"pid", "sees the host's processes, and may signal those of its user",
		BOUNDARY_WEAKENS},
	[BOUNDARY_NS_NETWORK] = {"network",
		"uses the host's interfaces, local services and abstract sockets",
		BOUNDARY_WEAKENS},
	[BOUNDARY_NS_IPC] = {"ipc", "shares memory and message queues with host processes",
		BOUNDARY_WEAKENS},
	[BOUNDARY_NS_UTS] = {"uts", "sees the host's name, and may change it with CAP_SYS_ADMIN",
		BOUNDARY_WEAKENS},
	[BOUNDARY_NS_CGROUP] = {"cgroup", "sees the host's control group tree", BOUNDARY_NOTE},
	[BOUNDARY_NS_TIME] = {"time", "shares the host's monotonic and boot clocks", BOUNDARY_NOTE},
};

/* Root of the host's own user namespace is separated from the host by what it lacks, not by a wall:
 * what an administrator's process can attack there, it can attack from inside. */
static enum boundary_severity ns_severity(const struct boundary_facts *facts, int ns)
{
	if (ns == BOUNDARY_NS_USER && facts->uid == 0)
		return BOUNDARY_BREAKS;
	return ns_judgements[ns].severity;
}

static void judge_namespaces(struct boundary_judge *j)
{
	for (int i = 0; i < BOUNDARY_NS_COUNT; i++) {
		const struct boundary_namespace *ns = &j->facts->namespaces[i];

		if (ns->shared == BOUNDARY_NO || (ns->inode == 0 && i >= BOUNDARY_NS_CGROUP))
			continue;
		boundary_add(j, ns_severity(j->facts, i), "namespace", ns_judgements[i].consequence,
			arena_printf(j->arena, "%s%s", ns_judgements[i].name,
				ns->shared == BOUNDARY_YES ? "" : " (could not be seen)"));
	}
	if (j->facts->same_root)
		boundary_add(j, BOUNDARY_BREAKS, "root", "works on the host's own files",
			"the host's root directory");
}

static bool maps_host_root(const struct boundary_id_map *maps, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (maps[i].outside == 0 && maps[i].count > 0)
			return true;
	return false;
}

static void judge_ids(struct boundary_judge *j)
{
	const struct boundary_facts *f = j->facts;

	if (j->host_user_ns || f->rootless)
		return;
	if (maps_host_root(f->uid_map, f->uid_map_count))
		boundary_add(j, BOUNDARY_WEAKENS, "id-map",
			"files and processes of the host's root belong to a user of the container",
			"uid 0 of the host is mapped");
	if (maps_host_root(f->gid_map, f->gid_map_count))
		boundary_add(j, BOUNDARY_WEAKENS, "id-map",
			"files of the host's group root are open to a group of the container",
			"gid 0 of the host is mapped");
}

/* ---- system calls and labels ---- */

static void judge_filter(struct boundary_judge *j)
{
	const struct boundary_facts *f = j->facts;

	if (f->seccomp_mode <= 0)
		boundary_add(j, BOUNDARY_WEAKENS, "seccomp",
			"every system call of the kernel can be tried",
			f->seccomp_mode == 0 ? "no filter" : "could not be seen");
	if (f->no_new_privs != 1)
		boundary_add(j, j->host_user_ns ? BOUNDARY_WEAKENS : BOUNDARY_NOTE,
			"no-new-privileges",
			j->host_user_ns ? "set-uid programs and file capabilities gain privileges"
					: "set-uid programs gain privileges, inside the user"
					  " namespace only",
			f->no_new_privs == 0 ? "off" : "could not be seen");
	if (!f->lsm_confined)
		boundary_add(j, BOUNDARY_NOTE, "security-module",
			"no second opinion on what the container opens",
			f->lsm_label != NULL ? f->lsm_label : "no label");
}

/* ---- limits ---- */

static void judge_limit(struct boundary_judge *j, const char *name,
	const struct boundary_limit *limit, enum boundary_severity severity,
	const char *consequence)
{
	if (limit->set == BOUNDARY_YES)
		return;
	boundary_add(j, severity, "limit", consequence,
		arena_printf(j->arena, "%s: %s%s", name,
			limit->set == BOUNDARY_NO ? "none" : "could not be seen",
			j->facts->rootless ? " (without root limits need a delegated cgroup)"
					   : ""));
}

static void judge_limits(struct boundary_judge *j)
{
	const struct boundary_facts *f = j->facts;

	judge_limit(j, "pids", &f->pids, BOUNDARY_WEAKENS,
		"can use up the process numbers of the host");
	judge_limit(j, "memory", &f->memory, BOUNDARY_NOTE, "can use up the memory of the host");
}

/* ---- identity ---- */

static void describe_user(struct boundary_judge *j)
{
	const struct boundary_facts *f = j->facts;
	struct boundary_report *r = j->report;
	const char *text =
		j->host_user_ns
			? arena_printf(
				  j->arena, "uid %u, gid %u on the host and inside", f->uid, f->gid)
			: arena_printf(j->arena, "uid %u, gid %u inside; uid %u, gid %u outside",
				  f->inside_uid, f->inside_gid, f->uid, f->gid);

	r->user = text != NULL ? text : "";
	r->administrative_inside = f->inside_uid == 0 || f->caps[BOUNDARY_CAP_EFFECTIVE] != 0 ||
				   f->caps[BOUNDARY_CAP_AMBIENT] != 0;
	r->administrative_host = j->host_user_ns && !f->rootless && r->administrative_inside;
}

static bool root_is_readonly(const struct boundary_facts *f)
{
	bool readonly = false;

	for (size_t i = 0; i < f->mount_count; i++)
		if (strcmp(f->mounts[i].path, "/") == 0)
			readonly = f->mounts[i].readonly;
	return readonly;
}

void boundary_evaluate(
	const struct boundary_facts *facts, struct arena *a, struct boundary_report *ret)
{
	struct boundary_report report = {.class = BOUNDARY_SHARED_KERNEL,
		.facts = facts,
		.loosened = arena_calloc(a, ITEMS_MAX, sizeof(*report.loosened)),
		.complete = true,
		.root_readonly = root_is_readonly(facts)};
	struct boundary_judge j = {
		facts, a, &report, facts->namespaces[BOUNDARY_NS_USER].shared != BOUNDARY_NO};

	describe_user(&j);
	judge_namespaces(&j);
	judge_ids(&j);
	boundary_judge_capabilities(&j);
	judge_filter(&j);
	boundary_judge_mounts(&j);
	boundary_judge_devices(&j);
	judge_limits(&j);
	*ret = report;
}

const char *boundary_class_name(enum boundary_class class)
{
	return class == BOUNDARY_SHARED_KERNEL ? "shared-kernel" : "none";
}
