// SPDX-License-Identifier: Apache-2.0
/* Process 1 of a container that is hard to end. "vfork": it sleeps uninterruptibly, because its
 * vfork(2) child never execs nor ends. "bomb": every process forks until it may not any more. */
#include <signal.h>
#include <string.h>
#include <unistd.h>

static _Noreturn void bomb(void)
{
	(void)signal(SIGTERM, SIG_IGN);
	(void)signal(SIGCHLD, SIG_IGN);
	for (;;) {
		if (fork() < 0)
			(void)usleep(1000);
	}
}

int main(int argc, char **argv)
{
	if (argc == 2 && strcmp(argv[1], "bomb") == 0)
		bomb();
	for (;;) {
		/* NOLINTNEXTLINE(clang-analyzer-security.insecureAPI.vfork) */
		pid_t pid = vfork();

		if (pid < 0)
			return 1;
		while (pid == 0)
			(void)pause();
	}
}
