"""The other ends of the wire, as cheap as Python can be: a fake Meta that takes everything, a sink that counts.

Neither is the simulator: they check nothing and answer at once, so that what is measured is the gateway. Each runs
as a process of its own (`python -m bench.peers meta|sink|late PORTS [ADDRESS]`), says its ports in a line of JSON, and
answers every line on its input with a line of JSON: what it has got since the last one. `late` is a sink that answers
`late_s` seconds later, as the last line said.
"""

import asyncio
import json
import re
import sys
from collections.abc import Callable
from typing import Any, cast

import httptools
import uvloop

SAMPLED = 500  # every so many deliveries one is kept whole, for its signatures to be checked afterwards
CODE = {
    "id": "900100",
    "name": "signup_otp",
    "language": "en_US",
    "status": "APPROVED",
    "category": "AUTHENTICATION",
    "parameter_format": "POSITIONAL",
    "components": [
        {"type": "BODY", "text": "*{{1}}* is your verification code.", "add_security_recommendation": True},
        {"type": "BUTTONS", "buttons": [{"type": "URL", "text": "Copy code", "url": "https://www.whatsapp.com/otp"}]},
    ],
}
ORDER = {
    "id": "900101",
    "name": "order_update",
    "language": "en_US",
    "status": "APPROVED",
    "category": "UTILITY",
    "parameter_format": "POSITIONAL",
    "components": [{"type": "BODY", "text": "Hi {{1}}, your order {{2}} is on its way."}],
}
_TO = re.compile(rb'"to":"\+?(\d+)"')


class Exchange(asyncio.Protocol):
    """One keep-alive connection to a peer. `answer` gets path, headers and body, and gives the answer's body."""

    def __init__(self, answer: Callable[[bytes, dict[bytes, bytes], bytes], bytes]) -> None:
        self._answer = answer
        self._parser = httptools.HttpRequestParser(self)
        self._begin()

    def _begin(self) -> None:
        self._path = self._body = b""
        self._headers: dict[bytes, bytes] = {}

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_url(self, url: bytes) -> None:
        self._path += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers[name.lower()] = value

    def on_body(self, body: bytes) -> None:
        self._body += body

    def on_message_complete(self) -> None:
        body = self._answer(self._path, self._headers, self._body)
        head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
        self._transport.write(head % len(body) + body)
        self._begin()


class Late(Exchange):
    """A connection to a peer that is slow: each answer comes `pace` seconds after its request."""

    def __init__(self, answer: Callable[[bytes, dict[bytes, bytes], bytes], bytes], pace: Callable[[], float]) -> None:
        super().__init__(answer)
        self._pace = pace

    def on_message_complete(self) -> None:
        asyncio.get_running_loop().call_later(self._pace(), self._answer_late)

    def _answer_late(self) -> None:
        if not self._transport.is_closing():
            super().on_message_complete()


class Meta:
    """Takes every message, tells every wa_id as it was asked, and lists two approved templates."""

    def __init__(self) -> None:
        self._taken = 0
        self._listing = json.dumps({"data": [CODE, ORDER]}).encode()

    def answer(self, path: bytes, _headers: dict[bytes, bytes], body: bytes) -> bytes:
        if b"/messages" not in path:
            return self._listing
        self._taken += 1
        to = _TO.search(body)
        wa_id = to[1] if to else b""
        return (
            b'{"messaging_product":"whatsapp","contacts":[{"input":"+%b","wa_id":"%b"}],'
            b'"messages":[{"id":"wamid.HBgLBENCHOUT%016d==","message_status":"accepted"}]}'
        ) % (wa_id, wa_id, self._taken)

    def report(self) -> dict[str, Any]:
        return {"count": self._taken}


class Sink:
    """Takes every delivery. `on_delivery` gets each body."""

    def __init__(self, on_delivery: Callable[[bytes], None] | None = None) -> None:
        self._count = 0
        self._samples: list[dict[str, Any]] = []
        self._on_delivery = on_delivery

    def answer(self, path: bytes, headers: dict[bytes, bytes], body: bytes) -> bytes:
        self._count += 1
        if self._count % SAMPLED == 1:
            named = {name.decode(): value.decode() for name, value in headers.items()}
            self._samples.append({"path": path.decode(), "headers": named, "body": body.decode()})
        if self._on_delivery is not None:
            self._on_delivery(body)
        return b""

    def report(self) -> dict[str, Any]:
        count, samples = self._count, self._samples
        self._samples = []
        return {"count": count, "samples": samples}


async def listen(
    answer: Callable[[bytes, dict[bytes, bytes], bytes], bytes],
    ports: int,
    pace: Callable[[], float] | None = None,
    address: str = "127.0.0.1",
) -> list[asyncio.Server]:
    """Listen on so many free ports of an address of this machine."""
    loop = asyncio.get_running_loop()
    made = (lambda: Exchange(answer)) if pace is None else (lambda: Late(answer, pace))
    return [await loop.create_server(made, address, 0) for _ in range(ports)]


def ports_of(servers: list[asyncio.Server]) -> list[int]:
    """Tell the ports of these servers."""
    return [server.sockets[0].getsockname()[1] for server in servers]


async def orders() -> asyncio.StreamReader:
    """Open the lines that the program which started this one writes to us; they end when it ends."""
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    return reader


def say(what: dict[str, Any]) -> None:
    """Answer with a line of JSON."""
    print(json.dumps(what), flush=True)


async def _run(role: str, ports: int, address: str = "127.0.0.1") -> None:
    peer = Meta() if role == "meta" else Sink()
    late_s = 0.0
    servers = await listen(peer.answer, ports, (lambda: late_s) if role == "late" else None, address)
    say({"ports": ports_of(servers)})
    asked = await orders()
    while line := await asked.readline():
        late_s = json.loads(line).get("late_s", late_s)
        say(peer.report())
    for server in servers:
        server.close()


if __name__ == "__main__":
    uvloop.run(_run(sys.argv[1], int(sys.argv[2]), *sys.argv[3:]))
