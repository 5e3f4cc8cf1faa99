"""Failpoints: named steps at which a crash test kills the process, as `kill -9` would.

Armed by the wiring from QUIXESS_FAIL_AT: `name` for the first time a step is reached, `name:3` for the third.
Not armed, a step costs one comparison. docs/operations.md lists the names.
"""

import os
import signal

_armed: str | None = None
_left = 0


def arm(spec: str | None) -> None:
    """Kill this process when the step of `spec` (`name` or `name:count`) is reached; None arms nothing."""
    global _armed, _left
    name, _, count = (spec or "").partition(":")
    _armed, _left = name or None, int(count or 1)


def reach(name: str) -> None:
    """Say that a step is reached."""
    if name == _armed:
        _fall(name)


def _fall(name: str) -> None:
    global _left  # noqa: PLW0603 - see arm
    _left -= 1
    if _left <= 0:
        os.write(2, f"failpoint {name}: killed\n".encode())
        os.kill(os.getpid(), signal.SIGKILL)
