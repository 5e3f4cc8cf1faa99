"""Meta's refusals, decoded: what a caller is told, what an event says, and never the code that was sent."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import msgspec

from quixess.database import ids
from quixess.errors import QuixessError
from quixess.meta import codes
from quixess.meta.graph import GraphError
from quixess.templates import HIDDEN

DEAD_TOKEN = frozenset({0, 190})
_UNTOLD = codes.Explanation(
    codes.Kind.PERMANENT,
    "Meta says that it failed, and not why",
    "Look at the number and the template in WhatsApp Manager before you send it again.",
    known=False,
)


@dataclass(frozen=True, slots=True)
class Refusal:
    """Meta's error with anything that echoes a secret hidden. `body` is Meta's JSON object."""

    code: int
    title: str
    details: str | None
    body: dict[str, Any]
    explanation: codes.Explanation

    def as_event(self) -> dict[str, Any]:
        """Give one entry of `data.errors`."""
        return describe(self.code, self.title, self.details)


def redact(error: GraphError, secrets: Sequence[str]) -> Refusal:
    """Read Meta's error; every text in it that holds one of the secrets is shown with the secret hidden."""
    try:
        body = msgspec.json.decode(error.body, type=dict[str, Any])
    except msgspec.DecodeError:
        body = {"error": {"code": error.code}}
    clean = _hide(body, secrets)
    details = None if error.details is None else _hide(error.details, secrets)
    return Refusal(error.code, _hide(error.message, secrets), details, clean, error.explanation)


def describe(code: int | None, title: str | None, details: str | None) -> dict[str, Any]:
    """Explain one of Meta's errors, from an answer or from a status, for `data.errors`. Without a code it is 0."""
    explanation = _UNTOLD if code is None else codes.explain(code)
    return {
        "code": code or 0,
        "title": title or explanation.meaning,
        "reason": explanation.meaning,
        "details": details,
        "fix": explanation.fix,
        "retryable": explanation.retryable,
    }


def rejected(refusal: Refusal, message_id: UUID) -> QuixessError:
    """Build the 502 of a send that Meta refused for good."""
    dead = refusal.code in DEAD_TOKEN
    return QuixessError(
        "whatsapp_connection_unauthorized" if dead else "whatsapp_error",
        f"{refusal.explanation.meaning}. {refusal.explanation.fix}",
        extra={
            "message_id": ids.show("msg", message_id),
            "retryable": refusal.explanation.retryable,
            "whatsapp_error": refusal.body,
        },
    )


def not_sent(refusal: Refusal | None, retry_after_s: int | None) -> QuixessError:
    """Build the 429 or 503 of a send of which no byte took effect: the same Idempotency-Key may run again."""
    if refusal is None:
        return QuixessError(
            "upstream_unavailable", "WhatsApp cannot be reached. Nothing was sent; try again.", retry_after_s=2
        )
    return QuixessError(
        "whatsapp_rate_limited",
        f"{refusal.explanation.meaning}. Nothing was sent. {refusal.explanation.fix}",
        retry_after_s=retry_after_s or 1,
        extra={"whatsapp_error": refusal.body},
    )


def _hide(value: Any, secrets: Sequence[str]) -> Any:
    if isinstance(value, str):
        for secret in sorted(filter(None, secrets), key=len, reverse=True):
            value = value.replace(secret, HIDDEN)
        return value
    if isinstance(value, dict):
        return {_hide(name, secrets): _hide(one, secrets) for name, one in value.items()}
    if isinstance(value, list):
        return [_hide(one, secrets) for one in value]
    return value
