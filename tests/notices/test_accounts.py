"""What Meta says of an account is kept, told with what to do about it, and closes or opens its connection."""

import time
from typing import Any

import pytest

from quixess.database.core import Database
from quixess.vault import Keyring
from tests.notices import accounts


@pytest.fixture
async def account(db: Database, keyring: Keyring) -> accounts.Account:
    return await accounts.found(db, keyring)


def ago(seconds: int) -> int:
    """Unix seconds. An account is connected at the beginning of its test, so what counts is told after that."""
    return int(time.time()) - seconds


CAPTURED = [
    ("account_alert", "account_alerts", None, "warning"),
    ("account_disabled", "account_update", "DISABLED_UPDATE", "critical"),
    ("account_review", "account_review_update", "APPROVED", "info"),
    ("phone_name", "phone_number_name_update", "APPROVED", "info"),
    ("phone_quality", "phone_number_quality_update", "THROUGHPUT_UPGRADE", "info"),
    ("capability", "business_capability_update", None, "info"),
    ("security", "security", "PIN_CHANGED", "warning"),
    ("errors_of_the_account", "messages", None, "warning"),
    ("field_of_tomorrow", "telepathy", None, "info"),
]


@pytest.mark.parametrize(("name", "field", "event", "severity"), CAPTURED, ids=[row[0] for row in CAPTURED])
async def test_every_captured_change_is_kept_and_told_once(
    db: Database, account: accounts.Account, name: str, field: str, event: str | None, severity: str
) -> None:
    now = ago(0)
    raw = accounts.captured(name, at=now)

    (told,) = await accounts.hear(db, raw, raw)

    assert await accounts.hear(db, raw) == []
    assert (told.type, told.brand_id) == ("account.updated", account.brand_id)
    summary, details = told.data.pop("summary"), told.data.pop("details")
    number = told.data.pop("phone_number_id")
    assert told.data == {"waba_id": accounts.WABA, "field": field, "event": event, "severity": severity}
    assert "\n" not in summary
    assert summary.endswith(".")
    (notice,) = await account.notices()
    assert (notice["field"], notice["event"], int(notice["occurred_at"].timestamp())) == (field, event, now)
    named = "display_phone_number" in str(details)
    assert number == (accounts.NUMBER if named else None)


async def test_details_are_what_meta_sent(db: Database, account: accounts.Account) -> None:
    (told,) = await accounts.hear(db, accounts.captured("field_of_tomorrow"))

    assert told.data["details"] == {"thoughts": [1, 2, 3]}


async def test_an_error_of_the_account_is_told_with_its_cause_and_fix(db: Database, account: accounts.Account) -> None:
    (told,) = await accounts.hear(db, accounts.captured("errors_of_the_account"))

    assert told.data["summary"].startswith("Meta reports error 130429 of the account. ")
    assert told.data["details"]["errors"][0]["error_data"] == {"details": "Too many"}


async def test_an_error_without_a_time_is_told_once_a_day(db: Database, account: accounts.Account) -> None:
    raw = (accounts.CAPTURED / "errors_of_the_account.json").read_bytes()

    assert len(await accounts.hear(db, raw)) == 1
    assert await accounts.hear(db, raw) == []


CLOSING = [
    ("DISABLED_UPDATE", {"ban_info": {"waba_ban_state": "DISABLE"}}),
    ("PARTNER_REMOVED", {"waba_info": {"waba_id": accounts.WABA, "owner_business_id": "1"}}),
    ("PARTNER_APP_UNINSTALLED", {"waba_info": {"waba_id": accounts.WABA, "partner_app_id": accounts.APP}}),
    ("ACCOUNT_DELETED", {}),
    ("ACCOUNT_OFFBOARDED", {}),
]


@pytest.mark.parametrize(("event", "more"), CLOSING, ids=[row[0] for row in CLOSING])
async def test_an_account_that_ends_is_disconnected_with_the_fix(
    db: Database, account: accounts.Account, event: str, more: dict[str, Any]
) -> None:
    (told,) = await accounts.hear(db, accounts.account_update(event, **more))

    connection = await account.connection()
    assert (told.data["severity"], told.data["event"]) == ("critical", event)
    assert (connection["state"], connection["state_reason"]) == ("disconnected", told.data["summary"])


async def test_the_end_of_another_partners_app_is_not_ours(db: Database, account: accounts.Account) -> None:
    info = {"waba_id": accounts.WABA, "partner_app_id": "999"}

    assert len(await accounts.hear(db, accounts.account_update("PARTNER_APP_UNINSTALLED", waba_info=info))) == 1
    assert (await account.connection())["state"] == "active"


@pytest.mark.parametrize(
    ("event", "more"),
    [
        ("DISABLED_UPDATE", {"ban_info": {"waba_ban_state": "SCHEDULE_FOR_DISABLE"}}),
        ("ACCOUNT_RESTRICTION", {"restriction_info": [{"restriction_type": "RESTRICTED_BIZ_INITIATED_MESSAGING"}]}),
        ("ACCOUNT_VIOLATION", {"violation_info": {"violation_type": "ADULT"}}),
        ("PARTNER_ADDED", {"waba_info": {"waba_id": accounts.WABA}}),
        ("DISABLED_UPDATE", {"ban_info": "a shape of tomorrow"}),
        ("DISABLED_UPDATE", {}),
    ],
)
async def test_other_news_of_an_account_leaves_it_connected(
    db: Database, account: accounts.Account, event: str, more: dict[str, Any]
) -> None:
    assert len(await accounts.hear(db, accounts.account_update(event, **more))) == 1
    assert (await account.connection())["state"] == "active"


def ban(state: str, at: int) -> bytes:
    return accounts.account_update("DISABLED_UPDATE", ban_info={"waba_ban_state": state}, at=at)


async def test_a_reinstated_account_sends_again(db: Database, account: accounts.Account) -> None:
    await accounts.hear(db, ban("DISABLE", ago(10)))
    await accounts.hear(db, ban("REINSTATE", ago(0)))

    connection = await account.connection()
    assert (connection["state"], connection["state_reason"], connection["closed_by"]) == ("active", None, None)


async def test_a_reconnected_account_sends_again(db: Database, account: accounts.Account) -> None:
    await accounts.hear(db, accounts.account_update("ACCOUNT_OFFBOARDED", at=ago(10)))
    await accounts.hear(db, accounts.account_update("ACCOUNT_RECONNECTED", at=ago(0)))

    assert (await account.connection())["state"] == "active"


async def test_an_end_that_comes_after_the_way_back_and_is_older_changes_nothing(
    db: Database, account: accounts.Account
) -> None:
    await accounts.hear(db, ban("REINSTATE", ago(0)))
    assert len(await accounts.hear(db, ban("DISABLE", ago(10)))) == 1

    assert (await account.connection())["state"] == "active"


async def test_an_end_from_before_the_account_was_connected_changes_nothing(
    db: Database, account: accounts.Account
) -> None:
    await accounts.hear(db, ban("DISABLE", ago(3600)))

    assert (await account.connection())["state"] == "active"


async def test_a_reinstatement_does_not_undo_a_removal(db: Database, account: accounts.Account) -> None:
    await accounts.hear(db, accounts.account_update("PARTNER_REMOVED", at=ago(10)), ban("REINSTATE", ago(0)))

    assert (await account.connection())["state"] == "disconnected"


async def test_what_an_operator_disconnected_stays_so(db: Database, account: accounts.Account) -> None:
    async with db.transaction() as tx:
        await tx.execute("UPDATE connection SET state = 'disconnected'")

    await accounts.hear(db, ban("DISABLE", ago(10)), ban("REINSTATE", ago(0)))

    assert (await account.connection())["state"] == "disconnected"


async def test_connecting_it_anew_ends_what_meta_closed(
    db: Database, keyring: Keyring, account: accounts.Account
) -> None:
    await accounts.hear(db, accounts.account_update("PARTNER_REMOVED"))

    await accounts.found(db, keyring, brand_id=account.brand_id)

    connection = await account.connection()
    assert (connection["state"], connection["closed_by"]) == ("active", None)
