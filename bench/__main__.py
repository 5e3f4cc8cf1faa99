"""`python -m bench [profile] [send] [intake] …`: measure what is named, or all that takes minutes.

`growth`, `scale` and `pinned` take long, and options: they run when they are named.
"""

import importlib.metadata
import os
import platform
import sys
import time
from pathlib import Path

from bench import (
    backlog,
    delivery,
    end_to_end,
    fairness,
    growth,
    intake,
    pinned,
    profiling,
    scale,
    send,
    start,
    watched,
)
from bench.processes import BenchError
from bench.rig import Rig

MEASUREMENTS = {
    "send": send.run,
    "intake": intake.run,
    "delivery": delivery.run,
    "end_to_end": end_to_end.run,
    "fairness": fairness.run,
    "backlog": backlog.run,
    "watched": watched.run,
    "start": start.run,
}
BY_NAME = {"growth": growth.main, "scale": scale.main, "pinned": pinned.main}
_VERSIONS = ("uvicorn", "uvloop", "starlette", "aiohttp", "asyncpg", "msgspec")


def main(words: list[str]) -> None:
    """Run what the command line asks for."""
    if words and words[0] in BY_NAME:
        _alone(words)
        return
    looking = words[:1] == ["profile"]
    names = words[1:] if looking else words
    if unknown := sorted(set(names) - set(MEASUREMENTS)):
        sys.exit(f"There is no measurement {unknown[0]!r}: choose from {', '.join([*MEASUREMENTS, *BY_NAME])}.")
    _need_linux()
    chosen = names or list(MEASUREMENTS)
    try:
        if looking:
            for name in chosen:
                profiling.run(MEASUREMENTS[name])
        else:
            _measure(chosen)
    except BenchError as error:
        sys.exit(f"Not measured: {error}")


def _alone(words: list[str]) -> None:
    _need_linux()
    started = time.monotonic()
    try:
        BY_NAME[words[0]](words[1:])
    except BenchError as error:
        sys.exit(f"Not measured: {error}")
    print(f"Took {time.monotonic() - started:.0f} s. How to read this: bench/README.md")


def _need_linux() -> None:
    if not Path("/proc/self/stat").exists():
        sys.exit("CPU is read from /proc: this runs on Linux only.")


def _measure(names: list[str]) -> None:
    started = time.monotonic()
    with Rig() as rig:
        print(machine(rig.version))
        for name in names:
            MEASUREMENTS[name](rig)
        print(rig.summary.write())
    print(f"Took {time.monotonic() - started:.0f} s. How to read this: bench/README.md")


def machine(postgres: str) -> str:
    models = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    model = models[0].partition(":")[2].strip() if models else platform.machine()
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in _VERSIONS)
    return (
        f"{os.cpu_count()} cores, {model}, Linux {platform.release()}, load {os.getloadavg()[0]:.1f}\n"
        f"Python {platform.python_version()}, PostgreSQL {postgres}, {versions}\n"
    )


if __name__ == "__main__":
    main(sys.argv[1:])
