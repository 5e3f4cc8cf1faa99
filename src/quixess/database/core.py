"""Database: the two pools and the transactions over them.

The writer batches over brands. The reader sees one brand at a time, by row-level security under the query's own
filter. A transaction is visible in the code and never spans a network call (decision 0004).
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from operator import attrgetter
from typing import Any, Self, cast
from uuid import UUID

import asyncpg

from quixess.database.reaching import reach
from quixess.database.session import Session
from quixess.errors import QuixessError

Row = asyncpg.Record

# We give up before PostgreSQL does: its statement_timeout (15 s) ends a commit's wait for a standby, and PostgreSQL
# then calls that commit a success, though no standby has it.
PATIENCE_S = 14.0
# A plan cached while a table was small would scan it for ever after: pin index access.
_BY_INDEX = {
    "enable_seqscan": "off",
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
    "plan_cache_mode": "force_generic_plan",
    "jit": "off",
}
_WRITER = _BY_INDEX | {
    "role": "quixess_writer",
    # Longer than PostgreSQL's deadlock_timeout (1 s): at the same moment both writers of a circle would give up.
    "lock_timeout": "1500",
    "statement_timeout": "15000",
    "idle_in_transaction_session_timeout": "30000",
    "application_name": "quixess writer",
}
_RELAXED = _WRITER | {"synchronous_commit": "off", "application_name": "quixess acks"}
_LISTENER = {
    "role": "quixess_reader",
    "default_transaction_read_only": "on",
    "application_name": "quixess listener",
}
_READER = _BY_INDEX | {
    "role": "quixess_reader",
    "statement_timeout": "15000",
    "idle_in_transaction_session_timeout": "30000",
    "default_transaction_read_only": "on",
    "application_name": "quixess reader",
}
OWNER = {
    # A process that is frozen, or behind a cut wire, holds locks that every start of another one waits for.
    "idle_session_timeout": "20000",
    "idle_in_transaction_session_timeout": "20000",
    "application_name": "quixess owner",
}
"""Of the sessions that own the tables, and lock out others while they change them."""
_LOST = (
    OSError,
    TimeoutError,
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # a statement on a connection that the server has just ended
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.CannotConnectNowError,
    asyncpg.DatabaseDroppedError,
    asyncpg.TooManyConnectionsError,
    asyncpg.ReadOnlySQLTransactionError,
    asyncpg.InsufficientResourcesError,
)


class Tx:
    """One transaction: rows in, rows out. Made by `Database.transaction` and `Database.reading` only.

    `news` is what is told of it once it has committed (`feed.tell`); of one that fails nothing is told.
    """

    __slots__ = ("_connection", "news")

    def __init__(self, connection: asyncpg.Connection | asyncpg.pool.PoolConnectionProxy) -> None:
        self._connection = connection
        self.news: list[Any] = []

    async def rows(self, sql: str, *arguments: Any) -> list[asyncpg.Record]:
        """Run a statement and return its rows."""
        return await self._connection.fetch(sql, *arguments)

    async def row(self, sql: str, *arguments: Any) -> asyncpg.Record | None:
        """Run a statement and return its first row, or None."""
        return await self._connection.fetchrow(sql, *arguments)

    async def execute(self, sql: str, *arguments: Any) -> str:
        """Run a statement and return PostgreSQL's word for it, such as `UPDATE 1`."""
        return await self._connection.execute(sql, *arguments)


@dataclass(frozen=True, slots=True)
class Pool:
    """The connections of one pool: open, of them not in use, and how many there may be."""

    name: str
    open: int
    idle: int
    most: int


class Ear:
    """A connection that listens: `heard` is set by every notification, and when the connection is lost."""

    def __init__(self) -> None:
        self.heard = asyncio.Event()
        self.lost = False


class Database:
    """The way to PostgreSQL for one process. Open it once, close it last.

    `on_news` is called with the `Tx.news` of what has committed, when there is any.
    """

    def __init__(self, dsn: str, writers: asyncpg.Pool, relaxed: asyncpg.Pool, readers: asyncpg.Pool) -> None:
        self._dsn = dsn
        self._writers = writers
        self._relaxed = relaxed
        self._readers = readers
        self.on_news: Callable[[list[Any]], None] | None = None
        self.lost = 0  # how often the database could not be reached, or was lost in the middle of something

    @classmethod
    async def open(cls, dsn: str, *, writers: int = 10, readers: int = 5) -> Self:
        """Connect to a migrated database. `writers` and `readers` bound the connections of this process."""
        try:
            return cls(
                dsn,
                await _pool(dsn, writers, _WRITER),
                await _pool(dsn, 2, _RELAXED),
                await _pool(dsn, readers, _READER),
            )
        except _LOST as error:
            raise _unavailable() from error

    @property
    def pools(self) -> list[Pool]:
        """The pools as they are now."""
        named = {"writers": self._writers, "relaxed": self._relaxed, "readers": self._readers}
        return [Pool(name, pool.get_size(), pool.get_idle_size(), pool.get_max_size()) for name, pool in named.items()]

    async def close(self) -> None:
        """Wait for running statements and close every connection."""
        await self._writers.close()
        await self._relaxed.close()
        await self._readers.close()

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Tx]:
        """Open a writing transaction over all brands: it commits at the end of the block or not at all.

        Raises `database_unavailable` when the connection is lost, be it during the commit.
        """
        try:
            async with self._writers.acquire() as connection, connection.transaction():
                tx = Tx(connection)
                yield tx
        except _LOST as error:
            raise self._lose() from error
        self._tell(tx)

    @asynccontextmanager
    async def statement(self) -> AsyncIterator[Tx]:
        """Lend a writer connection without a transaction: each statement commits by itself."""
        try:
            async with self._writers.acquire() as connection:
                tx = Tx(connection)
                yield tx
        except _LOST as error:
            raise self._lose() from error
        self._tell(tx)

    @asynccontextmanager
    async def relaxed(self) -> AsyncIterator[Tx]:
        """Lend a connection whose statements commit without waiting for the disk.

        For the ack of a 2xx delivery: a PostgreSQL crash may undo about 600 ms of them, which repeats deliveries and
        loses none. And for the feed, which promises nothing.
        """
        try:
            async with self._relaxed.acquire() as connection:
                tx = Tx(connection)
                yield tx
        except _LOST as error:
            raise self._lose() from error
        self._tell(tx)

    @asynccontextmanager
    async def reading(self, brand_id: UUID) -> AsyncIterator[Tx]:
        """Open a read-only transaction that can see this brand's rows and no other's (row-level security)."""
        try:
            async with self._readers.acquire() as connection, connection.transaction():
                await connection.execute("SELECT set_config('quixess.brand', $1, true)", str(brand_id))
                yield Tx(connection)
        except _LOST as error:
            raise self._lose() from error

    @asynccontextmanager
    async def listening(self, channel: str) -> AsyncIterator[Ear]:
        """Hear NOTIFY on a channel for the length of a block, on a connection of its own.

        Raises `database_unavailable` when there is none to be had.
        """
        ear = Ear()

        def hear(*_: object) -> None:
            ear.heard.set()

        def lose(*_: object) -> None:
            ear.lost = True
            ear.heard.set()

        try:
            connection = await reach(self._dsn, server_settings=_LISTENER)
        except _LOST as error:
            raise self._lose() from error
        try:
            await self._attend(connection, channel, hear, lose)
            yield ear
        finally:
            connection.remove_termination_listener(lose)
            connection.terminate()

    async def _attend(
        self,
        connection: asyncpg.Connection,
        channel: str,
        hear: Callable[..., None],
        lose: Callable[..., None],
    ) -> None:
        connection.add_termination_listener(lose)
        try:
            await connection.add_listener(channel, hear)
        except _LOST as error:
            raise self._lose() from error

    def _lose(self) -> QuixessError:
        self.lost += 1
        return _unavailable()

    def _tell(self, tx: Tx) -> None:
        if tx.news and self.on_news is not None:
            self.on_news(tx.news)

    @asynccontextmanager
    async def owner(self) -> AsyncIterator[asyncpg.Connection]:
        """Lend a connection of the tables' owner, for partitions. Opened anew each time.

        Raises `database_unavailable` when there is none to be had, or when it is lost within the block.
        """
        try:
            connection = await reach(self._dsn, statement_cache_size=0, server_settings=OWNER)
            try:
                yield connection
            finally:
                await connection.close()
        except _LOST as error:
            raise self._lose() from error


async def _pool(dsn: str, size: int, settings: dict[str, str]) -> asyncpg.Pool:
    return await asyncpg.create_pool(
        dsn,
        min_size=1,
        max_size=size,
        server_settings=settings,
        connection_class=Session,
        reset=_keep_session,
        connect=cast("Any", reach),
        command_timeout=PATIENCE_S,
        max_inactive_connection_lifetime=300,
    )


async def _keep_session(_connection: asyncpg.Connection) -> None:
    """Skip asyncpg's reset query: no code here leaves session state, and the query costs half a read."""


def _unavailable() -> QuixessError:
    return QuixessError(
        "database_unavailable",
        "The database cannot be reached. Nothing was sent; try again.",
        retry_after_s=2,
    )


def columns(rows: Sequence[object], *names: str) -> list[list[Any]]:
    """Turn rows into one list for each attribute (dotted names reach deeper), as `unnest` takes them."""
    if not rows:
        return [[] for _ in names]
    return [list(column) for column in zip(*map(attrgetter(*names), rows), strict=True)]
