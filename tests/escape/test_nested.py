#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Masks and read-only paths from below: a process with every capability in a user namespace, the
container's own or one that it made, does not get them off."""
from escapetest import (attempt, attempt_both, capabilities, docker, in_user_namespace, main, need,
                        no_filter, refused, spec, test)

FILES = ['/proc/kcore', '/proc/keys', '/proc/timer_list']
READ_ONLY = ['/sys/firmware', '/proc/sys', '/proc/sysrq-trigger', '/proc/irq', '/sys']
PATHS = FILES + READ_ONLY


def protected(found):
    """The null device over a file may be made writable, which it is; nothing else."""
    for path in PATHS:
        refused(found, f'umount:{path}', f'move:{path}')
    for path in READ_ONLY:
        refused(found, f'remount:{path}', f'setattr:{path}', f'clone-setattr:{path}')
    refused(found, 'bind:/proc', 'bind:/sys', 'bind:/', 'proc', 'core_pattern')
    need(found['sysfs'] != 'ok' or found.get('sysfs-shows') == 'nothing', found)


# Enforced by builder.c: process 1 copies the mount namespace that the builder owns, which locks it.
@test
def masks_are_locked_in_a_user_namespace(box):
    for shape in (docker, spec):
        capabilities(no_filter(in_user_namespace(shape(box))), 'CAP_SYS_ADMIN', 'CAP_DAC_OVERRIDE')
        protected(attempt_both(box, 'mounts', *PATHS))
        box.delete('--force').ok()


# Enforced by the kernel's locks, which cover whatever the runtime mounted: all of it is there before
# the program runs.
@test
def masks_are_locked_in_a_nested_user_namespace(box):
    for shape in (docker, spec, lambda b: in_user_namespace(docker(b)),
                  lambda b: in_user_namespace(spec(b))):
        no_filter(shape(box))
        found = attempt_both(box, 'nested', *PATHS)
        need(found['nested'] == 'ok', 'no nested user namespace was made:', found)
        protected(found)
        box.delete('--force').ok()


# Enforced by the seccomp filter.
@test
def the_default_filter_denies_nesting(box):
    for shape in (docker, spec, lambda b: in_user_namespace(docker(b))):
        found = attempt(shape(box), 'nested', *PATHS)
        refused(found, 'nested')


@test
def without_masks_a_fresh_proc_still_cannot_be_written(box):
    """No masks and no read-only paths: a mapped root is not the kernel's root."""
    no_filter(capabilities(in_user_namespace(docker(box)), 'CAP_SYS_ADMIN', 'CAP_DAC_OVERRIDE'))
    box.linux.update(maskedPaths=[], readonlyPaths=[])
    refused(attempt_both(box, 'writable', '/proc/sys/kernel/core_pattern', '/proc/sysrq-trigger',
                         '/proc/sys/kernel/modprobe', '/sys/kernel/mm/ksm/run'),
            '/proc/sys/kernel/core_pattern', '/proc/sysrq-trigger', '/proc/sys/kernel/modprobe')


if __name__ == '__main__':
    main()
