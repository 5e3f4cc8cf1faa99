"""An endpoint's secret is rotated: the old one signs beside the new one for as long as was said, and no longer."""

from datetime import timedelta

from quixess.events import directory
from tests.events import operators, tenants
from tests.messages import hooks
from tests.world import World, eventually


async def test_during_the_overlap_of_a_rotation_both_secrets_open_an_event_and_then_only_the_new_one(
    world: World,
) -> None:
    old = world.endpoint_secret
    new = (await operators.act(world, directory.rotate_secret)).secrets[0]
    assert new != old
    assert (await operators.first_of(world)).overlap_until is not None
    await tenants.receive(world)
    await hooks.rest(world)
    assert (operators.opens(old, world.receiver), operators.opens(new, world.receiver)) == ([True], [True])
    assert (operators.marked_by(old, world.receiver), operators.marked_by(new, world.receiver)) == ([False], [True])

    await world.rows("UPDATE endpoint SET previous_secret_until = now()")
    await tenants.receive(world)
    await hooks.rest(world)
    assert (operators.opens(old, world.receiver), operators.opens(new, world.receiver)) == ([True, False], [True, True])
    assert (await operators.first_of(world)).overlap_until is None


async def test_a_secret_rotated_between_two_attempts_signs_the_second(world: World) -> None:
    world.receiver.answers += [500] * 1000
    await tenants.receive(world)
    await eventually(lambda: world.receiver.got)
    new = (await operators.act(world, directory.rotate_secret)).secrets[0]
    world.receiver.answers.clear()
    await hooks.rest(world)

    assert operators.opens(new, world.receiver)[0] is False
    assert operators.opens(new, world.receiver)[-1] is True
    assert all(operators.opens(world.endpoint_secret, world.receiver))


async def test_a_second_rotation_ends_the_overlap_of_the_first(world: World) -> None:
    first = (await operators.act(world, directory.rotate_secret)).secrets[0]
    second = (await operators.act(world, directory.rotate_secret, overlap=timedelta(days=7))).secrets
    assert second[1] == first
    await tenants.receive(world)
    await hooks.rest(world)

    keys = (world.endpoint_secret, first, second[0])
    assert [operators.opens(key, world.receiver) for key in keys] == [[False], [True], [True]]


async def test_an_overlap_can_be_none_or_be_ended(world: World) -> None:
    (second,) = (await operators.act(world, directory.rotate_secret, overlap=timedelta())).secrets
    (third, _) = (await operators.act(world, directory.rotate_secret)).secrets
    assert (await operators.act(world, directory.end_overlap)).secrets == (third,)
    await tenants.receive(world)
    await hooks.rest(world)

    assert [operators.opens(key, world.receiver) for key in (second, third)] == [[False], [True]]
