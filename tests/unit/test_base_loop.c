// SPDX-License-Identifier: Apache-2.0
#include "base/loop.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"
#include "test.h"

struct fixture {
	struct loop *loop;
	struct loop_source *a, *b;
	int calls, order[8], count;
};

static void setup(struct fixture *f)
{
	*f = (struct fixture){0};
	CHECK_INT(loop_new(16, &f->loop, NULL), 0);
}

static void read_one(struct loop_source *s, int fd, uint32_t events, void *data)
{
	struct fixture *f = data;
	char c;

	CHECK(events & (EPOLLIN | EPOLLHUP));
	f->calls++;
	if (read(fd, &c, 1) == 0)
		loop_stop(loop_of(s), 7);
}

TEST(io_until_stop)
{
	struct fixture f;
	int p[2];

	setup(&f);
	CHECK_INT(pipe2(p, O_CLOEXEC), 0);
	CHECK_INT(loop_add_io(f.loop, p[0], EPOLLIN, read_one, &f, &f.a, NULL), 0);
	CHECK_INT(loop_add_io(f.loop, p[0], EPOLLIN, read_one, &f, &f.b, NULL), -EEXIST);
	CHECK_INT(loop_source_count(f.loop), 1);
	CHECK_INT(write(p[1], "ab", 2), 2);
	close(p[1]);
	CHECK_INT(loop_run(f.loop), 7);
	CHECK_INT(f.calls, 3);
	/* nobody wants events: a hung-up pipe makes no callbacks */
	CHECK_INT(loop_io_set(f.a, 0), 0);
	CHECK_INT(loop_run_once(f.loop, 0), 0);
	loop_free(f.loop);
	close(p[0]);
}

static void remove_both(struct loop_source *s, int fd, uint32_t events, void *data)
{
	struct fixture *f = data;

	f->calls++;
	loop_removep(&f->a);
	loop_removep(&f->b);
}

TEST(removal_inside_a_callback_silences_the_others)
{
	struct fixture f;
	int p[2], q[2];

	setup(&f);
	CHECK_INT(pipe2(p, O_CLOEXEC), 0);
	CHECK_INT(pipe2(q, O_CLOEXEC), 0);
	CHECK_INT(loop_add_io(f.loop, p[0], EPOLLIN, remove_both, &f, &f.a, NULL), 0);
	CHECK_INT(loop_add_io(f.loop, q[0], EPOLLIN, remove_both, &f, &f.b, NULL), 0);
	CHECK_INT(write(p[1], "a", 1), 1);
	CHECK_INT(write(q[1], "a", 1), 1);
	CHECK_INT(loop_run_once(f.loop, 1000), 1);
	CHECK_INT(f.calls, 1);
	CHECK_INT(loop_source_count(f.loop), 0);
	loop_free(f.loop);
}

static void timer_mark(struct loop_source *s, void *data)
{
	struct fixture *f = data;

	f->order[f->count++] = s == f->a ? 1 : s == f->b ? 2 : 3;
	if (f->count == 3)
		loop_stop(loop_of(s), 0);
}

TEST(timers_fire_in_order_and_rearm)
{
	struct fixture f;
	struct loop_source *c, *never;

	setup(&f);
	CHECK_INT(loop_add_timer(f.loop, 30, timer_mark, &f, &f.a, NULL), 0);
	CHECK_INT(loop_add_timer(f.loop, 5, timer_mark, &f, &f.b, NULL), 0);
	CHECK_INT(loop_add_timer(f.loop, 15, timer_mark, &f, &c, NULL), 0);
	CHECK_INT(loop_add_timer(f.loop, 1, timer_mark, &f, &never, NULL), 0);
	loop_timer_set(never, LOOP_TIMER_OFF);
	CHECK_INT(loop_run(f.loop), 0);
	CHECK_INT(f.order[0], 2);
	CHECK_INT(f.order[1], 3);
	CHECK_INT(f.order[2], 1);
	f.count = 2;
	loop_timer_set(f.b, 1);
	loop_remove(never);
	CHECK_INT(loop_run(f.loop), 0);
	CHECK_INT(f.order[2], 2);
	loop_free(f.loop);
}

TEST(many_timers_keep_the_heap_ordered)
{
	struct fixture f;
	struct loop_source *t[16];

	setup(&f);
	for (int i = 0; i < 16; i++)
		CHECK_INT(loop_add_timer(f.loop, (uint64_t)((i * 7) % 16) * 1000 + 1000, timer_mark,
				  &f, &t[i], NULL),
			0);
	CHECK_INT(loop_add_timer(f.loop, 0, timer_mark, &f, &f.b, NULL), -EMFILE);
	for (int i = 0; i < 16; i += 2)
		loop_remove(t[i]);
	CHECK_INT(loop_source_count(f.loop), 8);
	loop_timer_set(t[7], 0);
	f.a = t[7];
	CHECK_INT(loop_run_once(f.loop, 1000), 1);
	CHECK_INT(f.order[0], 1);
	loop_free(f.loop);
}

static void call_again(struct loop_source *s, void *data)
{
	struct fixture *f = data;

	f->calls++;
	if (s == f->a)
		loop_removep(&f->b);
	loop_call_again(s);
}

TEST(deferred_calls_run_once_a_round)
{
	struct fixture f;
	struct loop_source *c;

	setup(&f);
	CHECK_INT(loop_add_call(f.loop, call_again, &f, &f.a, NULL), 0);
	CHECK_INT(loop_add_call(f.loop, call_again, &f, &c, NULL), 0);
	CHECK_INT(loop_add_call(f.loop, call_again, &f, &f.b, NULL), 0);
	CHECK_INT(loop_run_once(f.loop, 0), 2);
	CHECK_INT(loop_run_once(f.loop, -1), 2);
	loop_free(f.loop);
}

static void got_signal(struct loop_source *s, const struct signalfd_siginfo *si, void *data)
{
	struct fixture *f = data;

	f->calls += (int)si->ssi_signo;
	loop_stop(loop_of(s), 0);
}

TEST(signals)
{
	struct fixture f;

	setup(&f);
	CHECK_INT(loop_add_signal(f.loop, SIGUSR1, got_signal, &f, &f.a, NULL), 0);
	CHECK_INT(loop_add_signal(f.loop, SIGUSR1, got_signal, &f, &f.b, NULL), -EEXIST);
	CHECK_INT(loop_add_signal(f.loop, SIGUSR2, got_signal, &f, &f.b, NULL), 0);
	CHECK_INT(kill(getpid(), SIGUSR2), 0);
	CHECK_INT(loop_run(f.loop), 0);
	CHECK_INT(f.calls, SIGUSR2);
	loop_free(f.loop);
}

static void child_ended(struct loop_source *s, pid_t pid, const siginfo_t *si, void *data)
{
	struct fixture *f = data;

	f->calls = si->si_status;
	CHECK_INT(si->si_code, CLD_EXITED);
	loop_stop(loop_of(s), 0);
}

TEST(child_is_reported_and_reaped)
{
	struct fixture f;
	pid_t pid;
	int pidfd;

	setup(&f);
	pid = fork();
	if (pid == 0)
		_exit(42);
	pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	CHECK(pidfd >= 0);
	CHECK_INT(loop_add_child(f.loop, pid, pidfd, child_ended, &f, &f.a, NULL), 0);
	CHECK_INT(loop_run(f.loop), 0);
	CHECK_INT(f.calls, 42);
	CHECK_INT(waitpid(pid, NULL, 0), -1);
	CHECK_INT(loop_run_once(f.loop, 0), 0);
	loop_free(f.loop);
	close(pidfd);
}

static void event_raised(struct loop_source *s, void *data)
{
	struct fixture *f = data;

	f->calls++;
	loop_stop(loop_of(s), 0);
}

static void *raise_twice(void *data)
{
	loop_event_raise(data);
	loop_event_raise(data);
	return NULL;
}

TEST(event_from_another_thread)
{
	struct fixture f;
	pthread_t thread;

	setup(&f);
	CHECK_INT(loop_add_event(f.loop, event_raised, &f, &f.a, NULL), 0);
	CHECK_INT(pthread_create(&thread, NULL, raise_twice, f.a), 0);
	CHECK_INT(pthread_join(thread, NULL), 0);
	CHECK_INT(loop_run(f.loop), 0);
	CHECK_INT(f.calls, 1);
	CHECK_INT(loop_run_once(f.loop, 0), 0);
	loop_free(f.loop);
}
