// SPDX-License-Identifier: Apache-2.0
#ifndef BULKHEAD_BASE_LOG_H
#define BULKHEAD_BASE_LOG_H

/*
 * Logging belongs to programs: they own a struct log and pass it to what may log. Library code of
 * the layers never prints; it returns errors. JSON lines follow the shape that containerd and
 * podman read from an OCI runtime's --log file: {"level","msg","time"}.
 */

enum log_level {
	LOG_LEVEL_ERROR,
	LOG_LEVEL_WARN,
	LOG_LEVEL_INFO,
	LOG_LEVEL_DEBUG,
};

enum log_format {
	LOG_FORMAT_TEXT,
	LOG_FORMAT_JSON,
};

struct log {
	int fd; /* borrowed; -EBADF: nothing is written */
	enum log_level level;
	enum log_format format;
	const char *program; /* prefix of text lines */
};

/* One line, one write(2), at most 8 KiB; longer text is cut. log may be NULL. Keeps errno. */
void log_write(const struct log *log, enum log_level level, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* "error", "warn" ("warning"), "info", "debug"; -EINVAL for anything else. */
int log_level_parse(const char *name, enum log_level *ret);
const char *log_level_name(enum log_level level);

#endif
