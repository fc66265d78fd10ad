# SPDX-License-Identifier: Apache-2.0
"""Count tests in TAP output. Shared by the tools that run tests."""
import os
import re

LINE = re.compile(r'^(not )?ok\b\s*(\d+)?\s*-?\s*(.*?)(?:\s+#\s*(SKIP|TODO)\b:?\s*(.*))?$', re.I)
PLAN = re.compile(r'^1\.\.(\d+)(?:\s*#\s*SKIP\b:?\s*(.*))?', re.I)


class Count:
    """What a set of tests came to. `notes` are lines for the reader, one per failure or skip."""

    def __init__(self):
        self.passed = self.failed = self.skipped = 0
        self.notes = []

    def add(self, other):
        self.passed += other.passed
        self.failed += other.failed
        self.skipped += other.skipped
        self.notes += other.notes

    def fail(self, note):
        self.failed += 1
        self.notes.append('FAIL ' + note)

    def skip(self, name, reason, allowed):
        if any(rule.search(reason) for rule in allowed):
            self.skipped += 1
            self.notes.append(f'skip {name}: {reason}')
        else:
            self.fail(f'{name}: skipped without a reason that counts: {reason or "none given"}')

    def closing(self):
        return f'{self.passed} passed, {self.failed} failed'


def allowed_skips(top):
    """The rules of tests/skips.txt."""
    rules = []
    with open(os.path.join(top, 'tests', 'skips.txt'), encoding='utf-8') as file:
        for line in file:
            line = line.strip()
            if line and not line.startswith('#'):
                rules.append(re.compile(line, re.I))
    return rules


def count_tap(name, text, code, allowed):
    """Count one program's TAP output; code is its exit status. A plan that was not kept, a bail-out
    and a failing status without a failing line are each one failure."""
    count = Count()
    seen = 0
    planned = None
    for line in text.splitlines():
        plan = PLAN.match(line)
        if plan:
            planned = int(plan.group(1))
            if planned == 0:
                count.skip(name, plan.group(2) or '', allowed)
            continue
        if line.startswith('Bail out!'):
            count.fail(f'{name}: {line}')
            continue
        match = LINE.match(line)
        if not match:
            continue
        seen += 1
        bad, _, what, word, reason = match.groups()
        label = f'{name}: {what}' if what else name
        if word and word.upper() == 'SKIP':
            count.skip(label, reason or '', allowed)
        elif bad:
            count.fail(label)
        else:
            count.passed += 1
    if planned is None:
        count.fail(f'{name}: no TAP plan')
    elif planned and planned != seen:
        count.fail(f'{name}: planned {planned} tests, ran {seen}')
    if code not in (0, 77) and not count.failed:
        count.fail(f'{name}: exit status {code}')
    return count
