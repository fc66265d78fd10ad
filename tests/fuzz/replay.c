// SPDX-License-Identifier: Apache-2.0
/*
 * Runs a fuzz target over every file of a directory and reports in TAP, one test a file. Each file
 * gets a child process of its own, so that one crash names its file and hides no other.
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fuzz.h"

#define REPLAY_INPUT_MAX (16u << 20)

static int replay_file(int dir, const char *name)
{
	struct stat st;
	uint8_t *data;
	ssize_t n;
	int fd;

	fd = openat(dir, name, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0 || st.st_size > REPLAY_INPUT_MAX)
		return 1;
	/* Exactly as large as the input, so that the sanitizer sees a read past its end. */
	data = malloc(st.st_size > 0 ? (size_t)st.st_size : 1);
	if (data == NULL)
		return 1;
	n = read(fd, data, (size_t)st.st_size);
	(void)close(fd);
	if (n == st.st_size)
		(void)LLVMFuzzerTestOneInput(data, (size_t)n);
	free(data);
	return n == st.st_size ? 0 : 1;
}

static int replay_in_child(int dir, const char *name)
{
	int status;
	pid_t pid;

	(void)fflush(NULL);
	pid = fork();
	if (pid == 0)
		exit(replay_file(dir, name));
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		return -1;
	return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -1;
}

static int is_input(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

int main(int argc, char **argv)
{
	struct dirent **names = NULL;
	int n, dir, failed = 0;

	if (argc != 2) {
		fprintf(stderr, "usage: %s DIRECTORY\n", argv[0]);
		return 2;
	}
	dir = open(argv[1], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	n = scandir(argv[1], &names, is_input, alphasort);
	if (dir < 0 || n <= 0) {
		printf("Bail out! no corpus in %s\n", argv[1]);
		return 1;
	}
	printf("1..%d\n", n);
	for (int i = 0; i < n; i++) {
		int r = replay_in_child(dir, names[i]->d_name);

		printf("%s %d - %s\n", r == 0 ? "ok" : "not ok", i + 1, names[i]->d_name);
		failed += r != 0;
		free(names[i]);
	}
	free(names);
	(void)close(dir);
	return failed > 0;
}
