"""Templates made at the simulated Meta, and fetched from there."""

from typing import Any

from tests.world import World

TEMPLATES = "/api/v1/whatsapp/external/templates"


async def make(world: World, name: str, language: str = "en_US", **more: Any) -> None:
    """Make or change a template at the simulated Meta."""
    form = {"name": name, "language": language, "category": "AUTHENTICATION"}
    await world.meta.lever("templates", form | more)


async def forget(world: World) -> None:
    """Let the last sync have been long ago."""
    async with world.rooms.db.owner() as connection:
        await connection.execute("UPDATE audit SET at = at - interval '31 seconds'")


async def refetch(world: World) -> None:
    """Bring the cache to what Meta has now."""
    await forget(world)
    assert (await world.call("POST", f"{TEMPLATES}/sync")).status == 200
