// SPDX-License-Identifier: Apache-2.0
/*
 * Order of writes: a layer is complete and synced in tmp/ before it is renamed into layers/, and
 * only then recorded; a record is gone before its directory moves to trash/. So a directory without
 * a record is garbage and a record without a directory is damage, which opening reports.
 */
#include "image/images.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>

#include "base/mem.h"
#include "image/config.h"
#include "image/images_private.h"

static const char *const migrations[] = {
	"CREATE TABLE layer (diff_id TEXT PRIMARY KEY, owner TEXT NOT NULL, tenant TEXT NOT NULL,"
	" size INTEGER NOT NULL) STRICT, WITHOUT ROWID;"
	"CREATE TABLE image (id TEXT PRIMARY KEY, owner TEXT NOT NULL, tenant TEXT NOT NULL,"
	" config BLOB NOT NULL, added INTEGER NOT NULL, tagged INTEGER NOT NULL) STRICT;"
	"CREATE TABLE image_layer (image TEXT NOT NULL REFERENCES image (id) ON DELETE CASCADE,"
	" position INTEGER NOT NULL, diff_id TEXT NOT NULL REFERENCES layer (diff_id),"
	" PRIMARY KEY (image, position)) STRICT, WITHOUT ROWID;"
	"CREATE INDEX image_layer_diff_id ON image_layer (diff_id);"
	"CREATE TABLE image_tag (name TEXT PRIMARY KEY,"
	" image TEXT NOT NULL REFERENCES image (id) ON DELETE CASCADE) STRICT, WITHOUT ROWID;",
};
static const struct store_schema schema = {"image", migrations, ARRAY_SIZE(migrations)};

void images_digest(const char *data, size_t len, char ret[static IMAGE_ID_LEN + 1])
{
	unsigned char md[SHA256_DIGEST_LENGTH];

	(void)SHA256((const unsigned char *)data, len, md);
	memcpy(ret, "sha256:", 8);
	for (size_t i = 0; i < sizeof(md); i++)
		(void)snprintf(ret + 7 + 2 * i, 3, "%02x", md[i]);
}

static void random_name(char ret[static 33])
{
	unsigned char bytes[16];

	if (getrandom(bytes, sizeof(bytes), 0) != (ssize_t)sizeof(bytes))
		memset(bytes, 0, sizeof(bytes));
	for (size_t i = 0; i < sizeof(bytes); i++)
		(void)snprintf(ret + 2 * i, 3, "%02x", bytes[i]);
}

int images_temp(struct images *im, char ret_name[static 33], struct bh_error *err)
{
	_cleanup_close_ int tmp =
		openat(im->data, IMAGES_TEMP_DIR, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int fd;

	random_name(ret_name);
	if (tmp < 0 || mkdirat(tmp, ret_name, 0755) < 0)
		return bh_fail_errno(err, -errno, "make a directory in %s", IMAGES_TEMP_DIR);
	fd = openat(tmp, ret_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? bh_fail_errno(err, -errno, "open a directory in %s", IMAGES_TEMP_DIR) : fd;
}

int images_discard(struct images *im, const char *dir, const char *name, struct bh_error *err)
{
	_cleanup_close_ int from = openat(im->data, dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	_cleanup_close_ int to =
		openat(im->data, IMAGES_TRASH_DIR, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	char target[33];

	if (from < 0 || to < 0)
		return bh_fail_errno(err, -errno, "open %s", from < 0 ? dir : IMAGES_TRASH_DIR);
	random_name(target);
	if (renameat(from, name, to, target) < 0 && errno != ENOENT)
		return bh_fail_errno(err, -errno, "move %s/%s to %s", dir, name, IMAGES_TRASH_DIR);
	return 0;
}

/* ---- memory ---- */

static void entry_free(struct image_entry *entry)
{
	free(entry->tag_items);
	arena_release(&entry->arena);
	free(entry);
}

struct image_entry *images_entry(const struct images *im, const char *id)
{
	for (struct image_entry *it = im->first; it != NULL; it = it->next)
		if (strcmp(it->image.id, id) == 0)
			return it;
	return NULL;
}

int images_load_tags(struct images *im, struct image_entry *entry, struct bh_error *err)
{
	_cleanup_rows_ struct store_rows rows = STORE_ROWS_INIT;
	char shown[REFERENCE_TEXT_MAX + 1];
	size_t n = 0;
	int r = store_query(im->store, &rows, err,
		"SELECT name FROM image_tag WHERE image = ? ORDER BY name", "t", entry->image.id);

	if (r < 0)
		return r;
	/* Names live in the entry's arena; it is bounded, so retagging without end fails cleanly.
	 */
	while ((r = store_rows_next(&rows, err)) > 0) {
		struct reference ref;
		const char **items;

		if (reference_parse(store_text(&rows, 0), &ref, NULL) < 0)
			continue;
		reference_format(&ref, shown);
		items = reallocarray(entry->tag_items, n + 1, sizeof(*items));
		if (items == NULL)
			return bh_fail_errno(err, -ENOMEM, "load tags");
		entry->tag_items = items;
		items[n] = arena_strdup(&entry->arena, shown);
		if (items[n] == NULL)
			return bh_fail_errno(err, -ENOMEM, "load tags");
		n++;
	}
	entry->image.tags = entry->tag_items;
	entry->image.tag_count = n;
	return r;
}

static int load_size(struct images *im, struct image_entry *entry, struct bh_error *err)
{
	_cleanup_rows_ struct store_rows rows = STORE_ROWS_INIT;
	int r = store_query(im->store, &rows, err,
		"SELECT coalesce(sum(size), 0) FROM image_layer JOIN layer USING (diff_id)"
		" WHERE image = ?",
		"t", entry->image.id);

	if (r == 0)
		r = store_rows_next(&rows, err);
	if (r > 0)
		entry->image.size = (uint64_t)store_int(&rows, 0);
	return r < 0 ? r : 0;
}

/* Make the entry of a recorded image and put it into the list, newest first. */
int images_load_entry(struct images *im, const struct image_row *row, struct image_entry **ret,
	struct bh_error *err)
{
	struct image_entry *entry = calloc(1, sizeof(*entry)), **at = &im->first;
	int r;

	if (entry == NULL)
		return bh_fail_errno(err, -ENOMEM, "load image");
	r = arena_init(&entry->arena, IMAGE_ENTRY_MAX);
	if (r == 0)
		r = image_config_parse(
			row->config, row->config_len, &entry->arena, &entry->image, err);
	(void)snprintf(entry->image.id, sizeof(entry->image.id), "%s", row->id);
	entry->image.owner = arena_strdup(&entry->arena, row->owner);
	entry->image.tenant = arena_strdup(&entry->arena, row->tenant);
	entry->image.tagged_ns = row->tagged;
	if (r == 0)
		r = images_load_tags(im, entry, err);
	if (r == 0)
		r = load_size(im, entry, err);
	if (r < 0) {
		entry_free(entry);
		return bh_wrap(err, "load image %s", row->id);
	}
	while (*at != NULL && (*at)->image.created_ns > entry->image.created_ns)
		at = &(*at)->next;
	entry->next = *at;
	*at = entry;
	im->count++;
	*ret = entry;
	return 0;
}

void images_unload(struct images *im, struct image_entry *entry)
{
	for (struct image_entry **at = &im->first; *at != NULL; at = &(*at)->next)
		if (*at == entry) {
			*at = entry->next;
			im->count--;
			entry_free(entry);
			return;
		}
}

static int load_all(struct images *im, struct bh_error *err)
{
	_cleanup_rows_ struct store_rows rows = STORE_ROWS_INIT;
	struct image_entry *entry;
	int r = store_query(im->store, &rows, err,
		"SELECT id, owner, tenant, config, tagged FROM image ORDER BY added", "");

	if (r < 0)
		return r;
	while ((r = store_rows_next(&rows, err)) > 0) {
		struct image_row row = {.id = store_text(&rows, 0),
			.owner = store_text(&rows, 1),
			.tenant = store_text(&rows, 2),
			.tagged = store_int(&rows, 4)};

		row.config = store_blob(&rows, 3, &row.config_len);
		r = images_load_entry(im, &row, &entry, err);
		if (r < 0)
			return r;
	}
	return r;
}

/* ---- directories ---- */

static bool layer_known(const struct images *im, const char *hex)
{
	for (const struct image_entry *it = im->first; it != NULL; it = it->next)
		for (size_t i = 0; i < it->image.layer_count; i++)
			if (strcmp(it->image.diff_ids[i] + 7, hex) == 0)
				return true;
	return false;
}

/* Move what nothing refers to out of one directory. */
static int sweep(struct images *im, const char *dir, bool all, struct bh_error *err)
{
	int fd = openat(im->data, dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC), r = 0;
	struct dirent *entry;
	DIR *d = fd < 0 ? NULL : fdopendir(fd);

	if (d == NULL) {
		r = bh_fail_errno(err, -errno, "read %s", dir);
		(void)fd_close(fd);
		return r;
	}
	while (r == 0 && (entry = readdir(d)) != NULL)
		if (entry->d_name[0] != '.' && (all || !layer_known(im, entry->d_name)))
			r = images_discard(im, dir, entry->d_name, err);
	(void)closedir(d);
	return r;
}

static int make_directories(int data, struct bh_error *err)
{
	static const char *const names[] = {IMAGES_LAYERS_DIR, IMAGES_TRASH_DIR, IMAGES_TEMP_DIR};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (mkdirat(data, names[i], 0755) < 0 && errno != EEXIST)
			return bh_fail_errno(err, -errno, "make directory %s", names[i]);
	return 0;
}

int images_open(struct store *store, int data_dirfd, const struct event_sink *sink,
	struct images **ret, struct bh_error *err)
{
	struct images *im = calloc(1, sizeof(*im));
	int r;

	if (im == NULL)
		return bh_fail_errno(err, -ENOMEM, "open images");
	*im = (struct images){.store = store, .data = data_dirfd, .sink = sink};
	r = store_register(store, &schema, err);
	if (r == 0)
		r = make_directories(data_dirfd, err);
	if (r == 0)
		r = load_all(im, err);
	if (r == 0)
		r = sweep(im, IMAGES_LAYERS_DIR, false, err);
	if (r == 0)
		r = sweep(im, IMAGES_TEMP_DIR, true, err);
	if (r < 0) {
		images_free(im);
		return r;
	}
	*ret = im;
	return 0;
}

void images_free(struct images *im)
{
	if (im == NULL)
		return;
	while (im->first != NULL)
		images_unload(im, im->first);
	free(im);
}

/* ---- looking up ---- */

size_t images_count(const struct images *im)
{
	return im->count;
}

const struct image *images_next(const struct images *im, const struct image *previous)
{
	const struct image_entry *entry;

	if (previous == NULL)
		return im->first != NULL ? &im->first->image : NULL;
	entry = (const struct image_entry *)previous; /* its first member */
	return entry->next != NULL ? &entry->next->image : NULL;
}

static struct image_entry *find_by_name(struct images *im, const char *text)
{
	char shown[REFERENCE_TEXT_MAX + 1];
	struct reference ref;

	if (reference_parse(text, &ref, NULL) < 0)
		return NULL;
	reference_format(&ref, shown);
	for (struct image_entry *it = im->first; it != NULL; it = it->next)
		for (size_t i = 0; i < it->image.tag_count; i++)
			if (strcmp(it->image.tags[i], shown) == 0)
				return it;
	return NULL;
}

static struct image_entry *find_by_id(struct images *im, const char *text)
{
	struct image_entry *found = NULL;
	const char *hex = strncmp(text, "sha256:", 7) == 0 ? text + 7 : text;
	size_t len = strlen(hex);

	if (len < 4 || len > 64 || strspn(hex, "0123456789abcdef") != len)
		return NULL;
	for (struct image_entry *it = im->first; it != NULL; it = it->next)
		if (strncmp(it->image.id + 7, hex, len) == 0) {
			if (found != NULL)
				return NULL;
			found = it;
		}
	return found;
}

int images_find(struct images *im, const char *text, const struct image **ret, struct bh_error *err)
{
	struct image_entry *entry = NULL;

	if (strlen(text) <= REFERENCE_TEXT_MAX) {
		entry = find_by_name(im, text);
		if (entry == NULL)
			entry = find_by_id(im, text);
	}
	if (entry == NULL)
		return bh_fail(err, -ENOENT, "No such image: %.256s", text);
	*ret = &entry->image;
	return 0;
}
