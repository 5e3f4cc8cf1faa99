"""What an operator does with the keyring: a new key, everything wrapped under it, and the old key gone."""

from pathlib import Path
from typing import Annotated

import typer

from quixess import vault
from quixess.cli import ground, meaning, paint
from quixess.cli.ground import Ground
from quixess.database import sealed
from quixess.vault import Place, VaultError

keyring = typer.Typer(help="The keyring, and what is sealed with it.", no_args_is_help=True)


@keyring.command("create")
def create(file: Annotated[Path, typer.Argument(help="Where to write it; nothing may be there.")]) -> None:
    """Write a new keyring to a file, for machines that get it as a secret. A lone one makes its own when it starts."""
    try:
        vault.create(file)
    except OSError as error:
        paint.fail(f"{file} cannot be made: {error.strerror}.")
    paint.step(f"{file} is the keyring of a new installation. Keep it apart from the database's backups.")


@keyring.command("rotate")
def rotate(
    standby: Annotated[
        bool,
        typer.Option("--standby", help="Only add the key, to give the file to every machine before anything uses it."),
    ] = False,
) -> None:
    """Make a new key and wrap every secret under it. Run it again after `--standby`, or when it was interrupted.

    Processes that read the same file follow by themselves.
    """

    async def work(on: Ground) -> None:
        path = _file(on)
        if on.keyring.standby is None and len(on.keyring.keys) == 1:
            made = vault.add_standby(path)
            paint.step(f"The key {_shown(made.standby)} was added to {path}.")
        elif standby:
            raise VaultError("A key stands by already, or the last rotation is not finished.")
        if standby:
            paint.step("Give this file to every machine, then run `quixess vault rotate` once more.")
            return
        if vault.Keyring.read(path).standby is not None:
            paint.step(f"The key {_shown(vault.promote(path).leading)} seals from now on.")
        await _reseal(on)
        paint.step("When every process has this file: `quixess vault drop`. Old backups need the old one.")

    ground.run(work)


@keyring.command("reseal")
def reseal() -> None:
    """Wrap what is not yet sealed under the first key. It can be ended at any point and run again."""
    ground.run(_reseal)


@keyring.command("check")
def check() -> None:
    """Open every secret, and count them by the key they are sealed under. Ends with 1 when one does not open."""

    async def work(on: Ground) -> None:
        found = await sealed.check(on.db, on.keyring)
        names = [*on.keyring.keys, *sorted(set(found.under) - set(on.keyring.keys))]
        paint.table(
            ("key", "state", "values"), [(name.hex(), _state(on, name), str(found.under[name])) for name in names]
        )
        _complain(found.shut)

    ground.run(work)


@keyring.command("drop")
def drop() -> None:
    """Take the keys out of the file that seal nothing any more. Refused while a value is sealed under one of them."""

    async def work(on: Ground) -> None:
        path = _file(on)
        found = await sealed.check(on.db, on.keyring)
        _complain(found.shut)
        old = [name for name in on.keyring.keys if name not in (on.keyring.leading, on.keyring.standby)]
        if not old:
            raise VaultError("There is no old key to drop: `quixess vault rotate` makes a new one.")
        if left := sum(found.under[name] for name in old):
            raise VaultError(f"{left} values are sealed under an old key: `quixess vault reseal` first.")
        vault.drop(path, old)
        for name in old:
            paint.step(f"The key {name.hex()} was dropped.")
        paint.step("Give the file to every machine. Keep the old one with the backups that were made before.")

    ground.run(work)


async def _reseal(on: Ground) -> None:
    done, shut = await sealed.reseal(on.db, on.keyring)
    paint.step(f"{done} values were sealed under {on.keyring.leading.hex()}.")
    _complain(shut)


def _complain(shut: tuple[Place, ...]) -> None:
    if shut:
        for place in shut:
            paint.step(f"does not open: {place.table}.{place.column} of {place.row}")
        raise VaultError(
            f"{len(shut)} values do not open: were they sealed under a key that was dropped, or copied from elsewhere?"
        )


def _file(on: Ground) -> Path:
    """Find the file to change. A keyring that came as text cannot be changed from here."""
    if on.settings.keyring is not None:
        raise VaultError(
            "The keyring comes from QUIXESS_KEYRING, which cannot be written: put it into keyring.json of a data "
            "directory, run this without QUIXESS_KEYRING, and give the changed text to every process."
        )
    return meaning.keyring_file(on.settings)


def _state(on: Ground, name: bytes) -> str:
    if name == on.keyring.leading:
        return "seals"
    if name == on.keyring.standby:
        return "stands by"
    return "opens" if name in on.keyring.keys else "missing"


def _shown(name: bytes | None) -> str:
    return "-" if name is None else name.hex()
