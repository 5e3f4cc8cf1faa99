"""A standby that is gone: a commit that waits for it in vain is no success, though PostgreSQL would call it one."""

import asyncio

import pytest

from quixess.database import core, migrate
from quixess.database.core import _READER, _WRITER, Database
from quixess.database.embedded import EmbeddedPostgres
from quixess.errors import QuixessError
from tests.database.embedded import servers

pytestmark = pytest.mark.crash


async def test_a_commit_that_no_standby_confirms_is_no_success(
    server: EmbeddedPostgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(core, "PATIENCE_S", 0.3)
    await migrate.run(server.dsn)
    db = await Database.open(server.dsn, writers=1, readers=1)
    async with db.transaction() as tx:
        await tx.execute("INSERT INTO brand (id, name) VALUES (gen_random_uuid(), 'before')")
    standbys = ("ALTER SYSTEM SET synchronous_standby_names = 'nobody'", "SELECT pg_reload_conf()")
    await asyncio.to_thread(servers.ask, server.dsn, *standbys)

    with pytest.raises(QuixessError) as refused:
        await _make_brands(db)

    assert refused.value.code == "database_unavailable"
    await db.close()


async def _make_brands(db: Database) -> None:
    """Write until it fails: PostgreSQL takes a moment to hear of its standby."""
    while True:
        async with db.transaction() as tx:
            await tx.execute("INSERT INTO brand (id, name) VALUES (gen_random_uuid(), gen_random_uuid()::text)")


def test_we_give_up_before_postgresql_does() -> None:
    for session in (_WRITER, _READER):
        assert int(session["statement_timeout"]) > 1000 * core.PATIENCE_S
