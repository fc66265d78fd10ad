# SPDX-License-Identifier: Apache-2.0
"""The engine half of the benchmark: `docker run` end to end on bulkheadd and on dockerd, and what
a running container costs in memory. dockerd runs from its package's files in a network namespace
and scratch directory of its own; nothing of it is enabled or left running."""
import os
import shutil
import signal
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, '..', 'lib'))
import bulkhead  # noqa: E402
import measure  # noqa: E402

CONTAINERS = 50
RUNS = 16


class Daemon:
    """A process that serves a docker socket. pids: those whose CPU counts as the engine's."""

    def __init__(self, name, command, socket, directory):
        self.name, self.socket, self.directory = name, socket, directory
        self.env = dict(os.environ, DOCKER_HOST='unix://' + socket, DOCKER_CONFIG=directory)
        self.docker_path = bulkhead.docker_client()
        self.log = os.path.join(directory, name + '.log')
        with open(self.log, 'wb') as log:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log,
                                            stderr=log, cwd='/')
        limit = time.monotonic() + 30
        while self.docker('version').returncode != 0:
            if time.monotonic() > limit or self.process.poll() is not None:
                with open(self.log, 'rb') as log:
                    text = log.read()[-1500:].decode(errors='replace')
                self.stop()
                raise RuntimeError(f'{name} does not answer:\n{text}')
            time.sleep(0.1)

    def docker(self, *args, data=b''):
        return subprocess.run([self.docker_path, *args], check=False, env=self.env, input=data,
                              timeout=120, stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def pids(self):
        """The daemon and the daemons below it, not shims."""
        found = [self.process.pid]
        for pid in filter(str.isdigit, os.listdir('/proc')):
            try:
                if measure.parent_of(pid) == self.process.pid and \
                        os.path.basename(os.readlink(f'/proc/{pid}/exe')) == 'containerd':
                    found.append(int(pid))
            except OSError:
                pass
        return found

    def cpu(self):
        return sum(measure.tick_cpu(pid) for pid in self.pids())

    def run_cpu(self, *args):
        """Wall and CPU of one docker run: client, engine, shims and runtime together."""
        before = self.cpu()
        run = measure.run_once([self.docker_path, 'run', *args], env=self.env,
                               keep=[self.process.pid], output=self.log + '.client')
        if run.code != 0:
            with open(self.log + '.client', encoding='utf-8', errors='replace') as file:
                raise RuntimeError(f'{self.name}: docker run: {file.read()}')
        return run.wall, run.cpu, self.cpu() - before

    def stop(self):
        if self.process.poll() is None:
            ids = self.docker('ps', '-aq').stdout.decode().split()
            if ids:
                self.docker('rm', '-f', *ids)
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()


def start_bulkheadd(build, scratch):
    directory = os.path.join(scratch, 'bulkheadd')
    os.makedirs(directory)
    socket = os.path.join(directory, 'engine.sock')
    return Daemon('bulkheadd', [
        os.path.join(build, 'bulkheadd'), '--data-root', os.path.join(directory, 'data'),
        '--exec-root', os.path.join(directory, 'exec'),
        '--pidfile', os.path.join(directory, 'pid'), '-H', 'unix://' + socket], socket, directory)


def start_dockerd(scratch):
    directory = os.path.join(scratch, 'dockerd')
    os.makedirs(directory)
    socket = os.path.join(directory, 'engine.sock')
    return Daemon('dockerd', [
        'unshare', '--net', '--', shutil.which('dockerd') or '/usr/sbin/dockerd',
        '--data-root', os.path.join(directory, 'data'),
        '--exec-root', os.path.join(directory, 'exec'),
        '--pidfile', os.path.join(directory, 'pid'), '-H', 'unix://' + socket,
        '--exec-opt', 'native.cgroupdriver=cgroupfs', '--storage-driver', 'overlay2',
        '--oom-score-adjust', '0'], socket, directory)


def bench_run(table, ours, peer):
    """docker run --rm --network none busybox true, interleaved."""
    args = ('--rm', '--network', 'none', 'busybox', 'true')
    walls = {ours: [], peer: []}
    cpus = {ours: [], peer: []}
    for daemon in (ours, peer):
        daemon.run_cpu(*args)
    for _ in range(RUNS):
        for daemon in (ours, peer):
            wall, client, engine = daemon.run_cpu(*args)
            walls[daemon].append(wall * 1000)
            cpus[daemon].append((client + engine) * 1000)

    def mean(values):
        return sum(values) / len(values)
    table.ratio('docker run: CPU with the client, mean', mean(cpus[ours]), mean(cpus[peer]), 'ms',
                0.25, name='dockerd')
    table.ratio('docker run: wall, median', measure.median(walls[ours]),
                measure.median(walls[peer]), 'ms', name='dockerd')
    table.ratio('docker run: wall, p10', measure.p10(walls[ours]), measure.p10(walls[peer]), 'ms',
                name='dockerd')


class Podman:
    """podman with crun; no daemon."""

    def __init__(self, scratch, tar):
        self.directory = os.path.join(scratch, 'podman')
        os.makedirs(self.directory)
        self.command = [shutil.which('podman'), '--root', self.directory + '/root', '--runroot',
                        self.directory + '/run', '--tmpdir', self.directory + '/tmp',
                        '--cgroup-manager', 'cgroupfs', '--storage-driver', 'overlay',
                        '--events-backend', 'none', '--runtime', '/usr/bin/crun']
        path = os.path.join(self.directory, 'busybox.tar')
        with open(path, 'wb') as file:
            file.write(tar)
        subprocess.run([*self.command, 'import', path, 'busybox'], check=True,
                       stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL)

    def run(self, keep):
        return measure.run_once([*self.command, 'run', '--rm', '--network', 'none', '--ulimit',
                                 'nofile=1024:1024', '--ulimit', 'nproc=1024:1024', 'busybox',
                                 'true'], keep=keep, output=self.directory + '/err')

    def stop(self):
        """Its storage may hold a bind mount of itself."""
        subprocess.run(['umount', '-l', self.directory + '/root/overlay'], check=False,
                       stderr=subprocess.DEVNULL)


class Containerd:
    """containerd with runc, driven by ctr."""

    def __init__(self, scratch, rootfs):
        self.directory = os.path.join(scratch, 'containerd')
        self.rootfs = rootfs
        os.makedirs(self.directory)
        config = os.path.join(self.directory, 'config.toml')
        self.socket = os.path.join(self.directory, 'socket')
        with open(config, 'w', encoding='utf-8') as file:
            file.write(f'version = 2\nroot = "{self.directory}/root"\n'
                       f'state = "{self.directory}/state"\n'
                       'disabled_plugins = ["io.containerd.grpc.v1.cri"]\n'
                       f'[grpc]\naddress = "{self.socket}"\n')
        with open(os.path.join(self.directory, 'log'), 'wb') as log:
            self.process = subprocess.Popen(
                ['unshare', '--net', '--', 'containerd', '--config', config],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self.number = 0
        limit = time.monotonic() + 20
        while not os.path.exists(self.socket) and time.monotonic() < limit:
            time.sleep(0.1)
        time.sleep(0.5)

    def run(self, keep):
        """Client and shims by rusage, the daemon by its ticks."""
        self.number += 1
        before = measure.tick_cpu(self.process.pid)
        run = measure.run_once([shutil.which('ctr'), '-a', self.socket, 'run', '--rm', '--rootfs',
                                self.rootfs, f'bench{self.number}', '/bin/true'],
                               keep=[self.process.pid, *keep], output=self.directory + '/err')
        run.cpu += measure.tick_cpu(self.process.pid) - before
        return run

    def stop(self):
        self.process.terminate()
        self.process.wait(20)


def bench_others(table, ours, scratch, tar):
    """`run --rm` by the engines that are no target: for the reader."""
    rootfs = os.path.join(scratch, 'rootfs')
    for name, make in (('podman+crun', lambda: Podman(scratch, tar)),
                       ('ctr+containerd', lambda: Containerd(scratch, rootfs))):
        peer = make()
        try:
            mine, theirs = [], []
            for number in range(RUNS // 2 + 1):
                _, client, engine = ours.run_cpu('--rm', '--network', 'none', 'busybox', 'true')
                run = peer.run([ours.process.pid])
                if run.code != 0:
                    with open(peer.directory + '/err', encoding='utf-8') as file:
                        raise RuntimeError(f'{name}: {file.read()}')
                if number:
                    mine.append((client + engine) * 1000)
                    theirs.append(run.cpu * 1000)
            table.ratio('run --rm: CPU, mean', sum(mine) / len(mine), sum(theirs) / len(theirs),
                        'ms', name=name)
        finally:
            peer.stop()


def shims(daemon, count):
    """Start containers, half with a terminal and half with a log file; the pids of their shims."""
    found = []
    for number in range(count):
        done = daemon.docker('run', '-d', *(['-t'] if number % 2 else []), '--network', 'none',
                             'busybox', 'sleep', '600')
        if done.returncode != 0:
            raise RuntimeError(f'{daemon.name}: {done.stderr.decode()}')
        name = done.stdout.decode().strip()
        pid = int(daemon.docker('inspect', '-f', '{{.State.Pid}}', name).stdout)
        found.append(measure.parent_of(pid))
    return found


def bench_memory(table, ours, peer):
    sizes = [measure.memory(pid) for pid in shims(ours, CONTAINERS)]
    theirs = [measure.memory(pid) for pid in shims(peer, 6)]
    mean = sum(pss for pss, _ in sizes) / len(sizes)
    table.value(f'shim: PSS, mean of {CONTAINERS}', mean, 'MB', 0.2)
    table.value('shim: anonymous memory, largest', max(anon for _, anon in sizes), 'MB', 0.15)
    table.ratio('shim: PSS', mean, sum(pss for pss, _ in theirs) / len(theirs), 'MB',
                name='containerd-shim')
    busy = measure.memory(ours.process.pid)[0]
    table.value(f'bulkheadd: PSS with {CONTAINERS} containers', busy, 'MB')


def bench(table, build, scratch):
    """Everything about engines, into the table."""
    before = bulkhead.peer_groups()
    try:
        bench_all(table, build, scratch)
    finally:
        measure.reap_all(5)
        bulkhead.remove_groups(bulkhead.peer_groups() - before)


def bench_all(table, build, scratch):
    ours = start_bulkheadd(build, scratch)
    try:
        time.sleep(1)
        idle = measure.memory(ours.process.pid)[0]
        table.value('bulkheadd: PSS, idle', idle, 'MB', 8)
        if not shutil.which('dockerd') and not os.path.exists('/usr/sbin/dockerd'):
            raise RuntimeError('no dockerd: tools/deps bench installs it')
        peer = start_dockerd(scratch)
        try:
            pids = peer.pids()
            table.ratio('engine: PSS, idle', idle, sum(measure.memory(pid)[0] for pid in pids),
                        'MB', name='dockerd+containerd')
            tar = bulkhead.busybox_tar()
            for daemon in (ours, peer):
                done = daemon.docker('import', '-', 'busybox', data=tar)
                if done.returncode != 0:
                    raise RuntimeError(f'{daemon.name}: import: {done.stderr.decode()}')
            bench_run(table, ours, peer)
            bench_memory(table, ours, peer)
        finally:
            peer.stop()
        bench_others(table, ours, scratch, tar)
    finally:
        ours.stop()
