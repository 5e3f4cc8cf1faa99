"""A replay whose process dies half-way: another goes on where it was, and no event is queued twice for one asking."""

import asyncio
from collections import Counter
from uuid import UUID

import pytest

from quixess.database import ids
from quixess.events.replays import Replay, State, Wanted
from tests.crash.processes import Site
from tests.events import past
from tests.world import eventually

pytestmark = pytest.mark.crash

EVENTS = 450


async def test_dead_inside_a_chunk_queues_none_of_it_and_the_next_process_all(site: Site) -> None:
    job, events = await _ask(site)
    await site.first.start(fail_at="replay.before_commit")
    await site.first.falls("replay.before_commit")
    assert await site.value("SELECT count(*) FROM delivery") == 0
    assert await site.value("SELECT seen FROM replay") == 0

    await site.first.start()
    await _done(site, job)
    _each_came(site, events, at_most=1)


@pytest.mark.parametrize("step", ["replay.before_commit:3", "replay.after_chunk:2"])
async def test_dead_half_way_goes_on_where_it_was(site: Site, step: str) -> None:
    job, events = await _ask(site)
    await site.first.start(fail_at=step)
    await site.first.falls(step.partition(":")[0])
    seen = await site.value("SELECT seen FROM replay")
    assert 0 < seen < EVENTS
    assert await site.value(_QUEUED) == seen

    await site.first.start()
    await _done(site, job)
    await _each_ended_once(site, job, events)
    _each_came(site, events, at_most=2)


async def test_two_processes_share_a_job_even_when_one_falls(site: Site) -> None:
    job, events = await _ask(site)
    await asyncio.gather(site.first.start(fail_at="replay.after_chunk:2"), site.second.start())
    again = await past.start(site.on.db, job.brand_id, Wanted(event_ids=events))
    assert again.id == job.id
    await _done(site, job)

    await _each_ended_once(site, job, events)
    _each_came(site, events, at_most=2)


_QUEUED = """SELECT (SELECT count(*) FROM delivery WHERE replay_id IS NOT NULL)
                  + (SELECT count(*) FROM outcome WHERE replay_id IS NOT NULL)"""


async def _ask(site: Site) -> tuple[Replay, list[UUID]]:
    """Let the tenant have missed events, and ask for them again while no process runs."""
    (row,) = await site.rows("SELECT brand_id, id FROM endpoint")
    events = await past.fail(site.on.db, row["brand_id"], row["id"], EVENTS)
    return await past.start(site.on.db, row["brand_id"], Wanted(event_ids=events)), events


async def _done(site: Site, job: Replay) -> None:
    async def over() -> bool:
        now = await past.look(site.on.db, job.brand_id, job.id)
        return now is not None and now.replay.state is State.DONE and now.pending == 0

    await eventually(over, within_s=60)


async def _each_ended_once(site: Site, job: Replay, events: list[UUID]) -> None:
    rows = await site.rows("SELECT event_id, state FROM outcome WHERE replay_id = $1 ORDER BY event_id", job.id)
    assert [(row["event_id"], row["state"]) for row in rows] == [(one, "delivered") for one in events]
    (now,) = await site.rows("SELECT seen, queued, skipped, gone FROM replay")
    assert tuple(now) == (EVENTS, EVENTS, 0, 0)


def _each_came(site: Site, events: list[UUID], *, at_most: int) -> None:
    """Every event came; one whose POST was under way at the kill may have come twice, with the same id."""
    told = Counter(event["id"] for event in site.receiver.events)
    assert set(told) == {ids.show("evt", one) for one in events}
    assert max(told.values()) <= at_most
