"""POST /webhook-events/…/replay: one event told again, many as a job, each once, and none of another brand."""

import asyncio
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from quixess.database import ids
from quixess.events import replays
from quixess.events.envelope import moment
from tests.api import telling
from tests.api.telling import EVENTS
from tests.events import operators, past, tenants
from tests.world import Answer, Receiver, World, eventually, listening

JOBS = f"{EVENTS}/replays"


async def replay(world: World, event_id: str, **body: Any) -> Answer:
    return await world.call("POST", f"{EVENTS}/{event_id}/replay", body=body or None)


async def start(world: World, key: str | None = None, **body: Any) -> Answer:
    return await world.call("POST", f"{EVENTS}/replay", key=key, body=body)


async def done(world: World, job_id: str, within_s: float = 30) -> dict[str, Any]:
    """Wait until a job and all that it queued has ended; gives what it says then."""

    async def over() -> dict[str, Any] | None:
        now = (await world.call("GET", f"{JOBS}/{job_id}")).json
        return now if now["status"] != "running" and not now["pending"] else None

    found: dict[str, Any] = await eventually(over, within_s=within_s)
    return found


def since(**age: float) -> str:
    return moment(past.ago(**age))


# One event ---------------------------------------------------------------------------------------------------------


async def test_an_event_is_told_again_under_its_old_id(world: World) -> None:
    await tenants.receive(world)
    await eventually(lambda: world.receiver.got)
    await tenants.still(world)
    (first,) = world.receiver.events
    answer = await replay(world, first["id"])

    assert answer.status == 202
    assert answer.json == {
        "id": first["id"],
        "status": "pending",
        "replay_id": answer.json["replay_ids"][0],
        "replay_ids": answer.json["replay_ids"],
        "queued_at": answer.json["queued_at"],
    }
    await eventually(lambda: len(world.receiver.got) == 2)
    await tenants.still(world)
    headers, _ = world.receiver.got[1]
    assert headers["X-Quixess-Replay"] == "true"
    again = world.receiver.events[1]
    assert {name: again[name] for name in ("id", "type", "occurred_at", "data")} == {
        name: first[name] for name in ("id", "type", "occurred_at", "data")
    }
    whole = await telling.shown(world, first["id"])
    assert whole["replay_count"] == 1
    assert [way["id"] for way in whole["deliveries"] if way["replay"]] == answer.json["replay_ids"]


async def test_an_event_goes_to_each_endpoint_that_wants_it_or_to_the_one_that_is_named(world: World) -> None:
    (event,) = await past.record(world.rooms.db, world.brand_id)
    name = ids.show("evt", event)
    async with listening() as backup:
        other = await operators.add(world, backup, name="backup")
        named = await replay(world, name, endpoint_id=ids.show("end", other.id))
        await eventually(lambda: backup.got)
        await tenants.still(world)
        assert world.receiver.got == []
        both = await replay(world, name)
        await eventually(lambda: len(backup.got) == 2 and len(world.receiver.got) == 1)

    assert (named.status, len(named.json["replay_ids"])) == (202, 1)
    assert (both.status, len(both.json["replay_ids"])) == (202, 2)


async def test_an_event_on_its_way_is_not_told_twice(world: World) -> None:
    await world.rows("UPDATE endpoint SET schedule_s = '{3600}'")
    world.receiver.answers.append(500)
    await tenants.receive(world)
    await eventually(lambda: world.receiver.got)
    await tenants.still(world)
    (one,) = await telling.listed(world)

    answers = await asyncio.gather(*(replay(world, one["id"]) for _ in range(5)))
    assert {(answer.status, answer.json["code"]) for answer in answers} == {(409, "delivery_in_progress")}
    assert len(await world.rows("SELECT 1 FROM delivery")) == 1


async def test_where_nobody_wants_an_event_it_is_409(world: World) -> None:
    (event,) = await past.record(world.rooms.db, world.brand_id)
    odd = await past.record(world.rooms.db, world.brand_id, kind="message.sent")
    name = ids.show("evt", event)
    mine = ids.show("end", await telling.endpoint_of(world))
    answers = [
        await replay(world, ids.show("evt", odd[0]), endpoint_id=mine),
        await replay(world, ids.show("evt", odd[0])),
    ]
    await world.rows("UPDATE endpoint SET url = NULL")
    answers.append(await replay(world, name))

    assert {(answer.status, answer.json["code"]) for answer in answers} == {(409, "webhook_not_configured")}
    assert all(telling.error(answer) == telling.error(answers[0]) for answer in answers)


async def test_an_event_or_an_endpoint_of_another_brand_is_like_one_of_nobody(world: World) -> None:
    """Hostile 16, and case 50: no replay, no list and no job reaches over the wall between brands."""
    rival, key, endpoint, event = await telling.found_rival(world)
    (mine,) = await past.fail(world.rooms.db, world.brand_id, await telling.endpoint_of(world))
    theirs, random = ids.show("evt", event), ids.show("evt", ids.new())
    their_end, random_end = ids.show("end", endpoint), ids.show("end", ids.new())
    job = await start(world, key, since=since(hours=2))
    their_job, random_job = job.json["job_id"], ids.show("rpl", ids.new())
    mine_shown = ids.show("evt", mine)

    pairs: list[list[Answer]] = [
        [await replay(world, one) for one in (theirs, random)],
        [await replay(world, mine_shown, endpoint_id=one) for one in (their_end, random_end)],
        [await start(world, event_ids=[mine_shown, one]) for one in (theirs, random)],
        [await start(world, since=since(hours=2), endpoint_id=one) for one in (their_end, random_end)],
        [await world.call("POST", f"{EVENTS}/test", body={"endpoint_id": one}) for one in (their_end, random_end)],
        [await world.call("GET", f"{JOBS}/{one}") for one in (their_job, random_job)],
        [await world.call("POST", f"{JOBS}/{one}/cancel") for one in (their_job, random_job)],
    ]
    assert job.status == 202
    for foreign, nobodys in pairs:
        assert telling.error(foreign) == telling.error(nobodys)
    assert [pair[0].json["code"] for pair in pairs] == [
        "event_not_found", "not_found", "not_found", "not_found", "not_found", "replay_not_found", "replay_not_found",
    ]  # fmt: skip
    assert [pairs[n][0].json["errors"][0]["pointer"] for n in (1, 2, 3, 4)] == [
        "/endpoint_id", "/event_ids/1", "/endpoint_id", "/endpoint_id",
    ]  # fmt: skip
    assert await world.rows("SELECT 1 FROM replay WHERE brand_id <> $1", rival) == []


async def test_what_is_no_id_is_404(world: World) -> None:
    for odd in ("evt_1", "x", "%C3%A9", ids.show("msg", ids.new())):
        assert (await replay(world, odd)).json["code"] == "event_not_found"
        for method, path in (("GET", f"{JOBS}/{odd}"), ("POST", f"{JOBS}/{odd}/cancel")):
            answer = await world.call(method, path)
            assert (answer.status, answer.json["code"]) == (404, "replay_not_found")


async def test_a_body_names_an_endpoint_or_nothing(world: World) -> None:
    (event,) = await past.record(world.rooms.db, world.brand_id)
    path = f"{EVENTS}/{ids.show('evt', event)}/replay"
    for body, pointer in (({"url": "https://evil.example"}, "/url"), ({"endpoint_id": "7"}, "/endpoint_id"), ([], "")):
        answer = await world.call("POST", path, body=body)
        assert (answer.status, answer.json["errors"][0]["pointer"]) == (400, pointer)
    async with world.http.post(world.url + path, data=b"{}", headers={"X-API-Key": world.key}) as typeless:
        assert typeless.status == 415


# Many as a job -----------------------------------------------------------------------------------------------------


async def test_what_was_given_up_arrives_once_each_when_the_receiver_is_mended(world: World) -> None:
    """The journey: exhausted, the receiver is repaired, one request, and everything arrives once."""
    lost = await telling.exhaust(world, 4)
    assert {one["status"] for one in await telling.listed(world)} == {"exhausted"}
    answer = await start(world, status="exhausted", since=since(hours=1))

    assert answer.status == 202
    assert (answer.json["status"], answer.json["matched"]) == ("running", None)
    assert answer.json["selection"] == {
        "status": "exhausted", "since": answer.json["selection"]["since"], "until": None, "types": None,
        "endpoint_id": None,
    }  # fmt: skip
    now = await done(world, answer.json["job_id"])
    assert {name: now[name] for name in ("status", "seen", "queued", "skipped", "gone", "delivered", "failed")} == {
        "status": "done", "seen": 4, "queued": 4, "skipped": 0, "gone": 0, "delivered": 4, "failed": 0,
    }  # fmt: skip
    assert now["finished_at"] >= now["created_at"]
    assert Counter(event["id"] for event in world.receiver.events) == Counter(lost)
    assert all(headers["X-Quixess-Replay"] == "true" for headers, _ in world.receiver.got)
    assert {(one["status"], one["replay_count"]) for one in await telling.listed(world)} == {("delivered", 1)}
    again = await start(world, status="exhausted", since=since(hours=1))
    assert (await done(world, again.json["job_id"]))["queued"] == 0


async def test_events_are_named_and_narrowed(world: World) -> None:
    db, brand, here = world.rooms.db, world.brand_id, await telling.endpoint_of(world)
    (early,) = await past.fail(db, brand, here, at=past.ago(hours=5))
    (read,) = await past.fail(db, brand, here, at=past.ago(hours=4), kind="message.read")
    (stale,) = await past.fail(db, brand, here, state="expired", at=past.ago(hours=3))
    (fine,) = await past.fail(db, brand, here, state="delivered", at=past.ago(hours=2))

    async def told(**body: Any) -> set[UUID | None]:
        world.receiver.got.clear()
        answer = await start(world, **body)
        assert answer.status == 202, answer.json
        await done(world, answer.json["job_id"])
        found = {ids.parse("evt", event["id"]) for event in world.receiver.events}
        await past.end(db, brand, here, [early, read], "exhausted")
        await past.end(db, brand, here, [stale], "expired")
        return found

    assert await told(since=since(hours=9)) == {early, read, stale}
    assert await told(since=since(hours=9), status="failed") == {early, read, stale}
    assert await told(since=since(hours=9), status="exhausted") == {early, read}
    assert await told(since=since(hours=9), until=since(hours=3, minutes=30)) == {early, read}
    assert await told(since=since(hours=9), types=["message.read"]) == {read}
    assert await told(since=since(hours=9), endpoint_id=ids.show("end", here)) == {early, read, stale}
    assert await told(event_ids=telling.names([fine, early, fine])) == {fine, early}


async def test_a_job_says_how_many_events_were_named(world: World) -> None:
    events = await past.record(world.rooms.db, world.brand_id, 3)
    answer = await start(world, event_ids=telling.names([*events, events[0]]))
    assert (answer.status, answer.json["matched"]) == (202, 3)
    assert set(answer.json["selection"].values()) == {None}


SENSELESS: list[tuple[dict[str, Any], str]] = [
    ({}, "/since"),
    ({"status": "exhausted"}, "/since"),
    ({"event_ids": []}, "/event_ids"),
    ({"event_ids": ["evt_1"]}, "/event_ids/0"),
    ({"event_ids": [ids.show("evt", UUID(int=n)) for n in range(1_001)]}, "/event_ids"),
    ({"event_ids": [ids.show("evt", ids.new())], "since": "2026-05-15T08:00:00Z"}, "/event_ids"),
    ({"event_ids": [ids.show("evt", ids.new())], "status": "failed"}, "/event_ids"),
    ({"since": "2026-05-15T08:00:00"}, "/since"),
    ({"since": "2026-05-15T08:00:00Z", "until": "2026-05-15T08:00:00Z"}, "/until"),
    ({"since": "2026-05-15T08:00:00Z", "status": "pending"}, "/status"),
    ({"since": "2026-05-15T08:00:00Z", "types": ["message.red"]}, "/types/0"),
    ({"since": "2026-05-15T08:00:00Z", "types": []}, "/types"),
    ({"since": "2026-05-15T08:00:00Z", "url": "https://evil.example"}, "/url"),
]


async def test_a_wish_that_makes_no_sense_is_refused_by_name(world: World) -> None:
    for body, pointer in SENSELESS:
        answer = await start(world, **body)
        assert (answer.status, answer.json["errors"][0]["pointer"]) == (400, pointer), pointer
    assert await world.rows("SELECT 1 FROM replay") == []


async def test_all_of_time_is_a_time(world: World) -> None:
    await past.fail(world.rooms.db, world.brand_id, await telling.endpoint_of(world))
    for begin, end in (
        ("0001-01-01T00:00:00+14:00", None),
        ("1969-12-31T23:59:59Z", "9999-12-31T23:59:59-14:00"),
    ):
        body = {"since": begin} | ({"until": end} if end else {})
        answer = await start(world, **body)
        assert answer.status == 202, answer.json
        await done(world, answer.json["job_id"])
    never = await start(world, since="9999-12-31T23:59:59-14:00")
    assert (never.status, (await done(world, never.json["job_id"]))["seen"]) == (202, 0)


async def test_a_job_is_stopped_and_what_it_queued_is_still_told(world: World) -> None:
    gate = tenants.Gate()
    world.receiver.answers += [gate.hold] * 400
    events = await past.fail(world.rooms.db, world.brand_id, await telling.endpoint_of(world), 400)
    job_id = (await start(world, since=since(hours=2))).json["job_id"]
    await eventually(lambda: gate.held)
    stopped = await world.call("POST", f"{JOBS}/{job_id}/cancel")
    gate.open.set()
    now = await done(world, job_id)

    assert (stopped.status, stopped.json["status"]) == (200, "cancelled")
    assert (now["status"], now["delivered"]) == ("cancelled", now["queued"])
    assert 0 < now["queued"] < len(events)
    again = await world.call("POST", f"{JOBS}/{job_id}/cancel", body={})
    assert (again.status, again.json["finished_at"]) == (200, now["finished_at"])
    acts = await world.rows("SELECT actor, action FROM audit WHERE object = $1 ORDER BY id", job_id)
    assert [row["action"] for row in acts] == ["replay.started", "replay.cancelled"]
    assert all(row["actor"].startswith("key_") for row in acts)


async def test_ten_clicks_on_a_hundred_thousand_are_one_job_and_more_jobs_wait(world: World) -> None:
    """Hostile 68: the button of a replay, pressed again and again, is one durable job; new wishes are limited."""
    await tenants.move(world, Receiver(url="http://127.0.0.1:1/down").url)
    await world.rows(
        """WITH made AS (
             SELECT overlay(gen_random_uuid()::text PLACING $3 FROM 1 FOR 14)::uuid AS id
             FROM generate_series(1, 100000)),
           told AS (
             INSERT INTO event (brand_id, id, type, version, data, occurred_at)
             SELECT $1, id, 'message.received', '1', '{}', now() FROM made)
           INSERT INTO outcome (brand_id, delivery_id, event_id, endpoint_id, state, attempts)
           SELECT $1, overlay(id::text PLACING $4 FROM 1 FOR 14)::uuid, id, $2, 'exhausted', 8 FROM made""",
        world.brand_id,
        await telling.endpoint_of(world),
        str(ids.floor(past.ago(minutes=30)))[:14],
        str(ids.floor(past.ago(minutes=29)))[:14],
    )
    begin = since(hours=1)
    clicks = await asyncio.gather(*(start(world, status="exhausted", since=begin) for _ in range(10)))

    assert {answer.status for answer in clicks} == {202}
    assert len({answer.json["job_id"] for answer in clicks}) == 1
    assert len(await world.rows("SELECT 1 FROM replay")) == 1
    waiting = await world.rows("SELECT event_id FROM delivery")
    assert len(waiting) <= 300
    assert len(waiting) == len({row["event_id"] for row in waiting})

    others = [await start(world, since=moment(datetime.now(UTC) - timedelta(hours=n))) for n in range(2, 13)]
    assert [answer.status for answer in others] == [202] * (replays.MOST_A_MINUTE - 1) + [429, 429]
    assert others[-1].json["code"] == "rate_limited"
    assert int(others[-1].headers["Retry-After"]) >= 1
    assert (await start(world, status="exhausted", since=begin)).json["job_id"] == clicks[0].json["job_id"]
    stopped = await world.call("POST", f"{JOBS}/{clicks[0].json['job_id']}/cancel")
    assert stopped.json["status"] == "cancelled"
