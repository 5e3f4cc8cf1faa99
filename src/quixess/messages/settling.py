"""Settling: sends whose outcome nobody knows are named so, and given up only when silence proves something.

A claim whose process died becomes `unconfirmed`. It becomes `failed` with `outcome_unknown` after a while without any
status, and only if Meta's webhooks did reach us since: then silence means that Meta never had it. No message is ever
sent again from here.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
import structlog

from quixess import connections, feed, idempotency
from quixess.database import ids
from quixess.database.core import Database, Row, Tx
from quixess.errors import QuixessError, write_problem
from quixess.events import outbox
from quixess.feed import Kind
from quixess.idempotency import Final
from quixess.messages import describing, evidence, model, store
from quixess.messages.evidence import Heard
from quixess.messages.model import GIVEN_UP, RANK, State
from quixess.messages.store import Settled
from quixess.meta.webhooks import StatusUpdate
from quixess.vault import Keyring

_AT_ONCE = 200
_PARKED_S = 600
_IN_DOUBT = {State.SENDING, State.UNCONFIRMED}
_log = structlog.get_logger()


class Settling:
    """Settles sends in doubt and statuses that came too early. Times are seconds."""

    def __init__(
        self,
        db: Database,
        keyring: Keyring,
        dispatcher: outbox.Dispatcher | None,
        *,
        lease_s: float,
        unknown_after_s: float,
    ) -> None:
        self._db = db
        self._keyring = keyring
        self._dispatcher = dispatcher
        self._lease = timedelta(seconds=lease_s)
        self._unknown_after = timedelta(seconds=unknown_after_s)

    async def run_once(self) -> int:
        """Look once at what is due and return how many messages moved."""
        with outbox.handing_to(self._dispatcher) as hand_off:
            async with self._db.transaction() as tx:
                due = await self._due(tx)
                doubted = [row for row in due if row["state"] == State.SENDING]
                waiting = [row for row in due if row["state"] == State.UNCONFIRMED]
                lost = [row for row in waiting if row["overdue"] and row["heard_since"]]
                await _doubt(tx, doubted)
                drafts = await _give_up(tx, lost)
                await self._look_again(tx, [row["due_id"] for row in (*doubted, *waiting)])
                await _forget(tx, [row["due_id"] for row in due if row["state"] not in _IN_DOUBT])
                drafts += await _retry_parked(tx)
                await outbox.record(tx, self._keyring, drafts, hand_off)
        for row in lost:
            _log.warning("a send was given up as outcome_unknown", message=ids.show("msg", row["id"]))
        return len(doubted) + len(lost)

    async def _due(self, tx: Tx) -> list[Row]:
        """Find the sends to look at, their message beside them.

        `heard_since` tells whether Meta's webhooks for the number arrived after the lease: until then the call to Meta
        may have been under way, and silence proves nothing.
        """
        return await tx.rows(
            """SELECT u.id AS due_id, m.*, u.since < now() - $2::interval AS overdue,
                      c.webhook_seen_at > u.since + $3::interval AS heard_since
               FROM (SELECT id, brand_id, since FROM unsettled WHERE next_at <= now()
                     ORDER BY next_at LIMIT $1 FOR UPDATE SKIP LOCKED) u
               LEFT JOIN message m ON m.brand_id = u.brand_id AND m.id = u.id
               LEFT JOIN connection c ON c.brand_id = m.brand_id AND c.id = m.connection_id""",
            _AT_ONCE,
            self._unknown_after,
            self._lease,
        )

    async def _look_again(self, tx: Tx, message_ids: Sequence[UUID]) -> None:
        """Look again when silence may mean something; the older a doubt, the more seldom."""
        if not message_ids:
            return
        await tx.execute(
            """UPDATE unsettled SET next_at = greatest(
                 since + $2::interval,
                 now() + least(interval '5 minutes', greatest(interval '1 second', (now() - since) / 10)))
               WHERE id = ANY ($1::uuid[])""",
            list(message_ids),
            self._unknown_after,
        )


async def _doubt(tx: Tx, rows: Sequence[Row]) -> None:
    """Name the sends whose process died: their lease is over and nothing was written down."""
    if not rows:
        return
    state, rank = State.UNCONFIRMED, RANK[State.UNCONFIRMED]
    _tell(tx, rows)
    await store.settle_outbound(tx, [_settled(row, state, rank) for row in rows])
    finals = [await _unknown(tx, row) for row in rows if row["idempotency_key"] is not None]
    if finals:
        await idempotency.settle(tx, finals)


async def _forget(tx: Tx, message_ids: Sequence[UUID]) -> None:
    """Stop looking at sends that are settled, or whose message retention has dropped."""
    if message_ids:
        await tx.execute("DELETE FROM unsettled WHERE id = ANY ($1::uuid[])", list(message_ids))


def _tell(tx: Tx, rows: Sequence[Row]) -> None:
    for row in rows:
        feed.tell(tx, row["brand_id"], Kind.MESSAGE, row["id"], within=row["conversation_id"])


def _settled(row: Row, state: State, rank: int, errors: str | None = None) -> Settled:
    return Settled(row["brand_id"], row["id"], row["connection_id"], state, rank, None, errors)


async def _now(tx: Tx) -> datetime:
    row = await tx.row("SELECT now() AS now")
    assert row is not None  # noqa: S101 - SELECT without FROM gives one row
    at: datetime = row["now"]
    return at


async def _unknown(tx: Tx, row: Row) -> Final:
    number = await connections.number_of(tx, row["brand_id"], row["connection_id"])
    body = model.answer(dict(row), state="unconfirmed", wamid=None, number=number or {})
    return Final(row["lineage_id"], row["idempotency_key"], row["id"], "unknown", 202, body)


async def _give_up(tx: Tx, rows: Sequence[Row]) -> list[outbox.Draft]:
    if not rows:
        return []
    error = _outcome_unknown()
    _tell(tx, rows)
    errors = msgspec.json.encode([error]).decode()
    await store.give_up(tx, [_settled(row, State.FAILED, GIVEN_UP, errors) for row in rows])
    finals = [_lost(row) for row in rows if row["idempotency_key"] is not None]
    if finals:
        await idempotency.settle(tx, finals)
    return [describing.failed(dict(row), [error], await _now(tx)) for row in rows]


def _lost(row: Row) -> Final:
    problem = QuixessError(
        "outcome_unknown",
        "WhatsApp never confirmed this message, and its webhooks did arrive since. It most likely was not sent.",
        extra={"message_id": ids.show("msg", row["id"])},
    )
    body = write_problem(problem, row["request_id"] or "")
    return Final(row["lineage_id"], row["idempotency_key"], row["id"], "final", problem.status, body)


def _outcome_unknown() -> dict[str, Any]:
    return {
        "code": "outcome_unknown",
        "title": "WhatsApp never confirmed the message",
        "reason": "The connection broke while the message was handed over, and no status ever came.",
        "details": None,
        "fix": "Send it again with a new Idempotency-Key if the user still needs it.",
        "retryable": True,
    }


async def _retry_parked(tx: Tx) -> list[outbox.Draft]:
    """Apply parked statuses whose message is known by now; drop those that nobody claimed in ten minutes."""
    rows = await tx.rows(
        """SELECT p.id, p.item, c.app_id, c.waba_id, c.phone_number_id, c.brand_id, c.id AS connection_id,
                  c.display_phone
           FROM parked_status p
           JOIN wamid w ON w.connection_id = p.connection_id AND w.wamid = p.wamid
           JOIN connection c ON c.brand_id = p.brand_id AND c.id = p.connection_id
           ORDER BY p.id LIMIT $1 FOR UPDATE OF p SKIP LOCKED""",
        _AT_ONCE,
    )
    await tx.execute("DELETE FROM parked_status WHERE parked_at < now() - $1 * interval '1 second'", _PARKED_S)
    return await evidence.apply(tx, [_heard(row) for row in rows])


def _heard(row: Row) -> Heard:
    number = connections.Number(
        phone_number_id=row["phone_number_id"],
        app_id=row["app_id"],
        waba_id=row["waba_id"],
        brand_id=row["brand_id"],
        connection_id=row["connection_id"],
        display=row["display_phone"],
    )
    return Heard(msgspec.json.decode(row["item"], type=StatusUpdate), number, row["id"])
