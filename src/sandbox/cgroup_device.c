// SPDX-License-Identifier: Apache-2.0
/*
 * Device rules. OCI gives an ordered list, the last rule that matches decides, and what no rule
 * matches is denied. Behind the list come the devices that every container may use, as in runc.
 *
 * cgroup v1 holds a default (all or none) and a set of exceptions, and removes an exception only if
 * it is named exactly. So the list is first flattened into that form here. A rule that cuts a hole
 * into a wider one ("allow c 1:*, deny c 1:3") has no such form: it is refused, since the kernel
 * would accept and ignore it. cgroup v2 has no such limit: cgroup_device_bpf.c.
 */
#include "sandbox/cgroup_internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"

#define RULES_MAX  4096
#define ACCESS_ALL (OCI_DEVICE_READ | OCI_DEVICE_WRITE | OCI_DEVICE_MKNOD)

static const struct oci_device_rule always_allowed[] = {
	{true, 'c', -1, -1, OCI_DEVICE_MKNOD}, /* making a node gives no access through it */
	{true, 'b', -1, -1, OCI_DEVICE_MKNOD}, {true, 'c', 1, 3, ACCESS_ALL}, /* null */
	{true, 'c', 1, 5, ACCESS_ALL},                                        /* zero */
	{true, 'c', 1, 7, ACCESS_ALL},                                        /* full */
	{true, 'c', 1, 8, ACCESS_ALL},                                        /* random */
	{true, 'c', 1, 9, ACCESS_ALL},                                        /* urandom */
	{true, 'c', 5, 0, ACCESS_ALL},                                        /* tty */
	{true, 'c', 5, 2, ACCESS_ALL},                                        /* ptmx */
	{true, 'c', 136, -1, ACCESS_ALL},                                     /* pts */
};

int cgroup_device_rules(const struct oci_resources *resources, struct arena *a,
	struct oci_device_rule **ret, size_t *ret_count)
{
	size_t given = resources == NULL ? 0 : resources->device_count;
	size_t count = given + ARRAY_SIZE(always_allowed);
	struct oci_device_rule *rules;

	if (count > RULES_MAX)
		return -E2BIG;
	rules = arena_calloc(a, count, sizeof(*rules));
	if (rules == NULL)
		return -ENOMEM;
	if (given > 0)
		memcpy(rules, resources->devices, given * sizeof(*rules));
	memcpy(rules + given, always_allowed, sizeof(always_allowed));
	*ret = rules;
	*ret_count = count;
	return 0;
}

struct flat {
	bool allow; /* what holds where no exception matches */
	struct oci_device_rule *exceptions;
	size_t count;
};

static bool covers(int64_t wide, int64_t narrow)
{
	return wide == -1 || wide == narrow;
}

static bool overlaps(int64_t a, int64_t b)
{
	return a == -1 || b == -1 || a == b;
}

static const char *describe(const struct oci_device_rule *rule, char out[static 96])
{
	char major[24] = "*", minor[24] = "*";

	if (rule->major >= 0)
		(void)snprintf(major, sizeof(major), "%" PRId64, rule->major);
	if (rule->minor >= 0)
		(void)snprintf(minor, sizeof(minor), "%" PRId64, rule->minor);
	(void)snprintf(out, 96, "%c %s:%s %s%s%s", rule->type, major, minor,
		(rule->access & OCI_DEVICE_READ) != 0 ? "r" : "",
		(rule->access & OCI_DEVICE_WRITE) != 0 ? "w" : "",
		(rule->access & OCI_DEVICE_MKNOD) != 0 ? "m" : "");
	return out;
}

static int add_exception(struct flat *flat, const struct oci_device_rule *rule)
{
	for (size_t i = 0; i < flat->count; i++) {
		struct oci_device_rule *e = &flat->exceptions[i];

		if (e->type == rule->type && e->major == rule->major && e->minor == rule->minor) {
			e->access |= rule->access;
			return 0;
		}
	}
	flat->exceptions[flat->count++] = *rule;
	return 0;
}

/* rule restores the default for what it names. */
static int cut_exceptions(
	struct flat *flat, const struct oci_device_rule *rule, struct bh_error *err)
{
	for (size_t i = 0; i < flat->count; i++) {
		struct oci_device_rule *e = &flat->exceptions[i];
		char a[96], b[96];

		if (e->type != rule->type || (e->access & rule->access) == 0 ||
			!overlaps(e->major, rule->major) || !overlaps(e->minor, rule->minor))
			continue;
		if (!covers(rule->major, e->major) || !covers(rule->minor, e->minor))
			return bh_fail(err, -ENOTSUP,
				"/linux/resources/devices: %s \"%s\" after \"%s\" cannot be "
				"enforced on cgroup v1, "
				"which knows no hole in a wildcard: list the single devices",
				rule->allow ? "allow" : "deny", describe(rule, a), describe(e, b));
		e->access &= ~rule->access;
	}
	return 0;
}

static int flatten_one(struct flat *flat, const struct oci_device_rule *rule, struct bh_error *err)
{
	bool whole = rule->major == -1 && rule->minor == -1 && rule->access == ACCESS_ALL;
	struct oci_device_rule typed = *rule;
	static const char types[] = {'b', 'c'};
	int r = 0;

	if (rule->type == 'a' && whole) {
		flat->allow = rule->allow;
		flat->count = 0;
		return 0;
	}
	for (size_t i = 0; i < sizeof(types) && r == 0; i++) {
		if (rule->type != 'a' && rule->type != types[i])
			continue;
		typed.type = types[i];
		r = rule->allow == flat->allow ? cut_exceptions(flat, &typed, err)
					       : add_exception(flat, &typed);
	}
	return r;
}

int cgroup_device_plan_v1(const struct oci_device_rule *rules, size_t count,
	struct cgroup_plan *plan, struct bh_error *err)
{
	struct flat flat = {false, arena_calloc(plan->arena, count * 2 + 1, sizeof(*rules)), 0};
	const char *file;

	if (flat.exceptions == NULL)
		return bh_fail(err, -ENOMEM, "out of memory for device rules");
	for (size_t i = 0; i < count; i++) {
		int r = flatten_one(&flat, &rules[i], err);

		if (r < 0)
			return r;
	}
	cgroup_plan_add(plan, "/linux/resources/devices", "devices",
		flat.allow ? "devices.allow" : "devices.deny", 0, "a *:* rwm");
	file = flat.allow ? "devices.deny" : "devices.allow";
	for (size_t i = 0; i < flat.count; i++) {
		char text[96];

		if (flat.exceptions[i].access != 0)
			cgroup_plan_add(plan, "/linux/resources/devices", "devices", file, 0, "%s",
				describe(&flat.exceptions[i], text));
	}
	if (plan->failed != 0)
		return bh_fail(err, plan->failed, "out of memory for device rules");
	return 0;
}
