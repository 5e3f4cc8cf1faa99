"""Doubts: what can be told by now of a send whose outcome was not known."""

import asyncio
from contextlib import suppress
from uuid import UUID

from quixess import connections
from quixess.database.core import Database, Row
from quixess.errors import QuixessError
from quixess.messages import model, store
from quixess.messages.model import GIVEN_UP, Reply

_LOOK_EVERY_S = 0.2


async def tell(db: Database, brand_id: UUID, message_id: UUID, *, replayed: bool = False) -> Reply:
    """Answer for a message in doubt: 200 as soon as any evidence has come, else 202.

    Raises `idempotency_in_progress` while the message is not written yet.
    """
    row = await _load(db, brand_id, message_id)
    async with db.statement() as tx:
        number = await connections.number_of(tx, brand_id, row["connection_id"]) if row is not None else None
    if row is None or number is None:
        raise QuixessError("idempotency_in_progress", "The message is not to be found yet.", retry_after_s=1)
    confirmed = row["wamid"] is not None and row["rank"] > GIVEN_UP
    state = "accepted" if confirmed else "unconfirmed"
    body = model.answer(dict(row), state=state, wamid=row["wamid"], number=number)
    return Reply(200 if confirmed else 202, body, replayed=replayed)


async def wait(db: Database, brand_id: UUID, message_id: UUID, wait_s: float) -> Reply | None:
    """Wait for evidence at most so many seconds; None when none has come."""
    loop = asyncio.get_running_loop()
    until = loop.time() + wait_s
    while loop.time() < until:
        await asyncio.sleep(_LOOK_EVERY_S)
        with suppress(QuixessError):  # the database is away: nobody may say now that nothing was sent
            reply = await tell(db, brand_id, message_id)
            if reply.status != 202:
                return reply
    return None


async def phone_of(db: Database, brand_id: UUID, message_id: UUID) -> str | None:
    """Tell the phone (digits) that a message was written to."""
    row = await _load(db, brand_id, message_id)
    return None if row is None else row["phone"]


async def _load(db: Database, brand_id: UUID, message_id: UUID) -> Row | None:
    async with db.statement() as tx:
        return (await store.load(tx, [(brand_id, message_id)])).get(message_id)
