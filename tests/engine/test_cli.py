#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The programs' own command lines: bulkhead, and bulkheadd's flags and daemon.json. usage:
test_cli.py BUILD"""
import json
import os
import signal
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'lib'))
from bulkhead import Engine, Tap, busybox_tar, main_build, require  # noqa: E402
from test_docker import on_terminal  # noqa: E402


def ok(done):
    require(done.returncode == 0, f'{done.args[1:]}: status {done.returncode}: {done.stderr}')
    return done.stdout


def fails(done, status, words):
    require(done.returncode == status,
            f'{done.args[1:]}: status {done.returncode}, not {status}: {done.stderr}')
    require(words in done.stderr, f'{done.args[1:]}: {done.stderr}')


def validate(engine, text, *flags):
    path = os.path.join(engine.dir, 'try.json')
    with open(path, 'w', encoding='utf-8') as file:
        file.write(text)
    return subprocess.run([engine.program('bulkheadd'), '--validate', '--config-file', path, *flags],
                          check=False, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                          timeout=20)


def test_import(engine):
    path = os.path.join(engine.dir, 'root.tar')
    with open(path, 'wb') as file:
        file.write(busybox_tar())
    require(ok(engine.bulkhead('import', path, 'busybox')).startswith('sha256:'), 'import')
    require('busybox:latest' in ok(engine.bulkhead('images')), 'images')
    fails(engine.bulkhead('import', '/no/such'), 1, 'No such file')


def test_version(engine):
    out = ok(engine.bulkhead('version'))
    require('Client:' in out and 'Engine:' in out, out)
    tree = json.loads(ok(engine.bulkhead('--format', 'json', 'version')))
    require(tree['dockerApi'] == '1.50', str(tree))


def test_run(engine):
    require(ok(engine.bulkhead('run', '--rm', 'busybox', 'echo', 'hello')) == 'hello\n', 'run')
    done = engine.bulkhead('run', '--rm', 'busybox', 'sh', '-c', 'echo e >&2; exit 3')
    require((done.returncode, done.stdout, done.stderr) == (3, '', 'e\n'), str(done))
    fails(engine.bulkhead('run', '--rm', 'busybox', 'nosuch'), 127, 'not found')
    fails(engine.bulkhead('run', '--rm', 'busybox', '/etc/passwd'), 126, '')
    fails(engine.bulkhead('run', 'no-such-image', 'true'), 125, 'No such image')
    fails(engine.bulkhead('run', '--nope', 'busybox'), 2, 'unknown option')
    require(ok(engine.bulkhead('ps', '-a')).count('\n') == 1, 'containers left')


def test_life(engine):
    ident = ok(engine.bulkhead('run', '-d', '--name', 'b1', '-e', 'A=b', 'busybox', 'sleep',
                               '1000')).strip()
    require(len(ident) == 64, ident)
    require('b1' in ok(engine.bulkhead('ps')), 'ps')
    require('"sleep 1000"' in ok(engine.bulkhead('ps')), 'the whole command')
    tree = json.loads(ok(engine.bulkhead('ps', '-a', '--format', 'json')))
    require(tree == json.loads(ok(engine.bulkhead('--format', 'json', 'ps'))), str(tree))
    require(ok(engine.bulkhead('exec', 'b1', 'echo', '--format', 'json')) == '--format json\n', 'exec')
    require(tree[0]['id'] == ident and tree[0]['isolation'] == 'process', str(tree))
    require(tree[0]['owner'] == f'uid:{os.getuid()}', str(tree))
    require(ok(engine.bulkhead('exec', 'b1', 'sh', '-c', 'echo $A')) == 'b\n', 'exec')
    require(engine.bulkhead('exec', 'b1', 'sh', '-c', 'exit 9').returncode == 9, 'exec status')
    require(json.loads(ok(engine.bulkhead('inspect', 'b1')))['Id'] == ident, 'inspect')
    ok(engine.bulkhead('stop', '-t', '0', 'b1'))
    require(ok(engine.bulkhead('wait', 'b1')) == '137\n', 'wait')
    ok(engine.bulkhead('rm', 'b1'))
    fails(engine.bulkhead('inspect', 'b1'), 1, 'No such container')


def test_terminal(engine):
    out, status = on_terminal(engine, 'run', '--rm', '-it', 'busybox', 'sh',
                              say=b'sleep 0.5; stty size; exit 7\n', until=b'#',
                              program=engine.program('bulkhead'))
    require(status == 7 and '33 101' in out, f'{status}: {out}')
    out, status = on_terminal(engine, 'run', '--rm', '-it', '--name', 'tt', 'busybox', 'sh',
                              say=b'\x10\x11', until=b'#', program=engine.program('bulkhead'))
    require(status == 0 and 'tt' in ok(engine.bulkhead('ps')), f'detach: {status}: {out}')
    out, status = on_terminal(engine, 'exec', '-it', 'tt', 'sh', say=b'exit 9\n', until=b'#',
                              program=engine.program('bulkhead'))
    require(status == 9, f'exec: {status}: {out}')
    ok(engine.bulkhead('rm', '-f', 'tt'))


def test_input_and_signals(engine):
    done = subprocess.run([engine.program('bulkhead'), 'run', '--rm', '-i', 'busybox', 'wc', '-c'],
                          check=False, input=b'x' * 200000, env=engine.environment(), timeout=60,
                          stdout=subprocess.PIPE)
    require(done.stdout == b'200000\n', repr(done.stdout))
    process = subprocess.Popen([engine.program('bulkhead'), 'run', '--rm', 'busybox', 'sh', '-c',
                                'trap "exit 5" TERM; echo ready; while :; do sleep 0.1; done'],
                               env=engine.environment(), stdout=subprocess.PIPE)
    require(process.stdout.readline() == b'ready\n', 'no output')
    process.send_signal(signal.SIGTERM)
    require(process.wait(20) == 5, f'status {process.returncode}')
    process.stdout.close()


def test_boundary(engine):
    ok(engine.bulkhead('run', '-d', '--name', 'b2', 'busybox', 'sleep', '1000'))
    try:
        tree = json.loads(ok(engine.bulkhead('--format', 'json', 'boundary', 'b2')))
        require('shared-kernel' in json.dumps(tree), str(tree)[:300])
        require('shared-kernel' in ok(engine.bulkhead('boundary', 'b2')), 'text')
    finally:
        ok(engine.bulkhead('rm', '-f', 'b2'))


def test_logs(engine):
    ok(engine.bulkhead('run', '--name', 'b3', 'busybox', 'sh', '-c', 'echo a; echo b'))
    require(ok(engine.bulkhead('logs', 'b3')) == 'a\nb\n', 'logs')
    require(ok(engine.bulkhead('logs', '--tail', '1', 'b3')) == 'b\n', 'tail')
    ok(engine.bulkhead('rm', 'b3'))


def test_engine_that_does_not_answer(engine):
    engine.process.send_signal(signal.SIGSTOP)
    try:
        began = time.monotonic()
        asked = [subprocess.Popen([engine.program('bulkhead'), '-H', f'unix://{engine.socket}', *args],
                                  stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
                 for args in (('ps',), ('stop', 'x'), ('logs', 'x'), ('run', 'busybox', 'true'))]
        for process in asked:
            said = process.communicate(timeout=60)[1]
            require(process.returncode in (1, 125) and 'not answered for 30 seconds' in said,
                    f'{process.args}: {process.returncode} {said}')
        require(time.monotonic() - began < 50, 'more than one wait')
    finally:
        engine.process.send_signal(signal.SIGCONT)


def test_usage(engine):
    fails(engine.bulkhead('nope'), 2, 'unknown command')
    fails(engine.bulkhead('rm'), 2, 'missing')
    fails(engine.bulkhead(), 2, 'Usage')
    fails(engine.bulkhead('-H', 'tcp://x', 'ps'), 2, 'TCP')
    fails(engine.bulkhead('-H', 'unix:///no/such', 'ps'), 1, 'cannot connect')


def test_validate(engine):
    done = validate(engine, '{"data-root": "/x", "no-new-privileges": true}')
    require(done.returncode == 0 and done.stdout == 'configuration OK\n', str(done))
    for text, words in (('{"data-rot": "/x"}', 'did you mean "data-root"'),
                        ('{\n "iptables": true}', 'line 2, column 2'),
                        ('{"debug": 1}', 'not a boolean'),
                        ('{"debug": true, "debug": true}', 'line 1'),
                        ('{', 'line 1'), ('[]', 'an array, not an object'),
                        ('{"group": "no-such-group"}', 'group no-such-group not found'),
                        ('{"labels": ["x"]}', 'not KEY=VALUE'),
                        ('{"debug": true, "log-level": "warn"}', 'line 1, column 2: "debug"'),
                        ('{"log-opts": {\n"max-siz": "1"}}', 'line 2, column 1'),
                        ('{"id-ranges": [\n{"first": 1}]}', 'line 2, column 1'),
                        ('{"tls": true}', 'unix sockets only'),
                        ('{"hosts": ["tcp://0.0.0.0:1"]}', 'TCP')):
        fails(validate(engine, text), 1, words)
    fails(validate(engine, '{"data-root": "/x"}', '--data-root', '/y'), 1, 'both as a flag')
    fails(validate(engine, '{}', '--tlsverify'), 1, 'unix sockets only')
    fails(validate(engine, '{}', '--label', 'a=b'), 1, 'set "labels" in daemon.json')
    fails(validate(engine, '{}', '--registry-mirror', 'x'), 1, 'docker import')
    fails(validate(engine, '{}', '--add-runtime', 'a=b'), 1, 'only runtime')
    fails(validate(engine, '{}', '-D', '-l', 'warn'), 1, 'contradicts')
    fails(validate(engine, '{}', '-G', 'no-such-group'), 1, 'not found')
    fails(validate(engine, '{}', '--nope'), 1, 'unknown')
    fails(validate(engine, '{}', '-H', 'fd://'), 1, 'socket activation')


def main():
    tap = Tap()
    with Engine(main_build()) as engine:
        for name, function in list(globals().items()):
            if name.startswith('test_'):
                tap.run(name[5:].replace('_', ' '), function, engine)
    return tap.done()


if __name__ == '__main__':
    sys.exit(main())
