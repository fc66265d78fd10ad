// SPDX-License-Identifier: Apache-2.0
#include "sandbox/seccomp_policy.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/json.h"
#include "base/mem.h"
#include "test.h"

static const char *names[] = {"mkdir", NULL};
static const char *archs[] = {"SCMP_ARCH_X86_64", NULL};
static const struct oci_seccomp_arg arg = {1, OCI_SECCOMP_MASKED_EQ, 0x1f, 5};

static struct oci_seccomp policy_with(const struct oci_seccomp_rule *rule, const char *listener)
{
	return (struct oci_seccomp){.present = true,
		.default_action = SECCOMP_RET_ALLOW,
		.architectures = {archs, 1},
		.listener_path = listener,
		.rules = rule,
		.rule_count = 1};
}

TEST(converts)
{
	const struct oci_seccomp_rule rule = {{names, 1}, SECCOMP_RET_ERRNO | 1, &arg, 1};
	struct oci_seccomp policy = policy_with(&rule, NULL);
	_cleanup_arena_ struct arena a = ARENA_INIT;
	struct sock_fprog prog = {0, NULL};
	bool mask = false;

	CHECK_INT(arena_init(&a, 1u << 20), 0);
	CHECK_INT(seccomp_policy_compile(&policy, &a, &prog, NULL, NULL), 0);
	CHECK(!seccomp_policy_notifies(&prog));
	for (size_t i = 0; i < prog.len; i++)
		mask = mask || (prog.filter[i].code == (BPF_ALU | BPF_AND | BPF_K) &&
				       prog.filter[i].k == 0x1f);
	CHECK(mask);
}

TEST(notify_needs_a_listener_path)
{
	const struct oci_seccomp_rule notify = {{names, 1}, SECCOMP_RET_USER_NOTIF, NULL, 0};
	const struct oci_seccomp_rule fail = {{names, 1}, SECCOMP_RET_ERRNO | 1, NULL, 0};
	_cleanup_arena_ struct arena a = ARENA_INIT;
	struct bh_error err = BH_ERROR_INIT;
	struct oci_seccomp policy = policy_with(&notify, NULL);
	struct sock_fprog prog = {0, NULL};

	CHECK_INT(arena_init(&a, 1u << 20), 0);
	CHECK_INT(seccomp_policy_compile(&policy, &a, &prog, NULL, &err), -EINVAL);
	CHECK(strstr(err.text, "needs listenerPath") != NULL);
	/* A path alone is not an error: the specification uses it only with the action. */
	policy = policy_with(&fail, "/agent");
	CHECK_INT(seccomp_policy_compile(&policy, &a, &prog, NULL, &err), 0);
	CHECK(!seccomp_policy_notifies(&prog));
	policy = policy_with(&notify, "/agent");
	CHECK_INT(seccomp_policy_compile(&policy, &a, &prog, NULL, &err), 0);
	CHECK(seccomp_policy_notifies(&prog));
	policy.default_action = SECCOMP_RET_USER_NOTIF;
	CHECK_INT(seccomp_policy_compile(&policy, &a, &prog, NULL, &err), -EINVAL);
	CHECK(strstr(err.text, "default action") != NULL);
}

struct agent {
	char dir[64], path[96];
	int fd;
};

static void agent_init(struct agent *agent)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	strcpy(agent->dir, "/tmp/bulkhead-test-XXXXXX");
	CHECK(mkdtemp(agent->dir) != NULL);
	(void)snprintf(agent->path, sizeof(agent->path), "%s/agent", agent->dir);
	strcpy(address.sun_path, agent->path);
	agent->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	CHECK_INT(bind(agent->fd, (struct sockaddr *)&address, sizeof(address)), 0);
	CHECK_INT(listen(agent->fd, 1), 0);
}

static void agent_release(struct agent *agent)
{
	agent->fd = fd_close(agent->fd);
	(void)unlink(agent->path);
	(void)rmdir(agent->dir);
}

static int receive(const struct agent *agent, char *text, size_t size)
{
	union {
		struct cmsghdr header;
		char room[CMSG_SPACE(sizeof(int))];
	} control;
	struct iovec part = {text, size - 1};
	struct msghdr message = {.msg_iov = &part,
		.msg_iovlen = 1,
		.msg_control = control.room,
		.msg_controllen = sizeof(control.room)};
	_cleanup_close_ int peer = accept(agent->fd, NULL, NULL);
	ssize_t n = recvmsg(peer, &message, MSG_CMSG_CLOEXEC);
	int fd = -EBADF;

	CHECK(n > 0);
	text[n] = '\0';
	CHECK(message.msg_controllen >= sizeof(control.header));
	CHECK_INT(control.header.cmsg_type, SCM_RIGHTS);
	memcpy(&fd, CMSG_DATA(&control.header), sizeof(fd));
	return fd;
}

TEST(listener_is_handed_over)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	_cleanup_close_ int sent = open("/dev/null", O_RDONLY | O_CLOEXEC), got = -EBADF;
	struct agent agent;
	struct oci_seccomp policy = {.listener_metadata = "meta \"data\""};
	const struct json *root;
	struct stat one, two;
	char text[4096];

	agent_init(&agent);
	policy.listener_path = agent.path;
	CHECK_INT(seccomp_policy_send_listener(&policy, "1.2.0", 77, "{\"id\":\"c1\"}", sent, NULL),
		0);
	got = receive(&agent, text, sizeof(text));
	agent_release(&agent);
	CHECK(fstat(sent, &one) == 0 && fstat(got, &two) == 0 && one.st_rdev == two.st_rdev);
	CHECK_INT(arena_init(&a, 1u << 20), 0);
	CHECK_INT(json_parse(text, strlen(text), &a, &root, NULL), 0);
	CHECK_STR(json_get_string(root, "ociVersion"), "1.2.0");
	CHECK_STR(json_get_string(root, "metadata"), "meta \"data\"");
	CHECK_INT(json_get_int(root, "pid", 0), 77);
	CHECK_STR(json_string(json_get(root, "fds")->children.first), "seccompFd");
	CHECK_STR(json_get_string(json_get(root, "state"), "id"), "c1");
}

TEST(listener_that_is_not_there)
{
	struct oci_seccomp policy = {.listener_path = "/nonexistent/agent"};
	struct bh_error err = BH_ERROR_INIT;
	char longer[300];

	CHECK_INT(seccomp_policy_send_listener(&policy, "1.2.0", 1, "{}", 0, &err), -ENOENT);
	CHECK(strstr(err.text, "/nonexistent/agent") != NULL);
	memset(longer, 'a', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = '\0';
	policy.listener_path = longer;
	CHECK_INT(seccomp_policy_send_listener(&policy, "1.2.0", 1, "{}", 0, &err), -ENAMETOOLONG);
}
