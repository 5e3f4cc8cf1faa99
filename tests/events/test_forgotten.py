"""The net under every hand-off: work that nobody looks at is found, a page of endpoints at a time."""

from uuid import UUID

from quixess.database.core import Database
from quixess.events import forgotten
from quixess.events.forgotten import START, Forgotten, Look
from quixess.vault import Keyring
from tests.events import tenants
from tests.events.test_delivery_queue import record
from tests.world import listening

DUE = "SELECT endpoint_id FROM endpoint_due WHERE next_at <= now() ORDER BY brand_id"


async def found_with_work(db: Database, keyring: Keyring, count: int) -> list[UUID]:
    """Brands with an event that waits for their endpoint; returns the endpoints in the order of a way around."""
    async with listening() as receiver:
        for number in range(count):
            await record(db, keyring, await tenants.found_brand(db, keyring, receiver, f"Brand {number}"))
    async with db.transaction() as tx:
        return [row["id"] for row in await tx.rows("SELECT id FROM endpoint ORDER BY brand_id, id")]


async def forget(db: Database, *ids: UUID) -> None:
    async with db.transaction() as tx:
        await tx.execute("DELETE FROM endpoint_due WHERE endpoint_id = ANY ($1::uuid[])", list(ids))


async def looked_at(db: Database) -> set[UUID]:
    async with db.statement() as tx:
        return {row["endpoint_id"] for row in await tx.rows(DUE)}


async def test_a_way_around_finds_all_that_is_forgotten_and_touches_nothing_else(
    db: Database, keyring: Keyring
) -> None:
    ours = await found_with_work(db, keyring, 5)
    await forget(db, ours[0], ours[3], ours[4])
    woken: list[bool] = []
    way = Forgotten(db, lambda: woken.append(True), most=2)

    expected = [({ours[0], *ours[1:3]}, 1), ({*ours[:4]}, 2), (set(ours), 3), (set(ours), 3)]
    for due, times in expected:
        await way.look()
        assert (await looked_at(db), len(woken)) == (due, times)


async def test_behind_the_last_endpoint_the_way_begins_again(db: Database, keyring: Keyring) -> None:
    ours = await found_with_work(db, keyring, 4)
    way = Forgotten(db, lambda: None, most=2)
    for endpoint_id in (ours[0], ours[2], ours[0], ours[3]):
        await forget(db, endpoint_id)
        for _ in range(3):  # two pages, and an empty one that ends the way
            await way.look()
        assert await looked_at(db) == set(ours)


async def test_a_look_tells_how_far_it_came(db: Database, keyring: Keyring) -> None:
    async with db.transaction() as tx:
        assert await forgotten.find(tx, START, 10) == Look(found=0, seen=0, came=START)
    ours = await found_with_work(db, keyring, 3)
    async with db.transaction() as tx:
        first = await forgotten.find(tx, START, 2)
        second = await forgotten.find(tx, first.came, 2)
        assert [(one.seen, one.came.endpoint_id) for one in (first, second)] == [(2, ours[1]), (1, ours[2])]
