"""Levers on processes that run: the wall clock of one is moved, the disk of one is full. A preloaded library obeys."""

import mmap
import os
import shutil
import struct
import subprocess
import time
from pathlib import Path

from quixess.database.embedded import places

_SOURCE = Path(__file__).with_name("levers.c")


class Levers:
    """The levers of one process and its children: seconds its clock is ahead, and whether its disk is full."""

    def __init__(self, library: Path, path: Path) -> None:
        path.write_bytes(struct.pack("qq", 0, 0))
        path.chmod(0o644)
        with path.open("r+b") as file:
            self._state = mmap.mmap(file.fileno(), 16)
        self._steps: list[tuple[float, float]] = [(0.0, 0.0)]
        self.env = {"LD_PRELOAD": str(library), "CHAOS_LEVERS": str(path)}
        self.full = False

    @property
    def ahead_s(self) -> float:
        return self._steps[-1][1]

    def step(self, ahead_s: float) -> None:
        """Set the clock so many seconds ahead of the true time, or behind it."""
        self._steps.append((time.time(), ahead_s))
        self._write()

    def fill(self, *, full: bool) -> None:
        """Let the disk be full, or have room again."""
        self.full = full
        self._write()

    def least_ahead_since(self, at: float) -> float:
        """Return how far ahead the clock was at least from a true time on, in seconds."""
        ends = [when for when, _ in self._steps[1:]] + [float("inf")]
        return min(ahead for (_, ahead), end in zip(self._steps, ends, strict=True) if end > at)

    def _write(self) -> None:
        self._state[:] = struct.pack("qq", int(self.ahead_s * 1e9), self.full)


def build(home: Path) -> Path | None:
    """Compile the library into `home`; None where there is no C compiler, or not this kind of system."""
    compiler = shutil.which("cc")
    library = home / "levers.so"
    if compiler is None:
        return None
    command = [compiler, "-shared", "-fPIC", "-O2", "-o", str(library), str(_SOURCE), "-ldl"]
    if subprocess.run(command, check=False, capture_output=True).returncode:
        return None
    library.chmod(0o755)
    return library


def postgres_with(levers: Levers, home: Path) -> Path:
    """Make a folder of PostgreSQL's programs, for `EmbeddedPostgres(binaries=…)`, whose server obeys the levers."""
    folder = home / "bin"
    folder.mkdir()
    user = places.choose_user(home / "none")
    programs = places.bring_within_reach(places.find_programs(None), user).folder
    (folder / "initdb").symlink_to(programs / "initdb")
    words = " ".join(f"{name}='{value}'" for name, value in levers.env.items())
    (folder / "postgres").write_text(f"#!/bin/sh\n{words} exec '{programs / 'postgres'}' \"$@\"\n")
    for one in (folder, folder / "postgres"):
        os.chmod(one, 0o755)  # noqa: PTH101 - both kinds alike
    return folder
