#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Limits, update, events and statistics."""
import json
import os
import select
import time

from ocitest import main, need, test


def resources(box, **values):
    box.linux['resources'].update(values)
    return box


@test
def limits_of_the_configuration(box):
    resources(box, memory={'limit': 64 << 20}, pids={'limit': 40}, cpu={'shares': 512}).up()
    need(box.group_file('memory', 'memory.limit_in_bytes').read_text().strip() == str(64 << 20))
    need(box.group_file('pids', 'pids.max').read_text().strip() == '40')
    need(box.group_file('cpu', 'cpu.shares').read_text().strip() == '512')


@test
def the_pids_limit_holds(box):
    resources(box, pids={'limit': 5})
    result = box.run_sh('for i in 1 2 3 4 5 6 7 8; do sleep 1 & done; wait')
    need('fork' in result.err, result.err)


@test
def the_process_is_in_its_group(box):
    box.up()
    with open(f'/proc/{box.pid()}/cgroup', encoding='utf-8') as file:
        text = file.read()
    need(box.group in text, text)


@test
def a_group_in_use_is_refused(box):
    box.up()
    second = box.dir / 'second'
    os.mkdir(second)
    box.config['root']['path'] = str(box.rootfs)
    box.write(second)
    box.ids.append(box.id + '-2')
    box.oci('create', '--bundle', second, box.id + '-2').fails('cgroup')
    need(box.status() == 'running')


@test
def a_limit_that_cannot_be_had_is_an_error(box):
    resources(box, memory={'limit': 64 << 20, 'reservation': -5})
    box.create().fails('/linux/resources/memory/reservation')
    need(not box.leftovers(), box.leftovers())


@test
def update_by_options(box):
    box.up()
    box.oci('update', '--memory', '48m', '--pids-limit', '33', box.id).ok()
    need(box.group_file('memory', 'memory.limit_in_bytes').read_text().strip() == str(48 << 20))
    need(box.group_file('pids', 'pids.max').read_text().strip() == '33')
    box.oci('update', '--cpu-quota', '20000', '--cpu-period', '100000', box.id).ok()
    need(box.group_file('cpu', 'cpu.cfs_quota_us').read_text().strip() == '20000')
    box.oci('update', '--cpu-quota=-1', box.id).ok()
    need(box.group_file('cpu', 'cpu.cfs_quota_us').read_text().strip() == '-1')
    box.oci('update', '--cpuset-cpus', '0', box.id).ok()
    need(box.group_file('cpuset', 'cpuset.cpus').read_text().strip() == '0')
    box.oci('update', '--pids-limit=-1', box.id).ok()
    need(box.group_file('pids', 'pids.max').read_text().strip() == 'max')


@test
def what_update_joined_is_removed_too(box):
    box.up()
    box.oci('update', '--cpu-share', '300', box.id).ok()
    need(box.group_file('cpu', 'cpu.shares').read_text().strip() == '300')
    box.delete('--force').ok()
    need(not box.leftovers(), box.leftovers())


@test
def update_from_a_file_and_standard_input(box):
    box.up()
    path = box.dir / 'resources.json'
    path.write_text(json.dumps({'pids': {'limit': 21}}))
    box.oci('update', '--resources', path, box.id).ok()
    need(box.group_file('pids', 'pids.max').read_text().strip() == '21')
    path.write_text(json.dumps({'pids': {'limit': 22}}))
    with open(path, 'rb') as file:
        box.oci('update', '-r', '-', box.id, stdin=file).ok()
    need(box.group_file('pids', 'pids.max').read_text().strip() == '22')
    path.write_text('{"nonsense')
    box.oci('update', '-r', path, box.id).fails('resources')
    path.write_text('{"pids": {"limit": "x"}}')
    box.oci('update', '-r', path, box.id).fails('/pids/limit')


@test
def update_refuses_nonsense(box):
    box.up()
    box.oci('update', '--memory', 'lots', box.id).fails('--memory')
    box.oci('update', '--cpu-share', '-1', box.id).fails('--cpu-share')
    box.oci('update', '--blkio-weight', '5000', box.id).fails('--blkio-weight')
    box.kill().ok()
    box.wait_status('stopped')
    box.oci('update', '--pids-limit', '10', box.id).fails('not running')


@test
def statistics(box):
    resources(box, pids={'limit': 40}, memory={'limit': 64 << 20}).up()
    event = box.oci('events', '--stats', box.id).ok().json()
    need(event['type'] == 'stats' and event['id'] == box.id, event)
    data = event['data']
    need(data['pids']['current'] == 1 and data['pids']['limit'] == 40, data['pids'])
    need(data['memory']['usage']['limit'] == 64 << 20, data['memory'])
    need(data['memory']['usage']['usage'] > 0, data['memory'])
    need(data['cpu']['usage']['total'] > 0, data['cpu'])


def read_line(child, seconds=15):
    need(select.select([child.stdout], [], [], seconds)[0], 'no event')
    return json.loads(child.stdout.readline())


@test
def events_come_at_the_interval_and_end(box):
    box.up()
    start = time.monotonic()
    child = box.popen('events', '--interval', '200ms', box.id)
    for _ in range(3):
        need(read_line(child)['type'] == 'stats')
    need(time.monotonic() - start >= 0.55, 'too early')
    box.kill().ok()
    need(child.wait(10) == 0)
    for bad in ('0s', 'x', '5', '-1s', '1y'):
        box.oci('events', '--interval', bad, box.id).fails('--interval')


@test
def events_tell_of_oom(box):
    resources(box, memory={'limit': 16 << 20})
    box.up('while ! test -e /tmp/go; do sleep 0.05; done; '
           '(dd if=/dev/zero of=/dev/null bs=64M count=1); exec sleep 1000')
    child = box.popen('events', '--interval', '1h', box.id)
    time.sleep(0.3)
    (box.rootfs / 'tmp/go').touch()
    event = read_line(child)
    need(event == {'type': 'oom', 'id': box.id}, event)


@test
def events_of_a_stopped_container(box):
    box.up()
    box.kill().ok()
    box.wait_status('stopped')
    box.oci('events', '--stats', box.id).fails('not running')


@test
def devices_are_denied_by_default(box):
    box.process['capabilities'] = {name: ['CAP_MKNOD'] for name in
                                   ('bounding', 'effective', 'permitted')}
    box.linux['resources']['devices'] = [
        {'allow': False, 'access': 'rwm'},
        {'allow': True, 'type': 'c', 'major': 1, 'minor': 11, 'access': 'r'}]
    result = box.run_sh('mknod /tmp/b b 7 0; mknod /tmp/k c 1 11 && head -c 0 < /tmp/k && echo read; '
                        'echo x > /tmp/k; head -c 2 /dev/zero | wc -c; echo > /dev/null && echo null')
    need('read' not in result.out, 'mknod of a device without "m"', result.out)
    need('2\nnull\n' in result.out, result.out, result.err)


@test
def cgroup_namespace_and_mount(box):
    box.linux['namespaces'].append({'type': 'cgroup'})
    box.config['mounts'].append({'destination': '/sys/fs/cgroup', 'type': 'cgroup', 'source': 'cgroup',
                                 'options': ['nosuid', 'noexec', 'nodev', 'relatime', 'ro']})
    result = box.run_sh('cat /proc/self/cgroup; ls /sys/fs/cgroup; echo x > /sys/fs/cgroup/y')
    need(box.group not in result.out, result.out)
    need({'pids', 'pids.max'} & set(result.out.split()), result.out)
    need('Read-only' in result.err, result.err)


@test
def default_path_of_the_groups(box):
    del box.linux['cgroupsPath']
    box.group = f'/bulkhead-{box.id}'
    box.up()
    need(box.groups(), 'no groups at the default path')
    box.delete('--force').ok()
    need(not box.groups(), box.groups())


if __name__ == '__main__':
    main()
