"""The limit of delivery: the least that any correct worker must do, to compare with in the same run.

Claim what is due with a lease, sign it, POST it, write many ends down in one statement: the libraries of Quixess and
none of its features. Acks commit without waiting for the disk, as those of Quixess do. Run as a process:
`python -m bench.limit_worker DSN READY_FD`.
"""

import asyncio
import gc
import hmac
import os
import signal
import sys
from contextlib import suppress
from uuid import UUID

import aiohttp
import asyncpg
import uvloop

from bench.limit import PINNED, Batch, keep_session

SCHEMA = """
CREATE TABLE delivery (id uuid PRIMARY KEY, url text NOT NULL, secret text NOT NULL, body bytea NOT NULL,
                       next_at timestamptz NOT NULL) WITH (fillfactor = 70);
CREATE INDEX delivery_due ON delivery (next_at);
CREATE TABLE attempt (delivery_id uuid PRIMARY KEY, status smallint NOT NULL, at timestamptz NOT NULL DEFAULT now());
"""
_CLAIM = """
WITH due AS MATERIALIZED (SELECT id FROM delivery WHERE next_at <= now() ORDER BY next_at LIMIT 200
                          FOR UPDATE SKIP LOCKED)
UPDATE delivery d SET next_at = now() + interval '30 s' FROM due WHERE d.id = due.id
RETURNING d.id, d.url, d.secret, d.body
"""
_END = """
WITH done AS (SELECT * FROM unnest($1::uuid[], $2::smallint[]) AS d(id, status)),
     kept AS (INSERT INTO attempt (delivery_id, status) SELECT id, status FROM done)
DELETE FROM delivery d USING done WHERE d.id = done.id
"""
_LANES, _AHEAD, _IDLE_S = 64, 200, 0.02
_Row = tuple[UUID, str, str, bytes]


class Worker:
    """Sixty-four posts at a time from a queue that is kept filled."""

    def __init__(self, pool: asyncpg.Pool, http: aiohttp.ClientSession) -> None:
        self._pool = pool
        self._http = http
        self._ends = Batch(pool, _END)
        self._queue: asyncio.Queue[_Row] = asyncio.Queue()

    async def run(self) -> None:
        """Work until cancelled."""
        lanes = [asyncio.create_task(self._work()) for _ in range(_LANES)]
        try:
            while True:
                rows = await self._pool.fetch(_CLAIM) if self._queue.qsize() < _AHEAD else []
                for row in rows:
                    self._queue.put_nowait(tuple(row))
                if not rows:
                    await asyncio.sleep(_IDLE_S if self._queue.empty() else 0.001)
        finally:
            for lane in lanes:
                lane.cancel()

    async def _work(self) -> None:
        while True:
            delivery_id, url, secret, body = await self._queue.get()
            mark = hmac.digest(secret.encode(), body, "sha256").hex()
            headers = {"Content-Type": "application/json", "X-Signature-256": f"sha256={mark}"}
            async with self._http.post(url, data=body, headers=headers, allow_redirects=False) as answer:
                await answer.read()
            await self._ends.add((delivery_id, answer.status))


async def _run(dsn: str, descriptor: int) -> None:
    first = await asyncpg.connect(dsn)
    await first.execute(SCHEMA)
    await first.close()
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    settings = PINNED | {"synchronous_commit": "off"}
    async with (
        asyncpg.create_pool(dsn, min_size=4, max_size=4, server_settings=settings, reset=keep_session) as pool,
        aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar(), trust_env=False) as http,
    ):
        work = asyncio.create_task(Worker(pool, http).run())
        gc.collect()
        gc.freeze()
        gc.set_threshold(50_000, 20, 20)
        os.write(descriptor, b"work\n")
        os.close(descriptor)
        await stop.wait()
        work.cancel()
        with suppress(asyncio.CancelledError):
            await work


if __name__ == "__main__":
    uvloop.run(_run(sys.argv[1], int(sys.argv[2])))
