"""Sends webhooks as Meta does: signed over the exact bytes, re-sent until a 200, alone or in batches."""

import asyncio
import hashlib
import hmac
from collections import deque
from dataclasses import dataclass, replace
from itertools import groupby

import aiohttp

from quixess.simulator import encoding, errors, mint
from quixess.simulator.model import Json
from quixess.simulator.world import World

RETRY_FOR_S = 900.0
LONGEST_PAUSE_S = 60.0
REMEMBERED_POSTS = 1_000
_AT_ONCE = 64
_READ_OF_ANSWER = 65_536
_CHANGES_PER_ENTRY = 2
_CHAT_FIELDS = {"calls", "history", "messages", "smb_app_state_sync", "smb_message_echoes", "user_preferences"}


@dataclass(frozen=True, slots=True)
class Change:
    """One `changes[]` item. `at` (Unix seconds) becomes `entry.time`, which fields about chats have not.

    `account` is the entry's id: the WABA, or a business whose partner we are.
    """

    field: str
    value: Json
    at: int
    account: str


@dataclass(frozen=True, slots=True)
class _Waiting:
    url: str
    change: Change
    tried: asyncio.Future[None]


@dataclass(frozen=True, slots=True)
class _Posted:
    url: str
    body: bytes
    changes: tuple[Change, ...]


class Courier:
    """Carries changes to the app's callback. What waits here is in memory only."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._session: aiohttp.ClientSession | None = None
        self._gate = asyncio.Semaphore(_AT_ONCE)
        self._gathering: list[_Waiting] = []
        self._timer: asyncio.TimerHandle | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._posted: deque[_Posted] = deque(maxlen=REMEMBERED_POSTS)

    async def open(self) -> None:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0),
            headers={"User-Agent": "facebookexternalua", "Accept": "*/*"},
        )

    async def close(self) -> None:
        tasks = self.clear()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._session is not None:
            await self._session.close()

    def clear(self) -> list[asyncio.Task[None]]:
        """Forget all that waits; return the deliveries it cancelled."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for waiting in self._gathering:
            _settle(waiting.tried)
        self._gathering.clear()
        self._posted.clear()
        cancelled = list(self._tasks)
        for task in cancelled:
            task.cancel()
        return cancelled

    def post(self, field: str, value: Json, account: str | None = None) -> asyncio.Future[None]:
        """Queue one change. The future is done after the first attempt, whatever came of it.

        Nothing is sent, silently, when the app or the WABA is not subscribed: as with Meta.
        """
        tried: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        url = self._world.callback_for(field)
        if url is None:
            _settle(tried)
            return tried
        self._gathering.append(_Waiting(url, self._change(field, value, account), tried))
        settings = self._world.settings
        if len(self._gathering) >= settings.batch_size:
            self._flush()
        elif self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(settings.batch_wait_ms / 1000, self._flush)
        return tried

    async def post_now(self, body: bytes, *, field: str) -> int | None:
        """Sign and post exactly these bytes once; the receiver's HTTP status, or None if there was none."""
        url = self._world.callback_for(field, always=True)
        return None if url is None else await self._attempt(url, body)

    async def post_change(self, field: str, value: Json) -> int | None:
        """Post one change once, whether or not the field is subscribed."""
        return await self.post_now(self._body([self._change(field, value)]), field=field)

    async def redeliver(self, last: int, *, rebatch: bool) -> list[int | None]:
        """Post the last `last` bodies again, byte for byte, or their changes as one body per address."""
        again = list(self._posted)[-last:]
        if rebatch:
            urls = dict.fromkeys(one.url for one in again)
            changes = {url: [c for one in again if one.url == url for c in one.changes] for url in urls}
            again = [_Posted(url, self._body(some), tuple(some)) for url, some in changes.items()]
        return [await self._attempt(one.url, one.body) for one in again]

    async def handshake(self, url: str, verify_token: str) -> None:
        """Meta's GET before it believes a callback URL; raises GraphError 2200 on any other echo."""
        challenge = mint.challenge()
        query = {"hub.mode": "subscribe", "hub.challenge": challenge, "hub.verify_token": verify_token}
        try:
            async with self._http().get(url, params=query, timeout=self._timeout(), allow_redirects=False) as answer:
                echo = await answer.content.read(_READ_OF_ANSWER)
                if answer.status != 200 or echo != challenge.encode():
                    reason = f"HTTP Status Code = {answer.status}; HTTP Message = {answer.reason}"
                    raise errors.callback_refused(reason)
        except (aiohttp.ClientError, TimeoutError, OSError) as failed:
            raise errors.callback_refused(f"curl_error = {type(failed).__name__}") from failed

    def _flush(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        batch, self._gathering = self._gathering, []
        for url in dict.fromkeys(waiting.url for waiting in batch):
            mine = [waiting for waiting in batch if waiting.url == url]
            task = asyncio.create_task(self._deliver(url, mine))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _deliver(self, url: str, batch: list[_Waiting]) -> None:
        changes = [waiting.change for waiting in batch]
        body = self._body(changes)
        self._posted.append(_Posted(url, body, tuple(changes)))
        pause = self._world.settings.retry_first_ms / 1000
        give_up = asyncio.get_running_loop().time() + RETRY_FOR_S
        try:
            while await self._attempt(url, body) != 200 and asyncio.get_running_loop().time() < give_up:
                _settle(*(waiting.tried for waiting in batch))
                await asyncio.sleep(pause)
                pause = min(pause * 2, LONGEST_PAUSE_S)
        finally:
            _settle(*(waiting.tried for waiting in batch))

    async def _attempt(self, url: str, body: bytes) -> int | None:
        headers = {"Content-Type": "application/json"} | sign(self._world.identity.app_secret, body)
        async with self._gate:
            try:
                async with self._http().post(
                    url, data=body, headers=headers, timeout=self._timeout(), allow_redirects=False
                ) as answer:
                    await answer.content.read(_READ_OF_ANSWER)
                    return answer.status
            except (aiohttp.ClientError, TimeoutError, OSError):
                return None

    def _change(self, field: str, value: Json, account: str | None = None) -> Change:
        return Change(field, value, int(self._world.now()), account or self._world.identity.waba_id)

    def _body(self, changes: list[Change]) -> bytes:
        entries = [
            _entry(account, some[at : at + _CHANGES_PER_ENTRY])
            for account, some in ((key, list(group)) for key, group in groupby(_fold(changes), _account))
            for at in range(0, len(some), _CHANGES_PER_ENTRY)
        ]
        return encoding.webhook({"object": "whatsapp_business_account", "entry": entries})

    def _http(self) -> aiohttp.ClientSession:
        if self._session is None:
            raise RuntimeError("the courier is not open")
        return self._session

    def _timeout(self) -> aiohttp.ClientTimeout:
        return aiohttp.ClientTimeout(total=self._world.settings.webhook_timeout_s)


def sign(app_secret: str, body: bytes) -> dict[str, str]:
    """Meta's signature headers: `X-Hub-Signature-256`, and the older SHA-1 one."""
    key = app_secret.encode()
    return {
        "X-Hub-Signature-256": "sha256=" + hmac.new(key, body, hashlib.sha256).hexdigest(),
        "X-Hub-Signature": "sha1=" + hmac.new(key, body, "sha1").hexdigest(),
    }


def _fold(changes: list[Change]) -> list[Change]:
    """Join neighbouring statuses two by two, so that all three arrays of a batch hold more than one."""
    folded: list[Change] = []
    for change in changes:
        before = folded[-1] if folded else None
        if before and _lone_status(before) and _lone_status(change):
            folded[-1] = replace(before, value=_joined(before.value, change.value))
        else:
            folded.append(change)
    return folded


def _lone_status(change: Change) -> bool:
    return change.field == "messages" and len(change.value.get("statuses", ())) == 1


def _joined(one: Json, other: Json) -> Json:
    both = one | {"statuses": one["statuses"] + other["statuses"]}
    people = one.get("contacts", []) + [new for new in other.get("contacts", []) if new not in one.get("contacts", [])]
    return both | ({"contacts": people} if people else {})


def _account(change: Change) -> str:
    return change.account


def _entry(account: str, changes: list[Change]) -> Json:
    entry: Json = {"id": account}
    if any(change.field not in _CHAT_FIELDS for change in changes):
        entry["time"] = changes[0].at
    return entry | {"changes": [{"value": one.value, "field": one.field} for one in changes]}


def _settle(*futures: asyncio.Future[None]) -> None:
    for future in futures:
        if not future.done():
            future.set_result(None)
