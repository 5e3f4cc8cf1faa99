"""What Meta says of a template's status reaches the cache at once and is told once, however late or often it comes."""

import time
from datetime import timedelta

import pytest

from quixess.database import ids
from quixess.database.core import Database
from quixess.vault import Keyring
from tests.notices import accounts

NOW = int(time.time())


@pytest.fixture
async def account(db: Database, keyring: Keyring) -> accounts.Account:
    return await accounts.found(db, keyring)


async def test_an_approval_reaches_the_cache_and_is_told(db: Database, account: accounts.Account) -> None:
    template_id = await account.cache()

    told = await accounts.hear(db, accounts.captured("template_approved", at=NOW - 5))

    assert (await account.template())["status"] == "APPROVED"
    assert [(one.type, one.brand_id, int(one.at.timestamp())) for one in told] == [
        ("template.status_changed", account.brand_id, NOW - 5)
    ]
    assert told[0].data == {
        "template_id": ids.show("tpl", template_id),
        "meta_template_id": "1689556908129832",
        "name": "order_confirmation",
        "language": "en_US",
        "category": "UTILITY",
        "old_status": "PENDING",
        "new_status": "APPROVED",
        "reason": None,
        "details": None,
    }
    assert [(row["field"], row["event"]) for row in await account.notices()] == [
        ("message_template_status_update", "APPROVED")
    ]


@pytest.mark.parametrize(
    ("name", "status", "reason", "details"),
    [
        ("rejected", "REJECTED", "INVALID_FORMAT", {"rejection_info": {"reason": "r", "recommendation": "c"}}),
        ("paused", "PAUSED", None, {"other_info": {"title": "FIRST_PAUSE", "description": "d"}}),
        ("disabled", "DISABLED", None, {"disable_info": {"disable_date": "2025-08-01"}}),
    ],
)
async def test_a_refusal_is_told_with_what_meta_explained(
    db: Database, account: accounts.Account, name: str, status: str, reason: str | None, details: dict[str, object]
) -> None:
    await account.cache(status="APPROVED")

    told = await accounts.hear(db, accounts.captured(f"template_{name}"))

    row = await account.template()
    assert (row["status"], row["rejected_reason"]) == (status, reason)
    (data,) = [one.data for one in told]
    assert (data["old_status"], data["new_status"], data["reason"]) == ("APPROVED", status, reason)
    assert data["details"] == details


@pytest.mark.parametrize(
    ("event", "status"),
    [
        ("PENDING", "PENDING"),
        ("FLAGGED", "FLAGGED"),
        ("LOCKED", "LOCKED"),
        ("IN_APPEAL", "IN_APPEAL"),
        ("PENDING_DELETION", "PENDING_DELETION"),
        ("DELETED", "DELETED"),
        ("ARCHIVED", "ARCHIVED"),
        ("LIMIT_EXCEEDED", "LIMIT_EXCEEDED"),
        ("SOMETHING_NEW", "SOMETHING_NEW"),
    ],
)
async def test_every_event_becomes_the_status(db: Database, account: accounts.Account, event: str, status: str) -> None:
    await account.cache(status="APPROVED")

    told = await accounts.hear(db, accounts.status(event, reason=None))

    assert (await account.template())["status"] == status
    assert [one.data["new_status"] for one in told] == [status]


@pytest.mark.parametrize("event", ["REINSTATED", "UNARCHIVED", "APPROVED"])
async def test_a_template_that_comes_back_is_approved(db: Database, account: accounts.Account, event: str) -> None:
    await account.cache(status="DISABLED")

    told = await accounts.hear(db, accounts.status(event))

    assert (await account.template())["status"] == "APPROVED"
    assert [one.data["new_status"] for one in told] == ["APPROVED"]


async def test_the_end_of_a_pause_is_an_approval_whatever_the_event(db: Database, account: accounts.Account) -> None:
    await account.cache(status="PAUSED")

    told = await accounts.hear(db, accounts.status("PAUSED", other_info={"title": "UNPAUSE", "description": "d"}))

    assert [one.data["new_status"] for one in told] == ["APPROVED"]


async def test_a_status_that_came_twice_counts_once(db: Database, account: accounts.Account) -> None:
    await account.cache()
    same = accounts.status("APPROVED", at=NOW)

    assert len(await accounts.hear(db, same, same)) == 1
    assert await accounts.hear(db, same) == []
    assert len(await account.notices()) == 1


async def test_a_status_told_again_at_another_time_is_kept_but_not_told(
    db: Database, account: accounts.Account
) -> None:
    await account.cache()
    await accounts.hear(db, accounts.status("APPROVED", at=NOW - 60))

    assert await accounts.hear(db, accounts.status("APPROVED", at=NOW)) == []
    assert len(await account.notices()) == 2


async def test_another_reason_for_the_same_status_is_told(db: Database, account: accounts.Account) -> None:
    await account.cache(status="REJECTED", rejected_reason="INVALID_FORMAT")

    told = await accounts.hear(db, accounts.status("REJECTED", reason="PROMOTIONAL"))

    assert [(one.data["old_status"], one.data["reason"]) for one in told] == [("REJECTED", "PROMOTIONAL")]


async def test_a_status_that_is_older_than_what_is_known_changes_nothing(
    db: Database, account: accounts.Account
) -> None:
    await account.cache()
    await accounts.hear(db, accounts.status("APPROVED", at=NOW))

    assert await accounts.hear(db, accounts.status("PENDING", at=NOW - 3600)) == []
    assert (await account.template())["status"] == "APPROVED"


async def test_statuses_out_of_order_in_one_body_end_with_the_latest(db: Database, account: accounts.Account) -> None:
    await account.cache(status="APPROVED")

    told = await accounts.hear(db, accounts.status("DISABLED", at=NOW), accounts.status("PAUSED", at=NOW - 60))

    assert [one.data["new_status"] for one in told] == ["PAUSED", "DISABLED"]
    assert (await account.template())["status"] == "DISABLED"


async def test_a_status_of_the_future_happened_when_it_came(db: Database, account: accounts.Account) -> None:
    await account.cache()

    told = await accounts.hear(db, accounts.status("PAUSED", at=NOW + 86_400))
    assert told[0].at.timestamp() < NOW + 3600

    told = await accounts.hear(db, accounts.status("APPROVED", at=NOW + 86_300))
    assert [one.data["new_status"] for one in told] == ["APPROVED"]


async def test_the_template_is_found_by_its_id_whatever_its_name(db: Database, account: accounts.Account) -> None:
    await account.cache(name="renamed")

    await accounts.hear(db, accounts.status("APPROVED"))

    assert (await account.template("renamed"))["status"] == "APPROVED"


async def test_the_template_is_found_by_name_and_language_with_a_hyphen(
    db: Database, account: accounts.Account
) -> None:
    await account.cache(meta_id="", language="en_US")
    await account.cache(meta_id="77", language="en_GB")

    (told,) = await accounts.hear(db, accounts.status("APPROVED"))

    assert (told.data["language"], told.data["meta_template_id"]) == ("en_US", str(accounts.META_ID))


async def test_the_end_of_an_old_template_is_not_the_end_of_a_new_one_of_the_same_name(
    db: Database, account: accounts.Account
) -> None:
    await account.cache(meta_id="2", status="APPROVED")

    (told,) = await accounts.hear(db, accounts.status("DELETED"))

    assert (told.data["template_id"], told.data["meta_template_id"]) == (None, str(accounts.META_ID))
    assert (await account.template())["status"] == "APPROVED"


async def test_a_template_nobody_knows_is_told_and_makes_the_cache_stale(
    db: Database, account: accounts.Account
) -> None:
    assert not (await account.connection())["stale"]

    (told,) = await accounts.hear(db, accounts.captured("template_approved"))

    assert (told.data["template_id"], told.data["old_status"], told.data["new_status"]) == (None, None, "APPROVED")
    assert (told.data["name"], told.data["language"]) == ("order_confirmation", "en_US")
    assert (await account.connection())["stale"]
    assert await account.template() is None


async def test_a_brand_with_two_numbers_on_the_account_is_told_once(
    db: Database, keyring: Keyring, account: accounts.Account
) -> None:
    second = await accounts.found(db, keyring, brand_id=account.brand_id, number="2", display="15550000002")
    first_id = await account.cache()
    await second.cache()

    told = await accounts.hear(db, accounts.status("APPROVED"))

    assert [one.data["template_id"] for one in told] == [ids.show("tpl", first_id)]
    async with db.statement() as tx:
        rows = await tx.rows("SELECT status FROM template")
    assert [row["status"] for row in rows] == ["APPROVED", "APPROVED"]


async def test_two_brands_on_one_account_are_told_each(
    db: Database, keyring: Keyring, account: accounts.Account
) -> None:
    rival = await accounts.found(db, keyring, name="Rival", number="2", display="15550000002")
    await account.cache()
    await rival.cache()

    told = await accounts.hear(db, accounts.status("APPROVED"))

    assert {one.brand_id for one in told} == {account.brand_id, rival.brand_id}
    assert (await rival.template())["status"] == (await account.template())["status"] == "APPROVED"
    assert len(await rival.notices()) == len(await account.notices()) == 1


async def test_a_status_without_a_time_happened_when_it_came(db: Database, account: accounts.Account) -> None:
    await account.cache()
    raw = accounts.status("APPROVED", at=NOW).replace(f'"time": {NOW}, '.encode(), b"")

    (told,) = await accounts.hear(db, raw)

    assert abs(told.at.timestamp() - time.time()) < timedelta(hours=1).total_seconds()
    assert await accounts.hear(db, raw) == []
