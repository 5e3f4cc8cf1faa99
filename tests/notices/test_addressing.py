"""Whose it is: the WABA says which brands, a number in the value which one, the app that signed it whether at all."""

import pytest

from quixess import notices
from quixess.database.core import Database
from quixess.vault import Keyring
from tests.notices import accounts


@pytest.fixture
async def account(db: Database, keyring: Keyring) -> accounts.Account:
    return await accounts.found(db, keyring)


@pytest.fixture
async def rival(db: Database, keyring: Keyring) -> accounts.Account:
    """Another brand with another number on the same WABA."""
    return await accounts.found(db, keyring, name="Rival", number="2", display="+1 555 000 0002")


async def test_an_account_nobody_has_goes_nowhere_and_is_counted(db: Database, account: accounts.Account) -> None:
    raw = accounts.body("account_update", {"event": "ACCOUNT_DELETED"}, waba_id="404")

    assert await accounts.hear(db, raw, raw) == []
    assert await accounts.strays(db) == [(accounts.APP, "404", "unknown account", 2)]
    assert await account.notices() == []


async def test_an_account_of_another_app_goes_nowhere_and_is_counted(db: Database, account: accounts.Account) -> None:
    assert await accounts.hear(db, accounts.account_update("ACCOUNT_DELETED"), app_id="666") == []

    assert await accounts.strays(db) == [("666", accounts.WABA, "account of another app", 1)]
    assert (await account.connection())["state"] == "active"


async def test_a_number_of_another_app_goes_nowhere_and_is_counted(db: Database, account: accounts.Account) -> None:
    assert await accounts.hear(db, accounts.captured("errors_of_the_account"), app_id="666") == []

    assert await accounts.strays(db) == [("666", accounts.NUMBER, "number of another app", 1)]
    assert await account.notices() == []


async def test_a_template_of_another_app_cannot_be_touched(db: Database, account: accounts.Account) -> None:
    await account.cache(status="APPROVED")

    assert await accounts.hear(db, accounts.status("DISABLED"), app_id="666") == []
    assert (await account.template())["status"] == "APPROVED"


async def test_news_of_the_account_is_told_to_every_brand_on_it(
    db: Database, account: accounts.Account, rival: accounts.Account
) -> None:
    told = await accounts.hear(db, accounts.captured("account_review"))

    assert {one.brand_id for one in told} == {account.brand_id, rival.brand_id}
    assert (len(await account.notices()), len(await rival.notices())) == (1, 1)


async def test_news_of_a_number_is_told_to_its_brand_only(
    db: Database, account: accounts.Account, rival: accounts.Account
) -> None:
    ours = await accounts.hear(db, accounts.captured("security"))
    theirs = await accounts.hear(db, accounts.body("security", {"display_phone_number": "15550000002"}))

    assert [(one.brand_id, one.data["phone_number_id"]) for one in ours] == [(account.brand_id, accounts.NUMBER)]
    assert [(one.brand_id, one.data["phone_number_id"]) for one in theirs] == [(rival.brand_id, "2")]
    assert (len(await account.notices()), len(await rival.notices())) == (1, 1)


async def test_news_of_a_number_that_is_not_connected_goes_nowhere(
    db: Database, account: accounts.Account, rival: accounts.Account
) -> None:
    assert await accounts.hear(db, accounts.body("security", {"display_phone_number": "+1 555 000 0009"})) == []

    assert await accounts.strays(db) == [(accounts.APP, "15550000009", "unknown number", 1)]
    assert await account.notices() == await rival.notices() == []


async def test_an_alert_about_a_number_is_told_to_its_brand_only(
    db: Database, account: accounts.Account, rival: accounts.Account
) -> None:
    value = {"entity_type": "PHONE_NUMBER", "entity_id": 2, "alert_info": {"alert_severity": "CRITICAL"}}

    (told,) = await accounts.hear(db, accounts.body("account_alerts", value))

    assert (told.brand_id, told.data["severity"]) == (rival.brand_id, "critical")


async def test_a_partner_is_told_of_its_customers_account(db: Database, keyring: Keyring) -> None:
    customer = await accounts.found(db, keyring, waba_id="184940050128")

    (told,) = await accounts.hear(db, accounts.captured("account_partner_uninstalled"))

    assert told.data["waba_id"] == "184940050128"
    assert (await customer.connection())["state"] == "disconnected"


async def test_a_field_in_the_wrong_place_is_read_all_the_same(db: Database, keyring: Keyring) -> None:
    customer = await accounts.found(db, keyring, waba_id="184940050128")

    (told,) = await accounts.hear(db, accounts.captured("account_field_inside_value"))

    assert (told.data["field"], told.data["event"]) == ("account_update", "PARTNER_REMOVED")
    assert (await customer.connection())["state"] == "disconnected"


async def test_what_one_brand_is_told_no_other_sees(
    db: Database, account: accounts.Account, rival: accounts.Account
) -> None:
    await accounts.hear(db, accounts.captured("security"))

    async with db.reading(rival.brand_id) as tx:
        assert await notices.list_notices(tx, account.brand_id) == []


async def test_notices_are_listed_newest_first_and_bounded(db: Database, account: accounts.Account) -> None:
    for name in ("security", "capability", "phone_name"):
        await accounts.hear(db, accounts.captured(name))

    async with db.reading(account.brand_id) as tx:
        listed = await notices.list_notices(tx, account.brand_id, limit=2)
    assert [row["field"] for row in listed] == ["phone_number_name_update", "business_capability_update"]
    assert [row["phone_number_id"] for row in listed] == [accounts.NUMBER, accounts.NUMBER]


async def test_an_account_with_a_name_of_any_length_is_a_stray_all_the_same(
    db: Database, account: accounts.Account
) -> None:
    assert await accounts.hear(db, accounts.body("security", {}, waba_id="x" * 200)) == []
    assert await accounts.hear(db, accounts.body("security", {}, waba_id="y" * 10_000)) == []

    # What is longer than any id of Meta's is read as none.
    assert sorted(await accounts.strays(db)) == [
        (accounts.APP, "", "unknown account", 1),
        (accounts.APP, "x" * 64, "unknown account", 1),
    ]


async def test_notices_are_forgotten_with_the_bodies_but_not_while_meta_may_repeat_them(
    db: Database, account: accounts.Account, rival: accounts.Account
) -> None:
    await accounts.hear(db, accounts.captured("account_review"))
    async with db.transaction() as tx:
        await tx.execute("UPDATE brand SET body_days = 0 WHERE id = $1", account.brand_id)
        await tx.execute("UPDATE notice SET recorded_at = now() - interval '29 days'")
        await notices.sweep(tx)
    assert (len(await account.notices()), len(await rival.notices())) == (1, 1)

    async with db.transaction() as tx:
        await tx.execute("UPDATE notice SET recorded_at = now() - interval '31 days'")
        await notices.sweep(tx)
    assert (len(await account.notices()), len(await rival.notices())) == (0, 1)
