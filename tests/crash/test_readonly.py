"""PostgreSQL runs and takes no writes: nothing is promised meanwhile, and all goes on afterwards.

`default_transaction_read_only` stands in for a full disk and for a standby that was not promoted: each is refused with
an error of its own class, and all of them are answered alike.
"""

import asyncio

import asyncpg
import pytest

from quixess.database.embedded import EmbeddedPostgres
from tests.crash import ledger
from tests.crash.processes import Site
from tests.world import eventually

pytestmark = pytest.mark.crash


async def test_a_database_that_takes_no_writes_means_no_2xx_and_no_send_and_no_loss(
    own_site: Site, server: EmbeddedPostgres
) -> None:
    site, wake = own_site, asyncio.Event()

    async def think() -> int:
        await wake.wait()
        return 200

    site.receiver.answers.append(think)
    await site.open()
    await site.customer_says("This one is on its way")
    await eventually(lambda: site.receiver.got)
    await _set(server, "default_transaction_read_only = on")
    wake.set()

    refused = await site.send("read-only")
    assert refused is not None
    assert (refused.status, refused.json["code"]) == (503, "database_unavailable")
    assert int(refused.headers["retry-after"]) > 0
    assert await _meta_is_answered(site) == 503
    await site.customer_says("Did you get this?")
    assert await site.sends() == []
    assert len(site.receiver.got) == 1

    await _set(server, "default_transaction_read_only = off")
    assert (await site.statuses_until(200, "read-only"))[-1] == 200
    verdict = await ledger.judge(site, in_flight=1)
    assert (verdict.sends, verdict.events) == (1, 4)


async def _meta_is_answered(site: Site) -> int:
    """Let Meta say something of no consequence, once."""
    told: int = (await site.meta.lever("webhooks", {"field": "messages", "value": {}}))["status"]
    return told


async def _set(server: EmbeddedPostgres, setting: str) -> None:
    connection = await asyncpg.connect(server.dsn, server_settings={"default_transaction_read_only": "off"})
    await connection.execute(f"ALTER SYSTEM SET {setting}")
    await connection.execute("SELECT pg_reload_conf()")
    await connection.close()
