// SPDX-License-Identifier: Apache-2.0
/*
 * Rules between the objects of config.json. They are about namespaces: what would change the host
 * because the container shares a namespace with it is refused before anything is made.
 */
#include <errno.h>
#include <string.h>

#include "base/mem.h"
#include "spec/oci_decode.h"

#define SYSCTL_NAME_MAX 255u

static const struct json *member(const struct json *tree, const char *a, const char *b)
{
	return json_get(json_get(tree, a), b);
}

static bool has(const struct oci_config *c, enum oci_namespace kind)
{
	return c->namespaces[kind].mode != OCI_NS_HOST;
}

/* ---- sysctl ---- */

static const char *const ipc_sysctls[] = {
	"kernel.msgmax",
	"kernel.msgmnb",
	"kernel.msgmni",
	"kernel.msg_next_id",
	"kernel.sem",
	"kernel.sem_next_id",
	"kernel.shmall",
	"kernel.shmmax",
	"kernel.shmmni",
	"kernel.shm_next_id",
	"kernel.shm_rmid_forced",
};

/* Both spellings of sysctl(8): with dots, and with slashes, where a dot is part of a name. */
static bool sysctl_with_dots(const char *name, char out[static SYSCTL_NAME_MAX + 1])
{
	size_t first = strcspn(name, "./"), length = strlen(name);
	bool slashes = name[first] == '/';

	if (length == 0 || length > SYSCTL_NAME_MAX)
		return false;
	for (size_t i = 0; i <= length; i++)
		out[i] = !slashes ? name[i] : name[i] == '/' ? '.' : name[i] == '.' ? '/' : name[i];
	return true;
}

/* No empty part, and no part that is a step in the directory tree. */
static bool sysctl_is_clean(const char *dots)
{
	size_t length;

	for (const char *p = dots;; p += length + 1) {
		length = strcspn(p, ".");
		if (length == 0 || p[0] == '/' || p[length - 1] == '/' ||
			memmem(p, length, "//", 2) != NULL)
			return false;
		if (p[length] == '\0')
			return true;
	}
}

static enum oci_namespace sysctl_namespace(const char *dots)
{
	if (strncmp(dots, "net.", 4) == 0)
		return OCI_NS_NETWORK;
	if (strncmp(dots, "fs.mqueue.", 10) == 0)
		return OCI_NS_IPC;
	if (strncmp(dots, "user.", 5) == 0)
		return OCI_NS_USER;
	if (strcmp(dots, "kernel.hostname") == 0 || strcmp(dots, "kernel.domainname") == 0)
		return OCI_NS_UTS;
	for (size_t i = 0; i < ARRAY_SIZE(ipc_sysctls); i++)
		if (strcmp(dots, ipc_sysctls[i]) == 0)
			return OCI_NS_IPC;
	return OCI_NS_COUNT;
}

static bool differs(const struct json *node, const char *field)
{
	return field != NULL &&
	       (node->type != JSON_STRING || strcmp(node->string.data, field) != 0);
}

static int check_sysctl(struct oci_decoder *d, const struct json *node, const struct oci_config *c)
{
	char dots[SYSCTL_NAME_MAX + 1];
	enum oci_namespace kind;

	if (!sysctl_with_dots(node->key, dots) || !sysctl_is_clean(dots))
		return oci_refuse(d, node, -EINVAL, "is not a name of a kernel parameter");
	kind = sysctl_namespace(dots);
	if (kind == OCI_NS_COUNT)
		return oci_refuse(
			d, node, -EINVAL, "is not in a namespace: it would change the host");
	if (!has(c, kind))
		return oci_refuse(d, node, -EINVAL,
			"would change the host: it needs a %s namespace",
			oci_name_of(&oci_names_namespace, kind));
	if (strcmp(dots, "kernel.hostname") == 0 && differs(node, c->hostname))
		return oci_refuse(d, node, -EINVAL, "contradicts /hostname");
	if (strcmp(dots, "kernel.domainname") == 0 && differs(node, c->domainname))
		return oci_refuse(d, node, -EINVAL, "contradicts /domainname");
	return 0;
}

static int check_sysctls(struct oci_decoder *d, const struct json *tree, const struct oci_config *c)
{
	const struct json *node = member(tree, "linux", "sysctl");

	if (node == NULL || node->type != JSON_OBJECT)
		return 0;
	json_each (it, node) {
		int e = it->type == JSON_NULL ? 0 : check_sysctl(d, it, c);

		if (e < 0)
			return e;
	}
	return 0;
}

/* ---- namespaces ---- */

static int check_user_namespace(
	struct oci_decoder *d, const struct json *tree, const struct oci_config *c)
{
	bool uids = c->uid_maps.count > 0, gids = c->gid_maps.count > 0;
	const struct json *at = member(tree, "linux", uids ? "uidMappings" : "gidMappings");

	switch (c->namespaces[OCI_NS_USER].mode) {
	case OCI_NS_HOST:
		if (uids || gids)
			return oci_refuse(d, at, -EINVAL, "needs a user namespace");
		return 0;
	case OCI_NS_JOIN:
		/* containerd and CRI-O describe the namespace they join. */
		if (uids || gids)
			return oci_warn(d, at,
				"is not written: the user namespace that is joined has its maps");
		return 0;
	case OCI_NS_NEW:
		break;
	}
	if (!uids || !gids)
		return oci_refuse(d, json_get(tree, "linux"), -EINVAL,
			"a new user namespace needs uidMappings and gidMappings");
	return 0;
}

static int check_time_namespace(
	struct oci_decoder *d, const struct json *tree, const struct oci_config *c)
{
	const struct json *at = member(tree, "linux", "timeOffsets");

	if (!c->time_monotonic.set && !c->time_boottime.set)
		return 0;
	if (!has(c, OCI_NS_TIME))
		return oci_refuse(d, at, -EINVAL, "needs a time namespace");
	if (c->namespaces[OCI_NS_TIME].mode == OCI_NS_JOIN)
		return oci_refuse(d, at, -EINVAL,
			"the time namespace that is joined already has its offsets");
	return 0;
}

/* What needs a namespace of the container's own, or it would change the host's. */
static int check_private(struct oci_decoder *d, const struct json *tree, const struct oci_config *c)
{
	if (c->hostname != NULL && !has(c, OCI_NS_UTS))
		return oci_refuse(d, json_get(tree, "hostname"), -EINVAL, "needs a uts namespace");
	if (c->domainname != NULL && !has(c, OCI_NS_UTS))
		return oci_refuse(
			d, json_get(tree, "domainname"), -EINVAL, "needs a uts namespace");
	if (c->masked_paths.count > 0 && !has(c, OCI_NS_MOUNT))
		return oci_refuse(d, member(tree, "linux", "maskedPaths"), -EINVAL,
			"needs a mount namespace");
	if (c->readonly_paths.count > 0 && !has(c, OCI_NS_MOUNT))
		return oci_refuse(d, member(tree, "linux", "readonlyPaths"), -EINVAL,
			"needs a mount namespace");
	return 0;
}

static int check_mount_maps(
	struct oci_decoder *d, const struct json *tree, const struct oci_config *c)
{
	const struct json *mounts = json_get(tree, "mounts");
	size_t i = 0;

	if (c->mount_count == 0 || has(c, OCI_NS_USER))
		return 0;
	json_each (it, mounts) {
		if (c->mounts[i].idmap && c->mounts[i].uid_maps.count == 0)
			return oci_refuse(d, it, -EINVAL,
				"idmap needs mappings, its own or those of a user namespace");
		i++;
	}
	return 0;
}

int oci_check_config(struct oci_decoder *d, const struct json *tree, const struct oci_config *c)
{
	int e = check_user_namespace(d, tree, c);

	if (e == 0)
		e = check_time_namespace(d, tree, c);
	if (e == 0)
		e = check_private(d, tree, c);
	if (e == 0)
		e = check_mount_maps(d, tree, c);
	if (e == 0)
		e = check_sysctls(d, tree, c);
	return e;
}
