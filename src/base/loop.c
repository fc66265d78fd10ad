// SPDX-License-Identifier: Apache-2.0

/*
 * Sources are heap objects on one list. Removal unlinks a source from epoll, heap and call queue at
 * once, marks it dead and moves it to the graveyard, which is emptied when the round is over:
 * events of this round that the kernel has reported already still point to valid memory and are
 * skipped. Timers are a binary heap of pointers ordered by due time and, for equal times, by age.
 */

#include "base/loop.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"

#define EVENTS_PER_ROUND 32
#define HEAP_FIRST       8u
#define NOT_IN_HEAP      SIZE_MAX

enum source_kind {
	SOURCE_IO,
	SOURCE_TIMER,
	SOURCE_SIGNAL,
	SOURCE_CHILD,
	SOURCE_CALL,
	SOURCE_EVENT,
};

struct loop_source {
	struct loop *loop;
	struct loop_source *prev, *next;           /* alive, or next only: graveyard */
	struct loop_source *call_prev, *call_next; /* deferred calls waiting */
	enum source_kind kind;
	bool dead, registered, queued;
	int fd; /* io: borrowed; child: pidfd, borrowed; event: eventfd, owned */
	uint32_t events;
	union {
		loop_io_fn io;
		loop_timer_fn timer;
		loop_signal_fn signal;
		loop_child_fn child;
		loop_call_fn call;
	} fn;
	void *data;
	size_t heap_index;
	uint64_t due, order;
	int signo;
	pid_t pid;
};

struct loop {
	int epfd, sigfd;
	sigset_t signals;
	struct loop_source signal_mark; /* stands for sigfd in the epoll set */
	struct loop_source *alive, *graveyard;
	struct loop_source *calls, *calls_last;
	struct loop_source **heap;
	size_t heap_len, heap_cap;
	size_t count, max;
	uint64_t now, next_order;
	bool stopping;
	int code;
};

static uint64_t clock_ms(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

int loop_new(size_t max_sources, struct loop **ret, struct bh_error *err)
{
	struct loop *l = calloc(1, sizeof(*l));

	if (l == NULL)
		return bh_fail(err, -ENOMEM, "event loop: out of memory");
	l->sigfd = -EBADF;
	l->max = max_sources;
	l->now = clock_ms();
	(void)sigemptyset(&l->signals);
	l->signal_mark = (struct loop_source){.loop = l, .kind = SOURCE_SIGNAL, .fd = -EBADF};
	l->epfd = epoll_create1(EPOLL_CLOEXEC);
	if (l->epfd < 0) {
		int r = bh_fail_errno(err, -errno, "epoll_create1");

		free(l);
		return r;
	}
	*ret = l;
	return 0;
}

static void bury(struct loop *l)
{
	while (l->graveyard != NULL) {
		struct loop_source *s = l->graveyard;

		l->graveyard = s->next;
		free(s);
	}
}

void loop_free(struct loop *l)
{
	if (l == NULL)
		return;
	while (l->alive != NULL)
		loop_remove(l->alive);
	bury(l);
	l->sigfd = fd_close(l->sigfd);
	l->epfd = fd_close(l->epfd);
	free(l->heap);
	free(l);
}

void loop_freep(struct loop **l)
{
	loop_free(*l);
	*l = NULL;
}

uint64_t loop_now(const struct loop *l)
{
	return l->now;
}

size_t loop_source_count(const struct loop *l)
{
	return l->count;
}

struct loop *loop_of(const struct loop_source *s)
{
	return s->loop;
}

void loop_stop(struct loop *l, int code)
{
	l->stopping = true;
	l->code = code;
}

/* ---- timer heap ---- */

static bool heap_before(const struct loop_source *a, const struct loop_source *b)
{
	return a->due != b->due ? a->due < b->due : a->order < b->order;
}

static void heap_place(struct loop *l, size_t i, struct loop_source *s)
{
	l->heap[i] = s;
	s->heap_index = i;
}

static void heap_up(struct loop *l, size_t i)
{
	struct loop_source *s = l->heap[i];

	while (i > 0 && heap_before(s, l->heap[(i - 1) / 2])) {
		heap_place(l, i, l->heap[(i - 1) / 2]);
		i = (i - 1) / 2;
	}
	heap_place(l, i, s);
}

static void heap_down(struct loop *l, size_t i)
{
	struct loop_source *s = l->heap[i];

	for (;;) {
		size_t child = 2 * i + 1;

		if (child >= l->heap_len)
			break;
		if (child + 1 < l->heap_len && heap_before(l->heap[child + 1], l->heap[child]))
			child++;
		if (!heap_before(l->heap[child], s))
			break;
		heap_place(l, i, l->heap[child]);
		i = child;
	}
	heap_place(l, i, s);
}

static void heap_remove(struct loop *l, struct loop_source *s)
{
	size_t i = s->heap_index;
	struct loop_source *last;

	if (i == NOT_IN_HEAP)
		return;
	s->heap_index = NOT_IN_HEAP;
	last = l->heap[--l->heap_len];
	if (last == s)
		return;
	heap_place(l, i, last);
	heap_up(l, i);
	heap_down(l, last->heap_index);
}

/* Room for every timer is made when it is added, so that arming never fails. */
static int heap_reserve(struct loop *l, size_t timers)
{
	size_t cap = l->heap_cap ? l->heap_cap : HEAP_FIRST;
	struct loop_source **heap;

	while (cap < timers)
		cap *= 2;
	if (cap == l->heap_cap)
		return 0;
	heap = reallocarray(l->heap, cap, sizeof(struct loop_source *));
	if (heap == NULL)
		return -ENOMEM;
	l->heap = heap;
	l->heap_cap = cap;
	return 0;
}

static void heap_insert(struct loop *l, struct loop_source *s)
{
	heap_place(l, l->heap_len++, s);
	heap_up(l, s->heap_index);
}

/* ---- sources ---- */

/* NULL on failure, with the code in *code. */
static struct loop_source *source_new(
	struct loop *l, enum source_kind kind, void *data, int *code, struct bh_error *err)
{
	struct loop_source *s;

	if (l->count >= l->max) {
		*code = bh_fail(err, -EMFILE, "event loop: more than %zu sources", l->max);
		return NULL;
	}
	s = calloc(1, sizeof(*s));
	if (s == NULL) {
		*code = bh_fail(err, -ENOMEM, "event loop: out of memory");
		return NULL;
	}
	s->loop = l;
	s->kind = kind;
	s->fd = -EBADF;
	s->data = data;
	s->heap_index = NOT_IN_HEAP;
	s->next = l->alive;
	if (l->alive != NULL)
		l->alive->prev = s;
	l->alive = s;
	l->count++;
	return s;
}

static int source_poll(struct loop_source *s, uint32_t events)
{
	struct epoll_event ev = {.events = events, .data = {.ptr = s}};
	int op = s->registered ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;

	if (epoll_ctl(s->loop->epfd, op, s->fd, &ev) < 0)
		return -errno;
	s->registered = true;
	s->events = events;
	return 0;
}

static void source_unpoll(struct loop_source *s)
{
	if (s->registered)
		(void)epoll_ctl(s->loop->epfd, EPOLL_CTL_DEL, s->fd, NULL);
	s->registered = false;
	s->events = 0;
}

static void call_unqueue(struct loop_source *s)
{
	struct loop *l = s->loop;

	if (!s->queued)
		return;
	if (s->call_prev != NULL)
		s->call_prev->call_next = s->call_next;
	else
		l->calls = s->call_next;
	if (s->call_next != NULL)
		s->call_next->call_prev = s->call_prev;
	else
		l->calls_last = s->call_prev;
	s->call_prev = s->call_next = NULL;
	s->queued = false;
}

void loop_remove(struct loop_source *s)
{
	struct loop *l;

	if (s == NULL || s->dead)
		return;
	l = s->loop;
	source_unpoll(s);
	heap_remove(l, s);
	call_unqueue(s);
	if (s->kind == SOURCE_EVENT)
		s->fd = fd_close(s->fd);
	if (s->prev != NULL)
		s->prev->next = s->next;
	else
		l->alive = s->next;
	if (s->next != NULL)
		s->next->prev = s->prev;
	l->count--;
	s->dead = true;
	s->prev = NULL;
	s->next = l->graveyard;
	l->graveyard = s;
}

void loop_removep(struct loop_source **s)
{
	loop_remove(*s);
	*s = NULL;
}

int loop_add_io(struct loop *l, int fd, uint32_t events, loop_io_fn fn, void *data,
	struct loop_source **ret, struct bh_error *err)
{
	int r = 0;
	struct loop_source *s = source_new(l, SOURCE_IO, data, &r, err);

	if (s == NULL)
		return r;
	s->fd = fd;
	s->fn.io = fn;
	r = source_poll(s, events);
	if (r < 0) {
		loop_remove(s);
		return bh_fail_errno(err, r, "event loop: watch descriptor %d", fd);
	}
	*ret = s;
	return 0;
}

int loop_io_set(struct loop_source *s, uint32_t events)
{
	if (s->events == events && s->registered == (events != 0))
		return 0;
	if (events != 0)
		return source_poll(s, events);
	source_unpoll(s);
	return 0;
}

int loop_add_timer(struct loop *l, uint64_t delay_ms, loop_timer_fn fn, void *data,
	struct loop_source **ret, struct bh_error *err)
{
	int r = 0;
	struct loop_source *s = source_new(l, SOURCE_TIMER, data, &r, err);

	if (s == NULL)
		return r;
	s->fn.timer = fn;
	if (heap_reserve(l, l->count) < 0) {
		loop_remove(s);
		return bh_fail(err, -ENOMEM, "event loop: out of memory");
	}
	loop_timer_set(s, delay_ms);
	*ret = s;
	return 0;
}

void loop_timer_set(struct loop_source *s, uint64_t delay_ms)
{
	struct loop *l = s->loop;
	uint64_t now = clock_ms();

	heap_remove(l, s);
	if (delay_ms == LOOP_TIMER_OFF)
		return;
	s->due = delay_ms > UINT64_MAX - now ? UINT64_MAX : now + delay_ms;
	s->order = l->next_order++;
	heap_insert(l, s);
}

static struct loop_source *signal_find(const struct loop *l, uint32_t signo)
{
	for (struct loop_source *s = l->alive; s != NULL; s = s->next) {
		if (s->kind == SOURCE_SIGNAL && (uint32_t)s->signo == signo)
			return s;
	}
	return NULL;
}

static int signal_watch(struct loop *l, int signo)
{
	sigset_t set;
	int fd;

	(void)sigemptyset(&set);
	if (sigaddset(&set, signo) < 0 || sigprocmask(SIG_BLOCK, &set, NULL) < 0)
		return -errno;
	(void)sigaddset(&l->signals, signo);
	fd = signalfd(l->sigfd < 0 ? -1 : l->sigfd, &l->signals, SFD_CLOEXEC | SFD_NONBLOCK);
	if (fd < 0)
		return -errno;
	if (l->sigfd >= 0)
		return 0;
	l->sigfd = fd;
	l->signal_mark.fd = fd;
	return source_poll(&l->signal_mark, EPOLLIN);
}

int loop_add_signal(struct loop *l, int signo, loop_signal_fn fn, void *data,
	struct loop_source **ret, struct bh_error *err)
{
	struct loop_source *s;
	int r = 0;

	if (signal_find(l, (uint32_t)signo) != NULL)
		return bh_fail(err, -EEXIST, "event loop: signal %d is watched already", signo);
	s = source_new(l, SOURCE_SIGNAL, data, &r, err);
	if (s == NULL)
		return r;
	s->signo = signo;
	s->fn.signal = fn;
	r = signal_watch(l, signo);
	if (r < 0) {
		loop_remove(s);
		return bh_fail_errno(err, r, "event loop: watch signal %d", signo);
	}
	*ret = s;
	return 0;
}

int loop_add_child(struct loop *l, pid_t pid, int pidfd, loop_child_fn fn, void *data,
	struct loop_source **ret, struct bh_error *err)
{
	int r = 0;
	struct loop_source *s = source_new(l, SOURCE_CHILD, data, &r, err);

	if (s == NULL)
		return r;
	s->fd = pidfd;
	s->pid = pid;
	s->fn.child = fn;
	r = source_poll(s, EPOLLIN);
	if (r < 0) {
		loop_remove(s);
		return bh_fail_errno(err, r, "event loop: watch process %d", pid);
	}
	*ret = s;
	return 0;
}

void loop_call_again(struct loop_source *s)
{
	struct loop *l = s->loop;

	if (s->queued || s->dead)
		return;
	s->queued = true;
	s->order = l->next_order++;
	s->call_prev = l->calls_last;
	s->call_next = NULL;
	if (l->calls_last != NULL)
		l->calls_last->call_next = s;
	else
		l->calls = s;
	l->calls_last = s;
}

int loop_add_call(
	struct loop *l, loop_call_fn fn, void *data, struct loop_source **ret, struct bh_error *err)
{
	int r = 0;
	struct loop_source *s = source_new(l, SOURCE_CALL, data, &r, err);

	if (s == NULL)
		return r;
	s->fn.call = fn;
	loop_call_again(s);
	*ret = s;
	return 0;
}

int loop_add_event(
	struct loop *l, loop_call_fn fn, void *data, struct loop_source **ret, struct bh_error *err)
{
	int r = 0;
	struct loop_source *s = source_new(l, SOURCE_EVENT, data, &r, err);

	if (s == NULL)
		return r;
	s->fn.call = fn;
	s->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	r = s->fd < 0 ? -errno : source_poll(s, EPOLLIN);
	if (r < 0) {
		loop_remove(s);
		return bh_fail_errno(err, r, "event loop: event descriptor");
	}
	*ret = s;
	return 0;
}

void loop_event_raise(struct loop_source *s)
{
	int saved = errno;
	uint64_t one = 1;

	/* EAGAIN: the counter is full, so the loop is awake anyway. */
	if (write(s->fd, &one, sizeof(one)) < 0)
		errno = saved;
	errno = saved;
}

/* ---- rounds ---- */

static int dispatch_signals(struct loop *l)
{
	struct signalfd_siginfo si;
	int calls = 0;

	/* Bounded: a flood of signals must not keep the other sources waiting. */
	for (int i = 0; i < EVENTS_PER_ROUND; i++) {
		struct loop_source *s;

		if (TEMP_FAILURE_RETRY(read(l->sigfd, &si, sizeof(si))) != (ssize_t)sizeof(si))
			break;
		s = signal_find(l, si.ssi_signo);
		if (s == NULL)
			continue;
		s->fn.signal(s, &si, s->data);
		calls++;
	}
	return calls;
}

static int dispatch_child(struct loop_source *s)
{
	siginfo_t si = {0};

	if (waitid(P_PIDFD, (id_t)s->fd, &si, WEXITED | WNOHANG) < 0) {
		if (errno != ECHILD)
			return 0;
		si.si_code = 0; /* reaped by somebody else */
	} else if (si.si_pid == 0) {
		return 0;
	}
	source_unpoll(s);
	s->fn.child(s, s->pid, &si, s->data);
	return 1;
}

static int dispatch_event(struct loop_source *s)
{
	uint64_t n;

	if (TEMP_FAILURE_RETRY(read(s->fd, &n, sizeof(n))) != (ssize_t)sizeof(n))
		return 0;
	s->fn.call(s, s->data);
	return 1;
}

static int dispatch(struct loop *l, const struct epoll_event *ev)
{
	struct loop_source *s = ev->data.ptr;

	if (s == &l->signal_mark)
		return dispatch_signals(l);
	if (s->dead || !s->registered)
		return 0;
	switch (s->kind) {
	case SOURCE_IO:
		s->fn.io(s, s->fd, ev->events, s->data);
		return 1;
	case SOURCE_CHILD:
		return dispatch_child(s);
	case SOURCE_EVENT:
		return dispatch_event(s);
	case SOURCE_TIMER:
	case SOURCE_SIGNAL:
	case SOURCE_CALL:
		break;
	}
	return 0;
}

/* Timers armed by these callbacks are younger than `end` and wait for the next round. */
static int dispatch_timers(struct loop *l)
{
	uint64_t end = l->next_order;
	int calls = 0;

	while (l->heap_len > 0 && l->heap[0]->due <= l->now && l->heap[0]->order < end) {
		struct loop_source *s = l->heap[0];

		heap_remove(l, s);
		s->fn.timer(s, s->data);
		calls++;
	}
	return calls;
}

static int dispatch_calls(struct loop *l)
{
	uint64_t end = l->next_order;
	int calls = 0;

	while (l->calls != NULL && l->calls->order < end) {
		struct loop_source *s = l->calls;

		call_unqueue(s);
		s->fn.call(s, s->data);
		calls++;
	}
	return calls;
}

static int round_timeout(const struct loop *l, int timeout_ms)
{
	uint64_t now = clock_ms(), wait;

	if (l->calls != NULL || l->stopping)
		return 0;
	if (l->heap_len == 0)
		return timeout_ms;
	wait = l->heap[0]->due > now ? l->heap[0]->due - now : 0;
	if (wait > INT_MAX)
		wait = INT_MAX;
	return timeout_ms >= 0 && (uint64_t)timeout_ms < wait ? timeout_ms : (int)wait;
}

int loop_run_once(struct loop *l, int timeout_ms)
{
	struct epoll_event events[EVENTS_PER_ROUND];
	int n = epoll_wait(l->epfd, events, EVENTS_PER_ROUND, round_timeout(l, timeout_ms));
	int calls = 0;

	if (n < 0 && errno != EINTR)
		return -errno;
	l->now = clock_ms();
	for (int i = 0; i < n; i++)
		calls += dispatch(l, &events[i]);
	calls += dispatch_timers(l);
	calls += dispatch_calls(l);
	bury(l);
	return calls;
}

int loop_run(struct loop *l)
{
	while (!l->stopping) {
		int r = loop_run_once(l, -1);

		if (r < 0)
			return r;
	}
	l->stopping = false;
	return l->code;
}
