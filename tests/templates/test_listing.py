"""Meta's list against the cache: what was not told is told, and what changed meanwhile is not undone."""

from datetime import datetime, timedelta
from typing import Any

import msgspec
import pytest

from quixess import connections, templates
from quixess.database.core import Database
from quixess.meta.templates import RemoteTemplate
from quixess.vault import Keyring
from tests.notices import accounts
from tests.notices.accounts import Account


class List:
    """Meta's list of one account, kept in the cache."""

    def __init__(self, account: Account, keyring: Keyring) -> None:
        self._account = account
        self._keyring = keyring

    async def clock(self) -> datetime:
        async with self._account.db.statement() as tx:
            row = await tx.row("SELECT clock_timestamp() AS now")
        assert row is not None
        now: datetime = row["now"]
        return now

    async def keep(self, *listed: RemoteTemplate, asked_at: datetime | None = None) -> list[dict[str, Any]]:
        """Keep a list; returns the data of each event that it is to be told by."""
        async with self._account.db.transaction() as tx:
            (connection,) = await connections.load(
                tx, self._keyring, [(self._account.brand_id, self._account.connection_id)]
            )
            drafts, _ = await templates.keep(tx, connection, listed, asked_at or await self.clock())
        assert {draft.type for draft in drafts} <= {"template.status_changed"}
        return [msgspec.json.decode(draft.data) for draft in drafts]


@pytest.fixture
async def account(db: Database, keyring: Keyring) -> Account:
    return await accounts.found(db, keyring)


@pytest.fixture
def meta(account: Account, keyring: Keyring) -> List:
    return List(account, keyring)


def listed(status: str, name: str = "order_confirmation", **raw: Any) -> RemoteTemplate:
    return RemoteTemplate(str(accounts.META_ID), name, "en_US", status, "UTILITY", [], raw)


async def test_the_first_list_tells_nothing(meta: List, account: Account) -> None:
    assert await meta.keep(listed("APPROVED"), listed("PAUSED", "other")) == []
    assert (await account.template())["status"] == "APPROVED"


async def test_a_status_that_no_webhook_told_is_told(meta: List, account: Account) -> None:
    await account.cache(status="APPROVED")

    (told,) = await meta.keep(listed("REJECTED", rejected_reason="PROMOTIONAL"))

    assert (told["old_status"], told["new_status"], told["reason"]) == ("APPROVED", "REJECTED", "PROMOTIONAL")
    assert (told["name"], told["language"], told["details"]) == ("order_confirmation", "en_US", None)
    assert await meta.keep(listed("REJECTED", rejected_reason="PROMOTIONAL")) == []


async def test_a_template_that_is_not_listed_any_more_is_told_as_deleted(meta: List, account: Account) -> None:
    await account.cache(status="APPROVED")

    (told,) = await meta.keep()

    assert (told["old_status"], told["new_status"]) == ("APPROVED", "DELETED")
    assert await account.template() is None


async def test_a_deletion_that_a_webhook_told_is_not_told_again(db: Database, meta: List, account: Account) -> None:
    await account.cache(status="APPROVED")
    assert len(await accounts.hear(db, accounts.status("DELETED"))) == 1

    assert await meta.keep() == []
    assert await account.template() is None


async def test_a_flagged_template_is_listed_as_approved_and_stays_flagged(
    db: Database, meta: List, account: Account
) -> None:
    await account.cache(status="APPROVED")
    await accounts.hear(db, accounts.status("FLAGGED"))

    assert await meta.keep(listed("APPROVED")) == []
    assert (await account.template())["status"] == "FLAGGED"


async def test_the_list_brings_the_quality(meta: List, account: Account) -> None:
    await meta.keep(listed("APPROVED", quality_score={"score": "GREEN"}))
    assert (await account.template())["quality"] == "GREEN"

    await meta.keep(listed("APPROVED", quality_score={"score": "UNKNOWN"}))
    assert (await account.template())["quality"] == "GREEN"


async def test_what_a_webhook_told_while_meta_was_listing_stands(db: Database, meta: List, account: Account) -> None:
    await account.cache(status="APPROVED")
    asked_at = await meta.clock()
    await accounts.hear(db, accounts.status("PAUSED"))

    assert await meta.keep(listed("APPROVED"), asked_at=asked_at) == []
    assert await meta.keep(asked_at=asked_at) == []
    assert (await account.template())["status"] == "PAUSED"


async def test_of_two_lists_the_one_that_was_asked_for_last_stands(meta: List, account: Account) -> None:
    await account.cache(status="PENDING")
    first, second = await meta.clock(), await meta.clock()

    assert len(await meta.keep(listed("APPROVED"), asked_at=second)) == 1
    assert await meta.keep(listed("PENDING"), asked_at=first) == []
    assert (await account.template())["status"] == "APPROVED"


async def test_a_webhook_from_long_before_the_list_changes_nothing(db: Database, meta: List, account: Account) -> None:
    await meta.keep(listed("APPROVED"))
    hour_ago = int(((await meta.clock()) - timedelta(hours=1)).timestamp())

    assert await accounts.hear(db, accounts.status("PENDING", at=hour_ago)) == []
    assert (await account.template())["status"] == "APPROVED"


async def test_a_webhook_right_after_the_list_counts_though_metas_clock_is_behind(
    db: Database, meta: List, account: Account
) -> None:
    await meta.keep(listed("PENDING"))
    moment_ago = int(((await meta.clock()) - timedelta(seconds=3)).timestamp())

    assert len(await accounts.hear(db, accounts.status("APPROVED", at=moment_ago))) == 1


async def test_a_cache_is_due_again_in_an_hour_unless_it_became_stale_meanwhile(
    db: Database, meta: List, account: Account
) -> None:
    asked_at = await meta.clock()
    async with db.transaction() as tx:
        await templates.mark_stale(tx, [(account.brand_id, account.connection_id)])
    await meta.keep(asked_at=asked_at)
    assert (await account.connection())["stale"]

    await meta.keep()
    connection = await account.connection()
    assert not connection["stale"]
    assert connection["templates_due_at"] - connection["templates_synced_at"] > timedelta(minutes=59)
