"""A script that becomes a PostgreSQL program, after giving up root and tying its life to its parent's.

`python launch.py UID GID SIGNAL PARENT_PID PROGRAM [ARGUMENT…]`. It runs in a fresh process because Python
code between fork and exec can deadlock in a program with threads. The order matters: Linux forgets the death
signal when the uid changes and keeps it over an exec (prctl(2), PR_SET_PDEATHSIG). It imports nothing of
ours: it runs without site-packages, and before root is given up.
"""

import ctypes
import os
import sys
from typing import NoReturn

PR_SET_PDEATHSIG = 1


def main(arguments: list[str]) -> NoReturn:
    """Become the program in `arguments`. A SIGNAL of 0 means: outlive the parent."""
    uid, gid, death_signal, parent = (int(argument) for argument in arguments[:4])
    program = arguments[4:]
    if os.geteuid() == 0:
        os.setgroups([])
        os.setgid(gid)
        os.setuid(uid)
    os.umask(0o077)
    if death_signal and sys.platform == "linux":
        die_with_parent(death_signal, parent)
    os.execv(program[0], program)  # noqa: S606  no shell is the point


def die_with_parent(death_signal: int, parent: int) -> None:
    """Ask the kernel for `death_signal` when the parent's thread ends; leave if `parent` is gone already."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_PDEATHSIG, death_signal, 0, 0, 0) != 0:
        sys.exit(f"prctl(PR_SET_PDEATHSIG) failed: {os.strerror(ctypes.get_errno())}")
    if os.getppid() != parent:
        sys.exit("the process that asked for the server is gone")


if __name__ == "__main__":
    main(sys.argv[1:])
