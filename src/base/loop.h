// SPDX-License-Identifier: Apache-2.0
#ifndef BULKHEAD_BASE_LOOP_H
#define BULKHEAD_BASE_LOOP_H

/*
 * Event loop over epoll(7), for the programs that stay: one thread, one struct loop, no globals.
 *
 * A source is something that calls back: a descriptor, a timer, a signal, the end of a child, an
 * event raised by another thread, or a call deferred to the next round. Every loop_add_*() returns
 * a handle owned by the loop; it is valid until loop_remove(), which may be called at any time,
 * also from inside any callback and for any source, including the one that is running: nothing of a
 * removed source is called any more, and its memory goes at the end of the round. One-shot sources
 * (deferred calls, expired timers, reported children) stay registered but idle, so that a handle
 * never dies by itself; the owner removes or re-arms them. loop_free() removes whatever is left.
 *
 * Descriptors are borrowed, never closed; remove the source before closing its descriptor. A
 * descriptor has at most one source (-EEXIST) and must be pollable (-EPERM for regular files).
 * Events are level-triggered EPOLLIN, EPOLLOUT, EPOLLRDHUP, EPOLLPRI; EPOLLERR and EPOLLHUP are
 * always reported.
 *
 * Order of one round: descriptors in the order the kernel reports them, then expired timers by
 * time, then deferred calls made before or during this round's callbacks (those added by deferred
 * calls run in the next round). No call blocks except loop_run() and loop_run_once().
 */

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/types.h>

#include "base/error.h"

struct loop;
struct loop_source;

typedef void (*loop_io_fn)(struct loop_source *s, int fd, uint32_t events, void *data);
typedef void (*loop_timer_fn)(struct loop_source *s, void *data);
typedef void (*loop_signal_fn)(
	struct loop_source *s, const struct signalfd_siginfo *si, void *data);
/* si as from waitid(2): si_code CLD_EXITED, CLD_KILLED or CLD_DUMPED, si_status the code or signal.
 * si_code is 0 when somebody else had reaped the child. */
typedef void (*loop_child_fn)(struct loop_source *s, pid_t pid, const siginfo_t *si, void *data);
typedef void (*loop_call_fn)(struct loop_source *s, void *data);

/* max_sources bounds the number of sources alive at one time; adding more is -EMFILE. */
int loop_new(size_t max_sources, struct loop **ret, struct bh_error *err);
/* Accepts NULL. Must not be called from a callback. */
void loop_free(struct loop *l);
void loop_freep(struct loop **l);

/* Run rounds until loop_stop() was called, then return its code. Negative on an epoll failure. */
int loop_run(struct loop *l);
/* One round: wait at most timeout_ms (-1: until something happens), dispatch, return the number of
 * callbacks made. Not from a callback. */
int loop_run_once(struct loop *l, int timeout_ms);
/* Ask loop_run() to return code (0 or positive) after the current round. */
void loop_stop(struct loop *l, int code);

/* CLOCK_MONOTONIC in milliseconds, read at the start of the round (steady within one round). */
uint64_t loop_now(const struct loop *l);
/* Number of sources alive. */
size_t loop_source_count(const struct loop *l);
struct loop *loop_of(const struct loop_source *s);

/* Stop and free a source; NULL is accepted. Never closes descriptors. */
void loop_remove(struct loop_source *s);
/* loop_remove() and set the pointer to NULL. */
void loop_removep(struct loop_source **s);

/* fd: events of EPOLL*; 0 is allowed (only errors and hang-up are reported: mind a busy loop, or
 * remove the source on EPOLLHUP). */
int loop_add_io(struct loop *l, int fd, uint32_t events, loop_io_fn fn, void *data,
	struct loop_source **ret, struct bh_error *err);
/* Change the events waited for. With 0 the descriptor is taken out of the epoll set altogether, so
 * a hung-up peer causes no callbacks while the owner does not want any. */
int loop_io_set(struct loop_source *s, uint32_t events);

/* Call once after delay_ms (0: in this or the next round); re-arm with loop_timer_set(). */
int loop_add_timer(struct loop *l, uint64_t delay_ms, loop_timer_fn fn, void *data,
	struct loop_source **ret, struct bh_error *err);
#define LOOP_TIMER_OFF UINT64_MAX
/* Re-arm from now, or disarm with LOOP_TIMER_OFF. */
void loop_timer_set(struct loop_source *s, uint64_t delay_ms);

/* The signal is blocked in the calling thread and delivered through signalfd(2): add signal sources
 * before starting threads, and let spawned programs reset their mask. One source per signal
 * (-EEXIST). Removal leaves the signal blocked. */
int loop_add_signal(struct loop *l, int signo, loop_signal_fn fn, void *data,
	struct loop_source **ret, struct bh_error *err);

/* Report the end of child pid, a child of this process, and reap it. pidfd is borrowed and must
 * stay open until the report or the removal. Removing the source early reaps nothing. */
int loop_add_child(struct loop *l, pid_t pid, int pidfd, loop_child_fn fn, void *data,
	struct loop_source **ret, struct bh_error *err);

/* Call once at the end of the round; re-arm with loop_call_again(). */
int loop_add_call(struct loop *l, loop_call_fn fn, void *data, struct loop_source **ret,
	struct bh_error *err);
void loop_call_again(struct loop_source *s);

/* An eventfd(2): loop_event_raise() may be called from any thread or signal handler while the
 * source exists; raises before the call back are merged into one. */
int loop_add_event(struct loop *l, loop_call_fn fn, void *data, struct loop_source **ret,
	struct bh_error *err);
void loop_event_raise(struct loop_source *s);

#define _cleanup_loop_ __attribute__((cleanup(loop_freep)))

#endif
