#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Terminals: by console socket, and relayed by run and exec in the foreground."""
import array
import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import termios
import time

from ocitest import listener, main, need, receive_fd, test


def read_until(fd, words, seconds=10):
    """Everything read until words occur."""
    text = b''
    end = time.monotonic() + seconds
    while words not in text:
        left = end - time.monotonic()
        need(left > 0 and select.select([fd], [], [], left)[0], f'no {words} in {text}')
        try:
            chunk = os.read(fd, 4096)
        except OSError:
            chunk = b''
        need(chunk, f'end before {words}: {text}')
        text += chunk
    return text


def size_of(fd):
    size = array.array('H', [0, 0, 0, 0])
    fcntl.ioctl(fd, termios.TIOCGWINSZ, size)
    return size[0], size[1]


def set_size(fd, rows, columns):
    fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack('HHHH', rows, columns, 0, 0))


def terminal(box):
    box.process['terminal'] = True
    return box


@test
def console_socket(box):
    terminal(box).sh('tty; stty size; read x; echo "got $x"')
    box.process['consoleSize'] = {'height': 33, 'width': 101}
    with listener(box.dir / 'sock') as sock:
        box.create('--console-socket', box.dir / 'sock').ok()
        master = receive_fd(sock)
    need(os.isatty(master))
    box.start().ok()
    text = read_until(master, b'101')
    need(b'/dev/' in text and b'33 101' in text, text)
    os.write(master, b'word\n')
    read_until(master, b'got word')
    os.close(master)
    box.wait_status('stopped')


@test
def create_with_a_terminal_needs_the_socket(box):
    terminal(box).sh('true')
    box.create().fails('console socket')
    box.run('--detach').fails('console socket')
    box.process['terminal'] = False
    box.create('--console-socket', box.dir / 'sock').fails('console socket')
    need(not box.leftovers(), box.leftovers())


@test
def exec_with_a_console_socket(box):
    box.up()
    with listener(box.dir / 'sock') as sock:
        box.oci('exec', '-t', '-d', '--console-socket', box.dir / 'sock', box.id, '/bin/sh', '-c',
                'tty; sleep 0.2; echo done').ok()
        master = receive_fd(sock)
    text = read_until(master, b'done')
    need(b'/dev/' in text, text)
    os.close(master)
    box.oci('exec', '-t', '-d', box.id, '/bin/true').exits(255).fails('console socket')


def on_terminal(box, *args):
    """The runtime with a terminal of its own as 0, 1, 2; returns the child and the master."""
    master, slave = pty.openpty()
    set_size(slave, 24, 80)
    child = subprocess.Popen(box.command(*args), stdin=slave, stdout=slave, stderr=slave,
                             start_new_session=True,
                             preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0))
    box.children.append(child)
    return child, master, slave


@test
def run_relays_the_terminal(box):
    terminal(box).sh('tty; stty size; echo ready; read x; echo "got $x"; exit 4').write()
    child, master, slave = on_terminal(box, 'run', '--bundle', box.bundle, box.id)
    before = termios.tcgetattr(slave)
    text = read_until(master, b'ready')
    need(b'24 80' in text, text)
    os.write(master, b'word\n')
    read_until(master, b'got word')
    need(child.wait(10) == 4)
    need(termios.tcgetattr(slave) == before, 'the terminal was not restored')
    os.close(master)
    os.close(slave)


@test
def control_characters_act_inside(box):
    terminal(box).sh('trap "echo int; exit 6" INT; echo ready; while :; do sleep 0.1; done').write()
    child, master, slave = on_terminal(box, 'run', '--bundle', box.bundle, box.id)
    read_until(master, b'ready')
    os.write(master, b'\x03')
    read_until(master, b'int')
    need(child.wait(10) == 6)
    os.close(master)
    os.close(slave)


@test
def the_size_follows(box):
    terminal(box).sh('trap "stty size" WINCH; echo ready; while :; do sleep 0.1; done').write()
    child, master, slave = on_terminal(box, 'run', '--bundle', box.bundle, box.id)
    read_until(master, b'ready')
    set_size(slave, 40, 120)
    child.send_signal(signal.SIGWINCH)
    read_until(master, b'40 120')
    os.close(slave)
    os.close(master)


@test
def exec_relays_the_terminal(box):
    box.up()
    child, master, slave = on_terminal(box, 'exec', '--tty', box.id, '/bin/sh', '-c',
                                       'tty; echo ready; read x; exit 9')
    read_until(master, b'ready')
    os.write(master, b'\n')
    need(child.wait(10) == 9)
    os.close(master)
    os.close(slave)


@test
def much_output_arrives_whole(box):
    terminal(box).sh('seq 1 20000; echo end-of-it').write()
    child, master, slave = on_terminal(box, 'run', '--bundle', box.bundle, box.id)
    text = read_until(master, b'end-of-it', 30)
    need([int(x) for x in text.split() if x.isdigit()] == list(range(1, 20001)), 'lines are missing')
    need(child.wait(10) == 0)
    os.close(master)
    os.close(slave)


@test
def a_terminal_without_one_outside(box):
    terminal(box).sh('tty; echo out')
    result = box.run().ok()
    need('out' in result.out and '/dev/' in result.out, result.out)


@test
def dev_console_is_the_terminal(box):
    terminal(box).sh('echo to-console > /dev/console; test -c /dev/console && echo is-node')
    result = box.run().ok()
    need('to-console' in result.out and 'is-node' in result.out, result.out)


if __name__ == '__main__':
    main()
