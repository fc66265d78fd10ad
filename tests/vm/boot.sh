#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The guest is what the other tests count on: cgroup v2 alone, and Docker's default profile runs.
echo 1..4
n=0
result() {
	n=$((n + 1))
	if [ "$1" = 0 ]; then echo "ok $n - $2"; else echo "not ok $n - $2"; fi
}
grep -q '^0::/init$' /proc/self/cgroup && [ "$(wc -l </proc/self/cgroup)" = 1 ]
result $? 'cgroup v2 alone'
grep -qw pids /sys/fs/cgroup/cgroup.controllers && grep -qw memory /sys/fs/cgroup/cgroup.subtree_control
result $? 'controllers are handed down'
mkdir bundle bundle/rootfs
cp "$SPEC" bundle/config.json
mount --bind "$ROOTFS" bundle/rootfs
"$BULKHEAD_OCI" --root /run/bulkhead-test run --bundle bundle vm1
result $? 'bulkhead-oci run of true'
[ ! -e /sys/fs/cgroup/bench ] && [ -z "$(ls -A /run/bulkhead-test 2>/dev/null)" ]
result $? 'nothing is left of it'
umount bundle/rootfs
