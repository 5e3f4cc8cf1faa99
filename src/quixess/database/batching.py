"""Natural batching: what arrives while one statement is in flight becomes the next batch. No timer.

A row is answered only after its batch committed. One bad or locked row never fails its neighbours: the batch is
run again row by row. A caller that goes away takes nothing with it: its row stays in the batch.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar, cast

import asyncpg

from quixess.errors import QuixessError

Row = TypeVar("Row")
Result = TypeVar("Result")
Flush = Callable[[Sequence[Row]], Awaitable[Sequence[Result | Exception]]]

_DEADLOCK_TRIES = 5
_HELD = (asyncpg.LockNotAvailableError, asyncpg.QueryCanceledError)


class Batcher(Generic[Row, Result]):
    """Gathers rows of concurrent callers and hands them to `flush` together.

    `flush` gets 1 to `cap` rows and returns one result for each, in order; a result that is an exception is
    raised for that row alone. It must be all or nothing: when it raises, nothing of the batch was kept.
    """

    def __init__(self, flush: Flush[Row, Result], *, lanes: int = 2, cap: int = 500, limit: int = 10_000) -> None:
        self._flush = flush
        self._lanes = lanes
        self._cap = cap
        self._limit = limit
        self._waiting: deque[tuple[Row, asyncio.Future[Result]]] = deque()
        self._running: set[asyncio.Task[None]] = set()

    async def submit(self, row: Row) -> Result:
        """Put a row into the next batch and return its result. Raises `overloaded` when too many rows wait."""
        if len(self._waiting) >= self._limit:
            raise QuixessError(
                "overloaded", "Too much is waiting already. Nothing was done; try again.", retry_after_s=1
            )
        future: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self._waiting.append((row, future))
        if len(self._running) < self._lanes:
            self._running.add(asyncio.create_task(self._run_lane()))
        return await future

    @property
    def waiting(self) -> int:
        """Rows that no batch has taken yet."""
        return len(self._waiting)

    async def close(self) -> None:
        """Return when every row that was submitted has its result."""
        while self._running:
            await asyncio.wait(set(self._running))

    async def _run_lane(self) -> None:
        try:
            while self._waiting:
                batch = [self._waiting.popleft() for _ in range(min(len(self._waiting), self._cap))]
                results = await self._run([row for row, _ in batch])
                for (_, future), result in zip(batch, results, strict=True):
                    _settle(future, result)
        finally:
            # In the same turn as the last look at the queue: a row that comes right after must find the lane free.
            self._running.discard(cast("asyncio.Task[None]", asyncio.current_task()))

    async def _run(self, rows: Sequence[Row]) -> Sequence[Result | Exception]:
        try:
            return await self._run_through_deadlocks(rows)
        except QuixessError as error:  # the database is away for all: row by row would only wait longer
            if error.code == "database_unavailable" or len(rows) == 1:
                return [error] * len(rows)
        except Exception as error:  # noqa: BLE001 - whatever it is, it belongs to one row and must not reach the others
            if len(rows) == 1:
                return [_held() if isinstance(error, _HELD) else error]
        return [result for row in rows for result in await self._run([row])]

    async def _run_through_deadlocks(self, rows: Sequence[Row]) -> Sequence[Result | Exception]:
        for _ in range(_DEADLOCK_TRIES - 1):
            try:
                return await self._flush(rows)
            except asyncpg.DeadlockDetectedError:
                continue
        return await self._flush(rows)


def _held() -> QuixessError:
    return QuixessError("overloaded", "Somebody else holds this row. Nothing was done; try again.", retry_after_s=1)


def _settle(future: asyncio.Future[Result], result: Result | Exception) -> None:
    if future.done():  # its caller went away; the row is kept all the same
        return
    if isinstance(result, Exception):
        future.set_exception(result)
    else:
        future.set_result(result)
