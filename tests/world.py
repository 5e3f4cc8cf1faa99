"""A whole Quixess on real sockets in one process: gateway, worker, simulated Meta, and a tenant that listens.

The cast: Bordercart is the brand we are, Rival is the stranger.
"""

import asyncio
import json
import random
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from ipaddress import ip_network
from pathlib import Path
from typing import Any
from uuid import UUID

import aiohttp
from aiohttp import web

from quixess import access, connections, simulator, templates
from quixess.access import Scope
from quixess.cli import process
from quixess.cli.rooms import Roles, Rooms
from quixess.cli.watching import Probes
from quixess.connections import Facts, Lines
from quixess.events import directory
from quixess.settings import Rate, Settings
from tests.simulator import driving

OTP = "/api/v1/whatsapp/external/send/otp"
PHONE = "+12818184370"
CODE = "482913"
PATIENCE_S = 20.0


@dataclass
class Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Receiver:
    """A tenant's server: keeps what it gets and answers `answers` first, then 200. An answer may be a coroutine."""

    url: str = ""
    got: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    answers: list[int | Callable[[], Awaitable[int]]] = field(default_factory=list)

    async def take(self, request: web.Request) -> web.Response:
        self.got.append((dict(request.headers), await request.read()))
        answer = self.answers.pop(0) if self.answers else 200
        return web.Response(status=answer if isinstance(answer, int) else await answer())

    @property
    def events(self) -> list[dict[str, Any]]:
        return [json.loads(body) for _, body in self.got]

    def of_type(self, kind: str) -> list[dict[str, Any]]:
        return [event for event in self.events if event["type"] == kind]


@dataclass
class World:
    """What a story plays in."""

    dsn: str
    settings: Settings
    url: str
    rooms: Rooms
    meta: driving.Simulator
    receiver: Receiver
    http: aiohttp.ClientSession
    brand_id: UUID
    connection_id: UUID
    key: str
    endpoint_secret: str
    probes: Probes | None = None

    async def call(
        self,
        method: str,
        path: str,
        *,
        key: str | None = None,
        body: Any = None,
        headers: dict[str, str] | None = None,
        **more: Any,
    ) -> Answer:
        """Call the gateway with a key (Bordercart's full one, or "" for none)."""
        sent = {"X-API-Key": key if key is not None else self.key} | (headers or {})
        if key == "":
            sent.pop("X-API-Key")
        async with self.http.request(method, self.url + path, json=body, headers=sent, **more) as answer:
            return Answer(answer.status, answer.headers, await answer.read())

    async def send_otp(
        self,
        to: str = PHONE,
        code: str = CODE,
        *,
        idempotency_key: str | None = None,
        key: str | None = None,
        **more: Any,
    ) -> Answer:
        headers = {"Idempotency-Key": idempotency_key} if idempotency_key else {}
        body = {"to": to, "code": code, "template_name": "signup_otp"} | more
        return await self.call("POST", OTP, key=key, body=body, headers=headers)

    async def mint(self, *scopes: str, brand_id: UUID | None = None, **more: Any) -> str:
        async with self.rooms.db.transaction() as tx:
            secret, _ = await access.mint_key(
                tx,
                self.rooms.keyring,
                brand_id or self.brand_id,
                name="test",
                scopes=scopes or tuple(Scope),
                actor="test",
                **more,
            )
        return secret

    async def customer_says(self, text: str, phone: str = PHONE) -> str:
        """Write a text on the simulated phone; returns its wamid."""
        answer = await self.meta.lever(f"phones/{phone.removeprefix('+')}/messages", {"text": text, "name": "Frank"})
        return str(answer["wamid"])

    async def sends(self) -> list[dict[str, Any]]:
        """The ledger of the simulated Meta: every send it accepted."""
        answer = await self.meta.lever("sends")
        return list(answer["data"])

    async def rows(self, sql: str, *arguments: Any) -> list[Any]:
        async with self.rooms.db.statement() as tx:
            return await tx.rows(sql, *arguments)


async def eventually(question: Callable[[], Awaitable[Any] | Any], *, within_s: float = PATIENCE_S) -> Any:
    """Ask until the answer is true and return it; the patience is no timing, only an end to waiting."""
    async with asyncio.timeout(within_s):
        while True:
            answer = question()
            if isinstance(answer, Awaitable):
                answer = await answer
            if answer:
                return answer
            await asyncio.sleep(0.02)


@asynccontextmanager
async def serving(
    answer: Callable[[web.Request], Awaitable[web.StreamResponse]], path: str, *, method: str = "POST"
) -> AsyncIterator[str]:
    """Answer every POST (or `method`, `*` for any) to `path` on a free port of this machine; gives the base URL."""
    app = web.Application()
    app.add_routes([web.route(method, path, answer)])
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


def free_port() -> int:
    """A port of this machine that is free now, and that is given to no connection by chance in the next moment."""
    while True:
        port = random.randint(20_000, 30_000)
        with suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port


@asynccontextmanager
async def listening() -> AsyncIterator[Receiver]:
    """A tenant's server on a free port of this machine."""
    receiver = Receiver()
    async with serving(receiver.take, "/webhooks/quixess") as url:
        receiver.url = f"{url}/webhooks/quixess"
        yield receiver


def settings_for(tmp_path: Path, **more: Any) -> Settings:
    """Settings of a test's process: quick ladder and leases, tenants on this machine."""
    quick: dict[str, Any] = {
        "data_dir": tmp_path,
        "port": 0,
        "webhook_http": True,
        "webhook_ports": (),
        "webhook_networks": (ip_network("127.0.0.0/8"),),
        "retry_ladder": (0.05, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1),
        "unknown_wait": 0.3,
        "otp_per_recipient": (Rate(1_000_000, 60),),
        "bad_keys_per_minute": 1_000_000,
        "log_level": "warning",
    }
    return Settings(**(quick | more))


async def connect(rooms: Rooms, meta: driving.Simulator, brand_id: UUID, gateway_url: str) -> UUID:
    """Connect a brand to the simulated Meta, its templates fetched and its webhooks subscribed to the gateway."""
    facts = Facts(
        app_id=meta.world["app_id"],
        app_secret=meta.world["app_secret"],
        verify_token=meta.world["verify_token"],
        waba_id=meta.world["waba_id"],
        phone_number_id=meta.world["phone_number_id"],
        display_phone=meta.world["display_phone_number"],
        token=meta.world["access_token"],
        graph_url=meta.base_url,
    )
    async with rooms.db.transaction() as tx:
        connection_id = await connections.connect(tx, rooms.keyring, brand_id, facts)
        connection = (await connections.active(tx, rooms.keyring, [brand_id]))[brand_id]
    lines = Lines(version="v25.0", timeout_s=10)
    await templates.Sync(rooms.db, rooms.keyring, lines, None).run(connection)
    await lines.close()
    answer = await meta.subscribe_app(f"{gateway_url}/webhooks/meta/{facts.app_id}", facts.verify_token)
    assert answer.status == 200, answer.json
    await meta.graph("POST", f"{facts.waba_id}/subscribed_apps")
    return connection_id


@asynccontextmanager
async def building(
    dsn: str,
    tmp_path: Path,
    *,
    roles: Roles | None = None,
    quick: simulator.Settings = driving.QUICK,
    media_port: int | None = None,
    **settings: Any,
) -> AsyncIterator[World]:
    """Build a world. `settings` change those of the process, `quick` and `media_port` those of the simulated Meta."""
    async with AsyncExitStack() as stack:
        options = simulator.Options(settings=quick, media_port=media_port)
        meta = await stack.enter_async_context(driving.running(options))
        found = settings_for(tmp_path, **({"simulator_url": meta.base_url} | settings))
        found = replace(found, graph_urls=(meta.base_url,))
        receiver = await stack.enter_async_context(listening())
        http = await stack.enter_async_context(aiohttp.ClientSession())
        parts = roles or Roles(gateway=True, worker=True)
        running = await stack.enter_async_context(process.running(found, dsn, parts))
        assert running.url is not None
        rooms = running.rooms
        async with rooms.db.transaction() as tx:
            brand = await access.create_brand(tx, "Bordercart")
            key, _ = await access.mint_key(tx, rooms.keyring, brand.id, name="full", scopes=tuple(Scope), actor="test")
            endpoint, _ = await directory.set_url(tx, rooms.keyring, brand.id, receiver.url)
        connection_id = await connect(rooms, meta, brand.id, running.url)
        yield World(
            dsn=dsn,
            settings=found,
            url=running.url,
            rooms=rooms,
            meta=meta,
            receiver=receiver,
            http=http,
            brand_id=brand.id,
            connection_id=connection_id,
            key=key,
            endpoint_secret=endpoint.secrets[0],
            probes=running.probes,
        )
