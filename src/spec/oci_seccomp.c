// SPDX-License-Identifier: Apache-2.0
/*
 * The seccomp object of config.json. Actions become SECCOMP_RET_* words with their data (errno,
 * trace number), so that the filter compiler needs no names; names of system calls and
 * architectures stay names, since their numbers belong to the compiler.
 */
#include <errno.h>
#include <linux/seccomp.h>
#include <string.h>

#include "base/mem.h"
#include "spec/oci_decode.h"

#define RULES_MAX 16384u
#define ARGS_MAX  64u
#define ERRNO_MAX 4095 /* the kernel cuts larger ones, seccomp(2) */

/* Since 5.19 in the kernel's header. */
#ifndef SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
#define SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV (1UL << 5)
#endif

/* ---- actions ---- */

static int decode_action(struct oci_decoder *d, const struct json *node, void *target)
{
	uint64_t v;
	int e = oci_by_name(d, node, &oci_names_action, &v);

	if (e == 0)
		*(uint32_t *)target = (uint32_t)v;
	return e;
}

/* Checked here, put into the action once both are known. */
static int decode_errno(struct oci_decoder *d, const struct json *node, void *target)
{
	int64_t v;

	return oci_integer(d, node, 0, UINT16_MAX, &v);
}

/* Add the data of an action: the errno property where given, else EPERM. */
static int complete_action(
	struct oci_decoder *d, const struct json *object, const char *name, uint32_t *action)
{
	const struct json *node = json_get(object, name);
	int64_t data = EPERM;

	if (node != NULL && node->type == JSON_NULL)
		node = NULL;
	if (*action != SECCOMP_RET_ERRNO && *action != SECCOMP_RET_TRACE) {
		if (node == NULL)
			return 0;
		return oci_refuse(
			d, node, -EINVAL, "only SCMP_ACT_ERRNO and SCMP_ACT_TRACE take a number");
	}
	if (node != NULL)
		(void)json_int64(node, &data);
	if (*action == SECCOMP_RET_ERRNO && data > ERRNO_MAX)
		return oci_refuse(d, node, -EINVAL, "is out of range (0 to %d)", ERRNO_MAX);
	*action |= (uint32_t)data;
	return 0;
}

/* ---- rules ---- */

static int decode_index(struct oci_decoder *d, const struct json *node, void *target)
{
	int64_t v;
	int e = oci_integer(d, node, 0, 5, &v);

	if (e == 0)
		*(uint32_t *)target = (uint32_t)v;
	return e;
}

static int decode_operator(struct oci_decoder *d, const struct json *node, void *target)
{
	uint64_t v;
	int e = oci_by_name(d, node, &oci_names_operator, &v);

	if (e == 0)
		*(enum oci_seccomp_operator *)target = (enum oci_seccomp_operator)v;
	return e;
}

static int check_arg(struct oci_decoder *d, const struct json *node, void *target)
{
	struct oci_seccomp_arg *arg = target;

	if (arg->op == OCI_SECCOMP_MASKED_EQ || arg->value_two == 0)
		return 0;
	arg->value_two = 0;
	return oci_warn(d, json_get(node, "valueTwo"), "only SCMP_CMP_MASKED_EQ uses it");
}

static const struct oci_field arg_fields[] = {
	OCI_NEED("index", decode_index, struct oci_seccomp_arg, index),
	OCI_NEED("value", oci_decode_uint64, struct oci_seccomp_arg, value),
	OCI_VALUE("valueTwo", oci_decode_uint64, struct oci_seccomp_arg, value_two),
	OCI_NEED("op", decode_operator, struct oci_seccomp_arg, op),
};

static const struct oci_object arg_object = {.fields = arg_fields,
	.count = ARRAY_SIZE(arg_fields),
	.size = sizeof(struct oci_seccomp_arg),
	.check = check_arg};

static int check_rule(struct oci_decoder *d, const struct json *node, void *target)
{
	struct oci_seccomp_rule *rule = target;

	if (rule->names.count == 0)
		return oci_refuse(d, json_get(node, "names"), -EINVAL, "must not be empty");
	for (size_t i = 0; i < rule->names.count; i++)
		if (rule->names.items[i][0] == '\0')
			return oci_refuse(
				d, json_get(node, "names"), -EINVAL, "must not hold an empty name");
	return complete_action(d, node, "errnoRet", &rule->action);
}

static const struct oci_field rule_fields[] = {
	OCI_NEED("names", oci_decode_strings, struct oci_seccomp_rule, names),
	OCI_NEED("action", decode_action, struct oci_seccomp_rule, action),
	OCI_WHOLE("errnoRet", decode_errno),
	OCI_LIST("args", &arg_object, ARGS_MAX, struct oci_seccomp_rule, args),
};

static const struct oci_object rule_object = {.fields = rule_fields,
	.count = ARRAY_SIZE(rule_fields),
	.size = sizeof(struct oci_seccomp_rule),
	.check = check_rule};

/* ---- seccomp ---- */

static int decode_architectures(struct oci_decoder *d, const struct json *node, void *target)
{
	uint64_t unused;
	int e = oci_decode_strings(d, node, target);

	if (e < 0)
		return e;
	json_each (it, node) {
		e = oci_by_name(d, it, &oci_names_arch, &unused);
		if (e < 0)
			return e;
	}
	return 0;
}

static int decode_flags(struct oci_decoder *d, const struct json *node, void *target)
{
	unsigned int flags = 0;
	uint64_t one;
	int e = oci_expect(d, node, JSON_ARRAY);

	if (e < 0)
		return e;
	json_each (it, node) {
		e = oci_by_name(d, it, &oci_names_seccomp_flag, &one);
		if (e < 0)
			return e;
		flags |= (unsigned int)one;
	}
	*(unsigned int *)target = flags;
	return 0;
}

static bool rule_names(const struct oci_seccomp_rule *rule, const char *name)
{
	for (size_t i = 0; i < rule->names.count; i++)
		if (strcmp(rule->names.items[i], name) == 0)
			return true;
	return false;
}

/* The listener must be able to work: somebody has to receive it, and the runtime must be able to
 * send it, which takes sendmsg(2), and to report, which takes write(2). */
static int check_notify(struct oci_decoder *d, const struct json *node, const struct oci_seccomp *s)
{
	bool notify = false;

	if (s->default_action == SECCOMP_RET_USER_NOTIF)
		return oci_refuse(d, json_get(node, "defaultAction"), -EINVAL,
			"SCMP_ACT_NOTIFY cannot be the default: the listener could not be sent");
	for (size_t i = 0; i < s->rule_count; i++) {
		if (s->rules[i].action != SECCOMP_RET_USER_NOTIF)
			continue;
		notify = true;
		if (rule_names(&s->rules[i], "sendmsg") || rule_names(&s->rules[i], "write"))
			return oci_refuse(d, json_get(node, "syscalls"), -EINVAL,
				"SCMP_ACT_NOTIFY is not possible for sendmsg and write: the "
				"listener could not be sent");
	}
	if (notify && s->listener_path == NULL)
		return oci_refuse(d, node, -EINVAL, "SCMP_ACT_NOTIFY needs listenerPath");
	if (!notify && (s->flags & SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV) != 0)
		return oci_refuse(d, json_get(node, "flags"), -EINVAL,
			"SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV needs a rule with SCMP_ACT_NOTIFY");
	return 0;
}

static int check_seccomp(struct oci_decoder *d, const struct json *node, void *target)
{
	struct oci_seccomp *s = target;
	int e = complete_action(d, node, "defaultErrnoRet", &s->default_action);

	if (e < 0)
		return e;
	if (s->listener_metadata != NULL && s->listener_path == NULL)
		return oci_refuse(
			d, json_get(node, "listenerMetadata"), -EINVAL, "needs listenerPath");
	s->present = true;
	return check_notify(d, node, s);
}

static const struct oci_field seccomp_fields[] = {
	OCI_NEED("defaultAction", decode_action, struct oci_seccomp, default_action),
	OCI_WHOLE("defaultErrnoRet", decode_errno),
	OCI_VALUE("architectures", decode_architectures, struct oci_seccomp, architectures),
	OCI_VALUE("flags", decode_flags, struct oci_seccomp, flags),
	OCI_VALUE("listenerPath", oci_decode_string, struct oci_seccomp, listener_path),
	OCI_VALUE("listenerMetadata", oci_decode_string, struct oci_seccomp, listener_metadata),
	OCI_LIST("syscalls", &rule_object, RULES_MAX, struct oci_seccomp, rules),
};

const struct oci_object oci_object_seccomp = {
	.fields = seccomp_fields, .count = ARRAY_SIZE(seccomp_fields), .check = check_seccomp};
