#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Archives into images: compression, kinds of members, what is refused, and that nothing of an
archive reaches outside of its layer. usage: test_import.py BUILD"""
import bz2
import gzip
import hashlib
import io
import json
import lzma
import os
import stat
import struct
import subprocess
import sys
import tarfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'lib'))
from bulkhead import Engine, Tap, busybox_tar, main_build, require  # noqa: E402


def member(name, kind=tarfile.REGTYPE, data=b'', mode=0o644, **more):
    info = tarfile.TarInfo(name)
    info.type, info.size, info.mode = kind, len(data), mode
    for key, value in more.items():
        setattr(info, key, value)
    return info, data


def archive(*members, form=tarfile.PAX_FORMAT):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode='w', format=form) as tar:
        for info, data in members:
            tar.addfile(info, io.BytesIO(data) if data else None)
    return out.getvalue()


def do_import(engine, data, name='t'):
    return engine.docker('import', '-', name, data=data)


def layer_of(engine, name='t'):
    done = engine.docker('image', 'inspect', name)
    require(done.returncode == 0, done.stderr)
    digest = json.loads(done.stdout)[0]['RootFS']['Layers'][0]
    return digest, os.path.join(engine.dir, 'data', 'layers', digest.split(':')[1])


def imported(engine, data):
    done = do_import(engine, data)
    require(done.returncode == 0, done.stderr)
    return layer_of(engine)[1]


def refused(engine, data, words):
    done = do_import(engine, data, 'bad')
    require(done.returncode != 0, 'the archive was accepted')
    require(words in done.stderr, f'{words!r} is not in {done.stderr!r}')
    require('bad' not in engine.docker('images').stdout, 'an image of a refused archive')
    require(os.listdir(os.path.join(engine.dir, 'data', 'tmp')) == [], 'tmp is not empty')


def test_compression(engine):
    plain = archive(member('f', data=b'content'))
    want = 'sha256:' + hashlib.sha256(plain).hexdigest()
    zstd = subprocess.run(['zstd', '-c'], input=plain, check=False, stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL).stdout if os.path.exists('/usr/bin/zstd') \
        else None
    for data in (plain, gzip.compress(plain), bz2.compress(plain), lzma.compress(plain), zstd):
        if data is None:
            continue
        path = imported(engine, data)
        require(layer_of(engine)[0] == want, 'digest of the uncompressed archive')
        with open(os.path.join(path, 'f'), 'rb') as file:
            require(file.read() == b'content', 'content')


def test_members(engine):
    capability = struct.pack('<IIIII', 0x02000001, 1 << 13, 0, 0, 0)
    path = imported(engine, archive(
        member('./', tarfile.DIRTYPE, mode=0o750, uid=5, gid=6),
        member('d', tarfile.DIRTYPE, mode=0o1777, mtime=1000),
        member('d/f', data=b'x' * 3000, mode=0o4755, uid=33, gid=65535, mtime=1234567),
        member('d/l', tarfile.SYMTYPE, linkname='/etc/passwd', uid=7),
        member('d/h', tarfile.LNKTYPE, linkname='d/f'),
        member('p', tarfile.FIFOTYPE, mode=0o600),
        member('dev/null', tarfile.CHRTYPE, devmajor=1, devminor=3),
        member('cap', data=b'c', pax_headers={
            'SCHILY.xattr.security.capability': capability.decode('latin-1')}),
        member('u', data=b'u', pax_headers={'SCHILY.xattr.user.a': 'b'}),
        member('n\u00e4me', data=b'n'),
        member('.wh.gone', data=b'')))
    st = os.stat(path)
    require((st.st_uid, st.st_gid, stat.S_IMODE(st.st_mode)) == (5, 6, 0o750), 'root')
    st = os.stat(path + '/d')
    require(stat.S_IMODE(st.st_mode) == 0o1777 and st.st_mtime == 1000, 'directory')
    st = os.stat(path + '/d/f')
    require((st.st_uid, st.st_gid, stat.S_IMODE(st.st_mode), st.st_mtime, st.st_size) ==
            (33, 65535, 0o4755, 1234567, 3000), 'file')
    require(os.readlink(path + '/d/l') == '/etc/passwd', 'link')
    require(os.lstat(path + '/d/l').st_uid == 7, 'owner of a link')
    require(os.stat(path + '/d/h').st_ino == st.st_ino, 'hard link')
    require(stat.S_ISFIFO(os.stat(path + '/p').st_mode), 'fifo')
    require(not os.path.exists(path + '/dev/null'), 'a device node was made')
    require(os.getxattr(path + '/cap', 'security.capability')[:4] == capability[:4],
            'file capability')
    require(os.getxattr(path + '/u', 'user.a') == b'b', 'user attribute')
    require(os.path.exists(path + '/n\u00e4me'), 'name in UTF-8')
    require(not os.path.exists(path + '/.wh.gone'), 'whiteout')


def test_later_members_win(engine):
    path = imported(engine, archive(
        member('a', data=b'1'), member('a', data=b'2'),
        member('b', tarfile.DIRTYPE), member('b/x', data=b'x'), member('b', data=b'file'),
        member('c', data=b'file'), member('c', tarfile.DIRTYPE), member('c/y', data=b'y')))
    with open(path + '/a', 'rb') as file:
        require(file.read() == b'2', 'the later file')
    require(os.path.isfile(path + '/b') and os.path.isfile(path + '/c/y'), 'kinds')


def test_no_way_out(engine):
    """Links that point anywhere are followed inside the layer only."""
    path = imported(engine, archive(
        member('out', tarfile.SYMTYPE, linkname='/'),
        member('out/planted', data=b'1'),
        member('up', tarfile.SYMTYPE, linkname='../../../../..'),
        member('up/planted2', data=b'2'),
        member('/absolute', data=b'3')))
    for name in ('planted', 'planted2', 'absolute'):
        require(os.path.isfile(f'{path}/{name}'), f'{name} is not in the layer')
        require(not os.path.exists(f'/{name}'), f'{name} is in the root of the host')


def test_refusals(engine):
    refused(engine, archive(member('a/../../x', data=b'x')), '".."')
    refused(engine, archive(member('x', data=b'x', uid=65536)), 'x: owner 65536')
    refused(engine, archive(member('x', data=b'x', gid=4000000000)), 'owner')
    refused(engine, archive(member('etc/disk', tarfile.BLKTYPE, devmajor=8)), 'etc/disk')
    refused(engine, archive(member('h', tarfile.LNKTYPE, linkname='absent')), 'absent')
    refused(engine, archive(member('x', data=b'x', pax_headers={
        'SCHILY.xattr.trusted.overlay.opaque': 'y'})), 'trusted.overlay.opaque')
    refused(engine, b'no archive at all, only text ' * 100, 'archive')
    refused(engine, b'', 'empty')
    whole = archive(member('x', data=os.urandom(100000)))
    refused(engine, whole[:50000], 'archive')
    refused(engine, gzip.compress(whole)[:50000], 'archive')


def test_changes(engine):
    done = engine.docker('import', '-c', 'CMD ["echo", "from image"]', '-c', 'ENV A=1',
                         '-c', 'USER 7', '-c', 'WORKDIR /tmp', '-m', 'why', '-', 'changed',
                         data=busybox_tar())
    require(done.returncode == 0, done.stderr)
    require(engine.docker('run', '--rm', 'changed').stdout == 'from image\n', 'command')
    out = engine.docker('run', '--rm', 'changed', 'sh', '-c', 'echo $A $(id -u) $PWD').stdout
    require(out == '1 7 /tmp\n', out)
    done = engine.docker('import', '-c', 'RUN x', '-', 'bad', data=busybox_tar())
    require(done.returncode != 0 and 'RUN' in done.stderr, done.stderr)


def test_tags_and_removal(engine):
    data = archive(member('only', data=b'here'))
    require(do_import(engine, data, 'one:a').returncode == 0, 'import')
    layer = layer_of(engine, 'one:a')[1]
    require(engine.docker('tag', 'one:a', 'localhost:5000/two/three:b').returncode == 0, 'tag')
    done = engine.docker('rmi', 'one:a')
    require(done.returncode == 0 and 'Untagged' in done.stdout and 'Deleted' not in done.stdout,
            done.stdout + done.stderr)
    require(os.path.isdir(layer), 'the layer went with one of two tags')
    done = engine.docker('rmi', 'localhost:5000/two/three:b')
    require(done.returncode == 0 and 'Deleted' in done.stdout, done.stdout + done.stderr)
    require(not os.path.exists(layer), 'the layer stays')


def test_in_use(engine):
    require(do_import(engine, busybox_tar(), 'used').returncode == 0, 'import')
    require(engine.docker('create', '--name', 'user', 'used', 'true').returncode == 0, 'create')
    done = engine.docker('rmi', 'used')
    require(done.returncode != 0 and 'conflict' in done.stderr, done.stderr)
    require(engine.docker('rm', 'user').returncode == 0, 'rm')
    require(engine.docker('rmi', 'used').returncode == 0, 'rmi')


def main():
    tap = Tap()
    with Engine(main_build()) as engine:
        for name, function in list(globals().items()):
            if name.startswith('test_'):
                tap.run(name[5:].replace('_', ' '), function, engine)
    return tap.done()


if __name__ == '__main__':
    sys.exit(main())
