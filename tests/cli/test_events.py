"""Events from the command line: looked at, and delivered again."""

from uuid import UUID

import pytest

from quixess.database import ids
from tests.cli.shell import Shell
from tests.events import operators, past, tenants
from tests.messages import hooks
from tests.world import World, eventually


@pytest.fixture
def beside(world: World) -> Shell:
    """A shell beside a running gateway, over its database and data directory."""
    return Shell(world.dsn, world.settings.data_dir)


def shown(event_id: UUID) -> str:
    return ids.show("evt", event_id)


async def missed(world: World, count: int, **more: object) -> list[UUID]:
    """Events that the world's tenant did not take."""
    endpoint_id = (await operators.first_of(world)).endpoint.id
    return await past.fail(world.rooms.db, world.brand_id, endpoint_id, count, **more)  # type: ignore[arg-type]


async def test_events_are_listed_by_state_type_and_age(world: World, beside: Shell) -> None:
    (old,) = await missed(world, 1, at=past.ago(hours=9))
    (new,) = await missed(world, 1, kind="message.read")
    (told,) = await past.record(world.rooms.db, world.brand_id)

    async def listed(*options: str) -> list[str]:
        return [row[0] for row in (await beside.good("events", "list", *options)).words]

    assert set(await listed()) == {shown(old), shown(new), shown(told)}
    assert await listed("--state", "failed") == [shown(new), shown(old)]
    assert await listed("--state", "no_endpoint") == [shown(told)]
    assert await listed("--type", "message.read") == [shown(new)]
    assert await listed("--since", "2h", "--state", "exhausted") == [shown(new)]
    assert await listed("--endpoint", ids.show("end", ids.new())) == []
    assert "no state lost" in await beside.refused("events", "list", "--state", "lost")
    assert "end_… id" in await beside.refused("events", "list", "--endpoint", "shop")
    for since in ("yesterday", "2026-08-01T12:00:00", "2", "h"):
        assert "Write an age" in await beside.refused("events", "list", "--since", since), since


async def test_an_event_is_shown_with_its_attempts_and_a_strangers_bytes_cannot_steer_the_terminal(
    world: World, beside: Shell
) -> None:
    world.receiver.answers.append(503)
    await tenants.receive(world)
    await hooks.rest(world)
    event_id = world.receiver.events[0]["id"]
    (before,) = await world.rows(
        "SELECT id, endpoint_id FROM event CROSS JOIN (SELECT id AS endpoint_id FROM endpoint)"
    )
    await world.rows(
        """INSERT INTO attempt (brand_id, id, delivery_id, event_id, endpoint_id, number, status, duration_ms, excerpt,
                                started_at) VALUES ($1, $2, $2, $3, $4, 3, 500, 7, $5, now())""",
        world.brand_id, ids.new(), before["id"], before["endpoint_id"], b"\x1b[2Jgone\x07\xc2\x9b0m\xff",
    )  # fmt: skip

    said = (await beside.good("events", "show", event_id)).out
    assert "message.received" in said
    assert "delivered" in said
    for words in (("1", "503", "http_status"), ("2", "200", "-"), ("3", "500", "-")):
        assert any(line.split()[1:4] == [*words] for line in said.splitlines()), words
    assert '"message 0"' in said
    assert "gone" in said
    assert all(one.isprintable() or one == "\n" for one in said)

    stranger = shown(ids.new())
    assert f"no event {stranger} of Bordercart" in await beside.refused("events", "show", stranger)
    assert "no event evt_1" in await beside.refused("events", "show", "evt_1")


async def test_what_failed_is_delivered_again_and_counted(world: World, beside: Shell) -> None:
    events = await missed(world, 3)
    lost = await past.lose(world.rooms.db, world.brand_id, (await operators.first_of(world)).endpoint.id)
    assert f"The payload of {shown(lost[0])} is gone" in await beside.refused("events", "replay", shown(lost[0]))
    said = await beside.good("events", "replay", "--failed-since", "2h")
    assert said.out == "done: 3 queued, 3 delivered, 0 failed, 0 skipped, 1 gone\n"
    assert sorted(event["id"] for event in world.receiver.events) == [shown(one) for one in events]

    again = await beside.good("events", "replay", "--failed-since", "2h")
    assert again.out == "done: 0 queued, 0 delivered, 0 failed, 0 skipped, 1 gone\n"
    (row, first) = (await beside.good("events", "replays")).words
    assert row[2:5] == ["done", "failed", "since"]
    assert row[6:] == ["1", "0", "0", "1"]
    assert first[6:] == ["4", "3", "0", "1"]


async def test_a_selection_is_a_job_that_goes_on_by_itself_and_can_be_cancelled(world: World, beside: Shell) -> None:
    events = [shown(one) for one in await missed(world, 3)]
    job = (await beside.good("events", "replay", *events[:2], "--no-wait")).out.strip()
    await eventually(lambda: len(world.receiver.events) == 2)

    async def over() -> bool:
        return bool(await world.rows("SELECT id FROM replay WHERE state = 'done'"))

    await eventually(over)
    assert (await beside.good("events", "cancel", job)).out == "done\n"
    assert (await beside.good("events", "replays")).words[0][2:5] == ["done", "2", "events"]
    for unknown in ("rpl_1", ids.show("rpl", ids.new())):
        assert f"no replay {unknown} of Bordercart" in await beside.refused("events", "cancel", unknown)


async def test_a_replay_that_cannot_be_is_refused(world: World, beside: Shell) -> None:
    (known,) = await missed(world, 1)
    both = ("events", "replay", shown(known), shown(ids.new()))
    assert "not the brand's, or older than all that is kept: 1." in await beside.refused(*both)
    assert "Name events, or a time" in await beside.refused("events", "replay")
    assert "Name events, or a time" in await beside.refused("events", "replay", shown(known), "--failed-since", "2h")
    assert "Use one of these event types" in await beside.refused(
        "events", "replay", "--failed-since", "2h", "--type", "message.red"
    )
    assert "no such endpoint" in await beside.refused(
        "events", "replay", "--failed-since", "2h", "--endpoint", ids.show("end", ids.new())
    )
    assert "Nobody to tell" in await beside.refused(
        "events", "replay", shown(known), "--endpoint", ids.show("end", ids.new())
    )
    assert world.receiver.events == []
