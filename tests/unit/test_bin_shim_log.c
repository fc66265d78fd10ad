// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/json.h"
#include "bin/shim/log_file.h"
#include "test.h"

struct fixture {
	char dir[64], path[96];
	struct log_file log;
	struct log_line out, err;
	struct buf text;
};

static void setup(struct fixture *f, uint64_t max_size, uint32_t max_file)
{
	*f = (struct fixture){.out = {.stream = "stdout"}, .err = {.stream = "stderr"}};
	(void)strcpy(f->dir, "/tmp/bh-log-XXXXXX");
	CHECK(mkdtemp(f->dir) != NULL);
	(void)snprintf(f->path, sizeof(f->path), "%s/log", f->dir);
	CHECK_INT(log_file_open(&f->log, f->path, max_size, max_file, NULL), 0);
	buf_init(&f->text, 8u << 20);
}

static void feed(struct fixture *f, const char *text)
{
	log_file_write(&f->log, &f->out, text, strlen(text));
}

/* Everything logged so far, read through the JSON reader; texts joined with '|'. */
static const char *logged(struct fixture *f)
{
	struct arena a;
	struct buf file;
	const char *line, *end;

	buf_init(&file, 8u << 20);
	CHECK_INT(fd_read_file(AT_FDCWD, f->path, &file), 0);
	CHECK_INT(arena_init(&a, 64u << 20), 0);
	buf_clear(&f->text);
	for (line = buf_str(&file); *line != '\0'; line = end + 1) {
		const struct json *entry;

		end = strchr(line, '\n');
		CHECK(end != NULL);
		CHECK_INT(json_parse(line, (size_t)(end - line), &a, &entry, NULL), 0);
		CHECK(json_get_string(entry, "time") != NULL);
		CHECK(json_get_string(entry, "stream") != NULL);
		CHECK_INT(buf_puts(&f->text, json_get_string(entry, "log")), 0);
		CHECK_INT(buf_putc(&f->text, '|'), 0);
	}
	arena_release(&a);
	buf_release(&file);
	return buf_str(&f->text);
}

static void teardown(struct fixture *f)
{
	char path[128];

	log_file_close(&f->log);
	buf_release(&f->text);
	(void)unlink(f->path);
	for (int i = 1; i < 5; i++) {
		(void)snprintf(path, sizeof(path), "%s.%d", f->path, i);
		(void)unlink(path);
	}
	CHECK_INT(rmdir(f->dir), 0);
}

TEST(lines_come_together_from_pieces)
{
	struct fixture f;

	setup(&f, 0, 1);
	feed(&f, "one\ntw");
	CHECK_STR(logged(&f), "one\n|");
	feed(&f, "o");
	log_file_write(&f.log, &f.err, "other\n", 6);
	feed(&f, "\n\nend");
	CHECK_STR(logged(&f), "one\n|other\n|two\n|\n|");
	log_file_end(&f.log, &f.out);
	log_file_end(&f.log, &f.err);
	CHECK_STR(logged(&f), "one\n|other\n|two\n|\n|end|");
	teardown(&f);
}

TEST(escapes_as_docker_does)
{
	static const char expected[] =
		"{\"log\":"
		"\"\\u0009\\\"\\\\\\u003c\\u003e\\u0026\\u001b\\r\x7f\\u2028\\ufffd\xc3\xa4"
		"\\n\",\"stream\":\"stdout\",\"time\":\"20";
	struct fixture f;
	struct buf file;

	setup(&f, 0, 1);
	feed(&f, "\t\"\\<>&\x1b\r\x7f\xe2\x80\xa8\xff\xc3\xa4\n");
	buf_init(&file, 4096);
	CHECK_INT(fd_read_file(AT_FDCWD, f.path, &file), 0);
	CHECK(strncmp(buf_str(&file), expected, sizeof(expected) - 1) == 0);
	CHECK_STR(buf_str(&file) + file.len - 4, "Z\"}\n");
	buf_release(&file);
	teardown(&f);
}

static void check_split(size_t len, size_t chunk)
{
	struct fixture f;
	char *line = malloc(len + 1), *got;
	size_t pieces = 0, total = 0;

	setup(&f, 0, 1);
	memset(line, 'x', len);
	line[len] = '\n';
	for (size_t at = 0; at < len + 1; at += chunk)
		log_file_write(
			&f.log, &f.out, line + at, at + chunk < len + 1 ? chunk : len + 1 - at);
	(void)logged(&f);
	for (got = strtok(f.text.data, "|"); got != NULL; got = strtok(NULL, "|")) {
		pieces++;
		total += strlen(got);
		CHECK(strlen(got) <= LOG_LINE_MAX + 1);
	}
	CHECK_INT(total, len + 1);
	CHECK_INT(
		pieces, len / LOG_LINE_MAX + (len % LOG_LINE_MAX != 0 || len % LOG_LINE_MAX == 0));
	free(line);
	teardown(&f);
}

TEST(long_lines_are_split_at_16_kib)
{
	check_split(LOG_LINE_MAX - 1, 1000);
	check_split(LOG_LINE_MAX, 16384);
	check_split(LOG_LINE_MAX, 1);
	check_split(LOG_LINE_MAX + 1, 16384);
	check_split(100000, 16384);
	check_split(100000, 777);
}

TEST(rotation_keeps_max_file_files)
{
	struct fixture f;
	struct stat st;
	char path[128];

	setup(&f, 1000, 3);
	for (int i = 0; i < 200; i++)
		feed(&f, "a line\n");
	for (int i = 0; i < 4; i++) {
		(void)snprintf(path, sizeof(path), i ? "%s.%d" : "%s", f.path, i);
		CHECK_INT(stat(path, &st), i < 3 ? 0 : -1);
		if (i > 0 && i < 3)
			CHECK(st.st_size >= 1000 && st.st_size < 1200);
	}
	CHECK_INT(f.log.errors, 0);
	teardown(&f);
}

TEST(one_file_is_emptied)
{
	struct fixture f;
	struct stat st;

	setup(&f, 1000, 1);
	for (int i = 0; i < 100; i++)
		feed(&f, "a line\n");
	CHECK_INT(stat(f.path, &st), 0);
	CHECK(st.st_size < 1200);
	teardown(&f);
}

TEST(reopening_finishes_a_torn_line)
{
	struct fixture f;
	int fd;

	setup(&f, 0, 1);
	log_file_close(&f.log);
	fd = open(f.path, O_WRONLY | O_APPEND | O_CLOEXEC);
	CHECK_INT(fd_write_all(fd, "{\"log\":\"to", 10), 0);
	close(fd);
	CHECK_INT(log_file_open(&f.log, f.path, 0, 1, NULL), 0);
	CHECK_INT(f.log.size, 11);
	feed(&f, "x\n");
	buf_clear(&f.text);
	CHECK_INT(fd_read_file(AT_FDCWD, f.path, &f.text), 0);
	CHECK(strncmp(buf_str(&f.text), "{\"log\":\"to\n{\"log\":\"x\\n\"", 23) == 0);
	teardown(&f);
}

TEST(full_disk_never_leaves_half_a_line)
{
	struct fixture f;
	struct rlimit limit = {1000, 1000};

	setup(&f, 0, 1);
	(void)signal(SIGXFSZ, SIG_IGN);
	CHECK_INT(setrlimit(RLIMIT_FSIZE, &limit), 0);
	for (int i = 0; i < 50; i++)
		feed(&f, "a line of some length\n");
	CHECK(f.log.errors > 0);
	CHECK(logged(&f)[0] == 'a');
	teardown(&f);
}

TEST(no_driver_writes_nothing)
{
	struct log_file log = LOG_FILE_INIT;
	struct log_line line = {.stream = "stdout"};

	log_file_write(&log, &line, "x", 1);
	log_file_end(&log, &line);
	log_file_trim(&log);
	log_file_close(&log);
	CHECK(line.pending == NULL);
}
