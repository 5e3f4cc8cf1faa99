"""Quality, category and components of a template: in the cache, and told to those who ask for `template.updated`."""

import time
from typing import Any

import pytest

from quixess.database import ids
from quixess.database.core import Database
from quixess.vault import Keyring
from tests.notices import accounts

NOW = int(time.time())
NAMED = {
    "message_template_id": accounts.META_ID,
    "message_template_name": "order_confirmation",
    "message_template_language": "en-US",
}


@pytest.fixture
async def account(db: Database, keyring: Keyring) -> accounts.Account:
    return await accounts.found(db, keyring)


def quality(new: str, *, at: int = NOW, field: str = "message_template_quality_update") -> bytes:
    value = NAMED | {"previous_quality_score": "GREEN", "new_quality_score": new}
    return accounts.body(field, value, at=at)


def category(at: int = NOW, **more: Any) -> bytes:
    return accounts.body("template_category_update", NAMED | more, at=at)


async def test_a_falling_quality_reaches_the_cache_and_is_told(db: Database, account: accounts.Account) -> None:
    template_id = await account.cache()

    (told,) = await accounts.hear(db, accounts.captured("template_quality"))

    assert told.type == "template.updated"
    assert told.data == {
        "template_id": ids.show("tpl", template_id),
        "meta_template_id": str(accounts.META_ID),
        "name": "order_confirmation",
        "language": "en_US",
        "change": "quality",
        "old": "GREEN",
        "new": "YELLOW",
    }
    assert (await account.template())["quality"] == "YELLOW"


async def test_the_keys_decide_and_not_the_field(db: Database, account: accounts.Account) -> None:
    await account.cache(status="APPROVED")

    (told,) = await accounts.hear(db, quality("RED", field="message_template_status_update"))

    assert (told.data["change"], told.data["new"]) == ("quality", "RED")
    assert (await account.template())["status"] == "APPROVED"


async def test_an_older_quality_changes_nothing(db: Database, account: accounts.Account) -> None:
    await account.cache()
    await accounts.hear(db, quality("YELLOW"))

    assert await accounts.hear(db, quality("RED", at=NOW - 60)) == []
    assert (await account.template())["quality"] == "YELLOW"


async def test_a_category_that_will_change_is_told_and_is_not_the_category_yet(
    db: Database, account: accounts.Account
) -> None:
    await account.cache(category="UTILITY")

    (told,) = await accounts.hear(db, accounts.captured("template_category"))

    assert (told.data["change"], told.data["old"], told.data["new"]) == ("category_impending", "UTILITY", "MARKETING")
    assert (await account.template())["category"] == "UTILITY"


async def test_a_category_that_changed_is_the_category(db: Database, account: accounts.Account) -> None:
    await account.cache(category="UTILITY")

    (told,) = await accounts.hear(db, category(previous_category="UTILITY", new_category="MARKETING"))

    assert (told.data["change"], told.data["old"], told.data["new"]) == ("category", "UTILITY", "MARKETING")
    assert (await account.template())["category"] == "MARKETING"
    assert await accounts.hear(db, category(NOW - 60, previous_category="MARKETING", new_category="UTILITY")) == []


async def test_changed_components_are_told_and_make_the_cache_stale(db: Database, account: accounts.Account) -> None:
    await account.cache()

    (told,) = await accounts.hear(db, accounts.captured("template_components"))

    button = {
        "message_template_button_type": "URL",
        "message_template_button_text": "Go",
        "message_template_button_url": "https://example.org",
    }
    assert (told.data["change"], told.data["old"]) == ("components", None)
    assert told.data["new"] == {"body": "body", "footer": "f", "buttons": [button]}
    assert (await account.connection())["stale"]


async def test_a_change_of_tomorrow_about_a_template_is_kept_and_told_as_it_is(
    db: Database, account: accounts.Account
) -> None:
    await account.cache(status="APPROVED")
    value = NAMED | {"event": 7, "mood": "sunny"}

    (told,) = await accounts.hear(db, accounts.body("message_template_mood_update", value))

    assert (told.type, told.data["field"], told.data["details"]) == (
        "account.updated",
        "message_template_mood_update",
        value,
    )
    assert (await account.template())["status"] == "APPROVED"
