// SPDX-License-Identifier: Apache-2.0
#ifndef BULKHEAD_SANDBOX_CGROUP_SYSTEMD_H
#define BULKHEAD_SANDBOX_CGROUP_SYSTEMD_H

/*
 * systemd as the maker of a container's group: a transient scope unit, systemd.scope(5), made over
 * D-Bus by the program bulkhead-systemd-cgroup, which is run only with --systemd-cgroup so that the
 * runtime links no D-Bus library. This file is the part without effects: names and properties.
 */

#include "sandbox/cgroup_internal.h"

#define CGROUP_UNIT_NAME_MAX   255
#define CGROUP_PROPERTIES_MAX  256
#define CGROUP_SLICE_DEPTH_MAX 32

struct cgroup_unit {
	const char *name;  /* "docker-c1.scope" */
	const char *slice; /* "system.slice" */
};

/* A unit property as the program takes it: D-Bus type "b", "t" (uint64), "s", "ay" (CPU list) or
 * "a(ss)" (one element, "NODE PERMISSIONS"); elements of one property follow each other. */
struct cgroup_property {
	const char *name, *type, *value;
	unsigned int since; /* version of systemd that knows it */
};

struct cgroup_properties {
	struct cgroup_property *items;
	size_t count, cap;
	struct arena *arena;
	int failed;
};

/* cgroupsPath "slice:prefix:name" (NULL: the default) to unit and slice, as runc does. */
int cgroup_unit_parse(const struct cgroup_request *request, struct arena *a,
	struct cgroup_unit *ret, struct bh_error *err);
/* The group that a slice has, "a-b.slice" to "/a.slice/a-b.slice"; "-.slice" to "". */
int cgroup_slice_expand(const char *slice, struct arena *a, const char **ret, struct bh_error *err);
/* Limits as properties, so that systemd, when it writes all of a unit's files again
 * (daemon-reload), writes the same values. */
int cgroup_unit_limits(const struct oci_resources *resources, enum cgroup_mode mode,
	struct cgroup_properties *ret, struct bh_error *err);
/* Device rules as properties, for v1: systemd would reset them. On v2 the eBPF program of the
 * runtime stands beside systemd's. */
int cgroup_unit_devices(
	const struct oci_resources *resources, struct cgroup_properties *ret, struct bh_error *err);

#endif
