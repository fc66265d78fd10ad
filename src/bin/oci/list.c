// SPDX-License-Identifier: Apache-2.0
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "bin/oci/oci.h"

#define OUTPUT_MAX       (64u << 20)
#define PASSWD_BYTES_MAX (4u << 20)
#define COLUMN_GAP       3

struct row {
	struct state state;
	enum state_status status;
	const char *owner;
};

struct listing {
	struct row *rows;
	size_t count, capacity;
	struct buf passwd; /* /etc/passwd, read when first needed: a static program has no NSS */
	bool passwd_read;
};

static void listing_release(struct listing *l)
{
	free(l->rows);
	buf_release(&l->passwd);
}

/* "root", or "#1000" if the file does not know the number. */
static const char *owner_name(struct oci *o, struct listing *l, uint32_t uid)
{
	if (!l->passwd_read) {
		buf_init(&l->passwd, PASSWD_BYTES_MAX);
		(void)fd_read_file(AT_FDCWD, "/etc/passwd", &l->passwd);
		l->passwd_read = true;
	}
	for (const char *line = buf_str(&l->passwd); *line != '\0';) {
		size_t len = strcspn(line, "\n");
		size_t name = strcspn(line, ":\n");
		const char *number = memchr(line + name, ':', len - name);
		char *end;

		number = number != NULL ? memchr(number + 1, ':', len - (size_t)(number + 1 - line))
					: NULL;
		if (number != NULL && strtoul(number + 1, &end, 10) == uid && *end == ':' &&
			end != number + 1)
			return arena_strndup(&o->arena, line, name);
		line += len + (line[len] == '\n');
	}
	return arena_printf(&o->arena, "#%u", uid);
}

static int add_row(struct oci *o, struct listing *l, const char *id, struct bh_error *err)
{
	_cleanup_container_ struct container c = CONTAINER_INIT;
	struct row row;
	int r = container_open(o, id, &c, err);

	if (r == 0)
		r = container_status(&c, &row.status, err);
	if (r < 0)
		return r;
	if (l->count == l->capacity) {
		size_t n = l->capacity == 0 ? 32 : l->capacity * 2;
		struct row *grown = reallocarray(l->rows, n, sizeof(*grown));

		if (grown == NULL)
			return bh_fail_errno(err, -ENOMEM, "list");
		l->rows = grown;
		l->capacity = n;
	}
	row.state = c.state;
	row.owner = owner_name(o, l, c.state.owner) ?: "?";
	l->rows[l->count++] = row;
	return 0;
}

static int collect(struct oci *o, struct listing *l, struct bh_error *err)
{
	DIR *dir = opendir(o->root);
	const struct dirent *entry;

	if (dir == NULL && errno == ENOENT && !o->root_given)
		return 0;
	if (dir == NULL)
		return bh_fail_errno(err, -errno, "open state root %s", o->root);
	while ((entry = readdir(dir)) != NULL) {
		struct bh_error why = BH_ERROR_INIT;
		int r;

		if ((entry->d_type != DT_DIR && entry->d_type != DT_UNKNOWN) ||
			state_id_check(entry->d_name, NULL) < 0)
			continue;
		r = add_row(o, l, entry->d_name, &why);
		/* Without state.json: being made or removed right now, or left by a crash. */
		if (r < 0 && r != -ENOENT)
			log_write(&o->log, LOG_LEVEL_WARN, "load container %s: %s", entry->d_name,
				bh_error_text(&why, r));
	}
	(void)closedir(dir);
	return 0;
}

static int compare_rows(const void *a, const void *b)
{
	return strcmp(((const struct row *)a)->state.id, ((const struct row *)b)->state.id);
}

static void print_json(const struct listing *l, struct buf *out)
{
	struct json_writer w = JSON_WRITER(out);

	json_begin_array(&w);
	for (size_t i = 0; i < l->count; i++)
		state_write_json(&l->rows[i].state, l->rows[i].status, l->rows[i].owner, &w);
	json_end_array(&w);
	(void)buf_putc(out, '\n');
}

static void widen(int *width, const char *text)
{
	int n = (int)strlen(text) + COLUMN_GAP;

	if (n > *width)
		*width = n;
}

static void print_table(const struct listing *l, struct buf *out)
{
	int id = 12, bundle = 12, created = 12;

	for (size_t i = 0; i < l->count; i++) {
		widen(&id, l->rows[i].state.id);
		widen(&bundle, l->rows[i].state.bundle);
		widen(&created, l->rows[i].state.created);
	}
	(void)buf_printf(out, "%-*s%-12s%-12s%-*s%-*s%s\n", id, "ID", "PID", "STATUS", bundle,
		"BUNDLE", created, "CREATED", "OWNER");
	for (size_t i = 0; i < l->count; i++) {
		const struct row *row = &l->rows[i];
		int pid = row->status == STATE_STOPPED ? 0 : row->state.pid;

		(void)buf_printf(out, "%-*s%-12d%-12s%-*s%-*s%s\n", id, row->state.id, pid,
			state_status_name(row->status), bundle, row->state.bundle, created,
			row->state.created, row->owner);
	}
}

static void print_names(const struct listing *l, struct buf *out)
{
	for (size_t i = 0; i < l->count; i++)
		(void)buf_printf(out, "%s\n", l->rows[i].state.id);
}

int command_list(struct oci *o, struct bh_error *err)
{
	_cleanup_(listing_release) struct listing l = {0};
	const char *format = options_value(&o->options, OPT_FORMAT) ?: "table";
	_cleanup_buf_ struct buf out;
	bool json = strcmp(format, "json") == 0;
	int r;

	buf_init(&out, OUTPUT_MAX);
	if (!json && strcmp(format, "table") != 0)
		return bh_fail(err, -EINVAL, "invalid format option \"%s\": table or json", format);
	r = collect(o, &l, err);
	if (r < 0)
		return r;
	if (l.count > 1)
		qsort(l.rows, l.count, sizeof(*l.rows), compare_rows);
	if (options_flag(&o->options, OPT_QUIET))
		print_names(&l, &out);
	else if (json)
		print_json(&l, &out);
	else
		print_table(&l, &out);
	return output_write(&out, err);
}
