"""Access tokens as Meta has them: kinds, lives, what each may do, and the ways one dies.

A life runs on the world's clock, which a lever can move.
"""

import random
from datetime import UTC, datetime
from enum import StrEnum
from typing import Literal

import msgspec

from quixess.simulator import errors, mint
from quixess.simulator.model import Json

MESSAGING = "whatsapp_business_messaging"
MANAGEMENT = "whatsapp_business_management"
SCOPES = (MANAGEMENT, MESSAGING)
SIXTY_DAYS_S = 60 * 86_400
USER_LIVES_S = 2 * 3600
DATA_ACCESS_S = 90 * 86_400

Kind = Literal["user", "long_lived_user", "system_user", "business_integration"]
LIVES_S: dict[Kind, int] = {
    "user": USER_LIVES_S,
    "long_lived_user": SIXTY_DAYS_S,
    "system_user": 0,
    "business_integration": 0,
}


class Death(StrEnum):
    """Why a token is no good any more; expiry needs no mark."""

    APP_REMOVED = "app_removed"
    PASSWORD_CHANGED = "password_changed"  # noqa: S105 - Meta's reason, no secret
    LOGGED_OUT = "logged_out"


class Token(msgspec.Struct, kw_only=True):
    """A token of a person or a system user. `expires_at` 0: never. `waba_ids` are what it reaches."""

    value: str
    kind: Kind
    app_id: str
    user_id: str
    business_id: str | None = None
    waba_ids: list[str] = []
    scopes: list[str] = msgspec.field(default_factory=lambda: list(SCOPES))
    issued_at: float = 0.0
    expires_at: float = 0.0
    died: Death | None = None

    @property
    def of_a_person(self) -> bool:
        return self.kind in {"user", "long_lived_user"}


def fresh(like: Token, source: random.Random, *, now: float, lives_s: float) -> Token:
    """Return a new token with the same reach; `lives_s` 0: it never expires."""
    value = mint.token(source)
    ends = now + lives_s if lives_s else 0.0
    lists = {"waba_ids": list(like.waba_ids), "scopes": list(like.scopes)}
    return msgspec.structs.replace(like, value=value, issued_at=now, expires_at=ends, died=None, **lists)


def check(token: Token, now: float) -> None:
    """Raise GraphError 190 if the token is dead or its time is over."""
    if token.died is Death.APP_REMOVED:
        raise _invalid(458, f"The user has not authorized application {token.app_id}.")
    if token.died is Death.PASSWORD_CHANGED:
        raise _invalid(
            460,
            "The session has been invalidated because the user changed their password or Facebook has changed "
            "the session for security reasons.",
        )
    if token.died is Death.LOGGED_OUT:
        raise _invalid(467, "The session was invalidated explicitly using an API call.")
    if token.expires_at and token.expires_at <= now:
        told = f"Session has expired on {_spoken(token.expires_at)}. The current time is {_spoken(now)}."
        raise _invalid(463, told)


def debugged(token: Token, application: str, now: float) -> Json:
    """Show `data` of debug_token; with `error` where the token is no good."""
    data: Json = {
        "app_id": token.app_id,
        "type": "USER" if token.of_a_person else "SYSTEM_USER",
        "application": application,
        "data_access_expires_at": int(token.issued_at + DATA_ACCESS_S) if token.of_a_person else 0,
        "expires_at": int(token.expires_at),
        "is_valid": True,
        "issued_at": int(token.issued_at),
        "scopes": token.scopes,
        "granular_scopes": [{"scope": scope, "target_ids": token.waba_ids} for scope in token.scopes],
        "user_id": token.user_id,
    }
    try:
        check(token, now)
    except errors.GraphError as wrong:
        data |= {"is_valid": False, "error": {"code": 190, "message": wrong.message, "subcode": wrong.subcode}}
    return data


def _invalid(subcode: int, why: str) -> errors.GraphError:
    return errors.GraphError(401, 190, f"Error validating access token: {why}", subcode=subcode)


def _spoken(at: float) -> str:
    """Write a time as Meta's sentences do."""
    return datetime.fromtimestamp(at, UTC).strftime("%A, %d-%b-%y %H:%M:%S UTC")
