// SPDX-License-Identifier: Apache-2.0
/*
 * bulkhead-systemd-cgroup: makes, changes and stops the transient scope unit of one container. Run
 * by the runtime with --systemd-cgroup only; see sandbox/cgroup_systemd.c for the other side.
 *
 *   start system|user UNIT [NAME TYPE VALUE SINCE]...  this process becomes the scope's first;
 * answers "ok GROUP" and stays until its standard input ends set   system|user UNIT [NAME TYPE
 * VALUE SINCE]... stop  system|user UNIT
 *
 * The interface is org.freedesktop.systemd1(5). The bus is asked first; where it does not run, root
 * talks to systemd's private socket.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-bus.h>
#include <time.h>
#include <unistd.h>

#include "bin/systemd-cgroup/property.h"

#define SERVICE    "org.freedesktop.systemd1"
#define PATH       "/org/freedesktop/systemd1"
#define MANAGER    SERVICE ".Manager"
#define JOB_US     (30u * 1000000u)
#define RESULT_MAX 32

struct session {
	sd_bus *bus;
	const char *unit;
	char job[256];           /* object path of the job that is waited for */
	char result[RESULT_MAX]; /* its result, "" while it runs */
	sd_bus_error error;
};

static int say(const char *word, const char *text)
{
	printf("%s %s\n", word, text);
	return fflush(stdout) == 0 ? 0 : -EIO;
}

static int fail(struct session *s, const char *what, int r)
{
	char text[1024];

	(void)snprintf(text, sizeof(text), "%s %s: %s", what, s->unit,
		s->error.message != NULL ? s->error.message : strerror(-r));
	for (char *p = text; *p != '\0'; p++)
		*p = *p == '\n' ? ' ' : *p;
	(void)say("error", text);
	return r;
}

static int open_private(const char *path, sd_bus **ret)
{
	char address[512];
	sd_bus *bus = NULL;
	int r = sd_bus_new(&bus);

	if (r < 0)
		return r;
	(void)snprintf(address, sizeof(address), "unix:path=%s", path);
	r = sd_bus_set_address(bus, address);
	if (r >= 0)
		r = sd_bus_start(bus);
	if (r < 0) {
		sd_bus_unref(bus);
		return r;
	}
	*ret = bus;
	return 0;
}

static int open_bus(struct session *s, const char *kind)
{
	const char *runtime = getenv("XDG_RUNTIME_DIR");
	char path[256];
	int r;

	if (strcmp(kind, "user") == 0) {
		r = sd_bus_open_user(&s->bus);
		if (r >= 0 || runtime == NULL)
			return r;
		(void)snprintf(path, sizeof(path), "%s/systemd/private", runtime);
		return open_private(path, &s->bus) < 0 ? r : 0;
	}
	r = sd_bus_open_system(&s->bus);
	if (r >= 0)
		return r;
	return open_private("/run/systemd/private", &s->bus) < 0 ? r : 0;
}

/* JobRemoved(u id, o job, s unit, s result) */
static int on_job_removed(sd_bus_message *m, void *data, sd_bus_error *error)
{
	struct session *s = data;
	const char *job, *unit, *result;
	uint32_t id;

	if (sd_bus_message_read(m, "uoss", &id, &job, &unit, &result) >= 0 &&
		strcmp(unit, s->unit) == 0 && (s->job[0] == '\0' || strcmp(job, s->job) == 0))
		(void)snprintf(s->result, sizeof(s->result), "%s", result);
	return 0;
}

/* Before the call whose job is waited for. */
static int watch_jobs(struct session *s)
{
	int r = sd_bus_match_signal(
		s->bus, NULL, NULL, PATH, MANAGER, "JobRemoved", on_job_removed, s);

	if (r >= 0)
		(void)sd_bus_call_method(
			s->bus, SERVICE, PATH, MANAGER, "Subscribe", NULL, NULL, NULL);
	return r;
}

static int take_job(struct session *s, sd_bus_message *reply)
{
	const char *job;
	int r = sd_bus_message_read(reply, "o", &job);

	if (r < 0)
		return r;
	(void)snprintf(s->job, sizeof(s->job), "%s", job);
	return 0;
}

static uint64_t now_us(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

static int await_job(struct session *s, const char *what)
{
	uint64_t deadline = now_us() + JOB_US;

	while (s->result[0] == '\0') {
		uint64_t now = now_us();
		int r = sd_bus_process(s->bus, NULL);

		if (r == 0)
			r = now >= deadline ? -ETIMEDOUT : sd_bus_wait(s->bus, deadline - now);
		if (r < 0 && r != -EINTR)
			return fail(s, what, r);
	}
	if (strcmp(s->result, "done") == 0)
		return 0;
	(void)sd_bus_error_setf(
		&s->error, SD_BUS_ERROR_FAILED, "the job ended as \"%s\"", s->result);
	return fail(s, what, -EIO);
}

/* "252.39-1~deb12u1", "v245.4", "systemd 249". If it cannot be told, all is tried. */
static unsigned int version_of(struct session *s)
{
	char *text = NULL;
	unsigned long version = 0;

	if (sd_bus_get_property_string(s->bus, SERVICE, PATH, MANAGER, "Version", NULL, &text) < 0)
		return UINT32_MAX;
	version = strtoul(text + strcspn(text, "0123456789"), NULL, 10);
	free(text);
	return version == 0 || version > UINT32_MAX ? UINT32_MAX : (unsigned int)version;
}

static int start_once(struct session *s, char **rows)
{
	sd_bus_message *m = NULL, *reply = NULL;
	int r = sd_bus_message_new_method_call(
		s->bus, &m, SERVICE, PATH, MANAGER, "StartTransientUnit");

	s->job[0] = s->result[0] = '\0';
	if (r >= 0)
		r = sd_bus_message_append(m, "ss", s->unit, "replace");
	if (r >= 0)
		r = sd_bus_message_open_container(m, 'a', "(sv)");
	if (r >= 0)
		r = sd_bus_message_append(m, "(sv)", "Description", "s", "Bulkhead container");
	if (r >= 0)
		r = sd_bus_message_append(m, "(sv)", "PIDs", "au", 1, (uint32_t)getpid());
	if (r >= 0)
		r = property_append_all(m, rows, version_of(s), &s->error);
	if (r >= 0)
		r = sd_bus_message_close_container(m);
	if (r >= 0)
		r = sd_bus_message_append(m, "a(sa(sv))", 0);
	if (r >= 0)
		r = sd_bus_call(s->bus, m, 0, &s->error, &reply);
	if (r >= 0)
		r = take_job(s, reply);
	sd_bus_message_unref(m);
	sd_bus_message_unref(reply);
	return r;
}

static void reset_failed(struct session *s)
{
	(void)sd_bus_call_method(
		s->bus, SERVICE, PATH, MANAGER, "ResetFailedUnit", NULL, NULL, "s", s->unit);
}

static int answer_group(struct session *s)
{
	sd_bus_message *reply = NULL;
	const char *object;
	char *group = NULL;
	int r = sd_bus_call_method(
		s->bus, SERVICE, PATH, MANAGER, "GetUnit", &s->error, &reply, "s", s->unit);

	if (r >= 0)
		r = sd_bus_message_read(reply, "o", &object);
	if (r >= 0)
		r = sd_bus_get_property_string(s->bus, SERVICE, object, SERVICE ".Scope",
			"ControlGroup", &s->error, &group);
	if (r < 0)
		r = fail(s, "find the group of", r);
	else
		r = say("ok", group);
	free(group);
	sd_bus_message_unref(reply);
	return r;
}

static int command_start(struct session *s, char **rows)
{
	char c;
	int r = watch_jobs(s);

	if (r >= 0)
		r = start_once(s, rows);
	/* A scope of that name that failed once is in the way, and holds nothing. */
	if (r < 0 && sd_bus_error_has_name(&s->error, SERVICE ".UnitExists")) {
		sd_bus_error_free(&s->error);
		reset_failed(s);
		r = start_once(s, rows);
	}
	if (r < 0)
		return fail(s, "start", r);
	r = await_job(s, "start");
	if (r >= 0)
		r = answer_group(s);
	if (r < 0)
		return r;
	sd_bus_flush_close_unref(s->bus);
	s->bus = NULL;
	while (read(STDIN_FILENO, &c, 1) < 0 && errno == EINTR)
		;
	return 0;
}

static int command_set(struct session *s, char **rows)
{
	sd_bus_message *m = NULL;
	int r = sd_bus_message_new_method_call(
		s->bus, &m, SERVICE, PATH, MANAGER, "SetUnitProperties");

	if (r >= 0)
		r = sd_bus_message_append(m, "sb", s->unit, 1);
	if (r >= 0)
		r = sd_bus_message_open_container(m, 'a', "(sv)");
	if (r >= 0)
		r = property_append_all(m, rows, version_of(s), &s->error);
	if (r >= 0)
		r = sd_bus_message_close_container(m);
	if (r >= 0)
		r = sd_bus_call(s->bus, m, 0, &s->error, NULL);
	sd_bus_message_unref(m);
	return r < 0 ? fail(s, "set the properties of", r) : say("ok", "");
}

static int command_stop(struct session *s)
{
	sd_bus_message *reply = NULL;
	int r = watch_jobs(s);

	if (r >= 0)
		r = sd_bus_call_method(s->bus, SERVICE, PATH, MANAGER, "StopUnit", &s->error,
			&reply, "ss", s->unit, "replace");
	if (r < 0 && sd_bus_error_has_name(&s->error, SERVICE ".NoSuchUnit"))
		return say("ok", "");
	if (r >= 0)
		r = take_job(s, reply);
	sd_bus_message_unref(reply);
	if (r < 0)
		return fail(s, "stop", r);
	r = await_job(s, "stop");
	if (r < 0)
		return r;
	reset_failed(s);
	return say("ok", "");
}

int main(int argc, char **argv)
{
	struct session s = {.error = SD_BUS_ERROR_NULL};
	int r;

	if (argc < 4 || (argc - 4) % PROPERTY_COLUMNS != 0) {
		fprintf(stderr, "usage: bulkhead-systemd-cgroup start|set|stop system|user UNIT "
				"[NAME TYPE VALUE SINCE]...\n");
		return 2;
	}
	s.unit = argv[3];
	r = open_bus(&s, argv[2]);
	if (r < 0) {
		(void)fail(&s, "connect to systemd over D-Bus for", r);
		return 1;
	}
	if (strcmp(argv[1], "start") == 0)
		r = command_start(&s, argv + 4);
	else if (strcmp(argv[1], "set") == 0)
		r = command_set(&s, argv + 4);
	else if (strcmp(argv[1], "stop") == 0)
		r = command_stop(&s);
	else
		r = fail(&s, "unknown command for", -EINVAL);
	sd_bus_error_free(&s.error);
	sd_bus_flush_close_unref(s.bus);
	return r < 0 ? 1 : 0;
}
