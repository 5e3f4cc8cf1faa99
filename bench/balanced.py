"""A balancer with its clients: asks every host `/readyz`, and sends to those that are ready, over kept connections.

Half of the clients send codes, half write as customers to the business; each notes what it was answered. The tenant's
server listens here too, and counts what arrived and what arrived twice.
"""

import asyncio
import itertools
import random
import re
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from typing import Self

import aiohttp
from aiohttp import web

from bench import traffic
from bench.tenants import Tenant

_LOOK_EVERY_S = 0.1
_CLIENTS, _THINK_S = 12, 0.02
_MARK = re.compile(rb"line=(\d+) at=(\d+)")


class Balanced:
    """Clients behind a balancer, for the length of a block."""

    def __init__(self, urls: Sequence[str], tenant: Tenant, hooks: dict[str, object], listens: str) -> None:
        self.answers: Counter[str] = Counter()
        self.sent = self.written = 0
        self.arrived: Counter[bytes] = Counter()
        self._urls = list(urls)
        self._ready: set[str] = set()
        self._writes = {
            "otp": traffic.otp(host="gateway", key=tenant.key, people=1_000),
            "webhook": traffic.writer("webhook", hooks),
        }
        self._listens = listens
        self._numbers = itertools.count(1)
        self._enough, self._some_ready = asyncio.Event(), asyncio.Event()

    @property
    def errors(self) -> dict[str, int]:
        """What was answered beside 200, and connections that broke."""
        return {what: many for what, many in self.answers.items() if what != "200"}

    async def listen(self) -> str:
        """Open the tenant's server, and give the URL of its endpoint."""
        app = web.Application()
        app.add_routes([web.post("/webhooks/quixess", self._take)])
        self._server = web.AppRunner(app)
        await self._server.setup()
        await web.TCPSite(self._server, self._listens, 0).start()
        return f"http://{self._listens}:{self._server.addresses[0][1]}/webhooks/quixess"

    async def __aenter__(self) -> Self:
        self._http = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=30))
        self._looking = asyncio.create_task(self._look())
        await self._some_ready.wait()
        self._clients = [asyncio.create_task(self._ask_on(index)) for index in range(_CLIENTS)]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._enough.set()
        await asyncio.gather(*self._clients)
        self._looking.cancel()
        with suppress(asyncio.CancelledError):
            await self._looking
        await self._http.close()

    async def quiet(self, seconds: float) -> int:
        """Wait until all that was written has arrived, and give how much is still missing after so many seconds."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while len(self.arrived) < self.written:  # noqa: ASYNC110 - each arrival would have to be waited for
                    await asyncio.sleep(0.1)
        await asyncio.sleep(1)  # for those that come twice
        await self._server.cleanup()
        return self.written - len(self.arrived)

    @property
    def twice(self) -> int:
        """How many deliveries were repeats."""
        return self.arrived.total() - len(self.arrived)

    async def _take(self, request: web.Request) -> web.Response:
        mark = _MARK.search(await request.read())
        if mark is not None:
            self.arrived[mark[0]] += 1
        return web.Response()

    async def _look(self) -> None:
        while True:
            for url in self._urls:
                try:
                    async with self._http.get(f"{url}/readyz", timeout=aiohttp.ClientTimeout(total=1)) as answer:
                        ready = answer.status == 200
                except (aiohttp.ClientError, OSError, TimeoutError):
                    ready = False
                (self._ready.add if ready else self._ready.discard)(url)
                if ready:
                    self._some_ready.set()
            await asyncio.sleep(_LOOK_EVERY_S)

    async def _ask_on(self, index: int) -> None:
        kind = "otp" if index % 2 else "webhook"
        while not self._enough.is_set():
            url = random.choice(sorted(self._ready) or self._urls)
            line, headers, body = _parts(self._writes[kind](next(self._numbers), index))
            try:
                async with self._http.post(url + line, data=body, headers=headers) as answer:
                    await answer.read()
                    self._note(kind, str(answer.status))
            except (aiohttp.ClientError, OSError, TimeoutError) as error:
                self._note(kind, type(error).__name__)
            await asyncio.sleep(_THINK_S)

    def _note(self, kind: str, what: str) -> None:
        self.answers[what] += 1
        if what == "200":
            self.sent += kind == "otp"
            self.written += kind == "webhook"


def _parts(request: bytes) -> tuple[str, dict[str, str], bytes]:
    """Take a request of bench.traffic apart: its path, headers and body."""
    head, _, body = request.partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    headers = dict(line.partition(": ")[::2] for line in lines)
    for name in ("Host", "Content-Length"):
        headers.pop(name)
    return first.split(" ")[1], headers, body
