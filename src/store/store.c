// SPDX-License-Identifier: Apache-2.0
/*
 * Opening, migrating and committing. The database is held exclusively (locking_mode=EXCLUSIVE): no
 * shared memory index is needed, a second engine on the same data root is kept out, and a crashed
 * one's write-ahead log is replayed by the next opener. Page cache and limits are small: records
 * are few and the engine stays resident.
 */
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>

#include "base/mem.h"
#include "store/store.h"
#include "store/store_private.h"

int store_fail(struct store *s, int rc, struct bh_error *err, const char *what)
{
	int code;

	switch (rc & 0xff) {
	case SQLITE_CONSTRAINT:
		code = -EEXIST;
		break;
	case SQLITE_FULL:
		code = -ENOSPC;
		break;
	case SQLITE_NOMEM:
		code = -ENOMEM;
		break;
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		code = -EBUSY;
		break;
	case SQLITE_TOOBIG:
		code = -E2BIG;
		break;
	case SQLITE_READONLY:
	case SQLITE_PERM:
	case SQLITE_CANTOPEN:
		code = -EACCES;
		break;
	default:
		code = -EIO;
	}
	return bh_fail(err, code, "store: %s: %s", what,
		s != NULL && s->db != NULL ? sqlite3_errmsg(s->db) : sqlite3_errstr(rc));
}

static int run(struct store *s, const char *sql, struct bh_error *err)
{
	int rc = sqlite3_exec(s->db, sql, NULL, NULL, NULL);

	return rc == SQLITE_OK ? 0 : store_fail(s, rc, err, sql);
}

static int configure(struct store *s, struct bh_error *err)
{
	static const char *const pragmas[] = {
		"PRAGMA locking_mode=EXCLUSIVE",
		"PRAGMA journal_mode=WAL",
		"PRAGMA synchronous=FULL",
		"PRAGMA foreign_keys=ON",
		"PRAGMA cache_size=-512",
		"PRAGMA temp_store=MEMORY",
		"PRAGMA journal_size_limit=1048576",
		"PRAGMA trusted_schema=OFF",
		("CREATE TABLE IF NOT EXISTS schema_version"
		 " (name TEXT PRIMARY KEY, version INTEGER NOT NULL) STRICT, WITHOUT ROWID"),
	};

	(void)sqlite3_extended_result_codes(s->db, 1);
	(void)sqlite3_limit(s->db, SQLITE_LIMIT_LENGTH, (int)STORE_VALUE_MAX);
	(void)sqlite3_limit(s->db, SQLITE_LIMIT_ATTACHED, 0);
	for (size_t i = 0; i < ARRAY_SIZE(pragmas); i++) {
		int r = run(s, pragmas[i], err);

		if (r < 0)
			return r;
	}
	return 0;
}

/* The descriptor stays open until the end: closing any descriptor of the file would drop SQLite's
 * own record locks. */
static int lock(struct store *s, const char *path, struct bh_error *err)
{
	s->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (s->lock < 0)
		return bh_fail_errno(err, -errno, "open %s", path);
	if (flock(s->lock, LOCK_EX | LOCK_NB) < 0)
		return bh_fail(err, errno == EWOULDBLOCK ? -EBUSY : -errno,
			"%s is in use by another process", path);
	return 0;
}

int store_open(const char *path, struct store **ret, struct bh_error *err)
{
	_cleanup_store_ struct store *s = calloc(1, sizeof(*s));
	int rc;

	if (s == NULL)
		return bh_fail_errno(err, -ENOMEM, "open the store");
	s->lock = -EBADF;
	rc = lock(s, path, err);
	if (rc < 0)
		return rc;
	rc = sqlite3_open_v2(path, &s->db,
		SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX |
			SQLITE_OPEN_PRIVATECACHE | SQLITE_OPEN_NOFOLLOW,
		NULL);
	if (rc != SQLITE_OK)
		return store_fail(s, rc, err, path);
	rc = configure(s, err);
	if (rc < 0)
		return bh_wrap(err, "open %s", path);
	*ret = TAKE_PTR(s);
	return 0;
}

void store_close(struct store *s)
{
	if (s == NULL)
		return;
	for (size_t i = 0; i < s->count; i++)
		(void)sqlite3_finalize(s->statements[i].handle);
	(void)sqlite3_close(s->db);
	(void)fd_close(s->lock);
	free(s);
}

void store_closep(struct store **s)
{
	store_close(*s);
	*s = NULL;
}

static int schema_version(struct store *s, const char *name, size_t *ret, struct bh_error *err)
{
	_cleanup_rows_ struct store_rows rows = STORE_ROWS_INIT;
	int r;

	r = store_query(
		s, &rows, err, "SELECT version FROM schema_version WHERE name = ?", "t", name);
	if (r < 0)
		return r;
	r = store_rows_next(&rows, err);
	if (r < 0)
		return r;
	*ret = r > 0 ? (size_t)store_int(&rows, 0) : 0;
	return 0;
}

static int migrate(
	struct store *s, const struct store_schema *schema, size_t version, struct bh_error *err)
{
	int r = store_begin(s, err);

	if (r < 0)
		return r;
	r = run(s, schema->migrations[version], err);
	if (r == 0)
		r = store_exec(s, err,
			"INSERT INTO schema_version (name, version) VALUES (?, ?)"
			" ON CONFLICT (name) DO UPDATE SET version = excluded.version",
			"ti", schema->name, (int64_t)version + 1);
	if (r < 0) {
		store_rollback(s);
		return r;
	}
	return store_commit(s, err);
}

int store_register(struct store *s, const struct store_schema *schema, struct bh_error *err)
{
	size_t version;
	int r = schema_version(s, schema->name, &version, err);

	if (r < 0)
		return r;
	if (version > schema->count)
		return bh_fail(err, -ENOTSUP,
			"store: records of \"%s\" have version %zu, this program knows up to %zu",
			schema->name, version, schema->count);
	for (; version < schema->count; version++) {
		r = migrate(s, schema, version, err);
		if (r < 0)
			return bh_wrap(
				err, "migrate \"%s\" to version %zu", schema->name, version + 1);
	}
	return 0;
}

int store_begin(struct store *s, struct bh_error *err)
{
	return store_exec(s, err, "BEGIN IMMEDIATE", "");
}

int store_commit(struct store *s, struct bh_error *err)
{
	int r = store_exec(s, err, "COMMIT", "");

	if (r < 0)
		store_rollback(s);
	return r;
}

void store_rollback(struct store *s)
{
	if (sqlite3_get_autocommit(s->db) == 0)
		(void)store_exec(s, NULL, "ROLLBACK", "");
}
