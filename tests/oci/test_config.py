#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Fields of config.json and their effect, or their refusal with a JSON pointer."""
import os
import resource
import stat
import subprocess

from ocitest import Skip, main, need, test


def kernel_has(path, feature):
    if not os.path.exists(path):
        raise Skip(f'kernel without {feature}')


# ---- process ----

@test
def arguments_environment_and_directory(box):
    box.process['args'] = ['/bin/sh', '-c', 'pwd; echo "$X $0 $1"', 'zero', 'one two']
    box.process['env'] += ['X=y z']
    box.process['cwd'] = '/tmp'
    need(box.run().ok().out == '/tmp\ny z zero one two\n')


@test
def the_path_of_the_container_is_searched(box):
    (box.rootfs / 'opt').mkdir()
    (box.rootfs / 'opt/prog').write_text('#!/bin/sh\necho found $0\n')
    (box.rootfs / 'opt/prog').chmod(0o755)
    box.process['env'] = ['PATH=/none:/opt']
    box.process['args'] = ['prog']
    need(box.run().ok().out.startswith('found '))


@test
def a_missing_working_directory_is_made_or_named(box):
    box.process['cwd'] = '/made/for/it'
    result = box.run_sh('pwd')
    if result.code == 0:
        need(result.out == '/made/for/it\n', result.out)
    else:
        result.fails('/made/for/it')
    box.process['cwd'] = 'relative'
    box.run().fails('/process/cwd')


@test
def user_groups_and_umask(box):
    box.process['user'] = {'uid': 1000, 'gid': 1001, 'additionalGids': [5, 6], 'umask': 0o027}
    out = box.run_sh('id -u; id -g; id -G; umask').ok().lines
    need(out[:2] == ['1000', '1001'] and set(out[2].split()) == {'1001', '5', '6'}, out)
    need(out[3] == '0027', out)


@test
def capabilities_in_all_sets(box):
    box.process['user'] = {'uid': 1000, 'gid': 1000}
    box.process['capabilities'] = {'bounding': ['CAP_NET_RAW', 'CAP_CHOWN', 'CAP_KILL'],
                                   'permitted': ['CAP_NET_RAW', 'CAP_CHOWN'],
                                   'effective': ['CAP_NET_RAW'],
                                   'inheritable': ['CAP_NET_RAW'], 'ambient': ['CAP_NET_RAW']}
    out = dict(line.split(':\t') for line in
               box.run_sh('grep Cap /proc/self/status').ok().lines)
    values = {name: int(value, 16) for name, value in out.items()}
    raw = 1 << 13
    need(values['CapBnd'] == raw | 1 << 0 | 1 << 5, out)
    need(values['CapInh'] == values['CapAmb'] == values['CapEff'] == values['CapPrm'] == raw, out)


@test
def without_capabilities_there_are_none(box):
    del box.process['capabilities']
    out = box.run_sh('grep -E "Cap(Eff|Prm|Bnd)" /proc/self/status').ok().lines
    need(all(int(line.split()[1], 16) == 0 for line in out), out)


@test
def unknown_capabilities_are_named(box):
    box.process['capabilities']['bounding'] = ['CAP_NONSENSE']
    result = box.run()
    need('CAP_NONSENSE' in result.err, 'not even a warning:', result.code, result.err)


@test
def no_new_privileges(box):
    for value in (True, False):
        box.process['noNewPrivileges'] = value
        out = box.run_sh('grep NoNewPrivs /proc/self/status').ok().out
        need(out.split()[1] == str(int(value)), out)


@test
def rlimits(box):
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    box.process['rlimits'] = [{'type': 'RLIMIT_NOFILE', 'soft': 100, 'hard': 200},
                              {'type': 'RLIMIT_CORE', 'soft': 0, 'hard': 0}]
    out = box.run_sh('ulimit -Sn; ulimit -Hn; ulimit -c').ok().lines
    need(out == ['100', '200', '0'], out, hard)
    box.process['rlimits'] = [{'type': 'RLIMIT_NONSENSE', 'soft': 1, 'hard': 1}]
    box.run().fails('/process/rlimits/0')


@test
def oom_score(box):
    box.process['oomScoreAdj'] = 321
    need(box.run_sh('cat /proc/self/oom_score_adj').ok().out == '321\n')


@test
def scheduler_and_io_priority(box):
    box.process['scheduler'] = {'policy': 'SCHED_BATCH', 'nice': 5}
    box.process['ioPriority'] = {'class': 'IOPRIO_CLASS_IDLE', 'priority': 0}
    box.up()
    pid = box.pid()
    need(os.sched_getscheduler(pid) == os.SCHED_BATCH)
    need(os.getpriority(os.PRIO_PROCESS, pid) == 5)
    out = subprocess.run(['ionice', '-p', str(pid)], capture_output=True, text=True, check=False).stdout
    need('idle' in out, out)


@test
def personality(box):
    box.linux['personality'] = {'domain': 'LINUX32'}
    result = box.run_sh('cat /proc/self/personality')
    need(result.ok().out.strip() == '00000008', result.out)
    box.linux['personality'] = {'domain': 'NONSENSE'}
    box.run().fails('/linux/personality/domain')


# ---- root and mounts ----

@test
def read_only_root(box):
    box.config['root']['readonly'] = True
    result = box.run_sh('echo x > /file; echo x > /dev/shm/file && echo shm')
    need('Read-only' in result.err and result.out == 'shm\n', result.err)
    need(not (box.rootfs / 'file').exists())


@test
def an_absolute_root_path(box):
    box.config['root']['path'] = str(box.rootfs)
    need(box.run_sh('echo in').ok().out == 'in\n')
    box.config['root']['path'] = 'absent'
    box.run().fails('absent')


@test
def binds_and_their_options(box):
    source = box.dir / 'source'
    source.mkdir()
    (source / 'file').write_text('data\n')
    box.config['mounts'] += [
        {'destination': '/rw', 'type': 'bind', 'source': str(source), 'options': ['bind']},
        {'destination': '/ro', 'type': 'none', 'source': str(source),
         'options': ['rbind', 'ro', 'nosuid', 'nodev', 'noexec']},
        {'destination': '/etc/one', 'type': 'bind', 'source': str(source / 'file'),
         'options': ['bind', 'ro']}]
    result = box.run_sh('cat /rw/file /etc/one; echo new > /rw/new; echo x > /ro/x; '
                        'grep " /ro " /proc/self/mountinfo')
    need(result.out.startswith('data\ndata\n'), result.out)
    need('Read-only' in result.err, result.err)
    need('ro,nosuid,nodev,noexec' in result.out, result.out)
    need((source / 'new').read_text() == 'new\n' and not (source / 'x').exists())


@test
def recursive_attributes(box):
    box.config['mounts'] += [
        {'destination': '/tree', 'type': 'bind', 'source': '/proc', 'options': ['rbind', 'rro']}]
    result = box.run_sh('grep -E " /tree" /proc/self/mountinfo')
    lines = [line.split()[5] for line in result.ok().lines]
    need(lines and all(x.startswith('ro') for x in lines), result.out)


@test
def tmpfs_and_its_data(box):
    box.config['mounts'] += [
        {'destination': '/scratch', 'type': 'tmpfs', 'source': 'tmpfs',
         'options': ['nosuid', 'size=1m', 'mode=700']}]
    result = box.run_sh('stat -c %a /scratch; grep " /scratch " /proc/self/mountinfo').ok()
    need(result.lines[0] == '700' and 'size=1024k' in result.out, result.out)


@test
def tmpcopyup(box):
    (box.rootfs / 'data/sub').mkdir(parents=True)
    (box.rootfs / 'data/sub/file').write_text('kept')
    (box.rootfs / 'data/link').symlink_to('sub/file')
    box.config['mounts'] += [{'destination': '/data', 'type': 'tmpfs', 'source': 'tmpfs',
                              'options': ['tmpcopyup']}]
    result = box.run_sh('cat /data/link; echo changed > /data/sub/file')
    need(result.ok().out == 'kept', result.out)
    need((box.rootfs / 'data/sub/file').read_text() == 'kept')


@test
def mount_points_are_made_below_the_root_only(box):
    (box.rootfs / 'link').symlink_to('/../../../../tmp')
    marker = f'bulkhead-made-{box.id}'
    box.config['mounts'] += [{'destination': f'/link/{marker}', 'type': 'tmpfs', 'source': 'tmpfs'}]
    box.run_sh(f'grep -c {marker} /proc/self/mountinfo').ok()
    need(not os.path.exists(f'/tmp/{marker}'), 'made outside of the root')
    need((box.rootfs / 'tmp' / marker).is_dir())


@test
def unknown_mounts_are_refused(box):
    good = list(box.config['mounts'])
    for bad in ({'destination': '/x', 'type': 'nonsensefs', 'source': 'x'},
                {'destination': '/x', 'type': 'bind', 'source': '/no/such', 'options': ['bind']},
                {'destination': '/x', 'type': 'tmpfs', 'source': 'x', 'options': ['nonsense=1']}):
        box.config['mounts'] = good + [bad]
        box.run().fails('/x')
        need(not box.leftovers(), box.leftovers())


@test
def propagation_of_a_mount(box):
    box.config['mounts'] += [{'destination': '/p', 'type': 'tmpfs', 'source': 'x',
                              'options': ['rshared']}]
    result = box.run_sh('cat /proc/self/mountinfo').ok()
    for line in result.lines:
        need(('shared:' in line) == (line.split()[4] == '/p'), line)


@test
def propagation_of_the_root_stays_inside(box):
    """In a mount namespace whose every mount is shared, as on hosts with systemd."""
    for value in ('rshared', 'shared', 'rslave', 'slave', 'rprivate', 'private'):
        box.linux['rootfsPropagation'] = value
        box.sh('cat /proc/self/mountinfo').write()
        script = ('mount --make-rshared / && wc -l < /proc/self/mountinfo && "$@" && '
                  'wc -l < /proc/self/mountinfo')
        result = subprocess.run(
            ['unshare', '--mount', '--propagation', 'private', 'sh', '-c', script, 'sh',
             *box.command('run', '--bundle', box.bundle, box.id)],
            capture_output=True, text=True, check=False, timeout=60)
        lines = result.stdout.splitlines()
        need(result.returncode == 0, value, result.stderr)
        need(lines[0] == lines[-1], value, 'left on the host:', lines[0], lines[-1])
        root = next(line for line in lines if ' / ' in line and line.split()[4] == '/')
        need(('shared:' in root) == (value in ('rshared', 'shared')), value, root)


@test
def masked_and_read_only_paths(box):
    (box.rootfs / 'secret').write_text('hidden')
    (box.rootfs / 'secrets').mkdir()
    (box.rootfs / 'secrets/x').write_text('hidden')
    (box.rootfs / 'fixed').mkdir()
    box.linux['maskedPaths'] += ['/secret', '/secrets', '/no/such/path']
    box.linux['readonlyPaths'] += ['/fixed', '/no/such/path']
    result = box.run_sh('cat /secret; ls /secrets; echo x > /fixed/x; echo 1 > /proc/sys/vm/swappiness;'
                        ' cat /proc/kcore | wc -c')
    need('hidden' not in result.out and result.out.strip() == '0', result.out)
    need(result.err.count('Read-only') == 2, result.err)


@test
def a_mask_cannot_be_replaced_by_a_link(box):
    (box.rootfs / 'target').write_text('host')
    (box.rootfs / 'mask').symlink_to('/target')
    box.linux['maskedPaths'] += ['/mask']
    result = box.run_sh('cat /target; echo; cat /mask')
    need(result.code != 0 or 'host' not in result.out.splitlines()[1:], result.out)


# ---- devices ----

@test
def default_devices(box):
    result = box.run_sh('for d in null zero full random urandom tty; do test -c /dev/$d || echo no $d; done;'
                        'readlink /dev/fd; readlink /dev/stdin; readlink /dev/ptmx; ls -l /dev/null')
    lines = result.ok().lines
    need(lines[:3] == ['/proc/self/fd', '/proc/self/fd/0', 'pts/ptmx'], lines)
    need('1,   3' in lines[3] and lines[3].startswith('crw-rw-rw-'), lines)


@test
def devices_are_made(box):
    box.linux['devices'] = [
        {'path': '/dev/mine', 'type': 'c', 'major': 1, 'minor': 5, 'fileMode': 0o640, 'uid': 7, 'gid': 8},
        {'path': '/dev/sub/pipe', 'type': 'p', 'fileMode': 0o600}]
    box.linux['resources']['devices'].append(
        {'allow': True, 'type': 'c', 'major': 1, 'minor': 5, 'access': 'rw'})
    result = box.run_sh('stat -c "%a %u %g %t:%T" /dev/mine; test -p /dev/sub/pipe && echo pipe;'
                        ' head -c 3 /dev/mine | wc -c').ok()
    need(result.lines == ['640 7 8 1:5', 'pipe', '3'], result.lines)


# ---- namespaces ----

@test
def every_listed_namespace_is_new(box):
    for kind in ('cgroup', 'time'):
        if os.path.exists(f'/proc/self/ns/{kind}'):
            box.linux['namespaces'].append({'type': kind})
    result = box.run_sh('for n in mnt pid net ipc uts cgroup time; do readlink /proc/self/ns/$n; done')
    for line in result.ok().lines:
        name = line.split(':')[0]
        need(line != os.readlink(f'/proc/self/ns/{name}'), line)


@test
def namespaces_that_are_not_listed_are_shared(box):
    box.linux['namespaces'] = [{'type': 'mount'}]
    del box.config['hostname']
    result = box.run_sh('for n in pid net ipc uts; do readlink /proc/self/ns/$n; done')
    for line in result.ok().lines:
        need(line == os.readlink(f'/proc/self/ns/{line.split(":")[0]}'), line)


@test
def joining_by_path(box):
    holder = subprocess.Popen(['unshare', '--net', '--uts', '--ipc', 'sleep', '1000'])
    try:
        box.wait_for(lambda: os.readlink(f'/proc/{holder.pid}/ns/net') != os.readlink('/proc/self/ns/net'),
                     'unshare')
        kinds = {'network': 'net', 'uts': 'uts', 'ipc': 'ipc'}
        for ns in box.linux['namespaces']:
            if ns['type'] in kinds:
                ns['path'] = f'/proc/{holder.pid}/ns/{kinds[ns["type"]]}'
        result = box.run_sh('for n in net uts ipc; do readlink /proc/self/ns/$n; done').ok()
        for line in result.lines:
            need(line == os.readlink(f'/proc/{holder.pid}/ns/{line.split(":")[0]}'), line)
        box.linux['namespaces'][1]['path'] = f'/proc/{holder.pid}/ns/uts'
        box.run().fails('net namespace')
    finally:
        holder.kill()
        holder.wait()


@test
def a_user_namespace_with_maps(box):
    box.linux['namespaces'].append({'type': 'user'})
    box.linux['uidMappings'] = [{'containerID': 0, 'hostID': 100000, 'size': 65536}]
    box.linux['gidMappings'] = [{'containerID': 0, 'hostID': 200000, 'size': 65536}]
    subprocess.run(['chmod', '-R', 'a+rX', str(box.dir)], check=True)
    os.chmod(box.dir, 0o755)
    result = box.run_sh('cat /proc/self/uid_map /proc/self/gid_map; id -u; test -c /dev/null && echo dev')
    words = result.ok().out.split()
    need(words[:6] == ['0', '100000', '65536', '0', '200000', '65536'], words)
    need(words[6:] == ['0', 'dev'], words)


@test
def names_of_the_host(box):
    box.config['hostname'] = 'some-name'
    box.config['domainname'] = 'some.domain'
    result = box.run_sh('hostname; cat /proc/sys/kernel/domainname').ok()
    need(result.lines == ['some-name', 'some.domain'], result.lines)
    box.linux['namespaces'] = [n for n in box.linux['namespaces'] if n['type'] != 'uts']
    box.run().fails('hostname')


@test
def time_offsets(box):
    kernel_has('/proc/self/timens_offsets', 'time namespaces')
    box.linux['namespaces'].append({'type': 'time'})
    box.linux['timeOffsets'] = {'boottime': {'secs': 1000000, 'nanosecs': 0}}
    with open('/proc/uptime', encoding='ascii') as file:
        host = float(file.read().split()[0])
    inside = float(box.run_sh('cat /proc/uptime').ok().out.split()[0])
    need(1000000 <= inside - host < 1000060, inside, host)


@test
def sysctls(box):
    box.linux['sysctl'] = {'net.ipv4.ip_forward': '1', 'kernel.shm_rmid_forced': '1'}
    result = box.run_sh('cat /proc/sys/net/ipv4/ip_forward /proc/sys/kernel/shm_rmid_forced').ok()
    need(result.out == '1\n1\n', result.out)
    box.linux['sysctl'] = {'vm.swappiness': '1'}
    box.run().fails('/linux/sysctl')
    box.linux['sysctl'] = {'net.ipv4.ip_forward': '1'}
    box.linux['namespaces'] = [n for n in box.linux['namespaces'] if n['type'] != 'network']
    box.run().fails('/linux/sysctl')


@test
def loopback_is_up(box):
    need('LOOPBACK,UP' in box.run_sh('ip link show lo').ok().out)


# ---- seccomp ----

def seccomp(box, *rules, default='SCMP_ACT_ALLOW'):
    box.linux['seccomp'] = {'defaultAction': default, 'architectures': ['SCMP_ARCH_X86_64'],
                            'syscalls': list(rules)}


@test
def seccomp_errno_and_arguments(box):
    seccomp(box, {'names': ['mkdir', 'mkdirat'], 'action': 'SCMP_ACT_ERRNO', 'errnoRet': 28},
            {'names': ['kill'], 'action': 'SCMP_ACT_ERRNO',
             'args': [{'index': 1, 'value': 10, 'op': 'SCMP_CMP_EQ'}]})
    result = box.run_sh('mkdir /tmp/x; kill -0 $$ && echo zero; kill -USR1 $$ || echo denied')
    need('No space left' in result.err and result.out == 'zero\ndenied\n', result.out, result.err)


@test
def seccomp_kill(box):
    seccomp(box, {'names': ['mkdir', 'mkdirat'], 'action': 'SCMP_ACT_KILL_PROCESS'})
    box.process['args'] = ['/bin/mkdir', '/tmp/x']
    box.run().exits(128 + 31)


@test
def seccomp_holds_without_no_new_privileges(box):
    box.process['noNewPrivileges'] = False
    seccomp(box, {'names': ['mkdir', 'mkdirat'], 'action': 'SCMP_ACT_ERRNO'})
    result = box.run_sh('grep -E "Seccomp:|NoNew" /proc/self/status; mkdir /tmp/x')
    need('not permitted' in result.err and '\t2' in result.out and '\t0' in result.out, result.out)


@test
def bad_seccomp_is_refused(box):
    seccomp(box, {'names': ['mkdir'], 'action': 'SCMP_ACT_NONSENSE'})
    box.run().fails('/linux/seccomp/syscalls/0/action')
    seccomp(box)
    box.linux['seccomp']['architectures'] = ['SCMP_ARCH_NONSENSE']
    box.run().fails('/linux/seccomp/architectures/0')


# ---- documents ----

@test
def refused_fields_have_a_pointer(box):
    for change, pointer in (
            ({'linux': {'intelRdt': {'closID': 'x'}}}, '/linux/intelRdt'),
            ({'vm': {'kernel': {'path': '/x'}}}, '/vm'),
            ({'solaris': {'milestone': 'x'}}, '/solaris'),
            ({'windows': {'layerFolders': []}}, '/windows')):
        saved = dict(box.config, linux=dict(box.linux))
        for key, value in change.items():
            if key == 'linux':
                box.config['linux'] = dict(box.linux, **value)
            else:
                box.config[key] = value
        box.create().fails(pointer)
        box.config = saved
        need(not box.leftovers(), box.leftovers())


@test
def wrong_types_have_a_pointer(box):
    for path, value in ((('process', 'args'), 'x'), (('process', 'cwd'), 5),
                        (('process', 'user', 'uid'), -1), (('root', 'readonly'), 'yes'),
                        (('linux', 'namespaces'), {}), (('linux', 'resources', 'pids'), {'limit': 'x'})):
        node = box.config
        for key in path[:-1]:
            node = node[key]
        absent = object()
        old = node.get(path[-1], absent)
        node[path[-1]] = value
        box.create().fails('/' + '/'.join(path))
        if old is absent:
            del node[path[-1]]
        else:
            node[path[-1]] = old


@test
def damaged_documents(box):
    for text in ('', '{', '[]', '"x"', '{"ociVersion":"1.0.0"}{}', '{"ociVersion":"1.0.0","ociVersion":"1"}',
                 '{"a":' * 100 + '1' + '}' * 100, '\x00', '{"ociVersion":"2.0.0"}'):
        (box.bundle / 'config.json').write_text(text)
        box.oci('create', '-b', box.bundle, box.id).fails('config.json')
    (box.bundle / 'config.json').write_text('{"x":"' + 'a' * (5 << 20) + '"}')
    box.oci('create', '-b', box.bundle, box.id).fails('larger')
    (box.bundle / 'config.json').unlink()
    box.oci('create', '-b', box.bundle, box.id).fails('config.json', 'no such file')
    need(not box.leftovers(), box.leftovers())


@test
def nothing_of_the_runtime_is_seen_inside(box):
    result = box.run_sh('readlink /proc/1/exe; readlink /proc/self/cwd; ls -l /proc/1/fd; '
                        'grep -c . /proc/self/mountinfo; cat /proc/self/mountinfo').ok()
    need(result.lines[0] == '/bin/busybox' and result.lines[1] == '/', result.lines[:2])
    need(str(box.root) not in result.out, 'the state directory is visible')


@test
def the_bundle_is_left_as_it_was(box):
    def snapshot():
        return sorted((str(p), stat.S_IFMT(p.lstat().st_mode), p.lstat().st_size if p.is_file() else 0)
                      for p in box.bundle.rglob('*') if p.name != 'config.json')
    before = snapshot()
    box.run().ok()
    made = [x for x in snapshot() if x not in before]
    need(not made, 'made in the root file system:', made)


if __name__ == '__main__':
    main()
