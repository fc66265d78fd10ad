// SPDX-License-Identifier: Apache-2.0
/* The document config.json: its outermost object, its version, reading it from a file. */
#include <errno.h>
#include <string.h>

#include "base/fd.h"
#include "base/mem.h"
#include "spec/oci_decode.h"

#define MOUNTS_MAX   4096u
#define HOSTNAME_MAX 64u /* __NEW_UTS_LEN */

static int decode_host_name(struct oci_decoder *d, const struct json *node, void *target)
{
	int e = oci_decode_string(d, node, target);

	if (e == 0 && node->string.len > HOSTNAME_MAX)
		return oci_refuse(d, node, -EINVAL, "is longer than %u bytes", HOSTNAME_MAX);
	return e;
}

/* One dotted number of a version, without leading zeros. */
static bool version_number(const char **p)
{
	size_t digits = strspn(*p, "0123456789");

	if (digits == 0 || digits > 9 || (digits > 1 && **p == '0'))
		return false;
	*p += digits;
	return true;
}

/* Semantic Versioning 2.0.0, any 1.x: a minor version adds fields and takes none away, and a field
 * not known here is refused or reported on its own. */
static bool is_version_1(const char *p)
{
	bool one = p[0] == '1' && p[1] == '.';

	if (!version_number(&p) || *p++ != '.' || !version_number(&p) || *p++ != '.' ||
		!version_number(&p))
		return false;
	if (*p != '\0' && *p != '-' && *p != '+')
		return false;
	if (*p != '\0' && p[1] == '\0')
		return false;
	for (; *p != '\0'; p++)
		if (strchr("0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-+",
			    *p) == NULL)
			return false;
	return one;
}

static int decode_version(struct oci_decoder *d, const struct json *node, void *target)
{
	int e = oci_decode_text(d, node, target);

	if (e == 0 && !is_version_1(node->string.data))
		return oci_refuse(
			d, node, -EINVAL, "\"%.32s\" is not a version 1.x.y", node->string.data);
	return e;
}

static int decode_root_path(struct oci_decoder *d, const struct json *node, void *target)
{
	int e = oci_decode_string(d, node, target);

	if (e == 0 && node->string.len == 0)
		return oci_refuse(d, node, -EINVAL, "must not be empty");
	return e;
}

static int decode_process(struct oci_decoder *d, const struct json *node, void *target)
{
	struct oci_config *c = target;

	c->has_process = true;
	return oci_decode_object(d, node, &oci_object_process, &c->process);
}

static const struct oci_field root_fields[] = {
	OCI_NEED("path", decode_root_path, struct oci_config, root_path),
	OCI_VALUE("readonly", oci_decode_bool, struct oci_config, root_readonly),
};

static const struct oci_object root_object = {
	.fields = root_fields, .count = ARRAY_SIZE(root_fields)};

static int check_config(struct oci_decoder *d, const struct json *node, void *target)
{
	struct oci_config *c = target;

	if (c->root_path == NULL) {
		struct json missing = {.parent = node, .key = "root"};

		return oci_refuse(d, &missing, -EINVAL, "is required");
	}
	return oci_check_config(d, node, c);
}

#define OTHER_PLATFORM "this runtime makes Linux containers"

static const struct oci_field config_fields[] = {
	OCI_NEED("ociVersion", decode_version, struct oci_config, version),
	{.name = "process",
		.kind = OCI_FIELD_VALUE,
		.decode = decode_process,
		.object = &oci_object_process},
	OCI_INLINE("root", &root_object),
	OCI_VALUE("hostname", decode_host_name, struct oci_config, hostname),
	OCI_VALUE("domainname", decode_host_name, struct oci_config, domainname),
	OCI_LIST("mounts", &oci_object_mount, MOUNTS_MAX, struct oci_config, mounts),
	OCI_INLINE("hooks", &oci_object_hooks),
	OCI_VALUE("annotations", oci_decode_pairs, struct oci_config, annotations),
	OCI_INLINE("linux", &oci_object_linux),
	OCI_REFUSED("solaris", OTHER_PLATFORM),
	OCI_REFUSED("windows", OTHER_PLATFORM),
	OCI_REFUSED("zos", OTHER_PLATFORM),
	OCI_REFUSED("freebsd", OTHER_PLATFORM),
	OCI_REFUSED("vm", "this runtime shares the host's kernel"),
};

const struct oci_object oci_object_config = {
	.fields = config_fields, .count = ARRAY_SIZE(config_fields), .check = check_config};

int oci_config_decode(
	const struct json *tree, struct arena *a, struct oci_config *ret, struct bh_error *err)
{
	struct oci_decoder d = {.arena = a, .err = err};
	struct oci_config config = {.tree = tree};
	int e = oci_decode_object(&d, tree, &oci_object_config, &config);

	if (e == 0)
		e = oci_take_warnings(&d, &config.warnings);
	if (e < 0)
		return e;
	*ret = config;
	return 0;
}

int oci_config_load(
	int dirfd, const char *path, struct arena *a, struct oci_config *ret, struct bh_error *err)
{
	_cleanup_buf_ struct buf text;
	const struct json *tree;
	int e;

	buf_init(&text, OCI_CONFIG_BYTES_MAX);
	e = fd_read_file(dirfd, path, &text);
	if (e < 0)
		return bh_fail_errno(err, e, "read %s", path);
	e = json_parse(buf_str(&text), text.len, a, &tree, err);
	if (e == 0)
		e = oci_config_decode(tree, a, ret, err);
	return e < 0 ? bh_wrap(err, "%s", path) : 0;
}

const char *oci_annotation(const struct oci_config *config, const char *key)
{
	for (size_t i = 0; i < config->annotation_count; i++)
		if (strcmp(config->annotations[i].key, key) == 0)
			return config->annotations[i].value;
	return NULL;
}
