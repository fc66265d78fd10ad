// SPDX-License-Identifier: Apache-2.0
/*
 * Docker's profile format is the OCI one with conditions around it. Those are evaluated here and
 * what is left is written as an OCI document, which the OCI decoder checks like any other.
 */
#include "engine/seccomp_profile.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>

#include "base/mem.h"
#include "kernel/seccomp.h"

#define DOCUMENT_MAX (4u << 20)

static const struct {
	const char *architecture, *machine;
} machines[] = {{"SCMP_ARCH_X86_64", "amd64"}, {"SCMP_ARCH_AARCH64", "arm64"},
	{"SCMP_ARCH_PPC64LE", "ppc64le"}, {"SCMP_ARCH_S390X", "s390x"},
	{"SCMP_ARCH_RISCV64", "riscv64"}, {"SCMP_ARCH_ARM", "arm"}};

void seccomp_context_init(uint64_t capabilities, struct seccomp_context *ret)
{
	struct utsname uts;

	*ret = (struct seccomp_context){.capabilities = capabilities,
		.architecture = seccomp_architecture_native(),
		.machine = ""};
	for (size_t i = 0; i < ARRAY_SIZE(machines); i++)
		if (strcmp(machines[i].architecture, ret->architecture) == 0)
			ret->machine = machines[i].machine;
	if (uname(&uts) == 0)
		(void)sscanf(uts.release, "%u.%u", &ret->kernel_major, &ret->kernel_minor);
}

/* ---- conditions ---- */

static bool has_capability(const struct json *name, const struct seccomp_context *c)
{
	const char *text = json_string(name);
	int number = text != NULL ? oci_capability_parse(text) : -EINVAL;

	return number >= 0 && (c->capabilities & UINT64_C(1) << number) != 0;
}

static bool names_machine(const struct json *list, const struct seccomp_context *c)
{
	json_each (it, list) {
		if (json_string(it) != NULL && strcmp(json_string(it), c->machine) == 0)
			return true;
	}
	return false;
}

static bool kernel_is_at_least(const char *version, const struct seccomp_context *c)
{
	unsigned int major = 0, minor = 0;

	(void)sscanf(version, "%u.%u", &major, &minor);
	return c->kernel_major > major || (c->kernel_major == major && c->kernel_minor >= minor);
}

static bool all_included(const struct json *includes, const struct seccomp_context *c)
{
	const struct json *arches = json_get(includes, "arches");
	const struct json *caps = json_get(includes, "caps");
	const char *kernel = json_get_string(includes, "minKernel");

	if (arches != NULL && arches->type == JSON_ARRAY && arches->children.count > 0 &&
		!names_machine(arches, c))
		return false;
	if (kernel != NULL && !kernel_is_at_least(kernel, c))
		return false;
	if (caps != NULL && caps->type == JSON_ARRAY)
		json_each (it, caps) {
			if (!has_capability(it, c))
				return false;
		}
	return true;
}

static bool any_excluded(const struct json *excludes, const struct seccomp_context *c)
{
	const struct json *arches = json_get(excludes, "arches");
	const struct json *caps = json_get(excludes, "caps");
	const char *kernel = json_get_string(excludes, "minKernel");

	if (arches != NULL && arches->type == JSON_ARRAY && names_machine(arches, c))
		return true;
	if (kernel != NULL && kernel_is_at_least(kernel, c))
		return true;
	if (caps != NULL && caps->type == JSON_ARRAY)
		json_each (it, caps) {
			if (has_capability(it, c))
				return true;
		}
	return false;
}

/* ---- writing what counts ---- */

static void copy_member(const struct json *from, const char *key, struct json_writer *w)
{
	const struct json *value = json_get(from, key);

	if (value == NULL || value->type == JSON_NULL)
		return;
	json_key(w, key);
	json_put_tree(w, value);
}

static void write_architectures(
	const struct json *profile, const struct seccomp_context *c, struct json_writer *w)
{
	const struct json *map = json_get(profile, "archMap");

	if (map == NULL || map->type != JSON_ARRAY) {
		copy_member(profile, "architectures", w);
		return;
	}
	json_each (it, map) {
		const char *name = json_get_string(it, "architecture");
		const struct json *sub = json_get(it, "subArchitectures");

		if (name == NULL || strcmp(name, c->architecture) != 0)
			continue;
		json_key(w, "architectures");
		json_begin_array(w);
		json_put_string(w, name);
		if (sub != NULL && sub->type == JSON_ARRAY)
			json_each (other, sub)
				json_put_tree(w, other);
		json_end_array(w);
		return;
	}
}

static void write_rule(const struct json *rule, struct json_writer *w)
{
	const struct json *name = json_get(rule, "name");

	json_begin_object(w);
	if (name != NULL && json_get(rule, "names") == NULL) {
		json_key(w, "names");
		json_begin_array(w);
		json_put_tree(w, name);
		json_end_array(w);
	}
	copy_member(rule, "names", w);
	copy_member(rule, "action", w);
	copy_member(rule, "errnoRet", w);
	copy_member(rule, "args", w);
	json_end_object(w);
}

static int write_document(const struct json *profile, const struct seccomp_context *c,
	struct json_writer *w, struct bh_error *err)
{
	const struct json *rules = json_get(profile, "syscalls");

	if (rules != NULL && rules->type != JSON_ARRAY && rules->type != JSON_NULL)
		return bh_fail(err, -EINVAL, "/syscalls: not a list");
	json_begin_object(w);
	json_member_string(w, "ociVersion", "1.2.0");
	json_key(w, "root");
	json_begin_object(w);
	json_member_string(w, "path", "/");
	json_end_object(w);
	json_key(w, "linux");
	json_begin_object(w);
	json_key(w, "seccomp");
	json_begin_object(w);
	copy_member(profile, "defaultAction", w);
	copy_member(profile, "defaultErrnoRet", w);
	copy_member(profile, "flags", w);
	write_architectures(profile, c, w);
	json_key(w, "syscalls");
	json_begin_array(w);
	if (rules != NULL && rules->type == JSON_ARRAY)
		json_each (it, rules) {
			if (all_included(json_get(it, "includes"), c) &&
				!any_excluded(json_get(it, "excludes"), c))
				write_rule(it, w);
		}
	json_end_array(w);
	json_end_object(w);
	json_end_object(w);
	json_end_object(w);
	return 0;
}

static int check_keys(const struct json *profile, struct bh_error *err)
{
	static const char *const known[] = {"defaultAction", "defaultErrnoRet", "archMap",
		"architectures", "syscalls", "flags"};

	json_each (it, profile) {
		size_t i = 0;

		while (i < ARRAY_SIZE(known) && strcmp(it->key, known[i]) != 0)
			i++;
		if (i == ARRAY_SIZE(known))
			return bh_fail(err, -EINVAL, "/%.64s: not supported in a seccomp profile",
				it->key);
	}
	return 0;
}

int seccomp_profile_convert(const struct json *profile, const struct seccomp_context *context,
	struct arena *a, struct oci_seccomp *ret, struct bh_error *err)
{
	_cleanup_buf_ struct buf text;
	struct json_writer w = JSON_WRITER(&text);
	struct oci_config config;
	const struct json *tree;
	int r;

	buf_init(&text, DOCUMENT_MAX);
	if (profile->type != JSON_OBJECT)
		return bh_fail(err, -EINVAL, "seccomp profile: not an object");
	r = check_keys(profile, err);
	if (r == 0)
		r = write_document(profile, context, &w, err);
	if (r == 0 && buf_status(&text) < 0)
		r = bh_fail(err, -E2BIG, "too large");
	if (r == 0)
		r = json_parse(buf_str(&text), text.len, a, &tree, err);
	if (r == 0)
		r = oci_config_decode(tree, a, &config, err);
	if (r < 0)
		return bh_wrap(err, "seccomp profile");
	*ret = config.seccomp;
	return 0;
}
