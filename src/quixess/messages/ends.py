"""How a send ended: message, Idempotency-Key, wamid and event are written in one transaction, many ends at once."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import msgspec
import structlog

from quixess import connections, feed, idempotency
from quixess.database import ids
from quixess.database.batching import Batcher
from quixess.database.core import Database, Tx
from quixess.events import outbox
from quixess.events.outbox import Draft
from quixess.feed import Kind
from quixess.idempotency import Final
from quixess.messages import describing, store, threads
from quixess.messages.model import RANK, Outbound, Reply, State
from quixess.messages.store import Settled, Status
from quixess.messages.threads import Thread
from quixess.vault import Keyring

_log = structlog.get_logger()


class End(msgspec.Struct, frozen=True):
    """How one send ended. `answer` is what its Idempotency-Key keeps; None releases the key.

    `held` is one of `model.HELD`.
    """

    message: Outbound
    thread: Thread
    state: State
    answer: Reply | None
    wamid: str | None = None
    wa_id: str | None = None
    errors: list[dict[str, Any]] | None = None
    dead_token: bool = False
    held: str | None = None


class Ends:
    """Writes the ends of sends."""

    def __init__(self, db: Database, keyring: Keyring, dispatcher: outbox.Dispatcher | None) -> None:
        self._db = db
        self._keyring = keyring
        self._dispatcher = dispatcher
        self.batcher: Batcher[End, None] = Batcher(self._write)

    async def write(self, end: End) -> bool:
        """Write an end down; False when that cannot be. Then the claim stays, and evidence settles it later."""
        try:
            await self.batcher.submit(end)
        except Exception as error:  # noqa: BLE001 - Meta has answered already: whatever broke here is not the caller's
            _log.warning("the end of a send waits for evidence", message=str(end.message.id), error=str(error))
            return False
        return True

    async def close(self) -> None:
        """Return when every end is written."""
        await self.batcher.close()

    async def _write(self, ends: Sequence[End]) -> list[None]:
        with outbox.handing_to(self._dispatcher) as hand_off:
            async with self._db.transaction() as tx:
                await store.settle_outbound(tx, [_settled(end) for end in ends])
                await threads.add_aliases(tx, _aliases(ends))
                if waiting := [_holding(end, end.held) for end in ends if end.held is not None]:
                    await store.insert_statuses(tx, waiting)
                if finals := [final for end in ends if (final := _final(end)) is not None]:
                    await idempotency.settle(tx, finals)
                drafts = [_failure(end, end.errors) for end in ends if end.errors]
                drafts += await _release(tx, [end for end in ends if end.answer is None])
                for end in ends:
                    message = end.message
                    feed.tell(tx, message.brand_id, Kind.MESSAGE, message.id, within=end.thread.conversation_id)
                    if end.dead_token:
                        line = message.connection
                        await connections.flag_unauthorized(tx, line.brand_id, line.id, line.credentials.token)
                await outbox.record(tx, self._keyring, drafts, hand_off)
        return [None] * len(ends)


async def _release(tx: Tx, ends: Sequence[End]) -> list[Draft]:
    """Free the keys of sends that never left. Who was told 202 meanwhile, when a lease had ended, is told by event."""
    doubted = await idempotency.release(tx, [held for end in ends if (held := _held(end)) is not None])
    return [_failure(end, [_never_left()]) for end in ends if end.message.id in doubted]


def _settled(end: End) -> Settled:
    errors = None if end.errors is None else msgspec.json.encode(end.errors).decode()
    message = end.message
    return Settled(message.brand_id, message.id, message.connection.id, end.state, RANK[end.state], end.wamid, errors)


def _holding(end: End, word: str) -> Status:
    return Status(end.message.brand_id, end.message.id, word, datetime.now(UTC))


def _aliases(ends: Sequence[End]) -> list[tuple[UUID, str, UUID]]:
    """Meta's wa_id may differ from the number that was written to: the answer will come from the wa_id."""
    return [
        (end.message.brand_id, end.wa_id, end.thread.conversation_id)
        for end in ends
        if end.wa_id is not None and end.wa_id != end.message.phone
    ]


def _held(end: End) -> tuple[UUID, str, UUID] | None:
    message = end.message
    if message.lineage_id is None or message.idempotency_key is None:
        return None
    return (message.lineage_id, message.idempotency_key, message.id)


def _final(end: End) -> Final | None:
    held = _held(end)
    if held is None or end.answer is None:
        return None
    state = "unknown" if end.state is State.UNCONFIRMED else "final"
    return Final(*held, state, end.answer.status, end.answer.body)


def _never_left() -> dict[str, Any]:
    return {
        "code": "not_sent",
        "title": "The message never left",
        "reason": "The process that was to send it was held up, and found when it went on that nothing had been sent.",
        "details": None,
        "fix": "Send it again, with the same Idempotency-Key or a new one.",
        "retryable": True,
    }


def _failure(end: End, errors: Sequence[dict[str, Any]]) -> Draft:
    message = end.message
    row = {
        "id": message.id, "wamid": None, "phone": message.phone, "user_id": message.user_id,
        "metadata": message.metadata, "conversation_id": end.thread.conversation_id, "brand_id": message.brand_id,
    }  # fmt: skip
    return describing.failed(row, errors, ids.made_at(message.id))
