#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The boundary report of running containers: each loosening in config.json appears, read back from
the kernel, and nothing appears that is not there."""
import os
import socket
import stat

from ocitest import Skip, main, need, test

FILTER = {'defaultAction': 'SCMP_ACT_ERRNO', 'architectures': ['SCMP_ARCH_X86_64'],
          'syscalls': [{'names': ['swapon', 'swapoff'], 'action': 'SCMP_ACT_LOG'}]}
DEFAULT_OPEN = dict(FILTER, defaultAction='SCMP_ACT_ALLOW')


def report(box):
    box.up()
    return box.oci('boundary', '--format', 'json', box.id).ok().json()


def private_ids(box):
    box.linux['namespaces'].append({'type': 'user'})
    box.linux['uidMappings'] = box.linux['gidMappings'] = [
        {'containerID': 0, 'hostID': 400000, 'size': 65536}]
    box.dir.chmod(0o755)


def capabilities(box, *names):
    for kind in ('bounding', 'effective', 'permitted'):
        box.process['capabilities'][kind] = list(names)


def items(tree, what):
    return {item['detail']: item['severity'] for item in tree['loosened'] if item['what'] == what}


def has(tree, what, detail, severity):
    found = [s for d, s in items(tree, what).items() if detail in d]
    need(found and found[0] == severity, what, detail, severity, 'not in', tree['loosened'])


@test
def tight(box):
    private_ids(box)
    capabilities(box, 'CAP_CHOWN')
    box.linux['namespaces'].append({'type': 'cgroup'})
    box.linux['seccomp'] = DEFAULT_OPEN
    box.config['root']['readonly'] = True
    tree = report(box)
    need(tree['boundary'] == 'shared-kernel' and tree['complete'], tree)
    need(tree['user'] == {'uid': 0, 'gid': 0, 'hostUid': 400000, 'hostGid': 400000,
                          'administrative': True, 'administrativeOnHost': False}, tree['user'])
    for name in ('user', 'mount', 'pid', 'network', 'ipc', 'uts', 'cgroup'):
        need(tree['namespaces'][name]['sharedWithHost'] is False, name, tree['namespaces'])
    need(tree['namespaces']['time']['sharedWithHost'] is True)
    need(tree['seccomp'] == {'mode': 'filter', 'filters': 1}, tree['seccomp'])
    need(tree['noNewPrivileges'] is True and tree['rootReadonly'] is True)
    need(tree['capabilities']['effective'] == ['CAP_CHOWN'], tree['capabilities'])
    need(tree['uidMappings'] == [{'containerID': 0, 'hostID': 400000, 'size': 65536}])
    for what in ('capability', 'mount', 'socket', 'device', 'root', 'seccomp', 'id-map'):
        need(not items(tree, what), what, tree['loosened'])


@test
def plain_user(box):
    private_ids(box)
    capabilities(box)
    box.process['user'] = {'uid': 1000, 'gid': 1000}
    tree = report(box)
    need(tree['user']['uid'] == 1000 and tree['user']['hostUid'] == 401000, tree['user'])
    need(not tree['user']['administrative'], tree['user'])


@test
def host_user_namespace(box):
    tree = report(box)
    need(tree['boundary'] == 'none', tree['boundary'])
    has(tree, 'namespace', 'user', 'breaks')
    has(tree, 'capability', 'CAP_NET_RAW', 'weakens')
    has(tree, 'seccomp', 'no filter', 'weakens')
    need(tree['user']['administrativeOnHost'], tree['user'])


@test
def dangerous_capability(box):
    capabilities(box, 'CAP_SYS_ADMIN')
    tree = report(box)
    has(tree, 'capability', 'CAP_SYS_ADMIN', 'breaks')
    need(tree['boundary'] == 'none', tree)


@test
def host_network(box):
    box.linux['namespaces'] = [n for n in box.linux['namespaces'] if n['type'] != 'network']
    tree = report(box)
    has(tree, 'namespace', 'network', 'weakens')
    need('loosened' in box.oci('boundary', box.id).ok().out)


@test
def network_owned_inside(box):
    private_ids(box)
    capabilities(box, 'CAP_NET_ADMIN')
    tree = report(box)
    if tree['namespaces']['network']['ownedByContainer']:
        has(tree, 'capability', 'CAP_NET_ADMIN', 'weakens')
    else:
        need(not items(tree, 'capability'), tree['loosened'])


@test
def binds(box):
    (box.dir / 'data').mkdir()
    (box.dir / 'ro').mkdir()
    box.config['mounts'] += [
        {'destination': '/data', 'type': 'bind', 'source': str(box.dir / 'data'), 'options': ['bind']},
        {'destination': '/r', 'type': 'bind', 'source': str(box.dir / 'ro'), 'options': ['bind', 'ro']},
        {'destination': '/e', 'type': 'bind', 'source': '/etc', 'options': ['bind']}]
    tree = report(box)
    has(tree, 'mount', f'{box.dir}/data on /data', 'weakens')
    has(tree, 'mount', f'{box.dir}/ro on /r (read-only)', 'note')
    has(tree, 'mount', '/etc on /e', 'breaks')
    need(tree['boundary'] == 'none')


@test
def sockets(box):
    for name in ('mine.sock', 'docker.sock'):
        with socket.socket(socket.AF_UNIX) as sock:
            sock.bind(str(box.dir / name))
        box.config['mounts'].append({'destination': f'/tmp/{name}', 'type': 'bind',
                                     'source': str(box.dir / name), 'options': ['bind', 'ro']})
    tree = report(box)
    has(tree, 'socket', 'mine.sock on /tmp/mine.sock', 'weakens')
    has(tree, 'socket', 'docker.sock on /tmp/docker.sock', 'breaks')


@test
def kernel_paths(box):
    box.linux['readonlyPaths'] = []
    box.linux['maskedPaths'] = []
    tree = report(box)
    has(tree, 'kernel-path', '/proc/sys is writable', 'breaks')
    has(tree, 'kernel-path', '/sys/firmware is not masked', 'weakens')
    need('/sys is writable' not in items(tree, 'kernel-path'), tree['loosened'])


@test
def second_proc(box):
    (box.rootfs / 'p').mkdir()
    box.config['mounts'].append({'destination': '/p', 'type': 'proc', 'source': 'proc'})
    has(report(box), 'kernel-path', '/p', 'breaks')


@test
def devices(box):
    if not os.path.exists('/dev/loop0') or not stat.S_ISBLK(os.stat('/dev/loop0').st_mode):
        raise Skip('this kernel has no /dev/loop0')
    box.linux['devices'] = [{'path': '/dev/sub/disk', 'type': 'b', 'major': 7, 'minor': 0}]
    box.linux['resources']['devices'] = [{'allow': True, 'access': 'rwm'}]
    tree = report(box)
    has(tree, 'device', '/dev/sub/disk (b 7:0)', 'breaks')
    if tree['deviceFilter'] is False:
        has(tree, 'device-rules', 'all devices', 'weakens')
        has(tree, 'capability', 'CAP_MKNOD', 'breaks')


@test
def limits(box):
    box.linux['resources']['pids'] = {'limit': 77}
    box.linux['resources']['memory'] = {'limit': 64 << 20}
    if box.create().code != 0:
        raise Skip('no pids or memory controller')
    box.delete('--force').ok()
    tree = report(box)
    need(tree['limits']['pids'] == 77 and tree['limits']['memory'] == 64 << 20, tree['limits'])
    need(not items(tree, 'limit'), tree['loosened'])


@test
def no_limits(box):
    tree = report(box)
    need(any('pids' in detail for detail in items(tree, 'limit')), tree['loosened'])


# The container decides what is in its /dev and what its names are; the report survives.
@test
def hostile_names(box):
    box.up('mkdir -p "/dev/a\nb/c"; mknod "/dev/a\nb/n\x1b[2J" c 1 3; ln -s /proc/1/root /dev/up;'
           ' ln -s / /dev/root; exec sleep 1000')
    box.wait_for(lambda: box.exec('test', '-L', '/dev/root').code == 0, 'links')
    text = box.oci('boundary', box.id).ok().out
    need('\x1b' not in text, repr(text))
    tree = box.oci('boundary', '--format', 'json', box.id).ok().json()
    need(not [d for d in tree['devices'] if d['path'].startswith(('/dev/up', '/dev/root'))])


if __name__ == '__main__':
    main()
