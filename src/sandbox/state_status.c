// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"
#include "kernel/process.h"
#include "sandbox/sandbox.h"
#include "sandbox/state.h"

/*
 * Nothing records the status: it follows from what exists. A pid counts only with the start time
 * that was recorded with it, so a recycled pid is never taken for the container. Process 1 of a
 * created container reads the fifo "start" until it executes the program; without a reader the fifo
 * cannot be opened for writing (ENXIO), so one that outlived a killed `start` does not mislead.
 */

int state_pidfd(const struct state *s, int *ret)
{
	_cleanup_close_ int fd = -EBADF;
	uint64_t start_time;
	int r;

	if (s->pid <= 0 || s->start_time == 0)
		return -ESRCH;
	fd = (int)syscall(SYS_pidfd_open, s->pid, 0);
	if (fd < 0)
		return errno == EINVAL ? -ESRCH : -errno;
	/* Compared after the open: from here on fd means the process that was compared. */
	r = process_start_time_read(s->pid, &start_time);
	if (r < 0 || start_time != s->start_time)
		return r < 0 ? r : -ESRCH;
	*ret = TAKE_FD(fd);
	return 0;
}

enum state_status state_status(int dir, const struct state *s)
{
	_cleanup_close_ int start = -EBADF;
	uint64_t start_time;
	int r;

	if (s->pid <= 0)
		return STATE_CREATING;
	/* Only what is known to have ended may be deleted: in doubt it runs. */
	r = process_start_time_read(s->pid, &start_time);
	if (s->start_time == 0 || r == -ESRCH || (r == 0 && start_time != s->start_time))
		return STATE_STOPPED;
	start = openat(dir, "start", O_WRONLY | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY);
	return start >= 0 ? STATE_CREATED : STATE_RUNNING;
}

const char *state_status_name(enum state_status status)
{
	static const char *const names[] = {
		[STATE_CREATING] = "creating",
		[STATE_CREATED] = "created",
		[STATE_RUNNING] = "running",
		[STATE_PAUSED] = "paused",
		[STATE_STOPPED] = "stopped",
	};

	return names[status];
}

void state_timestamp(char out[static 40])
{
	struct timespec now;
	struct tm tm;
	size_t n;

	(void)clock_gettime(CLOCK_REALTIME, &now);
	(void)gmtime_r(&now.tv_sec, &tm);
	n = strftime(out, 40, "%Y-%m-%dT%H:%M:%S", &tm);
	(void)snprintf(out + n, 40 - n, ".%09ldZ", now.tv_nsec);
}

void state_write_json(
	const struct state *s, enum state_status status, const char *owner, struct json_writer *w)
{
	json_begin_object(w);
	json_member_string(w, "ociVersion", s->version);
	json_member_string(w, "id", s->id);
	json_member_int(w, "pid", status == STATE_STOPPED ? 0 : s->pid);
	json_member_string(w, "status", state_status_name(status));
	json_member_string(w, "bundle", s->bundle);
	json_member_string(w, "rootfs", s->rootfs);
	json_member_string(w, "created", s->created);
	if (s->annotation_count > 0) {
		json_key(w, "annotations");
		json_begin_object(w);
		for (size_t i = 0; i < s->annotation_count; i++)
			json_member_string(w, s->annotations[i].key, s->annotations[i].value);
		json_end_object(w);
	}
	if (owner != NULL)
		json_member_string(w, "owner", owner);
	json_end_object(w);
}
