#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""exec is never weaker than process 1: same identity, capabilities, filter, namespaces, groups and
labels, for a matrix of configurations. Enforced by exec.c and by process_setup.c, which both share."""
import json
import os
import shutil

from escapetest import (capabilities, docker, in_user_namespace, main, need, no_filter, payload, spec,
                        test)

STATUS = ('Uid', 'Gid', 'Groups', 'CapInh', 'CapPrm', 'CapEff', 'CapBnd', 'CapAmb', 'NoNewPrivs',
          'Seccomp', 'Seccomp_filters', 'Umask', 'Cpus_allowed', 'Mems_allowed')
NAMESPACES = ('cgroup', 'ipc', 'mnt', 'net', 'pid', 'pid_for_children', 'uts', 'user', 'time',
              'time_for_children')
FILES = ('cgroup', 'uid_map', 'gid_map', 'setgroups', 'attr/current', 'oom_score_adj', 'personality',
         'loginuid', 'timens_offsets', 'limits', 'mountinfo')


def picture(pid):
    """What decides how strong a process is, as the host sees it."""
    found = {}
    with open(f'/proc/{pid}/status', encoding='utf-8') as file:
        for line in file:
            name, value = line.split(':', 1)
            if name in STATUS:
                found[name] = value.split()
    for name in NAMESPACES:
        found['ns/' + name] = os.readlink(f'/proc/{pid}/ns/{name}')
    for name in FILES:
        try:
            with open(f'/proc/{pid}/{name}', encoding='utf-8') as file:
                found[name] = file.read()
        except OSError as error:
            found[name] = error.errno
    found['root'] = os.readlink(f'/proc/{pid}/root'), os.stat(f'/proc/{pid}/root').st_ino
    found['cwd'] = os.readlink(f'/proc/{pid}/cwd')
    return found


def compare(box, what, *options):
    box.up('exec sleep 1000')
    pid_file = box.dir / 'pid'
    pid_file.unlink(missing_ok=True)
    # In the foreground, where somebody is there to reap it.
    box.popen('exec', '--pid-file', pid_file, *options, box.id, '/bin/sleep', '1000')
    box.wait_for(pid_file.exists, 'the pid file')
    first, second = picture(box.pid()), picture(int(pid_file.read_text()))
    box.delete('--force').ok()
    different = {k: (first[k], second[k]) for k in first if first[k] != second[k]}
    need(not different, what, 'differs:', different)
    return first


def user(box, uid, *groups):
    box.process['user'] = {'uid': uid, 'gid': uid, 'additionalGids': list(groups)}
    return box


def matrix():
    yield 'docker', docker
    yield 'spec', spec
    yield 'docker in a user namespace', lambda b: in_user_namespace(docker(b))
    yield 'spec in a user namespace', lambda b: in_user_namespace(spec(b))
    yield 'no filter', lambda b: no_filter(docker(b))
    yield 'user', lambda b: user(docker(b), 1000, 5, 10)
    yield 'mapped user', lambda b: user(in_user_namespace(spec(b)), 1000, 5)
    yield 'powers', lambda b: capabilities(no_filter(docker(b)), 'CAP_SYS_ADMIN', 'CAP_SYS_PTRACE')


@test
def exec_equals_process_1(box):
    for what, make in matrix():
        found = compare(make(box), what)
        if what != 'no filter' and what != 'powers':
            need(found['Seccomp'] == ['2'], what, 'has no filter')


@test
def with_no_new_privs(box):
    for what, make in matrix():
        make(box)
        box.process['noNewPrivileges'] = True
        need(compare(box, what)['NoNewPrivs'] == ['1'], what)


@test
def with_all_five_sets(box):
    sets = docker(box).process['capabilities']
    for kind, names in (('inheritable', ['CAP_CHOWN', 'CAP_KILL']), ('ambient', ['CAP_CHOWN']),
                        ('effective', ['CAP_CHOWN', 'CAP_SETUID'])):
        sets[kind] = names
    user(box, 1000)
    found = compare(box, 'five sets')
    need(int(found['CapAmb'][0], 16) == 1, found['CapAmb'])


@test
def without_capabilities(box):
    box.process['capabilities'] = {}
    found = compare(box, 'no capabilities')
    need(int(found['CapBnd'][0], 16) == 0, found['CapBnd'])
    del box.process['capabilities']
    found = compare(box, 'no capabilities object')
    need(int(found['CapBnd'][0], 16) == 0, found['CapBnd'])


@test
def with_what_else_a_process_has(box):
    docker(box)
    box.process.update(oomScoreAdj=99, rlimits=[{'type': 'RLIMIT_NOFILE', 'soft': 77, 'hard': 88}],
                       user={'uid': 0, 'gid': 0, 'umask': 0o077})
    box.linux['personality'] = {'domain': 'LINUX32'}
    box.linux['namespaces'] += [{'type': 'time'}, {'type': 'cgroup'}]
    box.linux['timeOffsets'] = {'monotonic': {'secs': 1000}}
    found = compare(box, 'limits')
    need(found['oom_score_adj'].strip() == '99' and found['Umask'] == ['0077'], found)
    need(found['personality'].strip() == '00000008', found['personality'])


# Enforced by process_setup.c: no_new_privs is set in both, and by exec.c:prepare().
@test
def a_set_uid_program_gains_nothing(box):
    for shape in (docker, spec, lambda b: in_user_namespace(docker(b)),
                  lambda b: in_user_namespace(spec(b))):
        user(shape(box), 1000)
        box.process['noNewPrivileges'] = True
        payload(box)
        program = box.rootfs / 'bin' / 'setuid'
        shutil.copy(box.rootfs / 'bin' / 'payload', program)
        owner = (box.rootfs / 'bin').stat().st_uid
        os.chown(program, owner, owner)
        program.chmod(0o6755)
        box.process['args'] = ['/bin/setuid', 'ids']
        text = box.run().ok().out
        need(text == 'uid 1000 euid 1000 egid 1000\n', text)
        text = box.up().exec('/bin/setuid', 'ids').ok().out
        need(text == 'uid 1000 euid 1000 egid 1000\n', text)
        process = box.dir / 'process.json'
        box.process['args'] = ['/bin/setuid', 'ids']
        box.process['noNewPrivileges'] = False
        process.write_text(json.dumps(box.process))
        text = box.oci('exec', '--process', process, box.id).ok().out
        need(text == 'uid 1000 euid 1000 egid 1000\n', text)
        box.delete('--force').ok()


@test
def the_same_set_uid_program_works_without(box):
    """That the test above can see a gain at all."""
    user(docker(box), 1000)
    program = payload(box)
    (box.rootfs / 'bin' / 'payload').chmod(0o6755)
    box.process['args'] = [program, 'ids']
    need(box.run().ok().out == 'uid 1000 euid 0 egid 0\n')


if __name__ == '__main__':
    main()
