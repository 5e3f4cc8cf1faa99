"""Sends webhooks as Meta does: signed over the exact bytes, re-sent until a 200, alone or in batches, or twice."""

import asyncio
from collections import deque
from collections.abc import Coroutine
from dataclasses import dataclass
from itertools import count
from typing import Any

import aiohttp

from quixess.simulator import envelopes, errors, histories, mint
from quixess.simulator.model import Change, Identity, Json, Unsent
from quixess.simulator.registry import Target
from quixess.simulator.world import World

LONGEST_PAUSE_S = 60.0
REMEMBERED_POSTS = 1_000
_AT_ONCE = 64
_READ_OF_ANSWER = 65_536


@dataclass(slots=True)
class _Waiting:
    """A change on its way to one app. `pause_s` is the next one, `give_up` on the loop's clock; `key` is `unsent`'s."""

    target: Target
    change: Change
    tried: asyncio.Future[None]
    key: int
    pause_s: float
    give_up: float
    again: bool = False


@dataclass(frozen=True, slots=True)
class _Posted:
    target: Target
    body: bytes
    changes: tuple[Change, ...]


class Courier:
    """Carries changes to the apps' callbacks. What no app has taken yet is kept in the world."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._session: aiohttp.ClientSession | None = None
        self._gate = asyncio.Semaphore(_AT_ONCE)
        self._gathering: list[_Waiting] = []
        self._timer: asyncio.TimerHandle | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._posted: deque[_Posted] = deque(maxlen=REMEMBERED_POSTS)
        self._keys = count(max(world.unsent, default=-1) + 1)

    async def open(self) -> None:
        """Begin, with what an earlier run left undelivered."""
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0),
            headers={"User-Agent": "facebookexternalua", "Accept": "*/*"},
        )
        for key, left in list(self._world.unsent.items()):
            self._gather(self._waiting(Target(left.url, left.app_id), left.change, key))

    async def close(self) -> None:
        tasks = self._stop()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._session is not None:
            await self._session.close()

    def clear(self) -> list[asyncio.Task[None]]:
        """Forget all that waits; return the deliveries it cancelled."""
        cancelled = self._stop()
        self._posted.clear()
        self._world.unsent.clear()
        return cancelled

    def post(
        self, field: str, value: Json, account: str | None = None, *, seen: Identity | None = None
    ) -> asyncio.Future[Any]:
        """Queue one change. The future is done after the first attempt, whatever came of it.

        `seen` names the number and WABA it is about; the `metadata` of fields about chats does so by itself. Nothing
        is sent, silently, where an app or the WABA is not subscribed: as with Meta.
        """
        known = seen or self._seen(value)
        change = self._change(field, value, account, known)
        waiting = [self._unsent(target, change) for target in self._world.targets(field, known)]
        for one in waiting:
            self._gather(one)
        if len(waiting) == 1:
            return waiting[0].tried
        return asyncio.gather(_settled(), *(one.tried for one in waiting))

    async def post_now(self, body: bytes, *, field: str) -> int | None:
        """Sign and post exactly these bytes once; the receiver's HTTP status, or None if there was none."""
        targets = self._world.targets(field, self._world.identity, always=True)
        return await self._attempt(targets[0], body) if targets else None

    async def post_change(self, field: str, value: Json) -> int | None:
        """Post one change once, whether or not the field is subscribed."""
        return await self.post_now(envelopes.body([self._change(field, value, None, self._seen(value))]), field=field)

    async def redeliver(self, last: int, *, rebatch: bool) -> list[int | None]:
        """Post the last `last` bodies again, byte for byte, or their changes as one body per address."""
        again = list(self._posted)[-last:]
        if rebatch:
            targets = dict.fromkeys(one.target for one in again)
            changes = {key: [c for one in again if one.target == key for c in one.changes] for key in targets}
            again = [_Posted(target, envelopes.body(some), tuple(some)) for target, some in changes.items()]
        return [await self._attempt(one.target, one.body) for one in again]

    async def handshake(self, url: str, verify_token: str) -> None:
        """Meta's GET before it believes a callback URL; raises GraphError 2200 on any other echo."""
        challenge = mint.digits(self._world.draws.source("challenge"), 10)
        query = {"hub.mode": "subscribe", "hub.challenge": challenge, "hub.verify_token": verify_token}
        try:
            async with self._http().get(url, params=query, timeout=self._timeout(), allow_redirects=False) as answer:
                echo = await answer.content.read(_READ_OF_ANSWER)
                if answer.status != 200 or echo != challenge.encode():
                    reason = f"HTTP Status Code = {answer.status}; HTTP Message = {answer.reason}"
                    raise errors.callback_refused(reason)
        except (aiohttp.ClientError, TimeoutError, OSError) as failed:
            raise errors.callback_refused(f"curl_error = {type(failed).__name__}") from failed

    def _stop(self) -> list[asyncio.Task[None]]:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for waiting in self._gathering:
            _settle(waiting)
        self._gathering.clear()
        cancelled = list(self._tasks)
        for task in cancelled:
            task.cancel()
        return cancelled

    def _unsent(self, target: Target, change: Change) -> _Waiting:
        key = next(self._keys)
        self._world.unsent[key] = Unsent(target.url, change, target.app_id)
        self._world.touch()
        return self._waiting(target, change, key)

    def _waiting(self, target: Target, change: Change, key: int, *, again: bool = False) -> _Waiting:
        loop, settings = asyncio.get_running_loop(), self._world.settings
        pause_s, give_up = settings.retry_first_ms / 1000, loop.time() + settings.retry_for_s
        return _Waiting(target, change, loop.create_future(), key, pause_s, give_up, again)

    def _gather(self, *waiting: _Waiting) -> None:
        """Let changes wait for others. What is to be mixed up waits for its time, however many there are."""
        self._gathering += waiting
        settings = self._world.settings
        fresh = any(not one.again for one in waiting)
        if fresh and not settings.reorder and len(self._gathering) >= settings.batch_size:
            self._flush()
        elif self._timer is None and self._gathering:
            self._timer = asyncio.get_running_loop().call_later(settings.batch_wait_ms / 1000, self._flush)

    def _flush(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        batch, self._gathering = self._gathering, []
        settings = self._world.settings
        if settings.reorder:
            self._world.draws.source("order").shuffle(batch)
        for target in dict.fromkeys(waiting.target for waiting in batch):
            mine = [waiting for waiting in batch if waiting.target == target]
            if settings.reorder:
                size = settings.batch_size
                self._spawn(self._in_turn([mine[at : at + size] for at in range(0, len(mine), size)]))
            else:
                self._spawn(self._deliver(mine))

    async def _in_turn(self, batches: list[list[_Waiting]]) -> None:
        """Try one body after the other; a body that has to come again holds up nobody."""
        for batch in batches:
            self._spawn(self._deliver(batch))
            await batch[0].tried

    async def _deliver(self, batch: list[_Waiting]) -> None:
        """Post until it is taken, or for as long as Meta would; with `rebatch_retries` in ever other company."""
        target, changes = batch[0].target, [waiting.change for waiting in batch]
        body = envelopes.body(changes)
        self._posted.append(_Posted(target, body, tuple(changes)))
        try:
            while await self._attempt(target, body) != 200:
                self._note(batch, "RETRYING")
                _settle(*batch)
                if not await self._pause(batch):
                    return
                if self._world.settings.rebatch_retries:
                    self._gather(*batch)
                    return
            self._taken(batch)
        finally:
            _settle(*batch)

    async def _pause(self, batch: list[_Waiting]) -> bool:
        """Wait until the next attempt; False if there is none, and the changes are lost."""
        if asyncio.get_running_loop().time() >= max(one.give_up for one in batch):
            self._note(batch, "FAILED")
            self._strike(batch)
            return False
        pause_s = max(one.pause_s for one in batch)
        await asyncio.sleep(pause_s)
        for one in batch:
            one.pause_s, one.again = min(pause_s * 2, LONGEST_PAUSE_S), True
        return True

    def _note(self, batch: list[_Waiting], state: histories.State) -> None:
        """Let `message_history` know what became of the changes."""
        for one in batch:
            histories.note(self._world, one.change, one.target, state)

    def _strike(self, batch: list[_Waiting]) -> None:
        for one in batch:
            self._world.unsent.pop(one.key, None)
        self._world.touch()

    def _taken(self, batch: list[_Waiting]) -> None:
        """Note that changes arrived; some come a second time, in other company."""
        self._note(batch, "DELIVERED")
        self._strike(batch)
        for one in batch:
            if not one.again and self._world.draws.chance(self._world.settings.duplicate_share, "twice"):
                self._gather(self._waiting(one.target, one.change, next(self._keys), again=True))

    async def _attempt(self, target: Target, body: bytes) -> int | None:
        app = self._world.book.apps.get(target.app_id)
        headers = {"Content-Type": "application/json"} | envelopes.sign(app.secret if app else "", body)
        async with self._gate:
            try:
                async with self._http().post(
                    target.url, data=body, headers=headers, timeout=self._timeout(), allow_redirects=False
                ) as answer:
                    await answer.content.read(_READ_OF_ANSWER)
                    return answer.status
            except (aiohttp.ClientError, TimeoutError, OSError):
                return None

    def _seen(self, value: Json) -> Identity:
        return self._world.seen_from(value.get("metadata", {}).get("phone_number_id"))

    def _change(self, field: str, value: Json, account: str | None, known: Identity) -> Change:
        return Change(field, value, int(self._world.now()), account or known.waba_id)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _http(self) -> aiohttp.ClientSession:
        if self._session is None:
            raise RuntimeError("the courier is not open")
        return self._session

    def _timeout(self) -> aiohttp.ClientTimeout:
        return aiohttp.ClientTimeout(total=self._world.settings.webhook_timeout_s)


def _settled() -> asyncio.Future[None]:
    done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    done.set_result(None)
    return done


def _settle(*waiting: _Waiting) -> None:
    for one in waiting:
        if not one.tried.done():
            one.tried.set_result(None)
