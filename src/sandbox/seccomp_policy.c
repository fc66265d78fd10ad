// SPDX-License-Identifier: Apache-2.0
#include "sandbox/seccomp_policy.h"

#include <errno.h>
#include <linux/seccomp.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

#include "base/buf.h"
#include "base/mem.h"

#define LISTENER_TIMEOUT_S 10
#define LISTENER_STATE_MAX (4u << 20)

_Static_assert((int)OCI_SECCOMP_NE == (int)SECCOMP_CMP_NE &&
		       (int)OCI_SECCOMP_LT == (int)SECCOMP_CMP_LT &&
		       (int)OCI_SECCOMP_LE == (int)SECCOMP_CMP_LE &&
		       (int)OCI_SECCOMP_EQ == (int)SECCOMP_CMP_EQ &&
		       (int)OCI_SECCOMP_GE == (int)SECCOMP_CMP_GE &&
		       (int)OCI_SECCOMP_GT == (int)SECCOMP_CMP_GT &&
		       (int)OCI_SECCOMP_MASKED_EQ == (int)SECCOMP_CMP_MASKED_EQ,
	"operators have one numbering");

static int convert_rule(
	const struct oci_seccomp_rule *from, struct arena *a, struct seccomp_rule *to)
{
	struct seccomp_condition *conditions =
		arena_calloc(a, from->arg_count + 1, sizeof(*conditions));

	if (conditions == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < from->arg_count; i++)
		conditions[i] = (struct seccomp_condition){from->args[i].index,
			(enum seccomp_operator)from->args[i].op, from->args[i].value,
			from->args[i].value_two};
	*to = (struct seccomp_rule){
		from->names.items, from->names.count, from->action, conditions, from->arg_count};
	return 0;
}

static int check_listener(const struct oci_seccomp *policy, struct bh_error *err)
{
	bool notify = false;

	if ((policy->default_action & SECCOMP_RET_ACTION_FULL) == SECCOMP_RET_USER_NOTIF)
		return bh_fail(err, -EINVAL,
			"seccomp: SCMP_ACT_NOTIFY cannot be the default action, process 1 would "
			"wait"
			" for an answer before its listener can be handed over");
	for (size_t i = 0; i < policy->rule_count && !notify; i++)
		notify = (policy->rules[i].action & SECCOMP_RET_ACTION_FULL) ==
			 SECCOMP_RET_USER_NOTIF;
	if (notify && policy->listener_path == NULL)
		return bh_fail(err, -EINVAL, "seccomp: SCMP_ACT_NOTIFY needs listenerPath");
	return 0;
}

int seccomp_policy_compile(const struct oci_seccomp *policy, struct arena *a,
	struct sock_fprog *ret, struct seccomp_warnings *warnings, struct bh_error *err)
{
	struct seccomp_rule *rules = arena_calloc(a, policy->rule_count + 1, sizeof(*rules));
	struct seccomp_profile profile = {policy->default_action, policy->architectures.items,
		policy->architectures.count, rules, policy->rule_count};
	struct sock_fprog prog;
	int r;

	if (rules == NULL)
		return bh_fail(err, -ENOMEM, "seccomp profile too large");
	r = check_listener(policy, err);
	if (r < 0)
		return r;
	for (size_t i = 0; i < policy->rule_count; i++)
		if (convert_rule(&policy->rules[i], a, &rules[i]) < 0)
			return bh_fail(err, -ENOMEM, "seccomp profile too large");
	r = seccomp_compile(&profile, a, &prog, warnings, err);
	if (r < 0)
		return r;
	*ret = prog;
	return 0;
}

bool seccomp_policy_notifies(const struct sock_fprog *prog)
{
	return seccomp_program_returns(prog, SECCOMP_RET_USER_NOTIF);
}

/* ---- hand-over of the listener ---- */

static int connect_listener(const char *path, struct bh_error *err)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct timeval timeout = {.tv_sec = LISTENER_TIMEOUT_S};
	_cleanup_close_ int fd = -EBADF;

	if (strlen(path) >= sizeof(address.sun_path))
		return bh_fail(err, -ENAMETOOLONG, "seccomp listenerPath is longer than %zu bytes",
			sizeof(address.sun_path) - 1);
	memcpy(address.sun_path, path, strlen(path) + 1);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return bh_fail_errno(err, -errno, "socket for seccomp listener");
	/* bounds connect(2) too */
	if (setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout)) < 0)
		return bh_fail_errno(err, -errno, "time limit for seccomp listener");
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		return bh_fail_errno(err, -errno, "connect to seccomp listener %s", path);
	return TAKE_FD(fd);
}

static int write_state(const struct oci_seccomp *policy, const char *version, pid_t pid,
	const char *state, struct buf *out)
{
	struct json_writer w = JSON_WRITER(out);

	json_begin_object(&w);
	json_member_string(&w, "ociVersion", version);
	json_key(&w, "fds");
	json_begin_array(&w);
	json_put_string(&w, "seccompFd");
	json_end_array(&w);
	json_member_int(&w, "pid", pid);
	if (policy->listener_metadata != NULL)
		json_member_string(&w, "metadata", policy->listener_metadata);
	json_key(&w, "state");
	json_put_raw(&w, state);
	json_end_object(&w);
	return buf_status(out);
}

/* The descriptor goes with the first byte. */
static int send_state(int fd, const struct buf *text, int listener)
{
	union {
		struct cmsghdr header;
		char room[CMSG_SPACE(sizeof(int))];
	} control = {.room = {0}};
	size_t sent = 0;

	while (sent < text->len) {
		struct iovec part = {text->data + sent, text->len - sent};
		struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
		ssize_t n;

		if (sent == 0) {
			message.msg_control = control.room;
			message.msg_controllen = sizeof(control.room);
			control.header.cmsg_level = SOL_SOCKET;
			control.header.cmsg_type = SCM_RIGHTS;
			control.header.cmsg_len = CMSG_LEN(sizeof(int));
			memcpy(CMSG_DATA(&control.header), &listener, sizeof(int));
		}
		n = sendmsg(fd, &message, MSG_NOSIGNAL);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN ? -ETIMEDOUT : -errno;
		sent += (size_t)n;
	}
	return 0;
}

int seccomp_policy_send_listener(const struct oci_seccomp *policy, const char *version, pid_t pid,
	const char *state, int listener, struct bh_error *err)
{
	_cleanup_buf_ struct buf text;
	_cleanup_close_ int fd = -EBADF;
	int r;

	buf_init(&text, LISTENER_STATE_MAX);
	r = write_state(policy, version, pid, state, &text);
	if (r < 0)
		return bh_fail_errno(err, r, "seccomp listener: process state");
	fd = connect_listener(policy->listener_path, err);
	if (fd < 0)
		return fd;
	r = send_state(fd, &text, listener);
	if (r < 0)
		return bh_fail_errno(err, r, "send to seccomp listener %s", policy->listener_path);
	return 0;
}
