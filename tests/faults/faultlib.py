# SPDX-License-Identifier: Apache-2.0
"""Hit a command of bulkhead-oci at its n-th system call with killat, and account for what is left.

The test's process is the subreaper: whatever a killed runtime leaves running becomes its child, in
any namespace and by any name, and is seen there. Paths, mounts and groups come from ocitest.Box."""
import ctypes
import errno
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import time

TOP = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(TOP / 'tests' / 'oci'))
from ocitest import need  # noqa: E402

# Every STEP-th call; 1 = all of them.
STEP = int(os.environ.get('STEP', '1'))
SECONDS = 20
PR_SET_CHILD_SUBREAPER = 36


def become_subreaper():
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def call_names():
    """Number → name on this machine, from the compiler's own table."""
    column = {'x86_64': 0, 'aarch64': 3}[os.uname().machine]
    names = {}
    for line in (TOP / 'src' / 'kernel' / 'syscalls.inc').read_text().splitlines():
        entry = re.match(r'\{"(\w+)", \d+, \{(.*)\}\}', line)
        if entry:
            names[int(entry[2].split(',')[column])] = entry[1]
    return names


NAMES = call_names()
ERRNO_OF = {
    errno.ENOSPC: 'write pwrite64 mkdir mkdirat rename renameat renameat2 symlinkat mknodat linkat '
                  'ftruncate',
    errno.ENOMEM: 'clone clone3 fork vfork mmap brk mremap seccomp bpf socketpair socket pipe2 '
                  'epoll_create1 memfd_create eventfd2 signalfd4 dup dup3 fcntl execve execveat '
                  'fsopen fsmount',
    errno.EPERM: 'mount mount_setattr move_mount open_tree umount2 pivot_root chroot setns unshare '
                 'setuid setgid setgroups setresuid setresgid capset prctl prlimit64 kill fchown '
                 'fchownat chown lchown chmod fchmod fchmodat pidfd_send_signal pidfd_open '
                 'sethostname setdomainname keyctl sched_setattr sched_setaffinity ioprio_set '
                 'setsid',
}
KIND = {name: code for code, names in ERRNO_OF.items() for name in names.split()}


def errno_of(name):
    """The error that suits the call: no space, no memory, no permission; else EIO."""
    return KIND.get(name, errno.EIO)


# The same by the other C library.
MUSL_TEXT = {errno.EIO: 'I/O error', errno.ENOMEM: 'Out of memory'}


def names_errno(line, code, call):
    """Whether the line has the error's text; what allocates can only fail by ENOMEM."""
    if call in ('mmap', 'brk', 'mremap'):
        code = errno.ENOMEM
    return os.strerror(code) in line or MUSL_TEXT.get(code, '\0') in line


def children():
    """Processes whose parent is this one."""
    found = set()
    for task in os.listdir('/proc/self/task'):
        try:
            with open(f'/proc/self/task/{task}/children', encoding='ascii') as file:
                found.update(map(int, file.read().split()))
        except OSError:
            continue
    return found


def reap(but=0):
    """Collect orphans that have ended; returns those that run."""
    alive = []
    for pid in children() - {but}:
        try:
            if os.waitpid(pid, os.WNOHANG)[0] == 0:
                with open(f'/proc/{pid}/cmdline', 'rb') as file:
                    alive.append((pid, file.read().replace(b'\0', b' ')[:60]))
        except OSError:
            continue
    return alive


class Hit:
    """What became of one command that was hit."""

    def __init__(self, code, report, err):
        self.code, self.err = code, err
        words = report.split()
        self.over = not words or words[-2] == 'end'
        self.name = '' if self.over else NAMES.get(int(words[1]), words[1])


class Faults:
    """Over one Box: the killat program and its reports."""

    def __init__(self, box, killat):
        self.box, self.killat = box, killat
        self.files = set()

    def hit(self, n, options, *args):
        report = self.box.dir / 'report'
        with tempfile.TemporaryFile() as err:
            code = subprocess.run(
                [self.killat, '-o', report, *options, str(n), *self.box.command(*args)],
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=err, check=False,
                timeout=SECONDS, env={'PATH': os.environ['PATH']}).returncode
            err.seek(0)
            need(code != 125, 'killat failed', err.read())
            err.seek(0)
            return Hit(code, report.read_text(), err.read().decode(errors='replace'))

    def calls(self, options, *args):
        """Names of the calls of an undisturbed run, in order."""
        report = self.box.dir / 'report'
        code = subprocess.run([self.killat, '-o', report, *options, '0', *self.box.command(*args)],
                              stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL, timeout=SECONDS, check=False).returncode
        need(code == 0, f'{args[0]} fails when it is only watched: {code}')
        names = [NAMES.get(int(line), line) for line in report.read_text().splitlines()[:-1]]
        need(len(names) > 20, 'no calls seen')
        return names

    def tree(self):
        """Every path of the box except the report of killat and what the root file system gets."""
        return {path for path in map(str, self.box.dir.rglob('*')) if not path.endswith('/report')}

    def left(self):
        """What is left, after a moment for what has been told to end."""
        end = time.monotonic() + 3
        alive = reap()
        while alive and time.monotonic() < end:
            time.sleep(0.005)
            alive = reap()
        left = [f'process {pid} {line}' for pid, line in alive]
        if self.box.root.exists():
            left += [f'state {path}' for path in self.box.root.iterdir()]
        left += [f'group {path}' for path in self.box.groups()]
        with open('/proc/self/mountinfo', encoding='utf-8') as file:
            left += [f'mount {line.strip()}' for line in file if str(self.box.dir) in line]
        return left

    def clear(self, where):
        """delete --force succeeds and nothing is left, not even a file."""
        with tempfile.TemporaryFile() as err:
            delete = subprocess.Popen(self.box.command('delete', '--force', self.box.id),
                                      stdin=subprocess.DEVNULL, stderr=err)
            # As an init does: process 1 cannot end before what joined its namespace is collected.
            end = time.monotonic() + SECONDS
            while delete.poll() is None and time.monotonic() < end:
                reap(delete.pid)
                time.sleep(0.001)
            if delete.poll() is None:
                delete.kill()
                delete.wait()
            err.seek(0)
            need(delete.returncode == 0, f'{where}: delete --force: {err.read()}')
        left = self.left()
        need(not left, f'{where} left:', *left)
        files = self.tree()
        extra = files - self.files if self.files else ()
        need(not extra, f'{where} left files:', *sorted(extra)[:5])
        self.files = files

    def warm(self, prepare, options, *args):
        """An undisturbed run first: it makes the mount points, and lists the calls."""
        prepare()
        names = self.calls(options, *args)
        self.clear(f'{args[0]} undisturbed')
        return names
