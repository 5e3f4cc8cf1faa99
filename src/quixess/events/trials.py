"""Trials: a test event for one endpoint, so that a tenant sees the whole way work before a customer writes."""

import math
from datetime import UTC, datetime, timedelta
from uuid import UUID

import msgspec

from quixess import errors
from quixess.database import ids
from quixess.database.core import Tx
from quixess.errors import QuixessError
from quixess.events import directory, outbox
from quixess.events.outbox import Draft, HandOff
from quixess.vault import Keyring

TYPE = "endpoint.test"
MOST_A_MINUTE = 5
_MINUTE = timedelta(minutes=1)
_MESSAGE = "A test of Quixess: this endpoint gets its events."


async def record(tx: Tx, keyring: Keyring, brand_id: UUID, endpoint_id: UUID, hand_off: HandOff) -> UUID:
    """Record an event `endpoint.test` for this endpoint alone, whatever its filter, and return the event's id.

    It takes the way of every event: while the endpoint is failing or disabled it waits. Raises `not_found`,
    `invalid_request` for an endpoint without a URL, and `rate_limited` after five a minute and brand.
    """
    await directory.lock(tx, brand_id)
    found = await directory.find(tx, keyring, brand_id, endpoint_id)
    if found.endpoint.url is None:
        raise errors.invalid("/url", "required", "Give the endpoint a URL first.")
    now = datetime.now(UTC)
    await _check_limit(tx, brand_id, now)
    data = msgspec.json.encode({"endpoint_id": ids.show("end", endpoint_id), "message": _MESSAGE}).decode()
    (event_id,) = await outbox.record(tx, keyring, [Draft(brand_id, TYPE, now, data, only=endpoint_id)], hand_off)
    return event_id


async def _check_limit(tx: Tx, brand_id: UUID, now: datetime) -> None:
    latest = await tx.rows(
        "SELECT id FROM event WHERE brand_id = $1 AND id >= $2 AND type = $3 ORDER BY id DESC LIMIT $4",
        brand_id,
        ids.floor(now - _MINUTE),
        TYPE,
        MOST_A_MINUTE,
    )
    if len(latest) == MOST_A_MINUTE:
        wait = max(math.ceil((ids.made_at(latest[-1]["id"]) + _MINUTE - now).total_seconds()), 1)
        text = f"A brand may test its endpoints {MOST_A_MINUTE} times a minute: wait {wait} s."
        raise QuixessError("rate_limited", text, retry_after_s=wait)
