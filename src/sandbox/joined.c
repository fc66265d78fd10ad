// SPDX-License-Identifier: Apache-2.0
/*
 * Namespaces that are joined by path. A path may lead to the caller's own namespace, or to that of
 * the host's first process: what a container sets in its namespaces would then be set on the host,
 * and its root file system would become the root of the host's processes.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "sandbox/creation.h"

static bool has_sysctl(const struct oci_config *config, enum oci_namespace ns)
{
	for (size_t i = 0; i < config->sysctl_count; i++) {
		const char *key = config->sysctl[i].key;
		enum oci_namespace owner = OCI_NS_IPC; /* kernel.msg*, kernel.shm*, fs.mqueue */

		if (strncmp(key, "net", 3) == 0)
			owner = OCI_NS_NETWORK;
		else if (strstr(key, "domainname") != NULL || strstr(key, "hostname") != NULL)
			owner = OCI_NS_UTS;
		if (owner == ns)
			return true;
	}
	return false;
}

/* What the container would change in a namespace that it joins, or NULL. */
static const char *change(const struct oci_config *config, enum oci_namespace ns)
{
	if (ns == OCI_NS_MOUNT)
		return "the container's root file system would become the host's";
	if (ns == OCI_NS_UTS && (config->hostname != NULL || config->domainname != NULL))
		return "/hostname and /domainname would be the host's";
	if ((ns == OCI_NS_NETWORK || ns == OCI_NS_IPC || ns == OCI_NS_UTS) &&
		has_sysctl(config, ns))
		return "/linux/sysctl would change the host";
	return NULL;
}

static bool is_namespace_of(const char *process, enum oci_namespace ns, const struct stat *joined)
{
	struct stat st;
	char path[64];

	(void)snprintf(path, sizeof(path), "/proc/%s/ns/%s", process, plan_namespace_name(ns));
	return stat(path, &st) == 0 && st.st_ino == joined->st_ino && st.st_dev == joined->st_dev;
}

static int check(const struct creation *c, enum oci_namespace ns, struct bh_error *err)
{
	const char *what = change(c->config, ns);
	struct stat joined;

	if (what == NULL)
		return 0;
	if (fstat(c->join[ns], &joined) < 0)
		return bh_fail_errno(err, -errno, "compare namespaces");
	if (is_namespace_of("self", ns, &joined) || is_namespace_of("1", ns, &joined))
		return bh_fail(err, -EINVAL, "/linux/namespaces: %s is the host's %s namespace: %s",
			c->config->namespaces[ns].path, plan_namespace_name(ns), what);
	return 0;
}

int creation_open_joined(struct creation *c, struct bh_error *err)
{
	for (unsigned int i = 0; i < OCI_NS_COUNT; i++) {
		const struct oci_ns *ns = &c->config->namespaces[i];
		int r;

		c->join[i] = -EBADF;
		if (ns->mode != OCI_NS_JOIN)
			continue;
		c->join[i] = open(ns->path, O_RDONLY | O_CLOEXEC);
		if (c->join[i] < 0)
			return bh_fail_errno(err, -errno, "/linux/namespaces: open %s namespace %s",
				plan_namespace_name(i), ns->path);
		r = check(c, i, err);
		if (r < 0)
			return r;
	}
	return 0;
}
