"""Runs a command on a terminal of its own and talks with it.

dialog.py COMMAND…: the standard input is a JSON list of pairs: what has to be shown, and what is then typed ("signal 15"
sends the command that signal instead). What was
shown before does not count for the next pair. Prints all that the terminal showed, says on the last line how the
command ended and whether the terminal shows again what is typed.
"""

import fcntl
import json
import os
import pty
import select
import signal
import struct
import sys
import termios
import time

steps = json.load(sys.stdin)
# The other end is held open, so that the terminal can be looked at when the command is gone.
terminal, slave = pty.openpty()
fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
pid = os.fork()
if pid == 0:
    os.setsid()
    fcntl.ioctl(slave, termios.TIOCSCTTY, 0)
    for number in range(3):
        os.dup2(slave, number)
    os.closerange(3, 64)
    os.execvp(sys.argv[1], sys.argv[1:])
shown, seen, give_up, status = b"", 0, time.time() + 60, None
while time.time() < give_up:
    if select.select([terminal], [], [], 0.05)[0]:
        shown += os.read(terminal, 65536)
        # Fish asks a terminal what it is before it shows anything.
        if shown.endswith(b"\x1b[c") or shown.endswith(b"\x1b[0c"):
            os.write(terminal, b"\x1b[?62;22c")
    if steps and steps[0][0].encode() in shown[seen:]:
        wanted, typed = steps.pop(0)
        seen = shown.index(wanted.encode(), seen) + len(wanted.encode())
        if typed.startswith("signal "):
            os.kill(pid, int(typed.split()[1]))
        else:
            os.write(terminal, typed.encode())
    done, status = os.waitpid(pid, os.WNOHANG)
    if done:
        break
else:
    os.kill(pid, signal.SIGKILL)
    _, status = os.waitpid(pid, 0)
    print(f"not shown: {steps}", file=sys.stderr)
while select.select([terminal], [], [], 0)[0]:
    shown += os.read(terminal, 65536)
echo = "on" if termios.tcgetattr(slave)[3] & termios.ECHO else "off"
how = f"signal {os.WTERMSIG(status)}" if os.WIFSIGNALED(status) else f"exit {os.WEXITSTATUS(status)}"
sys.stdout.write(shown.decode(errors="replace"))
print(f"\n{how}, echo {echo}")
