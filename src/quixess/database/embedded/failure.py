"""What is said when the embedded server cannot be had: the cause, the server's own words, and the way out."""

from pathlib import Path

TAIL_LINES = 15
TAIL_BYTES = 16_384

FIXES = (
    ("No space left on device", "Free some disk space, then start again."),
    (
        "unrecognized configuration parameter",
        "Correct that name in the settings given to the embedded server.",
    ),
    ("invalid value for parameter", "Correct that value in the settings given to the embedded server."),
    (
        "outside the valid range for parameter",
        "Correct that value in the settings given to the embedded server.",
    ),
    ("shared memory", "Give the host or container more shared memory, or lower shared_buffers."),
    ("Cannot allocate memory", "Give the host or container more memory, or lower shared_buffers."),
    ("redo in progress", "It is replaying its log after a crash: start again with a longer timeout."),
    ("could not look up effective user", "Give this user id a name in /etc/passwd; initdb insists on one."),
)
LAST_RESORT = "Remove the cause named above, or set QUIXESS_DATABASE_URL to a PostgreSQL of your own."


class EmbeddedPostgresError(Exception):
    """The embedded server cannot be started, found or stopped. The text names the cause and the fix."""


def explain(problem: str, log: Path, since: int) -> EmbeddedPostgresError:
    """Build the error for `problem` out of what the log at `log` says from byte `since` on."""
    tail = read_tail(log, since)
    fix = next((fix for sign, fix in FIXES if sign in tail), LAST_RESORT)
    words = tail or "(nothing)"
    return EmbeddedPostgresError(f"{problem}. The log {log} says:\n{words}\n{fix}")


def read_tail(log: Path, since: int) -> str:
    """Return the last lines that were written to `log` after byte `since`, at most 15."""
    if not log.is_file():
        return ""
    with log.open("rb") as file:
        size = file.seek(0, 2)
        file.seek(max(since, size - TAIL_BYTES))
        lines = file.read().decode("utf-8", "replace").splitlines()
    return "\n".join(lines[-TAIL_LINES:])
