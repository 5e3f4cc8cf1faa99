"""The endpoints of /webhook-events as a tenant calls them."""

from typing import Any
from uuid import UUID

from quixess import access
from quixess.database import ids
from quixess.events import directory
from tests.events import past, tenants
from tests.world import Answer, Receiver, World, eventually

EVENTS = "/api/v1/whatsapp/external/webhook-events"


async def listed(world: World, query: str = "", key: str | None = None) -> list[dict[str, Any]]:
    """The first page of the list."""
    answer = await world.call("GET", f"{EVENTS}?{query}" if query else EVENTS, key=key)
    assert answer.status == 200, answer.json
    assert set(answer.json) == {"data", "next_cursor", "has_more"}
    return list(answer.json["data"])


async def shown(world: World, event_id: str, query: str = "") -> dict[str, Any]:
    answer = await world.call("GET", f"{EVENTS}/{event_id}?{query}" if query else f"{EVENTS}/{event_id}")
    assert answer.status == 200, answer.json
    return dict(answer.json)


async def leaf(world: World, query: str = "", limit: int = 100) -> list[list[str]]:
    """Every page of a list: the ids of its events."""
    pages: list[list[str]] = []
    path = f"{EVENTS}?limit={limit}" + (f"&{query}" if query else "")
    cursor = ""
    while True:
        answer = (await world.call("GET", path + cursor)).json
        pages.append([one["id"] for one in answer["data"]])
        if not answer["has_more"]:
            assert answer["next_cursor"] is None
            return pages
        cursor = f"&cursor={answer['next_cursor']}"


def error(answer: Answer) -> tuple[int, dict[str, Any]]:
    """What an answer says, but for the id that it has of its own."""
    return answer.status, answer.json | {"request_id": None}


def names(event_ids: list[UUID]) -> list[str]:
    return [ids.show("evt", one) for one in event_ids]


async def exhaust(world: World, count: int = 1) -> list[str]:
    """Let so many users write while the tenant's server answers nothing but 500; gives the events' ids.

    Two attempts each, and less than ten failures in a row, which would make the endpoint wait for probes instead.
    """
    assert count < 5
    await world.rows("UPDATE endpoint SET schedule_s = '{0.05}'")
    world.receiver.answers += [500] * (2 * count)
    await tenants.receive(world, count)

    async def given_up() -> list[dict[str, Any]]:
        found = await listed(world, "status=exhausted&limit=100")
        return found if len(found) == count else []

    found = await eventually(given_up)
    world.receiver.got.clear()
    world.receiver.answers.clear()
    return [one["id"] for one in found]


async def found_rival(world: World) -> tuple[UUID, str, UUID, UUID]:
    """Another brand with an endpoint and an exhausted event: brand, key, endpoint, event."""
    async with world.rooms.db.transaction() as tx:
        rival = await access.create_brand(tx, "Rival")
        endpoint, _ = await directory.set_url(
            tx, world.rooms.keyring, rival.id, Receiver(url="http://127.0.0.1:1/").url
        )
    (event,) = await past.fail(world.rooms.db, rival.id, endpoint.id)
    return rival.id, await world.mint(brand_id=rival.id), endpoint.id, event


async def endpoint_of(world: World) -> UUID:
    (row,) = await world.rows("SELECT id FROM endpoint WHERE brand_id = $1 ORDER BY id LIMIT 1", world.brand_id)
    found: UUID = row["id"]
    return found
