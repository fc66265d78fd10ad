#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Whatever the config.json: nothing outside of the bundle and the root changes.

Configurations are put together at random ($SEED, $RUNS) from parts that each try to reach outside,
and then damaged. The test runs in mount, uts and ipc namespaces of its own, in which all mounts are
shared, so that a mount that travels is seen and a hole does not ruin the machine."""
import copy
import ctypes
import json
import os
import pathlib
import random

from escapetest import Host, docker, in_user_namespace, main, mount_table, need, spec, test

SEED = int(os.environ.get('SEED', '20210530'))
RUNS = int(os.environ.get('RUNS', '200'))
BATCH = 20
CLONE_NEWNS, CLONE_NEWUTS, CLONE_NEWIPC = 0x20000, 0x4000000, 0x8000000
MS_REC, MS_PRIVATE, MS_SHARED = 0x4000, 1 << 18, 1 << 20
SYSCTLS = ('kernel/core_pattern', 'kernel/msgmax', 'kernel/shmmax', 'kernel/sysrq', 'kernel/hostname',
           'kernel/domainname', 'net/ipv4/ip_forward', 'net/ipv4/ip_unprivileged_port_start',
           'net/ipv4/ping_group_range', 'vm/overcommit_memory', 'fs/mqueue/msg_max')
JUNK = [None, True, 0, -1, 1 << 63, 1e300, '', '/', '..', '/proc/self/fd/3', 'x' * 5000, [], {}, [None],
        {'': None}, '\u0000', '%s%n']


def own_namespaces():
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC) < 0:
        raise OSError(ctypes.get_errno(), 'unshare')
    for how in (MS_PRIVATE, MS_SHARED):
        if libc.mount(None, b'/', None, MS_REC | how, None) < 0:
            raise OSError(ctypes.get_errno(), 'mount')


def all_mounts():
    with open('/proc/self/mountinfo', encoding='utf-8') as file:
        return set(file)


def machine(box):
    """What belongs to the machine and not to a container. Other programs may take mounts of theirs
    away, whose copies then go here, too; nobody else adds any."""
    found = {name: pathlib.Path('/proc/sys', name).read_text() for name in SYSCTLS
             if os.path.exists('/proc/sys/' + name)}
    found['mounts'] = mount_table(box.dir)
    for name in ('null', 'zero', 'full', 'random', 'urandom', 'tty', 'ptmx', 'console', 'pts', 'shm'):
        st = os.lstat('/dev/' + name)
        found['/dev/' + name] = st.st_mode, st.st_uid, st.st_gid, st.st_rdev
    found['roots'] = sorted(os.listdir('/'))
    return found


class Groups:
    """A control group beside those of the containers, with a limit."""

    def __init__(self, box):
        self.dirs = []
        with open('/proc/self/mountinfo', encoding='utf-8') as file:
            mounts = [line.split() for line in file]
        for fields in mounts:
            if fields[fields.index('-') + 1] in ('cgroup', 'cgroup2'):
                path = pathlib.Path(fields[4] + box.group).parent / 'sentinel'
                path.mkdir(parents=True, exist_ok=True)
                self.dirs.append(path)
        for path in self.dirs:
            if (path / 'pids.max').exists():
                (path / 'pids.max').write_text('123')
        self.before = self.read()

    def read(self):
        found = {}
        for path in self.dirs:
            for name in ('pids.max', 'memory.limit_in_bytes', 'devices.list', 'cgroup.procs',
                         'cpu.shares', 'freezer.state', 'notify_on_release', 'cgroup.subtree_control'):
                if (path / name).exists():
                    found[path / name] = (path / name).read_text()
            found[path] = sorted(x for x in os.listdir(path) if (path / x).is_dir())
        return found

    def remove(self):
        for path in self.dirs:
            path.rmdir()


class Generator:
    def __init__(self, box, host, rng):
        self.box, self.host, self.rng = box, host, rng
        self.volume = box.dir / 'volume'
        self.volume.mkdir()
        outside = '../' * 20 + str(host.dir).lstrip('/')
        for place in (self.volume, box.rootfs):
            (place / 'out').symlink_to(host.dir)
            (place / 'up').symlink_to(outside)
            (place / 'fd').symlink_to('/proc/self/fd/3')
            (place / 'dev2').symlink_to('dev')
            os.mkfifo(place / 'fifo')

    def path(self):
        parts = ['out', 'up', 'fd', 'dev2', 'fifo', 'proc', 'sys', 'dev', 'tmp', '..', '.', 'directory',
                 'secret', 'new', 'self', '1', 'root', 'pts', 'ptmx', 'null', 'etc', 'vol', 'cwd', '']
        if self.rng.random() < 0.5:
            return self.rng.choice(['/vol', '/tmp', '/new', '/vol/directory', '/etc', '/up', '/dev2/new',
                                    '/dev/shm', '/vol/up', '/tmp/../tmp/../../../new2'])
        return '/' + '/'.join(self.rng.choice(parts) for _ in range(self.rng.randint(1, 5)))

    def mount(self):
        r = self.rng
        kind = r.choice(['bind', 'bind', 'tmpfs', 'tmpfs', 'proc', 'sysfs', 'devpts', 'mqueue', 'cgroup',
                         'nofs'])
        usual = ['ro', 'nosuid', 'noexec', 'nodev', 'remount', 'rro']
        usual += {'bind': ['copy-symlink', 'idmap'], 'tmpfs': ['tmpcopyup', 'size=1m']}.get(kind, [])
        options = [o for o in usual if r.random() < 0.1]
        if r.random() < 0.4:
            options.append(r.choice(['rshared', 'rprivate', 'rslave', 'shared', 'unbindable']))
        m = {'destination': self.path(), 'type': kind, 'source': kind, 'options': options}
        if kind == 'bind':
            # What may be written is the volume; the rest of the host is lent read-only.
            source = r.choice([self.volume, self.host.dir, self.host.dir / 'secret', self.box.rootfs])
            m['source'] = str(source)
            keep = [o for o in options if o != 'remount']
            m['options'] = ['rbind', *keep, *(['ro'] if source not in (self.volume,) else [])]
        return m

    def namespaces(self):
        r = self.rng
        found = []
        for kind, file in (('pid', 'pid'), ('network', 'net'), ('ipc', 'ipc'), ('uts', 'uts'),
                           ('mount', 'mnt'), ('cgroup', 'cgroup'), ('time', 'time'), ('user', 'user')):
            roll = r.random()
            if roll < 0.07 and kind not in ('network',):
                found.append({'type': kind, 'path': r.choice([
                    f'/proc/self/ns/{file}', f'/proc/{os.getpid()}/ns/{file}', '/dev/null', '/none'])})
            elif roll < 0.9 and kind != 'user':
                found.append({'type': kind})
        return found

    def config(self):
        r = self.rng
        shape = r.choice([docker, spec, lambda b: in_user_namespace(docker(b)),
                          lambda b: in_user_namespace(spec(b))])
        box = shape(self.box)
        linux = box.linux
        user = [n for n in linux['namespaces'] if n['type'] == 'user']
        hostile = r.choice([0.1, 0.1, 0.3])
        if r.random() < hostile:
            linux['namespaces'] = self.namespaces() + user
        box.config['mounts'] += [self.mount() for _ in range(r.randint(0, 3))]
        if r.random() < hostile:
            r.shuffle(box.config['mounts'])
        for key in ('maskedPaths', 'readonlyPaths'):
            linux[key] = linux.get(key, []) + [self.path() for _ in range(r.randint(0, 2))]
        if r.random() < hostile:
            linux['devices'] = [{'path': self.path(), 'type': r.choice('cbpu'), 'major': 1, 'minor': 3,
                                 'fileMode': 0o666, 'uid': 0, 'gid': 0}]
        if r.random() < hostile:
            linux.setdefault('sysctl', {})[r.choice(
                [name.replace('/', '.') for name in SYSCTLS] +
                ['net/../kernel/core_pattern', 'net.ipv4.../../kernel/sysrq'])] = '1'
        if r.random() < hostile:
            linux['rootfsPropagation'] = r.choice(['shared', 'slave', 'private', 'unbindable', 'rshared'])
        if r.random() < hostile:
            box.process['cwd'] = r.choice([self.path(), f'/proc/self/fd/{r.randint(3, 12)}'])
        box.process['args'] = ['/bin/true']
        if r.random() < hostile:
            box.process['args'] = [r.choice(['/proc/self/exe', f'/proc/self/fd/{r.randint(3, 9)}'])]
        box.config['hostname'] = 'fuzz'
        box.config['root']['readonly'] = r.random() < 0.3
        return box.config

    def damage(self, config):
        """Replace or remove something somewhere."""
        node = config
        for _ in range(self.rng.randint(1, 5)):
            keys = list(node) if isinstance(node, dict) else list(range(len(node)))
            if not keys:
                return
            key = self.rng.choice(keys)
            child = node[key]
            if isinstance(child, (dict, list)) and child and self.rng.random() < 0.8:
                node = child
                continue
            if key in ('cgroupsPath', 'source', 'root', 'path', 'hooks', 'hostID'):
                return  # these name the host on purpose
            if self.rng.random() < 0.3 and isinstance(node, dict) and key != 'linux':
                del node[key]
            else:
                node[key] = copy.deepcopy(self.rng.choice(JUNK))
            return


def check(box, host, groups, text):
    host.unchanged()
    need(groups.read() == groups.before, 'the groups changed', text)
    need(not box.leftovers(), box.leftovers(), text)


def run_all(box, host, groups):
    """How many of the containers ran."""
    rng = random.Random(SEED)
    generator = Generator(box, host, rng)
    started = 0
    before, mounts = machine(box), all_mounts()
    for number in range(RUNS):
        config = generator.config()
        if rng.random() < 0.3:
            generator.damage(config)
        text = json.dumps(config)
        (box.bundle / 'config.json').write_text(text)
        result = box.oci('run', '--bundle', box.bundle, box.id, timeout=30)
        started += result.code == 0
        need(result.code in (0, 1, 126, 127) and (result.code == 0 or result.err), 'exit', result.code,
             result.err, text)
        after = machine(box)
        need(all_mounts() <= mounts, f'run {number} of seed {SEED} left mounts:', all_mounts() - mounts, text)
        need(after == before, f'run {number} of seed {SEED} changed the machine:',
             {k: (before.get(k), v) for k, v in after.items() if before.get(k) != v}, text)
        if number % BATCH == 0 or number == RUNS - 1:
            check(box, host, groups, text)
    return started


@test
def random_configurations(box):
    own_namespaces()
    host = Host(box)
    groups = Groups(box)
    try:
        started = run_all(box, host, groups)
    finally:
        groups.remove()
    print(f'# {started} of {RUNS} containers ran')
    need(started > RUNS // 10, 'hardly any configuration is good', started)


if __name__ == '__main__':
    main()
