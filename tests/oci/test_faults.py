#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Faults at every step: the runtime is killed at its n-th system call, or that call fails, for each
n of create, start, run, exec and delete (strace injects them). Afterwards `delete --force` leaves
nothing, and a failure has named its reason. $STEP (default 1) leaves calls out to save time."""
import collections
import json
import os
import re
import subprocess
import tempfile
import threading

from ocitest import main, need, test

STEP = int(os.environ.get('STEP', '1'))
# At the end of the process, or where the C library has no way to fail.
NOT_FAILED = ('exit_group arch_prctl set_tid_address brk mmap munmap mprotect close rt_sigaction '
              'rt_sigprocmask rt_sigreturn').split()


def traced(box, options, *args):
    """Errors go to a file: what is created keeps the descriptor."""
    with tempfile.TemporaryFile() as err:
        run = subprocess.run(['strace', '-qq', '-o', '/dev/null', *options, *box.command(*args)],
                             stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=err,
                             timeout=60, check=False)
        err.seek(0)
        return run.returncode, err.read().decode(errors='replace')


def calls_of(box, *args):
    """The system calls of one run: (name, how many times it was called so far, from 1)."""
    trace = box.dir / 'trace'
    subprocess.run(['strace', '-qq', '-e', 'signal=none', '-o', trace, *box.command(*args)],
                   stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                   timeout=60, check=True)
    seen = collections.Counter()
    calls = []
    for line in trace.read_text(errors='replace').splitlines():
        name = re.match(r'(\w+)\(', line)
        if name:
            seen[name[1]] += 1
            calls.append((name[1], seen[name[1]]))
    need(len(calls) > 20, 'strace saw nothing')
    return calls[1:]  # the first is strace's own execve(2)


def clear(box, name, call, n):
    box.delete('--force').ok()
    left = box.leftovers()
    need(not left, f'{name} at {call} {n} left:', *left)


def kill_at_every_call(box, name, prepare, *args):
    prepare()
    calls = calls_of(box, *args)
    clear(box, name, 'end', 0)
    for call, n in calls[::STEP]:
        prepare()
        traced(box, ['-e', f'inject={call}:signal=KILL:when={n}'], *args)
        clear(box, name, call, n)


def fail_every_call(box, name, prepare, *args):
    prepare()
    calls = [c for c in calls_of(box, *args) if c[0] not in NOT_FAILED]
    clear(box, name, 'end', 0)
    for call, n in calls[::STEP]:
        prepare()
        code, text = traced(box, ['-e', f'inject={call}:error=EIO:when={n}'], *args)
        need(code >= 0, f'{name} crashed at {call} {n}')
        need(code == 0 or 'bulkhead-oci: ' in text, f'{name} at {call} {n} failed without a word: {text}')
        if name in ('create', 'run') and code != 0:
            left = box.leftovers()
            need(not left, f'{name} failed at {call} {n} ({text.strip()}) and left', *left)
        clear(box, name, call, n)


def bundle(box):
    return ('--bundle', box.bundle, box.id)


def created(box):
    return lambda: box.create().ok()


def started(box):
    return lambda: (box.create().ok(), box.start().ok())


def nothing():
    pass


@test
def create_is_killed(box):
    box.sh('exec sleep 1000').write()
    kill_at_every_call(box, 'create', nothing, 'create', *bundle(box))


@test
def create_with_a_user_namespace_is_killed(box):
    box.linux['namespaces'].append({'type': 'user'})
    box.linux['uidMappings'] = [{'containerID': 0, 'hostID': 100000, 'size': 65536}]
    box.linux['gidMappings'] = [{'containerID': 0, 'hostID': 100000, 'size': 65536}]
    subprocess.run(['chmod', '-R', 'a+rX', str(box.dir)], check=True)
    box.sh('exec sleep 1000').write()
    kill_at_every_call(box, 'create', nothing, 'create', *bundle(box))


@test
def start_is_killed(box):
    box.sh('exec sleep 1000').write()
    kill_at_every_call(box, 'start', created(box), 'start', box.id)


@test
def run_is_killed(box):
    box.sh('exec sleep 0.05').write()
    kill_at_every_call(box, 'run', nothing, 'run', *bundle(box))


@test
def exec_is_killed(box):
    box.sh('exec sleep 1000')
    kill_at_every_call(box, 'exec', started(box), 'exec', box.id, '/bin/true')


@test
def delete_is_killed(box):
    box.sh('exec sleep 1000')
    kill_at_every_call(box, 'delete', started(box), 'delete', '--force', box.id)


@test
def create_fails(box):
    box.sh('exec sleep 1000').write()
    fail_every_call(box, 'create', nothing, 'create', *bundle(box))


@test
def run_fails_in_any_process(box):
    """Also in process 1, before and after it becomes the program."""
    box.sh('exit 0').write()
    calls = [c for c in calls_of(box, 'run', *bundle(box)) if c[0] not in NOT_FAILED]
    for call, n in calls[::STEP]:
        code, _ = traced(box, ['-f', '-e', f'inject={call}:error=EIO:when={n}'], 'run', *bundle(box))
        need(code >= 0, f'run crashed at {call} {n}')
        clear(box, 'run', call, n)


@test
def start_fails(box):
    box.sh('exec sleep 1000').write()
    fail_every_call(box, 'start', created(box), 'start', box.id)


@test
def exec_fails(box):
    box.sh('exec sleep 1000')
    fail_every_call(box, 'exec', started(box), 'exec', box.id, '/bin/true')


@test
def delete_fails(box):
    box.sh('exec sleep 1000')
    fail_every_call(box, 'delete', started(box), 'delete', '--force', box.id)


@test
def many_at_once(box):
    """Each thread's container with a name, bundle state and groups of its own."""
    errors = []

    def one(number):
        name = f'{box.id}-{number}'
        path = box.dir / f'bundle-{number}'
        path.mkdir()
        config = dict(box.config, linux=dict(box.linux, cgroupsPath=f'{box.group}/{number}'),
                      root={'path': str(box.rootfs)})
        (path / 'config.json').write_text(json.dumps(config))
        for args in (('create', '--bundle', path, name), ('start', name), ('delete', '--force', name)):
            result = box.oci(*args)
            if result.code != 0:
                errors.append(f'{args[0]} {number}: {result.err}')
    box.sh('exec sleep 1000')
    for turn in range(4):
        threads = [threading.Thread(target=one, args=(f'{turn}-{n}',)) for n in range(50)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    for directory in box.groups():
        os.rmdir(directory)
    need(not errors, *errors[:3])


if __name__ == '__main__':
    main()
