"""A keyring made before there is anything to seal: what machines get as a secret."""

from pathlib import Path

from quixess.vault import Keyring
from tests.cli.shell import Shell


async def test_a_keyring_is_made_without_a_database_and_never_over_another_one(tmp_path: Path) -> None:
    shell, file = Shell("postgresql://nobody@127.0.0.1:1/nowhere", tmp_path), tmp_path / "new" / "keyring.json"

    said = await shell.good("vault", "create", str(file))

    made = Keyring.read(file)
    assert file.stat().st_mode & 0o777 == 0o600
    assert [one.name for one in file.parent.iterdir()] == ["keyring.json"]
    assert file.read_text() not in said.out + said.err
    refused = await shell.refused("vault", "create", str(file))
    assert "File exists" in refused
    assert Keyring.read(file) == made
