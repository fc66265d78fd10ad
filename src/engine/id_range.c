// SPDX-License-Identifier: Apache-2.0
#include "engine/id_range.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#define RANGES_MAX 65535u
#define LINE_MAX_  256

static const struct daemon_id_range default_block = {
	ID_RANGE_DEFAULT_FIRST, ID_RANGE_DEFAULT_COUNT};

static const char *const migrations[] = {
	"CREATE TABLE id_range (first INTEGER PRIMARY KEY, container TEXT,"
	" released INTEGER NOT NULL) STRICT",
};
const struct store_schema id_range_schema = {"id-range", migrations, ARRAY_SIZE(migrations)};

static int check_blocks(const struct daemon_id_range *blocks, size_t count, size_t *ret_ranges,
	struct bh_error *err)
{
	size_t total = 0;

	for (size_t i = 0; i < count; i++) {
		uint64_t end = (uint64_t)blocks[i].first + blocks[i].count;

		if (blocks[i].count < ID_RANGE_SIZE || blocks[i].first < ID_RANGE_SIZE ||
			end > UINT32_MAX)
			return bh_fail(err, -EINVAL,
				"id-ranges: %u+%u is too small or meets ids that are taken (a "
				"block "
				"starts at 65536 or later and holds 65536 ids or more)",
				blocks[i].first, blocks[i].count);
		for (size_t j = 0; j < i; j++)
			if (blocks[i].first < (uint64_t)blocks[j].first + blocks[j].count &&
				blocks[j].first < end)
				return bh_fail(err, -EINVAL, "id-ranges: %u+%u and %u+%u overlap",
					blocks[j].first, blocks[j].count, blocks[i].first,
					blocks[i].count);
		total += blocks[i].count / ID_RANGE_SIZE;
	}
	if (total > RANGES_MAX)
		return bh_fail(err, -E2BIG, "id-ranges: more than %u ranges", RANGES_MAX);
	*ret_ranges = total;
	return 0;
}

int id_ranges_init(struct id_ranges *r, const struct daemon_id_range *blocks, size_t count,
	struct bh_error *err)
{
	size_t total = 0, n = 0;
	int code;

	if (count == 0) {
		blocks = &default_block;
		count = 1;
	}
	code = check_blocks(blocks, count, &total, err);
	if (code < 0)
		return code;
	r->items = calloc(total, sizeof(*r->items));
	if (r->items == NULL)
		return bh_fail_errno(err, -ENOMEM, "id ranges");
	for (size_t i = 0; i < count; i++)
		for (uint32_t j = 0; j < blocks[i].count / ID_RANGE_SIZE; j++)
			r->items[n++].first = blocks[i].first + j * ID_RANGE_SIZE;
	r->count = total;
	return 0;
}

void id_ranges_release(struct id_ranges *r)
{
	free(r->items);
	*r = (struct id_ranges){NULL, 0};
}

static bool meets(const struct daemon_id_range *block, uint64_t first, uint64_t count)
{
	return first < (uint64_t)block->first + block->count && block->first < first + count;
}

/* Next line of text into line; long ones are cut (they hold no valid entry). */
static const char *next_line(const char *text, char line[static LINE_MAX_])
{
	size_t len = strcspn(text, "\n");

	(void)snprintf(line, LINE_MAX_, "%.*s", (int)(len < LINE_MAX_ ? len : LINE_MAX_ - 1), text);
	return text[len] == '\n' ? text + len + 1 : text + len;
}

/* End the field at its colon; returns what follows, "" at the end. */
static char *cut(char *field)
{
	char *colon = strchr(field, ':');

	if (colon == NULL)
		return field + strlen(field);
	*colon = '\0';
	return colon + 1;
}

/* The number at *text, which is left behind its colon. */
static bool number(char **text, unsigned long *ret)
{
	char *end;

	if (**text < '0' || **text > '9')
		return false;
	*ret = strtoul(*text, &end, 10);
	if (*end != '\0' && *end != ':')
		return false;
	*text = *end == ':' ? end + 1 : end;
	return true;
}

int id_ranges_check_sub(const struct daemon_id_range *blocks, size_t count, const char *name,
	const char *text, struct bh_error *err)
{
	char line[LINE_MAX_];

	if (count == 0) {
		blocks = &default_block;
		count = 1;
	}
	while (*text != '\0') {
		unsigned long first, ids;
		char *rest;

		text = next_line(text, line);
		rest = cut(line);
		if (!number(&rest, &first) || !number(&rest, &ids))
			continue;
		for (size_t i = 0; i < count; i++)
			if (meets(&blocks[i], first, ids))
				return bh_fail(err, -EBUSY,
					"id-ranges: %u+%u of the engine meets %lu+%lu of \"%s\" in "
					"%s; choose other \"id-ranges\" in daemon.json",
					blocks[i].first, blocks[i].count, first, ids, line, name);
	}
	return 0;
}

int id_ranges_check_passwd(const struct daemon_id_range *blocks, size_t count, const char *name,
	const char *text, struct bh_error *err)
{
	char line[LINE_MAX_];

	if (count == 0) {
		blocks = &default_block;
		count = 1;
	}
	while (*text != '\0') {
		unsigned long id;
		char *rest;

		text = next_line(text, line);
		rest = cut(cut(line));
		if (!number(&rest, &id))
			continue;
		for (size_t i = 0; i < count; i++)
			if (meets(&blocks[i], id, 1))
				return bh_fail(err, -EBUSY,
					"id-ranges: %u+%u of the engine holds id %lu of \"%s\" in "
					"%s; choose other \"id-ranges\" in daemon.json",
					blocks[i].first, blocks[i].count, id, line, name);
	}
	return 0;
}

int id_ranges_choose(const struct id_ranges *r, int64_t now_ns, uint32_t *ret, struct bh_error *err)
{
	const struct id_range *best = NULL;

	for (size_t i = 0; i < r->count; i++)
		if (!r->items[i].used && !r->items[i].claimed &&
			(best == NULL || r->items[i].released_ns < best->released_ns))
			best = &r->items[i];
	if (best == NULL)
		return bh_fail(err, -ENOSPC,
			"all %zu id ranges are in use; remove containers or widen \"id-ranges\" in "
			"daemon.json",
			r->count);
	if (best->released_ns != 0 && now_ns - best->released_ns < ID_RANGE_REST_NS &&
		now_ns >= best->released_ns)
		return bh_fail(err, -ENOSPC,
			"all %zu id ranges are in use or were until a moment ago; try again, or "
			"widen \"id-ranges\" in daemon.json",
			r->count);
	*ret = best->first;
	return 0;
}

void id_ranges_mark(struct id_ranges *r, uint32_t first, bool used, int64_t released_ns)
{
	for (size_t i = 0; i < r->count; i++)
		if (r->items[i].first == first) {
			r->items[i].used = used;
			r->items[i].released_ns = released_ns;
		}
}

int id_ranges_load(struct id_ranges *r, struct store *s, struct bh_error *err)
{
	_cleanup_rows_ struct store_rows rows = STORE_ROWS_INIT;
	int code = store_query(
		s, &rows, err, "SELECT first, container IS NOT NULL, released FROM id_range", "");

	if (code < 0)
		return code;
	while ((code = store_rows_next(&rows, err)) > 0)
		id_ranges_mark(r, (uint32_t)store_int(&rows, 0), store_int(&rows, 1) != 0,
			store_int(&rows, 2));
	return code;
}

int id_range_record(struct store *s, uint32_t first, const char *container, struct bh_error *err)
{
	return store_exec(s, err,
		"INSERT INTO id_range (first, container, released) VALUES (?, ?, 0)"
		" ON CONFLICT (first) DO UPDATE SET container = excluded.container",
		"it", (int64_t)first, container);
}

int id_range_record_release(struct store *s, uint32_t first, int64_t now_ns, struct bh_error *err)
{
	return store_exec(s, err,
		"UPDATE id_range SET container = NULL, released = ? WHERE first = ?", "ii", now_ns,
		(int64_t)first);
}
