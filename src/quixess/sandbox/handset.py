"""The handset: the phones of the simulated Meta, worked over its own HTTP (docs/simulator.md, `/_sim/…`).

Which simulator there is, is a setting: a connection with any other Graph URL has no handset, so that no tenant's URL is
ever called here.
"""

from base64 import b64encode
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Any

import aiohttp
import msgspec

from quixess.errors import QuixessError

_TIMEOUT_S = 5.0
_SHOWN = 50
_LONGEST_ANSWER = 8 * 1024 * 1024


class State(StrEnum):
    """How the simulated phones are."""

    ON = "on"
    OFFLINE = "offline"
    BLOCKED = "blocked"
    NO_WHATSAPP = "no_whatsapp"
    NO_RECEIPTS = "no_receipts"


# What becomes of every send, in the simulator's words; a script for the next send wins over it.
_CHANCES: Mapping[State, Mapping[str, float]] = MappingProxyType(
    {
        State.ON: {},
        State.OFFLINE: {"dropped": 1.0},
        State.BLOCKED: {"dropped": 1.0},
        State.NO_WHATSAPP: {"async:131026": 1.0},
        State.NO_RECEIPTS: {"never_read": 1.0},
    }
)


class Button(msgspec.Struct, frozen=True):
    """A button under a bubble. `type` is Meta's, in lower case; `copy_code` copies the code."""

    type: str
    text: str
    url: str | None = None


class Bubble(msgspec.Struct, frozen=True):
    """A message as the phone shows it. `direction` is the business's: `inbound` is what the phone wrote.

    `status` is how far it got, `error` Meta's code where it failed, `quoted` the wamid it answers. A `forgotten` code
    was lost with the simulator's memory.
    """

    wamid: str
    direction: str
    type: str
    at: datetime
    status: str
    text: str
    header: str | None = None
    footer: str | None = None
    buttons: tuple[Button, ...] = ()
    code: str | None = msgspec.field(default=None)
    content: Any = None
    quoted: str | None = None
    error: int | None = None
    forgotten: bool = False
    number_id: str | None = None

    @property
    def own(self) -> bool:
        """Whether the phone wrote it."""
        return self.direction == "inbound"


class Chat(msgspec.Struct, frozen=True):
    """One phone, and its talk with the business, oldest first. Of who hides the number only `user_id` is told."""

    phone: str
    name: str | None = None
    user_id: str | None = None
    hide_phone: bool = False
    typing: bool = False
    window_ends_at: datetime | None = None
    messages: tuple[Bubble, ...] = ()


class Handset:
    """The simulator's levers, for one process. Without a `url` there is no simulator, and it serves nobody.

    Everything raises `upstream_unavailable` when the simulator does not answer, and `invalid_request` when it refuses.
    """

    def __init__(self, url: str | None) -> None:
        self._url = url
        self._session: aiohttp.ClientSession | None = None

    def serves(self, graph_url: str) -> bool:
        """Tell whether a connection with this Graph URL is one of this simulator's."""
        return self._url is not None and graph_url == self._url

    async def look(self, phone: str, number_id: str) -> Chat:
        """Show what a phone (digits) and one number of the business said to each other lately."""
        chat = msgspec.convert(await self._ask("GET", f"phones/{phone}/messages?limit={_SHOWN}"), Chat)
        ours = tuple(one for one in chat.messages if one.number_id in {None, number_id})
        return msgspec.structs.replace(chat, messages=ours)

    async def write(self, phone: str, number_id: str, name: str, message: Mapping[str, Any]) -> str:
        """Send a message of Meta's shape from a phone to a number of the business; returns its wamid."""
        body = {**message, "name": name, "phone_number_id": number_id}
        return str((await self._ask("POST", f"phones/{phone}/messages", body))["wamid"])

    async def lay_down(self, mime_type: str, data: bytes, filename: str | None = None) -> str:
        """Give the phone a file, and return the id under which it sends it."""
        body = {"mime_type": mime_type, "data_base64": b64encode(data).decode()}
        return str((await self._ask("POST", "media", body | ({"filename": filename} if filename else {})))["id"])

    async def turn(self, before: State, state: State, phones: Sequence[str]) -> None:
        """Bring every phone into a state. Who comes back from being offline gets what waited meanwhile."""
        await self._ask("POST", "settings", {"chances": dict(_CHANCES[state])})
        if before is State.OFFLINE and state in {State.ON, State.NO_RECEIPTS}:
            for phone in phones:
                await self._catch_up(phone, reads=state is State.ON)

    async def fail_next(self, phone: str, code: int) -> None:
        """Let the next send to a phone be refused with a code of Meta's."""
        await self._ask("POST", "faults", {"outcome": str(code), "to": phone})

    async def hide(self, phone: str, name: str, *, hidden: bool) -> None:
        """Give a phone a username and keep its number from the business, or show the number again."""
        owner = {"user_id": f"US.13{phone}7", "username": f"@{name.lower()}", "name": name, "hide_phone": hidden}
        await self._ask("POST", f"phones/{phone}", owner)

    async def judge(self, waba_id: str, name: str, language: str, event: str, reason: str | None) -> None:
        """Let Meta decide something of a template, such as REJECTED with a reason, and tell it."""
        verdict = {"language": language, "event": event} | ({"reason": reason} if reason else {})
        if (await self._ask("GET", "world"))["waba_id"] != waba_id:
            verdict["waba_id"] = waba_id
        await self._ask("POST", f"templates/{name}", verdict)

    async def close(self) -> None:
        """Close every connection."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def _catch_up(self, phone: str, *, reads: bool) -> None:
        chat = msgspec.convert(await self._ask("GET", f"phones/{phone}/messages?limit={_SHOWN}"), Chat)
        for one in chat.messages:
            if not one.own and one.status == "sent":
                for status in ("delivered", "read") if reads else ("delivered",):
                    await self._ask("POST", "statuses", {"wamid": one.wamid, "status": status, "pricing": True})

    async def _ask(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        if self._url is None:
            raise _away()
        if self._session is None:
            timeout = aiohttp.ClientTimeout(total=_TIMEOUT_S)
            self._session = aiohttp.ClientSession(
                timeout=timeout, trust_env=False, cookie_jar=aiohttp.DummyCookieJar(), read_bufsize=_LONGEST_ANSWER
            )
        try:
            async with self._session.request(
                method, f"{self._url}/_sim/{path}", json=body, allow_redirects=False
            ) as answer:
                text = await answer.read()
        except (aiohttp.ClientError, TimeoutError, OSError):
            raise _away() from None
        with suppress(msgspec.DecodeError):
            if answer.ok:
                return msgspec.json.decode(text)
        if answer.status == 400:
            raise QuixessError("invalid_request", "The simulated Meta cannot do this: load the page again.")
        raise _away()


def _away() -> QuixessError:
    return QuixessError("upstream_unavailable", "The simulated Meta does not answer: is `quixess simulate` running?")
