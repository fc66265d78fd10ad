#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The engine killed at random moments while clients create, run, stop and remove: after its next
start everything that was acknowledged holds, and nothing is left that no record explains.
usage: test_crash.py BUILD"""
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'lib'))
from bulkhead import Engine, Tap, main_build, require  # noqa: E402

ROUNDS = 12


class Client(threading.Thread):
    """Makes and removes containers until told to stop; remembers what was acknowledged."""

    def __init__(self, engine, number):
        super().__init__()
        self.engine, self.number = engine, number
        self.count = 0
        self.made, self.gone, self.unsure = set(), set(), set()
        self.ended = False

    def step(self, name, *args):
        """True: acknowledged. False: refused or unknown."""
        try:
            return self.engine.docker(*args, name, timeout=30).returncode == 0
        except subprocess.TimeoutExpired:
            return False

    def run(self):
        while not self.ended:
            self.count += 1
            name = f'c{self.number}-{self.count}'
            self.unsure.add(name)
            try:
                done = self.engine.docker('create', '--name', name, 'busybox', 'sleep', '1000',
                                          timeout=30)
            except subprocess.TimeoutExpired:
                return
            if done.returncode != 0:
                return
            self.made.add(name)
            self.unsure.discard(name)
            if self.count % 2 and not self.step(name, 'start'):
                return
            if self.count % 3 == 0:
                continue
            self.unsure.add(name)
            if not self.step(name, 'rm', '-f'):
                return
            self.unsure.discard(name)
            self.made.discard(name)
            self.gone.add(name)


def containers(engine):
    done = engine.docker('ps', '-a', '--format', '{{json .}}')
    require(done.returncode == 0, done.stderr)
    return {json.loads(line)['Names']: json.loads(line) for line in done.stdout.splitlines()}


def groups_of(ids):
    found = set()
    for base, names, _ in os.walk('/sys/fs/cgroup'):
        for name in names:
            if name in ids:
                found.add(os.path.join(base, name))
    return found


def check(engine, clients):
    """Records, directories and processes agree with each other and with what was acknowledged."""
    known = containers(engine)
    for client in clients:
        missing = client.made - set(known) - client.unsure
        require(not missing, f'acknowledged and lost: {missing}')
        back = client.gone & set(known)
        require(not back, f'removed and back: {back}')
    full = engine.docker('ps', '-aq', '--no-trunc').stdout.split()
    for where in ('data', 'exec'):
        have = set(os.listdir(os.path.join(engine.dir, where, 'containers')))
        require(have <= set(full), f'{where}: directories without a container: {have - set(full)}')
    running = set(engine.docker('ps', '-q', '--no-trunc').stdout.split())
    shims = set()
    for pid in filter(str.isdigit, os.listdir('/proc')):
        try:
            with open(f'/proc/{pid}/cmdline', 'rb') as file:
                words = file.read().decode(errors='replace').split('\0')
        except OSError:
            continue
        if words[0] == 'bulkhead-shim' and any(engine.dir in word for word in words):
            shims.add(words[2].rsplit('/', 1)[1])
    require(shims == running, f'shims {shims ^ running} do not match what runs')


def test_killed_under_load(engine):
    everything = set()
    for number in range(ROUNDS):
        clients = [Client(engine, f'{number}-{n}') for n in range(3)]
        for client in clients:
            client.start()
        time.sleep(random.uniform(0.1, 1.5))
        engine.stop(signal.SIGKILL)
        for client in clients:
            client.ended = True
        for client in clients:
            client.join()
        engine.start()
        # What was being created or removed when the engine died settles.
        time.sleep(0.3)
        check(engine, clients)
        ids = engine.docker('ps', '-aq', '--no-trunc').stdout.split()
        everything |= set(ids)
        if ids:
            done = engine.docker('rm', '-f', *ids)
            require(done.returncode == 0, done.stderr)
    require(not groups_of(everything), f'control groups left: {groups_of(everything)}')


def shim_of(engine, name):
    """Process id of a container's shim."""
    want = os.path.join(engine.dir, 'exec', 'containers', full_id(engine, name))
    for pid in filter(str.isdigit, os.listdir('/proc')):
        try:
            with open(f'/proc/{pid}/cmdline', 'rb') as file:
                words = file.read().decode(errors='replace').split('\0')
        except OSError:
            continue
        if words[0] == 'bulkhead-shim' and want in words:
            return int(pid)
    raise ValueError(f'no shim of {name}')


def full_id(engine, name):
    return engine.docker('inspect', '-f', '{{.Id}}', name).stdout.strip()


def main_pid(engine, name):
    return int(engine.docker('inspect', '-f', '{{.State.Pid}}', name).stdout)


def run(engine, name, *command):
    done = engine.docker('run', '-d', '--name', name, *command)
    require(done.returncode == 0, done.stderr)


def test_stop_always_ends(engine):
    """Whatever a container or its shim does, stop and rm -f come to an end and leave nothing."""
    run(engine, 'deaf', 'busybox', 'sh', '-c', 'trap "" TERM; while :; do sleep 1; done')
    run(engine, 'bomb', '--pids-limit', '50', 'busybox', 'sh', '-c',
        'f() { f | f & f; }; f; sleep 1000')
    run(engine, 'stopped', 'busybox', 'sleep', '1000')
    os.kill(main_pid(engine, 'stopped'), signal.SIGSTOP)
    run(engine, 'shim-stopped', 'busybox', 'sleep', '1000')
    os.kill(shim_of(engine, 'shim-stopped'), signal.SIGSTOP)
    run(engine, 'shim-killed', 'busybox', 'sleep', '1000')
    os.kill(shim_of(engine, 'shim-killed'), signal.SIGKILL)
    names = ['deaf', 'bomb', 'stopped', 'shim-stopped', 'shim-killed']
    ids = {full_id(engine, name) for name in names}
    for name in names:
        begin = time.monotonic()
        done = engine.docker('stop', '-t', '1', name)
        require(done.returncode == 0, f'{name}: {done.stderr}')
        require(time.monotonic() - begin < 25, f'{name} took too long')
    require(engine.docker('ps', '-q').stdout == '', 'something runs')
    done = engine.docker('rm', *names)
    require(done.returncode == 0, done.stderr)
    require(not groups_of(ids), f'control groups left: {groups_of(ids)}')
    run(engine, 'force', 'busybox', 'sleep', '1000')
    os.kill(shim_of(engine, 'force'), signal.SIGSTOP)
    done = engine.docker('rm', '-f', 'force', timeout=40)
    require(done.returncode == 0, done.stderr)


def test_after_reboot(engine):
    """Another boot: what ran has ended, and no process is touched by its old number."""
    run(engine, 'before', 'busybox', 'sleep', '1000')
    pid = main_pid(engine, 'before')
    shim = shim_of(engine, 'before')
    engine.stop(signal.SIGKILL)
    with open(os.path.join(engine.dir, 'exec', 'boot-id'), 'w', encoding='utf-8') as file:
        file.write('another boot')
    try:
        engine.start()
        state = json.loads(engine.docker('inspect', 'before').stdout)[0]['State']
        require(state['Status'] == 'exited' and state['ExitCode'] == 137, str(state))
        require(os.path.exists(f'/proc/{pid}'), 'a process was killed by an old number')
    finally:
        os.kill(shim, signal.SIGKILL)
        os.kill(pid, signal.SIGKILL)
    limit = time.monotonic() + 10
    while os.path.exists(f'/proc/{pid}') and time.monotonic() < limit:
        time.sleep(0.05)
    done = engine.docker('start', 'before')
    require(done.returncode == 0, done.stderr)
    require(engine.docker('rm', '-f', 'before').returncode == 0, 'rm')


CLAIMS = '/run/bulkhead/ids'


def range_of(engine, name):
    with open(f'/proc/{main_pid(engine, name)}/uid_map', encoding='ascii') as file:
        return int(file.read().split()[1])


def claim(first):
    try:
        return os.readlink(f'{CLAIMS}/{first}')
    except FileNotFoundError:
        return None


def test_id_ranges_of_two_engines(engine):
    """Engines with default blocks never share a range: not when one was killed, not when the
    claims were lost."""
    root = os.path.join(engine.dir, 'data')
    run(engine, 'mine', 'busybox', 'sleep', '1000')
    mine = range_of(engine, 'mine')
    require(claim(mine) == root, f'claim of {mine}: {claim(mine)}')
    with Engine(engine.build) as other:
        other.import_busybox('busybox')
        engine.stop(signal.SIGKILL)
        run(other, 'theirs', 'busybox', 'sleep', '1000')
        theirs = range_of(other, 'theirs')
        require(theirs != mine, 'the range of a killed engine was handed out')
        engine.start()
        require(range_of(engine, 'mine') == mine, 'the range of an adopted container')
        require(engine.docker('stop', '-t', '0', 'mine').returncode == 0, 'stop')
        engine.stop(signal.SIGKILL)
        # A reboot empties the directory, and the other engine is faster.
        os.unlink(f'{CLAIMS}/{mine}')
        os.symlink(os.path.join(other.dir, 'data'), f'{CLAIMS}/{mine}')
        engine.start()
        done = engine.docker('start', 'mine')
        require(done.returncode == 0, done.stderr)
        moved = range_of(engine, 'mine')
        require(moved not in (mine, theirs), f'{moved} is taken')
        require(claim(moved) == root, f'claim of {moved}: {claim(moved)}')
        os.unlink(f'{CLAIMS}/{mine}')
    require(claim(theirs) is None, 'the claim of a removed container stays')
    require(engine.docker('rm', '-f', 'mine').returncode == 0, 'rm')
    require(claim(moved) is None, 'the claim of a removed container stays')


def test_import_killed(engine):
    """An import that dies half way leaves no layer and no image."""
    for _ in range(3):
        done = subprocess.Popen([engine.docker_path, 'import', '-', 'half'],
                                env=engine.environment(), stdin=subprocess.PIPE,
                                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            done.stdin.write(os.urandom(1 << 20))
            done.stdin.flush()
            engine.stop(signal.SIGKILL)
            done.stdin.close()
        except BrokenPipeError:
            pass
        done.wait(30)
        engine.start()
        require('half' not in engine.docker('images').stdout, 'half an image')
        require(os.listdir(os.path.join(engine.dir, 'data', 'tmp')) == [], 'tmp is not empty')
        require(len(os.listdir(os.path.join(engine.dir, 'data', 'layers'))) == 1, 'layers')


def main():
    tap = Tap()
    with Engine(main_build()) as engine:
        engine.import_busybox('busybox')
        for name, function in list(globals().items()):
            if name.startswith('test_'):
                tap.run(name[5:].replace('_', ' '), function, engine)
    return tap.done()


if __name__ == '__main__':
    sys.exit(main())
