"""A customer's call: `connect` when it rings, `terminate` when it is over."""

from quixess.simulator import payloads
from quixess.simulator.model import Identity, Json, Phone

FIELD = "calls"
_SDP = (
    "v=0\r\no=- 7602563789789945080 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE audio\r\n"
    "m=audio 40012 UDP/TLS/RTP/SAVPF 111\r\nc=IN IP4 127.0.0.1\r\na=mid:audio\r\na=sendrecv\r\n"
    "a=rtpmap:111 opus/48000/2\r\n"
)


class Call:
    """One call from `phone`, begun `at` (Unix seconds). `payload` is what a call button carried."""

    def __init__(self, identity: Identity, phone: Phone, at: float, payload: str | None, wacid: str) -> None:
        self.wacid = wacid
        self._identity = identity
        self._phone = phone
        self._at = at
        self._payload = payload

    def connect(self) -> Json:
        """`value` of the ringing, with an SDP offer."""
        told = self._told("connect", self._at)
        if self._payload is not None:
            told["cta_payload"] = self._payload
        return self._value(told | {"session": {"sdp_type": "offer", "sdp": _SDP}})

    def terminate(self, at: float, duration_s: int | None) -> Json:
        """`value` of the end; `duration_s` None means that nobody answered, and then Meta tells no times."""
        if duration_s is None:
            return self._value(self._told("terminate", at) | {"status": "FAILED"})
        times = {"start_time": str(int(at)), "end_time": str(int(at) + duration_s), "duration": duration_s}
        return self._value(self._told("terminate", at + duration_s) | {"status": "COMPLETED"} | times)

    def _told(self, event: str, at: float) -> Json:
        head = {"id": self.wacid, "to": self._identity.display_phone_number} | payloads.sender(self._phone)
        return head | {"event": event, "timestamp": str(int(at)), "direction": "USER_INITIATED"}

    def _value(self, told: Json) -> Json:
        return payloads.value(self._identity, contacts=[payloads.contact(self._phone)], calls=[told])
