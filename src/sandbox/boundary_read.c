// SPDX-License-Identifier: Apache-2.0
/*
 * Gathers the facts of a boundary report from /proc/PID, the container's root and the cgroup file
 * systems. The container is hostile: its names are only printed, its paths are only opened with
 * O_PATH or O_DIRECTORY inside its own root, never on file systems whose server it may be, and all
 * lists are bounded. A process that ends meanwhile gives -ESRCH.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/nsfs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "sandbox/boundary_read.h"

#define TEXT_MAX (4u << 20)
/* Namespaces nest at most this deep in the kernel. */
#define USER_NS_DEPTH_MAX 33
#define OVERFLOW_ID       65534

const char *boundary_read_text(int dirfd, const char *path, struct arena *a)
{
	_cleanup_buf_ struct buf text;

	buf_init(&text, TEXT_MAX);
	if (fd_read_file(dirfd, path, &text) < 0)
		return NULL;
	while (text.len > 0 && (text.data[text.len - 1] == '\n' || text.data[text.len - 1] == '\0'))
		text.len--;
	return arena_strndup(a, text.len > 0 ? text.data : "", text.len);
}

char *boundary_token(char **text, char separator)
{
	char *start = *text, *end;

	if (start == NULL || *start == '\0')
		return NULL;
	end = strchr(start, separator);
	if (end == NULL) {
		*text = start + strlen(start);
	} else {
		*end = '\0';
		*text = end + 1;
	}
	return start;
}

/* ---- namespaces ---- */

static const char *const ns_files[BOUNDARY_NS_COUNT] = {
	[BOUNDARY_NS_USER] = "user",
	[BOUNDARY_NS_MOUNT] = "mnt",
	[BOUNDARY_NS_PID] = "pid",
	[BOUNDARY_NS_NETWORK] = "net",
	[BOUNDARY_NS_IPC] = "ipc",
	[BOUNDARY_NS_UTS] = "uts",
	[BOUNDARY_NS_CGROUP] = "cgroup",
	[BOUNDARY_NS_TIME] = "time",
};

static int open_ns(int proc, enum boundary_ns ns)
{
	char path[32];

	(void)snprintf(path, sizeof(path), "ns/%s", ns_files[ns]);
	return openat(proc, path, O_RDONLY | O_CLOEXEC);
}

static bool same_file(int fd, int other)
{
	struct stat one, two;

	return fd >= 0 && other >= 0 && fstat(fd, &one) == 0 && fstat(other, &two) == 0 &&
	       one.st_dev == two.st_dev && one.st_ino == two.st_ino;
}

/* Whether the user namespace `owner` is `own` or below it. */
static enum boundary_answer owner_is_inside(int owner, int own)
{
	_cleanup_close_ int at = fcntl(owner, F_DUPFD_CLOEXEC, 0);

	for (int depth = 0; at >= 0 && depth < USER_NS_DEPTH_MAX; depth++) {
		int parent;

		if (same_file(at, own))
			return BOUNDARY_YES;
		parent = ioctl(at, NS_GET_PARENT);
		if (parent < 0)
			break; /* EPERM: the next one up is not ours to see, so not the container's
				*/
		(void)fd_close(at);
		at = parent;
	}
	return at >= 0 ? BOUNDARY_NO : BOUNDARY_UNKNOWN;
}

static void read_ns(int proc, int host, int self, enum boundary_ns ns, int user_ns,
	struct boundary_namespace *ret)
{
	_cleanup_close_ int fd = open_ns(proc, ns), of_host = open_ns(host, ns),
			    of_self = open_ns(self, ns), owner = -EBADF;
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return;
	ret->inode = st.st_ino;
	ret->shared = same_file(fd, of_host) || same_file(fd, of_self) ? BOUNDARY_YES
		      : of_host >= 0 || of_self >= 0                   ? BOUNDARY_NO
								       : BOUNDARY_UNKNOWN;
	if (ns == BOUNDARY_NS_USER) {
		ret->owned_inside = BOUNDARY_NO;
		return;
	}
	owner = ioctl(fd, NS_GET_USERNS);
	if (owner >= 0)
		ret->owned_inside = owner_is_inside(owner, user_ns);
	else
		ret->owned_inside = errno == EPERM ? BOUNDARY_NO : BOUNDARY_UNKNOWN;
}

static void read_namespaces(int proc, struct boundary_facts *facts)
{
	_cleanup_close_ int host = open("/proc/1", O_PATH | O_DIRECTORY | O_CLOEXEC);
	_cleanup_close_ int self = open("/proc/self", O_PATH | O_DIRECTORY | O_CLOEXEC);
	_cleanup_close_ int user_ns = open_ns(proc, BOUNDARY_NS_USER);

	for (int i = 0; i < BOUNDARY_NS_COUNT; i++)
		read_ns(proc, host, self, (enum boundary_ns)i, user_ns, &facts->namespaces[i]);
}

/* ---- identity ---- */

static int read_id_map(int proc, const char *file, struct arena *a, struct boundary_id_map **ret,
	size_t *ret_count)
{
	char *text = (char *)boundary_read_text(proc, file, a), *line;
	struct boundary_id_map *maps = arena_calloc(a, BOUNDARY_ID_MAPS_MAX, sizeof(*maps));
	size_t count = 0;

	if (maps == NULL)
		return -ENOMEM;
	while (count < BOUNDARY_ID_MAPS_MAX && (line = boundary_token(&text, '\n')) != NULL) {
		struct boundary_id_map *m = &maps[count];

		m->inside = (uint32_t)strtoul(line, &line, 10);
		m->outside = (uint32_t)strtoul(line, &line, 10);
		m->count = (uint32_t)strtoul(line, &line, 10);
		count += m->count > 0;
	}
	*ret = maps;
	*ret_count = count;
	return 0;
}

static uint32_t map_inside(const struct boundary_id_map *maps, size_t count, uint32_t outside)
{
	for (size_t i = 0; i < count; i++)
		if (outside >= maps[i].outside && outside - maps[i].outside < maps[i].count)
			return maps[i].inside + (outside - maps[i].outside);
	return OVERFLOW_ID;
}

static bool reader_is_rootless(struct arena *a)
{
	char *text = (char *)boundary_read_text(AT_FDCWD, "/proc/self/uid_map", a);
	uint32_t inside, outside, count;

	if (text == NULL || geteuid() != 0)
		return true;
	inside = (uint32_t)strtoul(text, &text, 10);
	outside = (uint32_t)strtoul(text, &text, 10);
	count = (uint32_t)strtoul(text, &text, 10);
	return inside != 0 || outside != 0 || count != UINT32_MAX;
}

/* ---- status ---- */

static const struct {
	const char *key;
	enum boundary_cap_set set;
} cap_lines[] = {
	{"CapInh", BOUNDARY_CAP_INHERITABLE},
	{"CapPrm", BOUNDARY_CAP_PERMITTED},
	{"CapEff", BOUNDARY_CAP_EFFECTIVE},
	{"CapBnd", BOUNDARY_CAP_BOUNDING},
	{"CapAmb", BOUNDARY_CAP_AMBIENT},
};

static uint32_t effective_id(char *values)
{
	(void)strtoul(values, &values, 10); /* real */
	return (uint32_t)strtoul(values, NULL, 10);
}

static void read_status_line(const char *key, char *value, struct boundary_facts *facts)
{
	for (size_t i = 0; i < ARRAY_SIZE(cap_lines); i++)
		if (strcmp(key, cap_lines[i].key) == 0)
			facts->caps[cap_lines[i].set] = strtoull(value, NULL, 16);
	if (strcmp(key, "Uid") == 0)
		facts->uid = effective_id(value);
	else if (strcmp(key, "Gid") == 0)
		facts->gid = effective_id(value);
	else if (strcmp(key, "NoNewPrivs") == 0)
		facts->no_new_privs = (int)strtol(value, NULL, 10);
	else if (strcmp(key, "Seccomp") == 0)
		facts->seccomp_mode = (int)strtol(value, NULL, 10);
	else if (strcmp(key, "Seccomp_filters") == 0)
		facts->seccomp_filters = (int)strtol(value, NULL, 10);
}

static int read_status(int proc, struct arena *a, struct boundary_facts *facts)
{
	char *text = (char *)boundary_read_text(proc, "status", a), *line;

	if (text == NULL)
		return -ESRCH;
	while ((line = boundary_token(&text, '\n')) != NULL) {
		char *key = boundary_token(&line, ':');

		/* a zombie has no namespaces or mounts to tell of */
		if (key != NULL && strcmp(key, "State") == 0 && strpbrk(line, "ZX") == line + 1)
			return -ESRCH;
		if (key != NULL)
			read_status_line(key, line, facts);
	}
	return 0;
}

static void read_label(int proc, struct arena *a, struct boundary_facts *facts)
{
	const char *label = boundary_read_text(proc, "attr/current", a);

	if (label == NULL || label[0] == '\0')
		return;
	facts->lsm_label = label;
	facts->lsm_confined =
		strstr(label, "unconfined") == NULL && strstr(label, ":spc_t") == NULL;
}

static void read_root(int proc, struct boundary_facts *facts)
{
	struct stat own, host;

	if (fstatat(proc, "root", &own, 0) < 0)
		return;
	if (stat("/proc/1/root", &host) < 0 && stat("/", &host) < 0)
		return;
	facts->same_root = own.st_dev == host.st_dev && own.st_ino == host.st_ino;
}

static int read_identity(int proc, struct arena *a, struct boundary_facts *facts)
{
	int r = read_status(proc, a, facts);

	if (r == 0)
		r = read_id_map(proc, "uid_map", a, &facts->uid_map, &facts->uid_map_count);
	if (r == 0)
		r = read_id_map(proc, "gid_map", a, &facts->gid_map, &facts->gid_map_count);
	if (r < 0)
		return r;
	facts->inside_uid = map_inside(facts->uid_map, facts->uid_map_count, facts->uid);
	facts->inside_gid = map_inside(facts->gid_map, facts->gid_map_count, facts->gid);
	facts->rootless = reader_is_rootless(a);
	return 0;
}

int boundary_read(pid_t pid, const struct json *cgroup_saved, struct arena *a,
	struct boundary_facts *ret, struct bh_error *err)
{
	struct boundary_facts facts = {
		.pid = pid, .seccomp_mode = -1, .seccomp_filters = -1, .no_new_privs = -1};
	_cleanup_close_ int proc = -EBADF;
	char path[32];
	int r;

	(void)cgroup_saved;
	(void)snprintf(path, sizeof(path), "/proc/%d", (int)pid);
	proc = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (pid <= 0 || proc < 0)
		return bh_fail(err, -ESRCH, "no process %d", (int)pid);
	r = read_identity(proc, a, &facts);
	if (r == 0) {
		read_namespaces(proc, &facts);
		read_label(proc, a, &facts);
		read_root(proc, &facts);
		r = boundary_read_mounts(proc, a, &facts);
	}
	if (r == 0)
		r = boundary_read_devices(proc, a, &facts);
	if (r == 0)
		r = boundary_read_cgroup(proc, a, &facts);
	/* the pid may have been reused only if this directory is dead */
	if (r == 0 && faccessat(proc, "stat", F_OK, 0) < 0)
		r = -ESRCH;
	if (r < 0)
		return bh_fail_errno(err, r, "boundary of process %d", (int)pid);
	*ret = facts;
	return 0;
}
