# SPDX-License-Identifier: Apache-2.0
"""Drive bulkhead-shim as the engine does: its directory, its start, its socket."""
import array
import ctypes
import fcntl
import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / 'oci'))
import ocitest  # noqa: E402
from ocitest import Box, need  # noqa: E402

GREETING = 'HTTP/1.1 101 UPGRADED\r\n\r\n'


class Refused(Exception):
    def __init__(self, code, text):
        super().__init__(f'{code}: {text}')
        self.code, self.text = code, text


def frames(data):
    """Split a multiplexed stream: {1: stdout, 2: stderr}."""
    out = {1: b'', 2: b''}
    while data:
        need(len(data) >= 8 and data[1:4] == b'\0\0\0', 'bad frame header', data[:8])
        size = int.from_bytes(data[4:8], 'big')
        need(len(data) >= 8 + size, 'frame is cut off')
        out[data[0]] += data[8:8 + size]
        data = data[8 + size:]
    return out


class Engine:
    """One connection to a shim."""

    def __init__(self, directory):
        fd = os.open(directory, os.O_PATH | os.O_DIRECTORY)
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.sock.settimeout(20)
        try:
            self.sock.connect(f'/proc/self/fd/{fd}/shim.sock')
        finally:
            os.close(fd)
        self.serial = 0
        self.events = []

    def receive(self):
        data = self.sock.recv(1 << 20)
        if not data:
            raise EOFError('the shim left')
        return json.loads(data)

    def send_raw(self, data, fds=()):
        rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array('i', fds))] if fds else []
        self.sock.sendmsg([data], rights)

    def ask(self, op, fds=(), **members):
        self.serial += 1
        self.send_raw(json.dumps({'id': self.serial, 'op': op, **members}).encode(), fds)
        while True:
            message = self.receive()
            if 'event' in message:
                self.events.append(message)
                continue
            need(message['id'] == self.serial, 'answer to another request', message)
            if 'error' in message:
                raise Refused(message['error']['code'], message['error']['text'])
            return message.get('result')

    def event(self, name):
        while True:
            for at, message in enumerate(self.events):
                if message['event'] == name:
                    return self.events.pop(at)
            self.events.append(self.receive())

    def stream(self, op='attach', fds=(), close=True, **members):
        """attach or exec: returns our end of the stream, the greeting read."""
        attach = {'in': members.pop('stdin', False), 'out': True, 'err': True,
                  'mux': members.pop('mux', True), 'greeting': GREETING}
        attach.update(members.pop('attach', {}))
        ours, theirs = socket.socketpair()
        ours.settimeout(20)
        with theirs:
            self.ask(op, [*fds, theirs.fileno()], attach=attach, **members)
        need(ours.recv(len(GREETING), socket.MSG_WAITALL) == GREETING.encode(), 'no greeting')
        return ours

    def exec(self, name, process, stream=True, **members):
        with tempfile.TemporaryFile() as file:
            file.write(json.dumps(process).encode())
            file.flush()
            if stream:
                return self.stream('exec', [file.fileno()], exec_id=name, **members)
            return self.ask('exec', [file.fileno()], exec_id=name)

    def close(self):
        self.sock.close()


def read_all(sock):
    data = b''
    while True:
        piece = sock.recv(65536)
        if not piece:
            return data
        data += piece


class ShimBox(Box):
    """A bundle whose directory is also the shim's; the runtime is the shim's path."""

    def __init__(self, runtime, name):
        super().__init__(runtime, name)
        signal.signal(signal.SIGALRM, self.too_long)
        signal.alarm(60)
        self.options = {'id': self.id, 'bundle': str(self.bundle), 'open_stdin': False,
                        'log': {'driver': 'json-file', 'path': str(self.dir / 'log')}}
        self.shim = 0
        self.state_dir = self.dir / 'd'
        self.state_dir.mkdir(mode=0o700)
        self.engines = []

    @staticmethod
    def too_long(*_):
        raise AssertionError('the test takes too long')

    def prepare(self):
        (self.state_dir / 'config.json').write_text(json.dumps(self.config))
        (self.state_dir / 'options.json').write_text(json.dumps(self.options))

    def spawn(self, dir_arg=None):
        """Start the shim; returns what it says when it is ready."""
        self.prepare()
        root = self.open_root() if self.options.get('root_fd') else -1
        reader, writer = os.pipe()
        null = os.open('/dev/null', os.O_RDWR)
        try:
            actions = [(os.POSIX_SPAWN_DUP2, root, 4)] if root >= 0 else []
            self.shim = os.posix_spawn(
                self.runtime, ['bulkhead-shim', '--dir', dir_arg or str(self.state_dir)],
                {'PATH': os.environ['PATH']},
                file_actions=[(os.POSIX_SPAWN_DUP2, null, 0), (os.POSIX_SPAWN_DUP2, null, 1),
                              (os.POSIX_SPAWN_DUP2, 2, 2), (os.POSIX_SPAWN_DUP2, writer, 3),
                              *actions])
        finally:
            for fd in (writer, null, root):
                if fd >= 0:
                    os.close(fd)
        with os.fdopen(reader) as pipe:
            return json.loads(pipe.readline())

    def open_root(self):
        """A detached mount of the root file system, as the engine passes one."""
        libc = ctypes.CDLL(None, use_errno=True)
        fd = libc.syscall(428, -100, str(self.rootfs).encode(), 1 | os.O_CLOEXEC)  # open_tree(2)
        need(fd >= 0, 'open_tree', os.strerror(ctypes.get_errno()))
        high = fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, 20)
        os.close(fd)
        return high

    def engine(self):
        self.engines.append(Engine(self.state_dir))
        return self.engines[-1]

    def created(self, script):
        """A created container and a connection to its shim."""
        self.sh(script)
        ready = self.spawn()
        need(ready['code'] == 0, ready)
        need(int((self.state_dir / 'pid').read_text()) == ready['pid'], 'pid file')
        return self.engine()

    def started(self, script):
        engine = self.created(script)
        engine.ask('start')
        return engine

    def log_lines(self, path=None):
        return [json.loads(line) for line in (path or self.dir / 'log').read_text().splitlines()]

    def log_text(self, stream='stdout'):
        return ''.join(x['log'] for x in self.log_lines() if x['stream'] == stream)

    def exit_record(self):
        return json.loads((self.state_dir / 'exit.json').read_text())

    def state_record(self):
        return json.loads((self.state_dir / 'state.json').read_text())

    def wait_shim(self, seconds=15):
        """The shim leaves by itself; returns its exit status."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            pid, status = os.waitpid(self.shim, os.WNOHANG)
            if pid:
                self.shim = 0
                return os.waitstatus_to_exitcode(status)
            time.sleep(0.01)
        raise AssertionError('the shim does not leave')

    def finish(self, engine, code=0):
        """Wait for the end of the container, take the record, see the shim leave."""
        record = engine.event('exit')['exit']
        need(record['exit_code'] == code, record)
        need(self.exit_record() == record, 'exit.json differs', self.exit_record())
        need(not self.groups(), 'cgroups left', self.groups())
        engine.ask('shutdown')
        need(self.wait_shim() == 0, 'exit status of the shim')
        return record

    def close(self):
        signal.alarm(0)
        if self.shim and (self.state_dir / 'shim.sock').exists():
            try:
                self.engine().ask('signal', signal=9)
            except (Refused, OSError):
                pass
        for engine in self.engines:
            engine.close()
        try:
            state = self.state_record()
        except (OSError, ValueError):
            state = {}
        if self.shim:
            try:
                self.wait_shim(3)
            except AssertionError:
                os.kill(self.shim, signal.SIGKILL)
                os.waitpid(self.shim, 0)
                if state.get('pid'):
                    try:
                        os.kill(state['pid'], signal.SIGKILL)
                    except ProcessLookupError:
                        pass
                    time.sleep(0.2)
        super().close()

    def oci(self, *args, **options):
        """What Box.close() asks of a runtime does not concern a shim."""
        return subprocess.CompletedProcess(args, 0)


def main():
    ocitest.Box = ShimBox
    ocitest.main()
