// SPDX-License-Identifier: Apache-2.0

/*
 * Requests are read strictly: a member that the operation does not have is refused, since a shim
 * may be older than the engine that asks and must not do half of what was meant. Replies and events
 * are read leniently for the same reason: a newer shim may tell more.
 */

#include "engine/shim_protocol.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <string.h>

#include "base/mem.h"

enum field {
	FIELD_SIGNAL = 1 << 0,
	FIELD_ALL = 1 << 1,
	FIELD_SIZE = 1 << 2,
	FIELD_EXEC = 1 << 3, /* may be there */
	FIELD_EXEC_NEEDED = 1 << 4,
	FIELD_STREAM = 1 << 5, /* may be there, with FIELD_ATTACH */
	FIELD_STREAM_NEEDED = 1 << 6,
	FIELD_RESOURCES = 1 << 7,
	FIELD_FILE = 1 << 8, /* a descriptor before the stream */
};

struct op_info {
	const char *name;
	unsigned int fields;
};

static const struct op_info OPS[] = {
	[SHIM_OP_START] = {"start", 0},
	[SHIM_OP_SIGNAL] = {"signal", FIELD_SIGNAL | FIELD_ALL},
	[SHIM_OP_RESIZE] = {"resize", FIELD_SIZE | FIELD_EXEC},
	[SHIM_OP_ATTACH] = {"attach", FIELD_EXEC | FIELD_STREAM | FIELD_STREAM_NEEDED},
	[SHIM_OP_CLOSE_STDIN] = {"close_stdin", FIELD_EXEC},
	[SHIM_OP_EXEC] = {"exec", FIELD_EXEC | FIELD_EXEC_NEEDED | FIELD_STREAM | FIELD_FILE},
	[SHIM_OP_EXEC_SIGNAL] = {"exec_signal", FIELD_EXEC | FIELD_EXEC_NEEDED | FIELD_SIGNAL},
	[SHIM_OP_PAUSE] = {"pause", 0},
	[SHIM_OP_RESUME] = {"resume", 0},
	[SHIM_OP_STATS] = {"stats", 0},
	[SHIM_OP_PIDS] = {"pids", 0},
	[SHIM_OP_UPDATE] = {"update", FIELD_RESOURCES},
	[SHIM_OP_STATE] = {"state", 0},
	[SHIM_OP_SHUTDOWN] = {"shutdown", 0},
};
static_assert(ARRAY_SIZE(OPS) == SHIM_OP_COUNT, "one row for each operation");

static const char *const EVENTS[] = {
	[SHIM_MESSAGE_REPLY] = NULL,
	[SHIM_MESSAGE_EXIT] = "exit",
	[SHIM_MESSAGE_EXEC_EXIT] = "exec_exit",
	[SHIM_MESSAGE_OOM] = "oom",
	[SHIM_MESSAGE_DETACH] = "detach",
};
static_assert(ARRAY_SIZE(EVENTS) == SHIM_MESSAGE_DETACH + 1, "one row for each kind");

const char *shim_op_name(enum shim_op op)
{
	return (size_t)op < ARRAY_SIZE(OPS) ? OPS[op].name : "?";
}

/* ---- checked members ---- */

static int bad(const struct json *node, const char *why, struct bh_error *err)
{
	_cleanup_buf_ struct buf at;

	buf_init(&at, 1024);
	(void)json_pointer(node, &at);
	return bh_fail(err, -EINVAL, "%s: %s", at.len > 0 ? buf_str(&at) : "/", why);
}

static int get_uint(const struct json *node, uint64_t max, uint64_t *ret, struct bh_error *err)
{
	uint64_t v = 0;

	if (json_uint64(node, &v) < 0 || v > max)
		return bad(node, "not a number in range", err);
	*ret = v;
	return 0;
}

static int get_bool(const struct json *node, bool *ret, struct bh_error *err)
{
	if (node->type != JSON_BOOL)
		return bad(node, "not a boolean", err);
	*ret = node->boolean;
	return 0;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Bytes travel in hexadecimal: they may be anything, and there are few of them. */
static int get_bytes(const struct json *node, size_t max, struct arena *a, uint8_t **ret,
	size_t *ret_len, struct bh_error *err)
{
	size_t len;
	uint8_t *p;

	if (node->type != JSON_STRING || node->string.len % 2 != 0 || node->string.len / 2 > max)
		return bad(node, "not a hexadecimal string of allowed length", err);
	len = node->string.len / 2;
	p = arena_alloc(a, len + 1);
	if (p == NULL)
		return bh_fail(err, -ENOMEM, "message: out of memory");
	for (size_t i = 0; i < len; i++) {
		int high = hex_digit(node->string.data[2 * i]);
		int low = hex_digit(node->string.data[2 * i + 1]);

		if (high < 0 || low < 0)
			return bad(node, "not a hexadecimal string of allowed length", err);
		p[i] = (uint8_t)(high << 4 | low);
	}
	*ret = p;
	*ret_len = len;
	return 0;
}

static void put_bytes(struct json_writer *w, const char *key, const void *data, size_t len)
{
	static const char digits[] = "0123456789abcdef";
	const uint8_t *p = data;

	/* Hexadecimal needs no escaping: append between quotes that the writer places. */
	json_key(w, key);
	json_put_raw(w, "\"");
	for (size_t i = 0; i < len; i++) {
		(void)buf_putc(w->out, digits[p[i] >> 4]);
		(void)buf_putc(w->out, digits[p[i] & 15]);
	}
	(void)buf_putc(w->out, '"');
}

/* An id names files and cgroups elsewhere, so only harmless characters pass. */
static bool id_valid(const char *id)
{
	size_t len = strlen(id);

	if (len == 0 || len > SHIM_ID_MAX || id[0] == '.')
		return false;
	return strspn(id, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.+-") ==
	       len;
}

/* ---- requests ---- */

static int decode_attach(
	const struct json *node, struct arena *a, struct shim_attach *ret, struct bh_error *err)
{
	if (node->type != JSON_OBJECT)
		return bad(node, "not an object", err);
	json_each (it, node) {
		uint8_t *bytes = NULL;
		int r;

		if (strcmp(it->key, "in") == 0) {
			r = get_bool(it, &ret->in, err);
		} else if (strcmp(it->key, "out") == 0) {
			r = get_bool(it, &ret->out, err);
		} else if (strcmp(it->key, "err") == 0) {
			r = get_bool(it, &ret->err, err);
		} else if (strcmp(it->key, "mux") == 0) {
			r = get_bool(it, &ret->mux, err);
		} else if (strcmp(it->key, "greeting") == 0) {
			ret->greeting = json_string(it);
			r = ret->greeting != NULL ? 0 : bad(it, "not a string", err);
		} else if (strcmp(it->key, "input") == 0) {
			r = get_bytes(it, SHIM_INPUT_MAX, a, &bytes, &ret->input_len, err);
			ret->input = bytes;
		} else if (strcmp(it->key, "detach_keys") == 0) {
			r = get_bytes(
				it, SHIM_DETACH_KEYS_MAX, a, &bytes, &ret->detach_key_count, err);
			if (bytes != NULL)
				memcpy(ret->detach_keys, bytes, ret->detach_key_count);
		} else {
			r = bad(it, "unknown member", err);
		}
		if (r < 0)
			return r;
	}
	return 0;
}

static int decode_op(const struct json *root, enum shim_op *ret, struct bh_error *err)
{
	const char *name = json_get_string(root, "op");

	if (name == NULL)
		return bh_fail(err, -EINVAL, "/op: missing or not a string");
	for (size_t i = 0; i < ARRAY_SIZE(OPS); i++) {
		if (strcmp(name, OPS[i].name) == 0) {
			*ret = (enum shim_op)i;
			return 0;
		}
	}
	return bh_fail(err, -ENOTSUP, "/op: unknown operation");
}

/* One member other than id and op; which fields it stands for is left in *seen. */
static int decode_member(const struct json *it, struct arena *a, struct shim_request *q,
	unsigned int *seen, struct bh_error *err)
{
	uint64_t n = 0;
	int r;

	if (strcmp(it->key, "signal") == 0) {
		*seen = FIELD_SIGNAL;
		r = get_uint(it, (uint64_t)SIGRTMAX, &n, err);
		q->signal = (int)n;
	} else if (strcmp(it->key, "all") == 0) {
		*seen = FIELD_ALL;
		r = get_bool(it, &q->all, err);
	} else if (strcmp(it->key, "rows") == 0) {
		*seen = FIELD_SIZE;
		r = get_uint(it, UINT16_MAX, &n, err);
		q->rows = (uint16_t)n;
	} else if (strcmp(it->key, "cols") == 0) {
		*seen = FIELD_SIZE;
		r = get_uint(it, UINT16_MAX, &n, err);
		q->cols = (uint16_t)n;
	} else if (strcmp(it->key, "exec_id") == 0) {
		*seen = FIELD_EXEC;
		q->exec_id = json_string(it);
		r = q->exec_id != NULL && id_valid(q->exec_id) ? 0 : bad(it, "not an id", err);
	} else if (strcmp(it->key, "attach") == 0) {
		*seen = FIELD_STREAM;
		q->has_stream = true;
		r = decode_attach(it, a, &q->attach, err);
	} else if (strcmp(it->key, "resources") == 0) {
		*seen = FIELD_RESOURCES;
		q->resources = it;
		r = it->type == JSON_OBJECT ? 0 : bad(it, "not an object", err);
	} else {
		r = bad(it, "unknown member", err);
	}
	return r;
}

static int check_complete(const struct shim_request *q, unsigned int seen, struct bh_error *err)
{
	unsigned int fields = OPS[q->op].fields;

	if ((fields & FIELD_SIGNAL) && !(seen & FIELD_SIGNAL))
		return bh_fail(err, -EINVAL, "/signal: missing");
	if ((fields & FIELD_EXEC_NEEDED) && q->exec_id == NULL)
		return bh_fail(err, -EINVAL, "/exec_id: missing");
	if ((fields & FIELD_STREAM_NEEDED) && !q->has_stream)
		return bh_fail(err, -EINVAL, "/attach: missing");
	if ((fields & FIELD_RESOURCES) && q->resources == NULL)
		return bh_fail(err, -EINVAL, "/resources: missing");
	return 0;
}

size_t shim_request_fd_count(const struct shim_request *request)
{
	unsigned int fields = OPS[request->op].fields;

	return ((fields & FIELD_FILE) ? 1u : 0u) +
	       ((fields & FIELD_STREAM) && request->has_stream ? 1u : 0u);
}

static int decode_request(const struct json *root, size_t fd_count, struct arena *a,
	struct shim_request *q, struct bh_error *err)
{
	unsigned int all_seen = 0;
	int r = decode_op(root, &q->op, err);

	if (r < 0)
		return r;
	json_each (it, root) {
		unsigned int seen = 0;

		if (strcmp(it->key, "id") == 0 || strcmp(it->key, "op") == 0)
			continue;
		r = decode_member(it, a, q, &seen, err);
		if (r < 0)
			return r;
		if (!(OPS[q->op].fields & seen))
			return bad(it, "not a member of this operation", err);
		all_seen |= seen;
	}
	r = check_complete(q, all_seen, err);
	if (r < 0)
		return r;
	if (fd_count != shim_request_fd_count(q))
		return bh_fail(err, -EBADMSG, "%zu descriptors came with \"%s\", expected %zu",
			fd_count, OPS[q->op].name, shim_request_fd_count(q));
	return 0;
}

int shim_request_decode(const char *text, size_t len, size_t fd_count, struct arena *a,
	struct shim_request *ret, struct bh_error *err)
{
	struct shim_request q = {0};
	const struct json *root, *id;
	int r;

	if (len > SHIM_MESSAGE_MAX)
		return bh_fail(err, -E2BIG, "message of more than %u bytes", SHIM_MESSAGE_MAX);
	r = json_parse(text, len, a, &root, err);
	if (r < 0)
		return r;
	if (root->type != JSON_OBJECT)
		return bh_fail(err, -EINVAL, "/: not an object");
	id = json_get(root, "id");
	if (id == NULL || json_uint64(id, &q.id) < 0)
		return bh_fail(err, -EINVAL, "/id: missing or not a number");
	/* The id is needed to answer a request that is wrong otherwise. */
	r = decode_request(root, fd_count, a, &q, err);
	if (r < 0) {
		ret->id = q.id;
		return r;
	}
	*ret = q;
	return 0;
}

static void write_attach(const struct shim_attach *at, struct json_writer *w)
{
	json_key(w, "attach");
	json_begin_object(w);
	json_member_bool(w, "in", at->in);
	json_member_bool(w, "out", at->out);
	json_member_bool(w, "err", at->err);
	json_member_bool(w, "mux", at->mux);
	if (at->detach_key_count > 0)
		put_bytes(w, "detach_keys", at->detach_keys, at->detach_key_count);
	if (at->greeting != NULL)
		json_member_string(w, "greeting", at->greeting);
	if (at->input_len > 0)
		put_bytes(w, "input", at->input, at->input_len);
	json_end_object(w);
}

static int check_encodable(const struct shim_request *q, struct bh_error *err)
{
	if ((size_t)q->op >= SHIM_OP_COUNT)
		return bh_fail(err, -EINVAL, "unknown operation");
	if (q->exec_id != NULL && !id_valid(q->exec_id))
		return bh_fail(err, -EINVAL, "exec id is not valid");
	if (q->attach.input_len > SHIM_INPUT_MAX)
		return bh_fail(err, -E2BIG, "more than %u bytes of early input", SHIM_INPUT_MAX);
	if (q->attach.detach_key_count > SHIM_DETACH_KEYS_MAX)
		return bh_fail(err, -E2BIG, "more than %d detach keys", SHIM_DETACH_KEYS_MAX);
	return 0;
}

int shim_request_encode(const struct shim_request *request, struct buf *out, struct bh_error *err)
{
	struct json_writer w = JSON_WRITER(out);
	unsigned int fields;
	int r = check_encodable(request, err);

	if (r < 0)
		return r;
	fields = OPS[request->op].fields;
	json_begin_object(&w);
	json_key(&w, "id");
	json_put_uint(&w, request->id);
	json_member_string(&w, "op", OPS[request->op].name);
	if (fields & FIELD_SIGNAL)
		json_member_int(&w, "signal", request->signal);
	if (fields & FIELD_ALL)
		json_member_bool(&w, "all", request->all);
	if (fields & FIELD_SIZE) {
		json_member_int(&w, "rows", request->rows);
		json_member_int(&w, "cols", request->cols);
	}
	if ((fields & FIELD_EXEC) && request->exec_id != NULL)
		json_member_string(&w, "exec_id", request->exec_id);
	if ((fields & FIELD_STREAM) && request->has_stream)
		write_attach(&request->attach, &w);
	if ((fields & FIELD_RESOURCES) && request->resources != NULL) {
		json_key(&w, "resources");
		json_put_tree(&w, request->resources);
	}
	json_end_object(&w);
	if (buf_status(out) < 0)
		return bh_fail(err, buf_status(out), "message of more than %zu bytes", out->max);
	return 0;
}

/* ---- replies and events ---- */

static int decode_reply(const struct json *root, struct shim_message *m, struct bh_error *err)
{
	const struct json *error = json_get(root, "error");

	if (json_uint64(json_get(root, "id"), &m->id) < 0)
		return bh_fail(err, -EINVAL, "/id: not a number");
	m->kind = SHIM_MESSAGE_REPLY;
	if (error == NULL) {
		m->result = json_get(root, "result");
		return 0;
	}
	m->code = (int)json_get_int(error, "code", 0);
	if (m->code >= 0 || m->code < -4095)
		return bh_fail(err, -EINVAL, "/error/code: not a negative error number");
	m->text = json_get_string(error, "text");
	if (m->text == NULL)
		m->text = "";
	return 0;
}

static int decode_event(const struct json *root, struct shim_message *m, struct bh_error *err)
{
	const char *name = json_get_string(root, "event");
	const struct json *exit = json_get(root, "exit");
	size_t i = 1;

	while (i < ARRAY_SIZE(EVENTS) && (name == NULL || strcmp(name, EVENTS[i]) != 0))
		i++;
	if (i == ARRAY_SIZE(EVENTS))
		return bh_fail(err, -ENOTSUP, "/event: unknown");
	m->kind = (enum shim_message_kind)i;
	m->exec_id = json_get_string(root, "exec_id");
	if (m->exec_id != NULL && !id_valid(m->exec_id))
		return bh_fail(err, -EINVAL, "/exec_id: not an id");
	if (m->kind == SHIM_MESSAGE_EXEC_EXIT && m->exec_id == NULL)
		return bh_fail(err, -EINVAL, "/exec_id: missing");
	if (m->kind != SHIM_MESSAGE_EXIT && m->kind != SHIM_MESSAGE_EXEC_EXIT)
		return 0;
	if (exit == NULL)
		return bh_fail(err, -EINVAL, "/exit: missing");
	return shim_exit_decode(exit, &m->exit, err);
}

int shim_message_decode(const char *text, size_t len, struct arena *a, struct shim_message *ret,
	struct bh_error *err)
{
	struct shim_message m = {0};
	const struct json *root;
	int r;

	if (len > SHIM_MESSAGE_MAX)
		return bh_fail(err, -E2BIG, "message of more than %u bytes", SHIM_MESSAGE_MAX);
	r = json_parse(text, len, a, &root, err);
	if (r < 0)
		return r;
	if (root->type != JSON_OBJECT)
		return bh_fail(err, -EINVAL, "/: not an object");
	r = json_get(root, "id") != NULL ? decode_reply(root, &m, err)
					 : decode_event(root, &m, err);
	if (r < 0)
		return r;
	*ret = m;
	return 0;
}

int shim_reply_encode(uint64_t id, const char *result, struct buf *out)
{
	struct json_writer w = JSON_WRITER(out);

	json_begin_object(&w);
	json_key(&w, "id");
	json_put_uint(&w, id);
	if (result != NULL) {
		json_key(&w, "result");
		json_put_raw(&w, result);
	}
	json_end_object(&w);
	return buf_status(out);
}

int shim_reply_error_encode(uint64_t id, int code, const char *text, struct buf *out)
{
	struct json_writer w = JSON_WRITER(out);

	json_begin_object(&w);
	json_key(&w, "id");
	json_put_uint(&w, id);
	json_key(&w, "error");
	json_begin_object(&w);
	json_member_int(&w, "code", code);
	json_member_string(&w, "text", text);
	json_end_object(&w);
	json_end_object(&w);
	return buf_status(out);
}

int shim_event_encode(enum shim_message_kind kind, const char *exec_id,
	const struct shim_exit *exit, struct buf *out)
{
	struct json_writer w = JSON_WRITER(out);

	json_begin_object(&w);
	json_member_string(&w, "event", EVENTS[kind]);
	if (exec_id != NULL)
		json_member_string(&w, "exec_id", exec_id);
	if (exit != NULL) {
		json_key(&w, "exit");
		shim_exit_write(exit, &w);
	}
	json_end_object(&w);
	return buf_status(out);
}

/* ---- detach keys, frames ---- */

static int detach_key(const char *key, size_t len)
{
	static const char control[] = "@abcdefghijklmnopqrstuvwxyz[\\]^_";
	const char *at;

	if (len == 1)
		return (unsigned char)key[0];
	if (len != 6 || strncmp(key, "ctrl-", 5) != 0)
		return -EINVAL;
	at = strchr(control, key[5]);
	return at != NULL ? (int)(at - control) : -EINVAL;
}

int shim_detach_keys_parse(const char *text, uint8_t ret[static SHIM_DETACH_KEYS_MAX],
	size_t *ret_count, struct bh_error *err)
{
	uint8_t keys[SHIM_DETACH_KEYS_MAX] = {0};
	size_t count = 0;

	while (*text != '\0') {
		/* "," alone is a key too, as in ",,ctrl-q" */
		size_t len = text[0] == ',' ? 1 : strcspn(text, ",");
		int key = detach_key(text, len);

		if (key < 0)
			return bh_fail(err, -EINVAL,
				"detach key \"%.*s\" is neither one character nor ctrl- with one "
				"of "
				"a-z @ [ \\ ] ^ _",
				(int)(len < 32 ? len : 32), text);
		if (count == SHIM_DETACH_KEYS_MAX)
			return bh_fail(
				err, -EINVAL, "more than %d detach keys", SHIM_DETACH_KEYS_MAX);
		keys[count++] = (uint8_t)key;
		text += len;
		if (*text == ',')
			text++;
	}
	memcpy(ret, keys, count);
	*ret_count = count;
	return 0;
}

void shim_frame_header(uint8_t ret[static SHIM_FRAME_HEADER], unsigned int stream, uint32_t len)
{
	memset(ret, 0, SHIM_FRAME_HEADER);
	ret[0] = (uint8_t)stream;
	ret[4] = (uint8_t)(len >> 24);
	ret[5] = (uint8_t)(len >> 16);
	ret[6] = (uint8_t)(len >> 8);
	ret[7] = (uint8_t)len;
}
