// SPDX-License-Identifier: Apache-2.0
/*
 * The instructions that `docker import --change` and `commit --change` take: one Dockerfile line
 * each, without variables and continuation.
 */
#include <ctype.h>
#include <errno.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "image/config.h"

#define WORDS_MAX 256

struct words {
	const char *items[WORDS_MAX + 1];
	size_t count;
};

/* Blank-separated words with '...', "..." and backslashes taken off. */
static int split(const char *text, struct arena *a, struct words *ret)
{
	ret->count = 0;
	for (;;) {
		char *word, quote = '\0';
		size_t n = 0;

		text += strspn(text, " \t");
		if (*text == '\0')
			return 0;
		word = arena_alloc(a, strlen(text) + 1);
		if (word == NULL)
			return -ENOMEM;
		if (ret->count == WORDS_MAX)
			return -E2BIG;
		for (; *text != '\0' && (quote != '\0' || (*text != ' ' && *text != '\t'));
			text++) {
			if (*text == quote && quote != '\0')
				quote = '\0';
			else if (quote == '\0' && (*text == '"' || *text == '\''))
				quote = *text;
			else if (*text == '\\' && quote != '\'' && text[1] != '\0')
				word[n++] = *++text;
			else
				word[n++] = *text;
		}
		if (quote != '\0')
			return -EINVAL;
		ret->items[ret->count++] = word;
	}
}

static int append(struct arena *a, struct oci_strings *list, const char *item)
{
	const char **items = arena_calloc(a, list->count + 2, sizeof(*items));

	if (items == NULL || item == NULL)
		return -ENOMEM;
	if (list->count > 0)
		memcpy(items, list->items, list->count * sizeof(*items));
	items[list->count] = item;
	*list = (struct oci_strings){items, list->count + 1};
	return 0;
}

static int append_words(struct arena *a, struct oci_strings *list, const struct words *words)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < words->count; i++)
		r = append(a, list, words->items[i]);
	return r;
}

/* ["a","b"], or a line for the shell. */
static int command(const char *text, struct arena *a, struct oci_strings *ret)
{
	const struct json *tree;
	int r = 0;

	*ret = (struct oci_strings){NULL, 0};
	if (*text == '[' && json_parse(text, strlen(text), a, &tree, NULL) == 0) {
		json_each (it, tree) {
			if (json_string(it) == NULL)
				return -EINVAL;
			r = r < 0 ? r : append(a, ret, json_string(it));
		}
		return r;
	}
	r = append(a, ret, "/bin/sh");
	if (r == 0)
		r = append(a, ret, "-c");
	return r < 0 ? r : append(a, ret, arena_strdup(a, text));
}

/* "k=v k2=v2", or the old form "k rest of the line". */
static int pairs(const char *text, struct arena *a, struct oci_strings *ret)
{
	struct words words;
	int r = split(text, a, &words);

	if (r < 0)
		return r;
	if (words.count == 0)
		return -EINVAL;
	if (strchr(words.items[0], '=') == NULL) {
		const char *value = text + strcspn(text, " \t");

		if (words.count < 2)
			return -EINVAL;
		return append(a, ret,
			arena_printf(a, "%s=%s", words.items[0], value + strspn(value, " \t")));
	}
	for (size_t i = 0; i < words.count; i++)
		if (strchr(words.items[i], '=') == NULL || words.items[i][0] == '=')
			return -EINVAL;
	return append_words(a, ret, &words);
}

static int labels(const char *text, struct arena *a, struct docker_pairs *ret)
{
	struct oci_strings list = {NULL, 0};
	struct oci_pair *items;
	int r = pairs(text, a, &list);

	if (r < 0)
		return r;
	items = arena_calloc(a, ret->count + list.count, sizeof(*items));
	if (items == NULL)
		return -ENOMEM;
	if (ret->count > 0)
		memcpy(items, ret->items, ret->count * sizeof(*items));
	for (size_t i = 0; i < list.count; i++) {
		size_t len = strcspn(list.items[i], "=");

		items[ret->count + i].key = arena_strndup(a, list.items[i], len);
		items[ret->count + i].value = list.items[i] + len + 1;
		if (items[ret->count + i].key == NULL)
			return -ENOMEM;
	}
	*ret = (struct docker_pairs){items, ret->count + list.count};
	return 0;
}

static int list_of(const char *text, const char *suffix, struct arena *a, struct oci_strings *ret)
{
	struct oci_strings exec = {NULL, 0};
	struct words words;
	int r;

	if (*text == '[') {
		r = command(text, a, &exec);
		for (size_t i = 0; r == 0 && i < exec.count; i++)
			r = append(a, ret, exec.items[i]);
		return r;
	}
	r = split(text, a, &words);
	for (size_t i = 0; r == 0 && i < words.count; i++)
		r = append(a, ret,
			arena_printf(a, "%s%s", words.items[i],
				strchr(words.items[i], '/') == NULL ? suffix : ""));
	return r;
}

static int workdir(const char *text, struct arena *a, struct docker_config *c)
{
	if (*text == '/')
		c->working_dir = arena_strdup(a, text);
	else
		c->working_dir = arena_printf(a, "%s/%s",
			c->working_dir != NULL && strcmp(c->working_dir, "/") != 0 ? c->working_dir
										   : "",
			text);
	return c->working_dir == NULL ? -ENOMEM : 0;
}

static int apply(const char *word, const char *text, struct arena *a, struct docker_config *c)
{
	if (strcasecmp(word, "CMD") == 0) {
		c->has_cmd = true;
		return command(text, a, &c->cmd);
	}
	if (strcasecmp(word, "ENTRYPOINT") == 0) {
		c->has_entrypoint = true;
		return command(text, a, &c->entrypoint);
	}
	if (strcasecmp(word, "ENV") == 0)
		return pairs(text, a, &c->env);
	if (strcasecmp(word, "LABEL") == 0)
		return labels(text, a, &c->labels);
	if (strcasecmp(word, "EXPOSE") == 0)
		return list_of(text, "/tcp", a, &c->exposed_ports);
	if (strcasecmp(word, "VOLUME") == 0)
		return list_of(text, "", a, &c->volumes);
	if (strcasecmp(word, "WORKDIR") == 0)
		return workdir(text, a, c);
	if (strcasecmp(word, "USER") == 0) {
		c->user = arena_strdup(a, text);
		return c->user == NULL ? -ENOMEM : 0;
	}
	if (strcasecmp(word, "STOPSIGNAL") == 0) {
		c->stop_signal = arena_strdup(a, text);
		return docker_signal_parse(text) < 0 ? -EINVAL : 0;
	}
	return -ENOTSUP;
}

static int apply_line(
	const char *line, struct arena *a, struct docker_config *c, struct bh_error *err)
{
	char word[32];
	size_t len;
	int r;

	if (strlen(line) > IMAGE_CHANGE_LEN_MAX)
		return bh_fail(err, -E2BIG, "change is longer than %d bytes", IMAGE_CHANGE_LEN_MAX);
	line += strspn(line, " \t");
	len = strcspn(line, " \t");
	if (len == 0 || len >= sizeof(word))
		return bh_fail(err, -EINVAL, "\"%.64s\" is no Dockerfile instruction", line);
	memcpy(word, line, len);
	word[len] = '\0';
	line += len;
	line += strspn(line, " \t");
	if (*line == '\0')
		return bh_fail(err, -EINVAL, "%s needs an argument", word);
	r = apply(word, line, a, c);
	if (r == -ENOTSUP)
		return bh_fail(err, -EINVAL,
			"%s is not a valid change command; CMD, ENTRYPOINT, ENV, EXPOSE, LABEL, "
			"STOPSIGNAL, USER, VOLUME and WORKDIR are",
			word);
	return r < 0 ? bh_fail_errno(err, r, "change \"%s %.200s\"", word, line) : 0;
}

int image_changes_apply(const char *const *changes, size_t count, struct arena *a,
	struct docker_config *ret, struct bh_error *err)
{
	struct docker_config c = {0};

	if (count > IMAGE_CHANGES_MAX)
		return bh_fail(err, -E2BIG, "more than %d changes", IMAGE_CHANGES_MAX);
	for (size_t i = 0; i < count; i++) {
		int r = apply_line(changes[i], a, &c, err);

		if (r < 0)
			return r;
	}
	*ret = c;
	return 0;
}
