// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "engine/engine_private.h"

static const char *const migrations[] = {
	"CREATE TABLE container (id TEXT PRIMARY KEY, name TEXT NOT NULL UNIQUE,"
	" owner TEXT NOT NULL, tenant TEXT NOT NULL,"
	" image_ref TEXT NOT NULL, image_id TEXT NOT NULL REFERENCES image (id),"
	" config TEXT NOT NULL, host_config TEXT NOT NULL, hostname TEXT NOT NULL,"
	" id_range INTEGER NOT NULL UNIQUE,"
	" state INTEGER NOT NULL, pid INTEGER NOT NULL, exit_code INTEGER NOT NULL,"
	" oom_killed INTEGER NOT NULL, error TEXT NOT NULL, restart_count INTEGER NOT NULL,"
	" created INTEGER NOT NULL, started INTEGER NOT NULL, finished INTEGER NOT NULL) STRICT;",
};
const struct store_schema container_schema = {"container", migrations, ARRAY_SIZE(migrations)};

struct container_entry *container_of(const struct container *c)
{
	return (struct container_entry *)(uintptr_t)c; /* its first member */
}

int container_decode(
	const struct container *c, struct arena *a, struct docker_create *ret, struct bh_error *err)
{
	_cleanup_buf_ struct buf text;
	const struct json *tree;
	size_t len = strlen(c->config_json);
	int r;

	/* The Config object is the create body but for HostConfig. */
	buf_init(&text, 2 * DOCKER_BODY_MAX);
	(void)buf_append(&text, c->config_json, len - 1);
	(void)buf_puts(&text, ",\"HostConfig\":");
	(void)buf_puts(&text, c->host_config_json);
	(void)buf_putc(&text, '}');
	r = buf_status(&text);
	if (r < 0)
		return bh_fail_errno(err, r, "record of container %.12s", c->id);
	r = json_parse(text.data, text.len, a, &tree, err);
	if (r == 0)
		r = docker_create_decode(tree, a, ret, err);
	return r < 0 ? bh_wrap(err, "record of container %.12s", c->id) : 0;
}

/* ---- entries ---- */

static int fill_arguments(struct container_entry *entry, const struct docker_config *c)
{
	const char **argv =
		arena_calloc(&entry->arena, c->entrypoint.count + c->cmd.count + 1, sizeof(*argv));
	size_t n = 0;

	if (argv == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < c->entrypoint.count; i++)
		argv[n++] = arena_strdup(&entry->arena, c->entrypoint.items[i]);
	for (size_t i = 0; i < c->cmd.count; i++)
		argv[n++] = arena_strdup(&entry->arena, c->cmd.items[i]);
	entry->c.argv = argv;
	for (size_t i = 0; i < n; i++)
		if (argv[i] == NULL)
			return -ENOMEM;
	return 0;
}

static int fill_labels(struct container_entry *entry, const struct docker_pairs *labels)
{
	struct event_attribute *items = arena_calloc(&entry->arena, labels->count, sizeof(*items));

	if (items == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < labels->count; i++) {
		items[i].key = arena_strdup(&entry->arena, labels->items[i].key);
		items[i].value = arena_strdup(&entry->arena, labels->items[i].value);
		if (items[i].key == NULL || items[i].value == NULL)
			return -ENOMEM;
	}
	entry->c.labels = items;
	entry->c.label_count = labels->count;
	return 0;
}

static int fill_paths(struct container_entry *entry)
{
	const struct engine *e = entry->engine;
	struct container *c = &entry->c;
	struct arena *a = &entry->arena;

	c->log_path =
		arena_printf(a, "%s/" CONTAINERS_DIR "/%s/%s-json.log", e->data_root, c->id, c->id);
	c->hostname_path =
		arena_printf(a, "%s/" CONTAINERS_DIR "/%s/hostname", e->data_root, c->id);
	c->hosts_path = arena_printf(a, "%s/" CONTAINERS_DIR "/%s/hosts", e->data_root, c->id);
	c->resolv_path =
		arena_printf(a, "%s/" CONTAINERS_DIR "/%s/resolv.conf", e->data_root, c->id);
	return c->resolv_path == NULL ? -ENOMEM : 0;
}

/* What is derived from the body. */
static int fill_derived(struct container_entry *entry, struct bh_error *err)
{
	_cleanup_arena_ struct arena scratch = ARENA_INIT;
	struct docker_create body = {0};
	struct container *c = &entry->c;
	int r = arena_init(&scratch, DOCKER_ARENA_MAX);

	if (r == 0)
		r = container_decode(c, &scratch, &body, err);
	if (r < 0)
		return r;
	r = fill_arguments(entry, &body.config);
	if (r == 0)
		r = fill_labels(entry, &body.config.labels);
	if (r == 0)
		r = fill_paths(entry);
	c->tty = body.config.tty;
	c->open_stdin = body.config.open_stdin;
	c->stdin_once = body.config.stdin_once;
	c->auto_remove = body.host.auto_remove;
	c->isolation = "process";
	c->network_mode = body.host.network == DOCKER_NETWORK_NONE ? "none" : "default";
	return r < 0 ? bh_fail_errno(err, r, "container %.12s", c->id) : 0;
}

int container_entry_new(struct engine *e, const struct container *values,
	struct container_entry **ret, struct bh_error *err)
{
	struct container_entry *entry = calloc(1, sizeof(*entry));
	struct arena *a;
	int r;

	if (entry == NULL)
		return bh_fail_errno(err, -ENOMEM, "container");
	entry->engine = e;
	entry->c = *values;
	a = &entry->arena;
	r = arena_init(a, CONTAINER_ARENA_MAX);
	if (r == 0) {
		entry->name = strdup(values->name);
		entry->c.name = entry->name;
		entry->c.owner = arena_strdup(a, values->owner);
		entry->c.tenant = arena_strdup(a, values->tenant);
		entry->c.image_ref = arena_strdup(a, values->image_ref);
		entry->c.image_id = arena_strdup(a, values->image_id);
		entry->c.hostname = arena_strdup(a, values->hostname);
		entry->c.config_json = arena_strdup(a, values->config_json);
		entry->c.host_config_json = arena_strdup(a, values->host_config_json);
		entry->c.error = "";
		if (entry->name == NULL || entry->c.host_config_json == NULL)
			r = -ENOMEM;
	}
	if (r < 0)
		r = bh_fail_errno(err, r, "container %.12s", values->id);
	else
		r = fill_derived(entry, err);
	if (r == 0 && values->error != NULL)
		r = container_set_error(entry, values->error);
	if (r < 0) {
		container_entry_free(entry);
		return r;
	}
	*ret = entry;
	return 0;
}

void container_entry_free(struct container_entry *c)
{
	attach_drop_held(c);
	execs_free(c);
	container_drop_client(c);
	free(c->name);
	free(c->error);
	arena_release(&c->arena);
	free(c);
}

int container_set_error(struct container_entry *c, const char *text)
{
	char *copy = NULL;

	if (*text != '\0') {
		copy = strdup(text);
		if (copy == NULL)
			return -ENOMEM;
	}
	free(c->error);
	c->error = copy;
	c->c.error = copy != NULL ? copy : "";
	return 0;
}

/* Newest first. */
void container_link(struct container_entry *c)
{
	struct container_entry **at = &c->engine->first;

	while (*at != NULL && (*at)->c.created_ns > c->c.created_ns)
		at = &(*at)->next;
	c->next = *at;
	*at = c;
	c->engine->count++;
}

void container_unlink(struct container_entry *c)
{
	for (struct container_entry **at = &c->engine->first; *at != NULL; at = &(*at)->next)
		if (*at == c) {
			*at = c->next;
			c->engine->count--;
			return;
		}
}

/* ---- records ---- */

static int load_row(struct engine *e, const struct store_rows *rows, struct bh_error *err)
{
	struct container_entry *entry;
	struct container c = {.name = store_text(rows, 1),
		.owner = store_text(rows, 2),
		.tenant = store_text(rows, 3),
		.image_ref = store_text(rows, 4),
		.image_id = store_text(rows, 5),
		.config_json = store_text(rows, 6),
		.host_config_json = store_text(rows, 7),
		.hostname = store_text(rows, 8),
		.id_range_start = (uint32_t)store_int(rows, 9),
		.state = (enum container_state)store_int(rows, 10),
		.pid = (pid_t)store_int(rows, 11),
		.exit_code = (int)store_int(rows, 12),
		.oom_killed = store_int(rows, 13) != 0,
		.error = store_text(rows, 14),
		.restart_count = (uint32_t)store_int(rows, 15),
		.created_ns = store_int(rows, 16),
		.started_ns = store_int(rows, 17),
		.finished_ns = store_int(rows, 18)};
	int r;

	(void)snprintf(c.id, sizeof(c.id), "%s", store_text(rows, 0));
	r = container_entry_new(e, &c, &entry, err);
	if (r == 0)
		container_link(entry);
	return r;
}

int container_records_load(struct engine *e, struct bh_error *err)
{
	_cleanup_rows_ struct store_rows rows = STORE_ROWS_INIT;
	int r = store_query(e->store, &rows, err,
		"SELECT id, name, owner, tenant, image_ref, image_id, config, host_config, "
		"hostname,"
		" id_range, state, pid, exit_code, oom_killed, error, restart_count, created,"
		" started, finished FROM container",
		"");

	if (r < 0)
		return r;
	while ((r = store_rows_next(&rows, err)) > 0) {
		r = load_row(e, &rows, err);
		if (r < 0)
			return r;
	}
	return r;
}

int container_record_insert(struct container_entry *entry, struct bh_error *err)
{
	struct store *s = entry->engine->store;
	const struct container *c = &entry->c;
	int r = store_begin(s, err);

	if (r < 0)
		return r;
	r = id_range_record(s, c->id_range_start, c->id, err);
	if (r == 0)
		r = store_exec(s, err,
			"INSERT INTO container (id, name, owner, tenant, image_ref, image_id, "
			"config,"
			" host_config, hostname, id_range, state, pid, exit_code, oom_killed, "
			"error,"
			" restart_count, created, started, finished)"
			" VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0, 0, 0, 0, '', 0, ?, 0, 0)",
			"tttttttttii", c->id, c->name, c->owner, c->tenant, c->image_ref,
			c->image_id, c->config_json, c->host_config_json, c->hostname,
			(int64_t)c->id_range_start, c->created_ns);
	if (r < 0) {
		store_rollback(s);
		return r;
	}
	return store_commit(s, err);
}

int container_record_update(struct container_entry *entry, struct bh_error *err)
{
	const struct container *c = &entry->c;

	return store_exec(entry->engine->store, err,
		"UPDATE container SET name = ?, state = ?, pid = ?, exit_code = ?, oom_killed = ?,"
		" error = ?, restart_count = ?, started = ?, finished = ? WHERE id = ?",
		"tiiiitiiit", c->name, (int64_t)c->state, (int64_t)c->pid, (int64_t)c->exit_code,
		(int64_t)c->oom_killed, c->error, (int64_t)c->restart_count, c->started_ns,
		c->finished_ns, c->id);
}

int container_record_move(struct container_entry *entry, uint32_t first, struct bh_error *err)
{
	struct engine *e = entry->engine;
	int64_t now = engine_now_ns();
	int r = store_begin(e->store, err);

	if (r < 0)
		return r;
	r = id_range_record_release(e->store, entry->c.id_range_start, now, err);
	if (r == 0)
		r = id_range_record(e->store, first, entry->c.id, err);
	if (r == 0)
		r = store_exec(e->store, err, "UPDATE container SET id_range = ? WHERE id = ?",
			"it", (int64_t)first, entry->c.id);
	if (r < 0) {
		store_rollback(e->store);
		return r;
	}
	r = store_commit(e->store, err);
	if (r < 0)
		return r;
	id_ranges_mark(&e->ranges, entry->c.id_range_start, false, now);
	id_ranges_mark(&e->ranges, first, true, 0);
	entry->c.id_range_start = first;
	return 0;
}

int container_record_delete(struct container_entry *entry, struct bh_error *err)
{
	struct engine *e = entry->engine;
	int64_t now = engine_now_ns();
	int r = store_begin(e->store, err);

	if (r < 0)
		return r;
	r = store_exec(e->store, err, "DELETE FROM container WHERE id = ?", "t", entry->c.id);
	if (r == 0)
		r = id_range_record_release(e->store, entry->c.id_range_start, now, err);
	if (r < 0) {
		store_rollback(e->store);
		return r;
	}
	r = store_commit(e->store, err);
	if (r == 0)
		id_ranges_mark(&e->ranges, entry->c.id_range_start, false, now);
	return r;
}
