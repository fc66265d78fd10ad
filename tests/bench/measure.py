# SPDX-License-Identifier: Apache-2.0
"""Measuring: CPU of a command and of all its descendants, wall time, memory of a process."""
import ctypes
import os
import resource
import statistics
import time

PR_SET_CHILD_SUBREAPER = 36


def become_subreaper():
    """Orphans of what we start become ours, so that their CPU is in RUSAGE_CHILDREN."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), 'prctl(PR_SET_CHILD_SUBREAPER)')


def children_cpu():
    use = resource.getrusage(resource.RUSAGE_CHILDREN)
    return use.ru_utime + use.ru_stime


def reap(keep=()):
    """Collect orphans that have ended; keep: pids of ours that live on."""
    while True:
        try:
            pid, _ = os.waitpid(-1, 0 if not keep else os.WNOHANG)
        except ChildProcessError:
            return
        if pid == 0:
            return


def reap_all(seconds):
    """Collect every child and orphan that ends within some seconds."""
    limit = time.monotonic() + seconds
    while time.monotonic() < limit:
        try:
            if os.waitpid(-1, os.WNOHANG)[0] == 0:
                time.sleep(0.05)
        except ChildProcessError:
            return


class Run:
    """One finished command."""

    def __init__(self, wall, cpu, code):
        self.wall, self.cpu, self.code = wall, cpu, code


def run_once(command, env=None, keep=(), output=os.devnull):
    """Run a command to its end, with its descendants. CPU in seconds by rusage: its sum is exact,
    the split between user and system is not."""
    before = children_cpu()
    actions = [(os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
               (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0),
               (os.POSIX_SPAWN_OPEN, 2, output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)]
    start = time.perf_counter()
    pid = os.posix_spawn(command[0], command, env or os.environ, file_actions=actions)
    _, status = os.waitpid(pid, 0)
    wall = time.perf_counter() - start
    reap(keep)
    return Run(wall, children_cpu() - before, os.waitstatus_to_exitcode(status))


def tick_cpu(pid):
    """CPU seconds of a living process and of its reaped children, to 10 ms."""
    with open(f'/proc/{pid}/stat', encoding='ascii', errors='replace') as file:
        fields = file.read().rsplit(')', 1)[1].split()
    return sum(int(field) for field in fields[11:15]) / os.sysconf('SC_CLK_TCK')


def memory(pid):
    """(PSS, anonymous) of a process in MB."""
    sizes = {}
    with open(f'/proc/{pid}/smaps_rollup', encoding='ascii') as file:
        for line in file:
            name, _, rest = line.partition(':')
            if rest.strip().endswith('kB'):
                sizes[name] = int(rest.split()[0]) / 1024
    return sizes['Pss'], sizes['Anonymous']


def parent_of(pid):
    with open(f'/proc/{pid}/stat', encoding='ascii', errors='replace') as file:
        return int(file.read().rsplit(')', 1)[1].split()[1])


def p10(values):
    return sorted(values)[len(values) // 10]


def median(values):
    return statistics.median(values)


class Table:
    """Rows of the report: what was measured, ours, the peer's, the ratio and the target."""

    def __init__(self):
        self.rows = []
        self.missed = 0

    def ratio(self, what, ours, peer, unit, target=None, at_least=False, name=''):
        """ours / peer against a target; at_least: larger is better."""
        ratio = ours / peer if peer else float('inf')
        self._row(what, f'{ours:.3g} {unit}', f'{name} {peer:.3g} {unit}'.strip(), f'{ratio:.3f}',
                  ratio, target, at_least)

    def value(self, what, ours, unit, target=None):
        """A figure with an absolute target."""
        self._row(what, f'{ours:.3g} {unit}', '', '', ours, target, False)

    def _row(self, what, ours, peer, shown, number, target, at_least):
        verdict = ''
        goal = ''
        if target is not None:
            goal = f"{'>=' if at_least else '<='} {target:g}"
            good = number >= target if at_least else number <= target
            verdict = 'pass' if good else 'MISS'
            self.missed += not good
        self.rows.append((what, ours, peer, shown, goal, verdict))

    def print(self):
        head = ('measure', 'bulkhead', 'peer', 'ratio', 'target', '')
        widths = [max(len(row[i]) for row in [head, *self.rows]) for i in range(len(head))]
        for row in [head, *self.rows]:
            print('  '.join(text.ljust(width) for text, width in zip(row, widths)).rstrip())
