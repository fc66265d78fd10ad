// SPDX-License-Identifier: Apache-2.0
/* The hooks object of config.json. */
#include <errno.h>

#include "base/mem.h"
#include "spec/oci_decode.h"

#define HOOKS_MAX        256u
#define HOOK_TIMEOUT_MAX (INT64_C(365) * 24 * 3600)

static int decode_timeout(struct oci_decoder *d, const struct json *node, void *target)
{
	return oci_integer(d, node, 1, HOOK_TIMEOUT_MAX, target);
}

static const struct oci_field hook_fields[] = {
	OCI_NEED("path", oci_decode_path, struct oci_hook, path),
	OCI_VALUE("args", oci_decode_strings, struct oci_hook, args),
	OCI_VALUE("env", oci_decode_env, struct oci_hook, env),
	OCI_VALUE("timeout", decode_timeout, struct oci_hook, timeout),
};

static const struct oci_object hook_object = {
	.fields = hook_fields, .count = ARRAY_SIZE(hook_fields), .size = sizeof(struct oci_hook)};

#define HOOK_LIST(name, kind)                                                                      \
	OCI_LIST(name, &hook_object, HOOKS_MAX, struct oci_config, hooks[kind])

static const struct oci_field hooks_fields[] = {
	HOOK_LIST("prestart", OCI_HOOK_PRESTART),
	HOOK_LIST("createRuntime", OCI_HOOK_CREATE_RUNTIME),
	HOOK_LIST("createContainer", OCI_HOOK_CREATE_CONTAINER),
	HOOK_LIST("startContainer", OCI_HOOK_START_CONTAINER),
	HOOK_LIST("poststart", OCI_HOOK_POSTSTART),
	HOOK_LIST("poststop", OCI_HOOK_POSTSTOP),
};

_Static_assert(ARRAY_SIZE(hooks_fields) == OCI_HOOK_KINDS, "one field per kind of hook");

const struct oci_object oci_object_hooks = {
	.fields = hooks_fields, .count = ARRAY_SIZE(hooks_fields)};
