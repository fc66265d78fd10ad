// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"
#include "bin/oci/oci.h"

#define EVENT_BYTES_MAX (4u << 20)
#define NANOSECONDS     1000000000ull
#define OOM_STEP_MS     5
#define OOM_WAIT_MS     200

struct events {
	struct oci *oci;
	struct container container;
	int init_pidfd, oom_fd, timer_fd;
	uint64_t oom_kills;
};

static void events_release(struct events *e)
{
	container_close(&e->container);
	fd_closep(&e->init_pidfd);
	fd_closep(&e->oom_fd);
	fd_closep(&e->timer_fd);
}

/* "5s", "1m30s", "250ms", "1.5s": a sum of numbers with units, as Go writes durations. */
static int parse_interval(const char *text, uint64_t *ret)
{
	static const struct {
		const char *name;
		uint64_t ns;
	} units[] = {{"ns", 1}, {"us", 1000}, {"ms", 1000000}, {"s", NANOSECONDS},
		{"m", 60 * NANOSECONDS}, {"h", 3600 * NANOSECONDS}};
	uint64_t total = 0;

	while (*text != '\0') {
		size_t digits = strspn(text, "0123456789."), len, i;
		double v;
		char *end;

		v = strtod(text, &end);
		if (digits == 0 || end != text + digits || v > 1e6)
			return -EINVAL;
		text += digits;
		len = strspn(text, "nusmh");
		for (i = 0; i < ARRAY_SIZE(units); i++) {
			if (strlen(units[i].name) == len && memcmp(units[i].name, text, len) == 0)
				break;
		}
		if (i == ARRAY_SIZE(units))
			return -EINVAL;
		total += (uint64_t)(v * (double)units[i].ns);
		text += len;
	}
	if (total == 0)
		return -ERANGE;
	*ret = total;
	return 0;
}

static int print_event(const struct events *e, const char *type, struct bh_error *err)
{
	_cleanup_buf_ struct buf out;
	struct json_writer w = JSON_WRITER(&out);
	int r = 0;

	buf_init(&out, EVENT_BYTES_MAX);
	json_begin_object(&w);
	json_member_string(&w, "type", type);
	json_member_string(&w, "id", e->container.id);
	if (strcmp(type, "stats") == 0) {
		json_key(&w, "data");
		r = cgroup_stats(e->container.cgroup, &w, err);
	}
	if (r < 0)
		return r;
	json_end_object(&w);
	(void)buf_putc(&out, '\n');
	return output_write(&out, err);
}

static int start_timer(struct events *e, uint64_t ns, struct bh_error *err)
{
	struct itimerspec spec = {
		.it_interval = {(time_t)(ns / NANOSECONDS), (long)(ns % NANOSECONDS)},
		.it_value = {(time_t)(ns / NANOSECONDS), (long)(ns % NANOSECONDS)},
	};

	e->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
	if (e->timer_fd < 0 || timerfd_settime(e->timer_fd, 0, &spec, NULL) < 0)
		return bh_fail_errno(err, -errno, "set a timer");
	return 0;
}

/* The notification comes before the kill is counted, and also without one (v1 raises it once more
 * when the group goes, v2 for other memory events): the count decides, after a short wait. */
static int handle_oom(struct events *e, struct bh_error *err)
{
	const struct timespec step = {.tv_nsec = OOM_STEP_MS * 1000000L};
	uint64_t ignored, kills;

	(void)!read(e->oom_fd, &ignored, sizeof(ignored));
	for (int waited = 0; waited < OOM_WAIT_MS; waited += OOM_STEP_MS) {
		kills = cgroup_oom_kills(e->container.cgroup);
		if (kills > e->oom_kills) {
			e->oom_kills = kills;
			return print_event(e, "oom", err);
		}
		(void)nanosleep(&step, NULL);
	}
	return 0;
}

/* Until process 1 ends. */
static int watch(struct events *e, struct bh_error *err)
{
	for (;;) {
		struct pollfd fds[3] = {
			{.fd = e->init_pidfd, .events = POLLIN},
			{.fd = e->timer_fd, .events = POLLIN},
			{.fd = e->oom_fd, .events = POLLIN | POLLPRI},
		};
		uint64_t ticks;
		int r = 0;

		if (poll(fds, ARRAY_SIZE(fds), -1) < 0 && errno != EINTR)
			return bh_fail_errno(err, -errno, "wait for events");
		if (fds[2].revents != 0)
			r = handle_oom(e, err);
		if (fds[0].revents != 0)
			return r;
		if (r == 0 && fds[1].revents != 0 && read(e->timer_fd, &ticks, sizeof(ticks)) > 0)
			r = print_event(e, "stats", err);
		if (r < 0)
			return r;
	}
}

static int open_events(struct oci *o, struct events *e, struct bh_error *err)
{
	struct container *c = &e->container;
	int r = container_open(o, o->options.args[0], c, err);

	if (r == 0 && state_pidfd(&c->state, &e->init_pidfd) < 0)
		return bh_fail(err, -ESRCH, "container with id %s is not running", c->id);
	if (r == 0)
		r = container_cgroup(c, err);
	if (r == 0 && c->cgroup == NULL)
		return bh_fail(err, -ENOTSUP, "container %s has no control group", c->id);
	return r;
}

int command_events(struct oci *o, struct bh_error *err)
{
	_cleanup_(events_release) struct events e = {.oci = o,
		.container = CONTAINER_INIT,
		.init_pidfd = -EBADF,
		.oom_fd = -EBADF,
		.timer_fd = -EBADF};
	const char *text = options_value(&o->options, OPT_INTERVAL) ?: "5s";
	uint64_t interval;
	int r = parse_interval(text, &interval);

	if (r < 0)
		return bh_fail(
			err, r, "invalid --interval \"%s\": like 5s or 500ms, more than 0", text);
	r = open_events(o, &e, err);
	if (r < 0 || options_flag(&o->options, OPT_STATS))
		return r < 0 ? r : print_event(&e, "stats", err);
	e.oom_kills = cgroup_oom_kills(e.container.cgroup);
	r = cgroup_oom_fd(e.container.cgroup, &e.oom_fd, err);
	if (r == 0)
		r = start_timer(&e, interval, err);
	return r < 0 ? r : watch(&e, err);
}
