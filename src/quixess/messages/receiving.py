"""Receiving: keep Meta's body as it came, answer, then turn each item into a message or a status, and events.

Raw first: a body that was answered 200 is on disk before anything tries to understand it. Many bodies are worked
off in one transaction; one that cannot be is tried alone, keeps its todo with the error, and blocks nobody.
"""

import asyncio
import re
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

import msgspec
import structlog

from quixess import connections, failpoints
from quixess.connections import Number
from quixess.database import ids
from quixess.database.batching import Batcher
from quixess.database.core import Database, Tx
from quixess.errors import QuixessError
from quixess.events import outbox
from quixess.events.outbox import Draft
from quixess.messages import describing, evidence, store, threads, todos
from quixess.messages.evidence import Heard
from quixess.messages.store import Inbound
from quixess.messages.threads import Person
from quixess.messages.todos import Todo
from quixess.meta import webhooks
from quixess.meta.webhooks import InboundMessage, MalformedBody, Parsed, StatusUpdate
from quixess.vault import Keyring

_MOST_AT_HAND = 2_000
_AT_ONCE = 100
_IDLE_S = 0.25
_NUL = re.compile(rb"(?<!\\)((?:\\\\)*)\\u0000")  # with a backslash before it these are six letters that a user typed
_REPLACEMENT = rb"\1\\ufffd"
_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class _Written:
    """A user's message and the number it was written to."""

    message: InboundMessage
    number: Number


class Receiving:
    """Takes Meta's bodies for one process. With `works` it also works them off; else a worker process does."""

    def __init__(
        self,
        db: Database,
        keyring: Keyring,
        dispatcher: outbox.Dispatcher | None,
        *,
        lease_s: float,
        works: bool,
    ) -> None:
        self._db = db
        self._keyring = keyring
        self._dispatcher = dispatcher
        self._lease_s = lease_s
        self._works = works
        self._stopping = False
        self._bodies: Batcher[tuple[str, bytes], Todo] = Batcher(self._keep)
        self._todos: Batcher[Todo, None] = Batcher(self._work_off, cap=_AT_ONCE)
        self._running: set[asyncio.Task[None]] = set()

    async def keep(self, app_id: str, body: bytes) -> None:
        """Keep a body whose signature is right; when this returns it is on disk. Work on it starts right after."""
        todo = await self._bodies.submit((app_id, body))
        failpoints.reach("intake.after_commit")
        if todo.lease is not None:
            self._start(todo)

    async def run(self) -> None:
        """Work off what other processes left behind, until cancelled."""
        while True:
            try:
                async with self._db.transaction() as tx:
                    claimed = await todos.claim(tx, ids.new(), lease_s=self._lease_s, limit=_AT_ONCE)
            except QuixessError as error:
                _log.warning("bodies of Meta cannot be claimed", error=error.code)
                claimed = []
            for todo in claimed:
                self._start(todo)
            await asyncio.sleep(0 if len(claimed) == _AT_ONCE and self._todos.waiting < _MOST_AT_HAND else _IDLE_S)

    async def stop(self) -> None:
        """Take no more work and return when what is at hand is done."""
        self._stopping = True
        await self._bodies.close()
        while self._running:
            await asyncio.wait(set(self._running))

    async def _keep(self, bodies: Sequence[tuple[str, bytes]]) -> list[Todo | Exception]:
        room = self._works and not self._stopping and self._todos.waiting + len(bodies) <= _MOST_AT_HAND
        lease = ids.new() if room else None
        made = [Todo(ids.new(), app_id, body, lease) for app_id, body in bodies]
        async with self._db.statement() as tx:
            await todos.insert(tx, made, lease_s=self._lease_s)
        return list(made)

    def _start(self, todo: Todo) -> None:
        task = asyncio.create_task(self._work(todo))
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def _work(self, todo: Todo) -> None:
        failpoints.reach("receiving.before_work")
        try:
            await self._todos.submit(todo)
        except QuixessError as error:  # the lease ends and the body is tried again
            _log.warning("a body of Meta waits", intake=str(todo.id), error=error.code)
        except Exception as error:  # noqa: BLE001 - a body that breaks us must be listed, not lost in a task
            _log.exception("a body of Meta cannot be worked off", intake=str(todo.id))
            await self._give_up(todo, f"{type(error).__name__}: {error}")

    async def _give_up(self, todo: Todo, reason: str) -> None:
        try:
            async with self._db.transaction() as tx:
                await todos.give_up(tx, todo, reason)
        except QuixessError as error:
            _log.warning("a body of Meta waits", intake=str(todo.id), error=error.code)

    async def _work_off(self, batch: Sequence[Todo]) -> list[None]:
        parsed: list[tuple[Todo, Parsed]] = []
        broken: list[tuple[Todo, str]] = []
        for todo in batch:
            try:
                parsed.append((todo, webhooks.parse(_without_nul(todo.body))))
            except MalformedBody as error:
                broken.append((todo, str(error)))
        with outbox.handing_to(self._dispatcher) as hand_off:
            async with self._db.transaction() as tx:
                drafts = await self._apply(tx, parsed)
                for todo, reason in broken:
                    await todos.give_up(tx, todo, reason)
                await todos.finish(tx, [(todo, one.problems) for todo, one in parsed])
                failpoints.reach("receiving.before_commit")
                await outbox.record(tx, self._keyring, drafts, hand_off)
        failpoints.reach("receiving.after_commit")
        return [None] * len(batch)

    async def _apply(self, tx: Tx, parsed: Sequence[tuple[Todo, Parsed]]) -> list[Draft]:
        wanted = {item.phone_number_id for _, one in parsed for item in one.items if item.phone_number_id}
        numbers = await connections.find_numbers(tx, sorted(wanted)) if wanted else {}
        written: list[_Written] = []
        heard: list[Heard] = []
        strays: list[tuple[Todo, str, str]] = []
        for todo, one in parsed:
            for item in one.items:
                if item.phone_number_id is None:
                    continue
                number = numbers.get(item.phone_number_id)
                if number is None or number.app_id != todo.app_id:
                    reason = "unknown number" if number is None else "number of another app"
                    strays.append((todo, item.phone_number_id, reason))
                elif isinstance(item, InboundMessage):
                    written.append(_Written(item, number))
                elif isinstance(item, StatusUpdate):
                    heard.append(Heard(item, number))
        await todos.count_strays(tx, strays)
        await connections.note_webhooks(tx, {number.connection_id: number for number in numbers.values()})
        return await _receive(tx, written) + await evidence.apply(tx, heard)


def _without_nul(body: bytes) -> bytes:
    """Show NUL as U+FFFD: PostgreSQL's text holds none, and nothing a user means is lost with it."""
    return _NUL.sub(_REPLACEMENT, body) if rb"\u0000" in body else body


async def _receive(tx: Tx, written: Sequence[_Written]) -> list[Draft]:
    """Write the messages that are new. Meta repeats itself: the wamid tells, within a batch and for ever."""
    first = {(one.number.connection_id, one.message.wamid): (ids.new(), one) for one in reversed(written)}
    if not first:
        return []
    bound = [(key[0], key[1], one.number.brand_id, message_id) for key, (message_id, one) in first.items()]
    new = await store.insert_wamids(tx, bound)
    fresh = [(_inbound(message_id, one), one) for key, (message_id, one) in first.items() if key in new]
    if not fresh:
        return []
    found = await threads.find_threads(tx, [message.person for message, _ in fresh])
    pairs = [(message, found[message.person.key]) for message, _ in fresh]
    await store.insert_inbound(tx, pairs)
    heard = [(message.person.brand_id, thread.conversation_id, message.occurred_at) for message, thread in pairs]
    await threads.open_windows(tx, heard)
    return [
        describing.received(message, found[message.person.key], _to(one.number)) for message, one in reversed(fresh)
    ]


def _inbound(message_id: UUID, written: _Written) -> Inbound:
    message, number = written.message, written.number
    user_id = message.from_user_id
    if message.from_phone is None and user_id is None:
        user_id = f"unknown-{message.wamid}"
    person = Person(
        number.brand_id, number.connection_id, message.from_phone, user_id, message.username, message.profile_name
    )
    return Inbound(
        id=message_id,
        person=person,
        wamid=message.wamid,
        type=message.type,
        content=msgspec.json.encode(message.content).decode(),
        reply_to=message.context_wamid,
        occurred_at=evidence.moment_of(message.timestamp),
    )


def _to(number: Number) -> dict[str, str]:
    return {"phone_number_id": number.phone_number_id, "waba_id": number.waba_id}
