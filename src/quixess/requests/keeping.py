"""Keeping: lines gather in memory and are written together, once a second. No request waits for it.

What a process has gathered is lost when it is killed, a second of lines at most. When they come faster than they can
be written, the newest are dropped and counted: the log is there to look things up, never a promise.
"""

import asyncio
from contextlib import suppress

import structlog
from msgspec.structs import astuple

from quixess import feed
from quixess.database.core import Database
from quixess.errors import QuixessError
from quixess.feed import Kind
from quixess.requests.lines import Line

_EVERY_S = 1.0
_MOST_WAITING = 10_000
_AT_ONCE = 2_000
_COLUMNS = Line.__struct_fields__
_log = structlog.get_logger()


class RequestLog:
    """The lines of one process. With `bodies` they hold what was asked; without `lines` nothing is kept at all."""

    def __init__(self, db: Database, *, lines: bool = True, bodies: bool = True) -> None:
        self._db = db
        self.lines = lines
        self.bodies = lines and bodies
        self.dropped = 0
        self._waiting: list[Line] = []
        self._told = 0
        self._closing = asyncio.Event()
        self._writing: asyncio.Task[None] | None = None

    def note(self, line: Line) -> None:
        """Keep a line, to be written later."""
        if len(self._waiting) >= _MOST_WAITING:
            self.dropped += 1
            return
        self._waiting.append(line)
        if self._writing is None or self._writing.done():
            self._writing = asyncio.create_task(self._write_until_rest())

    async def close(self) -> None:
        """Write what waits, and return."""
        self._closing.set()
        if self._writing is not None:
            await self._writing

    async def _write_until_rest(self) -> None:
        while self._waiting:
            if not self._closing.is_set():
                with suppress(TimeoutError):
                    async with asyncio.timeout(_EVERY_S):
                        await self._closing.wait()
            waiting, self._waiting = self._waiting, []
            for begin in range(0, len(waiting), _AT_ONCE):
                await self._write(waiting[begin : begin + _AT_ONCE])
            self._tell_dropped()

    async def _write(self, lines: list[Line]) -> None:
        try:
            async with self._db.statement() as tx:
                await tx.execute(_INSERT, *map(list, zip(*map(astuple, lines), strict=True)))
                for brand_id in {line.brand_id for line in lines}:
                    feed.tell(tx, brand_id, Kind.REQUEST, None)
        except QuixessError:  # the database is away, and says so in other places
            self.dropped += len(lines)
        except Exception:  # noqa: BLE001 - whatever it is, no request may fail for it
            self.dropped += len(lines)
            _log.exception("lines of the request log cannot be written", lines=len(lines))

    def _tell_dropped(self) -> None:
        if self.dropped > self._told:
            _log.warning("lines of the request log were dropped", lines=self.dropped - self._told)
            self._told = self.dropped


_INSERT = f"""INSERT INTO request ({", ".join(_COLUMNS)})
  SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::uuid[], $5::text[], $6::text[], $7::smallint[],
                       $8::real[], $9::text[], $10::text[], $11::json[], $12::uuid[], $13::boolean[], $14::json[])"""
