#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Hooks: order, place, state on standard input, timeouts, failures."""
import json
import os

from ocitest import main, need, test

KINDS = ('prestart', 'createRuntime', 'createContainer', 'startContainer', 'poststart', 'poststop')


def log_hook(box, kind, extra=''):
    """Appends its kind and its state to the log; it may run inside, so the log is a bind mount."""
    return {'path': '/bin/sh', 'args': ['sh', '-c', f'{{ echo {kind}; cat; echo; }} >> {box.dir}/log;'
                                        + extra], 'env': ['PATH=/bin:/usr/bin']}


def bind_dir(box):
    box.config['mounts'].append({'destination': str(box.dir), 'type': 'bind', 'source': str(box.dir),
                                 'options': ['rbind', 'rw']})


def read_log(box):
    """A list of (kind, state)."""
    lines = (box.dir / 'log').read_text().split('\n')
    entries = []
    for i, line in enumerate(lines):
        if line in KINDS:
            entries.append((line, json.loads(lines[i + 1])))
    return entries


@test
def all_kinds_in_order_with_their_states(box):
    bind_dir(box)
    box.config['annotations'] = {'a.b': 'c'}
    box.config['hooks'] = {kind: [log_hook(box, kind)] for kind in KINDS}
    box.sh('exec sleep 1000')
    box.create().ok()
    created = read_log(box)
    need([kind for kind, _ in created] == ['prestart', 'createRuntime', 'createContainer'], created)
    pid = box.pid()
    box.start().ok()
    box.wait_for(lambda: len(read_log(box)) == 5, 'poststart')
    box.kill().ok()
    box.wait_status('stopped')
    box.delete().ok()
    entries = read_log(box)
    need([kind for kind, _ in entries] == list(KINDS), entries)
    for kind, state in entries:
        need(state['id'] == box.id and state['bundle'] == str(box.bundle), kind, state)
        need(state['annotations'] == {'a.b': 'c'} and state['ociVersion'], kind, state)
    states = dict(entries)
    need(states['createRuntime']['status'] == 'creating', states['createRuntime'])
    need(states['createRuntime']['pid'] == pid, states['createRuntime'])
    need(states['startContainer']['status'] == 'created', states['startContainer'])
    need(states['poststart']['status'] == 'running', states['poststart'])
    need(states['poststop']['status'] == 'stopped', states['poststop'])


@test
def several_of_one_kind_run_in_order(box):
    box.config['hooks'] = {'prestart': [
        {'path': '/bin/sh', 'args': ['sh', '-c', f'echo {n} >> {box.dir}/order']} for n in range(4)]}
    box.run().ok()
    need((box.dir / 'order').read_text() == '0\n1\n2\n3\n')


@test
def where_hooks_run(box):
    bind_dir(box)
    show = 'readlink /proc/self/ns/mnt >> {0}/{1}; ls -d /bin/busybox {0}/{1} > /dev/null'
    box.config['hooks'] = {kind: [{'path': '/bin/sh', 'args': ['sh', '-c', show.format(box.dir, kind)],
                                   'env': ['PATH=/bin:/usr/bin']}]
                           for kind in ('createRuntime', 'createContainer', 'startContainer')}
    own = os.readlink('/proc/self/ns/mnt')
    box.run().ok()
    places = {kind: (box.dir / kind).read_text().strip()
              for kind in ('createRuntime', 'createContainer', 'startContainer')}
    need(places['createRuntime'] == own, places)
    need(places['createContainer'] != own and places['startContainer'] != own, places)


@test
def environment_and_arguments_are_the_hooks_own(box):
    box.config['hooks'] = {'createRuntime': [
        {'path': '/bin/sh', 'args': ['zero', '-c', f'env > {box.dir}/env; echo $0 $1 > {box.dir}/args',
                                     'a', 'b'], 'env': ['ONLY=this', 'PATH=/bin:/usr/bin']}]}
    box.run().ok()
    env = [x for x in (box.dir / 'env').read_text().split() if not x.startswith(('PWD=', 'SHLVL=', '_='))]
    need(sorted(env) == ['ONLY=this', 'PATH=/bin:/usr/bin'], env)
    need((box.dir / 'args').read_text() == 'a b\n')


@test
def a_failing_hook_stops_the_creation(box):
    for kind in ('prestart', 'createRuntime', 'createContainer'):
        box.config['hooks'] = {kind: [{'path': '/bin/false'}], 'poststop': [log_hook(box, 'poststop')]}
        box.create().fails(kind)
        need(not box.leftovers(), kind, box.leftovers())
        need([name for name, _ in read_log(box)] == ['poststop'], kind, 'poststop hooks')
        (box.dir / 'log').unlink()


@test
def a_missing_hook_is_named(box):
    box.config['hooks'] = {'createRuntime': [{'path': '/no/such/hook'}]}
    box.create().fails('/no/such/hook')


@test
def a_failing_start_hook_stops_the_start(box):
    box.config['hooks'] = {'startContainer': [{'path': '/bin/false'}],
                           'poststop': [log_hook(box, 'poststop')]}
    box.sh('touch /tmp/ran; exec sleep 1000')
    box.create().ok()
    box.start().fails('startContainer')
    box.oci('state', box.id).fails('does not exist')
    need([name for name, _ in read_log(box)] == ['poststop'], 'poststop hooks')
    need(not (box.rootfs / 'tmp/ran').exists(), 'the program ran')


@test
def poststart_and_poststop_failures_are_warnings(box):
    box.config['hooks'] = {kind: [{'path': '/bin/false'}, log_hook(box, kind)]
                           for kind in ('poststart', 'poststop')}
    box.sh('exec sleep 1000')
    box.create().ok()
    need('poststart' in box.start().ok().err)
    need(box.status() == 'running')
    box.kill().ok()
    box.wait_status('stopped')
    need('poststop' in box.delete().ok().err)
    need([kind for kind, _ in read_log(box)] == ['poststart', 'poststop'], 'the rest did not run')


@test
def timeouts_are_kept(box):
    box.config['hooks'] = {'createRuntime': [{'path': '/bin/sleep', 'args': ['sleep', '1000'],
                                              'timeout': 1}]}
    box.create(timeout=30).fails('createRuntime')
    need(not box.leftovers(), box.leftovers())


@test
def run_runs_poststop(box):
    box.config['hooks'] = {'poststop': [log_hook(box, 'poststop')]}
    box.run().ok()
    need([kind for kind, _ in read_log(box)] == ['poststop'])


@test
def hooks_get_no_descriptors(box):
    box.config['hooks'] = {'createRuntime': [
        {'path': '/bin/sh', 'args': ['sh', '-c', f'ls -l /proc/self/fd > {box.dir}/fds'],
         'env': ['PATH=/bin:/usr/bin']}]}
    box.run().ok()
    lines = [x for x in (box.dir / 'fds').read_text().splitlines() if '->' in x]
    numbers = sorted(int(x.split(' -> ')[0].split()[-1]) for x in lines)
    need(numbers == [0, 1, 2, 3], 'besides 0, 1, 2 and that of ls:', lines)


if __name__ == '__main__':
    main()
