#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Under systemd: a service with Delegate=yes gets its own part of the cgroup v2 tree.
echo 1..4
n=0
result() {
	n=$((n + 1))
	if [ "$1" = 0 ]; then echo "ok $n - $2"; else echo "not ok $n - $2"; fi
}
[ "$(cat /proc/1/comm)" = systemd ] && grep -q '^0::/system.slice/tests.service' /proc/self/cgroup
result $? 'systemd is process 1 and this is its service'
grep -qw pids "/sys/fs/cgroup$(sed 's/^0:://' /proc/self/cgroup)/cgroup.controllers"
result $? 'controllers are delegated'
mkdir bundle bundle/rootfs
cp "$SPEC" bundle/config.json
mount --bind "$ROOTFS" bundle/rootfs
"$BULKHEAD_OCI" --root /run/bulkhead-test run --bundle bundle vm1
result $? 'bulkhead-oci run of true'
[ ! -e /sys/fs/cgroup/bench ] && [ -z "$(ls -A /run/bulkhead-test 2>/dev/null)" ]
result $? 'nothing is left of it'
umount bundle/rootfs
