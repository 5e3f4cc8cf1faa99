"""Receiving: keep Meta's body as it came, answer, then turn each item into a message or a status, and events.

Raw first: a body that was answered 200 is on disk before anything tries to understand it. Many bodies are worked
off in one transaction; one that cannot be is tried alone, keeps its todo with the error, and blocks nobody.
"""

import asyncio
import re
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import asyncpg
import structlog

from quixess import connections, failpoints, media, notices, tallies, traces
from quixess.connections import Number, Stray
from quixess.database import ids
from quixess.database.batching import Batcher
from quixess.database.core import Database, Tx
from quixess.errors import QuixessError
from quixess.events import outbox
from quixess.events.outbox import Draft
from quixess.media import Expected
from quixess.messages import calls, copies, evidence, inbox, lanes, preferences, todos
from quixess.messages.evidence import Heard
from quixess.messages.lanes import Lanes
from quixess.messages.model import Told
from quixess.messages.todos import Todo
from quixess.meta import webhooks
from quixess.meta.webhooks import (
    Call,
    Echo,
    HistoryMessage,
    InboundMessage,
    Item,
    MalformedBody,
    OtherChange,
    Parsed,
    Preference,
    StatusUpdate,
)
from quixess.notices import Said
from quixess.tallies import Spread
from quixess.vault import Keyring

_MOST_AT_HAND = 2_000
_IDLE_S, _LONGEST_IDLE_S = 0.25, 3.0
_TRIES = 5
_NUL = re.compile(rb"(?<!\\)((?:\\\\)*)\\u0000")  # with a backslash before it these are six letters that a user typed
_REPLACEMENT = rb"\1\\ufffd"
_log = structlog.get_logger()


class Receiving:
    """Takes Meta's bodies for one process. With `works` it also works them off; else a worker process does.

    `on_media` is called after a commit that expects files of Meta.
    """

    def __init__(
        self,
        db: Database,
        keyring: Keyring,
        dispatcher: outbox.Dispatcher | None,
        *,
        lease_s: float,
        works: bool,
        on_media: Callable[[], None] | None = None,
    ) -> None:
        self._db = db
        self._keyring = keyring
        self._dispatcher = dispatcher
        self._lease_s = lease_s
        self._works = works
        self._on_media = on_media
        self._stopping = False
        self._bodies: Batcher[_Arrival, None] = Batcher(self._keep)
        self._lanes = Lanes(_MOST_AT_HAND)
        self._todos: Batcher[Todo, None] = Batcher(
            self._work_off,
            cap=lanes.A_BATCH,
            owner=lambda todo: todo.lane,
            weigh=lambda todo: lanes.weigh(todo.body),
            share=self._lanes.share,
        )
        self._wake = asyncio.Event()
        self.waited_s = Spread(tallies.LONG)  # from Meta's body at the door until it was worked off
        self._running: set[asyncio.Task[None]] = set()

    @property
    def batchers(self) -> dict[str, Batcher[Any, Any]]:
        """What is batched here."""
        return {"bodies": self._bodies} | ({"todos": self._todos} if self._works else {})

    async def keep(self, app_id: str, body: bytes) -> None:
        """Keep a body whose signature is right; when this returns it is on disk. Work on it starts right after."""
        arrival = _Arrival(app_id, body)
        try:
            await self._bodies.submit(arrival)
            failpoints.reach("intake.after_commit")
        finally:
            arrival.left = True
            if arrival.todo is not None:
                self._start(arrival.todo)

    async def run(self) -> None:
        """Work off what waits in the table, until cancelled."""
        while True:
            began = time.monotonic()
            try:
                found = await self._go_round()
            except QuixessError as error:
                _log.warning("bodies of Meta cannot be claimed", error=error.code)
                found = False
            if not found:
                # Dead rows that PostgreSQL may not clear make a look long: then it is taken more seldom.
                await self._rest(min(max(_IDLE_S, 9 * (time.monotonic() - began)), _LONGEST_IDLE_S))

    async def _go_round(self) -> bool:
        """Claim a share of every lane that has room, and tell whether there was anything to claim."""
        self._lanes.begin_round()
        found: set[int] = set()
        unseen: set[int] = set()
        after = -1
        while True:
            full = self._lanes.full()
            unseen.update(full)
            async with self._db.statement() as tx:
                claimed = await todos.claim(
                    tx, ids.new(), lease_s=self._lease_s, limit=lanes.A_BATCH, after=after, but=full
                )
            if not claimed:
                self._lanes.end_round(found | unseen)
                return bool(found)
            for todo in claimed:
                self._lanes.take(todo.lane, lanes.weigh(todo.body))
                self._start(todo)
            found.update(todo.lane for todo in claimed)
            after = max(todo.lane for todo in claimed)
            while self._lanes.crowded:
                await self._rest()

    async def _rest(self, most_s: float = _IDLE_S) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._wake.wait(), most_s)
        self._wake.clear()

    async def stop(self) -> None:
        """Take no more work and return when what is at hand is done."""
        self._stopping = True
        await self._bodies.close()
        while self._running:
            await asyncio.wait(set(self._running))

    async def _keep(self, arrivals: Sequence["_Arrival"]) -> list[None]:
        lease = ids.new()
        made = [self._make(one, lease) for one in arrivals]
        try:
            async with self._db.statement() as tx:
                await todos.insert(tx, made, lease_s=self._lease_s)
        except BaseException:
            for todo in made:
                if todo.lease is not None:
                    self._give_back(todo)
            raise
        for arrival, todo in zip(arrivals, made, strict=True):
            arrival.todo = None if todo.lease is None else todo
            if arrival.left and arrival.todo is not None:
                self._start(todo)
        self._leave([todo for todo in made if todo.lease is None])
        return [None] * len(made)

    def _make(self, arrival: "_Arrival", lease: UUID) -> Todo:
        """Make a todo, leased to this process while its lane has room here."""
        lane = lanes.find(arrival.app_id, arrival.body)
        hot = self._works and not self._stopping and self._lanes.offer(lane, lanes.weigh(arrival.body))
        return Todo(ids.new(), arrival.app_id, arrival.body, lease if hot else None, lane)

    def _leave(self, waiting: Sequence[Todo]) -> None:
        for lane in {todo.lane for todo in waiting}:
            self._lanes.leave(lane)
            if self._lanes.waits(lane):
                self._wake.set()

    def _give_back(self, todo: Todo) -> None:
        self._lanes.give_back(todo.lane, lanes.weigh(todo.body))
        if self._lanes.waits(todo.lane):
            self._wake.set()

    def _start(self, todo: Todo) -> None:
        task = asyncio.create_task(self._work(todo))
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def _work(self, todo: Todo) -> None:
        failpoints.reach("receiving.before_work")
        try:
            with traces.begin("work off", _told, todo):
                await self._todos.submit(todo)
            self.waited_s.add(ids.age_s(todo.id))
        except QuixessError as error:  # the lease ends and the body is tried again
            _log.warning("a body of Meta waits", intake=str(todo.id), error=error.code)
        except todos.TakenOver:
            _log.warning("another process took over a body of Meta", intake=str(todo.id))
        except Exception as error:  # noqa: BLE001 - a body that breaks us must be listed, not lost in a task
            _log.exception("a body of Meta cannot be worked off", intake=str(todo.id))
            await self._give_up(todo, f"{type(error).__name__}: {error}")
        finally:
            self._give_back(todo)

    async def _give_up(self, todo: Todo, reason: str) -> None:
        try:
            async with self._db.transaction() as tx:
                await todos.give_up(tx, todo, reason)
        except QuixessError as error:
            _log.warning("a body of Meta waits", intake=str(todo.id), error=error.code)

    async def _work_off(self, batch: Sequence[Todo]) -> list[None]:
        for _ in range(_TRIES - 1):
            try:
                return await self._write(batch)
            except asyncpg.UniqueViolationError:  # another process learnt of the same person at the same moment
                continue
        return await self._write(batch)

    async def _write(self, batch: Sequence[Todo]) -> list[None]:
        parsed: list[tuple[Todo, Parsed]] = []
        broken: list[tuple[Todo, str]] = []
        for todo in batch:
            try:
                parsed.append((todo, webhooks.parse(_without_nul(todo.body))))
            except MalformedBody as error:
                broken.append((todo, str(error)))
        with outbox.handing_to(self._dispatcher) as hand_off:
            async with self._db.transaction() as tx:
                drafts, files = await _apply(tx, parsed)
                await media.expect(tx, files)
                for todo, reason in broken:
                    await todos.give_up(tx, todo, reason)
                await todos.finish(tx, [(todo, one.problems) for todo, one in parsed])
                failpoints.reach("receiving.before_commit")
                await outbox.record(tx, self._keyring, drafts, hand_off)
        failpoints.reach("receiving.after_commit")
        if files and self._on_media is not None:
            self._on_media()
        return [None] * len(batch)


@dataclass(slots=True)
class _Arrival:
    """A body at the door. `left` says that whoever brought it waits no more, answered or not.

    What this process holds of it is started after the answer, or at once when nobody is there to be answered.
    """

    app_id: str
    body: bytes
    todo: Todo | None = None
    left: bool = False


def _told(todo: Todo) -> dict[str, str | int]:
    return {"intake_id": ids.show("int", todo.id)}


def _without_nul(body: bytes) -> bytes:
    """Show NUL as U+FFFD: PostgreSQL's text holds none, and nothing a user means is lost with it."""
    return _NUL.sub(_REPLACEMENT, body) if rb"\u0000" in body else body


async def _apply(tx: Tx, parsed: Sequence[tuple[Todo, Parsed]]) -> tuple[list[Draft], list[Expected]]:
    """Write down what bodies tell, and return the events it is worth and the files to fetch."""
    items = [(todo, item) for todo, one in parsed for item in one.items]
    wanted = {item.phone_number_id for _, item in items if item.phone_number_id}
    numbers = await connections.find_numbers(tx, sorted(wanted)) if wanted else {}
    ours = _Ours()
    for todo, item in items:
        ours.sort(todo, item, numbers.get(item.phone_number_id or ""))
    await connections.count_strays(tx, ours.strays)
    await connections.note_webhooks(tx, ours.heard_for)
    drafts, files = await inbox.apply(tx, ours.messages)
    copied, more = await copies.apply(tx, ours.copies)
    drafts += copied
    drafts += await evidence.apply(tx, ours.statuses)
    drafts += await calls.apply(tx, ours.calls)
    drafts += await preferences.apply(tx, ours.preferences)
    drafts += await notices.apply(tx, ours.notices)
    return drafts, files + more


@dataclass(slots=True)
class _Ours:
    """The items of a batch by what they are. Those about numbers of nobody, or of another app, are strays."""

    messages: list[Told[InboundMessage]] = field(default_factory=list)
    copies: list[Told[Echo | HistoryMessage]] = field(default_factory=list)
    statuses: list[Heard] = field(default_factory=list)
    calls: list[Told[Call]] = field(default_factory=list)
    preferences: list[Told[Preference]] = field(default_factory=list)
    notices: list[Said] = field(default_factory=list)
    strays: list[Stray] = field(default_factory=list)
    heard_for: dict[UUID, Number] = field(default_factory=dict)

    def sort(self, todo: Todo, item: Item, number: Number | None) -> None:
        ours = number if number is not None and number.app_id == todo.app_id else None
        if ours is not None:
            self.heard_for[ours.connection_id] = ours
        match item:
            case OtherChange():
                self.notices.append(Said(item, todo.app_id, todo.id))
            case _ if ours is None:
                reason = "unknown number" if number is None else "number of another app"
                self.strays.append(Stray(todo.app_id, item.phone_number_id, reason, todo.id))
            case InboundMessage():
                self.messages.append(Told(item, ours))
            case StatusUpdate():
                self.statuses.append(Heard(item, ours))
            case Call():
                self.calls.append(Told(item, ours))
            case Preference():
                self.preferences.append(Told(item, ours))
            case Echo() | HistoryMessage():
                self.copies.append(Told(item, ours))
