// SPDX-License-Identifier: Apache-2.0
#include "bin/systemd-cgroup/property.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define MASK_BYTES 1024 /* 8192 CPUs */
#define WORD_MAX   4096

static int parse_uint(const char *text, char **end, uint64_t *ret)
{
	if (*text < '0' || *text > '9')
		return -EINVAL;
	errno = 0;
	*ret = strtoull(text, end, 10);
	return -errno;
}

int property_parse_cpus(const char *text, uint8_t *mask, size_t size, size_t *ret_len)
{
	size_t len = 0;

	memset(mask, 0, size);
	for (char *p = (char *)(uintptr_t)text;;) {
		uint64_t first = 0, last;
		int r = parse_uint(p, &p, &first);

		last = first;
		if (r == 0 && *p == '-')
			r = parse_uint(p + 1, &p, &last);
		if (r < 0)
			return r;
		if (last < first || last >= size * 8)
			return -ERANGE;
		for (; first <= last; first++)
			mask[first / 8] |= (uint8_t)(1u << first % 8);
		len = last / 8 + 1 > len ? last / 8 + 1 : len;
		if (*p == '\0')
			break;
		if (*p++ != ',')
			return -EINVAL;
	}
	*ret_len = len;
	return 0;
}

static int append_mask(sd_bus_message *m, const char *name, const char *value)
{
	uint8_t mask[MASK_BYTES];
	size_t len = 0;
	int r = property_parse_cpus(value, mask, sizeof(mask), &len);

	if (r >= 0)
		r = sd_bus_message_open_container(m, 'r', "sv");
	if (r >= 0)
		r = sd_bus_message_append(m, "s", name);
	if (r >= 0)
		r = sd_bus_message_open_container(m, 'v', "ay");
	if (r >= 0)
		r = sd_bus_message_append_array(m, 'y', mask, len);
	if (r >= 0)
		r = sd_bus_message_close_container(m);
	return r < 0 ? r : sd_bus_message_close_container(m);
}

static int append_pair(sd_bus_message *m, const char *value)
{
	char first[WORD_MAX];
	size_t n = strcspn(value, " ");

	if (value[n] == '\0' || n >= sizeof(first))
		return -EINVAL;
	memcpy(first, value, n);
	first[n] = '\0';
	return sd_bus_message_append(m, "(ss)", first, value + n + 1);
}

/* All rows from *rows on that have the same name; *rows is moved to the last of them. */
static int append_pairs(sd_bus_message *m, char ***rows)
{
	char **row = *rows;
	const char *name = row[0];
	int r = sd_bus_message_open_container(m, 'r', "sv");

	if (r >= 0)
		r = sd_bus_message_append(m, "s", name);
	if (r >= 0)
		r = sd_bus_message_open_container(m, 'v', "a(ss)");
	if (r >= 0)
		r = sd_bus_message_open_container(m, 'a', "(ss)");
	for (; r >= 0 && row[0] != NULL && strcmp(row[0], name) == 0; row += PROPERTY_COLUMNS) {
		r = append_pair(m, row[2]);
		*rows = row;
	}
	for (int i = 0; i < 3 && r >= 0; i++)
		r = sd_bus_message_close_container(m);
	return r;
}

static int append_one(sd_bus_message *m, char ***rows)
{
	char **row = *rows, *end;
	const char *name = row[0], *type = row[1], *value = row[2];
	uint64_t number;
	int r;

	if (strcmp(type, "b") == 0)
		return sd_bus_message_append(m, "(sv)", name, "b", strcmp(value, "true") == 0);
	if (strcmp(type, "s") == 0)
		return sd_bus_message_append(m, "(sv)", name, "s", value);
	if (strcmp(type, "ay") == 0)
		return append_mask(m, name, value);
	if (strcmp(type, "a(ss)") == 0)
		return append_pairs(m, rows);
	r = strcmp(type, "t") == 0 ? parse_uint(value, &end, &number) : -EINVAL;
	if (r < 0 || *end != '\0')
		return -EINVAL;
	return sd_bus_message_append(m, "(sv)", name, "t", number);
}

int property_append_all(sd_bus_message *m, char **rows, unsigned int version, sd_bus_error *error)
{
	for (char **row = rows; row[0] != NULL; row += PROPERTY_COLUMNS) {
		const char *name = row[0], *value = row[2];
		int r = strtoul(row[3], NULL, 10) > version ? 0 : append_one(m, &row);

		if (r == -EINVAL || r == -ERANGE)
			return sd_bus_error_setf(error, SD_BUS_ERROR_INVALID_ARGS,
				"property %s cannot be \"%.200s\"", name, value);
		if (r < 0)
			return r;
	}
	return 0;
}
