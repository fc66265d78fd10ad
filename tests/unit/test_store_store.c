// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <ftw.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"
#include "store/store.h"
#include "test.h"

static char dir[64];

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	return remove(path);
}

static void clean(void)
{
	(void)nftw(dir, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
}

static const char *setup(void)
{
	static char path[96];

	(void)snprintf(dir, sizeof(dir), "/tmp/bh-store-XXXXXX");
	CHECK(mkdtemp(dir) != NULL);
	(void)atexit(clean);
	(void)snprintf(path, sizeof(path), "%s/db", dir);
	return path;
}

static const char *const migrations[] = {
	"CREATE TABLE thing (id TEXT PRIMARY KEY, n INTEGER NOT NULL) STRICT",
	"ALTER TABLE thing ADD COLUMN note TEXT",
};
static const struct store_schema version1 = {"things", migrations, 1};
static const struct store_schema version2 = {"things", migrations, 2};

static struct store *open_store(const char *path, const struct store_schema *schema)
{
	struct bh_error err = BH_ERROR_INIT;
	struct store *s = NULL;

	CHECK_INT(store_open(path, &s, &err), 0);
	CHECK_INT(store_register(s, schema, &err), 0);
	return s;
}

static int64_t count_things(struct store *s)
{
	_cleanup_rows_ struct store_rows rows = STORE_ROWS_INIT;

	CHECK_INT(store_query(s, &rows, NULL, "SELECT count(*) FROM thing", ""), 0);
	CHECK_INT(store_rows_next(&rows, NULL), 1);
	return store_int(&rows, 0);
}

static int add(struct store *s, const char *id, int64_t n)
{
	return store_exec(s, NULL, "INSERT INTO thing (id, n) VALUES (?, ?)", "ti", id, n);
}

TEST(values_are_bound_and_constraints_reported)
{
	struct store *s = open_store(setup(), &version1);

	CHECK_INT(add(s, "x'); DROP TABLE thing; --", 7), 0);
	CHECK_INT(count_things(s), 1);
	CHECK_INT(add(s, "x'); DROP TABLE thing; --", 8), -EEXIST);
	CHECK_INT(store_exec(s, NULL, "SELECT ?", "ti", "a", (int64_t)1), -EINVAL);
	store_close(s);
}

TEST(rollback_leaves_nothing)
{
	struct store *s = open_store(setup(), &version1);

	CHECK_INT(store_begin(s, NULL), 0);
	CHECK_INT(add(s, "a", 1), 0);
	store_rollback(s);
	CHECK_INT(count_things(s), 0);
	CHECK_INT(store_begin(s, NULL), 0);
	CHECK_INT(add(s, "a", 1), 0);
	CHECK_INT(store_commit(s, NULL), 0);
	CHECK_INT(count_things(s), 1);
	store_close(s);
}

TEST(migrations_run_once_and_newer_is_refused)
{
	const char *path = setup();
	struct bh_error err = BH_ERROR_INIT;
	struct store *s = open_store(path, &version1);

	CHECK_INT(add(s, "a", 1), 0);
	store_close(s);
	s = open_store(path, &version2);
	CHECK_INT(store_exec(s, NULL, "UPDATE thing SET note = ?", "t", "n"), 0);
	CHECK_INT(store_changes(s), 1);
	store_close(s);
	s = NULL;
	CHECK_INT(store_open(path, &s, &err), 0);
	CHECK_INT(store_register(s, &version1, &err), -ENOTSUP);
	CHECK(strstr(err.text, "things") != NULL);
	store_close(s);
}

TEST(second_opener_is_kept_out)
{
	const char *path = setup();
	struct store *s = NULL;
	int ready[2];
	char byte;
	pid_t pid;

	CHECK_INT(pipe(ready), 0);
	pid = fork();
	if (pid == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		s = open_store(path, &version1);
		(void)!write(ready[1], "r", 1);
		(void)pause();
		_exit(0);
	}
	CHECK_INT(read(ready[0], &byte, 1), 1);
	CHECK_INT(store_open(path, &s, NULL), -EBUSY);
	(void)kill(pid, SIGKILL);
	(void)waitpid(pid, NULL, 0);
	CHECK_INT(store_open(path, &s, NULL), 0);
	store_close(s);
}

TEST(killed_writer_loses_no_committed_record)
{
	const char *path = setup();
	int acked[2];
	char byte;
	int64_t n = 0;
	pid_t pid;
	struct store *s;

	CHECK_INT(pipe(acked), 0);
	pid = fork();
	if (pid == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		s = open_store(path, &version1);
		for (int64_t i = 0;; i++) {
			char id[24];

			(void)snprintf(id, sizeof(id), "%lld", (long long)i);
			if (add(s, id, i) < 0 || write(acked[1], "a", 1) != 1)
				_exit(1);
		}
	}
	(void)close(acked[1]);
	while (n < 20 && read(acked[0], &byte, 1) == 1)
		n++;
	(void)kill(pid, SIGKILL);
	(void)waitpid(pid, NULL, 0);
	while (read(acked[0], &byte, 1) == 1)
		n++;
	s = open_store(path, &version1);
	CHECK(count_things(s) >= n && n >= 20);
	store_close(s);
}
