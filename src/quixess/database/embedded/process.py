"""Start a server process that lives as long as it should, and end it.

Linux ties the death signal to the parent *thread*, so a server started from a worker thread would stop when
that thread ends. `Process` therefore starts the server from a thread of its own, which does nothing but wait
for the server's end: it lives until the server or this process is gone, and it reaps the server at once, which
keeps dead pids from looking alive.
"""

import os
import queue
import signal
import subprocess
import sys
import threading
from pathlib import Path

from quixess.database.embedded.places import User

LAUNCH = Path(__file__).with_name("launch.py")
PASSED_ON = ("PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")
IMMEDIATE_S = 10.0  # a postmaster kills its own children 5 s into an immediate shutdown


def launcher(user: User, death_signal: int, command: list[str]) -> list[str]:
    """Return the command line that becomes `command` as `user`; `death_signal` 0 lets it outlive us."""
    facts = [str(fact) for fact in (user.uid, user.gid, int(death_signal), os.getpid())]
    return [sys.executable, "-I", "-S", str(LAUNCH), *facts, *command]


def environment() -> dict[str, str]:
    """Return the environment for PostgreSQL: none of our secrets, none of the caller's PG variables."""
    return {"LC_ALL": "C", "TZ": "UTC"} | {name: os.environ[name] for name in PASSED_ON if name in os.environ}


class Process:
    """One running server. `command` comes from `launcher`.

    `lock` is a file descriptor that the server and all its children keep: the kernel lets go of the lock on
    it when the last of them is gone, whatever killed them. `log` takes what the server prints.
    """

    def __init__(self, command: list[str], *, lock: int, log: int) -> None:
        born: queue.SimpleQueue[subprocess.Popen[bytes] | OSError] = queue.SimpleQueue()
        threading.Thread(
            target=self._keep, args=(command, lock, log, born), name="embedded-postgres", daemon=True
        ).start()
        outcome = born.get()
        if isinstance(outcome, OSError):
            raise outcome
        self._popen = outcome

    @staticmethod
    def _keep(
        command: list[str], lock: int, log: int, born: "queue.SimpleQueue[subprocess.Popen[bytes] | OSError]"
    ) -> None:
        try:
            popen = subprocess.Popen(  # noqa: S603  our own program and arguments
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd="/",
                env=environment(),
                pass_fds=(lock,),
                start_new_session=True,  # Ctrl-C in a terminal is for us; we stop the server when we are done
            )
        except OSError as error:
            born.put(error)
            return
        born.put(popen)
        popen.wait()

    @property
    def pid(self) -> int:
        return self._popen.pid

    @property
    def status(self) -> int | None:
        """Return the exit status, None while the server runs."""
        return self._popen.poll()

    def end(self, timeout_s: float) -> None:
        """Ask for a fast shutdown, after `timeout_s` seconds for an immediate one, at last kill."""
        for number, patience_s in (
            (signal.SIGINT, timeout_s),
            (signal.SIGQUIT, IMMEDIATE_S),
            (signal.SIGKILL, None),
        ):
            self._popen.send_signal(number)
            try:
                self._popen.wait(patience_s)
            except subprocess.TimeoutExpired:
                continue
            return
