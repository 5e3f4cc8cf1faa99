"""What happens by itself after a send or a template: ticks and reviews, each told by webhook."""

import asyncio
from collections.abc import Coroutine
from typing import Any

from quixess.simulator import calls, payloads, verdicts
from quixess.simulator.model import Message, Phone, Template, TemplateStatus, Tick
from quixess.simulator.outcomes import Outcome
from quixess.simulator.webhooks import Courier
from quixess.simulator.world import World

_REENGAGEMENT = 131047
_ALL = (Tick.SENT, Tick.DELIVERED, Tick.READ)


class Progress:
    """Runs the timers. They count real time, whatever the world's clock says."""

    def __init__(self, world: World, courier: Courier) -> None:
        self._world = world
        self._courier = courier
        self._tasks: set[asyncio.Task[None]] = set()

    def begin(self, message: Message, outcome: Outcome) -> None:
        """Let an accepted message go its way: sent, delivered, read, or failed."""
        self._spawn(self._go(message, self._timeline(message, outcome)))

    async def at_once(self, message: Message, outcome: Outcome) -> None:
        """Do the same without delays; returns when every webhook was tried once."""
        timeline = self._timeline(message, outcome)
        await self._go(message, [(tick, 0, error) for tick, _, error in timeline])

    def review(self, template: Template) -> None:
        """Tell the status of a new template; a pending one is decided after `review_delay_ms`."""
        self._spawn(self._review(template))

    def announce(self, template: Template) -> None:
        self._courier.post(verdicts.STATUS_FIELD, verdicts.status(template, self._world.now()))

    def ring(self, call: calls.Call, duration_s: int | None) -> None:
        """Tell a call, and after `ring_ms` its end; `duration_s` None: nobody answered."""
        self._spawn(self._ring(call, duration_s))

    async def phone_reads(self, phone: str) -> int:
        """Let the customer open the chat: every delivered message becomes read. Returns how many did."""
        waiting = [one for one in self._world.chat(phone) if one.status in {Tick.SENT, Tick.DELIVERED}]
        for message in waiting:
            await self._tell(message, Tick.READ, None)
        return len(waiting)

    async def close(self) -> None:
        await asyncio.gather(*self.clear(), return_exceptions=True)

    def clear(self) -> list[asyncio.Task[None]]:
        cancelled = list(self._tasks)
        for task in cancelled:
            task.cancel()
        return cancelled

    def _timeline(self, message: Message, outcome: Outcome) -> list[tuple[Tick, int, int | None]]:
        """(tick, milliseconds after acceptance, error code) in order."""
        if outcome.ticks == ():
            return []
        settings = self._world.settings
        late = message.category is None and not message.in_window
        fail = outcome.fail or (_REENGAGEMENT if late else None)
        if fail is not None:
            return [(Tick.FAILED, settings.sent_ms, fail)]
        ticks = outcome.ticks
        if ticks is None:
            ticks = _ALL[: 3 if settings.auto_read else 2]
        if message.type == "reaction":  # of reactions Meta tells nothing else
            ticks = (Tick.SENT,)
        delays = {
            Tick.SENT: settings.sent_ms,
            Tick.DELIVERED: settings.delivered_ms,
            Tick.READ: settings.read_ms,
            Tick.PLAYED: settings.read_ms,
        }
        return [(tick, delays[tick], None) for tick in ticks]

    async def _go(self, message: Message, timeline: list[tuple[Tick, int, int | None]]) -> None:
        clock = asyncio.get_running_loop()
        accepted = clock.time()
        for tick, after_ms, error in timeline:
            await asyncio.sleep(max(0.0, accepted + after_ms / 1000 - clock.time()))
            await self._tell(message, tick, error)

    async def _tell(self, message: Message, tick: Tick, error: int | None) -> None:
        """Tell, and wait for the first attempt, so that the ticks of one message leave in order."""
        billed = tick is Tick.SENT or (tick in {Tick.DELIVERED, Tick.READ} and message.status is not Tick.DELIVERED)
        self._world.advance(message, tick, error)
        phone = self._world.phones.get(message.phone) or Phone(number=message.phone)
        value = payloads.status(self._world.identity, phone, message, tick, at=self._world.now(), billed=billed)
        await self._courier.post(payloads.MESSAGES, value)

    async def _review(self, template: Template) -> None:
        if template.status is TemplateStatus.PENDING:
            await asyncio.sleep(self._world.settings.review_delay_ms / 1000)
            if not self._world.decide(template):
                return
        self.announce(template)

    async def _ring(self, call: calls.Call, duration_s: int | None) -> None:
        await self._courier.post(calls.FIELD, call.connect())
        await asyncio.sleep(self._world.settings.ring_ms / 1000)
        self._courier.post(calls.FIELD, call.terminate(self._world.now(), duration_s))

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
