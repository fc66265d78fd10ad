# SPDX-License-Identifier: Apache-2.0
"""An engine of its own for a test: bulkheadd with its roots and socket in a scratch directory, the
stock docker client, and an account of what is left afterwards. Used by the suites that drive whole
programs; speaks TAP through class Tap."""
import glob
import io
import json
import os
import shutil
import signal
import subprocess
import sys
import tarfile
import tempfile
import time

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


class Failed(Exception):
    """A test's claim does not hold."""


class Skipped(Exception):
    """The running kernel or client lacks what the test needs; the text names it."""


def require(condition, text):
    if not condition:
        raise Failed(text)


class Tap:
    """Runs functions as TAP tests, in the order given."""

    def __init__(self):
        self.number = 0
        self.failed = 0

    def run(self, name, function, *args):
        self.number += 1
        try:
            function(*args)
            print(f'ok {self.number} - {name}', flush=True)
        except Skipped as reason:
            print(f'ok {self.number} - {name} # SKIP {reason}', flush=True)
        except (Failed, OSError, subprocess.SubprocessError, ValueError, KeyError) as why:
            self.failed += 1
            for line in str(why).splitlines() or [type(why).__name__]:
                print(f'# {line}')
            print(f'not ok {self.number} - {name}', flush=True)

    def done(self):
        print(f'1..{self.number}')
        return 1 if self.failed else 0


def docker_client():
    """Path of a docker client, found or unpacked by tools/docker-client."""
    return subprocess.run([os.path.join(TOP, 'tools', 'docker-client')], check=True,
                          stdout=subprocess.PIPE, text=True).stdout.strip()


def busybox_tar(extra=()):
    """A root file system from busybox-static as tar bytes, for docker import. extra: (path, mode,
    bytes) of further files."""
    busybox = '/bin/busybox' if os.path.exists('/bin/busybox') else '/usr/bin/busybox'
    applets = subprocess.run([busybox, '--list'], check=True, stdout=subprocess.PIPE,
                             text=True).stdout.split()
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode='w') as tar:
        def add(name, mode, kind=tarfile.DIRTYPE, data=b'', link=''):
            info = tarfile.TarInfo(name)
            info.type, info.mode, info.size, info.linkname = kind, mode, len(data), link
            tar.addfile(info, io.BytesIO(data) if data else None)
        for name in ('bin', 'dev', 'etc', 'proc', 'root', 'sys', 'usr', 'usr/bin'):
            add(name, 0o755)
        add('tmp', 0o1777)
        with open(busybox, 'rb') as file:
            add('bin/busybox', 0o755, tarfile.REGTYPE, file.read())
        for applet in applets:
            if applet != 'busybox':
                add('bin/' + applet, 0o777, tarfile.SYMTYPE, link='busybox')
        add('etc/passwd', 0o644, tarfile.REGTYPE, b'root:x:0:0:root:/root:/bin/sh\n')
        add('etc/group', 0o644, tarfile.REGTYPE, b'root:x:0:\n')
        for name, mode, data in extra:
            add(name, mode, tarfile.REGTYPE, data)
    return out.getvalue()


# Groups that the peers make below the root of each hierarchy and leave there.
PEER_GROUPS = ('docker', 'default', 'libpod_parent')


def peer_groups():
    """Paths of those that exist now."""
    top = '/sys/fs/cgroup'
    return {os.path.join(top, hierarchy, name) for hierarchy in os.listdir(top)
            for name in PEER_GROUPS if os.path.isdir(os.path.join(top, hierarchy, name))}


def remove_groups(paths):
    """Remove empty groups, the innermost first; one that is in use stays."""
    for path in paths:
        for directory, _, _ in os.walk(path, topdown=False):
            try:
                os.rmdir(directory)
            except OSError:
                pass


def end_group(path):
    """Kill what is in a control group and remove it, within a second."""
    for _ in range(100):
        try:
            with open(os.path.join(path, 'cgroup.procs'), encoding='ascii') as file:
                for pid in file.read().split():
                    os.kill(int(pid), signal.SIGKILL)
            os.rmdir(path)
            return
        except FileNotFoundError:
            return
        except OSError:
            time.sleep(0.01)


class Engine:
    """One bulkheadd. Use with `with`; leaving it removes every container and reports leftovers."""

    def __init__(self, build, config=None):
        self.build = os.path.abspath(build)
        self.dir = tempfile.mkdtemp(prefix='bulkhead-test-')
        os.chmod(self.dir, 0o711)
        self.socket = os.path.join(self.dir, 'engine.sock')
        self.config = config
        self.docker_path = docker_client()
        self.process = None
        self.log = open(os.path.join(self.dir, 'engine.log'), 'ab')

    def __enter__(self):
        try:
            self.start()
        except BaseException:
            self.stop()
            self.remove()
            raise
        return self

    def __exit__(self, kind, value, trace):
        left = self.close()
        if kind is None and left:
            raise Failed('left behind: ' + '; '.join(left))

    def program(self, name):
        return os.path.join(self.build, name)

    def start(self):
        command = [self.program('bulkheadd'), '--data-root', os.path.join(self.dir, 'data'),
                   '--exec-root', os.path.join(self.dir, 'exec'),
                   '--pidfile', os.path.join(self.dir, 'engine.pid'),
                   '-H', 'unix://' + self.socket]
        path = os.path.join(self.dir, 'daemon.json')
        with open(path, 'w', encoding='utf-8') as file:
            json.dump(self.config or {}, file)
        command += ['--config-file', path]
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=self.log,
                                        stderr=self.log, cwd='/')
        limit = time.monotonic() + 20
        while time.monotonic() < limit:
            if self.process.poll() is not None:
                break
            if os.path.exists(self.socket) and self.docker('version').returncode == 0:
                return
            time.sleep(0.05)
        with open(self.log.name, 'rb') as file:
            raise Failed('bulkheadd does not answer:\n' +
                         file.read()[-2000:].decode(errors='replace'))

    def stop(self, sign=signal.SIGTERM):
        if self.process is None:
            return
        self.process.send_signal(sign)
        try:
            self.process.wait(15)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process = None

    def environment(self):
        env = {key: value for key, value in os.environ.items()
               if not key.startswith(('DOCKER_', 'BULKHEAD_'))}
        env.update(DOCKER_HOST='unix://' + self.socket, DOCKER_CONFIG=self.dir,
                   DOCKER_BUILDKIT='0', HOME=self.dir)
        return env

    def docker(self, *args, data=None, timeout=60):
        """Run the stock client; its output is decoded, its status is not checked."""
        return self._client([self.docker_path, *args], data, timeout)

    def bulkhead(self, *args, timeout=60):
        return self._client([self.program('bulkhead'), *args], None, timeout)

    def _client(self, command, data, timeout):
        # Input and output are bytes underneath: a tar archive must not be decoded.
        done = subprocess.run(command, check=False, env=self.environment(), cwd=self.dir,
                              input=data if data is not None else b'', timeout=timeout,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        done.stdout = done.stdout.decode(errors='replace')
        done.stderr = done.stderr.decode(errors='replace')
        return done

    def import_busybox(self, *names):
        """Import the busybox root file system under each name."""
        tar = busybox_tar()
        for name in names:
            done = self.docker('import', '-', name, data=tar)
            require(done.returncode == 0, f'docker import {name}: {done.stderr}')

    def close(self):
        """Remove all containers, stop, and say what is left: processes and mounts."""
        try:
            if self.process is not None:
                ids = self.docker('ps', '-aq').stdout.split()
                if ids:
                    self.docker('rm', '-f', *ids)
        except subprocess.SubprocessError:
            pass
        self.stop()
        left = self.leftovers()
        self.remove()
        return left

    def leftovers(self):
        left = []
        for pid in filter(str.isdigit, os.listdir('/proc')):
            try:
                with open(f'/proc/{pid}/cmdline', 'rb') as file:
                    line = file.read().replace(b'\0', b' ').decode(errors='replace')
            except OSError:
                continue
            if self.dir in line and int(pid) != os.getpid():
                left.append(f'process {pid}: {line.strip()}')
                os.kill(int(pid), signal.SIGKILL)
        for path in glob.glob('/run/bulkhead/ids/*'):
            # Other engines' come and go meanwhile.
            if os.path.realpath(path) == os.path.join(self.dir, 'data'):
                left.append(f'id claim {path}')
                os.unlink(path)
        for group in self.container_groups():
            left.append(f'control group {group}')
            end_group(group)
        with open('/proc/self/mountinfo', encoding='utf-8') as file:
            mounts = [line.split()[4] for line in file if self.dir in line.split()[4]]
        for mount in reversed(mounts):
            left.append(f'mount {mount}')
            subprocess.run(['umount', '-l', mount], check=False)
        return left

    def container_groups(self):
        """Control groups of the containers that have a run directory."""
        try:
            ids = os.listdir(os.path.join(self.dir, 'exec', 'containers'))
        except OSError:
            return []
        return [path for name in ids for path in glob.glob(f'/sys/fs/cgroup/*/bulkhead/{name}')]

    def remove(self):
        self.log.close()
        shutil.rmtree(self.dir, ignore_errors=True)


def main_build():
    """The build directory: the first argument of every suite program."""
    if len(sys.argv) != 2:
        print(f'usage: {sys.argv[0]} BUILD', file=sys.stderr)
        sys.exit(2)
    return sys.argv[1]
