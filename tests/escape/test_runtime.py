#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The runtime's own executable and descriptors, from inside a container.

Overwriting the runtime (CVE-2019-5736), leaked descriptors and working directories
(CVE-2024-21626), and looking into processes that join (CVE-2016-9962)."""
import contextlib
import errno
import hashlib
import os
import shutil
import time

from escapetest import (BUSYBOX, Host, capabilities, docker, in_user_namespace, main, need, no_filter,
                        payload, test, verdicts)

FDS = range(3, 15)
POWERS = ('CAP_SYS_PTRACE', 'CAP_SYS_ADMIN', 'CAP_DAC_OVERRIDE', 'CAP_DAC_READ_SEARCH')


@contextlib.contextmanager
def own_runtime(box):
    """A copy of the runtime, so that a hole ruins neither the build nor the clean-up; it must be the
    same at the end."""
    real, copy = box.runtime, box.dir / 'runtime'
    shutil.copy(real, copy)
    copy.chmod(0o755)
    before = fingerprint(copy)
    box.runtime = str(copy)
    try:
        yield
    except OSError as error:
        raise AssertionError(f'the runtime cannot be executed any more: {error}') from error
    finally:
        box.runtime = real
    need(fingerprint(copy) == before, 'the runtime was changed')


def fingerprint(path):
    st = os.stat(path)
    return hashlib.sha256(path.read_bytes()).hexdigest(), st.st_mtime_ns, st.st_size, st.st_mode


# Enforced by sandbox/protect.c: the program runs from a detached read-only mount. In a user namespace
# the owner of the file is not mapped, either.
def insist(call, *args):
    """Linux counts an open for writing before it sees that the mount is read-only: while one fails in
    the container, execve(2) outside may say ETXTBSY. No harm to the file, and over at once."""
    for _ in range(200):
        try:
            return call(*args)
        except OSError as error:
            if error.errno != errno.ETXTBSY:
                raise
    raise AssertionError('the runtime stays open for writing')


def unwritten(box):
    """What the payload says. It had no process of the runtime beside it at the end: what runs cannot
    be written in any case (ETXTBSY)."""
    path = box.rootfs / 'tmp' / 'result'
    box.wait_for(lambda: path.exists() and path.read_text().endswith('\n'), 'the payload')
    out = path.read_text()
    need(out.startswith('seen ') and not out.startswith('seen 0 '), 'it never met the runtime:', out)
    need(' written 0' in out, 'an executable was opened for writing:', out)


def attack_exec(box):
    """Process 1 goes for every executable it sees, while others are executed beside it, some of which
    are made to run the runtime itself (/proc/self/exe as program or interpreter)."""
    payload(box)
    script = box.rootfs / 'bin' / 'exploit'
    script.write_text('#!/proc/self/exe\n')
    script.chmod(0o755)
    with own_runtime(box):
        box.up('/bin/payload write-exe 2 > /tmp/result; exec sleep 1000')
        end = time.monotonic() + 2
        while time.monotonic() < end:
            insist(box.exec, '/bin/true')
            insist(box.exec, '/proc/self/exe', '--version')
            insist(box.exec, '/bin/exploit')
        unwritten(box)


@test
def executable_of_exec_is_not_writable(box):
    attack_exec(docker(box))


@test
def nor_with_every_power_over_processes(box):
    attack_exec(no_filter(capabilities(docker(box), *POWERS)))


@test
def nor_in_a_user_namespace(box):
    attack_exec(capabilities(no_filter(in_user_namespace(docker(box))), *POWERS))


@test
def executable_of_a_created_container_is_not_writable(box):
    capabilities(no_filter(docker(box)), *POWERS)
    payload(box)
    box.sh('exec sleep 1000')
    with own_runtime(box):
        box.create().ok()
        box.oci('exec', '--detach', box.id, '/bin/sh', '-c',
                '/bin/payload write-exe 2 > /tmp/result').ok()
        time.sleep(1.5)
        insist(box.start).ok()  # the program of process 1 is the image's from here on
        unwritten(box)


# Enforced by the descriptors' close-on-exec flags and process_setup.c:close_others().
@test
def no_descriptor_leaks(box):
    """What is open in the caller (a directory of the host, too) is not open in the container."""
    extra = os.open('/', os.O_RDONLY)
    os.set_inheritable(extra, True)
    try:
        for config in (docker, lambda b: in_user_namespace(docker(b))):
            script = 'cd /proc/self/fd; for f in *; do echo $f; done'
            text = config(box).run_sh(script, fds=(extra,)).ok().out
            need(text.split()[:3] == ['0', '1', '2'], text)
            box.sh('exec sleep 1000').create(fds=(extra,)).ok()
            box.start().ok()
            # ls opens the directory itself, as descriptor 3
            listed = box.exec('/bin/ls', '/proc/self/fd', fds=(extra,)).ok().out.split()
            need(listed == ['0', '1', '2', '3'], listed)
            listed = box.exec('/bin/ls', '/proc/1/fd', fds=(extra,)).ok().out.split()
            need(listed == ['0', '1', '2'], listed)
            box.delete('--force').ok()
    finally:
        os.close(extra)


# Enforced by process_setup.c:enter_cwd() and close_others(): either alone would do.
@test
def working_directory_through_a_descriptor(box):
    host = Host(box)
    docker(box)
    inside = (box.rootfs / 'etc' / 'passwd').read_text()
    for fd in FDS:
        for path in (f'/proc/self/fd/{fd}', f'/proc/self/fd/{fd}/', f'/proc/self/fd/{fd}/..',
                     f'/proc/1/fd/{fd}', f'/proc/thread-self/fd/{fd}/../..'):
            box.process['cwd'] = path
            result = box.run_sh('pwd; cat ../../../../../../../../../../etc/passwd; ls ../host')
            need(result.code != 0 or result.out.endswith(inside) or inside in result.out, path,
                 result.out)
            need('secret' not in result.out, path, result.out)
    host.unchanged()


@test
def working_directory_of_exec_through_a_descriptor(box):
    Host(box)
    docker(box).up()
    for fd in FDS:
        result = box.oci('exec', '--cwd', f'/proc/self/fd/{fd}', box.id, '/bin/sh', '-c',
                         'ls ../host ../../host ../../../host')
        need(result.code != 0 and 'secret' not in result.out, fd, result.out)


# Enforced by process_setup.c:close_others(): the program, its interpreter and those of ELF are
# looked up while close-on-exec descriptors are still open.
@test
def program_through_a_descriptor(box):
    """The state directory and the bundle lie next to a program of the host."""
    host = Host(box)
    docker(box)
    program = box.dir / 'busybox'
    shutil.copy(BUSYBOX, program)
    for fd in FDS:
        for up in ('..', '../..'):
            path = f'/proc/self/fd/{fd}/{up}/busybox'
            box.process['args'] = [path, 'echo', 'from the host']
            box.process['env'] = ['PATH=/bin']
            need('from the host' not in box.run().out, path)
            script = box.rootfs / 'bin' / 'script'
            script.write_text(f'#!{path} echo\n')
            script.chmod(0o755)
            box.process['args'] = ['/bin/script']
            need(box.run().code != 0, path)
    program.unlink()
    host.unchanged()


@test
def program_of_exec_through_a_descriptor(box):
    docker(box)
    program = box.dir / 'busybox'
    shutil.copy(BUSYBOX, program)
    box.up()
    for fd in FDS:
        for up in ('..', '../..'):
            path = f'/proc/self/fd/{fd}/{up}/busybox'
            result = box.exec(path, 'echo', 'from the host')
            need(result.code != 0 and 'from the host' not in result.out, path)
            result = box.oci('exec', '--env', f'PATH=/proc/self/fd/{fd}/{up}', box.id, 'busybox')
            need(result.code != 0, path)


# Enforced by PR_SET_DUMPABLE in init.c, exec.c and create.c.
@test
def a_process_that_waits_is_not_looked_into(box):
    """A created container's process 1 and an exec, from a process with the same ids."""
    in_user_namespace(no_filter(docker(box)))
    payload(box)
    box.sh('exec sleep 1000')
    box.create().ok()
    found = verdicts(box.exec('/bin/payload', 'process', '1').ok().out)
    need(found['signal'] == 'ok', found)
    need(found['ptrace'] == 'EPERM' and found['root'] != 'ok', found)
    for command in (('ls', '/proc/1/fd'), ('ls', '/proc/1/cwd/'), ('cat', '/proc/1/environ')):
        need(box.exec(*command).out == '', command)


if __name__ == '__main__':
    main()
