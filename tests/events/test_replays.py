"""Replays: one event, a selection, all that failed since a time; and what cannot be asked."""

from collections import Counter
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from quixess.database import ids
from quixess.database.core import Database
from quixess.errors import QuixessError
from quixess.events import replays
from quixess.events.replaying import Replays
from quixess.events.replays import State, Verdict, Wanted
from quixess.vault import Keyring
from tests.events import operators, past, tenants
from tests.events.shops import Shop, found_shop
from tests.messages import hooks
from tests.world import World, eventually, listening


@pytest.fixture
async def shop(db: Database, keyring: Keyring) -> Shop:
    return await found_shop(db, keyring, "Bordercart")


async def endpoint_of(world: World) -> UUID:
    return (await operators.first_of(world)).endpoint.id


# One event -------------------------------------------------------------------------------------------------------


async def test_a_replay_says_so_in_a_header_and_the_first_delivery_does_not(world: World) -> None:
    await tenants.receive(world)
    await hooks.rest(world)
    (event,) = await world.rows("SELECT id FROM event")
    await tenants.replay(world, event["id"])
    await hooks.rest(world)

    (first, _), (again, _) = world.receiver.got
    assert "X-Quixess-Replay" not in first
    assert again["X-Quixess-Replay"] == "true"


async def test_one_event_is_queued_waits_is_gone_is_nobodys_or_is_unknown(shop: Shop) -> None:
    (known,) = await past.record(shop.db, shop.brand_id)
    (unheard,) = await past.record(shop.db, shop.brand_id, kind="message.sent")
    (lost,) = await past.lose(shop.db, shop.brand_id, shop.endpoint_id)

    async def verdict(event_id: UUID, endpoint_id: UUID | None = None) -> tuple[Verdict, int]:
        async with shop.db.transaction() as tx:
            said, made = await replays.replay_event(tx, shop.keyring, shop.brand_id, event_id, endpoint_id)
        return said, len(made)

    assert await verdict(known, ids.new()) == (Verdict.NOBODY, 0)
    assert await verdict(known, shop.endpoint_id) == (Verdict.QUEUED, 1)
    assert await verdict(known) == (Verdict.WAITING, 0)
    assert await verdict(unheard) == (Verdict.NOBODY, 0)
    assert await verdict(lost) == (Verdict.GONE, 0)
    assert await verdict(ids.new()) == (Verdict.UNKNOWN, 0)
    rival = await found_shop(shop.db, shop.keyring, "Rival")
    (foreign,) = await past.fail(shop.db, rival.brand_id, rival.endpoint_id)
    assert await verdict(foreign) == (Verdict.UNKNOWN, 0)


# Many events: which ----------------------------------------------------------------------------------------------


async def test_a_selection_is_delivered_once_more_and_nothing_else_is(world: World) -> None:
    await tenants.receive(world, 6)
    await hooks.rest(world)
    known = [row["id"] for row in await world.rows("SELECT id FROM event ORDER BY id")]
    chosen = [known[4], known[1], known[2], known[1]]
    job = await past.start(world.rooms.db, world.brand_id, Wanted(event_ids=chosen))
    assert job.selected == 3

    async def done() -> bool:
        now = await past.look(world.rooms.db, world.brand_id, job.id)
        return now is not None and (now.replay.state, now.delivered) == (State.DONE, 3)

    await eventually(done)
    told = Counter(event["id"] for event in world.receiver.events)
    assert told == {ids.show("evt", one): 2 if one in chosen else 1 for one in known}


async def test_all_that_failed_since_a_time_is_delivered_and_nothing_else_is(shop: Shop) -> None:
    async def failed(**more: Any) -> list[UUID]:
        return await past.fail(shop.db, shop.brand_id, shop.endpoint_id, 3, **more)

    await failed(at=past.ago(hours=5))
    await past.end(shop.db, shop.brand_id, shop.endpoint_id, await past.record(shop.db, shop.brand_id), "delivered")
    since_delivered = await failed()
    await past.end(shop.db, shop.brand_id, shop.endpoint_id, since_delivered, "delivered")
    never_told = await past.record(shop.db, shop.brand_id)
    wanted = [await failed(state=state) for state in ("exhausted", "expired", "disabled", "discarded")]
    again = await past.record(shop.db, shop.brand_id)
    for state in ("exhausted", "delivered", "exhausted", "exhausted"):
        await past.end(shop.db, shop.brand_id, shop.endpoint_id, again, state)
    job = await past.start(shop.db, shop.brand_id, Wanted(failed_since=past.ago(hours=2)))
    await Replays(shop.db, shop.keyring).run_once()

    assert await shop.queued() == sorted([*(one for events in wanted for one in events), *again])
    assert not {*since_delivered, *never_told} & set(await shop.queued())
    now = await shop.look(job.id)
    assert now.replay.state is State.DONE
    assert (now.replay.seen, now.replay.queued, now.replay.skipped, now.replay.gone) == (13, 13, 0, 0)
    assert (now.pending, now.delivered, now.failed) == (13, 0, 0)
    assert await shop.deliver() == 13
    assert (await shop.look(job.id)).delivered == 13


async def test_what_failed_can_be_narrowed_by_time_type_and_endpoint(shop: Shop) -> None:
    early = await past.fail(shop.db, shop.brand_id, shop.endpoint_id, at=past.ago(hours=9))
    late = await past.fail(shop.db, shop.brand_id, shop.endpoint_id, at=past.ago(hours=1))
    read = await past.fail(shop.db, shop.brand_id, shop.endpoint_id, at=past.ago(hours=1), kind="message.read")

    async def queued_by(**wish: Any) -> list[UUID]:
        await past.start(shop.db, shop.brand_id, Wanted(failed_since=past.ago(days=1), **wish))
        await Replays(shop.db, shop.keyring).run_once()
        found = await shop.queued()
        await shop.rows("DELETE FROM delivery")
        return found

    assert await queued_by() == sorted([*early, *late, *read])
    assert await queued_by(until=past.ago(hours=2)) == early
    assert await queued_by(types=["message.read"]) == read
    assert await queued_by(endpoint_id=shop.endpoint_id) == sorted([*early, *late, *read])


async def test_only_the_endpoint_that_missed_an_event_gets_it_again_whatever_its_filter_is_now(world: World) -> None:
    first = await endpoint_of(world)
    async with listening() as elsewhere:
        second = (await operators.add(world, elsewhere)).id
        for missed, other in ((first, second), (second, first)):
            events = await past.fail(world.rooms.db, world.brand_id, missed)
            await past.end(world.rooms.db, world.brand_id, other, events, "delivered")
        await world.rows("UPDATE endpoint SET event_types = '{message.read}' WHERE id = $1", second)
        job = await past.start(world.rooms.db, world.brand_id, Wanted(failed_since=past.ago(hours=2)))

        async def over() -> bool:
            now = await past.look(world.rooms.db, world.brand_id, job.id)
            return now is not None and now.delivered == 2

        await eventually(over)
        assert len(world.receiver.events) == len(elsewhere.events) == 1
        assert world.receiver.events[0]["id"] != elsewhere.events[0]["id"]


async def test_an_event_whose_body_is_gone_is_counted_as_gone(shop: Shop) -> None:
    lost = await past.lose(shop.db, shop.brand_id, shop.endpoint_id, 3)
    kept = await past.fail(shop.db, shop.brand_id, shop.endpoint_id, 2)
    for wish in (Wanted(failed_since=past.ago(hours=2)), Wanted(event_ids=[*kept, *lost])):
        job = await past.start(shop.db, shop.brand_id, wish)
        await Replays(shop.db, shop.keyring).run_once()
        now = await shop.look(job.id)
        assert (now.replay.state, now.replay.gone, now.pending) == (State.DONE, 3, 2)
        assert await shop.deliver("exhausted") == 2


async def test_an_event_that_waits_already_or_that_nobody_wants_is_skipped(shop: Shop) -> None:
    events = await past.fail(shop.db, shop.brand_id, shop.endpoint_id, 2)
    unheard = await past.record(shop.db, shop.brand_id, kind="message.sent")
    first = await past.start(shop.db, shop.brand_id, Wanted(event_ids=events[:1]))
    await Replays(shop.db, shop.keyring).run_once()
    second = await past.start(shop.db, shop.brand_id, Wanted(event_ids=[*events, *unheard]))
    await Replays(shop.db, shop.keyring).run_once()

    assert await shop.queued() == events
    assert (await shop.look(first.id)).replay.queued == 1
    now = (await shop.look(second.id)).replay
    assert (now.seen, now.queued, now.skipped) == (3, 1, 2)


# Cancelling, and wishes that cannot be ---------------------------------------------------------------------------


async def test_a_cancelled_job_queues_nothing_more_and_what_it_queued_is_delivered(shop: Shop) -> None:
    events = await past.fail(shop.db, shop.brand_id, shop.endpoint_id, 300)
    job = await past.start(shop.db, shop.brand_id, Wanted(event_ids=events))
    await Replays(shop.db, shop.keyring).run_once()
    rival = await found_shop(shop.db, shop.keyring, "Rival")
    assert await past.cancel(shop.db, rival.brand_id, job.id) is None
    assert await past.look(shop.db, rival.brand_id, job.id) is None

    cancelled = await past.cancel(shop.db, shop.brand_id, job.id)
    assert cancelled is not None
    assert cancelled.state is State.CANCELLED
    assert await past.cancel(shop.db, shop.brand_id, job.id) == cancelled
    assert await shop.deliver() == 100
    await Replays(shop.db, shop.keyring).run_once()
    assert await shop.queued() == []
    assert (await shop.look(job.id)).delivered == 100
    acts = await shop.rows("SELECT action FROM audit WHERE object = $1 ORDER BY id", ids.show("rpl", job.id))
    assert [row["action"] for row in acts] == ["replay.started", "replay.cancelled"]
    assert (await past.start(shop.db, shop.brand_id, Wanted(event_ids=events))).id != job.id


async def test_events_and_endpoints_of_others_are_not_found(shop: Shop) -> None:
    (mine,) = await past.fail(shop.db, shop.brand_id, shop.endpoint_id)
    rival = await found_shop(shop.db, shop.keyring, "Rival")
    (theirs,) = await past.fail(shop.db, rival.brand_id, rival.endpoint_id)
    for wish, pointer in (
        (Wanted(event_ids=[mine, theirs]), "/event_ids/1"),
        (Wanted(event_ids=[ids.new(), mine]), "/event_ids/0"),
        (Wanted(event_ids=[mine], endpoint_id=rival.endpoint_id), "/endpoint_id"),
        (Wanted(failed_since=past.ago(hours=2), endpoint_id=ids.new()), "/endpoint_id"),
    ):
        with pytest.raises(QuixessError) as caught:
            await past.start(shop.db, shop.brand_id, wish)
        assert (caught.value.code, caught.value.errors[0].pointer) == ("not_found", pointer)
    await past.start(shop.db, shop.brand_id, Wanted(failed_since=past.ago(hours=2)))
    await Replays(shop.db, shop.keyring).run_once()
    assert await shop.queued() == [mine]


@pytest.mark.parametrize(
    "wish",
    [
        Wanted(),
        Wanted(event_ids=[]),
        Wanted(event_ids=[UUID(int=n) for n in range(replays.MOST_EVENTS + 1)]),
        Wanted(event_ids=[UUID(int=1)], failed_since=datetime(2026, 8, 1, tzinfo=UTC)),
        Wanted(event_ids=[UUID(int=1)], types=["message.read"]),
        Wanted(event_ids=[UUID(int=1)], until=datetime(2026, 8, 1, tzinfo=UTC)),
        Wanted(failed_since=datetime(2026, 8, 1, tzinfo=UTC), until=datetime(2026, 8, 1, tzinfo=UTC)),
        Wanted(failed_since=datetime(2026, 8, 1, tzinfo=UTC), types=["message.red"]),
    ],
    ids=["nothing", "none", "too many", "both", "types of a selection", "end of a selection", "no time", "no type"],
)
async def test_a_wish_that_makes_no_sense_is_refused(db: Database, wish: Wanted) -> None:
    with pytest.raises(QuixessError) as caught:
        await past.start(db, ids.new(), wish)
    assert caught.value.code == "invalid_request"


async def test_since_the_beginning_of_time_is_a_time(shop: Shop) -> None:
    await past.fail(shop.db, shop.brand_id, shop.endpoint_id)
    await past.start(shop.db, shop.brand_id, Wanted(failed_since=datetime(1, 1, 2, tzinfo=UTC)))
    await Replays(shop.db, shop.keyring).run_once()
    assert len(await shop.queued()) == 1


async def test_jobs_are_listed_newest_first_and_each_brand_sees_its_own(shop: Shop) -> None:
    events = await past.fail(shop.db, shop.brand_id, shop.endpoint_id, 2)
    first = await past.start(shop.db, shop.brand_id, Wanted(event_ids=events))
    second = await past.start(shop.db, shop.brand_id, Wanted(failed_since=past.ago(hours=2)))
    async with shop.db.reading(shop.brand_id) as tx:
        assert await replays.list_replays(tx, shop.brand_id) == [second, first]
        assert await replays.list_replays(tx, shop.brand_id, limit=1) == [second]
    rival = await found_shop(shop.db, shop.keyring, "Rival")
    async with shop.db.reading(rival.brand_id) as tx:
        assert await replays.list_replays(tx, shop.brand_id) == []
