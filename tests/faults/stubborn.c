// SPDX-License-Identifier: Apache-2.0
/* Process 1 of a container that is hard to end. "vfork": it sleeps uninterruptibly, because its
 * child, made as by vfork(2), never execs nor ends. "bomb": every process forks until it may not
 * any more. */
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

static int sleep_on(void *unused)
{
	while (pause() < 0)
		;
	return 0;
}

static int wait_for_child(void)
{
	static char stack[65536];

	(void)clone(sleep_on, stack + sizeof(stack), CLONE_VM | CLONE_VFORK | SIGCHLD, NULL);
	return 1;
}

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
	return wait_for_child();
}
