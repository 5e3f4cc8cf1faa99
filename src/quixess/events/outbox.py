"""The outbox: an event and its deliveries are written in the transaction of their cause.

Hot hand-off: while an endpoint's window has room, its delivery is inserted already leased to the dispatcher of this
process, which starts as soon as the transaction has committed. A crash in between is healed by the lease's expiry.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol
from uuid import UUID

from quixess.database import ids
from quixess.database.core import Row, Tx, columns
from quixess.events import endpoints
from quixess.events.endpoints import Endpoint, State
from quixess.events.envelope import VERSION
from quixess.vault import Keyring


@dataclass(frozen=True, slots=True)
class Draft:
    """An event to record. `data` is the JSON text of its data."""

    brand_id: UUID
    type: str
    occurred_at: datetime
    data: str
    message_id: UUID | None = None
    conversation_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Parcel:
    """A leased delivery with all that is needed to make the attempt. `lease` is the fencing token."""

    brand_id: UUID
    delivery_id: UUID
    event_id: UUID
    type: str
    data: str
    occurred_at: datetime
    endpoint: Endpoint
    attempt: int
    lease: UUID


class Dispatcher(Protocol):
    """Who makes the attempts in this process."""

    @property
    def lease_s(self) -> float:
        """How long a lease given to it lasts."""

    def reserve(self, endpoint_id: UUID) -> bool:
        """Take a place in the endpoint's window, if there is one."""

    def give_back(self, endpoint_id: UUID) -> None:
        """Return a place that was reserved and not used."""

    def dispatch(self, parcels: Sequence[Parcel]) -> None:
        """Start the attempts of deliveries whose places are reserved and whose rows are committed."""


@dataclass(slots=True)
class HandOff:
    """What one transaction hands to the dispatcher once it has committed. Without one, nothing is handed over."""

    dispatcher: Dispatcher | None
    parcels: list[Parcel] = field(default_factory=list)

    def offer(self, endpoint: Endpoint) -> bool:
        """Ask for a place in the endpoint's window. Ordered endpoints go through the queue."""
        fit = self.dispatcher is not None and endpoint.state == State.HEALTHY and not endpoint.ordered
        return fit and self.dispatcher is not None and self.dispatcher.reserve(endpoint.id)


@contextmanager
def handing_to(dispatcher: Dispatcher | None) -> Iterator[HandOff]:
    """Wrap a transaction: what it recorded is dispatched when it committed, and taken back when it did not."""
    hand_off = HandOff(dispatcher)
    try:
        yield hand_off
    except BaseException:
        for parcel in hand_off.parcels:
            if dispatcher is not None:
                dispatcher.give_back(parcel.endpoint.id)
        raise
    if dispatcher is not None and hand_off.parcels:
        dispatcher.dispatch(hand_off.parcels)


@dataclass(frozen=True, slots=True)
class _Delivery:
    id: UUID
    event_id: UUID
    endpoint: Endpoint
    lease: UUID | None


async def record(tx: Tx, keyring: Keyring, drafts: Sequence[Draft], hand_off: HandOff) -> list[UUID]:
    """Record events and a delivery for every endpoint that wants them, and return the event ids in order."""
    if not drafts:
        return []
    known = await endpoints.of_brands(tx, keyring, [draft.brand_id for draft in drafts])
    event_ids = [ids.new() for _ in drafts]
    deliveries = list(_plan(drafts, event_ids, known, hand_off))
    await _insert_events(tx, drafts, event_ids)
    if deliveries:
        lease_s = hand_off.dispatcher.lease_s if hand_off.dispatcher is not None else 0.0
        await _insert_deliveries(tx, deliveries, lease_s)
    return event_ids


def _plan(
    drafts: Sequence[Draft], event_ids: Sequence[UUID], known: dict[UUID, list[Endpoint]], hand_off: HandOff
) -> Iterator[_Delivery]:
    lease = ids.new()
    for draft, event_id in zip(drafts, event_ids, strict=True):
        for endpoint in known.get(draft.brand_id, ()):
            if not endpoint.wants(draft.type):
                continue
            delivery = _Delivery(ids.new(), event_id, endpoint, lease if hand_off.offer(endpoint) else None)
            if delivery.lease is not None:
                hand_off.parcels.append(_parcel(draft, delivery, lease))
            yield delivery


def _parcel(draft: Draft, delivery: _Delivery, lease: UUID) -> Parcel:
    return Parcel(
        brand_id=draft.brand_id,
        delivery_id=delivery.id,
        event_id=delivery.event_id,
        type=draft.type,
        data=draft.data,
        occurred_at=draft.occurred_at,
        endpoint=delivery.endpoint,
        attempt=1,
        lease=lease,
    )


async def _insert_events(tx: Tx, drafts: Sequence[Draft], event_ids: Sequence[UUID]) -> None:
    await tx.execute(
        """INSERT INTO event (brand_id, id, type, version, message_id, conversation_id, data, occurred_at)
           SELECT e.brand_id, e.id, e.type, $8, e.message_id, e.conversation_id, e.data, e.occurred_at
           FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::uuid[], $5::uuid[], $6::json[], $7::timestamptz[])
                AS e(brand_id, id, type, message_id, conversation_id, data, occurred_at)""",
        [draft.brand_id for draft in drafts],
        list(event_ids),
        *columns(drafts, "type", "message_id", "conversation_id", "data", "occurred_at"),
        VERSION,
    )


async def _insert_deliveries(tx: Tx, deliveries: Sequence[_Delivery], lease_s: float) -> None:
    await tx.execute(
        """INSERT INTO delivery (brand_id, id, endpoint_id, event_id, next_at, attempt, lease)
           SELECT d.brand_id, d.id, d.endpoint_id, d.event_id,
                  CASE WHEN d.lease IS NULL THEN now() ELSE now() + $6 * interval '1 second' END,
                  CASE WHEN d.lease IS NULL THEN 0 ELSE 1 END, d.lease
           FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::uuid[], $5::uuid[])
                AS d(brand_id, id, endpoint_id, event_id, lease)""",
        *columns(deliveries, "endpoint.brand_id", "id", "endpoint.id", "event_id", "lease"),
        lease_s,
    )
    due: dict[UUID, tuple[UUID, float]] = {}
    for delivery in deliveries:
        if delivery.endpoint.state == State.HEALTHY:
            wait = 0.0 if delivery.lease is None else lease_s
            known = due.get(delivery.endpoint.id, (delivery.endpoint.brand_id, wait))
            due[delivery.endpoint.id] = (delivery.endpoint.brand_id, min(wait, known[1]))
    await mark_due(tx, due)


async def mark_due(tx: Tx, due: dict[UUID, tuple[UUID, float]]) -> None:
    """Note that endpoints have work in so many seconds: endpoint id → (brand id, seconds).

    Call it last in a transaction: it holds the endpoint's row until the commit, so that a claim going on at the same
    moment either sees the new deliveries or leaves the row to us.
    """
    ordered = sorted(due)
    await tx.execute(
        """INSERT INTO endpoint_due AS e (endpoint_id, brand_id, next_at)
           SELECT d.endpoint_id, d.brand_id, now() + d.wait_s * interval '1 second'
           FROM unnest($1::uuid[], $2::uuid[], $3::float8[]) AS d(endpoint_id, brand_id, wait_s)
           ON CONFLICT (endpoint_id) DO UPDATE SET next_at = excluded.next_at WHERE e.next_at > excluded.next_at""",
        ordered,
        [due[endpoint_id][0] for endpoint_id in ordered],
        [due[endpoint_id][1] for endpoint_id in ordered],
    )


async def replay(tx: Tx, keyring: Keyring, brand_id: UUID, event_id: UUID) -> list[UUID] | None:
    """Deliver an event again, under its old id, to every endpoint that wants it; None when there is no such event.

    Returns the ids of the new deliveries. An endpoint that is still waiting for this event gets no second one.
    """
    row = await tx.row("SELECT type FROM event WHERE brand_id = $1 AND id = $2", brand_id, event_id)
    if row is None:
        return None
    waiting = await tx.rows(
        "SELECT endpoint_id FROM delivery WHERE brand_id = $1 AND event_id = $2", brand_id, event_id
    )
    busy = {one["endpoint_id"] for one in waiting}
    known = (await endpoints.of_brands(tx, keyring, [brand_id])).get(brand_id, [])
    wanting = [endpoint for endpoint in known if endpoint.wants(row["type"]) and endpoint.id not in busy]
    deliveries = [_Delivery(ids.new(), event_id, endpoint, None) for endpoint in wanting]
    if deliveries:
        await _insert_deliveries(tx, deliveries, 0.0)
    return [delivery.id for delivery in deliveries]


async def list_events(tx: Tx, brand_id: UUID, *, limit: int = 25) -> list[Row]:
    """List a brand's latest events with the state of their deliveries, newest first.

    `state` is `pending` while a delivery waits, else that of the latest outcome, else `no_endpoint`.
    """
    return await tx.rows(
        """SELECT e.id, e.type, e.occurred_at, e.message_id,
                  CASE WHEN d.next_at IS NOT NULL THEN 'pending' ELSE coalesce(o.state, 'no_endpoint') END AS state,
                  coalesce(d.attempt, o.attempts, 0) AS attempts, d.next_at
           FROM event e
           LEFT JOIN LATERAL (SELECT attempt, next_at FROM delivery d
                              WHERE d.brand_id = e.brand_id AND d.event_id = e.id ORDER BY next_at LIMIT 1) d ON true
           LEFT JOIN LATERAL (SELECT state, attempts FROM outcome o
                              WHERE o.brand_id = e.brand_id AND o.event_id = e.id AND o.delivery_id > e.id
                              ORDER BY o.delivery_id DESC LIMIT 1) o ON true
           WHERE e.brand_id = $1 ORDER BY e.id DESC LIMIT $2""",
        brand_id,
        limit,
    )
