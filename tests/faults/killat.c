// SPDX-License-Identifier: Apache-2.0
/*
 * Run a command and hit it at its N-th system call: SIGKILL at the entry, or with -e the call is
 * not made and returns that errno. Calls are counted from the command's first exec on, with -f
 * those of its children too, in the order in which they happen; the process that makes the N-th is
 * the one that is hit. Behind the hit nothing is traced any more. N = 0 hits nothing and lists the
 * calls. Much faster than strace's injection, which looks at every call to the end.
 *
 * With -p a process that runs is hit instead, in whichever of its threads makes the N-th call from
 * then on; "ready" on standard output says that counting has begun.
 *
 * Called as "bulkhead-shim --dir DIR" it takes the place of that program: N, ERRNO and the true
 * program come from DIR/../../killat.plan, and the report goes to killat.report beside it.
 *
 * usage: killat [-f] [-e ERRNO] [-o REPORT] N COMMAND [ARGUMENT]...
 *        killat [-f] [-e ERRNO] [-o REPORT] -p PID N
 * REPORT: "hit NUMBER" with the system call's number, or "end COUNT" if there were fewer calls;
 * with N = 0 one number a line. Exit status: the command's, 128 + signal if one killed it, 125 if
 * killat itself failed. A command that outlives its first process runs on.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include <elf.h>
#include <linux/ptrace.h>

struct hit {
	bool follow, attached;
	int error; /* 0: kill */
	unsigned long wanted, seen;
	pid_t main;
	pid_t failing; /* between the entry and the exit of the call that fails */
	bool started, done;
	char program[4096]; /* "": the first word of the command, by PATH */
	FILE *report;
};

static int usage(void)
{
	(void)fprintf(stderr,
		"usage: killat [-f] [-e ERRNO] [-o REPORT] N COMMAND [ARG]... | -p PID N\n");
	return 125;
}

/* Replace the number at the entry (-1: the kernel makes no call), or the result at the exit. */
static void set_call(pid_t pid, bool entry, long value)
{
#if defined(__x86_64__)
	size_t at = entry ? offsetof(struct user_regs_struct, orig_rax)
			  : offsetof(struct user_regs_struct, rax);

	(void)ptrace(PTRACE_POKEUSER, pid, at, value);
#elif defined(__aarch64__)
	int number = (int)value;
	struct user_regs_struct regs;
	struct iovec one = {&number, sizeof(number)}, all = {&regs, sizeof(regs)};

	if (entry) {
		(void)ptrace(PTRACE_SETREGSET, pid, NT_ARM_SYSTEM_CALL, &one);
	} else if (ptrace(PTRACE_GETREGSET, pid, NT_PRSTATUS, &all) == 0) {
		regs.regs[0] = (unsigned long long)value;
		(void)ptrace(PTRACE_SETREGSET, pid, NT_PRSTATUS, &all);
	}
#else
#error "killat knows the registers of x86_64 and aarch64 only"
#endif
}

static void at_call(struct hit *h, pid_t pid)
{
	struct ptrace_syscall_info info;

	if (ptrace(PTRACE_GET_SYSCALL_INFO, pid, sizeof(info), &info) <= 0 || h->done)
		return;
	if (info.op == PTRACE_SYSCALL_INFO_EXIT && pid == h->failing) {
		set_call(pid, false, -h->error);
		h->done = true;
	}
	if (info.op != PTRACE_SYSCALL_INFO_ENTRY || !h->started || h->failing != 0)
		return;
	h->seen++;
	if (h->wanted == 0)
		(void)fprintf(h->report, "%llu\n", (unsigned long long)info.entry.nr);
	if (h->seen != h->wanted)
		return;
	(void)fprintf(h->report, "hit %llu\n", (unsigned long long)info.entry.nr);
	if (h->error != 0) {
		h->failing = pid;
		/* close(2) frees the descriptor whatever it returns. */
		if (info.entry.nr != SYS_close)
			set_call(pid, true, -1);
	} else {
		h->done = true;
		(void)kill(pid, SIGKILL);
	}
}

static void resume(const struct hit *h, pid_t pid, int sig)
{
	int request = h->done ? PTRACE_DETACH : PTRACE_SYSCALL;

	(void)ptrace(request, pid, 0, sig);
}

static void at_stop(struct hit *h, pid_t pid, int status)
{
	int sig = WSTOPSIG(status), event = status >> 16;

	if (sig == (SIGTRAP | 0x80)) {
		at_call(h, pid);
		resume(h, pid, 0);
	} else if (event == PTRACE_EVENT_STOP && sig != SIGTRAP && !h->done) {
		(void)ptrace(PTRACE_LISTEN, pid, 0, 0);
	} else if (event != 0) {
		h->started = h->started || event == PTRACE_EVENT_EXEC;
		resume(h, pid, 0);
	} else {
		resume(h, pid, sig);
	}
}

static int follow(struct hit *h)
{
	for (;;) {
		int status;
		pid_t pid = waitpid(-1, &status, __WALL);

		if (pid < 0 && errno == EINTR)
			continue;
		if (pid < 0)
			return 125;
		if (WIFSTOPPED(status)) {
			at_stop(h, pid, status);
			/* The end of the tracer lets go of all. */
			if (h->attached && h->done && h->error != 0)
				return 0;
			continue;
		}
		if (pid == h->failing)
			h->done = true;
		if (pid != h->main)
			continue;
		if (h->wanted == 0 || h->seen < h->wanted)
			(void)fprintf(h->report, "end %lu\n", h->seen);
		return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
	}
}

static _Noreturn void become(const struct hit *h, int gate, char **command)
{
	char byte;

	if (read(gate, &byte, 1) == 1)
		(void)execvp(h->program[0] != '\0' ? h->program : command[0], command);
	_exit(125);
}

static long seize_options(const struct hit *h)
{
	long options = PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEEXEC;

	return h->follow ? options | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE
			 : options;
}

/* Any stop makes the next ones those of system calls. */
static int seize(pid_t pid, long options)
{
	if (ptrace(PTRACE_SEIZE, pid, 0, options) == 0 && ptrace(PTRACE_INTERRUPT, pid, 0, 0) == 0)
		return 0;
	perror("killat: ptrace");
	return -1;
}

static int attach(struct hit *h)
{
	char path[64];
	struct dirent *entry;
	DIR *threads;
	int r = 0;

	(void)snprintf(path, sizeof(path), "/proc/%d/task", h->main);
	threads = opendir(path);
	if (threads == NULL)
		return 125;
	while (r == 0 && (entry = readdir(threads)) != NULL) {
		if (entry->d_name[0] != '.')
			r = seize((pid_t)strtol(entry->d_name, NULL, 10),
				seize_options(h) | PTRACE_O_TRACECLONE);
	}
	(void)closedir(threads);
	if (r < 0)
		return 125;
	h->started = h->attached = true;
	(void)printf("ready\n");
	(void)fflush(stdout);
	return follow(h);
}

static int run(struct hit *h, char **command)
{
	int gate[2];

	if (pipe2(gate, O_CLOEXEC) < 0)
		return 125;
	h->main = fork();
	if (h->main == 0) {
		(void)close(gate[1]);
		become(h, gate[0], command);
	}
	(void)close(gate[0]);
	if (h->main < 0)
		return 125;
	if (seize(h->main, seize_options(h)) < 0 || write(gate[1], "", 1) != 1) {
		(void)kill(h->main, SIGKILL);
		return 125;
	}
	(void)close(gate[1]);
	return follow(h);
}

/* argv is that of bulkhead-shim. */
static int stand_in(struct hit *h, char **argv)
{
	char path[4096];
	FILE *plan;
	int n;

	(void)snprintf(path, sizeof(path), "%s/../../killat.plan", argv[2]);
	plan = fopen(path, "re");
	if (plan == NULL)
		return 125;
	n = fscanf(plan, "%lu %d %4095s", &h->wanted, &h->error, h->program);
	(void)fclose(plan);
	(void)snprintf(path, sizeof(path), "%s/../../killat.report", argv[2]);
	h->report = fopen(path, "we");
	if (n != 3 || h->report == NULL)
		return 125;
	(void)setvbuf(h->report, NULL, _IOLBF, 0);
	return run(h, argv);
}

int main(int argc, char **argv)
{
	struct hit h = {.report = stderr};
	int opt, code;
	char *end;

	if (argc == 3 && strcmp(argv[0], "bulkhead-shim") == 0)
		return stand_in(&h, argv);
	while ((opt = getopt(argc, argv, "+fe:o:p:")) != -1) {
		if (opt == 'f')
			h.follow = true;
		else if (opt == 'e')
			h.error = (int)strtol(optarg, NULL, 10);
		else if (opt == 'o')
			h.report = fopen(optarg, "we");
		else if (opt == 'p')
			h.main = (pid_t)strtol(optarg, NULL, 10);
		else
			return usage();
	}
	if (argc - optind < (h.main > 0 ? 1 : 2) || h.report == NULL || h.error < 0 ||
		h.error > 4095)
		return usage();
	h.wanted = strtoul(argv[optind], &end, 10);
	if (*end != '\0')
		return usage();
	(void)setvbuf(h.report, NULL, _IOLBF, 0);
	code = h.main > 0 ? attach(&h) : run(&h, argv + optind + 1);
	(void)fclose(h.report);
	return code;
}
