"""A flood of one number's webhooks is nobody else's affair: bodies are worked off in turns of lanes."""

import asyncio
import itertools
import json
from collections.abc import Sequence
from pathlib import Path
from uuid import UUID

import asyncpg
import pytest
from msgspec.structs import replace

from quixess.database import ids
from quixess.database.batching import Batcher
from quixess.database.core import Database
from quixess.messages import lanes, todos
from quixess.messages.lanes import Lanes
from quixess.messages.todos import Todo
from tests.crash import processes
from tests.database.test_claim import Costs
from tests.messages import hooks
from tests.messages.hooks import Rival, change, text
from tests.world import World, eventually, listening

FLOOD = 600
FILL = """
  WITH made AS (SELECT gen_random_uuid() AS id, n FROM generate_series(1, $1::int) n),
       kept AS (INSERT INTO intake (id, app_id, body) SELECT id, '1', '' FROM made)
  INSERT INTO intake_todo (id, app_id, lane, next_at, error)
  SELECT id, '1', n % 10, CASE WHEN n % 10 < 5 THEN 'infinity' ELSE now() - $1::int * interval '1 s' END,
         CASE WHEN n % 10 < 5 THEN 'not JSON' END
  FROM made"""


def waiting(app_id: str, body: bytes) -> Todo:
    """A body in the table that nobody holds."""
    return Todo(ids.new(), app_id, body, None, lanes.find(app_id, body))


async def flood(world: World, count: int = FLOOD) -> list[Todo]:
    """Bodies about the world's number, a text each."""
    bodies = [hooks.body(world, [change(world, messages=[text(f"{number}")])]) for number in range(count)]
    return [waiting(world.meta.world["app_id"], body) for body in bodies]


async def keep(world: World, bodies: Sequence[Todo]) -> None:
    async with world.rooms.db.statement() as tx:
        await todos.insert(tx, bodies, lease_s=30)


async def told(world: World) -> list[UUID]:
    """The brands of the events, in the order in which they were recorded."""
    return [row["brand_id"] for row in await world.rows("SELECT brand_id FROM event ORDER BY id")]


def said_by(world: World, rival: Rival, *words: str) -> list[Todo]:
    bodies = [hooks.body(world, [change(world, number=rival.number, messages=[text(word)])]) for word in words]
    return [waiting(rival.app_id, body) for body in bodies]


async def test_a_flood_that_waits_in_the_table_does_not_delay_another_number(world: World) -> None:
    async with listening() as receiver:
        rival = await hooks.found_rival(world, receiver)
        await keep(world, [*await flood(world), *said_by(world, rival, "and one of mine")])
        await hooks.rest(world)

        order = await told(world)
        assert len(order) == FLOOD + 1
        assert order.index(rival.brand_id) < 100  # the first batch


async def test_a_flood_at_the_door_is_told_completely_and_the_rest_goes_through_the_table(world: World) -> None:
    bodies = [hooks.body(world, [change(world, messages=[text(f"{number}")])]) for number in range(FLOOD * 2)]
    receiving, app_id = world.rooms.receiving, world.meta.world["app_id"]
    await asyncio.gather(*(receiving.keep(app_id, body) for body in bodies))
    await hooks.rest(world)

    assert len(await told(world)) == FLOOD * 2
    (row,) = await world.rows("SELECT count(*) AS left FROM intake_todo")
    assert row["left"] == 0


async def test_a_visitor_who_hangs_up_is_worked_off_all_the_same(world: World) -> None:
    (body,) = [one.body for one in await flood(world, 1)]
    visit = asyncio.create_task(world.rooms.receiving.keep(world.meta.world["app_id"], body))
    await asyncio.sleep(0)
    visit.cancel()
    await asyncio.gather(visit, return_exceptions=True)
    await eventually(lambda: world.receiver.events)

    assert len(world.receiver.events) == 1


async def test_numbers_that_share_a_lane_share_its_turns_and_lose_nothing(world: World) -> None:
    async with listening() as receiver:
        rival = await hooks.found_rival(world, receiver)
        bodies = await flood(world, 50)
        bodies += [replace(one, lane=bodies[0].lane) for one in said_by(world, rival, "a", "b")]
        await keep(world, bodies)
        await hooks.rest(world)

        order = await told(world)
        assert (order.count(world.brand_id), order.count(rival.brand_id)) == (50, 2)


async def test_what_a_dead_process_held_is_worked_off_when_its_leases_end(world: World) -> None:
    bodies = await flood(world, 20)
    async with world.rooms.db.statement() as tx:
        await todos.insert(tx, [replace(one, lease=ids.new()) for one in bodies], lease_s=1)
    await keep(world, await flood(world, 5))
    await hooks.rest(world)

    assert len(await told(world)) == 25


@pytest.mark.crash
async def test_a_flood_that_is_killed_half_way_leaves_nothing_stuck(dsn: str, tmp_path: Path) -> None:
    async with processes.site_over(dsn, tmp_path) as site:
        facts = site.meta.world
        number = {name: facts[name] for name in ("display_phone_number", "phone_number_id")}
        value = {"messaging_product": "whatsapp", "metadata": number}
        changes = [[{"field": "messages", "value": value | {"messages": [text(f"{one}")]}}] for one in range(FLOOD)]
        listed = [[{"id": facts["waba_id"], "changes": change}] for change in changes]
        bodies = [json.dumps({"object": "whatsapp_business_account", "entry": entry}).encode() for entry in listed]
        async with site.on.db.statement() as tx:
            await todos.insert(tx, [waiting(facts["app_id"], body) for body in bodies], lease_s=30)
        await site.first.start(fail_at="receiving.before_commit:3")
        await site.restart("receiving.before_commit")

        async def all_told() -> bool:
            return len({event["id"] for event in site.receiver.events}) == FLOOD

        await eventually(all_told)
        assert await site.value("SELECT count(*) FROM intake_todo") == 0
        assert await site.value("SELECT count(*) FROM event") == FLOOD


async def test_a_claim_takes_the_same_share_of_each_lane_oldest_first(db: Database) -> None:
    flooding = [Todo(ids.new(), "1", b"", None, 3) for _ in range(200)]
    others = [Todo(ids.new(), "1", b"", None, lane) for lane in (1, 7) for _ in range(10)]
    async with db.transaction() as tx:
        await todos.insert(tx, [*flooding, *others], lease_s=30)
        first = await todos.claim(tx, ids.new(), lease_s=30, limit=60)
        rest = await todos.claim(tx, ids.new(), lease_s=30, limit=60)
        after = await todos.claim(tx, ids.new(), lease_s=30, limit=60, after=3)
        without = await todos.claim(tx, ids.new(), lease_s=30, limit=60, but=[3])

    assert {one.id for one in others} < {one.id for one in first}
    assert [one.id for one in first if one.lane == 3] == [one.id for one in flooding[:20]]
    assert [one.id for one in rest] == [one.id for one in flooding[20:80]]
    assert after == without == []


async def test_a_claim_costs_the_same_with_a_hundred_bodies_and_with_fifty_thousand(dsn: str, db: Database) -> None:
    buffers = []
    for many in (500, 50_000):
        connection = await asyncpg.connect(dsn)
        await connection.execute(FILL, many)
        await connection.execute("ANALYZE intake, intake_todo")
        await connection.close()
        async with db.transaction() as tx:
            costs = Costs(tx)
            claimed = await todos.claim(costs, ids.new(), lease_s=30, limit=100)
        assert len(claimed) == 100
        assert {todo.lane for todo in claimed} == {5, 6, 7, 8, 9}
        assert not [node for node in costs.nodes if node.startswith(("Seq Scan intake_todo", "Sort", "Hash"))]
        buffers.append(costs.buffers)

    assert buffers[1] < 2 * buffers[0]


async def test_rows_of_different_owners_take_turns_and_keep_their_own_order() -> None:
    batches: list[list[str]] = []
    free = asyncio.Event()

    async def write(rows: Sequence[str]) -> list[None]:
        batches.append(list(rows))
        await free.wait()
        return [None] * len(rows)

    batcher: Batcher[str, None] = Batcher(write, lanes=1, cap=6, owner=lambda row: row[0])
    calls = [asyncio.create_task(batcher.submit("first"))]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    rows = [f"a{number}" for number in range(8)] + ["b0", "b1", "c0"]
    calls += [asyncio.create_task(batcher.submit(row)) for row in rows]
    await asyncio.sleep(0)
    free.set()
    await asyncio.gather(*calls)

    assert batches == [["first"], ["a0", "b0", "c0", "a1", "b1", "a2"], ["a3", "a4", "a5", "a6", "a7"]]


async def test_a_batch_ends_when_its_rows_weigh_enough() -> None:
    batches: list[list[int]] = []

    async def write(rows: Sequence[int]) -> list[None]:
        batches.append(list(rows))
        return [None] * len(rows)

    batcher: Batcher[int, None] = Batcher(write, lanes=1, cap=10, weigh=lambda row: row)
    await asyncio.gather(*(batcher.submit(row) for row in (1, 4, 5, 1, 40, 2)))

    assert batches == [[1, 4, 5], [1, 40], [2]]


def test_a_lane_that_floods_always_leaves_room_for_the_next() -> None:
    places = Lanes(1000)
    taken = [sum(places.offer(lane, 1) for _ in range(1000)) for lane in range(20)]

    assert max(taken) == 200
    assert min(taken) > 0
    assert not places.crowded


def test_what_is_left_in_the_table_goes_before_what_comes_after_it() -> None:
    places = Lanes(16)
    assert [places.offer(3, 1) for _ in range(5)] == [True, True, True, False, False]
    for _ in range(3):
        places.give_back(3, 1)
    assert not places.offer(3, 1)  # there is room, but the two that were left come first
    assert places.waits(3)

    places.begin_round()
    places.end_round({3})
    assert not places.offer(3, 1)
    places.begin_round()
    places.leave(3)  # in the middle of a round: this one may have been overlooked
    places.end_round(())
    assert not places.offer(3, 1)
    places.begin_round()
    places.end_round(())
    assert places.offer(3, 1)


def test_a_lane_is_the_number_or_else_the_app() -> None:
    ours = b'{"entry":[{"changes":[{"value":{"metadata":{"display_phone_number":"1","phone_number_id" : "42"}}}]}]}'
    assert lanes.find("app", ours) == lanes.find("other app", ours.replace(b" : ", b":"))
    assert lanes.find("app", ours) != lanes.find("app", ours.replace(b"42", b"43"))
    assert lanes.find("app", b"{}") == lanes.find("app", b"not JSON") != lanes.find("other app", b"{}")
    quoted = rb'{"text":{"body":"\"phone_number_id\":\"43\""},"metadata":{"phone_number_id":"42"}}'
    assert lanes.find("app", quoted) == lanes.find("app", ours)
    assert {lanes.find("app", b'"phone_number_id":"%d"' % one) for one in range(50_000)} == set(range(4096))


def test_a_body_with_a_thousand_statuses_takes_as_many_places_as_a_hundred_texts() -> None:
    assert lanes.weigh(b"x" * 700) == 1
    assert lanes.weigh(b"x" * 400_000) in range(90, 110)
    assert list(itertools.accumulate(map(lanes.weigh, [b"", b"x" * 4096]))) == [1, 3]
