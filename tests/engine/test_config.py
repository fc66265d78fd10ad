#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Keys of daemon.json, by their effect in containers. usage: test_config.py BUILD"""
import glob
import json
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'lib'))
from bulkhead import Engine, Tap, main_build, require  # noqa: E402
from test_docker import fails, inspect, ok, wait_for  # noqa: E402

BUILD = None


def with_config(config):
    return Engine(BUILD, config)


def test_no_new_privileges():
    with with_config({'no-new-privileges': True}) as engine:
        engine.import_busybox('busybox')
        status = ['grep', 'NoNewPrivs', '/proc/self/status']
        require(ok(engine.docker('run', '--rm', 'busybox', *status)).split()[1] == '1', 'run')
        require(ok(engine.docker('run', '--rm', '--security-opt', 'no-new-privileges=false',
                                 'busybox', *status)).split()[1] == '0', 'said otherwise')
        ok(engine.docker('run', '-d', '--name', 'nn', 'busybox', 'sleep', '1000'))
        require(ok(engine.docker('exec', 'nn', *status)).split()[1] == '1', 'exec')
        require('no-new-privileges' in ok(engine.docker('info')), 'info')


def test_hyperv_by_default_fails_closed():
    with with_config({'exec-opts': ['isolation=hyperv']}) as engine:
        engine.import_busybox('busybox')
        fails(engine.docker('run', 'busybox', 'true'), 125, 'hyperv')
        require(ok(engine.docker('run', '--rm', '--isolation=process', 'busybox', 'echo', 'x')) ==
                'x\n', 'process isolation by name')


def test_logging():
    with with_config({'log-opts': {'max-size': '20k', 'max-file': '2'}}) as engine:
        engine.import_busybox('busybox')
        ok(engine.docker('run', '--name', 'll', 'busybox', 'seq', '3000'))
        path = inspect(engine, 'll')['LogPath']
        sizes = [os.path.getsize(name) for name in glob.glob(path + '*')]
        require(len(sizes) == 2 and max(sizes) <= 21000, str(sizes))
        lines = ok(engine.docker('logs', 'll')).split()
        require(lines[-1] == '3000' and len(lines) > 100, str(lines[-3:]))
        require(lines == [str(int(lines[0]) + n) for n in range(len(lines))], 'a gap')
    with with_config({'log-driver': 'none'}) as engine:
        engine.import_busybox('busybox')
        require(ok(engine.docker('run', '--name', 'qq', 'busybox', 'echo', 'x')) == 'x\n', 'output')
        done = engine.docker('logs', 'qq')
        require(done.returncode == 1 and not done.stdout, f'logs of none: {done}')


def test_limits_and_labels():
    config = {'default-ulimits': {'nofile': {'Name': 'nofile', 'Soft': 123, 'Hard': 456}},
              'default-shm-size': '8m', 'labels': ['zone=a']}
    with with_config(config) as engine:
        engine.import_busybox('busybox')
        out = ok(engine.docker('run', '--rm', 'busybox', 'sh', '-c',
                               'ulimit -n; ulimit -Hn; df /dev/shm | tail -1'))
        lines = out.split('\n')
        require(lines[:2] == ['123', '456'] and '8192' in lines[2].split(), out)
        info = json.loads(ok(engine.docker('info', '--format', '{{json .}}')))
        require(info['Labels'] == ['zone=a'], str(info['Labels']))


def test_id_ranges():
    config = {'id-ranges': [{'first': 1900019712, 'count': 131072}]}
    with with_config(config) as engine:
        engine.import_busybox('busybox')
        first = set()
        for name in ('a1', 'a2'):
            ok(engine.docker('run', '-d', '--name', name, 'busybox', 'sleep', '1000'))
            out = ok(engine.docker('exec', name, 'cat', '/proc/self/uid_map'))
            first.add(int(out.split()[1]))
        require(first == {1900019712, 1900019712 + 65536}, str(first))
        done = engine.docker('run', 'busybox', 'true')
        require(done.returncode == 125, f'a third container has ids of another: {done}')


def test_engines_side_by_side():
    with with_config({}) as one, with_config({}) as two:
        one.import_busybox('busybox')
        require(ok(two.docker('images', '-q')) == '', 'the other engine has the image')
        ok(one.docker('run', '-d', '--name', 'xx', 'busybox', 'sleep', '1000'))
        require(ok(two.docker('ps', '-aq')) == '', 'the other engine has the container')
        two.stop()
        wait_for(lambda: two.docker('version').returncode != 0, 'the other engine to end')
        require(inspect(one, 'xx')['State']['Running'], 'the container ended with the other engine')


def main():
    global BUILD
    BUILD = main_build()
    tap = Tap()
    for name, function in list(globals().items()):
        if name.startswith('test_'):
            tap.run(name[5:].replace('_', ' '), function)
    return tap.done()


if __name__ == '__main__':
    sys.exit(main())
