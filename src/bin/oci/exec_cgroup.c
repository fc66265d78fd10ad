// SPDX-License-Identifier: Apache-2.0
#include "bin/oci/exec_cgroup.h"

#include <errno.h>
#include <string.h>

/* Whether the comma-separated list names the len bytes at name. */
static bool list_has(const char *list, const char *name, size_t len)
{
	for (;;) {
		size_t n = strcspn(list, ",:");

		if (n == len && memcmp(list, name, len) == 0)
			return true;
		if (list[n] != ',')
			return false;
		list += n + 1;
	}
}

/* The path that the options give for a group (its controllers are a list, too), or NULL. */
static const char *sub_of(const struct options *o, const char *controllers)
{
	for (size_t i = 0; i < o->item_count; i++) {
		const char *at = o->items[i].text;

		if (o->items[i].id != OPT_CGROUP)
			continue;
		for (;; at++) {
			size_t n = strcspn(at, ",:");

			if (list_has(controllers, at, n))
				return strchr(at, ':') + 1;
			at += n;
			if (*at != ',')
				break;
		}
	}
	return NULL;
}

/* Every controller that an option names must be one of the container's, and named once. */
static int check_option(
	const struct options *o, const char *text, const struct json *groups, struct bh_error *err)
{
	const char *path = strchr(text, ':') + 1;
	const char *at = text;

	for (;; at++) {
		size_t n = strcspn(at, ",:"), seen = 0, known = 0;

		for (size_t i = 0; i < o->item_count; i++) {
			if (o->items[i].id == OPT_CGROUP)
				seen += list_has(o->items[i].text, at, n);
		}
		json_each (group, groups)
			known += list_has(json_get_string(group, "controllers") ?: "", at, n);
		if (n == 0 || known == 0 || seen != 1)
			return bh_fail(err, -EINVAL,
				"invalid --cgroup %s: controller \"%.*s\" is %s", text, (int)n, at,
				seen > 1 ? "given more than once" : "not one of the container's");
		at += n;
		if (*at == ':')
			break;
	}
	/* As a whole component: the path must stay below the container's group. */
	for (at = path; *at != '\0'; at += strcspn(at, "/"), at += strspn(at, "/")) {
		if (strcspn(at, "/") == 2 && memcmp(at, "..", 2) == 0)
			return bh_fail(
				err, -EINVAL, "invalid --cgroup %s: \"..\" is not possible", text);
	}
	return 0;
}

static void write_group(const struct options *o, const struct json *group, struct json_writer *w)
{
	const char *controllers = json_get_string(group, "controllers") ?: "";
	const char *path = json_get_string(group, "path") ?: "";
	const char *sub = sub_of(o, controllers);
	_cleanup_buf_ struct buf joined;

	buf_init(&joined, STATE_FILE_BYTES_MAX);
	(void)buf_printf(&joined, "%s%s%s", path, sub != NULL ? "/" : "", sub != NULL ? sub : "");
	json_begin_object(w);
	json_each (member, group) {
		json_key(w, member->key);
		if (strcmp(member->key, "path") == 0)
			json_put_string(w, buf_str(&joined));
		else
			json_put_tree(w, member);
	}
	json_end_object(w);
}

/* A copy of the saved groups with the paths that the options ask for. */
static int rewrite(
	struct oci *o, const struct json *saved, const struct json **ret, struct bh_error *err)
{
	_cleanup_buf_ struct buf text;
	struct json_writer w = JSON_WRITER(&text);

	buf_init(&text, STATE_FILE_BYTES_MAX);
	json_begin_object(&w);
	json_each (member, saved) {
		json_key(&w, member->key);
		if (strcmp(member->key, "groups") != 0 || member->type != JSON_ARRAY) {
			json_put_tree(&w, member);
			continue;
		}
		json_begin_array(&w);
		json_each (group, member)
			write_group(&o->options, group, &w);
		json_end_array(&w);
	}
	json_end_object(&w);
	if (buf_status(&text) < 0)
		return bh_fail_errno(err, buf_status(&text), "groups of the new process");
	return json_parse(buf_str(&text), text.len, &o->arena, ret, err);
}

int exec_cgroup(struct oci *o, const struct json *saved, const struct json **ret_saved,
	const char **ret_sub, struct bh_error *err)
{
	const struct options *opts = &o->options;
	const char *last = options_value(opts, OPT_CGROUP);
	const struct json *groups = saved != NULL ? json_get(saved, "groups") : NULL;
	size_t count = 0;

	*ret_saved = saved;
	*ret_sub = NULL;
	if (last == NULL)
		return 0;
	if (groups == NULL || groups->type != JSON_ARRAY)
		return bh_fail(err, -ENOTSUP, "--cgroup: the container has no control group");
	for (size_t i = 0; i < opts->item_count; i++)
		count += opts->items[i].id == OPT_CGROUP;
	if (count == 1 && strchr(last, ':') == NULL) {
		*ret_sub = last;
		return 0;
	}
	for (size_t i = 0; i < opts->item_count; i++) {
		int r;

		if (opts->items[i].id != OPT_CGROUP)
			continue;
		if (strchr(opts->items[i].text, ':') == NULL)
			return bh_fail(err, -EINVAL, "invalid --cgroup %s: CONTROLLER: is missing",
				opts->items[i].text);
		r = check_option(opts, opts->items[i].text, groups, err);
		if (r < 0)
			return r;
	}
	return rewrite(o, saved, ret_saved, err);
}
