// SPDX-License-Identifier: Apache-2.0
#ifndef BULKHEAD_BIN_SYSTEMD_CGROUP_PROPERTY_H
#define BULKHEAD_BIN_SYSTEMD_CGROUP_PROPERTY_H

#include <stddef.h>
#include <stdint.h>
#include <systemd/sd-bus.h>

/* Rows of arguments: NAME TYPE VALUE SINCE. Types: "b" (true, false), "t", "s", "ay" (a CPU list as
 * in cpuset(7), sent as a bit mask), "a(ss)" ("FIRST SECOND"; rows of one name are one property).
 */
#define PROPERTY_COLUMNS 4

/* Append rows (NULL-terminated) as (sv) to the open array of m. Rows that systemd of this version
 * does not know are left out: the runtime has written the files itself. */
int property_append_all(sd_bus_message *m, char **rows, unsigned int version, sd_bus_error *error);
/* "0-3,7" to a mask, least significant byte first. -EINVAL, -ERANGE. */
int property_parse_cpus(const char *text, uint8_t *mask, size_t size, size_t *ret_len);

#endif
