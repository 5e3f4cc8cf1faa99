"""What an operator sees of events: a list to filter and to leaf through, and the whole story of each."""

from datetime import UTC, datetime
from uuid import UUID

from quixess.database import ids
from quixess.database.core import Database
from quixess.events import listing
from quixess.events.listing import Filter, Story
from quixess.vault import Keyring
from tests.events import operators, past, tenants
from tests.messages import hooks
from tests.world import Receiver, World, listening

HERE, THERE = ids.new(), ids.new()


async def test_the_state_of_an_event_is_that_of_the_endpoint_where_it_stands_worst(db: Database) -> None:
    brand_id = ids.new()
    events = await past.record(db, brand_id, 6)
    lone, taken, missed, mended, again, waiting = events
    for endpoint_id, state, some in (
        (HERE, "delivered", [taken, missed, again]),
        (THERE, "exhausted", [missed, mended, again, waiting]),
        (THERE, "delivered", [mended, again]),
        (HERE, "exhausted", [again]),
    ):
        await past.end(db, brand_id, endpoint_id, some, state)
    await _queue(db, brand_id, HERE, waiting)

    found = {one.id: one.state for one in await past.listed(db, brand_id, Filter())}
    assert found == {
        lone: "no_endpoint",
        taken: "delivered",
        missed: "exhausted",
        mended: "delivered",
        again: "exhausted",
        waiting: "pending",
    }
    for state in listing.STATES:
        listed = [one.id for one in await past.listed(db, brand_id, Filter(states=[state]))]
        assert listed == [one for one in reversed(events) if found[one] == state], state
    failed = await past.listed(db, brand_id, Filter(states=listing.FAILURES))
    assert [one.id for one in failed] == [again, missed]
    for endpoint_id, states in ((HERE, [taken, missed, again, waiting]), (THERE, [missed, mended, again, waiting])):
        here = await past.listed(db, brand_id, Filter(endpoint_id=endpoint_id))
        assert [one.id for one in here] == sorted(states, reverse=True)
    there = await past.listed(db, brand_id, Filter(endpoint_id=THERE, states=["exhausted"]))
    assert [one.id for one in there] == [waiting, missed]


async def test_a_list_is_filtered_by_time_type_and_message(db: Database) -> None:
    brand_id, message_id = ids.new(), ids.new()
    (early,) = await past.record(db, brand_id, at=past.ago(hours=9))
    (late,) = await past.record(db, brand_id, at=past.ago(hours=1))
    (read,) = await past.record(db, brand_id, at=past.ago(minutes=30), kind="message.read")
    async with db.transaction() as tx:
        await tx.execute(
            """INSERT INTO event (brand_id, id, type, version, message_id, data, occurred_at)
               VALUES ($1, $2, 'message.failed', '1', $3, '{}', now())""",
            brand_id, told := ids.new(), message_id,
        )  # fmt: skip

    async def found(wanted: Filter) -> list[UUID]:
        return [one.id for one in await past.listed(db, brand_id, wanted)]

    assert await found(Filter()) == [told, read, late, early]
    assert await found(Filter(since=past.ago(hours=2))) == [told, read, late]
    assert await found(Filter(until=past.ago(hours=2))) == [early]
    assert await found(Filter(since=past.ago(hours=2), until=past.ago(minutes=45))) == [late]
    assert await found(Filter(type="message.read")) == [read]
    assert await found(Filter(message_id=message_id)) == [told]
    assert await found(Filter(since=datetime(1, 1, 2, tzinfo=UTC), until=datetime(9999, 1, 1, tzinfo=UTC))) != []


async def test_a_list_is_leafed_through_without_gaps_and_repeats(db: Database) -> None:
    brand_id = ids.new()
    events = await past.fail(db, brand_id, HERE, 25)
    await past.end(db, brand_id, THERE, events, "exhausted")
    for wanted in (Filter(), Filter(states=["exhausted"]), Filter(endpoint_id=THERE)):
        seen: list[UUID] = []
        while page := await past.listed(db, brand_id, wanted, limit=10, before=seen[-1] if seen else None):
            seen += [one.id for one in page]
        assert seen == events[::-1]


async def test_nobody_sees_the_events_of_another_brand(db: Database) -> None:
    mine, theirs = ids.new(), ids.new()
    (event,) = await past.fail(db, theirs, HERE)
    assert await past.listed(db, mine, Filter()) == []
    async with db.reading(mine) as tx:
        assert await listing.list_events(tx, theirs, Filter()) == []
        assert await listing.get_event(tx, theirs, event) is None


async def test_the_story_of_an_event_tells_every_delivery_and_every_attempt(world: World) -> None:
    world.receiver.answers += [503, 500]
    async with listening() as elsewhere:
        other = await operators.add(world, elsewhere, name="backup")
        await tenants.receive(world)
        await hooks.rest(world)
        (row,) = await world.rows("SELECT id FROM event")
        await tenants.replay(world, row["id"])
        await hooks.rest(world)
        story = await _story(world, row["id"])

    assert story is not None
    assert story.event is not None
    assert (story.event.state, story.event.replays) == ("delivered", 2)
    assert story.data is not None
    assert "message 0" in story.data
    first = [one for one in story.ways if not one.replay]
    assert {(one.url, one.state, one.attempts) for one in first} == {
        (world.receiver.url, "delivered", 3),
        (elsewhere.url, "delivered", 1),
    }
    assert [one.state for one in story.ways if one.replay] == ["delivered"] * 2
    here = [one for one in story.attempts if one.endpoint_id != other.id]
    assert [(one.number, one.status, one.fault) for one in here] == [
        (1, 503, "http_status"),
        (2, 500, "http_status"),
        (3, 200, None),
        (1, 200, None),
    ]
    assert all(one.url == world.receiver.url and one.duration_ms >= 0 and not one.probe for one in here)
    assert [one.started_at for one in here] == sorted(one.started_at for one in here)


async def test_a_delivery_that_waits_says_when_it_is_due(db: Database, keyring: Keyring) -> None:
    brand_id = await tenants.found_brand(db, keyring, Receiver(url="http://127.0.0.1:1/hook"))
    (event,) = await past.record(db, brand_id)
    due_at = await _queue(db, brand_id, HERE, event)
    async with db.reading(brand_id) as tx:
        story = await listing.get_event(tx, brand_id, event)
    assert story is not None
    ((way,), listed) = (story.ways, story.event)
    assert (way.state, way.next_at, way.ended_at, way.url) == ("pending", due_at, None, None)
    assert listed is not None
    assert (listed.state, listed.next_at) == ("pending", due_at)


async def test_an_event_whose_body_is_gone_still_has_a_story(db: Database) -> None:
    brand_id = ids.new()
    (event,) = await past.lose(db, brand_id, HERE)
    async with db.reading(brand_id) as tx:
        story = await listing.get_event(tx, brand_id, event)
        assert await listing.get_event(tx, brand_id, ids.new()) is None
    assert story is not None
    assert (story.event, story.data) == (None, None)
    assert [one.state for one in story.ways] == ["expired"]


async def _story(world: World, event_id: UUID) -> Story | None:
    async with world.rooms.db.reading(world.brand_id) as tx:
        return await listing.get_event(tx, world.brand_id, event_id)


async def _queue(db: Database, brand_id: UUID, endpoint_id: UUID, event_id: UUID) -> datetime:
    async with db.transaction() as tx:
        row = await tx.row(
            """INSERT INTO delivery (brand_id, id, endpoint_id, event_id, next_at)
               VALUES ($1, $2, $3, $4, now() + interval '1 h') RETURNING next_at""",
            brand_id, ids.new(), endpoint_id, event_id,
        )  # fmt: skip
    assert row is not None
    found: datetime = row["next_at"]
    return found
