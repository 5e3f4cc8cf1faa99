"""Replay jobs: asked for twice, done in pieces, by many, beside others and beside live events; each event once."""

import asyncio
from collections import Counter

import pytest

from quixess.database.core import Database
from quixess.events.replaying import Replays
from quixess.events.replays import State, Wanted
from quixess.vault import Keyring
from tests.events import operators, past, tenants
from tests.events.shops import Shop, found_shop
from tests.world import World, eventually


@pytest.fixture
async def shop(db: Database, keyring: Keyring) -> Shop:
    return await found_shop(db, keyring, "Bordercart")


async def test_the_same_wish_is_one_job_while_it_runs_and_a_new_one_after(shop: Shop) -> None:
    events = await past.fail(shop.db, shop.brand_id, shop.endpoint_id, 5)
    wishes = [Wanted(event_ids=events), Wanted(event_ids=[*reversed(events), events[0]])] * 4
    started = await asyncio.gather(*(past.start(shop.db, shop.brand_id, wish) for wish in wishes))
    assert len({job.id for job in started}) == 1
    assert [row["action"] for row in await shop.rows("SELECT action FROM audit")].count("replay.started") == 1
    since = Wanted(failed_since=past.ago(hours=2))
    assert (await past.start(shop.db, shop.brand_id, since)).id != started[0].id

    await shop.work_off(started[0].id)
    assert (await past.start(shop.db, shop.brand_id, wishes[0])).id != started[0].id


async def test_two_jobs_for_the_same_failures_deliver_each_once(shop: Shop) -> None:
    events = await past.fail(shop.db, shop.brand_id, shop.endpoint_id, 450)
    jobs = [await past.start(shop.db, shop.brand_id, Wanted(failed_since=past.ago(hours=hours))) for hours in (2, 3)]
    for job in jobs:
        await shop.work_off(job.id, workers=2)

    rows = await shop.rows("SELECT event_id FROM outcome WHERE replay_id IS NOT NULL ORDER BY event_id")
    assert [row["event_id"] for row in rows] == events


async def test_many_workers_at_once_queue_each_event_once(shop: Shop) -> None:
    events = await past.fail(shop.db, shop.brand_id, shop.endpoint_id, 730)
    job = await past.start(shop.db, shop.brand_id, Wanted(event_ids=events))
    await shop.work_off(job.id, workers=4)

    now = await shop.look(job.id)
    assert (now.replay.seen, now.replay.queued, now.delivered, now.replay.skipped) == (730, 730, 730, 0)
    rows = await shop.rows("SELECT event_id FROM outcome WHERE replay_id = $1 ORDER BY event_id", job.id)
    assert [row["event_id"] for row in rows] == events


async def test_a_job_that_breaks_off_goes_on_where_it_was(shop: Shop) -> None:
    """What a worker has not committed never was: its next chunk is that of whoever comes next."""
    events = await past.fail(shop.db, shop.brand_id, shop.endpoint_id, 250)
    job = await past.start(shop.db, shop.brand_id, Wanted(event_ids=events))
    await Replays(shop.db, shop.keyring).run_once()
    assert await shop.queued() == events[:100]
    assert (await shop.look(job.id)).replay.state is State.RUNNING

    await shop.work_off(job.id)
    assert (await shop.look(job.id)).delivered == 250


async def test_a_job_keeps_few_deliveries_waiting_and_goes_on_when_they_are_gone(shop: Shop) -> None:
    events = await past.fail(shop.db, shop.brand_id, shop.endpoint_id, 1000)
    job = await past.start(shop.db, shop.brand_id, Wanted(failed_since=past.ago(hours=2)))
    most = 0
    for _ in range(3):
        await Replays(shop.db, shop.keyring).run_once()
        most = max(most, len(await shop.queued()))
        await shop.rows("UPDATE replay SET next_at = now()")
    assert 0 < most <= 200
    assert await shop.queued() == events[:most]

    await shop.work_off(job.id)
    assert (await shop.look(job.id)).delivered == 1000


async def test_a_live_event_does_not_wait_for_the_end_of_a_replay(world: World) -> None:
    events = await past.fail(world.rooms.db, world.brand_id, (await operators.first_of(world)).endpoint.id, 1500)
    job = await past.start(world.rooms.db, world.brand_id, Wanted(failed_since=past.ago(hours=2)))
    await eventually(lambda: len(world.receiver.got) >= 20)
    await tenants.receive(world)

    async def over() -> bool:
        now = await past.look(world.rooms.db, world.brand_id, job.id)
        return now is not None and now.delivered == len(events)

    await eventually(over, within_s=60)
    marks = ["X-Quixess-Replay" in headers for headers, _ in world.receiver.got]
    assert marks.count(False) == 1
    assert marks.index(False) < len(marks) - 1
    told = Counter(event["id"] for event in world.receiver.events)
    assert set(told.values()) == {1}
    assert len(told) == len(events) + 1


async def test_the_jobs_of_brands_take_turns_and_one_that_breaks_stops_no_other(shop: Shop) -> None:
    rival, broken = [await found_shop(shop.db, shop.keyring, name) for name in ("Rival", "Broken")]
    jobs = {}
    for one in (broken, shop, rival):
        events = await past.fail(shop.db, one.brand_id, one.endpoint_id, 500)
        jobs[one.brand_id] = await past.start(shop.db, one.brand_id, Wanted(event_ids=events))
    await shop.rows("UPDATE endpoint SET secret = 'no seal' WHERE id = $1", broken.endpoint_id)
    await Replays(shop.db, shop.keyring).run_once()

    waiting = await shop.rows("SELECT brand_id, count(*) AS n FROM delivery GROUP BY 1")
    assert {row["brand_id"]: row["n"] for row in waiting} == {shop.brand_id: 100, rival.brand_id: 100}
    assert (await broken.look(jobs[broken.brand_id].id)).replay.state is State.RUNNING
