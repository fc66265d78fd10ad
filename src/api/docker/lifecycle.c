// SPDX-License-Identifier: Apache-2.0
/* What changes a container's state and is answered when it is done. */
#include <errno.h>
#include <signal.h>
#include <string.h>

#include "api/docker/docker.h"
#include "base/mem.h"

#define STOP_TIMEOUT_MAX (7 * 24 * 3600)

/* The end of a call that has nothing to tell but success. */
static void on_done(void *userdata, int code, const struct bh_error *err)
{
	struct api_request *r = api_pending_take(userdata);

	if (r == NULL)
		return;
	if (code < 0)
		api_fail(r, code, err);
	else
		api_empty(r, 204);
}

/* A program that cannot be run is the caller's mistake, not a missing object: 400, as dockerd. */
static void on_started(void *userdata, int code, const struct bh_error *err)
{
	struct api_request *r = api_pending_take(userdata);

	if (r == NULL)
		return;
	if (code == -ENOENT || code == -EACCES || code == -ENOTDIR || code == -EISDIR)
		api_error(r, 400, "%s", bh_error_text(err, code));
	else if (code < 0)
		api_fail(r, code, err);
	else
		api_empty(r, 204);
}

/* After the asking call: the callback will come only if it returned 0. */
static void asked(
	struct api_request *r, struct api_pending *p, int code, const struct bh_error *err)
{
	if (code == 0)
		return;
	(void)api_pending_take(p);
	api_fail(r, code, err);
}

static struct api_pending *new_pending(struct api_request *r)
{
	struct api_pending *p = api_pending_new(r);

	if (p == NULL)
		api_error(r, 500, "out of memory");
	return p;
}

/* ?signal=; 0 if absent. */
static int query_signal(struct api_request *r, int fallback, int *ret)
{
	const char *text = api_query(r, "signal");

	*ret = fallback;
	if (text == NULL || *text == '\0')
		return 0;
	*ret = docker_signal_parse(text);
	if (*ret > 0)
		return 0;
	api_error(r, 400, "Invalid signal: %.64s", text);
	return -EINVAL;
}

void docker_container_start(struct api_request *r)
{
	struct bh_error err = BH_ERROR_INIT;
	const struct container *c = api_container(r);
	struct api_pending *p;
	const char *checkpoint = api_query(r, "checkpoint");

	if (c == NULL)
		return;
	if (checkpoint != NULL && *checkpoint != '\0') {
		api_error(r, 501, "not supported by this build yet: checkpoints");
		return;
	}
	p = new_pending(r);
	if (p != NULL)
		asked(r, p, engine_container_start(api_engine(r), c, on_started, p, &err), &err);
}

/* dockerd: without t, the container's own timeout; a negative one waits for ever. */
static int query_timeout(struct api_request *r, int *ret)
{
	int64_t timeout;

	if (api_query_int(r, "t", -1, -1, STOP_TIMEOUT_MAX, &timeout) < 0)
		return -EINVAL;
	*ret = (int)timeout;
	return 0;
}

void docker_container_stop(struct api_request *r)
{
	struct bh_error err = BH_ERROR_INIT;
	const struct container *c = api_container(r);
	struct api_pending *p;
	int signo, timeout;

	if (c == NULL || query_signal(r, 0, &signo) < 0 || query_timeout(r, &timeout) < 0)
		return;
	p = new_pending(r);
	if (p != NULL)
		asked(r, p,
			engine_container_stop(api_engine(r), c, signo, timeout, on_done, p, &err),
			&err);
}

void docker_container_restart(struct api_request *r)
{
	struct bh_error err = BH_ERROR_INIT;
	const struct container *c = api_container(r);
	struct api_pending *p;
	int signo, timeout;

	if (c == NULL || query_signal(r, 0, &signo) < 0 || query_timeout(r, &timeout) < 0)
		return;
	p = new_pending(r);
	if (p != NULL)
		asked(r, p,
			engine_container_restart(
				api_engine(r), c, signo, timeout, on_started, p, &err),
			&err);
}

void docker_container_kill(struct api_request *r)
{
	struct bh_error err = BH_ERROR_INIT;
	const struct container *c = api_container(r);
	int signo, code;

	if (c == NULL || query_signal(r, SIGKILL, &signo) < 0)
		return;
	code = engine_container_kill(api_engine(r), c, signo, &err);
	if (code < 0)
		api_fail(r, code, &err);
	else
		api_empty(r, 204);
}

void docker_container_rename(struct api_request *r)
{
	struct bh_error err = BH_ERROR_INIT;
	const struct container *c = api_container(r);
	const char *name = api_query(r, "name");
	int code;

	if (c == NULL)
		return;
	if (name != NULL && *name == '/')
		name++;
	if (name == NULL || !docker_name_valid(name)) {
		api_error(r, 400,
			"Invalid container name (%.260s), only [a-zA-Z0-9][a-zA-Z0-9_.-] are "
			"allowed",
			name != NULL ? name : "");
		return;
	}
	code = engine_container_rename(api_engine(r), c, name, &err);
	if (code < 0)
		api_fail(r, code, &err);
	else
		api_empty(r, 204);
}

void docker_container_resize(struct api_request *r)
{
	struct bh_error err = BH_ERROR_INIT;
	const struct container *c = api_container(r);
	int64_t rows, columns;
	int code;

	if (c == NULL || api_query_int(r, "h", 0, 0, UINT16_MAX, &rows) < 0 ||
		api_query_int(r, "w", 0, 0, UINT16_MAX, &columns) < 0)
		return;
	code = engine_container_resize(api_engine(r), c, (uint16_t)rows, (uint16_t)columns, &err);
	if (code < 0)
		api_fail(r, code, &err);
	else
		api_empty(r, 200);
}

void docker_container_delete(struct api_request *r)
{
	struct bh_error err = BH_ERROR_INIT;
	const struct container *c = api_container(r);
	struct api_pending *p;

	if (c == NULL)
		return;
	if (api_query_bool(r, "link", false)) {
		api_error(r, 501, "not supported by this build yet: links");
		return;
	}
	p = new_pending(r);
	if (p != NULL)
		asked(r, p,
			engine_container_remove(api_engine(r), c, api_query_bool(r, "force", false),
				on_done, p, &err),
			&err);
}
