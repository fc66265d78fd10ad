// SPDX-License-Identifier: Apache-2.0
#include "seccomp_json.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fd.h"
#include "base/mem.h"

static const struct {
	const char *name;
	uint32_t value;
	bool has_data;
} actions[] = {
	{"SCMP_ACT_ALLOW", SECCOMP_RET_ALLOW, false},
	{"SCMP_ACT_LOG", SECCOMP_RET_LOG, false},
	{"SCMP_ACT_TRAP", SECCOMP_RET_TRAP, false},
	{"SCMP_ACT_NOTIFY", SECCOMP_RET_USER_NOTIF, false},
	{"SCMP_ACT_KILL", SECCOMP_RET_KILL_THREAD, false},
	{"SCMP_ACT_KILL_PROCESS", SECCOMP_RET_KILL_PROCESS, false},
	{"SCMP_ACT_ERRNO", SECCOMP_RET_ERRNO, true},
	{"SCMP_ACT_TRACE", SECCOMP_RET_TRACE, true},
};

static const char *const operators[] = {"SCMP_CMP_NE", "SCMP_CMP_LT", "SCMP_CMP_LE", "SCMP_CMP_EQ",
	"SCMP_CMP_GE", "SCMP_CMP_GT", "SCMP_CMP_MASKED_EQ"};

static uint32_t action_of(const struct json *object, const char *key, const char *data_key)
{
	const char *name = json_get_string(object, key);

	for (size_t i = 0; name != NULL && i < ARRAY_SIZE(actions); i++)
		if (strcmp(name, actions[i].name) == 0)
			return actions[i].value |
			       (actions[i].has_data
					       ? (uint32_t)json_get_int(object, data_key, EPERM) &
							 SECCOMP_RET_DATA
					       : 0);
	return SECCOMP_RET_KILL_THREAD;
}

static uint64_t number_of(const struct json *object, const char *key)
{
	uint64_t value = 0;
	const struct json *node = json_get(object, key);

	if (node != NULL && node->type == JSON_NUMBER)
		(void)json_uint64(node, &value);
	return value;
}

static size_t count_of(const struct json *array)
{
	return array != NULL && array->type == JSON_ARRAY ? array->children.count : 0;
}

static int strings_of(
	const struct json *array, struct arena *a, const char *const **ret, size_t *ret_count)
{
	const char **items = arena_calloc(a, count_of(array) + 1, sizeof(*items));
	size_t count = 0;

	if (items == NULL)
		return -ENOMEM;
	if (count_of(array) > 0)
		json_each (node, array)
			if (node->type == JSON_STRING)
				items[count++] = json_string(node);
	*ret = items;
	*ret_count = count;
	return 0;
}

static int conditions_of(const struct json *array, struct arena *a, struct seccomp_rule *rule)
{
	struct seccomp_condition *items = arena_calloc(a, count_of(array) + 1, sizeof(*items));

	if (items == NULL)
		return -ENOMEM;
	rule->conditions = items;
	if (count_of(array) == 0)
		return 0;
	json_each (node, array) {
		struct seccomp_condition *c = &items[rule->condition_count++];
		const char *op = json_get_string(node, "op");

		c->index = (uint32_t)number_of(node, "index");
		c->value = number_of(node, "value");
		c->value_two = number_of(node, "valueTwo");
		for (size_t i = 0; op != NULL && i < ARRAY_SIZE(operators); i++)
			if (strcmp(op, operators[i]) == 0)
				c->op = (enum seccomp_operator)i;
	}
	return 0;
}

int seccomp_json_profile(const struct json *object, struct arena *a, struct seccomp_profile *ret)
{
	const struct json *list = json_get(object, "syscalls");
	struct seccomp_rule *rules = arena_calloc(a, count_of(list) + 1, sizeof(*rules));
	struct seccomp_profile p = {.rules = rules};
	int r;

	if (rules == NULL)
		return -ENOMEM;
	p.default_action = action_of(object, "defaultAction", "defaultErrnoRet");
	r = strings_of(
		json_get(object, "architectures"), a, &p.architectures, &p.architecture_count);
	if (r < 0)
		return r;
	if (count_of(list) > 0) {
		json_each (node, list) {
			struct seccomp_rule *rule = &rules[p.rule_count++];

			rule->action = action_of(node, "action", "errnoRet");
			r = strings_of(json_get(node, "names"), a, &rule->names, &rule->name_count);
			if (r == 0)
				r = conditions_of(json_get(node, "args"), a, rule);
			if (r < 0)
				return r;
		}
	}
	*ret = p;
	return 0;
}

void seccomp_json_load(const char *path, struct arena *a, struct seccomp_profile *ret)
{
	struct bh_error err = BH_ERROR_INIT;
	const struct json *root;
	_cleanup_buf_ struct buf text;

	buf_init(&text, 1u << 20);
	if (fd_read_file(AT_FDCWD, path, &text) < 0 ||
		json_parse(text.data, text.len, a, &root, &err) < 0 ||
		seccomp_json_profile(root, a, ret) < 0) {
		fprintf(stderr, "%s: %s\n", path, bh_error_text(&err, -EIO));
		exit(1);
	}
}
