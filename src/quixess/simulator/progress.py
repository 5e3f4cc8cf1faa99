"""What happens by itself after a send or a template: ticks, reviews, ends of pauses, each told by webhook."""

import asyncio
import contextlib
import time
from collections.abc import Callable, Coroutine
from typing import Any

from quixess.simulator import calls, payloads
from quixess.simulator.model import Due, Json, Message, Phone, Template, TemplateStatus, Tick
from quixess.simulator.outcomes import Outcome
from quixess.simulator.templates import verdicts
from quixess.simulator.webhooks import Courier
from quixess.simulator.world import World

_REENGAGEMENT = 131047
_ALL = (Tick.SENT, Tick.DELIVERED, Tick.READ)


class Progress:
    """Runs the timers. Ticks, reviews and calls count real time; pauses and announcements the world's clock."""

    def __init__(self, world: World, courier: Courier) -> None:
        self._world = world
        self._courier = courier
        self._tasks: set[asyncio.Task[None]] = set()
        self._clock_moved = asyncio.Event()
        self._calls: dict[str, calls.Call] = {}

    def resume(self) -> None:
        """Take up what an earlier run left undone."""
        for message in self._world.sends():
            if message.due:
                self._spawn(self._go(message))
        for template in self._world.templates.values():
            if template.status is TemplateStatus.PENDING:
                self.review(template)
            self.watch(template)

    def begin(self, message: Message, outcome: Outcome) -> None:
        """Let an accepted message go its way: sent, delivered, read, or failed."""
        message.due = self._timeline(message, outcome)
        if message.due:
            self._spawn(self._go(message))

    async def at_once(self, message: Message, outcome: Outcome) -> None:
        """Do the same without delays; returns when every webhook was tried once."""
        message.due = [Due(one.tick, 0, one.error) for one in self._timeline(message, outcome)]
        await self._go(message)

    def review(self, template: Template) -> None:
        """Tell the status of a new template; a pending one is decided after `review_delay_ms`."""
        self._spawn(self._review(template))

    def announce(self, template: Template) -> None:
        """Tell what status a template has."""
        self.tell(template, verdicts.STATUS_FIELD, verdicts.status(template, self._world.now()))

    def tell(self, template: Template, field: str, value: Json) -> None:
        """Tell something of a template, to the apps of its WABA."""
        self._courier.post(field, value, seen=self._world.seen_at(template.waba_id))

    def watch(self, template: Template) -> None:
        """End a pause, or make an announced change of category, when its time has come on the world's clock."""
        if template.paused_until is not None:
            self._spawn(self._when(template, lambda: template.paused_until, verdicts.unpause))
        if template.category_due is not None:
            self._spawn(self._when(template, lambda: template.category_due, verdicts.recategorise))

    def clock_moved(self) -> None:
        """Look at the world's clock again."""
        self._clock_moved.set()
        self._clock_moved = asyncio.Event()

    def ring(self, call: calls.Call) -> None:
        """Tell a call, and its end: after `ring_ms`, or when the business ends it."""
        self._calls[call.wacid] = call
        self._spawn(self._ring(call))

    def call(self, wacid: str, number_id: str) -> calls.Call | None:
        """Return the call of a number that is under way."""
        known = self._calls.get(wacid)
        return known if known is not None and known.number_id == number_id else None

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

    def _timeline(self, message: Message, outcome: Outcome) -> list[Due]:
        """List what is to be told, in order."""
        if outcome.ticks == ():
            return []
        settings, accepted = self._world.settings, time.time()
        if outcome.held is not None and message.type == "template":
            accepted += settings.held_ms / 1000
        late = message.category is None and not message.in_window
        delays = {
            Tick.FAILED: settings.delivered_ms if outcome.ticks else settings.sent_ms,
            Tick.SENT: settings.sent_ms,
            Tick.DELIVERED: settings.delivered_ms,
            Tick.READ: settings.read_ms,
            Tick.PLAYED: settings.read_ms,
        }
        fail = _REENGAGEMENT if outcome.fail is None and late else outcome.fail
        ticks = outcome.ticks or (_ALL[: 3 if settings.auto_read else 2] if fail is None else ())
        if late:
            ticks = ()
        elif message.type == "reaction":  # of reactions Meta tells nothing else
            ticks = (Tick.SENT,) if fail is None else ()
        due = [Due(tick, accepted + delays[tick] / 1000) for tick in ticks]
        failed_at = accepted + delays[Tick.FAILED] / 1000
        return due if fail is None else [*due, Due(Tick.FAILED, failed_at, fail)]

    async def _go(self, message: Message) -> None:
        while message.due:
            next_one = message.due[0]
            await asyncio.sleep(max(0.0, next_one.at - time.time()))
            tried = self._tell(message, next_one.tick, next_one.error)
            del message.due[0]
            if not self._world.settings.reorder:
                await tried

    def _tell(self, message: Message, tick: Tick, error: int | None) -> asyncio.Future[Any]:
        """Tell a tick. Whoever waits for the first attempt lets the ticks of one message leave in order."""
        billed = tick is Tick.SENT or (tick in {Tick.DELIVERED, Tick.READ} and message.status is not Tick.DELIVERED)
        self._world.advance(message, tick, error)
        phone = self._world.phones.get(message.phone) or Phone(number=message.phone)
        seen = self._world.seen_from(message.number_id)
        value = payloads.status(seen, phone, message, tick, at=self._world.now(), billed=billed)
        return self._courier.post(payloads.MESSAGES, value)

    async def _review(self, template: Template) -> None:
        if template.status is TemplateStatus.PENDING:
            await asyncio.sleep(self._world.settings.review_delay_ms / 1000)
            if not verdicts.decide(template, self._world.settings):
                return
            self._world.touch()
        self.announce(template)

    async def _when(
        self,
        template: Template,
        due: Callable[[], float | None],
        change: Callable[[Template, float], tuple[str, Json]],
    ) -> None:
        """Make a change when it is due, unless it was called off or put off meanwhile."""
        wanted = due()
        while wanted is not None and (wait_s := wanted - self._world.now()) > 0:
            moved = self._clock_moved
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(moved.wait(), wait_s)
        if due() == wanted:
            self.tell(template, *change(template, self._world.now()))
            self._world.touch()

    async def _ring(self, call: calls.Call) -> None:
        try:
            await self._courier.post(calls.FIELD, call.connect())
            await call.ring(self._world.settings.ring_ms / 1000)
            self._courier.post(calls.FIELD, call.terminate(self._world.now()))
        finally:
            self._calls.pop(call.wacid, None)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
