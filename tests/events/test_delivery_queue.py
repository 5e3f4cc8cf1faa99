"""Who holds a delivery, for how long, and that one tenant's trouble stays its own."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from ipaddress import ip_network
from pathlib import Path
from uuid import UUID

from quixess.cli import process
from quixess.cli.rooms import Roles
from quixess.database.core import Database
from quixess.events import outbox
from quixess.events.delivery import Deliveries
from quixess.events.endpoints import Endpoint
from quixess.events.outbox import Draft, Parcel
from quixess.events.outward import Policy, Sender
from quixess.vault import Keyring
from tests import processes
from tests.events import tenants
from tests.messages import hooks
from tests.world import World, building, eventually, listening

GATEWAY, WORKER = Roles(gateway=True, worker=False), Roles(gateway=False, worker=True)


class Stillborn:
    """The dispatcher of a process that dies right after its commit."""

    lease_s = 0.3

    def reserve(self, endpoint: Endpoint) -> bool:
        return True

    def give_back(self, endpoint_id: UUID) -> None:
        raise AssertionError("nothing was taken back")

    def wake(self) -> None:
        raise AssertionError("nothing was queued")

    def dispatch(self, parcels: Sequence[Parcel]) -> None:
        assert len(parcels) == 1


@asynccontextmanager
async def dispatching(db: Database, keyring: Keyring, *, lease_s: float) -> AsyncIterator[Deliveries]:
    """A dispatcher that does what it is told, with a lease as short as a test needs."""
    policy = Policy(allow_http=True, ports=None, networks=(ip_network("127.0.0.0/8"),))
    async with Sender(policy, total_timeout_s=20) as sender:
        deliveries = Deliveries(db, keyring, sender, ladder=(1000.0,), lease_s=lease_s)
        yield deliveries
        await deliveries.stop()


async def record(db: Database, keyring: Keyring, brand_id: UUID, dispatcher: outbox.Dispatcher | None = None) -> UUID:
    with outbox.handing_to(dispatcher) as hand_off:
        async with db.transaction() as tx:
            (event_id,) = await outbox.record(tx, keyring, [a_draft(brand_id)], hand_off)
    return event_id


def a_draft(brand_id: UUID) -> Draft:
    return Draft(brand_id, "message.received", datetime.now(UTC), '{"a":1}')


async def rows(db: Database, sql: str) -> list[dict[str, object]]:
    async with db.statement() as tx:
        return [dict(row) for row in await tx.rows(sql)]


async def claim_when_due(deliveries: Deliveries) -> None:
    async def claimed() -> bool:
        return await deliveries.claim() == 1

    await eventually(claimed)


async def test_the_ack_of_a_lost_lease_changes_nothing(db: Database, keyring: Keyring) -> None:
    slow, slower = tenants.Gate(), tenants.Gate()
    async with (
        listening() as receiver,
        dispatching(db, keyring, lease_s=1) as first,
        dispatching(db, keyring, lease_s=30) as second,
    ):
        receiver.answers += [slow.hold, slower.hold]
        await record(db, keyring, await tenants.found_brand(db, keyring, receiver), first)
        await eventually(lambda: slow.held)
        await claim_when_due(second)
        await eventually(lambda: slower.held)
        held = await rows(db, "SELECT lease, attempt, next_at FROM delivery")

        slow.open.set()
        await first.stop()
        assert await rows(db, "SELECT lease, attempt, next_at FROM delivery") == held
        assert await rows(db, "SELECT state FROM outcome") == []
        slower.open.set()
        await second.stop()
        assert await rows(db, "SELECT state, attempts FROM outcome") == [{"state": "delivered", "attempts": 2}]
        assert await rows(db, "SELECT number FROM attempt ORDER BY number") == [{"number": 1}, {"number": 2}]
        assert len({event["id"] for event in receiver.events}) == 1


async def test_the_failure_of_a_lost_lease_changes_nothing_either(db: Database, keyring: Keyring) -> None:
    slow, slower = tenants.Gate(status=500), tenants.Gate()
    async with (
        listening() as receiver,
        dispatching(db, keyring, lease_s=1) as first,
        dispatching(db, keyring, lease_s=30) as second,
    ):
        receiver.answers += [slow.hold, slower.hold]
        await record(db, keyring, await tenants.found_brand(db, keyring, receiver), first)
        await eventually(lambda: slow.held)
        await claim_when_due(second)
        await eventually(lambda: slower.held)
        held = await rows(db, "SELECT lease, attempt, next_at FROM delivery")

        slow.open.set()
        await first.stop()
        assert await rows(db, "SELECT lease, attempt, next_at FROM delivery") == held
        slower.open.set()
        await second.stop()
        assert await rows(db, "SELECT state FROM outcome") == [{"state": "delivered"}]
        assert await rows(db, "SELECT id FROM delivery") == []


async def test_nobody_claims_what_another_one_holds(db: Database, keyring: Keyring) -> None:
    gate = tenants.Gate()
    async with (
        listening() as receiver,
        dispatching(db, keyring, lease_s=30) as first,
        dispatching(db, keyring, lease_s=30) as second,
    ):
        receiver.answers.append(gate.hold)
        await record(db, keyring, await tenants.found_brand(db, keyring, receiver))
        assert sum(await asyncio.gather(first.claim(), second.claim())) == 1
        assert (await first.claim(), await second.claim()) == (0, 0)
        gate.open.set()
    assert len(receiver.got) == 1


async def test_what_a_dead_process_left_behind_is_picked_up_when_its_lease_ends(db: Database, keyring: Keyring) -> None:
    async with listening() as receiver, dispatching(db, keyring, lease_s=30) as alive:
        await record(db, keyring, await tenants.found_brand(db, keyring, receiver), Stillborn())
        assert await alive.claim() == 0
        await claim_when_due(alive)
        await alive.stop()

    assert len(receiver.got) == 1
    assert await rows(db, "SELECT state, attempts FROM outcome") == [{"state": "delivered", "attempts": 2}]


async def test_a_lease_that_ended_before_its_transaction_did_is_not_used(db: Database, keyring: Keyring) -> None:
    """PostgreSQL counts from the transaction's beginning: whoever sleeps within one holds nothing when it commits."""
    async with (
        listening() as receiver,
        dispatching(db, keyring, lease_s=0.2) as sleeper,
        dispatching(db, keyring, lease_s=30) as other,
    ):
        brand_id = await tenants.found_brand(db, keyring, receiver)
        with outbox.handing_to(sleeper) as hand_off:
            async with db.transaction() as tx:
                await tx.rows("SELECT pg_sleep(0.25)")
                await outbox.record(tx, keyring, [a_draft(brand_id)], hand_off)
        await sleeper.stop()
        assert receiver.got == []
        assert await other.claim() == 1
        await other.stop()

    assert len(receiver.got) == 1
    assert await rows(db, "SELECT state, attempts FROM outcome") == [{"state": "delivered", "attempts": 2}]


async def test_a_hanging_tenant_stops_nobody_else(world: World) -> None:
    gate = tenants.Gate()
    world.receiver.answers += [gate.hold] * 40
    async with listening() as receiver:
        rival = await hooks.found_rival(world, receiver)
        await tenants.receive(world, 40)
        await eventually(lambda: gate.held == 4)
        theirs = [hooks.text(f"to Rival {number}") for number in range(40)]
        raw = hooks.body(world, [hooks.change(world, number=rival.number, messages=theirs)])
        await hooks.post(world, raw, app_id=rival.app_id, secret=rival.app_secret)

        await eventually(lambda: len(receiver.got) == 40)
        assert gate.held == 4
        gate.open.set()
        await hooks.rest(world)
    for tenant in (world.receiver, receiver):
        assert len({event["id"] for event in tenant.events}) == len(tenant.events) == 40


async def test_the_window_of_a_tenant_that_answers_grows(world: World) -> None:
    await tenants.receive(world, 12)
    await hooks.rest(world)
    gate = tenants.Gate()
    world.receiver.answers += [gate.hold] * 40

    await tenants.receive(world, 40)
    await eventually(lambda: gate.held == 16)
    gate.open.set()
    await hooks.rest(world)
    assert gate.most >= 16
    assert len(world.receiver.got) == 52


async def test_the_window_of_a_tenant_that_chokes_shrinks_to_one(world: World) -> None:
    gate = tenants.Gate()
    world.receiver.answers += [429, 429, 429, 429, gate.hold, gate.hold, gate.hold, gate.hold]
    await tenants.receive(world, 4)
    await eventually(lambda: gate.held)

    async def three_are_long_due() -> bool:
        found = await world.rows("SELECT id FROM delivery WHERE lease IS NULL AND next_at < now() - interval '0.6 s'")
        return len(found) == 3

    await eventually(three_are_long_due)
    assert gate.most == 1
    gate.open.set()
    await hooks.rest(world)
    assert await tenants.outcomes(world) == [("delivered", 2)] * 4


async def test_a_worker_in_another_process_delivers_what_a_gateway_took(dsn: str, tmp_path: Path) -> None:
    async with building(dsn, tmp_path, roles=GATEWAY) as world:
        await tenants.receive(world, 3)
        (row,) = await world.rows("SELECT count(*) AS n FROM intake_todo")
        assert row["n"] == 1
        async with processes.running(dsn, tmp_path, "work"):
            await eventually(lambda: len(world.receiver.got) == 3)
            sent = await world.send_otp()
            await eventually(lambda: world.receiver.of_type("message.read"))
            await hooks.rest(world)

    assert sent.status == 200
    assert world.receiver.of_type("message.read")[0]["data"]["message_id"] == sent.json["id"]
    assert len({event["id"] for event in world.receiver.events}) == len(world.receiver.events) == 5


async def test_an_orderly_stop_finishes_what_is_in_flight_and_repeats_nothing(dsn: str, tmp_path: Path) -> None:
    gate = tenants.Gate()
    async with building(dsn, tmp_path, roles=GATEWAY) as world:
        world.receiver.answers += [gate.hold] * 20
        stop = asyncio.Event()

        async def work() -> None:
            async with process.running(replace(world.settings), dsn, WORKER):
                await stop.wait()

        worker = asyncio.create_task(work())
        await tenants.receive(world, 10)
        await eventually(lambda: gate.held == 4)
        stop.set()
        await asyncio.sleep(0)
        assert not worker.done()
        gate.open.set()
        await worker

        left = await world.rows("SELECT lease, attempt FROM delivery")
        assert len(left) + len(world.receiver.got) == 10
        assert {(row["lease"], row["attempt"]) for row in left} <= {(None, 0)}
        assert await tenants.outcomes(world) == [("delivered", 1)] * len(world.receiver.got)
        async with process.running(world.settings, dsn, WORKER):
            await hooks.rest(world)
        assert len({event["id"] for event in world.receiver.events}) == len(world.receiver.events) == 10


async def test_a_window_that_shrinks_while_the_queue_is_asked_claims_nothing_and_breaks_nothing(
    db: Database, keyring: Keyring
) -> None:
    async with listening() as receiver, dispatching(db, keyring, lease_s=30) as deliveries:
        await record(db, keyring, await tenants.found_brand(db, keyring, receiver))
        (due,) = await rows(db, "SELECT endpoint_id FROM endpoint_due")
        claim = asyncio.create_task(deliveries.claim())
        await asyncio.sleep(0)  # the claim has seen an open window and asks the database
        endpoint_id: UUID = due["endpoint_id"]  # type: ignore[assignment]  # rows() tells columns as objects
        window = deliveries._windows.of(endpoint_id)
        window.size, window.taken = 1, 4

        assert await claim == 0
        assert receiver.events == []
        window.size, window.taken = 4, 0
        assert await deliveries.claim() == 1
        await eventually(lambda: receiver.events)
