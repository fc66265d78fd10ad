// SPDX-License-Identifier: Apache-2.0
#ifndef BULKHEAD_STORE_STORE_PRIVATE_H
#define BULKHEAD_STORE_STORE_PRIVATE_H

#include <sqlite3.h>

#include "store/store.h"

struct store_statement {
	const char *sql; /* address of a literal */
	sqlite3_stmt *handle;
};

struct store {
	sqlite3 *db;
	int lock; /* flock(2) on the database file: one engine a data root */
	struct store_statement statements[STORE_STATEMENTS_MAX];
	size_t count;
};

/* Turn an SQLite result into the error contract. */
int store_fail(struct store *s, int rc, struct bh_error *err, const char *what);

#endif
