"""The limit: the least that any correct gateway must do, as one small program, to compare with in the same run.

HTTP in (uvicorn, Starlette, msgspec), durable rows in naturally batched commits, HTTP out (aiohttp): the libraries of
Quixess and none of its features. A send checks a hashed key, writes its Idempotency-Key and message, asks Meta, writes
the end of both and answers; a webhook is verified and kept. Nothing is looked up, limited, rendered or told. Run as a
process: `python -m bench.limit DSN GRAPH_URL KEY APP_SECRET READY_FD`.
"""

import asyncio
import gc
import hashlib
import hmac
import os
import socket
import sys
from collections.abc import Awaitable, Callable, Sequence
from typing import Any
from uuid import UUID

import aiohttp
import asyncpg
import msgspec
import uvicorn
import uvloop
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from uuid_utils.compat import uuid7

_SCHEMA = """
CREATE TABLE idempotency (key text PRIMARY KEY, message_id uuid NOT NULL, state text NOT NULL, body bytea)
  WITH (fillfactor = 50);
CREATE TABLE message (id uuid PRIMARY KEY, phone text NOT NULL, template text NOT NULL, state text NOT NULL, wamid text)
  WITH (fillfactor = 50);
CREATE TABLE intake (id uuid PRIMARY KEY, body bytea NOT NULL, done boolean NOT NULL DEFAULT false);
"""
_BEGIN = """
WITH new AS (SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[]) AS n(id, key, phone, template)),
     claimed AS (INSERT INTO idempotency (key, message_id, state) SELECT key, id, 'dispatching' FROM new
                 ON CONFLICT DO NOTHING RETURNING message_id)
INSERT INTO message (id, phone, template, state)
SELECT n.id, n.phone, n.template, 'sending' FROM new n JOIN claimed c ON c.message_id = n.id
"""
_END = """
WITH done AS (SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[], $4::bytea[]) AS d(id, key, wamid, body)),
     kept AS (UPDATE idempotency i SET state = 'final', body = d.body FROM done d WHERE i.key = d.key)
UPDATE message m SET state = 'accepted', wamid = d.wamid FROM done d WHERE m.id = d.id
"""
_KEEP = "INSERT INTO intake (id, body) SELECT * FROM unnest($1::uuid[], $2::bytea[])"
PINNED = {"enable_seqscan": "off", "enable_hashjoin": "off", "enable_mergejoin": "off", "jit": "off"}
PINNED |= {"plan_cache_mode": "force_generic_plan"}


class Otp(msgspec.Struct, forbid_unknown_fields=True):
    to: str
    code: str
    template_name: str
    language: str


class Sent(msgspec.Struct):
    id: str


class MetaAnswer(msgspec.Struct):
    messages: list[Sent]


class Batch:
    """Rows that gather while the statement before is in flight."""

    def __init__(self, pool: asyncpg.Pool, sql: str) -> None:
        self._pool = pool
        self._sql = sql
        self._rows: list[tuple[Any, ...]] = []
        self._done: asyncio.Future[None] | None = None
        self._running = False

    async def add(self, row: tuple[Any, ...]) -> None:
        if self._done is None:
            self._done = asyncio.get_running_loop().create_future()
        self._rows.append(row)
        done = self._done
        if not self._running:
            self._running = True
            self._task = asyncio.create_task(self._flush())
        await done

    async def _flush(self) -> None:
        while self._done is not None:
            rows, done = self._rows, self._done
            self._rows, self._done = [], None
            try:
                await self._pool.execute(self._sql, *map(list, zip(*rows, strict=True)))
            except Exception as error:
                done.set_exception(error)
                raise
            done.set_result(None)
        self._running = False


class Gateway:
    """The three doors of the limit program."""

    def __init__(self, pool: asyncpg.Pool, http: aiohttp.ClientSession, graph_url: str, key: str, secret: str) -> None:
        self._begin, self._end, self._keep = (Batch(pool, sql) for sql in (_BEGIN, _END, _KEEP))
        self._http = http
        self._url = f"{graph_url}/v25.0/1/messages"
        self._keys = {hashlib.sha256(key.encode()).digest()}
        self._secret = secret.encode()
        self._read = msgspec.json.Decoder(Otp).decode
        self._read_meta = msgspec.json.Decoder(MetaAnswer).decode

    async def send(self, request: Request) -> Response:
        if hashlib.sha256(request.headers["x-api-key"].encode()).digest() not in self._keys:
            return Response(status_code=401)
        asked, key, message_id = self._read(await request.body()), request.headers["idempotency-key"], _new()
        await self._begin.add((message_id, key, asked.to, asked.template_name))
        async with self._http.post(self._url, data=_payload(asked), headers=_HEADERS, allow_redirects=False) as answer:
            wamid = self._read_meta(await answer.read()).messages[0].id
        body = msgspec.json.encode({"id": str(message_id), "wa_message_id": wamid, "status": "accepted"})
        await self._end.add((message_id, key, wamid, body))
        return Response(body, media_type="application/json")

    async def receive(self, request: Request) -> Response:
        body = await request.body()
        mark = "sha256=" + hmac.digest(self._secret, body, "sha256").hex()
        if not hmac.compare_digest(mark, request.headers["x-hub-signature-256"]):
            return Response(status_code=401)
        await self._keep.add((_new(), body))
        return Response(b"OK")


def _new() -> UUID:
    made: UUID = uuid7()
    return made


def _payload(asked: Otp) -> bytes:
    parameters = [{"type": "text", "text": asked.code}]
    button = {"type": "button", "sub_type": "url", "index": "0", "parameters": parameters}
    template = {
        "name": asked.template_name,
        "language": {"code": asked.language},
        "components": [{"type": "body", "parameters": parameters}, button],
    }
    return msgspec.json.encode(
        {"messaging_product": "whatsapp", "to": asked.to, "type": "template", "template": template}
    )


_HEADERS = {"Authorization": "Bearer EAAbenchtoken" + "0" * 170, "Content-Type": "application/json"}


async def keep_session(_connection: asyncpg.Connection) -> None:
    """Skip asyncpg's reset query."""


async def _run(dsn: str, graph_url: str, key: str, secret: str, ready: Callable[[str], None]) -> None:
    first = await asyncpg.connect(dsn)
    await first.execute(_SCHEMA)
    await first.close()
    async with (
        asyncpg.create_pool(dsn, min_size=4, max_size=4, server_settings=PINNED, reset=keep_session) as pool,
        aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar(), trust_env=False) as http,
    ):
        doors = Gateway(pool, http, graph_url, key, secret)
        routes: Sequence[tuple[str, Callable[[Request], Awaitable[Response]]]] = (
            ("/api/v1/whatsapp/external/send/otp", doors.send),
            ("/webhooks/meta/{app_id}", doors.receive),
        )
        app = Starlette(routes=[Route(path, door, methods=["POST"]) for path, door in routes])
        await _serve(app, ready)


async def _serve(app: Starlette, ready: Callable[[str], None]) -> None:
    listener = socket.create_server(("127.0.0.1", 0), backlog=2048)
    config = uvicorn.Config(app, http="httptools", ws="none", lifespan="off", log_config=None, access_log=False)
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)
    ready(f"http://127.0.0.1:{listener.getsockname()[1]}")
    await uvicorn.Server(config).serve(sockets=[listener])


def main() -> None:
    """Serve until SIGTERM."""
    dsn, graph_url, key, secret, descriptor = sys.argv[1:]

    def ready(url: str) -> None:
        os.write(int(descriptor), url.encode() + b"\n")
        os.close(int(descriptor))

    uvloop.run(_run(dsn, graph_url, key, secret, ready))


if __name__ == "__main__":
    main()
