// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <strings.h>

#include "base/mem.h"
#include "spec/docker_config.h"

static const struct {
	const char *name;
	int number;
} signals[] = {
	{"ABRT", SIGABRT},
	{"ALRM", SIGALRM},
	{"BUS", SIGBUS},
	{"CHLD", SIGCHLD},
	{"CLD", SIGCHLD},
	{"CONT", SIGCONT},
	{"FPE", SIGFPE},
	{"HUP", SIGHUP},
	{"ILL", SIGILL},
	{"INT", SIGINT},
	{"IO", SIGIO},
	{"IOT", SIGIOT},
	{"KILL", SIGKILL},
	{"PIPE", SIGPIPE},
	{"POLL", SIGPOLL},
	{"PROF", SIGPROF},
	{"PWR", SIGPWR},
	{"QUIT", SIGQUIT},
	{"SEGV", SIGSEGV},
	{"STKFLT", SIGSTKFLT},
	{"STOP", SIGSTOP},
	{"SYS", SIGSYS},
	{"TERM", SIGTERM},
	{"TRAP", SIGTRAP},
	{"TSTP", SIGTSTP},
	{"TTIN", SIGTTIN},
	{"TTOU", SIGTTOU},
	{"URG", SIGURG},
	{"USR1", SIGUSR1},
	{"USR2", SIGUSR2},
	{"VTALRM", SIGVTALRM},
	{"WINCH", SIGWINCH},
	{"XCPU", SIGXCPU},
	{"XFSZ", SIGXFSZ},
};

#define SIGNAL_LAST  64
#define RT_MIN_SHOWN 34 /* what programs see as SIGRTMIN; the first two are the C library's */

static int parse_number(const char *text, long min, long max)
{
	char *end;
	long n;

	errno = 0;
	n = strtol(text, &end, 10);
	return errno != 0 || end == text || *end != '\0' || n < min || n > max ? -EINVAL : (int)n;
}

static int parse_realtime(const char *name)
{
	int offset;

	if (strncasecmp(name, "RTMIN", 5) == 0) {
		if (name[5] == '\0')
			return RT_MIN_SHOWN;
		offset = name[5] == '+' ? parse_number(name + 6, 0, SIGNAL_LAST - RT_MIN_SHOWN)
					: -EINVAL;
		return offset < 0 ? -EINVAL : RT_MIN_SHOWN + offset;
	}
	if (strncasecmp(name, "RTMAX", 5) == 0) {
		if (name[5] == '\0')
			return SIGNAL_LAST;
		offset = name[5] == '-' ? parse_number(name + 6, 0, SIGNAL_LAST - RT_MIN_SHOWN)
					: -EINVAL;
		return offset < 0 ? -EINVAL : SIGNAL_LAST - offset;
	}
	return -EINVAL;
}

int docker_signal_parse(const char *text)
{
	if (text[0] >= '0' && text[0] <= '9')
		return parse_number(text, 1, SIGNAL_LAST);
	if (strncasecmp(text, "SIG", 3) == 0)
		text += 3;
	for (size_t i = 0; i < ARRAY_SIZE(signals); i++)
		if (strcasecmp(text, signals[i].name) == 0)
			return signals[i].number;
	return parse_realtime(text);
}
