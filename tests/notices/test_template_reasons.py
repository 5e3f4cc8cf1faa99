"""Each reason of Meta's for a template's status reaches the tenant, with Meta's explanation as Meta gave it."""

import time
from typing import Any

import pytest

from quixess.database.core import Database
from quixess.vault import Keyring
from tests.notices import accounts


@pytest.fixture
async def account(db: Database, keyring: Keyring) -> accounts.Account:
    return await accounts.found(db, keyring)


@pytest.mark.parametrize(
    "reason",
    ["ABUSIVE_CONTENT", "INCORRECT_CATEGORY", "INVALID_FORMAT", "PROMOTIONAL", "SCAM", "TAG_CONTENT_MISMATCH"],
)
async def test_a_rejection_names_its_reason(db: Database, account: accounts.Account, reason: str) -> None:
    await account.cache()

    (told,) = await accounts.hear(db, accounts.status("REJECTED", reason=reason))

    assert (told.data["new_status"], told.data["reason"]) == ("REJECTED", reason)
    assert (await account.template())["rejected_reason"] == reason


@pytest.mark.parametrize(
    ("event", "title", "status"),
    [
        ("PAUSED", "FIRST_PAUSE", "PAUSED"),
        ("PAUSED", "SECOND_PAUSE", "PAUSED"),
        ("PAUSED", "RATE_LIMITING_PAUSE", "PAUSED"),
        ("PAUSED", "UNPAUSE", "APPROVED"),
        ("APPROVED", "UNPAUSE", "APPROVED"),
        ("DISABLED", "DISABLED", "DISABLED"),
        ("LOCKED", "LOCKED", "LOCKED"),
    ],
)
async def test_a_pause_and_its_end_tell_which_one_it_is(
    db: Database, account: accounts.Account, event: str, title: str, status: str
) -> None:
    await account.cache(status="FLAGGED")
    explained = {"title": title, "description": "why"}

    (told,) = await accounts.hear(db, accounts.status(event, other_info=explained))

    assert (told.data["old_status"], told.data["new_status"]) == ("FLAGGED", status)
    assert told.data["details"] == {"other_info": explained}


async def test_a_second_pause_after_the_first_ended_is_told_again(db: Database, account: accounts.Account) -> None:
    await account.cache(status="APPROVED")
    told, began = [], int(time.time()) - 60
    for after_s, title in enumerate(("FIRST_PAUSE", "UNPAUSE", "SECOND_PAUSE", "UNPAUSE")):
        explained = {"title": title, "description": "d"}
        told += await accounts.hear(db, accounts.status("PAUSED", at=began + after_s, other_info=explained))

    assert [one.data["new_status"] for one in told] == ["PAUSED", "APPROVED", "PAUSED", "APPROVED"]


@pytest.mark.parametrize("reason", [None, "NONE"])
async def test_no_reason_is_told_as_none(db: Database, account: accounts.Account, reason: Any) -> None:
    await account.cache(status="APPROVED")

    (told,) = await accounts.hear(db, accounts.status("PENDING_DELETION", reason=reason))

    assert (told.data["new_status"], told.data["reason"], told.data["details"]) == ("PENDING_DELETION", None, None)
