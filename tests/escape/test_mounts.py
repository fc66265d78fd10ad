#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Mounts that an image or a shared volume tries to redirect.

Symbolic links as mount points and a race with a volume (CVE-2021-30465), masks made from what the
image has at /dev/null (CVE-2025-31133), /dev/console and /dev/ptmx replaced (CVE-2025-52565), writes
to /proc redirected (CVE-2025-52881)."""
import os
import pathlib
import subprocess
import sys
import time

from escapetest import (Host, clear, docker, in_user_namespace, listener, main, need, payload, receive_fd,
                        spec, test, verdicts)

FLIPPER = '''
import ctypes, os, sys
libc = ctypes.CDLL(None, use_errno=True)
a, b = (name.encode() for name in sys.argv[1:3])
while os.getppid() == int(sys.argv[3]):
    libc.renameat2(-100, a, -100, b, 2)
'''


def bind(source, destination, *options):
    return {'destination': destination, 'type': 'bind', 'source': str(source),
            'options': ['rbind', *options]}


def links(target):
    """Ways to spell a place outside of the root."""
    yield str(target)
    yield '../' * 20 + str(target).lstrip('/')
    yield '/proc/self/root/../' + '../' * 20 + str(target).lstrip('/')
    yield '/proc/1/root' + str(target)
    yield '/proc/self/cwd' + '/..' * 20 + str(target)


# Enforced by kernel/path.c: openat2(2) with RESOLVE_IN_ROOT and RESOLVE_NO_MAGICLINKS, and mounts
# attached to descriptors.
@test
def mount_points_that_are_links(box):
    """Whether the mount ends up inside or is refused: nothing outside is covered or made."""
    host = Host(box)
    docker(box)
    kinds = [bind(box.dir / 'source', '/link'),
             {'destination': '/link', 'type': 'tmpfs', 'source': 'tmpfs', 'options': ['mode=777']},
             {'destination': '/link/below/it', 'type': 'tmpfs', 'source': 'tmpfs'}]
    (box.dir / 'source').mkdir()
    mounts = box.config['mounts']
    for target in links(host.dir / 'directory'):
        link = box.rootfs / 'link'
        link.symlink_to(target)
        for kind in kinds:
            box.config['mounts'] = mounts + [kind]
            box.run_sh('touch /link/x')
        link.unlink()
    host.unchanged()


@test
def parents_of_mount_points_that_are_links(box):
    host = Host(box)
    docker(box)
    mounts = box.config['mounts']
    for target in links(host.dir):
        link = box.rootfs / 'var'
        link.symlink_to(target)
        for destination in ('/var/new/deep', '/var/directory', '/var/directory/file', '/var/../var/x'):
            box.config['mounts'] = mounts + [bind(box.dir / 'bundle', destination)]
            box.run()
            box.config['mounts'] = mounts + [bind('/etc/passwd', destination)]
            box.run()
        link.unlink()
    host.unchanged()


@test
def links_in_a_volume(box):
    """A second mount goes below a first one, whose content another container wrote."""
    host = Host(box)
    docker(box)
    volume = box.dir / 'volume'
    volume.mkdir()
    for name, target in (('a', str(host.dir)), ('b', '../' * 20 + str(host.dir)), ('c', '/proc/1/root')):
        (volume / name).symlink_to(target)
    mounts = box.config['mounts']
    for name in 'abc':
        box.config['mounts'] = mounts + [bind(volume, '/vol'), bind(box.bundle, f'/vol/{name}/made'),
                                         bind(box.bundle, f'/vol/{name}')]
        box.run()
        box.config['linux']['maskedPaths'] = [f'/vol/{name}/directory', f'/vol/{name}/secret']
        box.config['mounts'] = mounts + [bind(volume, '/vol')]
        box.run()
    host.unchanged()
    for top, names, files in os.walk(volume):
        need(sorted((*names, *files)) == ['a', 'b', 'c'] or top != str(volume), top, names, files)


@test
def race_with_a_shared_volume(box):
    """Somebody exchanges a directory and a link all the time while containers mount into it."""
    host = Host(box)
    docker(box)
    volume = box.dir / 'volume'
    (volume / 'x').mkdir(parents=True)
    (volume / 'y').symlink_to('../' * 20 + str(host.dir).lstrip('/'))
    mounts = box.config['mounts'] + [bind(volume, '/vol')]
    kinds = [[bind('/etc', '/vol/x', 'ro')],
             [{'destination': '/vol/x/new', 'type': 'tmpfs', 'source': 'tmpfs',
               'options': ['tmpcopyup']}],
             [bind('/etc/passwd', '/vol/x/newfile'), bind('/etc', '/vol/x/directory/newer')]]
    flip = subprocess.Popen([sys.executable, '-c', FLIPPER, volume / 'x', volume / 'y',
                             str(os.getpid())])
    good = 0
    try:
        for number in range(90):
            box.config['mounts'] = mounts + kinds[number % len(kinds)]
            good += box.run_sh('cat /vol/x/secret').out == 'host secret\n'
    finally:
        flip.kill()
        flip.wait()
    need(good == 0, 'the host was seen', good, 'times')
    host.unchanged()


# Enforced by rootfs.c:dev_is_bound() and plan.c:covers_dev().
@test
def devices_are_not_made_in_a_bound_directory(box):
    """/dev bound from the host, under several names: its ptmx is not replaced, no node appears."""
    docker(box)
    shared = box.dir / 'dev'
    shared.mkdir()
    os.mknod(shared / 'ptmx', 0o600 | 0o020000, os.makedev(5, 2))
    before = sorted(os.listdir(shared)), os.lstat(shared / 'ptmx').st_mode
    (box.rootfs / 'alias').symlink_to('dev')
    (box.rootfs / 'deep').mkdir()
    (box.rootfs / 'deep' / 'alias').symlink_to('../../../dev')
    for destination in ('/dev', '/dev/', '//dev', '/./dev', '/x/../dev', '/alias', '/deep/alias'):
        box.config['mounts'] = [bind(shared, destination)]
        box.run()
        after = sorted(os.listdir(shared)), os.lstat(shared / 'ptmx').st_mode
        need(after == before, destination, after)


# ---- masks ----

def masked(box):
    script = ('for f in /proc/kcore /proc/keys /proc/timer_list; do '
              '[ -e $f ] && stat -c "%F %t:%T" $f && head -c 16 $f | wc -c; done; '
              'ls -A /sys/firmware /proc/acpi /proc/scsi 2>/dev/null | grep -v :$; true')
    return box.run_sh(script)


def is_masked(result):
    lines = [line for line in result.out.split('\n') if line]
    return lines and all(line in ('character special file 1:3', '0') for line in lines)


# Enforced by rootfs.c:open_null(): the host's device, by descriptor, checked.
@test
def masks_do_not_come_from_the_image(box):
    """/dev/null of the image is a link, a file, a fifo, another device; /dev is not mounted over."""
    for config in (docker, spec):
        config(box)
        need(is_masked(masked(box)), 'without any attack')
        mounts = [m for m in box.config['mounts'] if m['destination'] == '/proc' or
                  m['destination'] == '/sys']
        null = box.rootfs / 'dev' / 'null'
        for make in (lambda: null.symlink_to('/proc/sys/kernel/core_pattern'),
                     lambda: null.symlink_to('../proc/self/mem'),
                     lambda: null.symlink_to('nothing'), lambda: null.write_text('x'),
                     lambda: os.mkfifo(null), null.mkdir,
                     lambda: os.mknod(null, 0o666 | 0o020000, os.makedev(1, 5))):
            for name in os.listdir(null.parent):
                clear(null.parent / name)
            make()
            box.config['mounts'] = mounts
            result = masked(box)
            need(result.code != 0 or is_masked(result), result.out)


@test
def masks_hold_when_null_is_bound(box):
    """A volume over /dev/null or all of /dev."""
    docker(box)
    fake = box.dir / 'fake'
    fake.mkdir()
    (fake / 'null').symlink_to('/proc/sys/kernel/core_pattern')
    (box.dir / 'file').write_text('fake')
    mounts = box.config['mounts']
    for extra in (bind(box.dir / 'file', '/dev/null'), bind(fake, '/dev')):
        box.config['mounts'] = mounts + [extra]
        result = masked(box)
        need(result.code != 0 or is_masked(result), result.out)


# ---- /proc and /sys ----

# Enforced by rootfs_mount.c:open_target().
@test
def proc_and_sys_that_are_links(box):
    docker(box)
    for name in ('proc', 'sys'):
        for target in ('tmp', '/tmp', '../../../tmp', 'dev/shm', '/etc/../tmp'):
            path = box.rootfs / name
            path.rmdir()
            path.symlink_to(target)
            result = box.run_sh('echo started')
            need(result.code != 0 and 'mount /' + name in result.err, name, target, result.err)
            path.unlink()
            path.mkdir()


# Enforced by init.c:creation_set_sysctls() and lsm.c: written through the host's /proc, before the
# container's is mounted.
@test
def writes_to_proc_are_not_redirected(box):
    """A tmpfs, a bind or a file of the image where the runtime writes: the setting takes effect."""
    docker(box)
    decoy = box.dir / 'decoy'
    (decoy / 'sys/net/ipv4').mkdir(parents=True)
    (decoy / 'self/attr').mkdir(parents=True)
    for name in ('sys/net/ipv4/ip_unprivileged_port_start', 'self/attr/exec', 'self/oom_score_adj'):
        (decoy / name).write_text('untouched')
    mounts = box.config['mounts']
    box.process['oomScoreAdj'] = 321
    box.config['linux'].update(maskedPaths=[], readonlyPaths=[])
    real = {'destination': '/real', 'type': 'proc', 'source': 'proc'}
    (box.rootfs / 'real').mkdir()
    for cover in (bind(decoy, '/proc'),
                  {'destination': '/proc/self/attr', 'type': 'tmpfs', 'source': 'tmpfs'},
                  {'destination': '/proc', 'type': 'tmpfs', 'source': 'tmpfs'}):
        box.config['mounts'] = mounts + [cover, real]
        result = box.run_sh('cat /real/sys/net/ipv4/ip_unprivileged_port_start /real/self/oom_score_adj')
        need(result.code != 0 or result.out.split() == ['0', '321'], cover, result.out, result.err)
        need((decoy / 'sys/net/ipv4/ip_unprivileged_port_start').read_text() == 'untouched')
        need((decoy / 'self/oom_score_adj').read_text() == 'untouched')


# ---- terminals ----

def with_terminal(box, script):
    """Run on a terminal; what it printed."""
    box.process['terminal'] = True
    sock = listener(box.dir / 'console')
    box.sh(script)
    result = box.create('--console-socket', box.dir / 'console')
    if result.code != 0:
        sock.close()
        (box.dir / 'console').unlink()
        return result, ''
    master = receive_fd(sock)
    sock.close()
    (box.dir / 'console').unlink()
    box.start()
    out = b''
    try:
        while chunk := os.read(master, 4096):
            out += chunk
    except OSError:
        pass
    os.close(master)
    box.wait_status('stopped')
    box.delete('--force').ok()
    return result, out.decode(errors='replace')


# Enforced by the pivot, which comes first, and console.c: the target is looked up inside the root, the
# mount is a clone of the terminal's descriptor, and the multiplexer and the terminal are checked to be
# of a devpts (where most fakes would also fail the requests of a terminal).
@test
def console_replaced_in_the_image(box):
    """/dev is a directory of the image: /dev/console leads to what must not be covered or made."""
    host = Host(box)
    docker(box)
    box.config['mounts'] = [m for m in box.config['mounts'] if not m['destination'].startswith('/dev')]
    (box.rootfs / 'dev' / 'pts').mkdir()
    box.config['mounts'].append({'destination': '/dev/pts', 'type': 'devpts', 'source': 'devpts',
                                 'options': ['newinstance', 'ptmxmode=0666', 'mode=0620', 'gid=5']})
    console = box.rootfs / 'dev' / 'console'
    check = ('stat -c %F /proc/kcore; echo x > /proc/sys/kernel/core_pattern || echo denied; '
             'echo b > /proc/sysrq-trigger || echo denied')
    pattern = pathlib.Path('/proc/sys/kernel/core_pattern').read_text()
    for make in (lambda: console.symlink_to('/proc/sys/kernel/core_pattern'),
                 lambda: console.symlink_to('/proc/sysrq-trigger'),
                 lambda: console.symlink_to('../' * 20 + str(host.dir / 'secret')),
                 lambda: console.symlink_to('/proc/self/fd/1'),
                 lambda: console.symlink_to('/proc/1/root' + str(host.dir) + '/new'),
                 lambda: os.mkfifo(console), lambda: console.write_text('x'), console.mkdir,
                 lambda: os.mknod(console, 0o666 | 0o060000, os.makedev(254, 0))):
        make()
        with_terminal(box, check)
        need(pathlib.Path('/proc/sys/kernel/core_pattern').read_text() == pattern, 'core_pattern')
        host.unchanged()
        clear(console)


@test
def ptmx_replaced(box):
    """/dev/pts/ptmx of a fake devpts, the host's multiplexer or a file: no terminal is taken from it."""
    docker(box)
    fake = box.dir / 'fake'
    fake.mkdir()
    mounts = [m for m in box.config['mounts'] if m['destination'] != '/dev/pts']
    ptmx = fake / 'ptmx'
    for make in (lambda: os.mkfifo(ptmx), lambda: ptmx.write_text('x'), ptmx.mkdir,
                 lambda: ptmx.symlink_to('/dev/null'),
                 lambda: ptmx.symlink_to('/proc/self/fd/0'),
                 lambda: os.mknod(ptmx, 0o666 | 0o020000, os.makedev(1, 3)),
                 lambda: os.mknod(ptmx, 0o666 | 0o020000, os.makedev(5, 2))):
        make()
        box.config['mounts'] = mounts + [bind(fake, '/dev/pts')]
        result, out = with_terminal(box, 'echo on the terminal')
        need(result.code != 0 and 'terminal' not in out, result.err, out)
        clear(ptmx)


# Enforced by the mount of a new devpts instance for each container, and the link /dev/ptmx to it.
@test
def terminals_of_others_are_not_reachable(box):
    docker(box)
    own, other = os.openpty()
    try:
        number = os.ttyname(other).rsplit('/', 1)[1]
        for config in (docker, spec, lambda b: in_user_namespace(docker(b))):
            box.process['terminal'] = False
            text = config(box).run_sh('ls /dev/pts; readlink /dev/ptmx; '
                                      f'echo hello > /dev/pts/{number} && echo wrote').out
            need(text.split() == ['ptmx', 'pts/ptmx'], text)
    finally:
        os.close(own)
        os.close(other)


# ---- what of the host is seen ----

# Enforced by rootfs.c:leave_by_pivot().
@test
def no_mount_of_the_host_is_visible(box):
    for config in (docker, spec, lambda b: in_user_namespace(docker(b))):
        config(box)
        payload(box)
        allowed = {m['destination'] for m in box.config['mounts']} | {'/'}
        protected = set(box.linux['maskedPaths']) | set(box.linux['readonlyPaths'])
        for text in (box.run_sh('cat /proc/self/mountinfo').ok().out,
                     box.up().exec('/bin/cat', '/proc/self/mountinfo').ok().out):
            for line in text.splitlines():
                where = line.split()[4]
                need(where in allowed | protected or where.startswith(('/dev/', '/sys/fs/cgroup/')), line)
        text = box.exec('/bin/sh', '-c', 'ls /proc/1/root/../../..; cd /proc/1/root; ls ..').out
        need(set(text.split()) == set(os.listdir(box.rootfs)), text)
        box.delete('--force').ok()


# Enforced by the seccomp filter (open_by_handle_at) and, without it, by the absence of
# CAP_DAC_READ_SEARCH in the initial user namespace.
@test
def nothing_above_the_root_by_handle(box):
    where = str(box.dir).lstrip('/')
    for config in (docker, spec, lambda b: in_user_namespace(docker(b))):
        for filtered in (True, False):
            config(box)
            if not filtered:
                box.linux.pop('seccomp', None)
            box.process['args'] = [payload(box), 'handle', '/', where]
            found = verdicts(box.run().ok().out)
            need(found['handle'] == 'EPERM', found)


if __name__ == '__main__':
    main()
