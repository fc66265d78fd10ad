// SPDX-License-Identifier: Apache-2.0
#ifndef BULKHEAD_SPEC_OCI_NAMES_H
#define BULKHEAD_SPEC_OCI_NAMES_H

/* Words of config.json with their values in C; also what `features` lists. */

#include <stddef.h>
#include <stdint.h>

struct oci_name {
	const char *name;
	uint64_t value;
};

struct oci_names {
	const struct oci_name *items;
	size_t count;
	const char *what; /* "seccomp action", for messages */
};

/* The first word for value, or NULL. */
const char *oci_name_of(const struct oci_names *names, uint64_t value);

extern const struct oci_names oci_names_rlimit;         /* RLIMIT_* */
extern const struct oci_names oci_names_policy;         /* SCHED_* */
extern const struct oci_names oci_names_scheduler_flag; /* SCHED_FLAG_* */
extern const struct oci_names oci_names_io_class;       /* ioprio_set(2) */
extern const struct oci_names oci_names_namespace;      /* enum oci_namespace */
extern const struct oci_names oci_names_propagation;    /* MS_* */
extern const struct oci_names oci_names_domain;         /* PER_* */
extern const struct oci_names oci_names_action;         /* SECCOMP_RET_* */
extern const struct oci_names oci_names_seccomp_flag;   /* SECCOMP_FILTER_FLAG_* */
extern const struct oci_names oci_names_operator;       /* enum oci_seccomp_operator */
extern const struct oci_names oci_names_arch;           /* 0: the names alone are checked */

#endif
