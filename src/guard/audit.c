// SPDX-License-Identifier: Apache-2.0
#include "guard/audit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/mem.h"

#define AUDIT_NAME "audit.log"
#define AUDIT_OLD  "audit.log.1"
#define LINE_MAX_  8192

static int open_file(struct audit *a)
{
	struct stat st;

	a->fd = openat(
		a->dirfd, AUDIT_NAME, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (a->fd < 0)
		return -errno;
	a->size = fstat(a->fd, &st) == 0 ? (uint64_t)st.st_size : 0;
	return 0;
}

int audit_open(int dirfd, struct audit *ret, struct bh_error *err)
{
	struct audit a = AUDIT_INIT;
	int r;

	a.dirfd = fcntl(dirfd, F_DUPFD_CLOEXEC, 3);
	if (a.dirfd < 0)
		return bh_fail_errno(err, -errno, "audit trail");
	r = open_file(&a);
	if (r < 0) {
		audit_close(&a);
		return bh_fail_errno(err, r, "audit trail: open %s", AUDIT_NAME);
	}
	*ret = a;
	return 0;
}

void audit_close(struct audit *audit)
{
	audit->fd = fd_close(audit->fd);
	audit->dirfd = fd_close(audit->dirfd);
}

static void rotate(struct audit *a)
{
	if (a->size < AUDIT_FILE_MAX)
		return;
	if (renameat(a->dirfd, AUDIT_NAME, a->dirfd, AUDIT_OLD) < 0)
		return; /* go on in the big file: losing the trail would be worse */
	a->fd = fd_close(a->fd);
	if (open_file(a) < 0)
		a->lost++;
}

static void put_time(struct json_writer *w)
{
	struct timespec now;
	struct tm tm;
	char text[40], whole[64];

	(void)clock_gettime(CLOCK_REALTIME, &now);
	(void)gmtime_r(&now.tv_sec, &tm);
	(void)strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm);
	(void)snprintf(whole, sizeof(whole), "%s.%06ldZ", text, now.tv_nsec / 1000);
	json_member_string(w, "time", whole);
}

void audit_write(struct audit *audit, const struct guard_caller *caller, enum guard_verb verb,
	const char *object, int status)
{
	_cleanup_buf_ struct buf line = {0};
	struct json_writer w = JSON_WRITER(&line);

	if (audit == NULL || audit->dirfd < 0)
		return;
	buf_init(&line, LINE_MAX_);
	json_begin_object(&w);
	put_time(&w);
	json_member_string(&w, "verb", guard_verb_name(verb));
	json_member_string(&w, "role", guard_role_name(caller->role));
	json_member_string(&w, "owner", caller->owner);
	json_member_string(&w, "tenant", caller->tenant);
	json_member_int(&w, "uid", caller->uid);
	json_member_int(&w, "pid", caller->pid);
	if (object != NULL)
		json_member_string(&w, "object", object);
	json_member_int(&w, "status", status);
	if (audit->lost > 0)
		json_member_int(&w, "lost", (int64_t)audit->lost);
	json_end_object(&w);
	buf_putc(&line, '\n');
	rotate(audit);
	if (buf_status(&line) < 0 || audit->fd < 0 ||
		write(audit->fd, line.data, line.len) != (ssize_t)line.len) {
		audit->lost++;
		return;
	}
	audit->size += line.len;
	audit->lost = 0;
}
