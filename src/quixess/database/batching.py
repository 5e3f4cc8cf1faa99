"""Natural batching: what arrives while one statement is in flight becomes the next batch. No timer.

A row is answered only after its batch committed. One bad or locked row never fails its neighbours: the batch is
run again row by row. A caller that goes away takes nothing with it: its row stays in the batch. Rows of different
owners take turns, so that none waits behind what another has piled up.
"""

import asyncio
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Hashable, Sequence
from typing import Generic, TypeVar, cast

import asyncpg

from quixess import tallies
from quixess.errors import QuixessError
from quixess.tallies import Spread

Row = TypeVar("Row")
Result = TypeVar("Result")
Entry = TypeVar("Entry")
Flush = Callable[[Sequence[Row]], Awaitable[Sequence[Result | Exception]]]

_DEADLOCK_TRIES = 5
_SLOW_S = 0.05  # a batch takes some milliseconds; one that takes longer waits for a lock or for the disk
_HELD = (asyncpg.LockNotAvailableError, asyncpg.QueryCanceledError)


class Batcher(Generic[Row, Result]):
    """Gathers rows of concurrent callers and hands them to `flush` together.

    `flush` gets 1 to `cap` rows and returns one result for each, in order; a result that is an exception is
    raised for that row alone. It must be all or nothing: when it raises, nothing of the batch was kept. `owner` says
    whose turn a row is, `weigh` how many rows it counts for in `cap`, `share` how many of them one owner may have.

    As a rule one batch is under way, since a larger one costs less than two; another of the `lanes` opens for what
    waits while a batch is slow, so that a lock which somebody holds does not stop everybody.
    """

    def __init__(
        self,
        flush: Flush[Row, Result],
        *,
        lanes: int = 2,
        cap: int = 500,
        limit: int = 10_000,
        owner: Callable[[Row], Hashable] | None = None,
        weigh: Callable[[Row], int] | None = None,
        share: Callable[[], int] | None = None,
    ) -> None:
        self._flush = flush
        self._lanes = lanes
        self._cap = cap
        self._limit = limit
        self._owner = owner
        self._weigh = weigh
        self._share = share
        self._waiting: Turns[tuple[Row, asyncio.Future[Result]]] = Turns()
        self._running: set[asyncio.Task[None]] = set()
        self._began = 0.0  # the latest batch, by the loop's clock
        self._looking = False
        self.rows = Spread(tallies.ROWS)  # of each batch

    async def submit(self, row: Row) -> Result:
        """Put a row into the next batch and return its result. Raises `overloaded` when too many rows wait."""
        if len(self._waiting) >= self._limit:
            raise QuixessError(
                "overloaded", "Too much is waiting already. Nothing was done; try again.", retry_after_s=1
            )
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Result] = loop.create_future()
        owner = None if self._owner is None else self._owner(row)
        self._waiting.append(owner, (row, future), 1 if self._weigh is None else self._weigh(row))
        if not self._running:
            self._running.add(loop.create_task(self._run_lane()))
        elif not self._looking:
            self._look_later(loop)
        return await future

    def _look_later(self, loop: asyncio.AbstractEventLoop) -> None:
        """Look again when the latest batch would be slow: one timer at most, however many rows come."""
        if len(self._running) < self._lanes:
            self._looking = True
            loop.call_at(self._began + _SLOW_S, self._look)

    def _look(self) -> None:
        """Open a lane for what waits behind a batch that has turned out to be slow."""
        self._looking = False
        loop = asyncio.get_running_loop()
        if not self._waiting or len(self._running) >= self._lanes:
            return
        if loop.time() >= self._began + _SLOW_S:
            self._running.add(loop.create_task(self._run_lane()))
        else:
            self._look_later(loop)

    @property
    def waiting(self) -> int:
        """Rows that no batch has taken yet."""
        return len(self._waiting)

    async def close(self) -> None:
        """Return when every row that was submitted has its result."""
        while self._running:
            await asyncio.wait(set(self._running))

    async def _run_lane(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            while self._waiting:
                self._began = loop.time()
                batch = self._waiting.take(self._cap, self._cap if self._share is None else self._share())
                self.rows.add(len(batch))
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


class Turns(Generic[Entry]):
    """A queue whose owners take turns; what one owner put in keeps its order."""

    def __init__(self) -> None:
        self._queues: dict[Hashable, deque[tuple[Entry, int]]] = {}
        self._turns: deque[Hashable] = deque()
        self._length = 0

    def __len__(self) -> int:
        return self._length

    def append(self, owner: Hashable, entry: Entry, weight: int = 1) -> None:
        """Put an entry behind those of its owner."""
        queue = self._queues.get(owner)
        if queue is None:
            queue = self._queues[owner] = deque()
            self._turns.append(owner)
        queue.append((entry, weight))
        self._length += 1

    def take(self, most: int, share: int) -> list[Entry]:
        """Take entries, one of each owner in turn, until they weigh `most` or each owner has had its `share`."""
        taken: list[Entry] = []
        had: Counter[Hashable] = Counter()
        while most > 0 and self._turns and had[self._turns[0]] < share:
            owner = self._turns.popleft()
            queue = self._queues[owner]
            entry, weight = queue.popleft()
            taken.append(entry)
            most -= weight
            had[owner] += weight
            if queue:
                self._turns.append(owner)
            else:
                del self._queues[owner]
        self._length -= len(taken)
        return taken


def _held() -> QuixessError:
    return QuixessError("overloaded", "Somebody else holds this row. Nothing was done; try again.", retry_after_s=1)


def _settle(future: asyncio.Future[Result], result: Result | Exception) -> None:
    if future.done():  # its caller went away; the row is kept all the same
        return
    if isinstance(result, Exception):
        future.set_exception(result)
    else:
        future.set_result(result)
