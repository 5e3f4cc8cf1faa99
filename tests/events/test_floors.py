"""Floors: a claim begins where the last one found the first row, and what lies below is found all the same, later."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import asyncpg
import pytest

from quixess.database import ids
from quixess.database.core import Database
from quixess.events import floors, queue
from quixess.events.floors import Floors
from quixess.events.queue import Share
from quixess.vault import Keyring
from tests.database.test_claim import Costs
from tests.events import tenants
from tests.events.test_delivery_queue import claim_when_due, dispatching, record, rows
from tests.world import eventually, listening

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
DEAD = 20_000


class Clock:
    """Seconds that pass when a test says so."""

    now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


def test_a_floor_holds_for_some_seconds_after_a_look_at_all_however_often_it_is_used():
    clock, endpoint, other = Clock(), ids.new(), ids.new()
    known = Floors(clock)
    assert known.of(endpoint) is None

    known.learn(endpoint, None, NOON)
    for second in range(5):
        assert known.of(endpoint) == NOON + timedelta(seconds=second)
        assert known.of(other) is None
        clock.now_s += floors.HOLDS_S / 5
        known.learn(endpoint, NOON, NOON + timedelta(seconds=second + 1))
    assert known.of(endpoint) is None

    known.learn(endpoint, None, NOON)
    assert known.of(endpoint) == NOON


def test_who_found_nothing_to_go_by_looks_at_all_again():
    known, endpoint = Floors(Clock()), ids.new()
    known.learn(endpoint, None, NOON)
    known.learn(endpoint, NOON, None)
    assert known.of(endpoint) is None


async def test_what_a_slow_transaction_put_below_the_floor_is_delivered_when_that_holds_no_more(
    db: Database, keyring: Keyring, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(floors, "HOLDS_S", 1.5)
    async with listening() as receiver, dispatching(db, keyring, lease_s=30) as deliveries:
        brand_id = await tenants.found_brand(db, keyring, receiver)
        await record(db, keyring, brand_id)
        await claim_when_due(deliveries)
        await eventually(lambda: receiver.events)

        late = await record(db, keyring, brand_id)
        await change(db, "UPDATE delivery SET next_at = now() - interval '1 minute'")
        assert await deliveries.claim() == 0
        (looked_at,) = await rows(db, "SELECT next_at <= now() + interval '1.5 s' AS soon FROM endpoint_due")
        assert looked_at["soon"]

        await claim_when_due(deliveries)
        await eventually(lambda: ids.show("evt", late) in [event["id"] for event in receiver.events])


async def test_beside_an_open_transaction_a_claim_walks_over_no_row_that_died_below_the_floor(
    dsn: str, db: Database
) -> None:
    brand_id, endpoint_id = ids.new(), ids.new()
    async with db.transaction() as tx:
        await tx.execute("INSERT INTO brand (id, name) VALUES ($1, 'Bordercart')", brand_id)
        await tx.execute(
            "INSERT INTO endpoint (brand_id, id, url, secret) VALUES ($1, $2, 'x', '')", brand_id, endpoint_id
        )
        await tx.execute(
            "INSERT INTO endpoint_due (endpoint_id, brand_id, next_at) VALUES ($2, $1, now())", brand_id, endpoint_id
        )
    stranger = await asyncpg.connect(dsn)
    await stranger.execute("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1")
    try:
        await put(db, brand_id, endpoint_id, DEAD, ago_s=60)
        await change(db, "DELETE FROM delivery")
        await put(db, brand_id, endpoint_id, 4, ago_s=0)

        at_all, floor = await claim(db, Share(brand_id, endpoint_id, 2))
        above, _ = await claim(db, Share(brand_id, endpoint_id, 2, floor=floor))
        ordered, _ = await claim(db, Share(brand_id, endpoint_id, 2, ordered=True, floor=floor))
    finally:
        await stranger.close()
    assert (at_all.found, above.found) == (2, 2)
    assert at_all.buffers > 500
    assert max(above.buffers, ordered.buffers) < 100


class Claimed(Costs):
    """What a claim cost, and how many rows it found."""

    found = 0


async def claim(db: Database, share: Share) -> tuple[Claimed, datetime]:
    """Claim as `Deliveries.claim` does; returns the next floor as well."""
    async with db.transaction() as tx:
        costs = Claimed(tx)
        costs.found = len(await queue.claim_rows(costs, [share], ids.new(), 30.0))
        floors_of = await queue.move_on(costs, [share], {share.endpoint_id})
        return costs, floors_of[share.endpoint_id]


async def put(db: Database, brand_id: UUID, endpoint_id: UUID, count: int, *, ago_s: float) -> None:
    async with db.transaction() as tx:
        await tx.execute(
            """INSERT INTO delivery (brand_id, id, endpoint_id, event_id, next_at)
               SELECT $1, gen_random_uuid(), $2, gen_random_uuid(), now() - $4 * interval '1 second'
               FROM generate_series(1, $3::integer)""",
            brand_id,
            endpoint_id,
            count,
            ago_s,
        )


async def change(db: Database, sql: str) -> None:
    async with db.transaction() as tx:
        await tx.execute(sql)
