#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What of the kernel and of the host's processes a container reaches: under Docker's default profile
and under that of `bulkhead-oci spec`, as process 1 and by exec, with and without a user namespace."""
import ctypes
import json
import os
import socket
import subprocess

from escapetest import (HOST_IDS, Skip, attempt, attempt_both, capabilities, docker,
                        in_user_namespace, main, need, no_filter, payload, refused, spec, test,
                        verdicts)



def docker_mapped(box):
    return in_user_namespace(docker(box))


def spec_mapped(box):
    return in_user_namespace(spec(box))


SHAPES = (docker, spec, docker_mapped, spec_mapped)
# Helpers that the host's kernel would start, and switches of the whole machine.
KERNEL_FILES = [
    '/proc/sys/kernel/core_pattern', '/proc/sys/kernel/modprobe', '/proc/sys/kernel/hotplug',
    '/proc/sys/kernel/sysrq', '/proc/sys/kernel/panic', '/proc/sys/kernel/randomize_va_space',
    '/proc/sys/vm/overcommit_memory', '/proc/sys/fs/binfmt_misc/register', '/proc/sys/fs/file-max',
    '/proc/sys/kernel/ns_last_pid', '/proc/sys/net/ipv4/ip_forward', '/proc/sysrq-trigger',
    '/proc/irq/default_smp_affinity', '/proc/kcore', '/proc/kmsg', '/sys/kernel/uevent_helper',
    '/sys/kernel/uevent_seqnum', '/sys/kernel/mm/transparent_hugepage/enabled',
    '/sys/power/state', '/sys/block/vda/queue/scheduler', '/sys/kernel/profiling',
    '/sys/fs/cgroup/memory/release_agent', '/sys/fs/cgroup/memory/notify_on_release',
    '/sys/fs/cgroup/pids/cgroup.procs', '/sys/fs/cgroup/devices/devices.allow',
    '/sys/fs/cgroup/cgroup.procs', '/sys/fs/cgroup/notify_on_release']
# Masked: to open them is to open the null device, which is no escape.
MASKED = {'/proc/kcore', '/proc/kmsg'}
CALLS = ('io_uring_setup', 'io_uring_enter', 'keyctl', 'add_key', 'request_key', 'bpf',
         'perf_event_open', 'userfaultfd', 'init_module', 'kexec_load', 'unshare-user', 'mount',
         'setns', 'swapon', 'reboot', 'settimeofday', 'open_by_handle_at', 'fsopen')


def each_shape(box):
    for shape in SHAPES:
        shape(box)
        yield box
        box.delete('--force')


# Enforced by the read-only paths and the read-only /sys and cgroup mounts.
@test
def switches_of_the_kernel_are_not_writable(box):
    for _ in each_shape(box):
        found = attempt_both(box, 'writable', *KERNEL_FILES)
        refused(found, *(name for name in KERNEL_FILES if name not in MASKED))


# Enforced by the masks.
@test
def memory_of_the_kernel_is_masked(box):
    for _ in each_shape(box):
        script = ('for f in /proc/kcore /proc/keys /proc/timer_list; do '
                  '[ -e $f ] && head -c 64 $f | wc -c; done; ls -A /sys/firmware | wc -l')
        for text in (box.run_sh(script).ok().out, box.up().exec('/bin/sh', '-c', script).ok().out):
            need(set(text.split()) == {'0'}, text)


# Enforced by the seccomp filter: EPERM (or ENOSYS), never the kernel's own answer to nonsense.
@test
def calls_that_the_filter_denies(box):
    for shape in SHAPES:
        found = attempt_both(shape(box), 'syscalls')
        box.delete('--force').ok()
        for name in CALLS:
            if name.startswith('io_uring') and shape in (docker, docker_mapped):
                continue  # the stock profile of that version has it
            need(found[name] in ('EPERM', 'ENOSYS'), name, found[name])


# Enforced by process_setup.c:join_keyring().
@test
def the_session_keyring_is_not_the_callers(box):
    """A key of the caller's session is not found from the container's, without any filter."""
    libc = ctypes.CDLL(None, use_errno=True)
    key = b'bulkhead-test-secret'
    need(libc.syscall(250, 1, b'bulkhead-test') > 0, 'no session keyring')  # KEYCTL_JOIN
    need(libc.syscall(248, b'user', key, b'x', 1, -3) > 0, 'no key')  # add_key to the session
    own = subprocess.run([payload_outside(box), 'key', key.decode()], capture_output=True, text=True,
                         check=True)
    need(verdicts(own.stdout)['key'] == 'ok', 'the test does not find its own key', own.stdout)
    for shape in SHAPES:
        no_filter(shape(box))
        found = attempt_both(box, 'key', key.decode())
        refused(found, 'key')
        box.delete('--force')


def payload_outside(box):
    payload(box)
    return box.rootfs / 'bin' / 'payload'


# Enforced by the network namespace.
@test
def abstract_sockets_of_the_host_are_not_reachable(box):
    name = f'bulkhead-test-{os.getpid()}'
    with socket.socket(socket.AF_UNIX) as server:
        server.bind('\0' + name)
        server.listen(1)
        for _ in each_shape(box):
            refused(attempt_both(box, 'connect', name), 'connect')
        docker(box)
        box.linux['namespaces'] = [n for n in box.linux['namespaces'] if n['type'] != 'network']
        box.linux.pop('sysctl')
        need(attempt(box, 'connect', name)['connect'] == 'ok', 'the test sees nothing anywhere')


# Enforced by the pid namespace.
@test
def processes_of_the_host_are_not_reachable(box):
    victim = subprocess.Popen(['sleep', '1000'])
    try:
        for _ in each_shape(box):
            found = attempt_both(box, 'process', victim.pid)
            need(found['signal'] == 'ESRCH', found)
            refused(found, 'ptrace', 'process_vm_readv', 'root')
        no_filter(capabilities(docker(box), 'CAP_SYS_PTRACE', 'CAP_SYS_ADMIN'))
        refused(attempt(box, 'process', victim.pid), 'signal', 'ptrace', 'process_vm_readv', 'root')
        need(victim.poll() is None, 'the victim died')
    finally:
        victim.kill()
        victim.wait()


# Enforced by the user namespace alone.
@test
def nor_where_the_pid_namespace_is_shared(box):
    """With the host's pids, a mapped root sees them and can do nothing to them."""
    victim = subprocess.Popen(['sleep', '1000'])
    try:
        no_filter(capabilities(in_user_namespace(docker(box)), 'CAP_SYS_PTRACE', 'CAP_KILL'))
        box.linux['namespaces'] = [n for n in box.linux['namespaces'] if n['type'] != 'pid']
        box.config['mounts'] = [m for m in box.config['mounts'] if m['type'] != 'proc']
        box.config['mounts'].append({'destination': '/proc', 'type': 'bind', 'source': '/proc',
                                     'options': ['rbind']})
        box.linux.update(maskedPaths=[], readonlyPaths=[])
        found = attempt(box, 'process', victim.pid)
        need(found['signal'] == 'EPERM', found)
        refused(found, 'ptrace', 'process_vm_readv', 'root')
    finally:
        victim.kill()
        victim.wait()


# Enforced by the device group and, in a user namespace, by the kernel.
def disk():
    """Major and minor number of a disk of the host."""
    with open('/proc/partitions', encoding='utf-8') as file:
        disks = [line.split()[:2] for line in file.read().splitlines()[2:]]
    if not disks:
        raise Skip('kernel without block devices')
    return disks[0]


@test
def devices_of_the_host_are_not_opened(box):
    for _ in each_shape(box):
        for args in (('b', *disk()), ('c', '1', '1'), ('c', '1', '2'), ('c', '10', '229')):
            refused(attempt_both(box, 'device', *args), 'open')
            box.delete('--force')
    # A node that lies in the image already.
    docker(box)
    os.mknod(box.rootfs / 'disk', 0o60666, os.makedev(*map(int, disk())))
    text = box.run_sh('head -c 1 /disk | wc -c').ok().out
    need(text.strip() == '0', text)


# Enforced by the device group: with every capability the rules stand.
@test
def device_rules_hold_with_all_powers(box):
    no_filter(capabilities(docker(box), 'CAP_SYS_ADMIN', 'CAP_MKNOD', 'CAP_SYS_RAWIO'))
    found = attempt_both(box, 'device', 'b', *disk())
    need(found['mknod'] != 'ok' or found['open'] == 'EPERM', found)
    box.delete('--force')
    found = attempt_both(box, 'device', 'c', '1', '5')
    need(found == {'mknod': 'ok', 'open': 'ok'}, 'what is allowed does not work:', found)


# Enforced by userns.c:userns_write_maps() and the kernel.
@test
def id_maps_are_not_changed_from_inside(box):
    for shape in (lambda b: in_user_namespace(docker(b)), lambda b: in_user_namespace(docker(b), 1)):
        capabilities(no_filter(shape(box)), 'CAP_SETUID', 'CAP_SETGID', 'CAP_SYS_ADMIN')
        box.config['mounts'] = [
            dict(m, options=[o for o in m.get('options', []) if o != 'gid=5'])
            for m in box.config['mounts']]
        found = attempt(box, 'setgroups')
        refused(found, 'uid_map')
        text = box.run_sh('cat /proc/self/uid_map').ok().out.split()
        need(text[1] == str(HOST_IDS), text)


@test
def setgroups_stays_denied_without_privilege(box):
    """A caller without privilege maps itself alone; setgroups would drop a group that denies."""
    box.dir.chmod(0o755)
    for top, names, files in os.walk(box.bundle):
        for name in ('.', *names, *files):
            os.lchown(os.path.join(top, name), 1000, 1000)
    user = ['setpriv', '--reuid', '1000', '--regid', '1000', '--clear-groups', box.runtime,
            '--root', str(box.dir / 'own')]
    (box.dir / 'own').mkdir()
    os.chown(box.dir / 'own', 1000, 1000)
    payload(box)
    subprocess.run([*user, 'spec', '--rootless', '--bundle', box.bundle], check=True)
    config = json.loads((box.bundle / 'config.json').read_text())
    config['process'].update(terminal=False, args=['/bin/payload', 'setgroups'], env=['PATH=/bin'])
    config['process']['capabilities'] = {
        kind: ['CAP_SETGID', 'CAP_SETUID', 'CAP_SYS_ADMIN']
        for kind in ('bounding', 'effective', 'permitted')}
    config['linux'].pop('seccomp')
    config['linux'].pop('cgroupsPath', None)
    (box.bundle / 'config.json').write_text(json.dumps(config))
    run = subprocess.run([*user, 'run', '--bundle', box.bundle, box.id + '-user'], check=False,
                         capture_output=True, text=True, timeout=60)
    need(run.returncode == 0, run.stderr)
    found = verdicts(run.stdout)
    refused(found, 'setgroups', 'allow', 'uid_map')


@test
def overlapping_maps_are_refused(box):
    in_user_namespace(docker(box))
    for maps in ([(0, 300000, 10), (5, 400000, 10)], [(0, 300000, 10), (10, 300005, 10)],
                 [(0, 300000, 0)], [(0, 4294967290, 10)], [(4294967290, 300000, 10)], [(1, 300000, 5)]):
        box.linux['uidMappings'] = [
            {'containerID': a, 'hostID': b, 'size': c} for a, b, c in maps]
        box.create().fails('Mappings')
        need(not box.leftovers(), box.leftovers())


# Enforced by joined.c.
@test
def namespaces_of_the_host_are_named(box):
    """A path to the caller's own namespace, or that of the first process, is refused where something
    would change in it. The caller is in namespaces of its own: a hole does not ruin the machine."""
    for who in ('self', '1'):
        for kind, file in (('mount', 'mnt'), ('uts', 'uts'), ('network', 'net'), ('ipc', 'ipc'),
                           ('user', 'user')):
            docker(box)
            if kind == 'ipc':
                box.linux['sysctl']['kernel.msgmax'] = '9999'
            box.linux['namespaces'] = [n for n in box.linux['namespaces'] if n['type'] != kind]
            box.linux['namespaces'].append({'type': kind, 'path': f'/proc/{who}/ns/{file}'})
            box.write()
            run = subprocess.run(
                ['unshare', '--mount', '--uts', '--ipc', '--net', '--pid', '--fork', '--mount-proc',
                 *box.command('run', '--bundle', box.bundle, box.id)], stdin=subprocess.DEVNULL,
                capture_output=True, text=True, timeout=60, check=False)
            need(run.returncode != 0 and f'{file} namespace' in run.stderr, who, kind, run.stderr)


# Enforced by create.c:make_processes(): undumpable from the clone on.
@test
def a_process_that_joins_a_pod_is_not_looked_into(box):
    """One container of a pod waits for process 1 of another in the shared pid and user namespaces."""
    capabilities(no_filter(in_user_namespace(docker(box))), 'CAP_SYS_PTRACE')
    payload(box)
    box.up()
    first = box.pid()
    spy = box.popen('exec', box.id, '/bin/sh', '-c',
                    'end=$(($(date +%s)+4)); while [ $(date +%s) -lt $end ]; do '
                    'for p in /proc/[0-9]*; do [ -d $p/root/etc/apt ] && echo seen $p; done; done')
    box.dir.chmod(0o711)
    second = box.dir / 'second'
    second.mkdir()
    box.config['root']['path'] = str(box.rootfs)
    box.linux['cgroupsPath'] = box.group + '-2'
    for n in box.linux['namespaces']:
        if n['type'] in ('pid', 'user'):
            n['path'] = f'/proc/{first}/ns/{n["type"]}'
    for kind in ('uidMappings', 'gidMappings'):
        box.linux.pop(kind)
    box.linux.pop('sysctl')
    box.process['args'] = ['/bin/true']
    box.write(second)
    done = 0
    while spy.poll() is None:
        result = box.oci('run', '--bundle', second, box.id + '-2')
        done += result.code == 0
        if done == 0:
            need(result.code == 0, result.err)
    out = spy.stdout.read().decode()
    need('seen' not in out and done > 3, done, out)


if __name__ == '__main__':
    main()
