"""The load: messages of every kind, each asked for with its key until it is answered, and customers who write."""

import asyncio
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.api import replying, templating
from tests.crash.processes import Site
from tests.processes import Program
from tests.simulator import driving
from tests.world import CODE, OTP

_PHONES = 100
_AT_ONCE = 100
_AGAIN_S = 0.2
_COME_AGAIN = {409, 429, 503}
_FAULTS = ("reset_after_accept", "http_500", "slow")
# What is sent, by the word in its key: where it is asked for, and with what.
_KINDS: dict[str, tuple[str, dict[str, Any]]] = {
    "code": (OTP, {"code": CODE, "template_name": "signup_otp"}),
    "order": (templating.PATH, {"template_name": "order_update", "variables": {"body": ["Frank", "A-1042"]}}),
    "answer": (replying.REPLY, replying.TEXT | {"mark_read": True}),
}


@dataclass
class Load:
    """Sends and writes at a pace.

    `doubtful` are keys, with their phone, that have no last word yet; `accepted_at` are the times of each 200, in Unix
    seconds; `strange` is what must not be.
    """

    site: Site
    gateways: Sequence[Program]
    other: driving.Simulator
    dice: random.Random
    asked: int = 0
    said_elsewhere: list[str] = field(default_factory=list)
    doubtful: dict[str, str] = field(default_factory=dict)
    accepted_at: list[float] = field(default_factory=list)
    strange: list[str] = field(default_factory=list)
    _under_way: set[asyncio.Task[None]] = field(default_factory=set)

    async def run_on(self, a_second: float) -> None:
        """Begin so many operations a second until cancelled; no more than a hundred run at once."""
        while True:
            await asyncio.sleep(self.dice.expovariate(a_second))
            if len(self._under_way) < _AT_ONCE:
                task = asyncio.create_task(self._operate())
                self._under_way.add(task)
                task.add_done_callback(self._end)

    def _end(self, task: asyncio.Task[None]) -> None:
        self._under_way.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self.strange.append(f"the load failed by itself: {error!r}")

    async def finish(self) -> None:
        """Return when everything that was begun is over."""
        while self._under_way:
            await asyncio.wait(set(self._under_way))

    async def give_up(self, after_s: float) -> int:
        """Wait so long for what was begun, and drop the rest; return how much that was."""
        if not self._under_way:
            return 0
        _, left = await asyncio.wait(set(self._under_way), timeout=after_s)
        for one in left:
            one.cancel()
        return len(left)

    async def _operate(self) -> None:
        what = self.dice.random()
        if what < 0.01:
            await self.site.fault(self.dice.choice(_FAULTS))
        elif what < 0.08:
            await self.write_elsewhere()
        elif what < 0.35:
            await self.write()
        else:
            await self._send()

    async def write(self) -> None:
        """Let a customer write to the good tenant."""
        await self.site.customer_says("Is it there yet?", self._phone())

    async def write_elsewhere(self) -> None:
        """Let a customer write to the tenant of the rogues."""
        answer: dict[str, Any] = await self.other.lever(f"phones/{self._phone()[1:]}/messages", {"text": "Hello?"})
        self.said_elsewhere.append(answer["wamid"])

    async def _send(self) -> None:
        """Ask for one message with one key, at any gateway, until there is an answer to keep."""
        self.asked += 1
        kind, phone = self.dice.choice(list(_KINDS)), self._phone()
        key = f"chaos-{kind}-{self.asked}"
        if kind == "answer":
            await self.site.customer_says("Can you help me?", phone)
        while not await self.ask(key, phone):  # noqa: ASYNC110 - the answer comes over HTTP, no event tells of it
            await asyncio.sleep(_AGAIN_S)

    async def ask(self, key: str, phone: str) -> bool:
        """Ask once; True when the answer is one to keep."""
        path, body = _KINDS[key.split("-")[1]]
        answer = await self.site.order(path, {"to": phone} | body, key, at=self.dice.choice(self.gateways))
        if answer is None:
            return False
        if answer.status == 200:
            self.doubtful.pop(key, None)
            self.accepted_at.append(time.time())
            return True
        code = None if answer.status == 202 else answer.json["code"]
        if answer.status == 202 or code == "outcome_unknown":
            self.doubtful[key] = phone
            return True
        if answer.status not in _COME_AGAIN:
            self.strange.append(f"{key} was answered {answer.status} {code}")
        return answer.status not in _COME_AGAIN

    def _phone(self) -> str:
        return f"+1281818{self.dice.randrange(_PHONES):04d}"
