"""Reading: a report over a window. Hours that are over come from their counts, the last two from the rows themselves.

Under the reader's role. A worker that was away leaves a hole: `Report.missing` says from when to when.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from quixess.database.core import Database, Row, Tx
from quixess.meta import codes
from quixess.metrics import cells, counting, prices
from quixess.metrics.cells import Kind
from quixess.metrics.counting import HOUR
from quixess.metrics.prices import Price
from quixess.metrics.ranges import Window
from quixess.metrics.reports import ARRIVED, Counts, Deliveries, Failure, Priced, Reception, Report
from quixess.metrics.waits import Waits

_READ_HOURS = 2
_NOBODY = UUID(int=0)


@dataclass(frozen=True, slots=True)
class _Sources:
    """Where a window is read from: counted hours `[start, cut)`, and spans of rows after it."""

    start: datetime
    cut: datetime
    spans: Sequence[cells.Span]
    step: timedelta


async def report(db: Database, brand_id: UUID, window: Window) -> Report:
    """Read the report of a brand over a window."""
    async with db.statement() as tx:
        known = await counting.counted_to(tx, brand_id)
    sources, missing = _sources(window, known)
    async with db.reading(brand_id) as tx:
        messages = await tx.rows(_SETS, *_arguments(brand_id, sources))
        waits = await _sum(tx, brand_id, cells.CODES, "step", sources)
        attempts = await _sum(tx, brand_id, cells.ATTEMPTS, "endpoint_id, answer, step", sources)
        outcomes = await _sum(tx, brand_id, cells.OUTCOMES, "endpoint_id, state", sources)
        known_prices = await prices.list_prices(tx, brand_id)
    steps: dict[datetime, Counts] = {moment: Counts() for moment in window.moments}
    total = Counts()
    for row in (row for row in messages if row["at"] is not None):
        steps[row["at"]].states[row["state"]] += row["messages"]
        total.states[row["state"]] += row["messages"]
    return Report(
        window=window,
        total=total,
        steps=steps,
        codes=Waits((row["step"], row["n"]) for row in waits),
        code_steps=_by_step(window, waits),
        failures=_failures(messages),
        templates=_templates(messages),
        keys=_keys(messages),
        priced=_priced(messages, known_prices),
        endpoints=_endpoints(attempts, outcomes),
        attempt_steps=_attempt_steps(window, attempts),
        missing=missing,
    )


async def deliveries(db: Database, brand_id: UUID, window: Window) -> Deliveries:
    """Read how the events of a brand were delivered over a window."""
    async with db.statement() as tx:
        known = await counting.counted_to(tx, brand_id)
    sources, _ = _sources(window, known)
    async with db.reading(brand_id) as tx:
        outcomes = await _sum(tx, brand_id, cells.OUTCOMES, "state", sources)
        attempts = await _sum(tx, brand_id, cells.ATTEMPTS, "endpoint_id, step", sources)
    ends: dict[datetime, Counter[str]] = {moment: Counter() for moment in window.moments}
    for row in outcomes:
        ends[row["at"]][row["state"]] += row["n"]
    waits: dict[UUID, dict[datetime, Waits]] = {}
    for row in attempts:
        steps = waits.setdefault(row["endpoint_id"], {moment: Waits() for moment in window.moments})
        steps[row["at"]].add(row["step"], row["n"])
    return Deliveries(window, ends, waits)


def _sources(window: Window, counted_to: datetime | None) -> tuple[_Sources, tuple[datetime, datetime] | None]:
    """Say what comes from counts and what from rows: rows only as far back as is quick."""
    step, now = window.range.step, window.now
    if step < HOUR:
        spans = [(moment, moment + step) for moment in window.moments]
        return _Sources(window.start, window.start, spans, step), None
    hour = counting.floor(now)
    cut = max(window.start, hour - (_READ_HOURS - 1) * HOUR)
    spans = [(cut + n * HOUR, cut + (n + 1) * HOUR) for n in range(int((hour - cut) / HOUR) + 1)]
    missing = None if counted_to is None or counted_to >= cut else (max(counted_to, window.start), cut)
    return _Sources(window.start, cut, spans, step), missing


_CELLS = f"""cell AS (
  SELECT h.hour AS at, {", ".join(f"h.{name.strip()}" for name in cells.MESSAGES.columns.split(","))}
  FROM message_hour h WHERE h.brand_id = $1 AND h.hour >= $5 AND h.hour < $6
  UNION ALL {cells.MESSAGES.select})"""
_SETS = f"""WITH {_CELLS}, binned AS (SELECT date_bin($7, c.at, $5) AS bin, c.* FROM cell c)
  SELECT b.bin AS at, b.template_name, b.category, b.key_id, b.code, b.price_category, b.price_type, b.billable,
         b.state, sum(b.messages)::bigint AS messages
  FROM binned b
  GROUP BY b.state, GROUPING SETS ((b.bin), (b.template_name, b.category), (b.key_id), (b.code),
                                   (b.price_category, b.price_type, b.billable))"""


def _arguments(brand_id: UUID, sources: _Sources) -> tuple[Any, ...]:
    return (brand_id, *cells.arguments(sources.spans), sources.start, sources.cut, sources.step)


async def _sum(tx: Tx, brand_id: UUID, kind: Kind, columns: str, sources: _Sources) -> list[Row]:
    """Sum the cells of a kind by step of the window and some of their columns."""
    names = kind.columns.replace(" ", "").split(",")
    shown = ", ".join(f"h.{name}" for name in names)
    return await tx.rows(
        f"""WITH cell AS (
              SELECT h.hour AS at, {shown} FROM {kind.table} h
              WHERE h.brand_id = $1 AND h.hour >= $5 AND h.hour < $6 UNION ALL {kind.select})
            SELECT date_bin($7, c.at, $5) AS at, {columns}, sum(c.{names[-1]})::bigint AS n FROM cell c
            GROUP BY 1, {columns}""",
        *_arguments(brand_id, sources),
    )


def _by_step(window: Window, rows: Sequence[Row]) -> dict[datetime, Waits]:
    found = {moment: Waits() for moment in window.moments}
    for row in rows:
        found[row["at"]].add(row["step"], row["n"])
    return found


def _failures(rows: Sequence[Row]) -> list[Failure]:
    counts = {row["code"]: row["messages"] for row in rows if row["code"] is not None and row["state"] == "failed"}
    return [_failure(code, messages) for code, messages in sorted(counts.items(), key=lambda one: (-one[1], one[0]))]


def _failure(code: int, messages: int) -> Failure:
    if code == cells.UNKNOWN:
        fix = "Meta was not to be reached for an answer: look whether the network or Meta was at fault."
        return Failure(
            "outcome_unknown", "WhatsApp never confirmed the message, most likely it was not sent", fix, messages
        )
    if code == 0:
        fix = "Look at the messages: each says what is known of it."
        return Failure(0, "It failed, and Meta did not say why", fix, messages)
    explained = codes.explain(code)
    return Failure(code, explained.meaning, explained.fix, messages)


def _templates(rows: Sequence[Row]) -> list[tuple[str, str, Counts]]:
    found: dict[tuple[str, str], Counts] = defaultdict(Counts)
    for row in rows:
        if row["template_name"]:
            found[row["template_name"], row["category"]].states[row["state"]] += row["messages"]
    return [(*names, counts) for names, counts in sorted(found.items(), key=lambda one: (-one[1].asked, one[0]))]


def _keys(rows: Sequence[Row]) -> list[tuple[UUID | None, Counts]]:
    found: dict[UUID, Counts] = defaultdict(Counts)
    for row in rows:
        if row["key_id"] is not None and row["state"] != "received":
            found[row["key_id"]].states[row["state"]] += row["messages"]
    ordered = sorted(found.items(), key=lambda one: (-one[1].asked, one[0]))
    return [(None if key_id == _NOBODY else key_id, counts) for key_id, counts in ordered]


def _priced(rows: Sequence[Row], known: Mapping[str, Price]) -> list[Priced]:
    found: Counter[tuple[str, str, bool]] = Counter()
    for row in rows:
        if row["price_category"] and row["state"] in ARRIVED:
            found[row["price_category"], row["price_type"], row["billable"]] += row["messages"]
    return [
        Priced(category, kind, billable, messages, known.get(prices.same(category)))
        for (category, kind, billable), messages in sorted(found.items(), key=lambda one: (-one[1], one[0]))
    ]


def _endpoints(attempts: Sequence[Row], outcomes: Sequence[Row]) -> list[Reception]:
    found: dict[UUID, Reception] = {}
    for row in attempts:
        one = found.setdefault(row["endpoint_id"], Reception(row["endpoint_id"], Counter(), Waits(), Counter()))
        _attempted(one, row)
    for row in outcomes:
        one = found.setdefault(row["endpoint_id"], Reception(row["endpoint_id"], Counter(), Waits(), Counter()))
        one.outcomes[row["state"]] += row["n"]
    return sorted(found.values(), key=lambda one: (-one.attempts, one.endpoint_id))


def _attempt_steps(window: Window, attempts: Sequence[Row]) -> dict[datetime, Reception]:
    found = {moment: Reception(_NOBODY, Counter(), Waits(), Counter()) for moment in window.moments}
    for row in attempts:
        _attempted(found[row["at"]], row)
    return found


def _attempted(one: Reception, row: Row) -> None:
    one.answers[row["answer"]] += row["n"]
    one.waits.add(row["step"], row["n"])
