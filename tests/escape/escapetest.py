# SPDX-License-Identifier: Apache-2.0
"""What the tests of escapes share: the bundles that a hostile image would be run in (Docker's
default profile, and the defaults of `bulkhead-oci spec` with and without a user namespace), the
static payload, and a picture of the host that must not change."""
import json
import os
import pathlib
import shutil
import stat
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / 'oci'))

from ocitest import BUSYBOX, Skip, listener, main, need, receive_fd, test  # noqa: F401,E402

PAYLOAD = os.environ.get('ESCAPE_PAYLOAD')
DATA = pathlib.Path(__file__).resolve().parent.parent / 'data'
HOST_IDS = 300000


def payload(box):
    """The payload, in the image."""
    path = box.rootfs / 'bin' / 'payload'
    shutil.copy(PAYLOAD, path)
    path.chmod(0o755)
    return '/bin/payload'


def take(box, config):
    """Use another configuration, on this test's root file system and groups."""
    config['linux']['cgroupsPath'] = box.group
    config['root'] = {'path': 'rootfs', 'readonly': False}
    config['process']['terminal'] = False
    config['process']['env'] = ['PATH=/bin']
    config['hostname'] = 'box'
    for kind in ('memory', 'cpu', 'blockIO'):
        config['linux']['resources'].pop(kind, None)
    box.config = config
    return box


def docker(box):
    """What dockerd writes for `docker run` without options."""
    return take(box, json.loads((DATA / 'docker-default-spec.json').read_text()))


def spec(box):
    """What `bulkhead-oci spec` prints."""
    (box.bundle / 'config.json').unlink(missing_ok=True)
    box.oci('spec', '--bundle', box.bundle).ok()
    config = json.loads((box.bundle / 'config.json').read_text())
    return take(box, config)


def in_user_namespace(box, size=65536):
    box.linux['namespaces'].append({'type': 'user'})
    for kind in ('uidMappings', 'gidMappings'):
        box.linux[kind] = [{'containerID': 0, 'hostID': HOST_IDS, 'size': size}]
    for top, names, files in os.walk(box.rootfs):
        for name in ('.', *names, *files):
            os.lchown(os.path.join(top, name), HOST_IDS, HOST_IDS)
    (box.rootfs / 'tmp').chmod(0o1777)
    return box


def capabilities(box, *names):
    sets = box.process['capabilities']
    for kind in ('bounding', 'effective', 'permitted'):
        sets[kind] = sorted({*sets.get(kind, []), *names})
    return box


def no_filter(box):
    box.linux.pop('seccomp', None)
    return box


def verdicts(text):
    """The lines of the payload: {name: 'ok' or the name of the error}."""
    return dict(line.split(' ', 1) for line in text.splitlines() if ' ' in line)


def attempt(box, *args):
    """Run the payload as process 1; its verdicts."""
    box.process['args'] = [payload(box), *map(str, args)]
    return verdicts(box.run().ok().out)


def attempt_both(box, *args):
    """As process 1 and by exec, which must see the same; its verdicts."""
    first = attempt(box, *args)
    box.up()
    second = verdicts(box.exec('/bin/payload', *map(str, args)).ok().out)
    need(first == second, 'exec differs from process 1:', first, second)
    return first


def clear(path):
    """Remove whatever is there."""
    if path.is_symlink() or not os.path.isdir(path):
        path.unlink()
    else:
        shutil.rmtree(path)


def refused(found, *names):
    for name in names:
        need(name in found, name, 'was not tried:', found)
        need(found[name] != 'ok', name, 'got through:', found)


def look(path):
    """A directory tree as data: names, kinds, owners, modes, contents."""
    found = {}
    for top, names, files in os.walk(path):
        for name in (*names, *files):
            full = os.path.join(top, name)
            st = os.lstat(full)
            content = None
            if stat.S_ISLNK(st.st_mode):
                content = os.readlink(full)
            elif stat.S_ISREG(st.st_mode):
                content = pathlib.Path(full).read_bytes()
            found[full] = (st.st_mode, st.st_uid, st.st_gid, st.st_rdev, content)
    return found


def mount_table(directory):
    """The mounts at or below a directory and at the places that every machine has."""
    found = []
    with open('/proc/self/mountinfo', encoding='utf-8') as file:
        for line in file:
            where = line.split()[4]
            if where == '/' or where.startswith((str(directory), '/etc', '/dev', '/proc', '/sys')):
                found.append(line)
    return sorted(found)


class Host:
    """A sentinel tree outside of the bundle, and the mounts: unchanged at the end."""

    def __init__(self, box):
        self.box = box
        self.dir = box.dir / 'host'
        self.dir.mkdir()
        (self.dir / 'secret').write_text('host secret\n')
        (self.dir / 'directory').mkdir()
        (self.dir / 'directory' / 'file').write_text('host file\n')
        self.before = look(self.dir)
        self.mounts = mount_table(self.box.dir)

    def unchanged(self):
        after = look(self.dir)
        need(after == self.before, 'the host changed:',
             {k: v for k, v in after.items() if self.before.get(k) != v},
             [k for k in self.before if k not in after])
        need(mount_table(self.box.dir) == self.mounts, 'the mounts changed:', mount_table(self.box.dir))
