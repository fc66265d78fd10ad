# SPDX-License-Identifier: Apache-2.0
"""Drive an OCI runtime on bundles made from busybox-static; speak TAP.

A test file registers functions with @test and ends with ocitest.main(). Every test gets a Box: a
directory of its own with a bundle, a state root and a cgroup path that no other test or run uses.
When the test ends, the Box checks that nothing is left: no state, process, mount or cgroup.
The runtime is the first argument or $BULKHEAD_OCI."""
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import traceback

BUSYBOX = '/bin/busybox' if os.path.exists('/bin/busybox') else '/usr/bin/busybox'
APPLETS = ('sh cat ls ps id true false sleep echo env mount umount stat touch mkdir rm ln mknod '
           'hostname chmod chown head tail wc grep sed sort tr dd od kill pwd test printenv '
           'readlink nproc dmesg setsid tty stty mkfifo cut seq find nc ip usleep tee taskset '
           'awk').split()
CAPABILITIES = ['CAP_CHOWN', 'CAP_DAC_OVERRIDE', 'CAP_FSETID', 'CAP_FOWNER', 'CAP_MKNOD',
                'CAP_NET_RAW', 'CAP_SETGID', 'CAP_SETUID', 'CAP_SETFCAP', 'CAP_SETPCAP',
                'CAP_NET_BIND_SERVICE', 'CAP_SYS_CHROOT', 'CAP_KILL', 'CAP_AUDIT_WRITE']
TESTS = []
SERIAL = 0


class Skip(Exception):
    """A kernel feature is missing; the text names it."""


def test(function):
    TESTS.append(function)
    return function


def need(condition, *what):
    """An assertion that shows what was seen."""
    if not condition:
        raise AssertionError(' '.join(str(x) for x in what))


def default_config():
    return {
        'ociVersion': '1.0.2',
        'process': {
            'terminal': False,
            'user': {'uid': 0, 'gid': 0},
            'args': ['/bin/true'],
            'env': ['PATH=/bin', 'TERM=xterm'],
            'cwd': '/',
            'capabilities': {name: list(CAPABILITIES)
                             for name in ('bounding', 'effective', 'permitted')},
            'noNewPrivileges': True,
        },
        'root': {'path': 'rootfs', 'readonly': False},
        'hostname': 'box',
        'mounts': [
            {'destination': '/proc', 'type': 'proc', 'source': 'proc',
             'options': ['nosuid', 'noexec', 'nodev']},
            {'destination': '/dev', 'type': 'tmpfs', 'source': 'tmpfs',
             'options': ['nosuid', 'strictatime', 'mode=755', 'size=65536k']},
            {'destination': '/dev/pts', 'type': 'devpts', 'source': 'devpts',
             'options': ['nosuid', 'noexec', 'newinstance', 'ptmxmode=0666', 'mode=0620',
                         'gid=5']},
            {'destination': '/dev/shm', 'type': 'tmpfs', 'source': 'shm',
             'options': ['nosuid', 'noexec', 'nodev', 'mode=1777', 'size=65536k']},
            {'destination': '/dev/mqueue', 'type': 'mqueue', 'source': 'mqueue',
             'options': ['nosuid', 'noexec', 'nodev']},
            {'destination': '/sys', 'type': 'sysfs', 'source': 'sysfs',
             'options': ['nosuid', 'noexec', 'nodev', 'ro']},
        ],
        'linux': {
            'resources': {'devices': [{'allow': False, 'access': 'rwm'}]},
            'namespaces': [{'type': t} for t in ('pid', 'network', 'ipc', 'uts', 'mount')],
            'maskedPaths': ['/proc/kcore', '/proc/keys', '/sys/firmware'],
            'readonlyPaths': ['/proc/bus', '/proc/fs', '/proc/irq', '/proc/sys',
                              '/proc/sysrq-trigger'],
        },
    }


class Result:
    def __init__(self, args, code, out, err):
        self.args, self.code, self.out, self.err = args, code, out, err

    def ok(self):
        need(self.code == 0, f'{self.args}: exit {self.code}: {self.err.strip()}')
        return self

    def fails(self, *words):
        need(self.code != 0, f'{self.args}: exit 0 where an error was expected')
        for word in words:
            need(word.lower() in self.err.lower(), f'{self.args}: "{word}" is not in: {self.err.strip()}')
        return self

    def exits(self, code):
        need(self.code == code, f'{self.args}: exit {self.code}, not {code}: {self.err.strip()}')
        return self

    @property
    def lines(self):
        return self.out.splitlines()

    def json(self):
        return json.loads(self.out)


class Box:
    def __init__(self, runtime, name):
        global SERIAL
        SERIAL += 1
        self.runtime = runtime
        self.id = f'{name[:40]}-{os.getpid()}-{SERIAL}'.replace('_', '-')
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix='bulkhead-oci-'))
        self.root = self.dir / 'state'
        self.bundle = self.dir / 'bundle'
        self.rootfs = self.bundle / 'rootfs'
        self.group = f'/bulkhead-test-{os.getpid()}/{self.id}'
        self.config = default_config()
        self.config['linux']['cgroupsPath'] = self.group
        self.ids = [self.id]
        self.user = None  # uid and gid of an unprivileged caller
        self.children = []
        self.make_rootfs()

    @property
    def linux(self):
        return self.config['linux']

    @property
    def process(self):
        return self.config['process']

    def make_rootfs(self):
        for name in ('bin', 'dev', 'proc', 'sys', 'tmp', 'etc', 'root'):
            (self.rootfs / name).mkdir(parents=True)
        (self.rootfs / 'tmp').chmod(0o1777)
        shutil.copy(BUSYBOX, self.rootfs / 'bin' / 'busybox')
        for applet in APPLETS:
            (self.rootfs / 'bin' / applet).symlink_to('busybox')
        (self.rootfs / 'etc' / 'passwd').write_text(
            'root:x:0:0:root:/root:/bin/sh\nuser:x:1000:1000:user:/home/user:/bin/sh\n')
        (self.rootfs / 'etc' / 'group').write_text('root:x:0:\nuser:x:1000:\n')

    def sh(self, script):
        self.process['args'] = ['/bin/sh', '-c', script]
        return self

    def write(self, bundle=None):
        path = (bundle or self.bundle) / 'config.json'
        path.write_text(json.dumps(self.config))
        return self

    def command(self, *args):
        return [self.runtime, '--root', str(self.root), *map(str, args)]

    def oci(self, *args, stdin=subprocess.DEVNULL, fds=(), env=None, timeout=60, cwd=None):
        """Run one command; output goes to files, because what is detached keeps a pipe open."""
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            who = {'user': self.user, 'group': self.user, 'extra_groups': []} if self.user else {}
            run = subprocess.run(self.command(*args), stdin=stdin, stdout=out, stderr=err,
                                 pass_fds=fds, env=env, timeout=timeout, cwd=cwd, check=False, **who)
            out.seek(0)
            err.seek(0)
            return Result(args, run.returncode, out.read().decode(errors='replace'),
                          err.read().decode(errors='replace'))

    def popen(self, *args, **options):
        options.setdefault('stdin', subprocess.DEVNULL)
        options.setdefault('stdout', subprocess.PIPE)
        options.setdefault('stderr', subprocess.PIPE)
        child = subprocess.Popen(self.command(*args), **options)
        self.children.append(child)
        return child

    def run(self, *options, **more):
        self.write()
        return self.oci('run', '--bundle', self.bundle, *options, self.id, **more)

    def run_sh(self, script, *options, **more):
        return self.sh(script).run(*options, **more)

    def create(self, *options, **more):
        self.write()
        return self.oci('create', '--bundle', self.bundle, *options, self.id, **more)

    def start(self):
        return self.oci('start', self.id)

    def up(self, script='exec sleep 1000'):
        """A running container; the script must stay."""
        self.sh(script)
        self.create().ok()
        self.start().ok()
        return self

    def exec(self, *args, **more):
        return self.oci('exec', self.id, *args, **more)

    def state(self):
        return self.oci('state', self.id).ok().json()

    def status(self):
        return self.state()['status']

    def pid(self):
        return self.state()['pid']

    def kill(self, sig='KILL', *options):
        return self.oci('kill', *options, self.id, sig)

    def delete(self, *options):
        return self.oci('delete', *options, self.id)

    def groups(self):
        """Directories of the container's groups that exist."""
        found = []
        for line in open('/proc/self/mountinfo', encoding='utf-8'):
            fields = line.split()
            kind = fields[fields.index('-') + 1]
            if kind in ('cgroup', 'cgroup2') and os.path.isdir(fields[4] + self.group):
                found.append(fields[4] + self.group)
        return found

    def group_file(self, controller, name):
        for directory in self.groups():
            if controller in directory.split('/')[4].split(',') and os.path.exists(f'{directory}/{name}'):
                return pathlib.Path(directory, name)
        raise Skip(f'no cgroup controller {controller}')

    def wait_status(self, status, seconds=10):
        self.wait_for(lambda: self.status() == status, f'status {status}', seconds)

    @staticmethod
    def wait_for(condition, what, seconds=10):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if condition():
                return
            time.sleep(0.01)
        raise AssertionError(f'timed out: {what}')

    def leftovers(self):
        """What is still there after everything should be gone."""
        left = [str(x) for x in self.root.iterdir()] if self.root.exists() else []
        left += self.groups()
        for line in open('/proc/self/mountinfo', encoding='utf-8'):
            if str(self.dir) in line:
                left.append(line.strip())
        for proc in pathlib.Path('/proc').glob('[0-9]*'):
            try:
                command = (proc / 'cmdline').read_bytes()
                mine = str(self.dir).encode() in command and b'strace' not in command
                if mine or self.group in (proc / 'cgroup').read_text():
                    left.append(f'process {proc.name}: {command}')
            except OSError:
                continue
        return left

    def remove_directory(self):
        """Never through a mount that a failure left: what is behind it is not ours."""
        mounted = [line.split()[4] for line in open('/proc/self/mountinfo', encoding='utf-8')
                   if str(self.dir) in line.split()[4]]
        for point in reversed(mounted):
            subprocess.run(['umount', '-l', point], check=False)
        if not any(str(self.dir) in line for line in open('/proc/self/mountinfo', encoding='utf-8')):
            shutil.rmtree(self.dir, ignore_errors=True)

    def close(self):
        for child in self.children:
            if child.poll() is None:
                child.kill()
            child.wait()
            for stream in (child.stdin, child.stdout, child.stderr):
                if stream:
                    stream.close()
        try:
            for name in self.ids:
                self.oci('delete', '--force', name)
            left = self.leftovers()
            for directory in self.groups():
                try:
                    os.rmdir(directory)
                except OSError:
                    pass
        finally:
            self.remove_directory()
        need(not left, 'left behind:', *left)


def remove_parent_groups():
    """The groups above those of the tests of this run."""
    for line in open('/proc/self/mountinfo', encoding='utf-8'):
        fields = line.split()
        if fields[fields.index('-') + 1] in ('cgroup', 'cgroup2'):
            try:
                os.rmdir(f'{fields[4]}/bulkhead-test-{os.getpid()}')
            except OSError:
                pass


def listener(path):
    sock = socket.socket(socket.AF_UNIX)
    sock.bind(str(path))
    sock.listen(1)
    sock.settimeout(20)
    return sock


def receive_fd(sock):
    connection, _ = sock.accept()
    with connection:
        _, fds, _, _ = socket.recv_fds(connection, 4096, 1)
    need(len(fds) == 1, 'no descriptor was sent')
    return fds[0]


def run_one(runtime, function):
    box = Box(runtime, function.__name__)
    try:
        function(box)
    except BaseException:
        try:
            box.close()
        except AssertionError as error:
            print(f'# also: {error}')
        raise
    box.close()


def report(number, name, runtime, function):
    try:
        run_one(runtime, function)
    except Skip as reason:
        print(f'ok {number} - {name} # SKIP {reason}')
        return True
    except (Exception, subprocess.TimeoutExpired):
        print(f'not ok {number} - {name}')
        for line in traceback.format_exc().splitlines()[-6:]:
            print(f'# {line}')
        return False
    print(f'ok {number} - {name}')
    return True


def main():
    args = sys.argv[1:]
    runtime = args.pop(0) if args else os.environ['BULKHEAD_OCI']
    if os.path.exists(runtime):
        runtime = os.path.abspath(runtime)
    chosen = [t for t in TESTS if not args or any(a in t.__name__ for a in args)]
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    print(f'1..{len(chosen)}')
    if os.geteuid() != 0:
        print('Bail out! these tests make containers and need root')
        sys.exit(1)
    good = True
    for number, function in enumerate(chosen, 1):
        good = report(number, function.__name__.replace('_', ' '), runtime, function) and good
        sys.stdout.flush()
    remove_parent_groups()
    sys.exit(0 if good else 1)
