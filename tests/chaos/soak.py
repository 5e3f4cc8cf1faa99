"""`python -m tests.chaos.soak --minutes 60`: a steady load with hostile receivers, and only the history may grow.

Every ten seconds it weighs our processes and the tables. What must stay as it is: memory, open files, dead rows, and
the size of the tables whose rows are deleted when they are done. What was sent, told, and waits for somebody who never
takes it, is kept, and may grow: by so much an operation.
"""

import argparse
import asyncio
import random
import secrets
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import linear_regression, median

from tests.chaos import stage
from tests.chaos.play import meanwhile
from tests.chaos.stage import Stage

EVERY_S = 10.0
_HOT = ("intake_todo", "endpoint_due", "media_todo", "pause", "parked_status", "rate_bucket")
_TABLES = """SELECT relname AS name, pg_total_relation_size(relid) / 1048576.0 AS size, n_dead_tup AS dead
             FROM pg_stat_user_tables"""
# By how much a thing may differ between the first and the last third of a run, beside a tenth of it.
_SLACK = {"MiB of memory": 6.0, "open files": 20.0, "dead rows": 5_000.0, "MiB of hot tables": 2.0}
_TENTH = 1.1
_FEWEST = 6


@dataclass
class Series:
    """One thing, weighed again and again: when, in seconds from the start, and how much."""

    name: str
    unit: str
    points: list[tuple[float, float]] = field(default_factory=list)

    @property
    def an_hour(self) -> float:
        """How much it grows in an hour, by the straight line through its points."""
        moments, weights = zip(*self.points, strict=True)
        return linear_regression(moments, weights).slope * 3600

    @property
    def thirds(self) -> tuple[float, float]:
        """The medians of the first and of the last third."""
        size = len(self.points) // 3
        weights = [weight for _, weight in self.points]
        return median(weights[:size]), median(weights[-size:])

    @property
    def is_flat(self) -> bool:
        before, after = self.thirds
        return after <= before * _TENTH + _SLACK[self.unit]


def main() -> int:
    """Run what the command line asks for; 1 when something grew."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=60.0, help="how long (60); less than 10 says little")
    parser.add_argument("--operations", type=float, default=20.0, help="sends and texts a second (20)")
    asked = parser.parse_args()
    sys.stdout.write(f"soak for {60 * asked.minutes:g} s at {asked.operations:g} operations a second\n")
    found, asked_for = asyncio.run(run(60 * asked.minutes, asked.operations, _say))
    sys.stdout.write("\n" + report(found, asked_for))
    return 0 if all(series.is_flat for series in found if series.unit in _SLACK) else 1


async def run(
    seconds: float, operations: float, tell: Callable[[float, Sequence[Series]], None]
) -> tuple[list[Series], int]:
    """Load and weigh; returns the series and how many operations there were. `tell` hears after each weighing."""
    dice = random.Random(secrets.randbelow(1_000_000))
    found: dict[tuple[str, str], Series] = {}
    with stage.home() as folder:
        async with (
            stage.own_postgres(folder, None) as server,
            stage.standing(dice, server.dsn, folder, lambda: False) as at,
        ):
            began = time.monotonic()
            async with meanwhile(at.load.run_on(operations)):
                while (passed := time.monotonic() - began) < seconds:
                    for name, unit, weight in [*_weigh_processes(at), *await _weigh_tables(at)]:
                        found.setdefault((name, unit), Series(name, unit)).points.append((passed, weight))
                    tell(passed, list(found.values()))
                    await asyncio.sleep(EVERY_S)
            await at.load.finish()
            return list(found.values()), at.load.asked + len(at.site.written) + len(at.load.said_elsewhere)


def _weigh_processes(at: Stage) -> list[tuple[str, str, float]]:
    found = []
    for number, one in enumerate(at.kept):
        place, name = Path("/proc") / str(one.program.pid), f"{one.kind} {number % 2 + 1}"
        lines = (place / "status").read_text().splitlines()
        resident = next(line for line in lines if line.startswith("VmRSS:"))
        found.append((name, "MiB of memory", int(resident.split()[1]) / 1024))
        found.append((name, "open files", float(len(list((place / "fd").iterdir())))))
    return found


async def _weigh_tables(at: Stage) -> list[tuple[str, str, float]]:
    rows = await at.site.rows(_TABLES)
    hot = [row for row in rows if row["name"] in _HOT]
    return [
        ("all tables", "dead rows", float(sum(row["dead"] for row in rows))),
        *((row["name"], "MiB of hot tables", float(row["size"])) for row in hot),
        ("what is kept", "MiB", float(sum(row["size"] for row in rows if row["name"] not in _HOT))),
    ]


def report(found: Sequence[Series], operations: int) -> str:
    """Tell what each thing weighed in the first and in the last third, and whether that is flat."""
    if not found or len(found[0].points) < _FEWEST:
        return "Too short to say anything.\n"
    told = f"{'':<32}{'first third':>12}{'last third':>12}{'an hour':>12}\n"
    for series in found:
        before, after = series.thirds
        verdict = "" if series.unit not in _SLACK else "flat" if series.is_flat else "GREW"
        name = f"{series.name}, {series.unit}"
        told += f"{name:<32}{before:>12.1f}{after:>12.1f}{series.an_hour:>+12.1f}  {verdict}\n"
    grew = next(series for series in found if series.unit == "MiB")
    each = (grew.points[-1][1] - grew.points[0][1]) * 1024 / max(operations, 1)
    told += f"{operations} operations; what is kept grew by {each:.1f} KiB for each\n"
    flat = all(series.is_flat for series in found if series.unit in _SLACK)
    return told + ("Flat.\n" if flat else "Something grew.\n")


def _say(passed: float, found: Sequence[Series]) -> None:
    memory = [series.points[-1][1] for series in found if series.unit == "MiB of memory"]
    files = [series.points[-1][1] for series in found if series.unit == "open files"]
    dead = next(series.points[-1][1] for series in found if series.unit == "dead rows")
    sys.stdout.write(f"{passed:5.0f} s  memory {max(memory):.0f} MiB  files {max(files):.0f}  dead rows {dead:.0f}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
