"""`quixess notices`: what Meta said, as an operator reads it."""

from pathlib import Path

import pytest

from quixess.database.core import Database
from quixess.vault import Keyring
from tests.cli.shell import Shell
from tests.notices import accounts


@pytest.fixture
def quixess(dsn: str, tmp_path: Path) -> Shell:
    return Shell(dsn, tmp_path)


async def test_notices_are_listed_with_what_they_mean(db: Database, keyring: Keyring, quixess: Shell) -> None:
    await accounts.found(db, keyring)
    await accounts.hear(db, accounts.captured("template_paused"))
    await accounts.hear(db, accounts.captured("security"))

    said = await quixess.good("notices", "list", keyring=keyring.dumps())

    assert [line.split()[1:4] for line in said.lines[1:]] == [
        [accounts.NUMBER, "security", "PIN_CHANGED"],
        [accounts.NUMBER, "message_template_status_update", "PAUSED"],
    ]
    assert "warning: The number's two-step PIN was changed" in said.lines[1]
    assert "info: About the template order_confirmation en-US" in said.lines[2]


async def test_what_meta_sent_can_be_seen(db: Database, keyring: Keyring, quixess: Shell) -> None:
    await accounts.found(db, keyring)
    await accounts.hear(db, accounts.captured("field_of_tomorrow"))

    said = await quixess.good("notices", "list", "--values", "--limit", "1", keyring=keyring.dumps())

    assert said.words[0][2:] == ["telepathy", "-", '{"thoughts":[1,2,3]}']
    assert "say which one" in (await _of_two(db, keyring, quixess))


async def _of_two(db: Database, keyring: Keyring, quixess: Shell) -> str:
    await accounts.found(db, keyring, name="Rival", number="2", display="15550000002")
    return await quixess.refused("notices", "list", keyring=keyring.dumps())
