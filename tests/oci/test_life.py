#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The commands: create, start, state, kill, delete, run, list, pause, resume, ps and their errors."""
import fcntl
import json
import os
import re
import signal
import subprocess
import time

from ocitest import listener, main, need, receive_fd, test


@test
def run_gives_the_exit_code(box):
    box.run_sh('exit 7').exits(7)
    box.run_sh('exit 0').exits(0)


@test
def run_gives_128_and_the_signal(box):
    box.process['args'] = ['/bin/sh', '-c', 'kill -KILL $$']
    box.linux['namespaces'] = [n for n in box.linux['namespaces'] if n['type'] != 'pid']
    box.run().exits(137)


@test
def run_passes_output_and_input(box):
    read, write = os.pipe()
    os.write(write, b'from outside\n')
    os.close(write)
    result = box.run_sh('read line; echo "$line"; echo err >&2', stdin=read)
    os.close(read)
    need(result.ok().out == 'from outside\n', result.out)
    need('err' in result.err, result.err)


@test
def run_leaves_nothing(box):
    box.run().ok()
    need(not box.leftovers(), box.leftovers())


@test
def run_keep_keeps_the_state(box):
    box.run('--keep').ok()
    need(box.status() == 'stopped')
    box.delete().ok()


@test
def run_detached(box):
    box.sh('exec sleep 1000')
    box.run('--detach', '--pid-file', box.dir / 'pid').ok()
    state = box.state()
    need(state['status'] == 'running', state)
    need(int((box.dir / 'pid').read_text()) == state['pid'])
    box.kill().ok()
    box.wait_status('stopped')
    box.delete().ok()


@test
def run_forwards_signals(box):
    box.sh('trap "echo got; exit 9" USR1; echo ready; while :; do sleep 0.1; done').write()
    child = box.popen('run', '--bundle', box.bundle, box.id)
    need(child.stdout.readline() == b'ready\n')
    child.send_signal(signal.SIGUSR1)
    need(child.wait(10) == 9)
    need(child.stdout.read() == b'got\n')


@test
def create_waits_for_start(box):
    box.sh('echo ran > /tmp/ran; exec sleep 1000')
    box.create().ok()
    state = box.state()
    need(state['status'] == 'created', state)
    need(state['pid'] > 0)
    time.sleep(0.1)
    need(not (box.rootfs / 'tmp/ran').exists(), 'the program ran before start')
    box.start().ok()
    need(box.status() == 'running')
    box.wait_for((box.rootfs / 'tmp/ran').exists, 'the program')
    box.kill().ok()
    box.wait_status('stopped')
    box.delete().ok()
    box.oci('state', box.id).fails('does not exist')


@test
def state_has_the_fields_of_the_specification(box):
    box.config['annotations'] = {'org.example.key': 'value'}
    box.up()
    state = box.state()
    need(state['ociVersion'] == box.config['ociVersion'], state)
    need(state['id'] == box.id, state)
    need(state['bundle'] == str(box.bundle), state)
    need(state['annotations'] == {'org.example.key': 'value'}, state)
    need(os.path.exists(f'/proc/{state["pid"]}'), state)
    need(state['rootfs'] == str(box.rootfs), state)
    need(re.match(r'\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d', state['created']), state)


@test
def bundle_defaults_to_the_working_directory(box):
    box.write()
    box.oci('run', box.id, cwd=box.bundle).ok()


@test
def relative_bundle_and_pid_file(box):
    box.sh('exec sleep 1000').write()
    box.oci('create', '-b', 'bundle', '--pid-file', 'pid', box.id, cwd=box.dir).ok()
    need(int((box.dir / 'pid').read_text()) == box.pid())
    need(box.state()['bundle'] == str(box.bundle))


@test
def config_may_change_after_create(box):
    box.sh('exit 3')
    box.create().ok()
    (box.bundle / 'config.json').write_text('{}')
    box.start().ok()
    box.wait_status('stopped')
    box.delete().ok()


@test
def bundle_may_vanish_after_create(box):
    box.up()
    (box.bundle / 'config.json').unlink()
    need(box.exec('/bin/echo', 'hi').ok().out == 'hi\n')
    box.kill().ok()
    box.wait_status('stopped')
    box.delete().ok()


@test
def the_same_name_twice(box):
    box.up()
    box.create().fails('already exists')
    need(box.status() == 'running', 'the first one was hurt')


@test
def bad_names(box):
    box.write()
    for name in ('', '.', '..', 'a/b', '../x', 'a b', 'x' * 256, 'é'):
        box.oci('create', '--bundle', box.bundle, name).fails('container')
        box.oci('delete', '--force', name).fails('container')


@test
def unknown_containers(box):
    for args in (['state'], ['start'], ['kill'], ['delete'], ['pause'], ['resume'], ['ps'],
                 ['events', '--stats'], ['update', '--pids-limit', '5']):
        box.oci(*args, 'nobody').fails('does not exist')
    box.oci('exec', 'nobody', 'true').fails('does not exist').exits(255)
    box.oci('delete', '--force', 'nobody').ok()


@test
def kill_by_name_and_number(box):
    box.up('trap "echo usr1 >> /tmp/log" USR1; echo up >> /tmp/log; while :; do sleep 0.05; done')
    log = box.rootfs / 'tmp/log'
    box.wait_for(lambda: log.exists(), 'trap')
    for count, sig in enumerate(('USR1', 'SIGUSR1', 'sigusr1', str(int(signal.SIGUSR1))), 1):
        box.kill(sig).ok()
        box.wait_for(lambda: log.read_text().count('usr1') == count, f'signal {sig}')
    box.kill('NOSUCH').fails('unknown signal')
    box.kill('9').ok()
    box.wait_status('stopped')
    box.kill('KILL').fails('not running')
    box.kill('KILL', '--all').ok()


@test
def kill_defaults_to_term(box):
    box.up('trap "exit 0" TERM; while :; do sleep 0.05; done')
    time.sleep(0.2)
    box.oci('kill', box.id).ok()
    box.wait_status('stopped')


@test
def kill_in_the_created_state(box):
    box.create().ok()
    box.kill().ok()
    box.wait_status('stopped')
    box.start().fails('stopped')
    box.delete().ok()


@test
def kill_all_reaches_every_process(box):
    box.linux['namespaces'] = [n for n in box.linux['namespaces'] if n['type'] != 'pid']
    box.up('sleep 1000 & sleep 1000 & exec sleep 1000')
    box.wait_for(lambda: len(box.oci('ps', '-f', 'json', box.id).ok().json()) == 3, 'processes')
    pids = box.oci('ps', '--format', 'json', box.id).json()
    box.kill('KILL', '--all').ok()
    box.wait_for(lambda: not any(alive(pid) for pid in pids), 'all processes gone')


def alive(pid):
    try:
        with open(f'/proc/{pid}/stat', encoding='utf-8') as file:
            return file.read().rsplit(')', 1)[1].split()[0] not in 'ZX'
    except OSError:
        return False


@test
def delete_refuses_a_running_container(box):
    box.up()
    box.delete().fails('not stopped', 'running')
    need(box.status() == 'running')
    box.delete('--force').ok()
    need(not box.leftovers(), box.leftovers())


@test
def delete_takes_a_created_container(box):
    box.create().ok()
    pid = box.pid()
    box.delete().ok()
    need(not alive(pid))


@test
def delete_force_kills_what_ignores_signals(box):
    box.up('trap "" TERM INT HUP; while :; do sleep 0.1; done')
    box.oci('delete', box.id, '--force').ok()


@test
def delete_kills_what_outlives_process_1(box):
    box.linux['namespaces'] = [n for n in box.linux['namespaces'] if n['type'] != 'pid']
    box.up('sleep 1000 & exec sleep 0.3')
    box.wait_status('stopped')
    box.delete().ok()
    need(not box.leftovers(), box.leftovers())


@test
def start_twice(box):
    box.up()
    box.start().fails('running')


@test
def a_pid_that_was_reused_is_not_ours(box):
    box.up()
    path = box.root / box.id / 'state.json'
    state = json.loads(path.read_text())
    box.kill().ok()
    box.wait_status('stopped')
    other = subprocess.Popen(['sleep', '1000'])
    try:
        state['pid'] = other.pid
        path.write_text(json.dumps(state))
        need(box.status() == 'stopped', 'taken for the container')
        box.kill().fails('not running')
        box.delete('--force').ok()
        need(other.poll() is None, 'the stranger was killed')
    finally:
        other.kill()
        other.wait()


@test
def list_shows_containers(box):
    need(box.oci('list').code != 0, 'a given root that does not exist is an error')
    box.config['annotations'] = {'a': 'b'}
    box.up()
    need(box.oci('list', '-q').ok().lines == [box.id])
    lines = box.oci('list').ok().lines
    need(lines[0].split() == ['ID', 'PID', 'STATUS', 'BUNDLE', 'CREATED', 'OWNER'], lines)
    need(lines[1].split()[:4] == [box.id, str(box.pid()), 'running', str(box.bundle)], lines)
    need(lines[1].split()[5] == 'root', lines)
    entry = box.oci('list', '--format', 'json').ok().json()[0]
    need(entry['id'] == box.id and entry['owner'] == 'root' and entry['annotations'] == {'a': 'b'},
         entry)
    box.oci('list', '--format', 'yaml').fails('format')
    box.delete('--force').ok()
    need(box.oci('list', '-f', 'json').ok().json() == [])


@test
def pause_and_resume(box):
    box.up('while :; do echo x >> /tmp/count; sleep 0.02; done')
    count = box.rootfs / 'tmp/count'
    box.wait_for(lambda: count.exists() and count.stat().st_size > 4, 'progress')
    box.oci('resume', box.id).fails('not paused')
    box.oci('pause', box.id).ok()
    need(box.status() == 'paused')
    before = count.stat().st_size
    time.sleep(0.3)
    need(count.stat().st_size == before, 'it went on')
    box.exec('/bin/true').fails('paused')
    box.delete().fails('paused')
    box.start().fails('paused')
    box.oci('resume', box.id).ok()
    need(box.status() == 'running')
    box.wait_for(lambda: count.stat().st_size > before, 'progress after resume')


@test
def a_paused_container_can_be_killed(box):
    box.up()
    box.oci('pause', box.id).ok()
    box.kill('KILL').ok()
    box.wait_status('stopped')
    box.delete().ok()


@test
def a_paused_container_can_be_deleted_by_force(box):
    box.up()
    box.oci('pause', box.id).ok()
    box.delete('--force').ok()


@test
def ps_lists_processes(box):
    box.up('sleep 1001 & exec sleep 1002')
    box.wait_for(lambda: len(box.oci('ps', '-f', 'json', box.id).json()) == 2, 'two processes')
    need(box.pid() in box.oci('ps', '--format', 'json', box.id).ok().json())
    table = box.oci('ps', box.id).ok().lines
    need('PID' in table[0] and len(table) == 3, table)
    need('sleep 1002' in table[1] + table[2], table)
    short = box.oci('ps', box.id, '-o', 'pid,comm').ok().lines
    need(len(short) == 3 and 'COMMAND' in short[0], short)
    box.oci('ps', box.id, '-o', 'comm').fails('PID')


@test
def pidfd_socket(box):
    with listener(box.dir / 'sock') as sock:
        box.sh('exec sleep 1000')
        box.create('--pidfd-socket', box.dir / 'sock').ok()
        fd = receive_fd(sock)
    signal.pidfd_send_signal(fd, signal.SIGKILL)
    os.close(fd)
    box.wait_status('stopped')


@test
def preserve_fds(box):
    read, write = (fcntl.fcntl(fd, fcntl.F_DUPFD, 20) for fd in os.pipe())
    box.sh('echo through > /proc/self/fd/3; ls /proc/self/fd | tr "\\n" " "')
    os.dup2(write, 3)
    result = box.run('--preserve-fds', '1', fds=(3,))
    for fd in (3, write):
        os.close(fd)
    need(os.read(read, 100) == b'through\n', result.err)
    os.close(read)
    need(result.ok().out.split()[:4] == ['0', '1', '2', '3'], result.out)


@test
def socket_activation(box):
    box.sh('echo $LISTEN_FDS $LISTEN_PID; ls /proc/self/fd | tr "\\n" " "').write()
    high = fcntl.fcntl(0, fcntl.F_DUPFD, 20)
    os.dup2(high, 3)
    command = ' '.join(box.command('run', '--bundle', box.bundle, box.id))
    result = subprocess.run(['sh', '-c', f'LISTEN_FDS=1 LISTEN_PID=$$ exec {command}'], pass_fds=(3,),
                            capture_output=True, text=True, check=False, timeout=60)
    for fd in (3, high):
        os.close(fd)
    lines = result.stdout.splitlines()
    need(lines and lines[0] == '1 1' and lines[1].split()[:4] == ['0', '1', '2', '3'], result)


@test
def preserve_fds_must_exist(box):
    box.run('--preserve-fds', '7').fails('preserve')


@test
def other_descriptors_stay_outside(box):
    os.dup2(1, 9)
    result = box.run_sh('ls /proc/self/fd | wc -l', fds=(9,)).ok()
    os.close(9)
    need(result.out.strip() == '4', 'descriptors besides 0, 1, 2 and that of ls:', result.out)


@test
def log_file_in_json(box):
    log = box.dir / 'log'
    box.write()
    box.config['process']['args'] = ['/no/such']
    box.oci('--log', log, '--log-format', 'json', 'run', '-b', box.bundle, box.id)
    box.oci('--log', log, '--log-format=json', 'state', 'nobody').fails('does not exist')
    last = json.loads(log.read_text().splitlines()[-1])
    need(last['level'] == 'error' and 'does not exist' in last['msg'] and last['time'], last)
    box.oci('--log-format', 'xml', 'list').fails('log-format')


@test
def version_lines(box):
    for option in ('--version', '-v'):
        lines = box.oci(option).ok().lines
        need(re.match(r'bulkhead-oci version \d+\.\d+\.\d+$', lines[0]), lines)
        need(re.match(r'commit: (unknown|[0-9a-f]{7,40})$', lines[1]), lines)
        need(re.match(r'spec: \d+\.\d+\.\d+$', lines[2]), lines)


@test
def features_structure(box):
    features = box.oci('features').ok().json()
    need(features['ociVersionMin'] == '1.0.0' and features['ociVersionMax'] == '1.2.0', features)
    for name in ('hooks', 'mountOptions', 'linux', 'annotations'):
        need(features[name], name)
    need(features['potentiallyUnsafeConfigAnnotations'] == [], features)
    linux = features['linux']
    need('time' in linux['namespaces'] and 'CAP_SYS_ADMIN' in linux['capabilities'], linux)
    need('SCMP_ARCH_X86_64' in linux['seccomp']['archs'], linux)
    need(linux['intelRdt']['enabled'] is False, linux)


@test
def what_features_names_is_accepted(box):
    """Read only as far as the check of the terminal, which comes behind the configuration."""
    seccomp = box.oci('features').ok().json()['linux']['seccomp']

    def accepted(profile):
        box.linux['seccomp'] = dict({'defaultAction': 'SCMP_ACT_ALLOW'}, **profile)
        box.run('--console-socket', '/none').fails('cannot use console socket')
    for action in seccomp['actions']:
        accepted({'syscalls': [{'names': ['mkdir'], 'action': action}],
                  **({'listenerPath': '/none'} if action == 'SCMP_ACT_NOTIFY' else {})})
    for operator in seccomp['operators']:
        accepted({'syscalls': [{'names': ['mkdir'], 'action': 'SCMP_ACT_ERRNO', 'args': [
            {'index': 1, 'value': 1, 'valueTwo': 1, 'op': operator}]}]})
    accepted({'architectures': seccomp['archs']})
    accepted({'flags': [f for f in seccomp['knownFlags'] if 'KILLABLE' not in f]})
    del box.linux['seccomp']
    box.linux['namespaces'] = [{'type': t} for t in
                               box.oci('features').json()['linux']['namespaces'] if t != 'user']
    box.run('--console-socket', '/none').fails('cannot use console socket')


@test
def refusals_name_the_reason(box):
    box.oci('checkpoint', 'x').fails('refused', 'checkpoint')
    box.oci('restore', 'x').fails('refused')
    box.oci('update', '--l3-cache-schema', 'x', 'y').fails('refused', 'RDT')
    box.oci('--criu', '/x', 'list').fails('refused', 'criu')


@test
def wrong_usage(box):
    box.oci('create').fails('requires exactly 1')
    box.oci('kill', 'a', 'b', 'c').fails('requires')
    box.oci('nonsense').fails('no such command')
    box.oci('create', '--nonsense', 'x').fails('--nonsense'.lstrip('-'))
    need('Usage' in box.oci('create', '--help').ok().out)
    need('Usage' in box.oci('help', 'exec').ok().out)


@test
def boundary_report(box):
    box.up()
    report = box.oci('boundary', box.id, '--format', 'json').ok().json()
    need(isinstance(report, dict) and report, report)
    need(box.oci('boundary', box.id).ok().out)
    box.oci('boundary', box.id, '--format', 'xml').fails('format')
    box.kill().ok()
    box.wait_status('stopped')
    box.oci('boundary', box.id).fails('not running')


@test
def spec_runs(box):
    box.oci('spec', '--bundle', box.bundle).ok()
    made = json.loads((box.bundle / 'config.json').read_text())
    need(made['process']['terminal'] is True, made['process'])
    box.oci('spec', '--bundle', box.bundle).fails('exists')
    box.config = made
    made['process']['terminal'] = False
    made['linux']['cgroupsPath'] = box.group
    need(box.run_sh('echo hello').ok().out == 'hello\n')


if __name__ == '__main__':
    main()
