// SPDX-License-Identifier: Apache-2.0
#include "bin/shim/log_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "engine/shim_protocol.h"

#define OUT_SIZE (256u << 10)
/* An entry's worst case: every byte becomes \u00XX, and the rest of the object. */
#define ENTRY_MAX(len) ((len)*6 + 128)
#define PAGE_KEPT      4096u

static int open_file(const char *path, int flags)
{
	int fd = open(path, O_RDWR | O_CREAT | O_APPEND | O_NOFOLLOW | O_CLOEXEC | flags, 0640);

	return fd < 0 ? -errno : fd;
}

/* A crash may have left a line without its end: the next entry must not join it. */
static int finish_last_line(struct log_file *log)
{
	struct stat st;
	char last = '\n';

	if (fstat(log->fd, &st) < 0)
		return -errno;
	log->size = (uint64_t)st.st_size;
	if (st.st_size > 0 && pread(log->fd, &last, 1, st.st_size - 1) < 0)
		return -errno;
	if (last == '\n')
		return 0;
	if (TEMP_FAILURE_RETRY(write(log->fd, "\n", 1)) < 0)
		return -errno;
	log->size++;
	return 0;
}

int log_file_open(struct log_file *log, const char *path, uint64_t max_size, uint32_t max_file,
	struct bh_error *err)
{
	struct log_file l = {.fd = -EBADF, .max_size = max_size, .max_file = max_file};
	void *out = MAP_FAILED;
	int r = 0;

	l.path = strdup(path);
	out = mmap(NULL, OUT_SIZE, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (l.path == NULL || out == MAP_FAILED)
		r = -ENOMEM;
	if (r == 0)
		r = l.fd = open_file(path, 0);
	if (r >= 0)
		r = finish_last_line(&l);
	if (r < 0) {
		l.fd = fd_close(l.fd);
		free(l.path);
		if (out != MAP_FAILED)
			(void)munmap(out, OUT_SIZE);
		return bh_fail_errno(err, r, "open log %s", path);
	}
	l.out = out;
	*log = l;
	return 0;
}

void log_file_close(struct log_file *log)
{
	if (log->out != NULL)
		(void)munmap(log->out, OUT_SIZE);
	log->out = NULL;
	log->fd = fd_close(log->fd);
	free(log->path);
	log->path = NULL;
}

void log_file_trim(struct log_file *log)
{
	if (log->out_touched <= PAGE_KEPT)
		return;
	(void)madvise(log->out + PAGE_KEPT, OUT_SIZE - PAGE_KEPT, MADV_DONTNEED);
	log->out_touched = 0;
}

/* ---- file ---- */

static void flush(struct log_file *log)
{
	int r;

	if (log->out_len == 0)
		return;
	if (log->out_len > log->out_touched)
		log->out_touched = log->out_len;
	r = fd_write_all(log->fd, log->out, log->out_len);
	if (r < 0) {
		log->errors++;
		if (ftruncate(log->fd, (off_t)log->size) < 0)
			log->errors++; /* a partial line stays */
	} else {
		log->size += log->out_len;
	}
	log->out_len = 0;
}

static void numbered(const struct log_file *log, uint32_t n, char *out, size_t size)
{
	if (n == 0)
		(void)snprintf(out, size, "%s", log->path);
	else
		(void)snprintf(out, size, "%s.%u", log->path, n);
}

/* PATH -> PATH.1 -> ... -> PATH.(max_file - 1), the oldest goes; with one file it is emptied. When
 * the new file cannot be had, logging goes on in the old one. */
static void rotate(struct log_file *log)
{
	char from[4096], to[4096];
	int fd;

	if (log->max_file <= 1) {
		if (ftruncate(log->fd, 0) == 0)
			log->size = 0;
		return;
	}
	for (uint32_t i = log->max_file - 1; i > 0; i--) {
		numbered(log, i - 1, from, sizeof(from));
		numbered(log, i, to, sizeof(to));
		(void)rename(from, to);
	}
	fd = open_file(log->path, O_TRUNC);
	if (fd < 0) {
		log->errors++;
		return;
	}
	(void)close(log->fd);
	log->fd = fd;
	log->size = 0;
}

/* ---- entries ---- */

static char *put(char *p, const char *s, size_t len)
{
	memcpy(p, s, len);
	return p + len;
}

#define PUT(p, literal) put(p, literal, sizeof(literal) - 1)

static bool is_plain(unsigned char c)
{
	return c >= 0x20 && c < 0x80 && c != '"' && c != '\\' && c != '<' && c != '>' && c != '&';
}

static char *put_escaped(char *p, unsigned char c)
{
	static const char digits[] = "0123456789abcdef";

	*p++ = '\\';
	switch (c) {
	case '"':
	case '\\':
		*p++ = (char)c;
		return p;
	case '\n':
		*p++ = 'n';
		return p;
	case '\r':
		*p++ = 'r';
		return p;
	default:
		p = PUT(p, "u00");
		*p++ = digits[c >> 4];
		*p++ = digits[c & 15];
		return p;
	}
}

/* A sequence of more than one byte: as it is, but for the two separators that JavaScript takes for
 * line ends; what is no UTF-8 becomes U+FFFD byte by byte. */
static char *put_multibyte(char *p, const unsigned char *s, size_t len, size_t *ret_used)
{
	size_t n = utf8_sequence(s, len);

	*ret_used = n > 0 ? n : 1;
	if (n == 0)
		return PUT(p, "\\ufffd");
	if (n == 3 && s[0] == 0xe2 && s[1] == 0x80 && (s[2] & 0xfe) == 0xa8)
		return s[2] == 0xa8 ? PUT(p, "\\u2028") : PUT(p, "\\u2029");
	return put(p, (const char *)s, n);
}

static char *put_text(char *p, const char *text, size_t len)
{
	const unsigned char *s = (const unsigned char *)text;
	size_t i = 0;

	while (i < len) {
		size_t run = i, used = 1;

		while (run < len && is_plain(s[run]))
			run++;
		p = put(p, text + i, run - i);
		i = run;
		if (i == len)
			break;
		if (s[i] < 0x80)
			p = put_escaped(p, s[i]);
		else
			p = put_multibyte(p, s + i, len - i, &used);
		i += used;
	}
	return p;
}

/* One entry of len bytes, whole: it ends the line. */
static void entry(
	struct log_file *log, struct log_line *line, const char *text, size_t len, bool whole)
{
	char when[SHIM_TIME_MAX], *p;

	if (!line->split)
		(void)clock_gettime(CLOCK_REALTIME, &line->time);
	line->split = !whole;
	if (OUT_SIZE - log->out_len < ENTRY_MAX(len))
		flush(log);
	if (log->max_size > 0 && log->size + log->out_len >= log->max_size) {
		flush(log);
		rotate(log);
	}
	shim_time_format(&line->time, when);
	p = log->out + log->out_len;
	p = PUT(p, "{\"log\":\"");
	p = put_text(p, text, len);
	if (whole)
		p = PUT(p, "\\n");
	p = PUT(p, "\",\"stream\":\"");
	p = put(p, line->stream, strlen(line->stream));
	p = PUT(p, "\",\"time\":\"");
	p = put(p, when, strlen(when));
	p = PUT(p, "\"}\n");
	log->out_len = (size_t)(p - log->out);
}

static void drop_pending(struct log_line *line)
{
	free(line->pending);
	line->pending = NULL;
	line->len = 0;
}

/* Text without a newline joins what is pending; whole: its newline followed. At most LOG_LINE_MAX
 * bytes are pending at any time. Without memory the text becomes an entry of its own, split. */
static void add_text(
	struct log_file *log, struct log_line *line, const char *text, size_t len, bool whole)
{
	if (line->pending == NULL && (whole || len == LOG_LINE_MAX)) {
		entry(log, line, text, len, whole);
		return;
	}
	if (line->pending == NULL)
		line->pending = malloc(LOG_LINE_MAX);
	if (line->pending == NULL) {
		entry(log, line, text, len, whole);
		return;
	}
	memcpy(line->pending + line->len, text, len);
	line->len += len;
	if (whole || line->len == LOG_LINE_MAX) {
		entry(log, line, line->pending, line->len, whole);
		drop_pending(line);
	}
}

void log_file_write(struct log_file *log, struct log_line *line, const char *data, size_t len)
{
	if (log->fd < 0)
		return;
	while (len > 0) {
		size_t room = LOG_LINE_MAX - line->len, look = len < room + 1 ? len : room + 1;
		const char *newline = memchr(data, '\n', look);
		size_t n = newline != NULL ? (size_t)(newline - data) : look < room ? look : room;

		add_text(log, line, data, n, newline != NULL);
		n += newline != NULL ? 1 : 0;
		data += n;
		len -= n;
	}
	flush(log);
}

void log_file_end(struct log_file *log, struct log_line *line)
{
	if (log->fd >= 0 && line->len > 0) {
		entry(log, line, line->pending, line->len, false);
		flush(log);
	}
	drop_pending(line);
}
