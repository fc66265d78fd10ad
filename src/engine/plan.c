// SPDX-License-Identifier: Apache-2.0
#include "engine/plan.h"

#include <errno.h>
#include <linux/capability.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "engine/plan_parts.h"
#include "engine/seccomp_profile.h"
#include "sandbox/defaults.h"
#include "spec/docker_exec.h"

#define CAP(n) (UINT64_C(1) << (n))

static int no_memory(struct bh_error *err)
{
	return bh_fail_errno(err, -ENOMEM, "plan of the container");
}

/* Capabilities that the kernel asks for in the initial user namespace only: inside a container's
 * own they do nothing. ALL stands for the others. */
static const uint64_t useless_caps =
	CAP(CAP_LINUX_IMMUTABLE) | CAP(CAP_SYS_MODULE) | CAP(CAP_SYS_RAWIO) | CAP(CAP_SYS_PACCT) |
	CAP(CAP_SYS_TIME) | CAP(CAP_SYS_TTY_CONFIG) | CAP(CAP_MKNOD) | CAP(CAP_AUDIT_CONTROL) |
	CAP(CAP_MAC_OVERRIDE) | CAP(CAP_MAC_ADMIN) | CAP(CAP_SYSLOG) | CAP(CAP_WAKE_ALARM) |
	CAP(CAP_BLOCK_SUSPEND) | CAP(CAP_AUDIT_READ) | CAP(CAP_PERFMON) | CAP(CAP_BPF);

static bool has_all(const struct oci_strings *caps)
{
	for (size_t i = 0; i < caps->count; i++)
		if (strcmp(caps->items[i], "ALL") == 0)
			return true;
	return false;
}

static uint64_t named(const struct oci_strings *caps)
{
	uint64_t set = 0;

	for (size_t i = 0; i < caps->count; i++) {
		int number = oci_capability_parse(caps->items[i]);

		if (number >= 0)
			set |= CAP(number);
	}
	return set;
}

/* Docker's rule: ALL in one list starts from everything or nothing, then names count. */
uint64_t plan_capabilities(const struct oci_strings *add, const struct oci_strings *drop)
{
	uint64_t all = ((CAP(CAP_LAST_CAP) << 1) - 1) & ~useless_caps;
	uint64_t set = sandbox_default_capabilities();

	if (has_all(add))
		set = all;
	if (has_all(drop))
		set = 0;
	return (set & ~named(drop)) | named(add);
}

static int check_caps(const struct oci_strings *add, struct bh_error *err)
{
	for (size_t i = 0; i < add->count; i++) {
		int number = oci_capability_parse(add->items[i]);

		if (number >= 0 && (useless_caps & CAP(number)) != 0)
			return bh_fail(err, -ENOTSUP,
				"--cap-add %s has no effect in a container with a user namespace "
				"of its own, which this build always makes; leave it out%s",
				add->items[i],
				number == CAP_MKNOD ? " (use --device for device nodes)" : "");
	}
	return 0;
}

static int check_sysctl(const char *key, struct bh_error *err)
{
	static const char *const exact[] = {"kernel.msgmax", "kernel.msgmnb", "kernel.msgmni",
		"kernel.sem", "kernel.shmall", "kernel.shmmax", "kernel.shmmni",
		"kernel.shm_rmid_forced"};

	for (size_t i = 0; i < ARRAY_SIZE(exact); i++)
		if (strcmp(key, exact[i]) == 0)
			return 0;
	if (strncmp(key, "net.", 4) == 0 || strncmp(key, "fs.mqueue.", 10) == 0)
		return 0;
	return bh_fail(err, -EINVAL,
		"sysctl \"%.100s\" is not of the container alone; net.*, fs.mqueue.* and "
		"kernel.msg*, "
		"kernel.sem, kernel.shm* are",
		key);
}

/* A profile that cannot be used is refused when the container is made, not when it is started. */
static int check_profile(const struct docker_host_config *h, struct bh_error *err)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	struct seccomp_context context;
	struct oci_seccomp seccomp;

	if (h->security.seccomp_profile == NULL)
		return 0;
	if (arena_init(&a, OCI_ARENA_MAX) < 0)
		return no_memory(err);
	seccomp_context_init(plan_capabilities(&h->cap_add, &h->cap_drop), &context);
	return seccomp_profile_convert(h->security.seccomp_profile, &context, &a, &seccomp, err);
}

int plan_check(const struct docker_create *create, const struct daemon_config *daemon,
	struct bh_error *err)
{
	const struct docker_host_config *h = &create->host;
	enum docker_isolation isolation =
		h->isolation != DOCKER_ISOLATION_DEFAULT ? h->isolation : daemon->isolation;
	int r;

	if (isolation == DOCKER_ISOLATION_HYPERV)
		return bh_fail(err, -ENOTSUP,
			"isolation \"hyperv\" is not in this build, and is never replaced by a "
			"weaker "
			"one; use --isolation=process");
	if (h->privileged)
		return bh_fail(err, -ENOTSUP, DOCKER_NO_PRIVILEGED);
	if (h->userns_host)
		return bh_fail(err, -ENOTSUP, DOCKER_NO_USERNS_HOST);
	r = check_caps(&h->cap_add, err);
	for (size_t i = 0; r == 0 && i < h->sysctls.count; i++)
		r = check_sysctl(h->sysctls.items[i].key, err);
	if (r == 0)
		r = plan_check_hosts(&h->extra_hosts, err);
	return r < 0 ? r : check_profile(h, err);
}

static bool has_variable(const struct oci_strings *env, const char *name)
{
	size_t len = strlen(name);

	for (size_t i = 0; i < env->count; i++)
		if (strncmp(env->items[i], name, len) == 0 && env->items[i][len] == '=')
			return true;
	return false;
}

/* What Docker adds where the image and the user say nothing. */
static int environment(const struct plan_input *in, struct arena *a, struct oci_strings *ret)
{
	const struct docker_config *c = &in->create->config;
	const char **env = arena_calloc(a, c->env.count + 5, sizeof(*env));
	size_t n = 0;

	if (env == NULL)
		return -ENOMEM;
	if (!has_variable(&c->env, "PATH"))
		env[n++] = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
	if (!has_variable(&c->env, "HOSTNAME"))
		env[n++] = arena_printf(a, "HOSTNAME=%s", in->hostname);
	if (c->tty && !has_variable(&c->env, "TERM"))
		env[n++] = "TERM=xterm";
	for (size_t i = 0; i < c->env.count; i++)
		env[n++] = c->env.items[i];
	if (!has_variable(&c->env, "HOME"))
		env[n++] = arena_printf(a, "HOME=%s", in->user->home);
	*ret = (struct oci_strings){env, n};
	return 0;
}

static int arguments(const struct docker_config *c, struct arena *a, struct oci_strings *ret)
{
	const char **args = arena_calloc(a, c->entrypoint.count + c->cmd.count + 1, sizeof(*args));
	size_t n = 0;

	if (args == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < c->entrypoint.count; i++)
		args[n++] = c->entrypoint.items[i];
	for (size_t i = 0; i < c->cmd.count; i++)
		args[n++] = c->cmd.items[i];
	*ret = (struct oci_strings){args, n};
	return 0;
}

static int set_limits(const struct plan_input *in, struct arena *a, struct oci_process *p)
{
	const struct docker_host_config *h = &in->create->host;
	struct oci_rlimit *limits =
		arena_calloc(a, h->ulimit_count + in->daemon->ulimit_count, sizeof(*limits));
	size_t n = 0;

	if (limits == NULL)
		return -ENOMEM;
	for (size_t pass = 0; pass < 2; pass++) {
		const struct docker_ulimit *list = pass == 0 ? h->ulimits : in->daemon->ulimits;
		size_t count = pass == 0 ? h->ulimit_count : in->daemon->ulimit_count;

		for (size_t i = 0; i < count; i++) {
			size_t j = 0;

			while (j < n && limits[j].resource != list[i].resource)
				j++;
			if (j < n)
				continue;
			limits[n].name = plan_rlimit_name(list[i].name, a);
			limits[n].resource = list[i].resource;
			limits[n].soft = list[i].soft;
			limits[n].hard = list[i].hard;
			if (limits[n++].name == NULL)
				return -ENOMEM;
		}
	}
	p->rlimits = limits;
	p->rlimit_count = n;
	return 0;
}

static int set_sysctls(const struct docker_pairs *asked, struct arena *a, struct oci_config *c)
{
	struct oci_pair *pairs = arena_calloc(a, c->sysctl_count + asked->count, sizeof(*pairs));
	size_t n = 0;

	if (pairs == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < c->sysctl_count; i++) {
		size_t j = 0;

		while (j < asked->count && strcmp(asked->items[j].key, c->sysctl[i].key) != 0)
			j++;
		if (j == asked->count)
			pairs[n++] = c->sysctl[i];
	}
	for (size_t i = 0; i < asked->count; i++)
		pairs[n++] = asked->items[i];
	c->sysctl = pairs;
	c->sysctl_count = n;
	return 0;
}

static int set_security(const struct plan_input *in, uint64_t caps, struct arena *a,
	struct oci_config *c, struct bh_error *err)
{
	const struct docker_host_config *h = &in->create->host;
	struct seccomp_context context;

	if (h->security.seccomp_unconfined)
		c->seccomp = (struct oci_seccomp){0};
	if (h->security.systempaths_unconfined)
		c->masked_paths = c->readonly_paths = (struct oci_strings){NULL, 0};
	if (h->has_masked_paths)
		c->masked_paths = h->masked_paths;
	if (h->has_readonly_paths)
		c->readonly_paths = h->readonly_paths;
	if (h->has_oom_score_adj) {
		c->process.oom_score_adj.set = true;
		c->process.oom_score_adj.value = h->oom_score_adj;
	}
	if (h->security.seccomp_profile == NULL)
		return 0;
	seccomp_context_init(caps, &context);
	return seccomp_profile_convert(h->security.seccomp_profile, &context, a, &c->seccomp, err);
}

static bool no_new_privileges(const struct plan_input *in)
{
	const struct docker_security *s = &in->create->host.security;

	if (in->user->is_container_user)
		return true;
	return s->has_no_new_privileges ? s->no_new_privileges : in->daemon->no_new_privileges;
}

int plan_config(
	const struct plan_input *in, struct arena *a, struct oci_config *ret, struct bh_error *err)
{
	const struct docker_config *config = &in->create->config;
	const struct docker_host_config *h = &in->create->host;
	uint64_t caps =
		in->user->is_container_user ? 0 : plan_capabilities(&h->cap_add, &h->cap_drop);
	const char *parent = h->cgroup_parent != NULL ? h->cgroup_parent : "/bulkhead";
	struct sandbox_defaults d = {
		.root_path = "rootfs", /* the shim is given a descriptor */
		.root_readonly = h->readonly_rootfs,
		.hostname = in->hostname,
		.cwd = config->working_dir,
		.terminal = config->tty,
		.no_new_privileges = no_new_privileges(in),
		.user = in->user->user,
		.capabilities = &caps,
		.id_base = in->id_base,
		.id_count = SANDBOX_ID_COUNT,
		.cgroups_path = arena_printf(a, "%s/%s", parent, in->id),
		.pids_limit = h->resources.pids_limit,
	};
	struct oci_strings args = {NULL, 0}, env = {NULL, 0};
	struct oci_config c;
	int r = arguments(config, a, &args);

	if (r == 0)
		r = environment(in, a, &env);
	if (r < 0 || d.cgroups_path == NULL)
		return no_memory(err);
	d.args = args.items;
	d.env = env.items;
	r = sandbox_defaults(&d, a, &c, err);
	if (r < 0)
		return r;
	c.domainname = config->domainname;
	c.process.console_height = h->console_height;
	c.process.console_width = h->console_width;
	c.annotations = h->annotations.items;
	c.annotation_count = h->annotations.count;
	r = set_security(in, caps, a, &c, err);
	if (r < 0)
		return r;
	r = set_limits(in, a, &c.process);
	if (r == 0)
		r = set_sysctls(&h->sysctls, a, &c);
	if (r < 0)
		return no_memory(err);
	r = plan_resources(in, a, &c.resources, err);
	if (r == 0)
		r = plan_devices(in, a, &c, err);
	if (r == 0)
		r = plan_mounts(in, a, &c, err);
	if (r == 0)
		*ret = c;
	return r;
}

int plan_exec(const struct oci_config *config, const struct docker_exec_create *exec,
	const struct user_found *user, struct arena *a, struct oci_process *ret,
	struct bh_error *err)
{
	struct oci_process p = config->process;
	const char **env;
	size_t n = 0;

	p.terminal = exec->tty;
	p.console_height = exec->console_height;
	p.console_width = exec->console_width;
	p.args = exec->cmd;
	if (exec->working_dir != NULL)
		p.cwd = exec->working_dir;
	env = arena_calloc(a, p.env.count + exec->env.count + 2, sizeof(*env));
	if (env == NULL)
		return no_memory(err);
	for (size_t i = 0; i < p.env.count; i++) {
		size_t len = strcspn(p.env.items[i], "="), j = 0;

		while (j < exec->env.count &&
			(strncmp(exec->env.items[j], p.env.items[i], len) != 0 ||
				exec->env.items[j][len] != '='))
			j++;
		if (j == exec->env.count)
			env[n++] = p.env.items[i];
	}
	for (size_t i = 0; i < exec->env.count; i++)
		env[n++] = exec->env.items[i];
	if (exec->tty && !has_variable(&(struct oci_strings){env, n}, "TERM"))
		env[n++] = "TERM=xterm";
	p.env = (struct oci_strings){env, n};
	if (user != NULL) {
		uint64_t caps = user->is_container_user ? 0 : p.capabilities[OCI_CAP_BOUNDING];

		p.user = user->user;
		p.capabilities[OCI_CAP_BOUNDING] = caps;
		p.capabilities[OCI_CAP_EFFECTIVE] = user->user.uid == 0 ? caps : 0;
		p.capabilities[OCI_CAP_PERMITTED] = p.capabilities[OCI_CAP_EFFECTIVE];
		p.no_new_privileges = p.no_new_privileges || user->is_container_user;
	}
	*ret = p;
	return 0;
}
