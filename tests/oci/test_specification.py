#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What the text of the runtime specification demands, sentence by sentence, where no other file has it;
and what other runtimes' callers count on (docs/oci-differences.md)."""
import json
import os
import pathlib
import shutil
import subprocess
import time

from ocitest import Skip, main, need, test


@test
def unknown_properties_and_annotations_are_ignored(box):
    box.config['futureField'] = {'a': [1, None]}
    box.linux['another'] = True
    box.process['third'] = 'x'
    box.config['annotations'] = {'org.opencontainers.image.nothing': 'x', 'plain': ''}
    box.run_sh('echo ran').ok()


@test
def values_that_must_be_refused(box):
    wrong = [
        ('ociVersion', lambda c: c.update(ociVersion='1.x')),
        ('/process/cwd', lambda c: c['process'].update(cwd='tmp')),
        ('/process/rlimits', lambda c: c['process'].update(
            rlimits=[{'type': 'RLIMIT_CORE', 'soft': 0, 'hard': 0}] * 2)),
        ('/process/rlimits', lambda c: c['process'].update(
            rlimits=[{'type': 'RLIMIT_NONE', 'soft': 0, 'hard': 0}])),
        ('/linux/namespaces', lambda c: c['linux']['namespaces'].append({'type': 'pid'})),
        ('/linux/namespaces', lambda c: c['linux']['namespaces'].append(
            {'type': 'cgroup', 'path': 'relative'})),
        ('/linux/maskedPaths', lambda c: c['linux'].update(maskedPaths=['proc/kcore'])),
        ('/linux/readonlyPaths', lambda c: c['linux'].update(readonlyPaths=['proc/sys'])),
        ('/hooks/poststop', lambda c: c.update(hooks={'poststop': [{'path': 'true'}]})),
        ('/hooks/poststop', lambda c: c.update(
            hooks={'poststop': [{'path': '/bin/true', 'timeout': 0}]})),
        ('/linux/seccomp', lambda c: c['linux'].update(seccomp={
            'defaultAction': 'SCMP_ACT_ALLOW', 'syscalls': [{'names': [], 'action': 'SCMP_ACT_LOG'}]})),
        ('listenerMetadata', lambda c: c['linux'].update(seccomp={
            'defaultAction': 'SCMP_ACT_ALLOW', 'listenerMetadata': 'x'})),
        ('annotations', lambda c: c.update(annotations={'': 'x'})),
        ('/linux/rootfsPropagation', lambda c: c['linux'].update(rootfsPropagation='sideways')),
        ('/root/path', lambda c: c['root'].pop('path')),
    ]
    good = json.dumps(box.config)
    for pointer, change in wrong:
        box.config = json.loads(good)
        change(box.config)
        box.run().fails(pointer.rsplit('/', 1)[-1])
        need(not box.leftovers(), pointer, box.leftovers())
    box.config = json.loads(good)


@test
def a_namespace_path_of_another_type(box):
    for namespace in box.linux['namespaces']:
        if namespace['type'] == 'ipc':
            namespace['path'] = '/proc/self/ns/uts'
    box.run().fails('ipc')


@test
def a_relative_mount_destination_starts_at_the_root(box):
    (box.dir / 'shared').mkdir()
    (box.dir / 'shared/file').write_text('seen')
    box.config['mounts'].append({'destination': 'mnt/deep', 'type': 'bind', 'options': ['bind'],
                                 'source': str(box.dir / 'shared')})
    need(box.run_sh('cat /mnt/deep/file').ok().out == 'seen')


@test
def every_mount_option_that_must_be_known(box):
    options = ('async atime defaults dev diratime dirsync exec iversion lazytime loud noatime nodev '
               'nodiratime noexec noiversion nolazytime norelatime nostrictatime nosuid private rprivate '
               'relatime remount ro rshared rslave rw shared silent slave strictatime suid sync unbindable '
               'runbindable').split()
    for i, option in enumerate(options):
        if option == 'remount':
            continue
        box.config['mounts'].append({'destination': f'/mnt/{i}', 'type': 'tmpfs', 'source': 'tmpfs',
                                     'options': [option]})
    lines = box.run_sh('cat /proc/self/mountinfo').ok().lines
    for i, option in enumerate(options):
        if option != 'remount':
            need(any(f' /mnt/{i} ' in line for line in lines), option)


@test
def a_device_in_the_way(box):
    box.linux['devices'] = [{'path': '/node', 'type': 'c', 'major': 1, 'minor': 3}]
    (box.rootfs / 'node').write_text('a file')
    box.run().fails('/node')


@test
def operations_without_effect_are_errors(box):
    box.oci('start', box.id).fails('does not exist')
    box.create().ok()
    box.create().fails('exists')
    need(box.status() == 'created')
    box.start().ok()
    box.wait_status('stopped')
    box.start().fails('stopped')
    box.kill().fails('not running')
    need(box.status() == 'stopped')
    for command in ('state', 'create', 'start', 'kill', 'delete'):
        box.oci(command).fails('argument')


@test
def start_without_a_process(box):
    process = box.config.pop('process')
    box.create().ok()
    box.start().fails('process')
    need(box.status() == 'created')
    box.config['process'] = process


@test
def capabilities_that_cannot_be_granted_are_warnings(box):
    box.process['capabilities'] = {'bounding': ['CAP_KILL'], 'permitted': ['CAP_KILL'],
                                   'effective': ['CAP_KILL', 'CAP_CHOWN'], 'inheritable': [],
                                   'ambient': ['CAP_KILL']}
    result = box.run_sh('grep -E "Cap(Eff|Amb)" /proc/self/status').ok()
    need('CAP_CHOWN' in result.err and 'ambient' in result.err, result.err)
    need(result.out.split() == ['CapEff:', '0000000000000020', 'CapAmb:', '0000000000000000'], result.out)


@test
def capabilities_that_the_runtime_lacks_are_warnings(box):
    status = pathlib.Path('/proc/self/status').read_text()
    held = int(status.split('CapPrm:')[1].split()[0], 16)
    if held >> 24 & 1:
        raise Skip('root has every capability of this kernel')
    sets = box.process['capabilities']
    for name in ('bounding', 'permitted', 'effective'):
        sets[name] = ['CAP_SYS_RESOURCE', 'CAP_KILL']
    need('CAP_SYS_RESOURCE' in box.run_sh('true').ok().err)


@test
def sigkill_ends_a_shared_pid_namespace(box):
    box.linux['namespaces'] = [n for n in box.linux['namespaces'] if n['type'] != 'pid']
    box.up('sleep 1001 & exec sleep 1002')
    groups = box.groups()
    box.kill('KILL').ok()
    box.wait_for(lambda: not pathlib.Path(groups[0], 'cgroup.procs').read_text(), 'all gone')
    box.delete().ok()


def freezer():
    if not os.path.isdir('/sys/fs/cgroup/freezer'):
        raise Skip('no cgroup v1 freezer')
    return pathlib.Path('/sys/fs/cgroup/freezer')


@test
def delete_ends_what_was_frozen_elsewhere(box):
    other = freezer() / f'bulkhead-test-frozen-{os.getpid()}'
    box.up()
    other.mkdir()
    try:
        (other / 'cgroup.procs').write_text(str(box.pid()))
        (other / 'freezer.state').write_text('FROZEN')
        begin = time.monotonic()
        box.delete('--force').ok()
        need(time.monotonic() - begin < 5, 'too long')
    finally:
        (other / 'freezer.state').write_text('THAWED')
        box.wait_for(lambda: not (other / 'cgroup.procs').read_text(), 'left in the foreign freezer')
        other.rmdir()


@test
def a_frozen_group_is_refused(box):
    group = pathlib.Path(f'{freezer()}{box.group}')
    group.mkdir(parents=True)
    (group / 'freezer.state').write_text('FROZEN')
    box.create().fails('frozen')
    (group / 'freezer.state').write_text('THAWED')
    group.rmdir()


@test
def a_read_only_dev_is_filled_first(box):
    for mount in box.config['mounts']:
        if mount['destination'] == '/dev':
            mount['options'].append('ro')
    result = box.run_sh('touch /dev/x || echo sealed; echo x >/dev/null && touch /dev/shm/x && echo both').ok()
    need(result.lines == ['sealed', 'both'], result.out)


@test
def no_pivot_leaves_no_whole_proc(box):
    box.process['noNewPrivileges'] = False
    for name in ('bounding', 'permitted', 'effective'):
        box.process['capabilities'][name] = ['CAP_SYS_ADMIN', 'CAP_SYS_CHROOT', 'CAP_SETFCAP']
    box.sh('/bin/busybox unshare -mrpf /bin/busybox mount -t proc none /proc || echo denied')
    need('denied' in box.run('--no-pivot').ok().out)


@test
def hooks_without_env_have_the_callers(box):
    box.config['hooks'] = {
        'createRuntime': [{'path': '/bin/sh', 'args': ['sh', '-c', f'echo $MARK >{box.dir}/outside']}],
        'startContainer': [{'path': '/bin/sh', 'args': ['sh', '-c', 'echo "${MARK-unset}" >/tmp/inside']}]}
    box.run(env=dict(os.environ, MARK='here')).ok()
    need((box.dir / 'outside').read_text() == 'here\n')
    need((box.rootfs / 'tmp/inside').read_text() == 'unset\n', 'the environment of the host is inside')


@test
def hooks_inside_run_under_the_filter(box):
    box.linux['seccomp'] = {'defaultAction': 'SCMP_ACT_ALLOW', 'syscalls': [
        {'names': ['mkdir', 'mkdirat'], 'action': 'SCMP_ACT_ERRNO'}]}
    box.config['hooks'] = {'startContainer': [{'path': '/bin/sh', 'args': ['sh', '-c', '/bin/mkdir /tmp/d']}]}
    for privileges in (True, False):
        box.process['noNewPrivileges'] = privileges
        box.run().fails('startContainer')
        need(not (box.rootfs / 'tmp/d').exists(), 'the hook was not under the filter')


@test
def sysctl_and_field_may_agree(box):
    box.config['domainname'] = 'same'
    box.linux['sysctl'] = {'kernel.domainname': 'same'}
    need(box.run_sh('cat /proc/sys/kernel/domainname').ok().out == 'same\n')
    box.linux['sysctl'] = {'kernel.domainname': 'other'}
    box.run().fails('contradicts')


@test
def a_working_directory_that_only_root_may_enter(box):
    (box.rootfs / 'root').chmod(0o700)
    box.process['user'] = {'uid': 1000, 'gid': 1000}
    box.process['cwd'] = '/root'
    box.process['capabilities'] = {}
    need(box.run_sh('pwd').ok().out == '/root\n')


@test
def spellings_of_other_runtimes(box):
    box.sh('echo other').write()
    other = box.dir / 'other.json'
    (box.bundle / 'config.json').rename(other)
    result = box.oci('--cgroup-manager', 'cgroupfs', 'run', '--bundle', box.bundle, '--config', other, box.id)
    need(result.ok().out == 'other\n')
    box.oci('--cgroup-manager=disabled', 'list').fails('cgroupfs')
    box.oci('--cgroup-manager=other', 'list').fails('systemd')


@test
def lines_of_a_terminal_that_a_program_reads(box):
    box.process['terminal'] = True
    result = box.run_sh('echo one; echo two').ok()
    need(result.out == 'one\ntwo\n', repr(result.out), result.err)


@test
def debug_lines(box):
    log = box.dir / 'log.json'
    box.sh('true').write()
    box.oci('--debug', '--log', log, '--log-format', 'json', 'run', '--bundle', box.bundle, box.id).ok()
    levels = {json.loads(line)['level'] for line in log.read_text().splitlines()}
    need('debug' in levels, levels)


@test
def inside_a_user_namespace_that_denies_setgroups(box):
    box.dir.chmod(0o777)
    box.linux.pop('resources')
    box.linux['namespaces'] = [{'type': t} for t in ('pid', 'mount', 'ipc', 'uts')]
    box.config['mounts'] = [m for m in box.config['mounts'] if m['destination'] == '/proc']
    box.process.pop('capabilities')
    box.sh('id -u').write()
    for path in (box.bundle, *box.bundle.rglob('*')):
        os.chown(path, 1000, 1000, follow_symlinks=False)
    done = subprocess.run(
        ['setpriv', '--reuid', '1000', '--regid', '1000', '--clear-groups', '--', 'unshare', '-Urm',
         box.runtime, '--root', str(box.dir / 'user-state'), 'run', '--bundle', str(box.bundle), box.id],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=30, check=False)
    need(done.returncode == 0 and done.stdout == '0\n', done.stdout, done.stderr)


@test
def a_pod_joins_user_and_network_namespace(box):
    box.linux['namespaces'].append({'type': 'user'})
    for kind in ('uidMappings', 'gidMappings'):
        box.linux[kind] = [{'containerID': 0, 'hostID': 100000, 'size': 65536}]
    for path in (box.rootfs, *box.rootfs.rglob('*')):
        os.chown(path, 100000, 100000, follow_symlinks=False)
    box.dir.chmod(0o711)
    box.up()
    pid = box.pid()
    for kind in ('uidMappings', 'gidMappings'):
        box.linux.pop(kind)
    names = {'network': 'net', 'user': 'user', 'ipc': 'ipc', 'uts': 'uts'}
    for namespace in box.linux['namespaces']:
        if namespace['type'] in names:
            namespace['path'] = f'/proc/{pid}/ns/{names[namespace["type"]]}'
    box.linux['cgroupsPath'] = box.group + '/second'
    box.config.pop('hostname')
    second = box.id + '-second'
    box.ids.insert(0, second)
    box.sh('ls /sys/class/net; id -u; touch /sys/x 2>&1').write()
    result = box.oci('run', '--bundle', box.bundle, second)
    need(result.lines[:2] == ['lo', '0'] and 'Read-only' in result.lines[2], result.out, result.err)


INNER = {'ociVersion': '1.0.2', 'root': {'path': 'rootfs'},
         'process': {'user': {'uid': 0, 'gid': 0}, 'cwd': '/', 'env': ['PATH=/bin'],
                     'args': ['/bin/sh', '-c', 'echo inner; echo x >/dev/null && readlink /proc/self/ns/pid']},
         'mounts': [{'destination': '/proc', 'type': 'proc', 'source': 'proc'},
                    {'destination': '/dev', 'type': 'tmpfs', 'source': 'tmpfs'},
                    {'destination': '/dev/pts', 'type': 'devpts', 'source': 'devpts'},
                    {'destination': '/sys', 'type': 'sysfs', 'source': 'sysfs', 'options': ['ro']}],
         'linux': {'namespaces': [{'type': t} for t in ('pid', 'network', 'ipc', 'uts', 'mount')],
                   'resources': {'devices': [{'allow': False, 'access': 'rwm'}]}}}


@test
def a_container_in_a_container(box):
    with open(box.runtime, 'rb') as program:
        if b'/ld-linux' in program.read(4096):
            return  # a sanitizer build needs the host's libraries: nothing to copy inside
    names = [*box.process['capabilities']['bounding'], 'CAP_SYS_ADMIN', 'CAP_NET_ADMIN']
    box.process['capabilities'] = {k: names for k in ('bounding', 'permitted', 'effective')}
    box.linux['namespaces'] += [{'type': 'user'}, {'type': 'cgroup'}]
    for kind in ('uidMappings', 'gidMappings'):
        box.linux[kind] = [{'containerID': 0, 'hostID': 100000, 'size': 65536}]
    # A masked proc would keep the kernel from mounting another one.
    box.linux['maskedPaths'] = box.linux['readonlyPaths'] = []
    shutil.copy(box.runtime, box.rootfs / 'bin/runtime')
    inner = box.rootfs / 'tmp/bundle'
    inner.mkdir()
    shutil.copytree(box.rootfs / 'bin', inner / 'rootfs/bin', symlinks=True)
    (inner / 'config.json').write_text(json.dumps(INNER))
    for path in (box.rootfs, *box.rootfs.rglob('*')):
        os.chown(path, 100000, 100000, follow_symlinks=False)
    box.dir.chmod(0o711)
    result = box.run_sh('readlink /proc/self/ns/pid; '
                        'runtime --root /tmp/state run --bundle /tmp/bundle inner').ok()
    need(result.lines[1] == 'inner' and result.lines[0] != result.lines[2], result.out, result.err)


if __name__ == '__main__':
    main()
