# SPDX-License-Identifier: Apache-2.0
"""What a test guest is made of: Debian's cloud kernel, an initial RAM disk that finds the disk, a root
file system as an ext4 image, and QEMU under emulation with two serial lines."""
import os
import re
import shutil
import subprocess
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
MODULES = ('virtio_pci', 'virtio_blk', 'overlay', 'fuse')
COMMAND_LINE = ('console=ttyS0 quiet loglevel=3 panic=-1 nokaslr mitigations=off no_timer_check '
                'random.trust_cpu=on cryptomgr.notests tsc=reliable audit=0 root=/dev/vda')


def run(*command, **options):
    return subprocess.run(command, check=True, stdin=subprocess.DEVNULL, **options)


def kernel(directory):
    """Unpack the cloud kernel once; the pair (vmlinuz, module directory)."""
    top = os.path.join(directory, 'kernel')
    if not os.path.isdir(os.path.join(top, 'boot')):
        text = run('apt-cache', 'depends', 'linux-image-cloud-amd64', stdout=subprocess.PIPE,
                   text=True).stdout
        match = re.search(r'Depends: (linux-image-\S+)', text)
        if not match:
            run('apt-get', 'update', '-q')
            return kernel(directory)
        fresh = tempfile.mkdtemp(dir=directory)
        run('apt-get', '-o', 'APT::Sandbox::User=root', 'download', '-q', match.group(1), cwd=fresh,
            stdout=subprocess.DEVNULL)
        package = [name for name in os.listdir(fresh) if name.endswith('.deb')][0]
        run('dpkg', '-x', os.path.join(fresh, package), top)
        shutil.rmtree(fresh)
    boot = os.path.join(top, 'boot')
    image = sorted(name for name in os.listdir(boot) if name.startswith('vmlinuz-'))[-1]
    release = image[len('vmlinuz-'):]
    return os.path.join(boot, image), os.path.join(top, 'lib', 'modules', release)


def module_files(modules):
    """Paths of the wanted modules and of what they name as dependencies, in the order of loading.
    What the kernel has built in has no file and is left out."""
    found = {}
    for directory, _, names in os.walk(modules):
        for name in names:
            if name.endswith('.ko'):
                found[name[:-3].replace('-', '_')] = os.path.join(directory, name)
    order = []

    def visit(name):
        path = found.get(name)
        if path is None or path in order:
            return
        depends = re.search(rb'\0depends=([^\0]*)\0', read(path))
        for other in (depends.group(1).decode() if depends else '').split(','):
            visit(other.replace('-', '_'))
        order.append(path)
    for name in MODULES:
        visit(name)
    return order


class Cpio:
    """A newc archive, uncompressed: the guest need not inflate it."""

    def __init__(self, path):
        self.file = open(path, 'wb')
        self.inode = 0

    def add(self, name, mode, data=b'', device=(0, 0)):
        self.inode += 1
        fields = (self.inode, mode, 0, 0, 1, 0, len(data), 0, 0, *device, len(name) + 1, 0)
        head = b'070701' + b''.join(b'%08X' % field for field in fields) + name.encode() + b'\0'
        self.file.write(head + b'\0' * (-len(head) % 4) + data + b'\0' * (-len(data) % 4))

    def close(self):
        self.add('TRAILER!!!', 0)
        self.file.close()


def read(path):
    with open(path, 'rb') as file:
        return file.read()


def make_initrd(path, modules):
    """Loads the disk driver and goes over to the root on the disk."""
    files = module_files(modules)
    init = '#!/bin/sh\nmount -t devtmpfs dev /dev\n'
    cpio = Cpio(path)
    for name in ('bin', 'dev', 'root', 'modules'):
        cpio.add(name, 0o040755)
    cpio.add('bin/busybox', 0o100755, read(shutil.which('busybox')))
    for applet in ('sh', 'mount', 'insmod', 'switch_root', 'sleep', 'poweroff'):
        cpio.add('bin/' + applet, 0o120777, b'busybox')
    for file in files:
        name = 'modules/' + os.path.basename(file)
        cpio.add(name, 0o100644, read(file))
        init += f'insmod /{name}\n'
    init += ('n=0\nwhile [ ! -e /dev/vda ] && [ $n -lt 100 ]; do sleep 0.1; n=$((n+1)); done\n'
             'mount -t ext4 /dev/vda /root || poweroff -f\nexec switch_root /root /sbin/init\n')
    cpio.add('dev/console', 0o020600, device=(5, 1))
    cpio.add('init', 0o100755, init.encode())
    cpio.close()


def add_program(root, path, target):
    """Copy a program and every library it names."""
    inside = os.path.join(root, target.lstrip('/'))
    os.makedirs(os.path.dirname(inside), exist_ok=True)
    shutil.copy2(path, inside)
    text = subprocess.run(['ldd', path], check=False, stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL, text=True).stdout
    for library in re.findall(r'(/\S+) \(0x', text):
        copy = os.path.join(root, library.lstrip('/'))
        if not os.path.exists(copy):
            os.makedirs(os.path.dirname(copy), exist_ok=True)
            shutil.copy2(library, copy)


def busybox_root(root):
    busybox = shutil.which('busybox')
    for name in ('bin', 'dev', 'etc', 'proc', 'root', 'run', 'sys', 'tmp', 'usr/bin', 'var'):
        os.makedirs(os.path.join(root, name), exist_ok=True)
    os.chmod(os.path.join(root, 'tmp'), 0o1777)
    shutil.copy2(busybox, os.path.join(root, 'bin', 'busybox'))
    applets = run(busybox, '--list', stdout=subprocess.PIPE, text=True).stdout.split()
    for applet in applets:
        if applet != 'busybox':
            os.symlink('busybox', os.path.join(root, 'bin', applet))
    for name, text in (('passwd', 'root:x:0:0:root:/root:/bin/sh\n'), ('group', 'root:x:0:\n')):
        with open(os.path.join(root, 'etc', name), 'w', encoding='utf-8') as file:
            file.write(text)


def write(path, text, mode=0o644):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, 'w', encoding='utf-8') as file:
        file.write(text)
    os.chmod(path, mode)


def add_programs(root, build):
    """The built programs in /usr/bin, and a busybox root file system, the profile and the test data
    under /tests."""
    for name in sorted(os.listdir(build)):
        path = os.path.join(build, name)
        if name.startswith('bulkhead') and os.path.isfile(path) and os.access(path, os.X_OK):
            add_program(root, path, '/usr/bin/' + name)
    busybox_root(os.path.join(root, 'tests', 'rootfs'))
    data = os.path.join(TOP, 'tests', 'data')
    shutil.copytree(data, os.path.join(root, 'tests', 'data'))
    shutil.copy2(os.path.join(data, 'docker-default-spec.json'),
                 os.path.join(root, 'tests', 'spec.json'))


def debian_root(root, directory):
    """A minimal Debian with systemd, python and ps, made once by mmdebstrap."""
    packages = 'systemd,systemd-sysv,dbus,python3,procps'
    tar = os.path.join(directory, packages.replace(',', '-') + '.tar')
    if not os.path.exists(tar):
        run('mmdebstrap', '--quiet', '--format=tar', '--variant=minbase', '--include=' + packages,
            '--dpkgopt=path-exclude=/usr/share/doc/*', '--dpkgopt=path-exclude=/usr/share/man/*',
            '--dpkgopt=path-exclude=/usr/share/locale/*', 'bookworm', tar + '.new')
        os.rename(tar + '.new', tar)
    os.makedirs(root)
    run('tar', '-x', '-C', root, '-f', tar, '--exclude=./dev/*')


def make_image(root, image):
    """Turn a directory into an ext4 image and remove it."""
    if os.path.exists(image):
        os.unlink(image)
    run('/usr/sbin/mke2fs', '-q', '-F', '-t', 'ext4', '-O', '^has_journal', '-d', root, image,
        '768M', stdout=subprocess.DEVNULL)
    shutil.rmtree(root)


def boot(directory, vmlinuz, initrd, image, seconds):
    """Run the guest to its end, or to the limit; the text of the results' line."""
    console = os.path.join(directory, 'console.log')
    results = os.path.join(directory, 'results.log')
    command = ['qemu-system-x86_64', '-M', 'q35', '-accel', 'tcg', '-cpu', 'max', '-m', '1024',
               '-smp', '2', '-nodefaults', '-no-reboot', '-display', 'none', '-nic', 'none',
               '-kernel', vmlinuz, '-initrd', initrd, '-append', COMMAND_LINE,
               '-drive', f'file={image},format=raw,if=virtio,cache=unsafe',
               '-serial', f'file:{console}', '-serial', f'file:{results}']
    guest = subprocess.Popen(command, stdin=subprocess.DEVNULL)
    try:
        guest.wait(seconds)
    except subprocess.TimeoutExpired:
        pass
    finally:
        if guest.poll() is None:
            guest.kill()
            guest.wait()
    with open(console, encoding='utf-8', errors='replace') as file:
        tail = file.read()[-3000:]
    with open(results, encoding='utf-8', errors='replace') as file:
        return file.read().replace('\r', ''), tail
