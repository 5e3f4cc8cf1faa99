"""Sync: fetch a WABA's templates from Meta, on a miss, on demand and from time to time, and keep the list."""

import asyncio
import math
import time
from datetime import UTC, datetime, timedelta
from uuid import UUID

import structlog

from quixess import connections
from quixess.connections import Connection, Due, Lines
from quixess.database import ids
from quixess.database.core import Database, Tx
from quixess.errors import QuixessError
from quixess.events import outbox
from quixess.meta import templates as remote
from quixess.meta.graph import Outcome
from quixess.templates import listing
from quixess.templates.listing import Difference
from quixess.vault import Keyring

_REFRESH_EVERY_S = 30.0
_RETRY_AFTER_S = 300
_CLOCKS_APART = timedelta(minutes=10)  # an id is made by the clock of its process
_log = structlog.get_logger()


class Sync:
    """Refreshes the cache from Meta: one call at a time for a connection, on a miss at most every 30 s.

    A status that Meta's webhooks did not tell is told as `template.status_changed`.
    """

    def __init__(self, db: Database, keyring: Keyring, lines: Lines, dispatcher: outbox.Dispatcher | None) -> None:
        self._db = db
        self._keyring = keyring
        self._lines = lines
        self._dispatcher = dispatcher
        self._last: dict[UUID, float] = {}
        self._running: dict[UUID, asyncio.Task[Difference]] = {}

    async def on_miss(self, connection: Connection) -> bool:
        """Refresh because a template is missing or not approved.

        False when the cache is too fresh for that, or Meta does not answer.
        """
        task = self._running.get(connection.id)
        if task is None:
            if time.monotonic() - self._last.get(connection.id, -_REFRESH_EVERY_S) < _REFRESH_EVERY_S:
                return False
            task = asyncio.create_task(self.run(connection))
            self._running[connection.id] = task
            task.add_done_callback(lambda _: self._running.pop(connection.id, None))
        try:
            await asyncio.shield(task)
        except Outcome:
            return False
        return True

    async def on_demand(self, brand_id: UUID, *, actor: str) -> Difference:
        """Refresh the cache of the brand's active connection because somebody asks for it, every 30 s at most.

        Raises `no_active_connection`, `rate_limited`, and Meta's Outcome when the list is not to be had.
        """
        async with self._db.transaction() as tx:
            connection = (await connections.active(tx, self._keyring, [brand_id])).get(brand_id)
            if connection is None:
                raise (await connections.why_none(tx, [brand_id]))[brand_id]
            await _note_demand(tx, connection, actor)
        return await self.run(connection)

    async def run(self, connection: Connection) -> Difference:
        """Fetch every template of the WABA and keep the list. Raises Meta's Outcome when the list is not to be had."""
        self._last[connection.id] = time.monotonic()
        graph = await self._lines.to(connection.graph_url)
        asked_at = await self._clock()
        listed = await remote.list_all(graph, connection.credentials)
        with outbox.handing_to(self._dispatcher) as hand_off:
            async with self._db.transaction() as tx:
                drafts, difference = await listing.keep(tx, connection, listed, asked_at)
                await outbox.record(tx, self._keyring, drafts, hand_off)
        return difference

    async def poll(self) -> None:
        """Refresh caches that are due, a few at once: stale ones now, every other one once an hour.

        Any number of processes may do this: one takes a connection. When Meta does not answer, it is due again in 5
        minutes.
        """
        async with self._db.transaction() as tx:
            found = await connections.claim(tx, self._keyring, Due.TEMPLATES, again_s=_RETRY_AFTER_S)
        await asyncio.gather(*(self._refresh(connection) for connection in found))

    async def close(self) -> None:
        """Return when no refresh is under way."""
        if self._running:
            await asyncio.wait(set(self._running.values()))

    async def _refresh(self, connection: Connection) -> None:
        try:
            await self.run(connection)
        except (Outcome, QuixessError) as error:
            _log.warning("templates cannot be fetched", connection=ids.show("con", connection.id), error=str(error))

    async def _clock(self) -> datetime:
        async with self._db.statement() as tx:
            row = await tx.row("SELECT clock_timestamp() AS now")
        assert row is not None  # noqa: S101 - a SELECT without FROM has one row
        now: datetime = row["now"]
        return now


async def _note_demand(tx: Tx, connection: Connection, actor: str) -> None:
    """Write down who asks for a refresh. The audit is the limit: it holds across processes."""
    shown = ids.show("con", connection.id)
    await tx.row(
        "SELECT id FROM connection WHERE brand_id = $1 AND id = $2 FOR NO KEY UPDATE",
        connection.brand_id,
        connection.id,
    )
    row = await tx.row(
        """SELECT extract(epoch FROM at + $3 * interval '1 second' - clock_timestamp())::float8 AS wait_s
           FROM audit WHERE brand_id = $1 AND id >= $2 AND action = 'templates.synced' AND object = $4
             AND at > clock_timestamp() - $3 * interval '1 second'
           ORDER BY at DESC LIMIT 1""",
        connection.brand_id,
        ids.floor(datetime.now(UTC) - _CLOCKS_APART),
        _REFRESH_EVERY_S,
        shown,
    )
    if row is not None:
        wait = max(math.ceil(row["wait_s"]), 1)
        text = f"Templates were fetched a moment ago: they can be again in {wait} s. Meta's changes come by themselves."
        raise QuixessError("rate_limited", text, retry_after_s=wait)
    await tx.execute(
        """INSERT INTO audit (brand_id, id, actor, action, object, at)
           VALUES ($1, $2, $3, 'templates.synced', $4, statement_timestamp())""",
        connection.brand_id, ids.new(), actor, shown,
    )  # fmt: skip
