"""Endpoints: where a brand wants its events, and the secret that signs them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from uuid import UUID

import msgspec

from quixess.database.core import Row, Tx
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
EXTRA_TYPES = frozenset(
    {
        "message.sent",
        "message.echoed",
        "call.ended",
        "contact.preference_changed",
        "template.updated",
        "account.updated",
        "endpoint.failing",
        "endpoint.recovered",
        "endpoint.disabled",
        "delivery.exhausted",
    }
)
"""The types that an endpoint gets only when its filter names them."""
KNOWN_TYPES = DEFAULT_TYPES | EXTRA_TYPES


class State(StrEnum):
    """Whether an endpoint gets its events, is being probed, or is switched off with its events kept."""

    HEALTHY = "healthy"
    FAILING = "failing"
    DISABLED = "disabled"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A tenant's receiver. `secrets` are the `whsec_…` texts that sign now, the current one first.

    `schedule` holds the waits between its attempts in seconds, None for the installation's ladder. `held_s` is how many
    seconds from now on nothing may be sent to it, `probes` how many failed since it is failing. `headers` are the
    tenant's own.
    """

    id: UUID
    brand_id: UUID
    url: str | None
    state: str
    event_types: frozenset[str] | None
    ordered: bool
    created_at: datetime
    secrets: tuple[str, ...] = field(repr=False)
    name: str = ""
    state_reason: str | None = None
    state_since: datetime | None = None
    schedule: tuple[float, ...] | None = None
    held_s: float = 0.0
    probes: int = 0
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)

    @property
    def open(self) -> bool:
        """Whether events may go there at once."""
        return self.state == State.HEALTHY and self.held_s <= 0

    def wants(self, event_type: str) -> bool:
        """Tell whether events of this type go here; without a filter these are the six of version 1."""
        return event_type in (DEFAULT_TYPES if self.event_types is None else self.event_types)


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
    types, schedule, held_until = row["event_types"], row["schedule_s"], row["held_until"]
    return Endpoint(
        id=row["id"],
        brand_id=row["brand_id"],
        url=row["url"],
        state=row["state"],
        event_types=None if types is None else frozenset(types),
        ordered=row["ordered"],
        created_at=row["created_at"],
        secrets=opened,
        name=row["name"],
        state_reason=row["state_reason"],
        state_since=row["state_since"],
        schedule=None if schedule is None else tuple(schedule),
        held_s=0.0 if held_until is None else max((held_until - row["now"]).total_seconds(), 0.0),
        probes=row["probes"],
        headers=_read_headers(keyring, row),
    )


def seal_secret(keyring: Keyring, brand_id: UUID, endpoint_id: UUID, secret: str, *, column: str = "secret") -> bytes:
    """Seal a signing secret for the column `secret` or `previous_secret`: it opens in no other."""
    return keyring.seal(secret.encode(), _place(column, brand_id, endpoint_id))


def seal_headers(keyring: Keyring, brand_id: UUID, endpoint_id: UUID, headers: Mapping[str, str]) -> bytes | None:
    """Seal a tenant's own headers for the column `headers`: they may hold a token of theirs."""
    if not headers:
        return None
    return keyring.seal(msgspec.json.encode(dict(headers)), _place("headers", brand_id, endpoint_id))


def _read_headers(keyring: Keyring, row: Row) -> dict[str, str]:
    if row["headers"] is None:
        return {}
    opened = keyring.open(row["headers"], _place("headers", row["brand_id"], row["id"]))
    return msgspec.json.decode(opened, type=dict[str, str])


def _place(column: str, brand_id: UUID, endpoint_id: UUID) -> Place:
    return Place("endpoint", column, str(endpoint_id), brand_id)
