// SPDX-License-Identifier: Apache-2.0
#ifndef BULKHEAD_STORE_STORE_H
#define BULKHEAD_STORE_STORE_H

/*
 * Records that must not be lost: one SQLite database in WAL mode. Every commit is synced before it
 * returns, so what was acknowledged survives kill -9 and power loss; what was not committed leaves
 * no trace. The store knows no record type: each layer registers its own tables as a schema, a name
 * and a list of migrations that only ever grows. A database written by a newer program is refused.
 *
 * Not thread-safe: one thread, one store. Values from outside are only ever bound, never part of
 * the SQL text, which is always a literal; prepared statements are kept by the literal's address.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct store;

/* Longest text or blob that a record may hold. */
#define STORE_VALUE_MAX (8u << 20)
/* Statements kept prepared; at most this many different literals may be used. */
#define STORE_STATEMENTS_MAX 64

/* One named group of tables. migrations[i] brings version i to i + 1; released ones never change.
 */
struct store_schema {
	const char *name;
	const char *const *migrations; /* SQL scripts */
	size_t count;
};

/* Open or make the database at path (its directory must exist, mode 0700). A second opener is kept
 * out by a lock (-EBUSY). */
int store_open(const char *path, struct store **ret, struct bh_error *err);
void store_close(struct store *s);
void store_closep(struct store **s);
/* Register a schema: run the migrations it lacks, each in its own transaction. */
int store_register(struct store *s, const struct store_schema *schema, struct bh_error *err);

int store_begin(struct store *s, struct bh_error *err);
/* Durable when it returns 0; on failure everything since begin is undone. */
int store_commit(struct store *s, struct bh_error *err);
void store_rollback(struct store *s);

/*
 * Run a statement that returns no rows. types has one letter a parameter: 't' const char * (NULL:
 * SQL NULL), 'i' int64_t, 'b' const void *, size_t. Integers must be passed as int64_t. -EEXIST: a
 * UNIQUE or PRIMARY KEY constraint; -ENOSPC, -EIO, ... as met.
 */
int store_exec(struct store *s, struct bh_error *err, const char *sql, const char *types, ...);
/* Rows changed by the last store_exec(). */
int64_t store_changes(const struct store *s);

/* A query under way. Only one at a time per SQL literal; ended by its release. */
struct store_rows {
	struct store *store;
	void *statement;
};

#define STORE_ROWS_INIT                                                                            \
	{                                                                                          \
		NULL, NULL                                                                         \
	}
#define _cleanup_rows_ __attribute__((cleanup(store_rows_release)))

int store_query(struct store *s, struct store_rows *ret, struct bh_error *err, const char *sql,
	const char *types, ...);
/* 1: a row is there, 0: no more, negative: failure. */
int store_rows_next(struct store_rows *rows, struct bh_error *err);
/* Columns from 0. Text is never NULL (SQL NULL reads as ""), valid until the next row. */
const char *store_text(const struct store_rows *rows, int column);
int64_t store_int(const struct store_rows *rows, int column);
const void *store_blob(const struct store_rows *rows, int column, size_t *ret_len);
bool store_is_null(const struct store_rows *rows, int column);
void store_rows_release(struct store_rows *rows);

#define _cleanup_store_ __attribute__((cleanup(store_closep)))

#endif
