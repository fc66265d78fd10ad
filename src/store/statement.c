// SPDX-License-Identifier: Apache-2.0
#include <sqlite3.h>
#include <stdarg.h>
#include <string.h>

#include "base/mem.h"
#include "store/store.h"
#include "store/store_private.h"

/* The prepared form of a literal. Addresses are compared: equal texts in two objects cost two
 * slots, which the bound allows for. */
static int prepare(struct store *s, const char *sql, sqlite3_stmt **ret, struct bh_error *err)
{
	int rc;

	for (size_t i = 0; i < s->count; i++)
		if (s->statements[i].sql == sql) {
			*ret = s->statements[i].handle;
			return 0;
		}
	if (s->count == ARRAY_SIZE(s->statements))
		return bh_fail(err, -E2BIG, "store: more than %zu different statements", s->count);
	rc = sqlite3_prepare_v3(s->db, sql, -1, SQLITE_PREPARE_PERSISTENT, ret, NULL);
	if (rc != SQLITE_OK)
		return store_fail(s, rc, err, sql);
	s->statements[s->count].sql = sql;
	s->statements[s->count].handle = *ret;
	s->count++;
	return 0;
}

static int bind_all(struct store *s, sqlite3_stmt *st, const char *types, va_list ap,
	const char *sql, struct bh_error *err)
{
	if ((size_t)sqlite3_bind_parameter_count(st) != strlen(types))
		return bh_fail(err, -EINVAL, "store: parameters do not match: %s", sql);
	for (int i = 0; types[i] != '\0'; i++) {
		int rc = SQLITE_MISUSE;

		if (types[i] == 't') {
			rc = sqlite3_bind_text(
				st, i + 1, va_arg(ap, const char *), -1, SQLITE_TRANSIENT);
		} else if (types[i] == 'i') {
			rc = sqlite3_bind_int64(st, i + 1, va_arg(ap, int64_t));
		} else if (types[i] == 'b') {
			const void *blob = va_arg(ap, const void *);

			rc = sqlite3_bind_blob64(
				st, i + 1, blob, va_arg(ap, size_t), SQLITE_TRANSIENT);
		}
		if (rc != SQLITE_OK)
			return store_fail(s, rc, err, sql);
	}
	return 0;
}

static void finish(sqlite3_stmt *st)
{
	(void)sqlite3_reset(st);
	(void)sqlite3_clear_bindings(st);
}

int store_exec(struct store *s, struct bh_error *err, const char *sql, const char *types, ...)
{
	sqlite3_stmt *st;
	va_list ap;
	int r, rc;

	r = prepare(s, sql, &st, err);
	if (r < 0)
		return r;
	va_start(ap, types);
	r = bind_all(s, st, types, ap, sql, err);
	va_end(ap);
	if (r == 0) {
		rc = sqlite3_step(st);
		if (rc != SQLITE_DONE && rc != SQLITE_ROW)
			r = store_fail(s, rc, err, sql);
	}
	finish(st);
	return r;
}

int64_t store_changes(const struct store *s)
{
	return sqlite3_changes64(s->db);
}

int store_query(struct store *s, struct store_rows *ret, struct bh_error *err, const char *sql,
	const char *types, ...)
{
	sqlite3_stmt *st;
	va_list ap;
	int r;

	r = prepare(s, sql, &st, err);
	if (r < 0)
		return r;
	if (sqlite3_stmt_busy(st))
		return bh_fail(err, -EBUSY, "store: statement is in use: %s", sql);
	va_start(ap, types);
	r = bind_all(s, st, types, ap, sql, err);
	va_end(ap);
	if (r < 0) {
		finish(st);
		return r;
	}
	ret->store = s;
	ret->statement = st;
	return 0;
}

int store_rows_next(struct store_rows *rows, struct bh_error *err)
{
	int rc = sqlite3_step(rows->statement);

	if (rc == SQLITE_ROW)
		return 1;
	if (rc == SQLITE_DONE)
		return 0;
	return store_fail(rows->store, rc, err, sqlite3_sql(rows->statement));
}

const char *store_text(const struct store_rows *rows, int column)
{
	const unsigned char *text = sqlite3_column_text(rows->statement, column);

	return text != NULL ? (const char *)text : "";
}

int64_t store_int(const struct store_rows *rows, int column)
{
	return sqlite3_column_int64(rows->statement, column);
}

const void *store_blob(const struct store_rows *rows, int column, size_t *ret_len)
{
	const void *blob = sqlite3_column_blob(rows->statement, column);

	*ret_len = (size_t)sqlite3_column_bytes(rows->statement, column);
	return blob;
}

bool store_is_null(const struct store_rows *rows, int column)
{
	return sqlite3_column_type(rows->statement, column) == SQLITE_NULL;
}

void store_rows_release(struct store_rows *rows)
{
	if (rows->statement != NULL)
		finish(rows->statement);
	rows->statement = NULL;
}
