#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# seconds: 90
# cgroup v2 with user namespaces: the group is the container's own to divide, its limits are not; exec
# follows; a container that joins the user namespace of another gets into its group too.
echo 1..7
n=0
result() {
	n=$((n + 1))
	if [ "$1" = 0 ]; then echo "ok $n - $2"; else echo "not ok $n - $2"; fi
}
oci() {
	"$BULKHEAD_OCI" --root /run/bulkhead-test "$@"
}
# $1: path of the group; $2: lines for "linux"; $3: the user namespace
configure() {
	sed -e 's|"/bin/true"|"/bin/sleep", "1000"|' -e "s|\"/bench\"|\"$1\"|" \
		-e 's|"0 2147483647"|"0 0"|' \
		-e "s|\"namespaces\": \\[|$2 \"namespaces\": [$3, {\"type\": \"cgroup\"},|" \
		-e '/"destination": "\/sys\/fs\/cgroup"/,/]/ s|"ro"|"rw"|' "$SPEC" >bundle/config.json
}
map='[{"containerID": 0, "hostID": 100000, "size": 65536}]'
group=/sys/fs/cgroup/vm-userns/c1
mkdir bundle bundle/rootfs
mount --bind "$ROOTFS" bundle/rootfs

configure /vm-userns/c1 "\"uidMappings\": $map, \"gidMappings\": $map," '{"type": "user"}'
oci create --bundle bundle c1 </dev/null >/dev/null && oci start c1
result $? 'create and start in a user namespace'
[ "$(stat -c %u:%g $group)" = 100000:100000 ] && [ "$(stat -c %u $group/cgroup.procs)" = 100000 ] &&
	[ "$(stat -c %u $group/memory.max)" = 0 ]
result $? 'the group is delegated, its limits are not'
oci exec c1 /bin/sh -c 'mkdir /sys/fs/cgroup/sub && echo 0 >/sys/fs/cgroup/sub/cgroup.procs &&
	grep -q "^0::/sub$" /proc/self/cgroup && ! echo max >/sys/fs/cgroup/memory.max' 2>/dev/null
result $? 'inside, the group can be divided and its limits cannot be changed'
# As systemd does inside: everything below, controllers handed on, no process in the group itself.
pid=$(cat $group/cgroup.procs)
echo "$pid" >$group/sub/cgroup.procs && echo +pids >$group/cgroup.subtree_control &&
	oci exec c1 /bin/sh -c 'grep -q "^0::/sub$" /proc/self/cgroup'
result $? 'exec follows process 1 into a divided group'
configure /vm-userns/c2 '' "{\"type\": \"user\", \"path\": \"/proc/$pid/ns/user\"}"
oci create --bundle bundle c2 </dev/null >/dev/null && oci start c2 &&
	[ -n "$(cat /sys/fs/cgroup/vm-userns/c2/cgroup.procs)" ]
result $? 'a joined user namespace'
oci exec c2 /bin/true
result $? 'exec into it'
oci delete --force c2 && oci delete --force c1 && [ ! -e /sys/fs/cgroup/vm-userns ]
result $? 'nothing is left'
umount bundle/rootfs
