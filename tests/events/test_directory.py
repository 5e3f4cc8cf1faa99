"""Several endpoints a brand: each gets its own, is changed under way, switched off and on, removed and tried out."""

import asyncio
from pathlib import Path

import pytest

from quixess.database import ids
from quixess.errors import QuixessError
from quixess.events import directory, trials
from quixess.events.endpoints import State
from quixess.events.outbox import HandOff
from quixess.events.wishes import Wish
from tests.events import operators, tenants
from tests.events.operators import LOCAL
from tests.messages import hooks
from tests.world import World, building, eventually, listening

# Several endpoints -----------------------------------------------------------------------------------------------


async def test_each_endpoint_gets_what_it_asked_for_signed_with_its_own_secret(world: World) -> None:
    async with listening() as inbox, listening() as log:
        support = await operators.add(world, inbox, name="support", event_types=["message.received"])
        audit = await operators.add(world, log, event_types=["message.delivered", "message.read", "message.read"])
        await world.send_otp()
        await eventually(lambda: log.of_type("message.read"))
        await world.customer_says("Hi")
        await eventually(lambda: inbox.got)
        await hooks.rest(world)

        assert [event["type"] for event in inbox.events] == ["message.received"]
        assert {event["type"] for event in log.events} == {"message.delivered", "message.read"}
        assert {event["type"] for event in world.receiver.events} == {
            "message.delivered", "message.read", "message.received",
        }  # fmt: skip
        assert operators.opens(support.secrets[0], inbox) == [True]
        assert operators.opens(audit.secrets[0], log) == [True] * len(log.got)
        assert not any(operators.opens(world.endpoint_secret, inbox))


async def test_one_that_is_away_does_not_keep_the_others_waiting(dsn: str, tmp_path: Path) -> None:
    async with building(dsn, tmp_path, retry_ladder=(1000.0,)) as world, listening() as healthy:
        await operators.add(world, healthy)
        world.receiver.answers += [500] * 3
        await tenants.receive(world, 3)
        await eventually(lambda: len(healthy.got) == 3)
        await tenants.still(world)

        assert await tenants.outcomes(world) == [("delivered", 1)] * 3
        assert (await operators.first_of(world)).due_at is not None


async def test_what_is_listed_tells_how_each_is_doing(world: World) -> None:
    async with listening() as other:
        made = await operators.add(
            world, other, name="shop", event_types=["call.ended"], schedule_s=[1, 2.5], ordered=True
        )
        async with world.rooms.db.reading(world.brand_id) as tx:
            one, two = await directory.list_endpoints(tx, world.rooms.keyring, world.brand_id)

        assert (one.endpoint.url, one.endpoint.name, one.endpoint.event_types) == (world.receiver.url, "", None)
        assert (two.endpoint, two.due_at, two.overlap_until) == (made, None, None)
        assert (made.name, made.schedule, made.ordered, made.state) == ("shop", (1.0, 2.5), True, State.HEALTHY)
        assert made.wants("call.ended")
        assert not made.wants("message.received")


async def test_every_change_is_in_the_audit_and_no_value_of_it(world: World) -> None:
    await operators.act(
        world, directory.change, Wish(url="http://127.0.0.1:9/token=hunter2", headers={"X-Key": "hunter2"}), LOCAL
    )
    await operators.act(world, directory.rotate_secret)
    await operators.act(world, directory.end_overlap)
    await operators.act(world, directory.disable, reason="Moving house.")
    await operators.act(world, directory.disable, reason="Still moving.")
    await operators.act(world, directory.enable)
    entry = await operators.first_of(world)
    await operators.remove(world, entry.endpoint.id)

    rows = await world.rows(
        "SELECT * FROM audit WHERE brand_id = $1 AND action LIKE 'endpoint.%' ORDER BY id", world.brand_id
    )
    assert [row["action"].removeprefix("endpoint.") for row in rows] == [
        "added", "changed", "changed", "secret_rotated", "overlap_ended", "disabled", "enabled", "removed",
    ]  # fmt: skip
    assert {row["object"] for row in rows} == {ids.show("end", entry.endpoint.id)}
    assert "hunter2" not in str(rows)
    assert "Moving house." in rows[5]["detail"]


# Changed under way -----------------------------------------------------------------------------------------------


async def test_a_url_changed_between_two_attempts_gets_the_second(world: World) -> None:
    world.receiver.answers += [500] * 1000
    async with listening() as elsewhere:
        await tenants.receive(world)
        await eventually(lambda: world.receiver.got)
        await operators.act(world, directory.change, Wish(url=elsewhere.url, event_types=["message.read"]), LOCAL)
        await hooks.rest(world)

        assert [event["id"] for event in elsewhere.events] == [world.receiver.events[0]["id"]]
        assert operators.opens(world.endpoint_secret, elsewhere) == [True]
        await tenants.receive(world)
        await hooks.rest(world)
        assert len(elsewhere.got) == 1


async def test_what_a_change_does_not_name_stays(world: World) -> None:
    full = Wish(name="shop", event_types=["call.ended"], schedule_s=[1], ordered=True, headers={"X-Shop": "7"})
    before = await operators.act(world, directory.change, full, LOCAL)
    assert await operators.act(world, directory.change, Wish(), LOCAL) == before
    after = await operators.act(world, directory.change, Wish(name=" Shop "), LOCAL)
    assert (after.name, after.url, after.headers) == ("Shop", world.receiver.url, {"X-Shop": "7"})
    assert (after.event_types, after.schedule, after.ordered) == ({"call.ended"}, (1.0,), True)

    bare = Wish(name="", event_types=None, schedule_s=None, ordered=False, headers=None)
    plain = await operators.act(world, directory.change, bare, LOCAL)
    assert (plain.name, plain.event_types, plain.schedule, plain.ordered, plain.headers) == ("", None, None, False, {})


async def test_an_endpoint_follows_its_own_schedule(world: World) -> None:
    async with listening() as slow, listening() as brief:
        slow.answers.append(500)
        brief.answers += [500] * 3
        for receiver, schedule in ((slow, [2000.0]), (brief, [0.02, 0.02])):
            await operators.add(world, receiver, schedule_s=schedule)
        await tenants.receive(world)
        await eventually(lambda: len(brief.got) == 3 and slow.got)
        await tenants.still(world)

        (waiting,) = await world.rows(
            "SELECT extract(epoch FROM d.next_at - a.started_at)::float8 AS wait_s FROM delivery d "
            "JOIN attempt a ON a.delivery_id = d.id"
        )
        assert 1600 <= waiting["wait_s"] < 2400 + 60
        assert sorted(await tenants.outcomes(world)) == [("delivered", 1), ("exhausted", 3)]


async def test_headers_of_the_tenant_go_along_and_never_replace_ours(world: World) -> None:
    await operators.act(world, directory.change, Wish(headers={"Authorization": "Bearer 7", "X-Shop": "a b"}), LOCAL)
    await tenants.receive(world)
    await hooks.rest(world)

    headers, _ = world.receiver.got[0]
    assert (headers["Authorization"], headers["X-Shop"]) == ("Bearer 7", "a b")
    assert operators.marked_by(world.endpoint_secret, world.receiver) == [True]


# Off, on, gone ---------------------------------------------------------------------------------------------------


async def test_what_waits_for_a_disabled_endpoint_is_kept_listed_and_delivered_when_it_is_enabled(
    dsn: str, tmp_path: Path
) -> None:
    async with building(dsn, tmp_path, retry_ladder=(1000.0,)) as world:
        world.receiver.answers += [500, 500]
        await tenants.receive(world, 2)
        await eventually(lambda: len(world.receiver.got) == 2)
        await tenants.still(world)
        off = await operators.act(world, directory.disable, reason="Moving house.")
        assert (off.state, off.state_reason) == (State.DISABLED, "Moving house.")
        await tenants.receive(world, 3)
        await eventually(lambda: listed(world, 5))
        await tenants.still(world)

        assert {state for state, _ in await tenants.listed(world)} == {"pending"}
        assert len(world.receiver.got) == 2
        assert (await operators.act(world, directory.disable, reason="Again.")).state_reason == "Moving house."

        on = await operators.act(world, directory.enable)
        assert (on.state, on.state_reason) == (State.HEALTHY, None)
        await hooks.rest(world)
        assert sorted(await tenants.outcomes(world)) == [("delivered", 1)] * 3 + [("delivered", 2)] * 2
        assert (await operators.act(world, directory.enable)) == (await operators.first_of(world)).endpoint


async def test_a_failing_endpoint_that_is_enabled_is_tried_at_once(dsn: str, tmp_path: Path) -> None:
    async with building(dsn, tmp_path, retry_ladder=(1000.0,)) as world:
        world.receiver.answers.append(500)
        await tenants.receive(world)
        await eventually(lambda: tenants.attempts(world))
        await tenants.still(world)
        await world.rows(
            "UPDATE endpoint SET state = 'failing', held_until = now() + interval '1 day', state_since = now()"
        )
        await operators.act(world, directory.enable)
        await hooks.rest(world)

        assert await tenants.outcomes(world) == [("delivered", 2)]


async def test_an_endpoint_removed_in_flight_ends_its_deliveries_visibly_and_nothing_crashes(
    dsn: str, tmp_path: Path
) -> None:
    async with building(dsn, tmp_path, retry_ladder=(1000.0,)) as world:
        gate = tenants.Gate(status=500)
        world.receiver.answers += [500, gate.hold]
        await tenants.receive(world)
        await eventually(lambda: tenants.attempts(world))
        await tenants.receive(world)
        await eventually(lambda: gate.held)
        gone = (await operators.first_of(world)).endpoint.id
        assert await operators.remove(world, gone) == 2
        assert await tenants.outcomes(world) == [("discarded", 1)] * 2
        gate.open.set()
        await tenants.still(world)

        assert await tenants.outcomes(world) == [("discarded", 1)] * 2
        assert len(await tenants.attempts(world)) == 2
        assert [state for state, _ in await tenants.listed(world)] == ["discarded"] * 2
        with pytest.raises(QuixessError, match="not_found"):
            await operators.remove(world, gone)

        await tenants.receive(world)
        await eventually(lambda: listed(world, 3))
        assert (await tenants.listed(world))[0] == ("no_endpoint", 0)
        assert await world.rows("SELECT * FROM delivery") == []


@pytest.mark.parametrize("state", State)
async def test_what_was_committed_while_its_endpoint_was_removed_is_discarded_by_the_worker(
    world: World, state: State
) -> None:
    await tenants.receive(world, 3)
    await hooks.rest(world)
    gone = (await operators.first_of(world)).endpoint.id
    await world.rows("UPDATE endpoint SET state = $1, held_until = now() + interval '1 day'", str(state))
    await operators.remove(world, gone)
    events = await world.rows("SELECT id FROM event ORDER BY id")
    for event in events:
        await world.rows(
            "INSERT INTO delivery (brand_id, id, endpoint_id, event_id, next_at) VALUES ($1, $2, $3, $4, now())",
            world.brand_id, ids.new(), gone, event["id"],
        )  # fmt: skip
    await tenants.find_forgotten(world)
    await hooks.rest(world)

    assert (await tenants.outcomes(world))[3:] == [("discarded", 0)] * 3
    assert len(world.receiver.got) == 3


# Trials ----------------------------------------------------------------------------------------------------------


async def test_a_test_event_goes_to_its_endpoint_alone_whatever_its_filter(world: World) -> None:
    async with listening() as other:
        made = await operators.add(world, other, event_types=["call.ended"])
        event_id = await operators.try_out(world, made.id)
        await hooks.rest(world)

        (event,) = other.events
        assert (event["id"], event["type"], event["brand_id"]) == (
            event_id, "endpoint.test", ids.show("brd", world.brand_id),
        )  # fmt: skip
        assert event["data"]["endpoint_id"] == ids.show("end", made.id)
        assert operators.opens(made.secrets[0], other) == [True]
    assert world.receiver.got == []


async def test_a_test_event_waits_as_any_other_for_an_endpoint_that_is_off(world: World) -> None:
    await operators.act(world, directory.disable)
    event_id = await operators.try_out(world, (await operators.first_of(world)).endpoint.id)
    await tenants.still(world)
    assert world.receiver.got == []

    await operators.act(world, directory.enable)
    await hooks.rest(world)
    assert [event["id"] for event in world.receiver.events] == [event_id]


async def test_five_tests_a_minute_and_brand_are_enough(world: World) -> None:
    endpoint_id = (await operators.first_of(world)).endpoint.id
    told = await asyncio.gather(*(operators.try_out(world, endpoint_id) for _ in range(8)), return_exceptions=True)
    failed = [one for one in told if isinstance(one, BaseException)]
    assert len(told) - len(failed) == trials.MOST_A_MINUTE
    for error in failed:
        assert isinstance(error, QuixessError)
        assert (error.code, error.status) == ("rate_limited", 429)
        assert error.retry_after_s is not None
        assert 1 <= error.retry_after_s <= 60
    async with listening() as receiver:
        rival = await hooks.found_rival(world, receiver)
        async with world.rooms.db.transaction() as tx:
            (entry,) = await directory.list_endpoints(tx, world.rooms.keyring, rival.brand_id)
            await trials.record(tx, world.rooms.keyring, rival.brand_id, entry.endpoint.id, HandOff(None))
        await hooks.rest(world)
        assert len(receiver.of_type("endpoint.test")) == 1
    assert len(world.receiver.of_type("endpoint.test")) == trials.MOST_A_MINUTE


async def listed(world: World, count: int) -> bool:
    return len(await tenants.listed(world)) == count
