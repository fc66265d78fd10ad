#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A caller without root, and root of a user namespace only."""
import json
import os
import subprocess

from ocitest import main, need, test

USER = 54321


def rootless(box, user=USER):
    """The configuration of `spec --rootless`, for a caller with this uid."""
    box.user = user
    for path in [box.dir, *box.dir.rglob('*')]:
        os.lchown(path, user, user)
    box.oci('spec', '--rootless', '--bundle', box.bundle).ok()
    box.config = json.loads((box.bundle / 'config.json').read_text())
    box.process['terminal'] = False
    box.process['env'] = ['PATH=/bin']
    return box


@test
def run_without_root(box):
    rootless(box)
    result = box.run_sh('id -u; cat /proc/self/uid_map; echo x > /dev/null && test -c /dev/zero && echo dev')
    words = result.ok().out.split()
    need(words == ['0', '0', str(USER), '1', 'dev'], words)


@test
def life_without_root(box):
    rootless(box).up()
    need(box.status() == 'running')
    need(box.exec('/bin/echo', 'in').ok().out == 'in\n')
    need(box.oci('list', '-q').ok().lines == [box.id])
    with open(f'/proc/{box.pid()}/status', encoding='utf-8') as file:
        need(f'Uid:\t{USER}' in file.read(), 'not the caller on the host')
    box.kill().ok()
    box.wait_status('stopped')
    box.delete().ok()


@test
def the_default_root_is_below_the_runtime_directory(box):
    rootless(box).sh('true').write()
    run = box.dir / 'xdg'
    run.mkdir()
    os.chown(run, USER, USER)
    command = [box.runtime, 'run', '--keep', '--bundle', box.bundle, box.id]
    env = {'XDG_RUNTIME_DIR': str(run), 'PATH': os.environ['PATH']}
    subprocess.run(command, check=True, env=env, user=USER, group=USER, extra_groups=[], timeout=60)
    need((run / 'bulkhead-oci' / box.id / 'state.json').exists(), list(run.rglob('*')))
    need((run / 'bulkhead-oci').stat().st_mode & 0o777 == 0o700)
    subprocess.run([box.runtime, 'delete', box.id], check=True, env=env, user=USER, group=USER,
                   extra_groups=[], timeout=60)


@test
def a_limit_that_needs_root_is_refused(box):
    rootless(box)
    box.linux.setdefault('resources', {})['pids'] = {'limit': 10}
    result = box.run()
    if result.code == 0:
        return  # the groups are delegated to this user
    result.fails('cgroup')
    need(not box.leftovers(), box.leftovers())


@test
def the_report_names_what_is_missing(box):
    rootless(box).up()
    report = box.oci('boundary', box.id, '--format', 'json').ok().json()
    text = json.dumps(report)
    need('shared-kernel' in text and 'pids' in text, text)


@test
def others_cannot_look_into_the_state(box):
    box.up()
    box.user = USER
    os.chmod(box.dir, 0o755)
    for args in (('state',), ('kill',), ('delete', '--force'), ('exec',)):
        result = box.oci(*args, box.id, *(['/bin/true'] if args[0] == 'exec' else []))
        need(result.code != 0, args, 'succeeded for another user')
    box.user = None
    need(box.status() == 'running')


@test
def root_of_a_user_namespace(box):
    rootless(box, USER)
    box.user = None
    box.linux['namespaces'] = [n for n in box.linux['namespaces'] if n['type'] != 'user']
    box.linux.pop('uidMappings', None)
    box.linux.pop('gidMappings', None)
    box.sh('id -u; echo x > /dev/null && echo dev; cat /proc/self/uid_map').write()
    result = subprocess.run(
        ['unshare', '--user', '--map-root-user', '--mount', '--fork',
         *box.command('run', '--bundle', box.bundle, box.id)],
        capture_output=True, text=True, user=USER, group=USER, extra_groups=[], timeout=60, check=False)
    need(result.returncode == 0, result.stderr)
    words = result.stdout.split()
    need(words == ['0', 'dev', '0', str(USER), '1'], words)


if __name__ == '__main__':
    main()
