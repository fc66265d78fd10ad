#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""exec: exit codes, options, the words that engines look for in errors, and that it is never weaker
than process 1."""
import fcntl
import json
import os
import signal
import subprocess

from ocitest import CAPABILITIES, listener, main, need, receive_fd, test

NAMESPACES = ('cgroup', 'ipc', 'mnt', 'net', 'pid', 'uts', 'user', 'time')


def process_file(box, **changes):
    process = dict(box.process, args=['/bin/true'])
    process.update(changes)
    path = box.dir / 'process.json'
    path.write_text(json.dumps(process))
    return path


@test
def exit_codes(box):
    box.up()
    box.exec('/bin/sh', '-c', 'exit 5').exits(5)
    box.exec('/bin/true').exits(0)
    box.exec('/bin/sh', '-c', 'kill -KILL $$').exits(137)


@test
def output_and_input(box):
    box.up()
    read, write = os.pipe()
    os.write(write, b'abc\n')
    os.close(write)
    result = box.exec('/bin/sh', '-c', 'read x; echo "got $x"; echo err >&2', stdin=read)
    os.close(read)
    need(result.ok().out == 'got abc\n' and 'err\n' in result.err, result.out, result.err)


@test
def arguments_that_look_like_options(box):
    box.up()
    need(box.exec('/bin/echo', '-t', '--env', 'x').ok().out == '-t --env x\n')


@test
def words_that_engines_look_for(box):
    box.up()
    (box.rootfs / 'tmp/plain').write_text('x')
    box.exec('no-such-program').exits(255).fails('executable file not found in $PATH')
    box.exec('/no/such/program').exits(255).fails('no such file or directory')
    box.exec('/tmp/plain').exits(255).fails('permission denied')
    box.oci('exec', box.id).exits(255).fails('exec args cannot be empty')


@test
def create_says_the_same_words(box):
    box.process['args'] = ['no-such-program']
    box.run().fails('executable file not found in $PATH')
    box.process['args'] = ['/no/such/program']
    box.run().fails('no such file or directory')


@test
def environment(box):
    box.up()
    result = box.oci('exec', '--env', 'A=1', '-e', 'A=2', '-e', 'TERM=dumb', box.id, '/bin/env')
    lines = result.ok().lines
    need('A=2' in lines and 'A=1' not in lines, lines)
    need('TERM=dumb' in lines and 'TERM=xterm' not in lines, lines)
    box.oci('exec', '--env', 'nonsense', box.id, '/bin/env').fails('environment')


@test
def working_directory(box):
    box.up()
    need(box.oci('exec', '--cwd', '/tmp', box.id, '/bin/pwd').ok().out == '/tmp\n')
    box.oci('exec', '--cwd', 'tmp', box.id, '/bin/pwd').fails('absolute')
    box.oci('exec', '--cwd', '/no/such', box.id, '/bin/pwd').fails('/no/such')


@test
def user_and_groups(box):
    box.up()
    result = box.oci('exec', '-u', '1000:1001', '-g', '5', '--additional-gids=6', box.id, '/bin/id')
    need('uid=1000' in result.ok().out and 'gid=1001' in result.out, result.out)
    groups = box.oci('exec', '-u', '1000', '-g', '5', '--additional-gids=6', box.id, '/bin/id', '-G')
    need({'5', '6'} <= set(groups.ok().out.split()), groups.out)
    box.oci('exec', '-u', 'name', box.id, '/bin/id').fails('uid')


@test
def process_from_a_file(box):
    box.up()
    path = process_file(box, args=['/bin/sh', '-c', 'id -u; pwd; echo $X'], cwd='/tmp',
                        user={'uid': 12, 'gid': 13}, env=['PATH=/bin', 'X=y'])
    need(box.oci('exec', '--process', path, box.id).ok().out == '12\n/tmp\ny\n')
    path.write_text('{"args": 1}')
    box.oci('exec', '-p', path, box.id).exits(255).fails('args')
    path.write_text('{')
    box.oci('exec', '-p', path, box.id).exits(255).fails('process.json')
    box.oci('exec', '-p', '/no/such', box.id).exits(255).fails('/no/such')


@test
def detached_with_pid_file(box):
    box.up()
    box.oci('exec', '--detach', '--pid-file', box.dir / 'pid', box.id, '/bin/sleep', '1000').ok()
    pid = int((box.dir / 'pid').read_text())
    with open(f'/proc/{pid}/cmdline', 'rb') as file:
        need(file.read() == b'/bin/sleep\x001000\x00')
    need(pid in box.oci('ps', '-f', 'json', box.id).json())


@test
def pidfd_socket(box):
    box.up()
    with listener(box.dir / 'sock') as sock:
        box.oci('exec', '-d', '--pidfd-socket', box.dir / 'sock', box.id, '/bin/sleep', '1000').ok()
        fd = receive_fd(sock)
    signal.pidfd_send_signal(fd, signal.SIGKILL)
    os.close(fd)


@test
def signals_are_forwarded(box):
    box.up()
    child = box.popen('exec', box.id, '/bin/sh', '-c',
                      'trap "exit 8" TERM; echo ready; while :; do sleep 0.1; done')
    need(child.stdout.readline() == b'ready\n')
    child.send_signal(signal.SIGTERM)
    need(child.wait(10) == 8)


@test
def in_a_created_container(box):
    box.sh('exec sleep 1000')
    box.create().ok()
    need(box.exec('/bin/echo', 'early').ok().out == 'early\n')
    need(box.status() == 'created')


@test
def in_a_stopped_container(box):
    box.up()
    box.kill().ok()
    box.wait_status('stopped')
    box.exec('/bin/true').exits(255).fails('stopped')


@test
def in_a_paused_container(box):
    box.up()
    box.oci('pause', box.id).ok()
    box.exec('/bin/true').exits(255).fails('--ignore-paused')
    child = box.popen('exec', '--ignore-paused', box.id, '/bin/true')
    try:
        child.wait(0.5)
    except subprocess.TimeoutExpired:
        pass
    box.oci('resume', box.id).ok()
    need(child.wait(20) == 0, child.stderr.read())


@test
def preserve_fds(box):
    box.up()
    path = box.dir / 'out'
    with open(path, 'wb') as file:
        high = fcntl.fcntl(file.fileno(), fcntl.F_DUPFD, 20)
    os.dup2(high, 3)
    result = box.oci('exec', '--preserve-fds', '1', box.id, '/bin/sh', '-c', 'echo x >&3', fds=(3,))
    for fd in (3, high):
        os.close(fd)
    need(path.read_text() == 'x\n', result.err)
    result = box.exec('/bin/sh', '-c', 'ls /proc/self/fd | wc -l').ok()
    need(result.out.strip() == '4', result.out)


def status_of(pid):
    with open(f'/proc/{pid}/status', encoding='utf-8') as file:
        fields = dict(line.rstrip('\n').split(':\t', 1) for line in file if ':\t' in line)
    return {key: fields.get(key) for key in (
        'Uid', 'Gid', 'Groups', 'CapInh', 'CapPrm', 'CapEff', 'CapBnd', 'CapAmb', 'NoNewPrivs',
        'Seccomp', 'Seccomp_filters', 'Umask')}


@test
def never_weaker_than_process_1(box):
    box.linux['namespaces'] += [{'type': 'cgroup'}]
    box.linux['seccomp'] = {'defaultAction': 'SCMP_ACT_ALLOW', 'architectures': ['SCMP_ARCH_X86_64'],
                            'syscalls': [{'names': ['mkdirat', 'mkdir'],
                                          'action': 'SCMP_ACT_ERRNO', 'errnoRet': 95}]}
    box.process['oomScoreAdj'] = 500
    box.process['rlimits'] = [{'type': 'RLIMIT_NOFILE', 'soft': 77, 'hard': 88}]
    box.up()
    first = box.pid()
    box.oci('exec', '-d', '--pid-file', box.dir / 'pid', box.id, '/bin/sleep', '1000').ok()
    second = int((box.dir / 'pid').read_text())
    need(status_of(first) == status_of(second), status_of(first), status_of(second))
    for name in NAMESPACES:
        links = {os.readlink(f'/proc/{pid}/ns/{name}') for pid in (first, second)}
        need(len(links) == 1, name, links)
    for name in ('cgroup', 'oom_score_adj', 'limits', 'root'):
        contents = set()
        for pid in (first, second):
            if name == 'root':
                contents.add(os.stat(f'/proc/{pid}/root').st_ino)
            else:
                with open(f'/proc/{pid}/{name}', encoding='utf-8') as file:
                    contents.add(file.read())
        need(len(contents) == 1, name, contents)
    box.exec('/bin/mkdir', '/tmp/x').fails('not supported')


@test
def options_cannot_loosen(box):
    box.up()
    result = box.oci('exec', '--no-new-privs=false', box.id, '/bin/grep', 'NoNewPrivs',
                     '/proc/self/status')
    need(result.ok().out.split()[1] == '1', result.out)
    path = process_file(box, args=['/bin/grep', 'NoNewPrivs', '/proc/self/status'],
                        noNewPrivileges=False)
    need(box.oci('exec', '-p', path, box.id).ok().out.split()[1] == '1')


@test
def no_new_privs_can_be_added(box):
    box.process['noNewPrivileges'] = False
    box.up()
    result = box.oci('exec', '--no-new-privs', box.id, '/bin/grep', 'NoNewPrivs',
                     '/proc/self/status')
    need(result.ok().out.split()[1] == '1', result.out)


@test
def capabilities_are_added_by_name(box):
    for name in ('effective', 'permitted'):
        box.process['capabilities'][name] = [c for c in CAPABILITIES if c != 'CAP_NET_RAW']
    box.up()
    script = 'grep CapEff /proc/self/status'
    before = int(box.exec('/bin/sh', '-c', script).ok().out.split()[1], 16)
    after = int(box.oci('exec', '--cap', 'CAP_NET_RAW', box.id, '/bin/sh', '-c', script)
                .ok().out.split()[1], 16)
    need(after == before | 1 << 13, hex(before), hex(after))
    need('CAP_NONSENSE' in box.oci('exec', '--cap', 'CAP_NONSENSE', box.id, '/bin/true').ok().err)


@test
def no_capability_that_process_1_could_not_have(box):
    box.up()
    box.oci('exec', '--cap', 'CAP_SYS_ADMIN', box.id, '/bin/true').exits(255).fails('CAP_SYS_ADMIN')


@test
def sub_groups(box):
    box.up()
    group = box.group_file('pids', 'tasks').parent
    for directory in box.groups():
        os.mkdir(f'{directory}/sub')
    result = box.oci('exec', '--cgroup', 'sub', box.id, '/bin/cat', '/proc/self/cgroup')
    need(f'{box.group}/sub' in result.ok().out, result.out, group)
    box.oci('exec', '--cgroup', '../..', box.id, '/bin/true').exits(255)
    box.oci('exec', '--cgroup', 'absent', box.id, '/bin/true').exits(255)
    box.oci('exec', '--cgroup', 'nonsense:sub', box.id, '/bin/true').fails('nonsense')
    box.oci('exec', '--cgroup', 'pids:../x', box.id, '/bin/true').fails('..')
    only = box.oci('exec', '--cgroup', 'pids:sub', box.id, '/bin/cat', '/proc/self/cgroup').ok().out
    lines = [line.split(':', 2) for line in only.splitlines()]
    for _, controllers, path in lines:
        if controllers == 'pids':
            need(path == f'{box.group}/sub', only)
        else:
            need(not path.endswith('/sub'), only)


if __name__ == '__main__':
    main()
