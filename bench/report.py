"""What a measurement is: rounds, their median with the least and the most, goals, and a table to read it from."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from bench.meters import Reading


@dataclass(frozen=True, slots=True)
class Round:
    """One round. CPU is microseconds per operation, latencies are milliseconds, shares are parts of all cores."""

    operations: int
    per_second: float
    gateway_us: float
    postgres_us: float
    around_us: float
    busy: float
    strangers: float
    p50_ms: float | None = None
    p99_ms: float | None = None


@dataclass(frozen=True, slots=True)
class Goal:
    """What DESIGN asks for; None where it asks for nothing."""

    per_second: float | None = None
    gateway_us: float | None = None
    postgres_us: float | None = None
    p99_ms: float | None = None


def measured(operations: int, seconds: float, used: Reading, latencies_us: Sequence[int] = ()) -> Round:
    """Make a round of what the meters `measured`, `postgres` and all others say. `latencies_us` are sorted."""
    per_operation = {name: 1e6 * value / operations for name, value in used.used.items()}
    around = sum(value for name, value in per_operation.items() if name not in {"measured", "postgres"})
    return Round(
        operations=operations,
        per_second=operations / seconds,
        gateway_us=per_operation["measured"],
        postgres_us=per_operation["postgres"],
        around_us=around,
        busy=used.busy / used.total,
        strangers=max(0.0, used.busy - sum(used.used.values())) / used.total,
        p50_ms=_percentile(latencies_us, 0.50),
        p99_ms=_percentile(latencies_us, 0.99),
    )


def _percentile(ordered: Sequence[int], part: float) -> float | None:
    return ordered[int(len(ordered) * part)] / 1000 if ordered else None


def table(title: str, rounds: Sequence[Round], goal: Goal | None = None) -> str:
    """Write one operation as a small table: medians, least to most, the goal and whether it is reached."""
    columns = [_column(name, head, digits, rounds, goal) for name, head, digits in _COLUMNS]
    rows = list(zip(*columns, strict=True))
    if goal is None:
        rows = rows[:3]
    names = (title, "median", f"min–max of {len(rounds)}", "goal", "reached?")
    first = 38  # as wide as the longest title, so that the tables stand in line
    lines = [
        f"{name:<{first}}" + "".join(f"{cell:>16}" for cell in row) for name, row in zip(names, rows, strict=False)
    ]
    return "\n".join([*lines, _around(rounds), ""])


def against(name: str, ours: Sequence[Round], theirs: Sequence[Round]) -> str:
    """Write what another program needed in the same run, and how many times that Quixess needs."""
    return f"{table(f'  {name}', theirs).rstrip()}\n  Quixess needs {_ratios(ours, theirs)}\n"


def _ratios(ours: Sequence[Round], theirs: Sequence[Round]) -> str:
    cpu = [
        f"{median(ours, name) / median(theirs, name):.2g} times its {says}"
        for name, says in (("gateway_us", "CPU in the gateway"), ("postgres_us", "CPU in PostgreSQL"))
    ]
    share = median(ours, "per_second") / median(theirs, "per_second")
    return f"{' and '.join(cpu)}, and does {share:.0%} of its operations per second."


def median(rounds: Sequence[Round], name: str) -> float:
    """Give the median of a number of these rounds."""
    values: list[float] = [getattr(one, name) for one in rounds]
    return statistics.median(values)


def _column(name: str, head: str, digits: int, rounds: Sequence[Round], goal: Goal | None) -> list[str]:
    found = [value for one in rounds if (value := getattr(one, name)) is not None]
    if not found:
        return [head, "–", "", "", ""]
    median = statistics.median(found)
    wanted = None if goal is None else getattr(goal, name, None)
    cells = [head, f"{median:,.{digits}f}", f"{min(found):,.{digits}f}–{max(found):,.{digits}f}", "", ""]
    if wanted is not None:
        more = name == "per_second"
        cells[3:] = [f"{'≥' if more else '≤'} {wanted:,g}", "yes" if (median >= wanted) == more else "NO"]
    return cells


def _around(rounds: Sequence[Round]) -> str:
    return (
        f"  around it: {median(rounds, 'around_us'):.0f} µs an operation for load and other ends; machine busy "
        f"{median(rounds, 'busy'):.0%}, strangers {max(one.strangers for one in rounds):.0%} at most"
    )


_COLUMNS = (
    ("per_second", "per second", 0),
    ("gateway_us", "gateway µs", 0),
    ("postgres_us", "PostgreSQL µs", 0),
    ("p50_ms", "p50 ms", 1),
    ("p99_ms", "p99 ms", 1),
)
