"""Runs a command on a terminal of its own and answers what it asks for.

terminal.py COMMAND…: the first line of the standard input is a seed. Whenever the command asks for a
code, another is taken: "code" for the one that the seed gives now, else the line itself. Prints all that the terminal
showed, and ends as the command did.
"""

import os
import pty
import select
import sys
import time

import pyotp

command = sys.argv[1:]
seed, *answers = [line.rstrip("\n") for line in sys.stdin]
pid, terminal = pty.fork()
if pid == 0:
    os.execvp(command[0], command)
shown, asked, give_up = b"", 0, time.time() + 100
while time.time() < give_up:
    if select.select([terminal], [], [], 0.1)[0]:
        try:
            part = os.read(terminal, 65536)
        except OSError:
            break
        if not part:
            break
        shown += part
    if shown.count(b"Code of MFA device") > asked and answers:
        asked = shown.count(b"Code of MFA device")
        answer = answers.pop(0)
        text = pyotp.TOTP(seed).now() if answer == "code" else answer
        os.write(terminal, text.encode() + b"\n")
else:
    os.kill(pid, 9)
_, status = os.waitpid(pid, 0)
sys.stdout.write(shown.decode(errors="replace"))
sys.exit(os.waitstatus_to_exitcode(status))
