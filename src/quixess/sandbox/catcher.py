"""The catcher: an endpoint of ours that does what a tenant's server does, so that deliveries can be watched.

It gets them over HTTP like any other endpoint, verifies the signature, keeps the newest as they came, and fails on
wish.
"""

import hmac
import time
from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

import msgspec

from quixess import feed
from quixess.database import ids
from quixess.database.core import Tx
from quixess.errors import QuixessError
from quixess.events import directory
from quixess.events.endpoints import Endpoint
from quixess.events.outward import Policy
from quixess.events.wishes import Wish
from quixess.feed import Kind
from quixess.vault import Keyring

MOST_REFUSALS = 9
_NAME = "Sandbox catcher"
_KEPT = 50
_SIGNATURE, _EVENT, _SENT_AT = "x-quixess-signature-256", "x-quixess-event-id", "webhook-timestamp"
_TOLERANCE_S = 300
_TOLD = frozenset(
    {"content-type", _EVENT, "x-quixess-event-type", _SIGNATURE, "webhook-id", _SENT_AT, "webhook-signature"}
)


@dataclass(frozen=True, slots=True)
class Caught:
    """A delivery as it came, and what it was answered."""

    id: UUID
    headers: Mapping[str, str]
    body: str
    status: int


async def switch_on(tx: Tx, keyring: Keyring, brand_id: UUID, url: str, policy: Policy, *, actor: str) -> Endpoint:
    """Let the brand's events be caught at this URL, which is ours, beside wherever else they go.

    The brand's first endpoint is made without a URL if there is none: it is the tenant's own. Raises `invalid_request`
    for a URL that the policy forbids.
    """
    await directory.reserve(tx, keyring, brand_id, actor=actor)
    known = [one.endpoint for one in await directory.list_endpoints(tx, keyring, brand_id)]
    found = next((one for one in known if one.url == url), None)
    if found is None:
        found = await directory.add(tx, keyring, brand_id, Wish(url=url, name=_NAME), policy, actor=actor)
    await tx.execute("UPDATE sandbox SET endpoint_id = $2 WHERE brand_id = $1", brand_id, found.id)
    return await directory.enable(tx, keyring, brand_id, found.id, actor=actor)


async def refuse_next(tx: Tx, brand_id: UUID, count: int) -> None:
    """Answer the next deliveries with 503, `MOST_REFUSALS` at most; 0 answers them with 200 again."""
    count = max(0, min(count, MOST_REFUSALS))
    row = await tx.row("UPDATE sandbox SET refusals = $2 WHERE brand_id = $1 RETURNING endpoint_id", brand_id, count)
    if row is not None and row["endpoint_id"] is not None:
        feed.tell(tx, brand_id, Kind.ENDPOINT, row["endpoint_id"])


async def take(tx: Tx, keyring: Keyring, brand_id: UUID, headers: Mapping[str, str], body: bytes) -> int:
    """Take a delivery and return the status to answer it with: 200, or 503 on wish.

    Raises `not_found` where nothing is caught, and `invalid_signature` for what is not ours or is five minutes old.
    """
    row = await tx.row("SELECT endpoint_id, refusals FROM sandbox WHERE brand_id = $1 FOR UPDATE", brand_id)
    if row is None or row["endpoint_id"] is None:
        raise QuixessError("not_found", "Nothing is caught here: open the sandbox page of the dashboard.")
    endpoint = (await directory.find(tx, keyring, brand_id, row["endpoint_id"])).endpoint
    event_id = ids.parse("evt", headers.get(_EVENT, ""))
    if event_id is None or not _signed(endpoint, headers, body):
        raise QuixessError("invalid_signature", "This is no delivery of this installation, or it is an old one.")
    status = 200
    if row["refusals"]:
        status = 503
        await tx.execute("UPDATE sandbox SET refusals = refusals - 1 WHERE brand_id = $1", brand_id)
    told = msgspec.json.encode({name: value for name, value in headers.items() if name in _TOLD}).decode()
    await tx.execute(
        "INSERT INTO caught (brand_id, id, event_id, headers, body, status) VALUES ($1, $2, $3, $4, $5, $6)",
        *(brand_id, ids.new(), event_id, told, body.decode(), status),
    )
    await tx.execute(
        """DELETE FROM caught WHERE brand_id = $1
           AND id < (SELECT id FROM caught WHERE brand_id = $1 ORDER BY id DESC OFFSET $2 LIMIT 1)""",
        brand_id,
        _KEPT - 1,
    )
    return status


async def list_caught(tx: Tx, brand_id: UUID, event_id: UUID) -> list[Caught]:
    """List what was caught of one event, oldest first."""
    rows = await tx.rows(
        "SELECT id, headers, body, status FROM caught WHERE brand_id = $1 AND event_id = $2 ORDER BY id",
        brand_id,
        event_id,
    )
    return [Caught(row["id"], msgspec.json.decode(row["headers"]), row["body"], row["status"]) for row in rows]


def _signed(endpoint: Endpoint, headers: Mapping[str, str], body: bytes) -> bool:
    """Verify as docs/events.md tells every receiver to."""
    sent_at = headers.get(_SENT_AT, "")
    if not (sent_at.isascii() and sent_at.isdigit() and abs(time.time() - int(sent_at[:12])) <= _TOLERANCE_S):
        return False
    presented = headers.get(_SIGNATURE, "")
    wanted = ["sha256=" + hmac.digest(secret.encode(), body, "sha256").hex() for secret in endpoint.secrets]
    return any(hmac.compare_digest(presented.encode(), one.encode()) for one in wanted)
