#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""kill, stop and delete always end, whatever the container does: each kind of stubborn container is
ended by `kill --all KILL` and `delete`, and by `delete --force` alone.
$STUBBORN is the program built from stubborn.c."""
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / 'oci'))
from ocitest import main, need, test  # noqa: E402

SECONDS = 12


def timed(what, box, *args):
    """The command succeeds, in time."""
    start = time.monotonic()
    box.oci(*args, timeout=60).ok()
    took = time.monotonic() - start
    need(took < SECONDS, f'{what}: {args[0]} took {took:.1f} s')


def ends(box, make, spoil=lambda: None):
    """make brings the container up, spoil makes it stubborn."""
    make()
    spoil()
    timed('kill', box, 'kill', '--all', box.id, 'KILL')
    box.wait_status('stopped', SECONDS)
    timed('kill', box, 'delete', box.id)
    need(not box.leftovers(), 'left:', *box.leftovers())
    make()
    spoil()
    timed('force', box, 'delete', '--force', box.id)
    need(not box.leftovers(), 'left:', *box.leftovers())


def host_pids(box):
    """Processes of the container as the host numbers them."""
    found = set()
    for directory in box.groups():
        for base, _, _ in os.walk(directory):
            found.update(map(int, pathlib.Path(base, 'cgroup.procs').read_text().split()))
    return found


def install(box):
    shutil.copy(os.environ['STUBBORN'], box.rootfs / 'bin' / 'stubborn')


def freeze(directory, how='FROZEN'):
    (directory / 'freezer.state').write_text(how)


@test
def sigterm_is_ignored(box):
    def up():
        box.up('trap "" TERM HUP INT QUIT; while :; do sleep 1; done')
    ends(box, up, lambda: box.kill('TERM').ok())


@test
def stopped_by_a_signal(box):
    def stop():
        for pid in host_pids(box):
            os.kill(pid, signal.SIGSTOP)
    ends(box, lambda: box.up('sleep 1000 & sleep 1000 & wait'), stop)


@test
def paused(box):
    ends(box, lambda: box.up('sleep 1000 & wait'), lambda: box.oci('pause', box.id).ok())


@test
def frozen_by_hand(box):
    def by_hand():
        freeze(box.group_file('freezer', 'freezer.state').parent)
    ends(box, lambda: box.up('sleep 1000 & wait'), by_hand)


@test
def frozen_in_a_group_below(box):
    """Also what somebody moved deeper and froze there."""
    def deeper():
        box.wait_for(lambda: len(host_pids(box)) >= 3, 'children')
        below = box.group_file('freezer', 'freezer.state').parent / 'below' / 'deeper'
        below.mkdir(parents=True)
        for pid in host_pids(box) - {box.pid()}:
            (below / 'cgroup.procs').write_text(str(pid))
        freeze(below)
    ends(box, lambda: box.up('sleep 1000 & sleep 1000 & wait'), deeper)


@test
def a_frozen_group_below_without_a_pid_namespace(box):
    box.linux['namespaces'] = [x for x in box.linux['namespaces'] if x['type'] != 'pid']
    frozen_in_a_group_below(box)


@test
def paused_while_created(box):
    box.sh('exec sleep 1000')
    ends(box, lambda: box.create().ok(), lambda: freeze(box.group_file('freezer', 'freezer.state').parent))


@test
def bombed_by_forks(box):
    box.linux['resources']['pids'] = {'limit': 40}
    install(box)
    ends(box, lambda: box.up('exec stubborn bomb'),
         lambda: box.wait_for(lambda: len(host_pids(box)) > 20, 'the bomb', 20))


@test
def bombed_by_forks_without_a_pid_namespace(box):
    box.linux['namespaces'] = [x for x in box.linux['namespaces'] if x['type'] != 'pid']
    bombed_by_forks(box)


@test
def asleep_in_vfork(box):
    install(box)
    ends(box, lambda: box.up('exec stubborn vfork'),
         lambda: box.wait_for(lambda: len(host_pids(box)) == 2, 'vfork'))


@test
def pid_namespace_of_the_host(box):
    """Process 1 ends and leaves children that no namespace ends."""
    box.linux['namespaces'] = [x for x in box.linux['namespaces'] if x['type'] != 'pid']

    def up():
        box.up('setsid sleep 1000 & (sleep 1000 & sleep 1000 &); exec sleep 1000')
        box.wait_for(lambda: len(host_pids(box)) == 4, 'children')
    ends(box, up)
    ends(box, up, lambda: os.kill(box.pid(), signal.SIGKILL))


@test
def a_traced_process(box):
    """Process 1 stopped by a debugger that dies later than it."""
    tracers = []

    def trace():
        tracers.append(subprocess.Popen(['strace', '-f', '-qq', '-o', '/dev/null', '-p', str(box.pid())],
                                        stderr=subprocess.DEVNULL))
        time.sleep(0.3)
    ends(box, lambda: box.up('while :; do usleep 1000; done'), trace)
    for tracer in tracers:
        tracer.wait(10)


if __name__ == '__main__':
    main()
