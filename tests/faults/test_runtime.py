#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Faults at every step of create, start, run, exec and delete: the runtime, or a process that it
made, is killed at its n-th system call, or that call fails, for each n. Afterwards `delete --force`
succeeds and leaves nothing; a call that failed is named by one line, or the command did its work.
$STEP (default 1) leaves calls out to save time; $KILLAT is the program built from killat.c."""
import os
import subprocess
import sys

import faultlib
from faultlib import STEP, Faults, errno_of, names_errno, need
from ocitest import main, test

KILLAT = os.environ['KILLAT']
# Before main() or behind the last word of the program there is nobody to tell.
NOT_FAILED = set('exit_group exit arch_prctl set_tid_address set_robust_list rseq rt_sigreturn '
                 'prlimit64 getrandom readlinkat'.split())


def each(names):
    """Numbers and names of the calls to hit."""
    return list(enumerate(names, 1))[STEP // 2::STEP]


def killed(box, prepare, options, *args):
    faults = Faults(box, KILLAT)
    for n, name in each(faults.warm(prepare, options, *args)):
        where = f'{args[0]} killed at call {n} {name}'
        prepare()
        hit = faults.hit(n, options, *args)
        if options and hit.code not in (0, 137) and args[0] in ('create', 'run'):
            left = faults.left()
            need(not left, f'{where} failed ({hit.err.strip()}) and left', *left)
        faults.clear(where)


def check_error(where, hit, code):
    """One line that names the reason. In doubt about its fifo a container counts as running."""
    lines = [line for line in hit.err.splitlines() if 'level=warn' not in line]
    need(len(lines) == 1 and lines[0].startswith('bulkhead-oci: '), f'{where}: {hit.err!r}')
    if hit.name == 'openat' and 'already running' in lines[0]:
        return
    need(names_errno(lines[0], code, hit.name), f'{where}: no errno of {hit.name}: {lines[0]}')
    need(len(lines[0]) > len('bulkhead-oci: ') + len(os.strerror(code)) + 5,
         f'{where}: no step: {lines[0]}')


def failed(box, prepare, options, *args):
    faults = Faults(box, KILLAT)
    complaints = []
    for n, name in each(faults.warm(prepare, options, *args)):
        if name in NOT_FAILED:
            continue
        code = errno_of(name)
        where = f'{args[0]} with {name} (call {n}) failing by {os.strerror(code)}'
        prepare()
        hit = faults.hit(n, ['-e', str(code), *options], *args)
        try:
            need(not 128 < hit.code < 192 or options, f'{where} crashed: {hit.code}')
            if hit.code and not hit.over and not options:
                check_error(where, hit, code)
            # A command that ends by deleting may fail at that, and says so.
            if (args[0] == 'run' or (hit.code and args[0] == 'create')) and \
                    'delete container' not in hit.err and 'undo: ' not in hit.err:
                left = faults.left()
                need(not left, f'{where} ended by {hit.code} ({hit.err.strip()}) and left', *left)
        except AssertionError as error:
            complaints.append(str(error))
        faults.clear(where)
    for complaint in complaints:
        print('#', complaint.replace('\n', ' | '))
    need(not complaints, f'{len(complaints)} complaints')


def bundle(box):
    return ('--bundle', box.bundle, box.id)


def created(box):
    return lambda: box.create().ok()


def started(box):
    return lambda: (box.create().ok(), box.start().ok())


def nothing():
    pass


def with_user_namespace(box):
    box.linux['namespaces'].append({'type': 'user'})
    box.linux['uidMappings'] = [{'containerID': 0, 'hostID': 100000, 'size': 65536}]
    box.linux['gidMappings'] = [{'containerID': 0, 'hostID': 100000, 'size': 65536}]
    subprocess.run(['chmod', '-R', 'a+rX', str(box.dir)], check=True)


@test
def create_is_killed(box):
    box.sh('exec sleep 1000').write()
    killed(box, nothing, [], 'create', *bundle(box))


@test
def create_loses_any_process(box):
    box.sh('exec sleep 1000').write()
    killed(box, nothing, ['-f'], 'create', *bundle(box))


@test
def create_with_a_user_namespace_is_killed(box):
    with_user_namespace(box)
    box.sh('exec sleep 1000').write()
    killed(box, nothing, [], 'create', *bundle(box))


@test
def create_with_a_user_namespace_loses_any_process(box):
    with_user_namespace(box)
    box.sh('exec sleep 1000').write()
    killed(box, nothing, ['-f'], 'create', *bundle(box))


@test
def start_is_killed(box):
    box.sh('exec sleep 1000').write()
    killed(box, created(box), [], 'start', box.id)


@test
def run_is_killed(box):
    box.sh('exec sleep 0.02').write()
    killed(box, nothing, [], 'run', *bundle(box))


@test
def run_loses_any_process(box):
    box.process['args'] = ['/bin/true']
    box.write()
    killed(box, nothing, ['-f'], 'run', *bundle(box))


@test
def exec_is_killed(box):
    box.sh('exec sleep 1000')
    killed(box, started(box), [], 'exec', box.id, '/bin/true')


@test
def exec_loses_any_process(box):
    box.sh('exec sleep 1000')
    killed(box, started(box), ['-f'], 'exec', box.id, '/bin/true')


@test
def delete_is_killed(box):
    box.sh('exec sleep 1000')
    killed(box, started(box), [], 'delete', '--force', box.id)


@test
def create_fails(box):
    box.sh('exec sleep 1000').write()
    failed(box, nothing, [], 'create', *bundle(box))


@test
def create_with_a_user_namespace_fails(box):
    with_user_namespace(box)
    box.sh('exec sleep 1000').write()
    failed(box, nothing, [], 'create', *bundle(box))


@test
def run_fails(box):
    box.process['args'] = ['/bin/true']
    box.write()
    failed(box, nothing, [], 'run', *bundle(box))


@test
def run_fails_in_any_process(box):
    """Also in process 1, before and after it becomes the program."""
    box.process['args'] = ['/bin/true']
    box.write()
    failed(box, nothing, ['-f'], 'run', *bundle(box))


@test
def start_fails(box):
    box.sh('exec sleep 1000').write()
    failed(box, created(box), [], 'start', box.id)


@test
def exec_fails(box):
    box.sh('exec sleep 1000')
    failed(box, started(box), [], 'exec', box.id, '/bin/true')


@test
def exec_fails_in_any_process(box):
    box.sh('exec sleep 1000')
    failed(box, started(box), ['-f'], 'exec', box.id, '/bin/true')


@test
def delete_fails(box):
    box.sh('exec sleep 1000')
    failed(box, started(box), [], 'delete', '--force', box.id)


if __name__ == '__main__':
    faultlib.become_subreaper()
    sys.exit(main())
