// SPDX-License-Identifier: Apache-2.0
/*
 * bulkhead-files VERB: file work for the engine, shut in a jail, one short run a job. It is started
 * with the descriptors that files.h names and writes one JSON object as its result; it has no other
 * output and no options.
 */
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "bin/files/files.h"
#include "kernel/tree.h"

#define RESULT_MAX 8192

static int put_result(const struct bh_error *err, int code, const struct unpack_result *result)
{
	_cleanup_buf_ struct buf out;
	struct json_writer w = JSON_WRITER(&out);

	buf_init(&out, RESULT_MAX);
	json_begin_object(&w);
	json_member_int(&w, "code", code);
	if (code < 0) {
		json_member_string(&w, "error", bh_error_text(err, code));
	} else if (result != NULL) {
		json_member_string(&w, "diff_id", result->diff_id);
		json_member_int(&w, "size", (int64_t)result->size);
		json_member_int(&w, "entries", (int64_t)result->entries);
		json_member_int(&w, "devices", (int64_t)result->devices);
	}
	json_end_object(&w);
	return fd_write_all(FILES_RESULT_FD, buf_str(&out), out.len);
}

static int do_unpack(struct unpack_result *ret, struct bh_error *err)
{
	struct stream *s = NULL;
	int r = stream_open(FILES_INPUT_FD, &s, err);

	if (r == 0)
		r = jail_enter(err);
	if (r == 0)
		r = unpack(FILES_DIR_FD, s, ret, err);
	stream_free(s);
	return r;
}

static int do_remove(struct bh_error *err)
{
	int r = jail_enter(err);

	return r < 0 ? r : tree_remove_contents(FILES_DIR_FD, TREE_NO_BUDGET, err);
}

int main(int argc, char **argv)
{
	struct bh_error err = BH_ERROR_INIT;
	struct unpack_result result = {0};
	const char *verb = argc == 2 ? argv[1] : "";
	int r;

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	/* Names in archives are UTF-8 or bytes; with this locale they pass unchanged. */
	(void)setlocale(LC_CTYPE, "C.UTF-8");
	(void)signal(SIGPIPE, SIG_IGN);
	if (strcmp(verb, "unpack") == 0) {
		r = do_unpack(&result, &err);
		return put_result(&err, r, &result) < 0 || r < 0 ? 1 : 0;
	}
	if (strcmp(verb, "remove") == 0) {
		r = do_remove(&err);
		return put_result(&err, r, NULL) < 0 || r < 0 ? 1 : 0;
	}
	(void)dprintf(STDERR_FILENO, "bulkhead-files: started by bulkheadd only; see "
				     "bulkhead-files(8)\n");
	return 2;
}
