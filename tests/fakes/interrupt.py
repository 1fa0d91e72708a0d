"""Runs a command on a terminal of its own and presses Ctrl-C at its prompt for a passphrase.

interrupt.py COMMAND…: prints how the command ended and whether its terminal shows again what is typed.
"""

import fcntl
import os
import pty
import select
import signal
import sys
import termios
import time

# The other end is held open, so that the terminal can be looked at when the command is gone.
terminal, slave = pty.openpty()
pid = os.fork()
if pid == 0:
    os.setsid()
    fcntl.ioctl(slave, termios.TIOCSCTTY, 0)
    for number in range(3):
        os.dup2(slave, number)
    os.execvp(sys.argv[1], sys.argv[1:])
shown, pressed, give_up, status = b"", False, time.time() + 30, None
while time.time() < give_up:
    if select.select([terminal], [], [], 0.1)[0]:
        shown += os.read(terminal, 65536)
    if not pressed and b"assphrase of the vault" in shown:
        pressed = True
        os.write(terminal, b"half\x03")
    done, status = os.waitpid(pid, os.WNOHANG)
    if done:
        break
else:
    os.kill(pid, signal.SIGKILL)
    _, status = os.waitpid(pid, 0)
echo = "on" if termios.tcgetattr(slave)[3] & termios.ECHO else "off"
how = f"signal {os.WTERMSIG(status)}" if os.WIFSIGNALED(status) else f"exit {os.WEXITSTATUS(status)}"
print(f"{how}, echo {echo}")
print(shown.decode(errors="replace"), file=sys.stderr)
