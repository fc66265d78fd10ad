// SPDX-License-Identifier: Apache-2.0
#ifndef BULKHEAD_BIN_SHIM_LOG_FILE_H
#define BULKHEAD_BIN_SHIM_LOG_FILE_H

/*
 * The container's log in the json-file format: one line {"log","stream","time"} per line of output.
 * A line longer than LOG_LINE_MAX is split; every piece but the last has no "\n" at the end of
 * "log", and all pieces carry the time of the first.
 *
 * Entries are collected and written once per chunk of output. A write that fails (disk full) loses
 * that chunk's entries, never part of a line: the file is cut back to the last whole write, the
 * loss is counted, and the container goes on.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "base/error.h"

#define LOG_LINE_MAX 16384u

struct log_file {
	int fd; /* -EBADF: driver "none", every call does nothing */
	char *path;
	uint64_t size, max_size; /* max_size 0: never rotated */
	uint32_t max_file;
	uint64_t errors; /* chunks lost */
	char *out;       /* address space for collected entries, released when idle */
	size_t out_len, out_touched;
};

/* One stream of output on its way to the log. */
struct log_line {
	const char *stream; /* "stdout" or "stderr" */
	char *pending;      /* start of a line whose end has not come yet, or NULL */
	size_t len;
	bool split; /* pieces of the line are written already */
	struct timespec time;
};

#define LOG_FILE_INIT                                                                              \
	{                                                                                          \
		.fd = -EBADF                                                                       \
	}

/* Open for appending (0640). max_file counts the current file; older ones are PATH.1, PATH.2, ...
 */
int log_file_open(struct log_file *log, const char *path, uint64_t max_size, uint32_t max_file,
	struct bh_error *err);
void log_file_close(struct log_file *log);
/* Output of a process, in pieces as it comes. */
void log_file_write(struct log_file *log, struct log_line *line, const char *data, size_t len);
/* End of the stream: what is pending is written, without "\n". Releases the line's memory. */
void log_file_end(struct log_file *log, struct log_line *line);
/* Give memory back that was used by bursts. */
void log_file_trim(struct log_file *log);

#endif
