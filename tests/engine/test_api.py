#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The Docker API as other clients use it: without versions, without Upgrade, with whole bodies
repeated in the query, with lists for filters, and in old versions. usage: test_api.py BUILD"""
import json
import os
import socket
import subprocess
import sys
import urllib.parse

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'lib'))
from bulkhead import Engine, Tap, busybox_tar, main_build, require  # noqa: E402
from test_http import connect, get, message, read_answer  # noqa: E402


def call(engine, method, path, body=None, want=200):
    data = json.dumps(body).encode() if body is not None else b''
    status, headers, text = get(engine, path, method, 'Connection: close\r\n', data)
    require(status == want, f'{method} {path}: {status}, not {want}: {text[:300]!r}')
    if headers.get('content-type', '').startswith('application/json') and text:
        return json.loads(text)
    return text


def read_to_end(sock, data=b''):
    while True:
        piece = sock.recv(65536)
        if not piece:
            return data
        data += piece


def chunks(data):
    """Payload of a chunked body."""
    out = b''
    while True:
        size, _, data = data.partition(b'\r\n')
        if int(size, 16) == 0:
            return out
        out += data[:int(size, 16)]
        data = data[int(size, 16) + 2:]


def frames(data):
    """[(stream, payload)] of Docker's framing."""
    out = []
    while data:
        size = int.from_bytes(data[4:8], 'big')
        require(data[1:4] == b'\0\0\0' and len(data) >= 8 + size, f'bad frame {data[:16]!r}')
        out.append((data[0], data[8:8 + size]))
        data = data[8 + size:]
    return out


def create(engine, *command, version='', name='', **more):
    body = {'Image': 'busybox', 'Cmd': list(command), **more}
    return call(engine, 'POST', f'{version}/containers/create?name={name}', body, 201)['Id']


def exit_code(engine, ident):
    """Wait for the end of a container."""
    with connect(engine) as sock:
        sock.sendall(f'POST /containers/{ident}/wait HTTP/1.1\r\nHost: x\r\n'
                     'Connection: close\r\n\r\n'.encode())
        _, _, rest = read_answer(sock, head_only=True)
        return json.loads(chunks(read_to_end(sock, rest)))['StatusCode']


def test_attach_without_upgrade(engine):
    ident = create(engine, 'sh', '-c', 'echo o; echo e >&2')
    with connect(engine) as sock:
        sock.sendall(f'POST /v1.41/containers/{ident}/attach?stream=true&stdout=1&stderr=True '
                     'HTTP/1.1\r\nHost: x\r\n\r\n'.encode())
        status, headers, rest = read_answer(sock, head_only=True)
        require(status == 200, str(status))
        require(headers['content-type'] == 'application/vnd.docker.raw-stream', str(headers))
        call(engine, 'POST', f'/containers/{ident}/start', want=204)
        got = frames(read_to_end(sock, rest))
    require(sorted(got) == [(1, b'o\n'), (2, b'e\n')], str(got))
    call(engine, 'DELETE', f'/containers/{ident}', want=204)


def test_attach_with_early_input(engine):
    """Bytes right behind the request belong to the container."""
    ident = create(engine, 'cat', OpenStdin=True, StdinOnce=True, AttachStdin=True)
    call(engine, 'POST', f'/containers/{ident}/start', want=204)
    with connect(engine) as sock:
        sock.sendall(f'POST /v1.50/containers/{ident}/attach?stream=1&stdin=1&stdout=1 HTTP/1.1\r\n'
                     'Host: x\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\nearly '.encode())
        status, headers, rest = read_answer(sock, head_only=True)
        require(status == 101 and headers['upgrade'] == 'tcp', f'{status} {headers}')
        require(headers['content-type'] == 'application/vnd.docker.multiplexed-stream', 'type')
        sock.sendall(b'late')
        sock.shutdown(socket.SHUT_WR)
        got = b''.join(text for _, text in frames(read_to_end(sock, rest)))
    require(got == b'early late', repr(got))
    call(engine, 'DELETE', f'/containers/{ident}?force=1', want=204)


def test_exec_like_dockerode(engine):
    ident = create(engine, 'sleep', '1000')
    call(engine, 'POST', f'/containers/{ident}/start', want=204)
    exec_id = call(engine, 'POST', f'/containers/{ident}/exec',
                   {'Cmd': ['sh', '-c', 'echo x; exit 3'], 'AttachStdout': True}, 201)['Id']
    with connect(engine) as sock:
        sock.sendall(f'POST /exec/{exec_id}/start HTTP/1.1\r\nHost: localhost\r\n'
                     'Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}'.encode())
        status, _, rest = read_answer(sock, head_only=True)
        require(status == 200, str(status))
        require(frames(read_to_end(sock, rest)) == [(1, b'x\n')], 'output')
    state = call(engine, 'GET', f'/exec/{exec_id}/json')
    require(state['ExitCode'] == 3 and not state['Running'], str(state))
    call(engine, 'POST', f'/exec/{exec_id}/start', {}, 409)
    call(engine, 'DELETE', f'/containers/{ident}?force=true&v=1', want=204)
    call(engine, 'GET', f'/exec/{exec_id}/json', want=404)


def test_create_with_body_in_query(engine):
    query = urllib.parse.urlencode({'Image': 'busybox', 'Cmd': 'true', 'name': 'twice',
                                    'AttachStdin': 'false'})
    call(engine, 'POST', '/containers/create?' + query,
         {'Image': 'busybox', 'Cmd': 'true', 'name': 'twice'}, 201)
    require(call(engine, 'GET', '/containers/twice/json')['Name'] == '/twice', 'name')
    call(engine, 'DELETE', '/containers/twice', want=204)


def test_filters_as_lists(engine):
    ident = create(engine, 'true', Labels={'a': 'b'})
    for filters in ({'label': ['a=b']}, {'label': {'a=b': True}}, {'id': [ident[:20]]}):
        query = urllib.parse.urlencode({'all': '1', 'limit': '-1', 'size': '0', 'trunc_cmd': '0',
                                        'filters': json.dumps(filters)})
        got = call(engine, 'GET', '/v1.41/containers/json?' + query)
        require([c['Id'] for c in got] == [ident], f'{filters}: {got}')
    call(engine, 'DELETE', f'/containers/{ident}?v=True&link=False&force=False', want=204)


def test_ids_and_names(engine):
    ident = create(engine, 'true', name='byname')
    for ref in ('byname', ident, ident[:12], ident[:5]):
        require(call(engine, 'GET', f'/containers/{ref}/json')['Id'] == ident, ref)
    answer = get(engine, '/containers/create?name=byname', 'POST', body=b'{"Image":"busybox",'
                 b'"Cmd":["true"]}')
    require(answer[0] == 409 and 'in use' in message(answer), str(answer))
    answer = get(engine, '/containers/create?name=a/b', 'POST', body=b'{"Image":"busybox"}')
    require(answer[0] == 400 and 'Invalid container name' in message(answer), str(answer))
    call(engine, 'DELETE', '/containers/byname', want=204)


def test_wait(engine):
    ident = create(engine, 'sh', '-c', 'sleep 0.5; exit 8')
    with connect(engine) as sock:
        sock.sendall(f'POST /containers/{ident}/wait?condition=next-exit HTTP/1.1\r\n'
                     'Host: x\r\nConnection: close\r\n\r\n'.encode())
        status, headers, rest = read_answer(sock, head_only=True)
        require(status == 200 and headers['transfer-encoding'] == 'chunked', str(headers))
        require(rest == b'', 'a body before the end')
        call(engine, 'POST', f'/containers/{ident}/start', want=204)
        require(json.loads(chunks(read_to_end(sock, rest))) == {'StatusCode': 8}, 'exit code')
    require(exit_code(engine, ident) == 8, 'wait for what has ended')
    call(engine, 'POST', f'/containers/{ident}/wait?condition=nope', want=400)
    call(engine, 'POST', f'/containers/{ident}/stop', want=304)
    call(engine, 'DELETE', f'/containers/{ident}', want=204)


def test_status_codes(engine):
    ident = create(engine, 'sleep', '1000', name='codes')
    call(engine, 'POST', '/containers/codes/kill', want=409)
    call(engine, 'POST', '/containers/codes/start', want=204)
    call(engine, 'POST', '/containers/codes/start', want=304)
    call(engine, 'POST', '/containers/codes/kill?signal=NOPE', want=400)
    call(engine, 'DELETE', '/containers/codes', want=409)
    call(engine, 'GET', '/containers/codes/logs', want=400)
    call(engine, 'POST', '/containers/codes/resize?h=1&w=x', want=400)
    call(engine, 'POST', '/containers/codes/pause', want=501)
    call(engine, 'DELETE', '/images/busybox', want=409)
    call(engine, 'POST', '/containers/codes/stop?t=0', want=204)
    call(engine, 'DELETE', f'/containers/{ident}', want=204)
    call(engine, 'DELETE', f'/containers/{ident}', want=404)


def test_program_errors(engine):
    for command, words in ((['nosuch'], 'not found'), (['/etc/passwd'], 'permission denied')):
        ident = create(engine, *command)
        answer = get(engine, f'/containers/{ident}/start', 'POST')
        require(answer[0] == 400 and words in message(answer).lower(), str(answer))
        call(engine, 'DELETE', f'/containers/{ident}', want=204)


def test_logs_formats(engine):
    ident = create(engine, 'sh', '-c', 'echo o; echo e >&2')
    call(engine, 'POST', f'/containers/{ident}/start', want=204)
    require(exit_code(engine, ident) == 0, 'exit code')
    for query, want in (('stdout=1', [(1, b'o\n')]), ('stderr=1', [(2, b'e\n')]),
                        ('stdout=1&stderr=1&tail=0', []),
                        ('stdout=1&stderr=1&until=1', [])):
        with connect(engine) as sock:
            sock.sendall(f'GET /containers/{ident}/logs?{query} HTTP/1.1\r\nHost: x\r\n'
                         'Connection: close\r\n\r\n'.encode())
            status, _, rest = read_answer(sock, head_only=True)
            got = frames(chunks(read_to_end(sock, rest)))
        require(status == 200 and got == want, f'{query}: {got}')
    call(engine, 'DELETE', f'/containers/{ident}', want=204)


def test_old_versions(engine):
    for version in ('1.24', '1.30', '1.41', '1.43', '1.50'):
        env = dict(engine.environment(), DOCKER_API_VERSION=version)
        for args, want in ((['run', '--rm', 'busybox', 'echo', 'old'], 'old\n'),
                           (['run', '--rm', '-i', 'busybox', 'cat'], 'in')):
            done = subprocess.run([engine.docker_path, *args], check=False, env=env, input='in',
                                  timeout=60, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                  text=True)
            require(done.stdout == want, f'{version}: {done.stdout!r} {done.stderr!r}')
    require(call(engine, 'GET', '/containers/json?all=1') == [], 'containers left')


def test_import_options(engine):
    tar = busybox_tar()
    done = engine.docker('import', '--change', 'CMD ["echo","from the image"]', '--change',
                         'ENV A=b', '--message', 'hello', '-', 'changed:1', data=tar)
    require(done.returncode == 0, done.stderr)
    image = call(engine, 'GET', '/images/changed:1/json')
    require(image['Config']['Cmd'] == ['echo', 'from the image'], str(image['Config']))
    require('A=b' in image['Config']['Env'] and image['Comment'] == 'hello', str(image))
    require(len(call(engine, 'GET', '/images/changed:1/history')) == 1, 'history')
    done = engine.docker('run', '--rm', 'changed:1')
    require(done.stdout == 'from the image\n', f'{done.stdout} {done.stderr}')
    done = engine.docker('import', '-', 'bad', data=b'this is no archive' * 1000)
    require(done.returncode == 1 and done.stderr, 'garbage was imported')
    require(call(engine, 'DELETE', '/images/changed:1')[0]['Untagged'] == 'changed:1', 'rmi')


def test_boundary_api(engine):
    ident = create(engine, 'sleep', '1000', name='bound')
    call(engine, 'POST', '/containers/bound/start', want=204)
    report = call(engine, 'GET', '/bulkhead/v1/containers/bound/boundary')
    require(report['boundary'] == 'shared-kernel', str(report)[:200])
    listed = call(engine, 'GET', '/bulkhead/v1/containers')
    require([c['id'] for c in listed] == [ident] and listed[0]['tenant'] == 'default', str(listed))
    call(engine, 'DELETE', '/containers/bound?force=1', want=204)
    call(engine, 'GET', '/bulkhead/v1/containers/bound/boundary', want=404)


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
