// SPDX-License-Identifier: Apache-2.0
/* What of the host a container may be given by a bind. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/mem.h"
#include "engine/engine_private.h"
#include "image/snapshot.h"

static bool is_below(const char *path, const char *dir)
{
	size_t len = strlen(dir);

	return strncmp(path, dir, len) == 0 &&
	       (path[len] == '\0' || path[len] == '/' || strcmp(dir, "/") == 0);
}

/* A bind that holds the engine's own socket hands over the engine. Links are resolved first. */
static int check_sockets(struct engine *e, const char *source, struct bh_error *err)
{
	char real[PATH_MAX], socket[PATH_MAX];

	if (e->config->engine_socket || e->sockets == NULL || realpath(source, real) == NULL)
		return 0;
	for (size_t i = 0; e->sockets[i] != NULL; i++)
		if (realpath(e->sockets[i], socket) != NULL && is_below(socket, real))
			return bh_fail(err, -EPERM,
				"bind of %s would give the container the engine's own socket; "
				"daemon.json needs \"engine-socket\": true for that",
				source);
	return 0;
}

/* Resolve path, or as much of it as exists. */
static int resolve(const char *path, char real[static PATH_MAX])
{
	_cleanup_free_ char *rest = strdup(path);

	if (rest == NULL)
		return -ENOMEM;
	while (realpath(rest, real) == NULL) {
		char *slash = strrchr(rest, '/');

		if ((errno != ENOENT && errno != ENOTDIR) || slash == NULL)
			return -errno;
		slash[slash == rest] = '\0';
	}
	return 0;
}

/* Is one, a resolved path, the file that two is, or below it? Compared by the files' numbers, so
 * that another mount of the same directory counts too. */
static bool is_in(const char *one, const char *two)
{
	char path[PATH_MAX];
	struct stat want, st;

	if (stat(two, &want) < 0)
		return false;
	(void)snprintf(path, sizeof(path), "%s", one);
	for (;;) {
		char *slash = strrchr(path, '/');

		if (stat(path, &st) == 0 && st.st_dev == want.st_dev && st.st_ino == want.st_ino)
			return true;
		if (slash == NULL || strcmp(path, "/") == 0)
			return false;
		slash[slash == path] = '\0';
	}
}

/* The engine's own directories hold the other containers, the records and the shims' sockets. */
static int check_roots(const struct engine *e, const char *source, struct bh_error *err)
{
	const struct {
		const char *name, *path;
	} roots[] = {{"data root", e->data_root}, {"exec root", e->exec_root}};
	char real[PATH_MAX];
	int r = resolve(source, real);

	if (r < 0)
		return bh_fail(err, -EINVAL, "bind source %.300s: %s", source, strerror(-r));
	for (size_t i = 0; i < ARRAY_SIZE(roots); i++)
		if (is_in(real, roots[i].path) || is_in(roots[i].path, real))
			return bh_fail(err, -EPERM,
				"bind of %.300s would give the container the engine's %s %s, which "
				"no container may have; bind a directory that does not hold it",
				source, roots[i].name, roots[i].path);
	return 0;
}

int bind_check_reach(struct engine *e, const char *source, struct bh_error *err)
{
	int r = check_roots(e, source, err);

	return r < 0 ? r : check_sockets(e, source, err);
}

int bind_check(
	struct engine *e, const struct docker_mount *m, struct buf *warnings, struct bh_error *err)
{
	_cleanup_close_ int fd = -EBADF;
	int r = bind_check_reach(e, m->source, err);

	if (r < 0)
		return r;
	fd = open(m->source, O_PATH | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT && m->create_source
			       ? 0
			       : bh_fail(err, -EINVAL,
					 "invalid mount config for type \"bind\": bind source path "
					 "does "
					 "not exist: %s",
					 m->source);
	r = snapshot_can_map(fd, !m->non_recursive, err);
	if (r == 0)
		(void)buf_printf(warnings,
			"the file system of %s cannot be id-mapped: its files show owner 65534 in "
			"the container\n",
			m->source);
	return r < 0 ? r : 0;
}
