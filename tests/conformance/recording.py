"""Stands between a client and the simulated Meta, hands everything on, and keeps what was said."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

import aiohttp
from aiohttp import web
from yarl import URL

from tests.conformance import edges
from tests.conformance.edges import Exchange
from tests.conformance.openapi import OpenApi
from tests.simulator.driving import Simulator

_HOPS = {"connection", "content-length", "date", "host", "keep-alive", "server", "transfer-encoding"}


@dataclass
class Recorder:
    """The exchanges with the Graph API so far; what goes to the levers is none of Meta's."""

    behind: str
    http: aiohttp.ClientSession
    exchanges: list[Exchange] = field(default_factory=list)

    async def pass_on(self, request: web.Request) -> web.Response:
        asked = await request.read()
        headers = {name: value for name, value in request.headers.items() if name.lower() not in _HOPS}
        url = URL(self.behind + request.raw_path, encoded=True)
        async with self.http.request(request.method, url, data=asked, headers=headers, allow_redirects=False) as answer:
            answered = await answer.read()
            self._keep(request, asked, answer, answered)
            kept = {name: value for name, value in answer.headers.items() if name.lower() not in _HOPS}
            return web.Response(status=answer.status, body=answered, headers=kept)

    def faults(self, meta: OpenApi) -> list[str]:
        """List everything that does not conform, each once."""
        return list(dict.fromkeys(fault for one in self.exchanges for fault in edges.faults(meta, one)))

    def asked(self) -> set[tuple[str, str]]:
        """Name the edges that were asked: the method, and the last part of the path that is no id."""
        return {(one.method, one.path.rpartition("/")[2]) for one in self.exchanges}

    def _keep(self, request: web.Request, asked: bytes, answer: aiohttp.ClientResponse, answered: bytes) -> None:
        version, _, path = request.path.removeprefix("/").partition("/")
        if version.startswith("v"):
            kinds = request.headers.get("Content-Type", ""), answer.headers.get("Content-Type", "")
            one = Exchange(request.method, path, kinds[0], asked, answer.status, answered, kinds[1])
            self.exchanges.append(one)


Heard = tuple[Simulator, Recorder]


@asynccontextmanager
async def recording(meta: Simulator) -> AsyncIterator[tuple[Recorder, Simulator]]:
    """Give the recorder, and the same simulator as seen through it."""
    async with aiohttp.ClientSession(auto_decompress=False) as http:
        recorder = Recorder(meta.base_url, http)
        app = web.Application(client_max_size=1 << 27)
        app.router.add_route("*", "/{anything:.*}", recorder.pass_on)
        runner = web.AppRunner(app)
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            url = f"http://127.0.0.1:{runner.addresses[0][1]}"
            yield recorder, replace(meta, base_url=url)
        finally:
            await runner.cleanup()
