#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The engine's HTTP server from the outside: malformed and oversized requests, slow and vanishing
clients, keep-alive, versions, refusals by name. usage: test_http.py BUILD"""
import json
import os
import socket
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'lib'))
from bulkhead import Engine, Tap, main_build, require  # noqa: E402


def connect(engine):
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    sock.settimeout(20)
    for _ in range(400):
        try:
            sock.connect(engine.socket)
            break
        except BlockingIOError:  # the backlog is full
            time.sleep(0.05)
    return sock


def read_answer(sock, head_only=False):
    """(status, headers, body) of one answer; a body needs a length or chunks."""
    data = b''
    while b'\r\n\r\n' not in data:
        piece = sock.recv(65536)
        require(piece, f'connection closed in the head of an answer: {data!r}')
        data += piece
    head, _, rest = data.partition(b'\r\n\r\n')
    lines = head.decode().split('\r\n')
    headers = {k.lower(): v.strip() for k, _, v in (line.partition(':') for line in lines[1:])}
    status = int(lines[0].split()[1])
    if head_only:
        return status, headers, rest
    if 'content-length' in headers:
        while len(rest) < int(headers['content-length']):
            rest += sock.recv(65536)
    return status, headers, rest


def ask(engine, request):
    with connect(engine) as sock:
        sock.sendall(request)
        return read_answer(sock)


def get(engine, path, method='GET', extra='', body=b''):
    head = f'{method} {path} HTTP/1.1\r\nHost: x\r\n{extra}Content-Length: {len(body)}\r\n\r\n'
    return ask(engine, head.encode() + body)


def message(answer):
    return json.loads(answer[2])['message']


def test_ping(engine):
    status, headers, body = get(engine, '/_ping')
    require(status == 200 and body == b'OK', f'{status} {body}')
    require(headers['api-version'] == '1.50' and headers['ostype'] == 'linux', str(headers))
    require(headers['docker-experimental'] == 'false', str(headers))
    with connect(engine) as sock:
        sock.sendall(b'HEAD /_ping HTTP/1.1\r\nHost: x\r\n\r\n')
        status, headers, rest = read_answer(sock, head_only=True)
        require(status == 200 and rest == b'', f'{status} {rest}')
        require(headers['content-length'] == '0', str(headers))


def test_keep_alive_and_pipelining(engine):
    with connect(engine) as sock:
        for _ in range(3):
            sock.sendall(b'GET /_ping HTTP/1.1\r\nHost: x\r\n\r\n')
            require(read_answer(sock)[0] == 200, 'no second answer')
        sock.sendall(b'GET /_ping HTTP/1.1\r\nHost: x\r\n\r\n' * 20)
        data = b''
        while data.count(b'HTTP/1.1 200') < 20:
            piece = sock.recv(65536)
            require(piece, 'closed while pipelining')
            data += piece
        sock.sendall(b'GET /_ping HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n')
        require(read_answer(sock)[0] == 200 and sock.recv(1) == b'', 'not closed')


def test_malformed(engine):
    for request, want in (
            (b'nonsense\r\n\r\n', 400),
            (b'GET / HTTP/1.1\r\n\r\n', 400),
            (b'GET / HTTP/3.0\r\nHost: x\r\n\r\n', 505),
            (b'GET /\x00 HTTP/1.1\r\nHost: x\r\n\r\n', 400),
            (b'GET /%zz HTTP/1.1\r\nHost: x\r\n\r\n', 400),
            (b'GET /info?a=%0 HTTP/1.1\r\nHost: x\r\n\r\n', 400),
            (b'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n', 400),
            (b'POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n', 501),
            (b'POST /containers/create HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n'
             b'zz\r\n', 400),
            (b'GET / HTTP/1.1\r\nHost: x\r\n' + b'A: b\r\n' * 101 + b'\r\n', 431)):
        answer = ask(engine, request)
        require(answer[0] == want, f'{request[:60]!r}: {answer[0]}, not {want}')
        require(message(answer), f'{request[:60]!r}: no message')


def test_large(engine):
    with connect(engine) as sock:
        sock.sendall(b'GET / HTTP/1.1\r\nHost: x\r\nX: ' + b'a' * 40000)
        require(read_answer(sock)[0] == 431, 'a head of 40 kB was taken')
    answer = ask(engine, b'GET /' + b'a' * 20000 + b' HTTP/1.1\r\nHost: x\r\n\r\n')
    require(answer[0] == 414, f'long target: {answer[0]}')
    answer = ask(engine, b'POST /containers/create HTTP/1.1\r\nHost: x\r\n'
                 b'Content-Length: 99999999\r\n\r\n')
    require(answer[0] == 413, f'large body: {answer[0]}')
    chunk = b'100000\r\n' + b'a' * 0x100000 + b'\r\n'
    with connect(engine) as sock:
        sock.sendall(b'POST /containers/create HTTP/1.1\r\nHost: x\r\n'
                     b'Transfer-Encoding: chunked\r\n\r\n')
        try:
            for _ in range(8):
                sock.sendall(chunk)
        except (BrokenPipeError, ConnectionResetError):
            pass
        require(read_answer(sock)[0] == 413, 'a chunked body of 8 MB was taken')


def test_json_bodies(engine):
    for body in (b'', b'{', b'[]', b'{"a":1,"a":2}', b'{}x', b'[' * 5000,
                 b'{"Image":"\xff"}', b'{"Image":3}'):
        answer = get(engine, '/v1.50/containers/create', 'POST', body=body)
        require(answer[0] == 400 and message(answer), f'{body[:40]!r}: {answer[0]}')
    answer = get(engine, '/containers/create', 'POST', body=b'{"Image":"no-such-image"}')
    require(answer[0] == 404 and 'No such image' in message(answer), str(answer))


def test_versions(engine):
    answer = get(engine, '/v1.51/info')
    require(answer[0] == 400 and message(answer) == 'client version 1.51 is too new. Maximum '
            'supported API version is 1.50', str(answer))
    answer = get(engine, '/v1.12/info')
    require(answer[0] == 400 and 'too old' in message(answer), str(answer))
    for path in ('/info', '/v1.24/info', '/v1.50/info'):
        require(get(engine, path)[0] == 200, path)
    answer = get(engine, '/v1.50/nothing')
    require(answer[0] == 404 and message(answer) == 'page not found', str(answer))


def test_refusals(engine):
    for method, path, status in (('POST', '/build', 501), ('GET', '/networks', 501),
                                 ('POST', '/volumes/create', 501), ('GET', '/swarm', 503),
                                 ('GET', '/plugins', 501), ('GET', '/system/df', 501),
                                 ('POST', '/images/create?fromImage=busybox', 501)):
        answer = get(engine, '/v1.50' + path, method)
        require(answer[0] == status and message(answer), f'{method} {path}: {answer}')
    require(get(engine, '/containers/nope/json')[0] == 404, 'inspect of nothing')
    require(get(engine, '/exec/nope/json')[0] == 404, 'exec of nothing')


def test_expect_continue(engine):
    with connect(engine) as sock:
        sock.sendall(b'POST /containers/create HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n'
                     b'Expect: 100-continue\r\n\r\n')
        require(sock.recv(100).startswith(b'HTTP/1.1 100 '), 'no 100 Continue')
        sock.sendall(b'{}')
        require(read_answer(sock)[0] == 400, 'the body was not read')


def test_byte_by_byte(engine):
    with connect(engine) as sock:
        for byte in b'GET /_ping HTTP/1.1\r\nHost: x\r\n\r\n':
            sock.sendall(bytes([byte]))
        require(read_answer(sock)[0] == 200, 'a slow request is not answered')


def test_slow_head_is_ended(engine):
    started = time.monotonic()
    with connect(engine) as sock:
        sock.sendall(b'GET /_ping HTTP/1.1\r\nHost:')
        require(read_answer(sock)[0] == 408, 'no timeout')
        require(5 < time.monotonic() - started < 15, 'timeout at the wrong time')


def test_vanishing_clients(engine):
    before = len(os.listdir(f'/proc/{engine.process.pid}/fd'))
    for _ in range(50):
        with connect(engine) as sock:
            sock.sendall(b'POST /containers/create HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n{')
        with connect(engine) as sock:
            sock.sendall(b'GET /events HTTP/1.1\r\nHost: x\r\n\r\n')
            read_answer(sock, head_only=True)
    time.sleep(0.5)
    after = len(os.listdir(f'/proc/{engine.process.pid}/fd'))
    require(after <= before + 2, f'{before} descriptors before, {after} after')


def test_many_connections(engine):
    socks = []
    try:
        for _ in range(700):
            socks.append(connect(engine))
        require(get(engine, '/_ping')[0] == 200, 'a full house refuses one more client')
    finally:
        for sock in socks:
            sock.close()


def test_memory(engine):
    with open(f'/proc/{engine.process.pid}/smaps_rollup', encoding='ascii') as file:
        pss = next(int(line.split()[1]) for line in file if line.startswith('Pss:'))
    print(f'# PSS {pss} kB')
    require(pss <= 8192, f'PSS {pss} kB')


def test_audit(engine):
    get(engine, '/containers/nope', 'DELETE')
    path = os.path.join(engine.dir, 'data', 'audit.log')
    require(os.stat(path).st_mode & 0o777 == 0o600, 'mode of the audit trail')
    with open(path, encoding='utf-8') as file:
        lines = [json.loads(line) for line in file]
    found = [line for line in lines if line['verb'] == 'container.delete']
    require(found and found[-1]['status'] == 404, str(found))
    require(found[-1]['uid'] == os.getuid() and found[-1]['role'] == 'admin', str(found))


def test_socket_mode(engine):
    require(os.stat(engine.socket).st_mode & 0o777 == 0o660, 'mode of the socket')


def main():
    tap = Tap()
    with Engine(main_build()) as engine:
        for name, function in list(globals().items()):
            if name.startswith('test_'):
                tap.run(name[5:].replace('_', ' '), function, engine)
    return tap.done()


if __name__ == '__main__':
    sys.exit(main())
