"""Keeps the world in a JSON file of mode 600: read at start, written whole (temporary file, then rename).

The bytes of files lie in a folder beside it, each written once.
"""

import asyncio
import os
from contextlib import suppress
from itertools import islice
from pathlib import Path

import msgspec

from quixess.simulator import states
from quixess.simulator import world as worlds

SAVE_EVERY_S = 0.5
SAVED_MESSAGES = 5_000
SAVED_CHANGES = 5_000


class StateFileError(Exception):
    """The file is there and is not a simulator's state."""


def load(path: Path) -> worlds.World | None:
    """Read the world in the file, or None if there is no file; raises StateFileError."""
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        return None
    try:
        state = msgspec.json.decode(raw, type=states.State)
    except msgspec.MsgspecError as wrong:
        raise StateFileError(f"{path} is not a simulator state file ({wrong}); move it away") from wrong
    if state.format != states.STATE_FORMAT:
        raise StateFileError(f"{path} has format {state.format}, which this version does not know")
    folder = _folder(path)
    for file in state.files:
        with suppress(FileNotFoundError):
            file.data = (folder / file.id).read_bytes()
    return worlds.World.restore(state)


def save(path: Path, world: worlds.World) -> None:
    """Write the file so that a reader finds the old state or the new one, never half of one."""
    content = msgspec.json.encode(_snapshot(world))
    path.parent.mkdir(parents=True, exist_ok=True)
    _save_files(_folder(path), world)
    _write(path, content)


def _snapshot(world: worlds.World) -> states.State:
    """Return the state worth keeping: the newest messages, with the words of authentication sends left out."""
    newest = list(islice(reversed(world.messages.values()), SAVED_MESSAGES))
    return states.State(
        identity=world.identity,
        settings=world.settings,
        templates=list(world.templates.values()),
        book=world.book,
        phones=list(world.phones.values()),
        messages=[states.forgetful(message) for message in reversed(newest)],
        seed=world.draws.seed,
        drawn=world.draws.drawn,
        faults=world.faults,
        media_faults=world.media_faults,
        blocks=world.blocks,
        unsent=list(islice(world.unsent.values(), SAVED_CHANGES)),
        files=[msgspec.structs.replace(file, data=b"") for file in world.files.values()],
        samples=list(world.samples.values()),
    )


def _folder(path: Path) -> Path:
    """Return where the bytes of files lie, one for each id."""
    return path.with_name(f"{path.stem}-files")


def _save_files(folder: Path, world: worlds.World) -> None:
    """Write the bytes that are not there yet, and let go those whose file is gone."""
    kept = {one.name for one in folder.iterdir()} if folder.is_dir() else set()
    if world.files:
        folder.mkdir(mode=0o700, exist_ok=True)
    for file in world.files.values():
        if file.id not in kept:
            _write(folder / file.id, file.data)
    for name in kept - set(world.files):
        (folder / name).unlink()


def _write(path: Path, content: bytes) -> None:
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
    temporary.replace(path)


async def keep(path: Path, world: worlds.World) -> None:
    """Save whenever the world has changed, at most twice a second, until cancelled."""
    saved = world.version
    while True:
        await asyncio.sleep(SAVE_EVERY_S)
        if world.version != saved:
            saved = world.version
            save(path, world)
