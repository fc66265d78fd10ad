#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# seconds: 120
# --systemd-cgroup: the container's group is a scope unit of systemd's.
echo 1..8
n=0
result() {
	n=$((n + 1))
	if [ "$1" = 0 ]; then echo "ok $n - $2"; else echo "not ok $n - $2"; fi
}
export BULKHEAD_SYSTEMD_CGROUP=/usr/bin/bulkhead-systemd-cgroup
oci() {
	"$BULKHEAD_OCI" --root /run/bulkhead-test --systemd-cgroup "$@"
}
show() {
	systemctl show -p "$1" --value vm-c1.scope
}
group=/sys/fs/cgroup/system.slice/system-bulkhead.slice/vm-c1.scope
mkdir bundle bundle/rootfs
mount --bind "$ROOTFS" bundle/rootfs
sed -e 's|"/bin/true"|"/bin/sleep", "1000"|' -e 's|"/bench"|"system-bulkhead.slice:vm:c1"|' "$SPEC" \
	>bundle/config.json

oci create --bundle bundle c1 </dev/null >/dev/null && oci start c1
result $? 'create and start'
[ "$(show ActiveState)" = active ] && [ "$(show ControlGroup)" = "${group#/sys/fs/cgroup}" ] &&
	[ "$(show Delegate)" = yes ]
result $? 'the scope runs and is delegated'
[ "$(show MemoryMax)" = 67108864 ] && [ "$(show TasksMax)" = 100 ] &&
	[ "$(cat $group/memory.max)" = 67108864 ]
result $? 'limits are properties and files'
oci update --pids-limit 50 c1 && systemctl daemon-reload && [ "$(cat $group/pids.max)" = 50 ] &&
	[ "$(cat $group/memory.swap.max)" = 67108864 ]
result $? 'an update outlives a reload'
[ "$(wc -l <$group/cgroup.procs)" = 1 ] && oci exec c1 /bin/true
result $? 'only the container is in the scope, and exec joins it'
oci exec c1 /bin/sh -c 'mknod /tmp/k c 1 11 && ! dd if=/tmp/k count=1 2>/dev/null'
result $? 'device rules hold after the reload'
! oci run --bundle bundle c2 2>error && grep -q 'vm-c1.scope' error && [ "$(show ActiveState)" = active ]
result $? 'a taken unit name is refused'
oci delete --force c1 && [ ! -e $group ] && [ "$(show ActiveState)" != active ]
result $? 'delete ends the scope'
umount bundle/rootfs
