# SPDX-License-Identifier: Apache-2.0
"""bulkhead-shim: streams, log, exit record, signals, execs, clients and engines that come and go."""
import os
import re
import signal
import socket
import struct
import subprocess
import time

import shimtest
from ocitest import Skip, need, test
from shimtest import Refused, frames, read_all

TIME = re.compile(r'^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z$')


def refuses(code, function, *args, **members):
    try:
        function(*args, **members)
    except Refused as error:
        need(error.code == -code, f'code {error.code}, expected {-code}: {error.text}')
        return error.text
    raise AssertionError('accepted what should be refused')


@test
def output_goes_to_log_and_exit_to_record(box):
    engine = box.started('echo out; echo err >&2; printf tail; exit 7')
    record = box.finish(engine, 7)
    need(record['signal'] == 0 and not record['oom_killed'] and record['error'] == '', record)
    need(TIME.match(record['started_at']) and TIME.match(record['finished_at']), record)
    need(record['started_at'] < record['finished_at'], record)
    lines = box.log_lines()
    need([sorted(x) for x in lines] == [['log', 'stream', 'time']] * 3, lines)
    need(box.log_text('stdout') == 'out\ntail' and box.log_text('stderr') == 'err\n', lines)
    need(all(TIME.match(x['time']) for x in lines), lines)
    need(box.state_record()['status'] == 'stopped', box.state_record())


@test
def state_names_processes_and_cgroup(box):
    engine = box.started('exec sleep 1000')
    state = box.state_record()
    need(state['status'] == 'running' and state['shim_pid'] == box.shim, state)
    stat = open(f'/proc/{state["pid"]}/stat', encoding='utf-8').read().rsplit(')', 1)[1].split()
    need(state['start_time'] == int(stat[19]) and state['cgroup'], state)
    need(int(stat[1]) == box.shim, 'process 1 is not the child of the shim')
    live = engine.ask('state')
    need(live['pid'] == state['pid'] and live['status'] == 'running', live)
    need(state['pid'] in engine.ask('pids')['pids'], 'pids')
    engine.ask('signal', signal=15)
    engine.ask('signal', signal=9)
    need(box.finish(engine, 137)['signal'] == 9, 'signal')


@test
def signals_reach_process_1(box):
    engine = box.started('trap "echo got; exit 3" TERM; echo up; while :; do sleep 0.05; done')
    box.wait_for(lambda: box.log_text() == 'up\n', 'start')
    engine.ask('signal', signal=15)
    box.finish(engine, 3)
    need(box.log_text() == 'up\ngot\n', box.log_text())


@test
def program_that_is_not_there(box):
    box.process['args'] = ['/bin/nothing']
    ready = box.spawn()
    need(ready['code'] == -2 and '/bin/nothing' in ready['text'], ready)
    need(box.wait_shim() == 1, 'exit status')


@test
def program_that_cannot_start(box):
    script = box.rootfs / 'bin' / 'script'
    script.write_text('#!/bin/nothing\n')
    script.chmod(0o755)
    box.process['args'] = ['/bin/script']
    ready = box.spawn()
    need(ready['code'] == 0, ready)
    engine = box.engine()
    text = refuses(2, engine.ask, 'start')
    need('/bin/script' in text, text)
    record = engine.event('exit')['exit']
    need(record['started_at'] == '' and '/bin/script' in record['error'], record)
    engine.ask('shutdown')
    need(box.wait_shim() == 0, 'shim')


@test
def creation_that_fails_leaves_nothing(box):
    box.config['root']['path'] = 'nowhere'
    ready = box.spawn()
    need(ready['code'] < 0 and 'nowhere' in ready['text'], ready)
    need(box.wait_shim() == 1, 'exit status')
    left = set(os.listdir(box.state_dir))
    need(left <= {'config.json', 'options.json', 'shim.log'}, left)


@test
def bad_options_are_named(box):
    box.options['log']['driver'] = 'syslog'
    ready = box.spawn()
    need(ready['code'] < 0 and '/log/driver' in ready['text'], ready)
    need(box.wait_shim() == 1, 'exit status')


@test
def shutdown_before_start(box):
    engine = box.created('echo never')
    engine.ask('shutdown')
    need(engine.event('exit')['exit']['exit_code'] == 137, 'code')
    need(box.wait_shim() == 0 and box.log_lines() == [], 'ran')


@test
def attach_with_frames_before_start(box):
    engine = box.created('echo one; echo two >&2; echo three')
    client = engine.stream()
    only_err = engine.stream(attach={'out': False})
    engine.ask('start')
    got = frames(read_all(client))
    need(got == {1: b'one\nthree\n', 2: b'two\n'}, got)
    need(frames(read_all(only_err)) == {1: b'', 2: b'two\n'}, 'stderr only')
    box.finish(engine)


@test
def input_and_half_close(box):
    box.options.update(open_stdin=True, stdin_once=True)
    engine = box.created('cat; echo end >&2')
    client = engine.stream(stdin=True, attach={'input': b'early '.hex()})
    engine.ask('start')
    client.sendall(b'late\n')
    client.shutdown(socket.SHUT_WR)
    got = frames(read_all(client))
    need(got == {1: b'early late\n', 2: b'end\n'}, got)
    box.finish(engine)


@test
def large_input_comes_through(box):
    box.options.update(open_stdin=True, stdin_once=True)
    engine = box.started('sleep 0.3; exec wc -c')
    client = engine.stream(stdin=True)
    client.sendall(b'x' * (3 << 20))
    client.shutdown(socket.SHUT_WR)
    need(frames(read_all(client))[1] == b'%d\n' % (3 << 20), 'size')
    box.finish(engine)


@test
def input_stays_open_for_the_next_client(box):
    box.options.update(open_stdin=True)
    engine = box.started('while read x; do echo "<$x>"; [ "$x" = end ] && exit 0; done; exit 9')
    first = engine.stream(stdin=True)
    first.sendall(b'a\n')
    need(first.recv(100)[8:] == b'<a>\n', 'first')
    first.close()
    box.wait_for(lambda: engine.ask('state')['attached'] == 0, 'first client is gone')
    second = engine.stream(stdin=True)
    second.sendall(b'end\n')
    need(frames(read_all(second))[1] == b'<end>\n', 'second')
    box.finish(engine)


@test
def close_stdin(box):
    box.options.update(open_stdin=True)
    engine = box.started('cat; exit 4')
    engine.ask('close_stdin')
    box.finish(engine, 4)


@test
def terminal(box):
    box.process['terminal'] = True
    box.process['consoleSize'] = {'height': 30, 'width': 90}
    engine = box.created('stty size; read x; stty size; tty; test -t 0 && test -t 2 && echo yes >&2')
    client = engine.stream(stdin=True, mux=False)
    engine.ask('start')
    need(client.recv(100) == b'30 90\r\n', 'first size')
    engine.ask('resize', rows=41, cols=101)
    client.sendall(b'go\n')
    text = read_all(client)
    need(text.startswith(b'go\r\n41 101\r\n/dev/'), text)
    need(text.endswith(b'yes\r\n'), text)
    box.finish(engine)
    need({x['stream'] for x in box.log_lines()} == {'stdout'}, 'streams of the log')
    need(box.log_lines()[0]['log'] == '30 90\r\n', 'log')


@test
def detach_keys(box):
    box.process['terminal'] = True
    box.options.update(open_stdin=True)
    engine = box.started('stty -echo raw; echo ready; head -c 4 | od -An -c; exec sleep 1000')
    box.wait_for(lambda: 'ready' in box.log_text(), 'start')
    client = engine.stream(stdin=True, mux=False, attach={'detach_keys': '1011'})
    client.sendall(b'a\x10b')
    client.sendall(b'c\x10')
    client.sendall(b'\x11rest')
    data = read_all(client)
    need(engine.event('detach').get('exec_id') is None, 'event')
    need(engine.ask('state')['attached'] == 0, 'still attached')
    box.wait_for(lambda: '020' in box.log_text(), 'keys that are no sequence pass')
    need(re.search(r'a 020\s+b\s+c', box.log_text()), box.log_text(), data)
    engine.ask('signal', signal=9)
    box.finish(engine, 137)


@test
def long_lines_are_split(box):
    engine = box.started('yes x | head -c 80000 | tr -d "\\n"; echo; echo next')
    box.finish(engine)
    lines = box.log_lines()
    need([len(x['log']) for x in lines] == [16384, 16384, 7233, 5], [len(x['log']) for x in lines])
    need(lines[2]['log'].endswith('x\n') and '\n' not in lines[0]['log'], 'ends')
    need(lines[0]['time'] == lines[2]['time'] != lines[3]['time'], 'times')


@test
def log_rotation(box):
    box.options['log'].update(max_size=4096, max_file=3)
    engine = box.started('seq 1 400')
    box.finish(engine)
    names = sorted(x for x in os.listdir(box.dir) if x.startswith('log'))
    need(names == ['log', 'log.1', 'log.2'], names)
    need(all((box.dir / x).stat().st_size < 4096 + 200 for x in names), 'sizes')
    tail = ''.join(x['log'] for name in ('log.2', 'log.1', 'log') for x in box.log_lines(box.dir / name))
    need(tail.endswith('\n399\n400\n'), tail[-20:])
    numbers = [int(x) for x in tail.split()]
    need(numbers == list(range(numbers[0], 401)), 'a line is missing')


@test
def no_log(box):
    box.options['log'] = {'driver': 'none'}
    engine = box.created('echo x')
    client = engine.stream()
    engine.ask('start')
    need(frames(read_all(client))[1] == b'x\n', 'output')
    box.finish(engine)
    need(not (box.dir / 'log').exists(), 'a log was made')


@test
def killed_client_does_not_matter(box):
    engine = box.started('i=0; while [ $i -lt 200 ]; do echo $i; i=$((i+1)); usleep 2000; done')
    client, other = engine.stream(), engine.stream()
    client.recv(8)
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
    client.close()
    need(frames(read_all(other))[1].endswith(b'199\n'), 'the other client')
    box.finish(engine)
    need(box.log_text().endswith('\n199\n'), 'log')


@test
def stalled_client_is_dropped(box):
    box.options['stall_ms'] = 700
    engine = box.created('yes 0123456789 | head -c 6000000; echo done >&2')
    stalled, reader = engine.stream(), engine.stream()
    engine.ask('start')
    got = frames(read_all(reader))
    need(len(got[1]) == 6000000 and got[2] == b'done\n', len(got[1]))
    need(engine.ask('state')['clients_dropped'] == 1, 'dropped')
    box.finish(engine)
    stalled.close()
    need(len(box.log_text()) == 6000000, 'log')


@test
def engine_goes_and_comes_back(box):
    engine = box.started('sleep 0.5; echo late; exec sleep 1000')
    client = engine.stream()
    engine.close()
    need(client.recv(100)[8:] == b'late\n', 'output without an engine')
    again = box.engine()
    need(again.ask('state')['status'] == 'running', 'state')
    again.ask('signal', signal=9)
    box.finish(again, 137)


@test
def end_without_an_engine(box):
    engine = box.started('sleep 0.3; exit 5')
    engine.close()
    need(box.wait_shim() == 0, 'the shim leaves')
    need(box.exit_record()['exit_code'] == 5, box.exit_record())
    need('shim.sock' not in os.listdir(box.state_dir), 'socket is left')


@test
def second_engine_hears_of_the_end(box):
    engine = box.started('exit 6')
    need(engine.event('exit')['exit']['exit_code'] == 6, 'first')
    other = box.engine()
    need(other.event('exit')['exit']['exit_code'] == 6, 'second')
    refuses(3, other.ask, 'signal', signal=9)
    refuses(3, other.stream)
    other.ask('shutdown')
    need(box.wait_shim() == 0, 'shim')


@test
def killed_shim_leaves_its_notes(box):
    box.started('exec sleep 1000')
    os.kill(box.shim, signal.SIGKILL)
    os.waitpid(box.shim, 0)
    box.shim = 0
    state = box.state_record()
    need(state['status'] == 'running' and state['cgroup'], state)
    try:
        os.kill(state['pid'], signal.SIGKILL)
    except ProcessLookupError:
        pass
    box.wait_for(lambda: not os.path.exists(f'/proc/{state["pid"]}'), 'process 1 is gone')
    for group in box.groups():
        os.rmdir(group)


@test
def killed_shim_takes_a_container_that_has_not_started_with_it(box):
    box.created('exec sleep 1000')
    os.kill(box.shim, signal.SIGKILL)
    os.waitpid(box.shim, 0)
    box.shim = 0
    pid = box.state_record()['pid']
    box.wait_for(lambda: not os.path.exists(f'/proc/{pid}'), 'process 1 is gone')
    for group in box.groups():
        os.rmdir(group)


@test
def second_shim_is_refused(box):
    engine = box.started('exec sleep 1000')
    first = box.shim
    ready = box.spawn()
    need(ready['code'] == -17, ready)
    need(box.wait_shim() == 1, 'exit status')
    box.shim = first
    need(box.state_record()['shim_pid'] == first, 'state.json')
    engine.ask('signal', signal=9)
    box.engine().close()
    box.finish(engine, 137)


@test
def exec_with_streams(box):
    engine = box.started('exec sleep 1000')
    process = dict(box.process, args=['/bin/sh', '-c', 'cat; echo bad >&2; exit 12'])
    client = engine.exec('e1', process, stdin=True)
    client.sendall(b'data')
    client.shutdown(socket.SHUT_WR)
    got = frames(read_all(client))
    need(got == {1: b'data', 2: b'bad\n'}, got)
    event = engine.event('exec_exit')
    need(event['exec_id'] == 'e1' and event['exit']['exit_code'] == 12, event)
    process['args'] = ['/bin/missing']
    need('/bin/missing' in refuses(2, engine.exec, 'e2', process), 'text')
    process['args'] = ['/bin/sh', '-c', 'kill -9 $$']
    engine.exec('e2', process, stream=False)
    need(engine.event('exec_exit')['exit']['signal'] == 9, 'detached exec')
    need(engine.ask('state')['execs'] == 0, 'execs are left')
    engine.ask('signal', signal=9)
    box.finish(engine, 137)
    need(box.log_lines() == [], 'execs are not logged')


@test
def exec_with_terminal(box):
    engine = box.started('exec sleep 1000')
    process = dict(box.process, args=['/bin/sh', '-c', 'stty size; read x; stty size; exit 3'],
                   terminal=True, consoleSize={'height': 20, 'width': 70})
    client = engine.exec('t', process, stdin=True, mux=False)
    need(client.recv(100) == b'20 70\r\n', 'first size')
    engine.ask('resize', exec_id='t', rows=22, cols=77)
    client.sendall(b'go\n')
    need(read_all(client) == b'go\r\n22 77\r\n', 'second size')
    need(engine.event('exec_exit')['exit']['exit_code'] == 3, 'code')
    client = engine.exec('s', dict(process, args=['/bin/sleep', '1000']), mux=False)
    engine.ask('exec_signal', exec_id='s', signal=15)
    need(engine.event('exec_exit')['exit']['signal'] == 15, 'signal')
    client = engine.exec('last', dict(process, args=['/bin/sleep', '1000']), mux=False)
    engine.ask('signal', signal=9)
    need(engine.event('exec_exit')['exit']['signal'] == 9, 'execs end with the container')
    need(read_all(client) == b'', 'stream')
    box.finish(engine, 137)


@test
def children_of_an_exec_hold_its_output_for_a_while_only(box):
    engine = box.started('exec sleep 1000')
    process = dict(box.process, args=['/bin/sh', '-c', 'sleep 900 & echo now'])
    begin = time.monotonic()
    need(frames(read_all(engine.exec('bg', process)))[1] == b'now\n', 'output')
    need(time.monotonic() - begin < 5, 'the stream does not end')
    engine.ask('signal', signal=9)
    box.finish(engine, 137)


@test
def processes_without_a_pid_namespace_end_too(box):
    box.linux['namespaces'] = [x for x in box.linux['namespaces'] if x['type'] != 'pid']
    engine = box.started('sleep 1000 & setsid sleep 1000 & echo up; exit 2')
    box.finish(engine, 2)
    need(box.log_text() == 'up\n', box.log_text())


@test
def pause_and_stats(box):
    engine = box.started('i=0; while :; do i=$((i+1)); echo $i; usleep 20000; done')
    box.wait_for(box.log_lines, 'output')
    try:
        engine.ask('pause')
    except Refused as error:
        engine.ask('signal', signal=9)
        box.finish(engine, 137)
        raise Skip(f'no freezer: {error}') from error
    need(engine.ask('state')['status'] == 'paused', 'state')
    time.sleep(0.2)
    before = len(box.log_lines())
    time.sleep(0.3)
    need(len(box.log_lines()) == before, 'output while paused')
    refuses(16, engine.exec, 'x', box.process)
    engine.ask('resume')
    box.wait_for(lambda: len(box.log_lines()) > before, 'output again')
    need(isinstance(engine.ask('stats'), dict), 'stats')
    engine.ask('pause')
    engine.ask('signal', signal=9)
    box.finish(engine, 137)


@test
def hooks_of_the_end(box):
    mark = box.dir / 'mark'
    box.config['hooks'] = {
        kind: [{'path': '/bin/sh', 'args': ['sh', '-c', f'echo {kind} >> {mark}; cat >> {mark}']}]
        for kind in ('poststart', 'poststop')}
    engine = box.started('exit 0')
    box.finish(engine)
    text = mark.read_text()
    need('poststart' in text and 'poststop' in text and box.id in text, text)


@test
def root_by_descriptor(box):
    box.options['root_fd'] = True
    box.config['root']['path'] = 'unused'
    (box.rootfs / 'etc' / 'mark').write_text('found\n')
    engine = box.started('cat /etc/mark')
    box.finish(engine)
    need(box.log_text() == 'found\n', box.log_text())


@test
def old_exit_record_is_removed(box):
    (box.state_dir / 'exit.json').write_text('{"exit_code": 1}')
    engine = box.created('exit 0')
    need(not (box.state_dir / 'exit.json').exists(), 'the old record is still there')
    engine.ask('start')
    box.finish(engine)


def with_user_namespace(box):
    box.linux['namespaces'].append({'type': 'user'})
    for kind in ('uidMappings', 'gidMappings'):
        box.linux[kind] = [{'containerID': 0, 'hostID': 700000, 'size': 65536}]
    box.process['user'] = {'uid': 1000, 'gid': 1000}
    for top, names, files in os.walk(box.dir):
        for name in (*names, *files):
            os.lchown(os.path.join(top, name), 700000, 700000)
    box.dir.chmod(0o711)
    box.bundle.chmod(0o755)


@test
def mapped_user_opens_its_streams(box):
    with_user_namespace(box)
    engine = box.started('echo out > /dev/stdout && echo err > /proc/self/fd/2; id -u; exec sleep 1000')
    client = engine.exec('e', dict(box.process, args=['/bin/sh', '-c', 'echo x > /dev/stderr']))
    need(frames(read_all(client))[2] == b'x\n', 'exec')
    box.wait_for(lambda: '1000' in box.log_text(), 'output')
    engine.ask('signal', signal=9)
    box.finish(engine, 137)
    need(box.log_text() == 'out\n1000\n' and box.log_text('stderr') == 'err\n', box.log_lines())


@test
def mapped_user_opens_its_terminal(box):
    with_user_namespace(box)
    box.process['terminal'] = True
    engine = box.started('echo out > /dev/stdout && echo tty > "$(tty)"')
    box.finish(engine)
    need(box.log_text() == 'out\r\ntty\r\n', box.log_lines())


@test
def out_of_memory_is_reported(box):
    box.linux['resources']['memory'] = {'limit': 16 << 20, 'swap': 16 << 20}
    engine = box.started('x=x; while :; do x=$x$x; done')
    record = engine.event('exit')['exit']
    need(record['oom_killed'] and record['exit_code'] == 137, record, box.log_lines(), engine.events)
    engine.event('oom')
    engine.ask('shutdown')
    box.wait_shim()


@test
def update_of_a_limit(box):
    engine = box.started('exec sleep 1000')
    engine.ask('update', resources={'pids': {'limit': 77}})
    need(box.group_file('pids', 'pids.max').read_text() == '77\n', 'limit')
    refuses(22, engine.ask, 'update', resources={'pids': {'limit': 'x'}})
    engine.ask('signal', signal=9)
    box.finish(engine, 137)


@test
def bad_requests_are_refused(box):
    engine = box.started('exec sleep 1000')
    refuses(95, engine.ask, 'dance')
    refuses(22, engine.ask, 'signal')
    refuses(22, engine.ask, 'signal', signal=9, color='red')
    refuses(74, engine.ask, 'attach', attach={})
    refuses(25, engine.ask, 'resize', rows=1, cols=1)
    refuses(3, engine.ask, 'exec_signal', exec_id='none', signal=9)
    with open('/dev/null', encoding='utf-8') as file:
        refuses(88, engine.ask, 'attach', [file.fileno()], attach={'out': True})
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        refuses(22, engine.ask, 'attach', [sock.fileno()], attach={'out': True})
    refuses(16, engine.ask, 'shutdown')
    refuses(114, engine.ask, 'start')
    other = box.engine()
    other.send_raw(b'{"id": 1')
    need(other.receive()['error']['code'] == -22, 'syntax')
    engine.ask('signal', signal=9)
    box.finish(engine, 137)


@test
def terminating_signals_do_not_end_the_shim(box):
    engine = box.started('sleep 0.5; exit 1')
    for sig in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGPIPE):
        os.kill(box.shim, sig)
    box.finish(engine, 1)


@test
def long_directory_names(box):
    deep = box.dir / ('x' * 120)
    box.state_dir.rename(deep)
    box.state_dir = deep
    engine = box.started('exit 0')
    box.finish(engine)


@test
def engine_code_drives_the_shim(box):
    driver = os.environ.get('SHIM_DRIVER')
    if not driver:
        raise Skip('SHIM_DRIVER names no program')
    box.sh('echo out; echo err >&2; exit 9').prepare()
    run = subprocess.run([driver, box.runtime, box.state_dir], stdout=subprocess.PIPE, timeout=30,
                         check=False)
    need(run.returncode == 0, run)
    lines = sorted(run.stdout.decode().splitlines())
    need(lines == ['err', 'exit 9 signal 0', 'hello', 'out', 'shim left'], lines)
    need(box.exit_record()['exit_code'] == 9, 'record')


if __name__ == '__main__':
    shimtest.main()
