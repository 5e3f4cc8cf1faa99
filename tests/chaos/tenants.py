"""The tenants' servers. The good one keeps the books; the others hang, drip, flood, redirect, lie, refuse by dice."""

import asyncio
import contextlib
import random
import socket
import struct
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from weakref import WeakKeyDictionary

from aiohttp import web
from standardwebhooks.webhooks import WebhookVerificationError

from tests.crash import ledger
from tests.crash.ledger import Fact
from tests.events import outward_traps
from tests.events.outward_traps import OK, Visit
from tests.world import serving

_THINKS_S = 0.3
_RESET = struct.pack("ii", 1, 0)
_LIES = (
    b"HTTP/1.1 200 OK\r\nContent-Le",
    b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nok",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nnot a size\r\n",
    b"HTTP/1.1 100 Continue\r\n\r\n" * 50,
    b"HTTP/1.1 200 OK\r\nX-Long: " + b"x" * 65_536 + b"\r\n\r\n",
    b"\x16\x03\x01 this is no HTTP",
)


@dataclass(frozen=True, slots=True)
class Post:
    """One signed POST that was taken. `at` is Unix seconds, `maker` the pid that made it, if it still lived.

    `fact` is what it tells of; None for a failure, which no book of Meta has.
    """

    at: float
    event_id: str
    fact: Fact | None
    maker: int | None


@dataclass
class Bookkeeper:
    """The good tenant's server: verifies each POST, writes it down, thinks a little, answers 200.

    `makers` gives the pids of who may post. `withdrawn` are messages that it was told never left, `strange` is what
    must not be.
    """

    secret: str
    makers: Callable[[], Iterable[int]]
    dice: random.Random
    url: str = ""
    posts: list[Post] = field(default_factory=list)
    strange: list[str] = field(default_factory=list)
    known: set[str] = field(default_factory=set)
    withdrawn: set[str] = field(default_factory=set)
    _lines: "WeakKeyDictionary[asyncio.BaseTransport, int | None]" = field(default_factory=WeakKeyDictionary)

    async def take(self, request: web.Request) -> web.Response:
        raw = await request.read()
        at = time.time()
        try:
            event = ledger.verify(self.secret, request.headers, raw)
        except (AssertionError, WebhookVerificationError) as error:
            self.strange.append(f"a POST that is not ours: {error}")
            return web.Response(status=400)
        fact = None if event["type"] == "message.failed" else (event["data"]["wa_message_id"], event["type"])
        self.posts.append(Post(at, event["id"], fact, self._maker(request.transport)))
        self.known.add(event["id"])
        if (never_left := ledger.withdrawn_by(event)) is not None:
            self.withdrawn.add(never_left)
        await asyncio.sleep(self.dice.uniform(0.0, _THINKS_S))
        return web.Response()

    @property
    def repeats(self) -> int:
        return len(self.posts) - len(self.known)

    def longest_gap(self) -> float:
        """Return the longest time without a POST, in seconds."""
        moments = [post.at for post in self.posts]
        return max((after - before for before, after in pairwise(moments)), default=0.0)

    def _maker(self, line: asyncio.Transport | None) -> int | None:
        """Find the process at the other end of a connection, once a connection."""
        if line is None:
            return None
        if line not in self._lines:
            self._lines[line] = _owner(line.get_extra_info("peername")[1], self.makers())
        return self._lines[line]


def _owner(port: int, pids: Iterable[int]) -> int | None:
    """Tell which of these processes holds the socket with that local port."""
    _, found, rest = Path("/proc/net/tcp").read_text().partition(f": 0100007F:{port:04X} ")
    if found:
        socket_name = f"socket:[{rest.split(maxsplit=8)[7]}]"
        for pid in pids:
            with contextlib.suppress(OSError):
                if any(_target(entry) == socket_name for entry in Path(f"/proc/{pid}/fd").iterdir()):
                    return pid
    return None


def _target(entry: Path) -> str:
    try:
        return str(entry.readlink())
    except OSError:
        return ""


@asynccontextmanager
async def keeping_books(
    secret: str, makers: Callable[[], Iterable[int]], dice: random.Random
) -> AsyncIterator[Bookkeeper]:
    """Run the good tenant's server."""
    keeper = Bookkeeper(secret, makers, dice)
    async with serving(keeper.take, "/good") as url:
        keeper.url = f"{url}/good"
        yield keeper


@dataclass
class Rogue:
    """A tenant's server without manners, until it is `reformed`.

    `taken` counts its complete 200s by event, `followed` the requests that came for another path.
    """

    manner: str
    dice: random.Random
    url: str = ""
    reformed: bool = False
    taken: Counter[str] = field(default_factory=Counter)
    heard: int = 0
    followed: int = 0

    async def play(self, visit: Visit) -> None:
        """Take each request of a connection and answer it in our manner."""
        while (request := await visit.hear()) is not None:
            head = request[0]
            self.heard += 1
            if not head.startswith("POST /hook "):
                self.followed += 1
            event_id = next(
                line.partition(":")[2].strip()
                for line in head.split("\r\n")
                if line.lower().startswith("x-quixess-event-id:")
            )
            if self.reformed:
                self._ok(visit, event_id)
            else:
                await getattr(self, f"_{self.manner}")(visit, event_id)

    def _ok(self, visit: Visit, event_id: str) -> None:
        visit.say(OK)
        self.taken[event_id] += 1

    async def _hangs(self, visit: Visit, event_id: str) -> None:
        await visit.hang()

    async def _drips(self, visit: Visit, event_id: str) -> None:
        visit.say(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
        await visit.say_for_ever(b".", 0.2)

    async def _floods(self, visit: Visit, event_id: str) -> None:
        visit.say(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n")
        self.taken[event_id] += 1  # a long body is cut, and judged by its status
        await visit.say_for_ever(b"x" * 65_536)

    async def _redirects(self, visit: Visit, event_id: str) -> None:
        place = self.dice.choice([self.url + "/followed", "http://169.254.169.254/latest/meta-data/", "file:///etc"])
        visit.say(f"HTTP/1.1 307 Temporary Redirect\r\nLocation: {place}\r\nContent-Length: 0\r\n\r\n".encode())

    async def _lies(self, visit: Visit, event_id: str) -> None:
        visit.say(self.dice.choice(_LIES))
        await asyncio.sleep(0.01)
        raw: socket.socket = visit.writer.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        visit.writer.transport.abort()

    async def _dices(self, visit: Visit, event_id: str) -> None:
        if self.dice.random() < 0.4:
            self._ok(visit, event_id)
        else:
            status = self.dice.choice(["500 Oops", "502 Bad Gateway", "404 Not Found"])
            visit.say(f"HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n".encode())

    async def _throttles(self, visit: Visit, event_id: str) -> None:
        if self.dice.random() < 0.4:
            self._ok(visit, event_id)
        else:
            visit.say(b"HTTP/1.1 429 Too Many Requests\r\nRetry-After: 1\r\nContent-Length: 0\r\n\r\n")


MANNERS = ("hangs", "drips", "floods", "redirects", "lies", "dices", "throttles")


@asynccontextmanager
async def misbehaving(dice: random.Random) -> AsyncIterator[list[Rogue]]:
    """Run one server of each manner."""
    async with AsyncExitStack() as stack:
        rogues = [Rogue(manner, dice) for manner in MANNERS]
        for rogue in rogues:
            trap = await stack.enter_async_context(outward_traps.trap(rogue.play))
            rogue.url = trap.url
        yield rogues
