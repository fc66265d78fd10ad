// SPDX-License-Identifier: Apache-2.0
#include "image/reference.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define DEFAULT_DOMAIN  "docker.io/"
#define DEFAULT_LIBRARY "docker.io/library/"

static bool is_lower_alnum(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

static bool is_word(char c)
{
	return is_lower_alnum(c) || (c >= 'A' && c <= 'Z') || c == '_';
}

int digest_valid(const char *text)
{
	static const char prefix[] = "sha256:";

	if (strncmp(text, prefix, sizeof(prefix) - 1) != 0)
		return 0;
	text += sizeof(prefix) - 1;
	return strlen(text) == 64 && strspn(text, "0123456789abcdef") == 64;
}

/* One path component: alphanumerics, with single '.', one or two '_', or any number of '-' between.
 */
static bool component_valid(const char *s, size_t len)
{
	if (len == 0 || !is_lower_alnum(s[0]) || !is_lower_alnum(s[len - 1]))
		return false;
	for (size_t i = 0; i < len; i++) {
		if (is_lower_alnum(s[i]) || s[i] == '-')
			continue;
		if (s[i] == '.' && is_lower_alnum(s[i - 1]) && is_lower_alnum(s[i + 1]))
			continue;
		if (s[i] == '_' && s[i - 1] != '.' && s[i - 1] != '-' &&
			!(s[i - 1] == '_' && s[i + 1] == '_'))
			continue;
		return false;
	}
	return true;
}

static bool path_valid(const char *s)
{
	for (;;) {
		size_t len = strcspn(s, "/");

		if (!component_valid(s, len))
			return false;
		if (s[len] == '\0')
			return true;
		s += len + 1;
	}
}

static bool domain_valid(const char *s, size_t len)
{
	size_t digits;

	for (size_t i = 0; i < len; i++) {
		if (s[i] == ':') {
			digits = len - i - 1;
			return i > 0 && digits > 0 && strspn(s + i + 1, "0123456789") == digits;
		}
		if (!is_word(s[i]) && s[i] != '.' && s[i] != '-')
			return false;
	}
	return len > 0;
}

static bool tag_valid(const char *s)
{
	size_t len = strlen(s);

	if (len == 0 || len > REFERENCE_TAG_MAX || !is_word(s[0]))
		return false;
	for (size_t i = 1; i < len; i++)
		if (!is_word(s[i]) && s[i] != '.' && s[i] != '-')
			return false;
	return true;
}

/* Whether the part before the first '/' is a host, not a path component. */
static bool has_domain(const char *name, size_t len)
{
	return name[len] == '/' &&
	       (memchr(name, '.', len) != NULL || memchr(name, ':', len) != NULL ||
		       (len == 9 && memcmp(name, "localhost", 9) == 0));
}

static int canonical(const char *name, struct reference *ret)
{
	size_t domain = strcspn(name, "/");
	const char *prefix = "";
	const char *path = name;
	int n;

	if (has_domain(name, domain)) {
		path = name + domain + 1;
		if (!domain_valid(name, domain))
			return -EINVAL;
		if (strncmp(name, DEFAULT_DOMAIN, sizeof(DEFAULT_DOMAIN) - 1) == 0 &&
			strchr(path, '/') == NULL) {
			name = path;
			prefix = DEFAULT_LIBRARY;
		}
	} else {
		prefix = strchr(name, '/') != NULL ? DEFAULT_DOMAIN : DEFAULT_LIBRARY;
	}
	if (!path_valid(path))
		return -EINVAL;
	n = snprintf(ret->repository, sizeof(ret->repository), "%s%s", prefix, name);
	return n < 0 || (size_t)n >= sizeof(ret->repository) ? -EINVAL : 0;
}

int reference_parse(const char *text, struct reference *ret, struct bh_error *err)
{
	struct reference ref = {0};
	char name[REFERENCE_TEXT_MAX + sizeof(ref.digest) + 2];
	char *at, *colon, *slash;

	if (strlen(text) >= sizeof(name))
		goto invalid;
	strcpy(name, text);
	at = strchr(name, '@');
	if (at != NULL) {
		*at++ = '\0';
		if (!digest_valid(at))
			goto invalid;
		strcpy(ref.digest, at);
	}
	slash = strrchr(name, '/');
	colon = strrchr(slash != NULL ? slash : name, ':');
	if (colon != NULL) {
		*colon++ = '\0';
		if (!tag_valid(colon))
			goto invalid;
		strcpy(ref.tag, colon);
	}
	if (canonical(name, &ref) < 0)
		goto invalid;
	*ret = ref;
	return 0;
invalid:
	return bh_fail(err, -EINVAL, "invalid reference format: \"%.256s\"", text);
}

const char *reference_familiar(const struct reference *ref)
{
	const char *name = ref->repository + sizeof(DEFAULT_DOMAIN) - 1;
	const char *official = ref->repository + sizeof(DEFAULT_LIBRARY) - 1;

	if (strncmp(ref->repository, DEFAULT_DOMAIN, sizeof(DEFAULT_DOMAIN) - 1) != 0)
		return ref->repository;
	if (strncmp(ref->repository, DEFAULT_LIBRARY, sizeof(DEFAULT_LIBRARY) - 1) == 0 &&
		strchr(official, '/') == NULL)
		return official;
	/* Short only where it means the same when read again. */
	return has_domain(name, strcspn(name, "/")) ? ref->repository : name;
}

void reference_format(const struct reference *ref, char out[static REFERENCE_TEXT_MAX + 1])
{
	(void)snprintf(out, REFERENCE_TEXT_MAX + 1, "%s:%s", reference_familiar(ref),
		ref->tag[0] != '\0' ? ref->tag : "latest");
}
