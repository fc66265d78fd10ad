#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Flows of the stock docker client against the engine: run in all its forms, streams, exit codes,
logs, life and death of containers, exec, and the engine dying under them. usage: test_docker.py
BUILD"""
import json
import os
import pty
import re
import select
import signal
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'lib'))
from bulkhead import Engine, Tap, main_build, require  # noqa: E402

ID = re.compile(r'^[0-9a-f]{64}$')


def ok(done):
    require(done.returncode == 0, f'{done.args[1:]}: status {done.returncode}: {done.stderr}')
    return done.stdout


def fails(done, status, words):
    require(done.returncode == status,
            f'{done.args[1:]}: status {done.returncode}, not {status}: {done.stderr}')
    require(words.lower() in done.stderr.lower(), f'{done.args[1:]}: {done.stderr}')


def wait_for(condition, what, seconds=15):
    limit = time.monotonic() + seconds
    while not condition():
        require(time.monotonic() < limit, f'waited in vain: {what}')
        time.sleep(0.05)


def inspect(engine, name):
    return json.loads(ok(engine.docker('inspect', name)))[0]


def on_terminal(engine, *args, say=b'', until=b'', seconds=30, program=None):
    """Run docker or another client on a pseudo terminal of 33x101; its output, and status."""
    program = program or engine.docker_path
    pid, master = pty.fork()
    if pid == 0:
        os.environ.clear()
        os.environ.update(engine.environment(), PATH='/usr/bin:/bin')
        os.execv(program, [program, *args])
    import fcntl
    import struct
    import termios
    fcntl.ioctl(master, termios.TIOCSWINSZ, struct.pack('HHHH', 33, 101, 0, 0))
    out = b''
    limit = time.monotonic() + seconds
    while time.monotonic() < limit:
        if say and (not until or until in out):
            os.write(master, say)
            say = b''
        if select.select([master], [], [], 0.2)[0]:
            try:
                piece = os.read(master, 65536)
            except OSError:
                break
            if not piece:
                break
            out += piece
    else:
        os.kill(pid, signal.SIGKILL)
    os.close(master)
    _, status = os.waitpid(pid, 0)
    return out.decode(errors='replace'), os.waitstatus_to_exitcode(status)


def test_version_and_info(engine):
    version = json.loads(ok(engine.docker('version', '--format', '{{json .Server}}')))
    require(version['Version'] and version['Os'] == 'linux', str(version))
    info = json.loads(ok(engine.docker('info', '--format', '{{json .}}')))
    require(info['Images'] == 1 and info['Driver'], str(info)[:300])


def test_images(engine):
    images = ok(engine.docker('images', '--format', '{{.Repository}}:{{.Tag}}')).split()
    require(images == ['busybox:latest'], str(images))
    ok(engine.docker('tag', 'busybox', 'other:v1'))
    image = json.loads(ok(engine.docker('image', 'inspect', 'other:v1')))[0]
    require(sorted(image['RepoTags']) == ['busybox:latest', 'other:v1'], str(image['RepoTags']))
    ok(engine.docker('rmi', 'other:v1'))
    fails(engine.docker('rmi', 'other:v1'), 1, 'No such image')
    require('busybox' in ok(engine.docker('images')), 'the image went with its tag')


def test_run_hello(engine):
    require(ok(engine.docker('run', '--rm', 'busybox', 'echo', 'hello')) == 'hello\n', 'output')
    require(ok(engine.docker('run', '--rm', '--network', 'none', '--isolation=process', 'busybox',
                             'echo', 'x')) == 'x\n', 'output')
    require(ok(engine.docker('ps', '-aq')) == '', '--rm left a container')


def test_streams_stay_apart(engine):
    done = engine.docker('run', '--rm', 'busybox', 'sh', '-c', 'echo out; echo err >&2; exit 3')
    require(done.returncode == 3, f'status {done.returncode}')
    require(done.stdout == 'out\n' and done.stderr == 'err\n', f'{done.stdout!r} {done.stderr!r}')


def test_exit_codes(engine):
    require(engine.docker('run', '--rm', 'busybox', 'false').returncode == 1, 'false')
    fails(engine.docker('run', '--rm', 'busybox', '/no/such'), 127, 'no such file')
    fails(engine.docker('run', '--rm', 'busybox', 'nosuch'), 127, 'not found')
    fails(engine.docker('run', '--rm', 'busybox', '/etc'), 126, '')
    fails(engine.docker('run', '--rm', 'busybox', '/etc/passwd'), 126, 'permission denied')
    fails(engine.docker('run', '--rm', 'no-such-image', 'true'), 125, 'not supported')
    fails(engine.docker('run', '--rm', '--network', 'host', 'busybox', 'true'), 125, 'network')
    require(ok(engine.docker('ps', '-aq')) == '', 'containers left')


def test_standard_input(engine):
    data = os.urandom(300000)
    done = subprocess.run([engine.docker_path, 'run', '--rm', '-i', 'busybox', 'sha256sum'],
                          check=False, input=data, env=engine.environment(), timeout=60,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    import hashlib
    require(done.stdout.split()[:1] == [hashlib.sha256(data).hexdigest().encode()],
            f'{done.stdout!r} {done.stderr!r}')


def test_large_output(engine):
    out = ok(engine.docker('run', '--rm', 'busybox', 'sh', '-c', 'seq 200000'))
    require(out.count('\n') == 200000 and out.endswith('200000\n'), f'{len(out)} bytes')


def test_environment_user_workdir(engine):
    out = ok(engine.docker('run', '--rm', '-e', 'A=b c', '-w', '/tmp', '-u', '5:6', '-h', 'box',
                           'busybox', 'sh', '-c', 'echo $A; pwd; id -u; id -g; hostname'))
    require(out == 'b c\n/tmp\n5\n6\nbox\n', repr(out))


def test_entrypoint(engine):
    require(ok(engine.docker('run', '--rm', '--entrypoint', 'echo', 'busybox', 'a')) == 'a\n', '')
    fails(engine.docker('run', '--rm', 'busybox'), 125, 'no command')


def test_read_only(engine):
    done = engine.docker('run', '--rm', '--read-only', '--tmpfs', '/tmp', 'busybox', 'sh', '-c',
                         'echo x > /tmp/x && cat /tmp/x; echo y > /y')
    require(done.stdout == 'x\n' and 'Read-only' in done.stderr, f'{done.stdout} {done.stderr}')


def test_terminal(engine):
    out, status = on_terminal(engine, 'run', '--rm', '-it', 'busybox', 'sh',
                              say=b'tty; sleep 0.5; stty size; exit 7\n', until=b'#')
    require(status == 7, f'status {status}: {out}')
    require('/dev/pts/' in out or '/dev/console' in out, out)
    require('33 101' in out, out)


def test_detached(engine):
    ident = ok(engine.docker('run', '-d', '--name', 'det', 'busybox', 'sleep', '1000')).strip()
    try:
        require(ID.match(ident), ident)
        require(ok(engine.docker('ps', '-q', '--no-trunc')).split() == [ident], 'ps')
        state = inspect(engine, 'det')
        require(state['State']['Running'] and state['State']['Pid'] > 0, str(state['State']))
        require(state['Config']['Cmd'] == ['sleep', '1000'] and state['Name'] == '/det', 'inspect')
        require(os.path.exists(f'/proc/{state["State"]["Pid"]}'), 'no such process')
        fails(engine.docker('run', '-d', '--name', 'det', 'busybox', 'true'), 125, 'in use')
        fails(engine.docker('rm', 'det'), 1, 'running')
        require('sleep' in ok(engine.docker('top', 'det')), 'top')
    finally:
        ok(engine.docker('rm', '-f', 'det'))
    fails(engine.docker('inspect', 'det'), 1, 'no such')


def test_filters(engine):
    ok(engine.docker('run', '-d', '--name', 'f1', '-l', 'role=web', 'busybox', 'sleep', '1000'))
    ok(engine.docker('create', '--name', 'f2', 'busybox', 'true'))
    try:
        def names(*args):
            return sorted(ok(engine.docker('ps', '--format', '{{.Names}}', *args)).split())
        require(names() == ['f1'], 'running only')
        require(names('-a') == ['f1', 'f2'], 'all')
        require(names('-a', '-f', 'name=f2') == ['f2'], 'name')
        require(names('-a', '-f', 'label=role=web') == ['f1'], 'label')
        require(names('-a', '-f', 'status=created') == ['f2'], 'status')
        require(names('-n', '1') == ['f2'], 'limit')
        fails(engine.docker('ps', '-f', 'nope=1'), 1, 'invalid filter')
    finally:
        ok(engine.docker('rm', '-f', 'f1', 'f2'))


def test_logs(engine):
    ok(engine.docker('run', '--name', 'log', 'busybox', 'sh', '-c',
                     'for i in 1 2 3; do echo o$i; echo e$i >&2; sleep 0.05; done'))
    try:
        done = engine.docker('logs', 'log')
        require(done.stdout == 'o1\no2\no3\n' and done.stderr == 'e1\ne2\ne3\n', str(done))
        done = engine.docker('logs', '--tail', '1', 'log')
        require(done.stdout + done.stderr == 'e3\n', str(done))
        done = engine.docker('logs', '-t', '--tail', '2', 'log')
        require(re.match(r'^20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z o3\n$', done.stdout), str(done))
        require(ok(engine.docker('logs', '--since', '2099-01-01T00:00:00Z', 'log')) == '', 'since')
    finally:
        ok(engine.docker('rm', 'log'))


def test_logs_follow(engine):
    ok(engine.docker('run', '-d', '--name', 'fol', 'busybox', 'sh', '-c',
                     'echo a; sleep 1; echo b'))
    try:
        require(ok(engine.docker('logs', '-f', 'fol')) == 'a\nb\n', 'follow')
    finally:
        ok(engine.docker('rm', '-f', 'fol'))


def test_stop_kill_wait(engine):
    trap = 'trap "exit 5" TERM; while :; do sleep 0.1; done'
    ok(engine.docker('run', '-d', '--name', 'st', 'busybox', 'sh', '-c', trap))
    ok(engine.docker('stop', 'st'))
    require(inspect(engine, 'st')['State']['ExitCode'] == 5, 'stop does not send TERM')
    ok(engine.docker('start', 'st'))
    waiter = subprocess.Popen([engine.docker_path, 'wait', 'st'], env=engine.environment(),
                              stdout=subprocess.PIPE, text=True)
    time.sleep(0.5)
    ok(engine.docker('kill', 'st'))
    require(waiter.communicate(timeout=20)[0] == '137\n', 'wait')
    fails(engine.docker('kill', 'st'), 1, 'not running')
    ok(engine.docker('stop', 'st'))
    ok(engine.docker('rm', 'st'))
    started = time.monotonic()
    ok(engine.docker('run', '-d', '--name', 'deaf', 'busybox', 'sh', '-c',
                     'trap "" TERM; while :; do sleep 1; done'))
    ok(engine.docker('stop', '-t', '1', 'deaf'))
    require(time.monotonic() - started < 15, 'stop took too long')
    require(inspect(engine, 'deaf')['State']['ExitCode'] == 137, 'not killed')
    ok(engine.docker('rm', 'deaf'))


def test_restart_and_rename(engine):
    ok(engine.docker('run', '-d', '--name', 're', 'busybox', 'sleep', '1000'))
    first = inspect(engine, 're')['State']['Pid']
    ok(engine.docker('restart', '-t', '0', 're'))
    second = inspect(engine, 're')['State']['Pid']
    require(second not in (0, first), f'{first} {second}')
    ok(engine.docker('rename', 're', 're2'))
    require(inspect(engine, 're2')['State']['Pid'] == second, 'rename')
    fails(engine.docker('inspect', 're'), 1, 'no such')
    ok(engine.docker('rm', '-f', 're2'))


def test_attach(engine):
    ok(engine.docker('create', '-i', '--name', 'at', 'busybox', 'cat'))
    ok(engine.docker('start', 'at'))
    try:
        done = subprocess.run([engine.docker_path, 'attach', 'at'], check=False, input=b'hi\n',
                              env=engine.environment(), timeout=30, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE)
        require(done.stdout == b'hi\n', f'{done.stdout!r} {done.stderr!r}')
    finally:
        ok(engine.docker('rm', '-f', 'at'))


def test_detach_keys(engine):
    ok(engine.docker('run', '-dit', '--name', 'dk', 'busybox', 'sh'))
    try:
        out, status = on_terminal(engine, 'attach', 'dk', say=b'echo a\n\x10\x11', seconds=15)
        require(inspect(engine, 'dk')['State']['Running'], f'detach ended it: {out} {status}')
    finally:
        ok(engine.docker('rm', '-f', 'dk'))


def test_exec(engine):
    ok(engine.docker('run', '-d', '--name', 'ex', 'busybox', 'sleep', '1000'))
    try:
        done = engine.docker('exec', 'ex', 'sh', '-c', 'echo o; echo e >&2; exit 4')
        require((done.stdout, done.stderr, done.returncode) == ('o\n', 'e\n', 4), str(done))
        require(ok(engine.docker('exec', '-e', 'A=1', '-w', '/tmp', '-u', '7', 'ex', 'sh', '-c',
                                 'echo $A; pwd; id -u')) == '1\n/tmp\n7\n', 'options')
        done = subprocess.run([engine.docker_path, 'exec', '-i', 'ex', 'wc', '-c'], check=False,
                              input=b'x' * 100000, env=engine.environment(), timeout=30,
                              stdout=subprocess.PIPE)
        require(done.stdout == b'100000\n', repr(done.stdout))
        ok(engine.docker('exec', '-d', 'ex', 'touch', '/tmp/done'))
        wait_for(lambda: engine.docker('exec', 'ex', 'test', '-e', '/tmp/done').returncode == 0,
                 'exec -d')
        require(engine.docker('exec', 'ex', 'nosuch').returncode == 127, 'exec of nothing')
        require(engine.docker('exec', 'ex', '/etc/passwd').returncode == 126, 'exec of a file')
        out, status = on_terminal(engine, 'exec', '-it', 'ex', 'sh', say=b'tty; exit 9\n',
                                  until=b'#')
        require(status == 9 and '/dev/pts/' in out, f'{status}: {out}')
    finally:
        ok(engine.docker('rm', '-f', 'ex'))
    fails(engine.docker('exec', 'ex', 'true'), 1, 'no such container')


def test_no_new_privileges(engine):
    out = ok(engine.docker('run', '--rm', '--security-opt', 'no-new-privileges', 'busybox', 'grep',
                           'NoNewPrivs', '/proc/self/status'))
    require(out.split() == ['NoNewPrivs:', '1'], out)


def test_namespace_and_ids(engine):
    out = ok(engine.docker('run', '--rm', 'busybox', 'sh', '-c',
                           'cat /proc/self/uid_map; ls /sys/class/net; echo $$'))
    lines = out.split('\n')
    inside, outside, size = lines[0].split()
    require(inside == '0' and outside != '0' and int(size) <= 65536, lines[0])
    require(lines[1:3] == ['lo', '1'], str(lines))


def test_limits(engine):
    ok(engine.docker('run', '-d', '--name', 'lim', '-m', '64m', '--pids-limit', '50', '--ulimit',
                     'nofile=100:200', 'busybox', 'sleep', '1000'))
    try:
        require(ok(engine.docker('exec', 'lim', 'sh', '-c', 'ulimit -n')) == '100\n', 'ulimit')
        config = inspect(engine, 'lim')['HostConfig']
        require(config['Memory'] == 64 << 20 and config['PidsLimit'] == 50, str(config))
        require(config['Isolation'] == 'process', str(config))
    finally:
        ok(engine.docker('rm', '-f', 'lim'))


def test_refused_by_name(engine):
    for args, words in ((['--isolation=hyperv'], 'hyperv'), (['--isolation=x'], 'isolation "x"'),
                        (['-p', '80:80'], 'published ports'), (['-v', 'vol:/x'], 'volumes'),
                        (['-v', '/x'], 'volumes'), (['--init'], '--init'),
                        (['--restart', 'always'], 'restart policy "always"'),
                        (['--pid', 'host'], 'PidMode "host"'), (['--ipc', 'host'], 'IPC mode "host"'),
                        (['--network', 'nat'], 'network "nat"'),
                        (['--storage-opt', 'size=1G'], 'StorageOpt'),
                        (['--security-opt', 'credentialspec=file://x'], 'credentialspec'),
                        (['--log-driver', 'syslog'], 'log driver "syslog"'),
                        (['--mount', 'type=npipe,src=//./pipe/x,dst=//./pipe/y'], 'npipe'),
                        (['--runtime', 'runc'], 'runtime name'),
                        (['--platform', 'windows/amd64'], 'windows/amd64'),
                        (['--platform', 'linux/mips'], 'not for linux/mips'),
                        (['--health-cmd', 'true'], 'health checks'),
                        (['-v', 'C:\\a:C:\\b'], 'invalid volume specification'),
                        (['-w', 'C:\\app'], 'absolute path'),
                        (['--cap-add', 'NOPE'], 'invalid capability'),
                        (['--privileged'], 'use --cap-add and --device'),
                        (['--userns', 'host'], 'leave --userns out'),
                        (['--cap-add', 'SYS_TIME'], 'leave it out'),
                        (['-v', f'{engine.dir}/data/x:/e'], 'data root'),
                        (['-v', f'{engine.dir}:/e'], 'which no container may have'),
                        (['-P'], 'leave -P out'), (['--init'], '(name an init program'),
                        (['--gpus', 'all'], '--device'), (['--volumes-from', 'x'], 'repeat'),
                        (['--link', 'x'], 'bound directory'),
                        (['--device-read-bps', '/dev/null:1mb'], '--blkio-weight'),
                        (['--security-opt', 'apparmor=x'], 'apparmor=unconfined'),
                        (['--security-opt', 'label=type:x'], 'label=disable')):
        fails(engine.docker('run', *args, 'busybox', 'true'), 125, words)
    fails(engine.docker('pull', 'busybox'), 1, 'not supported by this build yet')
    fails(engine.docker('network', 'ls'), 1, 'networks')
    for args, words in ((('pause', 'x'), 'docker stop'), (('commit', 'x'), 'docker import'),
                        (('diff', 'x'), 'docker exec'), (('export', 'x'), 'tar'),
                        (('save', 'busybox'), 'keep the archive'),
                        (('cp', 'x:/etc', '/nonexistent-but-never-made'), 'docker exec -i ID tar'),
                        (('cp', '/etc/passwd', 'x:/tmp'), 'docker exec -i ID tar'),
                        (('plugin', 'ls'), 'built in'), (('swarm', 'init'), 'docker run')):
        fails(engine.docker(*args), 1, words)
    fails(engine.docker('run', '--rm', '-u', 'nobody-of-this-name', 'busybox', 'true'), 125,
          'unable to find user')
    require(ok(engine.docker('ps', '-aq')) == '', 'containers left')


def test_mounts(engine):
    source = os.path.join(engine.dir, 'source')
    os.makedirs(source)
    with open(source + '/file', 'w', encoding='ascii') as file:
        file.write('from the host\n')
    out = ok(engine.docker('run', '--rm', '-v', source + ':/mnt', 'busybox', 'sh', '-c',
                           'cat /mnt/file; echo back > /mnt/new'))
    require(out == 'from the host\n' and os.path.exists(source + '/new'), out)
    done = engine.docker('run', '--rm', '-v', source + ':/mnt:ro', 'busybox', 'touch', '/mnt/x')
    require(done.returncode == 1 and 'Read-only' in done.stderr, done.stderr)
    done = engine.docker('run', '--rm', '--mount', f'type=bind,src={source}/none,dst=/mnt',
                         'busybox', 'true')
    require(done.returncode == 125, f'a missing source was made: {done.stderr}')
    ok(engine.docker('create', '--name', 'mnt', '-v', source + ':/mnt:ro', 'busybox', 'true'))
    mounts = inspect(engine, 'mnt')['Mounts']
    require(mounts[0]['Destination'] == '/mnt' and not mounts[0]['RW'], str(mounts))
    ok(engine.docker('rm', 'mnt'))


def test_events(engine):
    since = str(int(time.time()))
    ok(engine.docker('run', '--rm', '--name', 'ev', 'busybox', 'true'))
    time.sleep(1.1)
    out = ok(engine.docker('events', '--since', since, '--until', str(int(time.time())),
                           '--filter', 'container=ev', '--format', '{{.Action}}'))
    actions = out.split()
    for action in ('create', 'start', 'die', 'destroy'):
        require(action in actions, str(actions))


def test_parallel_runs(engine):
    results = []

    def one(number):
        done = engine.docker('run', '--rm', 'busybox', 'echo', str(number))
        results.append(done.stdout == f'{number}\n')
    threads = [threading.Thread(target=one, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    require(results == [True] * 8, str(results))
    require(ok(engine.docker('ps', '-aq')) == '', 'containers left')


def test_engine_dies(engine):
    """Containers outlive the engine, killed or stopped, and it finds them again."""
    script = 'i=0; while :; do i=$((i+1)); echo $i; sleep 0.1; done'
    ok(engine.docker('run', '-d', '--name', 'live', 'busybox', 'sh', '-c', script))
    ok(engine.docker('run', '-d', '--name', 'ends', 'busybox', 'sh', '-c', 'sleep 1; exit 6'))
    pid = inspect(engine, 'live')['State']['Pid']
    for sign in (signal.SIGKILL, signal.SIGTERM):
        engine.stop(sign)
        require(os.path.exists(f'/proc/{pid}'), 'the container died with the engine')
        time.sleep(1)
        engine.start()
        state = inspect(engine, 'live')['State']
        require(state['Running'] and state['Pid'] == pid, str(state))
    wait_for(lambda: inspect(engine, 'ends')['State']['Status'] == 'exited', 'the other to end')
    require(inspect(engine, 'ends')['State']['ExitCode'] == 6, 'exit code lost')
    lines = ok(engine.docker('logs', 'live')).split()
    require(lines == [str(n + 1) for n in range(len(lines))], 'a gap in the log')
    require(len(lines) > 15, f'{len(lines)} lines')
    require(ok(engine.docker('exec', 'live', 'echo', 'x')) == 'x\n', 'exec after restart')
    ok(engine.docker('stop', '-t', '1', 'live'))
    ok(engine.docker('rm', 'live', 'ends'))


def test_second_engine_is_refused(engine):
    done = subprocess.run([engine.program('bulkheadd'), '--data-root', engine.dir + '/data',
                           '--exec-root', engine.dir + '/exec', '--pidfile',
                           engine.dir + '/engine.pid', '-H', 'unix://' + engine.socket],
                          check=False, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=20)
    require(done.returncode == 1 and b'running' in done.stderr, str(done))
    require(engine.docker('version').returncode == 0, 'the first engine suffered')


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
