"""What a chunk of a replay reads: so much for each of its events, however many others there are."""

import asyncpg
import pytest

from quixess.database.core import Database
from quixess.events import replaying
from quixess.events.replaying import Replays
from quixess.events.replays import Wanted
from quixess.vault import Keyring
from tests.events import past, tenants
from tests.world import Receiver

FETCHED = """SELECT sum(pg_stat_get_xact_blocks_fetched(c.oid))::int AS pages FROM pg_class c
             WHERE c.relkind IN ('r', 'i') AND c.relnamespace = 'public'::regnamespace"""
EVENTS, PAGES_AN_EVENT = 20_000, 20


@pytest.mark.parametrize("selected", [False, True], ids=["failed", "selected"])
async def test_a_chunk_costs_twenty_pages_an_event_among_forty_thousand(
    dsn: str, db: Database, keyring: Keyring, *, selected: bool
) -> None:
    brand_id = await tenants.found_brand(db, keyring, Receiver(url="http://127.0.0.1:1/hook"))
    async with db.statement() as tx:
        (endpoint,) = await tx.rows("SELECT id FROM endpoint WHERE brand_id = $1", brand_id)
    events = await past.fail(db, brand_id, endpoint["id"], EVENTS)
    delivered = await past.record(db, brand_id, EVENTS, at=past.ago(minutes=50))
    await past.end(db, brand_id, endpoint["id"], delivered, "delivered")
    connection = await asyncpg.connect(dsn)
    await connection.execute("VACUUM ANALYZE event, outcome")
    await connection.close()
    wish = Wanted(event_ids=events[5000:15000]) if selected else Wanted(failed_since=past.ago(hours=2))
    await past.start(db, brand_id, wish)

    async with db.transaction() as tx:
        (before,) = await tx.rows(FETCHED)  # of this connection's earlier work, what is not yet handed in
        job = await replaying._claim(tx)
        assert job is not None
        assert await Replays(db, keyring)._go_on(tx, job)
        (after,) = await tx.rows(FETCHED)
        (made,) = await tx.rows("SELECT count(*) AS n FROM delivery")
    assert made["n"] == replaying._CHUNK
    assert 0 < after["pages"] - before["pages"] < PAGES_AN_EVENT * replaying._CHUNK
