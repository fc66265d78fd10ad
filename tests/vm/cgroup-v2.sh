#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# seconds: 120
# cgroup v2 through bulkhead-oci: limits, device rules, pause, update, statistics, OOM, kill, removal.
# Runs in any guest or host whose cgroup v2 root hands memory, pids and cpu down.
echo 1..15
n=0
result() {
	n=$((n + 1))
	if [ "$1" = 0 ]; then echo "ok $n - $2"; else echo "not ok $n - $2"; fi
}
oci() {
	"$BULKHEAD_OCI" --root /run/bulkhead-test "$@"
}
is() {
	[ "$(cat "$group/$1")" = "$2" ] || {
		echo "# $1 is $(cat "$group/$1"), not $2"
		return 1
	}
}
# The profile with another program and group, and more limits.
configure() {
	sed -e "s#\"/bin/true\"#\"/bin/sh\", \"-c\", \"$1\"#" -e 's|"/bench"|"/vm-test/c1"|' \
		-e 's|"namespaces": \[|"namespaces": [{"type": "cgroup"},|' \
		-e 's|"shares": 0|"shares": 512, "quota": 50000, "period": 100000, "cpus": "0"|' \
		"$SPEC" >bundle/config.json
}
group=/sys/fs/cgroup/vm-test/c1
mkdir bundle bundle/rootfs
mount --bind "$ROOTFS" bundle/rootfs

configure 'exec sleep 1000'
oci create --bundle bundle c1 </dev/null >/dev/null && oci start c1
result $? 'create and start'
is memory.max 67108864 && is memory.swap.max 67108864 && is pids.max 100
result $? 'memory and pids'
is cpu.weight 20 && is cpu.max '50000 100000' && is cpuset.cpus 0
result $? 'cpu and cpuset'
pid=$(cat "$group/cgroup.procs")
[ -n "$pid" ] && grep -q '^0::/vm-test/c1$' "/proc/$pid/cgroup"
result $? 'the process is in its group'
oci exec c1 /bin/sh -c 'mknod /tmp/k c 1 11 && ! dd if=/tmp/k count=1 2>/dev/null && dd if=/dev/zero of=/dev/null count=1 2>/dev/null'
result $? 'device rules hold for exec'
oci exec c1 /bin/cat /proc/self/cgroup | grep -q '^0::/$'
result $? 'the cgroup namespace hides the path'
oci pause c1 && grep -q 'frozen 1' "$group/cgroup.events" && oci resume c1 &&
	grep -q 'frozen 0' "$group/cgroup.events"
result $? 'pause and resume'
oci update --memory 48m --memory-swap 64m --pids-limit 50 --cpu-period 50000 c1 &&
	is memory.max 50331648 && is memory.swap.max 16777216 && is pids.max 50 &&
	is cpu.max '50000 50000'
result $? 'update'
printf '{"unified": {"memory.high": "40000000", "cgroup.max.descendants": "3"}}' >update.json
oci update --resources update.json c1 && is memory.high 39997440 && is cgroup.max.descendants 3
result $? 'update of unified files'
oci update --blkio-weight 300 c1 2>error || grep -q 'io.bfq.weight' error
result $? 'a weight is set, or its missing file is named'
oci events --stats c1 | grep -q '"pids":{"current":1,"limit":50}'
result $? 'statistics'
oci kill --all c1 KILL 2>/dev/null || oci kill c1 KILL
i=0
while [ -n "$(cat "$group/cgroup.procs")" ] && [ $i -lt 50 ]; do
	sleep 0.1
	i=$((i + 1))
done
oci delete c1 && [ ! -e /sys/fs/cgroup/vm-test ]
result $? 'kill and delete'

configure 'x=a; while :; do x=$x$x; done'
oci run --bundle bundle c1 </dev/null >/dev/null 2>&1
[ $? = 137 ] && [ ! -e /sys/fs/cgroup/vm-test ]
result $? 'memory above the limit is killed'

configure 'f() { f | f; }; f'
oci create --bundle bundle c1 </dev/null >/dev/null 2>&1 && oci start c1
sleep 1
oci delete --force c1 && [ ! -e /sys/fs/cgroup/vm-test ]
result $? 'delete ends a fork bomb'

configure true
sed -i 's|"/vm-test/c1"|"/vm-test/../../x"|' bundle/config.json
! oci run --bundle bundle c1 2>error && grep -q cgroupsPath error && [ -z "$(ls -A /run/bulkhead-test)" ]
result $? 'a path out of the tree is refused'
umount bundle/rootfs
