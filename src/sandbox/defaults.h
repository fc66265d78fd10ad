// SPDX-License-Identifier: Apache-2.0
#ifndef BULKHEAD_SANDBOX_DEFAULTS_H
#define BULKHEAD_SANDBOX_DEFAULTS_H

/*
 * What a container gets unless somebody asks for something else, as a configuration of the OCI
 * runtime specification: the engine starts from it, `bulkhead-oci spec` prints it. Pure functions:
 * the same arguments give the same plan.
 */

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"
#include "spec/oci.h"

#define SANDBOX_PIDS_LIMIT 4096
/* Ids of a sandbox: 0 to 65535 inside. */
#define SANDBOX_ID_COUNT 65536u

struct sandbox_defaults {
	const char *root_path; /* borrowed, like all strings here: they must outlive the plan */
	bool root_readonly;
	const char *hostname;    /* NULL: none is set */
	const char *const *args; /* NULL-terminated; NULL: {"sh"} */
	const char *const *env;  /* NULL-terminated; NULL: PATH alone */
	const char *cwd;         /* NULL: "/" */
	bool terminal;           /* adds TERM when env is NULL */
	bool no_new_privileges;
	struct oci_user user;         /* ids inside */
	const uint64_t *capabilities; /* NULL: sandbox_default_capabilities() */
	uint32_t id_base;             /* first id on the host of a private user namespace */
	uint32_t id_count;            /* 0: no user namespace */
	bool rootless; /* the maker has no privilege on the host: values are seen from inside */
	const char *cgroups_path; /* NULL: the runtime's own choice */
	int64_t pids_limit;       /* 0: SANDBOX_PIDS_LIMIT, -1: none */
};

/* The stock engine's capabilities without NET_RAW (the ping group is open) and MKNOD (nodes are
 * made for the container): bits by capability number. */
uint64_t sandbox_default_capabilities(void);

/* The whole configuration. ret points into a and to what d borrows. -EINVAL: the id range ends
 * above the last id, or the user's ids are outside of it. -ENOMEM: the arena is full. */
int sandbox_defaults(const struct sandbox_defaults *d, struct arena *a, struct oci_config *ret,
	struct bh_error *err);

/* The stock engine's filter as of version 28 for this machine's architecture: an allow-list whose
 * rules depend on the capabilities in the bounding set. -ENOMEM: the arena is full. */
int sandbox_default_seccomp(uint64_t capabilities, struct arena *a, struct oci_seccomp *ret);

#endif
