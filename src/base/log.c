// SPDX-License-Identifier: Apache-2.0
#include "base/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/json.h"

#define LINE_MAX_BYTES 8192u

static const char *const level_names[] = {
	[LOG_LEVEL_ERROR] = "error",
	[LOG_LEVEL_WARN] = "warn",
	[LOG_LEVEL_INFO] = "info",
	[LOG_LEVEL_DEBUG] = "debug",
};

const char *log_level_name(enum log_level level)
{
	return level_names[level];
}

int log_level_parse(const char *name, enum log_level *ret)
{
	if (strcmp(name, "warning") == 0)
		name = "warn";
	if (strcmp(name, "fatal") == 0)
		name = "error";
	for (unsigned int i = 0; i <= LOG_LEVEL_DEBUG; i++) {
		if (strcmp(name, level_names[i]) == 0) {
			*ret = (enum log_level)i;
			return 0;
		}
	}
	return -EINVAL;
}

static void format_json(struct buf *line, enum log_level level, const char *text)
{
	struct json_writer w = JSON_WRITER(line);
	char when[64];
	struct timespec now;
	struct tm tm;

	(void)clock_gettime(CLOCK_REALTIME, &now);
	(void)gmtime_r(&now.tv_sec, &tm);
	(void)strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%SZ", &tm);
	json_begin_object(&w);
	json_member_string(&w, "level", level_names[level]);
	json_member_string(&w, "msg", text);
	json_member_string(&w, "time", when);
	json_end_object(&w);
	(void)buf_putc(line, '\n');
}

void log_write(const struct log *log, enum log_level level, const char *fmt, ...)
{
	char text[LINE_MAX_BYTES / 2];
	int saved = errno;
	struct buf line;
	va_list ap;

	if (log == NULL || log->fd < 0 || level > log->level)
		return;
	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	buf_init(&line, LINE_MAX_BYTES * 4);
	if (log->format == LOG_FORMAT_JSON)
		format_json(&line, level, text);
	else
		(void)buf_printf(&line, "%s: %s\n", log->program ? log->program : "bulkhead", text);
	if (line.data != NULL)
		(void)!write(log->fd, line.data, line.len);
	buf_release(&line);
	errno = saved;
}
