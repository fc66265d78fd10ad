#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""200 containers created, started and deleted, 32 at a time: each with a name, bundle, state and
groups of its own."""
import concurrent.futures
import json
import os
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / 'oci'))
from ocitest import main, need, test  # noqa: E402


@test
def two_hundred_at_once(box):
    box.sh('exec sleep 1000')

    def life(number):
        name = f'{box.id}-{number}'
        path = box.dir / f'bundle-{number}'
        path.mkdir()
        config = dict(box.config, linux=dict(box.linux, cgroupsPath=f'{box.group}/{number}'),
                      root={'path': str(box.rootfs)})
        (path / 'config.json').write_text(json.dumps(config))
        for args in (('create', '--bundle', path, name), ('start', name),
                     ('delete', '--force', name)):
            box.oci(*args).ok()
    with concurrent.futures.ThreadPoolExecutor(32) as pool:
        list(pool.map(life, range(200)))
    for directory in box.groups():
        need(not [x for x in os.scandir(directory) if x.is_dir()], 'groups in', directory)
        os.rmdir(directory)


@test
def one_name_wanted_by_many(box):
    """Of those who create the same container at the same time one succeeds."""
    box.sh('exec sleep 1000').write()
    for _ in range(5):
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            results = list(pool.map(
                lambda _: box.oci('create', '--bundle', box.bundle, box.id), range(8)))
        need(sum(x.code == 0 for x in results) == 1, [x.err for x in results])
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            results = list(pool.map(lambda _: box.delete('--force'), range(8)))
        need(all(x.code == 0 for x in results), [x.err for x in results])
        need(not box.leftovers(), *box.leftovers())


if __name__ == '__main__':
    main()
