// SPDX-License-Identifier: Apache-2.0
/* The process object of config.json, also alone in a file (exec --process). */
#include <errno.h>
#include <linux/sched.h>
#include <string.h>

#include "base/mem.h"
#include "spec/oci_decode.h"

/* ---- user ---- */

static int decode_umask(struct oci_decoder *d, const struct json *node, void *target)
{
	struct oci_user *user = target;
	int64_t v;
	int e = oci_integer(d, node, 0, 0777, &v);

	if (e < 0)
		return e;
	user->has_umask = true;
	user->umask = (uint32_t)v;
	return 0;
}

static int decode_groups(struct oci_decoder *d, const struct json *node, void *target)
{
	struct oci_user *user = target;
	uint32_t *gids;
	size_t i = 0;
	int e = oci_expect(d, node, JSON_ARRAY);

	if (e < 0)
		return e;
	if (node->children.count > OCI_LIST_MAX)
		return oci_refuse(d, node, -E2BIG, "has more than %u groups", OCI_LIST_MAX);
	gids = arena_calloc(d->arena, node->children.count + 1, sizeof(*gids));
	if (gids == NULL)
		return oci_no_memory(d);
	json_each (it, node) {
		e = oci_decode_id(d, it, &gids[i++]);
		if (e < 0)
			return e;
	}
	user->additional_gids = gids;
	user->additional_gid_count = i;
	return 0;
}

static const struct oci_field user_fields[] = {
	OCI_VALUE("uid", oci_decode_id, struct oci_user, uid),
	OCI_VALUE("gid", oci_decode_id, struct oci_user, gid),
	OCI_WHOLE("umask", decode_umask),
	OCI_WHOLE("additionalGids", decode_groups),
	OCI_REFUSED("username", "it is for Windows containers; give uid and gid as numbers"),
};

static const struct oci_object user_object = {
	.fields = user_fields, .count = ARRAY_SIZE(user_fields)};

/* ---- capabilities ---- */

/* A name the kernel does not know is a warning: config.md#linux-process. */
static int decode_capability_set(struct oci_decoder *d, const struct json *node, void *target)
{
	uint64_t set = 0;
	int e = oci_expect(d, node, JSON_ARRAY);

	if (e < 0)
		return e;
	json_each (it, node) {
		int n;

		e = oci_expect(d, it, JSON_STRING);
		if (e < 0)
			return e;
		n = oci_capability_parse(it->string.data);
		if (n >= 0)
			set |= UINT64_C(1) << n;
		else
			e = oci_warn(d, it, "no capability is named \"%.64s\": it is not granted",
				it->string.data);
		if (e < 0)
			return e;
	}
	*(uint64_t *)target = set;
	return 0;
}

static int reduce(struct oci_decoder *d, const struct json *node, uint64_t *set, uint64_t possible,
	const char *reason)
{
	uint64_t more = *set & ~possible;

	if (more == 0)
		return 0;
	*set &= possible;
	return oci_warn(d, node, "%s is not granted: the kernel wants it in the %s too",
		oci_capability_name((unsigned int)__builtin_ctzll(more)), reason);
}

/* What capset(2) would refuse is not granted: config.md wants a warning, not a failure. */
static int check_capabilities(struct oci_decoder *d, const struct json *node, void *target)
{
	struct oci_process *p = target;
	uint64_t *sets = p->capabilities;
	int e;

	p->has_capabilities = true;
	e = reduce(d, json_get(node, "inheritable"), &sets[OCI_CAP_INHERITABLE],
		sets[OCI_CAP_BOUNDING], "bounding set");
	if (e == 0)
		e = reduce(d, json_get(node, "effective"), &sets[OCI_CAP_EFFECTIVE],
			sets[OCI_CAP_PERMITTED], "permitted set");
	if (e == 0)
		e = reduce(d, json_get(node, "ambient"), &sets[OCI_CAP_AMBIENT],
			sets[OCI_CAP_PERMITTED] & sets[OCI_CAP_INHERITABLE],
			"permitted and inheritable sets");
	return e;
}

static const struct oci_field capability_fields[] = {
	OCI_VALUE("bounding", decode_capability_set, struct oci_process,
		capabilities[OCI_CAP_BOUNDING]),
	OCI_VALUE("effective", decode_capability_set, struct oci_process,
		capabilities[OCI_CAP_EFFECTIVE]),
	OCI_VALUE("inheritable", decode_capability_set, struct oci_process,
		capabilities[OCI_CAP_INHERITABLE]),
	OCI_VALUE("permitted", decode_capability_set, struct oci_process,
		capabilities[OCI_CAP_PERMITTED]),
	OCI_VALUE("ambient", decode_capability_set, struct oci_process,
		capabilities[OCI_CAP_AMBIENT]),
};

static const struct oci_object capability_object = {.fields = capability_fields,
	.count = ARRAY_SIZE(capability_fields),
	.check = check_capabilities};

/* ---- rlimits ---- */

static int decode_rlimit_type(struct oci_decoder *d, const struct json *node, void *target)
{
	struct oci_rlimit *limit = target;
	uint64_t resource;
	int e = oci_by_name(d, node, &oci_names_rlimit, &resource);

	if (e < 0)
		return e;
	limit->name = node->string.data;
	limit->resource = (int)resource;
	return 0;
}

static int check_rlimit(struct oci_decoder *d, const struct json *node, void *target)
{
	const struct oci_rlimit *limit = target;

	if (limit->soft > limit->hard)
		return oci_refuse(d, node, -EINVAL, "soft is above hard");
	return 0;
}

static const struct oci_field rlimit_fields[] = {
	{.name = "type", .kind = OCI_FIELD_VALUE, .required = true, .decode = decode_rlimit_type},
	OCI_NEED("soft", oci_decode_uint64, struct oci_rlimit, soft),
	OCI_NEED("hard", oci_decode_uint64, struct oci_rlimit, hard),
};

static const struct oci_object rlimit_object = {.fields = rlimit_fields,
	.count = ARRAY_SIZE(rlimit_fields),
	.size = sizeof(struct oci_rlimit),
	.check = check_rlimit};

/* ---- scheduling ---- */

static int decode_policy(struct oci_decoder *d, const struct json *node, void *target)
{
	uint64_t v;
	int e = oci_expect(d, node, JSON_STRING);

	if (e < 0)
		return e;
	if (strcmp(node->string.data, "SCHED_ISO") == 0)
		return oci_refuse(d, node, -ENOTSUP, "SCHED_ISO is reserved, no kernel has it");
	e = oci_by_name(d, node, &oci_names_policy, &v);
	if (e == 0)
		*(uint32_t *)target = (uint32_t)v;
	return e;
}

static int decode_scheduler_flags(struct oci_decoder *d, const struct json *node, void *target)
{
	uint64_t all = 0, one;
	int e = oci_expect(d, node, JSON_ARRAY);

	if (e < 0)
		return e;
	json_each (it, node) {
		const char *name = json_string(it);

		if (name != NULL && strncmp(name, "SCHED_FLAG_UTIL_CLAMP_", 22) == 0)
			return oci_refuse(d, it, -ENOTSUP,
				"is not supported: no property gives the clamp's value; use the "
				"cgroup files cpu.uclamp.min and max in unified");
		e = oci_by_name(d, it, &oci_names_scheduler_flag, &one);
		if (e < 0)
			return e;
		all |= one;
	}
	*(uint64_t *)target = all;
	return 0;
}

/* sched_setattr(2) would refuse, or not use, the same combinations much later. */
static int check_scheduler(struct oci_decoder *d, const struct json *node, void *target)
{
	struct oci_scheduler *s = target;
	bool real_time = s->policy == SCHED_FIFO || s->policy == SCHED_RR;

	if (s->nice < -20 || s->nice > 19)
		return oci_refuse(
			d, json_get(node, "nice"), -EINVAL, "is out of range (-20 to 19)");
	if (s->priority != 0 && !real_time)
		return oci_refuse(d, json_get(node, "priority"), -EINVAL,
			"is for SCHED_FIFO and SCHED_RR only");
	if (real_time && (s->priority < 1 || s->priority > 99))
		return oci_refuse(d, node, -EINVAL, "priority must be from 1 to 99");
	if (s->policy != SCHED_DEADLINE && (s->runtime | s->deadline | s->period) != 0)
		return oci_refuse(d, node, -EINVAL,
			"runtime, deadline and period are for SCHED_DEADLINE only");
	if (s->policy == SCHED_DEADLINE && s->runtime == 0)
		return oci_refuse(d, node, -EINVAL, "SCHED_DEADLINE needs a runtime");
	s->set = true;
	return 0;
}

static const struct oci_field scheduler_fields[] = {
	OCI_NEED("policy", decode_policy, struct oci_scheduler, policy),
	OCI_VALUE("nice", oci_decode_int32, struct oci_scheduler, nice),
	OCI_VALUE("priority", oci_decode_int32, struct oci_scheduler, priority),
	OCI_VALUE("flags", decode_scheduler_flags, struct oci_scheduler, flags),
	OCI_VALUE("runtime", oci_decode_uint64, struct oci_scheduler, runtime),
	OCI_VALUE("deadline", oci_decode_uint64, struct oci_scheduler, deadline),
	OCI_VALUE("period", oci_decode_uint64, struct oci_scheduler, period),
};

static const struct oci_object scheduler_object = {.fields = scheduler_fields,
	.count = ARRAY_SIZE(scheduler_fields),
	.check = check_scheduler};

static int decode_io_class(struct oci_decoder *d, const struct json *node, void *target)
{
	uint64_t v;
	int e = oci_by_name(d, node, &oci_names_io_class, &v);

	if (e == 0)
		*(int *)target = (int)v;
	return e;
}

static int decode_io_level(struct oci_decoder *d, const struct json *node, void *target)
{
	int64_t v;
	int e = oci_integer(d, node, 0, 7, &v);

	if (e == 0)
		*(int *)target = (int)v;
	return e;
}

static int check_io_priority(struct oci_decoder *d, const struct json *node, void *target)
{
	((struct oci_process *)target)->io_priority.set = true;
	return 0;
}

static const struct oci_field io_priority_fields[] = {
	OCI_NEED("class", decode_io_class, struct oci_process, io_priority.io_class),
	OCI_VALUE("priority", decode_io_level, struct oci_process, io_priority.priority),
};

static const struct oci_object io_priority_object = {.fields = io_priority_fields,
	.count = ARRAY_SIZE(io_priority_fields),
	.check = check_io_priority};

static const struct oci_field affinity_fields[] = {
	OCI_VALUE("initial", oci_decode_cpu_list, struct oci_process, cpu_affinity_initial),
	OCI_VALUE("final", oci_decode_cpu_list, struct oci_process, cpu_affinity_final),
};

static const struct oci_object affinity_object = {
	.fields = affinity_fields, .count = ARRAY_SIZE(affinity_fields)};

/* ---- console ---- */

static int decode_cells(struct oci_decoder *d, const struct json *node, void *target)
{
	int64_t v;
	int e = oci_integer(d, node, 0, UINT16_MAX, &v);

	if (e == 0)
		*(uint16_t *)target = (uint16_t)v;
	return e;
}

static const struct oci_field console_fields[] = {
	OCI_NEED("height", decode_cells, struct oci_process, console_height),
	OCI_NEED("width", decode_cells, struct oci_process, console_width),
};

static const struct oci_object console_object = {
	.fields = console_fields, .count = ARRAY_SIZE(console_fields)};

/* ---- process ---- */

static int decode_oom_score(struct oci_decoder *d, const struct json *node, void *target)
{
	struct oci_optional_int *score = target;
	int e = oci_integer(d, node, -1000, 1000, &score->value);

	score->set = e == 0;
	return e;
}

static int check_rlimit_duplicates(
	struct oci_decoder *d, const struct json *node, const struct oci_process *p)
{
	uint32_t seen = 0;

	for (size_t i = 0; i < p->rlimit_count; i++) {
		uint32_t bit = UINT32_C(1) << p->rlimits[i].resource;

		if (seen & bit)
			return oci_refuse(d, json_get(node, "rlimits"), -EINVAL,
				"%s is listed more than once", p->rlimits[i].name);
		seen |= bit;
	}
	return 0;
}

static int check_process(struct oci_decoder *d, const struct json *node, void *target)
{
	struct oci_process *p = target;

	if (!p->terminal)
		p->console_height = p->console_width = 0;
	if (p->args.count > 0 && p->args.items[0][0] == '\0')
		return oci_refuse(d, json_get(node, "args"), -EINVAL, "names no program");
	return check_rlimit_duplicates(d, node, p);
}

static const struct oci_field process_fields[] = {
	OCI_VALUE("terminal", oci_decode_bool, struct oci_process, terminal),
	OCI_INLINE("consoleSize", &console_object),
	OCI_NEED("cwd", oci_decode_path, struct oci_process, cwd),
	OCI_VALUE("env", oci_decode_env, struct oci_process, env),
	OCI_VALUE("args", oci_decode_strings, struct oci_process, args),
	OCI_REFUSED("commandLine", "it is for Windows containers; use args"),
	OCI_LIST("rlimits", &rlimit_object, 64, struct oci_process, rlimits),
	OCI_VALUE("apparmorProfile", oci_decode_string, struct oci_process, apparmor_profile),
	OCI_INLINE("capabilities", &capability_object),
	OCI_VALUE("noNewPrivileges", oci_decode_bool, struct oci_process, no_new_privileges),
	OCI_VALUE("oomScoreAdj", decode_oom_score, struct oci_process, oom_score_adj),
	OCI_OBJECT("scheduler", &scheduler_object, struct oci_process, scheduler),
	OCI_VALUE("selinuxLabel", oci_decode_string, struct oci_process, selinux_label),
	OCI_INLINE("ioPriority", &io_priority_object),
	OCI_INLINE("execCPUAffinity", &affinity_object),
	OCI_OBJECT("user", &user_object, struct oci_process, user),
};

const struct oci_object oci_object_process = {
	.fields = process_fields, .count = ARRAY_SIZE(process_fields), .check = check_process};

int oci_process_decode(
	const struct json *tree, struct arena *a, struct oci_process *ret, struct bh_error *err)
{
	struct oci_decoder d = {.arena = a, .err = err};
	struct oci_process process = {};
	int e = oci_decode_object(&d, tree, &oci_object_process, &process);

	if (e == 0)
		e = oci_take_warnings(&d, &process.warnings);
	if (e < 0)
		return e;
	*ret = process;
	return 0;
}

int oci_process_runnable(const struct oci_process *process, struct bh_error *err)
{
	if (process->args.count == 0)
		return bh_fail(err, -EINVAL, "/process/args: must name a program");
	return 0;
}
