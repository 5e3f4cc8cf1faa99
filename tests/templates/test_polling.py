"""Caches that are due are compared with Meta's list by the worker, and what is found is told to the tenant."""

from typing import Any

from tests.messages import hooks
from tests.world import World, eventually


async def make_due(world: World) -> None:
    await world.rows("UPDATE connection SET templates_due_at = now()")


async def decide(world: World, status: str, name: str = "signup_otp") -> None:
    """Let Meta decide something of a template, and tell nobody."""
    form = {"name": name, "language": "en_US", "category": "AUTHENTICATION", "status": status}
    await world.meta.lever("templates", form)


async def told(world: World) -> list[tuple[str, str, str]]:
    """Wait for the news of templates; gives name, old and new status."""

    def news() -> list[dict[str, Any]]:
        return [event["data"] for event in world.receiver.of_type("template.status_changed")]

    await eventually(news)
    return [(data["name"], data["old_status"], data["new_status"]) for data in news()]


async def test_connecting_a_brand_tells_nothing_of_its_templates(world: World) -> None:
    await hooks.rest(world)

    assert world.receiver.events == []


async def test_a_status_that_meta_never_told_is_found_and_told(world: World) -> None:
    await decide(world, "PAUSED")
    await make_due(world)

    assert await told(world) == [("signup_otp", "APPROVED", "PAUSED")]


async def test_a_miss_that_finds_another_status_tells_it_too(world: World) -> None:
    await world.rows("UPDATE template SET status = 'PENDING' WHERE name = 'signup_otp'")

    assert (await world.send_otp()).status == 200
    assert await told(world) == [("signup_otp", "PENDING", "APPROVED")]


async def test_while_meta_is_away_the_cache_stays_due_and_is_not_emptied(world: World) -> None:
    await world.rows("UPDATE connection SET graph_url = 'http://127.0.0.1:1'")
    await make_due(world)

    async def tried() -> bool:
        return bool(await world.rows("SELECT 1 FROM connection WHERE templates_due_at > now()"))

    await eventually(tried)
    assert len(await world.rows("SELECT 1 FROM template")) == 2
    assert await world.rows("SELECT 1 FROM connection WHERE templates_due_at > now() + interval '6 minutes'") == []
