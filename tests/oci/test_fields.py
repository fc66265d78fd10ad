#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Effects of the fields of config.json that the other files leave out. Where a machine lacks what a
field needs, the field must be refused by its JSON pointer: that is tested instead."""
import array
import json
import os
import select
import socket
import threading

from ocitest import Skip, listener, main, need, receive_fd, test


def kernel_has(path, feature):
    if not os.path.exists(path):
        raise Skip(f'kernel without {feature}')


def controllers():
    """Controllers that can be used: those of cgroup v1, or where there are none those of v2, which
    are named with v2: in front."""
    first, second = set(), set()
    for line in open('/proc/self/mountinfo', encoding='utf-8'):
        fields = line.split()
        kind = fields[fields.index('-') + 1]
        if kind == 'cgroup':
            first.update(name for name in fields[-1].split(',') if not name.startswith('name='))
        elif kind == 'cgroup2':
            with open(f'{fields[4]}/cgroup.controllers', encoding='utf-8') as file:
                second.update(f'v2:{name}' for name in file.read().split())
    return first - {'rw', 'ro'} or second


def refused_without(box, needed, pointer):
    """True after checking the refusal, where none of the needed controllers is there."""
    if controllers().intersection(needed):
        return False
    box.create().fails(pointer)
    need(not box.leftovers(), box.leftovers())
    return True


# ---- process ----

@test
def console_size(box):
    box.process['terminal'] = True
    box.process['consoleSize'] = {'height': 33, 'width': 99}
    box.sh('stty size; exec sleep 1000')
    with listener(box.dir / 'sock') as sock:
        thread = threading.Thread(target=lambda: fds.append(receive_fd(sock)))
        fds = []
        thread.start()
        box.create('--console-socket', box.dir / 'sock').ok()
        thread.join(20)
    box.start().ok()
    need(select.select(fds, [], [], 10)[0], 'nothing was printed')
    text = os.read(fds[0], 100)
    os.close(fds[0])
    need(text.startswith(b'33 99'), text)


@test
def labels_take_effect_or_are_refused(box):
    for pointer, name, path in (('/process/apparmorProfile', 'apparmor', '/sys/kernel/security/apparmor'),
                                ('/process/selinuxLabel', 'selinux', '/sys/fs/selinux/enforce')):
        if os.path.exists(path):
            raise Skip(f'needs a kernel without {name}; its effect is tested on distributions that have it')
        key = pointer.split('/')[2]
        box.process[key] = 'some_u:some_r:some_t:s0'
        box.create().fails(pointer)
        del box.process[key]
    box.linux['mountLabel'] = 'some_u:some_r:some_t:s0'
    box.create().fails('/linux/mountLabel')


@test
def real_time_scheduling(box):
    box.process['scheduler'] = {'policy': 'SCHED_RR', 'priority': 7,
                                'flags': ['SCHED_FLAG_RESET_ON_FORK']}
    try:
        pid = os.fork()
        if pid == 0:
            try:
                os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(7))
                os._exit(0)
            except OSError:
                os._exit(1)
        allowed = os.waitpid(pid, 0)[1] == 0
    except OSError:
        allowed = False
    if not allowed:
        box.run().fails('/process/scheduler')
        return
    box.up()
    pid = box.pid()
    need(os.sched_getscheduler(pid) == os.SCHED_RR | os.SCHED_RESET_ON_FORK, os.sched_getscheduler(pid))
    need(os.sched_getparam(pid).sched_priority == 7)


@test
def deadline_scheduling(box):
    """Given to the kernel as they are: it takes them, or its refusal names the field."""
    box.process['scheduler'] = {'policy': 'SCHED_DEADLINE', 'runtime': 1000000, 'deadline': 10000000,
                                'period': 20000000, 'flags': ['SCHED_FLAG_RESET_ON_FORK']}
    box.sh('exec sleep 1000')
    result = box.create()
    if result.code == 0:
        result = box.start()
    if result.code != 0:
        result.fails('/process/scheduler')
        return
    need(os.sched_getscheduler(box.pid()) & ~os.SCHED_RESET_ON_FORK == 6)


@test
def affinity_of_exec(box):
    first = min(os.sched_getaffinity(0))
    box.process['execCPUAffinity'] = {'initial': str(first), 'final': str(first)}
    box.up()
    out = box.exec('/bin/grep', 'Cpus_allowed_list', '/proc/self/status').ok().out
    need(out.split()[1] == str(first), out)
    with open(f'/proc/{box.pid()}/status', encoding='utf-8') as file:
        own = next(line for line in file if line.startswith('Cpus_allowed_list'))
    if len(os.sched_getaffinity(0)) > 1:
        need(own.split()[1] != str(first), 'process 1 was bound as well:', own)


# ---- mounts ----

@test
def mount_flags(box):
    for number, (options, shown) in enumerate((
            (['ro', 'nosuid'], {'ro', 'nosuid'}), (['rw', 'nodev'], {'rw', 'nodev'}),
            (['noexec', 'noatime'], {'noexec', 'noatime'}), (['nodiratime'], {'nodiratime'}),
            (['strictatime'], set()), (['relatime'], {'relatime'}), (['nosymfollow'], {'nosymfollow'}),
            (['ro', 'rw', 'exec', 'dev', 'suid'], {'rw'}), (['sync', 'dirsync'], {'rw'}))):
        for kind in ('tmpfs', 'bind'):
            if kind == 'bind' and 'sync' in options:
                continue
            mount = {'destination': f'/{kind}{number}', 'type': kind,
                     'source': '/proc/sys' if kind == 'bind' else 'tmpfs',
                     'options': options + (['bind'] if kind == 'bind' else [])}
            if kind == 'bind':
                mount['source'] = str(box.dir)
            box.config['mounts'] = [m for m in box.config['mounts'] if m['destination'] != mount['destination']]
            box.config['mounts'].append(mount)
            out = box.run_sh(f'grep " {mount["destination"]} " /proc/self/mountinfo').ok().out
            flags = set(out.split()[5].split(','))
            need(shown <= flags, options, kind, out)
            need(not ('strictatime' in options and flags & {'relatime', 'noatime'}), options, kind, out)
            if 'sync' in options:
                need({'sync', 'dirsync'} <= set(out.split()[-1].split(',')), out)


@test
def id_mapped_mounts(box):
    source = box.dir / 'source'
    (source / 'sub').mkdir(parents=True)
    (source / 'file').touch()
    os.chown(source / 'file', 1, 2)
    maps = {'uidMappings': [{'containerID': 0, 'hostID': 1000, 'size': 10}],
            'gidMappings': [{'containerID': 0, 'hostID': 3000, 'size': 10}]}
    for options in (['bind', 'idmap'], ['rbind', 'ridmap']):
        box.config['mounts'] = [m for m in box.config['mounts'] if m['destination'] != '/mapped']
        box.config['mounts'].append({'destination': '/mapped', 'source': str(source), 'options': options,
                                     **maps})
        result = box.run_sh('stat -c "%u %g" /mapped/file')
        if result.code != 0:
            result.fails('/mounts/')
            raise Skip('file system that cannot be id-mapped')
        need(result.out == '1001 3002\n', options, result.out)


# ---- linux ----

@test
def annotations_are_reported(box):
    box.config['annotations'] = {'org.example.key': 'value', 'empty': ''}
    box.up()
    need(box.state()['annotations'] == box.config['annotations'], box.state())


@test
def unknown_properties_are_logged(box):
    box.config['unheardOf'] = {'x': 1}
    box.linux['alsoNew'] = []
    box.sh('true').write()
    result = box.oci('--log', box.dir / 'log', '--log-format', 'json', 'run', '-b', box.bundle, box.id).ok()
    text = result.err + (box.dir / 'log').read_text()
    need('/unheardOf' in text and '/linux/alsoNew' in text, text)


@test
def monotonic_offset(box):
    kernel_has('/proc/self/timens_offsets', 'time namespaces')
    box.linux['namespaces'].append({'type': 'time'})
    box.linux['timeOffsets'] = {'monotonic': {'secs': 86400, 'nanosecs': 5}}
    out = box.run_sh('cat /proc/self/timens_offsets').ok().out
    need(out.split()[:3] == ['monotonic', '86400', '5'], out)


@test
def memory_controller(box):
    box.linux['resources']['memory'] = {'limit': 64 << 20, 'reservation': 32 << 20, 'swap': 128 << 20}
    if refused_without(box, {'memory', 'v2:memory'}, '/linux/resources/memory'):
        return
    if 'memory' not in controllers():
        raise Skip('cgroup v1 controller memory is not here')
    box.linux['resources']['memory'].update({'swappiness': 11, 'useHierarchy': True, 'kernelTCP': 16 << 20,
                                             'disableOOMKiller': False, 'checkBeforeUpdate': True})
    swap = os.path.exists('/sys/fs/cgroup/memory/memory.memsw.limit_in_bytes')
    if not swap:
        box.create().fails('/linux/resources/memory/swap')
        del box.linux['resources']['memory']['swap']
    box.up()

    def value(name):
        return box.group_file('memory', name).read_text().strip()
    need(value('memory.limit_in_bytes') == str(64 << 20))
    need(value('memory.soft_limit_in_bytes') == str(32 << 20))
    need(value('memory.swappiness') == '11')
    need(value('memory.kmem.tcp.limit_in_bytes') == str(16 << 20))
    need(value('memory.oom_control').startswith('oom_kill_disable 0'))
    if swap:
        need(value('memory.memsw.limit_in_bytes') == str(128 << 20))


@test
def cpu_controllers(box):
    cpu = min(os.sched_getaffinity(0))
    box.linux['resources']['cpu'] = {'quota': 20000, 'period': 50000, 'cpus': str(cpu), 'mems': '0'}
    if refused_without(box, {'cpu', 'v2:cpu'}, '/linux/resources/cpu'):
        return
    if 'cpu' not in controllers():
        raise Skip('cgroup v1 controller cpu is not here')
    box.up()
    for controller, name, value in (('cpu', 'cpu.cfs_quota_us', '20000'), ('cpu', 'cpu.cfs_period_us', '50000'),
                                    ('cpuset', 'cpuset.cpus', str(cpu)), ('cpuset', 'cpuset.mems', '0')):
        text = box.group_file(controller, name).read_text().strip()
        need(text == value, name, text)
    box.oci('delete', '--force', box.id).ok()
    for key, value, name in (('burst', 10000, 'cpu.cfs_burst_us'), ('idle', 1, 'cpu.idle'),
                             ('realtimeRuntime', 1000, 'cpu.rt_runtime_us'),
                             ('realtimePeriod', 900000, 'cpu.rt_period_us')):
        box.linux['resources']['cpu'] = {'quota': 20000, 'period': 50000, key: value}
        result = box.sh('exec sleep 1000').create()
        if result.code != 0:
            result.fails('/linux/resources/cpu/' + key)
            continue
        need(box.group_file('cpu', name).read_text().strip() == str(value), key)
        box.oci('delete', '--force', box.id).ok()


@test
def block_io_controller(box):
    """A rate for a device that is there; a weight where the scheduler has one, else the refusal."""
    disks = [d for d in os.listdir('/sys/block') if not d.startswith(('loop', 'ram', 'zram'))]
    if not disks:
        raise Skip('no block device')
    with open(f'/sys/block/{disks[0]}/dev', encoding='ascii') as file:
        major, minor = map(int, file.read().split(':'))
    rates = (('throttleReadBpsDevice', 'blkio.throttle.read_bps_device'),
             ('throttleWriteBpsDevice', 'blkio.throttle.write_bps_device'),
             ('throttleReadIOPSDevice', 'blkio.throttle.read_iops_device'),
             ('throttleWriteIOPSDevice', 'blkio.throttle.write_iops_device'))
    box.linux['resources']['blockIO'] = {key: [{'major': major, 'minor': minor, 'rate': 1000 + n}]
                                         for n, (key, _) in enumerate(rates)}
    if refused_without(box, {'blkio', 'v2:io'}, '/linux/resources/blockIO'):
        return
    if 'blkio' not in controllers():
        raise Skip('cgroup v1 controller io is not here')
    box.up()
    for n, (_, name) in enumerate(rates):
        need(f'{major}:{minor} {1000 + n}' in box.group_file('blkio', name).read_text(), name)
    box.oci('delete', '--force', box.id).ok()
    for key, value in (('weight', 500), ('leafWeight', 500),
                       ('weightDevice', [{'major': major, 'minor': minor, 'weight': 300}])):
        box.linux['resources']['blockIO'] = {key: value}
        result = box.sh('exec sleep 1000').create()
        if result.code != 0:
            result.fails('/linux/resources/blockIO')
            continue
        need(os.path.exists(box.group_file('blkio', 'blkio.bfq.weight')), key)
        box.oci('delete', '--force', box.id).ok()


@test
def hugetlb_controller(box):
    box.linux['resources']['hugepageLimits'] = [{'pageSize': '2MB', 'limit': 4 << 20}]
    if refused_without(box, {'hugetlb', 'v2:hugetlb'}, '/linux/resources/hugepageLimits'):
        return
    if 'hugetlb' not in controllers():
        raise Skip('cgroup v1 controller hugetlb is not here')
    box.up()
    need(box.group_file('hugetlb', 'hugetlb.2MB.limit_in_bytes').read_text().strip() == str(4 << 20))


@test
def network_controllers(box):
    for needed, pointer, value in (('net_cls', 'classID', 0x100001),
                                   ('net_prio', 'priorities', [{'name': 'lo', 'priority': 5}])):
        box.linux['resources']['network'] = {pointer: value}
        if refused_without(box, {needed}, '/linux/resources/network'):
            continue
        box.up()
        if needed == 'net_cls':
            need(box.group_file(needed, 'net_cls.classid').read_text().strip() == str(0x100001))
        else:
            need('lo 5' in box.group_file(needed, 'net_prio.ifpriomap').read_text())
        box.oci('delete', '--force', box.id).ok()


@test
def rdma_and_unified_take_effect_or_are_refused(box):
    box.linux['resources']['rdma'] = {'no_such_device': {'hcaHandles': 1}}
    box.create().fails('/linux/resources/rdma')
    del box.linux['resources']['rdma']
    box.linux['resources']['unified'] = {'memory.high': '33554432'}
    if 'v2:memory' in controllers():
        raise Skip('cgroup v1 controller memory is not here')
    box.create().fails('/linux/resources/unified')


# ---- seccomp ----

def seccomp(box, *rules, **more):
    box.linux['seccomp'] = {'defaultAction': 'SCMP_ACT_ALLOW', 'architectures': ['SCMP_ARCH_X86_64'],
                            'syscalls': list(rules), **more}


@test
def seccomp_default_number(box):
    """Everything a shell needs is listed, so that only mkdir meets the default."""
    box.sh('exec mkdir /tmp/x')
    names = ('read write open openat close stat fstat lstat newfstatat poll mmap mprotect munmap brk '
             'rt_sigaction rt_sigprocmask rt_sigreturn ioctl access execve exit exit_group uname fcntl '
             'getuid getgid geteuid getegid setuid setgid setresuid setresgid setgroups capget capset '
             'getppid getpid gettid arch_prctl set_tid_address set_robust_list prlimit64 readlink readlinkat '
             'rseq getrandom futex prctl seccomp sendmsg recvmsg sendto recvfrom ppoll dup dup2 dup3 '
             'getcwd chdir umask statx faccessat faccessat2 lseek pread64 writev sysinfo getpgrp wait4 '
             'clock_gettime close_range fchdir setsid execveat').split()
    box.linux['seccomp'] = {'defaultAction': 'SCMP_ACT_ERRNO', 'defaultErrnoRet': 28,
                            'architectures': ['SCMP_ARCH_X86_64'],
                            'syscalls': [{'names': names, 'action': 'SCMP_ACT_ALLOW'}]}
    box.run().fails('No space left')


@test
def seccomp_flags(box):
    seccomp(box, {'names': ['mkdir'], 'action': 'SCMP_ACT_ERRNO'},
            flags=['SECCOMP_FILTER_FLAG_LOG', 'SECCOMP_FILTER_FLAG_SPEC_ALLOW', 'SECCOMP_FILTER_FLAG_TSYNC'])
    result = box.run_sh('mkdir /tmp/x; grep Speculation_Store /proc/self/status')
    need('not permitted' in result.err, result.err)
    box.linux['seccomp']['flags'] = ['SECCOMP_FILTER_FLAG_NEW_LISTENER']
    box.run().fails('/linux/seccomp/flags/0')


@test
def seccomp_notify(box):
    """The agent gets the listener and the state; a call waits until the listener is closed."""
    seccomp(box, {'names': ['mkdir', 'mkdirat'], 'action': 'SCMP_ACT_NOTIFY'},
            listenerPath=str(box.dir / 'agent'), listenerMetadata='some data')
    got = []

    def agent(sock):
        connection, _ = sock.accept()
        with connection:
            text, fds, _, _ = socket.recv_fds(connection, 65536, 4)
            got.append((json.loads(text), list(array.array('i', fds))))

    with listener(box.dir / 'agent') as sock:
        thread = threading.Thread(target=agent, args=(sock,))
        thread.start()
        box.sh('mkdir /tmp/x; echo after; exec sleep 1000')
        box.create().ok()
        box.start().ok()
        thread.join(20)
    need(got, 'the agent got nothing')
    state, fds = got[0]
    need(state['metadata'] == 'some data' and state['fds'] == ['seccompFd'] and len(fds) == 1, state)
    need(state['state']['id'] == box.id and state['pid'] > 0, state)
    ready = select.select(fds, [], [], 10)[0]
    os.close(fds[0])
    need(ready, 'no call was seen by the listener')


if __name__ == '__main__':
    main()
