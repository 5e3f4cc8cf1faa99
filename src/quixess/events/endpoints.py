"""Endpoints: where a brand wants its events, and the secret that signs them."""

import secrets
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from quixess.database import ids
from quixess.database.core import Row, Tx
from quixess.events.envelope import SECRET_PREFIX
from quixess.vault import Keyring, Place

DEFAULT_TYPES = frozenset(
    {
        "message.received",
        "message.delivered",
        "message.read",
        "message.failed",
        "template.status_changed",
        "call.received",
    }
)


class State(StrEnum):
    """Whether an endpoint gets its events, is being probed, or is switched off with its events kept."""

    HEALTHY = "healthy"
    FAILING = "failing"
    DISABLED = "disabled"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A tenant's receiver. `secrets` are the `whsec_…` texts that sign now, the current one first."""

    id: UUID
    brand_id: UUID
    url: str | None
    state: str
    event_types: frozenset[str] | None
    ordered: bool
    created_at: datetime
    secrets: tuple[str, ...] = field(repr=False)

    def wants(self, event_type: str) -> bool:
        """Tell whether events of this type go here; without a filter these are the six of version 1."""
        return event_type in (DEFAULT_TYPES if self.event_types is None else self.event_types)


async def set_url(tx: Tx, keyring: Keyring, brand_id: UUID, url: str) -> tuple[Endpoint, bool]:
    """Send the brand's events to this URL, and tell whether the endpoint had no URL before.

    A brand's first endpoint keeps its secret and what waits for it: from the next attempt on the new URL counts. The
    caller checks the URL.
    """
    endpoint, new = await reserve(tx, keyring, brand_id)
    row = await tx.row(
        "UPDATE endpoint SET url = $3 WHERE brand_id = $1 AND id = $2 RETURNING *, now() AS now",
        brand_id,
        endpoint.id,
        url,
    )
    assert row is not None  # noqa: S101 - it was found or made in this transaction
    return read(keyring, row), new or endpoint.url is None


async def reserve(tx: Tx, keyring: Keyring, brand_id: UUID) -> tuple[Endpoint, bool]:
    """Give the brand's first endpoint, made without a URL where there is none, and tell whether it is new.

    So the secret (`whsec_` and 32 random bytes in base64, as in Standard Webhooks) can be put into the receiver before
    the first event arrives. Without a URL nothing is kept for it.
    """
    await tx.row("SELECT id FROM brand WHERE id = $1 FOR UPDATE", brand_id)
    row = await tx.row(
        """SELECT *, now() AS now FROM endpoint WHERE brand_id = $1 AND deleted_at IS NULL ORDER BY id LIMIT 1""",
        brand_id,
    )
    if row is not None:
        return read(keyring, row), False
    endpoint_id = ids.new()
    secret = SECRET_PREFIX + b64encode(secrets.token_bytes(32)).decode()
    made = await tx.row(
        "INSERT INTO endpoint (brand_id, id, secret) VALUES ($1, $2, $3) RETURNING *, now() AS now",
        brand_id,
        endpoint_id,
        keyring.seal(secret.encode(), _place("secret", brand_id, endpoint_id)),
    )
    assert made is not None  # noqa: S101 - INSERT … RETURNING returns its row
    return read(keyring, made), True


async def of_brands(tx: Tx, keyring: Keyring, brand_ids: Sequence[UUID]) -> dict[UUID, list[Endpoint]]:
    """Find the endpoints of these brands that have a URL, oldest first."""
    rows = await tx.rows(
        """SELECT e.*, now() AS now FROM unnest($1::uuid[]) AS wanted(brand_id)
           JOIN endpoint e ON e.brand_id = wanted.brand_id
           WHERE e.deleted_at IS NULL AND e.url IS NOT NULL ORDER BY e.id""",
        list(set(brand_ids)),
    )
    found: dict[UUID, list[Endpoint]] = {}
    for row in rows:
        found.setdefault(row["brand_id"], []).append(read(keyring, row))
    return found


def read(keyring: Keyring, row: Row) -> Endpoint:
    """Read an endpoint's row, which must hold the columns of `endpoint` and the database's `now`."""
    columns = ["secret"]
    if row["previous_secret"] is not None and row["previous_secret_until"] > row["now"]:
        columns.append("previous_secret")
    opened = tuple(keyring.open(row[name], _place(name, row["brand_id"], row["id"])).decode() for name in columns)
    types = row["event_types"]
    return Endpoint(
        id=row["id"],
        brand_id=row["brand_id"],
        url=row["url"],
        state=row["state"],
        event_types=None if types is None else frozenset(types),
        ordered=row["ordered"],
        created_at=row["created_at"],
        secrets=opened,
    )


def _place(column: str, brand_id: UUID, endpoint_id: UUID) -> Place:
    return Place("endpoint", column, str(endpoint_id), brand_id)
