// SPDX-License-Identifier: Apache-2.0

/* state.json, pid and exit.json: see shim_protocol.h and bulkhead-shim(8). */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "bin/shim/shim.h"

const char *record_status(const struct shim *s)
{
	switch (s->phase) {
	case PHASE_CREATING:
		return "creating";
	case PHASE_CREATED:
		return "created";
	case PHASE_RUNNING:
		return s->paused ? "paused" : "running";
	case PHASE_ENDING:
	case PHASE_ENDED:
		break;
	}
	return "stopped";
}

static void format_time(const struct timespec *ts, char ret[SHIM_TIME_MAX])
{
	if (ts->tv_sec == 0)
		ret[0] = '\0';
	else
		shim_time_format(ts, ret);
}

void record_state_fill(const struct shim *s, struct shim_state *ret, char started[SHIM_TIME_MAX])
{
	format_time(&s->started, started);
	*ret = (struct shim_state){
		.id = s->id,
		.status = record_status(s),
		.shim_pid = getpid(),
		.shim_start_time = s->own_start_time,
		.pid = s->sandbox.pid,
		.start_time = s->start_time,
		.started_at = started,
	};
}

int record_state(const struct shim *s, struct bh_error *err)
{
	_cleanup_buf_ struct buf text;
	char started[SHIM_TIME_MAX];
	struct shim_state state;
	int r;

	buf_init(&text, SHIM_FILE_MAX);
	record_state_fill(s, &state, started);
	r = shim_state_encode(&state, s->cgroup_text, &text);
	if (r == 0)
		r = fd_replace_file(s->dirfd, SHIM_STATE_FILE, text.data, text.len, 0600, 0);
	return r < 0 ? bh_fail_errno(err, r, "write %s", SHIM_STATE_FILE) : 0;
}

int record_pid(const struct shim *s, struct bh_error *err)
{
	char text[16];
	int len = snprintf(text, sizeof(text), "%d", s->sandbox.pid);
	int r = fd_replace_file(s->dirfd, SHIM_PID_FILE, text, (size_t)len, 0600, 0);

	return r < 0 ? bh_fail_errno(err, r, "write %s", SHIM_PID_FILE) : 0;
}

void record_status_decode(int wait_status, struct shim_exit *ret)
{
	if (WIFSIGNALED(wait_status)) {
		ret->signal = WTERMSIG(wait_status);
		ret->exit_code = 128 + ret->signal;
	} else {
		ret->exit_code = WEXITSTATUS(wait_status);
	}
}

void record_exit_fill(const struct shim *s, struct shim_exit *ret, struct record_times *times)
{
	format_time(&s->started, times->started);
	format_time(&s->finished, times->finished);
	*ret = (struct shim_exit){
		.oom_killed = s->oom_kills > 0,
		.started_at = times->started,
		.finished_at = times->finished,
		.error = s->trouble != NULL ? s->trouble : "",
	};
	record_status_decode(s->wait_status, ret);
}

int record_exit(const struct shim *s, struct bh_error *err)
{
	_cleanup_buf_ struct buf text;
	struct json_writer w = JSON_WRITER(&text);
	struct record_times times;
	struct shim_exit exit;
	int r;

	buf_init(&text, SHIM_FILE_MAX);
	record_exit_fill(s, &exit, &times);
	shim_exit_write(&exit, &w);
	r = buf_status(&text);
	if (r == 0)
		r = fd_replace_file(s->dirfd, SHIM_EXIT_FILE, text.data, text.len, 0600, 1);
	if (r == 0 && fsync(s->dirfd) < 0)
		r = -errno;
	return r < 0 ? bh_fail_errno(err, r, "write %s", SHIM_EXIT_FILE) : 0;
}

void record_trouble(struct shim *s, const char *text)
{
	log_write(&s->log, LOG_LEVEL_WARN, "%s", text);
	if (s->trouble == NULL)
		s->trouble = strdup(text);
}
