// SPDX-License-Identifier: Apache-2.0
/*
 * Connections of clients on their way to a shim. Before the start there is no shim: the answer is
 * written to the client at once, since it waits for it before it starts the container, and the
 * connection is held until then. A client that goes away meanwhile is dropped.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"
#include "engine/engine_private.h"

#define HELD_MAX 64 /* of one container */

struct held_attach {
	struct held_attach *next;
	struct container_entry *container;
	struct loop_source *watch;
	int fd;
	struct shim_attach attach;
	unsigned char input[SHIM_INPUT_MAX];
};

static void held_free(struct held_attach *h)
{
	struct held_attach **at = &h->container->held;

	while (*at != h)
		at = &(*at)->next;
	*at = h->next;
	loop_remove(h->watch);
	(void)fd_close(h->fd);
	free(h);
}

void attach_drop_held(struct container_entry *c)
{
	while (c->held != NULL)
		held_free(c->held);
}

static void client_left(struct loop_source *s, int fd, uint32_t events, void *data)
{
	held_free(data);
}

int engine_attach_convert(
	const struct engine_attach *request, struct shim_attach *ret, struct bh_error *err)
{
	const char *keys =
		request->detach_keys != NULL ? request->detach_keys : SHIM_DETACH_KEYS_DEFAULT;
	struct shim_attach attach = {.in = request->in,
		.out = request->out,
		.err = request->err,
		.mux = request->mux,
		.greeting = request->greeting,
		.input = request->input,
		.input_len = request->input_len};
	int r = shim_detach_keys_parse(keys, attach.detach_keys, &attach.detach_key_count, err);

	if (r < 0)
		return r;
	if (request->input_len > SHIM_INPUT_MAX)
		return bh_fail(err, -E2BIG, "more than %u bytes were sent ahead", SHIM_INPUT_MAX);
	*ret = attach;
	return 0;
}

static int greet(int fd, const char *greeting, struct bh_error *err)
{
	size_t len = greeting != NULL ? strlen(greeting) : 0;
	ssize_t n = len > 0 ? send(fd, greeting, len, MSG_DONTWAIT | MSG_NOSIGNAL) : 0;

	if (n < 0)
		return bh_fail_errno(err, -errno, "answer the client");
	return (size_t)n == len ? 0 : bh_fail(err, -EPIPE, "the client does not read its answer");
}

static int hold(
	struct container_entry *c, int fd, const struct shim_attach *attach, struct bh_error *err)
{
	struct held_attach *h;
	size_t count = 0;
	int r;

	for (h = c->held; h != NULL; h = h->next)
		count++;
	if (count >= HELD_MAX)
		return bh_fail(err, -EBUSY, "too many clients wait for container %s", c->c.name);
	h = calloc(1, sizeof(*h));
	if (h == NULL)
		return bh_fail_errno(err, -ENOMEM, "attach");
	h->container = c;
	h->attach = *attach;
	h->attach.greeting = NULL;
	if (attach->input_len > 0)
		memcpy(h->input, attach->input, attach->input_len);
	h->attach.input = h->input;
	h->fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	h->next = c->held;
	c->held = h;
	r = h->fd < 0 ? bh_fail_errno(err, -errno, "attach") : 0;
	if (r == 0)
		r = greet(fd, attach->greeting, err);
	/* Only a peer that is gone both ways is reported: its input is left alone. */
	if (r == 0)
		r = loop_add_io(c->engine->loop, h->fd, 0, client_left, h, &h->watch, err);
	if (r < 0)
		held_free(h);
	return r;
}

struct passing {
	struct passing *next;
	struct container_entry *container;
	int fd;
	engine_done_fn done;
	void *userdata;
};

static void passing_finish(struct passing *p, int code, const struct bh_error *err)
{
	struct passing **at = &p->container->passing;

	while (*at != NULL && *at != p)
		at = &(*at)->next;
	if (*at == p)
		*at = p->next;
	(void)fd_close(p->fd);
	if (p->done != NULL)
		p->done(p->userdata, code, err);
	free(p);
}

static void passed(struct shim_client *client, int code, const char *text,
	const struct json *result, void *data)
{
	struct bh_error err = BH_ERROR_INIT;

	if (code < 0)
		(void)bh_fail(&err, code, "%s", text != NULL ? text : strerror(-code));
	passing_finish(data, code, code < 0 ? &err : NULL);
}

void container_drop_client(struct container_entry *c)
{
	shim_client_free(c->shim);
	c->shim = NULL;
	for (struct passing *p = c->passing; p != NULL; p = c->passing) {
		c->passing = p->next;
		if (p->done != NULL)
			(void)engine_defer(c->engine, p->done, p->userdata, -ECANCELED, NULL);
		p->done = NULL;
		passing_finish(p, -ECANCELED, NULL);
	}
}

static int pass(struct container_entry *c, int fd, const struct shim_attach *attach,
	engine_done_fn done, void *userdata, struct bh_error *err)
{
	struct shim_request request = {.op = SHIM_OP_ATTACH, .has_stream = true, .attach = *attach};
	struct passing *p = calloc(1, sizeof(*p));
	int r;

	if (p == NULL)
		return bh_fail_errno(err, -ENOMEM, "attach");
	*p = (struct passing){.container = c,
		.fd = fcntl(fd, F_DUPFD_CLOEXEC, 0),
		.done = done,
		.userdata = userdata};
	r = p->fd < 0 ? bh_fail_errno(err, -errno, "attach")
		      : shim_client_send(c->shim, &request, &p->fd, 0, passed, p, err);
	if (r < 0) {
		(void)fd_close(p->fd);
		free(p);
		return r;
	}
	p->next = c->passing;
	c->passing = p;
	return 0;
}

void attach_flush_held(struct container_entry *c)
{
	while (c->held != NULL) {
		(void)pass(c, c->held->fd, &c->held->attach, NULL, NULL, NULL);
		held_free(c->held);
	}
}

int engine_container_attach(struct engine *e, const struct container *pub,
	const struct engine_attach *request, engine_done_fn done, void *userdata,
	struct bh_error *err)
{
	struct container_entry *c = container_of(pub);
	struct shim_attach attach;
	int r = engine_attach_convert(request, &attach, err);

	if (r < 0)
		return r;
	if (c->c.removing)
		return bh_fail(err, -EBUSY, "container %s is marked for removal", c->c.name);
	container_event(c, "attach", NULL, NULL);
	if (c->c.state == CONTAINER_RUNNING && c->shim != NULL)
		return pass(c, request->fd, &attach, done, userdata, err);
	r = hold(c, request->fd, &attach, err);
	return r < 0 ? r : engine_defer(e, done, userdata, 0, NULL);
}

int engine_container_resize(struct engine *e, const struct container *pub, uint16_t rows,
	uint16_t columns, struct bh_error *err)
{
	struct container_entry *c = container_of(pub);
	struct shim_request request = {.op = SHIM_OP_RESIZE, .rows = rows, .cols = columns};

	if (c->c.state != CONTAINER_RUNNING || c->shim == NULL)
		return bh_fail(err, -EBUSY, "container %s is not running", c->c.id);
	if (!c->c.tty)
		return bh_fail(err, -EINVAL, "container %s has no terminal", c->c.id);
	return shim_client_send(c->shim, &request, NULL, 0, NULL, NULL, err);
}
