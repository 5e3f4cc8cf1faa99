"""The outbox: an event and its deliveries are written in the transaction of their cause.

Hot hand-off: while an endpoint's window has room, its delivery is inserted already leased to the dispatcher of this
process, which starts as soon as the transaction has committed. A crash in between is healed by the lease's expiry.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol
from uuid import UUID

import msgspec

from quixess import feed
from quixess.database import ids
from quixess.database.core import Tx, columns
from quixess.events import endpoints
from quixess.events.endpoints import DEFAULT_TYPES, Endpoint, State
from quixess.events.envelope import VERSION
from quixess.feed import Kind
from quixess.vault import Keyring

SWITCHED_OFF_S = 3600.0


class Draft(msgspec.Struct, frozen=True):
    """An event to record. `data` is the JSON text of its data.

    `only` names the one endpoint it goes to, whatever that one's filter; `not_to` one that it does not go to.
    """

    brand_id: UUID
    type: str
    occurred_at: datetime
    data: str
    message_id: UUID | None = None
    conversation_id: UUID | None = None
    only: UUID | None = None
    not_to: UUID | None = None

    def goes_to(self, endpoint: Endpoint) -> bool:
        """Tell whether an endpoint of the brand gets this event."""
        if self.only is not None:
            return endpoint.id == self.only
        return endpoint.id != self.not_to and endpoint.wants(self.type)


class Parcel(msgspec.Struct):
    """A leased delivery with all that is needed to make the attempt. `lease` is the fencing token.

    A `probe` asks whether a failing endpoint answers again; a `replay` tells an event of the past once more. `place` is
    where its row lies (`ctid`): to look for it there depends on no plan, and on nothing that is dead beside it.
    """

    brand_id: UUID
    delivery_id: UUID
    event_id: UUID
    type: str
    data: str
    occurred_at: datetime
    endpoint: Endpoint
    attempt: int
    lease: UUID
    leased_at: float
    probe: bool = False
    replay: bool = False
    place: str = ""


class Dispatcher(Protocol):
    """Who makes the attempts in this process."""

    @property
    def lease_s(self) -> float:
        """How long a lease given to it lasts."""

    def reserve(self, endpoint: Endpoint) -> bool:
        """Take a place in the endpoint's window, if there is one."""

    def give_back(self, endpoint_id: UUID) -> None:
        """Return a place that was reserved and not used."""

    def wake(self) -> None:
        """Look for what waits in the queue."""

    def dispatch(self, parcels: Sequence[Parcel]) -> None:
        """Start the attempts of deliveries whose places are reserved and whose rows are committed."""


@dataclass(slots=True)
class HandOff:
    """What one transaction hands to the dispatcher once it has committed. Without one, nothing is handed over.

    PostgreSQL counts a lease from the transaction's first moment, so `began` (seconds of this process's own clock) is
    taken before it: a process that sleeps in the middle of a transaction must not take its leases for new ones.
    """

    dispatcher: Dispatcher | None
    parcels: list[Parcel] = field(default_factory=list)
    queued: bool = False
    began: float = field(default_factory=time.monotonic)

    def offer(self, endpoint: Endpoint) -> bool:
        """Ask for a place in the endpoint's window. Ordered endpoints go through the queue."""
        if self.dispatcher is None or not endpoint.open:
            return False
        if endpoint.ordered:
            self.queued = True
            return False
        return self.dispatcher.reserve(endpoint)


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
    if dispatcher is not None and hand_off.queued:
        dispatcher.wake()


class Delivery(msgspec.Struct, frozen=True):
    """An event on its way to one endpoint. `lease` is None when nobody holds it yet."""

    id: UUID
    event_id: UUID
    endpoint: Endpoint
    lease: UUID | None = None
    order_key: UUID | None = None
    replay_id: UUID | None = None


async def record(tx: Tx, keyring: Keyring, drafts: Sequence[Draft], hand_off: HandOff) -> list[UUID]:
    """Record events and a delivery for every endpoint that wants them, and return the event ids in order.

    Events of the six types are kept for a later replay even when nobody is there; the others only when an endpoint
    wants them.
    """
    known = await endpoints.of_brands(tx, keyring, [draft.brand_id for draft in drafts]) if drafts else {}
    heard = [one for one in drafts if one.type in DEFAULT_TYPES or any(map(one.goes_to, known.get(one.brand_id, ())))]
    if not heard:
        return []
    event_ids = [ids.new() for _ in heard]
    handed = len(hand_off.parcels)
    deliveries = list(_plan(heard, event_ids, known, hand_off))
    await _insert_events(tx, heard, event_ids)
    for draft, event_id in zip(heard, event_ids, strict=True):
        feed.tell(tx, draft.brand_id, Kind.EVENT, event_id)
    if deliveries:
        lease_s = hand_off.dispatcher.lease_s if hand_off.dispatcher is not None else 0.0
        places = await insert_deliveries(tx, deliveries, lease_s=lease_s)
        for parcel in hand_off.parcels[handed:]:
            parcel.place = places[parcel.delivery_id]
    return event_ids


def _plan(
    drafts: Sequence[Draft], event_ids: Sequence[UUID], known: dict[UUID, list[Endpoint]], hand_off: HandOff
) -> Iterator[Delivery]:
    lease = ids.new()
    for draft, event_id in zip(drafts, event_ids, strict=True):
        for endpoint in known.get(draft.brand_id, ()):
            if not draft.goes_to(endpoint):
                continue
            order_key = draft.conversation_id if endpoint.ordered else None
            delivery = Delivery(ids.new(), event_id, endpoint, lease if hand_off.offer(endpoint) else None, order_key)
            if delivery.lease is not None:
                hand_off.parcels.append(_parcel(draft, delivery, lease, hand_off.began))
            yield delivery


def _parcel(draft: Draft, delivery: Delivery, lease: UUID, leased_at: float) -> Parcel:
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
        leased_at=leased_at,
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


async def insert_deliveries(tx: Tx, deliveries: Sequence[Delivery], *, lease_s: float = 0.0) -> dict[UUID, str]:
    """Put deliveries into the queue; return those that are new, by their ids, with the places of their rows.

    One whose event still waits for the same endpoint is left out: that delivery is the answer to both.
    """
    rows = await tx.rows(
        """INSERT INTO delivery (brand_id, id, endpoint_id, event_id, next_at, attempt, lease, order_key, replay_id)
           SELECT d.brand_id, d.id, d.endpoint_id, d.event_id,
                  CASE WHEN d.lease IS NULL THEN now() ELSE now() + $8 * interval '1 second' END,
                  CASE WHEN d.lease IS NULL THEN 0 ELSE 1 END, d.lease, d.order_key, d.replay_id
           FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::uuid[], $5::uuid[], $6::uuid[], $7::uuid[])
                AS d(brand_id, id, endpoint_id, event_id, lease, order_key, replay_id)
           ON CONFLICT (brand_id, event_id, endpoint_id) DO NOTHING RETURNING id, ctid::text AS place""",
        *columns(deliveries, "endpoint.brand_id", "id", "endpoint.id", "event_id", "lease", "order_key", "replay_id"),
        lease_s,
    )
    due: dict[UUID, tuple[UUID, float]] = {}
    for delivery in deliveries:
        endpoint, wait = delivery.endpoint, wait_for(delivery.endpoint, 0.0 if delivery.lease is None else lease_s)
        due[endpoint.id] = (endpoint.brand_id, min(wait, due.get(endpoint.id, (endpoint.brand_id, wait))[1]))
    await mark_due(tx, due)
    return {row["id"]: row["place"] for row in rows}


def wait_for(endpoint: Endpoint, wait_s: float) -> float:
    """Say in how many seconds a claim should look at an endpoint whose work is due in `wait_s`.

    One that is held or switched off is looked at no earlier than it may get something.
    """
    return SWITCHED_OFF_S if endpoint.state == State.DISABLED else max(wait_s, endpoint.held_s)


async def mark_due(tx: Tx, due: Mapping[UUID, tuple[UUID, float]]) -> None:
    """Note that endpoints have work in so many seconds: endpoint id → (brand id, seconds).

    An endpoint that is looked at early enough anyway is not written, so that a thousand batches for one endpoint do not
    queue for its row. A claim that moves the row on at this very moment comes back within a second (`queue.move_on`),
    and `forgotten` finds what slipped through even that.
    """
    ordered = sorted(due)
    await tx.execute(
        """INSERT INTO endpoint_due AS e (endpoint_id, brand_id, next_at)
           SELECT d.endpoint_id, d.brand_id, now() + d.wait_s * interval '1 second'
           FROM unnest($1::uuid[], $2::uuid[], $3::float8[]) AS d(endpoint_id, brand_id, wait_s)
           WHERE NOT EXISTS (SELECT FROM endpoint_due k WHERE k.endpoint_id = d.endpoint_id
                             AND k.next_at <= now() + d.wait_s * interval '1 second')
           ON CONFLICT (endpoint_id) DO UPDATE SET next_at = excluded.next_at WHERE e.next_at > excluded.next_at""",
        ordered,
        [due[endpoint_id][0] for endpoint_id in ordered],
        [due[endpoint_id][1] for endpoint_id in ordered],
    )
