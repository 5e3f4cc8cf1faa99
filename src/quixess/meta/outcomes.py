"""What became of one call to Meta: accepted, rejected, certainly not sent, or unknown.

Meta has no idempotency key, so the four must never be mixed up: sending again after `NotSent` is safe, after
`Unknown` it may put a second message on the user's phone. Whatever leaves a doubt is `Unknown`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any

import msgspec

from quixess.meta import codes

# msgspec's own errors are ValueErrors, like the UnicodeDecodeError that it lets through.
NOT_JSON = (ValueError, RecursionError)

_OF_SENDS = frozenset({130429, 131056})
_THROTTLES = frozenset({4, 613, 80007}) | _OF_SENDS
_MANAGING = "whatsapp_business_management"
_PAIR_PAUSE_S = 6  # one message in six seconds to one user (Cloud API overview, "Pair rate limits")
_LONGEST_PAUSE_S = 86_400
_OF_CASES, _OF_APP = "X-Business-Use-Case-Usage", "X-App-Usage"


@dataclass(frozen=True, slots=True)
class GraphError:
    """Meta's error. `body` is its JSON byte for byte; it, `message` and `details` may echo what was sent."""

    status: int
    code: int
    subcode: int | None
    message: str = field(repr=False)
    details: str | None = field(repr=False)
    body: bytes = field(repr=False)
    is_transient: bool = False

    @property
    def explanation(self) -> codes.Explanation:
        """The code in words."""
        return codes.explain(self.code, self.subcode)

    def __str__(self) -> str:
        subcode = f"/{self.subcode}" if self.subcode is not None else ""
        return f"Meta's code {self.code}{subcode} (HTTP {self.status})"


class Usage(msgspec.Struct, frozen=True):
    """How much of one quota is used, as an answer's headers tell (Graph API, "Rate limits").

    `about` is the id of the account or number whose quota it is, None for the app's; `use_case` is Meta's word for what
    it counts. `percent` is the fullest of its measures. `regain_s` is the wait until Meta takes calls again, 0 while it
    does.
    """

    about: str | None
    use_case: str | None
    percent: float
    regain_s: int

    @property
    def concerns_sends(self) -> bool:
        """False for the quota of calls that manage an account: no send is counted against it."""
        return self.use_case != _MANAGING


class Accepted(msgspec.Struct, frozen=True):
    """Class A: Meta took the message. `wa_id` is digits and may differ from the number asked for.

    `usage` is what the answer told of quotas: as a rule nothing.
    """

    wamid: str
    wa_id: str | None
    user_id: str | None
    message_status: str | None
    usage: tuple[Usage, ...] = ()


class Outcome(Exception):  # noqa: N818  an outcome is not always an error of ours; the three kinds below say which
    """Any end of a call but acceptance. Its text never holds what was sent or what Meta said."""


class Rejected(Outcome):
    """Class B: Meta refused for good and said why. Nothing was sent."""

    def __init__(self, error: GraphError) -> None:
        super().__init__(str(error))
        self.error = error


class NotSent(Outcome):
    """Class C: certainly not sent; no byte left, or Meta asked to slow down. The same call may run again."""

    def __init__(self, reason: str, error: GraphError | None = None, retry_after_s: int | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.error = error
        self.retry_after_s = retry_after_s


class Unknown(Outcome):
    """Class D: Meta may have acted on it. Never send again because of this; wait for a status."""

    def __init__(self, reason: str, error: GraphError | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.error = error


def accept(status: int, headers: Mapping[str, str], body: bytes) -> Accepted:
    """Read the 2xx answer of a send. Raises `Unknown` when it names no wamid."""
    try:
        answer = _decode_answer(body)
    except NOT_JSON:
        raise Unknown(f"HTTP {status} without a message id", read_error(status, body)) from None
    contact = _first(answer.contacts)
    return Accepted(
        wamid=answer.messages[0].id,
        wa_id=_text(contact.get("wa_id")),
        user_id=_text(contact.get("user_id")),
        message_status=_text(answer.messages[0].message_status),
        usage=read_usage(headers),
    )


def read_usage(headers: Mapping[str, str]) -> tuple[Usage, ...]:
    """Read what the usage headers tell; empty where there are none, or where they are not as Meta documents them."""
    of_cases, of_app = headers.get(_OF_CASES), headers.get(_OF_APP)
    if of_cases is None and of_app is None:
        return ()
    try:
        cases = _decode_usage(of_cases or "{}")
        whole = [_decode_use(of_app)] if of_app else []
    except NOT_JSON:
        return ()
    told = [_usage(about, use) for about, uses in cases.items() for use in uses]
    return (*told, *(_usage(None, use) for use in whole))


def read_object(status: int, headers: Mapping[str, str], body: bytes) -> dict[str, Any]:
    """Read the JSON object of a 2xx answer. Raises an `Outcome` for any other, and `Unknown` for no object."""
    if not 200 <= status < 300:
        raise judge(status, headers, body)
    try:
        return _decode_object(body)
    except NOT_JSON:
        raise Unknown(f"HTTP {status} without a JSON object") from None


def require_success(answer: Mapping[str, Any]) -> None:
    """Hold Meta to its word `success`. Raises `Unknown` when it is not there."""
    if answer.get("success") is not True:
        raise Unknown("Meta did not say success")


def judge(status: int, headers: Mapping[str, str], body: bytes) -> Outcome:
    """Say which outcome an answer other than 2xx is."""
    error = read_error(status, body)
    if error is None:
        return Unknown(f"HTTP {status} without a Graph error")
    if not 400 <= status < 500:
        return Unknown(str(error), error)
    if status == 429 or error.code in _THROTTLES:
        return NotSent(str(error), error, _retry_after_s(error, headers))
    if _is_transient(error):
        return Unknown(str(error), error)
    return Rejected(error)


def read_error(status: int, body: bytes) -> GraphError | None:
    """Read `{"error": {...}}`. None when the body is anything else, such as a proxy's HTML page."""
    try:
        error = _decode_error(body).error
    except NOT_JSON:
        return None
    data = error.error_data if isinstance(error.error_data, dict) else {}
    return GraphError(
        status=status,
        code=error.code,
        subcode=error.error_subcode if type(error.error_subcode) is int else None,
        message=_text(error.message) or "",
        details=_text(data.get("details")),
        body=body,
        is_transient=error.is_transient is True,
    )


def _is_transient(error: GraphError) -> bool:
    """Whether Meta may yet send the message. Its own flag counts for codes that are not in the table."""
    explanation = error.explanation
    return explanation.kind is codes.Kind.RETRY or (error.is_transient and not explanation.known)


def _retry_after_s(error: GraphError, headers: Mapping[str, str]) -> int | None:
    pause = _header_pause_s(headers.get("Retry-After", "")) or _usage_pause_s(error, headers)
    if not pause and error.code == 131056:
        pause = _PAIR_PAUSE_S
    return min(pause, _LONGEST_PAUSE_S) or None


def _header_pause_s(value: str) -> int:
    return int(value) if value.isascii() and value.isdigit() and len(value) < 10 else 0


def _usage_pause_s(error: GraphError, headers: Mapping[str, str]) -> int:
    """Seconds until the WABA regains access, as Meta's usage header tells in minutes; 0 when it does not."""
    told = [use for use in read_usage(headers) if use.concerns_sends or error.code not in _OF_SENDS]
    return max((use.regain_s for use in told), default=0)


def _usage(about: str | None, use: "_Use") -> Usage:
    percent = max(use.call_count, use.total_cputime, use.total_time)
    regain_s = min(int(60 * use.estimated_time_to_regain_access), _LONGEST_PAUSE_S)
    return Usage(about, _text(use.type), percent, regain_s)


def _first(contacts: object) -> dict[str, Any]:
    contact = contacts[0] if isinstance(contacts, list) and contacts else None
    return contact if isinstance(contact, dict) else {}


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


class _Sent(msgspec.Struct):
    id: Annotated[str, msgspec.Meta(min_length=1)]
    message_status: Any = None


class _Answer(msgspec.Struct):
    messages: Annotated[list[_Sent], msgspec.Meta(min_length=1)]
    contacts: Any = None


class _Error(msgspec.Struct):
    code: int
    message: Any = None
    error_subcode: Any = None
    error_data: Any = None
    is_transient: Any = None


class _ErrorBody(msgspec.Struct):
    error: _Error


_Amount = Annotated[float, msgspec.Meta(ge=0, le=1e6)]


class _Use(msgspec.Struct):
    estimated_time_to_regain_access: _Amount = 0
    call_count: _Amount = 0
    total_cputime: _Amount = 0
    total_time: _Amount = 0
    type: Any = None


_decode_object = msgspec.json.Decoder(dict[str, Any]).decode
_decode_answer = msgspec.json.Decoder(_Answer).decode
_decode_error = msgspec.json.Decoder(_ErrorBody, strict=False).decode
_decode_usage = msgspec.json.Decoder(dict[str, list[_Use]]).decode
_decode_use = msgspec.json.Decoder(_Use).decode
