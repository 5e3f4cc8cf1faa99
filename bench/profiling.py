"""Where the time goes: `python -m bench profile send` runs a measurement with every process being looked at.

Shares are what to read here. The absolute numbers are higher than without looking, by some per cent.
"""

import json
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path

import asyncpg

from bench import tables
from bench.rig import Rig

_LINES, _FUNCTIONS = 25, 45
_TOP = """
SELECT calls, total_exec_time, total_plan_time, rows, shared_blks_hit, regexp_replace(query, '\\s+', ' ', 'g') AS text
FROM pg_stat_statements WHERE dbid = (SELECT oid FROM pg_database WHERE datname = current_database())
ORDER BY total_exec_time + total_plan_time DESC LIMIT 15
"""


def run(measure: Callable[[Rig], None]) -> None:
    """Run a measurement and tell where the CPU went, in Python and in PostgreSQL."""
    with Rig(looking=True) as rig:
        measure(rig)
        stacks = _read(rig.stacks)
        statements = tables.rows(rig.dsn, _TOP)
    print("Python, by the line that was running")
    print(_shares(Counter(_weigh(stacks, lambda stack: stack[:1])), _total(stacks), _LINES))
    print("Python, by function, with what it calls")
    print(_shares(Counter(_weigh(stacks, _functions)), _total(stacks), _FUNCTIONS))
    print("PostgreSQL, by statement (warm-up and checks included)")
    print(_statements(statements))


def _read(file: Path) -> list[tuple[list[str], int]]:
    """Read the stacks seen while the event loop ran, innermost frame first, without what lies below the loop."""
    found = []
    for stack, seen in json.loads(file.read_text()):
        loop = next((depth for depth, frame in enumerate(stack) if frame.startswith("uvloop/")), None)
        if loop is not None:
            found.append((stack[: loop + 1], seen))
    return found


def _total(stacks: list[tuple[list[str], int]]) -> int:
    return sum(seen for _, seen in stacks)


def _weigh(stacks: list[tuple[list[str], int]], name: Callable[[list[str]], Iterable[str]]) -> dict[str, int]:
    weights: Counter[str] = Counter()
    for stack, seen in stacks:
        for one in name(stack):
            weights[one] += seen
    return dict(weights)


def _functions(stack: list[str]) -> set[str]:
    """Name the functions of a stack without their lines, each once."""
    return {
        f"{place.rpartition(':')[0]} {function}" for place, _, function in (frame.partition(" ") for frame in stack)
    }


def _shares(weights: Counter[str], total: int, most: int) -> str:
    return "".join(f"{weight / total:7.1%}  {name}\n" for name, weight in weights.most_common(most))


def _statements(rows: list[asyncpg.Record]) -> str:
    lines = [f"{'share':>7} {'calls':>7} {'ms a call':>10} {'of it plan':>10} {'rows':>7} {'buffers':>8}  statement"]
    total = sum(_spent(row) for row in rows) or 1.0
    for row in rows:
        calls = row["calls"]
        lines.append(
            f"{_spent(row) / total:7.1%} {calls:7,} {_spent(row) / calls:10.3f} {row['total_plan_time'] / calls:10.3f} "
            f"{row['rows'] / calls:7.1f} {row['shared_blks_hit'] / calls:8.1f}  {row['text'][:90]}"
        )
    return "\n".join(lines)


def _spent(row: asyncpg.Record) -> float:
    return float(row["total_exec_time"] + row["total_plan_time"])
