#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Ten thousand containers one after another ($COUNT): the host is level afterwards."""
import os

from ocitest import main, need, test

COUNT = int(os.environ.get('COUNT', '10000'))


def lines(path):
    with open(path, encoding='utf-8') as file:
        return sum(1 for _ in file)


def levels():
    """What would grow if something were left: mounts, and kernel memory in MiB."""
    level = {'mounts': lines('/proc/self/mountinfo')}
    with open('/proc/meminfo', encoding='utf-8') as file:
        memory = dict(line.split(':') for line in file)
    level['unreclaimable'] = int(memory['SUnreclaim'].split()[0]) // 1024
    return level


def run_once(command):
    pid = os.posix_spawn(command[0], command, os.environ)
    _, status = os.waitpid(pid, 0)
    need(os.waitstatus_to_exitcode(status) == 0, 'a run failed')


@test
def ten_thousand_in_sequence(box):
    box.write()
    command = [str(x) for x in box.command('run', '--bundle', box.bundle, box.id)]
    for _ in range(50):
        run_once(command)
    before = levels()
    for _ in range(COUNT):
        run_once(command)
    after = levels()
    need(after['mounts'] == before['mounts'], before, after)
    # A leak of one page a container would be 40 at the full count.
    need(after['unreclaimable'] - before['unreclaimable'] < 25 + COUNT // 400, before, after)
    need(not box.leftovers(), box.leftovers())


@test
def hundreds_of_whole_lives(box):
    box.sh('exec sleep 1000').write()
    before = levels()
    for _ in range(COUNT // 20):
        box.create().ok()
        box.start().ok()
        box.exec('/bin/true').ok()
        box.delete('--force').ok()
    need(levels()['mounts'] == before['mounts'], before, levels())
    need(not box.leftovers(), box.leftovers())


if __name__ == '__main__':
    main()
