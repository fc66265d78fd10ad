// SPDX-License-Identifier: Apache-2.0
/* GET /containers/ID/top in the shape of `ps -ef`, read from proc(5). */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "api/docker/docker.h"
#include "base/fd.h"
#include "base/mem.h"

#define PIDS_MAX    4096u
#define CMDLINE_MAX 4096u

struct process {
	char name[32], tty[16], start[16], time[16];
	int parent;
	unsigned int uid;
};

static int64_t boot_seconds(void)
{
	struct timespec wall, boot;

	(void)clock_gettime(CLOCK_REALTIME, &wall);
	(void)clock_gettime(CLOCK_BOOTTIME, &boot);
	return wall.tv_sec - boot.tv_sec;
}

static void fill_times(struct process *p, unsigned long long ticks, unsigned long long start)
{
	long hz = sysconf(_SC_CLK_TCK);
	unsigned long long used = ticks / (unsigned long long)hz;
	time_t begun = (time_t)(boot_seconds() + (int64_t)(start / (unsigned long long)hz));
	struct tm tm;

	(void)snprintf(p->time, sizeof(p->time), "%02llu:%02llu:%02llu", used / 3600 % 1000,
		used / 60 % 60, used % 60);
	(void)localtime_r(&begun, &tm);
	(void)strftime(p->start, sizeof(p->start), "%H:%M", &tm);
}

/* tty_nr of proc(5): pts devices have major 136 and up. */
static void fill_tty(struct process *p, int number)
{
	if (number == 0)
		(void)snprintf(p->tty, sizeof(p->tty), "?");
	else
		(void)snprintf(p->tty, sizeof(p->tty), "pts/%d",
			(number & 0xff) | ((number >> 12) & 0xfff00));
}

/* Fields of proc(5) stat behind the state, by their place there. */
enum {
	STAT_PARENT = 0,
	STAT_TTY = 3,
	STAT_UTIME = 10,
	STAT_STIME = 11,
	STAT_START = 18,
	STAT_COUNT,
};

/* text begins with " S "; negative numbers come out as their two's complement. */
static int read_numbers(const char *text, unsigned long long numbers[STAT_COUNT])
{
	if (strlen(text) < 3)
		return -EINVAL;
	text += 3;
	for (size_t i = 0; i < STAT_COUNT; i++) {
		char *end;

		numbers[i] = strtoull(text, &end, 10);
		if (end == text)
			return -EINVAL;
		text = end;
	}
	return 0;
}

static int read_stat(int dirfd, struct process *p)
{
	_cleanup_buf_ struct buf text = {0};
	unsigned long long numbers[STAT_COUNT];
	const char *open, *close;
	struct stat st;

	buf_init(&text, 4096);
	if (fstat(dirfd, &st) < 0 || fd_read_file(dirfd, "stat", &text) < 0)
		return -ESRCH;
	open = strchr(buf_str(&text), '(');
	close = strrchr(buf_str(&text), ')');
	if (open == NULL || close == NULL || close < open)
		return -ESRCH;
	(void)snprintf(p->name, sizeof(p->name), "%.*s", (int)(close - open - 1), open + 1);
	if (read_numbers(close + 1, numbers) < 0)
		return -ESRCH;
	p->parent = (int)numbers[STAT_PARENT];
	p->uid = st.st_uid;
	fill_tty(p, (int)numbers[STAT_TTY]);
	fill_times(p, numbers[STAT_UTIME] + numbers[STAT_STIME], numbers[STAT_START]);
	return 0;
}

static void put_cmdline(struct json_writer *w, int dirfd, const struct process *p)
{
	_cleanup_buf_ struct buf text = {0};

	buf_init(&text, CMDLINE_MAX);
	(void)fd_read_file(dirfd, "cmdline", &text);
	if (text.len == 0) {
		buf_clear(&text);
		buf_printf(&text, "[%s]", p->name);
	}
	for (size_t i = 0; i + 1 < text.len; i++)
		if (text.data[i] == '\0')
			text.data[i] = ' ';
	json_put_string(w, buf_str(&text));
}

static void put_process(struct json_writer *w, pid_t pid)
{
	_cleanup_close_ int dirfd = -EBADF;
	struct process p;
	char path[32], number[16];

	(void)snprintf(path, sizeof(path), "/proc/%d", (int)pid);
	dirfd = open(path, O_DIRECTORY | O_RDONLY | O_CLOEXEC);
	if (dirfd < 0 || read_stat(dirfd, &p) < 0)
		return; /* ended meanwhile */
	json_begin_array(w);
	(void)snprintf(number, sizeof(number), "%u", p.uid);
	json_put_string(w, number);
	(void)snprintf(number, sizeof(number), "%d", (int)pid);
	json_put_string(w, number);
	(void)snprintf(number, sizeof(number), "%d", p.parent);
	json_put_string(w, number);
	json_put_string(w, "0");
	json_put_string(w, p.start);
	json_put_string(w, p.tty);
	json_put_string(w, p.time);
	put_cmdline(w, dirfd, &p);
	json_end_array(w);
}

void docker_container_top(struct api_request *r)
{
	static const char *const titles[] = {
		"UID", "PID", "PPID", "C", "STIME", "TTY", "TIME", "CMD"};
	_cleanup_buf_ struct buf out = {0};
	struct json_writer w = JSON_WRITER(&out);
	struct bh_error err = BH_ERROR_INIT;
	const struct container *c = api_container(r);
	const char *args = api_query(r, "ps_args");
	pid_t *pids;
	size_t count;
	int code;

	if (c == NULL)
		return;
	if (args != NULL && *args != '\0' && strcmp(args, "-ef") != 0) {
		api_error(r, 400, "ps_args \"%.64s\" is not supported by this build yet (use -ef)",
			args);
		return;
	}
	pids = arena_calloc(&r->arena, PIDS_MAX, sizeof(*pids));
	code = pids == NULL ? -ENOMEM
			    : engine_container_pids(api_engine(r), c, pids, PIDS_MAX, &count, &err);
	if (code < 0) {
		api_fail(r, code, &err);
		return;
	}
	buf_init(&out, API_ANSWER_MAX);
	json_begin_object(&w);
	json_key(&w, "Titles");
	json_begin_array(&w);
	for (size_t i = 0; i < ARRAY_SIZE(titles); i++)
		json_put_string(&w, titles[i]);
	json_end_array(&w);
	json_key(&w, "Processes");
	json_begin_array(&w);
	for (size_t i = 0; i < count; i++)
		put_process(&w, pids[i]);
	json_end_array(&w);
	json_end_object(&w);
	api_json(r, 200, &out);
}
