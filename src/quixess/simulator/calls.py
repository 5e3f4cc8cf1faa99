"""A customer's call: `connect` when it rings, `terminate` when it is over; in between the business may answer it."""

import asyncio
import contextlib
from collections.abc import Callable

from quixess.simulator import errors, payloads
from quixess.simulator.model import Identity, Json, Phone

FIELD = "calls"
_ACTIONS = ("pre_accept", "accept", "reject", "terminate")
_WITH_SESSION = {"pre_accept", "accept"}
_SDP = (
    "v=0\r\no=- 7602563789789945080 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE audio\r\n"
    "m=audio 40012 UDP/TLS/RTP/SAVPF 111\r\nc=IN IP4 127.0.0.1\r\na=mid:audio\r\na=sendrecv\r\n"
    "a=rtpmap:111 opus/48000/2\r\n"
)


class Call:
    """One call from `phone`, begun `at` (Unix seconds). `payload` is what a call button carried.

    `talk_s` is how long the customer talks, if anybody answers. With `answered` somebody does who is not the API.
    """

    def __init__(
        self,
        identity: Identity,
        phone: Phone,
        at: float,
        *,
        wacid: str,
        payload: str | None = None,
        talk_s: int = 60,
        answered: bool = False,
    ) -> None:
        self.wacid = wacid
        self.number_id = identity.phone_number_id
        self._identity = identity
        self._phone = phone
        self._at = at
        self._payload = payload
        self._talk_s = talk_s
        self._answered = answered
        self._picked_up_at: float | None = None
        self._over = False
        self._moved = asyncio.Event()

    def act(self, action: str, session: object, at: float) -> None:
        """Let the business pick up, refuse or hang up; raises GraphError 100 or 131008."""
        if action not in _ACTIONS:
            raise errors.parameter(f"Param action must be one of {{{', '.join(_ACTIONS).upper()}}}.")
        if action in _WITH_SESSION and not (isinstance(session, dict) and session.get("sdp_type") == "answer"):
            raise errors.coded(131008, "session: an SDP answer is required")
        if action == "accept":
            self._picked_up_at = at
        self._over = self._over or action in {"reject", "terminate"}
        self._moved.set()

    async def ring(self, seconds: float) -> None:
        """Ring until somebody picks up or refuses, but no longer; then talk as long, or until the business ends it."""
        await self._until(seconds, lambda: self._over or self._picked_up_at is not None)
        if self._picked_up_at is not None:
            await self._until(seconds, lambda: self._over)

    def connect(self) -> Json:
        """`value` of the ringing, with an SDP offer."""
        told = self._told("connect", self._at)
        if self._payload is not None:
            told["cta_payload"] = self._payload
        return self._value(told | {"session": {"sdp_type": "offer", "sdp": _SDP}})

    def terminate(self, at: float) -> Json:
        """`value` of the end. If nobody answered Meta tells no times; a talk that the customer ended took `talk_s`."""
        talked_s = self._talked_s(at)
        if talked_s is None:
            return self._value(self._told("terminate", at) | {"status": "FAILED"})
        began = int(at if self._picked_up_at is None else self._picked_up_at)
        times = {"start_time": str(began), "end_time": str(began + talked_s), "duration": talked_s}
        return self._value(self._told("terminate", began + talked_s) | {"status": "COMPLETED"} | times)

    def _talked_s(self, at: float) -> int | None:
        if self._picked_up_at is not None:
            return int(at - self._picked_up_at) if self._over else self._talk_s
        return self._talk_s if self._answered and not self._over else None

    async def _until(self, seconds: float, done: Callable[[], bool]) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while not done():
                    self._moved.clear()
                    await self._moved.wait()

    def _told(self, event: str, at: float) -> Json:
        head = {"id": self.wacid, "to": self._identity.display_phone_number} | payloads.sender(self._phone)
        return head | {"event": event, "timestamp": str(int(at)), "direction": "USER_INITIATED"}

    def _value(self, told: Json) -> Json:
        return payloads.value(self._identity, contacts=[payloads.contact(self._phone)], calls=[told])
