"""A process that is given the keyring of another installation does not start, and says what to do."""

from pathlib import Path

import pytest

from quixess.vault import Keyring
from tests.cli.shell import Shell


@pytest.fixture
async def quixess(dsn: str, tmp_path: Path) -> Shell:
    """An installation whose database knows its keyring."""
    shell = Shell(dsn, tmp_path, {"port": "0"})
    await shell.good("brand", "create", "Bordercart")
    return shell


@pytest.mark.parametrize("command", [("serve",), ("work",), ("serve", "--work"), ("brand", "list")], ids=" ".join)
async def test_the_keyring_of_another_installation_starts_nothing(quixess: Shell, command: tuple[str, ...]) -> None:
    said = await quixess.refused(*command, keyring=Keyring.make().dumps())

    assert "keyring" in said
    assert "keyring.json" in said
    assert "Bordercart" in (await quixess.good("brand", "list")).out


async def test_nor_does_a_keyring_file_that_was_lost_and_made_anew(quixess: Shell, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()

    said = await quixess.refused("serve", data_dir=str(elsewhere))

    assert "keyring.json" in said
