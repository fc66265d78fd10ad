#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# seconds: 120
# --systemd-cgroup without root: the scope is made by the user's own systemd.
echo 1..5
n=0
result() {
	n=$((n + 1))
	if [ "$1" = 0 ]; then echo "ok $n - $2"; else echo "not ok $n - $2"; fi
}
id=1000
grep -q "^user:" /etc/passwd || echo "user:x:$id:$id::/tmp/user:/bin/sh" >>/etc/passwd
grep -q "^user:" /etc/group || echo "user:x:$id:" >>/etc/group
mkdir -p /tmp/user
chown $id:$id /tmp/user
# Without PAM and logind, which a minimal guest lacks.
mkdir -p /run/user/$id
chown $id:$id /run/user/$id
cat >/run/systemd/system/user-test.service <<UNIT
[Service]
Type=notify
User=$id
Group=$id
Environment=XDG_RUNTIME_DIR=/run/user/$id HOME=/tmp/user
Delegate=pids memory cpu
KillMode=mixed
ExecStart=/usr/lib/systemd/systemd --user
UNIT
systemctl daemon-reload
systemctl start user-test.service
running=$?
result $running "the user's systemd runs"
[ $running = 0 ] || systemctl status user-test.service 2>&1 | sed 's/^/# /'
dir=/tmp/user
mkdir $dir/bundle $dir/bundle/rootfs
cp -r "$ROOTFS/." $dir/bundle/rootfs
map="[{\"containerID\": 0, \"hostID\": $id, \"size\": 1}]"
sed -e 's|"/bin/true"|"/bin/sleep", "1000"|' -e 's|"/bench"|"user.slice:vm:c1"|' \
	-e "s|\"namespaces\": \\[|\"uidMappings\": $map, \"gidMappings\": $map, &|" \
	-e 's|"namespaces": \[|&{"type": "user"}, {"type": "cgroup"},|' \
	-e 's|"0 2147483647"|"0 0"|' -e 's|"gid=5"|"mode=0620"|' "$SPEC" |
	sed -e ':all' -e N -e '$!b all' -e 's/,[ \n]*"additionalGids": \[[^]]*\]//' \
		-e 's/,[ \n]*"oomScoreAdj": 0//' >$dir/bundle/config.json
cat >$dir/steps <<'STEPS'
export BULKHEAD_SYSTEMD_CGROUP=/usr/bin/bulkhead-systemd-cgroup XDG_RUNTIME_DIR=/run/user/1000
oci() {
	"$BULKHEAD_OCI" --root /tmp/user/state --systemd-cgroup "$@"
}
cd /tmp/user
oci create --bundle bundle c1 </dev/null >/dev/null && oci start c1
echo "create $?"
systemctl --user show -p TasksMax -p MemoryMax -p ActiveState vm-c1.scope
cat "/sys/fs/cgroup$(systemctl --user show -p ControlGroup --value vm-c1.scope)/pids.max"
oci exec c1 /bin/true
echo "exec $?"
oci delete --force c1
echo "delete $?"
systemctl --user is-active vm-c1.scope
echo end
STEPS
chown -R $id:$id $dir
setpriv --reuid $id --regid $id --clear-groups env XDG_RUNTIME_DIR=/run/user/$id \
	BULKHEAD_OCI="$BULKHEAD_OCI" systemd-run --user --quiet --setenv=BULKHEAD_OCI \
	sh -c 'sh /tmp/user/steps >/tmp/user/out 2>&1' || echo "# systemd-run: $?"
i=0
while ! grep -q '^end$' $dir/out 2>/dev/null && [ $i -lt 300 ] && [ $running = 0 ]; do
	sleep 0.1
	i=$((i + 1))
done
sed 's/^/# /' $dir/out
grep -q '^create 0' $dir/out
result $? 'create and start'
grep -q '^TasksMax=100$' $dir/out && grep -q '^MemoryMax=67108864$' $dir/out && grep -q '^100$' $dir/out &&
	grep -q '^ActiveState=active$' $dir/out
result $? 'limits are properties and files'
grep -q '^exec 0' $dir/out
result $? 'exec'
grep -q '^delete 0' $dir/out && grep -Eq '^(inactive|failed|unknown)$' $dir/out
result $? 'delete ends the scope'
systemctl stop user-test.service
rm -r /run/systemd/system/user-test.service /run/user/$id
rm -rf $dir
