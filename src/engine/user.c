// SPDX-License-Identifier: Apache-2.0
#include "engine/user.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "base/mem.h"
#include "kernel/path.h"

#define FIELDS_MAX 7
#define ID_MAX     65535u

struct field {
	const char *data;
	size_t len;
};

static bool field_is(const struct field *f, const char *text)
{
	return strlen(text) == f->len && memcmp(f->data, text, f->len) == 0;
}

static bool parse_id(const char *text, size_t len, uint32_t *ret)
{
	uint64_t value = 0;

	if (len == 0 || len > 10)
		return false;
	for (size_t i = 0; i < len; i++) {
		if (text[i] < '0' || text[i] > '9')
			return false;
		value = value * 10 + (uint64_t)(text[i] - '0');
	}
	if (value > UINT32_MAX)
		return false;
	*ret = (uint32_t)value;
	return true;
}

/* Split the line at text by ':'; returns the start of the next line, NULL at the end. */
static const char *next_entry(const char *text, struct field fields[FIELDS_MAX], size_t *ret_count)
{
	size_t line = strcspn(text, "\n"), n = 0;
	const char *end = text + line, *p = text;

	if (*text == '\0')
		return NULL;
	while (n < FIELDS_MAX) {
		const char *colon = memchr(p, ':', (size_t)(end - p));

		fields[n].data = p;
		fields[n++].len = (size_t)((colon != NULL ? colon : end) - p);
		if (colon == NULL)
			break;
		p = colon + 1;
	}
	*ret_count = n;
	return *end == '\n' ? end + 1 : end;
}

struct account {
	struct field name, home;
	uint32_t uid, gid;
};

/* By name, or by number when that is one; the first entry counts. */
static bool find_account(const char *passwd, const char *text, struct account *ret)
{
	struct field f[FIELDS_MAX];
	uint32_t want = 0;
	bool number = parse_id(text, strlen(text), &want);
	size_t n;

	while ((passwd = next_entry(passwd, f, &n)) != NULL) {
		struct account a = {.name = f[0]};

		if (n < 4 || !parse_id(f[2].data, f[2].len, &a.uid) ||
			!parse_id(f[3].data, f[3].len, &a.gid))
			continue;
		if (n > 5)
			a.home = f[5];
		if (field_is(&f[0], text) || (number && a.uid == want)) {
			*ret = a;
			return true;
		}
	}
	return false;
}

static bool find_group(const char *group, const char *text, uint32_t *ret)
{
	struct field f[FIELDS_MAX];
	size_t n;

	if (parse_id(text, strlen(text), ret))
		return true;
	while ((group = next_entry(group, f, &n)) != NULL)
		if (n >= 3 && field_is(&f[0], text) && parse_id(f[2].data, f[2].len, ret))
			return true;
	return false;
}

static bool is_member(const struct field *members, const struct field *name)
{
	const char *p = members->data, *end = p + members->len;

	while (p < end) {
		const char *comma = memchr(p, ',', (size_t)(end - p));
		size_t len = (size_t)((comma != NULL ? comma : end) - p);

		if (len == name->len && memcmp(p, name->data, len) == 0)
			return true;
		p += len + 1;
	}
	return false;
}

struct gids {
	uint32_t *items;
	size_t count, room;
};

static int add_gid(struct gids *g, uint32_t gid)
{
	for (size_t i = 0; i < g->count; i++)
		if (g->items[i] == gid)
			return 0;
	if (g->count == g->room)
		return -E2BIG;
	g->items[g->count++] = gid;
	return 0;
}

static size_t count_lines(const char *text)
{
	size_t n = 1;

	for (; *text != '\0'; text++)
		n += *text == '\n';
	return n;
}

static int add_memberships(const char *group, const struct field *name, struct gids *gids)
{
	struct field f[FIELDS_MAX];
	uint32_t gid;
	size_t n;
	int r = 0;

	while (r == 0 && (group = next_entry(group, f, &n)) != NULL)
		if (n >= 4 && is_member(&f[3], name) && parse_id(f[2].data, f[2].len, &gid) &&
			gid <= ID_MAX)
			r = add_gid(gids, gid);
	return r;
}

static int resolve_groups(const struct oci_strings *names, const char *group,
	const struct field *member, struct arena *a, struct user_found *found, struct bh_error *err)
{
	struct gids gids = {.room = count_lines(group) + (names != NULL ? names->count : 0) + 1};
	uint32_t gid;
	int r = 0;

	if (gids.room > USER_GROUPS_MAX)
		gids.room = USER_GROUPS_MAX;
	gids.items = arena_calloc(a, gids.room, sizeof(*gids.items));
	if (gids.items == NULL)
		return bh_fail_errno(err, -ENOMEM, "groups of the user");
	if (member->len > 0)
		r = add_memberships(group, member, &gids);
	for (size_t i = 0; r == 0 && names != NULL && i < names->count; i++) {
		if (!find_group(group, names->items[i], &gid) || gid > ID_MAX)
			return bh_fail(
				err, -EINVAL, "Unable to find group %.100s", names->items[i]);
		r = add_gid(&gids, gid);
	}
	if (r < 0)
		return bh_fail(err, r, "too many groups");
	found->user.additional_gids = gids.items;
	found->user.additional_gid_count = gids.count;
	return 0;
}

static int resolve_user(const char *name, const char *passwd, struct arena *a,
	struct user_found *found, struct field *ret_member, struct bh_error *err)
{
	struct account account;
	uint32_t id;

	if (*name == '\0' || strcasecmp(name, "ContainerAdministrator") == 0)
		name = "0";
	if (strcasecmp(name, "ContainerUser") == 0) {
		found->is_container_user = true;
		found->user.uid = found->user.gid = CONTAINER_USER_ID;
		return 0;
	}
	if (find_account(passwd, name, &account)) {
		found->user.uid = account.uid;
		found->user.gid = account.gid;
		*ret_member = account.name;
		if (account.home.len > 0) {
			found->home = arena_strndup(a, account.home.data, account.home.len);
			if (found->home == NULL)
				return bh_fail_errno(err, -ENOMEM, "user");
		}
		return 0;
	}
	if (!parse_id(name, strlen(name), &id))
		return bh_fail(err, -EINVAL,
			"unable to find user %.100s: no matching entries in passwd file", name);
	found->user.uid = id;
	return 0;
}

int user_resolve(const char *text, const struct oci_strings *groups, const char *passwd,
	const char *group, struct arena *a, struct user_found *ret, struct bh_error *err)
{
	struct user_found found = {.home = "/"};
	struct field member = {"", 0};
	const char *colon = text != NULL ? strchr(text, ':') : NULL;
	char *name = text == NULL    ? arena_strdup(a, "")
		     : colon == NULL ? arena_strdup(a, text)
				     : arena_strndup(a, text, (size_t)(colon - text));
	int r;

	if (name == NULL)
		return bh_fail_errno(err, -ENOMEM, "user");
	r = resolve_user(name, passwd, a, &found, &member, err);
	if (r < 0)
		return r;
	if (colon != NULL) {
		if (found.is_container_user)
			return bh_fail(err, -EINVAL, "ContainerUser takes no group");
		if (!find_group(group, colon + 1, &found.user.gid))
			return bh_fail(err, -EINVAL,
				"unable to find group %.100s: no matching entries in group file",
				colon + 1);
		member.len = 0;
	}
	if (found.user.uid > ID_MAX || found.user.gid > ID_MAX)
		return bh_fail(err, -EINVAL, "user %u:%u: a container has ids 0 to %u only",
			found.user.uid, found.user.gid, ID_MAX);
	r = resolve_groups(groups, group, &member, a, &found, err);
	if (r == 0)
		*ret = found;
	return r;
}

/* A missing or unusable file is an empty one; a large one is refused. */
static int read_file(int root, const char *path, struct buf *out, struct bh_error *err)
{
	_cleanup_close_ int fd = path_open_in_root(root, path, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0);
	struct stat st;
	int r;

	if (fd == -ENOENT || fd == -ENOTDIR)
		return 0;
	if (fd < 0)
		return bh_fail_errno(err, fd, "open %s of the container", path);
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return bh_fail(err, -EINVAL, "%s of the container is no regular file", path);
	r = fd_read_all(fd, out);
	return r < 0 ? bh_fail_errno(err, r, "read %s of the container", path) : 0;
}

int user_resolve_in_root(int root, const char *text, const struct oci_strings *groups,
	struct arena *a, struct user_found *ret, struct bh_error *err)
{
	_cleanup_buf_ struct buf passwd, group;
	int r;

	buf_init(&passwd, USER_FILE_MAX);
	buf_init(&group, USER_FILE_MAX);
	r = read_file(root, "/etc/passwd", &passwd, err);
	if (r == 0)
		r = read_file(root, "/etc/group", &group, err);
	if (r < 0)
		return r;
	return user_resolve(text, groups, buf_str(&passwd), buf_str(&group), a, ret, err);
}
