"""The levers of the chaos: what they move, and what they leave alone."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.chaos import levers
from tests.chaos.levers import Levers

_TELL = """
import sys, time
for _ in sys.stdin:
    print(time.time(), time.monotonic(), flush=True)
"""
_WRITE = """
import os, sys
file = os.open(sys.argv[1], os.O_RDWR | os.O_CREAT)
for _ in sys.stdin:
    try:
        os.pwrite(file, b"x" * 10, int(_))
        print("written", flush=True)
    except OSError as error:
        print(error.strerror, flush=True)
"""


@pytest.fixture
def moved(tmp_path: Path) -> Levers:
    library = levers.build(tmp_path)
    if library is None:
        pytest.skip("there is no C compiler here")
    return Levers(library, tmp_path / "levers")


def test_a_step_moves_the_wall_clock_of_a_process_that_runs_and_not_the_other_one(moved: Levers) -> None:
    with _playing(moved, _TELL) as one:
        wall, other = map(float, _asked(one, "").split())
        moved.step(-240.0)
        later, beside = map(float, _asked(one, "").split())
        moved.step(0.0)
        last, _ = map(float, _asked(one, "").split())

    assert later + 240.0 - wall == pytest.approx(beside - other, abs=1.0)
    assert last >= wall


def test_on_a_full_disk_nothing_grows_and_what_is_there_can_be_overwritten(moved: Levers, tmp_path: Path) -> None:
    with _playing(moved, _WRITE, str(tmp_path / "file")) as one:
        assert _asked(one, "0") == "written"
        moved.fill(full=True)
        assert _asked(one, "5") == "No space left on device"
        assert _asked(one, "0") == "written"
        moved.fill(full=False)
        assert _asked(one, "5") == "written"


def _playing(moved: Levers, script: str, *words: str) -> "subprocess.Popen[str]":
    command = [sys.executable, "-I", "-S", "-c", script, *words]
    return subprocess.Popen(command, env=moved.env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def _asked(one: "subprocess.Popen[str]", question: str) -> str:
    assert one.stdin is not None
    assert one.stdout is not None
    one.stdin.write(f"{question}\n")
    one.stdin.flush()
    return one.stdout.readline().strip()
