"""The backlog: how much waits, for how long, and what is about to go wrong, over all brands.

Every statement here goes by index and costs the same however many rows wait: it is asked every few seconds, and matters
most when things go badly.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from quixess.database import ids
from quixess.database.core import Row, Tx
from quixess.health import beats

MOST = 10_000
"""Nothing is counted further."""

HOT = ("delivery", "endpoint_due", "idempotency", "intake_todo", "media_todo", "rate_bucket", "unsettled")
"""The tables whose rows come and go: dead ones must be cleared as fast as they are made."""

_STATES = ("healthy", "failing", "disabled")
_SOON = timedelta(days=7)
_UNCONFIRMED_AFTER = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class Backlog:
    """What there is to do. Ages are seconds, 0 where nothing waits; counts end at MOST, those of tables are estimates.

    `due_s` is the age of the oldest delivery that is due, for each state of an endpoint (`healthy`, `failing`,
    `disabled`), `endpoints` how many have something due. `tokens_s` is the time until the next token ends, None when
    none does; below zero it is over. `clock_s` is by how much this machine's clock is ahead of PostgreSQL's.
    """

    due_s: Mapping[str, float]
    endpoints: Mapping[str, int]
    intake_s: float
    broken: int
    unsettled_s: float
    unconfirmed: int
    tokens_s: float | None
    tokens_ending: int
    tokens_at_fault: int
    workers: int
    clock_s: float
    live: Mapping[str, int]
    dead: Mapping[str, int]


async def measure(tx: Tx, now: datetime) -> Backlog:
    """Measure the backlog of all brands; `now` is this machine's time."""
    due = {row["state"]: row for row in await tx.rows(_DUE)}
    todo = await _only(
        tx, _TODO, ids.floor(now - _UNCONFIRMED_AFTER), MOST, timedelta(seconds=beats.LATEST_S), _SOON
    )  # fmt: skip
    tables = await tx.rows(_TABLES, list(HOT))
    waiting = todo["unsettled"]
    return Backlog(
        due_s={state: float(due[state]["late_s"]) if state in due else 0.0 for state in _STATES},
        endpoints={state: due[state]["endpoints"] if state in due else 0 for state in _STATES},
        intake_s=float(todo["intake_s"]),
        broken=todo["broken"],
        unsettled_s=0.0 if waiting is None else ids.age_s(waiting),
        unconfirmed=todo["unconfirmed"],
        tokens_s=None if todo["tokens_s"] is None else float(todo["tokens_s"]),
        tokens_ending=todo["tokens_ending"],
        tokens_at_fault=todo["tokens_at_fault"],
        workers=todo["workers"],
        clock_s=(now - todo["now"]).total_seconds(),
        live={row["relname"]: row["n_live_tup"] for row in tables},
        dead={row["relname"]: row["n_dead_tup"] for row in tables},
    )


async def _only(tx: Tx, sql: str, *arguments: object) -> Row:
    row = await tx.row(sql, *arguments)
    assert row is not None  # noqa: S101 - it asks for no row of a table
    return row


# Endpoints without work stand at infinity; of the others the first delivery is looked at, wherever it is parked.
_DUE = """
  SELECT coalesce(p.state, 'disabled') AS state, count(*) AS endpoints,
         extract(epoch FROM clock_timestamp() - min(w.next_at)) AS late_s
  FROM endpoint_due k
  LEFT JOIN endpoint p ON p.brand_id = k.brand_id AND p.id = k.endpoint_id AND p.deleted_at IS NULL
  CROSS JOIN LATERAL (SELECT d.next_at FROM delivery d
                      WHERE d.brand_id = k.brand_id AND d.endpoint_id = k.endpoint_id AND d.next_at <= now()
                      ORDER BY d.next_at LIMIT 1) w
  WHERE k.next_at < 'infinity' GROUP BY 1"""
_TODO = """
  WITH RECURSIVE lanes AS (
    (SELECT t.lane, t.next_at FROM intake_todo t WHERE t.error IS NULL ORDER BY t.lane, t.next_at LIMIT 1)
    UNION ALL
    SELECT n.lane, n.next_at FROM lanes l CROSS JOIN LATERAL (
      SELECT t.lane, t.next_at FROM intake_todo t WHERE t.error IS NULL AND t.lane > l.lane
      ORDER BY t.lane, t.next_at LIMIT 1) n)
  SELECT clock_timestamp() AS now,
    (SELECT coalesce(greatest(extract(epoch FROM clock_timestamp() - min(next_at)), 0), 0) FROM lanes) AS intake_s,
    (SELECT count(*) FROM (SELECT FROM intake_todo WHERE error IS NOT NULL LIMIT $2) b) AS broken,
    (SELECT id FROM unsettled ORDER BY id LIMIT 1) AS unsettled,
    (SELECT count(*) FROM (SELECT FROM unsettled WHERE id < $1 LIMIT $2) u) AS unconfirmed,
    (SELECT extract(epoch FROM token_expires_at - clock_timestamp()) FROM connection
     WHERE state = 'active' AND token_expires_at IS NOT NULL ORDER BY token_expires_at LIMIT 1) AS tokens_s,
    (SELECT count(*) FROM (SELECT FROM connection WHERE state = 'active' AND token_expires_at IS NOT NULL
                             AND token_expires_at < now() + $4::interval LIMIT $2) s) AS tokens_ending,
    (SELECT count(*) FROM (SELECT FROM connection WHERE state = 'active' AND token_fault IS NOT NULL LIMIT $2) f)
      AS tokens_at_fault,
    (SELECT count(*) FROM worker_beat WHERE at > clock_timestamp() - $3::interval) AS workers"""
_TABLES = """
  SELECT relname::text, n_live_tup, n_dead_tup FROM pg_stat_user_tables
  WHERE relname = ANY ($1::text[]) AND schemaname = current_schema()"""
