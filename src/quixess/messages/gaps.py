"""Gaps: messages that Meta took and of which no status ever came, looked up in Meta's own message history.

Webhooks get lost: a gateway that was away too long, a subscription that somebody took away. Each brand's messages are
walked over once, when they are old enough; those that are still `accepted` are asked for, a few at a time, and again
after growing waits, for a day. What Meta answers settles them as its webhooks would have.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import structlog

from quixess import connections
from quixess.connections import Connection, Lines, Number
from quixess.database import ids
from quixess.database.core import Database, Row, Tx
from quixess.events import outbox
from quixess.messages import evidence, refusals
from quixess.messages.evidence import Heard
from quixess.messages.model import State
from quixess.meta import history
from quixess.meta.graph import NotSent, Outcome, Rejected
from quixess.meta.history import Moment
from quixess.meta.webhooks import StatusUpdate
from quixess.vault import Keyring

_BRANDS_AT_ONCE = 4
_LOOKS_A_TURN = 20
_TURN_EVERY_S = 30  # so a brand asks Meta 2,400 times an hour at most; its calls are counted beyond 5,000
_LEASE_S = 300  # longer than all its look-ups, even when each takes as long as it may
_WALK = 5_000
_POSTPONED = 5_000
_WALKS_A_TURN = 20
_BEGIN_BEFORE = timedelta(days=1)
_WAITS = (3, 9, 27, 81)  # times `after_s` between the look-ups; then it stays as it is
_CLOSED_S = 3600
_UNREACHED_S = 60
_WELCOME_EVERY_S = 60.0  # that compares all connections with all turns
_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class _Gap:
    """A message without a status, and what Meta says of it."""

    row: Row
    connection: Connection
    moments: list[Moment]


@dataclass(slots=True)
class _Told:
    """What one turn brought. `closed` numbers are left alone for so many seconds, `pause_s` all of the brand's."""

    gaps: list[_Gap] = field(default_factory=list)
    closed: dict[UUID, int] = field(default_factory=dict)
    pause_s: int | None = None


class Gaps:
    """Looks for messages without a status that are older than `after_s` seconds."""

    def __init__(
        self, db: Database, keyring: Keyring, lines: Lines, dispatcher: outbox.Dispatcher | None, *, after_s: float
    ) -> None:
        self._db = db
        self._keyring = keyring
        self._lines = lines
        self._dispatcher = dispatcher
        self._after = timedelta(seconds=after_s)
        self._welcome_at = 0.0

    async def run_once(self) -> int:
        """Take the brands whose turn it is, and return how many messages were settled. One process has a brand."""
        welcoming = time.monotonic() >= self._welcome_at
        async with self._db.transaction() as tx:
            if welcoming:
                await _welcome(tx)
            turns = await _take_turns(tx)
        if welcoming:
            self._welcome_at = time.monotonic() + _WELCOME_EVERY_S
        settled = 0
        for turn in turns:
            settled += await self._take_turn(turn["id"], turn["walked_to"])
        return settled

    async def _take_turn(self, brand_id: UUID, walked_to: UUID) -> int:
        behind = await self._walk(brand_id, walked_to)
        told = await self._ask(brand_id)
        wait_s = told.pause_s if told.pause_s is not None else 0 if behind else _TURN_EVERY_S
        with outbox.handing_to(self._dispatcher) as hand_off:
            async with self._db.transaction() as tx:
                drafts = await evidence.apply(tx, [heard for gap in told.gaps for heard in _heard(gap)])
                await self._note(tx, brand_id, told)
                await tx.execute(
                    "UPDATE gap_turn SET next_at = now() + $2 * interval '1 second' WHERE id = $1", brand_id, wait_s
                )
                await outbox.record(tx, self._keyring, drafts, hand_off)
        return _report([gap for gap in told.gaps if gap.moments])

    async def _walk(self, brand_id: UUID, walked_to: UUID) -> bool:
        """Walk over the messages that grew old enough and keep those without a status; True when there are more."""
        async with self._db.statement() as tx:
            floor = ids.floor(await _now(tx) - self._after)
        for _ in range(_WALKS_A_TURN):
            async with self._db.transaction() as tx:
                walked = await _step(tx, brand_id, walked_to, floor)
            if walked is None:
                return False
            walked_to = walked
        return True

    async def _ask(self, brand_id: UUID) -> _Told:
        """Ask Meta for a few messages, one after the other. A number that is refused is left alone for a while."""
        async with self._db.transaction() as tx:
            rows = await _due(tx, brand_id)
            known = await connections.list_connections(tx, brand_id) if rows else []
            active = {one.id for one in known if one.state == "active"}
            asked = {row["connection_id"] for row in rows}
            found = await connections.load_each(
                tx, self._keyring, [(brand_id, line) for line in sorted(asked & active)]
            )
        lines = {line.id: line for line in found}
        told = _Told(closed=dict.fromkeys(asked - lines.keys(), _CLOSED_S))
        for row in rows:
            line = lines.get(row["connection_id"])
            if line is None or line.id in told.closed:
                continue
            if (pause_s := await self._look(told, row, line)) is not None:
                told.closed[line.id] = pause_s
        if rows and active <= told.closed.keys():
            told.pause_s = min(told.closed.values())
        return told

    async def _look(self, told: _Told, row: Row, line: Connection) -> int | None:
        """Look one message up; when Meta refuses, give the seconds for which the number is left alone."""
        graph = await self._lines.to(line.graph_url)
        try:
            told.gaps.append(_Gap(row, line, await history.read(graph, line.credentials, row["wamid"])))
        except Outcome as refused:
            _log.warning("Meta's message history cannot be read", number=line.phone_number_id, error=str(refused))
            if isinstance(refused, NotSent):
                return refused.retry_after_s or _UNREACHED_S
            if isinstance(refused, Rejected) and refused.error.code in refusals.DEAD_TOKEN:
                async with self._db.transaction() as tx:
                    await connections.flag_unauthorized(tx, line.brand_id, line.id, line.credentials.token)
            return _CLOSED_S if isinstance(refused, Rejected) else _UNREACHED_S
        return None

    async def _note(self, tx: Tx, brand_id: UUID, told: _Told) -> None:
        """Forget what was settled, look again at what was not, later each time, and leave closed numbers alone."""
        done = [gap.row["id"] for gap in told.gaps if gap.moments or gap.row["tries"] >= len(_WAITS)]
        again = [gap.row for gap in told.gaps if not gap.moments and gap.row["tries"] < len(_WAITS)]
        await _forget(tx, done)
        if again:
            await tx.execute(
                """UPDATE gap g SET tries = g.tries + 1, next_at = now() + a.wait_s * interval '1 second'
                   FROM unnest($1::uuid[], $2::float8[]) AS a(id, wait_s)
                   WHERE g.id = a.id AND g.id = ANY ($1::uuid[])""",
                [row["id"] for row in again],
                [self._after.total_seconds() * _WAITS[row["tries"]] for row in again],
            )
        if told.closed:
            await _postpone(tx, brand_id, told.closed)


async def _welcome(tx: Tx) -> None:
    """Give every connected brand turns of its own; a new one begins a day back."""
    await tx.execute(
        """INSERT INTO gap_turn (id, walked_to)
           SELECT DISTINCT c.brand_id, $1::uuid FROM connection c
           WHERE c.state = 'active' AND NOT EXISTS (SELECT FROM gap_turn t WHERE t.id = c.brand_id)
           ON CONFLICT DO NOTHING""",
        ids.floor(await _now(tx) - _BEGIN_BEFORE),
    )


async def _now(tx: Tx) -> datetime:
    row = await tx.row("SELECT now() AS now")
    assert row is not None  # noqa: S101 - a SELECT without FROM has one row
    now: datetime = row["now"]
    return now


async def _take_turns(tx: Tx) -> list[Row]:
    return await tx.rows(
        """WITH due AS MATERIALIZED (
             SELECT id FROM gap_turn WHERE next_at <= now() ORDER BY next_at LIMIT $1 FOR UPDATE SKIP LOCKED)
           UPDATE gap_turn t SET next_at = now() + $2 * interval '1 second'
           FROM due WHERE t.id = due.id RETURNING t.id, t.walked_to""",
        _BRANDS_AT_ONCE,
        _LEASE_S,
    )


async def _step(tx: Tx, brand_id: UUID, walked_to: UUID, floor: UUID) -> UUID | None:
    """Walk one step; gives how far it came, or None when nothing older is left."""
    row = await tx.row(
        """WITH seen AS MATERIALIZED (
             SELECT m.id, m.state, m.direction, m.wamid FROM message m
             WHERE m.brand_id = $1 AND m.id > $2 AND m.id < $3 ORDER BY m.id LIMIT $4),
           found AS (
             INSERT INTO gap (id, brand_id, next_at)
             SELECT id, $1, now() FROM seen WHERE state = $5 AND direction = 'outbound' AND wamid IS NOT NULL
             ON CONFLICT DO NOTHING)
           SELECT id, (SELECT count(*) FROM seen) AS walked FROM seen ORDER BY id DESC LIMIT 1""",
        brand_id,
        walked_to,
        floor,
        _WALK,
        State.ACCEPTED,
    )
    if row is None:
        return None
    await tx.execute("UPDATE gap_turn SET walked_to = $2 WHERE id = $1", brand_id, row["id"])
    walked_on: UUID = row["id"]
    return walked_on if row["walked"] == _WALK else None


async def _due(tx: Tx, brand_id: UUID) -> list[Row]:
    """Find the messages to ask for; those that were settled meanwhile, or are gone, are forgotten."""
    rows = await tx.rows(
        """SELECT g.id AS gap_id, g.tries, m.* FROM (
             SELECT id, tries, next_at FROM gap WHERE brand_id = $1 AND next_at <= now() ORDER BY next_at LIMIT $2) g
           LEFT JOIN LATERAL (SELECT * FROM message x WHERE x.brand_id = $1 AND x.id = g.id OFFSET 0) m ON true
           ORDER BY g.next_at""",
        brand_id,
        _LOOKS_A_TURN,
    )
    await _forget(tx, [row["gap_id"] for row in rows if row["state"] != State.ACCEPTED])
    return [row for row in rows if row["state"] == State.ACCEPTED]


async def _postpone(tx: Tx, brand_id: UUID, closed: Mapping[UUID, int]) -> None:
    """Put off what is due of these numbers, so that it does not stand before what is due of the others."""
    await tx.execute(
        """WITH due AS MATERIALIZED (
             SELECT id FROM gap WHERE brand_id = $1 AND next_at <= now() ORDER BY next_at LIMIT $2)
           UPDATE gap g SET next_at = now() + c.wait_s * interval '1 second'
           FROM due
           CROSS JOIN LATERAL (SELECT * FROM message x WHERE x.brand_id = $1 AND x.id = due.id OFFSET 0) m
           JOIN unnest($3::uuid[], $4::int[]) AS c(connection_id, wait_s) ON c.connection_id = m.connection_id
           WHERE g.id = due.id AND g.id = ANY (ARRAY(SELECT id FROM due))""",
        brand_id,
        _POSTPONED,
        list(closed),
        list(closed.values()),
    )


async def _forget(tx: Tx, message_ids: Sequence[UUID]) -> None:
    if message_ids:
        await tx.execute("DELETE FROM gap WHERE id = ANY ($1::uuid[])", list(message_ids))


def _heard(gap: _Gap) -> list[Heard]:
    """Give what Meta's history says the shape of statuses."""
    line, row = gap.connection, gap.row
    number = Number(
        phone_number_id=line.phone_number_id,
        app_id=line.app_id,
        waba_id=line.waba_id,
        brand_id=line.brand_id,
        connection_id=line.id,
        display=line.display_phone,
    )
    return [Heard(_update(line, row["wamid"], moment), number) for moment in gap.moments]


def _update(line: Connection, wamid: str, moment: Moment) -> StatusUpdate:
    return StatusUpdate(
        waba_id=line.waba_id,
        phone_number_id=line.phone_number_id,
        wamid=wamid,
        status=moment.status,
        timestamp=moment.at,
        recipient_phone=None,
        recipient_user_id=None,
        opaque=None,
        errors=[_failure(moment)] if moment.status == State.FAILED else [],
        pricing=None,
        conversation=None,
        raw={},
    )


def _failure(moment: Moment) -> dict[str, Any]:
    """Meta's history knows no code, only a sentence at best."""
    return {"title": "Failed, says Meta's message history", "error_data": {"details": moment.reason}}


def _report(settled: Sequence[_Gap]) -> int:
    """Say that webhooks were lost, and what Meta thinks of them: an operator may have to look at the subscription."""
    if settled:
        states = {moment.webhook or "unknown" for gap in settled for moment in gap.moments}
        _log.warning(
            "statuses that no webhook brought were read from Meta's message history",
            brand=ids.show("brd", settled[0].connection.brand_id),
            messages=len(settled),
            webhooks=sorted(states),
        )
    return len(settled)
