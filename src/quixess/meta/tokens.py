"""Access tokens at Meta: how long one lives, a new one for one that will die, and the end of one.

Reference: Meta's pages on `debug_token`, on long-lived tokens and on system users ("Refresh an expiring access token",
"Revoke an access token"). A token that died cannot be exchanged any more: only a human helps.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from quixess.meta import onboarding, outcomes
from quixess.meta.graph import Graph
from quixess.meta.outcomes import Unknown

_LATEST_S = 253_402_300_799


@dataclass(frozen=True, slots=True)
class Life:
    """What Meta knows of a token. None for an end is never; `subcode` says why one is no good, where Meta does.

    `access_ends_at` is when the data behind the token is closed until a person logs in again.
    """

    valid: bool
    app_id: str
    kind: str
    scopes: frozenset[str]
    issued_at: datetime | None
    expires_at: datetime | None
    access_ends_at: datetime | None
    subcode: int | None = None

    @property
    def ends_at(self) -> datetime | None:
        """When the token stops to work, for whichever reason; None is never."""
        ends = [at for at in (self.expires_at, self.access_ends_at) if at is not None]
        return min(ends, default=None)


async def look(graph: Graph, app_id: str, app_secret: str, token: str) -> Life:
    """Ask Meta, as the app, how a token is. A dead one is an answer too; raises an `Outcome` for no answer."""
    return _read(await onboarding.look_at_token(graph, app_id, app_secret, token))


async def exchange(graph: Graph, app_id: str, app_secret: str, token: str) -> str:
    """Get a new token that lives 60 days for one that lives still. The old one stays good until its own end."""
    query = {
        "grant_type": "fb_exchange_token",
        "client_id": app_id,
        "client_secret": app_secret,
        "set_token_expires_in_60_days": "true",
        "fb_exchange_token": token,
    }
    answer = await graph.ask("GET", "oauth/access_token", token=token, app_secret=app_secret, query=query)
    found = answer.get("access_token")
    if not isinstance(found, str) or not re.fullmatch(r"[!-~]{1,4096}", found):
        raise Unknown("the answer to the exchange has no token")
    return found


async def revoke(graph: Graph, app_id: str, app_secret: str, token: str, *, asking: str) -> None:
    """End a token at Meta. `asking` is another token of the same system user; a token may end itself."""
    query = {"client_id": app_id, "client_secret": app_secret, "revoke_token": token, "access_token": asking}
    answer = await graph.ask("GET", "oauth/revoke", token=asking, app_secret=app_secret, query=query)
    outcomes.require_success(answer)


def _read(data: dict[str, Any]) -> Life:
    scopes, error = data.get("scopes"), data.get("error")
    subcode = error.get("subcode") if isinstance(error, dict) else None
    return Life(
        valid=data.get("is_valid") is True,
        app_id=str(data.get("app_id", "")),
        kind=str(data.get("type", "")),
        scopes=frozenset(one for one in scopes if isinstance(one, str)) if isinstance(scopes, list) else frozenset(),
        issued_at=_moment(data.get("issued_at")),
        expires_at=_moment(data.get("expires_at")),
        access_ends_at=_moment(data.get("data_access_expires_at")),
        subcode=subcode if type(subcode) is int else None,
    )


def _moment(seconds: object) -> datetime | None:
    """Read Unix seconds; 0 is never."""
    if isinstance(seconds, bool) or not isinstance(seconds, int) or not 0 < seconds <= _LATEST_S:
        return None
    return datetime.fromtimestamp(seconds, UTC)
