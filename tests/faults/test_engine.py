#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The engine and the shim hit (killed, or the call fails) at their n-th system call of docker create,
start, exec, stop and rm. Afterwards what was acknowledged holds, the store is whole, images are
intact and nothing is left that no record explains. Also: levels over hundreds of containers.
$POINTS calls are hit an operation (default 4); $KILLAT is the program built from killat.c.
usage: test_engine.py BUILD"""
import concurrent.futures
import glob
import http.client
import json
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, '..', 'lib'), os.path.join(HERE, '..', 'engine')]
from bulkhead import Engine, Failed, Tap, main_build, require  # noqa: E402
from test_crash import check, groups_of  # noqa: E402
from faultlib import NAMES, errno_of  # noqa: E402

POINTS = int(os.environ.get('POINTS', '4'))
COUNT = int(os.environ.get('COUNT', '300'))
KILLAT = os.path.abspath(os.environ['KILLAT'])
# What has no way to fail in a program that is right.
NOT_FAILED = ('epoll_wait', 'epoll_pwait', 'futex', 'rt_sigprocmask', 'rt_sigreturn', 'gettid')
LOOP = 'i=0; while :; do i=$((i+1)); echo line $i; usleep 20000; done'


class Hit:
    """killat on a process that runs, from now on. code: the errno of the call, or 0 to kill."""

    def __init__(self, pid, n, code=0):
        self.report = tempfile.NamedTemporaryFile('r')
        self.killat = subprocess.Popen([KILLAT, '-e', str(code), '-o', self.report.name,
                                        '-p', str(pid), str(n)],
                                       stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        require(self.killat.stdout.readline() == b'ready\n', 'killat does not attach')

    def end(self):
        """Whether the call was reached; a process that was to be killed is dead then."""
        try:
            self.killat.wait(0.3)
        except subprocess.TimeoutExpired:
            self.killat.kill()
            self.killat.wait()
        self.killat.stdout.close()
        with self.report:
            return self.report.read().startswith('hit')

    def names(self):
        """With n = 0: the calls."""
        time.sleep(0.2)
        self.killat.terminate()
        self.killat.wait()
        self.killat.stdout.close()
        with self.report:
            return [NAMES.get(int(line), line) for line in self.report.read().splitlines()
                    if line.isdigit()]


def inspect(engine, name):
    done = engine.docker('inspect', name)
    return json.loads(done.stdout)[0] if done.returncode == 0 else None


def running(engine, name):
    found = inspect(engine, name)
    return found is not None and found['State']['Running']


def alive(pid):
    try:
        with open(f'/proc/{pid}/stat', encoding='ascii') as file:
            return file.read().rsplit(')', 1)[1].split()[0] not in 'ZX'
    except OSError:
        return False


def store_is_whole(engine):
    """A copy of it: the engine keeps its own locked."""
    with tempfile.TemporaryDirectory() as copy:
        for path in glob.glob(os.path.join(engine.dir, 'data', '*.db*')):
            shutil.copy(path, copy)
        bases = glob.glob(os.path.join(copy, '*.db'))
        require(bases, 'no data base found')
        for path in bases:
            base = sqlite3.connect(path)
            try:
                answer = base.execute('PRAGMA integrity_check').fetchone()
            finally:
                base.close()
            require(answer == ('ok',), f'{os.path.basename(path)} is corrupt: {answer}')


def consistent(engine, where):
    """ps, directories, shims, images and the store agree."""
    limit = time.monotonic() + 5
    while True:
        try:
            check(engine, [])
            break
        except Exception as why:
            if time.monotonic() > limit:
                raise type(why)(f'{where}: {why}') from why
            time.sleep(0.1)
    images = engine.docker('images', '--format', '{{.Repository}}').stdout.split()
    require(images == ['busybox'], f'{where}: images are {images}')
    store_is_whole(engine)


def force_away(engine, name, where):
    """rm -f works, and nothing of the container is left."""
    found = inspect(engine, name)
    if found is None:
        return
    pid = found['State']['Pid']
    done = engine.docker('rm', '-f', name)
    require(done.returncode == 0, f'{where}: rm -f: {done.stderr}')
    limit = time.monotonic() + 5
    while groups_of({found['Id']}) or (pid and alive(pid)):
        require(time.monotonic() < limit,
                f'{where}: left {groups_of({found["Id"]})}, process {pid} {alive(pid)}')
        time.sleep(0.05)


def make(engine, name, *options):
    done = engine.docker('create', '--name', name, *options, 'busybox', 'sleep', '1000')
    require(done.returncode == 0, done.stderr)


def up(engine, name):
    make(engine, name)
    done = engine.docker('start', name)
    require(done.returncode == 0, done.stderr)


# Operation: what must be there before, the command, and what must hold if it was acknowledged.
OPERATIONS = {
    'create': (lambda e, n: None, ('create', '--name', '{}', 'busybox', 'sleep', '1000'),
               lambda e, n: inspect(e, n) is not None),
    'start': (make, ('start', '{}'), running),
    'exec': (up, ('exec', '{}', 'true'), running),
    'stop': (up, ('stop', '-t', '0', '{}'), lambda e, n: inspect(e, n) and not running(e, n)),
    'rm': (up, ('rm', '-f', '{}'), lambda e, n: inspect(e, n) is None),
}


def points(total):
    """Which calls to hit of total."""
    step = max(1, total // POINTS)
    return range(1 + step // 2, total + 1, step)


def kill_engine_in(engine, operation):
    prepare, words, holds = OPERATIONS[operation]

    def command(name):
        return [word.format(name) for word in words]
    engine.docker('rm', '-f', 'count')
    prepare(engine, 'count')
    hit = Hit(engine.process.pid, 0)
    require(engine.docker(*command('count')).returncode == 0, operation)
    total = len(hit.names())
    require(total > 10, f'{operation}: only {total} calls')
    force_away(engine, 'count', operation)
    for n in points(total):
        name = f'{operation}-{n}'
        where = f'engine killed at call {n} of {total} of {operation}'
        prepare(engine, name)
        known = inspect(engine, name)
        hit = Hit(engine.process.pid, n)
        done = engine.docker(*command(name), timeout=30)
        if hit.end():
            engine.process.wait(10)
            engine.process = None
            engine.start()
        consistent(engine, where)
        require(done.returncode != 0 or holds(engine, name), f'{where}: acknowledged and lost')
        require(known is None or operation == 'rm' or inspect(engine, name) is not None,
                f'{where}: the container is lost')
        force_away(engine, name, where)


def fail_engine_in(engine, operation):
    """A call of the engine fails: it answers, by an error or by doing it, and all agree again."""
    prepare, words, holds = OPERATIONS[operation]

    def command(name):
        return [word.format(name) for word in words]
    engine.docker('rm', '-f', 'count')
    prepare(engine, 'count')
    hit = Hit(engine.process.pid, 0)
    require(engine.docker(*command('count')).returncode == 0, operation)
    names = hit.names()
    force_away(engine, 'count', operation)
    for n in points(len(names)):
        if names[n - 1] in NOT_FAILED:
            continue
        name = f'{operation}-{n}'
        code = errno_of(names[n - 1])
        where = f'call {n} {names[n - 1]} of {operation} fails by {os.strerror(code)}'
        prepare(engine, name)
        hit = Hit(engine.process.pid, n, code)
        done = engine.docker(*command(name), timeout=30)
        hit.end()
        time.sleep(0.1)
        if engine.process.poll() is not None:
            require(engine.process.returncode > 0, f'{where}: crashed {engine.process.returncode}')
            engine.process = None
            engine.start()
        try:
            consistent(engine, where)
        except Failed:
            # A directory that could not be removed goes when the engine starts.
            engine.stop()
            engine.start()
            consistent(engine, where)
        require(done.returncode != 0 or holds(engine, name), f'{where}: acknowledged, not done')
        force_away(engine, name, where)


def test_engine_fails_in_create(engine):
    fail_engine_in(engine, 'create')


def test_engine_fails_in_start(engine):
    fail_engine_in(engine, 'start')


def test_engine_fails_in_exec(engine):
    fail_engine_in(engine, 'exec')


def test_engine_fails_in_stop(engine):
    fail_engine_in(engine, 'stop')


def test_engine_fails_in_rm(engine):
    fail_engine_in(engine, 'rm')


def test_engine_killed_in_create(engine):
    kill_engine_in(engine, 'create')


def test_engine_killed_in_start(engine):
    kill_engine_in(engine, 'start')


def test_engine_killed_in_exec(engine):
    kill_engine_in(engine, 'exec')


def test_engine_killed_in_stop(engine):
    kill_engine_in(engine, 'stop')


def test_engine_killed_in_rm(engine):
    kill_engine_in(engine, 'rm')


def shim_of(engine, name):
    """Pid of the shim of a container that runs."""
    wanted = inspect(engine, name)['Id']
    for pid in filter(str.isdigit, os.listdir('/proc')):
        try:
            with open(f'/proc/{pid}/cmdline', 'rb') as file:
                words = file.read().decode(errors='replace').split('\0')
        except OSError:
            continue
        if words[0] == 'bulkhead-shim' and words[2].endswith(wanted):
            return int(pid)
    return 0


def kill_shim_in(engine, operation):
    _, words, _ = OPERATIONS[operation]

    def command(name):
        return [word.format(name) for word in words]
    engine.docker('rm', '-f', 'count')
    up(engine, 'count')
    hit = Hit(shim_of(engine, 'count'), 0)
    require(engine.docker(*command('count')).returncode == 0, operation)
    total = len(hit.names())
    force_away(engine, 'count', operation)
    for n in points(total):
        name = f'{operation}-{n}'
        where = f'shim killed at call {n} of {total} of {operation}'
        up(engine, name)
        pid = inspect(engine, name)['State']['Pid']
        hit = Hit(shim_of(engine, name), n)
        engine.docker(*command(name), timeout=30)
        hit.end()
        consistent(engine, where)
        limit = time.monotonic() + 5
        while alive(pid) and not running(engine, name):
            require(time.monotonic() < limit, f'{where}: {pid} lives on')
            time.sleep(0.05)
        force_away(engine, name, where)


def test_shim_killed_in_exec(engine):
    kill_shim_in(engine, 'exec')


def test_shim_killed_in_stop(engine):
    kill_shim_in(engine, 'stop')


def test_shim_killed_in_rm(engine):
    kill_shim_in(engine, 'rm')


def start_shims(engine, fail):
    """killat takes the shim's place: hit before it says that it is ready, or until the program
    runs."""
    run = os.path.join(engine.dir, 'exec')
    plan, report = os.path.join(run, 'killat.plan'), os.path.join(run, 'killat.report')
    shim = engine.program('bulkhead-shim')

    def start(name, n, code):
        with open(plan, 'w', encoding='ascii') as file:
            file.write(f'{n} {code} {shim}\n')
        make(engine, name)
        known = inspect(engine, name)
        done = engine.docker('start', name, timeout=60)
        with open(report, encoding='ascii') as file:
            return known['Id'], done, file.read()

    stand_in = tempfile.mkdtemp(prefix='bulkhead-build-')
    own = engine.build
    try:
        for program in ('bulkheadd', 'bulkhead', 'bulkhead-files'):
            shutil.copy2(engine.program(program), stand_in)
        shutil.copy2(KILLAT, os.path.join(stand_in, 'bulkhead-shim'))
        engine.stop()
        engine.build = stand_in
        engine.start()
        engine.docker('rm', '-f', 'count')
        _, done, text = start('count', 0, 0)
        require(done.returncode == 0, done.stderr)
        names = [NAMES.get(int(line), line) for line in text.splitlines() if line.isdigit()]
        force_away(engine, 'count', 'start')
        require(len(names) > 50, f'only {len(names)} calls')
        step = max(1, len(names) // (4 * POINTS))
        for n in range(1 + step // 2, len(names) + 1, step):
            code = errno_of(names[n - 1]) if fail else 0
            what = f'fails by {os.strerror(code)}' if fail else 'killed'
            where = f'shim {what} at call {n} {names[n - 1]} of {len(names)} of start'
            name = f'shim-{n}'
            identity, done, _ = start(name, n, code)
            limit = time.monotonic() + 5
            while not running(engine, name) and groups_of({identity}):
                require(time.monotonic() < limit, f'{where}: left {groups_of({identity})}')
                time.sleep(0.05)
            require(done.returncode == 0 or done.stderr.strip(), f'{where}: no word')
            force_away(engine, name, where)
            require(not groups_of({identity}), f'{where}: groups after rm')
    finally:
        engine.stop()
        engine.build = own
        for path in (plan, report):
            if os.path.exists(path):
                os.unlink(path)
        engine.start()
        shutil.rmtree(stand_in, ignore_errors=True)
    consistent(engine, 'after the hits of shims')


def test_shim_killed_in_start(engine):
    start_shims(engine, False)


def test_shim_fails_in_start(engine):
    start_shims(engine, True)


def lines_of(engine, name):
    return [int(line.split()[1]) for line in engine.docker('logs', name).stdout.splitlines()]


def test_containers_outlive_the_engine(engine):
    """They keep running and logging; logs, attach, exec, stop and wait work afterwards."""
    done = engine.docker('run', '-d', '--name', 'talker', 'busybox', 'sh', '-c', LOOP)
    require(done.returncode == 0, done.stderr)
    done = engine.docker('run', '-d', '-i', '--name', 'echoer', 'busybox', 'cat')
    require(done.returncode == 0, done.stderr)
    pid = inspect(engine, 'talker')['State']['Pid']
    for _ in range(3):
        before = len(lines_of(engine, 'talker'))
        engine.stop(signal.SIGKILL)
        time.sleep(0.5)
        engine.start()
        lines = lines_of(engine, 'talker')
        require(lines == list(range(1, len(lines) + 1)), 'the log has gaps')
        require(len(lines) > before + 5, f'{len(lines)} lines after {before}')
        require(inspect(engine, 'talker')['State']['Pid'] == pid, 'another process')
    require(engine.docker('exec', 'talker', 'echo', 'hi').stdout == 'hi\n', 'exec')
    client = subprocess.Popen([engine.docker_path, 'attach', 'echoer'], env=engine.environment(),
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    client.stdin.write(b'there\n')
    client.stdin.flush()
    require(client.stdout.readline() == b'there\n', 'attach')
    engine.docker('kill', 'echoer')
    client.communicate(timeout=10)
    waiter = subprocess.Popen([engine.docker_path, 'wait', 'talker'], env=engine.environment(),
                              stdout=subprocess.PIPE)
    time.sleep(0.3)
    done = engine.docker('stop', '-t', '1', 'talker')
    require(done.returncode == 0, done.stderr)
    require(waiter.communicate(timeout=10)[0] == b'137\n', 'wait')
    engine.docker('rm', '-f', 'talker', 'echoer')
    consistent(engine, 'outlived')


def test_an_end_while_the_engine_is_away(engine):
    """The exit code of what ended meanwhile is known; --rm is made up for."""
    for options in ((), ('--rm',)):
        name = 'ender' + ''.join(options)
        done = engine.docker('run', '-d', *options, '--name', name, 'busybox', 'sh', '-c',
                             'sleep 0.6; exit 7')
        require(done.returncode == 0, done.stderr)
        engine.stop(signal.SIGKILL)
        time.sleep(1.2)
        engine.start()
        found = inspect(engine, name)
        if options:
            require(found is None, '--rm was forgotten')
        else:
            require(found['State']['ExitCode'] == 7 and not found['State']['Running'], found['State'])
            engine.docker('rm', name)
    consistent(engine, 'ended')


def test_a_start_without_descriptors_kills_nothing(engine):
    """An engine that cannot ask the shims refuses to start; the containers run on."""
    names = [f'many-{n}' for n in range(6)]
    for name in names:
        up(engine, name)
    pids = {name: inspect(engine, name)['State']['Pid'] for name in names}
    engine.stop(signal.SIGKILL)
    for limit in range(10, 40, 4):
        try:
            done = subprocess.run(
                ['prlimit', f'--nofile={limit}', engine.program('bulkheadd'),
                 '--data-root', os.path.join(engine.dir, 'data'), '--exec-root',
                 os.path.join(engine.dir, 'exec'), '--pidfile', os.path.join(engine.dir, 'pid'),
                 '-H', f'unix://{engine.dir}/other.sock'], stdin=subprocess.DEVNULL, timeout=1,
                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
            require(done.returncode > 0, f'{limit} descriptors: {done.returncode} {done.stdout}')
        except subprocess.TimeoutExpired:
            break  # enough to start with
        finally:
            require(all(map(alive, pids.values())), f'{limit} descriptors: a container died')
    engine.start()
    for name in names:
        require(running(engine, name) and inspect(engine, name)['State']['Pid'] == pids[name], name)
        force_away(engine, name, 'descriptors')


def freeze_by_hand(engine, name):
    path = f'/sys/fs/cgroup/freezer/bulkhead/{inspect(engine, name)["Id"]}/freezer.state'
    if not os.path.exists(path):
        path = path.replace('/freezer/', '/').replace('freezer.state', 'cgroup.freeze')
    with open(path, 'w', encoding='ascii') as file:
        file.write('FROZEN' if path.endswith('state') else '1')


def stop_by_signal(engine, name):
    os.kill(inspect(engine, name)['State']['Pid'], signal.SIGSTOP)


def stop_shim(engine, name):
    """The engine kills a shim that does not answer."""
    os.kill(shim_of(engine, name), signal.SIGSTOP)


def test_what_is_stubborn_ends(engine):
    """stop, kill and rm -f end, whatever was done to the container or its shim."""
    ways = (('stop', '-t', '1'), ('kill',), ('rm', '-f'))
    spoilers = [(freeze_by_hand, ways), (stop_by_signal, ways),
                (lambda e, n: e.docker('pause', n), ways[1:])]
    if POINTS > 2:  # takes the engine ten seconds
        spoilers.append((stop_shim, ways[2:]))
    for number, (spoil, words) in enumerate(spoilers):
        for word in words:
            name = f'stubborn-{number}-{word[0]}'
            where = f'{word[0]} of a container with {spoil.__name__}'
            up(engine, name)
            spoil(engine, name)
            done = engine.docker(*word, name, timeout=40)
            require(done.returncode == 0, f'{where}: {done.stderr}')
            limit = time.monotonic() + 5
            while running(engine, name):
                require(time.monotonic() < limit, f'{where}: it still runs')
                time.sleep(0.05)
            force_away(engine, name, where)
    consistent(engine, 'stubborn')


class Api(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__('localhost', timeout=60)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(60)
        self.sock.connect(self.path)

    def ask(self, method, target, body=None):
        self.request(method, target, json.dumps(body) if body is not None else None,
                     {'Content-Type': 'application/json'})
        answer = self.getresponse()
        data = answer.read()
        require(answer.status < 400, f'{method} {target}: {answer.status} {data[:200]}')
        return json.loads(data) if data else None


def one_life(api, start):
    made = api.ask('POST', '/containers/create', {'Image': 'busybox', 'Cmd': ['sleep', '1000']})
    if start:
        api.ask('POST', f'/containers/{made["Id"]}/start')
    api.ask('DELETE', f'/containers/{made["Id"]}?force=1')


def level(engine):
    pid = engine.process.pid
    with open(f'/proc/{pid}/smaps_rollup', encoding='ascii') as file:
        pss = next(int(line.split()[1]) for line in file if line.startswith('Pss:'))
    with open('/proc/self/mountinfo', encoding='utf-8') as file:
        mounts = sum(engine.dir in line for line in file)
    return len(os.listdir(f'/proc/{pid}/fd')), pss, mounts


def test_level_over_many(engine):
    api = Api(engine.socket)
    # Rings of events and caches fill up first.
    for n in range(200):
        one_life(api, n % 10 == 0)
    time.sleep(1)
    before = level(engine)
    for n in range(COUNT):
        one_life(api, n % 10 == 0)
    time.sleep(1)
    after = level(engine)
    api.close()
    print(f'# descriptors, PSS, mounts: {before} before, {after} after {COUNT}')
    require(after[0] <= before[0] + 2, f'descriptors: {before} then {after}')
    require(after[1] <= before[1] + 300, f'PSS: {before} then {after} KiB')
    require(after[2] == before[2], f'mounts: {before} then {after}')


def test_many_at_once(engine):
    """200 lives, 32 at a time, each over a connection of its own."""
    def life(_):
        api = Api(engine.socket)
        try:
            one_life(api, True)
        finally:
            api.close()
    with concurrent.futures.ThreadPoolExecutor(32) as pool:
        list(pool.map(life, range(200)))
    require(engine.docker('ps', '-aq').stdout == '', 'containers are left')
    consistent(engine, 'after 200 at once')


def main():
    tap = Tap()
    wanted = os.environ.get('ONLY', '')
    with Engine(main_build()) as engine:
        engine.import_busybox('busybox')
        require(engine.docker('run', '--rm', 'busybox', 'true').returncode == 0, 'docker run')
        for name, function in list(globals().items()):
            if name.startswith('test_') and wanted in name:
                tap.run(name[5:].replace('_', ' '), function, engine)
    return tap.done()


if __name__ == '__main__':
    sys.exit(main())
