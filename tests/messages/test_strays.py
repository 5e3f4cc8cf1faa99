"""A signature proves a Meta app, not a brand: what is about somebody else's number goes nowhere and is counted."""

from tests.messages import hooks
from tests.messages.hooks import change, status, text
from tests.world import World, listening


async def strays(world: World) -> list[tuple[str, str, str, int]]:
    rows = await world.rows("SELECT app_id, phone_number_id, reason, items FROM stray ORDER BY reason")
    return [tuple(row) for row in rows]


async def test_an_unknown_number_goes_nowhere_and_is_counted(world: World) -> None:
    lost = change(world, number="123456", messages=[text("a"), text("b")], statuses=[status(hooks.wamid(), "read")])
    await hooks.post(world, hooks.body(world, [lost, change(world, messages=[text("mine")])]))
    await hooks.rest(world)

    assert [event["data"]["content"]["body"] for event in world.receiver.events] == ["mine"]
    assert await strays(world) == [(world.meta.world["app_id"], "123456", "unknown number", 3)]
    await hooks.post(world, hooks.body(world, [change(world, number="123456", messages=[text("c")])]))
    await hooks.rest(world)
    assert await strays(world) == [(world.meta.world["app_id"], "123456", "unknown number", 4)]
    assert await world.rows("SELECT id FROM intake_todo") == []
    assert len(await world.rows("SELECT id FROM intake")) == 2


async def test_a_number_of_another_app_goes_nowhere_and_is_counted(world: World) -> None:
    async with listening() as receiver:
        rival = await hooks.found_rival(world, receiver)
        spoofed = hooks.body(world, [change(world, messages=[text("from Rival's app, about our number")])])
        answer = await hooks.post(world, spoofed, app_id=rival.app_id, secret=rival.app_secret)
        assert answer.status == 200
        await hooks.rest(world)

        assert await strays(world) == [(rival.app_id, world.meta.world["phone_number_id"], "number of another app", 1)]
        assert world.receiver.events == receiver.events == []
        assert await world.rows("SELECT id FROM message") == []


async def test_the_webhooks_of_another_app_prove_nothing_about_our_pipe(world: World) -> None:
    async with listening() as receiver:
        rival = await hooks.found_rival(world, receiver)
        spoofed = hooks.body(world, [change(world, messages=[text("x")])])
        await hooks.post(world, spoofed, app_id=rival.app_id, secret=rival.app_secret)
        await hooks.rest(world)

        seen = "SELECT webhook_seen_at IS NOT NULL AS seen FROM connection WHERE id = $1"
        assert [row["seen"] for row in await world.rows(seen, world.connection_id)] == [False]
        await hooks.tell(world, messages=[text("y")])
        assert [row["seen"] for row in await world.rows(seen, world.connection_id)] == [True]


async def test_one_app_may_serve_two_brands_and_each_gets_its_own(world: World) -> None:
    async with listening() as receiver:
        rival = await hooks.found_rival(world, receiver, app_id=world.meta.world["app_id"])
        both = [change(world, messages=[text("to us")]), change(world, number=rival.number, messages=[text("to them")])]
        await hooks.post(world, hooks.body(world, both))
        await hooks.rest(world)

        assert [event["data"]["content"]["body"] for event in world.receiver.events] == ["to us"]
        assert [event["data"]["content"]["body"] for event in receiver.events] == ["to them"]
        assert world.receiver.events[0]["brand_id"] != receiver.events[0]["brand_id"]
    rows = await world.rows("SELECT brand_id FROM contact WHERE phone = $1", hooks.DIGITS)
    assert {row["brand_id"] for row in rows} == {world.brand_id, rival.brand_id}
    assert await strays(world) == []


async def test_the_number_of_one_brand_cannot_move_the_message_of_another(world: World) -> None:
    known = await hooks.send_silently(world)
    async with listening() as receiver:
        rival = await hooks.found_rival(world, receiver)
        claims = change(world, number=rival.number, statuses=[status(known, "read")])
        await hooks.post(world, hooks.body(world, [claims]), app_id=rival.app_id, secret=rival.app_secret)
        await hooks.rest(world)

        assert await hooks.state_of(world, known) == "accepted"
        assert world.receiver.events == receiver.events == []


async def test_two_brands_may_get_a_message_with_the_same_wamid(world: World) -> None:
    shared = text("same id")
    async with listening() as receiver:
        rival = await hooks.found_rival(world, receiver)
        await hooks.tell(world, messages=[shared])
        theirs = hooks.body(world, [change(world, number=rival.number, messages=[shared])])
        await hooks.post(world, theirs, app_id=rival.app_id, secret=rival.app_secret)
        await hooks.rest(world)

        assert (len(world.receiver.events), len(receiver.events)) == (1, 1)
        assert world.receiver.events[0]["data"]["message_id"] != receiver.events[0]["data"]["message_id"]
