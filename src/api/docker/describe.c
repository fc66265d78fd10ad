// SPDX-License-Identifier: Apache-2.0
#include "api/docker/describe.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/mem.h"

#define COMMAND_MAX 16384u

const char *docker_state_name(const struct container *c)
{
	static const char *const names[] = {
		[CONTAINER_CREATED] = "created",
		[CONTAINER_RUNNING] = "running",
		[CONTAINER_EXITED] = "exited",
		[CONTAINER_DEAD] = "dead",
	};

	_Static_assert(ARRAY_SIZE(names) == CONTAINER_STATES, "one name for each state");
	return c->removing ? "removing" : names[c->state];
}

/* A duration as Docker's clients are used to see it. */
static void put_duration(int64_t ns, char *out, size_t size)
{
	static const struct {
		int64_t below, unit;
		const char *name;
	} steps[] = {
		{60, 1, "seconds"},
		{46 * 60, 60, "minutes"},
		{36 * 3600, 3600, "hours"},
		{14 * 86400, 86400, "days"},
		{60 * 86400, 7 * 86400, "weeks"},
		{730 * 86400LL, 30 * 86400, "months"},
	};
	int64_t seconds = ns / 1000000000;

	if (seconds < 1)
		(void)snprintf(out, size, "Less than a second");
	else if (seconds == 1)
		(void)snprintf(out, size, "1 second");
	else if (seconds >= 60 && seconds < 120)
		(void)snprintf(out, size, "About a minute");
	else if (seconds >= 46 * 60 && seconds < 90 * 60)
		(void)snprintf(out, size, "About an hour");
	else {
		for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
			if (seconds < steps[i].below) {
				(void)snprintf(out, size, "%lld %s",
					(long long)(seconds / steps[i].unit), steps[i].name);
				return;
			}
		}
		(void)snprintf(out, size, "%lld years", (long long)(seconds / (365 * 86400LL)));
	}
}

void docker_status_text(const struct container *c, char out[static DOCKER_STATUS_MAX])
{
	struct timespec now;
	int64_t now_ns;
	char duration[32];

	(void)clock_gettime(CLOCK_REALTIME, &now);
	now_ns = now.tv_sec * 1000000000LL + now.tv_nsec;
	put_duration(now_ns - (c->state == CONTAINER_RUNNING ? c->started_ns : c->finished_ns),
		duration, sizeof(duration));
	if (c->removing)
		(void)snprintf(out, DOCKER_STATUS_MAX, "Removal In Progress");
	else if (c->state == CONTAINER_RUNNING)
		(void)snprintf(out, DOCKER_STATUS_MAX, "Up %s", duration);
	else if (c->state == CONTAINER_EXITED)
		(void)snprintf(
			out, DOCKER_STATUS_MAX, "Exited (%d) %s ago", c->exit_code, duration);
	else
		(void)snprintf(out, DOCKER_STATUS_MAX, "%s",
			c->state == CONTAINER_DEAD ? "Dead" : "Created");
}

void docker_put_networks(struct json_writer *w, const struct container *c)
{
	static const char *const empty[] = {"NetworkID", "EndpointID", "Gateway", "IPAddress",
		"MacAddress", "IPv6Gateway", "GlobalIPv6Address"};

	json_key(w, "Networks");
	json_begin_object(w);
	/* The empty compartment is Docker's network "none", also where it is the default. */
	(void)c;
	json_key(w, "none");
	json_begin_object(w);
	json_key(w, "IPAMConfig");
	json_put_null(w);
	json_key(w, "Links");
	json_put_null(w);
	json_key(w, "Aliases");
	json_put_null(w);
	json_key(w, "DriverOpts");
	json_put_null(w);
	for (size_t i = 0; i < ARRAY_SIZE(empty); i++)
		json_member_string(w, empty[i], "");
	json_member_int(w, "GwPriority", 0);
	json_member_int(w, "IPPrefixLen", 0);
	json_member_int(w, "GlobalIPv6PrefixLen", 0);
	json_key(w, "DNSNames");
	json_put_null(w);
	json_end_object(w);
	json_end_object(w);
}

void docker_put_labels(
	struct json_writer *w, const struct event_attribute *labels, size_t label_count)
{
	json_begin_object(w);
	for (size_t i = 0; i < label_count; i++)
		json_member_string(w, labels[i].key, labels[i].value);
	json_end_object(w);
}

void docker_put_command(struct json_writer *w, const struct container *c)
{
	_cleanup_buf_ struct buf text = {0};

	buf_init(&text, COMMAND_MAX);
	for (size_t i = 0; c->argv[i] != NULL; i++) {
		/* Quoted as Docker does it: only what holds blanks. */
		if (i > 0 && strchr(c->argv[i], ' ') != NULL)
			buf_printf(&text, " '%.8000s'", c->argv[i]);
		else
			buf_printf(&text, "%s%.8000s", i > 0 ? " " : "", c->argv[i]);
		if (buf_status(&text) < 0)
			break;
	}
	json_put_stringn(w, buf_str(&text), text.len);
}
